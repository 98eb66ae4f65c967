"""How much two items have of each other: days, audience, visitors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from typing import Final

from truelift.lifecycle.roadmap_item import OVER, Audience, ItemStage, RoadmapItem


OPEN_END: Final = timedelta(days=365)
"""What runs and has no end is taken to go on for so long from today."""

_DAY: Final = timedelta(days=1)
_ROUNDING: Final = 1e-9
"""Ends of ranges that are no further apart touch: 0.1 + 0.2 is not 0.3."""

_EVERYONE: Final = Audience()


@dataclass(frozen=True, slots=True)
class Stay:
    """An item that has its time on the roadmap.

    Attributes:
        item: The item.
        start: Its first day, as `date.toordinal` counts.
        end: The first day on which it is over.
    """

    item: RoadmapItem
    start: int
    end: int


def stay_of(item: RoadmapItem, *, today: date) -> Stay | None:
    """Give the time of an item; None for what is over, was cancelled or has no first day.

    Without an end it is a day long, unless it runs: then it goes on.
    """
    if item.stage in OVER or item.start is None:
        return None
    end = item.end
    if end is None:
        running = item.stage is ItemStage.RUNNING
        end = max(item.start, today) + (OPEN_END if running else _DAY)
    start = item.start.toordinal()
    return Stay(item, start, max(end.toordinal(), start + 1))


def meetings(stays: Sequence[Stay], *, about: str = "") -> Iterator[tuple[Stay, Stay]]:
    """Give every two that share a day, the earlier first; time is their number and the pairs'.

    Args:
        stays: Ordered by their start.
        about: Key of the one whose pairs are asked for; empty for all.
    """
    if about:
        at = next((at for at, each in enumerate(stays) if each.item.key == about), None)
        if at is not None:
            mine = stays[at]
            yield from ((each, mine) for each in stays[:at] if each.end > mine.start)
            yield from ((mine, each) for each in stays[at + 1 :] if each.start < mine.end)
        return
    present: list[Stay] = []
    for stay in stays:
        present = [each for each in present if each.end > stay.start]
        for each in present:
            yield each, stay
        present.append(stay)


def meetings_between(
    these: Sequence[Stay], those: Sequence[Stay], *, about: str = ""
) -> Iterator[tuple[Stay, Stay]]:
    """Give every one of these with every one of those that share a day.

    Args:
        these: Ones, ordered by their start.
        those: Others, ordered likewise.
        about: Key of the one whose pairs are asked for; empty for all.
    """
    if about:
        mine = [each for each in these if each.item.key == about]
        theirs = [each for each in those if each.item.key == about]
        pairs = chain(
            ((one, other) for one in mine for other in those),
            ((one, other) for other in theirs for one in these if one.item.key != about),
        )
        yield from (
            (one, other) for one, other in pairs if one.start < other.end and other.start < one.end
        )
        return
    here: list[Stay] = []
    there: list[Stay] = []
    at = 0
    for stay in these:
        while at < len(those) and those[at].start < stay.start:
            late = those[at]
            here = [each for each in here if each.end > late.start]
            for each in here:
                yield each, late
            there.append(late)
            at += 1
        there = [each for each in there if each.end > stay.start]
        for each in there:
            yield stay, each
        here.append(stay)
    for late in those[at:]:
        here = [each for each in here if each.end > late.start]
        for each in here:
            yield each, late


def days_together(first: Stay, second: Stay, *, washout_days: int = 0) -> int:
    """Count the days that two share, with those on which the first to end still shows in the other.

    Args:
        first: One.
        second: The other.
        washout_days: For how long the end of one is felt.
    """
    felt = min(min(first.end, second.end) + washout_days, max(first.end, second.end))
    return max(0, felt - max(first.start, second.start))


def audience_overlap(first: Mapping[str, Audience], second: Mapping[str, Audience]) -> float:
    """Give the most that two audiences can share by their rules: 0 where they share nobody, else 1.

    Rules alone cannot say how many of the users of one are users of the other;
    where that was measured, the measured share is taken instead.
    """
    apart = any(
        _apart(first.get(dimension, _EVERYONE), second.get(dimension, _EVERYONE))
        for dimension in {*first, *second}
    )
    return 0.0 if apart else 1.0


def are_exclusive(first: RoadmapItem, second: RoadmapItem) -> bool:
    """Say whether nobody can be in both: one layer, ranges apart."""
    return bool(
        first.layer
        and first.layer == second.layer
        and (first.high <= second.low + _ROUNDING or second.high <= first.low + _ROUNDING)
    )


def exposure_overlap(first: RoadmapItem, second: RoadmapItem, *, audience: float) -> float:
    """Give the share of visitors who meet both.

    Two tests on a fifth of the visitors each share a twenty-fifth of them.

    Args:
        first: One.
        second: The other.
        audience: What their audiences share, 0 to 1.
    """
    if are_exclusive(first, second):
        return 0.0
    return audience * first.allocation * second.allocation


def _apart(first: Audience, second: Audience) -> bool:
    # Without a list of those who are let in, there is always somebody whom nobody named.
    let_in = [each.allow for each in (first, second) if each.allow]
    return bool(let_in) and not frozenset.intersection(*let_in) - first.deny - second.deny
