"""Sessions by the kind of device and the browser together: what a test has to be tried on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json
from truelift.questions.matching import BadQuestion
from truelift.questions.question import Scan
from truelift.questions.session_question import SessionQuestion
from truelift.questions.session_tally import Coded, SessionRow, SessionTallies, SessionTally, ranked


MOST_PAIRS = 1_000


@dataclass(frozen=True, slots=True)
class DeviceMixAnswer:
    """The pairs, those with most sessions first.

    Attributes:
        question: What was asked.
        rows: Device and browser, None where a session has none.
        whole: All sessions together.
    """

    question: DeviceMix
    rows: tuple[SessionRow, ...]
    whole: SessionTally

    @property
    def sessions(self) -> Mapping[tuple[str, str], int]:
        """Sessions of each pair of which both are known."""
        return {
            (row.values[0], row.values[1]): row.tally.sessions
            for row in self.rows
            if row.values[0] and row.values[1] and not row.others
        }

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {
            "question": self.question.name,
            "semantics": self.question.semantics(),
            "rows": self.question.rows(["device", "browser"], self.rows),
            "whole": self.question.row(self.whole),
        }


@dataclass(frozen=True, slots=True)
class DeviceMix(SessionQuestion):
    """The sessions of a period by device and browser."""

    def __post_init__(self) -> None:
        reasons = [*self.obstacles_of_sessions(), *self.obstacles_of_period()]
        if reasons:
            raise BadQuestion(question="question about devices", reasons=reasons)

    @property
    def name(self) -> str:
        """What the question is called."""
        return "device_mix"

    def scan(self) -> Scan:
        """Read every event: any of them keeps a session alive."""
        return self.scan_of({"device": "device", "browser": "browser"}, Placeholders())

    def partial(self, rows: pa.Table) -> SessionTallies:
        """Cut one bucket's events into sessions and count them by pair."""
        cut = self.cut(rows)
        keys = {}
        for name in ("device", "browser"):
            column = Coded.column(rows, name)
            keys[name] = column.of(cut.first_known(column))
        return SessionTallies(cut.whole(), (cut.tally(keys),))

    def merge(self, left: SessionTallies, right: SessionTallies) -> SessionTallies:
        """Add the pairs of two buckets."""
        return left + right

    def answer(self, partial: SessionTallies) -> DeviceMixAnswer:
        """Put those with most sessions first."""
        rows = ranked(partial.groups[0], most=MOST_PAIRS)
        return DeviceMixAnswer(self, tuple(rows), partial.whole)
