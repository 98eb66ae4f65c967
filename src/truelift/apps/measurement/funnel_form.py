"""The funnel explorer's form: an address in, a question's JSON out, every error said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import QueryDict

from truelift.apps.explorers.events_text import condition, escaped, events_of, split
from truelift.apps.measurement.periods import Period, before, day_of, midnight
from truelift.errors import Refusal
from truelift.questions.document import Json, instant
from truelift.questions.events_seen import EventSeen
from truelift.questions.forms import Context
from truelift.questions.funnel import MAX_EXCLUSIONS, MAX_STEPS, Funnel
from truelift.questions.matching import BadQuestion
from truelift.questions.metric_library import ACTIVATED, SET_UP, SIGN_UP
from truelift.questions.parse import parse_question
from truelift.sequences.funnels import Order


WINDOWS: Final = (
    ("30m", "30 minutes"),
    ("1h", "1 hour"),
    ("1d", "1 day"),
    ("7d", "7 days"),
    ("14d", "14 days"),
    ("30d", "30 days"),
)
ORDERS: Final = (
    (Order.ORDERED.value, "In order"),
    (Order.STRICT.value, "In order, nothing between"),
    (Order.ANY.value, "In any order"),
)
COMPARES: Final = (
    ("before", "The period before"),
    ("period", "Another period"),
    ("segment", "Another segment"),
    ("where", "Other conditions"),
    ("none", "Nothing"),
)
"""What a funnel may stand beside."""
UNITS: Final = (("person", "People"), ("session", "Sessions"))
ATTRIBUTIONS: Final[tuple[tuple[str, str], ...]] = (
    ("step", "The event of step …"),
    ("first", "The first event that says it"),
    ("last", "The last event that says it"),
    ("each", "Each step’s own event"),
)
EACH: Final = "each"
"""Of `ATTRIBUTIONS`: every step is counted under the value of its own event."""
INTERVALS: Final = (("", "As fits"), ("day", "Day"), ("week", "Week"), ("month", "Month"))
VIEWS: Final = (
    ("steps", "Steps"),
    ("compare", "Side by side"),
    ("times", "Time between steps"),
)
"""The parts of the page, each with an address of its own."""

LONGEST: Final = 2_000
"""Letters of one parameter that are read."""

Called = Mapping[str, tuple[str, ...]]
"""Event of the built-in metrics → what a site calls it instead."""

USUAL: Final[Called] = MappingProxyType({})
"""Every event has its usual name."""

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WINDOW: Final = re.compile(r"^(\d{1,6})([smhd])$")
_STEP: Final = re.compile(r"^\d{1,2}$")


@dataclass(frozen=True, slots=True)
class Barred:
    """Events that must not lie between two steps, as they were typed."""

    events: str = ""
    first: str = "1"
    last: str = "2"


@dataclass(frozen=True, slots=True)
class FunnelForm:
    """What a person asked for, as they asked it.

    Attributes:
        steps: Events, in order, each in one line with its conditions.
        window: A number and s, m, h or d.
        order: One of `ORDERS`.
        period: Which days the step-1 event falls into.
        by: Dimension or property to break down by; empty for none.
        compare: One of `COMPARES`.
        segment: A saved segment, only whose people are asked about; empty for everybody.
        unit: One of `UNITS`.
        attribution: One of `ATTRIBUTIONS`: which event says in which group somebody is.
        attribution_step: Which step's, for `step`.
        exclude: Events that end an attempt.
        between: Events that must not lie between two steps.
        money: Whether money is added up at every step.
        every: One of `INTERVALS`; empty for what fits the period.
        against: The other period, for `period`.
        against_segment: The other segment, for `segment`; empty for everybody.
        against_where: The other conditions, for `where`, in one line.
        where: Conditions that hold of every event, in one line.
        view: One of `VIEWS`.
        times: The two steps between which time is measured; empty for the outermost.
    """

    steps: tuple[str, ...] = ()
    window: str = "7d"
    order: str = Order.ORDERED.value
    period: Period = field(default_factory=Period)
    by: str = ""
    compare: str = "before"
    segment: str = ""
    unit: str = "person"
    attribution: str = "step"
    attribution_step: str = "1"
    exclude: str = ""
    between: tuple[Barred, ...] = ()
    money: bool = False
    every: str = ""
    against: Period = field(default_factory=lambda: Period("days"))
    against_segment: str = ""
    against_where: str = ""
    where: str = ""
    view: str = "steps"
    times: tuple[str, str] = ("", "")

    @classmethod
    def of(cls, query: QueryDict) -> FunnelForm:
        """Read the form from an address; what is missing keeps its default."""
        given = cls()

        def one(name: str, default: str = "") -> str:
            return query.get(name, "").strip()[:LONGEST] or default

        rows = zip(
            query.getlist("not"), query.getlist("not_from"), query.getlist("not_to"), strict=False
        )
        return cls(
            steps=tuple(text.strip()[:LONGEST] for text in query.getlist("step") if text.strip()),
            window=one("window", given.window),
            order=one("order", given.order),
            period=Period.of(query),
            by=one("by")[:200],
            compare=one("compare", given.compare),
            segment=one("segment")[:80],
            unit=one("unit", given.unit),
            attribution=one("attribution", given.attribution),
            attribution_step=one("attribution_step", given.attribution_step),
            exclude=one("exclude"),
            between=tuple(
                Barred(events.strip()[:LONGEST], first.strip()[:8], last.strip()[:8])
                for events, first, last in rows
                if events.strip()
            ),
            money=one("money") == "yes",
            every=one("every"),
            against=Period("days", one("against_since"), one("against_until")),
            against_segment=one("against_segment")[:80],
            against_where=one("against_where"),
            where=one("where"),
            view=one("view", given.view),
            times=(one("from_step"), one("to_step")),
        )

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The parameters that bring this form back; what is as usual is left out."""
        pairs: list[tuple[str, str]] = [("step", step) for step in self.steps]
        pairs += [("window", self.window), ("order", self.order), *self.period.pairs]
        usual = FunnelForm()
        pairs += [
            (name, str(getattr(self, name)))
            for name in ("by", "segment", "unit", "exclude", "every", "where", "attribution")
            if getattr(self, name) != getattr(usual, name)
        ]
        if self.by and self.attribution == "step" and self.attribution_step != "1":
            pairs.append(("attribution_step", self.attribution_step))
        for barred in self.between:
            pairs += [("not", barred.events), ("not_from", barred.first), ("not_to", barred.last)]
        pairs += [("money", "yes")] if self.money else []
        pairs.append(("compare", self.compare))
        match self.compare:
            case "period":
                pairs += [("against_since", self.against.since)]
                pairs += [("against_until", self.against.until)]
            case "segment" if self.against_segment:
                pairs.append(("against_segment", self.against_segment))
            case "where" if self.against_where:
                pairs.append(("against_where", self.against_where))
        names = ("from_step", "to_step")
        pairs += [(name, step) for name, step in zip(names, self.times, strict=True) if step]
        return pairs + ([("view", self.view)] if self.view != usual.view else [])

    @property
    def address(self) -> str:
        """The query that brings this form back: what a person shares."""
        return urlencode(self.pairs)

    def seen_as(self, view: str) -> str:
        """Give the address of another part of the page about the same funnel."""
        form = self if view != "times" else self.told_once
        pairs = [pair for pair in form.pairs if pair[0] != "view"]
        return urlencode(pairs + ([("view", view)] if view != FunnelForm().view else []))

    @property
    def told_once(self) -> FunnelForm:
        """The same, with everybody in one group: what is asked of people and of times."""
        return replace(self, attribution="step") if self.attribution == EACH else self

    @property
    def attributions(self) -> tuple[tuple[str, str], ...]:
        """Which of `ATTRIBUTIONS` this part of the page can be asked by."""
        return tuple(each for each in ATTRIBUTIONS if each[0] != EACH or self.view != "times")

    @property
    def beside_times(self) -> list[tuple[str, str]]:
        """What a form that only chooses two steps carries along."""
        mine = {"from_step", "to_step", "view"}
        return [pair for pair in self.pairs if pair[0] not in mine]

    @property
    def chosen_times(self) -> list[tuple[str, str]]:
        """The two steps that were chosen, for the form that chooses everything else."""
        both = zip(("from_step", "to_step"), self.times, strict=True)
        return [(name, step) for name, step in both if step]

    @property
    def own_window(self) -> bool:
        """Whether the window is none of those that the form offers."""
        return self.window not in dict(WINDOWS)

    @property
    def says_more(self) -> bool:
        """Whether something behind "More settings" differs from what is usual."""
        usual = FunnelForm()
        names = ("unit", "attribution", "attribution_step", "exclude", "between", "money", "every")
        return self.where != usual.where or any(
            getattr(self, name) != getattr(usual, name) for name in names
        )

    @property
    def window_s(self) -> int | None:
        """The window in seconds, or None where it is not one."""
        found = _WINDOW.match(self.window)
        return int(found[1]) * _SECONDS[found[2]] if found else None

    def problems(self) -> tuple[str, ...]:
        """Say everything that keeps the form itself from being a question."""
        found = []
        if len(self.steps) < 2:
            found.append("A funnel has at least two steps.")
        if len(self.steps) > MAX_STEPS:
            found.append(f"A funnel has at most {MAX_STEPS} steps; this has {len(self.steps)}.")
        if not self.window_s:
            found.append("The window is a number and s, m, h or d: 30m, 7d.")
        if self.order not in dict(ORDERS):
            found.append("The order is ordered, strict or any.")
        found += self.period.problems()
        found += self._choices()
        if len(self.between) > MAX_EXCLUSIONS:
            found.append(f"At most {MAX_EXCLUSIONS} sets of events are excluded between steps.")
        for barred in self.between:
            if not (_STEP.match(barred.first) and _STEP.match(barred.last)):
                found.append("An exclusion lies between two steps, given by their numbers.")
        if not _STEP.match(self.attribution_step):
            found.append("The step that says the group is a step's number.")
        if any(step and not _STEP.match(step) for step in self.times):
            found.append("The time between steps needs the numbers of two steps.")
        if self.by and self.attribution == EACH and self.view == "times":
            found.append(
                "By each step’s own event, somebody may be in another group at every step, so no"
                " group has times. Let a step, the first or the last event say the group."
            )
        if self.compare == "period":
            found += [f"The other period: {each}" for each in self.against.problems()]
        if self.compare == "where" and not self.against_where:
            found.append("The other conditions are missing, such as device = phone.")
        if self.compare == "segment" and self.against_segment == self.segment:
            found.append("The other segment is the same one; choose another.")
        return tuple(found)

    def mended(self) -> FunnelForm:
        """Give the form with what is wrong in it as usual, so that the rest can be checked too."""
        usual = FunnelForm()
        choices = {"order": ORDERS, "unit": UNITS, "attribution": ATTRIBUTIONS}
        return replace(
            self,
            steps=self.steps[:MAX_STEPS] if len(self.steps) > 1 else ("a", "b"),
            window=self.window if self.window_s else usual.window,
            period=usual.period if self.period.problems() else self.period,
            attribution_step=self.attribution_step if _STEP.match(self.attribution_step) else "1",
            between=tuple(
                each
                for each in self.between[:MAX_EXCLUSIONS]
                if _STEP.match(each.first) and _STEP.match(each.last)
            ),
            **{
                name: getattr(self, name)
                if getattr(self, name) in dict(offered)
                else getattr(usual, name)
                for name, offered in choices.items()
            },
        )

    def _choices(self) -> list[str]:
        choices = (
            (self.unit, UNITS, "What is counted is people or sessions."),
            (
                self.attribution,
                ATTRIBUTIONS,
                "The group is said by a step, the first, the last or each.",
            ),
            (self.every, INTERVALS, "An interval is a day, a week or a month."),
            (self.view, VIEWS, "This page shows the steps, two funnels side by side, or times."),
            (self.compare, COMPARES, "A funnel stands beside a period, a segment or conditions."),
        )
        return [words for value, offered, words in choices if value not in dict(offered)]

    def bounds(self, *, now: datetime, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
        """Give the half-open period that the step-1 event must fall into."""
        return self.period.bounds(now=now, zone=zone)

    def document(self, *, now: datetime, zone: ZoneInfo) -> dict[str, Json]:
        """Give the question's JSON, the period as instants."""
        found: dict[str, Json] = {
            "question": "funnel",
            "steps": [_step(text) for text in self.steps],
            "window_s": self.window_s or 0,
            "order": self.order,
            "as_of": instant(now),
            "unit": self.unit,
            **_bounded(*self.bounds(now=now, zone=zone)),
        }
        if self.by:
            found |= {"by": self.by, "attribution": self.attribution}
            if self.attribution == "step":
                found["attribution_step"] = int(self.attribution_step)
        if self.where:
            found["where"] = conditions_of(self.where)
        if self.exclude:
            found["exclude"] = events_of(self.exclude)
        if self.between:
            found["exclude_between"] = [
                {
                    "event": events_of(barred.events),
                    "from_step": int(barred.first),
                    "to_step": int(barred.last),
                }
                for barred in self.between
            ]
        if self.money:
            found["amount"] = {"kind": "money"}
        return found | ({"segment": self.segment} if self.segment else {})

    def other(self, *, now: datetime, zone: ZoneInfo) -> dict[str, Json] | None:
        """Give the JSON of the funnel beside it, without groups; None where there is none."""
        whole = self.document(now=now, zone=zone)
        groups = {"by", "attribution", "attribution_step"}
        mine = {name: value for name, value in whole.items() if name not in groups}
        without = {k: v for k, v in mine.items() if k not in {"since", "until"}}
        match self.compare:
            case "before":
                earlier = before(*self.bounds(now=now, zone=zone), zone=zone)
                return None if earlier is None else without | _bounded(*earlier)
            case "period":
                first, last = day_of(self.against.since), day_of(self.against.until)
                if first is None or last is None:
                    return None
                end = midnight(last + timedelta(days=1), zone)
                return without | _bounded(midnight(first, zone), end)
            case "segment":
                others = {k: v for k, v in mine.items() if k != "segment"}
                named: dict[str, Json] = {"segment": self.against_segment}
                return others | (named if self.against_segment else {})
            case "where":
                return mine | {"where": conditions_of(self.against_where)}
            case _:
                return None

    def question(self, *, now: datetime, zone: ZoneInfo) -> Funnel:
        """Turn a form without a segment into the question.

        Raises:
            BadQuestion: The steps and options contradict each other.
        """
        context = Context(now=now, time_zone=zone.key)
        return cast("Funnel", parse_question(self.document(now=now, zone=zone), context))


def reasons_of(refusal: Refusal) -> tuple[str, ...]:
    """Give everything that is wrong with a question as sentences."""
    reasons = refusal.facts.get("reasons")
    if isinstance(refusal, BadQuestion) and isinstance(reasons, tuple):
        return tuple(f"{text[:1].upper()}{text[1:]}." for text in map(str, reasons))
    return (str(refusal),)


def conditions_of(text: str) -> Json:
    """Read conditions in one line: `device = phone, value >= 10`."""
    return [condition(part) for part in split(text, ",") if part.strip()]


_BUSINESSES: Final = (
    (
        "view_item",
        "add_to_cart",
        "begin_checkout",
        "add_shipping_info",
        "add_payment_info",
        "purchase",
    ),
    ("page_view", "form_view", "form_start", "generate_lead"),
    ("page_view", SIGN_UP, SET_UP, ACTIVATED),
)
"""The way to what is sold, of a shop, of a form for leads and of a trial."""


def default_steps(seen: Sequence[str], called: Called = USUAL) -> tuple[tuple[str, ...], ...]:
    """Propose a first funnel from the names of events that a site has, each step by its names.

    The steps of a shop, of a form for leads or of a trial, where two or more of them are
    there; else page views and the event that most people do after them.

    Args:
        seen: Names of the site's events, the most frequent first.
        called: What the site calls events of the built-in metrics, where otherwise.
    """
    for usual in _BUSINESSES:
        ours = (names for name in usual for names in _named(name, called))
        there = tuple(known for names in ours if (known := tuple(n for n in names if n in seen)))
        if len(there) >= 2:
            return there
    others = [name for name in seen if name not in {"page_view", "identify", "group", "alias"}]
    if "page_view" in seen and others:
        return (("page_view",), (others[0],))
    return tuple((name,) for name in others[:2])


def _named(event: str, called: Called) -> tuple[tuple[str, ...], ...]:
    """Give the steps that an event of the usual way stands for, each by its names."""
    names = called.get(event, (event,))
    # Setting up has several steps, and one name for each; all others are one step.
    return tuple((name,) for name in names) if event == SET_UP else (names,)


def default_form(seen: Sequence[EventSeen], *, now: datetime, called: Called = USUAL) -> FunnelForm:
    """Propose a first funnel: the usual steps, by device, over the last 28 days or all time."""
    last = max((each.last_at for each in seen), default=None)
    recent = last is not None and now - last < timedelta(days=28)
    steps = default_steps([each.event for each in seen], called)
    return FunnelForm(
        steps=tuple(" | ".join(map(escaped, names)) for names in steps),
        period=Period("28" if recent else "all"),
        by="device",
    )


def _step(text: str) -> Json:
    """Read a step: a set of events in one line; " ?" at its end makes it optional."""
    optional = text.endswith(" ?")
    found = events_of(text.removesuffix(" ?"))
    if not optional:
        return found
    named: Mapping[str, Json] = {"names": [found]} if isinstance(found, str) else {}
    return {**(found if isinstance(found, Mapping) else named), "optional": True}


def _bounded(since: datetime | None, until: datetime | None) -> dict[str, Json]:
    bounds = (("since", since), ("until", until))
    return {name: instant(moment) for name, moment in bounds if moment is not None}
