"""Lays the roadmap out as swim lanes: which bar stands in which lane, column and row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from math import ceil
from typing import Final

from truelift.apps.drawing.wording import day, short_day
from truelift.lifecycle.back_schedule import Slip, predecessors
from truelift.lifecycle.conflict_rules import Severity
from truelift.lifecycle.roadmap_item import DependencyKind, ItemKind, ItemStage, RoadmapItem
from truelift.lifecycle.roadmap_move import MOVABLE


class Lanes(StrEnum):
    """What the lanes are."""

    SURFACE = "surface"
    TEAM = "team"
    SQUAD = "squad"

    @property
    def unnamed(self) -> str:
        """What the lane of items is called for which nobody has said."""
        return {
            Lanes.SURFACE: "No surface named",
            Lanes.TEAM: "No team named",
            Lanes.SQUAD: "No squad named",
        }[self]


class Zoom(StrEnum):
    """How near the timeline is looked at."""

    DAY = "day"
    WEEK = "week"
    QUARTER = "quarter"

    @property
    def days(self) -> int:
        """How many days are seen at once."""
        return {Zoom.DAY: 21, Zoom.WEEK: 56, Zoom.QUARTER: 91}[self]

    @property
    def step(self) -> int:
        """By how many days a step goes on or back; a third stays in sight."""
        return {Zoom.DAY: 14, Zoom.WEEK: 35, Zoom.QUARTER: 63}[self]


MOST_ROWS: Final = 200
"""Rows of a lane for which there is a class; what comes after stands in the last."""
ROW: Final = 30
"""Height of a row, in pixels, as in timeline.css."""
LANE_PADDING: Final = 16
LEAST_LANE: Final = 58
AXIS: Final = 44
_PLOT: Final = 1040
"""Width of the days on a wide screen, in pixels; labels are given room by it."""
_LETTER: Final = 6.6
_LONGEST_LABEL: Final = 34
_DAY: Final = timedelta(days=1)
SATURDAY: Final = 5
SHORTEST_STRETCH: Final = 3


_MARKS: Final[Mapping[Severity, str]] = {
    Severity.BLOCK: "✕",
    Severity.PLAN_NEEDED: "!",
    Severity.WARN: "△",
    Severity.INFO: "i",
}


@dataclass(frozen=True, slots=True)
class Window:
    """The days that are seen.

    Attributes:
        since: The first day.
        until: The first day that is not seen any more.
    """

    since: date
    until: date

    @property
    def days(self) -> int:
        """How many they are."""
        return (self.until - self.since).days

    def column(self, at: date) -> int:
        """Give the column of a day, from 1; days outside are held at the edge."""
        return min(max((at - self.since).days, 0), self.days) + 1

    def span(self, start: date, end: date) -> tuple[int, int]:
        """Give the first column and the number of columns of a time; 0 where it is not seen."""
        first, last = self.column(start), self.column(end)
        return first, last - first

    @property
    def said(self) -> str:
        """The days in words: 2 Nov to 31 Jan 2027."""
        last = self.until - _DAY
        return f"{short_day(self.since)} {self.since.year} to {short_day(last)} {last.year}"


def window_of(zoom: Zoom, at: date) -> Window:
    """Give the window that begins in the week of a day, on its Monday."""
    since = at - timedelta(days=at.weekday())
    return Window(since, since + timedelta(days=zoom.days))


def quarter_of(at: date) -> Window:
    """Give the calendar quarter of a day."""
    first = (at.month - 1) // 3 * 3 + 1
    since = date(at.year, first, 1)
    until = date(at.year + 1, 1, 1) if first == 10 else date(at.year, first + 3, 1)
    return Window(since, until)


@dataclass(frozen=True, slots=True)
class Clash:
    """A conflict that stands, as far as it is drawn.

    Attributes:
        key: How people call it.
        severity: How bad it is.
        first: Key of an item.
        second: Key of the other; empty where there is only one.
        starts: The first day on which both are there; None where it has no day.
        days: How many days.
    """

    key: str
    severity: Severity
    first: str
    second: str = ""
    starts: date | None = None
    days: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """An item in a lane.

    Attributes:
        column: Of its first day that is seen, from 1.
        span: How many days of it are seen.
        row: In its lane, from 1.
        side: Where its label stands: `in` the bar, or `right` or `left` of it.
        done: How many of its columns are over; of running experiments.
        from_before: It began before what is seen.
        goes_on: It ends after what is seen, or nobody has said when.
        severity: The worst of its conflicts that stand; empty without one.
        clashes: How many conflicts stand.
        critical: It decides when something else can start.
        slip: To which day it would have to move, as things stand; None where it need not.
        invalid: Its result cannot be used.
        movable: Its days can be moved.
        said: What a screen reader says after its name.
    """

    item: RoadmapItem
    label: str
    column: int
    span: int
    row: int
    side: str
    done: int
    from_before: bool
    goes_on: bool
    severity: str
    clashes: int
    critical: bool
    slip: date | None
    invalid: bool
    movable: bool
    when: str
    said: str
    classes: str
    version: int = 0

    @property
    def stretches(self) -> bool:
        """Whether its end can be taken hold of; a bar that is too short is only moved."""
        return self.item.end is not None and self.span >= SHORTEST_STRETCH and not self.goes_on

    @property
    def mark(self) -> str:
        """How many conflicts stand, and the worst of them as a glyph; empty without one."""
        if not self.severity:
            return ""
        return f"{_MARKS[Severity(self.severity)]}{self.clashes}"


@dataclass(frozen=True, slots=True)
class Band:
    """A time that stands behind or over the bars of a lane.

    Attributes:
        kind: `freeze`, `proposed`, `clash`, `weekend`, `season`.
        label: What it says; empty where the bars say it.
        href: Where it leads; empty for nowhere.
        row: The first row that it covers.
        rows: How many; 0 for all.
    """

    kind: str
    column: int
    span: int
    label: str = ""
    href: str = ""
    row: int = 1
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Lane:
    """A swim lane.

    Attributes:
        about: What stands below its name.
        rows: How many rows of bars it has.
        top: Where it begins, in pixels from the top of all lanes.
    """

    name: str
    about: str
    bars: tuple[Bar, ...]
    bands: tuple[Band, ...]
    rows: int
    top: int = 0

    @property
    def height(self) -> int:
        """How high it is, in pixels."""
        return max(self.rows * ROW + LANE_PADDING, LEAST_LANE)


@dataclass(frozen=True, slots=True)
class Link:
    """That one item waits for another, as a line down or up, and then along.

    Attributes:
        x1: Where the first ends, in per cent of the days.
        x2: Where the second begins.
        y1: Of the first, in pixels.
        y2: Of the second.
        critical: It decides when the second can start.
        late: The second begins before the first is over.
    """

    first: str
    second: str
    x1: float
    y1: int
    x2: float
    y2: int
    critical: bool
    late: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A word on the axis."""

    column: int
    span: int
    text: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything that is drawn.

    Attributes:
        today: Column of today; 0 where it is not seen.
        months: Upper words of the axis.
        ticks: Lower words: days, or Mondays.
        backs: Weekends and seasons, behind every lane.
        undated: Items that have no first day yet.
        height: Of all lanes together, in pixels.
    """

    window: Window
    today: int
    months: tuple[Tick, ...]
    ticks: tuple[Tick, ...]
    backs: tuple[Band, ...]
    lanes: tuple[Lane, ...]
    links: tuple[Link, ...]
    undated: tuple[RoadmapItem, ...]

    @property
    def height(self) -> int:
        """How high all lanes are together."""
        return self.lanes[-1].top + self.lanes[-1].height if self.lanes else 0


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known of the items besides what they say.

    Attributes:
        clashes: Conflicts that stand and are not settled.
        slips: What cannot start when it is planned.
        path: Keys in an order that decides when the last can start; of every chain.
        invalid: Keys of experiments whose results cannot be used.
        versions: Key → the version that a person looks at.
        seasons: Name, first day and end of what is shaded.
        order: Names of lanes in their order, with what stands below them.
    """

    clashes: Sequence[Clash] = ()
    slips: Sequence[Slip] = ()
    path: Sequence[Sequence[str]] = ()
    invalid: frozenset[str] = frozenset()
    versions: Mapping[str, int] | None = None
    seasons: Sequence[tuple[str, date, date]] = ()
    order: Mapping[str, str] | None = None


