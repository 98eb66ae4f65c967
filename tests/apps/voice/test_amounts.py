"""Amounts of deals that files and forms tell: read as they are meant, or refused."""

from __future__ import annotations

import pytest

from truelift.apps.voice.csv_file import minor_of


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("1250.50", 125_050),
        ("1,250.50", 125_050),
        ("1 250.5", 125_050),
        ("12,345,678", 1_234_567_800),
        ("-5", -500),
    ],
)
def test_a_comma_stands_between_thousands(text: str, minor: int) -> None:
    assert minor_of(text, "EUR") == minor


@pytest.mark.parametrize(
    "text", ["1250,50", "12,50", ",5", "1.250,50", "1,2,3", "1e5", "1_000", "NaN", "5.001", "=1+1"]
)
def test_what_can_be_read_in_two_ways_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="is written"):
        minor_of(text, "EUR")
