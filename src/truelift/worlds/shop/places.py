"""Where people shop: the surfaces with their pages, their code and who answers for them."""

from __future__ import annotations

from typing import Final

from truelift.apps.surfaces.services import SurfaceFields
from truelift.worlds.people import address_of


CHECKOUT: Final = "checkout"

_SHOP, _CONTENT, _PAYING = "Shop front", "Content", "Checkout"

PLACES: Final = (
    SurfaceFields(
        name="Product page",
        path="/p/",
        patterns=("/p/*",),
        team=_SHOP,
        owner=address_of("tom"),
        cadence_days=14,
        incentive="Products put into the cart",
        code=("shop/product/",),
    ),
    SurfaceFields(
        name="Category page",
        path="/c/",
        patterns=("/c/**",),
        team=_SHOP,
        owner=address_of("tom"),
        cadence_days=14,
        incentive="Products put into the cart",
        code=("shop/category/",),
    ),
    SurfaceFields(
        name="Cart",
        path="/cart",
        patterns=("/cart",),
        funnel=CHECKOUT,
        step=1,
        team=_PAYING,
        owner=address_of("ines"),
        cadence_days=42,
        incentive="Payments that go through",
        code=("shop/cart/",),
    ),
    SurfaceFields(
        name="Checkout, delivery step",
        path="/checkout/delivery",
        patterns=("/checkout/delivery",),
        funnel=CHECKOUT,
        step=2,
        team=_PAYING,
        owner=address_of("ines"),
        cadence_days=42,
        incentive="Payments that go through",
        code=("shop/checkout/delivery/",),
        bundle="checkout.js",
    ),
    SurfaceFields(
        name="Checkout, payment step",
        path="/checkout/payment",
        patterns=("/checkout/payment",),
        funnel=CHECKOUT,
        step=3,
        team=_PAYING,
        owner=address_of("ines"),
        cadence_days=42,
        incentive="Payments that go through",
        code=("shop/checkout/payment/",),
        bundle="checkout.js",
    ),
    SurfaceFields(
        name="Journal",
        path="/journal/",
        patterns=("/journal/**",),
        team=_CONTENT,
        owner=address_of("felix"),
        cadence_days=7,
        incentive="Readers",
        code=("journal/",),
    ),
    SurfaceFields(name="Every page", path=""),
)
"""Six places and the whole; the start page is nobody's yet."""
