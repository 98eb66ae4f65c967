"""What an agenda is made of: parts in the order of the source, each with lines and figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from truelift.lifecycle.rhythm import Topic


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to speak of.

    Attributes:
        text: As a full sentence.
        href: Where it is settled; a path of this server, or empty.
        due: By when or since when, in words.
        who: Whose it is.
        pressing: Whether it cannot wait for the next meeting.
    """

    text: str
    href: str = ""
    due: str = ""
    who: str = ""
    pressing: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A number at the head of a part, with what it was before.

    Attributes:
        called: What it is.
        value: None where it is undefined.
        unit: A word of `drawing.wording.Kind`.
        before: What it was in the period before; None where that is undefined.
        detail: From what it was counted.
        key: A stable word, for programs and for the sentence above the page.
    """

    key: str
    called: str
    value: float | None
    unit: str
    before: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A bar of the waterfall between two periods, in minor units per session.

    Attributes:
        called: What moved.
        value: By how much.
        low: Lower end of its interval; None where there is none.
        high: Upper end.
    """

    called: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """One part of an agenda.

    Attributes:
        topic: Which.
        said: The finding, as a full sentence.
        lines: What there is to speak of.
        figures: Numbers at its head.
        steps: From the period before to this one.
        ends: What these two are called.
        basis: How the steps were made.
        more: How many lines were left out.
        absent: Why nothing can be said; empty where something can.
    """

    topic: Topic
    said: str
    lines: tuple[Line, ...] = ()
    figures: tuple[Figure, ...] = ()
    steps: tuple[Step, ...] = ()
    ends: tuple[str, str] = ("", "")
    basis: str = ""
    more: int = 0
    absent: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """The part as it is stored."""
        return {
            "topic": self.topic.value,
            "said": self.said,
            "absent": self.absent,
            "lines": [
                {
                    "text": each.text,
                    "href": each.href,
                    "due": each.due,
                    "who": each.who,
                    "pressing": each.pressing,
                }
                for each in self.lines
            ],
            "figures": [
                {
                    "key": each.key,
                    "called": each.called,
                    "value": each.value,
                    "unit": each.unit,
                    "before": each.before,
                    "detail": each.detail,
                }
                for each in self.figures
            ],
            "steps": [
                {"called": each.called, "value": each.value, "low": each.low, "high": each.high}
                for each in self.steps
            ],
            "ends": list(self.ends),
            "basis": self.basis,
            "more": self.more,
        }


MOST_LINES = 12
"""More of one kind are not spoken of in twenty minutes; the rest is counted."""


def of(topic: Topic, said: str, lines: list[Line], **more: Any) -> Section:  # noqa: ANN401 - the fields of Section
    """Make a part of the most pressing lines, and say how many were left out."""
    ordered = sorted(lines, key=lambda each: not each.pressing)
    return Section(
        topic,
        said,
        tuple(ordered[:MOST_LINES]),
        more=max(0, len(ordered) - MOST_LINES),
        **more,
    )
