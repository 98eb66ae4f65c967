"""Landing pages: where sessions begin, and what becomes of them from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json
from truelift.questions.forms import Context, Field, record, text
from truelift.questions.matching import BadQuestion, is_text
from truelift.questions.members import ROWS, Members
from truelift.questions.question import Scan
from truelift.questions.session_question import (
    PAGES,
    SESSION_FIELDS,
    SMALLEST,
    SessionQuestion,
    session_members,
)
from truelift.questions.session_tally import (
    Coded,
    SessionRow,
    SessionTallies,
    SessionTally,
    ranked,
    ranked_within,
)
from truelift.questions.sessions import Part, group_of, group_texts


MOST_WITHIN: Final = 20
"""Values shown of each page; the smaller ones of a page are put together."""


@dataclass(frozen=True, slots=True)
class LandingPagesAnswer:
    """Landing pages, the one with the most sessions first.

    Attributes:
        question: What was asked.
        rows: A page each; with a second dimension, each value of a page.
        whole: Everything together; its people are counted once.
    """

    question: LandingPages
    rows: tuple[SessionRow, ...]
    whole: SessionTally

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask landing-pages --json`."""
        question = self.question
        names = [Part.ENTRY_PAGE.value, *([question.by] if question.by else [])]
        return {
            "question": question.name,
            "semantics": {**question.semantics(), "smallest": question.smallest},
            "currency": question.currency,
            "rows": question.rows(names, self.rows),
            "whole": question.row(self.whole),
        }


@dataclass(frozen=True, slots=True)
class LandingPages(SessionQuestion):
    """Sessions by the page with which they begin.

    A session without any page has none, and stands in a row of its own.

    Attributes:
        by: A second dimension, property or part of a session; None for pages alone.
        max_rows: Smaller pages beyond this many are put together.
        smallest: And so are pages, and values of a page, of fewer people than this.
    """

    by: str | None = None
    max_rows: int = 100
    smallest: int = 1

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="question about landing pages", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`, with an underscore."""
        return "landing_pages"

    def scan(self) -> Scan:
        """Read every event: any of them keeps a session alive."""
        values = Placeholders()
        page = {"page": f"CASE WHEN {PAGES.sql(values)} THEN path END"}
        return self.scan_of(page | group_texts(self.by, values), values)

    def partial(self, rows: pa.Table) -> SessionTallies:
        """Cut one bucket's events into sessions and count them by page."""
        cut = self.cut(rows)
        page = Coded.column(rows, "page")
        keys = {"page": page.of(cut.first_known(page))}
        groups = [cut.tally(keys)]
        if self.by:
            keys["value"] = group_of(cut, self.by, rows, self.time_zone)
            groups.append(cut.tally(keys))
        return SessionTallies(cut.whole(), tuple(groups))

    def merge(self, left: SessionTallies, right: SessionTallies) -> SessionTallies:
        """Add the pages of two buckets."""
        return left + right

    def answer(self, partial: SessionTallies) -> LandingPagesAnswer:
        """Put the pages in order of their sessions, the values of a page likewise."""
        pages = ranked(partial.groups[0], most=self.max_rows, smallest=self.smallest)
        if not self.by:
            return LandingPagesAnswer(self, tuple(pages), partial.whole)
        shown = [row.values[0] for row in pages if not row.others]
        cells = ranked_within(partial.groups[1], shown, most=MOST_WITHIN, smallest=self.smallest)
        rest = [
            SessionRow((None, None), row.tally, others=row.others) for row in pages if row.others
        ]
        return LandingPagesAnswer(self, (*cells, *rest), partial.whole)

    def _obstacles(self) -> list[str]:
        found: list[str] = []
        if self.by is not None and not (self.by and is_text(self.by)):
            found.append("the second dimension is not a name")
        if self.by == Part.ENTRY_PAGE:
            found.append("the second dimension is the page itself")
        found += self.obstacles_of_sessions()
        if self.max_rows < 1:
            found.append("it shows no row")
        return found + self.obstacles_of_period()


def _landing_pages(given: Mapping[str, object], context: Context) -> LandingPages:
    members = Members(given)
    return LandingPages(
        **session_members(given, context, money=True),
        by=members.maybe("by", str),
        max_rows=members.get("max_rows", 100),
        smallest=members.get("smallest", 1),
    )


FORM: Final = record(
    _landing_pages,
    {
        "by": Field(text(), "Second dimension, property, exit_page or day."),
        **SESSION_FIELDS,
        "max_rows": ROWS,
        "smallest": SMALLEST,
    },
)
"""How it stands in JSON."""
