from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from tests.stats.samples import moments_from, shop_units
from truelift.stats.comparison import Absent, compare
from truelift.stats.effects import Absence, Effects, FixedHorizon, Side
from truelift.stats.estimating import (
    FormsDiffer,
    arms_of_all,
    as_lifts,
    differences,
    values,
    variance_saved,
)
from truelift.stats.moments import Form, Moments, moments_of, shares
from truelift.stats.points import between
from truelift.stats.scales import Scale
from truelift.stats.summary import ProportionSummary, RatioSummary, Summary


SEEDS = st.integers(0, 2**32 - 1)


def from_sums(n: int, total: float, squares: float) -> Moments:
    return moments_of([Summary(n, total / n, squares - total * total / n)])


def judged(control: Moments, treatment: Moments, scale: Scale, *, adjust: bool = True) -> Effects:
    return FixedHorizon().judge(differences(control, treatment, scale=scale, adjust=adjust))


def test_published_t_tests_come_out(shared: Path) -> None:
    cases = json.loads((shared / "cases" / "stats_oracles.json").read_text())["ttest"]
    seen = 0
    for case in cases:
        if "a" in case:
            base, other = from_sums(*case["a"].values()), from_sums(*case["b"].values())
        elif "m_sum" in case["control"]:
            base, other = _ratio(case["control"]), _ratio(case["treatment"])
        else:
            base, other = (
                from_sums(*case["control"].values()),
                from_sums(*case["treatment"].values()),
            )

        lift = judged(base, other, Scale.RELATIVE)

        digits = 5e-6 if "a" in case else 1e-9
        assert lift.value[0] == pytest.approx(case["relative"]["lift"], abs=digits)
        assert [lift.low[0], lift.high[0]] == pytest.approx(case["relative"]["ci95"], abs=digits)
        assert lift.p[0] == pytest.approx(case["relative"]["p"], abs=digits)
        if "absolute" in case:
            gap = judged(base, other, Scale.ABSOLUTE)
            assert gap.se[0] == pytest.approx(case["absolute"]["se"], abs=digits)
            assert [gap.low[0], gap.high[0]] == pytest.approx(case["absolute"]["ci95"], abs=digits)
        seen += 1
    assert seen >= 3


def _ratio(case: dict[str, Any]) -> Moments:
    n, m, d = case["n"], case["m_sum"], case["d_sum"]
    return moments_of(
        [
            RatioSummary(
                n,
                m / n,
                case["m_sum_squares"] - m * m / n,
                d / n,
                case["d_sum_squares"] - d * d / n,
                case["md_sum"] - m * d / n,
            )
        ]
    )


def test_a_mean_is_compared_as_scipy_compares_it() -> None:
    generator = np.random.default_rng(3)
    base, other = generator.lognormal(0, 1, 400), generator.lognormal(0.1, 1.2, 300)

    found = judged(*_two(Form.MEAN, [base], [other]), Scale.ABSOLUTE)

    asked = reference.ttest_ind(other, base, equal_var=False)
    interval = asked.confidence_interval(0.95)
    assert found.p == pytest.approx(asked.pvalue, rel=1e-10)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-10)


@pytest.mark.parametrize("side", [Side.GREATER, Side.LESS])
def test_a_one_sided_test_is_scipys_and_leaves_the_other_end_open(side: Side) -> None:
    generator = np.random.default_rng(4)
    base, other = generator.normal(0, 1, 50), generator.normal(0.3, 1, 70)

    estimates = differences(*_two(Form.MEAN, [base], [other]))
    found = FixedHorizon(side=side).judge(estimates, alpha=0.05)

    asked = reference.ttest_ind(other, base, equal_var=False, alternative=side.value)
    interval = asked.confidence_interval(0.95)
    assert found.p == pytest.approx(asked.pvalue, rel=1e-10)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-10)


