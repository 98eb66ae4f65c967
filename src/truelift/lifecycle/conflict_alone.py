"""What stands badly by itself: the rules C9, C11 and C13."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Final

from truelift.lifecycle.capacity import Overfull, overfull
from truelift.lifecycle.conflict_look import Conflict, Look, is_test, listed, named, percent, when
from truelift.lifecycle.conflict_rules import Rule, Severity
from truelift.lifecycle.overlap import Stay
from truelift.lifecycle.roadmap_item import OVER, DependencyKind, ItemStage, RoadmapItem


LAST_DAYS: Final = 2
"""So many days before the start, what is missing blocks."""


def in_season(look: Look) -> Iterator[Conflict]:
    """C9: a test runs in a time that is unlike others."""
    seasons = sorted(look.context.seasons, key=lambda each: (each.start, each.name))
    spans = [(each, each.start.toordinal(), each.end.toordinal()) for each in seasons]
    today = look.today.toordinal()
    for test in look.placed:
        if not is_test(test.item):
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


def too_much(look: Look) -> Iterator[Conflict]:
    """C11: others come first, and nothing is left: no day of work, no visitors."""
    found: dict[str, tuple[Stay, list[Overfull]]] = {}
    for stay, over in overfull(
        look.placed,
        capacity=look.context.capacity,
        today=look.today,
        shared=look.context.shared_audience,
        free=look.context.free,
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


def not_there_in_time(look: Look, items: Mapping[str, RoadmapItem]) -> Iterator[Conflict]:
    """C13: an item is to start, and something that it needs is not there before."""
    today = look.today.toordinal()
    usual = look.context.severities.get(Rule.C13)
    for stay in look.placed:
        item = stay.item
        if item.stage is ItemStage.RUNNING or stay.end <= today:
            continue
        last = stay.start - today <= LAST_DAYS
        severity = usual or (Severity.BLOCK if last else Rule.C13.severity)
        lacks = [*_late_assets(item, stay.start, today, last=last), *_lost(item, items)]
        if lacks:
            yield look.alone(
                Rule.C13,
                stay,
                f"{named(item)} starts on {date.fromordinal(stay.start):%-d %B %Y}, and"
                f" {listed(lacks)}.",
                starts=stay.start,
                days=stay.end - stay.start,
                severity=severity,
            )
        for key in _needed(item):
            other = items.get(key)
            if other is None or other.stage in OVER:
                continue
            if other.end is None or other.end.toordinal() > stay.start:
                when = "has no end" if other.end is None else f"ends on {other.end:%-d %B %Y}"
                yield look.alone(
                    Rule.C13,
                    stay,
                    f"{named(item)} starts on {date.fromordinal(stay.start):%-d %B %Y} and needs"
                    f" {named(other)} before, which {when}.",
                    starts=stay.start,
                    days=stay.end - stay.start,
                    severity=severity,
                    other=other,
                )


def _late_assets(item: RoadmapItem, start: int, today: int, *, last: bool) -> Iterator[str]:
    for asset in item.assets:
        if asset.done:
            continue
        if asset.due is None:
            yield f"nobody has said by when {asset.what} is there"
        elif asset.due.toordinal() > start:
            yield f"{asset.what} is due only on {asset.due:%-d %B %Y}"
        elif asset.due.toordinal() < today:
            yield f"{asset.what} was due on {asset.due:%-d %B %Y}"
        elif last:
            yield f"{asset.what} is not there"


def _needed(item: RoadmapItem) -> Iterable[str]:
    return dict.fromkeys(
        each.on
        for each in item.dependencies
        if each.kind is not DependencyKind.REFERENCES_FEATURE and each.on != item.key
    )


def _lost(item: RoadmapItem, items: Mapping[str, RoadmapItem]) -> Iterator[str]:
    for key in _needed(item):
        other = items.get(key)
        if other is not None and other.stage is ItemStage.CANCELLED:
            yield f"{named(other)}, which it needs before, was cancelled"
