"""What the shop's teams are judged by, what its people agreed on, and what they fixed untested."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Final

from truelift.apps.alignment.computing import compute_metrics
from truelift.apps.alignment.nightly import compute
from truelift.apps.alignment.services import (
    MetricFields,
    Value,
    acknowledge,
    leave_empty,
    set_remit,
    take_values,
    write_brief,
    write_metric,
)
from truelift.apps.observations.models import InterventionKind
from truelift.apps.observations.services import Comparison, create_before_after
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.warnings.models import WarningRecord
from truelift.apps.warnings.services import MoveAsked, move
from truelift.lifecycle.commercial_brief import EIGHT
from truelift.lifecycle.functions import Function
from truelift.lifecycle.team_metric import Cadence, Formula, Unit
from truelift.lifecycle.warning import Kind, WarningStage
from truelift.stats.quasi import QuasiDesign
from truelift.worlds.calendar import Calendar
from truelift.worlds.people import PEOPLE, address_of


METRICS: Final = (
    MetricFields(
        name="Cost per click",
        team=Function.MARKETING.value,
        owner=address_of("felix"),
        formula=Formula.COST_PER_CLICK.value,
        direction=-1,
        path="Cheaper clicks leave more of the budget for people who buy.",
    ),
    MetricFields(
        name="Traffic",
        team=Function.MARKETING.value,
        owner=address_of("felix"),
        formula=Formula.TRAFFIC.value,
        direction=1,
    ),
    MetricFields(
        name="Products put into the cart",
        team=Function.PRODUCT_UX.value,
        owner=address_of("jonas"),
        formula=Formula.LIBRARY.value,
        library="cart_rate",
        unit=Unit.SHARE.value,
        direction=1,
        path="Nobody orders what is not in the cart.",
    ),
    MetricFields(
        name="Release velocity",
        team=Function.ENGINEERING.value,
        owner=address_of("ines"),
        formula=Formula.RELEASES.value,
        direction=1,
    ),
    MetricFields(
        name="Payments that go through",
        team=Function.ENGINEERING.value,
        owner=address_of("ines"),
        formula=Formula.VALUES.value,
        unit=Unit.SHARE.value,
        direction=1,
        target=0.97,
    ),
    MetricFields(
        name="Close rate of trade customers",
        team=Function.SALES.value,
        owner=address_of("samir"),
        formula=Formula.VALUES.value,
        unit=Unit.SHARE.value,
        direction=1,
        cadence=Cadence.MONTHLY.value,
        path="A trade customer who says yes orders every season.",
    ),
)
"""Six of four teams, in the order of their numbers; three name no path."""

BROUGHT_IN: Final = {
    "Payments that go through": (0.953, 0.951, 0.955, 0.952, 0.956, 0.954, 0.953, 0.957),
    "Close rate of trade customers": (0.21, 0.24, 0.19, 0.22, 0.23, 0.20, 0.22, 0.21),
}
"""Name → its weeks, the oldest first."""

REMIT: Final = ("Shop front", "Content")
"""Whose surfaces the programme may change; the checkout is not among them."""

GOALS: Final = (
    (
        30,
        "Sell more to the people who come already: a tenth more revenue by spring.",
        ("Checkout on phones", "Reviews where people decide", "Trade portal"),
        "",
    ),
    (
        9,
        "Sell more to the people who come already: a tenth more revenue by spring.",
        ("Checkout on phones", "Delivery cost said early", "Reviews where people decide"),
        "The delivery cost is what people leave for; the trade portal waits.",
    ),
)
"""Days ago, what the year is for, what comes first, and what was other than before."""

MISSING: Final = Function.SALES
"""Who does not stand behind the newest version: the trade portal was theirs."""

SEEN: Final = (28, 14)
"""Days before the last one whose nights computed what is against the shared metric, too."""

TAKEN_ON: Final = 25
"""Days before the last one on which somebody answered the warning of it."""

ANSWERED_WITHIN: Final = 45

ANSWER: Final = (
    "For a year, what was left of a fortnight’s budget bought cheap clicks in its second week, and"
    " a session of those weeks brought less. Otto moves it into the next one now. Felix is still"
    " judged by the click: we look at both at every review, and at the metric with the quarter."
)

RULE: Final = "No bids on the names of other brands"


class Aligned:
    """Team metrics, the remit, the brief and a rule for the budget, put on the calendar."""

    def __init__(self, site: Site, *, calendar: Calendar, who: Mapping[str, Actor]) -> None:
        """Put it on the calendar.

        Args:
            site: The company's.
            calendar: Its days.
            who: First name → person.
        """
        self.site, self.days, self.who = site, calendar, who
        self.days.at(self.days.ago(41, hour=10), self._registers)
        self.days.at(self.days.ago(35, hour=14), self._sets_remit)
        for version, (days_ago, *_) in enumerate(GOALS, start=1):
            self.days.at(self.days.ago(days_ago, hour=9), partial(self._writes, version))
        for days_ago in SEEN:
            self.days.at(self.days.ago(days_ago, hour=4), self._compares)
        self.days.at(self.days.ago(TAKEN_ON, hour=10), self._answers)
        self.days.at(self.days.ago(16, hour=16), self._decides)
        self.days.at(self.days.ends, self._computes)

    def _registers(self) -> None:
        for fields in METRICS:
            write_metric(self.site, fields, by=self.who["mara"], now=self.days.moment())

    def _sets_remit(self) -> None:
        set_remit(self.site, REMIT, by=self.who["mara"], now=self.days.moment())

    def _writes(self, version: int) -> None:
        _, goal, priorities, because = GOALS[version - 1]
        write_brief(
            self.site,
            goal=goal,
            metric="Revenue per session, net of refunds",
            priorities=priorities,
            because=because,
            by=self.who["mara"],
            now=self.days.moment(),
        )
        have = {function for each in PEOPLE for function in each.functions}
        for team in EIGHT:
            if team not in have:
                why = "A shop of this size asks somebody outside."
                leave_empty(self.site, team, why, by=self.who["mara"], now=self.days.moment())
            elif version == 1 or team is not MISSING:
                name = next(each.name for each in PEOPLE if team in each.functions)
                acknowledge(
                    self.site,
                    team,
                    version=version,
                    by=self.who[name],
                    now=self.days.moment(later=90),
                )

    def _compares(self) -> None:
        compute_metrics(self.site, now=self.days.moment())

    def _answers(self) -> None:
        """Say what the teams live with meanwhile; the conflict itself stands until it is gone."""
        rows = WarningRecord.objects.filter(
            site=self.site, kind=Kind.METRIC_CONFLICT.value, stage=WarningStage.OPEN.value
        )
        for row in rows:
            due = self.days.today + timedelta(days=ANSWERED_WITHIN)
            asked = MoveAsked(WarningStage.ACKNOWLEDGED, day=due, note=ANSWER)
            move(self.site, row.key, asked, by=self.who["mara"], now=self.days.moment())

    def _decides(self) -> None:
        """Take a rule on for the budget, and say before anybody looks what it should bring."""
        create_before_after(
            self.site,
            Comparison(
                name=RULE,
                metric="order_rate",
                design=QuasiDesign.INTERRUPTED_SERIES.value,
                changed_on=self.days.today + timedelta(days=1),
                days_before=28,
                days_after=14,
                kind=InterventionKind.BUDGET_RULE.value,
                owner=address_of("mara"),
                expected="Fewer visits that never buy: the order rate up a little.",
            ),
            by=self.who["mara"],
            now=self.days.moment(),
        )

    def _computes(self) -> None:
        monday = self.days.today - timedelta(days=self.days.today.weekday())
        for number, fields in enumerate(METRICS, start=1):
            weeks = BROUGHT_IN.get(fields.name or "", ())
            if weeks:
                values = [
                    Value(monday - timedelta(weeks=len(weeks) - week), value)
                    for week, value in enumerate(weeks)
                ]
                by = self.who["samir" if fields.team == Function.SALES else "ines"]
                take_values(self.site, number, values, by=by, now=self.days.moment())
        compute(self.site, now=self.days.ends)