@pytest.mark.oracle
@pytest.mark.parametrize("covariate", [False, True])
@pytest.mark.parametrize("ratio", [False, True])
@pytest.mark.parametrize("lift", [0.0, 0.4])
def test_means_and_ratios_with_and_without_a_covariate_are_tea_tastings(
    ratio: bool, covariate: bool, lift: float
) -> None:
    import pandas as pd
    import tea_tasting as tt

    generator = np.random.default_rng(5)
    arms = [shop_units(generator, 900), shop_units(generator, 800, lift=lift)]
    names = ["revenue", "sessions", "revenue_before", "sessions_before"]
    data = pd.concat(
        [
            pd.DataFrame(dict(zip(names, arm, strict=True)), dtype=float).assign(variant=at)
            for at, arm in enumerate(arms)
        ]
    )
    before = ("revenue_before", "sessions_before") if covariate else (None, None)
    if ratio:
        metric: Any = tt.RatioOfMeans("revenue", "sessions", *before, use_t=True, equal_var=False)
        columns = [0, 1, 2, 3] if covariate else [0, 1]
    else:
        metric = tt.Mean("revenue", before[0], use_t=True, equal_var=False)
        columns = [0, 2] if covariate else [0]

    asked = metric.analyze(data, 0, 1, "variant")
    base, other = _two(
        Form.RATIO if ratio else Form.MEAN, *([arm[c] for c in columns] for arm in arms)
    )

    gap = judged(base, other, Scale.ABSOLUTE)
    assert gap.value == pytest.approx(asked.effect_size, rel=1e-9)
    assert (gap.low, gap.high) == pytest.approx(
        (asked.effect_size_ci_lower, asked.effect_size_ci_upper), rel=1e-9
    )
    assert gap.p == pytest.approx(asked.pvalue, rel=1e-8)
    lifts = as_lifts(judged(base, other, Scale.LOG))
    assert lifts.value == pytest.approx(asked.rel_effect_size, rel=1e-9)
    assert (lifts.low, lifts.high) == pytest.approx(
        (asked.rel_effect_size_ci_lower, asked.rel_effect_size_ci_upper), rel=1e-9
    )


@pytest.mark.oracle
def test_tea_tastings_own_example_with_a_covariate_comes_out(shared: Path) -> None:
    import tea_tasting as tt

    case = json.loads((shared / "cases" / "stats_oracles.json").read_text())["cuped"][0]
    data = tt.make_users_data(rng=42, covariates=True, return_type="pandas")
    arms = [
        [
            data.loc[data["variant"] == at, name].to_numpy(float)
            for name in ("revenue", "revenue_covariate")
        ]
        for at in (0, 1)
    ]

    found = judged(*_two(Form.MEAN, *arms), Scale.ABSOLUTE)

    assert found.value == pytest.approx(case["diff"], rel=1e-9)
    assert [found.low, found.high] == pytest.approx(case["ci95"], rel=1e-9)
    assert found.p == pytest.approx(case["p"], rel=1e-9)


@given(seed=SEEDS)
@settings(max_examples=25, deadline=None)
def test_a_grid_of_comparisons_is_each_of_them_alone(seed: int) -> None:
    generator = np.random.default_rng(seed)
    n = generator.integers(2, 3_000, (2, 12))
    took = generator.integers(5, 10**9, (2, 12)) % np.maximum(n, 1)
    means = [Summary(int(n[0, i]), generator.normal(), generator.gamma(2)) for i in range(12)]
    others = [Summary(int(n[1, i]), generator.normal(), generator.gamma(2)) for i in range(12)]
    base, other = moments_of(means), moments_of(others)

    for scale in (Scale.ABSOLUTE, Scale.RELATIVE):
        found = judged(base, other, scale)
        for i in range(12):
            alone = compare(means[i], others[i])
            effect = alone.absolute if scale is Scale.ABSOLUTE else alone.relative
            assert not isinstance(effect, Absent)
            assert (found.value[i], found.low[i], found.p[i]) == pytest.approx(
                (effect.value, effect.low, effect.p), rel=1e-9
            )
    found = judged(shares(n[0], took[0]), shares(n[1], took[1]), Scale.ABSOLUTE)
    for i in range(12):
        one, two = (ProportionSummary(int(n[j, i]), int(took[j, i])) for j in (0, 1))
        if one.scarce or two.scarce:
            continue
        alone = compare(one, two)
        assert (found.value[i], found.high[i]) == pytest.approx(
            (alone.absolute.value, alone.absolute.high), rel=1e-9
        )