def timeline(
    items: Iterable[RoadmapItem],
    *,
    window: Window,
    zoom: Zoom,
    lanes: Lanes,
    today: date,
    beside: Beside = Beside(),
    may_move: bool = False,
) -> Timeline:
    """Lay items out in lanes.

    Items stand in every lane that they are about; in a lane no two that share a day, or whose
    labels would meet, stand in one row.
    """
    shown = [each for each in items if each.stage is not ItemStage.CANCELLED]
    dated = [
        each
        for each in shown
        if each.start is not None
        and each.start < window.until
        and (each.end is None or each.end > window.since)
    ]
    writer = _Writer(window, zoom, today, beside, may_move=may_move)
    grouped = _grouped([each for each in dated if each.kind is not ItemKind.FREEZE], lanes)
    freezes = [each for each in dated if each.kind is ItemKind.FREEZE]
    for freeze in freezes if lanes is Lanes.SURFACE else ():
        for name in freeze.surfaces:
            grouped.setdefault(name, [])
    drawn: list[Lane] = []
    top = 0
    order = {name: at for at, name in enumerate(beside.order or {})}
    for name in sorted(grouped, key=lambda each: (not each, order.get(each, len(order)), each)):
        lane = writer.lane(
            name or lanes.unnamed,
            (beside.order or {}).get(name, ""),
            grouped[name],
            [each for each in freezes if _covers(each, name, grouped[name], lanes)],
        )
        lane = replace(lane, top=top)
        top += lane.height + 1
        drawn.append(lane)
    return Timeline(
        window=window,
        today=window.column(today) if window.since <= today < window.until else 0,
        months=_months(window),
        ticks=_ticks(window, zoom),
        backs=(*_weekends(window), *_seasons(window, beside.seasons)),
        lanes=tuple(drawn),
        links=writer.links(drawn, dated),
        undated=tuple(each for each in shown if each.start is None),
    )


