"""What docs/guide/monitoring.md promises of guardrails that are looked at again and again."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from truelift.stats.effects import Estimates
from truelift.stats.sequential import Sequential


LOOKS = 480


def alarms_at(
    control: float, treatment: float, *, visitors: int, margin: float = 0.0, tests: int = 300
) -> NDArray[np.float64]:
    """Give the visitors at the first alarm of each test; infinite where there is none.

    As `monitoring_look` reads guardrails: logarithms of ratios, from 100 visitors a variant on.
    """
    rng = np.random.default_rng(2)
    n = np.linspace(visitors / LOOKS, visitors, LOOKS).astype(int) // 2
    new = np.diff(np.r_[0, n])
    one = np.cumsum(rng.binomial(new, control, (tests, LOOKS)), axis=1)
    other = np.cumsum(rng.binomial(new, treatment, (tests, LOOKS)), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        se = np.sqrt((1 - one / n) / one + (1 - other / n) / other)
        value = np.log(other / one)
    read = (n >= 100) & np.isfinite(value) & (se <= 0.5)
    found = Sequential(tuning_n=4000).judge(
        Estimates(
            value=np.where(read, value, 0.0),
            se=np.where(read, se, 1.0),
            df=np.full(value.shape, np.inf),
            n=np.broadcast_to(2 * n, value.shape),
            absent=np.zeros(value.shape, np.uint8),
        ),
        alpha=0.05,
    )
    alarm = (found.low > np.log1p(margin)) & read
    return np.where(alarm.any(axis=1), 2.0 * n[alarm.argmax(axis=1)], np.inf)


@pytest.mark.simulation
@pytest.mark.parametrize("rate", [0.03, 0.2])
def test_a_guardrail_of_nothing_alarms_in_one_test_of_twenty_at_most(rate: float) -> None:
    first = alarms_at(rate, rate, visitors=40_000)

    assert np.isfinite(first).mean() <= 0.05


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("margin", "visitors", "median", "most"),
    [(0.0, 40_000, 3_600, 6_000), (0.1, 80_000, 17_000, 31_000)],
)
def test_a_fifth_more_errors_is_found_within_the_stated_visitors(
    margin: float, visitors: int, median: int, most: int
) -> None:
    first = alarms_at(0.2, 0.24, visitors=visitors, margin=margin)

    assert np.median(first) <= median
    assert np.percentile(first, 80) <= most
