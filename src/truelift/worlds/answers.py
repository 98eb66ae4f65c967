"""What a company's people answer about their programme, and the scorecards that were kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Final

from truelift.apps.facts.tracking import keep_tracking
from truelift.apps.progress.reads import trouble_list
from truelift.apps.progress.services import say_reason
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap.changes import since_quarter
from truelift.apps.scorecard.services import Wanted, answer, keep_scorecard, set_targets
from truelift.apps.sites.models import Site
from truelift.lifecycle.maturity import QUESTIONS, Dimension
from truelift.worlds.calendar import Calendar


ROUNDS: Final = (63, 8)
"""Days before the last one on which people are asked."""

SAID: Final = 2
"""Of what got stuck or came to nothing, so many have a reason that somebody has said."""

SEEN: Final[Mapping[Dimension, int]] = {
    Dimension.MEASUREMENT: 3,
    Dimension.PRIORITIES: 3,
    Dimension.OWNERSHIP: 3,
    Dimension.CADENCE: 2,
    Dimension.QA: 3,
    Dimension.LIBRARY: 2,
    Dimension.ALIGNMENT: 2,
}
"""How they see it at the second round; at the first, one less."""


class Answers:
    """The questionnaire twice, what is tracked, and a scorecard for each quarter and today."""

    def __init__(
        self, site: Site, *, calendar: Calendar, who: Mapping[str, Actor], lead: str
    ) -> None:
        """Put it on the calendar.

        Args:
            site: The company's.
            calendar: Its days.
            who: First name → person.
            lead: Who leads the programme.
        """
        self.site, self.days, self.who, self.lead = site, calendar, who, who[lead]
        for number, days_ago in enumerate(ROUNDS):
            self.days.at(self.days.ago(days_ago, hour=9), partial(self._answer, number))
        self.days.at(self.days.ago(62), self._want)
        self.days.at(self.days.ago(2, hour=15), self._says_why)
        self.days.at(self.days.ago(0, hour=0, minute=30), self._keep)

    def _answer(self, number: int) -> None:
        for place, by in enumerate(self.who.values()):
            said = {
                each.key: min(max(SEEN[each.dimension] + number - 1 + (place + n) % 3 - 1, 0), 4)
                for n, each in enumerate(QUESTIONS)
            }
            answer(self.site, said, by=by, now=self.days.moment())

    def _want(self) -> None:
        set_targets(
            self.site,
            Wanted(tests_a_quarter=8, revenue_minor=470, cost_minor=1_450_000),
            seen=0,
            by=self.lead,
            now=self.days.moment(),
        )

    def _says_why(self) -> None:
        """Confirm what is guessed of the first two that got stuck or came to nothing."""
        now = self.days.moment()
        for each in trouble_list(self.site, now=now)[1][-SAID:]:
            say_reason(
                self.site, each.trouble.value, each.key, each.guess.value, by=self.lead, now=now
            )

    def _keep(self) -> None:
        today = self.days.today
        keep_tracking(self.site, now=self.days.moment())
        this = date(today.year, 3 * ((today.month - 1) // 3) + 1, 1)
        for first in (since_quarter(since_quarter(this)), since_quarter(this), this, today):
            keep_scorecard(self.site, as_of=self.days.on(first, hour=0), now=self.days.moment())
