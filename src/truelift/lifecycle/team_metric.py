"""Metrics by which teams are judged: what each is, which way is good, how it leads to money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.vocabulary import Vocabulary


class Formula(StrEnum):
    """Where the numbers of a team's metric come from."""

    TRAFFIC = "traffic"
    SPEND = "spend"
    COST_PER_CLICK = "cost_per_click"
    COST_PER_ACQUISITION = "cost_per_acquisition"
    LEADS = "leads"
    COST_PER_LEAD = "cost_per_lead"
    QUALIFIED_SHARE = "qualified_share"
    PIPELINE = "pipeline"
    CLOSED_REVENUE = "closed_revenue"
    CLOSE_RATE = "close_rate"
    CONVERSION_RATE = "conversion_rate"
    ORDER_VALUE = "order_value"
    RELEASES = "releases"
    LIBRARY = "library"
    VALUES = "values"

    @property
    def called(self) -> str:
        """The formula as it stands on a page."""
        return _FORMULAS[self][0]

    @property
    def written(self) -> str:
        """What is counted, or divided by what."""
        return _FORMULAS[self][1]

    def told_in(self, words: Vocabulary) -> tuple[str, str]:
        """Say formula and what is divided by what in the words of what a site counts."""
        if self is Formula.ORDER_VALUE:
            return words.worth.capitalize(), self.written.replace("orders", words.many)
        return self.called, self.written.replace("orders", words.many)

    def counted_in(self, words: Vocabulary) -> str:
        """Say what a number of it is: sessions a week; empty where only its owner knows."""
        return _COUNTED.get(self, "").format(one=words.one_of_them)

    @property
    def unit(self) -> Unit:
        """What its numbers are; of a library metric and of values somebody says it."""
        return _FORMULAS[self][2]


class Unit(StrEnum):
    """What the numbers of a metric are."""

    NUMBER = "number"
    MONEY = "money"
    SHARE = "share"

    @property
    def called(self) -> str:
        """The unit as it stands on a page."""
        return {Unit.NUMBER: "a number", Unit.MONEY: "money", Unit.SHARE: "a share"}[self]


