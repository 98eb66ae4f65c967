"""What changed of an item, as sentences: “The goal is now …”, with people by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from truelift.apps.accounts.models import Facts
from truelift.apps.drawing.wording import count, day, percent, rough_money
from truelift.apps.experiments.wording import CHOICES, INFERENCES, METHODS, listed, sentence_case
from truelift.lifecycle.brief import Risk, Situation
from truelift.lifecycle.hypothesis import WhyAgain


LONGEST: Final = 200
"""Letters of a text that are repeated; the whole stands in its field or in the audit."""

GONE: Final = "somebody who is not here any more"
"""Whoever stands in the audit by an address that belongs to nobody."""


@dataclass(frozen=True, slots=True)
class Speech:
    """What is needed to speak of facts.

    Attributes:
        names: Address → name of everybody who stands in them.
        currency: In which the site counts money.
        zone: The site's.
        variants: Key → name of an experiment's variants, where events speak of them.
    """

    names: Mapping[str, str]
    currency: str
    zone: str
    variants: Mapping[str, str] = field(default_factory=dict)


Say = Callable[[Any, Speech], str]


def changes_said(before: Facts, after: Facts, speech: Speech) -> tuple[str, ...]:
    """Say each fact that is not what it was; what came of a step is said with the step."""
    return tuple(
        sentence
        for name in after
        if name in before and before[name] != after[name] and name not in _WITH_THE_STEP
        for sentence in _said(name, before[name], after[name], speech)
    )


def person(address: str, speech: Speech) -> str:
    """Give the name of whoever has an address."""
    return speech.names.get(address) or GONE


def _said(name: str, was: Any, now: Any, speech: Speech) -> Iterator[str]:  # noqa: ANN401
    if name == "decisions":
        yield from _decisions(was or {}, now or {})
    elif name == "risks":
        yield from _risks(was or {}, now or {})
    elif name in _YES_OR_NO:
        yield _YES_OR_NO[name][0 if now else 1]
    elif name in _WHOLE:
        yield _WHOLE[name](now, speech)
    else:
        label, say = _LABELS.get(name, (f"the {name.replace('_', ' ')}", _plain))
        old, new = (say(value, speech) if _holds(value) else "" for value in (was, now))
        if not new:
            yield _begun(f"{label} was taken out; it was {old}")
        elif not old:
            yield _begun(f"{label} is {new}")
        else:
            yield _begun(f"{label} is now {new}; it was {old}")


def ended(said: str) -> str:
    """End a sentence with one full stop, whether or not a quoted text has its own."""
    return said if said.endswith((".”", "?”", "!”")) else f"{said}."


def _begun(said: str) -> str:
    return sentence_case(ended(said))


def _holds(value: Any) -> bool:  # noqa: ANN401 - a fact of the audit is any JSON
    return value is not None and value != "" and value != [] and value != {}


def _decisions(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for each in Situation:
        old, new = was.get(each, ""), now.get(each, "")
        if old == new:
            continue
        if new:
            then = f"; it was “{CHOICES.get(old, old)}”" if old else ""
            yield f"After {each.called} the choice is “{CHOICES.get(new, new)}”{then}."
        else:
            yield f"After {each.called} no choice is agreed any more."


def _risks(was: Mapping[str, bool], now: Mapping[str, bool]) -> Iterator[str]:
    for each in Risk:
        old, new = was.get(each), now.get(each)
        if old == new:
            continue
        answer = "The answer was taken back." if new is None else "Yes." if new else "No."
        yield f"{each.question} {answer}"


def _metrics(value: Any, speech: Speech) -> str:  # noqa: ANN401
    del speech
    parts = []
    for metric, role, margin in value or ():
        name = str(metric).partition("@")[0].replace("_", " ")
        room = f" within ±{percent(margin, digits=1)}" if margin else ""
        parts.append(f"{name} ({_ROLES.get(role, role)}{room})")
    return f"The metrics are now {listed(parts)}." if parts else "No metric is named any more."


def _variants(value: Any, speech: Speech) -> str:  # noqa: ANN401
    del speech
    whole = sum(weight for _, weight, _ in value or ()) or 1
    parts = [
        f"{key} ({percent(weight / whole, digits=0)}{', control' if control else ''})"
        for key, weight, control in value or ()
    ]
    return f"The variants are now {listed(parts)}." if parts else "No variant is named any more."


def _judging(value: Any, speech: Speech) -> str:  # noqa: ANN401
    del value, speech
    return "How effects are judged was set anew."


def _evidence(value: Any, speech: Speech) -> str:  # noqa: ANN401
    del speech
    pieces = [each for each in str(value or "").split(" · ") if each]
    if not pieces:
        return "No evidence is left."
    return f"The evidence is now: {' '.join(_quoted(each) for each in pieces)}"


def _quoted(text: str) -> str:
    whole = " ".join(text.split())
    return f"“{whole if len(whole) <= LONGEST else f'{whole[: LONGEST - 1]}…'}”"


def _plain(value: Any, speech: Speech) -> str:  # noqa: ANN401
    """Say a fact of which nothing is known: its words, never how it is stored."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:,g}"
        case list():
            return listed([_plain(each, speech) for each in value])
        case dict():
            return listed([f"{key} {_plain(each, speech)}" for key, each in value.items()])
        case str() if "@" in value and " " not in value:
            return person(value, speech)
        case _:
            return _quoted(str(value))


