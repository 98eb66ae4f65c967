"""Plans back from a start: by when what it needs must begin, and where it goes when that slips."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.roadmap_item import OVER, Asset, DependencyKind, ItemStage, RoadmapItem
from truelift.lifecycle.working_days import (
    is_working_day,
    working_days_after,
    working_days_between,
)


LONGEST_LEAD: Final = 520
"""Working days that are counted back at most: two years."""

_DAY: Final = timedelta(days=1)

STARTED: Final = frozenset({ItemStage.RUNNING, ItemStage.DONE})
"""Stages in which a start is not moved any more."""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that has to be there before an item starts.

    Attributes:
        what: The asset, or the key of the other item.
        owner: Who brings it; empty while nobody does.
        begin_by: The last working day on which its work can begin; None where nobody has
            said how long that takes.
        finish_by: The last working day on which it can be finished.
        expected: The day on which it will be there, as things stand.
        late: Working days between the two; 0 when it is in time.
        of: Key of the other item; empty for an asset.
    """

    what: str
    owner: str
    begin_by: date | None
    finish_by: date
    expected: date
    late: int
    of: str = ""


@dataclass(frozen=True, slots=True)
class Slip:
    """That an item cannot start when it is planned.

    Attributes:
        item: Its key.
        start: As it is planned.
        proposed: The earliest day on which everything is there.
        end: The end that goes with it; None where it has none.
        days: Calendar days between both starts.
        because: What holds it, the latest first.
    """

    item: str
    start: date
    proposed: date
    end: date | None
    days: int
    because: tuple[str, ...]


def working_days_before(end: date, count: int, *, free: Collection[date] = ()) -> date:
    """Give the working day that is so many before a day, which itself does not count."""
    day = end
    while count > 0:
        day -= _DAY
        count -= is_working_day(day, free=free)
    return day


def predecessors(items: Iterable[RoadmapItem]) -> Mapping[str, tuple[str, ...]]:
    """Give for each item what has to be over before it starts.

    *A needs B before* and *B blocks A* say the same; a feature that is only spoken of orders
    nothing.
    """
    given = list(items)
    known = {each.key for each in given}
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for item in given:
        for link in item.dependencies:
            if link.on not in known:
                continue
            if link.kind is DependencyKind.NEEDS_BEFORE:
                found[item.key][link.on] = None
            elif link.kind is DependencyKind.BLOCKS:
                found[link.on][item.key] = None
    return {key: tuple(before) for key, before in found.items()}


