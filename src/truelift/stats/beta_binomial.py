"""Two shares of few successes: what is believed about their difference, without approximation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truelift.errors import Refusal
from truelift.stats.bayesian import BadPrior, Belief
from truelift.stats.effects import BadAlpha, Counts, Floats
from truelift.stats.solving import where_chance_is


@dataclass(frozen=True, slots=True)
class BetaPrior:
    """What a share is believed to be before the data: Beta, the same for every arm.

    Attributes:
        successes: Successes it counts as, above 0.
        failures: Failures it counts as, above 0.

    Raises:
        BadPrior: One of them is not a number above 0.
    """

    successes: float = 1.0
    failures: float = 1.0

    def __post_init__(self) -> None:
        for word, worth in (("successes", self.successes), ("failures", self.failures)):
            if not 0 < worth < np.inf:
                raise BadPrior(reason=f"it counts as {worth:g} {word}, and needs more than 0")


class BadCounts(Refusal):
    """Successes that units cannot have had."""

    code: ClassVar[str] = "stats.bad_counts"

    def __init__(self, *, successes: int, n: int) -> None:
        super().__init__(
            f"{successes} successes of {n} units cannot be: give 0 to n successes of up to 10^15.",
            successes=successes,
            n=n,
        )


def believe_shares(
    *,
    control_successes: Counts,
    control_n: Counts,
    successes: Counts,
    n: Counts,
    prior: BetaPrior = BetaPrior(),
    alpha: ArrayLike = 0.05,
    relative: bool = False,
    less_is_better: ArrayLike = False,
) -> Belief:
    """Compare two shares however few successes there are, also none.

    Each arm's share is believed to be Beta distributed; the difference of both has no closed
    form, and is integrated to about ten digits.

    Args:
        control_successes: Units of the control with a success; shapes are broadcast.
        control_n: Units of the control.
        successes: Units of the treatment with a success.
        n: Units of the treatment.
        prior: Of both arms.
        alpha: Share left out of each interval, half on each side.
        relative: Tell the lift, a share of the control's: the interval is that of the lift
            and `value` its median, because its mean need not exist; `sd` is NaN. The losses
            remain those of the shares.
        less_is_better: Whether fewer successes are better.

    Raises:
        BadCounts: Successes are below 0 or above n.
        BadAlpha: A level is not between 0 and 1.

    Source:
        Beta-binomial conjugacy: Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., 2.4;
        the closed sums it is tested against: Miller (2015), Formulas for Bayesian A/B testing;
        docs/methods/beta-binomial.md.
    """
    level = np.asarray(alpha, dtype=float)
    wrong = ~((level > 0) & (level < 1))
    if wrong.any():
        raise BadAlpha(alpha=float(level[wrong].flat[0]))
    shape = np.broadcast_shapes(
        np.shape(control_successes),
        np.shape(control_n),
        np.shape(successes),
        np.shape(n),
        level.shape,
        np.shape(less_is_better),
    )
    counts = [
        np.broadcast_to(np.asarray(given, dtype=float), shape).ravel()
        for given in (control_successes, control_n, successes, n)
    ]
    for had, units in (counts[:2], counts[2:]):
        bad = ~((had >= 0) & (had <= units) & (units <= _MOST))
        if bad.any():
            raise BadCounts(successes=int(had[bad][0]), n=int(units[bad][0]))
    control = _Beta(counts[0] + prior.successes, counts[1] - counts[0] + prior.failures)
    treatment = _Beta(counts[2] + prior.successes, counts[3] - counts[2] + prior.failures)
    level = np.broadcast_to(level, shape).ravel()
    fewer = np.broadcast_to(np.asarray(less_is_better, dtype=bool), shape).ravel()
    pair = _Pair.of(control, treatment)
    wins, lost_by_treatment, lost_by_control = pair.compared()
    if relative:
        value = _lift_at(0.5, pair, control, treatment)
        sd = np.full(level.shape, np.nan)
        low, high = (_lift_at(q, pair, control, treatment) for q in (level / 2, 1 - level / 2))
    else:
        value = treatment.mean - control.mean
        sd = np.sqrt(treatment.variance + control.variance)
        low, high = (_gap_at(q, pair, value, sd) for q in (level / 2, 1 - level / 2))
    return Belief(
        value=value.reshape(shape),
        sd=sd.reshape(shape),
        low=low.reshape(shape),
        high=high.reshape(shape),
        chance_to_win=np.where(fewer, 1 - wins, wins).reshape(shape),
        loss_if_treatment=np.where(fewer, lost_by_control, lost_by_treatment).reshape(shape),
        loss_if_control=np.where(fewer, lost_by_treatment, lost_by_control).reshape(shape),
        absent=np.zeros(shape, dtype=np.uint8),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Beta:
    """Beta distributions, one per comparison."""

    a: Floats
    b: Floats

    @property
    def mean(self) -> Floats:
        return self.a / (self.a + self.b)

    @property
    def variance(self) -> Floats:
        both = self.a + self.b
        return self.a / both * (self.b / both) / (both + 1)

    def window(self) -> tuple[Floats, Floats]:
        """Give where all but some 1e-17 of it begins, and how far from 1 that ends."""
        from scipy.special import betaincinv

        low, left = betaincinv(self.a, self.b, _OUTSIDE), betaincinv(self.b, self.a, _OUTSIDE)
        return np.maximum(low, 1e-300), np.maximum(left, 1e-300)

    def below(self, x: Floats, rest: Floats) -> Floats:
        """Give the chance of less than `x`; `rest` is 1 - x with the digits that x has lost."""
        from scipy.special import betainc

        a, b = (np.expand_dims(it, tuple(range(1, x.ndim))) for it in (self.a, self.b))
        near = x < 0.5
        lower = betainc(np.where(near, a, b), np.where(near, b, a), np.where(near, x, rest))
        return np.asarray(np.where(near, lower, 1 - lower))

    def above(self, x: Floats, rest: Floats) -> Floats:
        """Give the chance of more than `x`."""
        return _Beta(self.b, self.a).below(rest, x)

    def weighted(self) -> _Beta:
        """Give the distribution weighted by its value, which means over a part of it need."""
        return _Beta(self.a + 1, self.b)

    def density(self, theta: Floats) -> Floats:
        """Give the logarithm of the density of the log-odds, but for a constant."""
        a, b = self.a[:, None], self.b[:, None]
        return np.asarray(-a * np.logaddexp(0, -theta) - b * np.logaddexp(0, theta))

    def spread_out(self) -> tuple[Floats, Floats]:
        """Give log-odds over the whole window, and the probability of each."""
        low, left = self.window()
        begin, end = np.log(low) - np.log1p(-low), np.log1p(-left) - np.log(left)
        theta = begin[:, None] + (end - begin)[:, None] * np.linspace(0, 1, _STEPS + 1)
        log = self.density(theta)
        weight = np.exp(log - log.max(axis=1, keepdims=True))
        return theta, weight / weight.sum(axis=1, keepdims=True)


_MOST: Final = 1e15
"""Beyond this a count is no whole number any more once it is divided."""

_OUTSIDE: Final = 1e-17

_STEPS: Final = 192
"""The trapezoid rule on a smooth bump over some 17 deviations has all digits with 40 steps."""

_END: Final = 40.0
"""Log-odds at which a part of the line ends: e to the -40 is nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """Both arms, the narrower one first: over its bump the other's distribution is smooth.

    Attributes:
        narrow: The arm that is integrated over.
        wide: The other.
        over_control: Whether the narrow one is the control.
        first: Where all but nothing of the narrow one begins.
        left: How far from 1 that ends.
        total: Logarithm of what its density of log-odds integrates to.
    """

    narrow: _Beta
    wide: _Beta
    over_control: NDArray[np.bool_]
    first: Floats
    left: Floats
    total: Floats

    @classmethod
    def of(cls, control: _Beta, treatment: _Beta) -> Self:
        def width(arm: _Beta) -> Floats:
            return 1 / arm.a + 1 / arm.b

        over_control = width(control) <= width(treatment)

        def picked(first: _Beta, second: _Beta) -> _Beta:
            return _Beta(
                np.where(over_control, first.a, second.a), np.where(over_control, first.b, second.b)
            )

        narrow = picked(control, treatment)
        theta, _ = narrow.spread_out()
        log = narrow.density(theta)
        top = log.max(axis=1)
        total = top + np.log(np.exp(log - top[:, None]).sum(axis=1) * (theta[:, 1] - theta[:, 0]))
        return cls(narrow, picked(treatment, control), over_control, *narrow.window(), total)

    def compared(self) -> tuple[Floats, Floats, Floats]:
        """Give the treatment's chance to be higher, and what is lost by taking either arm."""
        theta, weight = self.narrow.spread_out()
        x, rest = _share(theta), _share(-theta)
        below, above = self.wide.below(x, rest), self.wide.above(x, rest)
        heavy, mean = self.wide.weighted(), self.wide.mean[:, None]
        missed = mean * heavy.above(x, rest) - x * above
        exceeded = x * below - mean * heavy.below(x, rest)

        def either(first: Floats, second: Floats) -> Floats:
            over = np.where(self.over_control[:, None], first, second)
            return np.asarray((weight * over).sum(axis=1))

        return (
            np.clip(either(above, below), 0.0, 1.0),
            np.maximum(either(exceeded, missed), 0.0),
            np.maximum(either(missed, exceeded), 0.0),
        )

    def chance_within(self, *, slope: Floats, shift: Floats) -> Floats:
        """Give the chance that the treatment is at most slope·control + shift.

        The wide arm's distribution has kinks where the line leaves 0 to 1. They are made ends
        of the part that is integrated, and that part is stretched over all log-odds: there the
        trapezoid rule has all its digits again.
        """
        # Over the treatment it is the chance that the control is at least (x - shift) / slope.
        slope, shift = (
            np.where(self.over_control, slope, 1 / slope),
            np.where(self.over_control, shift, -shift / slope),
        )
        low = np.clip(-shift / slope, 0.0, 1.0)
        missing = np.clip((slope + shift - 1) / slope, 0.0, 1.0)
        length = np.maximum(1 - missing - low, 0.0)
        begin = _log_odds(self.first - low, 1 - self.first - missing)
        end = _log_odds(1 - self.left - low, self.left - missing)
        empty = (length <= 0) | (end <= begin)
        theta, stride = self._strides(low, length, begin, end)
        inner, outer = _share(theta), _share(-theta)
        x = np.where(empty[:, None], 0.5, low[:, None] + length[:, None] * inner)
        rest = np.where(empty[:, None], 0.5, missing[:, None] + length[:, None] * outer)
        y = np.clip(slope[:, None] * x + shift[:, None], 0.0, 1.0)
        y_rest = np.clip((1 - shift - slope)[:, None] + slope[:, None] * rest, 0.0, 1.0)
        log = self.narrow.density(np.log(x) - np.log(rest)) - self.total[:, None]
        jump = length[:, None] * inner * outer / (x * rest)
        mass = np.exp(log) * jump * stride
        kept = np.where(
            self.over_control[:, None], self.wide.below(y, y_rest), self.wide.above(y, y_rest)
        )
        inside = np.where(empty, 0.0, (mass * kept).sum(axis=1))
        outside = np.where(
            self.over_control,
            self.narrow.above(1 - missing, missing),
            self.narrow.below(low, 1 - low),
        )
        return np.asarray(np.clip(inside + outside, 0.0, 1.0))

    def _strides(
        self, low: Floats, length: Floats, begin: Floats, end: Floats
    ) -> tuple[Floats, Floats]:
        """Give log-odds within a part, close together at the bump and wide apart in the tails."""
        mean, sd = self.narrow.mean, np.sqrt(self.narrow.variance)
        begin, end = np.minimum(begin, end), np.maximum(begin, end)
        inner = np.clip((mean - low) / np.maximum(length, 1e-300), 1e-3, 1 - 1e-3)
        at = np.clip(np.log(inner) - np.log1p(-inner), begin, end)[:, None]
        width = sd / np.maximum(length * inner * (1 - inner), 1e-300)
        scale = 2 * np.minimum(width, 2.0)[:, None]
        first, last = (np.arcsinh((edge[:, None] - at) / scale) for edge in (begin, end))
        u = first + (last - first) * np.linspace(0, 1, _STEPS + 1)
        return at + scale * np.sinh(u), scale * np.cosh(u) * (last - first) / _STEPS


