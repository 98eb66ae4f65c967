"""What is done on a page after it was opened: a few words, one step a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from truelift.errors import Refusal


MOST_STEPS: Final = 20
LONGEST_WAIT_S: Final = 10.0

_LINE: Final = re.compile(r"(?P<verb>[a-z]+)\s+(?P<rest>\S.*)")


class Verb(StrEnum):
    """What a step does."""

    CLICK = "click"
    FILL = "fill"
    OPEN = "open"
    PRESS = "press"
    WAIT = "wait"


class BadSteps(Refusal):
    """A line that is no step."""

    code = "browsing.bad_steps"

    def __init__(self, *, line: str, reason: str) -> None:
        super().__init__(
            f"{line[:100]!r} is no step: {reason}. Write `click SELECTOR`, `fill SELECTOR = TEXT`,"
            " `press KEY`, `open /PATH` or `wait SECONDS`, one a line.",
            line=line[:100],
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done.

    Attributes:
        verb: What.
        target: A CSS selector, a key, a path or seconds.
        text: What is filled in.
    """

    verb: Verb
    target: str
    text: str = ""

    @property
    def said(self) -> str:
        """The step as it was written."""
        return f"{self.verb} {self.target}" + (f" = {self.text}" if self.text else "")


def steps_from(text: str) -> tuple[Step, ...]:
    """Read steps, one a line; empty lines and lines that begin with # are left out.

    Raises:
        BadSteps: A line is none, or there are too many.
    """
    lines = [line.strip() for line in text.splitlines()]
    steps = tuple(_step(line) for line in lines if line and not line.startswith("#"))
    if len(steps) > MOST_STEPS:
        raise BadSteps(line=steps[MOST_STEPS].said, reason=f"{MOST_STEPS} are the most")
    return steps


def _step(line: str) -> Step:
    found = _LINE.fullmatch(line)
    if found is None or found["verb"] not in set(Verb):
        raise BadSteps(line=line, reason="it begins with none of the words")
    verb, rest = Verb(found["verb"]), found["rest"]
    match verb:
        case Verb.FILL:
            target, equals, text = rest.partition(" = ")
            if not equals:
                raise BadSteps(line=line, reason="it does not say what to fill in")
            return Step(verb, target.strip(), text)
        case Verb.WAIT:
            if not re.fullmatch(r"\d{1,2}(\.\d+)?", rest) or float(rest) > LONGEST_WAIT_S:
                raise BadSteps(line=line, reason=f"it waits for no more than {LONGEST_WAIT_S:g} s")
        case Verb.OPEN:
            if not rest.startswith("/") or rest.startswith("//"):
                raise BadSteps(line=line, reason="it opens a path of the same host")
        case Verb.CLICK | Verb.PRESS:
            pass
    return Step(verb, rest)
