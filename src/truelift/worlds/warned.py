"""What a company's nights saw coming, and what its people did about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Final

from truelift.apps.facts.from_lake import NAME, bring
from truelift.apps.facts.reads import feed_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.warnings.jobs import look
from truelift.apps.warnings.models import WarningRecord
from truelift.apps.warnings.replaying import keep_replays
from truelift.apps.warnings.services import MoveAsked, move
from truelift.lifecycle.warning import Kind, Severity, WarningStage
from truelift.worlds.calendar import Calendar


LOOKED: Final = (42, 28, 26, 14, 7, 5, 0)
"""Days before the last one whose nights are lived through; between them nothing changes."""

TAKEN_ON: Final[Mapping[Kind, int]] = MappingProxyType(
    {
        Kind.TRAFFIC_GAP: 21,
        Kind.FRESHNESS: 12,
        Kind.RHYTHM: 10,
        Kind.ROADMAP: 14,
    }
)
"""What somebody takes on two days after it opened, and in how many days they promise to be done.

The others wait for the first visitor of the demo.
"""


class Warned:
    """The nightly looks of some weeks, put on the calendar."""

    def __init__(
        self,
        site: Site,
        *,
        calendar: Calendar,
        lead: Actor,
    ) -> None:
        """Put it on the calendar.

        Args:
            site: The company's.
            calendar: Its days.
            lead: Who leads the programme.
        """
        self.site, self.days, self.lead = site, calendar, lead
        for days_ago in LOOKED[:-1]:
            self.days.at(self.days.ago(days_ago, hour=5), self._look)
        # What was told in the last hours is known, too.
        self.days.at(self.days.ends, self._look)
        self.days.at(self.days.ends, lambda: keep_replays(self.site, now=self.days.moment()))

    def _look(self) -> None:
        more = feed_of(self.site, NAME) is not None
        while more:
            # The nights between have counted the site's own events, too.
            _, more = bring(self.site, now=self.days.moment())
        now = self.days.moment()
        for row in look(self.site, now=now).opened:
            if Kind(row.kind) in TAKEN_ON:
                later = self.days.on(self.days.today, hour=10, days=2)
                self.days.at(later, partial(self._takes_on, row.key))

    def _takes_on(self, key: str) -> None:
        row = WarningRecord.objects.get(site=self.site, number=int(key.removeprefix("W-")))
        if row.stage != WarningStage.OPEN or row.severity == Severity.CRITICAL:
            return
        kind = Kind(row.kind)
        due = self.days.today + timedelta(days=TAKEN_ON[kind])
        feed = feed_of(self.site, row.cause) if kind is Kind.FRESHNESS else None
        owner = feed.owner if feed else None
        by = Actor(owner) if owner else self.lead
        asked = MoveAsked(WarningStage.ACKNOWLEDGED, day=due, note=_SAID.get(kind, ""))
        move(self.site, key, asked, by=by, now=self.days.moment())


_SAID: Final = {
    Kind.TRAFFIC_GAP: "We look at the new campaigns together, with revenue per session and not"
    " with clicks.",
    Kind.FRESHNESS: "I ask for the file, and see to it that it comes by itself.",
    Kind.RHYTHM: "We move it to Tuesdays, when everybody is in.",
    Kind.ROADMAP: "We rebuild it with the quarter.",
}
