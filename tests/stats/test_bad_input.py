"""No input makes a number up: there is a refusal, a reason, or a number that can be meant."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st

from truelift.errors import Refusal
from truelift.stats.analysis import AnalysisData, AnalysisPlan, analyse
from truelift.stats.bayesian import Bayesian, NormalPrior
from truelift.stats.beta_binomial import believe_shares
from truelift.stats.comparison import compare
from truelift.stats.contamination import Adjudication, split_by_change
from truelift.stats.design import Design
from truelift.stats.difference_in_differences import difference_in_differences
from truelift.stats.effects import Absence, Effects, Estimates, FixedHorizon, Method, Side
from truelift.stats.estimating import as_lifts, differences, values, variance_saved
from truelift.stats.group_sequential import GroupSequential
from truelift.stats.heterogeneity import deviations, heterogeneity, shrunken
from truelift.stats.interactions import (
    cell_values,
    conditional_effects,
    metric_interaction,
    traffic_interaction,
)
from truelift.stats.interrupted_series import interrupted_series
from truelift.stats.moments import Form, Moments, shares
from truelift.stats.multiplicity import (
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
from truelift.stats.non_inferiority import non_inferiority
from truelift.stats.novelty import novelty
from truelift.stats.outliers import outlier_influence
from truelift.stats.plan import PlannedMetric, PlannedVariant, sample_of
from truelift.stats.points import Points, assembled, between
from truelift.stats.power import detectable_lifts, powers, units_for
from truelift.stats.programme import (
    chances,
    false_positive_risk,
    inconclusive_share,
)
from truelift.stats.quantiles import quantile_points, ranks_beside
from truelift.stats.restricted_mean import reached_points, restricted_mean_points
from truelift.stats.roles import MetricKind, MetricRole, VariantRole
from truelift.stats.scales import Scale
from truelift.stats.segment_effects import Dimension, effects_by_cell
from truelift.stats.sequential import Sequential
from truelift.stats.shrinkage import shrink
from truelift.stats.split_causes import CellCounts, split_causes
from truelift.stats.spreads import Mean, Share
from truelift.stats.srm import Phase, check_phases, check_split, check_split_daily
from truelift.stats.stratifying import stratified_differences
from truelift.stats.summary import ProportionSummary, RatioSummary, Summary
from truelift.stats.survival import survival_curve
from truelift.stats.synthetic_control import synthetic_control
from truelift.stats.validity import imbalance, multiple_exposure, power_reached


Draw = Callable[[st.SearchStrategy[Any]], Any]

REAL = np.array(
    [
        *(0.0, 0.0, -0.0, 1.0, 1.0, -1.0, 0.5, 2.0, 3.25, -18.7, 97.5, 0.05),
        *(1e-300, 5e-324, 1e-160, 1e15, 1e160, -1e160, 1e300, 1.7e308),
    ]
)
ANY = np.array([*REAL, math.nan, math.inf, -math.inf])
UNITS = np.array([-1, 0, 0, 1, 1, 2, 3, 50, 10_000, 10**15, 2**62])
FLOATS, COUNTS = st.sampled_from(ANY.tolist()), st.sampled_from(UNITS.tolist())
FEW = settings(
    phases=[Stage.explicit, Stage.generate],
    max_examples=12,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
METHODS: tuple[Method, ...] = (
    FixedHorizon(),
    FixedHorizon(Side.GREATER),
    Sequential(),
    Sequential(5000, Side.LESS),
    Bayesian(),
    Bayesian(None),
)


@contextmanager
def refusing() -> Iterator[None]:
    """Let a typed refusal pass; every other exception, and every warning, is a fault."""
    with suppress(Refusal):
        yield


def array(draw: Draw, pool: np.ndarray, *shape: int) -> np.ndarray:
    """Fill an array from a pool; numpy does it, because drawing each number takes its time."""
    seed = draw(st.integers(0, 2**32 - 1))
    return np.asarray(np.random.default_rng(seed).choice(pool, shape))


def moments(draw: Draw, form: Form, *shape: int, covariate: bool = False) -> Moments:
    """Draw any moments there can be: spreads of nothing, of everything, and nobody at all."""
    k = form.width * (2 if covariate else 1)
    roots = np.abs(array(draw, REAL, *shape, k))
    roots = np.minimum(roots, 1e150)
    n = np.maximum(array(draw, UNITS, *shape), 0).astype(np.int64)
    correlation = draw(st.sampled_from([-1.0, 0.0, 0.5, 1.0]))
    products = roots[..., :, None] * roots[..., None, :] * correlation
    where = np.arange(k)
    products[..., where, where] = roots**2
    return Moments(form, n, array(draw, REAL, *shape, k), products)


def honest(found: Estimates | Points) -> None:
    """Hold a number where there is no reason, and a reason where there is no number."""
    known = found.absent == Absence.NONE
    spread = found.se if isinstance(found, Estimates) else found.variance
    assert set(found.absent.ravel().tolist()) <= set(Absence)
    assert np.isfinite(found.value[known]).all()
    assert np.isfinite(spread[known]).all()
    assert (spread[known] > 0).all()
    assert not np.isnan(found.df[known]).any()
    assert (found.df[known] > 0).all()
    for numbers in (found.value, spread, found.df):
        assert np.isnan(numbers[~known]).all()


def judged(found: Estimates) -> None:
    """Hold the same of every method's effects."""
    for method in METHODS:
        effects = method.judge(found, alpha=0.05)
        sound(effects, p=not isinstance(method, Bayesian))


