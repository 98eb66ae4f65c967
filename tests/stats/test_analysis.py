from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from truelift.stats.analysis import (
    Action,
    Analysis,
    AnalysisData,
    AnalysisPlan,
    BadPlan,
    MetricKind,
    MetricRole,
    PlannedMetric,
    PlannedVariant,
    VariantRole,
    analyse,
    sample_of,
)
from truelift.stats.outcome import Direction, Guard, Outcome
from truelift.stats.status import Status
from truelift.stats.summary import (
    ImpossibleSummary,
    ProportionSummary,
    RatioSummary,
    Sample,
    Summary,
)


END = datetime(2026, 11, 15, tzinfo=UTC)
ORDERS = PlannedMetric("orders", MetricRole.PRIMARY, MetricKind.PROPORTION, margin=0.05)
VALUE = PlannedMetric("order_value", MetricRole.GUARDRAIL, MetricKind.MEAN, margin=0.05)
PLAN = AnalysisPlan(
    experiment="delivery-cost",
    variants=(
        PlannedVariant("control", VariantRole.CONTROL),
        PlannedVariant("test", VariantRole.TREATMENT),
    ),
    metrics=(ORDERS, VALUE),
    planned_end=END,
    units_needed=20_000,
)
COOKIE_CATS = AnalysisPlan(
    experiment="gate",
    variants=(
        PlannedVariant("gate_30", VariantRole.CONTROL),
        PlannedVariant("gate_40", VariantRole.TREATMENT),
    ),
    metrics=(
        PlannedMetric("retention_7", MetricRole.PRIMARY, MetricKind.PROPORTION, margin=0.02),
        PlannedMetric("retention_1", MetricRole.SECONDARY, MetricKind.PROPORTION),
    ),
)


def bought(
    control: int = 1_000,
    test: int = 1_000,
    *,
    n: int = 10_000,
    value: float = 50.0,
    spread: float = 20.0,
) -> AnalysisData:
    """Ten thousand visitors each; the treatment buys so often and for so much."""
    m2 = spread * spread * n
    return AnalysisData(
        units={"control": n, "test": n},
        samples={
            "orders": {
                "control": ProportionSummary(n, control),
                "test": ProportionSummary(n, test),
            },
            "order_value": {"control": Summary(n, 50.0, m2), "test": Summary(n, value, m2)},
        },
    )


def at_the_end(data: AnalysisData, plan: AnalysisPlan = PLAN) -> Analysis:
    return analyse(plan, data, as_of=END)


def statuses(analysis: Analysis) -> dict[str, Status]:
    return {check.check: check.status for check in analysis.integrity}


def test_cookie_cats_comes_out_as_the_contract_says() -> None:
    data = AnalysisData(
        units={"gate_30": 44_700, "gate_40": 45_489},
        samples={
            "retention_7": {
                "gate_30": ProportionSummary(44_700, 8_502),
                "gate_40": ProportionSummary(45_489, 8_279),
            },
            "retention_1": {
                "gate_30": ProportionSummary(44_700, 20_034),
                "gate_40": ProportionSummary(45_489, 20_119),
            },
        },
    )

    document: Any = analyse(COOKIE_CATS, data, as_of=END).document()

    assert document["experiment"] == "gate"
    assert document["method"] == "fixed"
    assert document["as_of"] == "2026-11-15T00:00:00Z"
    assert document["variants"] == [
        {"variant": "gate_30", "role": "control", "units": 44_700},
        {"variant": "gate_40", "role": "treatment", "units": 45_489},
    ]
    retention_7, retention_1 = document["metrics"]
    assert retention_7["summaries"][0]["mean"] == pytest.approx(0.19020, abs=5e-6)
    assert retention_7["summaries"][0]["m2"] == pytest.approx(6884.9, abs=0.05)
    assert retention_7["summaries"][1]["mean"] == pytest.approx(0.18200, abs=5e-6)
    assert retention_1["summaries"][0]["mean"] == pytest.approx(0.44819, abs=5e-6)
    assert retention_1["summaries"][1]["mean"] == pytest.approx(0.44228, abs=5e-6)
    effect = retention_7["effects"][0]
    assert effect["variant"] == "gate_40"
    assert effect["absolute"]["p"] == pytest.approx(0.00156, abs=5e-6)
    assert effect["relative"]["p"] == pytest.approx(0.00122, abs=5e-6)
    assert effect["p"] == effect["absolute"]["p"]
    assert effect["outcome"] == "loss"
    srm = document["integrity"][0]
    assert srm["check"] == "srm"
    assert srm["status"] == "warn"
    assert srm["value"] == pytest.approx(0.0086, abs=5e-5)
    assert document["recommendation"]["action"] == "stop"
    assert document["recommendation"]["because"]


