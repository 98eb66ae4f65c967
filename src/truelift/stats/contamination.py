"""What the numbers can say of a test that was running when something else changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from truelift.stats.effects import BadAlpha, Counts, Effects, Estimates, Floats, Method
from truelift.stats.heterogeneity import BadEffects, Heterogeneity, heterogeneity


class Adjudication(StrEnum):
    """What people found the change to be.

    `FATAL`: it changed what users saw on the tested surface. `SUSPECT`: nobody knows, or it
    was upstream. `SUSPECT_EQUAL`: the same, and both variants got it alike. `BENIGN`: reviewed
    by two functions, nothing visible.
    """

    FATAL = "fatal"
    SUSPECT = "suspect"
    SUSPECT_EQUAL = "suspect_equal"
    BENIGN = "benign"


@dataclass(frozen=True, slots=True, eq=False)
class SplitByChange:
    """The effect in the periods between changes; the last axis of what came in is the periods.

    Attributes:
        periods: The effect in each period.
        test: Whether they differ.
        share_after: Units after the first change, of all; shape S.
        power: Chance to notice that the effect worth knowing was erased by the change; low
            power is why no difference found is no clearance. NaN where none was named.
        stratified: The effect over all periods, each by its own noise; None where the change
            was not found to be harmless enough for one effect to exist.
    """

    periods: Effects
    test: Heterogeneity
    share_after: Floats
    power: Floats
    stratified: Effects | None

    def sentence(self, where: tuple[int, ...] = (), *, alpha: float = 0.05) -> str:
        """Say what may be read from one comparison."""
        p = float(self.test.p[where])
        after = f"{float(self.share_after[where]):.0%} of the units came after the change"
        if np.isnan(p):
            return f"{after}; there are not enough in both periods to compare the effect."
        if p < alpha:
            return f"{after}, and the effect is another one since (p = {p:.2g})."
        power = float(self.power[where])
        seen = "" if np.isnan(power) else f" (an erased effect is noticed in {power:.0%} of cases)"
        return f"{after}; no difference was found{seen}, which does not clear the test."


def split_by_change(
    periods: Estimates,
    *,
    method: Method,
    verdict: Adjudication,
    worth: ArrayLike = np.nan,
    alpha: float = 0.05,
) -> SplitByChange:
    """Compare a test's effect before and after changes, and give one effect only if allowed.

    Args:
        periods: Effects of shape S + (periods,), of units by the period of their first
            exposure; on the scale of logarithms, where a change of level leaves them alone.
        method: How each is judged.
        verdict: What people found the change to be: numbers alone never clear a test.
        worth: An effect worth knowing, on the same scale, broadcast to S.
        alpha: Error level.

    Raises:
        BadEffects: There are fewer than two periods, or an error is none.
        BadAlpha: `alpha` is not between 0 and 1.

    Source:
        Cochran (1954), Biometrics 10, 101-129; docs/methods/contamination-split.md.
    """
    from scipy.special import ndtr, ndtri

    if not 0 < alpha < 1:
        raise BadAlpha(alpha=alpha)
    if not periods.shape or periods.shape[-1] < 2:
        raise BadEffects(reason="a change parts a test into two periods or more")
    test = heterogeneity(periods.value, periods.se)
    units: Counts = periods.n.sum(axis=-1)
    after = units - periods.n[..., 0]
    share = np.divide(after, units, out=np.zeros(units.shape), where=units > 0)
    size = np.broadcast_to(np.asarray(worth, float), test.q.shape)
    # The effect before, against none in all that came after.
    first = periods.se[..., 0]
    rest = heterogeneity(periods.value[..., 1:], periods.se[..., 1:]).common_se
    with np.errstate(invalid="ignore"):
        moved = np.abs(size) / np.hypot(first, rest)
        reach = -ndtri(alpha / 2)
        power = ndtr(moved - reach) + ndtr(-moved - reach)
    stratified = None
    if verdict in (Adjudication.BENIGN, Adjudication.SUSPECT_EQUAL):
        known = ~np.isnan(test.common)
        missing = periods.absent.min(axis=-1)
        stratified = method.judge(
            Estimates(
                value=test.common,
                se=test.common_se,
                df=np.where(known, np.nansum(periods.df, axis=-1), np.nan),
                n=units,
                absent=np.where(known, np.uint8(0), missing.astype(np.uint8)),
            ),
            alpha=alpha,
        )
    return SplitByChange(
        periods=method.judge(periods, alpha=alpha),
        test=test,
        share_after=share,
        power=np.asarray(power),
        stratified=stratified,
    )


def clean_part_suffices(*, clean_units: int, planned_units: int) -> bool:
    """Say whether the units before a change are as many as were planned.

    Then the test may be decided by them alone; otherwise it is run again.

    Source:
        docs/methods/contamination-split.md.
    """
    return clean_units >= planned_units > 0
