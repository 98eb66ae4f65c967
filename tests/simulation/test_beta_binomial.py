"""Shares drawn from the prior itself, and how often their difference lies where it is believed."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from truelift.stats.beta_binomial import BetaPrior, believe_shares


pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

RUNS = int(os.environ.get("TRUELIFT_SIMULATION_RUNS", "2000")) // 2


@pytest.mark.parametrize("prior", [BetaPrior(), BetaPrior(0.5, 20)])
@pytest.mark.parametrize("n", [5, 200])
def test_differences_drawn_from_the_prior_lie_in_ninety_five_percent_of_intervals(
    prior: BetaPrior, n: int
) -> None:
    rng = np.random.default_rng(8)
    shares = rng.beta(prior.successes, prior.failures, (2, RUNS))
    had = rng.binomial(n, shares)

    belief = believe_shares(
        control_successes=had[0],
        control_n=np.asarray(n),
        successes=had[1],
        n=np.asarray(n),
        prior=prior,
    )

    gap = shares[1] - shares[0]
    covered = (belief.low <= gap) & (gap <= belief.high)
    assert covered.mean() == pytest.approx(0.95, abs=4 * math.sqrt(0.05 * 0.95 / RUNS))
    won = (gap > 0).mean()
    assert belief.chance_to_win.mean() == pytest.approx(won, abs=4 * math.sqrt(0.25 / RUNS))
