"""All comparisons of an experiment, judged together as its plan agreed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from truelift.stats.bayesian import Bayesian
from truelift.stats.comparison import (
    Absent,
    Comparison,
    Estimated,
    Table,
    compared,
    estimated,
    exact_where_scarce,
)
from truelift.stats.effects import Absence
from truelift.stats.multiplicity import Correction, Scope, correct
from truelift.stats.outcome import Direction
from truelift.stats.plan import AnalysisPlan, PlannedMetric, Samples


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


def _corrected(plan: AnalysisPlan, found: Estimated) -> list[list[Comparison | Absence]]:
    """Judge by a method with p-values, corrected within each family of comparisons."""
    # Dunnett's correction asks for the fixed horizon as it is: it takes each t as a normal value.
    dunnett = plan.correction is Correction.DUNNETT
    corrected = correct(
        found.absolute,
        method=plan.method if dunnett else exact_where_scarce(found, plan.method),
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
        method=plan.method,
        alpha=corrected.alpha,
        p=corrected.p,
        finding=corrected.found,
    )


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
        if samples[at] is None:
            return f"No unit of {key} has been counted for {metric.key}."
    return f"{metric.key}: {absence.reason}."
