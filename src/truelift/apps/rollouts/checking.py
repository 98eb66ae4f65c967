"""The page check: a browser looks whether what was shipped is there, and the test's code gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from truelift.apps.qa.pictures import keep_picture
from truelift.apps.rollouts.models import RolloutCheckRecord
from truelift.browsing.visit import Outside, Visit, Wanted, visit
from truelift.errors import Refusal


MOST_LINES: Final = 20


class Where(StrEnum):
    """Where a line is looked for."""

    TEXT = "text"
    CSS = "css"
    HTML = "html"
    REQUEST = "request"


class BadLines(Refusal):
    """What a page check looks for cannot be understood."""

    code = "rollouts.bad_lines"

    def __init__(self, *, line: str, reason: str) -> None:
        super().__init__(
            f"{line[:100]!r} cannot be looked for: {reason}. Write one text a line, or"
            " `css: SELECTOR`, `html: TEXT`, `request: PART OF AN ADDRESS`.",
            line=line[:100],
        )


@dataclass(frozen=True, slots=True)
class Line:
    """Something to look for.

    Attributes:
        where: In what a person reads, among shown elements, in the HTML, among its requests.
        what: A text, or a selector.
    """

    where: Where
    what: str

    @property
    def said(self) -> str:
        """As it was written."""
        return self.what if self.where is Where.TEXT else f"{self.where}: {self.what}"

    def is_in(self, seen: Visit) -> bool:
        """Say whether it is there."""
        match self.where:
            case Where.TEXT:
                return _plain(self.what) in _plain(seen.text)
            case Where.CSS:
                return seen.found.get(self.what, False)
            case Where.HTML:
                return self.what in seen.source
            case Where.REQUEST:
                return any(self.what in each.url for each in seen.requests)


def lines_from(text: str) -> tuple[Line, ...]:
    """Read what to look for, one a line.

    Raises:
        BadLines: A line says nothing, or there are too many.
    """
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        head, colon, rest = line.partition(":")
        known = colon and head.strip().lower() in set(Where)
        where = Where(head.strip().lower()) if known else Where.TEXT
        what = rest.strip() if known else line
        if not what or len(what) > 500:
            raise BadLines(line=line, reason="it says nothing, or too much")
        found.append(Line(where, what))
    if len(found) > MOST_LINES:
        raise BadLines(line=found[MOST_LINES].said, reason=f"{MOST_LINES} lines are the most")
    return tuple(found)


def check_page(record: RolloutCheckRecord, *, outside: Outside, now: datetime) -> None:
    """Open the page and look; call it from a job.

    Raises:
        Outage: There is no browser, or it broke; the worker tries again.
    """
    present, gone = lines_from(record.present), lines_from(record.gone)
    selectors = tuple(each.what for each in (*present, *gone) if each.where is Where.CSS)
    try:
        seen = visit(Wanted(url=record.url, selectors=selectors), outside=outside)
    except Refusal as error:
        record.problem = str(error)[:500]
        record.passed = False
    else:
        judge(record, seen, present=present, gone=gone)
        site = record.rollout.site
        record.picture = keep_picture(site, seen.screenshot, by=None, now=now).sha256
    record.finished_at = now
    record.save()


def judge(
    record: RolloutCheckRecord, seen: Visit, *, present: Sequence[Line], gone: Sequence[Line]
) -> None:
    """Compare what was seen with what has to be there and what has to be gone."""
    record.final_url = seen.final_url[:2000]
    record.lines = [
        {"what": each.said, "wanted": wanted, "ok": each.is_in(seen) is wanted}
        for lines, wanted in ((present, True), (gone, False))
        for each in lines
    ]
    if seen.status is None or seen.status >= 400:
        record.problem = f"The page answered {seen.status or 'nothing'}."
    record.passed = not record.problem and all(each["ok"] for each in record.lines)


def _plain(text: str) -> str:
    """Compare texts as people do: blanks and capitals make no difference."""
    return " ".join(text.split()).casefold()
