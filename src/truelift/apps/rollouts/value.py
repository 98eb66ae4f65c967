"""What is lost while winners are not live: days × sessions × revenue per session × shrunken lift.

Method:
    docs/methods/shrinkage.md; docs/guide/rollouts.md.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import Any, Final
from zoneinfo import ZoneInfo

from truelift.apps.changes.reads import withheld_of
from truelift.apps.experiments.imported import UNKNOWN_METRIC, is_result_alone
from truelift.apps.experiments.models import (
    AnalysisRecord,
    Better,
    DecisionRecord,
    ExperimentRecord,
    MetricKind,
    MetricRecord,
)
from truelift.apps.experiments.reads import analyses_of
from truelift.apps.rollouts.models import RolloutRecord, SiteDayRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Origin, Stage
from truelift.stats.shrinkage import FEWEST_RESULTS, shrink


WEEK: Final = 7


@dataclass(frozen=True, slots=True)
class Lift:
    """What a test is likely worth, or why that cannot be said.

    Attributes:
        value: Shrunken relative effect; None where it is undefined.
        low: Lower end of its interval.
        high: Upper end.
        measured: What the test itself estimated.
        metric: Of which metric.
        tests: How many tests it was shrunken with, itself among them.
        problem: Why it is undefined.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    measured: float | None = None
    metric: str = ""
    tests: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a site."""

    day: date
    sessions: int
    revenue_minor: int


@dataclass(frozen=True, slots=True)
class Unrealised:
    """What was not earned since the decision, in minor units; or why that cannot be said.

    Attributes:
        value: None where it is undefined, which is not the same as nothing.
        low: Lower end of its interval.
        high: Upper end.
        per_day: What each further day costs, by the last full week; None where undefined.
        days: Days counted.
        sessions: Sessions in them.
        revenue: Revenue in them.
        problem: Why it is undefined.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    per_day: float | None = None
    days: int = 0
    sessions: int = 0
    revenue: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Calendar:
    """A site's days in order, added up from the first, so that any stretch is one subtraction."""

    days: tuple[date, ...]
    sessions: tuple[int, ...]
    revenue: tuple[int, ...]

    @classmethod
    def of(cls, days: Sequence[Day]) -> Calendar:
        """Add up days, in whatever order they come."""
        ordered = sorted(days, key=lambda each: each.day)
        return cls(
            tuple(each.day for each in ordered),
            (0, *accumulate(each.sessions for each in ordered)),
            (0, *accumulate(each.revenue_minor for each in ordered)),
        )

    def between(self, first: date, last: date) -> tuple[int, int, int]:
        """Give days, sessions and revenue of a stretch, both ends included."""
        low, high = bisect_left(self.days, first), bisect_right(self.days, last)
        high = max(low, high)
        return (
            high - low,
            self.sessions[high] - self.sessions[low],
            self.revenue[high] - self.revenue[low],
        )


def unrealised(
    lift: Lift,
    days: Sequence[Day] | Calendar,
    *,
    decided_on: date,
    until: date,
    reach: float = 1.0,
    problem: str = "",
) -> Unrealised:
    """Add up what a winner would have brought from its decision on, both days included.

    Args:
        lift: What it is likely worth.
        days: The site's days; one without any session is missing and counts as none.
        decided_on: The first day that counts.
        until: The last one.
        reach: Share of the sessions that the change concerns.
        problem: Why the days are not known.
    """
    if problem or lift.value is None:
        return Unrealised(problem=problem or lift.problem)
    calendar = days if isinstance(days, Calendar) else Calendar.of(days)
    if not calendar.days:
        return Unrealised(problem="No day’s sessions and revenue have been asked for yet.")
    _, sessions, revenue = calendar.between(decided_on, until)
    known, _, week = calendar.between(until - timedelta(days=WEEK), until - timedelta(days=1))
    scale = reach * revenue
    return Unrealised(
        value=scale * lift.value,
        low=None if lift.low is None else scale * lift.low,
        high=None if lift.high is None else scale * lift.high,
        per_day=reach * lift.value * week / known if known else None,
        days=(until - decided_on).days + 1,
        sessions=sessions,
        revenue=revenue,
    )


def unrealised_of(
    record: RolloutRecord, days: Sequence[Day] | Calendar, *, now: datetime, problem: str = ""
) -> Unrealised:
    """Say the same of a rollout: until it was verified or given up, or until today."""
    zone = ZoneInfo(record.site.time_zone)
    end = record.verified_at or record.ended_at or now
    return unrealised(
        lift_of(record),
        days,
        decided_on=record.decided_at.astimezone(zone).date(),
        until=end.astimezone(zone).date(),
        reach=record.reach,
        problem=problem,
    )


def lift_of(record: RolloutRecord) -> Lift:
    """Give a rollout's lift as the worker computed it."""
    if record.lift_at is None:
        return Lift(problem="Its lift has not been computed yet; the worker does it.")
    return Lift(
        value=record.lift,
        low=record.lift_low,
        high=record.lift_high,
        measured=record.lift_measured,
        metric=record.lift_metric,
        tests=record.lift_tests,
        problem=record.lift_problem,
    )


def days_of(site: Site, *, since: date) -> tuple[Day, ...]:
    """Give a site's days as they were asked for."""
    rows = SiteDayRecord.objects.filter(site=site, day__gte=since).order_by("day")
    return tuple(Day(row.day, row.sessions, row.revenue_minor) for row in rows)


@dataclass(frozen=True, slots=True)
class _Found:
    """One effect of one valid test."""

    experiment: int
    variant: str
    metric: str
    value: float
    se: float


