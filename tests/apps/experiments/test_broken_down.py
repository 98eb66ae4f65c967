"""A result over time, by segment and without its adjustment."""

from __future__ import annotations

from typing import Any

import pytest

from truelift.apps.drawing.knowledge import Knowledge
from truelift.apps.experiments.broken_down import (
    adjusted_of,
    causes_of,
    courses_of,
    segments_of,
    stopped_of,
)
from truelift.apps.experiments.result import LIFT, effect_row


HOME = "/s/shop/"
VARIANTS = [{"variant": "a", "role": "control"}, {"variant": "b", "role": "treatment"}]
PRIMARY: dict[str, Any] = {
    "metric": "orders",
    "direction": "increase",
    "effects": [{"variant": "b", "relative": {"value": 0.05, "low": 0.01, "high": 0.09}}],
}


def cell(value: str, low: float, high: float) -> dict[str, Any]:
    numbers = {"value": (low + high) / 2, "low": low, "high": high}
    return {"value": value, "units": 1200, "relative": numbers, "relative_drawn": 0.05}


def reading(*cells: dict[str, Any], differs: bool, standing: str, **more: Any) -> dict[str, Any]:
    return {
        "dimension": "device",
        "metric": "orders",
        "variant": "b",
        "standing": standing,
        "p": 0.004 if differs else 0.4,
        "differs": differs,
        "effects": list(cells),
        **more,
    }


def tables(*readings: dict[str, Any]) -> Any:
    document = {"alpha": 0.05, "variants": VARIANTS, "segments": list(readings)}
    return segments_of(document, primary=PRIMARY, names={"b": "Early"}, home=HOME)


def test_segments_have_colour_only_where_they_differ_at_all() -> None:
    cells = (cell("phone", 0.02, 0.2), cell("desktop", -0.1, 0.1))

    (alike,) = tables(reading(*cells, differs=False, standing="exploratory"))
    (apart,) = tables(reading(*cells, differs=True, standing="confirmatory"))

    assert [row.knowledge for row in alike.forest.effects] == [
        Knowledge.NO_DIFFERENCE,
        Knowledge.INCONCLUSIVE,
    ]
    assert apart.forest.effects[0].knowledge is Knowledge.BETTER
    assert alike.sentence.startswith("No difference between them was found (p = 0.4)")


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        ("confirmatory", "The effect differs between them (p = 0.004), as was to be tested."),
        ("exploratory", "The effect may differ between them (p = 0.004); nobody asked"),
    ],
)
def test_a_difference_is_a_finding_only_where_it_was_asked_for(standing: str, words: str) -> None:
    cells = (cell("phone", 0.02, 0.2), cell("desktop", -0.1, 0.1))

    (table,) = tables(reading(*cells, differs=True, standing=standing))

    assert table.sentence.startswith(words)


def test_dimensions_that_were_named_beforehand_come_first() -> None:
    cells = (cell("x", 0.02, 0.2), cell("y", -0.1, 0.1))
    other = reading(*cells, differs=False, standing="exploratory", dimension="plan")
    named = reading(*cells, differs=False, standing="confirmatory")

    found = tables(other, named)

    assert [(each.title, each.confirmatory) for each in found] == [
        ("Device", True),
        ("Plan", False),
    ]
    assert found[0].forest.reference == 0.05


def test_a_segment_without_an_effect_says_why() -> None:
    nobody = {
        "value": "tv",
        "units": 3,
        "relative": None,
        "absent": "A variant has fewer than two units.",
        "relative_drawn": None,
    }

    (table,) = tables(reading(cell("phone", 0.02, 0.2), nobody, differs=False, standing="x"))

    assert table.forest.effects[1].sentence(table.forest.measure) == (
        "tv: A variant has fewer than two units."
    )


def day(nth: int, value: float | None, reach: float | None = 0.1) -> dict[str, Any]:
    ends = None if value is None or reach is None else (value - reach, value + reach)
    return {
        "day": f"2026-05-{nth:02d}",
        "units": 100 * nth,
        "value": value,
        "low": ends and ends[0],
        "high": ends and ends[1],
    }


def test_the_course_is_drawn_over_the_days_that_have_an_interval() -> None:
    told = {"variant": "b", "days": [day(1, None), day(2, 0.3, None), day(3, 0.1), day(4, 0.2)]}
    document = {"alpha": 0.05, "method": "sequential", "over_time": [told]}

    (course,) = courses_of(document, metric="Orders", names={"b": "Early"}, home=HOME)

    assert course.headline == "The lift in orders stands at +20.0%, between +10.0% and +30.0%"
    assert [each.day for each in course.series.days] == [3, 4]  # type: ignore[union-attr]
    assert "holds at every day at once" in course.caption
    assert course.how == "/s/shop/methods/sequential/"


