"""Gives metrics week by week from facts, the lake, deploys and values that were brought in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from truelift.apps.alignment.models import TeamMetricRecord, TeamMetricValueRecord
from truelift.apps.changes.models import ChangeRecord
from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.facts import reads as facts
from truelift.apps.facts.defining import shared_metric_of, totals_of
from truelift.apps.measurement.reads import lake
from truelift.apps.measurement.segments_reads import context_of
from truelift.apps.sites.models import Site
from truelift.lifecycle.change import ChangeKind
from truelift.lifecycle.shared_metric import Definition, MetricKind, Totals, value_of
from truelift.lifecycle.team_metric import Formula
from truelift.questions.document import instant
from truelift.questions.metric_value import MetricValueAnswer
from truelift.questions.parse import parse_question
from truelift.questions.question import Question
from truelift.stats.effects import Floats
from truelift.stats.metric_conflict import Mixing, Weekly, mixing


DAYS: Final = 7
MOST_WEEKS: Final = 52
FEWEST_SOURCE: Final = 0.005
"""Sources with a smaller share of the sessions of both windows are taken together."""

UNDEFINED: Final = Definition(version=0, kind=MetricKind.REVENUE, maturity_days=30)
"""What is read while nobody has proposed a definition: net revenue by session."""

Spots = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Shared:
    """The shared metric week by week.

    Attributes:
        called: Its name.
        kind: What it is.
        weekly: Its weeks.
    """

    called: str
    kind: MetricKind
    weekly: Weekly


@dataclass(frozen=True, slots=True)
class Mixed:
    """What the mix of sources does, and which source does most of the harm."""

    found: Mixing
    source: str


class SiteWeeks:
    """The last whole weeks of a site, read once for all of its metrics.

    Attributes:
        starts: Mondays of the weeks in which sessions of every day are known, the oldest
            first: the longest run without a gap that ends with the newest.
    """

    def __init__(self, site: Site, *, now: datetime) -> None:
        """Read the weeks up to now; everything else when it is asked for."""
        self.site, self.now = site, now
        self._places: dict[tuple[frozenset[str], bool], tuple[NDArray[Any], Spots, Spots]] = {}
        found = facts.weeks(site, until=day_at(site, now), count=MOST_WEEKS)
        # A feed may be some days late; a gap further back ends what is known.
        whole = [each.days == DAYS and each.sessions is not None for each in found]
        last = len(found) - 1 if found and not whole[-1] else len(found)
        first = next((at + 1 for at in range(last - 1, -1, -1) if not whole[at]), 0)
        self.weeks = found[first:last]
        self.starts = tuple(each.starts for each in self.weeks)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def since(self) -> date:
        """The first day."""
        return self.starts[0]

    @property
    def until(self) -> date:
        """The first day after the last week."""
        return self.starts[-1] + timedelta(days=7)

    @cached_property
    def traffic(self) -> facts.Traffic:
        """Sessions and orders by source."""
        return facts.traffic(self.site, since=self.since, until=self.until)

    @cached_property
    def spend(self) -> facts.Spend:
        """Spend and clicks by source."""
        return facts.spend(self.site, since=self.since, until=self.until)

    @cached_property
    def leads(self) -> facts.Leads:
        """Leads of these weeks and of a year before, which are closed in them."""
        return facts.leads(self.site, since=self.since - timedelta(days=365), until=self.until)

    @cached_property
    def shared(self) -> Shared | None:
        """The shared metric of these weeks; None where nothing is known of it."""
        if not self.starts:
            return None
        found = shared_metric_of(self.site)
        definition = found.definition if found else UNDEFINED
        totals = [totals_of(each) for each in self.weeks]
        behind = sum(totals, Totals())
        values = [value_of(definition, each, behind=behind) for each in totals]
        above, below = _known([each.over for each in values]), _known([each.of for each in values])
        if above is None or below is None or (above < 0).any():
            return None
        called = found.called if found else definition.kind.called
        return Shared(called, definition.kind, Weekly.of(above, below))

    @cached_property
    def worth_of_lead(self) -> float:
        """What a lead counts for in the shared metric of these weeks."""
        came = sum(each.leads or 0 for each in self.weeks)
        return float(self.shared.weekly.above.sum()) / came if self.shared and came else 0.0

    def of(self, metric: TeamMetricRecord) -> tuple[Floats, Floats] | None:
        """Give a metric's numerators and denominators; NaN in weeks of which nothing is known.

        None where its facts do not come in at all.
        """
        if not self.starts:
            return None
        formula = Formula(metric.formula)
        ones = np.ones(len(self))
        if formula is Formula.VALUES:
            return self._values(metric)
        if formula is Formula.LIBRARY:
            return self._library(metric.library)
        if formula is Formula.RELEASES:
            return self._releases(ones)
        return self._of_facts(formula, metric.sources, ones)

    def mixed(self, metric: TeamMetricRecord, *, weeks: int) -> Mixed | None:
        """Say what the mix does to the shared metric, the metric's sources being the levers.

        A metric of advertising without sources of its own works on those that cost something;
        others without sources of their own on all that it counts. None for metrics that are
        not known by source.
        """
        shared, formula = self.shared, Formula(metric.formula)
        if shared is None or formula not in _LEVERS or len(self) < 2 * weeks:
            return None
        if shared.kind is MetricKind.ACTIVATED:
            # It goes by visitors, and these are not known by source.
            return None
        end = np.datetime64(self.until)
        split, begin = end - DAYS * weeks, end - 2 * DAYS * weeks
        seen = self.traffic
        told = ((seen.day >= begin) & (seen.day < split), (seen.day >= split) & (seen.day < end))
        alone = campaigns_in_one(seen.source, seen.campaign, *told)
        day, value = seen.day, seen.revenue_minor.astype(float)
        if shared.kind is MetricKind.LEADS:
            leads = self.leads
            day, value = leads.day, np.ones(len(leads)) * self.worth_of_lead
        sources, of_traffic, of_value = self._placed(alone, leads=shared.kind is MetricKind.LEADS)
        many = len(sources)

        def window(
            days: facts.Days, at: Spots, numbers: Floats, since: np.datetime64, to: np.datetime64
        ) -> Floats:
            inside = (days >= since) & (days < to)
            return np.asarray(
                np.bincount(at[inside], weights=numbers[inside], minlength=many), float
            )

        sessions = seen.sessions.astype(float)
        before, now = (
            (window(seen.day, of_traffic, sessions, a, b), window(day, of_value, value, a, b))
            for a, b in ((begin, split), (split, end))
        )
        own = self._levers(metric, formula, sources)
        # Small sources together: shares of a few sessions are noise, and there may be hundreds.
        small = (before[0] + now[0]) < FEWEST_SOURCE * (before[0] + now[0]).sum()
        group = np.where(small, np.where(own, many, many + 1), np.arange(many))
        laid = [np.bincount(group, weights=each, minlength=many + 2) for each in (*before, *now)]
        levers = np.concatenate([own & ~small, [True, False]])
        there = laid[0] + laid[2] > 0
        found = mixing(*(each[there] for each in laid), levers=levers[there].tolist())
        if found is None:
            return None
        parts = np.where(levers[there], np.array(found.parts), np.inf)
        worst = int(parts.argmin())
        called = [*map(str, sources), "small sources", "small sources"]
        named = [name for name, kept in zip(called, there, strict=True) if kept]
        return Mixed(found, named[worst] if parts[worst] < 0 else "")

    def _placed(self, alone: frozenset[str], *, leads: bool) -> tuple[NDArray[Any], Spots, Spots]:
        """Name the sources, and say which each row of traffic and of what is bought has.

        Metrics have the same ones, but for windows of other lengths: they are found once.
        """
        if (alone, leads) not in self._places:
            seen = self.traffic
            names = _names(seen.source, _without(seen.source, seen.campaign, alone))
            both = [names]
            if leads:
                told = self.leads
                both.append(_names(told.source, _without(told.source, told.campaign, alone)))
            sources, place = np.unique(np.concatenate(both), return_inverse=True)
            of_value = place[len(names) :] if leads else place
            self._places[alone, leads] = sources, place[: len(names)], of_value
        return self._places[alone, leads]

    def _levers(
        self, metric: TeamMetricRecord, formula: Formula, sources: NDArray[Any]
    ) -> NDArray[np.bool_]:
        if metric.sources:
            return _chosen(sources, metric.sources)
        if formula in _OF_SPEND:
            paid = set(_names(self.spend.source, self.spend.campaign).tolist())
            names = {*paid, *map(str, self.spend.source.tolist())}
            return np.array(
                [str(each) in names or str(each).partition(" / ")[0] in names for each in sources],
                dtype=bool,
            )
        return np.ones(len(sources), dtype=bool)

    def _of_facts(
        self, formula: Formula, sources: Sequence[str], ones: Floats
    ) -> tuple[Floats, Floats] | None:
        if formula in _OF_LEADS:
            return self._of_leads(formula, sources, ones)
        cost = np.zeros(len(self))
        if formula in _OF_SPEND:
            paid = self.spend
            if not len(paid):
                return None
            chosen = _chosen(_names(paid.source, paid.campaign), sources)
            cost = self._sum(paid.day[chosen], paid.spend_minor[chosen])
            if formula is Formula.SPEND:
                return cost, ones
            if formula is Formula.COST_PER_CLICK:
                if not paid.knows_clicks:
                    return None
                return cost, self._sum(paid.day[chosen], paid.clicks[chosen])
            if formula is Formula.COST_PER_LEAD:
                came = self._of_leads(Formula.LEADS, sources, ones)
                return None if came is None else (cost, came[0])
        seen = self.traffic
        names = _names(seen.source, seen.campaign)
        chosen = _chosen(names, sources)
        if formula is Formula.COST_PER_ACQUISITION:
            if not seen.knows_orders:
                return None
            bought = {str(each) for each in self.spend.source[_chosen_of(self.spend, sources)]}
            from_paid = np.array([str(each) in bought for each in seen.source], dtype=bool)
            return cost, self._sum(seen.day[from_paid], seen.orders[from_paid])
        sessions = self._sum(seen.day[chosen], seen.sessions[chosen])
        if formula is Formula.TRAFFIC:
            return sessions, ones
        if not seen.knows_orders:
            return None
        orders = self._sum(seen.day[chosen], seen.orders[chosen])
        if formula is Formula.CONVERSION_RATE:
            return orders, sessions
        return self._sum(seen.day[chosen], seen.revenue_minor[chosen]), orders

    def _of_leads(
        self, formula: Formula, sources: Sequence[str], ones: Floats
    ) -> tuple[Floats, Floats] | None:
        leads = self.leads
        if not len(leads):
            return None
        chosen = _chosen(_names(leads.source, leads.campaign), sources)

        def total(days: facts.Days, numbers: NDArray[Any], also: NDArray[np.bool_]) -> Floats:
            there = chosen & also & ~np.isnat(days)
            return self._sum(days[there], numbers[there])

        everyone, each_one = np.ones(len(leads), dtype=bool), np.ones(len(leads))
        if formula is Formula.LEADS:
            return total(leads.day, each_one, everyone), ones
        if formula is Formula.QUALIFIED_SHARE:
            taken, passed = ~np.isnat(leads.sql_day), ~np.isnat(leads.mql_day)
            return total(leads.day, each_one, taken & passed), total(leads.day, each_one, passed)
        if formula is Formula.PIPELINE:
            return total(leads.sql_day, leads.value_minor, everyone), ones
        if formula is Formula.CLOSED_REVENUE:
            return total(leads.closed_day, leads.value_minor, leads.won), ones
        return (
            total(leads.closed_day, each_one, leads.won),
            total(leads.closed_day, each_one, everyone),
        )

    def _values(self, metric: TeamMetricRecord) -> tuple[Floats, Floats] | None:
        rows = list(
            TeamMetricValueRecord.objects.filter(
                metric=metric, day__gte=self.since, day__lt=self.until
            ).values_list("day", "above", "below")
        )
        if not rows:
            return None
        days = np.array([day for day, *_ in rows], dtype="datetime64[D]")
        above, below = (self._sum(days, np.array([row[at] for row in rows])) for at in (1, 2))
        known = self._sum(days, np.ones(len(days))) > 0
        return np.where(known, above, np.nan), np.where(known, below, np.nan)

    def _releases(self, ones: Floats) -> tuple[Floats, Floats] | None:
        rows = ChangeRecord.objects.filter(
            site=self.site,
            kind=ChangeKind.DEPLOY.value,
            at__lt=midnight_at(self.site, self.until),
        ).values_list("at", flat=True)
        days = np.array([day_at(self.site, at) for at in rows], dtype="datetime64[D]")
        if not len(days):
            return None
        # Before the first one was reported nobody knows how many there were.
        starts = np.array(self.starts, dtype="datetime64[D]")
        told = starts + DAYS > days.min()
        return np.where(told, self._sum(days, np.ones(len(days))), np.nan), ones

    def _library(self, key: str) -> tuple[Floats, Floats]:
        document: dict[str, object] = {
            "question": "metric_value",
            "metric": key,
            "interval": "week",
            "since": instant(midnight_at(self.site, self.since)),
            "until": instant(midnight_at(self.site, self.until)),
        }
        question = parse_question(document, context_of(self.site, now=self.now))
        answer: MetricValueAnswer = (
            lake().ask(self.site.name, cast("Question[Any, Any]", question)).answer
        )
        above, below = np.full(len(self), np.nan), np.full(len(self), np.nan)
        places = {start: at for at, start in enumerate(self.starts)}
        for begins, part in answer.rows:
            at = places.get(day_at(self.site, begins))
            if at is not None and part.below:
                above[at], below[at] = part.above, part.below
        return above, below

    def _sum(self, days: facts.Days, numbers: NDArray[Any]) -> Floats:
        if not len(days):
            return np.zeros(len(self))
        week = (days - np.datetime64(self.since)).astype(np.int64) // 7
        inside = (week >= 0) & (week < len(self))
        weights = numbers[inside].astype(float)
        return np.asarray(np.bincount(week[inside], weights=weights, minlength=len(self)), float)


_OF_SPEND: Final = frozenset(
    {Formula.SPEND, Formula.COST_PER_CLICK, Formula.COST_PER_ACQUISITION, Formula.COST_PER_LEAD}
)
_OF_LEADS: Final = frozenset(
    {
        Formula.LEADS,
        Formula.QUALIFIED_SHARE,
        Formula.PIPELINE,
        Formula.CLOSED_REVENUE,
        Formula.CLOSE_RATE,
    }
)
_LEVERS: Final = _OF_SPEND | {Formula.TRAFFIC, Formula.LEADS}
"""Metrics whose team chooses who comes; what others do changes no mix."""


def _known(numbers: Sequence[float | None]) -> Floats | None:
    if any(each is None for each in numbers):
        return None
    return np.array(numbers, dtype=float)


def _names(source: facts.Texts, campaign: facts.Texts) -> NDArray[Any]:
    """Write source and campaign as one name."""
    pairs = zip(source.tolist(), campaign.tolist(), strict=True)
    return np.array(
        [f"{a or 'unknown'} / {b}" if b else a or "unknown" for a, b in pairs], dtype=object
    )


def campaigns_in_one(
    source: facts.Texts, campaign: facts.Texts, before: Mask, now: Mask
) -> frozenset[str]:
    """Name the sources whose campaigns only one of two windows knows.

    A feed that begins to say campaigns would otherwise look like sources that come and go.
    """
    known = campaign != ""
    named = [set(source[window & known].tolist()) for window in (before, now)]
    there = [set(source[window].tolist()) for window in (before, now)]
    return frozenset((named[0] ^ named[1]) & there[0] & there[1])


def _without(source: facts.Texts, campaign: facts.Texts, sources: frozenset[str]) -> facts.Texts:
    """Leave the campaigns of some sources out."""
    left = campaign.copy()
    left[np.isin(source, sorted(sources))] = ""
    return left


def _chosen(names: NDArray[Any], sources: Sequence[str]) -> NDArray[np.bool_]:
    """Say which names are among the sources; all where there are none."""
    if not sources:
        return np.ones(len(names), dtype=bool)
    wanted = {each.strip().casefold() for each in sources}
    return np.array(
        [
            name.casefold() in wanted or name.casefold().partition(" / ")[0] in wanted
            for name in map(str, names)
        ],
        dtype=bool,
    )


def _chosen_of(paid: facts.Spend, sources: Sequence[str]) -> NDArray[np.bool_]:
    return _chosen(_names(paid.source, paid.campaign), sources)
