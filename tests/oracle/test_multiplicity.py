"""Corrections for multiplicity agree with statsmodels and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from truelift.stats.effects import Side
from truelift.stats.multiplicity import (
    benjamini_hochberg,
    bonferroni,
    dunnett_p,
    dunnett_reach,
    holm,
)


pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("seed", range(10))
def test_adjusted_p_values_agree_with_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.random(int(rng.integers(1, 60))) ** rng.uniform(1, 6)

    for ours, theirs in (
        (bonferroni, "bonferroni"),
        (holm, "holm"),
        (benjamini_hochberg, "fdr_bh"),
    ):
        assert ours(p) == pytest.approx(multipletests(p, method=theirs)[1], rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("side", "theirs"),
    [(Side.TWO, "two-sided"), (Side.GREATER, "greater"), (Side.LESS, "less")],
)
def test_dunnett_agrees_with_scipy_for_unequal_sizes(seed: int, side: Side, theirs: str) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(4, 40, int(rng.integers(3, 6)))
    control, *arms = [rng.normal(0.5 * (i > 0), 1, n) for i, n in enumerate(sizes)]
    answer = stats.dunnett(*arms, control=control, alternative=theirs, random_state=seed)
    df = int(sizes.sum()) - len(sizes)
    loadings = np.sqrt(sizes[1:] / (sizes[1:] + sizes[0]))

    p = dunnett_p(answer.statistic, loadings, df=df, side=side)
    reach = dunnett_reach(loadings, alpha=0.05, df=df, side=side)

    # Theirs integrates at random points: it has about four digits, its interval three.
    assert p == pytest.approx(answer.pvalue, abs=4e-4)
    interval = answer.confidence_interval(0.95)
    spread = math.sqrt(sum(((x - x.mean()) ** 2).sum() for x in (control, *arms)) / df)
    se = spread * np.sqrt(1 / sizes[1:] + 1 / sizes[0])
    differences = np.array([arm.mean() for arm in arms]) - control.mean()
    if side is not Side.LESS:
        assert interval.low == pytest.approx(differences - reach * se, abs=8e-3)
    if side is not Side.GREATER:
        assert interval.high == pytest.approx(differences + reach * se, abs=8e-3)


def test_dunnett_agrees_with_the_multivariate_normal() -> None:
    loadings = np.array([0.3, 0.6, 0.9])
    correlations = np.outer(loadings, loadings)
    np.fill_diagonal(correlations, 1)

    for t in (0.5, 1.5, 2.4):
        theirs = stats.multivariate_normal.cdf(
            [t] * 3, cov=correlations, lower_limit=[-t] * 3, maxpts=1_000_000, abseps=1e-8
        )
        assert dunnett_p([t] * 3, loadings)[0] == pytest.approx(1 - theirs, abs=2e-6)
