"""A number over time: lines, the range that was expected, and what happened when."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from truelift.apps.drawing.axis import Axis, axis_over
from truelift.apps.drawing.wording import Measure, short_day


PLOT_PX: Final = 216
"""Height of the plot; the days stand below it."""

AXIS_PX: Final = 24
TOP_PX: Final = 12
"""Room above the highest tick for a label at the line."""

LABEL_PX: Final = 14
"""Height of a line of words."""

NOTE_LETTERS: Final = 26
"""Letters of a note at its line, so that half a phone holds it; the description has all."""

WIDE: Final = 1000
"""Width of the stretched drawing in its own units."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line over time.

    Attributes:
        label: Its name, written at the line.
        values: One per day of the series; None where there is no number, which
            breaks the line.
        focus: At most one line of a series is in focus.
        meaning: Colour of a line in focus: ink, better or worse.
        dashed: Drawn only to be compared with.
        named: Whether it has its name at its end; None for all but dashed lines.
    """

    label: str
    values: tuple[float | None, ...]
    focus: bool = False
    meaning: str = "ink"
    dashed: bool = False
    named: bool | None = None

    @property
    def last(self) -> float | None:
        """The last number there is; None when there is none."""
        return next((value for value in reversed(self.values) if value is not None), None)

    @property
    def css(self) -> str:
        """Classes of the line."""
        if self.dashed:
            return f"line s-{self.meaning} dash"
        if not self.focus:
            return "line line--2"
        return "line" if self.meaning == "ink" else f"line s-{self.meaning}"


@dataclass(frozen=True, slots=True)
class Band:
    """A range per day: what was expected, or an interval.

    Attributes:
        low: Lower end per day; None where there is none.
        high: Upper end per day.
        label: Written at the band; empty for none.
        meaning: Its colour: quiet for what was expected, else better or worse.
    """

    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    label: str = ""
    meaning: str = "quiet"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened: a release, a campaign, an incident."""

    at: date | int
    words: str


@dataclass(frozen=True, slots=True)
class Words:
    """Words in a drawing: x in per cent, y in px."""

    text: str
    x: str
    y: float
    anchor: str
    dx: int = 0
    css: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """A path of the stretched drawing."""

    css: str
    path: str


@dataclass(frozen=True, slots=True)
class DrawnNote:
    """A note's line and its words."""

    x: str
    y2: float
    words: Words


