from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from truelift.apps.drawing import wording
from truelift.apps.drawing.wording import Kind, Measure


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.0821, "8.21%"), (0.719, "71.9%"), (1, "100%"), (0, "0%"), (0.09999, "10.00%")],
)
def test_a_rate_has_one_decimal_and_two_below_ten_per_cent(share: float, said: str) -> None:
    assert wording.percent(share) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.075, "+7.5%"), (-0.147, "−14.7%"), (0, "0.0%"), (-0.0002, "0.0%"), (0.0004, "0.0%")],
)
def test_a_change_has_a_sign_and_a_true_minus_unless_it_rounds_to_nothing(
    share: float, said: str
) -> None:
    assert wording.lift(share) == said


def test_a_change_of_a_rate_is_in_points() -> None:
    assert wording.points(-0.046) == "−4.6 pt"
    assert wording.points(0.0025) == "+0.25 pt"


@pytest.mark.parametrize(
    ("minor", "currency", "exact", "rough"),
    [
        (7190, "EUR", "€71.90", "€71.90"),
        (2_764_912, "EUR", "€27,649.12", "€27,600"),
        (-2_764_912, "EUR", "−€27,649.12", "−€27,600"),
        (990, "EUR", "€9.90", "€9.90"),
        (123_456, "JPY", "¥123,456", "¥123,000"),
        (1_234_567, "KWD", "KWD\u00a01,234.567", "KWD\u00a01,230"),
        (0, "USD", "$0.00", "$0"),
        (500_000_000, "GBP", "£5,000,000.00", "£5,000,000"),
    ],
)
def test_money_is_exact_in_tables_and_has_three_digits_in_sentences(
    minor: int, currency: str, exact: str, rough: str
) -> None:
    assert wording.money(minor, currency) == exact
    assert wording.rough_money(minor, currency) == rough


def test_counts_and_levels_have_commas() -> None:
    assert wording.count(282_900) == "282,900"
    assert wording.count(-1_200) == "−1,200"
    assert wording.number(18.42) == "18.4"
    assert wording.number(0.01234) == "0.0123"
    assert wording.number(2.3, digits=2) == "2.30"


def test_a_p_value_is_never_zero_and_has_no_stars() -> None:
    assert wording.p_value(0.0000001) == "p < 0.001"
    assert wording.p_value(0.0086) == "p = 0.0086"
    assert wording.p_value(0.512) == "p = 0.51"
    assert wording.p_value(0.999) == "p > 0.99"


def test_a_day_carries_its_year_only_where_it_differs() -> None:
    assert wording.day(date(2026, 11, 24), year=2026) == "Tue 24 Nov"
    assert wording.day(date(2026, 11, 24)) == "Tue 24 Nov 2026"
    assert wording.clock(datetime(2026, 11, 20, 9, 38, tzinfo=UTC)) == "Fri 20 Nov, 09:38"


def test_an_interval_is_written_with_to_and_never_with_a_dash() -> None:
    measure = Measure(Kind.LIFT)

    assert measure.range(0.014, 0.135) == "+1.4% to +13.5%"
    assert measure.range(-0.034, 0.012) == "−3.4% to +1.2%"


@pytest.mark.parametrize(
    ("measure", "value", "step", "label"),
    [
        (Measure(Kind.LIFT), 0.1, 0.1, "+10%"),
        (Measure(Kind.LIFT), -0.025, 0.025, "−2.5%"),
        (Measure(Kind.LIFT), 0, 0.1, "0"),
        (Measure(Kind.SHARE), 0, 0.2, "0%"),
        (Measure(Kind.POINTS), 0.02, 0.01, "+2 pt"),
        (Measure(Kind.COUNT), 40_000, 20_000, "40k"),
        (Measure(Kind.COUNT), 7_500, 2_500, "7.5k"),
        (Measure(Kind.COUNT), 500, 250, "500"),
        (Measure(Kind.COUNT), 2e6, 1e6, "2m"),
        (Measure(Kind.MONEY, "EUR"), 500_000, 500_000, "€5k"),
        (Measure(Kind.MONEY, "EUR"), -2_000, 1_000, "−€20"),
    ],
)
def test_a_tick_has_no_more_digits_than_its_step(
    measure: Measure, value: float, step: float, label: str
) -> None:
    assert measure.tick(value, step=step) == label


def test_a_column_of_rates_has_the_same_decimals_in_every_row() -> None:
    column = Measure(Kind.SHARE).column([0.41, 0.09])

    assert [column.said(0.41), column.said(0.09)] == ["41.0%", "9.0%"]
