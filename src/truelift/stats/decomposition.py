"""Where a change of revenue comes from: exact parts of a product, and mix against rate.

Nothing here is an estimate but the intervals: the parts add up to the change, whatever the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from math import factorial
from typing import ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truelift.errors import Refusal


Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

DRAWS: Final = 2_000
"""Of the bootstrap, when nothing else is asked for."""

MOST_FACTORS: Final = 6
"""Of a product: the orders in which they may change are counted by their factorial."""


class NoLogarithm(Refusal):
    """A factor is 0 or below, and the logarithmic parts are not defined there."""

    code: ClassVar[str] = "stats.no_logarithm"

    def __init__(self) -> None:
        super().__init__(
            "Logarithmic parts need factors above 0 in both periods. Take the Shapley parts, which"
            " are defined everywhere."
        )


class BadCells(Refusal):
    """Two periods that cannot be set against each other."""

    code: ClassVar[str] = "stats.bad_periods"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The two periods cannot be compared: {reason}.", reason=reason)


def shapley(before: Sequence[float], after: Sequence[float]) -> Floats:
    """Split the change of a product into the parts of its factors, exactly and in no order.

    Each factor gets what its change adds, averaged over all orders in which the factors may have
    changed; for two factors that is Δx·(y₀ + y₁)/2.

    Args:
        before: The factors of the first period.
        after: The same of the second.

    Raises:
        BadCells: There are not as many of both, or more than six; or a number is none, or too
            large to be multiplied.

    Source:
        Shapley (1953); Ang, Liu & Chew (2003), Energy Policy 31. docs/methods/driver-shapley.md.
    """
    first, second = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if first.shape != second.shape or first.ndim != 1 or not 0 < first.size <= MOST_FACTORS:
        raise BadCells(reason=f"both need the same 1 to {MOST_FACTORS} factors")
    parts = np.zeros(first.size)
    with np.errstate(over="ignore", invalid="ignore"):
        for order in permutations(range(first.size)):
            now = first.copy()
            for factor in order:
                value = now.prod()
                now[factor] = second[factor]
                parts[factor] += now.prod() - value
    return _finite(parts / factorial(first.size))


def logarithmic(before: Sequence[float], after: Sequence[float]) -> Floats:
    """Split the change of a product by logarithms (LMDI): L(V₁, V₀)·ln(x₁/x₀) for each factor.

    Raises:
        NoLogarithm: A factor is not above 0.
        BadCells: There are not as many of both, or a number is none or too large or small.

    Source:
        Ang (2005), Energy Policy 33. docs/methods/driver-shapley.md.
    """
    first, second = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if first.shape != second.shape or not first.size:
        raise BadCells(reason="both need the same factors")
    if (first <= 0).any() or (second <= 0).any():
        raise NoLogarithm
    with np.errstate(over="ignore", invalid="ignore"):
        logs = np.log(second) - np.log(first)
        total = float(logs.sum())
        value, change = float(first.prod()), float(second.prod() - first.prod())
        mean = change / total if abs(total) > _EVEN else value
        return _finite(mean * logs)


def _finite(parts: Floats) -> Floats:
    if not np.isfinite(parts).all():
        raise BadCells(reason="a number is missing, or too large to be multiplied")
    return parts


_EVEN: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Cells:
    """Segments of two periods, aligned: what is counted, and what it is counted over.

    Attributes:
        weight_before: Sessions of the first period in each segment (or orders, for order value).
        amount_before: What happened in them: orders (or money).
        weight_after: The same of the second period.
        amount_after: The same of the second period.
    """

    weight_before: Floats
    amount_before: Floats
    weight_after: Floats
    amount_after: Floats

    @classmethod
    def of(
        cls,
        weight_before: ArrayLike,
        amount_before: ArrayLike,
        weight_after: ArrayLike,
        amount_after: ArrayLike,
    ) -> Cells:
        """Check that there is something to compare.

        Raises:
            BadCells: The arrays differ in length, something is negative or none, or a period is
                empty.
        """
        given = (weight_before, amount_before, weight_after, amount_after)
        arrays = tuple(np.asarray(each, dtype=float).ravel() for each in given)
        if len({each.size for each in arrays}) > 1:
            raise BadCells(reason="they do not have the same segments")
        if not all(np.isfinite(each).all() for each in arrays):
            raise BadCells(reason="a number is missing")
        if (arrays[0] < 0).any() or (arrays[2] < 0).any():
            raise BadCells(reason="a count is below 0")
        if not arrays[0].sum() or not arrays[2].sum():
            raise BadCells(reason="a period has nothing in it, so its rate is not defined")
        return cls(*arrays)

    @property
    def before(self) -> float:
        """The rate of the first period, over all segments."""
        return float(self.amount_before.sum() / self.weight_before.sum())

    @property
    def after(self) -> float:
        """The rate of the second period, over all segments."""
        return float(self.amount_after.sum() / self.weight_after.sum())


@dataclass(frozen=True, slots=True)
class MixAndRate:
    """The change of a rate, by segment.

    Attributes:
        mix: What each segment's share of the weight did, against the mean of all.
        rate: What each segment's own rate did.
        before: The rate of all, first.
        after: The rate of all, second.
    """

    mix: Floats
    rate: Floats
    before: float
    after: float

    @property
    def change(self) -> float:
        """The whole change: the sum of all parts."""
        return self.after - self.before

    @property
    def mix_share(self) -> float | None:
        """Mix as a share of the change; None where nothing changed. It may lie outside 0 to 1."""
        return float(self.mix.sum()) / self.change + 0.0 if self.change else None


def mix_and_rate(cells: Cells) -> MixAndRate:
    """Split the change of a rate R = Σ w·r into mix and rate, symmetrically.

    Mix = (w₁ − w₀)·((r₀ + r₁)/2 − R̄), rate = (r₁ − r₀)·(w₀ + w₁)/2, with R̄ = (R₀ + R₁)/2. Centring
    by R̄ changes no sum, but says for each segment whether more of it is good or bad. A segment
    that one period does not have is all mix: it cannot have changed its rate.

    Source:
        Kitagawa (1955), JASA 50; Oaxaca (1973); Blinder (1973).
        docs/methods/mix-and-rate.md.
    """
    weight_before, weight_after = cells.weight_before.sum(), cells.weight_after.sum()
    mix, rate = _split(
        cells.weight_before / weight_before,
        cells.amount_before / weight_before,
        cells.weight_after / weight_after,
        cells.amount_after / weight_after,
        middle=np.asarray((cells.before + cells.after) / 2),
    )
    return MixAndRate(mix, rate, cells.before, cells.after)


def _split(
    w0: Floats, a0: Floats, w1: Floats, a1: Floats, *, middle: Floats
) -> tuple[Floats, Floats]:
    """Split by shares w and amounts a = w·r; also where an amount stands over no weight."""
    has0, has1 = w0 > 0, w1 > 0
    r0 = np.divide(a0, w0, out=np.zeros_like(a0), where=has0)
    r1 = np.divide(a1, w1, out=np.zeros_like(a1), where=has1)
    usual = np.where(has0 & has1, (r0 + r1) / 2, np.where(has1, r1, r0))
    mix: Floats = (w1 - w0) * (usual - middle)
    # What is left is the rate: exactly (r1 - r0)·(w0 + w1)/2 where both are defined.
    rate: Floats = np.where(has0 & has1, (r1 - r0) * (w0 + w1) / 2, (a1 - a0) - (w1 - w0) * usual)
    return mix, rate


@dataclass(frozen=True, slots=True)
class ThreeFold:
    """The change of a rate seen from the first period, what both changes did together apart."""

    mix: float
    rate: float
    interaction: float


def three_fold(cells: Cells) -> ThreeFold:
    """Split the change of a rate into mix, rate and their interaction.

    The symmetric form gives half of the interaction to each side; where it is large, neither
    story alone is the whole one.

    Source:
        docs/methods/mix-and-rate.md.
    """
    w0 = cells.weight_before / cells.weight_before.sum()
    w1 = cells.weight_after / cells.weight_after.sum()
    r0, r1 = rates(cells)
    mix, rate = float(((w1 - w0) * r0).sum()), float((w0 * (r1 - r0)).sum())
    return ThreeFold(mix, rate, cells.after - cells.before - mix - rate)


def rates(cells: Cells) -> tuple[Floats, Floats]:
    """Give each segment's rate in both periods; one that a period lacks has the other's."""
    has0, has1 = cells.weight_before > 0, cells.weight_after > 0
    r0 = np.divide(cells.amount_before, cells.weight_before, out=np.zeros(has0.size), where=has0)
    r1 = np.divide(cells.amount_after, cells.weight_after, out=np.zeros(has1.size), where=has1)
    return np.where(has0, r0, r1), np.where(has1, r1, r0)


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a hierarchy, by the groups that exist there.

    Attributes:
        codes: `(groups, depth)`: the codes of each group from the top level down to this one.
        mix: What moving between the groups of one parent did.
        rate: What is left for the level below: the groups' own rates.
    """

    codes: Counts
    mix: Floats
    rate: Floats


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """The change of a rate down a hierarchy: all `mix` of all levels and the last `rate` add up.

    Attributes:
        levels: From the top down; each takes the rate of the one above apart.
        kept: Rate that could not be taken apart further, as a group lacks one of the periods.
    """

    levels: tuple[Level, ...]
    kept: float

    @property
    def rate(self) -> float:
        """What no mix of any level explains."""
        return float(self.levels[-1].rate.sum()) + self.kept


