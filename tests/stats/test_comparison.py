from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from truelift.stats.comparison import Absent, Effect, NoSpread, Procedure, compare
from truelift.stats.effects import BadAlpha
from truelift.stats.exact import wilson
from truelift.stats.summary import ProportionSummary, RatioSummary, Summary, TooFewUnits


means = st.builds(
    Summary,
    n=st.integers(2, 10_000),
    mean=st.floats(1.0, 1e4),
    m2=st.floats(1.0, 1e9),
)
proportions = st.integers(2, 5_000).flatmap(
    lambda n: st.builds(ProportionSummary, n=st.just(n), successes=st.integers(0, n))
)


def scaled(sample: Summary, factor: float) -> Summary:
    return Summary(n=sample.n, mean=sample.mean * factor, m2=sample.m2 * factor * factor)


def test_cookie_cats_seven_day_retention_is_the_published_loss() -> None:
    gate_30 = ProportionSummary(n=44_700, successes=8_502)
    gate_40 = ProportionSummary(n=45_489, successes=8_279)

    compared = compare(gate_30, gate_40)

    assert compared.procedure is Procedure.PROPORTION_WELCH
    assert compared.absolute.value == pytest.approx(-0.0082, abs=5e-5)
    assert compared.absolute.se == pytest.approx(0.0026, abs=5e-5)
    assert compared.absolute.low == pytest.approx(-0.0133, abs=5e-5)
    assert compared.absolute.high == pytest.approx(-0.0031, abs=5e-5)
    assert compared.absolute.p == pytest.approx(0.00156, abs=5e-6)
    assert isinstance(compared.relative, Effect)
    assert compared.relative.value == pytest.approx(-0.0431, abs=5e-5)
    assert compared.relative.se == pytest.approx(0.0133, abs=5e-5)
    assert compared.relative.low == pytest.approx(-0.0692, abs=5e-5)
    assert compared.relative.high == pytest.approx(-0.0170, abs=5e-5)
    assert compared.relative.p == pytest.approx(0.00122, abs=5e-6)


@given(control=means, treatment=means)
def test_swapping_the_variants_mirrors_the_absolute_effect(
    control: Summary, treatment: Summary
) -> None:
    there = compare(control, treatment)
    back = compare(treatment, control)

    assert back.absolute.value == -there.absolute.value
    assert back.absolute.low == pytest.approx(-there.absolute.high)
    assert back.absolute.high == pytest.approx(-there.absolute.low)
    assert back.absolute.p == pytest.approx(there.absolute.p)
    assert back.df == pytest.approx(there.df)


@given(control=proportions, treatment=proportions)
def test_swapping_the_variants_mirrors_proportions_too(
    control: ProportionSummary, treatment: ProportionSummary
) -> None:
    assume(control.variance + treatment.variance > 0 or control.scarce or treatment.scarce)

    there = compare(control, treatment)
    back = compare(treatment, control)

    assert back.absolute.low == pytest.approx(-there.absolute.high, abs=1e-12)
    assert back.absolute.p == pytest.approx(there.absolute.p, rel=1e-6, abs=1e-12)


@given(control=proportions, treatment=proportions)
def test_counting_failures_instead_of_successes_turns_the_effect_round(
    control: ProportionSummary, treatment: ProportionSummary
) -> None:
    def flipped(sample: ProportionSummary) -> ProportionSummary:
        return ProportionSummary(n=sample.n, successes=sample.n - sample.successes)

    compared = compare(control, treatment).absolute
    other = compare(flipped(control), flipped(treatment)).absolute

    assert other.value == pytest.approx(-compared.value, abs=1e-12)
    assert other.low == pytest.approx(-compared.high, abs=1e-9)
    assert other.p == pytest.approx(compared.p, rel=1e-6, abs=1e-12)


@given(control=means, treatment=means, factor=st.sampled_from([1e-3, 0.01, 100.0, 1e5]))
def test_the_unit_of_the_metric_changes_neither_lift_nor_p(
    control: Summary, treatment: Summary, factor: float
) -> None:
    before = compare(control, treatment)
    after = compare(scaled(control, factor), scaled(treatment, factor))

    assert after.absolute.p == pytest.approx(before.absolute.p, rel=1e-6, abs=1e-12)
    assert after.absolute.value == pytest.approx(before.absolute.value * factor, rel=1e-6)
    assert isinstance(after.relative, Effect)
    assert isinstance(before.relative, Effect)
    assert after.relative.value == pytest.approx(before.relative.value, rel=1e-6, abs=1e-9)
    assert after.relative.se == pytest.approx(before.relative.se, rel=1e-6)


