"""What the pages of the watcher show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from truelift.apps.sites.models import Site
from truelift.apps.watching.models import PageChangeRecord, WatchedPageRecord
from truelift.apps.watching.reads import difference_from, pages_of
from truelift.lifecycle.page_look import SHOWN


@dataclass(frozen=True, slots=True)
class Row:
    """One watched page in the list.

    Attributes:
        record: Its row.
        short: Its address without what is the same for all.
        glyph: How it stands, drawn.
        word: The same in words.
        said: What is to be known about that.
    """

    record: WatchedPageRecord
    short: str
    glyph: str
    word: str
    said: str


@dataclass(frozen=True, slots=True)
class PagesPage:
    """The list.

    Attributes:
        answer: What it says in a line.
        rows: The pages.
    """

    answer: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of what was other.

    Attributes:
        heading: Which.
        gone: What is not there any more.
        new: What is new; of files, what came, went or is another.
        more: How many are not listed.
    """

    heading: str
    gone: tuple[str, ...]
    new: tuple[str, ...]
    more: int


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One time the page was another.

    Attributes:
        record: Its row.
        word: Whether it is explained.
        glyph: The same, drawn.
        parts: What was other.
    """

    record: PageChangeRecord
    word: str
    glyph: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class PagePage:
    """One watched page.

    Attributes:
        row: As in the list.
        answer: What it says in a line.
        changes: Every time it was another, the latest first.
        lines: Of its text when it was last seen.
        scripts: As many as were compared.
    """

    row: Row
    answer: str
    changes: tuple[ChangeRow, ...]
    lines: int
    scripts: int


def pages_page(site: Site) -> PagesPage:
    """Lay out the list of watched pages."""
    rows = tuple(_row(each) for each in pages_of(site))
    return PagesPage(_answer(rows), rows)


def _answer(rows: tuple[Row, ...]) -> str:
    changed = sum(row.glyph == "failed" for row in rows)
    unseen = sum(row.glyph in ("watch", "waiting") for row in rows)
    if not rows:
        return "No page is watched yet"
    if changed:
        return f"{changed} of {len(rows)} watched pages changed, and nobody said why"
    if unseen:
        return f"{unseen} of {len(rows)} watched pages could not be seen yet"
    return (
        "The watched page is as it was" if len(rows) == 1 else "All watched pages are as they were"
    )


def page_page(record: WatchedPageRecord) -> PagePage:
    """Lay out one watched page."""
    changes = tuple(
        _change(each) for each in record.changes.select_related("before", "after", "noise_by")[:50]
    )
    row = _row(record)
    return PagePage(
        row=row,
        answer=f"{row.short}: {row.word.lower()}",
        changes=changes,
        lines=len(record.seen.get("text", ())),
        scripts=len(record.seen.get("bundles", ())),
    )


_HEADINGS: Final = (
    ("Text", "text_gone", "text_new"),
    ("Elements", "structure_gone", "structure_new"),
    ("Pictures and styles", "", "assets"),
    ("Scripts", "", "bundles"),
)


def _change(record: PageChangeRecord) -> ChangeRow:
    found = difference_from(record.difference)
    parts = []
    for heading, gone_name, new_name in _HEADINGS:
        gone = getattr(found, gone_name) if gone_name else ()
        new = getattr(found, new_name)
        if gone or new:
            more = max(len(gone) - SHOWN, 0) + max(len(new) - SHOWN, 0)
            parts.append(Part(heading, gone[:SHOWN], new[:SHOWN], more))
    glyph, word = _state(record)
    return ChangeRow(record, word, glyph, tuple(parts))


def _state(record: PageChangeRecord) -> tuple[str, str]:
    if record.noise_at is not None:
        return "passed", "Called noise"
    if record.explained:
        return "passed", f"Explained by {record.change}"
    return "failed", "Nobody said why"


def _row(record: WatchedPageRecord) -> Row:
    parts = urlsplit(record.url)
    short = parts.path + (f"?{parts.query}" if parts.query else "") or record.url
    last = next(iter(record.changes.all()), None)
    if record.ended_at is not None:
        return Row(record, short, "waiting", "Not watched any more", "")
    if record.problem:
        return Row(record, short, "watch", "Could not be seen", record.problem)
    if record.steady_since is None:
        return Row(record, short, "waiting", "Not seen yet", "The worker looks within a minute.")
    if last is not None and not last.explained and last.noise_at is None:
        return Row(record, short, "failed", "Changed, and nobody said why", last.sentence)
    return Row(record, short, "passed", "As it was", last.sentence if last else "")