class Cadence(StrEnum):
    """How often a team looks at its metric."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"


_N, _M, _S = Unit.NUMBER, Unit.MONEY, Unit.SHARE
_FORMULAS: Final[Mapping[Formula, tuple[str, str, Unit]]] = MappingProxyType(
    {
        Formula.TRAFFIC: ("Traffic", "sessions", _N),
        Formula.SPEND: ("Spend", "advertising spend", _M),
        Formula.COST_PER_CLICK: ("Cost per click", "advertising spend ÷ clicks", _M),
        Formula.COST_PER_ACQUISITION: (
            "Cost per acquisition",
            "advertising spend ÷ orders from the same sources",
            _M,
        ),
        Formula.LEADS: ("Leads", "leads by the day they came", _N),
        Formula.COST_PER_LEAD: ("Cost per lead", "advertising spend ÷ leads", _M),
        Formula.QUALIFIED_SHARE: (
            "Marketing leads that sales takes",
            "leads that sales took ÷ leads that marketing passed on, by the day they came",
            _S,
        ),
        Formula.PIPELINE: ("Pipeline", "value of leads by the day sales took them", _M),
        Formula.CLOSED_REVENUE: ("Closed revenue", "value of leads by the day they were won", _M),
        Formula.CLOSE_RATE: ("Close rate", "leads won ÷ leads won or lost, by that day", _S),
        Formula.CONVERSION_RATE: ("Conversion rate", "orders ÷ sessions", _S),
        Formula.ORDER_VALUE: ("Order value", "net revenue ÷ orders", _M),
        Formula.RELEASES: ("Release velocity", "deploys and releases that were reported", _N),
        Formula.LIBRARY: ("A metric of the lake", "as the metric is defined", _N),
        Formula.VALUES: ("Values that are brought in", "as its owner writes them", _N),
    }
)

_COUNTED: Final[Mapping[Formula, str]] = MappingProxyType(
    {
        Formula.TRAFFIC: "sessions a week",
        Formula.SPEND: "a week",
        Formula.COST_PER_CLICK: "a click",
        Formula.COST_PER_ACQUISITION: "{one}",
        Formula.LEADS: "leads a week",
        Formula.COST_PER_LEAD: "a lead",
        Formula.QUALIFIED_SHARE: "of leads passed on",
        Formula.PIPELINE: "a week",
        Formula.CLOSED_REVENUE: "a week",
        Formula.CLOSE_RATE: "of leads closed",
        Formula.CONVERSION_RATE: "of sessions",
        Formula.ORDER_VALUE: "{one}",
        Formula.RELEASES: "releases a week",
    }
)
"""What stands after a number of each formula."""

BY_SOURCE: Final = frozenset(set(Formula) - {Formula.RELEASES, Formula.LIBRARY, Formula.VALUES})
"""Formulas of facts that are known by source."""


@dataclass(frozen=True, slots=True)
class TeamMetric:
    """What a team is judged by.

    Attributes:
        name: As the team calls it.
        team: Whose it is.
        formula: Where its numbers come from.
        direction: +1 where more is better, −1 where less is; None while nobody has said.
        unit: What its numbers are.
        library: Key of the lake's metric.
        sources: The sources that it is about, which are the team's levers; empty for all.
        cadence: How often the team looks at it.
        target: What it should be.
        path: How it leads to the shared metric; empty: it is operational.
    """

    name: str
    team: Function
    formula: Formula
    direction: int | None
    unit: Unit = Unit.NUMBER
    library: str = ""
    sources: tuple[str, ...] = ()
    cadence: Cadence = Cadence.WEEKLY
    target: float | None = None
    path: str = ""

    @property
    def operational(self) -> bool:
        """Whether nobody has said how it leads to money: then it is never called good news."""
        return not self.path.strip()


def metric_obstacles(metric: TeamMetric) -> tuple[Obstacle, ...]:
    """Say what keeps a team's metric from being one."""
    found = []
    if metric.direction not in (-1, 1):
        found.append(
            Obstacle(
                "team_metric.no_direction",
                "Nobody says whether more of it is better or less.",
                "Choose which direction is good.",
            )
        )
    if metric.formula is Formula.LIBRARY and not metric.library:
        found.append(
            Obstacle(
                "team_metric.no_library_metric",
                "Nobody says which metric of the lake it is.",
                "Choose one.",
            )
        )
    if metric.sources and metric.formula not in BY_SOURCE:
        found.append(
            Obstacle(
                "team_metric.not_by_source",
                f"{metric.formula.called} is not known by source.",
                "Leave its sources out.",
            )
        )
    return tuple(found)


_F = Function
TEMPLATES: Final[Mapping[Function, tuple[TeamMetric, ...]]] = MappingProxyType(
    {
        _F.MARKETING: (
            TeamMetric("Traffic", _F.MARKETING, Formula.TRAFFIC, 1),
            TeamMetric("Leads", _F.MARKETING, Formula.LEADS, 1),
            TeamMetric(
                "Cost per acquisition",
                _F.MARKETING,
                Formula.COST_PER_ACQUISITION,
                -1,
                unit=Unit.MONEY,
            ),
        ),
        _F.SALES: (
            TeamMetric("Pipeline", _F.SALES, Formula.PIPELINE, 1, unit=Unit.MONEY),
            TeamMetric("Closed revenue", _F.SALES, Formula.CLOSED_REVENUE, 1, unit=Unit.MONEY),
        ),
        _F.PRODUCT_UX: (
            TeamMetric("Engagement", _F.PRODUCT_UX, Formula.VALUES, 1),
            TeamMetric("Retention", _F.PRODUCT_UX, Formula.VALUES, 1, unit=Unit.SHARE),
            TeamMetric("Feature adoption", _F.PRODUCT_UX, Formula.VALUES, 1, unit=Unit.SHARE),
        ),
        _F.ENGINEERING: (
            TeamMetric("Uptime", _F.ENGINEERING, Formula.VALUES, 1, unit=Unit.SHARE),
            TeamMetric("Release velocity", _F.ENGINEERING, Formula.RELEASES, 1),
            TeamMetric("Bugs", _F.ENGINEERING, Formula.VALUES, -1),
        ),
    }
)
"""What four teams are usually judged by (R018); each begins as operational, until its path is
named."""
