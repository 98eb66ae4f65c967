"""Retention, steps, waits and quantiles of an experiment's units, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.questions.asking import ask, at, event
from truelift.questions import distribution
from truelift.questions.distribution import Distribution
from truelift.questions.forms import Context
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.metric import Amount, AmountKind, Counted, Metric, MetricKind
from truelift.questions.parse import parse_question
from truelift.questions.variant_numbers import Cap, Threshold
from truelift.questions.variant_summaries import VariantSummaries, VariantSummariesAnswer
from truelift.stats.summary import ProportionSummary, RatioSummary


DAY = 86_400
HOUR = 3600
BUYING = Counted(Events(("purchase",)))
SPENDING = Counted(Events(("purchase",)), Amount(AmountKind.MONEY, currency="EUR"))
CAME_BACK = Metric("back", MetricKind.RETENTION, BUYING, window_s=7 * DAY, from_s=2 * DAY)
STEPS = Metric(
    "steps",
    MetricKind.FUNNEL_STEP,
    BUYING,
    window_s=7 * DAY,
    steps=(Events(("view",)), Events(("cart",))),
)
WAIT = Metric("wait", MetricKind.RESTRICTED_MEAN, BUYING, window_s=3 * HOUR)
P50 = Metric("p50", MetricKind.QUANTILE, SPENDING, window_s=7 * DAY, level=0.5)
TOTALS = replace(P50, key="totals", per_unit=True)
ASKED = VariantSummaries(
    experiment="x", variants=("a", "b"), metrics=(CAME_BACK,), as_of=at(1000 * DAY)
)


def shown(person: int, seconds: float, variant: str = "a", **columns: Any) -> dict[str, Any]:
    return event(person, seconds, "Experiment Viewed", experiment="x", variant=variant, **columns)


def did(person: int, seconds: float, name: str) -> dict[str, Any]:
    return event(person, seconds, name)


def bought(person: int, seconds: float, cents: int = 100) -> dict[str, Any]:
    return event(person, seconds, "purchase", value=cents / 100, value_minor=cents, currency="EUR")


def share(answer: VariantSummariesAnswer, metric: str) -> ProportionSummary:
    found = answer.samples[metric]["a"]
    assert isinstance(found, ProportionSummary)
    return found


def test_who_came_back_did_so_between_both_days_their_ends_included() -> None:
    events = [shown(person, 0) for person in range(1, 6)]
    events += [bought(1, 2 * DAY - 1), bought(2, 2 * DAY), bought(3, 7 * DAY)]
    events += [bought(4, 7 * DAY + 1)]

    answer = ask(ASKED, events, buckets=2)

    assert share(answer, "back") == ProportionSummary(n=5, successes=2)


def test_a_step_is_reached_by_doing_all_before_it_in_order_after_the_exposure() -> None:
    question = replace(ASKED, metrics=(STEPS,), covariate_s=DAY)
    events = [shown(person, 100) for person in range(1, 7)]
    # All three in order, the last at the end of the window.
    events += [did(1, 100, "view"), did(1, 101, "cart"), bought(1, 100 + 7 * DAY)]
    # One second too late.
    events += [did(2, 100, "view"), did(2, 101, "cart"), bought(2, 101 + 7 * DAY)]
    # Out of order, and then in order after all.
    events += [did(3, 101, "cart"), did(3, 102, "view"), bought(3, 103)]
    events += [did(4, 101, "cart"), did(4, 102, "view"), did(4, 103, "cart"), bought(4, 103)]
    # Begun before the exposure.
    events += [did(5, 99, "view"), did(5, 101, "cart"), bought(5, 102)]
    # Who bought before is foretold to buy again.
    events += [bought(6, 50)]

    answer = ask(question, events, buckets=3)

    assert share(answer, "steps") == ProportionSummary(n=6, successes=2)
    assert answer.seen.before.tolist() == [[1, 0]]


def test_waits_are_counted_by_the_hour_and_open_ones_as_far_as_they_were_watched() -> None:
    question = replace(ASKED, metrics=(WAIT,), as_of=at(10 * HOUR))
    events = [shown(person, 0) for person in (1, 2, 3, 4)]
    events += [bought(1, 0), bought(2, HOUR), bought(2, 2 * HOUR), bought(3, HOUR + 1)]
    # Watched for two whole hours and a half; what happens later is not known then.
    events += [shown(5, 7.5 * HOUR), shown(6, 7.5 * HOUR), bought(6, 9 * HOUR)]
    # The event of the last came in an hour that is not over.
    events += [shown(7, 9.5 * HOUR), bought(7, 9.6 * HOUR)]

    answer = ask(question, events, buckets=2)

    waited = answer.seen.waits["wait"]
    assert waited.interval_s == HOUR
    assert waited.came.tolist() == [[0, 2, 2, 0], [0, 0, 0, 0]]
    assert waited.left.tolist() == [[1, 0, 1, 1], [0, 0, 0, 0]]
    assert answer.seen.immature["wait"] == 0


def test_a_quantile_of_events_knows_how_those_of_a_unit_lie_together() -> None:
    question = replace(
        ASKED,
        metrics=(P50,),
        spreads=("p50",),
        thresholds=(Threshold("p50", (200.0, 0.0)),),
    )
    events = [shown(1, 0), shown(2, 0), shown(3, 0)]
    events += [bought(1, 1, 100), bought(1, 2, 200), bought(2, 1, 300)]

    answer = ask(question, events, buckets=2)

    (above, _) = answer.seen.spreads["p50"].above
    found = answer.samples["p50"]["a"]
    assert (above.values.tolist(), above.counts.tolist()) == ([100.0, 200.0, 300.0], [1, 1, 1])
    # 2, 0, 0 values at or below 200 of 2, 1, 0.
    assert isinstance(found, RatioSummary)
    assert found.n == 3
    assert (found.mean, found.den_mean) == pytest.approx((2 / 3, 1.0))
    assert (found.m2, found.den_m2, found.cross) == pytest.approx((8 / 3, 2.0, 2.0))


def test_a_quantile_of_totals_counts_who_has_none_as_zero() -> None:
    question = replace(ASKED, metrics=(TOTALS,), spreads=("totals",), covariate_s=DAY)
    events = [shown(1, 0), shown(2, 0), bought(1, 1, 100), bought(1, 2, 200)]

    (above, _) = ask(question, events).seen.spreads["totals"].above

    assert above.values.tolist() == [0.0, 300.0]
    assert above.at(0.5) == 0.0
    assert above.at(0.51) == 300.0


def test_a_cap_counts_whom_it_made_smaller_and_stands_beside_the_raw_number() -> None:
    revenue = Metric("revenue", MetricKind.SUM, SPENDING, window_s=DAY)
    per_order = Metric("per_order", MetricKind.RATIO, SPENDING, denominator=BUYING, window_s=DAY)
    question = replace(
        ASKED,
        metrics=(revenue, replace(revenue, key="raw"), per_order),
        caps=(Cap("revenue", 250.0), Cap("per_order", 250.0, below=1.0)),
        spreads=("per_order",),
    )
    events = [shown(1, 0), shown(2, 0), shown(3, 0), shown(4, 0, "b")]
    events += [bought(1, 1, 200), bought(1, 2, 200), bought(2, 1, 250), bought(4, 1, 900)]

    answer = ask(question, events, buckets=2)

    assert answer.seen.capped.tolist() == [[1, 1], [0, 0], [1, 1]]
    spread = answer.seen.spreads["per_order"]
    assert [each.value for each in answer.samples["revenue"].values()] == [
        pytest.approx(500 / 3),
        250.0,
    ]
    assert answer.samples["raw"]["b"].value == 900.0
    # Units without an order are not in the population of a ratio's percentiles.
    assert spread.above[0].values.tolist() == [250.0]
    assert spread.below is not None
    assert spread.below[0].counts.tolist() == [2]


def test_numbers_with_too_many_values_are_rounded_where_that_was_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(distribution, "MOST_VALUES", 3)
    few = Distribution.of(np.array([0.0, 12_344.0]), rounds=4)
    many = Distribution.of(np.array([12_341.0, -12_349.0, 7.0]), rounds=4)

    both = few + many

    assert both.values.tolist() == [-12_350.0, 0.0, 7.0, 12_340.0]
    assert both.counts.tolist() == [1, 1, 1, 2]
    assert (both.rounded, both.n) == (True, 5)


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (replace(P50, level=None), "needs its level"),
        (replace(P50, counted=BUYING), "needs an amount"),
        (replace(CAME_BACK, from_s=7 * DAY), "ends after it begins"),
        (replace(CAME_BACK, window_s=None), "ends after it begins"),
        (replace(STEPS, steps=()), "1 to 9 steps before it"),
        (replace(STEPS, steps=(Events(("purchase",)),)), "two of its steps are the same"),
        (replace(WAIT, window_s=None), "needs a window"),
        (replace(WAIT, level=0.5), "has no level"),
        (replace(WAIT, from_s=1), "from the exposure on"),
        (replace(WAIT, steps=(Events(("view",)),)), "has no steps"),
    ],
)
def test_a_metric_that_is_not_whole_is_refused(metric: Metric, said: str) -> None:
    with pytest.raises(BadQuestion, match=said):
        replace(ASKED, metrics=(metric,))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"thresholds": (Threshold("back", (1.0, 1.0)),)}, "of no quantile"),
        ({"metrics": (P50,), "thresholds": (Threshold("p50", (1.0,)),)}, "not one value for each"),
        ({"metrics": (P50,), "caps": (Cap("p50", 1.0),)}, "no single unit decides"),
        ({"spreads": ("nothing",)}, "no metric of it"),
    ],
)
def test_what_is_asked_of_a_metric_must_fit_it(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(BadQuestion, match=said):
        replace(ASKED, **changed)


def test_all_kinds_can_be_asked_in_json_of_experiments_and_only_of_them() -> None:
    metric = {
        "key": "p90",
        "kind": "quantile",
        "event": "purchase",
        "amount": {"kind": "money", "currency": "EUR"},
        "level": 0.9,
        "window_s": "7d",
    }
    asked = {
        "question": "variant_summaries",
        "experiment": "x",
        "variants": ["a", "b"],
        "metrics": [metric],
        "spreads": ["p90"],
    }

    question = parse_question(asked, Context(now=at(0)))

    assert isinstance(question, VariantSummaries)
    assert question.metrics[0].level == 0.9
    with pytest.raises(BadQuestion, match="is not one of proportion, count, sum, mean, ratio"):
        parse_question({"question": "metric_value", "metric": metric}, Context(now=at(0)))
