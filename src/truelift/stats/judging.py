"""All comparisons of an experiment, judged together as its plan agreed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from truelift.stats.bayesian import Bayesian
from truelift.stats.comparison import (
    FIXED,
    Absent,
    Comparison,
    Estimated,
    Table,
    compared,
    estimated,
    exact_where_scarce,
)
from truelift.stats.effects import Absence, Method
from truelift.stats.known_value import KnownValue
from truelift.stats.moments import AnySummary
from truelift.stats.multiplicity import BadFamily, Correction, Family, Scope, correct
from truelift.stats.outcome import Direction
from truelift.stats.plan import AnalysisPlan, PlannedMetric, Samples
from truelift.stats.sequential import Sequential


def judge(plan: AnalysisPlan, samples: Samples) -> list[list[Comparison | Absent]]:
    """Compare every treatment with the control on every metric.

    Returns:
        A row for each metric of the plan, a column for each treatment.
    """
    table = table_of(plan, plan.metrics, samples)
    found = estimated(table)
    if isinstance(plan.method, Bayesian):
        less = [[metric.direction is Direction.DECREASE] for metric in plan.metrics]
        method = replace(plan.method, less_is_better=np.array(less))
        told = compared(found, method=method, alpha=np.full(found.absolute.shape, plan.alpha))
    else:
        told = _corrected(plan, found)
    return [
        [
            Absent(reason_of(plan, metric, nth, table[row], each))
            if isinstance(each, Absence)
            else each
            for nth, each in enumerate(told[row])
        ]
        for row, metric in enumerate(plan.metrics)
    ]


def judge_apart(
    plan: AnalysisPlan, metrics: Sequence[PlannedMetric], samples: Samples
) -> list[list[Comparison | Absent]]:
    """Compare every treatment on metrics that stand beside the plan, each at the plan's level.

    They decide nothing, so they share no error level with those that do: a metric without its
    cap, for example, beside the one with it.

    Returns:
        A row for each metric, a column for each treatment.
    """
    if not metrics:
        return []
    table = table_of(plan, metrics, samples)
    found = estimated(table)
    method = tuned(plan.method, alpha=plan.alpha)
    told = compared(found, method=method, alpha=np.full(found.absolute.shape, plan.alpha))
    return [
        [
            Absent(reason_of(plan, metric, nth, table[row], each))
            if isinstance(each, Absence)
            else each
            for nth, each in enumerate(told[row])
        ]
        for row, metric in enumerate(metrics)
    ]


def judge_pairs(
    samples: Mapping[str, AnySummary],
    *,
    method: Method = FIXED,
    correction: Correction = Correction.HOLM,
    alpha: float = 0.05,
) -> dict[tuple[str, str], Comparison | Absence]:
    """Compare every variant with every one before it, all pairs as one family.

    Args:
        samples: By variant, in the order in which they are compared.
        method: One with p-values.
        correction: Any but Dunnett's, which is for one control.
        alpha: Error level of the family.

    Returns:
        By the pair's first and second variant, the second against the first.

    Raises:
        BadFamily: The method gives no p-values, or the correction is Dunnett's.

    Source:
        docs/methods/multiplicity-holm.md.
    """
    if correction is Correction.DUNNETT:
        raise BadFamily(reason="Dunnett’s correction is for one control; take Holm for all pairs")
    method = tuned(method, alpha=alpha)
    pairs = list(itertools.combinations(samples, 2))
    found = estimated([[samples[one], samples[other]] for one, other in pairs])
    family = Family("pairwise", np.ones((len(pairs), 1), dtype=bool), correction, alpha)
    corrected = correct(
        found.absolute,
        method=exact_where_scarce(found, method),
        scope=Scope((family,)),
        alpha=alpha,
    )
    told = compared(
        found, method=method, alpha=corrected.alpha, p=corrected.p, finding=corrected.found
    )
    return {pair: row[0] for pair, row in zip(pairs, told, strict=True)}


def _corrected(plan: AnalysisPlan, found: Estimated) -> list[list[Comparison | Absence]]:
    """Judge by a method with p-values, corrected within each family of comparisons."""
    method = tuned(plan.method, alpha=plan.alpha)
    # Dunnett's correction asks for the fixed horizon as it is: it takes each t as a normal value.
    dunnett = plan.correction is Correction.DUNNETT
    corrected = correct(
        found.absolute,
        method=method if dunnett else exact_where_scarce(found, method),
        scope=Scope.usual(
            [metric.role for metric in plan.metrics],
            treatments=len(plan.treatments),
            correction=plan.correction,
            alpha=plan.alpha,
        ),
        alpha=plan.alpha,
        control_se=found.control_se,
    )
    return compared(
        found,
        method=method,
        alpha=corrected.alpha,
        p=corrected.p,
        finding=corrected.found,
    )


def tuned(method: Method, *, alpha: float) -> Method:
    """Fix what a sequential method is tuned for: levels may follow from the data, it may not."""
    if isinstance(method, Sequential) and method.tuning_alpha is None:
        return replace(method, tuning_alpha=alpha)
    return method


def table_of(plan: AnalysisPlan, metrics: Sequence[PlannedMetric], samples: Samples) -> Table:
    """Give the samples of metrics in the order of the plan's variants, the control first."""
    keys = [plan.control.key, *(each.key for each in plan.treatments)]
    return [[samples.get(metric.key, {}).get(key) for key in keys] for metric in metrics]


def reason_of(
    plan: AnalysisPlan,
    metric: PlannedMetric,
    treatment: int,
    samples: Sequence[object],
    absence: Absence,
) -> str:
    """Say why there is no comparison, as a sentence about this metric."""
    for key, at in ((plan.control.key, 0), (plan.treatments[treatment].key, 1 + treatment)):
        sample = samples[at]
        if sample is None:
            return f"No unit of {key} has been counted for {metric.key}."
        if isinstance(sample, KnownValue) and sample.absent:
            return f"{metric.key} of {key}: {sample.absent.reason}."
    return f"{metric.key}: {absence.reason}."
