"""Changes and where they were: what counts, what is refused, which surfaces they concern."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from truelift.lifecycle.change import (
    MOST_PATHS,
    Change,
    ChangeState,
    Trust,
    change_obstacles,
    mapped,
    state_of,
)
from truelift.lifecycle.surface import Surface


NOW = datetime(2026, 5, 6, 12, tzinfo=UTC)
CHECKOUT = Surface("Checkout", patterns=("/checkout/**",), code=("src/checkout/**",))
CART = Surface("Cart", patterns=("/cart",), code=("src/cart/**", "*.cart.css"))
BLOG = Surface("Blog", patterns=("/blog/**",), code=("blog/**",))
SURFACES = (CHECKOUT, CART, BLOG)
DEPLOY = Change(external_id="7", finished_at=NOW)


def test_a_change_is_mapped_by_its_words_its_files_and_its_addresses() -> None:
    change = replace(
        DEPLOY,
        surfaces=("blog", "Nowhere"),
        paths=("src/checkout/form.ts", "README.md"),
        urls=("https://shop.example/cart", "/imprint"),
    )

    found = mapped(change, SURFACES)

    assert found.surfaces == ("Checkout", "Cart", "Blog")
    assert found.unmapped == ("Nowhere", "README.md", "/imprint")


def test_what_a_sender_usually_changes_counts_only_where_a_message_says_nothing_of_where() -> None:
    silent = mapped(DEPLOY, SURFACES, usually=("checkout", "gone"))
    spoken = mapped(replace(DEPLOY, paths=("blog/a.md",)), SURFACES, usually=("Checkout",))

    assert silent.surfaces == ("Checkout",)
    assert spoken.surfaces == ("Blog",)


@pytest.mark.parametrize(
    ("env", "counts"),
    [("", True), ("production", True), ("Prod", True), ("live ", True), ("staging", False)],
)
def test_only_what_visitors_meet_counts(env: str, counts: bool) -> None:
    assert replace(DEPLOY, env=env).in_production is counts


def test_who_cannot_prove_who_they_are_only_proposes() -> None:
    found = {trust: state_of(trust) for trust in Trust}

    assert [each for each, state in found.items() if state is ChangeState.PROPOSED] == [Trust.NONE]


def test_every_reason_against_a_change_is_said_at_once() -> None:
    wrong = Change(
        started_at=NOW + timedelta(days=1),
        finished_at=NOW,
        paths=("a",) * (MOST_PATHS + 1),
        surfaces=("a",) * 201,
    )

    assert [each.code for each in change_obstacles(wrong, now=NOW)] == [
        "change.no_external_id",
        "change.ends_before_start",
        "change.in_the_future",
        "change.too_many_paths",
        "change.too_many_surfaces",
    ]
    assert change_obstacles(DEPLOY, now=NOW) == ()


def test_visitors_meet_a_change_from_its_first_moment_on() -> None:
    began = replace(DEPLOY, started_at=NOW - timedelta(minutes=9))

    assert began.at(NOW) == NOW - timedelta(minutes=9)
    assert DEPLOY.at(NOW + timedelta(days=1)) == NOW
    assert Change().at(NOW) == NOW
