"""Segments, days, covariates, caps and units of an experiment, by hand and in plain Python."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, asked, at, event
from truelift.questions import distribution, variant_summaries
from truelift.questions.distribution import Distribution, TooManyValues
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.metric import Amount, AmountKind, Counted, Metric, MetricKind
from truelift.questions.moments import moments
from truelift.questions.variant_cells import Vectors
from truelift.questions.variant_summaries import (
    Cap,
    Unit,
    VariantSummaries,
    VariantSummariesAnswer,
)
from truelift.stats.summary import (
    CovariateRatioSummary,
    CovariateSummary,
    ImpossibleSummary,
    ProportionSummary,
    RatioSummary,
    Summary,
)


DAY = 86_400
EUROS = Amount(AmountKind.MONEY, currency="EUR")
BUYING = Counted(Events(("purchase",)))
SPENDING = Counted(Events(("purchase",)), EUROS)
ORDERED = Metric("ordered", MetricKind.PROPORTION, BUYING)
ORDERS = Metric("orders", MetricKind.COUNT, BUYING)
REVENUE = Metric("revenue", MetricKind.SUM, SPENDING)
AVERAGE = Metric("average", MetricKind.MEAN, SPENDING)
PER_ORDER = Metric("per_order", MetricKind.RATIO, SPENDING, denominator=BUYING)
ASKED = VariantSummaries(
    experiment="x",
    variants=("a", "b"),
    metrics=(REVENUE,),
    as_of=at(1000 * DAY),
    covariate_s=14 * DAY,
)


def shown(person: int, seconds: float, variant: str, **columns: Any) -> dict[str, Any]:
    return event(person, seconds, "Experiment Viewed", experiment="x", variant=variant, **columns)


def bought(person: int, seconds: float, cents: int, **columns: Any) -> dict[str, Any]:
    return event(
        person, seconds, "purchase", value=cents / 100, value_minor=cents, currency="EUR", **columns
    )


def written(answer: VariantSummariesAnswer) -> Any:
    return answer.document()


def cells(answer: VariantSummariesAnswer, dimension: str) -> dict[tuple[str | None, str], Any]:
    return {(cell.value, cell.variant): cell for cell in answer.cells(dimension)}


def test_a_units_past_is_its_covariate_and_who_has_none_has_zero() -> None:
    question = replace(ASKED, variants=("a",), covariate_s=100)
    events = [
        bought(1, -101, 9999),
        bought(1, -100, 100),
        bought(1, -1, 200),
        shown(1, 0, "a"),
        bought(1, 0, 1000),
        shown(2, 0, "a"),
        bought(2, 5, 400),
    ]

    answer = ask(question, events)

    assert answer.covariates["revenue"]["a"] == CovariateSummary(
        n=2, mean=700.0, m2=180_000.0, pre_mean=150.0, pre_m2=45_000.0, pre_cross=90_000.0
    )
    assert written(answer)["rows"] == [
        {
            "metric": "revenue",
            "variant": "a",
            "n": 2,
            "mean": 700.0,
            "m2": 180_000.0,
            "pre_mean": 150.0,
            "pre_m2": 45_000.0,
            "pre_cross": 90_000.0,
            "pre_units": 1,
        }
    ]


def test_a_ratios_covariate_is_both_of_its_parts() -> None:
    events = [
        bought(1, -2, 100),
        bought(1, -1, 300),
        shown(1, 0, "a"),
        bought(1, 1, 1000),
        shown(2, 0, "a"),
    ]

    (row,) = written(ask(replace(ASKED, variants=("a",), metrics=(PER_ORDER,)), events))["rows"]

    # Per unit: 1000 of 1 order after 400 of 2; 0 of 0 after 0 of 0.
    assert row == {
        "metric": "per_order",
        "variant": "a",
        "n": 2,
        "mean": 500.0,
        "m2": 500_000.0,
        "den_mean": 0.5,
        "den_m2": 0.5,
        "cross": 500.0,
        "pre_mean": 200.0,
        "pre_m2": 80_000.0,
        "pre_cross": 200_000.0,
        "pre_den_mean": 1.0,
        "pre_den_m2": 2.0,
        "pre_den_cross": 1000.0,
        "den_pre_cross": 200.0,
        "den_pre_den_cross": 1.0,
        "pre_pre_den_cross": 400.0,
        "pre_units": 1,
    }


def test_summaries_with_a_covariate_pool_as_their_units_do() -> None:
    question = replace(ASKED, variants=("a",), metrics=(REVENUE, PER_ORDER))
    one = [bought(1, -1, 300), shown(1, 0, "a"), bought(1, 1, 1000), shown(2, 0, "a")]
    other = [bought(3, -1, 70), shown(3, 0, "a"), shown(4, 0, "a"), bought(4, 1, 20)]

    left, right, both = (ask(question, events) for events in (one, other, one + other))

    for metric in ("revenue", "per_order"):
        mine, theirs = left.covariates[metric]["a"], right.covariates[metric]["a"]
        whole = both.covariates[metric]["a"]
        if isinstance(mine, CovariateSummary) and isinstance(theirs, CovariateSummary):
            assert astuple(mine + theirs) == pytest.approx(astuple(whole))
        elif isinstance(mine, CovariateRatioSummary) and isinstance(theirs, CovariateRatioSummary):
            pooled = mine + theirs
            assert isinstance(whole, CovariateRatioSummary)
            assert pooled.means == pytest.approx(whole.means)
            for row, wanted in zip(pooled.products, whole.products, strict=True):
                assert row == pytest.approx(wanted)


def test_no_sample_has_products_that_its_spreads_do_not_allow() -> None:
    with pytest.raises(ImpossibleSummary, match="larger than both spreads"):
        CovariateSummary(n=2, mean=0.0, m2=1.0, pre_mean=0.0, pre_m2=1.0, pre_cross=2.0)
    with pytest.raises(ImpossibleSummary, match="not of four numbers"):
        CovariateRatioSummary(n=2, means=(0.0, 0.0, 0.0, 0.0), products=((1.0,),))


def test_without_a_covariate_nothing_is_read_or_said_of_the_past() -> None:
    question = replace(ASKED, covariate_s=0, since=at(0))

    answer = ask(question, [bought(1, -1, 5), shown(1, 0, "a")])

    assert question.scan().since == at(0)
    assert replace(question, covariate_s=60).scan().since == at(-60)
    assert answer.covariates == {}
    assert "pre_mean" not in written(answer)["rows"][0]


def test_a_unit_has_the_value_of_its_first_exposure() -> None:
    events = [
        shown(1, 0, "a", device="phone"),
        shown(1, 9, "a", device="desktop"),
        bought(1, 10, 500, device="desktop"),
        shown(2, 0, "a", device="desktop"),
        shown(3, 0, "b"),
        bought(3, 1, 700),
    ]

    answer = ask(replace(ASKED, by=("device",)), events)
    found = cells(answer, "device")

    assert {key: cell.units for key, cell in found.items() if cell.units} == {
        ("phone", "a"): 1,
        ("desktop", "a"): 1,
        (None, "b"): 1,
    }
    assert found["phone", "a"].sample == Summary(n=1, mean=500.0, m2=0.0)
    assert found[None, "b"].sample == Summary(n=1, mean=700.0, m2=0.0)


def test_properties_are_dimensions_too() -> None:
    events = [
        shown(1, 0, "a", properties={"plan": "pro"}),
        shown(2, 0, "a", properties={"plan": "free"}),
    ]

    found = cells(ask(replace(ASKED, by=("plan",)), events), "plan")

    assert found["pro", "a"].units == found["free", "a"].units == 1


def test_returning_is_who_was_seen_on_an_earlier_day_of_the_site() -> None:
    question = replace(ASKED, by=("visitor",), time_zone="Europe/Berlin", since=at(23.5 * 3600))
    events = [
        # In Berlin the day begins at 23:00 UTC.
        event(1, 22.9 * 3600, "view"),
        shown(1, 24 * 3600, "a"),
        event(2, 23 * 3600, "view"),
        shown(2, 24 * 3600, "a"),
        shown(3, 24 * 3600, "b"),
    ]

    found = cells(ask(question, events, buckets=2), "visitor")

    assert {key: cell.units for key, cell in found.items() if cell.units} == {
        ("returning", "a"): 1,
        ("new", "a"): 1,
        ("new", "b"): 1,
    }


def test_moments_by_day_are_of_the_day_of_first_exposure() -> None:
    question = replace(ASKED, by_day=True, time_zone="Europe/Berlin")
    events = [
        shown(1, 22 * 3600, "a"),
        bought(1, 30 * 3600, 300),
        shown(2, 23 * 3600, "a"),
        bought(2, 30 * 3600, 500),
    ]

    answer = ask(question, events, buckets=2)

    assert [
        (cell.value, cell.variant, cell.units, cell.sample) for cell in answer.by_day if cell.units
    ] == [
        ("2026-03-01", "a", 1, Summary(n=1, mean=300.0, m2=0.0)),
        ("2026-03-02", "a", 1, Summary(n=1, mean=500.0, m2=0.0)),
    ]


def test_smaller_values_are_put_together_and_nobody_is_lost() -> None:
    events = [
        shown(person, 0, "a", source=source)
        for person, source in enumerate(["google"] * 3 + ["bing"] * 2 + ["x", "y"])
    ]

    found = ask(replace(ASKED, by=("source",), max_rows=2), events, buckets=3).cells("source")

    assert [(c.value, c.others, c.units) for c in found if c.variant == "a"] == [
        ("google", 0, 3),
        ("bing", 0, 2),
        (None, 2, 2),
    ]


def test_a_million_values_are_kept_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variant_summaries, "KEPT", 5)
    events = [shown(person, 0, "a", source=f"s{person}") for person in range(40)]
    events += [shown(100 + person, 0, "a", source="google") for person in range(8)]
    question = replace(ASKED, by=("source",), max_rows=1)

    partial = asked(question, events, buckets=4)
    found = [c for c in question.answer(partial).cells("source") if c.variant == "a"]

    # Five values, the rest of them, and that there is none.
    assert len(partial.groups[0].titles) <= 7
    assert [(c.value, c.others, c.units) for c in found] == [("google", 0, 8), (None, 40, 40)]


def test_a_cap_holds_for_the_unit_and_for_its_past() -> None:
    question = replace(
        ASKED, variants=("a",), metrics=(REVENUE, PER_ORDER), caps=(Cap("revenue", 500.0),)
    )
    events = [bought(1, -1, 800), shown(1, 0, "a"), bought(1, 1, 400), bought(1, 2, 400)]

    answer = ask(question, events)

    assert answer.samples["revenue"]["a"] == Summary(n=1, mean=500.0, m2=0.0)
    assert moments(answer.samples["per_order"]["a"])["mean"] == 800.0
    assert written(answer)["rows"][0]["pre_mean"] == 500.0


def test_percentiles_are_exact_and_of_all_variants_together() -> None:
    question = replace(ASKED, distributions=("revenue",))
    events = [shown(person, 0, "ab"[person % 2]) for person in range(100)]
    events += [bought(person, 1, 10 * person) for person in range(51, 100)]

    (found,) = written(ask(question, events, buckets=4))["distributions"]

    assert (found["units"], found["distinct"], found["largest"]) == (100, 50, 990.0)
    assert found["percentiles"]["0.5"] == 0.0
    assert found["percentiles"]["0.99"] == 980.0
    assert found["percentiles_above_zero"]["0.5"] == 750.0


def test_too_many_values_have_no_percentiles_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distribution, "MOST_VALUES", 3)
    few, many = Distribution.of(np.array([1.0, 2.0])), Distribution.of(np.array([3.0, 4.0]))

    assert (few + few).percentile("1") == 2.0
    with pytest.raises(TooManyValues, match="give the cap as a number"):
        (few + many).percentile("0.5")
    assert (few + many + few).document()["percentiles"] is None


def test_a_login_keeps_the_variant_and_a_merge_shows_what_it_mixed() -> None:
    events = [
        # A visitor logs in: the same person, shown the same again.
        shown(1, 0, "a", visitor_id="v1"),
        shown(1, 5, "a", visitor_id="v1", user_id="u1"),
        # Two devices that saw different variants turned out to be one person.
        shown(2, 0, "a", visitor_id="v2"),
        shown(2, 5, "b", visitor_id="v3"),
        # A device whose variant changed.
        shown(3, 0, "a", visitor_id="v4"),
        shown(3, 5, "b", visitor_id="v4"),
    ]

    answer = ask(ASKED, events)

    assert answer.units == {"a": 1, "b": 0}
    assert (answer.crossovers, answer.seen.by_merge) == (2, 1)
    assert written(answer)["crossovers_by_merge"] == 1


def test_where_visitors_are_the_units_each_device_keeps_its_own_variant() -> None:
    events = [
        shown(2, 0, "a", visitor_id="v2"),
        shown(2, 5, "b", visitor_id="v3"),
        bought(2, 6, 100, visitor_id="v3"),
        bought(2, 7, 1000, visitor_id="v2"),
        # A server that knows the user alone; it counts for the device that was exposed first.
        bought(2, 8, 10_000, visitor_id=None, user_id="u"),
        bought(2, 9, 7, visitor_id="never exposed"),
        shown(4, 0, "a", visitor_id=None, user_id="server side"),
    ]

    answer = ask(replace(ASKED, unit=Unit.VISITOR), events)

    assert answer.units == {"a": 1, "b": 1}
    assert answer.crossovers == 0
    assert answer.samples["revenue"]["a"].value == 11_000.0
    assert answer.samples["revenue"]["b"].value == 100.0
    assert written(answer)["unnamed"] == 1


def test_where_users_are_the_units_only_exposures_that_name_one_count() -> None:
    events = [
        shown(1, 0, "a", visitor_id="v"),
        shown(1, 5, "b", visitor_id="v", user_id="u"),
        bought(1, 1, 50, visitor_id="v"),
        bought(1, 6, 100, visitor_id="v"),
        shown(2, 0, "a", visitor_id="w"),
    ]

    answer = ask(replace(ASKED, unit=Unit.USER), events)

    assert answer.units == {"a": 0, "b": 1}
    assert (answer.crossovers, answer.seen.unnamed) == (0, 1)
    assert answer.covariates["revenue"]["b"] == CovariateSummary(
        n=1, mean=100.0, m2=0.0, pre_mean=50.0, pre_m2=0.0, pre_cross=0.0
    )


def test_an_event_that_is_in_several_sets_counts_in_each() -> None:
    visits = Metric("visits", MetricKind.COUNT, Counted(Events(("purchase", "view"))))
    many = tuple(
        Metric(f"m{nth}", MetricKind.COUNT, Counted(Events(("purchase", f"other{nth}"))))
        for nth in range(70)
    )
    events = [shown(1, 0, "a"), bought(1, 1, 100), event(1, 2, "view")]

    answer = ask(replace(ASKED, metrics=(ORDERS, visits, *many)), events)

    assert answer.samples["visits"]["a"].value == 2.0
    assert {answer.samples[each.key]["a"].value for each in (ORDERS, *many)} == {1.0}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"by": ("device", "device")}, "a dimension twice"),
        ({"caps": (Cap("nothing", 1.0),)}, "of no metric"),
        ({"caps": (Cap("revenue", 0.0),)}, "not above 0"),
        ({"caps": (Cap("revenue", 1.0, below=1.0),)}, "a denominator that there is not"),
        ({"caps": (Cap("revenue", 1.0), Cap("revenue", 2.0))}, "two caps"),
        ({"metrics": (ORDERED,), "caps": (Cap("ordered", 1.0),)}, "would change nothing"),
        ({"covariate_s": -1}, "window is negative"),
        ({"distributions": ("x",)}, "which is no metric"),
        ({"max_rows": 0}, "at least one value"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_its_reason(
    change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BadQuestion, match=reason):
        replace(ASKED, **change)


def test_moments_keep_their_digits_far_from_zero() -> None:
    generator = np.random.default_rng(7)
    far = 1e9 + generator.normal(size=4000)
    with_it = 3e8 + far * 0.5 + generator.normal(size=4000)
    cell = generator.integers(0, 3, size=4000)

    found = Vectors.of(cell, 3, [far, with_it])
    split = Vectors.of(cell[:1000], 3, [far[:1000], with_it[:1000]]) + Vectors.of(
        cell[1000:], 3, [far[1000:], with_it[1000:]]
    )
    whole = found.pooled(np.zeros(3, np.int64), 1)

    for made, chosen in [(found, cell == 1), (split, cell == 1), (whole, cell >= 0)]:
        place = 1 if len(made.n) == 3 else 0
        exactly = [[Fraction(x) for x in column[chosen]] for column in (far, with_it)]
        means = [sum(column) / len(column) for column in exactly]
        for one in range(2):
            for other in range(2):
                wanted = sum(
                    (a - means[one]) * (b - means[other])
                    for a, b in zip(exactly[one], exactly[other], strict=True)
                )
                assert made.about[place, one, other] == pytest.approx(float(wanted), rel=1e-7)


EVERYTHING = replace(
    ASKED,
    metrics=(
        replace(ORDERED, window_s=12),
        replace(ORDERS, window_s=12),
        replace(REVENUE, window_s=20),
        AVERAGE,
        replace(PER_ORDER, window_s=20),
    ),
    since=at(3),
    until=at(25),
    as_of=at(35),
    covariate_s=9,
    by=("visitor", "device", "plan"),
    by_day=True,
    distributions=("revenue",),
)
DEVICES = st.sampled_from([None, "phone", "desktop"])
ROWS = st.lists(
    st.one_of(
        st.builds(
            shown,
            st.integers(0, 6),
            st.integers(0, 30),
            st.sampled_from("abc"),
            device=DEVICES,
            properties=st.fixed_dictionaries({}, optional={"plan": st.sampled_from("pf")}),
        ),
        st.builds(bought, st.integers(0, 6), st.integers(-10, 40), st.integers(1, 99)),
        st.builds(event, st.integers(0, 6), st.sampled_from([-2 * DAY, -1.0]), st.just("view")),
    ),
    max_size=50,
)


def numbers_of(document: Any) -> list[Any]:
    """Flatten what is compared approximately, cell by cell in a fixed order."""
    rows = [*document["rows"], *document["cells"], *document["days"]]
    return sorted(rows, key=lambda row: json.dumps([row.get("by"), row["metric"], row["variant"]]))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=ROWS, buckets=st.integers(2, 4), unit=st.sampled_from(Unit))
def test_any_partition_of_the_people_gives_the_same_cells(
    events: Sequence[dict[str, Any]], buckets: int, unit: Unit
) -> None:
    question = replace(EVERYTHING, unit=unit)

    whole = written(ask(question, events))
    split = written(ask(question, events, buckets=buckets))

    for one, other in zip(numbers_of(whole), numbers_of(split), strict=True):
        assert one.keys() == other.keys()
        for key in one:
            if isinstance(one[key], float):
                assert other[key] == pytest.approx(one[key], rel=1e-9, abs=1e-6)
            else:
                assert other[key] == one[key]
    for key in ("units", "crossovers", "unplanned", "immature", "daily", "distributions"):
        assert split[key] == whole[key]


def total_of(sample: Summary | ProportionSummary | RatioSummary) -> float:
    if isinstance(sample, ProportionSummary):
        return sample.successes
    return sample.mean * sample.n


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=ROWS)
def test_every_dimensions_cells_and_the_days_add_up_to_the_total(
    events: Sequence[dict[str, Any]],
) -> None:
    answer = ask(replace(EVERYTHING, max_rows=1), events)

    parts = {"day": answer.by_day} | {by: answer.cells(by) for by in EVERYTHING.by}
    for found in parts.values():
        for metric in EVERYTHING.metrics:
            for variant in EVERYTHING.variants:
                mine = [c for c in found if (c.metric, c.variant) == (metric.key, variant)]
                total = answer.samples[metric.key][variant]
                assert sum(cell.units for cell in mine) == answer.units[variant]
                assert sum(cell.sample.n for cell in mine) == total.n
                added = sum(total_of(cell.sample) for cell in mine)
                assert added == pytest.approx(total_of(total), abs=1e-6)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=ROWS)
def test_random_cells_agree_with_plain_python(events: Sequence[dict[str, Any]]) -> None:
    found = cells_of_revenue(ask(EVERYTHING, events))

    assert found == pytest.approx(plain(events), rel=1e-9, abs=1e-6)


def cells_of_revenue(answer: VariantSummariesAnswer) -> dict[tuple[Any, ...], float]:
    found: dict[tuple[Any, ...], float] = {}
    for cell in (*answer.by_day, *(c for by in EVERYTHING.by for c in answer.cells(by))):
        covaried = cell.covariate
        if cell.metric != "revenue" or not cell.sample.n:
            continue
        assert isinstance(covaried, CovariateSummary)
        key = (cell.dimension, cell.value, cell.variant)
        found[*key, "n"] = covaried.n
        found[*key, "mean"] = covaried.mean
        found[*key, "m2"] = covaried.m2
        found[*key, "pre_mean"] = covaried.pre_mean
        found[*key, "pre_m2"] = covaried.pre_m2
        found[*key, "pre_cross"] = covaried.pre_cross
    return found


def plain(events: Sequence[dict[str, Any]]) -> dict[tuple[Any, ...], float]:
    """Do the same person by person, with fractions."""
    groups: dict[tuple[Any, ...], list[tuple[int, int]]] = {}
    for person in {row["person"] for row in events}:
        rows = sorted(
            (row for row in events if row["person"] == person), key=lambda row: row["occurred_at"]
        )
        exposures = [r for r in rows if r.get("variant") and at(3) <= r["occurred_at"] < at(25)]
        if not exposures or len({row["variant"] for row in exposures}) > 1:
            continue
        first, variant = exposures[0]["occurred_at"], exposures[0]["variant"]
        if variant not in "ab" or first + timedelta(seconds=20) >= at(35):
            continue
        # Of simultaneous exposures the lowest value counts, and none comes last.
        lowest = min(
            (
                (row["device"] is None, row["device"] or ""),
                (
                    "plan" not in json.loads(row["properties"]),
                    json.loads(row["properties"]).get("plan", ""),
                ),
            )
            for row in exposures
            if row["occurred_at"] == first
        )
        spent = [
            (row["occurred_at"] - first, row["value_minor"])
            for row in rows
            if row["event"] == "purchase"
        ]
        after = sum(c for d, c in spent if timedelta() <= d <= timedelta(seconds=20))
        past = sum(c for d, c in spent if timedelta(seconds=-9) <= d < timedelta())
        is_old = rows[0]["occurred_at"].date() < first.date()
        for key in (
            ("day", first.date().isoformat()),
            ("visitor", "returning" if is_old else "new"),
            ("device", lowest[0][1] or None),
            ("plan", lowest[1][1] or None),
        ):
            groups.setdefault((*key, variant), []).append((after, past))
    found: dict[tuple[Any, ...], float] = {}
    for key, pairs in groups.items():
        n = len(pairs)
        mean, pre_mean = (Fraction(sum(column), n) for column in zip(*pairs, strict=True))
        found[*key, "n"] = n
        found[*key, "mean"] = float(mean)
        found[*key, "m2"] = float(sum((y - mean) ** 2 for y, _ in pairs))
        found[*key, "pre_mean"] = float(pre_mean)
        found[*key, "pre_m2"] = float(sum((x - pre_mean) ** 2 for _, x in pairs))
        found[*key, "pre_cross"] = float(sum((y - mean) * (x - pre_mean) for y, x in pairs))
    return found
