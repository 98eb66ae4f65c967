from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truelift.stats.difference_in_differences import SeriesErrors, difference_in_differences
from truelift.stats.effects import BadAlpha
from truelift.stats.interrupted_series import interrupted_series
from truelift.stats.quasi import (
    ASSUMPTIONS,
    BadSeries,
    Observed,
    PlaceboKind,
    QuasiDesign,
    SeriesTooShort,
    regress,
)
from truelift.stats.synthetic_control import simplex_weights, synthetic_control


def noise(rng: np.random.Generator, *shape: int, alike: float = 0.4) -> np.ndarray:
    """Series whose neighbours are alike."""
    made = rng.normal(size=(*shape[:-1], shape[-1] + 30))
    for t in range(1, made.shape[-1]):
        made[..., t] += alike * made[..., t - 1]
    return np.asarray(made[..., 30:])


def since(n: int, change: int) -> np.ndarray:
    return (np.arange(n) >= change).astype(float)


def test_what_the_controls_did_too_is_taken_away() -> None:
    rng = np.random.default_rng(1)
    season = 10 * np.sin(np.arange(112) / 5)

    found = difference_in_differences(
        100 + season + 5 * since(112, 56) + rng.normal(0, 1, 112),
        [50 + season + rng.normal(0, 1, 112), 70 + season + rng.normal(0, 1, 112)],
        change=56,
    )

    assert found.value == pytest.approx(5, abs=0.6)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 5 < found.high
    assert found.credible


def test_the_difference_of_differences_is_that_of_four_means() -> None:
    treated, control = np.arange(56.0) ** 1.5 % 7, np.arange(56.0) ** 1.3 % 5

    found = difference_in_differences(treated, control, change=28)

    gap = treated - control
    assert found.value == pytest.approx(gap[28:].mean() - gap[:28].mean())


def test_shares_are_told_of_what_would_have_been() -> None:
    rng = np.random.default_rng(2)
    market = np.exp(noise(rng, 112) / 5)

    found = difference_in_differences(
        1000 * market * 1.2 ** since(112, 56) * np.exp(rng.normal(0, 0.02, 112)),
        20 * market,
        change=56,
        relative=True,
    )

    assert found.value == pytest.approx(0.2, abs=0.02)
    assert found.sentence.startswith("Observational, not randomised: +")
    assert "%" in found.sentence


def test_series_that_moved_apart_before_fail_the_placebo() -> None:
    rng = np.random.default_rng(3)
    drifting = 0.2 * np.arange(112) + rng.normal(0, 1, 112)

    found = difference_in_differences(drifting, rng.normal(0, 1, 112), change=84)

    kinds = {placebo.kind: placebo.passed for placebo in found.placebos}
    assert kinds == {PlaceboKind.TREND: False, PlaceboKind.IN_TIME: False}
    assert not found.credible
    assert found.sentence.endswith("do not use it.")


def test_a_short_time_before_leaves_nothing_that_checks_the_assumptions() -> None:
    found = difference_in_differences(np.arange(56.0) % 3, np.arange(56.0) % 5, change=28)

    assert found.placebos == ()
    assert not found.credible
    assert "nothing checks the assumptions" in found.sentence


