from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truelift.stats.effects import Absence, BadAlpha, Estimates, FixedHorizon, Side
from truelift.stats.multiplicity import (
    BadFamily,
    Correction,
    Family,
    Scope,
    benjamini_hochberg,
    bonferroni,
    correct,
    dunnett_p,
    dunnett_reach,
    holm,
)
from truelift.stats.roles import MetricRole


P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)
PRIMARY, SECONDARY, GUARDRAIL = MetricRole.PRIMARY, MetricRole.SECONDARY, MetricRole.GUARDRAIL


def estimates(
    value: object, *, se: object = 1.0, df: object = np.inf, absent: object = 0
) -> Estimates:
    values = np.asarray(value, dtype=float)
    error, freedom = (np.broadcast_to(np.asarray(x, float), values.shape).copy() for x in (se, df))
    missing = np.broadcast_to(np.asarray(absent, np.uint8), values.shape).copy()
    for array in (values, error, freedom):
        array[missing != 0] = np.nan
    return Estimates(values, error, freedom, np.full(values.shape, 1000), missing)


def family_of(
    shape: tuple[int, ...], correction: Correction, *, alpha: float = 0.05, name: str = "primary"
) -> Scope:
    return Scope((Family(name, np.ones(shape, dtype=bool), correction, alpha),))


@given(p=P_VALUES)
def test_no_correction_makes_a_p_value_smaller_and_holm_never_exceeds_bonferroni(
    p: list[float],
) -> None:
    raw = np.array(p)

    for adjusted in (bonferroni(p), holm(p), benjamini_hochberg(p)):
        assert (adjusted >= raw - 1e-15).all()
        assert (adjusted <= 1).all()
    assert (holm(p) <= bonferroni(p) + 1e-15).all()
    assert (benjamini_hochberg(p) <= holm(p) + 1e-12).all()


@given(p=P_VALUES, seed=st.integers(0, 100))
def test_the_order_of_the_comparisons_does_not_matter(p: list[float], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(p))

    for adjust in (bonferroni, holm, benjamini_hochberg):
        assert adjust(np.array(p)[order]) == pytest.approx(adjust(p)[order], abs=1e-15)


def test_every_row_is_a_family_of_its_own() -> None:
    rows = np.random.default_rng(1).random((3, 4, 5))

    for adjust in (bonferroni, holm, benjamini_hochberg):
        assert adjust(rows)[1, 2] == pytest.approx(adjust(rows[1, 2]))


@pytest.mark.parametrize("p", [[], [math.nan], [-0.1], [1.1], [0.1, math.inf]])
def test_p_values_that_are_none_are_refused(p: list[float]) -> None:
    for adjust in (bonferroni, holm, benjamini_hochberg):
        with pytest.raises(BadFamily):
            adjust(p)


def test_one_treatment_needs_no_dunnett() -> None:
    assert dunnett_p([1.96], [0.7])[0] == pytest.approx(0.05, abs=1e-4)
    assert dunnett_reach([0.7], alpha=0.05) == pytest.approx(1.959964, abs=1e-6)
    assert dunnett_reach([0.7], alpha=0.05, df=10) == pytest.approx(2.228139, abs=1e-6)


def test_dunnetts_published_table_comes_out() -> None:
    # Dunnett (1964), Biometrics 20, 482-491, table II: two-sided 5 %, equal sizes.
    equal = math.sqrt(0.5)

    assert dunnett_reach([equal] * 2, alpha=0.05, df=10) == pytest.approx(2.57, abs=0.005)
    assert dunnett_reach([equal] * 3, alpha=0.05, df=20) == pytest.approx(2.54, abs=0.005)
    assert dunnett_reach([equal] * 9, alpha=0.05) == pytest.approx(2.69, abs=0.005)


@settings(max_examples=25)
@given(
    loadings=st.lists(st.floats(0, 0.9999), min_size=1, max_size=6),
    alpha=st.floats(0.001, 0.2),
    side=st.sampled_from(list(Side)),
)
def test_the_reach_of_dunnett_is_where_its_p_is_alpha(
    loadings: list[float], alpha: float, side: Side
) -> None:
    reach = float(dunnett_reach(loadings, alpha=alpha, side=side))
    sign = -1 if side is Side.LESS else 1

    p = dunnett_p(np.full(len(loadings), sign * reach), loadings, side=side)

    assert p == pytest.approx(alpha, rel=1e-6)


