"""Addresses and files find the surfaces that they belong to."""

from __future__ import annotations

import time

import pytest

from truelift.lifecycle.surface import (
    Surface,
    pattern_obstacles,
    surfaces_at,
    surfaces_of_files,
)


CART = Surface("Cart", patterns=("/cart",), funnel="buying", step=2)
CHECKOUT = Surface(
    "Checkout",
    patterns=("/checkout/**", "pay.shop.example"),
    code=("src/checkout/", "*.pay.ts", "/apps/*/flow.py", "lib/**/money.ts"),
    funnel="buying",
    step=3,
)
PRODUCT = Surface("Product page", patterns=("/p/*",), code=("src/*",))
ALL = [CART, CHECKOUT, PRODUCT]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/cart", ("Cart",)),
        ("/cart/", ("Cart",)),
        ("https://shop.example/cart?coupon=x#top", ("Cart",)),
        ("/carts", ()),
        ("/cart/full", ()),
        ("/checkout", ("Checkout",)),
        ("/checkout/address/edit", ("Checkout",)),
        ("https://pay.shop.example/anything", ("Checkout",)),
        ("https://user@PAY.shop.example/anything", ("Checkout",)),
        ("https://evil.example/pay.shop.example", ()),
        ("/p/red-shoe", ("Product page",)),
        ("/p/red-shoe/reviews", ()),
        ("", ()),
    ],
)
def test_an_address_belongs_to_the_surfaces_whose_pattern_it_fits(
    url: str, expected: tuple[str, ...]
) -> None:
    assert surfaces_at(url, ALL) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/checkout/form.ts", ("Checkout",)),
        ("src/checkout", ("Checkout", "Product page")),
        ("src/a.ts", ("Product page",)),
        ("src/cards/a.ts", ()),
        ("deep/down/card.pay.ts", ("Checkout",)),
        ("apps/shop/flow.py", ("Checkout",)),
        ("old/apps/shop/flow.py", ()),
        ("lib/money.ts", ("Checkout",)),
        ("lib/a/b/money.ts", ("Checkout",)),
    ],
)
def test_a_file_belongs_to_the_surfaces_whose_code_it_is(
    path: str, expected: tuple[str, ...]
) -> None:
    assert surfaces_of_files([path], ALL).surfaces == expected


def test_files_that_nobody_claims_are_named() -> None:
    found = surfaces_of_files(["README.md", "src/checkout/a.ts", "infra/x.tf"], ALL)

    assert found.surfaces == ("Checkout",)
    assert found.unmapped == ("README.md", "infra/x.tf")


def test_upstream_is_an_earlier_step_of_the_same_funnel() -> None:
    assert CART.is_upstream_of(CHECKOUT)
    assert not CHECKOUT.is_upstream_of(CART)
    assert not PRODUCT.is_upstream_of(CHECKOUT)


@pytest.mark.parametrize(
    ("pattern", "codes"),
    [
        ("/cart", set()),
        ("", {"surface.empty_pattern"}),
        (" /cart", {"surface.empty_pattern"}),
        ("/" + "a" * 300, {"surface.pattern_too_long"}),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(pattern: str, codes: set[str]) -> None:
    assert {each.code for each in pattern_obstacles(pattern)} == codes


def test_the_worst_pattern_that_is_allowed_is_still_quick() -> None:
    surface = Surface("Worst", patterns=("/" + "*a" * 140,))

    began = time.process_time()
    found = surfaces_at("/" + "a" * 2000 + "b", [surface])

    assert found == ()
    assert time.process_time() - began < 1
