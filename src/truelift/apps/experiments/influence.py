"""Whether a few very large visitors make the result: effects as counted and with a cap."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from truelift.apps.experiments.checks import not_yet
from truelift.apps.experiments.sampled import samples_of
from truelift.apps.experiments.wording import listed
from truelift.questions.distribution import Distribution
from truelift.questions.metric import MetricKind
from truelift.questions.variant_summaries import Cap, VariantSummaries, VariantSummariesAnswer
from truelift.stats.analysis import Analysis
from truelift.stats.comparison import Comparison, Effect
from truelift.stats.effects import Absence, Effects
from truelift.stats.integrity import Check
from truelift.stats.judging import judge
from truelift.stats.outliers import Influence, compare_both_ways
from truelift.stats.plan import AnalysisData
from truelift.stats.roles import MetricRole
from truelift.stats.status import Status


FEWEST_LARGEST: Final = 3
"""So many of the largest count as the smallest of them, or one in a thousand if that is more."""

ADDED_UP: Final = frozenset({MetricKind.SUM, MetricKind.COUNT})
"""Kinds in which one visitor may weigh as much as a thousand others."""

Ask = Callable[[VariantSummaries], VariantSummariesAnswer]


@dataclass(frozen=True, slots=True)
class Capped:
    """A comparison as it was counted and with the largest visitors capped.

    Attributes:
        metric: Its key.
        variant: The treatment.
        cap: The most that a visitor counted for, the same in all variants.
        counted: As it was counted.
        capped: With the cap.
        stands_out: Whether the largest visitors make the difference.
    """

    metric: str
    variant: str
    cap: float
    counted: Effect
    capped: Effect
    stands_out: bool

    def document(self) -> dict[str, Any]:
        """Give it as the snapshot keeps it."""
        return {
            "metric": self.metric,
            "variant": self.variant,
            "cap": self.cap,
            "counted": _numbers(self.counted),
            "capped": _numbers(self.capped),
            "stands_out": self.stands_out,
        }


def added_up(question: VariantSummaries) -> tuple[str, ...]:
    """Name the metrics whose largest visitors are worth a look."""
    return tuple(metric.key for metric in question.metrics if metric.kind in ADDED_UP)


def caps_of(distributions: Mapping[str, Distribution]) -> dict[str, float | None]:
    """Give by metric what its largest visitors count for at most; None where nobody is capped."""
    return {metric: _cap(each) for metric, each in distributions.items()}


def outlier_check(
    analysis: Analysis,
    data: AnalysisData,
    question: VariantSummaries,
    answer: VariantSummariesAnswer,
    *,
    adjusted: bool,
    withheld: str | None,
    ask: Ask,
) -> tuple[Check, tuple[Capped, ...]]:
    """Judge every sum and count again with its largest visitors capped.

    Args:
        analysis: As it was counted.
        data: Its samples.
        question: What the lake was asked, with the distributions of sums and counts.
        answer: What it answered.
        adjusted: Whether the plan adjusts effects by what visitors did before.
        withheld: Why no effect may be read now; then neither may what a cap does to it.
        ask: Asks the lake.

    Returns:
        The line of the card; and the comparisons both ways.

    Source:
        docs/methods/outlier-influence.md.
    """
    if not question.distributions:
        said = "Every metric is a share or a mean of events: nobody weighs more than another."
        return Check(check="outliers", status=Status.OK, value=0.0, detail=said), ()
    if withheld is not None:
        return not_yet("outliers", "what the largest do to an effect is as hidden as it"), ()
    distributions = answer.seen.distributions
    if any(each.too_many for each in distributions.values()):
        return not_yet("outliers", "a metric has too many different values to rank them"), ()
    caps = {key: cap for key, cap in caps_of(distributions).items() if cap is not None}
    if not caps:
        said = "No visitor stands out: the largest count as much as those after them."
        return Check(check="outliers", status=Status.OK, value=0.0, detail=said), ()
    again = ask(
        replace(
            question,
            metrics=tuple(each for each in question.metrics if each.key in caps),
            caps=_caps(question, caps),
            by=(),
            by_day=False,
            distributions=(),
        )
    )
    told = _both_ways(analysis, data, samples_of(again, adjusted=adjusted), caps)
    if not told:
        return not_yet("outliers", "no sum or count has an effect in both variants"), ()
    deciding = {
        each.metric.key for each in analysis.metrics if each.metric.role is not MetricRole.SECONDARY
    }
    named = sorted({each.metric for each in told if each.stands_out})
    alarming = bool(deciding.intersection(named))
    largest = max(abs(each.capped.value - each.counted.value) / each.capped.se for each in told)
    most = f"{max(FEWEST_LARGEST, _one_in_a_thousand(distributions)):,}"
    if named:
        said = (
            f"The {most} largest visitors make the difference in {listed(named)}: capped, its"
            f" effect moves by up to {largest:.1f} standard errors or reads otherwise."
        )
    else:
        said = (
            f"With the {most} largest visitors capped every effect reads as before, and moves by"
            f" at most {largest:.1f} standard errors."
        )
    status = Status.WARN if alarming else Status.OK
    return Check(check="outliers", status=status, value=largest, detail=said), told


def _caps(question: VariantSummaries, caps: Mapping[str, float]) -> tuple[Cap, ...]:
    """Put caps beside those that the plan has; the lower one of two holds."""
    planned = {each.metric: each for each in question.caps}
    return tuple(
        replace(planned[key], most=min(planned[key].most, cap))
        if key in planned
        else Cap(metric=key, most=cap)
        for key, cap in caps.items()
    )


def _both_ways(
    analysis: Analysis, data: AnalysisData, capped: Mapping[str, Any], caps: Mapping[str, float]
) -> tuple[Capped, ...]:
    plan = analysis.plan
    # The families that share an error level stay those of the plan.
    judged = judge(plan, {**data.samples, **capped})
    before = judge(plan, data.samples)
    found = []
    for metric, counted_row, capped_row in zip(plan.metrics, before, judged, strict=True):
        if metric.key not in caps:
            continue
        for treatment, one, other in zip(plan.treatments, counted_row, capped_row, strict=True):
            if not (isinstance(one, Comparison) and isinstance(other, Comparison)):
                continue
            influence = _influence(one.absolute, other.absolute)
            found.append(
                Capped(
                    metric=metric.key,
                    variant=treatment.key,
                    cap=caps[metric.key],
                    counted=one.absolute,
                    capped=other.absolute,
                    stands_out=bool(influence.stands_out[0]),
                )
            )
    return tuple(found)


def _influence(counted: Effect, capped: Effect) -> Influence:
    return compare_both_ways(_effects(counted), _effects(capped))


def _effects(effect: Effect) -> Effects:
    one = np.ones(1)
    return Effects(
        value=one * effect.value,
        se=one * effect.se,
        low=one * effect.low,
        high=one * effect.high,
        p=one * (np.nan if effect.p is None else effect.p),
        absent=np.full(1, Absence.NONE, np.uint8),
    )


def _cap(distribution: Distribution) -> float | None:
    """Give the number of the last of the largest; None where nobody stands above them."""
    if not len(distribution.values):
        return None
    largest = max(FEWEST_LARGEST, math.ceil(int(distribution.counts.sum()) / 1000))
    reached = np.cumsum(distribution.counts[::-1])
    place = int(np.searchsorted(reached, largest))
    if place >= len(reached) or place == 0:
        return None
    cap = float(distribution.values[::-1][place])
    return cap if cap > 0 else None


def _one_in_a_thousand(distributions: Mapping[str, Distribution]) -> int:
    return max(math.ceil(int(each.counts.sum()) / 1000) for each in distributions.values())


def _numbers(effect: Effect) -> dict[str, float | None]:
    return {
        "value": effect.value,
        "se": effect.se,
        "low": effect.low if math.isfinite(effect.low) else None,
        "high": effect.high if math.isfinite(effect.high) else None,
    }