def rows_of(places: Sequence[tuple[int, int]]) -> list[int]:
    """Give each place the first row in which it meets no other, from 1.

    Args:
        places: First and last column of each, the leftmost first.
    """
    ends: list[int] = []
    found = []
    for first, last in places:
        for row, end in enumerate(ends):
            if end < first:
                ends[row] = last
                found.append(row + 1)
                break
        else:
            ends.append(last)
            found.append(len(ends))
    return found


class _Writer:
    """Gives items their bars."""

    def __init__(
        self, window: Window, zoom: Zoom, today: date, beside: Beside, *, may_move: bool
    ) -> None:
        self.window = window
        self.today = today
        self.beside = beside
        self.may_move = may_move
        self.day_width = _PLOT / max(window.days, 1)
        self.zoom = zoom
        self.slips = {each.item: each for each in beside.slips}
        self.on_path = {key for path in beside.path for key in path}
        self.steps = {pair for path in beside.path for pair in pairwise(path)}
        self.clashes: dict[str, list[Clash]] = defaultdict(list)
        for each in beside.clashes:
            for key in filter(None, (each.first, each.second)):
                self.clashes[key].append(each)

    def lane(
        self, name: str, about: str, items: Sequence[RoadmapItem], freezes: Sequence[RoadmapItem]
    ) -> Lane:
        """Draw one lane."""
        bands, named = self._freezes(freezes)
        # A row is kept free for what freezes are called.
        first = 1 if named else 0
        bars = [self._bar(each) for each in items]
        bars.sort(key=lambda each: (each.column, -each.span, each.item.key))
        rows = rows_of([self._room(each) for each in bars])
        placed = [
            replace(bar, row=min(row + first, MOST_ROWS))
            for bar, row in zip(bars, rows, strict=True)
        ]
        placed = [replace(each, classes=_classes(each)) for each in placed]
        at = {each.item.key: each for each in placed}
        bands += self._clash_bands(at)
        return Lane(
            name=name,
            about=about,
            bars=tuple(placed),
            bands=tuple(bands),
            rows=min(max(rows, default=0) + first, MOST_ROWS),
        )

    def _bar(self, item: RoadmapItem) -> Bar:
        assert item.start is not None  # noqa: S101 - only dated items are drawn
        end = item.end or max(item.start, self.today) + _DAY
        column, span = self.window.span(item.start, max(end, item.start + _DAY))
        span = max(span, 1)
        clashes = self.clashes.get(item.key, ())
        worst = min((each.severity for each in clashes), key=lambda each: each.rank, default=None)
        slip = self.slips.get(item.key)
        done = 0
        if item.kind is ItemKind.EXPERIMENT and item.stage in {ItemStage.RUNNING, ItemStage.DONE}:
            done = span if item.stage is ItemStage.DONE else self.window.column(self.today) - column
        label = item.what.strip() or item.key
        if item.kind is ItemKind.EXPERIMENT and item.key.lower() not in label.lower():
            label = f"{item.key} {label}"
        invalid = item.key in self.beside.invalid
        bar = Bar(
            item=item,
            label=label,
            column=column,
            span=span,
            row=1,
            side="in",
            done=0 if invalid else min(max(done, 0), span),
            from_before=item.start < self.window.since,
            goes_on=item.end is None or item.end > self.window.until,
            severity="" if worst is None else worst.value,
            clashes=len(clashes),
            critical=item.key in self.on_path,
            slip=slip.proposed if slip else None,
            invalid=invalid,
            movable=self.may_move and item.stage in MOVABLE and item.kind is not ItemKind.FREEZE,
            when=days_said(item, year=self.today.year),
            said="",
            classes="",
            version=(self.beside.versions or {}).get(item.key, 0),
        )
        return replace(bar, side=self._side(bar), said=_said(bar, clashes, self.today))

    def _label_columns(self, bar: Bar) -> int:
        letters = min(len(bar.label), _LONGEST_LABEL)
        marks = 26 * ((bar.clashes > 0) + (bar.slip is not None))
        return ceil((letters * _LETTER + marks + 22) / self.day_width)

    def _side(self, bar: Bar) -> str:
        needs = self._label_columns(bar)
        if bar.span >= needs:
            return "in"
        if bar.column + bar.span - 1 + needs <= self.window.days:
            return "right"
        return "left" if bar.column > needs else "in"

    def _room(self, bar: Bar) -> tuple[int, int]:
        """Give the columns that a bar takes with its label."""
        last = bar.column + bar.span - 1
        if bar.side == "right":
            return bar.column, last + self._label_columns(bar)
        if bar.side == "left":
            return bar.column - self._label_columns(bar), last
        return bar.column, last

    def _freezes(self, freezes: Sequence[RoadmapItem]) -> tuple[list[Band], bool]:
        bands = []
        named = False
        for each in freezes:
            assert each.start is not None  # noqa: S101 - only dated items are drawn
            end = each.end or self.window.until
            column, span = self.window.span(each.start, end)
            if not span:
                continue
            # What protects a test stands over the test's own bar, which says so.
            label = "" if each.of else each.what or each.key
            named = named or bool(label)
            agreed = "agreed" if each.agreed else "proposed"
            bands.append(
                Band(
                    kind="freeze" if each.agreed else "proposed",
                    column=column,
                    span=span,
                    label=f"{label}, {agreed}" if label else "",
                    href=each.key if label else "",
                )
            )
        return bands, named

    def _clash_bands(self, at: Mapping[str, Bar]) -> list[Band]:
        bands = []
        for clash in self.beside.clashes:
            touched = [at[key] for key in (clash.first, clash.second) if key in at]
            if not touched or clash.starts is None or not clash.severity.stops:
                continue
            end = clash.starts + timedelta(days=max(clash.days, 1))
            column, span = self.window.span(clash.starts, end)
            if not span:
                continue
            top = min(each.row for each in touched)
            bands.append(
                Band(
                    kind="clash",
                    column=column,
                    span=span,
                    row=top,
                    rows=max(each.row for each in touched) - top + 1,
                )
            )
        return bands

    def links(self, lanes: Sequence[Lane], items: Sequence[RoadmapItem]) -> tuple[Link, ...]:
        """Draw what waits for what, between the first bars of both."""
        where: dict[str, tuple[Bar, int]] = {}
        for lane in lanes:
            for bar in lane.bars:
                y = lane.top + LANE_PADDING // 2 + (bar.row - 1) * ROW + ROW // 2
                where.setdefault(bar.item.key, (bar, y))
        found = []
        for second, firsts in predecessors(items).items():
            for first in firsts:
                if first not in where or second not in where:
                    continue
                (before, y1), (after, y2) = where[first], where[second]
                ends = before.column - 1 + before.span
                starts = after.column - 1
                found.append(
                    Link(
                        first=first,
                        second=second,
                        x1=round(100 * ends / self.window.days, 2),
                        y1=y1,
                        x2=round(100 * starts / self.window.days, 2),
                        y2=y2,
                        critical=(first, second) in self.steps,
                        late=before.item.end is not None
                        and after.item.start is not None
                        and after.item.start < before.item.end,
                    )
                )
        return tuple(found)


