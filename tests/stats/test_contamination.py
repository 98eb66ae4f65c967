from __future__ import annotations

import math

import numpy as np
import pytest

from truelift.stats.contamination import (
    Adjudication,
    clean_part_suffices,
    split_by_change,
)
from truelift.stats.effects import Absence, BadAlpha, Estimates, FixedHorizon
from truelift.stats.estimating import differences
from truelift.stats.heterogeneity import BadEffects
from truelift.stats.moments import shares
from truelift.stats.scales import Scale


def periods(value: object, *, se: float = 0.05, n: object = 1000) -> Estimates:
    values = np.asarray(value, float)
    absent = np.where(np.isnan(values), np.uint8(Absence.NO_ARM), np.uint8(0))
    known = np.where(np.isnan(values), np.nan, 1.0)
    counts = np.broadcast_to(np.asarray(n), values.shape)
    return Estimates(values, known * se, known * np.inf, counts, absent)


def test_an_effect_that_the_change_erased_is_another_one() -> None:
    found = split_by_change(
        periods([0.30, 0.0], n=[300, 700]), method=FixedHorizon(), verdict=Adjudication.SUSPECT
    )

    assert found.test.q == pytest.approx(0.3**2 / (2 * 0.05**2))
    assert found.share_after == 0.7
    assert found.sentence().startswith("70% of the units came after the change, and the effect is")


def test_no_difference_found_does_not_clear_a_test() -> None:
    found = split_by_change(
        periods([0.10, 0.08]), method=FixedHorizon(), verdict=Adjudication.SUSPECT, worth=0.1
    )

    assert found.stratified is None
    assert float(found.power) == pytest.approx(0.29, abs=0.01)
    assert found.sentence().endswith("which does not clear the test.")


@pytest.mark.parametrize(
    ("verdict", "allowed"),
    [
        (Adjudication.FATAL, False),
        (Adjudication.SUSPECT, False),
        (Adjudication.SUSPECT_EQUAL, True),
        (Adjudication.BENIGN, True),
    ],
)
def test_one_effect_over_all_periods_takes_a_verdict_by_people(
    verdict: Adjudication, *, allowed: bool
) -> None:
    found = split_by_change(periods([0.1, 0.2]), method=FixedHorizon(), verdict=verdict)

    assert (found.stratified is not None) is allowed
    if found.stratified is not None:
        assert found.stratified.value == pytest.approx(0.15)
        assert found.stratified.se == pytest.approx(0.05 / math.sqrt(2))


def test_a_change_of_level_leaves_the_effect_alone() -> None:
    n = np.array([20_000, 20_000])
    effects = differences(
        shares(n, np.array([1000, 400])), shares(n, np.array([1100, 440])), scale=Scale.LOG
    )

    found = split_by_change(effects, method=FixedHorizon(), verdict=Adjudication.BENIGN)

    assert found.test.q == pytest.approx(0, abs=1e-9)
    assert found.stratified is not None
    assert found.stratified.value == pytest.approx(math.log(1.1))


def test_a_period_without_an_effect_leaves_nothing_to_compare() -> None:
    found = split_by_change(
        periods([[0.1, math.nan], [math.nan, math.nan]]),
        method=FixedHorizon(),
        verdict=Adjudication.BENIGN,
    )

    assert np.isnan(found.test.p).all()
    assert "not enough in both periods" in found.sentence((0,))
    assert found.stratified is not None
    assert found.stratified.absent.tolist() == [0, Absence.NO_ARM]


def test_three_periods_have_two_degrees_of_freedom() -> None:
    found = split_by_change(
        periods([0.1, 0.1, 0.1]), method=FixedHorizon(), verdict=Adjudication.FATAL
    )

    assert found.test.df == 2


def test_a_test_without_a_change_has_no_periods() -> None:
    for value in ([0.1], 0.1):
        with pytest.raises(BadEffects):
            split_by_change(periods(value), method=FixedHorizon(), verdict=Adjudication.FATAL)
    with pytest.raises(BadAlpha):
        split_by_change(
            periods([0.1, 0.2]), method=FixedHorizon(), verdict=Adjudication.FATAL, alpha=0
        )


@pytest.mark.parametrize(
    ("clean", "planned", "enough"), [(10, 10, True), (9, 10, False), (10, 0, False)]
)
def test_the_part_before_the_change_decides_if_it_is_as_large_as_planned(
    clean: int, planned: int, *, enough: bool
) -> None:
    assert clean_part_suffices(clean_units=clean, planned_units=planned) is enough


def test_a_change_of_level_alone_is_taken_for_another_effect_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(1)
    n = np.full((4000, 2), 15_000)
    rates = np.array([0.05, 0.04])

    effects = differences(
        shares(n, rng.binomial(n, rates)), shares(n, rng.binomial(n, rates * 1.1)), scale=Scale.LOG
    )
    found = split_by_change(effects, method=FixedHorizon(), verdict=Adjudication.SUSPECT)

    assert abs((found.test.p < 0.05).mean() - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 4000)
