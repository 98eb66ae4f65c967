"""What is counted of an experiment's units, by hand and against plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import date
from statistics import fmean
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, asked, at, event
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.metric import Amount, AmountKind, Counted, Metric, MetricKind
from truelift.questions.moments import moments
from truelift.questions.variant_summaries import VariantSummaries
from truelift.stats.summary import ProportionSummary, RatioSummary, Summary


DAY = 86_400


def counted(name: str, amount: Amount | None = None) -> Counted:
    return Counted(Events((name,)), amount)


ORDERED = Metric("ordered", MetricKind.PROPORTION, counted("purchase"))
ORDERS = Metric("orders", MetricKind.COUNT, counted("purchase"))
EUROS = Amount(AmountKind.MONEY, currency="EUR")
REVENUE = Metric("revenue", MetricKind.SUM, counted("purchase", EUROS))
AVERAGE = Metric("average", MetricKind.MEAN, counted("purchase", Amount()))
PER_ORDER = Metric(
    "per_order", MetricKind.RATIO, counted("purchase", EUROS), denominator=counted("purchase")
)
ASKED = VariantSummaries(
    experiment="x", variants=("a", "b"), metrics=(ORDERED,), as_of=at(1000 * DAY)
)


def shown(person: int, seconds: float, variant: str, experiment: str = "x") -> dict[str, Any]:
    return event(person, seconds, "Experiment Viewed", experiment=experiment, variant=variant)


def bought(person: int, seconds: float, cents: int, currency: str = "EUR") -> dict[str, Any]:
    return event(
        person, seconds, "purchase", value=cents / 100, value_minor=cents, currency=currency
    )


def test_units_without_the_event_count_as_zero_and_crossovers_not_at_all() -> None:
    events = [
        shown(1, 0, "a"),
        bought(1, 5, 4000),
        shown(2, 0, "a"),
        shown(3, 0, "b"),
        shown(4, 0, "a"),
        shown(4, 1, "b"),
        bought(4, 5, 9900),
    ]

    answer = ask(replace(ASKED, metrics=(REVENUE,)), events)

    assert answer.samples["revenue"] == {
        "a": Summary(n=2, mean=2000.0, m2=8_000_000.0),
        "b": Summary(n=1, mean=0.0, m2=0.0),
    }
    assert answer.units == {"a": 2, "b": 1}
    assert answer.crossovers == 1


def test_an_order_value_is_that_of_the_orders_whose_money_counts() -> None:
    events = [
        shown(1, 0, "a"),
        bought(1, 5, 4000),
        bought(1, 6, 9900, "USD"),
        event(1, 7, "purchase"),
        shown(2, 0, "a"),
        bought(2, 5, 2000),
    ]
    of_all = replace(PER_ORDER, key="of_all", denominator=counted("page_view"))

    answer = ask(replace(ASKED, metrics=(PER_ORDER, of_all), variants=("a",)), events)

    per_order = answer.samples["per_order"]["a"]
    assert isinstance(per_order, RatioSummary)
    assert (per_order.mean, per_order.den_mean, per_order.value) == (3000.0, 1.0, 3000.0)
    assert PER_ORDER.below == Counted(Events(("purchase",)), replace(EUROS, counts=True))
    assert of_all.below == of_all.denominator


def test_every_kind_makes_one_number_of_a_units_events() -> None:
    events = [
        shown(1, 0, "a"),
        bought(1, 1, 1000),
        bought(1, 2, 3000),
        shown(2, 0, "a"),
        bought(2, 1, 2000),
        shown(3, 0, "a"),
    ]
    question = replace(
        ASKED, variants=("a",), metrics=(ORDERED, ORDERS, REVENUE, AVERAGE, PER_ORDER)
    )

    samples = {metric: found["a"] for metric, found in ask(question, events).samples.items()}

    assert samples["ordered"] == ProportionSummary(n=3, successes=2)
    assert samples["orders"] == Summary(n=3, mean=1.0, m2=2.0)
    assert samples["revenue"] == Summary(n=3, mean=2000.0, m2=8_000_000.0)
    assert samples["average"].value == pytest.approx(40 / 3)
    assert samples["per_order"] == RatioSummary(
        n=3, mean=2000.0, m2=8_000_000.0, den_mean=1.0, den_m2=2.0, cross=4000.0
    )


def test_the_window_begins_with_the_first_exposure_and_includes_both_ends() -> None:
    question = replace(ASKED, metrics=(replace(ORDERS, window_s=10),))
    events = [
        bought(1, -1, 1),
        shown(1, 0, "a"),
        bought(1, 0, 1),
        shown(1, 5, "a"),
        bought(1, 10, 1),
        bought(1, 10.001, 1),
    ]

    assert ask(question, events).samples["orders"]["a"] == Summary(n=1, mean=2.0, m2=0.0)


def test_only_exposures_of_the_period_and_the_experiment_count() -> None:
    question = replace(ASKED, since=at(10), until=at(20))
    events = [
        shown(1, 9, "b"),
        shown(1, 10, "a"),
        shown(2, 20, "a"),
        shown(3, 19, "b"),
        shown(3, 20, "a"),
        shown(4, 15, "a", experiment="y"),
    ]

    answer = ask(question, events)

    assert (answer.units, answer.crossovers) == ({"a": 1, "b": 1}, 0)


def test_units_whose_window_is_not_over_wait_outside_the_metric() -> None:
    question = replace(ASKED, metrics=(replace(ORDERED, window_s=100), ORDERS), as_of=at(150))
    events = [shown(1, 0, "a"), shown(2, 50, "a"), shown(3, 100, "b"), bought(3, 101, 1)]

    answer = ask(question, events)

    assert answer.units == {"a": 2, "b": 1}
    assert answer.samples["ordered"] == {
        "a": ProportionSummary(n=1, successes=0),
        "b": ProportionSummary(n=0, successes=0),
    }
    assert answer.samples["orders"]["b"].n == 1
    assert answer.seen.immature == {"ordered": 2, "orders": 0}


def test_money_in_another_currency_is_left_out_and_never_added() -> None:
    events = [shown(1, 0, "a"), bought(1, 1, 500), bought(1, 2, 90000, currency="JPY")]

    answer = ask(replace(ASKED, metrics=(REVENUE,)), events)

    assert answer.samples["revenue"]["a"].value == 500.0


def test_a_site_may_count_only_what_a_secret_key_sent() -> None:
    trusted = replace(REVENUE, counted=counted("purchase", replace(EUROS, trusted=True)))
    events = [shown(1, 0, "a"), bought(1, 1, 500), bought(1, 2, 700) | {"trusted": True}]

    assert ask(replace(ASKED, metrics=(trusted,)), events).samples["revenue"]["a"].value == 700.0


def test_numbers_that_measure_nothing_are_left_out() -> None:
    rounds = Amount(AmountKind.PROPERTY, name="rounds")
    question = replace(
        ASKED, metrics=(Metric("rounds", MetricKind.SUM, counted("played", rounds)),)
    )
    strange = ["NaN", "inf", 1e300, "many", None, True, [1]]
    events = [shown(1, 0, "a"), event(1, 1, "played", properties={"rounds": "3"})]
    events += [
        event(1, 2 + n, "played", properties={"rounds": value}) for n, value in enumerate(strange)
    ]

    assert ask(question, events).samples["rounds"]["a"].value == 3.0


def test_variants_that_the_experiment_does_not_name_are_said() -> None:
    answer = ask(ASKED, [shown(1, 0, "a"), shown(2, 0, "c")])

    assert answer.seen.unplanned == {"c": 1}
    assert answer.units == {"a": 1, "b": 0}


def test_days_of_exposure_are_the_sites_days() -> None:
    question = replace(ASKED, time_zone="Europe/Berlin")
    events = [shown(1, 0, "a"), shown(2, 22 * 3600, "a"), shown(3, 23 * 3600, "a")]

    assert ask(question, events, buckets=2).daily == {
        (date(2026, 3, 1), "a"): 2,
        (date(2026, 3, 2), "a"): 1,
    }


def test_exposure_and_outcome_may_share_one_instant() -> None:
    assert ask(ASKED, [bought(1, 0, 1), shown(1, 0, "a")]).samples["ordered"]["a"].value == 1.0


def test_nobody_was_exposed() -> None:
    answer = ask(replace(ASKED, metrics=(ORDERED, REVENUE, PER_ORDER)), [bought(1, 0, 1)])

    assert answer.document()["units"] == {"a": 0, "b": 0}
    assert moments(answer.samples["revenue"]["a"]) == {"n": 0, "mean": None, "m2": 0.0}


def test_every_reason_is_given_at_once() -> None:
    with pytest.raises(BadQuestion) as refused:
        VariantSummaries(
            experiment="",
            variants=("a", "a"),
            metrics=(Metric("m", MetricKind.RATIO, counted("x")), replace(REVENUE, window_s=-1)),
            as_of=at(0),
            time_zone="Mars/Olympus",
        )

    assert refused.value.facts["reasons"] == (
        "it has no key",
        "two variants share a name",
        "metric m: a ratio needs a denominator",
        "metric revenue: its window is negative",
        "'Mars/Olympus' is not a time zone",
    )


rows = st.lists(
    st.one_of(
        st.builds(shown, st.integers(0, 6), st.integers(0, 30), st.sampled_from("abc")),
        st.builds(bought, st.integers(0, 6), st.integers(0, 40), st.integers(1, 99)),
    ),
    max_size=40,
)

EVERYTHING = replace(
    ASKED,
    metrics=(
        replace(ORDERED, window_s=12),
        ORDERS,
        replace(REVENUE, window_s=20),
        AVERAGE,
        PER_ORDER,
    ),
    since=at(3),
    until=at(25),
    as_of=at(35),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows, buckets=st.integers(2, 4))
def test_any_partition_of_the_people_gives_the_same_answer(
    events: Sequence[dict[str, Any]], buckets: int
) -> None:
    whole, split = asked(EVERYTHING, events), asked(EVERYTHING, events, buckets=buckets)

    assert split.units == whole.units
    assert split.daily == whole.daily
    assert split.immature == whole.immature
    assert split.unplanned == whole.unplanned
    assert split.crossovers == whole.crossovers
    for metric, samples in whole.samples.items():
        for variant, sample in samples.items():
            pooled = astuple(split.samples[metric][variant])
            assert pooled == pytest.approx(astuple(sample), rel=1e-9, abs=1e-6)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows)
def test_random_events_agree_with_plain_python(events: Sequence[dict[str, Any]]) -> None:
    answer = ask(EVERYTHING, events)

    first: dict[int, Any] = {}
    seen: dict[int, set[str]] = {}
    for row in sorted(events, key=lambda row: row["occurred_at"]):
        if row["event"] == "Experiment Viewed" and at(3) <= row["occurred_at"] < at(25):
            first.setdefault(row["person"], row["occurred_at"])
            seen.setdefault(row["person"], set()).add(row["variant"])
    for variant in "ab":
        units = [unit for unit in seen if seen[unit] == {variant}]
        assert answer.units[variant] == len(units)
        final = [unit for unit in units if (first[unit] - at(15)).total_seconds() < 0]
        cents = [
            sum(
                row["value_minor"]
                for row in events
                if row["event"] == "purchase"
                and row["person"] == unit
                and 0 <= (row["occurred_at"] - first[unit]).total_seconds() <= 20
            )
            for unit in final
        ]
        revenue = answer.samples["revenue"][variant]
        assert revenue.n == len(final)
        if final:
            assert revenue.value == pytest.approx(fmean(cents))
            m2 = sum((number - fmean(cents)) ** 2 for number in cents)
            assert moments(revenue)["m2"] == pytest.approx(m2, abs=1e-6)
    crossed = sum(len(variants) > 1 for variants in seen.values())
    assert answer.crossovers == crossed