def sound(effects: Effects, *, p: bool = True) -> None:
    known = effects.absent == Absence.NONE
    assert np.isfinite(effects.value[known]).all()
    for end in (effects.low, effects.high):
        assert not np.isnan(end[known]).any()
        assert np.isnan(end[~known]).all()
    assert (effects.low[known] <= effects.value[known]).all()
    assert (effects.value[known] <= effects.high[known]).all()
    if p:
        assert ((effects.p[known] >= 0) & (effects.p[known] <= 1)).all()
        assert np.isnan(effects.p[~known]).all()


def probabilities(*found: object) -> None:
    for each in found:
        numbers = np.asarray(each, dtype=float)
        numbers = numbers[~np.isnan(numbers)]
        assert ((numbers >= 0) & (numbers <= 1)).all()


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("covariate", [False, True])
@pytest.mark.parametrize("form", Form)
@given(data=st.data())
@FEW
def test_differences(form: Form, covariate: bool, scale: Scale, data: st.DataObject) -> None:
    with refusing():
        control, treatment = (moments(data.draw, form, 30, covariate=covariate) for _ in range(2))
        found = differences(control, treatment, scale=scale)

        honest(found)
        judged(found)
        if scale is Scale.LOG:
            with np.errstate(over="ignore", invalid="ignore"):
                as_lifts(FixedHorizon().judge(found))
        saved = variance_saved(control, treatment)
        assert (saved[~np.isnan(saved)] <= 1).all()
        assert not np.isinf(values(control)).any() or np.abs(control.means).max() > 1e150


@given(data=st.data())
@FEW
def test_moments_of_anything(data: st.DataObject) -> None:
    with refusing():
        k = data.draw(st.integers(0, 3))
        Moments(
            data.draw(st.sampled_from(Form)),
            array(data.draw, UNITS, 2).astype(np.int64),
            array(data.draw, ANY, 2, k).astype(float),
            array(data.draw, ANY, 2, k, k).astype(float),
        )


@given(n=COUNTS, successes=COUNTS, other_n=COUNTS, other=COUNTS)
@FEW
def test_shares_of_counts(n: int, successes: int, other_n: int, other: int) -> None:
    with refusing():
        found = differences(
            shares(np.array([n]), np.array([successes])),
            shares(np.array([other_n]), np.array([other])),
            scale=Scale.RELATIVE,
        )
        honest(found)
        judged(found)
    with refusing():
        compare(ProportionSummary(n, successes), ProportionSummary(other_n, other))


@given(data=st.data())
@FEW
def test_scalar_comparisons(data: st.DataObject) -> None:
    with refusing():
        numbers = [data.draw(FLOATS) for _ in range(4)]
        told = compare(
            Summary(data.draw(COUNTS), numbers[0], numbers[1]),
            Summary(data.draw(COUNTS), numbers[2], numbers[3]),
        )
        assert math.isfinite(told.absolute.value)
        assert told.absolute.se > 0
    with refusing():
        arms = [
            RatioSummary(data.draw(COUNTS), *(data.draw(FLOATS) for _ in range(5)))
            for _ in range(2)
        ]
        assert math.isfinite(compare(*arms).absolute.value)


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("form", Form)
@given(data=st.data())
@FEW
def test_strata(form: Form, scale: Scale, data: st.DataObject) -> None:
    with refusing():
        found = stratified_differences(
            moments(data.draw, form, 12, 3), moments(data.draw, form, 12, 3), scale=scale
        )
        honest(found)
        judged(found)


