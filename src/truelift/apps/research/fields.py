"""What a person may write about an insight and a hypothesis, checked in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import models

from truelift.errors import Refusal


class BadFields(Refusal):
    """What was written does not fit; every field is named at once.

    Attributes:
        wrong: Field and what is wrong with it.
    """

    code = "research.bad_fields"

    def __init__(self, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        said = " ".join(f"{field}: {what}" for field, what in wrong.items())
        super().__init__(f"Some fields do not fit. {said}", fields=tuple(wrong))


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence.

    Attributes:
        kind: One of `models.EvidenceKind`.
        text: What it shows.
        url: Where to look, empty for nowhere; http(s) or a path of this server.
        grade: A to E where it carries less than its kind does; empty for that.
    """

    kind: str
    text: str
    url: str = ""
    grade: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which machine wrote a draft, and from what (R053).

    Attributes:
        model: The model and its version, `tf-idf clusters 1`.
        inputs: What it was given: references that a reader can follow.
    """

    model: str
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InsightFields:
    """What a person writes about an insight.

    Attributes:
        tags: Words of `lifecycle.insight.Tag`.
        cause: A word of `lifecycle.insight.Cause`, or empty.
    """

    problem: str = ""
    surface: str = ""
    segment: str = ""
    size: str = ""
    weekly_value_minor: int | None = None
    people_per_week: int | None = None
    tags: tuple[str, ...] = ()
    cause: str = ""
    evidence: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class HypothesisFields:
    """What a person writes about a hypothesis.

    Attributes:
        insights: Keys of the insights that it rests on, `I-4`.
        surface: The page or place that is changed.
        element: The part of the page.
        learnings: Keys of the learnings that it builds on, `L-2`.
        adds_pressure: Whether it presses people.
        again: Why it is tried though earlier work is much the same: a word of
            `lifecycle.hypothesis.WhyAgain`, or empty.
        again_because: The same in a sentence.
    """

    change: str = ""
    audience: str = ""
    outcome: str = ""
    reason: str = ""
    metric: str = ""
    direction: str = ""
    expected_lift: float | None = None
    insights: tuple[str, ...] = ()
    surface: str = ""
    element: str = ""
    learnings: tuple[str, ...] = ()
    adds_pressure: bool = False
    again: str = ""
    again_because: str = ""


def checked(record: models.Model, *, skip: tuple[str, ...] = ()) -> None:
    """Let a record's own field rules judge it before it is stored.

    Raises:
        BadFields: At least one field does not fit.
    """
    unstorable = {
        field.name: "It has a character that cannot be stored."
        for field in record._meta.concrete_fields  # noqa: SLF001 - Django's public name for it
        if isinstance(text := getattr(record, field.attname), str) and not is_storable(text)
    }
    if unstorable:
        raise BadFields(unstorable)
    try:
        record.clean_fields(exclude=set(skip))
    except ValidationError as error:
        raise BadFields(
            {field: " ".join(messages) for field, messages in error.message_dict.items()}
        ) from error


def is_storable(text: str) -> bool:
    """Whether both databases can keep a text: no NUL, and no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= each <= "\udfff" for each in text)


def storable(text: str) -> str:
    """Give a text without the characters that no database keeps."""
    if is_storable(text):
        return text
    return "".join(each for each in text if is_storable(each))


def checked_url(url: str) -> str:
    """Give a link back when it can only lead somewhere, and not run anything.

    Raises:
        BadFields: It is neither http(s) nor a path of this server.
    """
    trimmed = url.strip()
    if trimmed and not trimmed.startswith(("https://", "http://", "/")):
        raise BadFields({"url": "A link begins with https://, http:// or /."})
    if trimmed.startswith("//"):
        raise BadFields({"url": "A link begins with https://, http:// or /."})
    return trimmed
