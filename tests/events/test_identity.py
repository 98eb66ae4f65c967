"""Ids that name nobody."""

from __future__ import annotations

import pytest

from truelift.events.identity import identifies


@pytest.mark.parametrize(
    "text",
    ["null", "undefined", "0", "guest", "anonymous", "NaN", "[object Object]", "", " ", " Guest "],
)
def test_what_broken_clients_send_in_the_place_of_an_id_names_nobody(text: str) -> None:
    assert not identifies(text)


@pytest.mark.parametrize("text", ["1", "guest-17", "a@example.com", "null-island", "00"])
def test_everything_else_names_somebody(text: str) -> None:
    assert identifies(text)
