from __future__ import annotations

import numpy as np
import pytest

from tests.stats.samples import moments_from, shop_units
from truelift.stats.effects import Absence, FixedHorizon
from truelift.stats.estimating import FormsDiffer, differences
from truelift.stats.moments import Form, Moments, moments_of, shares
from truelift.stats.scales import Scale
from truelift.stats.stratifying import stratified_differences
from truelift.stats.summary import CovariateSummary, Summary


SCALES = list(Scale)


def one_stratum(samples: Moments) -> Moments:
    return Moments(
        samples.form,
        samples.n[..., None],
        samples.means[..., None, :],
        samples.products[..., None, :, :],
    )


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("form", [Form.MEAN, Form.RATIO])
def test_a_single_stratum_is_the_plain_comparison(form: Form, scale: Scale) -> None:
    generator = np.random.default_rng(1)
    width = form.width
    both = moments_from(
        form, shop_units(generator, 700)[:width], shop_units(generator, 900, lift=0.2)[:width]
    )

    stratified = stratified_differences(one_stratum(both[0]), one_stratum(both[1]), scale=scale)

    plain = differences(both[0], both[1], scale=scale)
    assert stratified.value == pytest.approx(plain.value, rel=1e-12)
    assert stratified.se == pytest.approx(plain.se, rel=1e-9)


def test_strata_that_differ_no_longer_add_to_the_noise() -> None:
    generator = np.random.default_rng(2)
    plain, stratified, said = [], [], []
    for _ in range(400):
        device = generator.integers(0, 2, 2_000)
        arm = generator.integers(0, 2, 2_000)
        value = 10.0 * device + generator.normal(0, 1, 2_000)
        cells = moments_from(
            Form.MEAN, *([value[(arm == a) & (device == d)]] for a in (0, 1) for d in (0, 1))
        )
        whole = moments_from(Form.MEAN, *([value[arm == a]] for a in (0, 1)))
        found = stratified_differences(cells[:2], cells[2:])
        plain.append(differences(whole[0], whole[1]).value)
        stratified.append(found.value)
        said.append(found.se)

    assert np.std(stratified) < np.std(plain) / 3
    assert np.mean(said) == pytest.approx(np.std(stratified), rel=0.1)


@pytest.mark.parametrize("scale", SCALES)
def test_intervals_cover_the_truth_where_effects_differ_between_strata(scale: Scale) -> None:
    generator = np.random.default_rng(3)
    runs, share = 2_000, np.array([0.7, 0.3])
    rates = np.array([[0.05, 0.20], [0.05, 0.30]])
    mixed = rates @ share
    truth = {
        Scale.ABSOLUTE: mixed[1] - mixed[0],
        Scale.RELATIVE: mixed[1] / mixed[0] - 1,
        Scale.LOG: np.log(mixed[1] / mixed[0]),
    }[scale]
    n = generator.multinomial(4_000, np.repeat(share / 2, 2), runs).reshape(runs, 2, 2)
    counts = np.moveaxis(n, 2, 1)
    took = generator.binomial(counts, rates)
    cells = shares(counts, took)

    found = FixedHorizon().judge(
        stratified_differences(cells[:, 0], cells[:, 1], scale=scale), alpha=0.05
    )

    covered = ((found.low <= truth) & (truth <= found.high)).mean()
    assert covered == pytest.approx(0.95, abs=0.015)


def test_a_stratum_with_one_unit_in_an_arm_cannot_be_weighted() -> None:
    base, other = (
        shares(np.array([50, 1]), np.array([5, 0])),
        shares(np.array([50, 9]), np.array([5, 1])),
    )

    found = stratified_differences(base, other)

    assert found.absent == Absence.TOO_FEW_UNITS
    assert np.isnan(found.value)


def test_a_stratum_that_nobody_is_in_weighs_nothing() -> None:
    base, other = (
        shares(np.array([50, 0]), np.array([5, 0])),
        shares(np.array([60, 0]), np.array([9, 0])),
    )

    with_empty = stratified_differences(base, other)

    without = stratified_differences(base[:1], other[:1])
    assert with_empty.value == pytest.approx(without.value)
    assert with_empty.se == pytest.approx(without.se)


def test_a_covariate_is_refused_rather_than_ignored() -> None:
    plain = moments_of([Summary(5, 1.0, 2.0)])
    adjusted = moments_of([CovariateSummary(5, 1.0, 2.0, 1.0, 2.0, 1.0)])

    with pytest.raises(FormsDiffer):
        stratified_differences(plain, adjusted)
