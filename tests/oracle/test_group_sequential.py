"""Group-sequential bounds held against scipy's multivariate normal, which knows no recursion."""

from __future__ import annotations

import numpy as np
import pytest

from tests.stats.estimated import estimates_of
from truelift.stats.effects import Side
from truelift.stats.group_sequential import GroupSequential, Spending


pytestmark = pytest.mark.oracle

LOOKS = [(0.2, 0.4, 0.6, 0.8, 1.0), (0.3, 0.35, 0.8), (0.5, 1.2)]


def inside(looks: tuple[float, ...], low: np.ndarray, high: np.ndarray, drift: float) -> float:
    """Give the chance that every look's z lies between its bounds."""
    stats = pytest.importorskip("scipy.stats")
    shares = np.asarray(looks)
    correlation = np.sqrt(np.minimum.outer(shares, shares) / np.maximum.outer(shares, shares))
    normal = stats.multivariate_normal(
        mean=drift * np.sqrt(shares), cov=correlation, maxpts=200_000, abseps=1e-7, releps=1e-7
    )
    return float(normal.cdf(high, lower_limit=low, rng=np.random.default_rng(1)))


@pytest.mark.parametrize("looks", LOOKS)
@pytest.mark.parametrize("spending", Spending)
@pytest.mark.parametrize("side", [Side.TWO, Side.GREATER])
def test_no_look_alarms_as_often_as_the_multivariate_normal_says(
    looks: tuple[float, ...], spending: Spending, side: Side
) -> None:
    method = GroupSequential(looks, spending, side)
    bounds = method.boundaries(alpha=0.05)
    z = np.asarray(bounds.z)
    low = -z if side is Side.TWO else np.full(z.shape, -30.0)

    for count in range(1, len(looks) + 1):
        alarmed = 1 - inside(looks[:count], low[:count], z[:count], 0.0)
        assert bounds.spent[count - 1] == pytest.approx(alarmed, abs=5e-6)


@pytest.mark.parametrize("looks", LOOKS)
@pytest.mark.parametrize("spending", Spending)
def test_a_drift_is_found_as_often_as_the_multivariate_normal_says(
    looks: tuple[float, ...], spending: Spending
) -> None:
    method = GroupSequential(looks, spending)
    drift = method.drift(power=0.8)
    z = np.asarray(method.boundaries().z)

    there, back = method.stops(drift)

    for count in range(1, len(looks) + 1):
        stopped = 1 - inside(looks[:count], -z[:count], z[:count], drift)
        assert there[:count].sum() + back[:count].sum() == pytest.approx(stopped, abs=5e-6)
    assert there.sum() == pytest.approx(0.8, abs=1e-9)


@pytest.mark.parametrize("seen", [-1.0, 0.5, 2.3, 3.5])
def test_the_adjusted_interval_has_its_tails_by_the_multivariate_normal(seen: float) -> None:
    """At its lower end something as far up is seen with chance alpha / 2, earlier being farther."""
    looks = (0.2, 0.4, 0.7)
    method = GroupSequential(looks, Spending.POCOCK)
    z = np.asarray(method.boundaries().z)

    found = method.judge_stopped(estimates_of([seen]))

    for end, chance in ((found.low[0], 0.025), (found.value[0], 0.5), (found.high[0], 0.975)):
        drift = end / np.sqrt(looks[-1])
        upward = 0.0
        for k in range(len(looks)):
            # Up at look k, and inside at all before.
            low, high = -z[: k + 1].copy(), z[: k + 1].copy()
            low[k] = z[k] if k + 1 < len(looks) else seen
            high[k] = 30.0
            upward += inside(looks[: k + 1], low, high, drift)
        assert upward == pytest.approx(chance, abs=5e-6)
