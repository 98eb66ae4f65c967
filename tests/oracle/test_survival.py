"""Kaplan-Meier curves and Greenwood's variance agree with statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from truelift.stats.survival import Z_95, survival_curve


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(20))
def test_curves_agree_with_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = int(rng.integers(5, 300))
    event = rng.geometric(rng.uniform(0.02, 0.5), people)
    watched = rng.integers(1, 40, people)
    time, came = np.minimum(event, watched), event <= watched
    if not came.any():
        pytest.skip("nobody's event was seen")

    curve = survival_curve(
        came=np.bincount(time[came], minlength=41).tolist(),
        left=np.bincount(time[~came], minlength=41).tolist(),
    )

    theirs = SurvfuncRight(time, came.astype(int))
    steps = np.column_stack([theirs.surv_times, theirs.surv_prob, theirs.surv_prob_se])
    for at, survival, error in steps:
        point = curve.points[int(at)]
        assert point.share == pytest.approx(1 - survival, abs=1e-12)
        if 0 < survival < 1:
            # The same interval, of their standard error.
            width = Z_95 * error / (survival * abs(math.log(survival)))
            assert point.low == pytest.approx(1 - survival ** math.exp(-width))
            assert point.high == pytest.approx(1 - survival ** math.exp(width))
    for share in (0.25, 0.5, 0.75):
        median = theirs.quantile(share)
        found = curve.quantile(share)
        # Theirs goes on to the next event where the curve stands at the share exactly.
        stands = [p for p in curve.points if p.share is not None and abs(p.share - share) < 1e-9]
        if not stands:
            assert found == (None if math.isnan(median) else int(median))