@pytest.mark.parametrize("scale", Scale)
@given(data=st.data(), share=FLOATS)
@FEW
def test_quantiles(scale: Scale, data: st.DataObject, share: float) -> None:
    with refusing():
        arms = []
        for _ in range(2):
            below = moments(data.draw, Form.RATIO, 2) if data.draw(st.booleans()) else None
            arms.append(
                quantile_points(
                    np.maximum(array(data.draw, UNITS, 2), 0),
                    share,
                    value=array(data.draw, ANY, 2),
                    low=array(data.draw, ANY, 2),
                    high=array(data.draw, ANY, 2),
                    below=below,
                )
            )
            honest(arms[-1])
        found = between(*arms, scale=scale)
        honest(found)
        judged(found)
    with refusing():
        ranks_beside(0, share)


@given(data=st.data(), intervals=st.integers(-1, 5))
@FEW
def test_waits(data: st.DataObject, intervals: int) -> None:
    counts = np.array([0, 0, 0, 1, 2, 50, 10**9])
    came, left = (array(data.draw, counts, 2, 4) for _ in range(2))
    with refusing():
        for points in (restricted_mean_points, reached_points):
            found = points(came, left, intervals=intervals)
            honest(found)
            honest(between(found, found, scale=data.draw(st.sampled_from(Scale))))
    with refusing():
        survival_curve(came[0].tolist(), left[0].tolist())


@given(data=st.data())
@FEW
def test_effects_put_together(data: st.DataObject) -> None:
    value, se = array(data.draw, ANY, 2, 4), array(data.draw, ANY, 2, 4)
    if data.draw(st.booleans()):
        se = np.where(np.isnan(value), np.nan, np.abs(se))
    with refusing():
        found = heterogeneity(value, se)
        probabilities(found.p, found.i2)
        assert not np.isinf(found.q).any()
        assert (np.isnan(found.p) == (found.df < 1)).all()
    with refusing():
        probabilities(deviations(value, se).p)
    with refusing():
        found_shrunken = shrunken(value, se)
        assert (np.isnan(found_shrunken.value) == np.isnan(value)).all()
    with refusing():
        moved = novelty(value, se, first_days=data.draw(st.integers(0, 4)))
        probabilities(moved.slope_p, moved.difference.p)
    with refusing():
        told = shrink(value[0], se[0])
        assert np.isfinite(told.value).all()
        assert np.isfinite(told.low).all()


def made(draw: Draw, *shape: int) -> Estimates:
    """Draw estimates as `differences` gives them: possible, or absent with a reason."""
    absent = array(draw, np.array([0, 0, 1, 3]), *shape).astype(np.uint8)
    return assembled(
        array(draw, REAL, *shape),
        np.abs(array(draw, REAL, *shape)),
        np.full(shape, draw(st.sampled_from([1.0, 10.0, math.inf]))),
        np.where(absent == 1, 0, 1000).astype(np.int64),
        absent,
    )


@pytest.mark.parametrize("correction", Correction)
@given(data=st.data(), arms=st.sampled_from([1, 2, 20]))
@FEW
def test_families(correction: Correction, data: st.DataObject, arms: int) -> None:
    found = made(data.draw, 2, arms)
    with refusing():
        corrected = correct(
            found,
            method=FixedHorizon(),
            scope=Scope((Family("primary", np.ones((2, arms), dtype=bool), correction, 0.05),)),
            control_se=np.abs(array(data.draw, ANY, 2, arms)),
        )
        known = found.absent == 0
        assert ((corrected.p[known] >= 0) & (corrected.p[known] <= 1)).all()
        assert np.isnan(corrected.p[~known]).all()
        assert not corrected.found[~known].any()


@given(data=st.data())
@FEW
def test_p_values(data: st.DataObject) -> None:
    for adjust in (bonferroni, holm, benjamini_hochberg):
        with refusing():
            probabilities(adjust(array(data.draw, ANY, 3)))
    with refusing():
        probabilities(dunnett_p(array(data.draw, ANY, 3), array(data.draw, ANY, 3)))
    with refusing():
        dunnett_reach(array(data.draw, ANY, 3), alpha=data.draw(FLOATS))