def test_a_document_is_plain_json_and_has_no_nan() -> None:
    document = at_the_end(bought(0, 0)).document()

    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_win_ships() -> None:
    analysis = at_the_end(bought(1_000, 1_200))

    assert analysis.primary.readings[0].outcome is Outcome.WIN
    assert analysis.recommendation.action is Action.SHIP
    assert analysis.recommendation.variant == "test"
    assert "orders got better with test: +20.0%" in analysis.recommendation.because[0]


def test_a_loss_stops() -> None:
    assert at_the_end(bought(1_000, 800)).recommendation.action is Action.STOP


def test_no_difference_larger_than_the_margin_stops() -> None:
    plan = replace(PLAN, metrics=(replace(ORDERS, margin=0.10), VALUE))

    analysis = at_the_end(bought(1_000, 1_000), plan)

    assert analysis.primary.readings[0].outcome is Outcome.NULL
    assert analysis.recommendation.action is Action.STOP


def test_when_the_data_cannot_tell_the_advice_is_to_iterate() -> None:
    analysis = at_the_end(bought(1_000, 1_040))

    assert analysis.primary.readings[0].outcome is Outcome.INCONCLUSIVE
    assert analysis.recommendation.action is Action.ITERATE
    assert "cannot tell" in analysis.recommendation.because[0]


def test_looked_at_before_its_end_a_clear_effect_is_no_verdict() -> None:
    analysis = analyse(PLAN, bought(1_000, 1_500), as_of=END - timedelta(days=1))

    assert analysis.recommendation.action is Action.KEEP_RUNNING
    assert "15 Nov 2026" in analysis.recommendation.because[0]
    assert {r.outcome for m in analysis.metrics for r in m.readings} == {Outcome.INCONCLUSIVE}
    assert all(r.withheld and r.guard is None for m in analysis.metrics for r in m.readings)


def test_the_planned_end_itself_is_not_early() -> None:
    assert at_the_end(bought(1_000, 1_500)).recommendation.action is Action.SHIP


def test_a_broken_split_makes_everything_invalid_and_no_outcome_a_finding() -> None:
    data = replace(bought(1_000, 1_500), units={"control": 10_000, "test": 11_000})

    analysis = at_the_end(data)

    assert analysis.recommendation.action is Action.INVALID
    assert "not the planned one" in analysis.recommendation.because[0]
    for effect in [e for m in analysis.document()["metrics"] for e in m["effects"]]:  # type: ignore[index, union-attr, call-overload]
        assert effect["outcome"] == "inconclusive"  # type: ignore[index, call-overload]
        assert effect["withheld"].startswith("invalid")  # type: ignore[index, union-attr, call-overload]


def test_a_broken_split_is_said_before_the_end_too() -> None:
    data = replace(bought(), units={"control": 10_000, "test": 11_000})

    early = analyse(PLAN, data, as_of=END - timedelta(days=1))

    assert early.recommendation.action is Action.INVALID


def test_planned_weights_are_what_the_split_is_held_against() -> None:
    variants = (replace(PLAN.variants[0], weight=9), PLAN.variants[1])
    data = replace(bought(), units={"control": 9_000, "test": 1_000})

    assert statuses(at_the_end(data, replace(PLAN, variants=variants)))["srm"] is Status.OK