def test_one_day_is_no_course() -> None:
    told = {"variant": "b", "days": [day(1, 0.1)]}

    assert courses_of({"alpha": 0.05, "over_time": [told]}, metric="M", names={}, home=HOME) == ()


def adjusted_document(saved: float, **more: Any) -> dict[str, Any]:
    effect = {
        "variant": "b",
        "absolute": {"value": 0.01, "low": 0.005, "high": 0.015},
        "counted": {"value": 0.011, "low": 0.001, "high": 0.021},
        "variance_saved": saved,
        **more,
    }
    summaries = [{"variant": "a", "mean": 0.1}, {"variant": "b", "mean": 0.111}]
    metric = {"metric": "orders", "effects": [effect], "summaries": summaries}
    return {"variants": VARIANTS, "metrics": [metric]}


def test_raw_and_adjusted_stand_side_by_side_with_what_was_saved() -> None:
    found = adjusted_of(adjusted_document(0.44), titles={"orders": "Orders"}, names={}, home=HOME)

    assert found is not None
    assert found.headline == "What visitors did before explains 44% of the noise in orders"
    assert [row.label for row in found.forest.effects] == ["As counted", "Adjusted"]
    counted, adjusted = (row.interval for row in found.forest.effects)
    assert counted is not None
    assert adjusted is not None
    assert (counted.value, adjusted.value) == pytest.approx((0.11, 0.1))
    assert found.forest.effects[1].detail == "44% of the variance saved"


def test_what_is_withheld_is_withheld_adjusted_too() -> None:
    hidden = adjusted_document(0.44, withheld="not before the planned end")

    assert adjusted_of(hidden, titles={}, names={}, home=HOME) is None


def test_the_causes_of_a_broken_split_are_told_with_what_is_missing() -> None:
    told = {
        "dimension": "device",
        "cells": [
            {"cell": "tv", "observed": [0, 0], "excess": [0.0, 0.0], "p": None, "carries": False},
            {
                "cell": "phone",
                "observed": [1200, 900],
                "excess": [150.0, -150.0],
                "p": 1e-10,
                "carries": True,
            },
        ],
    }

    (row,) = causes_of({"split_causes": [told]})

    assert row.segment == "Device: phone"
    assert row.pairs == (("1,200", "+150"), ("900", "−150"))
    assert row.p == "p < 0.001"
    assert row.carries


def test_an_interval_that_would_lose_more_than_everything_says_so() -> None:
    (table,) = tables(
        reading(cell("phone", -1.4, 0.9), cell("desktop", -0.1, 0.1), differs=False, standing="x")
    )

    phone, desktop = table.forest.effects
    assert phone.interval.low == -1.0
    assert phone.said == "phone: −25.0%, at worst everything is lost, at best +90.0%."
    assert desktop.said == "desktop: 0.0%, between −10.0% and +10.0%."


def test_a_day_on_which_a_metric_was_defined_anew_is_marked_in_the_course() -> None:
    days = [
        {"day": f"2026-05-0{nth}", "units": 500, "value": 0.1, "low": 0.0, "high": 0.2}
        for nth in range(1, 8)
    ]
    change = {"at": "2026-05-03T22:30:00Z", "from_version": 1, "to_version": 2}
    document = {
        "alpha": 0.05,
        "over_time": [{"variant": "b", "days": days}],
        "metric_breaks": {"order_rate": [change]},
    }

    (course,) = courses_of(
        document, metric="Orders", names={"b": "Early"}, home=HOME, time_zone="Europe/Berlin"
    )

    (note,) = course.series.notes
    assert (str(note.at), note.words) == ("2026-05-04", "Order rate v2")


def test_what_is_stated_after_the_last_look_stands_beside_what_was_counted() -> None:
    stated = {"value": 0.08, "low": 0.01, "high": 0.14}
    naive = {"value": 0.1, "low": 0.02, "high": 0.18}
    effect = {"variant": "b", "relative": stated, "naive": {"relative": naive}}

    shown = stopped_of(
        {**PRIMARY, "effects": [effect]}, metric="Orders", names={"b": "Early"}, home=HOME
    )
    nothing = stopped_of(PRIMARY, metric="Orders", names={"b": "Early"}, home=HOME)

    assert shown is not None
    assert shown.headline == "Adjusted for its looks, the lift in orders is +8.0% instead of +10.0%"
    assert [row.label for row in shown.forest.effects] == ["As counted", "Stated"]
    assert nothing is None


def test_an_effect_that_is_not_there_is_said_in_one_sentence() -> None:
    metric = {"metric": "order_rate", "role": "primary"}
    absent = "order_rate: no unit of one of the variants has been counted."

    row = effect_row(metric, {"outcome": "inconclusive", "absent": absent}, None)

    assert row.sentence(LIFT) == ("order_rate: no unit of one of the variants has been counted.")
