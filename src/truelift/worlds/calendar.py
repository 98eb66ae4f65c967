"""What a simulated company does, done in the order of time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo


class Calendar:
    """Steps that happen at their moments; one step may put others on the calendar.

    What would happen after the end of the history is left out: it has not happened yet.

    Attributes:
        ends: Where the history ends.
    """

    def __init__(self, *, ends: datetime, time_zone: str) -> None:
        """Open an empty calendar.

        Args:
            ends: Where the history ends.
            time_zone: Of the company's days.
        """
        self.ends = ends
        self._now = ends
        self._zone = ZoneInfo(time_zone)
        self._due: list[tuple[datetime, int, Callable[[], object]]] = []
        self._order = count()

    def moment(self, *, later: int = 0) -> datetime:
        """Give the moment of the next thing that is done; each takes a minute.

        Args:
            later: Minutes that pass before it.
        """
        moment = min(self._now + timedelta(minutes=later), self.ends)
        self._now = min(moment + timedelta(minutes=1), self.ends)
        return moment

    @property
    def today(self) -> date:
        """The company's day at the moment of the step."""
        return self._now.astimezone(self._zone).date()

    def on(self, day: date, *, hour: int, minute: int = 0, days: int = 0) -> datetime:
        """Give a time of a day by the company's clock."""
        that = day + timedelta(days=days)
        local = datetime(that.year, that.month, that.day, hour, minute, tzinfo=self._zone)
        return local.astimezone(UTC)

    def ago(self, days: int, *, hour: int = 10, minute: int = 0) -> datetime:
        """Give a time of a day before the last one."""
        last = self.ends.astimezone(self._zone).date()
        return self.on(last, days=-days, hour=hour, minute=minute)

    def at(self, when: datetime, step: Callable[[], object]) -> None:
        """Put a step on the calendar."""
        heapq.heappush(self._due, (when, next(self._order), step))

    def live(self) -> None:
        """Do every step at its moment, those of one moment in the order of their coming."""
        while self._due:
            when, _, step = heapq.heappop(self._due)
            if when <= self.ends:
                self._now = when
                step()
