from __future__ import annotations

import numpy as np
import pytest

from tests.stats.samples import moments_from
from truelift.stats.effects import Absence, Floats
from truelift.stats.moments import Form, Moments
from truelift.stats.points import Points, between
from truelift.stats.quantiles import BadQuantile, quantile_points, ranks_beside


def points_of(samples: list[Floats], share: float, below: Moments | None = None) -> Points:
    n = np.array([len(sample) for sample in samples])
    low, high = ranks_beside(n, share)
    value, below_it, above_it = (
        np.array(
            [np.quantile(s, r) for s, r in zip(samples, np.broadcast_to(at, n.shape), strict=True)]
        )
        for at in (share, low, high)
    )
    return quantile_points(n, share, value=value, low=below_it, high=above_it, below=below)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_error_is_what_repeated_samples_vary_by(share: float) -> None:
    generator = np.random.default_rng(1)
    samples = list(generator.lognormal(0, 1, (600, 2_000)))

    found = points_of(samples, share)

    spread = np.quantile(np.array(samples), share, axis=1).std()
    assert np.sqrt(found.variance.mean()) == pytest.approx(spread, rel=0.08)


def test_values_that_come_in_clusters_are_known_less_well() -> None:
    generator = np.random.default_rng(2)
    medians, errors = [], []
    for _ in range(300):
        visits = 1 + generator.poisson(3, 500)
        own = np.repeat(generator.normal(0, 1, 500), visits)
        loads = np.exp(own + generator.normal(0, 0.3, len(own)))
        unit = np.repeat(np.arange(500), visits)
        median = np.median(loads)
        hits = np.bincount(unit, loads <= median)
        below = moments_from(Form.RATIO, [hits.astype(float), visits.astype(float)])
        medians.append(median)
        errors.append(np.sqrt(points_of([loads], 0.5, below).variance[0]))

    assert np.mean(errors) == pytest.approx(np.std(medians), rel=0.12)


def test_differences_of_quantiles_follow_shifts_and_scales() -> None:
    generator = np.random.default_rng(3)
    base = generator.gamma(2, 10, 5_000)
    found = points_of([base, base + 5, base * 1.2], 0.75)
    control = Points(
        *(
            np.asarray(getattr(found, name)[0])
            for name in ("value", "variance", "df", "n", "absent")
        )
    )

    gaps = between(control, found)

    assert gaps.absent.tolist() == [Absence.NONE] * 3
    assert gaps.value[1:] == pytest.approx([5.0, 0.2 * found.value[0]])
    assert gaps.df[:2].tolist() == pytest.approx([2 * 5_000 - 2] * 2)


def test_too_few_values_beside_the_quantile_are_named() -> None:
    n = np.array([0, 30, 500, 500])

    found = quantile_points(n, 0.95, value=n * 0 + 1, low=n * 0 + 1, high=[2, 2, 2, 1])

    assert found.absent.tolist() == [
        Absence.NO_ARM,
        Absence.TOO_FEW_VALUES,
        Absence.NONE,
        Absence.NO_SPREAD,
    ]
    assert np.isnan(found.value).tolist() == [True, True, False, True]


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_a_share_outside_of_its_range_is_refused(share: float) -> None:
    with pytest.raises(BadQuantile):
        ranks_beside(5, share)
    with pytest.raises(BadQuantile):
        quantile_points(5, share, value=1, low=1, high=1)