def days_said(item: RoadmapItem, *, year: int) -> str:
    """Say an item's days; the last that counts, not the one after."""
    if item.start is None:
        return "no days yet"
    if item.end is None:
        return f"from {day(item.start, year=year)}"
    last = item.end - _DAY
    if last <= item.start:
        return day(item.start, year=year)
    return f"{day(item.start, year=year)} to {day(last, year=year)}"


def _said(bar: Bar, clashes: Sequence[Clash], today: date) -> str:
    parts = [bar.item.kind.value, bar.item.stage.value]
    if bar.item.surfaces:
        parts.append(f"on {', '.join(bar.item.surfaces[:3])}")
    if bar.invalid:
        parts.append("invalid")
    if clashes:
        named = ", ".join(each.key for each in clashes[:5])
        word = Severity(bar.severity).called.lower()
        parts.append(f"conflict{'' if len(clashes) == 1 else 's'} {named} ({word})")
    waits = [each.on for each in bar.item.dependencies if each.kind is DependencyKind.NEEDS_BEFORE]
    if waits:
        parts.append(f"needs {', '.join(waits[:5])} before")
    if bar.slip is not None:
        parts.append(f"cannot start before {day(bar.slip, year=today.year)}")
    if bar.critical:
        parts.append("on the critical path")
    return ", ".join(parts)