@given(control=means, treatment=means, alpha=st.floats(0.001, 0.4))
def test_p_below_alpha_and_an_interval_without_zero_are_one_thing(
    control: Summary, treatment: Summary, alpha: float
) -> None:
    effect = compare(control, treatment, alpha=alpha).absolute
    p = effect.p or 0.0
    assume(abs(p - alpha) > 1e-6)

    assert (p < alpha) is (effect.low > 0 or effect.high < 0)


@given(control=means, treatment=means)
def test_the_narrower_interval_lies_inside_the_reported_one(
    control: Summary, treatment: Summary
) -> None:
    compared = compare(control, treatment)

    assert compared.absolute.low < compared.narrower[0]
    assert compared.narrower[1] < compared.absolute.high


def test_a_ratio_with_a_constant_denominator_is_compared_like_a_mean() -> None:
    control, treatment = Summary(50, 10.0, 400.0), Summary(60, 11.0, 500.0)

    def per_three(sample: Summary) -> RatioSummary:
        return RatioSummary(sample.n, sample.mean, sample.m2, 3.0, 0.0, 0.0)

    ratio = compare(per_three(control), per_three(treatment))

    assert ratio.procedure is Procedure.RATIO_DELTA
    assert ratio.absolute.p == pytest.approx(compare(control, treatment).absolute.p)


def test_a_control_at_zero_has_an_absolute_effect_and_no_relative_one() -> None:
    compared = compare(Summary(10, 0.0, 5.0), Summary(10, 1.0, 5.0))

    assert compared.absolute.value == 1
    assert isinstance(compared.relative, Absent)
    assert "value is 0" in compared.relative.reason


def test_a_rise_of_a_negative_metric_is_a_positive_lift() -> None:
    compared = compare(Summary(100, -10.0, 900.0), Summary(100, -8.0, 900.0))

    assert isinstance(compared.relative, Effect)
    assert compared.relative.value == pytest.approx(0.2)


def test_units_that_do_not_differ_have_no_interval_and_say_so() -> None:
    with pytest.raises(NoSpread, match="without spread"):
        compare(Summary(10, 1.0, 0.0), Summary(10, 2.0, 0.0))


def test_one_variant_without_spread_is_compared_by_the_spread_of_the_other() -> None:
    compared = compare(Summary(10, 1.0, 0.0), Summary(12, 2.0, 6.0))

    assert compared.df == pytest.approx(11)


@pytest.mark.parametrize("n", [0, 1])
def test_a_variant_of_fewer_than_two_units_is_refused(n: int) -> None:
    with pytest.raises(TooFewUnits):
        compare(Summary(n, 1.0, 0.0), Summary(10, 1.0, 1.0))
    with pytest.raises(TooFewUnits):
        compare(ProportionSummary(9, 3), ProportionSummary(n, 0))


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_an_alpha_outside_0_to_1_is_refused(alpha: float) -> None:
    with pytest.raises(BadAlpha):
        compare(Summary(10, 1.0, 1.0), Summary(10, 1.0, 1.0), alpha=alpha)


def test_fewer_than_five_successes_or_failures_take_the_exact_test() -> None:
    plenty = ProportionSummary(n=100, successes=50)

    for successes in (4, 96):
        compared = compare(plenty, ProportionSummary(n=100, successes=successes))
        assert compared.procedure is Procedure.PROPORTION_EXACT
        assert compared.df is None
    for successes in (5, 95):
        compared = compare(plenty, ProportionSummary(n=100, successes=successes))
        assert compared.procedure is Procedure.PROPORTION_WELCH


def test_nobody_in_either_variant_is_no_evidence_of_a_difference() -> None:
    compared = compare(ProportionSummary(50, 0), ProportionSummary(70, 0))

    assert compared.absolute.p == 1
    assert compared.absolute.low < 0 < compared.absolute.high
    assert compared.absolute.se > 0
    assert isinstance(compared.relative, Absent)


def test_everybody_against_nobody_is_clear() -> None:
    effect = compare(ProportionSummary(50, 0), ProportionSummary(50, 50)).absolute

    assert (effect.p or 0.0) < 1e-20
    assert effect.low > 0.8
    assert effect.high <= 1


@given(sample=proportions, alpha=st.floats(0.001, 0.5))
def test_wilsons_interval_holds_the_share_and_stays_within_0_to_1(
    sample: ProportionSummary, alpha: float
) -> None:
    low, high = wilson(sample, alpha=alpha)

    assert 0 <= low <= sample.value <= high <= 1
