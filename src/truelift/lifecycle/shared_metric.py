"""The metric that all answer for: what it is, who signs it, what it came to, what finance has.

Source:
    R019: one definition, versioned, signed by marketing, sales and finance; refunds change the
    day of their order within a window; beyond 2 % from the ledger it says so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import Obstacle


SIGNING: Final = (Function.MARKETING, Function.SALES, Function.FINANCE)
"""Who answers for it, each by a person of their own."""

DRIFT_ALLOWED: Final = 0.02
"""Analytics and ledger may be so far apart; beyond that every page says it."""

LONGEST_MATURITY: Final = 365
DAYS_FOR_DRIFT: Final = 28


class MetricKind(StrEnum):
    """What a site earns its money with."""

    REVENUE = "revenue"
    LEADS = "leads"
    ACTIVATED = "activated"

    @property
    def called(self) -> str:
        """Its name on a page."""
        return {
            MetricKind.REVENUE: "Revenue per session",
            MetricKind.LEADS: "Expected revenue per session",
            MetricKind.ACTIVATED: "Activated value per visitor",
        }[self]

    @property
    def formula(self) -> str:
        """What is divided by what, in words."""
        return {
            MetricKind.REVENUE: "net revenue ÷ eligible sessions",
            MetricKind.LEADS: "leads × P(close) × value ÷ eligible sessions",
            MetricKind.ACTIVATED: "activated visitors × value ÷ visitors of the day",
        }[self]


class State(StrEnum):
    """How far a definition is."""

    PROPOSED = "proposed"
    IN_FORCE = "in_force"
    REPLACED = "replaced"

    @property
    def called(self) -> str:
        """The state as it stands on a page."""
        return {
            State.PROPOSED: "Proposed",
            State.IN_FORCE: "In force",
            State.REPLACED: "Replaced",
        }[self]


@dataclass(frozen=True, slots=True)
class Signature:
    """Somebody answers for a definition.

    Attributes:
        function: For whom they sign.
        person: Their key.
        at: When.
    """

    function: Function
    person: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Definition:
    """One version of the shared metric.

    Attributes:
        version: From 1.
        kind: What it is.
        maturity_days: Refunds of so many days after an order change its day.
        close_rate: P(close) as agreed; None: as the leads that are closed have it.
        value_minor: What a won lead or an activated visitor is worth, as agreed; None: as the
            leads that were won have it.
        signatures: Who has signed this version.
    """

    version: int
    kind: MetricKind
    maturity_days: int
    close_rate: float | None = None
    value_minor: int | None = None
    signatures: tuple[Signature, ...] = ()

    @property
    def missing(self) -> tuple[Function, ...]:
        """The functions that have not signed yet."""
        signed = {each.function for each in self.signatures}
        return tuple(each for each in SIGNING if each not in signed)

    @property
    def state(self) -> State:
        """In force when all three have signed, proposed until then."""
        return State.PROPOSED if self.missing else State.IN_FORCE


def in_force(definitions: Sequence[Definition]) -> Definition | None:
    """Give the newest version that all have signed; None while there is none."""
    signed = [each for each in definitions if each.state is State.IN_FORCE]
    return max(signed, key=lambda each: each.version, default=None)


def read_by(definitions: Sequence[Definition]) -> Definition | None:
    """Give the version by which numbers are read: the one in force, else the newest."""
    newest = max(definitions, key=lambda each: each.version, default=None)
    return in_force(definitions) or newest


def state_among(definition: Definition, definitions: Sequence[Definition]) -> State:
    """Say how far a version is beside all others of its site."""
    ruling = in_force(definitions)
    if ruling is not None and definition.version < ruling.version:
        return State.REPLACED
    return definition.state


def definition_obstacles(
    *, kind: MetricKind, maturity_days: int, close_rate: float | None, value_minor: int | None
) -> tuple[Obstacle, ...]:
    """Say what keeps a definition from being one."""
    found = []
    if not 0 <= maturity_days <= LONGEST_MATURITY:
        found.append(
            Obstacle(
                "shared_metric.maturity",
                f"A window of {maturity_days} days is none.",
                f"Give it 0 to {LONGEST_MATURITY} days.",
            )
        )
    if close_rate is not None and not 0 < close_rate <= 1:
        found.append(
            Obstacle(
                "shared_metric.close_rate",
                "The probability that a lead closes lies between 0 and 1.",
                "Leave it out to take it from the leads that are closed.",
            )
        )
    if value_minor is not None and value_minor <= 0:
        found.append(
            Obstacle("shared_metric.value", "The value is not positive.", "Give what one is worth.")
        )
    if kind is MetricKind.ACTIVATED and value_minor is None:
        found.append(
            Obstacle(
                "shared_metric.no_value",
                "Nobody says what an activated visitor is worth.",
                "Agree with finance on a value.",
            )
        )
    if kind is not MetricKind.LEADS and close_rate is not None:
        found.append(
            Obstacle(
                "shared_metric.no_leads",
                "Only leads have a probability to close.",
                "Leave it out, or choose expected revenue per session.",
            )
        )
    return tuple(found)


def signing_obstacles(
    definition: Definition,
    *,
    function: Function,
    person: str,
    functions: Collection[Function],
    newest: int,
) -> tuple[Obstacle, ...]:
    """Say why a person may not sign a version for a function.

    Args:
        definition: The version.
        function: For whom.
        person: Their key.
        functions: What they do on the site.
        newest: The newest version there is.
    """
    found = []
    if definition.version < newest:
        found.append(
            Obstacle(
                "shared_metric.replaced",
                f"Version {newest} was proposed since.",
                "Sign that one, or propose this one again.",
            )
        )
    if function not in SIGNING:
        found.append(
            Obstacle(
                "shared_metric.no_signer",
                f"{function.called} does not sign the shared metric.",
                "Marketing, sales and finance do.",
            )
        )
    elif function not in functions:
        found.append(
            Obstacle(
                "shared_metric.function",
                f"You do not have the function {function.called.lower()} on this site.",
                "Let somebody of theirs sign, or ask an owner for the function.",
            )
        )
    if any(each.function is function for each in definition.signatures):
        found.append(
            Obstacle(
                "shared_metric.signed",
                f"{function.called} has signed this version.",
                "Let those sign that are missing.",
            )
        )
    if any(each.person == person for each in definition.signatures):
        found.append(
            Obstacle(
                "shared_metric.signed_by_one",
                "You have signed this version for somebody else already.",
                "Let another person sign: three answer for it.",
            )
        )
    return tuple(found)


def within_window(*, order: date, refund: date, maturity_days: int) -> bool:
    """Say whether a refund still changes the day of its order."""
    return (refund - order).days <= maturity_days


@dataclass(frozen=True, slots=True)
class Totals:
    """What some days came to; None where no feed says.

    Attributes:
        sessions: Eligible ones.
        people: Visitors, each day's counted for itself.
        orders: Or activations.
        revenue_minor: Net of refunds within the window.
        late_minor: Refunds after the window, never taken off.
        leads: That came.
        closed: Of them, won or lost.
        won: Of them.
        won_minor: What the won ones are worth.
    """

    sessions: int | None = None
    people: int | None = None
    orders: int | None = None
    revenue_minor: int | None = None
    late_minor: int = 0
    leads: int | None = None
    closed: int = 0
    won: int = 0
    won_minor: int = 0

    def __add__(self, other: Totals) -> Totals:
        """Add other days; what is said of some days alone counts as it is said."""
        return Totals(
            sessions=_sum(self.sessions, other.sessions),
            people=_sum(self.people, other.people),
            orders=_sum(self.orders, other.orders),
            revenue_minor=_sum(self.revenue_minor, other.revenue_minor),
            late_minor=self.late_minor + other.late_minor,
            leads=_sum(self.leads, other.leads),
            closed=self.closed + other.closed,
            won=self.won + other.won,
            won_minor=self.won_minor + other.won_minor,
        )


@dataclass(frozen=True, slots=True)
class Value:
    """What the metric came to.

    Attributes:
        minor: Minor units per session or visitor; None where it is undefined.
        over: What is divided: minor units.
        of: By what: sessions or visitors.
        why: Why it is undefined; empty otherwise.
    """

    minor: float | None
    over: float | None
    of: int | None
    why: str = ""


def value_of(definition: Definition, totals: Totals, *, behind: Totals | None = None) -> Value:
    """Compute the metric of some days.

    Args:
        definition: What it is.
        totals: Of these days.
        behind: Of the days from which P(close) and value of leads are taken where they are not
            agreed; None: these days.
    """
    if definition.kind is MetricKind.ACTIVATED:
        return _activated(definition, totals)
    if not totals.sessions:
        return Value(None, None, totals.sessions, "No eligible session is known of these days.")
    if definition.kind is MetricKind.REVENUE:
        if totals.revenue_minor is None:
            return Value(None, None, totals.sessions, "No feed says what was sold.")
        over = float(totals.revenue_minor)
        return Value(over / totals.sessions, over, totals.sessions)
    if totals.leads is None:
        return Value(None, None, totals.sessions, "No feed brings leads.")
    known = behind or totals
    rate = definition.close_rate
    if rate is None:
        if not known.closed:
            return Value(None, None, totals.sessions, "No lead is closed yet: P(close) is unknown.")
        rate = known.won / known.closed
    worth = float(definition.value_minor) if definition.value_minor is not None else None
    if worth is None:
        if not known.won:
            return Value(None, None, totals.sessions, "No lead is won yet: its value is unknown.")
        worth = known.won_minor / known.won
    over = totals.leads * rate * worth
    return Value(over / totals.sessions, over, totals.sessions)


def _activated(definition: Definition, totals: Totals) -> Value:
    if not totals.people:
        return Value(None, None, totals.people, "No feed counts visitors of these days.")
    if totals.orders is None or definition.value_minor is None:
        return Value(None, None, totals.people, "No feed says who was activated.")
    over = float(totals.orders * definition.value_minor)
    return Value(over / totals.people, over, totals.people)


@dataclass(frozen=True, slots=True)
class Drift:
    """How far analytics and ledger are apart over the same days.

    Attributes:
        since: The first day.
        until: The first day after them.
        analytics_minor: Net revenue as the feeds have it.
        ledger_minor: As finance has it.
    """

    since: date
    until: date
    analytics_minor: int
    ledger_minor: int

    @property
    def share(self) -> float | None:
        """Analytics ÷ ledger − 1; None where the ledger has nothing to compare with."""
        return self.analytics_minor / self.ledger_minor - 1 if self.ledger_minor else None

    @property
    def beyond(self) -> bool:
        """Whether it is more than is allowed; revenue beside an empty ledger always is."""
        if self.ledger_minor == 0:
            return self.analytics_minor != 0
        # In whole numbers: 2 % is not beyond 2 %.
        apart = abs(self.analytics_minor - self.ledger_minor)
        return apart * 100 > abs(self.ledger_minor) * round(DRIFT_ALLOWED * 100)


def _sum(left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return left if right is None else right
    return left + right
