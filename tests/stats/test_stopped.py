"""What a group-sequential test states when its looks are over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from truelift.stats.analysis import Analysis, analyse
from truelift.stats.comparison import Absent, Comparison
from truelift.stats.group_sequential import GroupSequential
from truelift.stats.plan import AnalysisData, AnalysisPlan, PlannedMetric, PlannedVariant
from truelift.stats.roles import MetricKind, MetricRole, VariantRole
from truelift.stats.summary import ProportionSummary, Sample


PLAN = AnalysisPlan(
    experiment="x",
    variants=(PlannedVariant("a", VariantRole.CONTROL), PlannedVariant("b", VariantRole.TREATMENT)),
    metrics=(
        PlannedMetric("orders", MetricRole.PRIMARY, MetricKind.PROPORTION),
        PlannedMetric("carts", MetricRole.SECONDARY, MetricKind.PROPORTION),
    ),
    method=GroupSequential((0.5, 0.8), closing=True),
)


def looked_at(plan: AnalysisPlan, orders: tuple[int, int] = (500, 590)) -> Analysis:
    samples: dict[str, Sample] = {
        "a": ProportionSummary(n=5000, successes=orders[0]),
        "b": ProportionSummary(n=5000, successes=orders[1]),
    }
    data = AnalysisData(units={"a": 5000, "b": 5000}, samples={"orders": samples, "carts": samples})
    return analyse(plan, data, as_of=datetime(2026, 5, 24, tzinfo=UTC))


def test_the_adjusted_estimate_is_stated_and_the_naive_one_named() -> None:
    document: Any = looked_at(PLAN).document()

    (stated,), (explained,) = (metric["effects"] for metric in document["metrics"])
    assert stated["naive"]["absolute"]["value"] == pytest.approx(0.018)
    assert 0 < stated["absolute"]["value"] < 0.018
    assert stated["absolute"]["low"] > 0
    assert stated["outcome"] == "win"
    assert stated["p"] < 0.05
    assert "naive" not in explained
    assert explained["absolute"]["value"] == pytest.approx(0.018)


@pytest.mark.parametrize(
    "method", [GroupSequential((0.5, 0.8)), GroupSequential((0.3, 0.5))], ids=["second", "other"]
)
def test_before_the_last_look_the_running_estimate_is_stated(method: GroupSequential) -> None:
    primary = looked_at(replace(PLAN, method=method)).primary

    (reading,) = primary.readings
    assert reading.naive is None
    assert isinstance(reading.comparison, Comparison)
    assert reading.comparison.absolute.value == pytest.approx(0.018)


@pytest.mark.parametrize("orders", [(500, 580), (500, 590), (500, 500), (590, 500), (500, 521)])
def test_adjusting_never_turns_a_finding_of_the_last_look_around(orders: tuple[int, int]) -> None:
    (reading,) = looked_at(PLAN, orders).primary.readings

    assert reading.naive is not None
    assert isinstance(reading.comparison, Comparison)
    assert reading.comparison.found is reading.naive.found
    assert not isinstance(reading.comparison.relative, Absent)