def _share(log_odds: Floats) -> Floats:
    return np.asarray(np.exp(-np.logaddexp(0, -log_odds)))


def _log_odds(above: Floats, under: Floats) -> Floats:
    """Give log-odds of a place by its distances from both ends; at or past an end, that end."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.log(np.maximum(above, 0)) - np.log(np.maximum(under, 0))
    return np.where(above <= 0, -_END, np.where(under <= 0, _END, inside))


def _gap_at(share: Floats, pair: _Pair, value: Floats, sd: Floats) -> Floats:
    """Give the difference below which this share of the posterior lies."""
    from scipy.special import ndtri

    one = np.ones(value.shape)
    return where_chance_is(
        share,
        lambda gap: pair.chance_within(slope=one, shift=gap),
        guess=value + ndtri(share) * sd,
        low=-1.0,
        high=1.0,
    )


def _lift_at(share: ArrayLike, pair: _Pair, control: _Beta, treatment: _Beta) -> Floats:
    """Give the lift below which this share of the posterior lies."""
    from scipy.special import ndtri

    sd = np.sqrt(1 / treatment.a + 1 / control.a)
    log_ratio = where_chance_is(
        share,
        lambda log: pair.chance_within(slope=np.exp(log), shift=np.zeros(log.shape)),
        guess=np.log(treatment.mean / control.mean) + ndtri(np.asarray(share)) * sd,
        low=-_LARGEST_LOG_RATIO,
        high=_LARGEST_LOG_RATIO,
    )
    return np.asarray(np.expm1(log_ratio))


_LARGEST_LOG_RATIO: Final = 300.0