def test_a_broken_guardrail_stops_a_win_from_shipping() -> None:
    analysis = at_the_end(bought(1_000, 1_200, value=46.0))

    assert analysis.metrics[1].readings[0].guard is Guard.BROKEN
    assert analysis.recommendation.action is Action.ITERATE
    assert any("order_value got worse" in reason for reason in analysis.recommendation.because)


def test_an_undecided_guardrail_ships_with_a_word_about_it() -> None:
    analysis = at_the_end(bought(1_000, 1_200, value=49.5, spread=200))

    assert analysis.metrics[1].readings[0].guard is Guard.UNDECIDED
    assert analysis.recommendation.action is Action.SHIP
    assert any("cannot rule out harm" in reason for reason in analysis.recommendation.because)


def test_a_metric_that_should_fall_wins_by_falling() -> None:
    plan = replace(PLAN, metrics=(replace(ORDERS, direction=Direction.DECREASE),))

    assert at_the_end(bought(1_000, 800), plan).recommendation.action is Action.SHIP


def test_the_margin_is_made_absolute_with_the_planned_value() -> None:
    plan = replace(PLAN, metrics=(replace(ORDERS, planned_value=0.2),))

    margin = at_the_end(bought(), plan).primary.readings[0].margin

    assert margin is not None
    assert margin.absolute == pytest.approx(0.01)
    assert margin.planned


def test_each_treatment_meets_the_control_and_the_best_win_ships() -> None:
    plan = replace(
        PLAN,
        metrics=(ORDERS,),
        variants=(*PLAN.variants, PlannedVariant("bold", VariantRole.TREATMENT)),
    )
    data = AnalysisData(
        units={"control": 10_000, "test": 10_000, "bold": 10_000},
        samples={
            "orders": {
                "control": ProportionSummary(10_000, 1_000),
                "test": ProportionSummary(10_000, 1_200),
                "bold": ProportionSummary(10_000, 1_300),
            }
        },
    )

    analysis = at_the_end(data, plan)

    assert [reading.variant for reading in analysis.primary.readings] == ["test", "bold"]
    assert analysis.recommendation.variant == "bold"
    assert any(
        "any false finding among the 2 primary" in why for why in analysis.recommendation.because
    )
    assert analysis.document()["multiplicity"] == "holm"


def test_too_few_units_at_the_end_are_warned_about_and_not_before() -> None:
    data = bought(n=5_000, control=500, test=500)

    assert statuses(at_the_end(data))["sample_size"] is Status.WARN
    early = analyse(PLAN, data, as_of=END - timedelta(days=1))
    assert statuses(early)["sample_size"] is Status.OK


@pytest.mark.parametrize(
    ("crossovers", "status"), [(100, Status.OK), (500, Status.WARN), (3_000, Status.FAIL)]
)
def test_crossovers_are_counted_and_too_many_make_it_invalid(
    crossovers: int, status: Status
) -> None:
    analysis = at_the_end(replace(bought(), crossovers=crossovers))

    assert statuses(analysis)["crossovers"] is status
    assert (analysis.recommendation.action is Action.INVALID) is (status is Status.FAIL)


@pytest.mark.parametrize(
    ("share", "status"), [(0.001, Status.OK), (0.05, Status.WARN), (0.2, Status.FAIL)]
)
def test_unreadable_events_are_an_integrity_check(share: float, status: Status) -> None:
    analysis = at_the_end(replace(bought(), quarantined_share=share, bots_share=0.4))

    assert statuses(analysis)["quarantine"] is status
    assert statuses(analysis)["bots"] is Status.OK


def test_an_experiment_without_a_planned_end_is_read_with_a_warning() -> None:
    analysis = at_the_end(bought(1_000, 1_200), replace(PLAN, planned_end=None))

    assert statuses(analysis)["planned_end"] is Status.WARN
    assert analysis.recommendation.action is Action.SHIP


