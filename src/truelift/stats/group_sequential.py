"""A few looks, planned or not, that share one error level by how much has been learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike

from truelift.errors import Refusal
from truelift.stats.effects import BadAlpha, Effects, Estimates, Floats, Side, ends
from truelift.stats.solving import where_chance_is
from truelift.stats.spreads import BadDesign


class Spending(StrEnum):
    """How the error level is spent as a test goes on.

    `OBRIEN_FLEMING` spends next to nothing early and leaves the last look almost a fixed
    test's. `POCOCK` spends evenly, and pays for its early stops with a harder last look.
    """

    OBRIEN_FLEMING = "obrien-fleming"
    POCOCK = "pocock"

    def spent(self, share: ArrayLike, *, alpha: ArrayLike) -> Floats:
        """Give how much of a one-sided level is spent when so much of the plan is seen.

        Args:
            share: Information so far, as a share of what was planned; beyond 1 all is spent.
            alpha: One-sided level.

        Source:
            Lan & DeMets (1983), Biometrika 70(3), 659-663.
        """
        from scipy.special import ndtr, ndtri

        seen = np.minimum(np.asarray(share, dtype=float), 1.0)
        level = np.asarray(alpha, dtype=float)
        if self is Spending.OBRIEN_FLEMING:
            return np.asarray(2 * ndtr(ndtri(level / 2) / np.sqrt(seen)))
        return np.asarray(level * np.log1p((np.e - 1) * seen))


class BadLooks(Refusal):
    """Looks at a test that are in no order, or too close to one another."""

    code: ClassVar[str] = "stats.bad_looks"

    def __init__(self, *, looks: Sequence[float], reason: str) -> None:
        super().__init__(
            f"These looks cannot share an error level: {reason}. Give the share of the planned "
            "units at each look, in order.",
            looks=tuple(f"{share:g}" for share in looks),
            reason=reason,
        )


@dataclass(frozen=True, slots=True)
class Boundaries:
    """What a look has to show for the test to end there.

    Attributes:
        looks: Share of the planned units at each look.
        z: Standard errors from 0 at which it ends; infinite where nothing is spent yet.
        p: The same as a fixed test's p-value.
        spent: Error level spent by the end of each look.
    """

    looks: tuple[float, ...]
    z: tuple[float, ...]
    p: tuple[float, ...]
    spent: tuple[float, ...]


MOST_LOOKS: Final = 100
CLOSEST: Final = 1e-4
"""Two looks nearer than this share of the plan are one look."""

SMALLEST_P: Final = 1e-12
"""A repeated p-value below this is given as this."""

_UNSPENDABLE: Final = 1e-30
"""A level below this is kept for the next look: no bound for it could be told from infinity."""

_FARTHEST: Final = 16.0
"""Standard deviations beyond which nothing is integrated; a drift may lead far out."""

_FARTHEST_WITHOUT_DRIFT: Final = 9.0

_EASY: Final = -9.0
"""So far on the wrong side of a one-sided test that no earlier bound has had a say."""


@dataclass(frozen=True, slots=True)
class GroupSequential:
    """Looks that share an error level: repeated intervals while a test runs, adjusted ones after.

    Bounds depend on the looks so far alone, so an unplanned one may be added, and planned ones
    may come early or late: each spends by what has been learnt (units now as a share of those
    planned). What must not happen is choosing the next look by the effect seen at this one.

    Attributes:
        looks: Shares of the planned units at every look so far, in order; the last is the one
            that is judged. For planning, those intended.
        spending: How the level is spent.
        side: Which differences it looks for.
        closing: The last look is the test's last one and spends all that is left, though
            fewer units came than planned. Beyond the plan that happens by itself.

    Raises:
        BadLooks: There is none, they do not rise, or two are one.

    Assumes:
        Units are independent and were randomised one by one; each look adds to the same units'
        data, so that successive estimates have independent increments.

    Source:
        Lan & DeMets (1983), Biometrika 70(3), 659-663; Armitage, McPherson & Rowe (1969),
        JRSS A 132(2), 235-244; Jennison & Turnbull (1999), Group Sequential Methods, chapters
        7-9 and 19; docs/methods/group-sequential.md.
    """

    looks: tuple[float, ...]
    spending: Spending = Spending.OBRIEN_FLEMING
    side: Side = Side.TWO
    closing: bool = False

    def __post_init__(self) -> None:
        looks = np.asarray(self.looks, dtype=float)
        if not looks.size:
            raise BadLooks(looks=self.looks, reason="there is none")
        if looks.size > MOST_LOOKS:
            reason = f"there are {looks.size}, and at most {MOST_LOOKS} can be calculated with"
            raise BadLooks(looks=self.looks, reason=f"{reason}; a sequential test has no limit")
        steps = np.diff(looks, prepend=0.0)
        if not np.isfinite(looks).all() or not (steps > 0).all():
            raise BadLooks(looks=self.looks, reason="their shares are not numbers that rise from 0")
        if (steps < CLOSEST).any():
            raise BadLooks(
                looks=self.looks, reason=f"two are less than {CLOSEST:g} of the plan apart"
            )
        # One past its plan must be the last: whatever is left was spent there.
        if looks.size > 1 and looks[-2] >= 1:
            raise BadLooks(looks=self.looks, reason="one comes after all was spent")

    @classmethod
    def evenly(
        cls,
        count: int,
        *,
        spending: Spending = Spending.OBRIEN_FLEMING,
        side: Side = Side.TWO,
    ) -> Self:
        """Plan so many looks at equal distances, the last at the planned end."""
        return cls(tuple((k + 1) / count for k in range(count)), spending=spending, side=side)

    @property
    def name(self) -> str:
        """Its name in documents."""
        return "group-sequential"

    @property
    def ended(self) -> bool:
        """Whether no look can come after the last of these."""
        return self.closing or self.looks[-1] >= 1

    def boundaries(self, *, alpha: float = 0.05) -> Boundaries:
        """Give what each look has to show.

        Raises:
            BadAlpha: `alpha` is not between 0 and 1.
        """
        from scipy.special import ndtr

        walk = self._walk(np.asarray([alpha]))
        z = walk.bounds[:, 0]
        sides = self._sides
        return Boundaries(
            looks=self.looks,
            z=tuple(z.tolist()),
            p=tuple((sides * ndtr(-z)).tolist()),
            spent=tuple((sides * walk.spent[:, 0]).tolist()),
        )

    def judge(self, estimates: Estimates, *, alpha: ArrayLike = 0.05) -> Effects:
        """Put repeated intervals and p-values to the estimates of the last look.

        They hold at all looks at once, whether or not the test goes on. `p` is the smallest
        level at which this look would end the test, and 1 where none would: it is at most
        alpha exactly when the interval leaves out 0.

        Raises:
            BadAlpha: A level is not between 0 and 1.

        Source:
            Jennison & Turnbull (1989), JRSS B 51(3), 305-361.
        """
        from scipy.special import ndtr, stdtrit

        value, se, df = estimates.value, estimates.se, estimates.df
        level = np.asarray(alpha, dtype=float)
        levels, place = np.unique(level, return_inverse=True)
        bound = self._walk(levels).bounds[-1][place].reshape(level.shape)
        # Student's t at the level of the normal bound keeps small samples honest.
        tail = ndtr(-bound)
        with np.errstate(invalid="ignore"):
            reach = np.where(tail > 0, -stdtrit(df, np.maximum(tail, 1e-300)), np.inf) * se
        low, high = ends(value, reach, side=self.side)
        z = self._toward(self._z(estimates))
        with np.errstate(invalid="ignore"):
            crossed = z >= bound
            p = self._repeated_p(z)
            # The table's last digits must not contradict the interval.
            p = np.where(crossed, np.minimum(p, level), np.maximum(p, np.nextafter(level, 1)))
        p = np.where(np.isnan(z), np.nan, p)
        return Effects(value, se, low, high, p, estimates.absent)

    def judge_stopped(self, estimates: Estimates, *, alpha: ArrayLike = 0.05) -> Effects:
        """Put final intervals and p-values to estimates of a test that ended at the last look.

        It ended there because a bound was crossed or because it was the last. Having stopped
        on a high, the plain difference leans outward; `value` is the median-unbiased one.
        Crossing earlier counts as more extreme (stage-wise ordering), so neither p nor the
        interval depends on looks that were planned and never taken. They judge one comparison
        each: the one for whose sake the test was stopped.

        Raises:
            BadAlpha: A level is not between 0 and 1.

        Source:
            Tsiatis, Rosner & Mehta (1984), Biometrics 40(3), 797-803; Jennison & Turnbull
            (1999), sections 8.4-8.5.
        """
        value, se = estimates.value, estimates.se
        level = np.broadcast_to(np.asarray(alpha, dtype=float), value.shape)
        z = self._z(estimates)
        if self.side is Side.LESS:
            z = -z
        middle, low, high, p = (np.full(value.shape, np.nan) for _ in range(4))
        for one in np.unique(level):
            here = (level == one) & np.isfinite(z)
            if not here.any():
                continue
            upward = self._upward(float(one), z[here])
            tail = float(one) / self._sides
            middle[here] = upward.solve(0.5)
            low[here] = upward.solve(tail)
            high[here] = upward.solve(1 - tail)
            above = upward(np.zeros(int(here.sum())))
            p[here] = above if self._sides == 1 else 2 * np.minimum(above, 1 - above)
        # A drift is the distance from 0 in standard errors that the whole plan would have.
        scale = se * np.sqrt(self.looks[-1])
        if self.side is Side.LESS:
            middle, low, high = -middle, -high, -low
        least = np.where(np.isnan(low), np.nan, -np.inf)
        return Effects(
            value=middle * scale,
            se=se,
            low=least if self.side is Side.LESS else low * scale,
            high=-least if self.side is Side.GREATER else high * scale,
            p=np.minimum(p, 1.0),
            absent=estimates.absent,
        )

    def stops(self, drift: float, *, alpha: float = 0.05) -> tuple[Floats, Floats]:
        """Give the chance of crossing at each look, on the side looked for and on the other.

        Args:
            drift: How far the true effect is from 0, toward the side looked for, in standard
                errors of the whole plan's estimate.
            alpha: Error level.
        """
        walk = self._walk(np.asarray([alpha]))
        there = np.array([float(leg(np.asarray(drift), 0)) for leg in walk.upward])
        back = np.zeros(len(self.looks))
        if self._sides == 2:
            back = np.array([float(leg(np.asarray(-drift), 0)) for leg in walk.upward])
        return there, back

    def drift(self, *, power: float, alpha: float = 0.05) -> float:
        """Give the drift that some look finds with this power.

        Raises:
            BadAlpha: `alpha` is not between 0 and 1.
            BadDesign: `power` is not between the level and 1.
        """
        tail = alpha / self._sides
        if not tail < power < 1:
            raise BadDesign(f"the power is {power:g}, not between {tail:g} and 1")
        walk = self._walk(np.asarray([alpha]))

        def found(drift: Floats) -> Floats:
            return np.asarray(np.sum([leg(drift, 0) for leg in walk.upward], axis=0))

        limit = self._limit
        there = where_chance_is(power, found, guess=np.array([2.0]), low=-limit, high=limit)
        return float(there[0])

    def inflation(self, *, power: float = 0.8, alpha: float = 0.05) -> float:
        """Give how many times a fixed test's units the plan needs, when no look ends it.

        Raises:
            BadAlpha: `alpha` is not between 0 and 1.
            BadDesign: `power` is not between the level and 1.
        """
        from scipy.special import ndtri

        fixed = ndtri(power) - ndtri(alpha / self._sides)
        return float((self.drift(power=power, alpha=alpha) / fixed) ** 2)

    def expected_share(self, drift: float, *, alpha: float = 0.05) -> float:
        """Give the mean share of the planned units at which the test ends."""
        there, back = self.stops(drift, alpha=alpha)
        ending = (there + back)[:-1]
        looks = np.asarray(self.looks)
        return float(ending @ looks[:-1] + (1 - ending.sum()) * looks[-1])

    def reached(self, *looks: float, closing: bool = False) -> Self:
        """Give the method as it is after these looks, which need not be those planned."""
        return replace(self, looks=looks, closing=closing)

    @property
    def _sides(self) -> int:
        return 2 if self.side is Side.TWO else 1

    @property
    def _limit(self) -> float:
        return (_FARTHEST + 8) / float(np.sqrt(self.looks[0]))

    def _walk(self, alpha: Floats) -> _Walk:
        wrong = ~((alpha > 0) & (alpha < 1))
        if wrong.any():
            raise BadAlpha(alpha=float(alpha[wrong].flat[0]))
        return _walked(
            self.looks, self.spending, self._sides, self.closing, tuple(alpha.ravel().tolist())
        )

    def _toward(self, z: Floats) -> Floats:
        if self.side is Side.TWO:
            return np.abs(z)
        return z if self.side is Side.GREATER else -z

    def _z(self, estimates: Estimates) -> Floats:
        """Give the normal values that are as far out as the estimates are by Student's t."""
        from scipy.special import ndtri, stdtr

        t = estimates.value / estimates.se
        return np.asarray(np.where(t < 0, 1, -1) * ndtri(stdtr(estimates.df, -np.abs(t))))

    def _repeated_p(self, z: Floats) -> Floats:
        from scipy.special import ndtr

        bounds, quantiles = _levels_by_bound(self.looks, self.spending, self._sides, self.closing)
        inside = np.clip(np.nan_to_num(z, nan=0.0), bounds[0], bounds[-1])
        p = 2 * ndtr(_interpolated(inside, bounds, quantiles))
        return np.asarray(np.where(z < bounds[0], 1.0, np.clip(p, SMALLEST_P, 1.0)))

    def _upward(self, alpha: float, z: Floats) -> _Upward:
        walk = self._walk(np.asarray([alpha]))
        return _Upward(walk=walk, z=z, looks=self.looks, limit=self._limit, sides=self._sides)