def _text(value: Any, speech: Speech) -> str:  # noqa: ANN401
    del speech
    return _quoted(str(value))


def _bare(value: Any, speech: Speech) -> str:  # noqa: ANN401
    del speech
    return str(value)[:LONGEST]


def _words(value: Any, speech: Speech) -> str:  # noqa: ANN401
    del speech
    parts = value if isinstance(value, list) else [value]
    return listed([str(each).replace("_", " ") for each in parts])


def _person(value: Any, speech: Speech) -> str:  # noqa: ANN401
    return person(str(value), speech)


def _day(value: Any, speech: Speech) -> str:  # noqa: ANN401
    del speech
    return day(date.fromisoformat(str(value)[:10]))


def _share(value: Any, speech: Speech) -> str:  # noqa: ANN401
    del speech
    share = float(value)
    return percent(share, digits=0 if round(100 * share, 9).is_integer() else 1)


def _money(value: Any, speech: Speech) -> str:  # noqa: ANN401
    return rough_money(float(value), speech.currency)


def _counted(value: Any, speech: Speech) -> str:  # noqa: ANN401
    del speech
    return count(float(value))


def _days(value: Any, speech: Speech) -> str:  # noqa: ANN401
    del speech
    return "1 day" if value == 1 else f"{value:g} days"


def _one_of(words: Mapping[str, str]) -> Say:
    return lambda value, _speech: f"“{words.get(value, str(value).replace('_', ' '))}”"


_ROLES: Final = {"primary": "decides", "guardrail": "may veto", "secondary": "explains"}

_WITH_THE_STEP: Final = frozenset({"stage", "answered", "again_because", "retired_because"})
"""Said by the step itself or by its reason."""

_YES_OR_NO: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "adds_pressure": ("It adds pressure.", "It adds no pressure."),
        "permanent": (
            "It is part of the site’s code.",
            "It is not part of the site’s code any more.",
        ),
    }
)

_WHOLE: Final[Mapping[str, Say]] = MappingProxyType(
    {"metrics": _metrics, "variants": _variants, "judging": _judging, "evidence": _evidence}
)
"""Facts of many parts: only what they are now is said."""

_LABELS: Final[Mapping[str, tuple[str, Say]]] = MappingProxyType(
    {
        "again": (
            "why it is tried again",
            lambda value, _speech: f"“{WhyAgain(value).called}”",
        ),
        "alpha": ("the level", _share),
        "audience": ("the audience", _text),
        "builder": ("the builder of the variants", _person),
        "cause": ("how the cause is known", _words),
        "change": ("the change", _text),
        "check_url": ("the page to check", _bare),
        "decision_owner": ("the decision-owner", _person),
        "deploy_link": ("the release", _bare),
        "deputy": ("the deputy", _person),
        "direction": ("the direction", _words),
        "due": ("the due day", _day),
        "effort_days": ("the effort for the winner", _days),
        "element": ("the element", _text),
        "elements": ("what it concerns", _words),
        "ends_on": ("the end", _day),
        "expected_lift": ("the expected lift", _share),
        "exposure": ("the share of visitors who get it", _share),
        "finding": ("the finding", _words),
        "gone": ("what must be gone from the page", _text),
        "hypothesis": ("the hypothesis", _bare),
        "implementer": ("the implementer of the winner", _person),
        "inference": ("when effects are read", _one_of(INFERENCES)),
        "insight": ("the insight", _bare),
        "insights": ("what it rests on", _bare),
        "learnings": ("what it builds on", _bare),
        "left out": ("what no visit can cause", _words),
        "metric": ("the metric", _words),
        "method": ("the method", _one_of(METHODS)),
        "n_per_variant": ("the number of visitors per variant", _counted),
        "name": ("the name", _text),
        "owner": ("who brings it live", _person),
        "people_per_week": ("the number of people a week", _counted),
        "present": ("what must be on the page", _text),
        "qa_notes": ("what was seen while it was tried", _text),
        "reach": ("the share of sessions that it concerns", _share),
        "signal": ("the signal", _bare),
        "starts_on": ("the start", _day),
        "state": ("the state", _words),
        "tags": ("the tags", _words),
        "ticket": ("the ticket", _bare),
        "types": ("the types of pages", _words),
        "variant": ("the variant", _bare),
        "variant_code": (
            "the test’s code",
            _one_of(
                {"present": "still in place", "ticketed": "removal planned", "removed": "removed"}
            ),
        ),
        "weekly_value_minor": ("what it costs a week", _money),
    }
)
