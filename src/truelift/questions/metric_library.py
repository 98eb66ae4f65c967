"""Built-in metrics for shops, lead generation and SaaS, and what each of them is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.questions.document import Json
from truelift.questions.forms import Context, Form, Mistakes, either
from truelift.questions.matching import Events
from truelift.questions.members import METRIC
from truelift.questions.metric import Amount, AmountKind, Counted, Metric, MetricKind
from truelift.stats.outcome import Direction


DAY_S: Final = 86_400


class Business(StrEnum):
    """What kind of business a metric is for."""

    SHOP = "shop"
    LEADS = "leads"
    SAAS = "saas"


class Unit(StrEnum):
    """What a metric's value is counted in; money in minor units."""

    SHARE = "share"
    MONEY = "money"
    NUMBER = "number"


class What(StrEnum):
    """What is counted of a period.

    `EVENTS`: the events, or what their amounts add up to; `PEOPLE`: the persons with
    such an event; `SESSIONS`: sessions that begin in it, of whatever events.
    """

    EVENTS = "events"
    PEOPLE = "people"
    SESSIONS = "sessions"


@dataclass(frozen=True, slots=True)
class Total:
    """One number of a period.

    Attributes:
        what: What is counted.
        counted: Which events, and what of them; None for any event at all.
    """

    what: What
    counted: Counted | None = None


@dataclass(frozen=True, slots=True)
class Quotient:
    """One total by another."""

    above: Total
    below: Total


@dataclass(frozen=True, slots=True)
class Passage:
    """The share of people who get from one event to another in time.

    Attributes:
        start: Where they come from; None for their very first event.
        goal: Where they get to.
        window_s: At most so long after a start, the end included.
        after_s: And no earlier than this after it.
    """

    start: Events | None
    goal: Events
    window_s: int
    after_s: int = 0


Definition = Quotient | Passage


@dataclass(frozen=True, slots=True)
class LibraryMetric:
    """A built-in metric.

    Attributes:
        key: Its name in questions.
        title: Its name on pages.
        formula: In words.
        unit: What its value is counted in.
        direction: Which way it gets better.
        business: For which kinds of business.
        definition: What it is made of; None where another question answers it.
        per_person: The same of one person at a time, where it can be said so; then it
            can be asked by segments and decide experiments.
        asks: The question that answers it, where it is not one number.
    """

    key: str
    title: str
    formula: str
    unit: Unit
    direction: Direction
    business: tuple[Business, ...]
    definition: Definition | None
    per_person: Metric | None = None
    asks: str = ""

    @property
    def expects(self) -> tuple[str, ...]:
        """The events that a site must have for it, as they are called when nobody renames them."""
        if self.definition is None:
            return (SIGN_UP, ACTIVATED)
        sets: list[Events | None]
        match self.definition:
            case Quotient():
                totals = (self.definition.above, self.definition.below)
                sets = [total.counted.events if total.counted else None for total in totals]
            case Passage():
                sets = [self.definition.start, self.definition.goal]
        return tuple(dict.fromkeys(name for each in sets if each for name in each.names))

    def document(self, expects: Sequence[str] | None = None) -> dict[str, Json]:
        """Write what a person should know of it.

        Args:
            expects: What a site calls its events, where it calls them anything else.
        """
        found: dict[str, Json] = {
            "key": self.key,
            "title": self.title,
            "formula": self.formula,
            "unit": self.unit.value,
            "better": self.direction.value,
            "business": [each.value for each in self.business],
            "expects": list(self.expects if expects is None else expects),
            "by_segment": self.per_person is not None,
        }
        return {**found, "asks": self.asks} if self.asks else found


VIEW: Final = "view_item"
CART: Final = "add_to_cart"
CHECKOUT: Final = "begin_checkout"
PURCHASE: Final = "purchase"
REFUND: Final = "refund"
LEAD: Final = "generate_lead"
MQL: Final = "qualify_lead"
SQL: Final = "working_lead"
CLOSE: Final = "close_convert_lead"
SIGN_UP: Final = "sign_up"
SET_UP: Final = "setup_step"
ACTIVATED: Final = "activated"
SUBSCRIBE: Final = "subscribe"

ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        VIEW: "somebody looks at a product",
        CART: "somebody puts a product into the cart",
        CHECKOUT: "somebody begins a checkout",
        PURCHASE: "somebody orders, with the money of the order",
        REFUND: "an order is paid back",
        LEAD: "somebody becomes a lead",
        MQL: "marketing qualifies a lead",
        SQL: "sales takes a lead",
        CLOSE: "a lead becomes a customer",
        SIGN_UP: "somebody signs up",
        SET_UP: "somebody takes a step of setting up; a name for each step, in their order",
        ACTIVATED: "somebody does for the first time what the product is for",
        SUBSCRIBE: "somebody begins to pay",
    }
)
"""The events of the built-in metrics, and when each happens; a site may call them otherwise."""