def lifts(site: Site, wanted: Sequence[RolloutRecord]) -> dict[int, Lift]:
    """Shrink the effects of all valid tests, and give those of the winners, by rollout.

    Call it from a job: it reads every analysis of the site. Tests that were run elsewhere
    are left out of what the others are drawn to: only the good ones are remembered. Results
    that were imported alone, with what was decided, are there to say how lifts are spread.
    """
    orders = site.event_names.get("purchase", "purchase")
    tests = {each.experiment_id for each in wanted}
    decided = set(
        DecisionRecord.objects.filter(
            experiment__site=site, experiment__origin=Origin.IMPORTED.value
        ).values_list("experiment_id", flat=True)
    )
    found: list[_Found] = []
    because: dict[int, str] = {}
    latest = _latest(site)
    withheld = withheld_of(latest)
    for analysis in latest.values():
        record = analysis.experiment
        imported = record.origin == Origin.IMPORTED and record.pk not in tests
        if imported and record.pk not in decided:
            continue
        document = analysis.document
        if imported and not is_result_alone(document):
            continue
        if record.pk in withheld:
            because[record.pk] = (
                "A change that was told of after its decision spoiled it; until somebody has kept"
                " the decision nothing is claimed of it."
            )
            continue
        if problem := _invalid(record, document):
            because[record.pk] = problem
            continue
        effects = _effects(record, document, orders=orders)
        found += effects
        if not effects:
            because[record.pk] = "None of its metrics counts orders or money."
    drawn = (
        shrink([each.value for each in found], [each.se for each in found])
        if len(found) >= FEWEST_RESULTS
        else None
    )
    answers: dict[int, Lift] = {}
    for rollout in wanted:
        mine = [n for n, each in enumerate(found) if each.experiment == rollout.experiment_id]
        chosen = [n for n in mine if not rollout.variant or found[n].variant == rollout.variant]
        if not mine:
            problem = because.get(rollout.experiment_id, "It has no analysis with an effect.")
            answers[rollout.pk] = Lift(problem=problem)
        elif len(chosen) != 1:
            answers[rollout.pk] = Lift(
                problem="It had several variants; say which of them is shipped."
            )
        elif drawn is None:
            answers[rollout.pk] = Lift(
                measured=found[chosen[0]].value,
                metric=found[chosen[0]].metric,
                tests=len(found),
                problem=f"A lift is shrunken with {FEWEST_RESULTS} valid tests or more; there"
                f" {'is one' if len(found) == 1 else f'are {len(found)}'}.",
            )
        else:
            n = chosen[0]
            answers[rollout.pk] = Lift(
                value=float(drawn.value[n]),
                low=float(drawn.low[n]),
                high=float(drawn.high[n]),
                measured=found[n].value,
                metric=found[n].metric,
                tests=len(found),
            )
    return answers


def _latest(site: Site) -> Mapping[int, AnalysisRecord]:
    """Give the analysis that counts of each test that is over: the one decided on, or the last."""
    found: dict[int, AnalysisRecord] = {}
    for each in analyses_of(site):
        if each.experiment.stage in _OVER and each.experiment_id not in found:
            found[each.experiment_id] = each
    return found


_OVER: Final = frozenset({Stage.ANALYSED, Stage.DECIDED, Stage.LEARNED, Stage.CLOSED})


def _invalid(record: ExperimentRecord, document: Mapping[str, Any]) -> str:
    """Say why a result cannot be used; empty where it can."""
    advice = (document.get("recommendation") or {}).get("action")
    failed = [each for each in document.get("integrity", ()) if each.get("status") == "fail"]
    if advice == "invalid" or failed or record.is_invalid:
        return "Its result cannot be used, so nothing is claimed of it."
    return ""


def _effects(record: ExperimentRecord, document: Mapping[str, Any], *, orders: str) -> list[_Found]:
    """Give the relative effects of a test on what money follows, one a treatment."""
    metrics = {
        planned.metric.key: planned
        for planned in record.metrics.select_related("metric")
        if _follows_money(planned.metric, orders)
    }
    # The metric that decided goes before the others, money before orders.
    ranked = sorted(
        metrics.values(),
        key=lambda each: (each.role != "primary", each.metric.kind != MetricKind.SUM, each.pk),
    )
    told = {each.get("metric"): each for each in document.get("metrics", ())}
    # Of a result that was imported without its metric all that is known is that it decided.
    unknown = [UNKNOWN_METRIC] if UNKNOWN_METRIC in told else []
    for key in [*(planned.metric.key for planned in ranked), *unknown]:
        rows = [
            _Found(
                record.pk,
                str(effect.get("variant")),
                key,
                float(effect["relative"]["value"]),
                float(effect["relative"]["se"]),
            )
            for effect in told.get(key, {}).get("effects", ())
            if _is_usable(effect.get("relative"))
        ]
        if rows:
            return rows
    return []


def _is_usable(relative: object) -> bool:
    if not isinstance(relative, Mapping):
        return False
    value, se = relative.get("value"), relative.get("se")
    return isinstance(value, int | float) and isinstance(se, int | float) and se > 0


def _follows_money(metric: MetricRecord, orders: str) -> bool:
    """Say whether revenue moves as this metric does, when the rest stays as it is."""
    if metric.better != Better.INCREASE.value:
        return False
    if metric.kind == MetricKind.SUM:
        return metric.event == orders and metric.property == "value"
    return metric.kind in {MetricKind.PROPORTION, MetricKind.COUNT} and metric.event == orders