@given(seed=SEEDS, factor=st.floats(1e-6, 1e6), form=st.sampled_from([Form.MEAN, Form.RATIO]))
@settings(max_examples=30, deadline=None)
def test_scaling_the_metric_scales_the_effect_and_leaves_the_lift(
    seed: int, factor: float, form: Form
) -> None:
    generator = np.random.default_rng(seed)
    units = [shop_units(generator, 300), shop_units(generator, 250, lift=0.2)]
    columns = [0, 2] if form is Form.MEAN else [0, 1, 2, 3]
    times = [factor if c in (0, 2) else 1.0 for c in columns]

    plain = _two(form, *([arm[c] for c in columns] for arm in units))
    large = _two(
        form, *([arm[c] * t for c, t in zip(columns, times, strict=True)] for arm in units)
    )

    one, many = judged(*plain, Scale.ABSOLUTE), judged(*large, Scale.ABSOLUTE)
    assert _close((many.value, many.se), (one.value * factor, one.se * factor), rel=1e-6)
    for scale in (Scale.RELATIVE, Scale.LOG):
        one, many = judged(*plain, scale), judged(*large, scale)
        assert _close((many.value, many.se), (one.value, one.se), rel=1e-6)


@given(seed=SEEDS, scale=st.sampled_from([Scale.ABSOLUTE, Scale.LOG]))
@settings(max_examples=30, deadline=None)
def test_swapping_the_arms_mirrors_the_effect(seed: int, scale: Scale) -> None:
    generator = np.random.default_rng(seed)
    units = [shop_units(generator, 300), shop_units(generator, 200, lift=0.3)]
    base, other = _two(Form.RATIO, *units)

    there, back = judged(base, other, scale), judged(other, base, scale)

    assert back.value == pytest.approx(-there.value, rel=1e-9)
    assert _close((back.low, back.high), (-there.high, -there.low), rel=1e-9)
    assert back.p == pytest.approx(there.p, rel=1e-9)


def test_a_covariate_saves_the_share_that_its_correlation_foretells() -> None:
    generator = np.random.default_rng(8)
    before = generator.normal(10, 2, (2, 20_000))
    now = 0.6 * before + generator.normal(0, 1.6, before.shape)

    base, other = _two(Form.MEAN, *([now[arm], before[arm]] for arm in (0, 1)))

    assert variance_saved(base, other) == pytest.approx(0.36, abs=0.02)


def test_a_covariate_without_spread_changes_nothing() -> None:
    generator = np.random.default_rng(9)
    units = [shop_units(generator, 300), shop_units(generator, 200)]
    flat = [[arm[0], arm[1], arm[2] * 0, arm[3] * 0] for arm in units]

    with_it = judged(*_two(Form.RATIO, *flat), Scale.RELATIVE)
    without = judged(*_two(Form.RATIO, *flat), Scale.RELATIVE, adjust=False)

    assert _close((with_it.value, with_it.se), (without.value, without.se), rel=1e-12)
    assert with_it.absent == Absence.NONE


