"""What is true about the shop: every number that its visitors behave by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from truelift.worlds.history import DEPLOY_HOUR, Channel, History, Trial


HOUR_MS: Final = 3_600_000

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


FAILED: Final = "Payment Failed"

REASONS: Final = (
    ("card_declined", 0.44),
    ("authentication_failed", 0.31),
    ("timeout", 0.15),
    ("insufficient_funds", 0.10),
)
"""Why payments fail, with shares: codes of the provider, never what somebody typed."""

DISTURBED: Final = "delivery-cost-early"
"""The test in whose first week the payment got a new form that hung on phones."""

LEFT_OF_SEARCH: Final = 0.05
"""Of paid search, in the second week of every fortnight of the year before the history."""

_FAILURES: Final = MappingProxyType(
    {"desktop": (0.006, 0.40), "phone": (0.030, 0.70), "tablet": (0.012, 0.50)}
)

_PAYMENT_MS: Final = MappingProxyType({"desktop": 1_100.0, "phone": 1_700.0, "tablet": 1_350.0})

_LCP_MS: Final = MappingProxyType({"desktop": 1_300.0, "phone": 2_050.0, "tablet": 1_600.0})


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
        failures: Share of payments that fail once, by device: of those who order all the same,
            and of those who leave at the payment.
        payment_ms: How long the provider takes, its median by device.
        payment_spread: Standard deviation of the logarithm of that.
        lcp_ms: How long until the main content shows, its median by device.
        lcp_spread: Standard deviation of the logarithm of that.
        vitals_sampled: Share of page views outside of the checkout that send web vitals.
        old_page_slower: How many times as long the product page took before it was made anew.
        refunded: Share of orders that are sent back.
        refunded_late: Of those, the share whose money goes back after thirty days.
        disturbed_after_days: When the payment got a new form, after the first day of `DISTURBED`.
        disturbed_hours: How long until it was taken back.
        hung: How many times as long it took on phones.
        hung_failures: Share of those who ordered on a phone all the same whose first try failed.
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
    failures: Mapping[str, tuple[float, float]] = field(default_factory=lambda: _FAILURES)
    payment_ms: Mapping[str, float] = field(default_factory=lambda: _PAYMENT_MS)
    payment_spread: float = 0.5
    lcp_ms: Mapping[str, float] = field(default_factory=lambda: _LCP_MS)
    lcp_spread: float = 0.4
    vitals_sampled: float = 0.05
    old_page_slower: float = 1.5
    refunded: float = 0.04
    refunded_late: float = 0.06
    disturbed_after_days: int = 3
    disturbed_hours: int = 26
    hung: float = 2.6
    hung_failures: float = 0.30

    @property
    def disturbed_ms(self) -> tuple[int, int]:
        """From when to when the payment had the form that hung, in epoch milliseconds."""
        trial = next(each for each in self.trials if each.key == DISTURBED)
        day = self.first_day_of(trial) + timedelta(days=self.disturbed_after_days)
        since = self.midnight_ms(day) + DEPLOY_HOUR * HOUR_MS
        return since, since + self.disturbed_hours * HOUR_MS

    @property
    def new_page_ms(self) -> int:
        """When the product page was made anew, in epoch milliseconds."""
        return self.spoiled_ms(next(each for each in self.trials if each.spoiled_after_days))

    def failing(self, device: str) -> float:
        """Payments that fail, for each that is begun, on days without a release."""
        orders = self.rate(device, "purchase")
        again, gave_up = self.failures[device]
        return orders * again + (1 - orders) * gave_up

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
