"""A waterfall: from one level to another by parts that add up, lying down, and itself the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from truelift.apps.drawing.axis import Axis, axis_around
from truelift.apps.drawing.wording import Measure


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the change.

    Attributes:
        label: What it is.
        detail: What it means, below the label.
        value: In the units of the waterfall.
        low: Of its interval; None where there is none.
        high: Likewise.
        money: What it comes to, as written.
        href: Where the label leads.
    """

    label: str
    detail: str
    value: int
    low: float | None
    high: float | None
    money: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as the template draws it; places are in per cent of the width."""

    label: str
    detail: str
    said: str
    range: str
    money: str
    href: str
    css: str
    x: str
    width: str
    link_before: str
    link_after: str
    low: str
    high: str
    is_level: bool
    sentence: str


def _colour(step: Step) -> str:
    """Colour says better or worse only where the interval leaves no doubt of the sign."""
    could_be_zero = step.low is not None and step.high is not None and step.low <= 0 <= step.high
    if not step.value or could_be_zero:
        return "f-quiet"
    return "f-better" if step.value > 0 else "f-worse"


@dataclass(frozen=True, slots=True)
class Waterfall:
    """What took a number from one level to another.

    Attributes:
        head: Of the first column.
        first: Name of the first level, with what is below it.
        last: The same of the last one.
        before: The first level.
        after: The last: `before` and all steps.
        steps: In order.
        measure: How the axis is written; values are scaled to it by `unit`.
        unit: How many units of the waterfall are one of the measure.
        level: Writes a level.
        change: Writes a change.
        money_before: The first level as money at the later sessions, as written.
        money_after: The last level, likewise.
        money_head: Of the column of money.
    """

    head: str
    first: tuple[str, str]
    last: tuple[str, str]
    before: int
    after: int
    steps: tuple[Step, ...]
    measure: Measure
    unit: float
    level: Callable[[int], str]
    change: Callable[[float], str]
    money_before: str
    money_after: str
    money_head: str

    @property
    def axis(self) -> Axis:
        """An axis over everything that is drawn; it need not begin at zero."""
        at, marks = self.before, [self.before, self.after]
        for step in self.steps:
            begin, at = at, at + step.value
            marks.append(at)
            marks += [round(begin + each) for each in (step.low, step.high) if each is not None]
        low, high = (each / self.unit for each in (min(marks), max(marks)))
        return axis_around(low, high, measure=self.measure, room=0.12)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The levels and the steps between them, laid out."""
        axis = self.axis

        def x(value: float) -> str:
            return axis.x(value / self.unit)

        found = [self._level(self.first, self.before, axis, self.money_before, link="after")]
        at = self.before
        for step in self.steps:
            begin, at = at, at + step.value
            left, right = sorted((begin, at))
            width = 100 * (axis.share(right / self.unit) - axis.share(left / self.unit))
            known = step.low is not None and step.high is not None
            between = (
                f"{self.change(step.low)} to {self.change(step.high)}"
                if step.low is not None and step.high is not None
                else ""
            )
            found.append(
                Row(
                    label=step.label,
                    detail=step.detail,
                    said=self.change(step.value),
                    range=between,
                    money=step.money,
                    href=step.href,
                    css=_colour(step),
                    x=x(left),
                    width=f"{width:.2f}%",
                    link_before=x(begin),
                    link_after=x(at),
                    low=x(begin + step.low) if known and step.low is not None else "",
                    high=x(begin + step.high) if known and step.high is not None else "",
                    is_level=False,
                    sentence=f"{step.label}: {self.change(step.value)}"
                    + (f", {between}" if between else ""),
                )
            )
        last = self._level(self.last, self.after, axis, self.money_after, link="before")
        return (*found, last)

    def _level(
        self, name: tuple[str, str], value: int, axis: Axis, money: str, *, link: str
    ) -> Row:
        at = axis.x(value / self.unit)
        return Row(
            label=name[0],
            detail=name[1],
            said=self.level(value),
            range="",
            money=money,
            href="",
            css="f-ink",
            x="0",
            width=at,
            link_before=at if link == "before" else "",
            link_after=at if link == "after" else "",
            low="",
            high="",
            is_level=True,
            sentence=f"{name[0]}: {self.level(value)}",
        )