def cycle_through(key: str, before: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Give the shortest circle of needs in which an item stands; empty where it is in none."""
    came: dict[str, str] = {}
    waiting = [key]
    for at in waiting:
        for need in before.get(at, ()):
            if need == key:
                circle = [key]
                while at != key:
                    circle.append(at)
                    at = came[at]  # noqa: PLW2901 - walks back to where it began
                return (key, *reversed(circle[1:]), key)
            if need not in came:
                came[need] = at
                waiting.append(need)
    return ()


def circle_obstacle(circle: Sequence[str]) -> Obstacle:
    """Say that a dependency cannot be, because each would wait for the other."""
    return Obstacle(
        "roadmap.circle",
        f"Each would wait for the next: {' → '.join(circle)}.",
        "Take one of these dependencies away.",
    )


def needs_of(
    key: str, items: Iterable[RoadmapItem], *, today: date, free: Collection[date] = ()
) -> tuple[Need, ...]:
    """Say by when everything that an item needs must begin and end, the latest first.

    Args:
        key: Which item; one without a start needs nothing yet.
        items: All of the site.
        today: The day that it is at the site.
        free: Days besides weekends on which nobody works.
    """
    plan = _Plan(items, today=today, free=free)
    item = plan.items.get(key)
    if item is None or item.start is None:
        return ()
    found = [plan.asset_need(item.start, asset) for asset in item.assets if not asset.done]
    found += [
        plan.item_need(item.start, plan.items[other])
        for other in plan.before.get(key, ())
        if plan.items[other].stage not in OVER
    ]
    return tuple(sorted(found, key=lambda need: (-need.late, need.finish_by, need.what)))


def slips(
    items: Iterable[RoadmapItem], *, today: date, free: Collection[date] = ()
) -> tuple[Slip, ...]:
    """Propose a new start for every item that cannot start when it is planned.

    What slips takes along what waits for it. An asset that is three working days late moves
    a start by three when it was due on the last day that was in time.
    """
    plan = _Plan(items, today=today, free=free)
    found = []
    for key, item in plan.items.items():
        if item.start is None or item.stage in STARTED or item.stage in OVER:
            continue
        proposed, because = plan.earliest(key)
        if proposed > item.start:
            moved = proposed - item.start
            found.append(
                Slip(
                    item=key,
                    start=item.start,
                    proposed=proposed,
                    end=None if item.end is None else item.end + moved,
                    days=moved.days,
                    because=because,
                )
            )
    return tuple(sorted(found, key=lambda slip: (slip.start, slip.item)))


def critical_path(
    key: str, items: Iterable[RoadmapItem], *, today: date, free: Collection[date] = ()
) -> tuple[str, ...]:
    """Name what decides when an item can start, from what comes first to the item itself.

    Of several needs the one that is there last is followed; an asset stands as the first of
    the path.
    """
    plan = _Plan(items, today=today, free=free)
    path: list[str] = []
    at: str | None = key if key in plan.items else None
    while at is not None and at not in path:
        path.append(at)
        last = plan.last_need(at)
        if last is None:
            break
        if not last.of:
            path.append(last.what)
            break
        at = last.of
    return tuple(reversed(path))


class _Plan:
    """Items with what comes before each, and when each will really start."""

    def __init__(
        self, items: Iterable[RoadmapItem], *, today: date, free: Collection[date]
    ) -> None:
        self.items = {item.key: item for item in items}
        self.before = predecessors(self.items.values())
        self.today = today
        self.free = free
        self._starts: dict[str, tuple[date, tuple[str, ...]]] = {}
        self._asked: set[str] = set()
        # What comes before is asked first, so that a long chain is no deep call.
        for key in _first_things_first(self.items, self.before):
            self.earliest(key)

    def asset_need(self, start: date, asset: Asset) -> Need:
        """Say how an asset stands to a start."""
        finish_by = working_days_before(start, 1, free=self.free)
        lead = min(asset.lead_days, LONGEST_LEAD)
        expected = self.expected(asset)
        return Need(
            what=asset.what,
            owner=asset.owner,
            begin_by=working_days_before(start, lead, free=self.free) if lead else None,
            finish_by=finish_by,
            expected=expected,
            late=working_days_between(finish_by, expected, free=self.free),
        )

    def item_need(self, start: date, other: RoadmapItem) -> Need:
        """Say how an item that comes before stands to a start."""
        finish_by = start - _DAY
        over = self.over(other)
        expected = finish_by if over is None else over - _DAY
        length = (
            None if other.start is None or other.end is None else (other.end - other.start).days
        )
        return Need(
            what=other.what,
            owner=other.owner,
            begin_by=None if length is None else start - timedelta(days=length),
            finish_by=finish_by,
            expected=expected,
            late=working_days_between(finish_by, expected, free=self.free),
            of=other.key,
        )

    def expected(self, asset: Asset) -> date:
        """Say when an asset will be there: as promised, but never in the past."""
        if asset.due is not None:
            return max(asset.due, self.today)
        if asset.lead_days:
            lead = min(asset.lead_days, LONGEST_LEAD)
            return working_days_after(self.today, lead, free=self.free)
        return self.today

    def over(self, item: RoadmapItem) -> date | None:
        """Give the first day on which an item is over, as things stand; None where unknown."""
        if item.stage in OVER or item.end is None:
            return None
        if item.start is None or item.stage in STARTED:
            return item.end
        start, _ = self.earliest(item.key)
        return item.end + max(start - item.start, timedelta(0))

    def earliest(self, key: str) -> tuple[date, tuple[str, ...]]:
        """Give the first day from the plan on, on which everything that an item needs is there."""
        if key in self._starts:
            return self._starts[key]
        item = self.items[key]
        planned = item.start or self.today
        if key in self._asked:
            # A circle, which is refused where it is made, holds nobody here.
            return planned, ()
        self._asked.add(key)
        held: list[tuple[date, str]] = []
        for asset in item.assets:
            if not asset.done:
                there = self.expected(asset)
                held.append((working_days_after(there, 1, free=self.free), asset.what))
        for other in self.before.get(key, ()):
            over = self.over(self.items[other])
            if over is not None:
                held.append((over, other))
        late = sorted((each for each in held if each[0] > planned), reverse=True)
        found = (max((day for day, _ in late), default=planned), tuple(what for _, what in late))
        self._starts[key] = found
        return found

    def last_need(self, key: str) -> Need | None:
        """Give what an item waits for longest; None where it waits for nothing."""
        item = self.items[key]
        if item.start is None:
            return None
        found = [self.asset_need(item.start, each) for each in item.assets if not each.done]
        found += [
            self.item_need(item.start, self.items[other])
            for other in self.before.get(key, ())
            if self.items[other].stage not in OVER
        ]
        return max(found, key=lambda need: (need.expected, need.what), default=None)


def _first_things_first(keys: Iterable[str], before: Mapping[str, Sequence[str]]) -> Iterable[str]:
    """Give every key after what comes before it; of a circle, some order."""
    seen: set[str] = set()
    for key in keys:
        waiting = [(key, False)]
        while waiting:
            at, is_ready = waiting.pop()
            if is_ready:
                yield at
            elif at not in seen:
                seen.add(at)
                waiting.append((at, True))
                waiting += [(need, False) for need in before.get(at, ())]
