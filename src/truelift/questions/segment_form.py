"""Segments as JSON: conditions that nest, or the name of a saved one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar, cast

from truelift.errors import Refusal
from truelift.questions.document import Json
from truelift.questions.forms import (
    Context,
    Field,
    Form,
    Mistakes,
    duration,
    list_of,
    moment,
    record,
    text,
    whole,
    yes_or_no,
)
from truelift.questions.matching import BadQuestion, Comparison, Condition, Events
from truelift.questions.members import CONDITION, EVENTS, Members
from truelift.questions.segment import (
    ALWAYS,
    MOST_STEPS,
    All,
    AnyOf,
    Did,
    FirstSeen,
    Followed,
    Not,
    Part,
    Segment,
    Span,
    Was,
    Which,
)


DEEPEST: Final = 40
"""How deep the JSON of a segment may nest, lists and objects counted alike."""

_MOST_TIMES: Final = 1_000_000


class NoSuchSegment(Refusal):
    """A segment that nobody saved."""

    code = "questions.no_such_segment"

    def __init__(self, *, segment: str) -> None:
        super().__init__(
            f"There is no segment {segment[:60]!r}. `truelift segments list` shows those that were"
            " saved; a condition of one's own goes into a file, --segment-file.",
            segment=segment[:60],
        )


def parse_segment(document: object, context: Context) -> Segment:
    """Take decoded JSON for the segment that it is: a saved one's name, or a condition.

    Raises:
        NoSuchSegment: It names one that nobody saved.
        BadQuestion: With everything that is wrong, each with its place.
    """
    mistakes = Mistakes()
    found = SEGMENT.read(document, "segment", context, mistakes)
    if found is None:
        raise BadQuestion(question="segment", reasons=mistakes.found)
    return found


def _span(given: Mapping[str, object], _context: Context) -> Span:
    members = Members(given)
    found = Span(
        since=members.get("since", None),
        until=members.get("until", None),
        last_s=members.get("last", None),
        ago_s=members.get("ago", 0),
        asked=members.get("asked", False),
    )
    if found.obstacles():
        raise BadQuestion(question="period", reasons=found.obstacles())
    return found


def _did(given: Mapping[str, object], _context: Context) -> Did:
    members = Members(given)
    at_most = members.maybe("at_most", int)
    least = 0 if at_most is not None else 1
    return _checked(
        Did(
            events=members.get("did", Events()),
            at_least=members.get("at_least", least),
            at_most=at_most,
            within=members.get("within", ALWAYS),
        )
    )


def _did_not(given: Mapping[str, object], _context: Context) -> Did:
    members = Members(given)
    within = members.get("within", ALWAYS)
    return _checked(Did(members.get("did_not", Events()), at_least=0, at_most=0, within=within))


def _first_seen(given: Mapping[str, object], _context: Context) -> FirstSeen:
    return _checked(FirstSeen(Members(given).get("first_seen", ALWAYS)))


def _was(given: Mapping[str, object], _context: Context) -> Was:
    members = Members(given)
    which = next(each for each in Which if each.value in given)
    return _checked(
        Was(
            which=which,
            condition=members.get(which.value, Condition("", Comparison.IS_SET)),
            events=members.get("event", Events()),
            within=members.get("within", ALWAYS),
        )
    )


def _followed(given: Mapping[str, object], _context: Context) -> Followed:
    members = Members(given)
    return _checked(
        Followed(
            steps=members.get("sequence", ()),
            window_s=members.get("window", 0),
            within=members.get("within", ALWAYS),
        )
    )


Checked = TypeVar("Checked", bound=Part)


def _checked(part: Checked) -> Checked:
    """Give the part back, or refuse it where it stands."""
    if part.obstacles():
        raise BadQuestion(question="condition", reasons=part.obstacles())
    return part


_SPAN: Final = record(
    _span,
    {
        "since": Field(moment(), "Not before this."),
        "until": Field(moment(), "Before this."),
        "last": Field(duration(), "So long, up to the moment that the question is asked for."),
        "ago": Field(duration(), "And so much earlier."),
        "asked": Field(yes_or_no(), "The period of the question itself."),
    },
)
_WITHIN: Final = Field(_SPAN, "When; always when left out.")
_TIMES: Final = whole(least=0, most=_MOST_TIMES)


def _read_part(value: object, place: str, context: Context, mistakes: Mistakes) -> Part | None:
    """Take an object for the condition that its first word says."""
    words = [word for word in _KINDS if isinstance(value, Mapping) and value.get(word) is not None]
    if len(words) != 1:
        mistakes.add(place, f"is not an object with one of {', '.join(_KINDS)}")
        return None
    return _KINDS[words[0]].read(value, place, context, mistakes)


_PART: Final[Form[Part]] = Form({"$ref": "#/$defs/condition"}, _read_part)
_PARTS: Final = list_of(_PART, least=1, most=50)


def _all(given: Mapping[str, object], _context: Context) -> All:
    return All(Members(given).get("all", ()))


def _any(given: Mapping[str, object], _context: Context) -> AnyOf:
    return AnyOf(Members(given).get("any", ()))


def _not(given: Mapping[str, object], _context: Context) -> Not:
    return Not(cast("Part", given["not"]))


def _was_form(which: Which, meaning: str) -> Form[Part]:
    return record(
        _was,
        {
            which.value: Field(CONDITION, meaning, required=True),
            "event": Field(EVENTS, "Of which events; of all when left out."),
            "within": _WITHIN,
        },
    )


_KINDS: Final[Mapping[str, Form[Part]]] = {
    "did": record(
        _did,
        {
            "did": Field(EVENTS, "What they did.", required=True),
            "at_least": Field(_TIMES, "So often; once when `at_most` is left out as well."),
            "at_most": Field(_TIMES, "No more often."),
            "within": _WITHIN,
        },
    ),
    "did_not": record(
        _did_not,
        {"did_not": Field(EVENTS, "What they never did.", required=True), "within": _WITHIN},
    ),
    "first_seen": record(
        _first_seen,
        {"first_seen": Field(_SPAN, "When their very first event lies.", required=True)},
    ),
    "first": _was_form(Which.FIRST, "Of the first value that they had."),
    "last": _was_form(Which.LAST, "Of the last value that they had."),
    "ever": _was_form(Which.EVER, "Of any value that they had."),
    "sequence": record(
        _followed,
        {
            "sequence": Field(
                list_of(EVENTS, least=2, most=MOST_STEPS), "In order.", required=True
            ),
            "window": Field(duration(), "From the first step, the end included.", required=True),
            "within": _WITHIN,
        },
    ),
    "all": record(_all, {"all": Field(_PARTS, "Every one holds.", required=True)}),
    "any": record(_any, {"any": Field(_PARTS, "At least one holds.", required=True)}),
    "not": record(_not, {"not": Field(_PART, "It does not hold.", required=True)}),
}

DEFINITIONS: Final[Mapping[str, Json]] = {
    "condition": {"oneOf": [form.schema for form in _KINDS.values()]},
    "segment": {
        "anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/condition"}],
        "description": "Whom the question is about: a saved segment's name, perhaps with"
        " `@version`, or a condition.",
    },
}
"""What the schema of questions needs besides, for conditions that nest."""


def _read_segment(
    value: object, place: str, context: Context, mistakes: Mistakes
) -> Segment | None:
    if not isinstance(value, str):
        return _read_condition(value, place, context, mistakes)
    name = text().read(value, place, context, mistakes)
    if name is None:
        return None
    saved = context.segments(name)
    if saved is None:
        raise NoSuchSegment(segment=name)
    found = _read_condition(saved.definition, place, context, mistakes)
    return None if found is None else Segment(found.condition, saved.name, saved.version)


def _read_condition(
    value: object, place: str, context: Context, mistakes: Mistakes
) -> Segment | None:
    if _depth(value) > DEEPEST:
        mistakes.add(place, f"nests deeper than {DEEPEST}")
        return None
    condition = _read_part(value, place, context, mistakes)
    if condition is None:
        return None
    segment = Segment(condition)
    for reason in segment.obstacles():
        mistakes.add(place, f"cannot be: {reason}")
    return None if segment.obstacles() else segment


def _depth(value: object) -> int:
    """Count levels without recursion, and no further than one too many."""
    level, deep = [value], 0
    while level and deep <= DEEPEST:
        deep += 1
        inner: list[object] = []
        for each in level:
            if isinstance(each, Mapping):
                inner += each.values()
            elif isinstance(each, list | tuple):
                inner += each
        level = inner
    return deep


SEGMENT: Final[Form[Segment]] = Form({"$ref": "#/$defs/segment"}, _read_segment)
"""How it stands in JSON."""
