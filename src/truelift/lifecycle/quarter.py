"""Gives the candidates of a quarter their starts, so that what is worth most finds a place."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import combinations
from typing import Final

import numpy as np

from truelift.lifecycle.back_schedule import predecessors
from truelift.lifecycle.capacity import week_of, work_by_week
from truelift.lifecycle.conflict import NOTHING_KNOWN, ConflictContext, conflicts
from truelift.lifecycle.conflict_look import named
from truelift.lifecycle.conflict_rules import Rule
from truelift.lifecycle.overlap import Stay, exposure_overlap, stay_of
from truelift.lifecycle.roadmap_item import ItemKind, RoadmapItem
from truelift.lifecycle.slots import length_of, neighbours
from truelift.lifecycle.surface import Surface


MOST_REASONS: Final = 3
"""So many are said of each that found no place, the most frequent first."""

_ROUNDING: Final = 1e-9
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be done in a quarter.

    Attributes:
        item: What it is; its length is kept, its dates are not.
        value: What it is worth, in any unit that is the same for all; at least 0.
    """

    item: RoadmapItem
    value: float = 1.0


@dataclass(frozen=True, slots=True)
class Placed:
    """When a candidate is done.

    Attributes:
        key: Its key.
        start: A Monday.
        end: The first day on which it is over; it may lie behind the quarter's.
    """

    key: str
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Unplaced:
    """That a candidate found no place.

    Attributes:
        key: Its key.
        reasons: Why, as sentences, the most frequent first.
    """

    key: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QuarterPlan:
    """A whole quarter.

    Attributes:
        placed: Who has a place, ordered by start and key.
        unplaced: Who has none, ordered by key.
        value: What is placed is worth, together.
        proven: Whether it was shown that nothing is worth more; if not, time ran out.
    """

    placed: tuple[Placed, ...]
    unplaced: tuple[Unplaced, ...]
    value: float
    proven: bool


def quarter_schedule(
    candidates: Iterable[Candidate],
    fixed: Iterable[RoadmapItem],
    *,
    since: date,
    until: date,
    surfaces: Iterable[Surface],
    today: date,
    context: ConflictContext = NOTHING_KNOWN,
    settled: Collection[tuple[Rule, str, str]] = frozenset(),
    time_limit_s: float = 10.0,
) -> QuarterPlan:
    """Find starts for the candidates that are worth most together.

    Everybody starts on a Monday of the quarter. Nobody is placed where `conflicts` finds
    something that stops them, before what they need is over, or where no working day or no
    visitor is left. Of plans that are worth the same the earlier is taken. The same
    candidates get the same plan, in whatever order they are given, unless time runs out.

    Args:
        candidates: What may be done; their keys are unique.
        fixed: All other items of the site, which keep their dates.
        since: The first day of the quarter.
        until: The first day behind it.
        surfaces: The surfaces of the site.
        today: The day that it is at the site; nobody starts before.
        context: What is known beside the items.
        settled: Identities of conflicts for which a plan or an approval stands.
        time_limit_s: After so many seconds the best plan that was found is taken.
    """
    board = _board(
        sorted(candidates, key=lambda each: each.item.key),
        list(fixed),
        _mondays(max(since, today), until),
        list(surfaces),
        today,
        context,
        settled,
    )
    solved = _solved(board, time_limit_s)
    chosen = _greedy(board) if solved is None else solved[0]
    items = [each.item for each in board.candidates]
    return QuarterPlan(
        placed=tuple(
            sorted(
                (
                    Placed(items[who].key, start, start + length_of(items[who]))
                    for who, start in ((who, board.weeks[week]) for who, week in chosen.items())
                ),
                key=lambda each: (each.start, each.key),
            )
        ),
        unplaced=tuple(
            Unplaced(item.key, _why_not(board, chosen, who))
            for who, item in enumerate(items)
            if who not in chosen
        ),
        value=float(sum(board.candidates[who].value for who in chosen)),
        proven=solved is not None and solved[1],
    )


