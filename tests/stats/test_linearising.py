from __future__ import annotations

import numpy as np
import pytest

from tests.stats.samples import moments_from, shop_units
from truelift.stats.linearising import adjusted, covariance, foretelling, linear, past, variance
from truelift.stats.moments import Form, Moments


def visitors(form: Form, numbers: int) -> Moments:
    units = shop_units(np.random.default_rng(8), 900)
    columns = [0, 2] if form is Form.MEAN else [0, 1, 2, 3]
    return moments_from(form, [units[column] for column in columns[:numbers]])


@pytest.mark.parametrize(("form", "means"), [(Form.MEAN, [3.0]), (Form.RATIO, [3.0, -7.0])])
def test_slopes_say_how_a_metric_moves_with_each_mean(form: Form, means: list[float]) -> None:
    at, step = np.array(means), 1e-6

    metric = linear(form, at)

    for nth, slope in enumerate(metric.slopes):
        moved = at + step * (np.arange(len(at)) == nth)
        assert linear(form, moved).value - metric.value == pytest.approx(slope * step, rel=1e-5)


@pytest.mark.parametrize("numbers", [1, 2, 4])
def test_the_variance_of_a_sum_is_that_of_the_sums_of_units(numbers: int) -> None:
    generator = np.random.default_rng(9)
    slopes, units = generator.normal(size=numbers), generator.normal(size=(numbers, 50))

    found = variance(list(slopes), np.atleast_2d(np.cov(units)))

    assert found == pytest.approx(np.var(slopes @ units, ddof=1), rel=1e-12)


def test_what_is_only_rounding_is_no_spread() -> None:
    units = np.random.default_rng(10).normal(size=30) * 1e3

    found = variance([np.array(0.1), np.array(-0.3)], np.cov([3 * units, units]))

    assert found == 0.0


def test_the_covariance_of_two_sums_is_that_of_the_sums_of_units() -> None:
    generator = np.random.default_rng(11)
    units = generator.normal(size=(3, 40))
    one, other = generator.normal(size=3), generator.normal(size=2)

    found = covariance(list(one), list(other), np.cov(units)[:, :2])

    assert found == pytest.approx(np.cov(one @ units, other @ units[:2])[0, 1], rel=1e-12)


@pytest.mark.parametrize("form", [Form.MEAN, Form.RATIO])
def test_an_adjusted_metric_is_the_sum_of_its_numbers_with_their_slopes(form: Form) -> None:
    samples = visitors(form, 2 * form.width)
    before = past(form, samples.means, samples.spread)
    by = foretelling(past(form, samples.means, samples.products))
    now = linear(form, samples.means[..., : form.width])

    found = adjusted(now.value, variance(now.slopes, samples.spread), before, by)

    old = linear(form, samples.means[..., form.width :])
    slopes = [*now.slopes, *(-by.slope * slope for slope in old.slopes)]
    assert found.value == pytest.approx(now.value, rel=1e-12)
    assert found.variance == pytest.approx(variance(slopes, samples.spread), rel=1e-10)
    counted = samples.spread[..., : form.width]
    assert found.covariance == pytest.approx(covariance(slopes, now.slopes, counted), rel=1e-10)


def test_a_past_that_did_not_vary_foretells_nothing() -> None:
    samples = visitors(Form.MEAN, 2)
    products = samples.products * np.array([[1.0, 0.0], [0.0, 0.0]])

    with np.errstate(invalid="ignore"):
        by = foretelling(past(Form.MEAN, samples.means, products))

    assert by.slope == 0
