"""Values that are known with an error, judged beside means in one call."""

from __future__ import annotations

import numpy as np
import pytest

from truelift.stats.analysis import (
    AnalysisData,
    AnalysisPlan,
    MetricKind,
    MetricRole,
    PlannedMetric,
    PlannedVariant,
    VariantRole,
)
from truelift.stats.comparison import Absent, Comparison, Procedure
from truelift.stats.effects import Absence, FixedHorizon
from truelift.stats.judging import judge, judge_apart
from truelift.stats.known_value import KnownValue
from truelift.stats.over_time import effects_over_time
from truelift.stats.plan import Samples
from truelift.stats.points import Points, between
from truelift.stats.roles import MetricKind as Kind
from truelift.stats.scales import Scale
from truelift.stats.summary import ProportionSummary, Summary


def points(value: float, variance: float, n: int, absent: Absence = Absence.NONE) -> Points:
    return Points(
        value=np.array(value),
        variance=np.array(variance),
        df=np.array(n - 1.0),
        n=np.array(n),
        absent=np.array(absent, np.uint8),
    )


PLAN = AnalysisPlan(
    experiment="x",
    variants=(
        PlannedVariant("a", VariantRole.CONTROL),
        PlannedVariant("b", VariantRole.TREATMENT),
    ),
    metrics=(
        PlannedMetric("p90", MetricRole.PRIMARY, MetricKind.QUANTILE),
        PlannedMetric("rate", MetricRole.SECONDARY, MetricKind.RETENTION),
    ),
)


def test_a_known_value_is_judged_as_its_points_are() -> None:
    one, other = points(400.0, 9.0, 500), points(380.0, 16.0, 400)
    samples: Samples = {
        "p90": {
            "a": KnownValue.of(one, procedure="quantile"),
            "b": KnownValue.of(other, procedure="quantile"),
        },
        "rate": {"a": ProportionSummary(500, 100), "b": ProportionSummary(400, 100)},
    }

    (((p90,), (rate,)),) = [judge(PLAN, samples)]

    assert isinstance(p90, Comparison)
    assert p90.procedure is Procedure.QUANTILE
    # −20, with the error √(9 + 16) = 5.
    assert (p90.absolute.value, p90.absolute.se) == pytest.approx((-20.0, 5.0))
    expected = FixedHorizon().judge(between(one, other, scale=Scale.RELATIVE))
    assert not isinstance(p90.relative, Absent)
    assert p90.relative.value == pytest.approx(-0.05)
    assert p90.relative.se == pytest.approx(float(expected.se))
    assert isinstance(rate, Comparison)
    assert rate.procedure is Procedure.PROPORTION_WELCH


def test_a_value_told_in_another_unit_scales_with_its_error() -> None:
    found = KnownValue.of(points(48.0, 4.0, 100), procedure="restricted-mean", scale=1 / 24)

    assert found.value == pytest.approx(2.0)
    assert found.variance / found.n == pytest.approx(4.0 / 576)


def test_units_that_have_several_values_count_once() -> None:
    found = KnownValue.of(points(48.0, 4.0, 1000), procedure="quantile", units=100)

    assert (found.n, found.counted) == (100, 1000)
    assert found.variance / found.n == pytest.approx(4.0)


def test_a_value_that_is_not_there_says_why_at_its_effect() -> None:
    samples = {
        "p90": {
            "a": KnownValue.of(points(400.0, 9.0, 500), procedure="quantile"),
            "b": KnownValue.of(
                points(np.nan, np.nan, 7, Absence.TOO_FEW_VALUES), procedure="quantile"
            ),
        },
    }

    ((found,), (other,)) = judge(PLAN, samples)

    assert isinstance(found, Absent)
    assert found.reason == "p90 of b: there are too few values beside this quantile."
    assert isinstance(other, Absent)


def test_metrics_beside_the_plan_are_judged_at_its_level() -> None:
    raw = PlannedMetric("revenue", MetricRole.SECONDARY, MetricKind.SUM)
    samples = {"revenue": {"a": Summary(100, 10.0, 9900.0), "b": Summary(100, 12.0, 9900.0)}}

    (((found,),),) = [judge_apart(PLAN, [raw], samples)]

    assert isinstance(found, Comparison)
    # Variance 100 of 100 units each: √2 apart by 2.
    assert found.absolute.se == pytest.approx(2**0.5)
    assert found.alpha == 0.05
    assert judge_apart(PLAN, [], {}) == []


def test_what_does_not_add_up_over_days_is_not_followed_over_them() -> None:
    value = KnownValue.of(points(400.0, 9.0, 500), procedure="quantile")
    days = {"2026-05-04": {"p90": {"a": value, "b": value}}}

    found = effects_over_time(PLAN, AnalysisData(units={}, samples={}, days=days).days)

    assert found == {}


def test_kinds_say_what_they_are() -> None:
    assert Kind.RETENTION.is_share
    assert not Kind.QUANTILE.adds_up
    assert Kind.FUNNEL_STEP.is_told_of_units
    assert not Kind.SUM.is_told_of_units
