"""The members that the documents of several questions share, and what their forms make of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, TypeVar, cast

from truelift.questions.forms import (
    Context,
    Field,
    Form,
    Mistakes,
    duration,
    either,
    list_of,
    made,
    moment,
    one_of,
    record,
    share,
    text,
    whole,
    yes_or_no,
)
from truelift.questions.matching import Comparison, Condition, Events
from truelift.questions.metric import Amount, AmountKind, Counted, Metric, MetricKind


T = TypeVar("T")


class Members:
    """The members of an object that were there, each as what its form makes of it."""

    def __init__(self, given: Mapping[str, object]) -> None:
        self._given = given

    def get(self, name: str, default: T) -> T:
        """Give a member, or what stands in for one that was left out."""
        return cast("T", self._given.get(name, default))

    def maybe(self, name: str, kind: type[T]) -> T | None:
        """Give a member of a kind, or None where it was left out."""
        found = self._given.get(name)
        return found if isinstance(found, kind) else None


def events_of(given: Mapping[str, object], _context: Context) -> Events:
    """Make a set of events of its members."""
    members = Members(given)
    return Events(names=members.get("names", ()), where=members.get("where", ()))


def _condition(given: Mapping[str, object], _context: Context) -> Condition:
    members = Members(given)
    return Condition(
        field=members.get("field", ""),
        comparison=members.get("comparison", Comparison.IS),
        values=members.get("values", ()),
    )


def _amount(given: Mapping[str, object], context: Context) -> Amount:
    members = Members(given)
    kind = members.get("kind", AmountKind.NUMBER)
    is_money = kind is AmountKind.MONEY
    return Amount(
        kind=kind,
        name=members.get("name", ""),
        currency=members.get("currency", context.currency if is_money else ""),
        trusted=members.get("trusted", is_money and context.trusted),
    )


def _counted(given: Mapping[str, object], _context: Context) -> Counted:
    members = Members(given)
    return Counted(members.get("event", Events()), members.maybe("amount", Amount))


def _metric(given: Mapping[str, object], context: Context) -> Metric:
    members = Members(given)
    return Metric(
        key=members.get("key", ""),
        kind=members.get("kind", MetricKind.PROPORTION),
        counted=_counted(given, context),
        denominator=members.maybe("denominator", Counted),
        window_s=members.maybe("window_s", int),
        from_s=members.get("from_s", 0),
        steps=members.get("steps", ()),
        level=members.maybe("level", float),
        per_unit=members.get("per_unit", False),
    )


def _as_text(value: object, place: str, _context: Context, mistakes: Mistakes) -> str | None:
    """Take what a property may be worth: text, a number, true or false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) or (isinstance(value, int | float) and math.isfinite(value)):
        return str(value)
    mistakes.add(place, "is not text, a number, true or false")
    return None


VALUE: Final[Form[str]] = Form({"type": ["string", "number", "boolean"]}, _as_text)

CONDITION: Final = record(
    _condition,
    {
        "field": Field(text(), "A dimension's or property's name.", required=True),
        "comparison": Field(one_of(Comparison), "How it compares; `is` when left out."),
        "values": Field(list_of(VALUE), "Any one of these suffices."),
    },
)
WHERE: Final = Field(list_of(CONDITION, most=50), "All of these hold.")
NAMES: Final = Field(list_of(text(), least=1, most=200), "Any one of these names.")


def _one_name(name: str) -> Events:
    return Events((name,))


EVENTS: Final = either(made(text(), _one_name), record(events_of, {"names": NAMES, "where": WHERE}))
AMOUNT: Final = record(
    _amount,
    {
        "kind": Field(one_of(AmountKind), "Where the number stands; `number` when left out."),
        "name": Field(text(), "Of the property."),
        "currency": Field(text(), "That counts; the site's when left out."),
        "trusted": Field(yes_or_no(), "Only what a secret key sent."),
    },
)
EVENT: Final = Field(EVENTS, "Which events.", required=True)
COUNTED: Final = record(
    _counted, {"event": EVENT, "amount": Field(AMOUNT, "What is added up; the events themselves.")}
)
_OF_ANYBODY: Final = tuple(kind for kind in MetricKind if not kind.is_told_of_units)
_SHARED: Final = {
    "key": Field(text(), "Its name.", required=True),
    "event": EVENT,
    "amount": Field(AMOUNT, "What is added up."),
    "denominator": Field(COUNTED, "Of a ratio."),
    "window_s": Field(duration(), "From the first exposure, the end included."),
}
METRIC: Final = record(
    _metric,
    {
        **_SHARED,
        "kind": Field(
            one_of(MetricKind, _OF_ANYBODY), "How events become one number.", required=True
        ),
    },
)
UNIT_METRIC: Final = record(
    _metric,
    {
        **_SHARED,
        "kind": Field(one_of(MetricKind), "How events become one number.", required=True),
        "from_s": Field(duration(), "Of a retention, and no earlier."),
        "steps": Field(list_of(EVENTS, most=10), "Of a funnel step, what is done before it."),
        "level": Field(share(), "Of a quantile, which."),
        "per_unit": Field(yes_or_no(), "Of a quantile: a unit's total is one number."),
    },
)
"""A metric of units that have an instant of their own, such as an experiment's."""
SINCE: Final = Field(moment(), "Nothing before this.")
UNTIL: Final = Field(moment(), "Nothing at or after this.")
AS_OF: Final = Field(moment(), "Windows that end at or after this are open; now.")
ZONE: Final = Field(text(), "Whose days; the site's when left out.")
ROWS: Final = Field(whole(least=1, most=10_000), "Smaller ones are put together.")
