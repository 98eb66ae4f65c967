"""What the shop's people see too late: a winner from before that nobody built, and telephones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import Final

from truelift.apps.experiments.imported import ResultLine, take_results
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.facts.columns import FeedKind, FeedSource
from truelift.apps.facts.services import make_feed, take_in
from truelift.apps.research.actor import Actor
from truelift.apps.rollouts.services import open_rollout
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Choice
from truelift.worlds.calendar import Calendar


FOUND: Final = 47
"""Days before the last one on which somebody found the agency's file of results."""

BEFORE: Final = ResultLine(
    name="Tents photographed pitched",
    surface="Category page",
    n=31_400,
    effect=0.052,
    se=0.019,
    decision=Choice.SHIP,
)
"""What the agency had shown before it left; it sat in a spreadsheet since."""

PHONES: Final[Mapping[str, tuple[str, tuple[int, ...]]]] = {
    "service phone": ("nora", (42, 36, 16, 9, 2)),
    "trade phone": ("samir", (42, 36, 30, 23, 16)),
}
"""Feed → who sends it, and the days before the last one on which it came.

One was forgotten for weeks and then came again; of the other the exchange is new, and nobody has
found out yet how it tells of its calls.
"""

PROMISED_HOURS: Final = 24 * 8


class LeftOver:
    """A winner that waits, and two feeds that came late, put on the calendar."""

    def __init__(self, site: Site, *, calendar: Calendar, who: Mapping[str, Actor]) -> None:
        """Put it on the calendar.

        Args:
            site: The company's.
            calendar: Its days.
            who: First name → person.
        """
        self.site, self.days, self.who = site, calendar, who
        self.days.at(self.days.ago(FOUND, hour=14), self._finds)
        for name, (by, came) in PHONES.items():
            for number, days_ago in enumerate(came):
                step = partial(self._calls, name, by, since=came[number - 1] if number else None)
                self.days.at(self.days.ago(days_ago, hour=4), step)

    def _finds(self) -> None:
        by = self.who["mara"]
        key = take_results(self.site, (BEFORE,), by=by, now=self.days.moment()).keys[0]
        record = ExperimentRecord.objects.select_related("site").get(site=self.site, key=key)
        open_rollout(record, by=by, now=self.days.moment())

    def _calls(self, name: str, by: str, *, since: int | None) -> None:
        feed = name.replace(" ", "-")
        if since is None:
            make_feed(
                self.site,
                name=feed,
                kind=FeedKind.CALLS.value,
                owner=self.who[by].user,
                promise_hours=PROMISED_HOURS,
                by=self.who["priya"],
                now=self.days.moment(),
            )
            since = FOUND
        today = self.days.today
        first = self.days.ago(since).date()
        rows = [
            {"call": f"{feed}-{day:%y%m%d}-{number}", "day": day.isoformat(), "seconds": 140}
            for day in (first + timedelta(days=n) for n in range((today - first).days))
            for number in range(_calls_on(day))
        ]
        take_in(
            self.site,
            feed,
            rows,
            by=self.who[by],
            now=self.days.moment(),
            door=FeedSource.CSV,
            file=f"{feed}-{today:%Y-%m-%d}.csv",
        )


def _calls_on(day: date) -> int:
    """Nobody calls on Sundays."""
    return 0 if day.weekday() == 6 else 2 + day.toordinal() % 3