@settings(max_examples=25)
@given(factor=st.floats(0.001, 1000), shift=st.floats(-1000, 1000), seed=st.integers(0, 20))
def test_the_unit_of_the_series_does_not_matter(factor: float, shift: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    treated, control = noise(rng, 70), noise(rng, 3, 70)

    for errors in SeriesErrors:
        once = difference_in_differences(treated, control, change=35, errors=errors)
        moved = difference_in_differences(
            (treated + shift) * factor, control * factor, change=35, errors=errors
        )

        assert moved.value == pytest.approx(once.value * factor, rel=1e-6, abs=1e-9 * factor)
        assert moved.p == pytest.approx(once.p, rel=1e-5, abs=1e-12)


def test_level_and_trend_are_continued_and_what_is_off_is_the_effect() -> None:
    rng = np.random.default_rng(4)
    day = np.arange(84)
    week = np.tile([0, 0, 0, 0, 0, 5, 5], 12)

    found = interrupted_series(
        10 + 0.3 * day + week + since(84, 56) * (4 + 0.1 * (day - 56)) + rng.normal(0, 0.3, 84),
        change=56,
        season=7,
    )

    assert found.level.value == pytest.approx(4, abs=0.4)
    assert found.slope.value == pytest.approx(0.1, abs=0.03)
    assert found.effect.value == pytest.approx(4 + 0.1 * 27 / 2, abs=0.3)
    assert found.effect.credible


def test_a_control_series_takes_its_part_of_the_movement() -> None:
    rng = np.random.default_rng(5)
    market = noise(rng, 84, alike=0.8)
    series = market * 3 + 2 * since(84, 56) + rng.normal(0, 0.2, 84)

    alone = interrupted_series(series, change=56).effect
    beside = interrupted_series(series, change=56, controls=market).effect

    assert alone.se is not None
    assert beside.se is not None
    assert beside.se < alone.se / 3
    assert beside.value == pytest.approx(2, abs=0.3)


def test_a_series_without_any_noise_is_known_exactly() -> None:
    found = interrupted_series(10 + 2.0 * np.arange(20) + 5 * since(20, 12), change=12).effect

    assert found.value == pytest.approx(5)
    assert found.low == pytest.approx(5)
    assert found.p == pytest.approx(0, abs=1e-12)


def test_a_mix_of_controls_follows_the_treated_series() -> None:
    rng = np.random.default_rng(6)
    donors = noise(rng, 6, 80, alike=0.9)
    treated = 0.7 * donors[1] + 0.3 * donors[4] + 3 * since(80, 60) + rng.normal(0, 0.1, 80)

    found = synthetic_control(treated, donors, change=60)

    assert found.weights == pytest.approx([0, 0.7, 0, 0, 0.3, 0], abs=0.1)
    assert found.effect.value == pytest.approx(3, abs=0.15)
    assert found.effect.low is not None
    assert found.effect.high is not None
    assert found.effect.low < 3 < found.effect.high
    assert found.effect.p <= 0.05
    assert found.rank == 1
    assert found.rank_p == pytest.approx(1 / 7)
    assert {placebo.kind for placebo in found.effect.placebos} == {
        PlaceboKind.IN_TIME,
        PlaceboKind.IN_SPACE,
    }
    assert found.mix == pytest.approx(treated - 3 * since(80, 60), abs=0.6)


def test_a_series_larger_than_all_others_needs_a_constant() -> None:
    rng = np.random.default_rng(7)
    donors = noise(rng, 4, 60)
    treated = 100 + donors[:2].mean(axis=0) + rng.normal(0, 0.1, 60)

    without = synthetic_control(treated, donors, change=45)
    level = synthetic_control(treated, donors, change=45, level=True)

    assert without.miss > 90
    assert level.miss < 0.5
    assert abs(level.effect.value) < 0.5


def test_shares_of_a_mix_are_told_of_what_would_have_been() -> None:
    rng = np.random.default_rng(8)
    donors = np.exp(noise(rng, 5, 60) / 10) * 100
    treated = donors[:2].mean(axis=0) * 1.1 ** since(60, 45)

    found = synthetic_control(treated, donors, change=45, relative=True)

    assert found.effect.value == pytest.approx(0.1, abs=0.02)
    assert found.mix[-1] == pytest.approx(treated[-1] / 1.1, rel=0.1)


def test_too_few_intervals_give_no_interval() -> None:
    rng = np.random.default_rng(9)

    found = synthetic_control(noise(rng, 12), noise(rng, 2, 12), change=9)

    assert (found.effect.low, found.effect.high) == (None, None)
    assert (found.ratios, found.rank_p) == ((), 1.0)
    assert found.effect.placebos == ()


@settings(max_examples=40, deadline=None)
@given(n=st.integers(2, 30), c=st.integers(1, 12), seed=st.integers(0, 1000))
def test_no_small_step_to_another_mix_comes_nearer(n: int, c: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    columns, target = rng.normal(size=(n, c)), rng.normal(size=n)

    weights = simplex_weights(target, columns)

    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    gap = columns @ weights - target
    # At the nearest point every column lies beyond it, seen from the target.
    assert ((columns - target[:, None]).T @ gap).min() >= gap @ gap - 1e-7


def test_equal_columns_are_no_difficulty() -> None:
    column = np.arange(5.0)

    weights = simplex_weights(column, np.column_stack([column + 1, column + 1, column - 1]))

    assert weights[2] == pytest.approx(0.5)


def results() -> list[Observed]:
    rng = np.random.default_rng(10)
    y, c = noise(rng, 80), noise(rng, 3, 80)
    return [
        difference_in_differences(y, c, change=40),
        interrupted_series(y, change=40).effect,
        synthetic_control(y, c, change=40).effect,
    ]


def test_every_result_is_labelled_and_names_its_assumptions() -> None:
    for found in results():
        assert found.label == "observational"
        assert len(found.assumptions) >= 4
        assert found.assumptions == ASSUMPTIONS[found.design]
        assert found.placebos
    assert {found.design for found in results()} == set(QuasiDesign)


@pytest.mark.parametrize("bad", [[], [math.nan] * 60, [math.inf] * 60, [1e200] * 60])
def test_series_that_are_none_are_refused(bad: list[float]) -> None:
    fine = np.arange(60.0)

    with pytest.raises(BadSeries):
        difference_in_differences(bad, fine, change=30)
    with pytest.raises(BadSeries):
        interrupted_series(bad, change=30)
    with pytest.raises(BadSeries):
        synthetic_control(bad, [fine, fine], change=30)


def test_series_of_other_lengths_and_negative_ones_told_as_shares_are_refused() -> None:
    fine, short = np.arange(1.0, 61.0), np.arange(1.0, 60.0)

    for ask in (
        lambda: difference_in_differences(fine, short, change=30),
        lambda: interrupted_series(fine, change=30, controls=short),
        lambda: synthetic_control(fine, [short, short], change=30),
        lambda: synthetic_control(fine, [fine], change=30),
        lambda: difference_in_differences(fine - 5, fine, change=30, relative=True),
        lambda: interrupted_series(fine, change=30, controls=[fine * 2]),
        lambda: interrupted_series(fine, change=30, season=0),
        lambda: difference_in_differences(fine, fine, change=30, block=0),
    ):
        with pytest.raises(BadSeries):
            ask()


@pytest.mark.parametrize("change", [-1, 0, 1, 59, 60, 99])
def test_too_short_a_stretch_before_or_after_is_refused(change: int) -> None:
    fine = np.arange(60.0) % 7

    with pytest.raises(SeriesTooShort):
        difference_in_differences(fine, fine % 3, change=change)
    with pytest.raises(SeriesTooShort):
        interrupted_series(fine, change=change)


def test_levels_that_are_none_are_refused() -> None:
    fine = np.arange(60.0) % 7

    with pytest.raises(BadAlpha):
        difference_in_differences(fine, fine % 3, change=30, alpha=0)
    with pytest.raises(BadAlpha):
        synthetic_control(fine, [fine % 3, fine % 5], change=30, alpha=1)


def test_columns_that_cannot_be_told_apart_are_refused() -> None:
    one = np.ones((9, 1))

    for design in (np.hstack([one, 2 * one]), np.hstack([one, 0 * one]), np.ones((2, 2))):
        with pytest.raises(BadSeries):
            regress(design, np.arange(float(len(design))))


def test_effects_of_nothing_are_rare_although_neighbours_are_alike() -> None:
    rng = np.random.default_rng(11)
    runs = 150
    treated, control = noise(rng, runs, 84, alike=0.3), noise(rng, runs, 84, alike=0.3)

    found = {
        "blocks": [
            difference_in_differences(treated[i], control[i], change=42).p for i in range(runs)
        ],
        "series": [interrupted_series(treated[i], change=42).effect.p for i in range(runs)],
    }

    for p in found.values():
        assert (np.array(p) < 0.05).mean() < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
