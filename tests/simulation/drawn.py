"""Thousands of experiments drawn at once, by their sufficient statistics where these are known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri

from truelift.stats.effects import Counts, Floats
from truelift.stats.moments import Form, Moments, shares
from truelift.stats.points import Points
from truelift.stats.quantiles import quantile_points, ranks_beside
from truelift.stats.restricted_mean import restricted_mean_points


Generator = np.random.Generator
Shape = tuple[int, ...]


def proportions(rng: Generator, shape: Shape, n: int, *, rate: float, lift: float = 0.0) -> Moments:
    return shares(np.full(shape, n), rng.binomial(n, rate * (1 + lift), shape))


def normal_means(
    rng: Generator, shape: Shape, n: int, *, mean: float = 10.0, sd: float = 20.0, lift: float = 0.0
) -> Moments:
    means = mean * (1 + lift) + sd * rng.standard_normal(shape) / math.sqrt(n)
    squares = sd**2 * rng.chisquare(n - 1, shape)
    return Moments(Form.MEAN, np.full(shape, n), means[..., None], squares[..., None, None])


def correlated_means(
    rng: Generator, shape: Shape, n: int, *, rho: float, lift: float = 0.0
) -> Moments:
    """Normal metrics with mean 10 and deviation 20 and the same before: Bartlett's way."""
    root = 20.0 * np.array([[rho, math.sqrt(1 - rho**2)], [1.0, 0.0]])
    means = np.array([10.0 * (1 + lift), 10.0]) + rng.standard_normal((*shape, 2)) @ root.T / (
        math.sqrt(n)
    )
    lower = np.zeros((*shape, 2, 2))
    lower[..., 0, 0] = np.sqrt(rng.chisquare(n - 1, shape))
    lower[..., 1, 1] = np.sqrt(rng.chisquare(n - 2, shape))
    lower[..., 1, 0] = rng.standard_normal(shape)
    spread = root @ lower
    return Moments(Form.MEAN, np.full(shape, n), means, spread @ np.swapaxes(spread, -1, -2))


def discrete(
    rng: Generator, shape: Shape, n: int, form: Form, chances: Floats, values: Floats
) -> Moments:
    """Draw units whose numbers are rows of `values`, with these chances."""
    chances = chances / chances.sum()
    centre = chances @ values
    away = values - centre
    counts = rng.multinomial(n, chances, shape).astype(float)
    gap = counts @ away / n
    flat = (away[:, :, None] * away[:, None, :]).reshape(len(away), -1)
    k = values.shape[1]
    raw = (counts @ flat).reshape(*shape, k, k)
    products = raw - n * gap[..., :, None] * gap[..., None, :]
    # Rounding must not make a spread of nothing negative.
    where = np.arange(k)
    products[..., where, where] = np.maximum(products[..., where, where], 0.0)
    return Moments(form, np.full(shape, n), centre + gap, products)


def counts_per_unit(rng: Generator, shape: Shape, n: int, *, lift: float = 0.0) -> Moments:
    """Page views: a negative binomial of mean 2, three times as dispersed as Poisson's."""
    mean, dispersion = 2.0 * (1 + lift), 3.0
    size, at = mean / (dispersion - 1), np.arange(80)
    log = gammaln(at + size) - gammaln(size) - gammaln(at + 1)
    log += size * math.log(1 / dispersion) + at * math.log(1 - 1 / dispersion)
    return discrete(rng, shape, n, Form.MEAN, np.exp(log), at[:, None].astype(float))


@lru_cache
def _visits(lift: float, *, before: bool) -> tuple[Floats, Floats]:
    """Orders and sessions of visitors of two kinds, and the same before; with their chances."""
    pairs = [(o, s) for s in (1, 2, 3) for o in range(s + 1)]

    def pair(keen: int, change: float) -> Floats:
        sessions = ((0.7, 0.2, 0.1), (0.3, 0.3, 0.4))[keen]
        rate = (0.05, 0.25)[keen] * (1 + change)
        return np.array(
            [sessions[s - 1] * math.comb(s, o) * rate**o * (1 - rate) ** (s - o) for o, s in pairs]
        )

    kinds = (0.75, 0.25)
    if not before:
        chances = sum(share * pair(keen, lift) for keen, share in enumerate(kinds))
        return np.asarray(chances), np.array(pairs, dtype=float)
    both = sum(
        share * np.outer(pair(keen, lift), pair(keen, 0.0)) for keen, share in enumerate(kinds)
    )
    values = [(*now, *was) for now in pairs for was in pairs]
    return np.asarray(both).ravel(), np.array(values, dtype=float)


