"""The numbers of a company that sells by leads or by trials, brought from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from typing_extensions import override

from truelift.apps.facts import defining
from truelift.apps.facts.columns import FeedKind
from truelift.apps.facts.reads import Traffic
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.worlds.calendar import Calendar
from truelift.worlds.facts import Facts, Owners, Paid


_PROMISE_HOURS: Final = 24 * 15


@dataclass(frozen=True, slots=True)
class Shared:
    """The metric that a company's people agree on.

    Attributes:
        kind: Of `lifecycle.shared_metric.MetricKind`.
        maturity_days: Until what it counts is complete.
        because: Why.
        value_minor: What one is worth, where nothing else says so.
    """

    kind: str
    maturity_days: int
    because: str
    value_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a company's numbers are brought and answered for with.

    Attributes:
        owners: Who answers for what.
        paid: Source → what it costs.
        shared: The metric that they agree on.
    """

    owners: Owners
    paid: Mapping[str, Paid]
    shared: Shared


LeadRows = Callable[[date], list[dict[str, object]]]
"""Gives the leads that are known by a day, as the sales system writes them."""


class PipelineFacts(Facts):
    """Traffic, spend and, where there are any, leads with their stages."""

    # Before the first files come: what counts as an order hangs on it.
    agreed = (66, 65, 64, 63)
    rounds = (60, 14, 0)

    def __init__(
        self,
        site: Site,
        *,
        calendar: Calendar,
        who: Mapping[str, Actor],
        numbers: Numbers,
        seed: int,
        leads: LeadRows | None = None,
    ) -> None:
        """Put it on the calendar.

        Args:
            site: The company's.
            calendar: Its days.
            who: First name → person.
            numbers: What they are brought with.
            seed: Of what is drawn.
            leads: Gives the leads; None where nothing is sold by them.
        """
        self.shared, self.leads = numbers.shared, leads
        super().__init__(
            site, calendar=calendar, who=who, owners=numbers.owners, paid=numbers.paid, seed=seed
        )

    @override
    def _feeds(self) -> tuple[tuple[str, FeedKind, str, int], ...]:
        spend = ("advertising", FeedKind.SPEND, self.owners.spend, _PROMISE_HOURS)
        sales = ("sales-system", FeedKind.LEADS, self.owners.sales, _PROMISE_HOURS)
        return (spend,) if self.leads is None else (spend, sales)

    @override
    def _brings_along(self) -> None:
        """Bring nothing along: its own events are a year old."""

    @override
    def _brings_all(self, found: Traffic, today: date) -> None:
        self._brings("advertising", self.owners.spend, self._spend(found))
        if self.leads is not None:
            self._brings("sales-system", self.owners.sales, self.leads(today))

    @override
    def _proposes(self) -> None:
        defining.propose(
            self.site,
            kind=self.shared.kind,
            maturity_days=self.shared.maturity_days,
            because=self.shared.because,
            value_minor=self.shared.value_minor,
            by=self.who[self.owners.marketing],
            now=self.days.moment(),
        )
