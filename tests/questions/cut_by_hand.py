"""Sessions in plain Python, event by event: what the questions about them are held against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from truelift.questions.session_tally import SessionTally


Row = dict[str, Any]
Origin = tuple[str | None, str | None, str | None]

PAGES = ("page_view", "screen_view")


@dataclass(frozen=True, slots=True)
class HandSession:
    """One session: its events in order."""

    rows: tuple[Row, ...]

    @property
    def person(self) -> int:
        return int(self.rows[0]["person"])

    @property
    def begins(self) -> datetime:
        moment: datetime = self.rows[0]["occurred_at"]
        return moment

    @property
    def pages(self) -> list[Row]:
        return [row for row in self.rows if row["event"] in PAGES]

    def first(self, column: str) -> str | None:
        return next((row[column] for row in self.rows if row.get(column) is not None), None)

    @property
    def entry_page(self) -> str | None:
        return next((row["path"] for row in self.pages if row.get("path") is not None), None)

    @property
    def exit_page(self) -> str | None:
        found = [row["path"] for row in self.pages if row.get("path") is not None]
        return found[-1] if found else None

    def origin(self, depth: int = 4) -> tuple[str | None, ...]:
        """Give channel, source, medium and campaign of the first event that has a channel."""
        for row in self.rows:
            if row.get("channel") is not None:
                return tuple(row.get(name) for name in LEVELS[:depth])
        return (None,) * depth

    def tally(self) -> SessionTally:
        seconds = (self.rows[-1]["occurred_at"] - self.begins).total_seconds()
        buys = [row for row in self.rows if row["event"] == "purchase"]
        return SessionTally(
            sessions=1,
            events=len(self.rows),
            pages=len(self.pages),
            engaged=int(bool(buys) or len(self.pages) > 1 or seconds >= 10),
            key_sessions=int(bool(buys)),
            conversions=len(buys),
            duration_ms=round(seconds * 1000),
            revenue=sum(
                row.get("value_minor") or 0 for row in buys if row.get("currency") == "EUR"
            ),
        )


LEVELS = ("channel", "source", "medium", "campaign")


def sessions_of(events: Iterable[Row], *, split: bool = False) -> list[HandSession]:
    """Cut events into sessions; simultaneous ones stand by their position."""
    in_order = sorted(events, key=lambda row: (row["person"], row["occurred_at"], row["position"]))
    return [
        HandSession(tuple(rows))
        for _, theirs in groupby(in_order, key=lambda row: row["person"])
        for rows in _cut(list(theirs), split=split)
    ]


def _cut(rows: Sequence[Row], *, split: bool) -> Iterator[list[Row]]:
    session: list[Row] = []
    standing: Origin | None = None
    for row in rows:
        if session and row["occurred_at"] - session[-1]["occurred_at"] > timedelta(minutes=30):
            yield session
            session, standing = [], None
        origin = (row.get("source"), row.get("medium"), row.get("campaign"))
        named = bool(origin[2])
        changes = split and named and standing is not None and origin != standing
        too_long = session and row["occurred_at"] - session[0]["occurred_at"] > timedelta(days=1)
        if session and (changes or too_long):
            yield session
            session = []
        if named or (standing is None and row.get("channel") is not None):
            standing = origin
        session.append(row)
    if session:
        yield session


def added_up(sessions: Sequence[HandSession]) -> SessionTally:
    """Count sessions together, their people once."""
    total = SessionTally(people=len({session.person for session in sessions}))
    for session in sessions:
        total += session.tally()
    return total