def test_what_has_no_effect_says_why_and_leaves_the_rest_alone() -> None:
    samples = [
        (Summary(0, 0.0, 0.0), Summary(5, 1.0, 1.0), Absence.NO_ARM),
        (Summary(1, 1.0, 0.0), Summary(5, 1.0, 1.0), Absence.TOO_FEW_UNITS),
        (Summary(5, 1.0, 0.0), Summary(5, 1.0, 0.0), Absence.NO_SPREAD),
        (Summary(5, 0.0, 1.0), Summary(5, 1.0, 1.0), Absence.NO_CONTROL_VALUE),
        (Summary(5, 1e200, 1e300), Summary(5, 1.0, 1e300), Absence.NONE),
        (Summary(5, 1e-300, 1e300), Summary(5, 1.0, 1e300), Absence.TOO_LARGE),
        (Summary(5, 1.0, 1.0), Summary(5, 2.0, 1.0), Absence.NONE),
    ]
    base, other = moments_of([s[0] for s in samples]), moments_of([s[1] for s in samples])

    found = judged(base, other, Scale.RELATIVE)

    assert found.absent.tolist() == [s[2] for s in samples]
    for numbers in (found.value, found.se, found.low, found.high, found.p):
        assert np.isnan(numbers).tolist() == [s[2] != Absence.NONE for s in samples]
    assert all(Absence(code).reason for code in found.absent if code)


def test_ratios_without_a_denominator_and_logs_of_nothing_say_so() -> None:
    base = moments_of(
        [RatioSummary(5, 1.0, 1.0, 0.0, 0.0, 0.0), RatioSummary(5, 1.0, 1.0, 2.0, 1.0, 0.5)]
    )
    other = moments_of(
        [RatioSummary(5, 1.0, 1.0, 2.0, 1.0, 0.0), RatioSummary(5, -1.0, 1.0, 2.0, 1.0, 0.5)]
    )

    absolute, log = differences(base, other), differences(base, other, scale=Scale.LOG)

    assert absolute.absent.tolist() == [Absence.NO_DENOMINATOR, Absence.NONE]
    assert log.absent.tolist() == [Absence.NO_DENOMINATOR, Absence.NOT_POSITIVE]


def test_one_control_stands_against_many_treatments() -> None:
    arms = shares(np.array([1_000] * 4), np.array([100, 110, 120, 130]))

    found = differences(arms[0], arms[1:])

    assert found.shape == (3,)
    assert found.value.tolist() == pytest.approx([0.01, 0.02, 0.03])
    assert values(arms).tolist() == pytest.approx([0.1, 0.11, 0.12, 0.13])


def test_samples_of_two_forms_are_not_compared() -> None:
    with pytest.raises(FormsDiffer, match="mean, the treatment a share"):
        differences(moments_of([Summary(5, 1.0, 1.0)]), shares(np.array([5]), np.array([1])))


def _two(form: Form, base: list[Any], other: list[Any]) -> tuple[Moments, Moments]:
    both = moments_from(form, base, other)
    return both[0], both[1]


def _close(found: Any, wanted: Any, *, rel: float) -> bool:
    return bool(np.allclose(np.array(found, float), np.array(wanted, float), rtol=rel, atol=0))


def test_forms_together_are_each_of_them_alone() -> None:
    generator = np.random.default_rng(12)
    units = [shop_units(generator, 300 + 50 * nth, lift=0.1 * nth) for nth in range(12)]
    groups = []
    for form, columns in (
        (Form.MEAN, [0]),
        (Form.MEAN, [0, 2]),
        (Form.RATIO, [0, 1]),
        (Form.RATIO, [0, 1, 2, 3]),
    ):
        flat = moments_from(form, *([each[column] for column in columns] for each in units))
        k = len(columns)
        groups.append(
            Moments(
                form,
                flat.n.reshape(2, 3, 2),
                flat.means.reshape(2, 3, 2, k),
                flat.products.reshape(2, 3, 2, k, k),
            )
        )

    for scale in Scale:
        for adjust in (True, False):
            together = between(*arms_of_all(groups, adjust=adjust), scale=scale)

            parts = [
                differences(group[:, :1], group[:, 1:], scale=scale, adjust=adjust)
                for group in groups
            ]
            for name in ("value", "se", "df", "n", "absent"):
                alone = np.concatenate([getattr(part, name) for part in parts])
                np.testing.assert_array_equal(getattr(together, name), alone)
