"""Whether sessions grow while the rate at which they convert falls (R115), over many surfaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from truelift.errors import Refusal
from truelift.stats.effects import Floats


WEEKS: Final = 13
"""Weekly points of a look: a quarter."""

LEAST: Final = 0.05
"""Growth of sessions, and fall of the rate, from the first week to the last that matter."""

ALPHA: Final = 0.05
"""One-sided level of each of the two slopes."""

FEWEST_ORDERS: Final = 5
"""With fewer orders in a week the logarithm of the rate is noise."""

YEAR: Final = 52
"""Weeks after which a season comes again."""

_SMOOTHED: Final = 5
"""Weeks around a week whose mean is its season."""

_MOST_ALIKE: Final = 0.9
"""A lag-1 correlation of residuals is taken for no more than this."""


class BadWeeks(Refusal):
    """Weekly numbers in which no gap can be looked for."""

    code: ClassVar[str] = "stats.bad_weeks"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The weeks cannot be judged: {reason}.", reason=reason)


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """Straight lines through logarithms.

    Attributes:
        change: From the first point to the last, in log points.
        se: Its standard error, for neighbours that are alike.
        rho: Lag-1 correlation of the residuals; never below 0.
    """

    change: Floats
    se: Floats
    rho: Floats

    def p(self, *, rises: bool) -> Floats:
        """Give the one-sided p of no rise, or of no fall."""
        from scipy.special import stdtr

        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(self.se > 0, self.change / self.se, np.sign(self.change) * np.inf)
        # A line without any slope and without any noise shows nothing.
        t = np.where((self.se == 0) & (self.change == 0), 0.0, t)
        found = stdtr(WEEKS - 2, -t if rises else t)
        return np.asarray(np.where(np.isnan(self.change), np.nan, found))


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """How far sessions and their rate go apart, for each series.

    Attributes:
        sessions: Change of ln sessions over the weeks, season taken out; NaN where not `told`.
        rate: The same of ln rate.
        sessions_p: One-sided p that sessions do not rise.
        rate_p: One-sided p that the rate does not fall.
        told: Whether every week has enough orders.
        fires: Whether it is a warning.
    """

    sessions: Floats
    rate: Floats
    sessions_p: Floats
    rate_p: Floats
    told: NDArray[np.bool_]
    fires: NDArray[np.bool_]

    @property
    def gap(self) -> Floats:
        """The gap G = Δy − Δc, in log points."""
        return np.asarray(self.sessions - self.rate)


def gaps(
    sessions: ArrayLike,
    orders: ArrayLike,
    *,
    sessions_season: ArrayLike = 1.0,
    rate_season: ArrayLike = 1.0,
) -> Gaps:
    """Say of each series of 13 weeks whether sessions rise while their rate falls.

    Args:
        sessions: Per week, the oldest first; shape (..., 13).
        orders: Of these sessions; the same shape.
        sessions_season: What each week usually has, as a factor; see `seasons`.
        rate_season: The same of the rate.

    Raises:
        BadWeeks: There are not 13 weeks, a number is negative or none, or shapes differ.

    Assumes:
        Weeks are like the week before (AR(1)), not by more than that. The standard error
        of a slope is widened by √((1+ρ)/(1−ρ)), with the ρ of its own 13 residuals, which is
        too small on average: a slope of nothing passes its 5 % about one time in ten. Two
        have to pass.

    Source:
        docs/methods/traffic-gap.md.
    """
    seen, bought = np.asarray(sessions, float), np.asarray(orders, float)
    if seen.shape != bought.shape:
        raise BadWeeks(reason="sessions and orders are not of the same weeks")
    if seen.ndim < 1 or seen.shape[-1] != WEEKS:
        raise BadWeeks(reason=f"there are not {WEEKS} of them")
    for numbers in (seen, bought):
        if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
            raise BadWeeks(reason="a number is negative or none")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        y = np.log(seen / np.asarray(sessions_season, float))
        c = np.log(bought / seen / np.asarray(rate_season, float))
    known = (bought >= FEWEST_ORDERS) & (seen > 0) & np.isfinite(y) & np.isfinite(c)
    told = np.asarray(known.all(axis=-1))
    y, c = (np.where(told[..., None], each, np.nan) for each in (y, c))
    rising, falling = slopes(y), slopes(c)
    sessions_p, rate_p = rising.p(rises=True), falling.p(rises=False)
    with np.errstate(invalid="ignore"):
        fires = (
            (rising.change >= np.log1p(LEAST))
            & (falling.change <= np.log1p(-LEAST))
            & (sessions_p < ALPHA)
            & (rate_p < ALPHA)
        )
    return Gaps(rising.change, falling.change, sessions_p, rate_p, told, np.asarray(fires))


def slopes(series: ArrayLike) -> Slopes:
    """Lay a line through each series of 13 points; NaN where a point is none."""
    y = np.asarray(series, float)
    week = np.arange(WEEKS) - (WEEKS - 1) / 2
    squares = float((week**2).sum())
    middle = y.mean(axis=-1, keepdims=True)
    slope = ((y - middle) * week).sum(axis=-1) / squares
    rest = y - middle - slope[..., None] * week
    left = (rest**2).sum(axis=-1)
    # What rounding leaves of a straight line is no noise.
    left = np.where(left <= 1e-24 * (1 + (y**2).sum(axis=-1)), 0.0, left)
    with np.errstate(divide="ignore", invalid="ignore"):
        alike = (rest[..., 1:] * rest[..., :-1]).sum(axis=-1) / left
    rho = np.clip(np.where(left > 0, alike, 0.0), 0.0, _MOST_ALIKE)
    se = np.sqrt(left / (WEEKS - 2) / squares * (1 + rho) / (1 - rho))
    span = WEEKS - 1
    return Slopes(np.asarray(slope * span), np.asarray(se * span), np.asarray(rho))


def seasons(weekly: ArrayLike) -> Floats:
    """Give what each week usually has beside a usual one, from the years before it.

    A week's season is the mean, over every whole year before it, of what the five weeks around
    it had beside the year around them. Nothing later than a week is used for it, so that a
    replay sees what was known then.

    Args:
        weekly: Numbers above 0, the oldest first; shape (..., weeks).

    Returns:
        Factors of that shape; 1 where less than two years are known before a week.
    """
    given = np.asarray(weekly, float)
    length = given.shape[-1]
    found = np.ones(given.shape)
    if length <= 2 * YEAR:
        return found
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(given > 0, np.log(given), np.nan)
    around = np.full(given.shape, np.nan)
    half = YEAR // 2
    yearly = sliding_window_view(logs, YEAR + 1, axis=-1).mean(axis=-1)
    around[..., half : length - half] = yearly
    near = np.full(given.shape, np.nan)
    side = _SMOOTHED // 2
    near[..., side : length - side] = sliding_window_view(logs, _SMOOTHED, axis=-1).mean(axis=-1)
    beside = near - around
    for week in range(2 * YEAR, length):
        # The year around a week ends half a year after it: it is known half a year later.
        before = [back for back in range(week - YEAR, half - 1, -YEAR) if back + half < week]
        if before:
            usual = beside[..., before].mean(axis=-1)
            found[..., week] = np.where(np.isfinite(usual), np.exp(usual), 1.0)
    return found


def replay(sessions: ArrayLike, orders: ArrayLike) -> Gaps:
    """Judge every 13 weeks of a longer series, as each would have been judged at its end.

    Args:
        sessions: Per week, the oldest first; shape (..., weeks).
        orders: The same shape.

    Returns:
        Of shape (..., weeks − 12): the look at index i was taken after week i + 12.

    Raises:
        BadWeeks: As for `gaps`, or there are fewer than 13 weeks.
    """
    seen, bought = np.asarray(sessions, float), np.asarray(orders, float)
    if seen.shape != bought.shape:
        raise BadWeeks(reason="sessions and orders are not of the same weeks")
    if seen.ndim < 1 or seen.shape[-1] < WEEKS:
        raise BadWeeks(reason=f"there are not {WEEKS} of them")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rate = np.where(seen > 0, bought / np.where(seen > 0, seen, 1.0), 0.0)
    return gaps(
        *(sliding_window_view(each, WEEKS, axis=-1) for each in (seen, bought)),
        sessions_season=sliding_window_view(seasons(seen), WEEKS, axis=-1),
        rate_season=sliding_window_view(seasons(rate), WEEKS, axis=-1),
    )
