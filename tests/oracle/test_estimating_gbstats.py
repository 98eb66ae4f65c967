"""Differences of every form, held against gbstats on the same random samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.oracle.asking_gbstats import Answer, Gbstats
from tests.stats.samples import moments_from, shop_units
from truelift.stats.effects import Effects, Estimates, FixedHorizon, Floats
from truelift.stats.estimating import differences
from truelift.stats.moments import Form, Moments, shares
from truelift.stats.points import between
from truelift.stats.quantiles import quantile_points, ranks_beside
from truelift.stats.scales import Scale


pytestmark = pytest.mark.oracle

SCALES = [Scale.ABSOLUTE, Scale.RELATIVE]
PAIRS = 40


@pytest.fixture(scope="module")
def pairs() -> list[list[list[Floats]]]:
    """Pairs of samples of visitors, of different sizes and lifts."""
    generator = np.random.default_rng(20)
    sizes = generator.integers(200, 2_000, (PAIRS, 2))
    return [
        [shop_units(generator, base), shop_units(generator, other, lift=0.2)]
        for base, other in sizes.tolist()
    ]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("form", Form)
def test_every_form_is_compared_as_gbstats_does_it(
    gbstats: Gbstats, pairs: list[list[list[Floats]]], form: Form, scale: Scale
) -> None:
    samples = [[_sample(form, arm) for arm in pair] for pair in pairs]
    if form is Form.SHARE:
        counts = np.array([[(len(arm[0]), (arm[0] > 0).sum()) for arm in pair] for pair in pairs])
        ours = shares(counts[..., 0].T, counts[..., 1].T)
        base, other = ours[0], ours[1]
    else:
        base, other = (
            moments_from(form, *(pair[arm][: form.width] for pair in pairs)) for arm in (0, 1)
        )

    _equal(differences(base, other, scale=scale), _asked(gbstats, samples, scale))


def test_adjusted_differences_are_gbstats(
    gbstats: Gbstats, pairs: list[list[list[Floats]]]
) -> None:
    samples = [
        [
            {
                "kind": "adjusted",
                "n": len(arm[0]),
                "post": _sample(Form.MEAN, arm),
                "pre": _sample(Form.MEAN, arm[2:]),
                "products": float(arm[0] @ arm[2]),
            }
            for arm in pair
        ]
        for pair in pairs
    ]
    base, other = _adjusted(pairs)

    _equal(differences(base, other), _asked(gbstats, samples, Scale.ABSOLUTE))


def test_adjusted_lifts_are_gbstats_but_for_a_term_that_it_drops(
    gbstats: Gbstats, pairs: list[list[list[Floats]]]
) -> None:
    # gbstats takes the treatment's counted mean where the whole gradient has the adjusted one:
    # the values are equal, the errors differ by as much as the covariate's means do.
    samples = [
        [
            {
                "kind": "adjusted",
                "n": len(arm[0]),
                "post": _sample(Form.MEAN, arm),
                "pre": _sample(Form.MEAN, arm[2:]),
                "products": float(arm[0] @ arm[2]),
            }
            for arm in pair
        ]
        for pair in pairs
    ]
    base, other = _adjusted(pairs)

    found = FixedHorizon().judge(differences(base, other, scale=Scale.RELATIVE), alpha=0.05)

    asked = _asked(gbstats, samples, Scale.RELATIVE)
    assert found.value == pytest.approx([each["value"] for each in asked], rel=1e-9)
    assert found.se == pytest.approx([each["sd"] for each in asked], rel=0.05)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("clustered", [False, True])
def test_quantiles_are_gbstats(
    gbstats: Gbstats, pairs: list[list[list[Floats]]], clustered: bool, scale: Scale
) -> None:
    share, samples, numbers, below = 0.9, [], [], []
    for pair in pairs:
        said = []
        for arm in pair:
            values, visits = arm[0], arm[1]
            ends = [float(end) for end in ranks_beside(len(values), share)]
            value, low, high = (float(np.quantile(values, at)) for at in (share, *ends))
            hits = (values <= value).astype(float)
            sample: dict[str, Any] = {"n": len(values), "n_star": len(values), "nu": share}
            sample |= {"value": value, "lower": low, "upper": high, "kind": "quantile"}
            if clustered:
                sample |= {
                    "kind": "clustered_quantile",
                    "sum": float(hits.sum()),
                    "sum_squares": float(hits @ hits),
                    "denominator_sum": float(visits.sum()),
                    "denominator_sum_squares": float(visits @ visits),
                    "products": float(hits @ visits),
                    "clusters": len(values),
                }
            said.append(sample)
            numbers.append((len(values), value, low, high))
            below.append([hits, visits])
        samples.append(said)
    counts, values_at, lows, highs = np.array(numbers).T.reshape(4, PAIRS, 2)
    inside = moments_from(Form.RATIO, *below)
    points = []
    for side in (0, 1):
        found = quantile_points(
            counts[:, side].astype(int),
            share,
            value=values_at[:, side],
            low=lows[:, side],
            high=highs[:, side],
            below=inside[side::2] if clustered else None,
        )
        # gbstats multiplies the variance of the quantile by (n - 1) / n, once more than it must.
        points.append(replace(found, variance=found.variance * (found.n - 1) / found.n))

    _equal(between(points[0], points[1], scale=scale), _asked(gbstats, samples, scale))


def _adjusted(pairs: list[list[list[Floats]]]) -> tuple[Moments, Moments]:
    base, other = (
        moments_from(Form.MEAN, *([pair[arm][0], pair[arm][2]] for pair in pairs)) for arm in (0, 1)
    )
    return base, other


def _sample(form: Form, arm: list[Floats]) -> dict[str, Any]:
    n, total = len(arm[0]), arm[0]
    match form:
        case Form.SHARE:
            return {"kind": "proportion", "n": n, "sum": int((total > 0).sum())}
        case Form.MEAN:
            return {"kind": "mean", "n": n, "sum": total.sum(), "sum_squares": total @ total}
        case Form.RATIO:
            return {
                "kind": "ratio",
                "n": n,
                "numerator": _sample(Form.MEAN, arm),
                "denominator": _sample(Form.MEAN, arm[1:]),
                "products": total @ arm[1],
            }


def _asked(gbstats: Gbstats, samples: list[Any], scale: Scale) -> list[Answer]:
    return gbstats(
        [
            {"test": "fixed", "control": base, "treatment": other, "difference": scale.value}
            for base, other in samples
        ]
    )


def _equal(estimates: Estimates, asked: list[Answer]) -> None:
    found: Effects = FixedHorizon().judge(estimates, alpha=0.05)
    assert [each["error"] for each in asked] == [None] * PAIRS
    for ours, theirs in (
        ("value", "value"),
        ("se", "sd"),
        ("low", "low"),
        ("high", "high"),
        ("p", "p"),
    ):
        # A p below 1e-13 has no digits left in gbstats, which takes 1 - cdf.
        assert getattr(found, ours) == pytest.approx(
            [each[theirs] for each in asked], rel=1e-9, abs=1e-13
        ), ours
