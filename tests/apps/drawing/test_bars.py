from __future__ import annotations

import pytest
from django.template import Context, Template

from truelift.apps.drawing.bars import Bar, Bars, Funnel, Step
from truelift.apps.drawing.forest import Interval
from truelift.apps.drawing.wording import Kind, Measure


WAY = Funnel(
    (
        Step("View a product", 282_900),
        Step("Choose delivery", 28_574, before=0.1093, change="−4.6 pt", worse=True, focus=True),
        Step("Order", 23_222),
    )
)


def page_of(tag: str, chart: object) -> str:
    return Template(f"{{% load drawing %}}{{% {tag} chart %}}").render(Context({"chart": chart}))


def test_a_funnel_says_who_came_and_who_arrived() -> None:
    assert WAY.sentence == (
        "282,900 people reached “View a product”, 23,222 reached “Order”: 8.21%."
    )


def test_bars_are_shares_of_the_first_step_and_rates_of_the_step_before() -> None:
    _, delivery, order = WAY.rows

    assert (delivery.stood, delivery.reached) == ("100.00%", "10.10%")
    assert (order.stood, order.reached) == ("10.10%", "8.21%")
    assert (delivery.rate, order.rate) == ("10.1%", "81.3%")
    assert delivery.tick == "10.93%"


def test_a_step_that_nobody_stood_before_has_no_rate() -> None:
    funnel = Funnel((Step("a", 10), Step("b", 0), Step("c", 0)))

    assert [row.rate for row in funnel.rows] == ["", "0%", ""]


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ((), "This funnel has no steps."),
        ((Step("View", 0), Step("Order", 0)), "No people have reached “View” yet."),
    ],
)
def test_an_empty_funnel_says_so(steps: tuple[Step, ...], sentence: str) -> None:
    funnel = Funnel(steps)

    assert funnel.sentence == sentence
    assert "<table" in page_of("funnel", funnel)


def test_only_the_step_the_page_is_about_is_coloured() -> None:
    page = page_of("funnel", WAY)

    assert page.count("f-worse") == 1
    assert page.count("focus-row") == 1
    assert WAY.description.replace("“", "“") in page


def test_the_label_of_a_funnel_gives_every_step() -> None:
    for row in WAY.rows:
        assert f"{row.step.label}: {row.narrow}" in WAY.description


def test_sessions_are_called_sessions() -> None:
    funnel = Funnel(WAY.steps, unit="sessions")

    assert "282,900 sessions" in funnel.sentence
    assert "Sessions who reach it" not in page_of("funnel", WAY)


def test_bars_begin_at_zero_and_carry_their_interval() -> None:
    bars = Bars(
        (
            Bar("Opened", 0.40, Interval(0.40, 0.36, 0.44)),
            Bar("Waited", 0.22, Interval(0.22, 0.20, 0.24)),
            Bar("Left", 0.06),
        ),
        Measure(Kind.SHARE),
        "What next",
        "Share",
    )

    first, second, third = bars.rows

    assert (first.length, first.low, first.high) == ("90.91%", "81.82%", "100.00%")
    assert second.length == "50.00%"
    assert (third.said, third.low) == ("6.0%", "")
    assert first.sentence == "Opened: 40.0%, likely 36.0% to 44.0%."
    assert bars.sentence == "Opened: 40.0%, more than any other."
    assert first.sentence in page_of("bars", bars)


def test_no_bars_are_no_drawing_and_no_error() -> None:
    bars = Bars((), Measure(Kind.COUNT), "Page", "Views")

    assert bars.sentence == "There is nothing to draw yet."
    assert "<table" in page_of("bars", bars)


def test_hostile_names_stay_names() -> None:
    name = "<img src=x onerror=alert(1)>"

    assert "<img" not in page_of("funnel", Funnel((Step(name, 3, href=f'"{name}'),)))
    assert "<img" not in page_of("bars", Bars((Bar(name, 1),), Measure(Kind.COUNT), name, name))