@dataclass(slots=True)
class _Board:
    """The question, in numbers: who can start when, and what they take from each other.

    Attributes:
        candidates: Ordered by key; everywhere else they are numbers.
        weeks: Mondays on which one may start.
        free: Candidate → numbers of the weeks in which nothing fixed stops it.
        held: Candidate → what stops it in other weeks, as sentences with their counts.
        rivals: Pairs that cannot be at the same time → days that they must be apart.
        before: Candidate → candidates that it needs.
        lost: Candidate → what it needs and nobody can bring, as sentences.
        work: Candidate and week → role and Monday → days of work.
        left: Role and Monday → days that are not taken.
        crowds: Tests that share visitors with a test: the test, and the others.
        shares: Fixed tests beside them: number below 0 → share of visitors, first and last day.
    """

    candidates: list[Candidate]
    weeks: list[date]
    free: list[list[int]]
    held: list[Counter[str]]
    rivals: dict[tuple[int, int], int] = field(default_factory=dict)
    before: dict[int, list[int]] = field(default_factory=dict)
    work: dict[tuple[int, int], Mapping[tuple[str, int], float]] = field(default_factory=dict)
    left: dict[tuple[str, int], float] = field(default_factory=dict)
    crowds: list[tuple[int, list[int]]] = field(default_factory=list)
    shares: dict[int, tuple[float, int, int]] = field(default_factory=dict)

    def span(self, who: int, week: int) -> tuple[int, int]:
        """Give the first day of a candidate that starts in a week, and the first behind it."""
        start = self.weeks[week].toordinal()
        return start, start + length_of(self.candidates[who].item).days

    def allocation(self, who: int) -> float:
        """Give the share of visitors of a test, fixed or not."""
        return self.shares[who][0] if who < 0 else self.candidates[who].item.allocation