@dataclass(frozen=True, slots=True, eq=False)
class _Leg:
    """The way from one look to the next: who was still on it, and where the bound stands.

    Positions are sums of standardised information (z times the root of the share), so that
    a drift only tilts the masses by their likelihood ratio.

    Attributes:
        since: Share at the look before.
        until: Share at this look.
        at: Positions at the look before that had crossed nothing; shape (levels, nodes).
        mass: Their probabilities without a drift, of the same shape.
        bound: Position of this look's bound; shape (levels,).
    """

    since: float
    until: float
    at: Floats
    mass: Floats
    bound: Floats

    def __call__(self, drift: Floats, level: int, bound: Floats | None = None) -> Floats:
        """Give the chance to get past the bound at this look, for drifts of any shape."""
        from scipy.special import ndtr

        at, mass = self.at[level], self.mass[level]
        step = self.until - self.since
        end = self.bound[level] if bound is None else bound[..., None]
        tilt = np.exp(drift[..., None] * at - (drift**2)[..., None] * self.since / 2)
        beyond = ndtr((at + drift[..., None] * step - end) / np.sqrt(step))
        return np.asarray((tilt * beyond) @ mass)


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """All legs, for several levels at once.

    Attributes:
        upward: The legs.
        bounds: Bounds in standard errors; shape (looks, levels).
        spent: One-sided level spent by the end of each look; the same shape.
    """

    upward: tuple[_Leg, ...]
    bounds: Floats
    spent: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Upward:
    """The chance, given a drift, of something as far up as what was seen at the last look."""

    walk: _Walk
    z: Floats
    looks: tuple[float, ...]
    limit: float
    sides: int

    def __call__(self, drift: Floats) -> Floats:
        last = self.walk.upward[-1]
        seen = self.z * np.sqrt(self.looks[-1])
        before = [leg(drift, 0) for leg in self.walk.upward[:-1]]
        return np.asarray(np.sum([*before, last(drift, 0, seen)], axis=0))

    def solve(self, target: float) -> Floats:
        """Give the drifts under which that chance is `target`."""
        from scipy.special import ndtri

        plain = (self.z + ndtri(target)) / np.sqrt(self.looks[-1])
        found = where_chance_is(target, self, guess=plain, low=-self.limit, high=self.limit)
        if self.sides == 1:
            return np.asarray(np.where(self.z < _EASY, plain, found))
        return found


