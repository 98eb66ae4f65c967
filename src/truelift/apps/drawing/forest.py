"""Effects with their intervals, one row per metric, on one axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from truelift.apps.drawing.axis import Axis, axis_around
from truelift.apps.drawing.knowledge import COLOURS, MARKS, Knowledge
from truelift.apps.drawing.wording import Measure


ROW_PX: Final = 36
"""Height of a row's drawing; zero lines of neighbours must meet."""

DRAWN: Final = frozenset(
    {Knowledge.BETTER, Knowledge.WORSE, Knowledge.NO_DIFFERENCE, Knowledge.INCONCLUSIVE}
)
"""States whose interval is drawn; all others are hatched or words."""


WORDS: Final = frozenset({Knowledge.TOO_FEW, Knowledge.HIDDEN})
"""States that have words instead of a drawing."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval, `low` ≤ `value` ≤ `high`."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Effect:
    """One row of a forest: a metric, its effect, and what may be said about it.

    Attributes:
        label: Name of the metric or segment.
        knowledge: How far the effect can be used.
        interval: The effect; None when there is no number to show.
        detail: What the metric counts, in a few words below its name.
        levels: The values per variant as written, one per column of the forest.
        margins: Agreed margins on the axis, drawn dashed.
        reason: For states without a number: until when, how many are needed,
            why it cannot be used; a clause that follows a colon.
        reading: The word in the last column; that of the state when empty.
        status: The mark in the last column; that of the state when empty.
        href: Where the label leads; nowhere when empty.
        said: What the row shows, where its state does not say it.
        combined: The effect when all rows are taken together, drawn as a stroke.
        how: Where it is told how the number is worked out; nowhere when empty.
    """

    label: str
    knowledge: Knowledge
    interval: Interval | None = None
    detail: str = ""
    levels: tuple[str, ...] = ()
    margins: tuple[float, ...] = ()
    reason: str = ""
    reading: str = ""
    status: str = ""
    href: str = ""
    said: str = ""
    combined: float | None = None
    how: str = ""

    @property
    def shown(self) -> Interval | None:
        """The interval if it may be drawn: an invalid effect has no number anywhere."""
        return self.interval if self.knowledge in DRAWN else None

    def sentence(self, measure: Measure) -> str:
        """Say in one sentence what the row shows."""
        if self.said:
            return self.said
        interval = self.shown
        if interval is None:
            match self.knowledge:
                case Knowledge.INVALID:
                    because = f", because {self.reason}" if self.reason else ""
                    return f"{self.label} cannot be used{because}."
                case _:
                    said = self.reason or MARKS[self.knowledge].words.lower()
                    return f"{self.label}: {said}."
        if self.knowledge is Knowledge.INCONCLUSIVE:
            low, high = measure.said(interval.low), measure.said(interval.high)
            return f"{self.label}: the data cannot tell; it could be {low} or {high}."
        if self.knowledge is Knowledge.NO_DIFFERENCE:
            margin = max((abs(margin) for margin in self.margins), default=None)
            what = "that matters" if margin is None else f"larger than {measure.size(margin)}"
            return f"{self.label}: no difference {what}."
        verb = "rose" if interval.value > 0 else "fell"
        return (
            f"{self.label} {verb} by {measure.size(interval.value)}; "
            f"likely between {between(interval, measure)}."
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under one heading, such as "Guardrails: may veto"."""

    title: str
    rows: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A straight stroke of a row's drawing, x in per cent and y in px."""

    css: str
    x1: str
    x2: str
    y1: float
    y2: float


@dataclass(frozen=True, slots=True)
class Row:
    """One row as the template draws it; nothing is left to decide."""

    label: str
    detail: str
    href: str
    how: str
    levels: tuple[str, ...]
    value: str
    range: str
    colour: str
    void: bool
    instead: str
    status: str
    reading: str
    sentence: str
    lines: tuple[Line, ...]
    dot: str
    dot_css: str
    hatch: bool
    hatch_words: str
    words: str
    height: int = ROW_PX

    @property
    def middle(self) -> float:
        """Height of the dot and the whisker."""
        return self.height / 2


