"""One series and the moment at which something changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from truelift.stats.effects import Floats
from truelift.stats.quasi import (
    BadSeries,
    Observed,
    Placebo,
    PlaceboKind,
    QuasiDesign,
    Told,
    check_change,
    observed,
    regress,
    series_of,
    share,
    told,
)


FEWEST_BEFORE: Final = 8
FEWEST_AFTER: Final = 4


@dataclass(frozen=True, slots=True)
class Interrupted:
    """What a series did at and after a change.

    Attributes:
        effect: The mean effect since the change, with its assumptions and placebo.
        level: The jump at the change.
        slope: By how much the trend is another one since, per interval.
    """

    effect: Observed
    level: Told
    slope: Told


def interrupted_series(
    series: ArrayLike,
    *,
    change: int,
    season: int = 1,
    controls: ArrayLike | None = None,
    relative: bool = False,
    alpha: float = 0.05,
) -> Interrupted:
    """Continue level and trend from before a change, and say how far off the series is since.

    Args:
        series: The metric in each interval; shape (t,).
        change: Index of the first interval with the change.
        season: Length of a season in intervals (7 for days); 1 for none.
        controls: Series that it did not reach, taken as regressors; shape (c, t) or (t,).
        relative: Effects are shares: the series are taken by their logarithms.
        alpha: Error level of the intervals.

    Raises:
        BadSeries: Lengths differ, a value is none, or a regressor follows from the others.
        SeriesTooShort: Fewer than eight intervals before (and two seasons), or four after.
        BadAlpha: `alpha` is not between 0 and 1.

    Assumes:
        See `ASSUMPTIONS`; they go with the result.

    Source:
        Wagner, Soumerai, Zhang & Ross-Degnan (2002), J. Clinical Pharmacy and Therapeutics 27,
        299-309; docs/methods/interrupted-time-series.md.
    """
    y = series_of(series, name="the series", relative=relative)
    if y.ndim != 1:
        raise BadSeries(reason="it is not one series")
    beside = np.zeros((0, len(y)))
    if controls is not None:
        beside = np.atleast_2d(series_of(controls, name="a control series", relative=relative))
    if beside.shape[-1] != len(y):
        raise BadSeries(reason=f"{len(y)} intervals stand beside {beside.shape[-1]}")
    if season < 1:
        raise BadSeries(reason=f"a season has {season} intervals")
    extra = season - 1 + len(beside)
    needs = max(FEWEST_BEFORE + extra, 2 * season if season > 1 else 0)
    check_change(len(y), change, alpha=alpha, before=needs, after=FEWEST_AFTER)
    average, level, slope = _segments(y, beside, change, season=season, alpha=alpha)
    placebos: tuple[Placebo, ...] = ()
    # A season and a trend must be told from the first part alone.
    pretended = max(needs, change // 2)
    if change - pretended >= FEWEST_AFTER:
        before, *_ = _segments(
            y[:change], beside[:, :change], pretended, season=season, alpha=alpha
        )
        placebos = (
            Placebo(
                PlaceboKind.IN_TIME,
                share(before.value) if relative else before.value,
                before.p,
            ),
        )
    effect = observed(
        average,
        QuasiDesign.INTERRUPTED_SERIES,
        relative=relative,
        alpha=alpha,
        placebos=placebos,
    )
    return Interrupted(effect, level, slope)


def _segments(
    y: Floats, beside: Floats, change: int, *, season: int, alpha: float
) -> tuple[Told, Told, Told]:
    """Fit two lines that may jump and bend at the change; give mean effect, jump and bend."""
    n = len(y)
    day = np.arange(n)
    since = (day >= change).astype(float)
    columns = [np.ones(n), (day - change) / n, since, since * (day - change)]
    columns += [(day % season == phase).astype(float) for phase in range(1, season)]
    # By their size: a control that moves by billionths is a control all the same.
    apart = beside - beside.mean(axis=-1, keepdims=True)
    size = np.abs(apart).max(axis=-1, keepdims=True, initial=0.0)
    columns += list(np.divide(apart, size, out=np.zeros(apart.shape), where=size > 0))
    fit = regress(np.column_stack(columns), y)
    rest = np.zeros(len(columns) - 4)
    mean_day = (n - change - 1) / 2
    return (
        told(fit, [0, 0, 1, mean_day, *rest], alpha=alpha),
        told(fit, [0, 0, 1, 0, *rest], alpha=alpha),
        told(fit, [0, 0, 0, 1, *rest], alpha=alpha),
    )