def ratios(
    rng: Generator, shape: Shape, n: int, *, lift: float = 0.0, before: bool = False
) -> Moments:
    """Orders per session, the visitor being the unit."""
    chances, values = _visits(lift, before=before)
    return discrete(rng, shape, n, Form.RATIO, chances, values)


def ratio_value() -> float:
    chances, values = _visits(0.0, before=False)
    orders, sessions = chances @ values
    return float(orders / sessions)


def adjusted_shares(rng: Generator, shape: Shape, n: int, *, lift: float = 0.0) -> Moments:
    """Whether somebody bought, and whether before."""
    cells = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], dtype=float)
    now = np.array([0.06, 0.4]) * (1 + lift)
    chances = np.array([0.9 * (1 - now[0]), 0.1 * (1 - now[1]), 0.9 * now[0], 0.1 * now[1]])
    return discrete(rng, shape, n, Form.MEAN, chances, cells)


def baskets(
    rng: Generator, runs: int, n: int, *, buys: float, log_sd: float, lift: float = 0.0
) -> Floats:
    """Draw what buyers paid, a row per run with zeros behind; all other units paid nothing."""
    buyers = rng.binomial(n, buys, runs)
    width = int(buyers.max(initial=1))
    paid = np.exp(4.0 + log_sd * rng.standard_normal((runs, width))) * (1 + lift)
    return np.where(np.arange(width) < buyers[:, None], paid, 0.0)


def revenue_mean(*, buys: float, log_sd: float) -> float:
    return buys * math.exp(4.0 + log_sd**2 / 2)


def revenue_moments(paid: Floats, n: int) -> Moments:
    """Count the moments of n units of which only these paid."""
    mean = paid.sum(axis=-1) / n
    squares = (paid**2).sum(axis=-1) - n * mean**2
    return Moments(Form.MEAN, np.full(mean.shape, n), mean[..., None], squares[..., None, None])