def down(cells: Cells, keys: ArrayLike) -> Hierarchy:
    """Take mix and rate apart level by level: source, then campaign within source, and so on.

    The rate of a group is (r₁ − r₀)·(w₀ + w₁)/2; within the group it is again a rate of segments
    whose shares are those within the group, so it comes apart by the same formula.

    Args:
        cells: The finest segments.
        keys: `(segments, levels)` integers: the group of each segment at each level, from the
            top. Equal codes under different parents are different groups.

    Source:
        docs/methods/mix-and-rate.md.
    """
    codes = np.asarray(keys, dtype=np.int64)
    parent = np.zeros(codes.shape[0], dtype=np.int64)
    weight0, weight1 = cells.weight_before.sum()[None], cells.weight_after.sum()[None]
    amount0, amount1 = cells.amount_before.sum()[None], cells.amount_after.sum()[None]
    scale = np.ones(1)
    levels: list[Level] = []
    kept = 0.0
    for depth in range(codes.shape[1]):
        prefix = codes[:, : depth + 1]
        groups, first, place = np.unique(prefix, axis=0, return_index=True, return_inverse=True)
        place = place.ravel()
        above = parent[first]
        sums = [
            np.bincount(place, weights=each, minlength=len(groups))
            for each in (
                cells.weight_before,
                cells.amount_before,
                cells.weight_after,
                cells.amount_after,
            )
        ]
        open_ = (weight0[above] > 0) & (weight1[above] > 0)
        over0, over1 = np.where(open_, weight0[above], 1.0), np.where(open_, weight1[above], 1.0)
        middle = (amount0[above] / over0 + amount1[above] / over1) / 2
        w0, w1 = sums[0] / over0, sums[2] / over1
        mix, rate = _split(w0, sums[1] / over0, w1, sums[3] / over1, middle=middle)
        factor = np.where(open_, scale[above], 0.0)
        mix, rate = mix * factor, rate * factor
        levels.append(Level(groups, mix, rate))
        scale = factor * (w0 + w1) / 2
        weight0, amount0, weight1, amount1 = sums
        parent = place
        if depth + 1 < codes.shape[1]:
            kept += float(rate[(weight0 <= 0) | (weight1 <= 0)].sum())
    return Hierarchy(tuple(levels), kept)


