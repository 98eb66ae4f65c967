"""Daily traffic: sessions of each day by source, campaign, landing page and device, with money.

Method:
    docs/methods/sessions.md. A session belongs to the day on which it begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from truelift.questions.dimensions import Placeholders
from truelift.questions.matching import BadQuestion
from truelift.questions.question import Scan
from truelift.questions.session_question import PAGES, SessionQuestion
from truelift.questions.session_tally import (
    HIGH,
    LOW,
    LOW_BITS,
    Coded,
    SessionTallies,
    SessionTally,
)
from truelift.questions.sessions import days_of


_SAID = ("channel", "source", "medium", "campaign")
_KEYS = ("day", *_SAID, "page", "device")


@dataclass(frozen=True, slots=True)
class TrafficCell:
    """Sessions of a day that are alike in where they came from and where they landed.

    Attributes:
        day: As ISO text.
        channel: None where no event of the session says; likewise all others.
        source: Of the first event of the session that says where it came from.
        medium: Likewise.
        campaign: Likewise.
        page: The path of its first page.
        device: Of its first event that has one.
        sessions: How many.
        people: Different people among them.
        bounces: Sessions that did not engage.
        conversions: Key events in them.
        revenue: In minor units.
    """

    day: str
    channel: str | None
    source: str | None
    medium: str | None
    campaign: str | None
    page: str | None
    device: str | None
    sessions: int
    people: int
    bounces: int
    conversions: int
    revenue: int


@dataclass(frozen=True, slots=True)
class DailyTrafficAnswer:
    """Every cell of every day, days in order.

    Attributes:
        cells: Those that have sessions.
        whole: All together, every person counted once.
    """

    cells: tuple[TrafficCell, ...]
    whole: SessionTally


@dataclass(frozen=True, slots=True)
class DailyTraffic(SessionQuestion):
    """The sessions that begin in a period, day by day and cell by cell."""

    def __post_init__(self) -> None:
        reasons = [*self.obstacles_of_sessions(), *self.obstacles_of_period()]
        if reasons:
            raise BadQuestion(question="question about daily traffic", reasons=reasons)

    @property
    def name(self) -> str:
        """What it is called in messages; documents do not ask it."""
        return "daily_traffic"

    def scan(self) -> Scan:
        """Read every event: any of them keeps a session alive."""
        values = Placeholders()
        # An event that says where it came from says all four; others may have a stray one.
        texts = {name: f"CASE WHEN channel IS NOT NULL THEN {name} END" for name in _SAID}
        texts |= {"page": f"CASE WHEN {PAGES.sql(values)} THEN path END", "device": "device"}
        return self.scan_of(texts, values)

    def partial(self, rows: pa.Table) -> SessionTallies:
        """Cut one bucket's events into sessions and count them cell by cell."""
        cut = self.cut(rows)
        said = cut.first_known(Coded.column(rows, "channel"))
        keys = {"day": days_of(cut.begins, self.time_zone)}
        keys |= {name: Coded.column(rows, name).of(said) for name in _SAID}
        for name in ("page", "device"):
            column = Coded.column(rows, name)
            keys[name] = column.of(cut.first_known(column))
        return SessionTallies(cut.whole(), (cut.tally(keys),))

    def merge(self, left: SessionTallies, right: SessionTallies) -> SessionTallies:
        """Add the cells of two buckets."""
        return left + right

    def answer(self, partial: SessionTallies) -> DailyTrafficAnswer:
        """Put the cells in the order of days."""
        (groups,) = partial.groups
        order = [(key, "ascending") for key in _KEYS]
        return DailyTrafficAnswer(
            tuple(
                TrafficCell(
                    **{key: row[key] for key in _KEYS},
                    sessions=row["sessions"],
                    people=row["people"],
                    bounces=row["sessions"] - row["engaged"] - row["immature"],
                    conversions=row["conversions"],
                    revenue=(row[HIGH] << LOW_BITS) + row[LOW],
                )
                for row in groups.sort_by(order).to_pylist()
            ),
            partial.whole,
        )
