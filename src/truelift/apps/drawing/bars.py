"""Horizontal bars from zero: a funnel's steps, and shares with their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from truelift.apps.drawing.forest import Interval
from truelift.apps.drawing.wording import Measure, count, percent


FULL: Final = 100.0
"""Per cent of the width."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a funnel.

    Attributes:
        label: What a person calls it.
        units: Who reached it.
        before: Units that reached it in the period compared with, as a share of
            that period's first step; None without a comparison.
        change: The change against that period, as written; empty for none.
        worse: Whether that change is clearly worse.
        leak: What the step loses, as written; empty when nobody says.
        leak_range: Its interval as written.
        focus: Whether this is the step that the page is about.
        href: Where the label leads.
    """

    label: str
    units: int
    before: float | None = None
    change: str = ""
    worse: bool = False
    leak: str = ""
    leak_range: str = ""
    focus: bool = False
    href: str = ""


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step as the template draws it."""

    number: int
    step: Step
    reached: str
    stood: str
    tick: str
    units: str
    rate: str
    narrow: str


@dataclass(frozen=True, slots=True)
class Funnel:
    """People at each step of a way, as bars from zero.

    Attributes:
        steps: In order; each at most as large as the one before.
        unit: Who is counted, in the plural: people, sessions.
        against: Head of the column of changes: "Against the 28 days before".
        leak: Head of the last column: "Leak per week".
    """

    steps: tuple[Step, ...]
    unit: str = "people"
    against: str = ""
    leak: str = ""

    @property
    def rows(self) -> tuple[StepRow, ...]:
        """The steps, laid out."""
        return tuple(self.row(number) for number in range(len(self.steps)))

    @property
    def whole(self) -> float | None:
        """Share of the first step's units that reach the last; None when nobody started."""
        if not self.steps or not self.steps[0].units:
            return None
        return self.steps[-1].units / self.steps[0].units

    @property
    def sentence(self) -> str:
        """Say in one sentence what the funnel shows."""
        if not self.steps:
            return "This funnel has no steps."
        first, last = self.steps[0], self.steps[-1]
        if self.whole is None:
            return f"No {self.unit} have reached “{first.label}” yet."
        return (
            f"{count(first.units)} {self.unit} reached “{first.label}”, "
            f"{count(last.units)} reached “{last.label}”: {percent(self.whole)}."
        )

    @property
    def description(self) -> str:
        """Say what the drawing shows, step by step."""
        parts = [f"{row.number}. {row.step.label}: {row.narrow}" for row in self.rows]
        return f"{self.sentence} {'; '.join(parts)}."

    def rate(self, number: int) -> float | None:
        """Give the share that went on to a step from the one before; None for nobody."""
        if not number or not self.steps[number - 1].units:
            return None
        return self.steps[number].units / self.steps[number - 1].units

    def row(self, number: int) -> StepRow:
        """Lay out one step."""
        step, rate = self.steps[number], self.rate(number)
        most = self.steps[0].units
        here = step.units / most if most else 0.0
        stood = self.steps[max(0, number - 1)].units / most if most else 0.0
        units = f"{count(step.units)} {self.unit}"
        return StepRow(
            number=number + 1,
            step=step,
            reached=f"{FULL * here:.2f}%",
            stood=f"{FULL * stood:.2f}%",
            tick="" if step.before is None else f"{FULL * min(1.0, step.before):.2f}%",
            units=count(step.units),
            rate="" if rate is None else percent(rate),
            narrow=units if rate is None else f"{units}, {percent(rate)} go on",
        )


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar.

    Attributes:
        label: What it counts.
        value: How much, from zero.
        interval: How sure that is; None when it is a plain count.
        detail: A few words below the label.
        focus: Whether the sentence is about this bar.
        href: Where the label leads.
        before: The value in the period compared with; None without one.
    """

    label: str
    value: float
    interval: Interval | None = None
    detail: str = ""
    focus: bool = False
    href: str = ""
    before: float | None = None


@dataclass(frozen=True, slots=True)
class BarRow:
    """One bar as the template draws it."""

    bar: Bar
    said: str
    length: str
    low: str
    high: str
    sentence: str
    tick: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars on one axis that begins at zero.

    Attributes:
        bars: In the order they are drawn.
        measure: How their values are written.
        label: Head of the first column.
        head: Head of the column of values.
        full: What the full width stands for; None for the longest of them.
    """

    bars: tuple[Bar, ...]
    measure: Measure
    label: str
    head: str
    full: float | None = None

    @property
    def longest(self) -> float:
        """What the full width stands for."""
        if self.full is not None:
            return self.full
        ends = [bar.value if bar.interval is None else bar.interval.high for bar in self.bars]
        ends += [bar.before for bar in self.bars if bar.before is not None]
        return max(ends, default=0.0) or 1.0

    @property
    def rows(self) -> tuple[BarRow, ...]:
        """The bars, laid out."""
        return tuple(self.row(bar) for bar in self.bars)

    @property
    def sentence(self) -> str:
        """Say in one sentence what leads."""
        if not self.bars:
            return "There is nothing to draw yet."
        top = max(self.bars, key=lambda bar: bar.value)
        return f"{top.label}: {self.measure.said(top.value)}, more than any other."

    @property
    def description(self) -> str:
        """Say what the drawing shows, bar by bar."""
        return " ".join(row.sentence for row in self.rows)

    def row(self, bar: Bar) -> BarRow:
        """Lay out one bar."""
        measure = self.measure.column([bar.value for bar in self.bars])
        said = measure.said(bar.value)
        sentence = f"{bar.label}: {said}"
        if bar.interval is not None:
            sentence += f", likely {measure.range(bar.interval.low, bar.interval.high)}"
        if bar.before is not None:
            sentence += f", {measure.said(bar.before)} in the period before"
        return BarRow(
            tick="" if bar.before is None else self.x(bar.before),
            bar=bar,
            said=said,
            length=self.x(bar.value),
            low="" if bar.interval is None else self.x(bar.interval.low),
            high="" if bar.interval is None else self.x(bar.interval.high),
            sentence=f"{sentence}.",
        )

    def x(self, value: float) -> str:
        """Give a length in per cent of the width."""
        return f"{FULL * min(1.0, max(0.0, value) / self.longest):.2f}%"