@dataclass(frozen=True, slots=True)
class Sold:
    """Sessions, orders and money of two periods by segment, aligned.

    Attributes:
        sessions: `(2, segments)`.
        orders: `(2, segments)`.
        revenue_minor: `(2, segments)`, in minor units.
        value_sd: `(2, segments)`: spread of single orders' values in minor units; 0 where it is
            not known, and the interval then knows nothing of it.
    """

    sessions: Floats
    orders: Floats
    revenue_minor: Floats
    value_sd: Floats

    @classmethod
    def of(
        cls,
        sessions: ArrayLike,
        orders: ArrayLike,
        revenue_minor: ArrayLike,
        value_sd: ArrayLike | None = None,
    ) -> Sold:
        """Check the shapes.

        Raises:
            BadCells: They are not `(2, segments)`, or something is not a number or below 0.
        """
        given = [np.asarray(each, dtype=float) for each in (sessions, orders, revenue_minor)]
        sd = np.zeros_like(given[0]) if value_sd is None else np.asarray(value_sd, dtype=float)
        if any(each.shape != given[0].shape for each in (*given, sd)) or given[0].shape[0] != 2:
            raise BadCells(reason="they do not have the same segments")
        if not all(np.isfinite(each).all() for each in (*given, sd)):
            raise BadCells(reason="a number is missing")
        if any((each < 0).any() for each in (given[0], given[1], sd)):
            raise BadCells(reason="a count is below 0")
        if not given[0].sum(axis=1).all():
            raise BadCells(reason="a period has no sessions, so its rate is not defined")
        return cls(given[0], given[1], given[2], sd)

    @property
    def conversion(self) -> Cells:
        """Orders over sessions."""
        return Cells.of(self.sessions[0], self.orders[0], self.sessions[1], self.orders[1])

    @property
    def order_value(self) -> Cells | None:
        """Money over orders; None where a period has none."""
        if not self.orders.sum(axis=1).all():
            return None
        return Cells.of(
            self.orders[0], self.revenue_minor[0], self.orders[1], self.revenue_minor[1]
        )