@given(data=st.data(), level=FLOATS)
@FEW
def test_levels(data: st.DataObject, level: float) -> None:
    found = made(data.draw, 3)
    # A fixed horizon is given its level by those who check it.
    for method in METHODS[2:]:
        with refusing():
            method.judge(found, alpha=level)
            assert 0 < level < 1
    sound(GroupSequential((0.5, 1.0)).judge(found, alpha=0.05))
    for build in (
        lambda: Sequential(level),
        lambda: NormalPrior(level, level),
        lambda: GroupSequential((level,)),
    ):
        with refusing():
            build()


@given(data=st.data())
@FEW
def test_margins_and_checks(data: st.DataObject) -> None:
    found = made(data.draw, 3)
    with refusing():
        shown = non_inferiority(found, margin=data.draw(FLOATS), alpha=0.05)
        probabilities(shown.p)
        assert (np.isnan(shown.p) == (found.absent != 0)).all()
        assert not shown.shown[found.absent != 0].any()
    with refusing():
        imbalance(found, method=FixedHorizon())
    with refusing():
        reached = power_reached(array(data.draw, ANY, 3), worth=data.draw(FLOATS))
        probabilities(reached.power)
    with refusing():
        multiple_exposure(crossovers=data.draw(COUNTS), exposed=data.draw(COUNTS))


@given(data=st.data())
@FEW
def test_segments_and_periods(data: st.DataObject) -> None:
    found = made(data.draw, 2, 3)
    with refusing():
        (cells,) = effects_by_cell(
            [Dimension("device", ("a", "b", "c"), found, registered=data.draw(st.booleans()))],
            method=FixedHorizon(),
        )
        probabilities(cells.p)
        cells.sentence((0,))
    with refusing():
        split = split_by_change(
            found, method=FixedHorizon(), verdict=data.draw(st.sampled_from(Adjudication))
        )
        probabilities(split.test.p, split.power)
        if split.stratified is not None:
            sound(split.stratified)


@given(data=st.data())
@FEW
def test_largest_units(data: st.DataObject) -> None:
    with refusing():
        found = outlier_influence(
            moments(data.draw, Form.MEAN, 2),
            moments(data.draw, Form.MEAN, 2),
            control_top=array(data.draw, ANY, 2, 2),
            treatment_top=array(data.draw, ANY, 2, 2),
            method=FixedHorizon(),
        )
        sound(found.without)


@pytest.mark.parametrize("form", Form)
@given(data=st.data())
@FEW
def test_pairs_of_experiments(form: Form, data: st.DataObject) -> None:
    with refusing():
        value, variance = cell_values(moments(data.draw, form, 2, 3))
        probabilities(metric_interaction(value, variance, worth=data.draw(FLOATS)).p)
        conditional_effects(value, variance)
    with refusing():
        metric_interaction(array(data.draw, ANY, 2, 2), array(data.draw, ANY, 2, 2))
    with refusing():
        conditional_effects(array(data.draw, ANY, 2, 2), array(data.draw, ANY, 2, 2))
    with refusing():
        probabilities(traffic_interaction(array(data.draw, UNITS, 2, 3)).p)


@given(data=st.data(), arms=st.sampled_from([0, 1, 2, 20]))
@FEW
def test_splits(data: st.DataObject, arms: int) -> None:
    observed = array(data.draw, UNITS, arms).tolist()
    weights = array(data.draw, ANY, arms).tolist()
    if data.draw(st.booleans()):
        weights = [1.0] * arms
    with refusing():
        probabilities(check_split(observed, weights).p)
    with refusing():
        concentration = data.draw(FLOATS)
        found = check_split_daily([observed, observed], weights, concentration=concentration)
        assert 0 <= found.p <= 1
    with refusing():
        check_phases([Phase(tuple(observed), tuple(weights))])
    with refusing():
        split_causes([CellCounts("device", ("a",), (tuple(observed),))], weights)


@given(data=st.data())
@FEW
def test_programmes(data: st.DataObject) -> None:
    with refusing():
        told = chances(array(data.draw, ANY, 2), array(data.draw, ANY, 2))
        assert np.isfinite(told.inconclusive).all()
    with refusing():
        inconclusive_share(
            array(data.draw, ANY, 2),
            array(data.draw, ANY, 2),
            observed=data.draw(st.integers(-1, 3)),
        )
    with refusing():
        probabilities(false_positive_risk(prior=data.draw(FLOATS)))


@given(counts=st.lists(COUNTS, min_size=4, max_size=4), relative=st.booleans())
@settings(FEW, max_examples=8)
def test_beliefs_about_counts(counts: list[int], relative: bool) -> None:
    with refusing():
        belief = believe_shares(
            control_successes=np.array([counts[0]]),
            control_n=np.array([counts[1]]),
            successes=np.array([counts[2]]),
            n=np.array([counts[3]]),
            relative=relative,
        )
        assert np.isfinite(belief.value).all()
        probabilities(belief.chance_to_win)
        assert (belief.low <= belief.high).all()


