"""Shares over a number, drawn by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truelift.apps.drawing.curves import Curves
from truelift.apps.drawing.series import Line
from truelift.apps.drawing.templatetags.drawing import curves
from truelift.apps.drawing.wording import Kind, Measure


MONEY = Curves(
    values=(1000.0, 10_000.0, 100_000.0),
    lines=(
        Line("Control", (0.5, 0.75, 1.0)),
        Line("Variant", (0.25, None, 1.0), focus=True),
    ),
    across=Measure(Kind.MONEY, "EUR"),
    said="Half spend at most €10.",
    head="Spent up to",
    log=True,
)


def test_an_axis_of_powers_gives_each_power_the_same_room() -> None:
    assert [MONEY.share(value) for value in MONEY.values] == pytest.approx([0.0, 0.5, 1.0])
    assert [words.text for words in MONEY.dates] == ["€10", "€30", "€100", "€300", "€1k"]
    assert [words.anchor for words in MONEY.dates] == ["start", "middle", "middle", "middle", "end"]


def test_a_line_stays_where_it_is_until_the_next_number_and_a_gap_lifts_the_pen() -> None:
    quiet, focus = MONEY.curves

    # The plot is 216 px high with 12 px of room above.
    assert quiet.path == "M0.0 114.0 L500.0 114.0 L500.0 63.0 L1000.0 63.0 L1000.0 12.0"
    assert focus.path == "M0.0 165.0 M1000.0 12.0"


def test_the_names_stand_where_the_lines_are_not() -> None:
    falling = replace(MONEY, falls=True)

    assert all(words.y > MONEY.plot_height / 2 for words in MONEY.words)
    assert all(words.y < MONEY.plot_height / 2 for words in falling.words)
    assert [words.css for words in MONEY.words] == ["l3", "b"]


def test_every_number_is_in_the_table() -> None:
    assert MONEY.heads == ("Control", "Variant")
    assert [(row.day, row.values) for row in MONEY.numbers] == [
        ("€10", ("50.0%", "25.0%")),
        ("€100", ("75.0%", "no value")),
        ("€1,000", ("100%", "100%")),
    ]
    assert curves(MONEY)["chart"] is MONEY
    assert MONEY.description == MONEY.said


def test_a_straight_axis_says_its_unit_once() -> None:
    days = replace(
        MONEY,
        values=(0.0, 1.0, 2.0),
        across=Measure(Kind.NUMBER),
        log=False,
        falls=True,
        unit="days",
    )

    assert [words.text for words in days.dates] == ["0", "0.5", "1.0", "1.5", "2.0 days"]
    assert days.share(1.0) == 0.5


def test_nothing_along_the_bottom_where_there_are_no_numbers() -> None:
    nothing = replace(MONEY, values=(), lines=())

    assert nothing.dates == ()
    assert nothing.curves == ()
    assert nothing.numbers == ()
