"""A question as JSON, as `--question FILE.json` takes it, and the frozen value that it means."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar, cast

from truelift.questions.checks import ORDERS, Checks, RecentEvents
from truelift.questions.document import Json
from truelift.questions.events_seen import EventsSeen
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
    text,
    whole,
    yes_or_no,
)
from truelift.questions.funnel import MAX_STEPS, Funnel, Step, Unit
from truelift.questions.matching import BadQuestion, Comparison, Condition, Events
from truelift.questions.metric import Amount, AmountKind, Counted, Metric, MetricKind
from truelift.questions.sessions import KEY_EVENTS, Sessions
from truelift.questions.trend import Interval, Trend
from truelift.questions.variant_summaries import VariantSummaries
from truelift.sequences.funnels import Order


__all__ = ["QUESTIONS", "AnyQuestion", "Context", "parse_question", "schema"]

AnyQuestion = Funnel | Trend | Sessions | VariantSummaries | EventsSeen | Checks | RecentEvents

DEFAULT_WINDOW_S: Final = 7 * 86_400

T = TypeVar("T")


def parse_question(document: object, context: Context) -> AnyQuestion:
    """Take a decoded JSON document for the question that it is.

    Raises:
        BadQuestion: With everything that is wrong, each with its place.
    """
    if not isinstance(document, Mapping):
        raise BadQuestion(question="question", reasons=("it is not an object",))
    name = document.get("question")
    form = QUESTIONS.get(name) if isinstance(name, str) else None
    if form is None:
        reason = f"question is none of {', '.join(QUESTIONS)}"
        raise BadQuestion(question="question", reasons=(reason,))
    mistakes = Mistakes()
    rest = {key: value for key, value in document.items() if key != "question"}
    found = form.read(rest, "", context, mistakes)
    if found is None:
        raise BadQuestion(question=str(name), reasons=mistakes.found)
    return found


def schema() -> dict[str, Json]:
    """Describe every question as one JSON Schema; `docs/questions.schema.json` is this."""
    variants: list[Json] = []
    for name, form in QUESTIONS.items():
        properties = cast("Mapping[str, Json]", form.schema["properties"])
        required = cast("list[Json]", form.schema["required"])
        variants.append(
            {
                **form.schema,
                "title": name,
                "properties": {"question": {"const": name}, **properties},
                "required": ["question", *required],
            }
        )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A question that `truelift ask --question FILE.json` answers",
        "oneOf": variants,
    }


class _Members:
    """The members of an object that were there, each as what its form makes of it."""

    def __init__(self, given: Mapping[str, object]) -> None:
        self._given = given

    def get(self, name: str, default: T) -> T:
        return cast("T", self._given.get(name, default))

    def maybe(self, name: str, kind: type[T]) -> T | None:
        found = self._given.get(name)
        return found if isinstance(found, kind) else None


def _events(given: Mapping[str, object], _context: Context) -> Events:
    members = _Members(given)
    return Events(names=members.get("names", ()), where=members.get("where", ()))


def _condition(given: Mapping[str, object], _context: Context) -> Condition:
    members = _Members(given)
    return Condition(
        field=members.get("field", ""),
        comparison=members.get("comparison", Comparison.IS),
        values=members.get("values", ()),
    )


def _step(given: Mapping[str, object], context: Context) -> Step:
    return Step(_events(given, context), optional=_Members(given).get("optional", False))


def _funnel(given: Mapping[str, object], context: Context) -> Funnel:
    members = _Members(given)
    return Funnel(
        steps=members.get("steps", ()),
        window_s=members.get("window_s", members.get("window", DEFAULT_WINDOW_S)),
        as_of=members.get("as_of", context.now),
        order=members.get("order", Order.ORDERED),
        by=members.maybe("by", str),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        where=members.get("where", ()),
        exclude=members.maybe("exclude", Events),
        unit=members.get("unit", Unit.PERSON),
        max_groups=members.get("max_groups", 100),
    )


def _trend(given: Mapping[str, object], context: Context) -> Trend:
    members = _Members(given)
    return Trend(
        events=members.get("event", Events()),
        interval=members.get("interval", Interval.DAY),
        time_zone=members.get("time_zone", context.time_zone),
        amount=members.maybe("amount", Amount),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
    )


def _sessions(given: Mapping[str, object], context: Context) -> Sessions:
    members = _Members(given)
    return Sessions(
        by=members.maybe("by", str),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        time_zone=members.get("time_zone", context.time_zone),
        key_events=members.get("key_events", KEY_EVENTS),
        max_rows=members.get("max_rows", 100),
    )


def _amount(given: Mapping[str, object], context: Context) -> Amount:
    members = _Members(given)
    kind = members.get("kind", AmountKind.NUMBER)
    is_money = kind is AmountKind.MONEY
    return Amount(
        kind=kind,
        name=members.get("name", ""),
        currency=members.get("currency", context.currency if is_money else ""),
        trusted=members.get("trusted", is_money and context.trusted),
    )


def _counted(given: Mapping[str, object], _context: Context) -> Counted:
    members = _Members(given)
    return Counted(members.get("event", Events()), members.maybe("amount", Amount))


def _metric(given: Mapping[str, object], context: Context) -> Metric:
    members = _Members(given)
    return Metric(
        key=members.get("key", ""),
        kind=members.get("kind", MetricKind.PROPORTION),
        counted=_counted(given, context),
        denominator=members.maybe("denominator", Counted),
        window_s=members.maybe("window_s", int),
    )


def _variant_summaries(given: Mapping[str, object], context: Context) -> VariantSummaries:
    members = _Members(given)
    return VariantSummaries(
        experiment=members.get("experiment", ""),
        variants=members.get("variants", ()),
        metrics=members.get("metrics", ()),
        as_of=members.get("as_of", context.now),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        time_zone=members.get("time_zone", context.time_zone),
    )


def _events_seen(given: Mapping[str, object], _context: Context) -> EventsSeen:
    members = _Members(given)
    return EventsSeen(
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        max_rows=members.get("max_rows", 500),
    )


def _checks(given: Mapping[str, object], context: Context) -> Checks:
    members = _Members(given)
    return Checks(
        currency=members.get("currency", context.currency),
        orders=members.get("orders", ORDERS),
        since=members.maybe("since", datetime),
        deducted=context.deducted,
    )


def _recent(given: Mapping[str, object], _context: Context) -> RecentEvents:
    return RecentEvents(max_rows=_Members(given).get("max_rows", 20))


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


EVENTS: Final = either(made(text(), _one_name), record(_events, {"names": NAMES, "where": WHERE}))
OPTIONAL: Final = Field(yes_or_no(), "Later steps do not need it.")
STEP: Final = either(
    made(text(), lambda name: Step(Events((name,)))),
    record(_step, {"names": NAMES, "where": WHERE, "optional": OPTIONAL}),
)
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
METRIC: Final = record(
    _metric,
    {
        "key": Field(text(), "Its name.", required=True),
        "kind": Field(one_of(MetricKind), "How events become one number.", required=True),
        "event": EVENT,
        "amount": Field(AMOUNT, "What is added up."),
        "denominator": Field(COUNTED, "Of a ratio."),
        "window_s": Field(duration(), "From the first exposure, the end included."),
    },
)
SINCE: Final = Field(moment(), "Nothing before this.")
UNTIL: Final = Field(moment(), "Nothing at or after this.")
AS_OF: Final = Field(moment(), "Windows that end at or after this are open; now.")
ZONE: Final = Field(text(), "Whose days; the site's when left out.")
WINDOW: Final = Field(duration(), "From the first step, its end included; 7 days.")
ROWS: Final = Field(whole(least=1, most=10_000), "Smaller ones are put together.")

QUESTIONS: Final[Mapping[str, Form[AnyQuestion]]] = {
    "funnel": record(
        _funnel,
        {
            "steps": Field(list_of(STEP, least=1, most=MAX_STEPS), "In order.", required=True),
            "window_s": WINDOW,
            "window": WINDOW,
            "order": Field(one_of(Order), "`ordered` when left out."),
            "by": Field(text(), "Dimension or property of the first step."),
            "since": SINCE,
            "until": UNTIL,
            "where": WHERE,
            "exclude": Field(EVENTS, "Events that end an attempt."),
            "unit": Field(one_of(Unit), "`person` when left out."),
            "as_of": AS_OF,
            "max_groups": ROWS,
        },
    ),
    "trend": record(
        _trend,
        {
            "event": replace(EVENT, required=False),
            "interval": Field(one_of(Interval), "`day` when left out."),
            "amount": Field(AMOUNT, "What is added up beside the count."),
            "time_zone": ZONE,
            "since": SINCE,
            "until": UNTIL,
        },
    ),
    "sessions": record(
        _sessions,
        {
            "by": Field(text(), "Dimension, property, entry_page, exit_page or day."),
            "key_events": Field(EVENTS, "What makes a session count as converted."),
            "time_zone": ZONE,
            "since": SINCE,
            "until": UNTIL,
            "max_rows": ROWS,
        },
    ),
    "variant_summaries": record(
        _variant_summaries,
        {
            "experiment": Field(text(), "Its key, as exposures name it.", required=True),
            "variants": Field(list_of(text(), least=1, most=50), "In order.", required=True),
            "metrics": Field(list_of(METRIC, least=1, most=100), "What to sum up.", required=True),
            "since": SINCE,
            "until": UNTIL,
            "as_of": AS_OF,
            "time_zone": ZONE,
        },
    ),
    "events": record(_events_seen, {"since": SINCE, "until": UNTIL, "max_rows": ROWS}),
    "checks": record(
        _checks,
        {
            "currency": Field(text(), "The site's when left out."),
            "orders": Field(EVENTS, "What the site calls an order."),
            "since": SINCE,
        },
    ),
    "recent": record(_recent, {"max_rows": ROWS}),
}
"""Every question that a document can ask, by its name."""
