"""What is true of the company with the trials: every number that its people behave by."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from truelift.worlds.history import Channel, History, Trial


HOST: Final = "https://www.rotaline.example"
"""The company's own address; `.example` is nobody's."""

STEPS: Final = (
    "sign_up",
    "rota_created",
    "staff_invited",
    "payroll_started",
    "payroll_connected",
    "rota_published",
)
"""The way to the first rota that somebody works by; each is an event."""

LEAK: Final = "payroll_connected"

CHANNELS: Final = (
    Channel("organic_search", 0.34, 1.05, 0.41, referrer="https://www.google.com/"),
    Channel("direct", 0.22, 1.30, 0.33),
    Channel("paid_search", 0.21, 1.10, 0.45, "google", "cpc", "care-home-rota",
            "https://www.google.com/"),
    Channel("paid_social", 0.12, 0.50, 0.79, "facebook", "paid_social", "night-shift",
            "https://www.facebook.com/"),
    Channel("referral", 0.11, 1.25, 0.30, referrer="https://www.care-managers.example/tools"),
)  # fmt: skip

TRIALS: Final = (
    Trial(
        key="price-on-home",
        control="control",
        treatment="price",
        seen_at="page_view",
        acts_on="sign_up",
        lift=MappingProxyType({"sign_up": 1.0}),
        start_days_ago=322,
        planned_days=28,
    ),
    Trial(
        key="skip-payroll",
        control="control",
        treatment="skip",
        seen_at="sign_up",
        acts_on="rota_published",
        lift=MappingProxyType({"connects": 0.55, "skips": 1.0}),
        start_days_ago=224,
        planned_days=56,
    ),
    Trial(
        key="guided-setup",
        control="control",
        treatment="guided",
        seen_at="sign_up",
        acts_on="payroll_connected",
        lift=MappingProxyType({"connects": 1.38, "days": 0.6}),
        start_days_ago=116,
        planned_days=56,
        shipped=True,
    ),
    Trial(
        key="first-week-call",
        control="control",
        treatment="call",
        seen_at="sign_up",
        acts_on="payroll_connected",
        lift=MappingProxyType({"connects": 1.08}),
        start_days_ago=16,
        planned_days=56,
    ),
)
"""One still runs when the history ends. One publishes more rotas that nobody works by."""

TRAP: Final = "skip-payroll"
GUIDED: Final = "guided-setup"

NUDGES: Final = (1.0, 3.0, 6.0)
"""Days after the sign-up on which the guided ones get an e-mail while no payroll is connected."""

ACTIVE_FROM, ACTIVE_TO = 28, 35
"""Days between which somebody who is still there opens a rota."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step on the way to value.

    Attributes:
        name: Its event.
        rate: Share of those who came to the step before that take it.
        days: Half of them within so many days.
        spread: How much that varies.
    """

    name: str
    rate: float
    days: float
    spread: float


WAY: Final = (
    Step("rota_created", 0.80, 0.02, 0.9),
    Step("staff_invited", 0.74, 0.25, 1.0),
    Step("payroll_started", 0.82, 0.7, 0.9),
    Step("payroll_connected", 0.44, 1.8, 0.8),
    Step("rota_published", 0.93, 0.4, 0.8),
)


@dataclass(frozen=True, slots=True)
class Saas(History):
    """The whole truth about the company.

    Attributes:
        signs_up: Odds of a sign-up in a visit, before the channel.
        returning: Share of visits after which a person without an account comes again.
        stays: Share of those who work by a rota that still do a week later.
        fades: The same of those who do not.
        opens: Rotas opened in a week by those who are there.
        subscribes: Share of those who work by a rota that pay from the fifteenth day on.
        price: A month, in euros.
        opened: Share of e-mails that are opened.
    """

    weeks: int = 52
    first_visits_per_week: int = 5_600
    growth: float = 0.006
    trials: tuple[Trial, ...] = TRIALS
    channels: tuple[Channel, ...] = CHANNELS
    time_zone: str = "Europe/Dublin"
    signs_up: float = 0.11
    returning: float = 0.24
    stays: float = 0.94
    fades: float = 0.50
    opens: float = 2.2
    subscribes: float = 0.63
    price: float = 129.0
    opened: float = 0.46

    def rate(self, step: str) -> float:
        """The rate of one step, before trials change it."""
        return next(each.rate for each in WAY if each.name == step)

    @property
    def activation(self) -> float:
        """Share of trials that come to work by a rota."""
        share = 1.0
        for each in WAY:
            share *= each.rate
        return share