_SITES_MONEY: Final = Amount(kind=AmountKind.MONEY)
"""Money in whatever currency the site reports in; it is filled in when it is asked."""

_ANYBODY: Final = Total(What.PEOPLE)
_ALL_SESSIONS: Final = Total(What.SESSIONS)
_ALL: Final = (Business.SHOP, Business.LEADS, Business.SAAS)


def _events(name: str) -> Counted:
    return Counted(Events((name,)))


def _money(name: str) -> Counted:
    return Counted(Events((name,)), _SITES_MONEY)


def _paid(name: str) -> Counted:
    """Count the events that have such money, so that others do not water down a mean."""
    return Counted(Events((name,)), replace(_SITES_MONEY, counts=True))


def _rate(
    key: str, title: str, name: str, business: tuple[Business, ...], doing: str
) -> LibraryMetric:
    """Give the share of a period's people who did something in it."""
    return LibraryMetric(
        key=key,
        title=title,
        formula=f"people who {doing} ÷ people with any event",
        unit=Unit.SHARE,
        direction=Direction.INCREASE,
        business=business,
        definition=Quotient(Total(What.PEOPLE, _events(name)), _ANYBODY),
        per_person=Metric(key, MetricKind.PROPORTION, _events(name)),
    )


def _step(
    key: str, title: str, start: str, goal: str, business: Business, days: int, said: str
) -> LibraryMetric:
    """Give the share of people who get from one step to a later one."""
    return LibraryMetric(
        key=key,
        title=title,
        formula=f"{said} within {days} day{'' if days == 1 else 's'}",
        unit=Unit.SHARE,
        direction=Direction.INCREASE,
        business=(business,),
        definition=Passage(Events((start,)), Events((goal,)), days * DAY_S),
    )


def _retention(key: str, title: str, first_day: int, last_day: int) -> LibraryMetric:
    return LibraryMetric(
        key=key,
        title=title,
        formula=f"people with any event {first_day} to {last_day} days after their very first one"
        " ÷ people first seen in the period",
        unit=Unit.SHARE,
        direction=Direction.INCREASE,
        business=(Business.SAAS,),
        definition=Passage(None, Events(), last_day * DAY_S, after_s=first_day * DAY_S),
    )


_METRICS: Final = (
    _rate("order_rate", "Order rate", PURCHASE, (Business.SHOP,), "purchased"),
    _rate("cart_rate", "Add-to-cart rate", CART, (Business.SHOP,), "put something into the cart"),
    LibraryMetric(
        key="session_conversion",
        title="Orders per session",
        formula="purchases ÷ sessions",
        unit=Unit.NUMBER,
        direction=Direction.INCREASE,
        business=(Business.SHOP,),
        definition=Quotient(Total(What.EVENTS, _events(PURCHASE)), _ALL_SESSIONS),
    ),
    LibraryMetric(
        key="revenue_per_visitor",
        title="Revenue per visitor",
        formula="money of purchases ÷ people with any event",
        unit=Unit.MONEY,
        direction=Direction.INCREASE,
        business=(Business.SHOP,),
        definition=Quotient(Total(What.EVENTS, _money(PURCHASE)), _ANYBODY),
        per_person=Metric("revenue_per_visitor", MetricKind.SUM, _money(PURCHASE)),
    ),
    LibraryMetric(
        key="revenue_per_session",
        title="Revenue per session",
        formula="money of purchases ÷ sessions",
        unit=Unit.MONEY,
        direction=Direction.INCREASE,
        business=(Business.SHOP,),
        definition=Quotient(Total(What.EVENTS, _money(PURCHASE)), _ALL_SESSIONS),
    ),
    LibraryMetric(
        key="average_order_value",
        title="Average order value",
        formula="money of purchases ÷ purchases that have such money",
        unit=Unit.MONEY,
        direction=Direction.INCREASE,
        business=(Business.SHOP,),
        definition=Quotient(
            Total(What.EVENTS, _money(PURCHASE)), Total(What.EVENTS, _paid(PURCHASE))
        ),
        per_person=Metric(
            "average_order_value",
            MetricKind.RATIO,
            _money(PURCHASE),
            denominator=_paid(PURCHASE),
        ),
    ),
    LibraryMetric(
        key="refund_rate",
        title="Refund rate",
        formula="refunds ÷ purchases of the same period",
        unit=Unit.SHARE,
        direction=Direction.DECREASE,
        business=(Business.SHOP,),
        definition=Quotient(
            Total(What.EVENTS, _events(REFUND)), Total(What.EVENTS, _events(PURCHASE))
        ),
        per_person=Metric(
            "refund_rate", MetricKind.RATIO, _events(REFUND), denominator=_events(PURCHASE)
        ),
    ),
    _step(
        "view_to_cart",
        "Product view → cart",
        VIEW,
        CART,
        Business.SHOP,
        7,
        "people who viewed a product and put something into the cart",
    ),
    _step(
        "cart_to_checkout",
        "Cart → checkout",
        CART,
        CHECKOUT,
        Business.SHOP,
        7,
        "people who put something into the cart and began a checkout",
    ),
    _step(
        "checkout_to_order",
        "Checkout → order",
        CHECKOUT,
        PURCHASE,
        Business.SHOP,
        7,
        "people who began a checkout and purchased",
    ),
    _step(
        "view_to_order",
        "Product view → order",
        VIEW,
        PURCHASE,
        Business.SHOP,
        7,
        "people who viewed a product and purchased",
    ),
    _rate("lead_rate", "Lead rate", LEAD, (Business.LEADS,), "became a lead"),
    _step(
        "lead_to_mql",
        "Lead → MQL",
        LEAD,
        MQL,
        Business.LEADS,
        30,
        "leads that marketing qualified",
    ),
    _step("mql_to_sql", "MQL → SQL", MQL, SQL, Business.LEADS, 30, "MQLs that sales took"),
    _step("sql_to_close", "SQL → close", SQL, CLOSE, Business.LEADS, 90, "SQLs that closed"),
    _step("lead_to_close", "Lead → close", LEAD, CLOSE, Business.LEADS, 120, "leads that closed"),
    _rate("sign_up_rate", "Sign-up rate", SIGN_UP, (Business.SAAS,), "signed up"),
    _step(
        "activation_rate",
        "Activation rate",
        SIGN_UP,
        ACTIVATED,
        Business.SAAS,
        7,
        "people who signed up and activated",
    ),
    _step(
        "subscription_rate",
        "Sign-up → subscription",
        SIGN_UP,
        SUBSCRIBE,
        Business.SAAS,
        30,
        "people who signed up and subscribed",
    ),
    _retention("retention_week_1", "Retention, week 1", 7, 14),
    _retention("retention_week_4", "Retention, week 4", 28, 35),
    LibraryMetric(
        key="time_to_value",
        title="Time to value",
        formula="from signing up to activation, as a survival curve; the median is its middle",
        unit=Unit.NUMBER,
        direction=Direction.DECREASE,
        business=(Business.SAAS,),
        definition=None,
        asks="time_to_value",
    ),
)

