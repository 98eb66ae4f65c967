"""How the primary metric's effect settled: the lift over all units exposed until each day."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from truelift.stats.comparison import moments_of_table
from truelift.stats.effects import Method
from truelift.stats.estimating import differences
from truelift.stats.judging import table_of
from truelift.stats.moments import Moments
from truelift.stats.plan import AnalysisPlan, Samples
from truelift.stats.scales import Scale


@dataclass(frozen=True, slots=True)
class EffectUntil:
    """The lift of one treatment over all units first exposed until a day, that day included.

    Attributes:
        day: ISO date.
        units: Of both variants.
        value: The lift; None where there is none yet.
        low: Lower end of its interval.
        high: Upper end.
    """

    day: str
    units: int
    value: float | None
    low: float | None
    high: float | None


def effects_over_time(
    plan: AnalysisPlan, days: Mapping[str, Samples], *, method: Method | None = None
) -> dict[str, tuple[EffectUntil, ...]]:
    """Follow the lift of every treatment on the primary metric from day to day.

    Args:
        plan: What was agreed beforehand.
        days: By day of first exposure, in order, the samples of the units exposed on it.
        method: How each day is judged; None: as planned. Intervals of a fixed horizon hold at
            one of the days, not at all of them.

    Returns:
        By treatment, a point a day; empty where no day has a sample of either variant, and for
        a metric whose days do not add up, such as a quantile.
    """
    if not plan.primary.kind.adds_up:
        return {}
    judged_by = method or plan.method
    table = [table_of(plan, [plan.primary], samples)[0] for samples in days.values()]
    if not any(each is not None for samples in table for each in samples):
        return {}
    arms = _running(moments_of_table(table))
    estimates = differences(arms[:, :1], arms[:, 1:], scale=Scale.RELATIVE)
    effects = judged_by.judge(estimates, alpha=plan.alpha)
    return {
        treatment.key: tuple(
            EffectUntil(
                day=day,
                units=int(estimates.n[nth, column]),
                value=_number(effects.value[nth, column]),
                low=_number(effects.low[nth, column]),
                high=_number(effects.high[nth, column]),
            )
            for nth, day in enumerate(days)
        )
        for column, treatment in enumerate(plan.treatments)
    }


def _running(samples: Moments) -> Moments:
    """Pool each day with all before it; the first axis is the days."""
    parts = list(itertools.accumulate(samples[nth] for nth in range(samples.shape[0])))
    return Moments(
        samples.form,
        np.stack([part.n for part in parts]),
        np.stack([part.means for part in parts]),
        np.stack([part.products for part in parts]),
    )


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