def revenues(
    rng: Generator, shape: Shape, n: int, *, buys: float, log_sd: float, lift: float = 0.0
) -> Moments:
    """Revenue per visitor: few buy, and their baskets are log-normal."""
    runs = math.prod(shape)
    at_once = max(1, 4_000_000 // max(1, int(n * buys * 1.3)))
    parts = [
        revenue_moments(
            baskets(rng, min(at_once, runs - at), n, buys=buys, log_sd=log_sd, lift=lift), n
        )
        for at in range(0, runs, at_once)
    ]
    return Moments(
        Form.MEAN,
        np.full(shape, n),
        np.concatenate([part.means for part in parts]).reshape(*shape, 1),
        np.concatenate([part.products for part in parts]).reshape(*shape, 1, 1),
    )


def winsorised(
    rng: Generator, runs: int, sizes: tuple[int, int], *, buys: float, log_sd: float, share: float
) -> tuple[Moments, Moments]:
    """Draw both variants, capped at one percentile of all units of both together."""
    parts: list[list[Moments]] = [[], []]
    for at in range(0, runs, 1000):
        pair = [baskets(rng, min(1000, runs - at), n, buys=buys, log_sd=log_sd) for n in sizes]
        both = np.concatenate(pair, axis=1)
        # Units that paid nothing are not drawn: ranks are counted from the top.
        rank = int((1 - share) * sum(sizes))
        place = both.shape[1] - 1 - rank
        cap = np.partition(both, place, axis=1)[:, place : place + 1]
        for found, paid, n in zip(parts, pair, sizes, strict=True):
            found.append(revenue_moments(np.minimum(paid, cap), n))
    base, other = (
        Moments(
            Form.MEAN,
            np.concatenate([part.n for part in found]),
            np.concatenate([part.means for part in found]),
            np.concatenate([part.products for part in found]),
        )
        for found in parts
    )
    return base, other


def running(parts: Moments) -> Moments:
    """Add up along the last axis: what was known at each look."""
    n = np.cumsum(parts.n, axis=-1)
    mean = parts.means
    raw = parts.products + parts.n[..., None, None] * mean[..., :, None] * mean[..., None, :]
    means = np.cumsum(parts.n[..., None] * mean, axis=-2) / n[..., None]
    squares = np.cumsum(raw, axis=-3)
    products = squares - n[..., None, None] * means[..., :, None] * means[..., None, :]
    # Where nobody has bought yet, rounding must not make a spread.
    products = (
        np.where(products < 1e-9 * squares, 0.0, products) if mean.shape[-1] == 1 else (products)
    )
    return Moments(parts.form, n, means, products)


def log_normal_quantiles(
    rng: Generator, shape: Shape, n: int, share: float, *, lift: float = 0.0
) -> Points:
    """Draw the three order statistics that an estimate is made of, exactly."""
    low, high = (float(end) for end in ranks_beside(n, share))
    ranks = [max(1, round(low * n)), max(1, round(share * n)), min(n, round(high * n))]
    steps = np.diff([0, *ranks, n + 1])
    parts = rng.gamma(steps, size=(*shape, 4))
    uniform = np.cumsum(parts, axis=-1)[..., :3] / parts.sum(axis=-1, keepdims=True)
    ends = np.exp(0.8 * ndtri(uniform)) * (1 + lift)
    return quantile_points(
        np.full(shape, n), share, value=ends[..., 1], low=ends[..., 0], high=ends[..., 2]
    )


def log_normal_quantile(share: float) -> float:
    return math.exp(0.8 * float(ndtri(share)))


def clustered_quantiles(
    rng: Generator,
    runs: int,
    units: int,
    share: float,
    *,
    lift: float = 0.0,
    clustered: bool = True,
) -> Points:
    """Draw visitors with several readings each, alike within a visitor."""
    numbers: list[NDArray[np.float64]] = []
    moments: list[Moments] = []
    for at in range(0, runs, 100):
        some = min(100, runs - at)
        visits = np.minimum(1 + rng.poisson(2.0, (some, units)), 8)
        own = rng.standard_normal((some, units, 1))
        noise = 0.6 * own + 0.6 * rng.standard_normal((some, units, 8))
        there = np.arange(8) < visits[..., None]
        values = np.where(there, np.exp(noise) * (1 + lift), np.inf)
        total = visits.sum(axis=1)
        ordered = np.sort(values.reshape(some, -1), axis=1)
        low, high = ranks_beside(total, share)
        found = [
            np.take_along_axis(
                ordered, np.clip((rank * total).astype(int), 0, total - 1)[:, None], 1
            )[:, 0]
            for rank in (np.full(some, share), low, high)
        ]
        numbers.append(np.stack([total.astype(float), *found]))
        hits = (values <= found[0][:, None, None]).sum(axis=2)
        both = np.stack([hits, visits], axis=-1).astype(float)
        means = both.mean(axis=1)
        away = both - means[:, None]
        moments.append(
            Moments(Form.RATIO, np.full(some, units), means, np.einsum("rui,ruj->rij", away, away))
        )
    totals, value, lows, highs = np.concatenate(numbers, axis=1)
    below = Moments(
        Form.RATIO,
        np.concatenate([part.n for part in moments]),
        np.concatenate([part.means for part in moments]),
        np.concatenate([part.products for part in moments]),
    )
    return quantile_points(
        totals.astype(int),
        share,
        value=value,
        low=lows,
        high=highs,
        below=below if clustered else None,
    )


DAYS, HORIZON, PER_DAY = 30, 14, 0.1


def waits(rng: Generator, shape: Shape, n: int, *, per_day: float = PER_DAY) -> Points:
    """Days until an order, of people who started on any of the last 30 days."""
    day = np.arange(DAYS + 1)
    comes = per_day * (1 - per_day) ** (day - 1.0)
    comes[0] = 0.0
    watched = np.where(day < DAYS, 1 / DAYS, 0.0)
    at_least = watched[::-1].cumsum()[::-1]
    came, left = comes * at_least, watched * (1 - per_day) ** day
    chances = np.concatenate([came, left])
    counts: Counts = rng.multinomial(n, chances / chances.sum(), shape)
    return restricted_mean_points(
        counts[..., : DAYS + 1], counts[..., DAYS + 1 :], intervals=HORIZON
    )


def mean_wait(per_day: float) -> float:
    return float(sum((1 - per_day) ** day for day in range(HORIZON)))


STRATA = ((0.5, 5.0), (0.3, 10.0), (0.15, 20.0), (0.05, 60.0))
"""Share and mean of each stratum."""


def strata(rng: Generator, runs: int, n: int, *, lift: float = 0.0) -> Moments:
    """Normal metrics whose means differ between strata; shape (runs, strata)."""
    sizes = rng.multinomial(n, [share for share, _ in STRATA], runs)
    means = np.array([mean for _, mean in STRATA]) * (1 + lift)
    sampled = means + 15 * rng.standard_normal(sizes.shape) / np.sqrt(sizes)
    squares = 225 * rng.chisquare(sizes - 1)
    return Moments(Form.MEAN, sizes, sampled[..., None], squares[..., None, None])


def in_pieces(runs: int, at_once: int) -> Iterator[int]:
    """Give how many runs each piece has."""
    for at in range(0, runs, at_once):
        yield min(at_once, runs - at)