def _walk_through(
    looks: tuple[float, ...],
    spending: Spending,
    sides: int,
    closing: bool,  # noqa: FBT001 - part of the cache's key
    alphas: tuple[float, ...],
    farthest: float = _FARTHEST,
) -> _Walk:
    """Find the bounds look by look, carrying along where a test that goes on may stand.

    Source:
        Armitage, McPherson & Rowe (1969), JRSS A 132(2), 235-244.
    """
    side_alpha = np.asarray(alphas) / sides
    shares = [*looks[:-1], 1.0 if closing else looks[-1]]
    steps = np.diff(np.asarray(looks), prepend=0.0)
    at, mass = np.zeros((len(alphas), 1)), np.ones((len(alphas), 1))
    spent = np.zeros(len(alphas))
    legs, bounds, spendings = [], [], []
    since = 0.0
    for place, until in enumerate(looks):
        step = float(steps[place])
        wanted = np.maximum(spending.spent(shares[place], alpha=side_alpha) - spent, 0.0)
        bound = _bound(at, mass, wanted, step=step, until=until, sides=sides)
        spent = np.where(np.isfinite(bound), spent + wanted, spent)
        legs.append(_Leg(since=since, until=until, at=at, mass=mass, bound=bound))
        bounds.append(bound / np.sqrt(until))
        spendings.append(spent)
        if place + 1 < len(looks):
            finest = min(step, float(steps[place + 1]))
            at, mass = _carried(
                at,
                mass,
                bound,
                step=step,
                until=until,
                finest=finest,
                sides=sides,
                farthest=farthest,
            )
        since = until
    return _Walk(upward=tuple(legs), bounds=np.array(bounds), spent=np.array(spendings))