def test_every_metric_has_its_own_reach_and_p() -> None:
    loadings = np.random.default_rng(7).uniform(0.1, 0.95, (2, 3, 4))
    t = np.random.default_rng(8).uniform(0, 4, (2, 3, 4))
    alpha = np.array([[0.05, 0.01, 0.2], [0.1, 0.05, 0.001]])

    reach = dunnett_reach(loadings, alpha=alpha)
    p = dunnett_p(t, loadings)

    assert reach.shape == (2, 3)
    assert reach[1, 2] == pytest.approx(dunnett_reach(loadings[1, 2], alpha=0.001), rel=1e-9)
    assert reach[0, 1] == pytest.approx(dunnett_reach(loadings[0, 1], alpha=0.01), rel=1e-9)
    assert p[1, 2] == pytest.approx(dunnett_p(t[1, 2], loadings[1, 2]), rel=1e-9)


def test_dunnett_lies_between_one_comparison_and_bonferroni() -> None:
    t = np.array([2.2, 1.0, 2.5])
    p = dunnett_p(t, [0.7, 0.7, 0.7])
    own = 2 * (1 - np.array([math.erf(x / math.sqrt(2)) / 2 + 0.5 for x in t]))

    assert (p > own).all()
    assert (p < bonferroni(own)).all()


def test_a_control_far_smaller_than_the_treatments_is_no_difficulty() -> None:
    nearly_one = dunnett_reach([1.0, 1.0, 1.0], alpha=0.05)

    assert 1.9599 < nearly_one < 2.01


@pytest.mark.parametrize(
    ("loadings", "df"),
    [([], 5.0), ([1.2], 5.0), ([math.nan], 5.0), ([0.5], 0.0)],
)
def test_loadings_that_are_none_are_refused(loadings: list[float], df: float) -> None:
    with pytest.raises(BadFamily):
        dunnett_p(np.ones(len(loadings)), loadings, df=df)


@pytest.mark.parametrize("alpha", [0.0, 1.0, math.nan])
def test_an_error_level_that_is_none_is_refused(alpha: float) -> None:
    with pytest.raises(BadAlpha):
        dunnett_reach([0.5], alpha=alpha)
    with pytest.raises(BadAlpha):
        family_of((2,), Correction.HOLM, alpha=alpha)


def test_bonferroni_gives_every_interval_its_share_of_alpha() -> None:
    found = correct(
        estimates([[3.0, 1.0]]),
        method=FixedHorizon(),
        scope=family_of((1, 2), Correction.BONFERRONI),
    )

    assert found.alpha.tolist() == [[0.025, 0.025]]
    assert found.effects.high[0, 0] - 3.0 == pytest.approx(2.241403, abs=1e-6)
    assert found.found.tolist() == [[True, False]]


def test_holm_keeps_bonferronis_intervals_which_may_reach_over_zero() -> None:
    found = correct(
        estimates([[3.0, 2.1]]), method=FixedHorizon(), scope=family_of((1, 2), Correction.HOLM)
    )

    assert found.found.tolist() == [[True, True]]
    assert found.effects.low[0, 1] < 0


@given(values=st.lists(st.floats(-6, 6), min_size=1, max_size=10), q=st.floats(0.01, 0.3))
def test_intervals_of_benjamini_and_yekutieli_leave_out_zero_exactly_where_there_is_a_finding(
    values: list[float], q: float
) -> None:
    scope = family_of((len(values),), Correction.BENJAMINI_HOCHBERG, alpha=q)

    found = correct(estimates(values), method=FixedHorizon(), scope=scope)

    apart = (found.effects.low > 0) | (found.effects.high < 0)
    near = np.abs(found.p - q) < 1e-9
    assert (apart == found.found)[~near].all()


def test_dunnetts_intervals_leave_out_zero_exactly_where_there_is_a_finding() -> None:
    value = np.linspace(-4, 4, 30).reshape(5, 6)
    control_se = np.random.default_rng(3).uniform(0.1, 0.9, (5, 6))
    scope = family_of((5, 6), Correction.DUNNETT)

    found = correct(estimates(value), method=FixedHorizon(), scope=scope, control_se=control_se)

    apart = (found.effects.low > 0) | (found.effects.high < 0)
    assert (apart == found.found).all()
    assert found.found.any()


