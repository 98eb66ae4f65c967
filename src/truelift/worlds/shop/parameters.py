"""What is true about the shop: every number that its visitors behave by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from truelift.worlds.history import Channel, History, Trial


STEPS: Final = (
    "view_item",
    "add_to_cart",
    "begin_checkout",
    "add_shipping_info",
    "add_payment_info",
    "purchase",
)
"""The way to an order; each is an event."""

DEVICES: Final = ("desktop", "phone", "tablet")

CHANNELS: Final = (
    Channel("organic_search", 0.30, 1.05, 0.58, referrer="https://www.google.com/"),
    Channel("direct", 0.21, 1.35, 0.47),
    Channel("paid_search", 0.17, 1.20, 0.57, "google", "cpc", "brand-and-category",
            "https://www.google.com/"),
    Channel("paid_social", 0.15, 0.50, 0.86, "instagram", "paid_social", "autumn-look",
            "https://www.instagram.com/"),
    Channel("email", 0.09, 1.70, 0.61, "newsletter", "email", "weekly"),
    Channel("referral", 0.08, 0.85, 0.50, referrer="https://www.cabin-notes.example/stoves"),
)  # fmt: skip


TRIALS: Final = (
    Trial(
        key="reviews-higher",
        control="control",
        treatment="reviews-first",
        seen_at="view_item",
        acts_on="add_to_cart",
        lift=MappingProxyType({"desktop": 0.030, "phone": 0.030, "tablet": 0.030}),
        start_days_ago=53,
        planned_days=21,
        shipped=True,
    ),
    Trial(
        key="urgency-timer",
        control="control",
        treatment="timer",
        seen_at="add_to_cart",
        acts_on="begin_checkout",
        lift=MappingProxyType({"desktop": 0.0, "phone": 0.0, "tablet": 0.0}),
        start_days_ago=45,
        planned_days=21,
    ),
    Trial(
        key="order-summary",
        control="control",
        treatment="summary",
        seen_at="add_shipping_info",
        acts_on="add_payment_info",
        lift=MappingProxyType({"desktop": 0.065, "phone": 0.075, "tablet": 0.070}),
        start_days_ago=38,
        planned_days=21,
    ),
    Trial(
        key="delivery-cost-early",
        control="control",
        treatment="early",
        seen_at="begin_checkout",
        acts_on="add_shipping_info",
        lift=MappingProxyType({"desktop": 0.01, "phone": 0.10, "tablet": 0.03}),
        start_days_ago=17,
        planned_days=28,
    ),
    Trial(
        key="arrival-date",
        control="control",
        treatment="date",
        seen_at="view_item",
        acts_on="add_to_cart",
        lift=MappingProxyType({"desktop": 0.0, "phone": 0.0, "tablet": 0.0}),
        start_days_ago=22,
        planned_days=14,
        spoiled_after_days=3,
    ),
)
"""One still runs when the history ends, and one was spoiled by a deploy in its first week."""

SURFACE_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "reviews-higher": "Product page",
        "urgency-timer": "Cart",
        "order-summary": "Checkout, payment step",
        "delivery-cost-early": "Checkout, delivery step",
        "arrival-date": "Product page",
    }
)
"""Trial → where its variants are."""

_RATES: Final = MappingProxyType(
    {
        "desktop": (0.58, 0.200, 0.52, 0.88, 0.90, 0.95),
        "phone": (0.55, 0.185, 0.47, 0.58, 0.87, 0.93),
        "tablet": (0.57, 0.180, 0.50, 0.84, 0.89, 0.94),
    }
)


@dataclass(frozen=True, slots=True)
class Shop(History):
    """The whole truth about the shop.

    Attributes:
        rates: Of reaching each of `STEPS` from the one before, per visit and device;
            the first is from arriving. Channels shift the first two.
        returning: Share of visits after which the visitor comes again.
        returning_buyer: The same after an order.
        login: Share of orders that are made with an account.
        second_device: Share of later visits of account holders made on another device.
        delivery_cost: Added to orders below `free_delivery_from`, in euros.
        free_delivery_from: In euros.
    """

    trials: tuple[Trial, ...] = TRIALS
    channels: tuple[Channel, ...] = CHANNELS
    rates: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: _RATES)
    returning: float = 0.34
    returning_buyer: float = 0.28
    login: float = 0.55
    second_device: float = 0.08
    delivery_cost: float = 4.9
    free_delivery_from: float = 80.0

    def rate(self, device: str, step: str) -> float:
        """The rate of one step, before channels and trials change it."""
        return self.rates[device][STEPS.index(step)]


PRODUCTS: Final = (
    ("ember-3", "Ember 3 camp stove", "stoves", 89.00),
    ("ember-5", "Ember 5 camp stove", "stoves", 139.00),
    ("flint-kit", "Flint fire kit", "stoves", 24.50),
    ("fjord-2", "Fjord 2 tent", "tents", 249.00),
    ("fjord-4", "Fjord 4 tent", "tents", 379.00),
    ("tarp-lite", "Tarp Lite", "tents", 69.00),
    ("down-600", "Down 600 sleeping bag", "sleeping", 189.00),
    ("mat-air", "Air mat", "sleeping", 79.90),
    ("quilt-3", "Three-season quilt", "sleeping", 129.00),
    ("mug-steel", "Steel mug", "kitchen", 14.90),
    ("pan-set", "Pan set", "kitchen", 49.00),
    ("spork-ti", "Titanium spork", "kitchen", 9.90),
    ("pack-45", "Pack 45", "packs", 159.00),
    ("pack-28", "Pack 28", "packs", 109.00),
    ("dry-bag", "Dry bag 20", "packs", 19.90),
    ("lamp-300", "Head lamp 300", "light", 39.90),
    ("lantern", "Folding lantern", "light", 29.90),
    ("filter-go", "Water filter", "kitchen", 44.90),
)
"""Key, name, category and price in euros."""

HOST: Final = "https://www.northpine.example"
"""The shop's own address; `.example` is nobody's."""