def test_before_anybody_has_come_it_says_keep_running() -> None:
    nobody = AnalysisData(units={}, samples={})

    analysis = analyse(PLAN, nobody, as_of=END - timedelta(days=7))

    assert analysis.recommendation.action is Action.KEEP_RUNNING
    assert statuses(analysis)["srm"] is Status.WARN
    assert analysis.document()["metrics"][0]["effects"][0]["absolute"] is None  # type: ignore[index, call-overload]


def test_nobody_at_the_planned_end_is_no_verdict() -> None:
    nobody = AnalysisData(units={}, samples={})

    assert at_the_end(nobody).recommendation.action is Action.INVALID


def test_a_guardrail_without_spread_says_so_and_does_not_fail_the_rest() -> None:
    analysis = at_the_end(bought(1_000, 1_200, spread=0))
    document: Any = analysis.document()

    assert "no unit differs from another" in document["metrics"][1]["effects"][0]["absent"]
    assert analysis.recommendation.action is Action.SHIP


def test_a_relative_effect_of_a_control_at_zero_is_absent_with_its_reason() -> None:
    effect: Any = at_the_end(bought(0, 200)).document()["metrics"][0]["effects"][0]  # type: ignore[index, call-overload]

    assert effect["relative"] is None
    assert "value is 0" in effect["relative_absent"]
    assert effect["outcome"] == "win"


def test_where_both_intervals_disagree_the_absolute_one_decides_and_it_is_said() -> None:
    samples: dict[str, Sample] = {
        "control": Summary(100, 10.0, 99 * 400.0),
        "test": Summary(100, 15.6, 99 * 400.0),
    }
    plan = replace(PLAN, metrics=(replace(ORDERS, kind=MetricKind.MEAN),))
    data = AnalysisData(units={"control": 100, "test": 100}, samples={"orders": samples})

    reading = at_the_end(data, plan).primary.readings[0]

    assert reading.outcome is Outcome.WIN
    assert "the absolute effect decides" in str(reading.note)


def test_a_plan_gives_every_reason_at_once() -> None:
    with pytest.raises(BadPlan) as refused:
        AnalysisPlan(
            experiment="x",
            variants=(PlannedVariant("a", VariantRole.TREATMENT, weight=0),),
            metrics=(),
            alpha=0,
            planned_end=datetime(2026, 1, 1),  # noqa: DTZ001 - the missing zone is the point
        )

    assert len(refused.value.facts["reasons"]) == 6  # type: ignore[arg-type]


def test_units_of_a_variant_that_is_not_planned_are_refused() -> None:
    with pytest.raises(BadPlan, match="no variant of the plan"):
        at_the_end(AnalysisData(units={"other": 3}, samples={}))


def test_samples_are_made_from_the_numbers_of_the_lake() -> None:
    proportion = sample_of(MetricKind.PROPORTION, n=44_700, mean=8_502 / 44_700, m2=6884.9)
    total = sample_of(MetricKind.SUM, n=3, mean=2.0, m2=1.0)
    ratio = sample_of(MetricKind.RATIO, n=3, mean=2.0, m2=1.0, den_mean=4.0, den_m2=1.0, cross=0.5)

    assert proportion == ProportionSummary(44_700, 8_502)
    assert total == Summary(3, 2.0, 1.0)
    assert isinstance(ratio, RatioSummary)
    with pytest.raises(ImpossibleSummary, match="den_mean"):
        sample_of(MetricKind.RATIO, n=3, mean=2.0, m2=1.0)


def test_a_test_stopped_before_its_planned_end_decides_nothing_and_is_planned_again() -> None:
    stopped = analyse(PLAN, bought(1_000, 1_300), as_of=END - timedelta(days=3), ended=True)

    assert stopped.recommendation.action is Action.ITERATE
    assert "stopped before its planned end" in stopped.recommendation.because[0]
    assert statuses(stopped)["planned_end"] is Status.WARN
    assert stopped.metrics[0].readings[0].outcome is Outcome.INCONCLUSIVE