def test_dunnett_over_several_metrics_divides_alpha_by_their_number() -> None:
    scope = family_of((2, 3), Correction.DUNNETT)

    found = correct(
        estimates([[2.6, 0, 0], [0, 0, 0]]),
        method=FixedHorizon(),
        scope=scope,
        control_se=np.full((2, 3), math.sqrt(0.5)),
    )

    assert found.p[0, 0] == pytest.approx(
        2 * dunnett_p([2.6, 0, 0], [math.sqrt(0.5)] * 3)[0], rel=1e-9
    )


def test_a_comparison_without_a_number_counts_and_stays_without_one() -> None:
    gap = estimates([[3.0, 0.0]], absent=[[0, Absence.TOO_FEW_UNITS]])

    for correction in (Correction.BONFERRONI, Correction.HOLM, Correction.BENJAMINI_HOCHBERG):
        found = correct(gap, method=FixedHorizon(), scope=family_of((1, 2), correction))

        assert found.p[0, 0] == pytest.approx(2 * 0.0026998, rel=1e-4)
        assert math.isnan(found.p[0, 1])
        assert not found.found[0, 1]


def test_the_usual_scope_corrects_primary_metrics_together_and_segments_apart() -> None:
    scope = Scope.usual([PRIMARY, SECONDARY, PRIMARY, GUARDRAIL], treatments=2, segments=3)

    sizes = {family.name: (family.size, family.correction) for family in scope.families}
    assert sizes == {
        "primary": (4, Correction.HOLM),
        "guardrail": (2, Correction.BONFERRONI),
        "segment": (12, Correction.BENJAMINI_HOCHBERG),
    }
    assert not sum(int(family.members[1].sum()) for family in scope.families)


def test_what_is_in_no_family_keeps_its_own_p_and_level() -> None:
    scope = Scope.usual([PRIMARY, SECONDARY], treatments=1)

    found = correct(estimates([[2.1], [2.1]]), method=FixedHorizon(), scope=scope)

    assert found.family.tolist() == [[0], [-1]]
    assert found.p[1, 0] == found.effects.p[1, 0]
    assert found.alpha[1, 0] == 0.05


def test_a_family_says_what_its_findings_are_worth() -> None:
    sentence = Scope.usual([PRIMARY, PRIMARY], treatments=3).families[0].sentence

    assert sentence.startswith("At most 5 % of tests show any false finding among the 6 primary")


def test_families_that_overlap_are_empty_or_of_another_shape_are_refused() -> None:
    everything = Family("a", np.ones(2, dtype=bool), Correction.HOLM, 0.05)
    other = Family("b", np.ones(3, dtype=bool), Correction.HOLM, 0.05)
    empty = Family("c", np.zeros(2, dtype=bool), Correction.HOLM, 0.05)

    for families in ((everything, everything), (everything, other), (empty,)):
        with pytest.raises(BadFamily):
            Scope(families)
    with pytest.raises(BadFamily):
        correct(estimates([1.0, 2.0, 3.0]), method=FixedHorizon(), scope=Scope((everything,)))
    with pytest.raises(BadFamily, match="control’s standard errors"):
        correct(
            estimates([[1.0]]), method=FixedHorizon(), scope=family_of((1, 1), Correction.DUNNETT)
        )


def test_findings_among_null_comparisons_are_as_rare_as_promised() -> None:
    rng = np.random.default_rng(11)
    arms = rng.standard_normal((4000, 4))
    z = (arms[:, 1:] - arms[:, :1]) / math.sqrt(2)
    p = np.vectorize(math.erfc)(np.abs(z) / math.sqrt(2))

    shares = {
        "dunnett": (dunnett_p(z, np.full(3, math.sqrt(0.5))) <= 0.05).any(axis=1).mean(),
        "holm": (holm(p) <= 0.05).any(axis=1).mean(),
        "fdr": (benjamini_hochberg(p) <= 0.05).any(axis=1).mean(),
    }

    error = 4 * math.sqrt(0.05 * 0.95 / 4000)
    assert abs(shares["dunnett"] - 0.05) < error
    assert shares["holm"] < 0.05 + error
    assert shares["fdr"] < 0.05 + error
