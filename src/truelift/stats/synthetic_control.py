"""A mix of control series that followed the treated one before, and what it did after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from truelift.stats.effects import Floats
from truelift.stats.programme import at_least
from truelift.stats.quasi import (
    ASSUMPTIONS,
    PLACEBO_FAIL,
    BadSeries,
    Observed,
    Placebo,
    PlaceboKind,
    QuasiDesign,
    check_change,
    series_of,
    share,
)


FEWEST_BEFORE: Final = 8
FEWEST_AFTER: Final = 1
FEWEST_DONORS: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Synthetic:
    """A treated series beside its mix.

    Attributes:
        effect: The mean effect since the change, with its assumptions and placebos.
        weights: Of the control series; at least 0, together 1.
        mix: What would have been; shape (t,), in the metric's unit.
        miss: Root of the mean squared distance before the change, in the unit of the effect
            (logarithms where it is a share).
        ratio: That of after by that of before.
        ratios: The same for each control series, as if the change had come to it; empty where
            there are only two.
        rank: Place of the treated series among all of them, 1 the most extreme.
        rank_p: That place by their number: with few control series it cannot be small.
    """

    effect: Observed
    weights: Floats
    mix: Floats
    miss: float
    ratio: float
    ratios: tuple[float, ...]
    rank: int
    rank_p: float


def synthetic_control(
    treated: ArrayLike,
    controls: ArrayLike,
    *,
    change: int,
    relative: bool = False,
    level: bool = False,
    alpha: float = 0.05,
) -> Synthetic:
    """Mix control series into one that followed the treated one, and compare them since.

    The interval is that of all constant effects which moving-block permutation of the
    distances does not reject; its p-value tests no effect in the same way.

    Args:
        treated: The metric in each interval; shape (t,).
        controls: Control series; shape (c, t), at least two.
        change: Index of the first interval with the change.
        relative: Effects are shares: the series are taken by their logarithms.
        level: Let the mix stand off by a constant, for a treated series that is larger or
            smaller than all others.
        alpha: Error level of the interval.

    Raises:
        BadSeries: Lengths differ, a value is none, or fewer than two control series.
        SeriesTooShort: Fewer than eight intervals before the change, or none after.
        BadAlpha: `alpha` is not between 0 and 1.

    Assumes:
        See `ASSUMPTIONS`; they go with the result.

    Source:
        Abadie, Diamond & Hainmueller (2010), JASA 105, 493-505; Chernozhukov, Wuethrich & Zhu
        (2021), JASA 116, 1849-1864; docs/methods/synthetic-control.md.
    """
    y = series_of(treated, name="the treated series", relative=relative)
    donors = series_of(controls, name="a control series", relative=relative)
    if y.ndim != 1 or donors.ndim != 2 or donors.shape[-1] != len(y):
        raise BadSeries(reason="one treated series and rows of control series of its length")
    if len(donors) < FEWEST_DONORS:
        raise BadSeries(reason=f"{len(donors)} control series are no mix; it takes two")
    check_change(len(y), change, alpha=alpha, before=FEWEST_BEFORE, after=FEWEST_AFTER)
    weights, gap = _fit(y, donors, change, level=level)
    value = float(gap[change:].mean())
    ratio = _ratio(gap, change)
    others = _others(donors)
    ratios = tuple(
        _ratio(_fit(each, rest, change, level=level)[1], change) for each, rest in others
    )
    rank = 1 + sum(each >= ratio for each in ratios)
    p = _conformal_p(y, donors, change, effect=0.0, level=level)
    low, high = _interval(y, donors, change, value=value, level=level, alpha=alpha)
    tell = share if relative else float
    return Synthetic(
        effect=Observed(
            design=QuasiDesign.SYNTHETIC_CONTROL,
            value=tell(value),
            se=None,
            low=None if low is None else tell(low),
            high=None if high is None else tell(high),
            p=p,
            relative=relative,
            alpha=alpha,
            assumptions=ASSUMPTIONS[QuasiDesign.SYNTHETIC_CONTROL],
            placebos=_placebos(y, donors, change, level=level, relative=relative),
        ),
        weights=weights,
        mix=np.asarray(np.exp(y - gap)) if relative else y - gap,
        miss=_miss(gap[:change]),
        ratio=ratio,
        ratios=ratios,
        rank=rank,
        rank_p=rank / (len(ratios) + 1),
    )


def simplex_weights(target: Floats, columns: Floats) -> Floats:
    """Give weights, at least 0 and together 1, whose mix of columns is nearest to a target.

    It is the point of a convex hull that is nearest to the origin. Wolfe's method finds it
    in finitely many steps: a few columns at a time, each time solved exactly.

    Args:
        target: Shape (n,).
        columns: Shape (n, c).

    Source:
        Wolfe (1976), Mathematical Programming 11, 128-149.
    """
    points = columns - target[:, None]
    scale = float(np.abs(points).max()) or 1.0
    points = points / scale
    norms = (points**2).sum(axis=0)
    active = [int(np.argmin(norms))]
    weights = np.zeros(points.shape[1])
    weights[active[0]] = 1.0
    for _ in range(_MOST_STEPS):
        nearest = points @ weights
        along = nearest @ points
        best = int(np.argmin(along))
        if along[best] >= nearest @ nearest - _TOLERANCE * max(1.0, norms.max()) or best in active:
            break
        active.append(best)
        while True:
            target_weights = _affine(points[:, active])
            if (target_weights > _TOLERANCE).all():
                weights[:] = 0.0
                weights[active] = target_weights
                break
            # Go towards the affine solution until the first weight is used up.
            now = weights[active]
            falling = target_weights <= _TOLERANCE
            steps = now[falling] / np.maximum(now[falling] - target_weights[falling], _TOLERANCE)
            step = min(1.0, float(steps.min()))
            moved = now + step * (target_weights - now)
            weights[:] = 0.0
            weights[active] = np.where(moved > _TOLERANCE, moved, 0.0)
            active = [i for i in active if weights[i] > 0]
            weights /= weights.sum()
    return np.asarray(weights / weights.sum())


def _affine(points: Floats) -> Floats:
    """Give the weights, together 1, of the point nearest to the origin of an affine hull."""
    k = points.shape[1]
    system = np.zeros((k + 1, k + 1))
    system[0, 1:] = system[1:, 0] = 1.0
    system[1:, 1:] = points.T @ points
    right = np.zeros(k + 1)
    right[0] = 1.0
    return np.asarray(np.linalg.lstsq(system, right, rcond=None)[0][1:], dtype=float)


def _fit(y: Floats, donors: Floats, until: int, *, level: bool) -> tuple[Floats, Floats]:
    """Fit the mix on the first intervals; give its weights and the distance in all of them."""
    if level:
        y = y - y[:until].mean()
        donors = donors - donors[:, :until].mean(axis=1, keepdims=True)
    weights = simplex_weights(y[:until], donors[:, :until].T)
    return weights, y - weights @ donors


def _miss(gap: Floats) -> float:
    return float(np.sqrt((gap**2).mean()))


def _ratio(gap: Floats, change: int) -> float:
    """Give the distance after by that before; a perfect fit before counts as one of rounding."""
    before = max(_miss(gap[:change]), 1e-12 * float(np.abs(gap).max() or 1.0))
    return _miss(gap[change:]) / before


def _others(donors: Floats) -> list[tuple[Floats, Floats]]:
    """Give each control series with the rest of them; a mix takes two."""
    if len(donors) <= FEWEST_DONORS:
        return []
    return [(donors[i], np.delete(donors, i, axis=0)) for i in range(len(donors))]


def _placebos(
    y: Floats, donors: Floats, change: int, *, level: bool, relative: bool
) -> tuple[Placebo, ...]:
    made = []
    pretended = max(FEWEST_BEFORE, change // 2)
    if change - pretended >= _FEWEST_PRETENDED:
        _, gap = _fit(y[:change], donors[:, :change], pretended, level=level)
        p = _conformal_p(y[:change], donors[:, :change], pretended, effect=0.0, level=level)
        value = float(gap[pretended:].mean())
        made.append(Placebo(PlaceboKind.IN_TIME, share(value) if relative else value, p))
    others = _others(donors)
    if others and len(y) * PLACEBO_FAIL >= 1:
        shown = sum(
            _conformal_p(each, rest, change, effect=0.0, level=level) <= PLACEBO_FAIL
            for each, rest in others
        )
        chance = at_least(shown, np.full(len(others), PLACEBO_FAIL))
        made.append(Placebo(PlaceboKind.IN_SPACE, shown / len(others), chance))
    return tuple(made)


def _conformal_p(y: Floats, donors: Floats, change: int, *, effect: float, level: bool) -> float:
    """Give the share of cyclic shifts whose last distances are at least as large.

    The mix is fitted to all intervals with the supposed effect taken away: under it the
    distances of before and after are of one kind, and shifts keep how neighbours are alike.
    """
    supposed = y - effect * (np.arange(len(y)) >= change)
    _, gap = _fit(supposed, donors, len(y), level=level)
    size = np.abs(gap)
    after = len(y) - change
    sums = np.concatenate([[0.0], np.cumsum(np.concatenate([size, size[: after - 1]]))])
    windows = sums[after:] - sums[:-after]
    # The window after the change starts there; ties by rounding count as equal.
    return float((windows >= windows[change] * (1 - 1e-9)).mean())


def _interval(
    y: Floats, donors: Floats, change: int, *, value: float, level: bool, alpha: float
) -> tuple[float | None, float | None]:
    """Give the ends of the constant effects that are not rejected, outwards from the estimate."""
    if 1 / len(y) > alpha:
        return None, None
    _, gap = _fit(y - value * (np.arange(len(y)) >= change), donors, len(y), level=level)
    start = _miss(gap) or abs(value) * 1e-9
    if start == 0:
        return value, value

    def rejected(effect: float) -> bool:
        return _conformal_p(y, donors, change, effect=effect, level=level) <= alpha

    def end(direction: int) -> float | None:
        kept, step = value, start
        for _ in range(_MOST_WIDENINGS):
            if rejected(value + direction * step):
                break
            kept, step = value + direction * step, step * 2
        else:
            return None
        outside = value + direction * step
        for _ in range(_HALVINGS):
            middle = (kept + outside) / 2
            kept, outside = (kept, middle) if rejected(middle) else (middle, outside)
        return outside

    return end(-1), end(1)


_MOST_STEPS: Final = 2_000
_MOST_WIDENINGS: Final = 12
_HALVINGS: Final = 9
_FEWEST_PRETENDED: Final = 4
_TOLERANCE: Final = 1e-12