PARTS: Final = ("conversion_mix", "conversion_rate", "value_mix", "value_rate")
"""The four parts of the change of revenue per session, in the order of the waterfall."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The change of revenue per session in minor units, by part and segment.

    Attributes:
        parts: `(4, segments)`, in the order of `PARTS`; all of it adds up to the change.
        before: Revenue per session, first.
        after: Revenue per session, second.
    """

    parts: Floats
    before: float
    after: float

    @property
    def change(self) -> float:
        """The whole change."""
        return self.after - self.before


def chain(sold: Sold) -> Chain:
    """Split the change of revenue per session into mix and rate of conversion and order value.

    Revenue per session = conversion × order value: the Shapley part of each is its change times
    the mean of the other, and each change is split by mix and rate; order value over the shares of
    orders.

    Raises:
        BadCells: A period has no orders, and so no order value.

    Source:
        docs/methods/driver-shapley.md, docs/methods/mix-and-rate.md.
    """
    conversion, value = sold.conversion, sold.order_value
    if value is None:
        raise BadCells(reason="a period has no orders, so there is no order value")
    buying, spending = mix_and_rate(conversion), mix_and_rate(value)
    mean_value = (value.before + value.after) / 2
    mean_conversion = (conversion.before + conversion.after) / 2
    parts = np.stack(
        [
            buying.mix * mean_value,
            buying.rate * mean_value,
            spending.mix * mean_conversion,
            spending.rate * mean_conversion,
        ]
    )
    return Chain(
        parts,
        before=conversion.before * value.before,
        after=conversion.after * value.after,
    )


def drawn(sold: Sold, *, rng: np.random.Generator, draws: int = DRAWS) -> Floats:
    """Draw both periods again: sessions multinomially over segments and buying, values normally.

    Args:
        sold: What was counted. Segments with more orders than sessions count as all buying.
        rng: Where chance comes from; the same state gives the same draws.
        draws: How many.

    Returns:
        `(3, 2, draws, segments)`: sessions, orders and money of each draw.

    Assumes:
        Sessions are independent. Where one person has many sessions, or days differ by more than
        chance, the intervals made of it are too narrow.

    Source:
        Efron & Tibshirani (1993), An Introduction to the Bootstrap. docs/methods/mix-and-rate.md.
    """
    segments = sold.sessions.shape[1]
    found = np.zeros((3, 2, draws, segments))
    for period in range(2):
        sessions, orders = sold.sessions[period], sold.orders[period]
        bought = np.minimum(orders, sessions)
        counts = np.concatenate([bought, sessions - bought])
        n = round(float(sessions.sum()))
        again = rng.multinomial(n, counts / counts.sum(), size=draws).astype(float)
        # Orders beyond the sessions (two of one session) follow those that were drawn.
        more = np.divide(orders, bought, out=np.ones(segments), where=bought > 0)
        again_orders = again[:, :segments] * more
        mean = np.divide(
            sold.revenue_minor[period], orders, out=np.zeros(segments), where=orders > 0
        )
        noise = sold.value_sd[period] * np.sqrt(again_orders)
        found[0, period] = again[:, :segments] + again[:, segments:]
        found[1, period] = again_orders
        found[2, period] = again_orders * mean
        if noise.any():
            found[2, period] += noise * rng.standard_normal((draws, segments))
    return found