_walked = lru_cache(maxsize=32)(_walk_through)


def _bound(
    at: Floats, mass: Floats, wanted: Floats, *, step: float, until: float, sides: int
) -> Floats:
    """Find the positions beyond which lies just the level wanted; infinite where there is none."""
    from scipy.special import ndtr

    root, scale = np.sqrt(step), np.sqrt(until)
    spendable = wanted > _UNSPENDABLE
    target = np.log(np.where(spendable, wanted, 0.1))
    low = np.full(wanted.shape, 0.0 if sides == 2 else -40.0 * scale)
    high = np.full(wanted.shape, 40.0 * scale)
    bound = np.full(wanted.shape, 2.0 * scale)
    for _ in range(200):
        far = (bound[:, None] - at) / root
        beyond = np.maximum((mass * ndtr(-far)).sum(axis=1), 1e-300)
        density = (mass * np.exp(-(far**2) / 2)).sum(axis=1) / (root * np.sqrt(2 * np.pi))
        gap = np.log(beyond) - target
        low, high = np.where(gap > 0, bound, low), np.where(gap > 0, high, bound)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = bound + gap * beyond / density
        halved = (low + high) / 2
        following = np.where((newton > low) & (newton < high), newton, halved)
        moved = np.abs(following - bound)[spendable]
        bound = following
        if not moved.size or moved.max() < 1e-13 * scale:
            break
    return np.where(spendable, bound, np.inf)