METRIC_LIBRARY: Final[Mapping[str, LibraryMetric]] = MappingProxyType(
    {metric.key: metric for metric in _METRICS}
)
"""Every built-in metric, by its key."""


def for_site(definition: Definition, context: Context) -> Definition:
    """Fill in what a built-in definition leaves to the site: its currency and its events' names."""
    match definition:
        case Quotient():
            return Quotient(_total(definition.above, context), _total(definition.below, context))
        case Passage():
            start = definition.start
            return replace(
                definition,
                start=None if start is None else _named(start, context),
                goal=_named(definition.goal, context),
            )


def metric_for_site(metric: Metric, context: Context) -> Metric:
    """Fill in the same of a metric of one person at a time."""
    below = metric.denominator
    return replace(
        metric,
        counted=_counted(metric.counted, context),
        denominator=None if below is None else _counted(below, context),
    )


def _total(total: Total, context: Context) -> Total:
    counted = total.counted
    return total if counted is None else replace(total, counted=_counted(counted, context))


def _counted(counted: Counted, context: Context) -> Counted:
    amount = counted.amount
    if amount is not None and amount.kind is AmountKind.MONEY and not amount.currency:
        amount = replace(amount, currency=context.currency, trusted=context.trusted)
    return Counted(_named(counted.events, context), amount)


def _named(events: Events, context: Context) -> Events:
    return replace(events, names=context.called(events.names))


def _read_name(value: object, place: str, context: Context, mistakes: Mistakes) -> Metric | None:
    """Take the key of a metric, or an event's name for the share of people who have it.

    A metric of the site's own, by `key` or `key@version`, goes before a built-in one.
    """
    if not isinstance(value, str) or not value:
        mistakes.add(place, "is not text")
        return None
    key, _, version = value.partition("@")
    own = context.metrics(key)
    if own is not None:
        definition = own.definition(version)
        if definition is None:
            mistakes.add(place, own.wants(version))
            return None
        return METRIC.read(definition.definition, place, context, mistakes)
    built_in = METRIC_LIBRARY.get(value)
    if built_in is None:
        found = Metric(value, MetricKind.PROPORTION, Counted(Events((value,))))
        for reason in found.obstacles():
            mistakes.add(place, reason)
        return None if found.obstacles() else found
    if built_in.per_person is None:
        able = ", ".join(key for key, each in METRIC_LIBRARY.items() if each.per_person)
        mistakes.add(place, f"is not a metric of one person at a time, as {able} are")
        return None
    return metric_for_site(built_in.per_person, context)


_NAME: Final[Form[Metric]] = Form({"type": "string", "minLength": 1}, _read_name)

METRIC_OR_NAME: Final = either(_NAME, METRIC)
"""A metric of one person at a time: its key, an event's name, or in full."""
