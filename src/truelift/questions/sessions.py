"""Sessions: how many, how long, how many pages, how many of them engaged, what they are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.dimensions import INDEXED, Placeholders, text_of
from truelift.questions.document import Json
from truelift.questions.forms import Context, Field, record, text
from truelift.questions.local_days import local_days
from truelift.questions.matching import BadQuestion, is_text
from truelift.questions.members import ROWS, Members
from truelift.questions.question import Scan, Sequence, Tie
from truelift.questions.session_question import (
    ENGAGED_MS,
    ENGAGED_PAGES,
    KEY_EVENTS,
    PAGE,
    PAGES,
    SESSION_FIELDS,
    SMALLEST,
    SessionCut,
    SessionQuestion,
    session_members,
)
from truelift.questions.session_tally import (
    Coded,
    SessionRow,
    SessionTallies,
    SessionTally,
    ranked,
)


__all__ = [
    "ENGAGED_MS",
    "ENGAGED_PAGES",
    "FORM",
    "KEY_EVENTS",
    "PAGES",
    "Part",
    "SessionRow",
    "SessionTally",
    "Sessions",
    "SessionsAnswer",
    "days_of",
    "group_of",
    "group_texts",
]


class Part(StrEnum):
    """What sessions can be grouped by besides dimensions and properties."""

    ENTRY_PAGE = "entry_page"
    EXIT_PAGE = "exit_page"
    DAY = "day"


def group_texts(by: str | None, values: Placeholders) -> dict[str, str]:
    """Give the SQL of what an event says about its session's group, as `grouped`.

    A day is told by a session's beginning alone: no text is read for it.
    """
    return {} if by in {None, Part.DAY} else {"grouped": _group_sql(str(by), values)}


def _group_sql(by: str, values: Placeholders) -> str:
    match by:
        case Part.ENTRY_PAGE | Part.EXIT_PAGE:
            return f"CASE WHEN {PAGES.sql(values)} THEN path END"
        case name:
            return text_of(name, values)


def group_of(cut: SessionCut, by: str, rows: pa.Table, time_zone: str) -> Coded:
    """Give every session's group: its first event that has one, for exits its last."""
    if by == Part.DAY:
        return days_of(cut.begins, time_zone)
    column = Coded.column(rows, "grouped")
    return column.of(cut.last_known(column) if by == Part.EXIT_PAGE else cut.first_known(column))


def days_of(at_ms: NDArray[np.int64], zone: str) -> Coded:
    """Give the site's day of each instant, as text."""
    days, place = np.unique(local_days(at_ms, zone), return_inverse=True)
    titles = np.datetime_as_string(days.astype("datetime64[D]")).tolist()
    return Coded(place, pa.array([*titles, None], pa.string()))


@dataclass(frozen=True, slots=True)
class SessionsAnswer:
    """Sessions, in groups when they were asked by something.

    Attributes:
        question: What was asked.
        rows: Days in order, other groups by size.
        whole: Everything together; its people are counted once.
    """

    question: Sessions
    rows: tuple[SessionRow, ...]
    whole: SessionTally

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask sessions --json`."""
        question = self.question
        names = [question.by] if question.by else []
        found: dict[str, Json] = {
            "question": question.name,
            "semantics": question.semantics(),
            "rows": question.rows(names, self.rows),
            "whole": question.row(self.whole),
        }
        return found | ({"currency": question.currency} if question.currency else {})


@dataclass(frozen=True, slots=True)
class Sessions(SessionQuestion):
    """The sessions that begin in a period.

    Attributes:
        by: A dimension or property (the session's first event that has it), or one
            of `Part`; None for all together.
        max_rows: Smaller groups beyond this many are put together; days never are.
        smallest: And so are groups of fewer people than this, other than days.
    """

    by: str | None = None
    max_rows: int = 100
    smallest: int = 1

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="question about sessions", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "sessions"

    def scan(self) -> Scan:
        """Read every event: any of them keeps a session alive."""
        values = Placeholders()
        scan = self.scan_of(group_texts(self.by, values), values)
        return replace(scan, sequence=self._sequence())

    def partial(self, rows: pa.Table) -> SessionTallies:
        """Cut one bucket's events into sessions and count them."""
        if not self.by:
            return SessionTallies(self.totals(rows))
        cut = self.cut(rows)
        key = group_of(cut, self.by, rows, self.time_zone)
        return SessionTallies(cut.whole(), (cut.tally({"value": key}),))

    def merge(self, left: SessionTallies, right: SessionTallies) -> SessionTallies:
        """Add the groups of two buckets."""
        return left + right

    def answer(self, partial: SessionTallies) -> SessionsAnswer:
        """Put days in order, other groups by size."""
        if not self.by:
            return SessionsAnswer(self, (SessionRow((), partial.whole),), partial.whole)
        (groups,) = partial.groups
        if self.by == Part.DAY:
            days = ranked(groups, most=groups.num_rows)
            rows = sorted(days, key=lambda row: row.values[0] or "")
        else:
            rows = ranked(groups, most=self.max_rows, smallest=self.smallest)
        return SessionsAnswer(self, tuple(rows), partial.whole)

    def _sequence(self) -> Sequence | None:
        """Say the same of names and indexed columns alone; anything else needs the events."""
        marks = self.marks()
        is_page = self.by in {Part.ENTRY_PAGE, Part.EXIT_PAGE}
        column = "path" if is_page else None if self.by == Part.DAY else self.by
        if marks is None or (column is not None and column not in INDEXED):
            return None
        return Sequence(
            mark_as="kind",
            marks=marks,
            unmarked=True,
            grouped=column,
            grouped_where=PAGE if is_page else -1,
            ties=(Tie.POSITION, Tie.MARK_DOWN, Tie.GROUPED) if column else (),
        )

    def _obstacles(self) -> list[str]:
        found: list[str] = []
        if self.by is not None and not (self.by and is_text(self.by)):
            found.append("what they are grouped by is not a name")
        found += self.obstacles_of_sessions()
        if self.max_rows < 1:
            found.append("it shows no row")
        return found + self.obstacles_of_period()


def _sessions(given: Mapping[str, object], context: Context) -> Sessions:
    members = Members(given)
    return Sessions(
        **session_members(given, context, money=False),
        by=members.maybe("by", str),
        max_rows=members.get("max_rows", 100),
        smallest=members.get("smallest", 1),
    )


FORM: Final = record(
    _sessions,
    {
        "by": Field(text(), "Dimension, property, entry_page, exit_page or day."),
        **SESSION_FIELDS,
        "max_rows": ROWS,
        "smallest": SMALLEST,
    },
)
"""How it stands in JSON."""
