"""How much of a week's work and of a surface's visitors the items take, and which come too late."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Final

from truelift.lifecycle.overlap import Stay, exposure_overlap
from truelift.lifecycle.roadmap_item import ItemKind, RoadmapItem
from truelift.lifecycle.working_days import SATURDAY


AFTER_THE_END: Final = frozenset({"analysis"})
"""Roles whose work begins when an item ends; all others work towards its first day."""

LONGEST_EFFORT: Final = 260
"""Working days of one role for one item that are looked at: a year."""

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Overfull:
    """A week whose work is more than there are people, or a surface with too many tests.

    Attributes:
        what: The role, or the surface.
        since: The first day on which it is so.
        taken: Days of work of that week, or the share of visitors.
        there: Days that there are, or 1.
        of_work: Whether it is a role's week.
    """

    what: str
    since: int
    taken: float
    there: float
    of_work: bool


def week_of(day: int) -> int:
    """Give the Monday of a day, both as `date.toordinal` counts."""
    return day - (day - 1) % 7


def work_by_week(
    stay: Stay, roles: Collection[str], *, free: Collection[date] = ()
) -> dict[tuple[str, int], float]:
    """Spread an item's work over weeks: one person on it, day by day, up to its start.

    What is analysed is analysed from the day on which it is over.

    Args:
        stay: The item and its time.
        roles: Whose work is asked for.
        free: Days besides weekends on which nobody works.

    Returns:
        Role and Monday → days of work.
    """
    weeks: dict[tuple[str, int], float] = defaultdict(float)
    closed = {day.toordinal() for day in free}
    for role, effort in stay.item.effort.items():
        left = min(effort, LONGEST_EFFORT)
        if role not in roles or not left > 0:
            continue
        onwards = role in AFTER_THE_END
        day = stay.end if onwards else stay.start - 1
        while left > _ROUNDING:
            weekday = (day - 1) % 7
            if weekday < SATURDAY and day not in closed:
                weeks[role, day - weekday] += min(left, 1.0)
                left -= 1.0
            day += 1 if onwards else -1
    return weeks


def overfull(
    stays: Iterable[Stay],
    *,
    capacity: Mapping[str, float],
    today: date,
    shared: Callable[[RoadmapItem, RoadmapItem], float],
    free: Collection[date] = (),
    about: str = "",
) -> Iterator[tuple[Stay, Overfull]]:
    """Name the items for which nothing is left, because others come first.

    Args:
        stays: Ordered by start and key: who comes first takes first.
        capacity: Role → days of work in a week.
        today: Weeks that are over are left alone.
        shared: What the audiences of two items share, 0 to 1.
        free: Days besides weekends on which nobody works.
        about: Key of the one that is asked about; empty for all.
    """
    ordered = list(stays)
    if about:
        at = next((at for at, each in enumerate(ordered) if each.item.key == about), None)
        if at is None:
            return
        # Who comes later takes nothing from it.
        mine, before = ordered[at], ordered[:at]
        weeks = work_by_week(mine, capacity, free=free)
        reach = [week for _, week in weeks]
        near = [
            each for each in before if reach and _works_in(each, min(reach), max(reach) + 7, free)
        ]
        work = _of_work([*near, mine], capacity, week_of(today.toordinal()), free)
        there = [each for each in before if each.end > mine.start]
        visitors = _of_visitors([*there, mine], today.toordinal(), shared)
        yield from (each for each in chain(work, visitors) if each[0] is mine)
        return
    yield from _of_work(ordered, capacity, week_of(today.toordinal()), free)
    yield from _of_visitors(ordered, today.toordinal(), shared)


def _works_in(stay: Stay, since: int, until: int, free: Collection[date]) -> bool:
    """Say whether an item's work can fall into some weeks: none lies further from it than it is."""
    effort = min(max(stay.item.effort.values(), default=0.0), LONGEST_EFFORT)
    reach = 2 * effort + 7 + len(free)
    return effort > 0 and stay.start - reach < until and stay.end + reach > since


def _of_work(
    stays: list[Stay], capacity: Mapping[str, float], this_week: int, free: Collection[date]
) -> Iterator[tuple[Stay, Overfull]]:
    if not capacity:
        return
    taken: dict[tuple[str, int], float] = defaultdict(float)
    for stay in stays:
        for (role, week), days in sorted(work_by_week(stay, capacity, free=free).items()):
            if week < this_week:
                continue
            taken[role, week] += days
            if taken[role, week] > capacity[role] + _ROUNDING:
                over = Overfull(role, week, taken[role, week], capacity[role], of_work=True)
                yield stay, over


def _of_visitors(
    stays: list[Stay], today: int, shared: Callable[[RoadmapItem, RoadmapItem], float]
) -> Iterator[tuple[Stay, Overfull]]:
    present: dict[str, list[Stay]] = defaultdict(list)
    for stay in stays:
        if stay.item.kind is not ItemKind.EXPERIMENT or stay.end <= today:
            continue
        since = max(stay.start, today)
        for surface in dict.fromkeys(stay.item.surfaces):
            here = [each for each in present[surface] if each.end > since]
            rivals = [
                each
                for each in here
                if exposure_overlap(each.item, stay.item, audience=shared(each.item, stay.item)) > 0
            ]
            taken = stay.item.allocation + _fullest(rivals)
            if rivals and taken > 1 + _ROUNDING:
                yield stay, Overfull(surface, since, taken, 1.0, of_work=False)
            present[surface] = [*here, stay]


def _fullest(rivals: Iterable[Stay]) -> float:
    """Give the share of visitors in tests: those of a layer with ranges apart take one place."""
    layers: dict[str, list[Stay]] = defaultdict(list)
    alone = 0.0
    for each in rivals:
        if each.item.layer:
            layers[each.item.layer].append(each)
        else:
            alone += each.item.allocation
    return alone + sum(
        max(
            sum(
                each.item.allocation
                for each in layer
                if each.item.low <= edge.item.low < each.item.high
            )
            for edge in layer
        )
        for layer in layers.values()
    )
