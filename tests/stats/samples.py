"""Units of made-up experiments, and their moments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from truelift.stats.effects import Floats
from truelift.stats.moments import Form, Moments


def moments_from(form: Form, *samples: Sequence[Floats]) -> Moments:
    """Count the moments of samples, each given as its units' numbers, one array each."""
    units = [np.stack(sample, axis=-1) for sample in samples]
    return Moments(
        form,
        np.array([len(each) for each in units], dtype=np.int64),
        np.array([each.mean(axis=0) for each in units]),
        np.array([(each - each.mean(axis=0)).T @ (each - each.mean(axis=0)) for each in units]),
    )


def shop_units(generator: np.random.Generator, n: int, *, lift: float = 0.0) -> list[Floats]:
    """Make revenue and sessions of visitors, now and before: skewed, and tied to each other."""
    keen = generator.gamma(2.0, 0.5, n)
    sessions, before = (1.0 + generator.poisson(keen).astype(np.float64) for _ in range(2))

    def revenue(visits: Floats, rate: float) -> Floats:
        orders = generator.binomial(visits.astype(int), rate)
        return np.asarray(orders * generator.lognormal(3.0, 0.7, n))

    return [revenue(sessions, 0.2 * (1 + lift)), sessions, revenue(before, 0.2), before]
