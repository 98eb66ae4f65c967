"""What stands badly by itself: the rules C9, C11 and C13."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Final

from truelift.lifecycle.back_schedule import LONGEST_LEAD, predecessors
from truelift.lifecycle.capacity import Overfull, overfull
from truelift.lifecycle.conflict_look import Conflict, Look, is_test, listed, named, percent, when
from truelift.lifecycle.conflict_rules import Rule, Severity
from truelift.lifecycle.overlap import Stay
from truelift.lifecycle.roadmap_item import OVER, ItemStage, RoadmapItem
from truelift.lifecycle.working_days import working_days_after


LAST_DAYS: Final = 2
"""So many days before the start, what is missing blocks."""


def in_season(look: Look) -> Iterator[Conflict]:
    """C9: a test runs in a time that is unlike others."""
    seasons = sorted(look.context.seasons, key=lambda each: (each.start, each.name))
    spans = [(each, each.start.toordinal(), each.end.toordinal()) for each in seasons]
    today = look.today.toordinal()
    for test in look.placed:
        if not is_test(test.item) or (look.about and look.about != test.item.key):
            continue
        met = [
            (season, max(test.start, start), min(test.end, end))
            for season, start, end in spans
            if max(test.start, start) < min(test.end, end)
            and min(test.end, end) > today
            and (not season.surfaces or not season.surfaces.isdisjoint(test.item.surfaces))
        ]
        if met:
            names = listed(list(dict.fromkeys(season.name for season, _, _ in met)))
            starts, days = met[0][1], sum(end - start for _, start, end in met)
            yield look.alone(
                Rule.C9,
                test,
                f"{named(test.item)} runs in {names} {when(starts, days)}:"
                " visitors may be others than in the rest of the year.",
                starts=starts,
                days=days,
            )


def too_much(look: Look, everything: Sequence[Stay]) -> Iterator[Conflict]:
    """C11: others come first, and nothing is left: no day of work, no visitors.

    Args:
        look: What all rules look at.
        everything: All items that have their time: work is done before an item begins.
    """
    found: dict[str, tuple[Stay, list[Overfull]]] = {}
    for stay, over in overfull(
        everything,
        capacity=look.context.capacity,
        today=look.today,
        shared=look.context.shared_audience,
        free=look.context.free,
        about=look.about,
    ):
        found.setdefault(stay.item.key, (stay, []))[1].append(over)
    for stay, overs in found.values():
        first = min(overs, key=lambda each: (each.since, each.what))
        yield look.alone(
            Rule.C11,
            stay,
            f"With {named(stay.item)} {listed([_overfull(each) for each in overs])}.",
            starts=first.since,
            days=7 if first.of_work else max(stay.end - first.since, 1),
            surface=next((each.what for each in overs if not each.of_work), ""),
        )


def _overfull(over: Overfull) -> str:
    day = date.fromordinal(over.since)
    if over.of_work:
        return (
            f"{over.what} has {over.taken:g} of {over.there:g} days of work in the week of"
            f" {day:%-d %B %Y}"
        )
    return f"tests take {percent(over.taken)} of the visitors of {over.what} from {day:%-d %B %Y}"


def not_there_in_time(look: Look, items: Sequence[RoadmapItem]) -> Iterator[Conflict]:
    """C13: an item is to start, and something that it needs is not there before.

    Args:
        look: What all rules look at.
        items: All of the site, with those that are over.
    """
    by_key = {item.key: item for item in items}
    before = predecessors(items)
    usual = look.context.severities.get(Rule.C13)
    for stay in look.placed:
        item = stay.item
        if item.stage is ItemStage.RUNNING or stay.end <= look.today.toordinal():
            continue
        needed = [by_key[key] for key in before.get(item.key, ()) if key != item.key]
        if not needed and not item.assets:
            continue
        start = date.fromordinal(stay.start)
        days = stay.end - stay.start
        last = (start - look.today).days <= LAST_DAYS
        severity = usual or (Severity.BLOCK if last else Rule.C13.severity)
        says = f"{named(item)} starts on {start:%-d %B %Y}"
        lacks = [*_late_assets(look, item, start, last=last), *_lost(needed)]
        if lacks:
            yield look.alone(
                Rule.C13,
                stay,
                f"{says}, and {listed(lacks)}.",
                starts=stay.start,
                days=days,
                severity=severity,
            )
        for other in needed:
            if other.stage in OVER or (other.end is not None and other.end <= start):
                continue
            when_over = "has no end" if other.end is None else f"ends on {other.end:%-d %B %Y}"
            yield look.alone(
                Rule.C13,
                stay,
                f"{says} and needs {named(other)} before, which {when_over}.",
                starts=stay.start,
                days=days,
                severity=severity,
                other=other,
            )


def _late_assets(look: Look, item: RoadmapItem, start: date, *, last: bool) -> Iterator[str]:
    for asset in item.assets:
        if asset.done:
            continue
        if asset.due is None and not asset.lead_days:
            yield f"nobody has said by when {asset.what} is there"
            continue
        lead = min(asset.lead_days, LONGEST_LEAD)
        due = asset.due or working_days_after(look.today, lead, free=look.context.free)
        if due < look.today:
            yield f"{asset.what} was due on {due:%-d %B %Y}"
        elif working_days_after(due, 1, free=look.context.free) > start:
            yield f"{asset.what} is there only on {due:%-d %B %Y}"
        elif last:
            yield f"{asset.what} is not there"


def _lost(needed: Iterable[RoadmapItem]) -> Iterator[str]:
    for other in needed:
        if other.stage is ItemStage.CANCELLED:
            yield f"{named(other)}, which it needs before, was cancelled"