def _mondays(since: date, until: date) -> list[date]:
    first = since + timedelta(days=-since.weekday() % 7)
    return [first + n * _WEEK for n in range(max(0, -((first - until).days // 7)))]


def _board(
    candidates: list[Candidate],
    fixed: list[RoadmapItem],
    weeks: list[date],
    surfaces: list[Surface],
    today: date,
    context: ConflictContext,
    settled: Collection[tuple[Rule, str, str]],
) -> _Board:
    numbers = {each.item.key: who for who, each in enumerate(candidates)}
    others = [each for each in fixed if each.key not in numbers]
    board = _Board(candidates, weeks, [[] for _ in candidates], [Counter() for _ in candidates])
    if not weeks:
        return board
    needs = predecessors([*others, *(each.item for each in candidates)])
    last_starts = _latest_ends(needs, numbers, others)
    for who, candidate in enumerate(candidates):
        item = candidate.item
        length = length_of(item)
        stretched = replace(item, start=weeks[0], end=weeks[-1] + length)
        near = neighbours(stretched, others, surfaces=surfaces, today=today, context=context)
        board.before[who] = [numbers[key] for key in needs.get(item.key, ()) if key in numbers]
        for week, start in enumerate(weeks):
            moved = replace(item, start=start, end=start + length)
            found = conflicts(
                [moved, *near], surfaces=surfaces, today=today, context=context, about=item.key
            )
            stopped = [
                each.sentence
                for each in found
                if each.identity not in settled
                and (each.first == item.key if each.rule is Rule.C13 else each.stops)
            ]
            waiting = last_starts.get(item.key)
            if waiting is not None and start + length > (waiting.start or start):
                stopped.append(f"{named(waiting)} starts before and needs it.")
            if stopped:
                board.held[who].update(stopped)
            else:
                board.free[who].append(week)
                board.work[who, week] = work_by_week(
                    Stay(moved, start.toordinal(), (start + length).toordinal()),
                    context.capacity,
                    free=context.free,
                )
    _find_rivals(board, numbers, surfaces, today, context, settled)
    stays = [stay for each in others if (stay := stay_of(each, today=today)) is not None]
    _find_capacity(board, stays, today, context)
    _find_crowds(board, stays, context)
    return board


def _latest_ends(
    needs: Mapping[str, Sequence[str]], numbers: Mapping[str, int], fixed: list[RoadmapItem]
) -> dict[str, RoadmapItem]:
    """Give for each candidate the first fixed item that waits for it."""
    found: dict[str, RoadmapItem] = {}
    for each in sorted(fixed, key=lambda item: (item.start or date.max, item.key), reverse=True):
        if each.start is not None:
            found.update((key, each) for key in needs.get(each.key, ()) if key in numbers)
    return found


def _find_rivals(
    board: _Board,
    numbers: Mapping[str, int],
    surfaces: list[Surface],
    today: date,
    context: ConflictContext,
    settled: Collection[tuple[Rule, str, str]],
) -> None:
    """Put all at the same time, to see who cannot be."""
    start = board.weeks[0]
    together = [
        replace(each.item, start=start, end=start + length_of(each.item))
        for each in board.candidates
    ]
    for each in conflicts(together, surfaces=surfaces, today=today, context=context):
        if each.second and each.stops and each.rule is not Rule.C13:
            if each.identity in settled:
                continue
            pair = tuple(sorted((numbers[each.first], numbers[each.second])))
            tests = all(board.candidates[who].item.kind is ItemKind.EXPERIMENT for who in pair)
            apart = context.washout_days if tests else 0
            board.rivals[pair[0], pair[1]] = apart


def _find_capacity(board: _Board, stays: list[Stay], today: date, context: ConflictContext) -> None:
    this_week = week_of(today.toordinal())
    taken: dict[tuple[str, int], float] = defaultdict(float)
    for stay in stays:
        for at, days in work_by_week(stay, context.capacity, free=context.free).items():
            taken[at] += days
    asked = {at for work in board.work.values() for at in work if at[1] >= this_week}
    board.left = {at: max(0.0, context.capacity[at[0]] - taken[at]) for at in asked}


def _find_crowds(board: _Board, stays: list[Stay], context: ConflictContext) -> None:
    """Find tests of a surface that may be together and share visitors."""
    tests: list[tuple[int, RoadmapItem]] = [
        (who, each.item)
        for who, each in enumerate(board.candidates)
        if each.item.kind is ItemKind.EXPERIMENT
    ]
    running = [each for each in stays if each.item.kind is ItemKind.EXPERIMENT]
    for number, each in enumerate(running, start=1):
        tests.append((-number, each.item))
        board.shares[-number] = (each.item.allocation, each.start, each.end)
    by_surface: dict[str, list[tuple[int, RoadmapItem]]] = defaultdict(list)
    for who, item in tests:
        for surface in dict.fromkeys(item.surfaces):
            by_surface[surface].append((who, item))
    for there in by_surface.values():
        for who, item in there:
            others = [
                other
                for other, theirs in there
                if other != who
                and (who >= 0 or other >= 0)
                and (min(who, other), max(who, other)) not in board.rivals
                and exposure_overlap(item, theirs, audience=context.shared_audience(item, theirs))
                > 0
            ]
            taken = item.allocation + sum(board.allocation(other) for other in others)
            if others and taken > 1 + _ROUNDING:
                board.crowds.append((who, others))


# The model: one variable for each candidate and week.


def _solved(board: _Board, time_limit_s: float) -> tuple[dict[int, int], bool] | None:
    """Solve it exactly; None where time ran out before any plan was found."""
    # scipy takes half a second to load, and few who read of conflicts plan a quarter.
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    columns = [(who, week) for who, weeks in enumerate(board.free) for week in weeks]
    if not columns:
        return {}, True
    at = {column: number for number, column in enumerate(columns)}
    rows: list[dict[int, float]] = []
    most: list[float] = []
    for row, limit in _rows(board, at):
        rows.append(row)
        most.append(limit)
    matrix = csr_array(
        (
            [value for row in rows for value in row.values()],
            (
                [number for number, row in enumerate(rows) for _ in row],
                [column for row in rows for column in row],
            ),
        ),
        shape=(len(rows), len(columns)),
    )
    answer = milp(
        c=-_worth(board, columns),
        integrality=np.ones(len(columns)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(matrix, ub=np.asarray(most)),  # pyright: ignore[reportArgumentType]
        options={"time_limit": time_limit_s, "mip_rel_gap": 0.0},
    )
    if answer.x is None:
        return None
    chosen = {
        who: week for (who, week), value in zip(columns, answer.x, strict=True) if value > 0.5
    }
    return chosen, answer.status == 0


_SCALE: Final = 1000.0
_A_PLACE: Final = 0.02
_EARLIER: Final = 0.01


def _worth(board: _Board, columns: Sequence[tuple[int, int]]) -> np.ndarray:
    """Weigh value first, then that somebody has a place at all, then that it is early."""
    highest = max((each.value for each in board.candidates), default=0.0) or 1.0
    step = _EARLIER / (len(board.weeks) * len(board.candidates))
    return np.array(
        [
            _SCALE * max(board.candidates[who].value, 0.0) / highest + _A_PLACE - step * week
            for who, week in columns
        ]
    )


def _rows(
    board: _Board, at: Mapping[tuple[int, int], int]
) -> Iterator[tuple[dict[int, float], float]]:
    for who, weeks in enumerate(board.free):
        if weeks:
            yield {at[who, week]: 1.0 for week in weeks}, 1.0
    for crowd, apart in _circles(board.rivals):
        for monday in board.weeks:
            there: dict[int, float] = {}
            for who in crowd:
                there.update(_there(board, at, who, monday.toordinal(), apart))
            if there:
                yield there, 1.0
    for who, needed in board.before.items():
        for other in needed:
            for week in board.free[who]:
                row = {at[who, week]: 1.0}
                start = board.weeks[week].toordinal()
                for earlier in board.free[other]:
                    if board.span(other, earlier)[1] <= start:
                        row[at[other, earlier]] = -1.0
                yield row, 0.0
    taken: dict[tuple[str, int], dict[int, float]] = defaultdict(dict)
    for column, work in board.work.items():
        for where, days in work.items():
            if where in board.left:
                taken[where][at[column]] = days
    for where, row in taken.items():
        yield row, board.left[where]
    yield from _crowd_rows(board, at)


def _circles(rivals: Mapping[tuple[int, int], int]) -> Iterator[tuple[list[int], int]]:
    """Give circles in which each is everybody's rival, until every two rivals were in one.

    One row for ten of whom one can be there says more to the solver than rows for their pairs:
    with pairs alone it would let half of each be there.
    """
    beside: dict[int, set[int]] = defaultdict(set)
    for one, other in rivals:
        beside[one].add(other)
        beside[other].add(one)
    open_pairs = dict(sorted(rivals.items()))
    while open_pairs:
        (one, other), apart = next(iter(open_pairs.items()))
        circle = [one, other]
        for who in sorted(beside[one] & beside[other]):
            if all(
                who in beside[each] and rivals[min(who, each), max(who, each)] >= apart
                for each in circle
            ):
                circle.append(who)
        for pair in combinations(sorted(circle), 2):
            if open_pairs.get(pair) == apart:
                del open_pairs[pair]
        yield circle, apart


def _crowd_rows(
    board: _Board, at: Mapping[tuple[int, int], int]
) -> Iterator[tuple[dict[int, float], float]]:
    """Leave nobody with more than all visitors, on whatever day somebody starts."""
    days = {monday.toordinal() for monday in board.weeks}
    days |= {start for _, start, _ in board.shares.values()}
    for who, others in board.crowds:
        everything = sum(board.allocation(other) for other in others)
        for day in sorted(days):
            mine = _there(board, at, who, day, 0)
            fixed_there = who < 0 and board.shares[who][1] <= day < board.shares[who][2]
            if not mine and not fixed_there:
                continue
            room = 1.0 - board.allocation(who) + (0.0 if who < 0 else everything)
            row = dict.fromkeys(mine, everything)
            for other in others:
                share = board.allocation(other)
                if other < 0:
                    room -= share * (board.shares[other][1] <= day < board.shares[other][2])
                else:
                    row.update(dict.fromkeys(_there(board, at, other, day, 0), share))
            if any(column not in mine for column in row) or room < everything:
                yield row, max(room, 0.0)


def _there(
    board: _Board, at: Mapping[tuple[int, int], int], who: int, day: int, apart: int
) -> dict[int, float]:
    """Give the variables of a candidate that would be there on a day."""
    if who < 0:
        return {}
    found = {}
    for week in board.free[who]:
        start, end = board.span(who, week)
        if start <= day < end + apart:
            found[at[who, week]] = 1.0
    return found


# Without the solver, and in words.


def _greedy(board: _Board) -> dict[int, int]:
    """Give the most valuable its first place, then the next; what is needed comes before."""
    chosen: dict[int, int] = {}
    order = sorted(range(len(board.free)), key=lambda who: -board.candidates[who].value)
    for _ in order:
        grown = False
        for who in order:
            if who in chosen:
                continue
            for week in board.free[who]:
                if not list(_clashes(board, chosen, who, week)):
                    chosen[who] = week
                    grown = True
                    break
        if not grown:
            break
    return chosen


def _clashes(board: _Board, chosen: Mapping[int, int], who: int, week: int) -> Iterator[str]:
    """Say what keeps a candidate from a week, beside the others as they are placed."""
    start, end = board.span(who, week)
    for other, theirs in chosen.items():
        apart = board.rivals.get((min(who, other), max(who, other)))
        begins, ends = board.span(other, theirs)
        if apart is not None and start < ends + apart and begins < end + apart:
            yield f"{named(board.candidates[other].item)} stands in its way."
    for other in board.before.get(who, ()):
        item = board.candidates[other].item
        if other not in chosen:
            yield f"It needs {named(item)} before, which has no place."
        elif board.span(other, chosen[other])[1] > start:
            yield f"It needs {named(item)} before, which is over too late."
    for (role, monday), days in board.work.get((who, week), {}).items():
        left = board.left.get((role, monday))
        if left is None:
            continue
        used = sum(board.work[each].get((role, monday), 0.0) for each in chosen.items())
        if used + days > left + _ROUNDING:
            yield f"{role.capitalize()} has too few days left."
    yield from _crowded(board, chosen, who, start, end)


def _crowded(
    board: _Board, chosen: Mapping[int, int], who: int, start: int, end: int
) -> Iterator[str]:
    def is_there(other: int, day: int) -> bool:
        if other < 0:
            return board.shares[other][1] <= day < board.shares[other][2]
        if other == who:
            return start <= day < end
        if other not in chosen:
            return False
        begins, ends = board.span(other, chosen[other])
        return begins <= day < ends

    days = {monday.toordinal() for monday in board.weeks}
    days |= {begins for _, begins, _ in board.shares.values()}
    for one, others in board.crowds:
        if who != one and who not in others:
            continue
        for day in days:
            if start <= day < end and is_there(one, day):
                there = sum(board.allocation(each) for each in others if is_there(each, day))
                if board.allocation(one) + there > 1 + _ROUNDING:
                    yield "Tests of its surface leave it too few visitors."
                    return


def _why_not(board: _Board, chosen: Mapping[int, int], who: int) -> tuple[str, ...]:
    if not board.weeks:
        return ("The quarter has no Monday left.",)
    said: Counter[str] = Counter()
    for week in board.free[who]:
        said.update(set(_clashes(board, chosen, who, week)))
    if not board.free[who]:
        said = board.held[who]
    ordered = sorted(said, key=lambda each: (-said[each], each))
    return tuple(ordered[:MOST_REASONS]) or ("What is placed instead is worth more.",)
