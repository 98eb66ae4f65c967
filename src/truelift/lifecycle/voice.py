"""Rules of listening: the call with its three questions, and the source that has gone silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import MoveRefused, Obstacle


class Question(StrEnum):
    """The three questions of the monthly call, always the same."""

    OBJECTIONS = "q1"
    BEFORE = "q2"
    DECLINED = "q3"

    @property
    def asked(self) -> str:
        """The question as it is asked."""
        return _ASKED[self]

    @property
    def short(self) -> str:
        """What its answers are, in two words."""
        return _SHORT[self]


_ASKED: Final[Mapping[Question, str]] = MappingProxyType(
    {
        Question.OBJECTIONS: "What objections are you hearing most often?",
        Question.BEFORE: "What questions do people ask before they commit?",
        Question.DECLINED: "What do they say when they decide not to proceed?",
    }
)
_SHORT: Final[Mapping[Question, str]] = MappingProxyType(
    {
        Question.OBJECTIONS: "an objection",
        Question.BEFORE: "a question before committing",
        Question.DECLINED: "a reason not to proceed",
    }
)

USUAL_MINUTES: Final = 30
MOST_MINUTES: Final = 60

LISTENING: Final = (Function.SALES, Function.SERVICE)
"""The functions that hear customers, and so have a named owner each."""

SILENT_AFTER: Final = timedelta(days=35)
"""A month, and the days by which a monthly call may be late."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One row of a call.

    Attributes:
        question: To which question.
        text: What was said, word for word.
        times: How often, as the owner estimates.
        segment: Who says it.
        surface: About which page or place.
    """

    question: Question
    text: str
    times: int = 1
    segment: str = ""
    surface: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call as the rules see it.

    Attributes:
        key: As people call it, `VC-3`.
        answers: Its rows.
        nothing_new: Questions for which the owner said that there is nothing new.
        minutes: How long it took.
        closed: Whether it is over.
    """

    key: str
    answers: tuple[Answer, ...] = ()
    nothing_new: frozenset[Question] = frozenset()
    minutes: int = USUAL_MINUTES
    closed: bool = False


def call_obstacles(call: Call) -> tuple[Obstacle, ...]:
    """Say everything that stands in the way of closing a call."""
    if call.closed:
        return (Obstacle("voice.call_closed", f"{call.key} is closed.", "Begin the next one."),)
    found = []
    if not 1 <= call.minutes <= MOST_MINUTES:
        found.append(
            Obstacle(
                "voice.call_too_long",
                f"The call took {call.minutes} minutes; it is made for {USUAL_MINUTES}.",
                f"Write down at most {MOST_MINUTES}, and make a meeting of its own of the rest.",
            )
        )
    answered = {each.question for each in call.answers if each.text.strip()}
    for question in Question:
        if question in answered and question in call.nothing_new:
            found.append(
                Obstacle(
                    "voice.call_contradicts",
                    f"“{question.asked}” has answers and is ticked as nothing new.",
                    "Take the tick away, or the answers.",
                )
            )
        elif question not in answered and question not in call.nothing_new:
            found.append(
                Obstacle(
                    "voice.call_unanswered",
                    f"“{question.asked}” has no answer.",
                    "Write down what was said, or tick “nothing new”.",
                )
            )
    return tuple(found)


def check_may_close(call: Call) -> None:
    """Let a call be closed only when each question has its answer.

    Raises:
        MoveRefused: With every reason.
    """
    found = call_obstacles(call)
    if found:
        raise MoveRefused(subject=call.key, action="be closed", obstacles=found)


def silent_for(*, last: datetime | None, since: datetime, now: datetime) -> int | None:
    """Say for how many days nothing came from a source that ought to speak; None while it does.

    Args:
        last: When the newest note of the source came; None for never.
        since: Since when its owner is named; nobody is silent before.
        now: The moment.
    """
    heard = since if last is None else max(last, since)
    return (now - heard).days if now - heard > SILENT_AFTER else None