@dataclass(frozen=True, slots=True)
class DrawnGroup:
    """A heading and its rows."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Forest:
    """Effects on one axis.

    Attributes:
        groups: Rows under headings; a single group may have none.
        measure: How the effects are written.
        head: Head of the column of effects with the level of its intervals:
            "Effect, 95%".
        columns: Heads of the columns of levels.
        label: Head of the first column.
        reading: Head of the last column; left out when empty.
        reference: A dashed line through all rows, such as the overall effect.
    """

    groups: tuple[Group, ...]
    measure: Measure
    head: str
    columns: tuple[str, ...] = ()
    label: str = "Metric"
    reading: str = "Reading"
    reference: float | None = None

    @property
    def effects(self) -> tuple[Effect, ...]:
        """All rows in order."""
        return tuple(row for group in self.groups for row in group.rows)

    @property
    def has_axis(self) -> bool:
        """Whether any effect is drawn; an axis above words alone measures nothing."""
        return any(effect.shown for effect in self.effects)

    @property
    def axis(self) -> Axis:
        """One axis for all rows, zero on it.

        Wide intervals that say nothing may leave the frame rather than flatten
        the ones that do; where no interval says anything, the narrowest one fits.
        """
        firm = [0.0] if self.reference is None else [0.0, self.reference]
        loose: list[float] = []
        for effect in self.effects:
            interval = effect.shown
            if interval is None:
                continue
            firm += [interval.value, *effect.margins]
            firm += [] if effect.combined is None else [effect.combined]
            ends = [interval.low, interval.high]
            (loose if effect.knowledge is Knowledge.INCONCLUSIVE else firm).extend(ends)
        reach = 1.5 * max(abs(value) for value in firm)
        shown = [effect for effect in self.effects if effect.shown]
        if shown and all(effect.knowledge is Knowledge.INCONCLUSIVE for effect in shown):
            reach = max(reach, min(_furthest(effect.shown) for effect in shown))
        if reach:
            loose = [min(reach, max(-reach, value)) for value in loose]
        both = firm + loose
        return axis_around(min(both), max(both), measure=self.measure)

    @property
    def drawn(self) -> tuple[DrawnGroup, ...]:
        """The rows, laid out."""
        axis = self.axis
        return tuple(
            DrawnGroup(group.title, tuple(self.row(effect, axis) for effect in group.rows))
            for group in self.groups
        )

    @property
    def width(self) -> int:
        """Columns of the table."""
        return 3 + len(self.columns) + bool(self.reading)

    @property
    def description(self) -> str:
        """Say what the whole drawing shows."""
        return " ".join(effect.sentence(self.measure) for effect in self.effects)

    def row(self, effect: Effect, axis: Axis) -> Row:
        """Lay out one row."""
        mark, interval = MARKS[effect.knowledge], effect.shown
        colour = COLOURS.get(effect.knowledge, "quiet")
        hatched = effect.knowledge in {Knowledge.INVALID, Knowledge.NOT_MATURE}
        words = effect.reason if effect.knowledge is Knowledge.NOT_MATURE else ""
        instead = ""
        if interval is None:
            # The mark beside it says so too; words in the drawing make a third time.
            quiet = effect.knowledge is Knowledge.INVALID or effect.knowledge in WORDS
            instead = "" if quiet else mark.words.lower()
        return Row(
            label=effect.label,
            detail=effect.detail,
            href=effect.href,
            how=effect.how if interval else "",
            levels=self.cells(effect),
            value="" if interval is None else self.measure.said(interval.value),
            range="" if interval is None else self.measure.range(interval.low, interval.high),
            colour={"better": "up", "worse": "down"}.get(colour, "") if interval else "",
            void=effect.knowledge is Knowledge.INVALID,
            instead=instead,
            status=effect.status or mark.status,
            reading=effect.reading or mark.words,
            sentence=effect.sentence(self.measure),
            lines=tuple(self.lines(effect, axis, colour)),
            dot="" if interval is None else axis.x(interval.value),
            dot_css=dot_css(effect.knowledge, colour),
            hatch=hatched,
            hatch_words=words,
            words=effect.reason if effect.knowledge in WORDS else "",
        )

    def cells(self, effect: Effect) -> tuple[str, ...]:
        """Give a row's levels, one per column; none of an invalid effect."""
        levels = () if effect.knowledge is Knowledge.INVALID else effect.levels
        return (*levels, *[""] * (len(self.columns) - len(levels)))

    def lines(self, effect: Effect, axis: Axis, colour: str) -> list[Line]:
        """Lay out grid, zero line, margins, whisker and its caps, back to front."""
        drawn = [
            Line("zero" if tick.zero else "grid", tick.at, tick.at, 0, ROW_PX)
            for tick in sorted(axis.ticks, key=lambda tick: tick.zero)
        ]
        if self.reference is not None:
            at = axis.x(self.reference)
            drawn.append(Line("s-better dash", at, at, 0, ROW_PX))
        interval = effect.shown
        if interval is None:
            return drawn
        drawn += [Line("margin", axis.x(m), axis.x(m), 0, ROW_PX) for m in effect.margins]
        middle, css = ROW_PX / 2, f"s-{colour} iv95"
        drawn.append(Line(css, axis.x(interval.low), axis.x(interval.high), middle, middle))
        # No cap where the interval goes on beyond the frame.
        drawn += [
            Line(css, axis.x(end), axis.x(end), middle - 4, middle + 4)
            for end in (interval.low, interval.high)
            if axis.inside(end)
        ]
        if effect.combined is not None and axis.inside(effect.combined):
            at = axis.x(effect.combined)
            drawn.append(Line("s-ink iv", at, at, middle - 8, middle + 8))
        return drawn


def _furthest(interval: Interval | None) -> float:
    return max(abs(interval.low), abs(interval.high)) if interval else 0.0


def dot_css(knowledge: Knowledge, colour: str) -> str:
    """Give the class of the dot: hollow while the data cannot tell."""
    return f"hollow s-{colour}" if knowledge is Knowledge.INCONCLUSIVE else f"f-{colour}"


def between(interval: Interval, measure: Measure) -> str:
    """Write an interval after "likely between", without signs where the verb has them."""
    if interval.low < 0 < interval.high:
        return f"{measure.said(interval.low)} and {measure.said(interval.high)}"
    near, far = sorted((abs(interval.low), abs(interval.high)))
    return f"{measure.size(near)} and {measure.size(far)}"


def forest(
    *rows: Effect,
    measure: Measure,
    head: str,
    title: str = "",
    label: str = "Metric",
    reading: str = "Reading",
) -> Forest:
    """Make a forest of rows under one heading."""
    return Forest(
        groups=(Group(title, rows),), measure=measure, head=head, label=label, reading=reading
    )
