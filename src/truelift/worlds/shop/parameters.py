"""What is true about the shop: every number that its visitors behave by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo


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

WEEK_MS: Final = 7 * 86_400_000
SWITCHED_ON_MS: Final = 8 * 3_600_000


@dataclass(frozen=True, slots=True)
class Channel:
    """Where visits come from, and how much they want to buy.

    Attributes:
        key: Its name in the truth.
        share: Of first visits.
        intent: Multiplies the odds of viewing a product and of putting one into the cart.
        phone: Share of its visits made on a phone.
        source: `utm_source`, empty for none.
        medium: `utm_medium`.
        campaign: `utm_campaign`.
        referrer: Address of the page before, empty for none.
    """

    key: str
    share: float
    intent: float
    phone: float
    source: str = ""
    medium: str = ""
    campaign: str = ""
    referrer: str = ""


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


@dataclass(frozen=True, slots=True)
class Trial:
    """An experiment and what it truly does.

    Attributes:
        key: The experiment.
        control: Key of the variant without the change.
        treatment: Key of the variant with it.
        seen_at: The step at whose first reach a visitor is exposed.
        acts_on: The step whose rate it changes.
        lift: Added to that step's rate, by device.
        start_days_ago: Its first day, before the one on which the history ends.
        planned_days: How long it is planned for; it still runs when that is not over.
        shipped: Everybody has the change from the end on.
        spoiled_after_days: A deploy changed its page so many days after its first; None
            where none did. It is switched off with that day.
    """

    key: str
    control: str
    treatment: str
    seen_at: str
    acts_on: str
    lift: Mapping[str, float]
    start_days_ago: int
    planned_days: int
    shipped: bool = False
    spoiled_after_days: int | None = None


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

DEPLOY_HOUR: Final = 11
"""When the shop’s engineers deploy, by its own clock."""

_RATES: Final = MappingProxyType(
    {
        "desktop": (0.58, 0.200, 0.52, 0.88, 0.90, 0.95),
        "phone": (0.55, 0.185, 0.47, 0.58, 0.87, 0.93),
        "tablet": (0.57, 0.180, 0.50, 0.84, 0.89, 0.94),
    }
)


@dataclass(frozen=True, slots=True)
class Shop:
    """The whole truth about the shop.

    Attributes:
        scale: 1.0 is about a million and a half events.
        seed: The same seed, scale and end give the same events.
        ends_at_ms: Where the history ends and the present begins; a whole hour.
        weeks: How long the history is.
        live_hours: How many of the last hours come through the collector.
        first_visits_per_week: New visitors a week at scale 1.
        growth: By how much first visits grow from week to week.
        rates: Of reaching each of `STEPS` from the one before, per visit and device;
            the first is from arriving. Channels shift the first two.
        returning: Share of visits after which the visitor comes again.
        returning_buyer: The same after an order.
        login: Share of orders that are made with an account.
        second_device: Share of later visits of account holders made on another device.
        bots: Robots' visits, as a share of people's.
        doubled: Share of events that their client sent twice.
        broken: Share of events that their client sent without a name.
        trials: The experiments.
        channels: Where visits come from.
        delivery_cost: Added to orders below `free_delivery_from`, in euros.
        free_delivery_from: In euros.
        currency: Of every amount.
        time_zone: Of the shop's days.
    """

    ends_at_ms: int
    scale: float = 1.0
    seed: int = 7
    weeks: int = 8
    live_hours: int = 3
    first_visits_per_week: int = 26_000
    growth: float = 0.01
    rates: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: _RATES)
    returning: float = 0.34
    returning_buyer: float = 0.28
    login: float = 0.55
    second_device: float = 0.08
    bots: float = 0.012
    doubled: float = 0.003
    broken: float = 0.0004
    trials: tuple[Trial, ...] = TRIALS
    channels: tuple[Channel, ...] = CHANNELS
    delivery_cost: float = 4.9
    free_delivery_from: float = 80.0
    currency: str = "EUR"
    time_zone: str = "Europe/Berlin"

    @property
    def begins_at_ms(self) -> int:
        """Where the history begins."""
        return self.ends_at_ms - self.weeks * WEEK_MS

    @property
    def live_from_ms(self) -> int:
        """From here on events come through the collector."""
        return self.ends_at_ms - self.live_hours * 3_600_000

    @property
    def first_visits(self) -> int:
        """New visitors over the whole history."""
        return max(200, round(self.first_visits_per_week * self.weeks * self.scale))

    def first_day_of(self, trial: Trial) -> date:
        """The day on which a trial begins, by the shop's own calendar."""
        zone = ZoneInfo(self.time_zone)
        last_day = datetime.fromtimestamp(self.ends_at_ms / 1000, UTC).astimezone(zone).date()
        return last_day - timedelta(days=trial.start_days_ago)

    def runs(self, trial: Trial) -> bool:
        """Whether a trial's planned time is not over when the history ends."""
        return trial.start_days_ago < trial.planned_days

    def span_of(self, trial: Trial) -> tuple[int, int]:
        """When a trial exposes visitors, half-open, in epoch milliseconds.

        It is switched on in the morning of its first day, when people are at work,
        and ends with its last whole day, or with the one on which it was spoiled.
        """
        first = self.first_day_of(trial)
        spoiled = trial.spoiled_after_days
        days = trial.planned_days if spoiled is None else spoiled + 1
        end = self.midnight_ms(first + timedelta(days=days))
        return self.midnight_ms(first) + SWITCHED_ON_MS, min(end, self.ends_at_ms)

    def spoiled_ms(self, trial: Trial) -> int:
        """When a deploy spoiled a trial, in epoch milliseconds.

        Raises:
            ValueError: None did.
        """
        if trial.spoiled_after_days is None:
            raise ValueError(trial.key)
        day = self.first_day_of(trial) + timedelta(days=trial.spoiled_after_days)
        return self.midnight_ms(day) + DEPLOY_HOUR * 3_600_000

    def midnight_ms(self, day: date) -> int:
        """When a day begins in the shop, in epoch milliseconds."""
        begins = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.time_zone))
        return round(begins.timestamp() * 1000)

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
