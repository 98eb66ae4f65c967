"""Comparisons held against scipy, statsmodels, tea-tasting and published numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from truelift.stats.comparison import Effect, compare
from truelift.stats.srm import check_split
from truelift.stats.summary import ProportionSummary, RatioSummary, Summary


pytestmark = pytest.mark.oracle

ORACLES = Path(__file__).parents[2].parent / "shared" / "cases" / "stats_oracles.json"
SEEDS = range(8)


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    if not ORACLES.exists():
        pytest.skip(f"{ORACLES} is not beside the repository")
    oracles: dict[str, Any] = json.loads(ORACLES.read_text())
    return oracles


def summary_of(sample: np.ndarray) -> Summary:
    mean = float(sample.mean())
    return Summary(n=len(sample), mean=mean, m2=float(((sample - mean) ** 2).sum()))


def ratio_of(top: np.ndarray, bottom: np.ndarray) -> RatioSummary:
    return RatioSummary(
        n=len(top),
        mean=float(top.mean()),
        m2=float(((top - top.mean()) ** 2).sum()),
        den_mean=float(bottom.mean()),
        den_m2=float(((bottom - bottom.mean()) ** 2).sum()),
        cross=float(((top - top.mean()) * (bottom - bottom.mean())).sum()),
    )


def from_raw_sums(case: dict[str, Any]) -> Summary:
    n, mean = case["n"], case["sum"] / case["n"]
    return Summary(n=n, mean=mean, m2=case["sum_squares"] - n * mean * mean)


def ratio_from_raw_sums(case: dict[str, Any]) -> RatioSummary:
    n = case["n"]
    mean, den_mean = case["m_sum"] / n, case["d_sum"] / n
    return RatioSummary(
        n=n,
        mean=mean,
        m2=case["m_sum_squares"] - n * mean * mean,
        den_mean=den_mean,
        den_m2=case["d_sum_squares"] - n * den_mean * den_mean,
        cross=case["md_sum"] - n * mean * den_mean,
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_welch_is_scipys_welch(seed: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(seed)
    control = rng.gamma(2.0, 3.0, size=rng.integers(3, 400))
    treatment = rng.gamma(2.0, 3.5, size=rng.integers(3, 400))

    ours = compare(summary_of(control), summary_of(treatment), alpha=0.1)

    theirs = stats.ttest_ind(treatment, control, equal_var=False)
    interval = theirs.confidence_interval(0.9)
    assert ours.absolute.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert ours.df == pytest.approx(theirs.df, rel=1e-9)
    assert (ours.absolute.low, ours.absolute.high) == pytest.approx(
        (interval.low, interval.high), rel=1e-9
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_welch_is_statsmodels_welch(seed: int) -> None:
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    rng = np.random.default_rng(seed)
    control, treatment = rng.normal(5, 2, size=50), rng.normal(5.5, 4, size=80)

    ours = compare(summary_of(control), summary_of(treatment))

    both = weightstats.CompareMeans.from_data(treatment, control)
    _, p, df = weightstats.ttest_ind(treatment, control, usevar="unequal")
    low, high = both.tconfint_diff(alpha=0.05, usevar="unequal")
    assert (ours.absolute.p, ours.df) == pytest.approx((p, df), rel=1e-9)
    assert (ours.absolute.low, ours.absolute.high) == pytest.approx((low, high), rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_one_sided_tests_are_statsmodels_tost(seed: int) -> None:
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    rng = np.random.default_rng(seed)
    control, treatment = rng.normal(5, 2, size=300), rng.normal(5.05, 2, size=300)

    ours = compare(summary_of(control), summary_of(treatment))

    for margin in (0.2, 0.3, 0.4, 0.5):
        p = weightstats.ttost_ind(treatment, control, -margin, margin, usevar="unequal")[0]
        assert (-margin < ours.narrower[0] and ours.narrower[1] < margin) is bool(p < 0.05)


@pytest.mark.parametrize("seed", SEEDS)
def test_absolute_effect_of_a_mean_and_a_ratio_is_tea_tastings(seed: int) -> None:
    tea = pytest.importorskip("tea_tasting")
    pyarrow = pytest.importorskip("pyarrow")
    rng = np.random.default_rng(seed)
    n = 400
    variant = rng.permutation(np.repeat([0, 1], n // 2))
    sessions = rng.poisson(3, size=n) + 1
    revenue = sessions * rng.gamma(1.5, 4, size=n)
    table = pyarrow.table({"variant": variant, "sessions": sessions, "revenue": revenue})
    experiment = tea.Experiment(
        mean=tea.Mean("revenue", use_t=True, equal_var=False),
        ratio=tea.RatioOfMeans("revenue", "sessions", use_t=True, equal_var=False),
    )

    theirs = experiment.analyze(table)

    for key, control, treatment in (
        ("mean", summary_of(revenue[variant == 0]), summary_of(revenue[variant == 1])),
        (
            "ratio",
            ratio_of(revenue[variant == 0], sessions[variant == 0]),
            ratio_of(revenue[variant == 1], sessions[variant == 1]),
        ),
    ):
        ours = compare(control, treatment)
        assert ours.absolute.value == pytest.approx(theirs[key].effect_size, rel=1e-9)
        assert ours.absolute.low == pytest.approx(theirs[key].effect_size_ci_lower, rel=1e-9)
        assert ours.absolute.high == pytest.approx(theirs[key].effect_size_ci_upper, rel=1e-9)
        assert ours.absolute.p == pytest.approx(theirs[key].pvalue, rel=1e-9)
        assert isinstance(ours.relative, Effect)
        assert ours.relative.value == pytest.approx(theirs[key].rel_effect_size, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_exact_test_is_scipys_fisher(seed: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(seed)
    n, other_n = (int(x) for x in rng.integers(20, 2_000, size=2))
    a, b = int(rng.integers(0, 5)), int(rng.integers(0, 15))

    ours = compare(ProportionSummary(other_n, b), ProportionSummary(n, a))

    theirs = stats.fisher_exact([[a, n - a], [b, other_n - b]])
    assert ours.absolute.p == pytest.approx(theirs.pvalue, rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_exact_tests_interval_is_statsmodels_newcombe(seed: int) -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    rng = np.random.default_rng(seed)
    n, other_n = (int(x) for x in rng.integers(20, 500, size=2))
    a, b = int(rng.integers(0, 5)), int(rng.integers(0, 15))

    ours = compare(ProportionSummary(other_n, b), ProportionSummary(n, a)).absolute

    theirs = proportion.confint_proportions_2indep(a, n, b, other_n, method="newcomb")
    assert (ours.low, ours.high) == pytest.approx(theirs, abs=1e-9)


def test_published_means_come_out(published: dict[str, Any]) -> None:
    growthbook, posthog, _ = published["ttest"]

    ours = compare(from_raw_sums(growthbook["a"]), from_raw_sums(growthbook["b"]))
    other = compare(from_raw_sums(posthog["control"]), from_raw_sums(posthog["treatment"]))

    assert ours.absolute.value == pytest.approx(growthbook["absolute"]["diff"], abs=5e-6)
    assert ours.absolute.se == pytest.approx(growthbook["absolute"]["se"], abs=5e-6)
    assert ours.absolute.p == pytest.approx(growthbook["absolute"]["p"], abs=5e-6)
    assert [ours.absolute.low, ours.absolute.high] == pytest.approx(
        growthbook["absolute"]["ci95"], abs=5e-6
    )
    for effect, expected, digits in (
        (ours.relative, growthbook["relative"], 6e-6),
        (other.relative, posthog["relative"], 1e-9),
    ):
        assert isinstance(effect, Effect)
        assert effect.value == pytest.approx(expected["lift"], abs=digits)
        assert [effect.low, effect.high] == pytest.approx(expected["ci95"], abs=digits)
        assert effect.p == pytest.approx(expected["p"], abs=digits)


def test_a_published_ratio_comes_out(published: dict[str, Any]) -> None:
    case = published["ttest"][2]

    ours = compare(
        ratio_from_raw_sums(case["control"]), ratio_from_raw_sums(case["treatment"])
    ).relative

    assert isinstance(ours, Effect)
    assert ours.value == pytest.approx(case["relative"]["lift"], rel=1e-9)
    assert [ours.low, ours.high] == pytest.approx(case["relative"]["ci95"], rel=1e-6)
    assert ours.p == pytest.approx(case["relative"]["p"], rel=1e-6)


def test_published_splits_come_out(published: dict[str, Any]) -> None:
    kohavi, _ = published["srm_chi2"]

    assert check_split(kohavi["users"], kohavi["weights"]).p == pytest.approx(kohavi["p"], rel=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_split_check_is_scipys_chi_squared(seed: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 3, size=rng.integers(2, 7))
    observed = rng.multinomial(10_000, weights / weights.sum())

    ours = check_split([int(count) for count in observed], [float(w) for w in weights])

    theirs = stats.chisquare(observed, 10_000 * weights / weights.sum())
    assert (ours.chi2, ours.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)


def test_units_for_a_mean_agree_with_statsmodels() -> None:
    power = pytest.importorskip("statsmodels.stats.power")
    from truelift.stats.design import Design
    from truelift.stats.power import units_needed
    from truelift.stats.spreads import Mean

    ours = units_needed(Design(Mean(2.0)), lift=0.1, power=0.9)

    theirs = power.NormalIndPower().solve_power(effect_size=0.05, alpha=0.05, power=0.9)
    assert ours == pytest.approx(theirs, abs=1)


def test_units_for_a_proportion_agree_with_statsmodels() -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    from truelift.stats.design import Design
    from truelift.stats.power import units_needed
    from truelift.stats.spreads import Share

    ours = units_needed(Design(Share(0.05)), lift=0.1)

    theirs = proportion.samplesize_proportions_2indep_onetail(
        0.005, 0.05, 0.8, ratio=1, alpha=0.05, value=0, alternative="two-sided"
    )
    assert ours == pytest.approx(theirs, rel=0.001)
