"""Finds the next time in which an item is in nobody's way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from truelift.lifecycle.back_schedule import predecessors
from truelift.lifecycle.conflict import NOTHING_KNOWN, Conflict, ConflictContext, conflicts
from truelift.lifecycle.conflict_rules import Rule
from truelift.lifecycle.roadmap_item import RoadmapItem
from truelift.lifecycle.surface import Surface


HORIZON_DAYS: Final = 365
"""How far ahead a slot is looked for."""

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Slot:
    """A time in which an item could be.

    Attributes:
        start: Its first day.
        end: The first day on which it is over.
        waits_for: What held it on the days before, the first of each kind.
    """

    start: date
    end: date
    waits_for: tuple[Conflict, ...] = ()


def nearest_free_slot(
    item: RoadmapItem,
    items: Iterable[RoadmapItem],
    *,
    surfaces: Iterable[Surface],
    today: date,
    context: ConflictContext = NOTHING_KNOWN,
    settled: Collection[tuple[Rule, str, str]] = frozenset(),
    not_before: date | None = None,
    horizon_days: int = HORIZON_DAYS,
) -> Slot | None:
    """Give the first start from which an item of its length has no conflict that stops it.

    Every day is judged by `conflicts`, so that what is proposed is not refused.

    Args:
        item: Which one; without dates it is a day long.
        items: All of the site; the item itself may be among them.
        surfaces: The surfaces of the site.
        today: The day that it is at the site.
        context: What is known beside the items.
        settled: Identities of conflicts for which a plan or an approval stands.
        not_before: The first day that is looked at, today where nothing is said.
        horizon_days: So many days from that one are looked at.

    Returns:
        None where there is no such day within the horizon.
    """
    known = list(surfaces)
    others = [each for each in items if each.key != item.key]
    length = length_of(item)
    since = max(today, not_before or today)
    last = since + timedelta(days=horizon_days)
    near = neighbours(
        replace(item, start=since, end=last + length),
        others,
        surfaces=known,
        today=today,
        context=context,
    )
    by_key = {each.key: each for each in others}
    waits: dict[tuple[Rule, str, str], Conflict] = {}
    start = since
    while start <= last:
        moved = replace(item, start=start, end=start + length)
        held = [
            each
            for each in conflicts(
                [moved, *near], surfaces=known, today=today, context=context, about=item.key
            )
            if each.stops
            and each.identity not in settled
            and (each.first == item.key or each.rule is not Rule.C13)
        ]
        if not held:
            return Slot(start, start + length, tuple(waits.values()))
        for each in held:
            waits.setdefault(each.identity, each)
        start = max(_next_start(each, item, by_key, start) for each in held)
    return None


def length_of(item: RoadmapItem) -> timedelta:
    """Say how long an item is: a day where it has no dates."""
    if item.start is None or item.end is None:
        return _DAY
    return max(item.end - item.start, _DAY)


def neighbours(
    item: RoadmapItem,
    others: Sequence[RoadmapItem],
    *,
    surfaces: Sequence[Surface],
    today: date,
    context: ConflictContext = NOTHING_KNOWN,
) -> list[RoadmapItem]:
    """Give those of the others that can be in the item's way within its time, and what it needs.

    Args:
        item: With the whole time that comes into question as its own.
        others: All others of the site.
        surfaces: The surfaces of the site.
        today: The day that it is at the site.
        context: What is known beside the items.
    """
    met = conflicts(
        [item, *others], surfaces=surfaces, today=today, context=context, about=item.key
    )
    keys = {key for each in met if each.stops for key in (each.first, each.second)}
    keys.update(predecessors([item, *others]).get(item.key, ()))
    return [each for each in others if each.key in keys]


def _next_start(
    conflict: Conflict, item: RoadmapItem, others: dict[str, RoadmapItem], start: date
) -> date:
    """Give the first day on which a conflict may be over: that on which the other is."""
    other = others.get(conflict.second if conflict.first == item.key else conflict.first)
    if other is None or other.end is None or other.start is None:
        return start + _DAY
    return max(start + _DAY, other.end)
