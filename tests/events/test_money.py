"""Amounts: what counts as one, and its minor units."""

from __future__ import annotations

import pytest

from truelift.events.money import amount_of, currency_code, minor_units


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (12.5, "EUR", 1250),
        (0.285, "USD", 28),
        (0.295, "USD", 30),
        (1.005, "USD", 100),
        (19.99, "usd", 1999),
        (1000.0, "JPY", 1000),
        (1.2345, "KWD", 1234),
        (1.0, "CLF", 10_000),
        (-5.0, "EUR", -500),
        (float("nan"), "EUR", None),
        (float("inf"), "EUR", None),
        (1e300, "EUR", None),
    ],
)
def test_minor_units_follow_the_currencys_exponent(
    amount: float, currency: str, minor: int | None
) -> None:
    assert minor_units(amount, currency) == minor


@pytest.mark.parametrize(
    ("properties", "amount"),
    [
        ({"revenue": 5, "total": 6, "value": 7}, 5.0),
        ({"revenue": None, "total": "6.50"}, 6.5),
        ({"value": " 7 "}, 7.0),
        ({"revenue": "free", "value": 1}, 1.0),
        ({"revenue": True}, None),
        ({"revenue": "NaN"}, None),
        ({"revenue": "1,50"}, None),
        ({"revenue": [1]}, None),
        ({"revenue": 10**400}, None),
        ({}, None),
    ],
)
def test_revenue_goes_before_total_before_value(
    properties: dict[str, object], amount: float | None
) -> None:
    assert amount_of(properties) == amount


@pytest.mark.parametrize(
    ("text", "code"),
    [("eur", "EUR"), ("USD", "USD"), ("€", None), ("", None), (5, None), ("ÄÖÜ", None)],
)
def test_a_currency_is_three_letters(text: object, code: str | None) -> None:
    assert currency_code(text) == code