@given(data=st.data())
@FEW
def test_plans(data: st.DataObject) -> None:
    for spread in (Share, Mean):
        with refusing():
            design = Design(
                spread(data.draw(FLOATS)),
                alpha=data.draw(st.sampled_from([0.05, 0.0, 1.0, math.nan])),
                arms=data.draw(st.sampled_from([0, 1, 2, 20])),
            )
            with refusing():
                probabilities(powers(design, lift=data.draw(FLOATS), n_per_arm=data.draw(FLOATS)))
            with refusing():
                units = units_for(design, lift=data.draw(FLOATS), power=data.draw(FLOATS))
                assert not np.isnan(units).any()
            with refusing():
                detectable_lifts(design, n_per_arm=data.draw(FLOATS))


@given(data=st.data(), length=st.integers(0, 40))
@settings(FEW, max_examples=8)
def test_series(data: st.DataObject, length: int) -> None:
    pool = np.linspace(1, 100, 50) if data.draw(st.booleans()) else ANY
    treated = array(data.draw, pool, length)
    controls = array(data.draw, pool, 2, length)
    change = data.draw(st.integers(-1, 41))
    relative = data.draw(st.booleans())
    with refusing():
        observed = difference_in_differences(treated, controls, change=change, relative=relative)
        assert math.isfinite(observed.value)
    with refusing():
        assert math.isfinite(
            interrupted_series(treated, change=change, relative=relative).effect.value
        )
    with refusing():
        assert math.isfinite(
            synthetic_control(treated, controls, change=change, relative=relative).effect.value
        )


KINDS = (MetricKind.PROPORTION, MetricKind.SUM, MetricKind.RATIO)


@given(data=st.data(), treatments=st.sampled_from([0, 1, 19]))
@settings(FEW, max_examples=8)
def test_a_whole_analysis_and_its_document(data: st.DataObject, treatments: int) -> None:
    end = datetime(2026, 11, 15, tzinfo=UTC)
    keys = ["control", *(f"t{nth}" for nth in range(treatments))]
    with refusing():
        metrics = tuple(
            PlannedMetric(kind.value, MetricRole.SECONDARY if nth else MetricRole.PRIMARY, kind)
            for nth, kind in enumerate(KINDS)
        )
        plan = AnalysisPlan(
            experiment="odd",
            variants=tuple(
                PlannedVariant(key, VariantRole.TREATMENT if nth else VariantRole.CONTROL)
                for nth, key in enumerate(keys)
            ),
            metrics=metrics,
            planned_end=end,
            method=METHODS[data.draw(st.sampled_from([0, 2, 4]))],
        )
        samples: dict[str, dict[str, Any]] = {kind.value: {} for kind in KINDS}
        for key in keys:
            for kind in KINDS:
                with refusing():
                    n, mean = data.draw(st.sampled_from([0, 1, 2, 500])), data.draw(FLOATS)
                    rest = [abs(data.draw(FLOATS)) for _ in range(2)]
                    if kind is MetricKind.PROPORTION:
                        mean = data.draw(st.sampled_from([0.0, 0.1, 1.0]))
                    if kind is MetricKind.RATIO:
                        given = {"den_mean": mean, "den_m2": rest[1], "cross": 0.0}
                    else:
                        given = {}
                    samples[kind.value][key] = sample_of(kind, n=n, mean=mean, m2=rest[0], **given)
        units = {key: data.draw(st.sampled_from([0, 1, 500])) for key in keys}
        found = analyse(plan, AnalysisData(units=units, samples=samples), as_of=end)
        numbers(found.document(), "")
        numbers(found, "")


def numbers(told: object, where: str) -> None:
    """Find no NaN and no infinity in what people are shown."""
    if isinstance(told, float):
        assert math.isfinite(told), where
    elif isinstance(told, dict):
        for key, each in told.items():
            numbers(each, f"{where}.{key}")
    elif isinstance(told, list | tuple):
        for nth, each in enumerate(told):
            numbers(each, f"{where}.{nth}")
    elif is_dataclass(told) and not isinstance(told, type | Enum | Sequential | Bayesian):
        for field in fields(told):
            numbers(getattr(told, field.name), f"{where}.{field.name}")