@dataclass(frozen=True, slots=True)
class Interval:
    """Between which values most draws lie."""

    low: float
    high: float


def intervals(
    sold: Sold, *, rng: np.random.Generator, draws: int = DRAWS, level: float = 0.95
) -> tuple[Interval, ...]:
    """Give the interval of each of the four parts of `chain`, and of the whole change as fifth.

    Raises:
        BadCells: A period has no orders.
    """
    sessions, orders, money = drawn(sold, rng=rng, draws=draws)
    buying = _split_draws(sessions, orders)
    spending = _split_draws(orders, money)
    value = _means(orders, money)
    conversion = _means(sessions, orders)
    parts = np.stack(
        [
            buying[0] * value.mean(axis=0),
            buying[1] * value.mean(axis=0),
            spending[0] * conversion.mean(axis=0),
            spending[1] * conversion.mean(axis=0),
        ]
    )
    every = np.concatenate([parts, parts.sum(axis=0)[None]])
    tail = (1 - level) / 2
    low, high = np.quantile(every, [tail, 1 - tail], axis=1)
    return tuple(Interval(float(a), float(b)) for a, b in zip(low, high, strict=True))


def mix_share_interval(
    cells: Cells, *, rng: np.random.Generator, draws: int = DRAWS, level: float = 0.95
) -> Interval | None:
    """Give the interval of the mix as a share of the change of conversion.

    Returns:
        None where the change may well be 0: a share of nothing has no interval.
    """
    sold = Sold.of(
        [cells.weight_before, cells.weight_after],
        [cells.amount_before, cells.amount_after],
        np.zeros((2, cells.weight_before.size)),
    )
    sessions, orders, _ = drawn(sold, rng=rng, draws=draws)
    mix, rate = _split_draws(sessions, orders)
    tail = (1 - level) / 2
    low, high = np.quantile(mix + rate, [tail, 1 - tail])
    if low <= 0 <= high:
        return None
    some = mix + rate != 0
    ends = np.quantile(mix[some] / (mix + rate)[some], [tail, 1 - tail])
    return Interval(float(ends[0]), float(ends[1]))


def _means(weights: Floats, amounts: Floats) -> Floats:
    totals = weights.sum(axis=-1)
    found: Floats = np.divide(
        amounts.sum(axis=-1), totals, out=np.zeros_like(totals), where=totals > 0
    )
    return found


def _split_draws(weights: Floats, amounts: Floats) -> tuple[Floats, Floats]:
    """Give the sums of mix and rate of every draw of `(2, draws, segments)`."""
    total = np.maximum(weights.sum(axis=-1, keepdims=True), 1e-300)
    shares, parts = weights / total, amounts / total
    middle = parts.sum(axis=-1).mean(axis=0)[:, None]
    mix, rate = _split(shares[0], parts[0], shares[1], parts[1], middle=middle)
    return mix.sum(axis=-1), rate.sum(axis=-1)


def spread_of_values(orders: ArrayLike, revenue_minor: ArrayLike) -> float:
    """Estimate the spread of single orders' values from daily sums.

    A day's sum of n orders varies n times as a single order does, around n times the mean.

    Args:
        orders: Of each day.
        revenue_minor: Of each day.

    Returns:
        0 where fewer than two days have orders.
    """
    n, money = np.asarray(orders, dtype=float).ravel(), np.asarray(revenue_minor, float).ravel()
    some = n > 0
    n, money = n[some], money[some]
    if n.size < 2:
        return 0.0
    mean = money.sum() / n.sum()
    return float(np.sqrt(((money - n * mean) ** 2 / n).sum() / (n.size - 1)))


def whole(parts: ArrayLike, *, total: int) -> Counts:
    """Round parts to whole units so that they add up to the total, by the largest remainders.

    Args:
        parts: They add up to `total`, but for rounding.
        total: In whole minor units.

    Source:
        Hamilton's method. docs/methods/driver-shapley.md.
    """
    values = np.asarray(parts, dtype=float).ravel()
    if not values.size:
        return np.zeros(0, dtype=np.int64)
    floors = np.floor(values)
    left = int(total - floors.sum())
    found: Counts = floors.astype(np.int64)
    each, rest = divmod(left, values.size)
    order = np.argsort(-(values - floors), kind="stable")
    found += each
    found[order[:rest]] += 1
    return found
