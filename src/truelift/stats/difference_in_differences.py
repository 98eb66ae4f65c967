"""Before and after a change, beside series that it did not reach."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from truelift.stats.effects import Floats
from truelift.stats.quasi import (
    PLACEBO_FAIL,
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


class SeriesErrors(StrEnum):
    """How neighbouring intervals being alike is allowed for.

    `BLOCKS` takes means of whole weeks (or other blocks) as independent: fewer numbers, fewer
    assumptions. `NEWEY_WEST` estimates how alike neighbours are, for series too short for
    blocks; it errs somewhat more often than it says.
    """

    BLOCKS = "blocks"
    NEWEY_WEST = "newey-west"


FEWEST_INTERVALS: Final = 4
"""Before as well as after; in blocks: of blocks."""


def difference_in_differences(
    treated: ArrayLike,
    controls: ArrayLike,
    *,
    change: int,
    relative: bool = False,
    errors: SeriesErrors = SeriesErrors.BLOCKS,
    block: int = 7,
    alpha: float = 0.05,
) -> Observed:
    """Take what the control series did from what the treated one did.

    Args:
        treated: The metric in each interval; shape (t,), or (u, t) for several treated series,
            whose mean is taken.
        controls: Control series; shape (c, t) or (t,).
        change: Index of the first interval with the change.
        relative: Effects are shares: the series are taken by their logarithms, and what would
            have moved in proportion is what is taken away.
        errors: How neighbouring intervals being alike is allowed for.
        block: Intervals in a block; for errors by blocks.
        alpha: Error level of the interval.

    Raises:
        BadSeries: Lengths differ, or a value is none.
        SeriesTooShort: Fewer than four intervals (or blocks) before or after.
        BadAlpha: `alpha` is not between 0 and 1.

    Assumes:
        See `ASSUMPTIONS`; they go with the result.

    Source:
        Bertrand, Duflo & Mullainathan (2004), QJE 119, 249-275;
        docs/methods/difference-in-differences.md.
    """
    gap = np.atleast_2d(series_of(treated, name="the treated series", relative=relative)).mean(0)
    others = np.atleast_2d(series_of(controls, name="a control series", relative=relative))
    if others.shape[-1] != len(gap):
        raise BadSeries(reason=f"{len(gap)} intervals stand beside {others.shape[-1]}")
    gap = gap - others.mean(axis=0)
    if errors is SeriesErrors.BLOCKS:
        if block < 1:
            raise BadSeries(reason=f"a block has {block} intervals")
        gap, change = _in_blocks(gap, change=change, block=block)
    check_change(len(gap), change, alpha=alpha, before=FEWEST_INTERVALS, after=FEWEST_INTERVALS)
    blocks = errors is SeriesErrors.BLOCKS
    found = _step(gap, change, independent=blocks, alpha=alpha)
    return observed(
        found,
        QuasiDesign.DIFFERENCE_IN_DIFFERENCES,
        relative=relative,
        alpha=alpha,
        placebos=_placebos(gap[:change], independent=blocks, relative=relative),
    )


def _step(gap: Floats, change: int, *, independent: bool, alpha: float) -> Told:
    """Judge by how much the mean is another one since the change."""
    since = (np.arange(len(gap)) >= change).astype(float)
    design = np.column_stack([np.ones(len(gap)), since])
    return told(regress(design, gap, independent=independent), [0, 1], alpha=alpha)


def _placebos(before: Floats, *, independent: bool, relative: bool) -> tuple[Placebo, ...]:
    """Look whether the two moved apart before, and pretend that the change came half-way."""
    n = len(before)
    if n < FEWEST_INTERVALS + 1:
        return ()
    tell = share if relative else float
    day = np.arange(n, dtype=float)
    design = np.column_stack([np.ones(n), day - day.mean()])
    trend = told(regress(design, before, independent=independent), [0, 1], alpha=PLACEBO_FAIL)
    made = [Placebo(PlaceboKind.TREND, tell(trend.value), trend.p)]
    if n >= 2 * FEWEST_INTERVALS:
        half = _step(before, n // 2, independent=independent, alpha=PLACEBO_FAIL)
        made.append(Placebo(PlaceboKind.IN_TIME, tell(half.value), half.p))
    return tuple(made)


def _in_blocks(gap: Floats, *, change: int, block: int) -> tuple[Floats, int]:
    """Take means of whole blocks, counted away from the change; what is left over is dropped."""
    if not 0 < change < len(gap):
        return gap[:0], 0
    before, after = change // block, (len(gap) - change) // block
    start, end = change - before * block, change + after * block
    return gap[start:end].reshape(-1, block).mean(axis=1), before