def _classes(bar: Bar) -> str:
    word = [f"k-{bar.item.kind.value}", f"c-{bar.column}", f"d-{bar.span}", f"r-{bar.row}"]
    if bar.item.kind is not ItemKind.EXPERIMENT and bar.item.end is not None:
        length = (bar.item.end - bar.item.start).days if bar.item.start else 0
        word += ["is-point"] if bar.item.kind is ItemKind.RELEASE and length <= 1 else []
    if bar.side != "in":
        word.append(f"label-{bar.side}")
    if bar.item.stage is ItemStage.PROPOSED:
        word.append("is-proposed")
    if bar.severity:
        word.append(f"has-{bar.severity.replace('_', '-')}")
    for name, said in (
        ("is-critical", bar.critical),
        ("is-invalid", bar.invalid),
        ("from-before", bar.from_before),
        ("goes-on", bar.goes_on),
    ):
        if said:
            word.append(name)
    return " ".join(word)


def _grouped(items: Iterable[RoadmapItem], lanes: Lanes) -> dict[str, list[RoadmapItem]]:
    found: dict[str, list[RoadmapItem]] = defaultdict(list)
    for each in items:
        if lanes is Lanes.SURFACE:
            names: Sequence[str] = each.surfaces or ("",)
        else:
            names = ((each.team if lanes is Lanes.TEAM else each.squad).strip(),)
        for name in dict.fromkeys(names):
            found[name].append(each)
    return dict(found)


def _covers(freeze: RoadmapItem, name: str, items: Sequence[RoadmapItem], lanes: Lanes) -> bool:
    if not freeze.surfaces:
        return True
    if lanes is Lanes.SURFACE:
        return name in freeze.surfaces
    frozen = set(freeze.surfaces)
    return any(frozen & set(each.surfaces) for each in items)


def _months(window: Window) -> tuple[Tick, ...]:
    found = []
    at = window.since
    while at < window.until:
        following = date(at.year + at.month // 12, at.month % 12 + 1, 1)
        column, span = window.span(at, following)
        text = f"{at:%B} {at.year}" if at.month == 1 else f"{at:%B}"
        # A month of which only a few days are seen has no room for its name.
        found.append(Tick(column, span, text if span * _PLOT / window.days >= 70 else ""))
        at = following
    return tuple(found)


def _ticks(window: Window, zoom: Zoom) -> tuple[Tick, ...]:
    if zoom is Zoom.DAY:
        days = [window.since + timedelta(days=each) for each in range(window.days)]
        return tuple(
            Tick(at + 1, 1, f"{each:%a}"[:2] + f" {each.day}") for at, each in enumerate(days)
        )
    found = []
    at = window.since
    while at < window.until:
        monday = at + timedelta(days=7 - at.weekday())
        column, span = window.span(at, monday)
        found.append(Tick(column, span, str(at.day) if at.weekday() == 0 else ""))
        at = monday
    return tuple(found)


def _weekends(window: Window) -> Iterable[Band]:
    for number in range(window.days):
        at = window.since + timedelta(days=number)
        if at.weekday() == SATURDAY or (number == 0 and at.weekday() > SATURDAY):
            monday = at + timedelta(days=7 - at.weekday())
            column, span = window.span(at, monday)
            yield Band("weekend", column, span)


def _seasons(window: Window, seasons: Iterable[tuple[str, date, date]]) -> Iterable[Band]:
    for name, start, end in seasons:
        column, span = window.span(start, end)
        if span:
            yield Band("season", column, span, label=name)