_TOGETHER: Final = 2_000_000
"""Kernel values held at once: 16 MB."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


def _carried(
    at: Floats,
    mass: Floats,
    bound: Floats,
    *,
    step: float,
    until: float,
    finest: float,
    sides: int,
    farthest: float,
) -> tuple[Floats, Floats]:
    """Spread the masses over one step, and keep what lies inside the bound.

    Gauss's rule on panels about as wide as the narrowest normal kernel that the masses are
    met by: with 16 nodes each that leaves errors in the last digits only.
    """
    reach, kernel = farthest * np.sqrt(until), np.sqrt(step)
    top = np.minimum(bound, reach)
    bottom = -top if sides == 2 else np.full(top.shape, -reach)
    panels = max(1, int(np.ceil((top - bottom).max() / (2.5 * np.sqrt(finest)))))
    edges = bottom[:, None] + (top - bottom)[:, None] * np.linspace(0, 1, panels + 1)
    half = np.diff(edges, axis=1)[..., None] / 2
    positions = edges[:, :-1, None] + half * (1 + _NODES)
    # A panel is reached from so far only; with many small steps that is a small part of all.
    far = 9 * kernel
    first, last = (
        np.array([np.searchsorted(*pair) for pair in zip(at, ends_of_reach, strict=True)])
        for ends_of_reach in (edges[:, :-1] - far, edges[:, 1:] + far)
    )
    width = max(1, int((last - first).max()))
    source = np.minimum(first, at.shape[1] - width)[..., None] + np.arange(width)
    density = np.empty_like(positions)
    together = max(1, _TOGETHER // (positions[0].size * width))
    for begin in range(0, len(top), together):
        part = slice(begin, begin + together)
        level = np.arange(len(top))[part, None, None]
        apart = (positions[part, ..., None] - at[level, source[part]][:, :, None, :]) / kernel
        density[part] = (np.exp(-(apart**2) / 2) @ mass[level, source[part]][..., None])[..., 0]
    masses = density * half * _WEIGHTS / (kernel * np.sqrt(2 * np.pi))
    return positions.reshape(len(top), -1), masses.reshape(len(top), -1)


@lru_cache(maxsize=32)
def _levels_by_bound(
    looks: tuple[float, ...],
    spending: Spending,
    sides: int,
    closing: bool,  # noqa: FBT001 - part of the cache's key, called in one place
) -> tuple[Floats, Floats]:
    """Tabulate the last look's bound, rising, against the normal quantile of half the level.

    Large levels spend so much before that the last bound rises again; from there on no level
    would have ended the test just here.
    """
    from scipy.special import ndtr, ndtri

    # Denser near the level 1, toward which the bound bends.
    quantiles = -(np.linspace(np.sqrt(-ndtri(SMALLEST_P / 2)), 0.15, 48) ** 2)
    # Levels that are alike have bounds that are alike, and need equally many nodes.
    walks = [
        _walk_through(
            looks, spending, sides, closing, tuple(part.tolist()), _FARTHEST_WITHOUT_DRIFT
        )
        for part in np.split(2 * ndtr(quantiles), 8)
    ]
    bounds = np.concatenate([walk.bounds[-1] for walk in walks])
    rises = np.flatnonzero(np.diff(bounds) >= 0)
    last = int(rises[0]) + 1 if rises.size else len(bounds)
    finite = np.isfinite(bounds[:last])
    if not finite.any():
        return np.array([np.inf, np.inf]), np.zeros(2)
    return bounds[:last][finite][::-1], quantiles[:last][finite][::-1]


def _interpolated(x: Floats, knots: Floats, values: Floats) -> Floats:
    """Read a smooth table by cubics through the four knots around each place."""
    if len(knots) < 4:
        return np.asarray(np.interp(x, knots, values))
    first = np.clip(np.searchsorted(knots, x) - 2, 0, len(knots) - 4)
    total = np.zeros(x.shape)
    for i in range(4):
        term = values[first + i]
        for j in range(4):
            if j != i:
                term = term * (x - knots[first + j]) / (knots[first + i] - knots[first + j])
        total += term
    return total
