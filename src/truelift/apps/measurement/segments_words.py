"""A segment's condition as a sentence: "People who did purchase in the last 30 days"."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.drawing.wording import count, day
from truelift.apps.measurement.naming import lasting
from truelift.questions.matching import Comparison, Condition, Events
from truelift.questions.segment import (
    All,
    AnyOf,
    Did,
    FirstSeen,
    Followed,
    Not,
    Part,
    Span,
    Was,
    Which,
)


_COMPARED: Final = {
    Comparison.IS: "is",
    Comparison.IS_NOT: "is not",
    Comparison.CONTAINS: "contains",
    Comparison.AT_LEAST: "is at least",
    Comparison.AT_MOST: "is at most",
    Comparison.IS_SET: "is set",
    Comparison.IS_NOT_SET: "is not set",
}
_HAD: Final = {
    Which.FIRST: "had a first",
    Which.LAST: "had a last",
    Which.EVER: "have ever had a",
}


def people_in_words(condition: Part, zone: ZoneInfo) -> str:
    """Say who is meant, as a sentence without its full stop."""
    return f"People who {_said(condition, zone)}"


def depends_on_period(condition: Part) -> bool:
    """Say whether the period of the question decides who is meant."""
    if isinstance(condition, Did | FirstSeen | Was | Followed):
        return condition.within.asked
    return any(depends_on_period(part) for part in condition.parts)


def _said(part: Part, zone: ZoneInfo, *, inside: bool = False) -> str:
    match part:
        case All() | AnyOf():
            word = "and" if isinstance(part, All) else "or"
            parts = [_said(each, zone, inside=True) for each in part.parts]
            if len(parts) == 1:
                return _said(part.parts[0], zone, inside=inside)
            joined = f", {word} ".join(parts)
            return f"({joined})" if inside else joined
        case Not():
            return f"are not those who {_said(part.part, zone, inside=True)}"
        case FirstSeen():
            return f"were first seen {_when(part.within, zone) or 'at any time'}"
        case Followed():
            steps = ", then ".join(_events(each) for each in part.steps)
            within = f"within {lasting(part.window_s)}"
            return _with(f"did {steps} {within}", part.within, zone)
        case Was():
            had = f"{_HAD[part.which]} {_condition(part.condition, that=True)}"
            of = f" on {_events(part.events)}" if part.events != Events() else ""
            return _with(had + of, part.within, zone)
        case Did():
            return _with(_did(part), part.within, zone)


def _did(part: Did) -> str:
    if part.at_most == 0:
        return f"did not do {_events(part.events)}"
    bounds = []
    if part.at_least > 1 or (part.at_least and part.at_most is not None):
        bounds.append(f"at least {_times(part.at_least)}")
    if part.at_most is not None:
        bounds.append(f"at most {_times(part.at_most)}")
    return f"did {_events(part.events, often=' and '.join(bounds))}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{count(number)} times"


def _events(events: Events, *, often: str = "") -> str:
    names = " or ".join(f"“{name}”" for name in events.names) or "anything"
    where = " and ".join(_condition(each) for each in events.where)
    return " ".join(each for each in (names, often, where and f"where {where}") if each)


def _condition(condition: Condition, *, that: bool = False) -> str:
    """Say "country is “DE”", or "country that is “DE”"."""
    values = " or ".join(
        value if condition.comparison in {Comparison.AT_LEAST, Comparison.AT_MOST} else f"“{value}”"
        for value in condition.values
    )
    words = [condition.field, *(["that"] if that else []), _COMPARED[condition.comparison], values]
    return " ".join(words).rstrip()


def _with(said: str, span: Span, zone: ZoneInfo) -> str:
    when = _when(span, zone)
    return f"{said} {when}" if when else said


def _when(span: Span, zone: ZoneInfo) -> str:
    if span.asked:
        return "within the asked period"
    if span.last_s is not None:
        if span.ago_s:
            return f"in the {lasting(span.last_s)} up to {lasting(span.ago_s)} ago"
        return f"in the last {lasting(span.last_s)}"
    words = []
    for word, moment in (("from", span.since), ("before", span.until)):
        if moment is not None:
            here = moment.astimezone(zone)
            is_midnight = (here.hour, here.minute, here.second) == (0, 0, 0)
            time = "" if is_midnight else f" {here:%H:%M}"
            words.append(f"{word} {day(here.date(), year=None)}{time}")
    return " and ".join(words)