@dataclass(frozen=True, slots=True)
class NumberRow:
    """One day of the table behind the drawing."""

    day: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """Lines over days, with at most one in focus.

    Attributes:
        days: The days, in order, each once; or whole numbers, such as weeks since a start.
        lines: Each with one value per day.
        measure: How the numbers are written.
        band: A range behind the lines.
        notes: What happened; days outside the series are left out.
        from_zero: Whether the axis holds zero, as counts do.
        day: Writes a day for the axis.
        head: What a day is called at the head of the table.
        stepped: Whether a line stays where it is until the next day, as a share does
            that only events can raise.
        settled_from: The first day whose range the axis holds; one that is wild before may
            leave the frame.
    """

    days: tuple[date, ...] | tuple[int, ...]
    lines: tuple[Line, ...]
    measure: Measure
    band: Band | None = None
    notes: tuple[Note, ...] = ()
    from_zero: bool = False
    day: Callable[[Any], str] = short_day
    head: str = "Day"
    stepped: bool = False
    settled_from: int = 0

    @property
    def focus(self) -> Line | None:
        """The line that the sentence is about; None when nothing is drawn."""
        return next((line for line in self.lines if line.focus), next(iter(self.lines), None))

    @property
    def axis(self) -> Axis:
        """The axis upwards, over everything that is drawn."""
        values = [value for line in self.lines for value in line.values if value is not None]
        if self.band is not None:
            since = self.settled_from
            both = (*self.band.low[since:], *self.band.high[since:])
            ends = [v for v in both if v is not None]
            # A band that is wide at first leaves the frame rather than stretch it.
            if values:
                spread = max(values) - min(values) or abs(max(values)) or 1.0
                low, high = min(values) - 1.5 * spread, max(values) + 1.5 * spread
                ends = [min(high, max(low, end)) for end in ends]
            values += ends
        if self.from_zero or not values:
            values.append(0.0)
        return axis_over(min(values), max(values), measure=self.measure, ticks=4)

    @property
    def height(self) -> int:
        """Height of the whole drawing in px."""
        return PLOT_PX + AXIS_PX

    @property
    def plot_height(self) -> int:
        """Height of the stretched part in px."""
        return PLOT_PX

    @property
    def sentence(self) -> str:
        """Say in one sentence how the line in focus went."""
        line = self.focus
        known = [] if line is None else [value for value in line.values if value is not None]
        if line is None or not known:
            return "There is no number in this period yet."
        start, end = self.measure.said(known[0]), self.measure.said(known[-1])
        if len(known) == 1:
            return f"{line.label}: {end}." if line.label else f"{end}."
        low, high = self.measure.said(min(known)), self.measure.said(max(known))
        went = f"stayed at {end}" if start == end else f"went from {start} to {end}"
        said = f"{line.label} {went}" if line.label else went.capitalize()
        return f"{said}; lowest {low}, highest {high}."

    @property
    def description(self) -> str:
        """Say what the drawing shows, with what was expected and what happened."""
        said = [self.sentence]
        if self.days:
            said.append(f"{self.day(self.days[0])} to {self.day(self.days[-1])}.")
        outside = self.outside
        if self.band is not None and self.focus is not None and self.band.label:
            days = "1 day" if outside == 1 else f"{outside} days"
            said.append(f"{days} outside the range ({self.band.label}).")
        said += [f"{self.day(note.at)}: {note.words}." for note in self.noted]
        return " ".join(said)

    @property
    def outside(self) -> int:
        """Days on which the line in focus lies outside the band."""
        if self.band is None or self.focus is None:
            return 0
        return sum(
            value is not None and low is not None and high is not None and not low <= value <= high
            for value, low, high in zip(
                self.focus.values, self.band.low, self.band.high, strict=True
            )
        )

    @property
    def noted(self) -> tuple[Note, ...]:
        """Notes whose day is in the series, in order."""
        days: set[object] = set(self.days)
        return tuple(
            sorted((n for n in self.notes if n.at in days), key=lambda n: self.days.index(n.at))
        )

    @property
    def grid(self) -> tuple[tuple[str, float, bool], ...]:
        """Label, height and whether it is zero, per tick."""
        axis = self.axis
        return tuple((tick.label, self.y(tick.value, axis), tick.zero) for tick in axis.ticks)

    @property
    def labels_wide(self) -> bool:
        """Whether the axis needs its wider column."""
        return max((len(label) for label, _, _ in self.grid), default=0) > 6

    @property
    def bands(self) -> tuple[Curve, ...]:
        """The range behind the zero line and the lines."""
        path = "" if self.band is None else self.area(self.band, self.axis)
        return () if self.band is None or not path else (Curve(f"b-{self.band.meaning}", path),)

    @property
    def curves(self) -> tuple[Curve, ...]:
        """The lines, the one in focus last and so in front."""
        axis = self.axis
        ordered = sorted(self.lines, key=lambda line: line is self.focus)
        drawn = (Curve(line.css, self.path(line.values, axis)) for line in ordered)
        return tuple(curve for curve in drawn if curve.path)

    @property
    def dots(self) -> tuple[tuple[str, float, str], ...]:
        """Where a line in focus ends: x, y and class; a lone number is only this dot."""
        axis, drawn = self.axis, []
        for line in self.lines:
            alone = sum(value is not None for value in line.values) == 1
            if line.last is not None and not line.dashed and (line is self.focus or alone):
                at = max(i for i, value in enumerate(line.values) if value is not None)
                css = f"f-{line.meaning if line is self.focus else 'quiet'}"
                drawn.append((self.x(at), self.y(line.last, axis), css))
        return tuple(drawn)

    @property
    def words(self) -> tuple[Words, ...]:
        """Names at the ends of the lines, apart from each other."""
        axis = self.axis
        ends = sorted(
            (
                (line, line.last)
                for line in self.lines
                if line.last is not None
                and (line.label or line is self.focus)
                and (not line.dashed if line.named is None else line.named)
            ),
            key=lambda end: -end[1],
        )
        heights: list[float] = []
        for rank, (line, _) in enumerate(ends):
            known = [value for value in line.values if value is not None]
            near = known[-max(2, len(line.values) // 5) :]
            below = rank and rank == len(ends) - 1
            edge = self.y(min(near) if below else max(near), axis)
            wanted = max(edge + LABEL_PX if below else edge - 7, TOP_PX)
            heights.append(max(wanted, heights[-1] + LABEL_PX) if heights else wanted)
        # Pushed down apart; from below, pushed up again where the frame ends.
        lowest = [PLOT_PX - 4 - LABEL_PX * (len(ends) - 1 - rank) for rank in range(len(ends))]
        return tuple(
            Words(
                f"{line.label} {self.measure.said(last)}".strip(),
                "100%",
                min(height, limit),
                "end",
                dx=-4,
                css=self.name_css(line),
            )
            for (line, last), height, limit in zip(ends, heights, lowest, strict=True)
        )

    def name_css(self, line: Line) -> str:
        """Give the class of a line's name."""
        if line is not self.focus:
            return "l3"
        return "b" if line.meaning == "ink" else f"b {line.meaning}"

    @property
    def drawn_notes(self) -> tuple[DrawnNote, ...]:
        """Vertical lines with their words, low in the plot, neighbours on other rows."""
        drawn = []
        for rank, note in enumerate(self.noted):
            at = self.days.index(note.at)
            left = at > 0.5 * (len(self.days) - 1)
            y = PLOT_PX - 10 - LABEL_PX * (rank % 3)
            words = Words(
                textwrap.shorten(note.words, NOTE_LETTERS, placeholder=" …"),
                self.x(at),
                y,
                "end" if left else "start",
                dx=-5 if left else 5,
                css="l3",
            )
            drawn.append(DrawnNote(self.x(at), y + 4, words))
        return tuple(drawn)

    @property
    def dates(self) -> tuple[Words, ...]:
        """First and last day, and up to three between that a phone leaves out."""
        count = len(self.days)
        if not count:
            return ()
        if count == 1:
            return (Words(self.day(self.days[0]), "50%", self.height - 6, "middle"),)
        parts = 4 if count > 8 else 2 if count > 3 else 1
        places = sorted({round(part * (count - 1) / parts) for part in range(parts + 1)})
        return tuple(
            Words(
                self.day(self.days[at]),
                self.x(at),
                self.height - 6,
                "start" if at == 0 else "end" if at == count - 1 else "middle",
                css="" if at in {0, count - 1} else "only-wide",
            )
            for at in places
        )

    @property
    def heads(self) -> tuple[str, ...]:
        """Heads of the table behind the drawing."""
        band = () if self.band is None else (self.band.label or "range",)
        return (*(line.label for line in self.lines), *band)

    @property
    def numbers(self) -> tuple[NumberRow, ...]:
        """Every number of the drawing, day by day."""
        return tuple(
            NumberRow(
                self.day(day),
                (*(self.said(line.values[at]) for line in self.lines), *self.ranged(at)),
            )
            for at, day in enumerate(self.days)
        )

    def ranged(self, at: int) -> tuple[str, ...]:
        """Write the band of one day; nothing without a band."""
        if self.band is None:
            return ()
        low, high = self.band.low[at], self.band.high[at]
        if low is None or high is None:
            return ("no value",)
        return (self.measure.range(low, high),)

    def said(self, value: float | None) -> str:
        """Write one number of the table."""
        return "no value" if value is None else self.measure.said(value)

    def x(self, at: int) -> str:
        """Give the place of a day in per cent."""
        return f"{100 * at / max(1, len(self.days) - 1):.2f}%"

    def y(self, value: float, axis: Axis) -> float:
        """Give the height of a number in px from the top."""
        return round(PLOT_PX - (PLOT_PX - TOP_PX) * axis.share(value), 1)

    def path(self, values: tuple[float | None, ...], axis: Axis) -> str:
        """Give a line's path; a missing number lifts the pen."""
        parts: list[str] = []
        before: float | None = None
        for at, value in enumerate(values):
            if value is not None:
                if before is not None and self.stepped:
                    parts.append(f"L{self.point(at, before, axis)}")
                parts.append(f"{'M' if before is None else 'L'}{self.point(at, value, axis)}")
            before = value
        return " ".join(parts)

    def area(self, band: Band, axis: Axis) -> str:
        """Give the band's outline over the days that have one."""
        ends = [
            (at, low, high)
            for at, (low, high) in enumerate(zip(band.low, band.high, strict=True))
            if low is not None and high is not None
        ]
        if len(ends) < 2:
            return ""
        there = [self.point(at, high, axis) for at, _, high in ends]
        back = [self.point(at, low, axis) for at, low, _ in reversed(ends)]
        return f"M{' L'.join([*there, *back])}Z"

    def point(self, at: int, value: float, axis: Axis) -> str:
        """Give a point of the stretched drawing in its own units."""
        x = WIDE * at / max(1, len(self.days) - 1)
        return f"{x:.1f} {self.y(value, axis):.1f}"
