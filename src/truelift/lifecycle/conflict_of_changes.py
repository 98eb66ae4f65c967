"""What other work does to tests and to what is frozen: the rules C6 to C8, C10 and C12."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.conflict_look import (
    Conflict,
    Look,
    folded,
    grouped,
    is_test,
    listed,
    named,
    one_shared,
    percent,
)
from truelift.lifecycle.conflict_rules import Rule
from truelift.lifecycle.overlap import Stay, days_together, meetings_between
from truelift.lifecycle.roadmap_item import DependencyKind, ItemKind, ItemStage, RoadmapItem, Touch


LARGE_TRAFFIC_CHANGE: Final = 0.2
"""From here on a campaign brings other visitors than those that a test began with."""

_CHANGES: Final = frozenset({Touch.CODE, Touch.FLAG, Touch.CONTENT})
_IN_BUNDLES: Final = frozenset({Touch.CODE, Touch.FLAG})
_TURNS: Final = frozenset({Touch.TRAFFIC, Touch.PRICE, Touch.PROMOTION})

_USUAL_TOUCHES: Final[Mapping[ItemKind, frozenset[Touch]]] = MappingProxyType(
    {
        ItemKind.RELEASE: frozenset({Touch.CODE}),
        ItemKind.CAMPAIGN: frozenset({Touch.TRAFFIC}),
        ItemKind.CONTENT: frozenset({Touch.CONTENT}),
    }
)


def touches_of(item: RoadmapItem) -> frozenset[Touch]:
    """Say what an item changes for visitors; what its kind usually does while nobody has said."""
    usual = _USUAL_TOUCHES.get(item.kind)
    return frozenset() if usual is None else item.touches or usual


def changes_under_tests(look: Look) -> Iterator[Conflict]:
    """C6, C8 and C12: what a test stands on is changed, its traffic turned, its events moved."""
    tests = [each for each in look.placed if is_test(each.item)]
    work = [each for each in look.placed if each.item.kind in _USUAL_TOUCHES]
    changing = [each for each in work if touches_of(each.item) & _CHANGES]
    in_bundles = [each for each in changing if touches_of(each.item) & _IN_BUNDLES]
    turning = [
        each
        for each in work
        if touches_of(each.item) & _TURNS and abs(each.item.traffic_change) >= LARGE_TRAFFIC_CHANGE
    ]
    tracking = [each for each in work if Touch.TRACKING in touches_of(each.item)]
    seen: set[tuple[str, str]] = set()
    for test, change in chain(
        _meeting_by(look, tests, changing, lambda item: item.surfaces),
        _meeting_by(look, tests, in_bundles, look.bundles),
    ):
        keys = (test.item.key, change.item.key)
        if keys not in seen:
            seen.add(keys)
            yield from _under_a_test(look, test, change)
    for test, turn in _meeting_by(look, tests, turning, lambda item: item.surfaces):
        yield from _turning(look, test, turn)
    for test, change in _meeting_by(look, tests, tracking, lambda item: item.events):
        events = [name for name in test.item.events if name in change.item.events]
        yield from look.between(
            Rule.C12,
            test,
            change,
            f"{named(change.item)} changes how {listed(events)} is tracked, which"
            f" {named(test.item)} is measured by,",
            surface=one_shared(test.item, change.item),
        )


def _meeting_by(
    look: Look,
    tests: list[Stay],
    others: list[Stay],
    keys: Callable[[RoadmapItem], Iterable[Hashable]],
) -> Iterator[tuple[Stay, Stay]]:
    """Give every test with every other that shares a day and a key with it, each pair once."""
    theirs = grouped(others, keys)
    mine = grouped(tests, keys) if theirs else {}
    seen: set[tuple[str, str]] = set()
    for key in mine.keys() & theirs.keys():
        for test, other in meetings_between(mine[key], theirs[key], about=look.about):
            pair = (test.item.key, other.item.key)
            if pair not in seen:
                seen.add(pair)
                yield test, other


def _under_a_test(look: Look, test: Stay, change: Stay) -> Iterator[Conflict]:
    if test.item.key in change.item.benign:
        return
    audience = look.context.shared_audience(test.item, change.item)
    # Code reaches everybody, whoever is let see what it does.
    if audience <= 0 and Touch.CODE not in touches_of(change.item):
        return
    surfaces = sorted(set(test.item.surfaces) & set(change.item.surfaces))
    if surfaces:
        surface = surfaces[0]
        how = f"changes {listed(surfaces)} under {named(test.item)}"
    else:
        bundles = look.bundles(test.item).keys() & look.bundles(change.item)
        surface = min(look.bundles(test.item)[bundle] for bundle in bundles)
        how = (
            f"changes the code {listed(sorted(bundles))}, which {surface} of"
            f" {named(test.item)} shares,"
        )
    yield from look.between(
        Rule.C6,
        test,
        change,
        f"{named(change.item)} {how}",
        surface=surface,
    )


def _turning(look: Look, test: Stay, turn: Stay) -> Iterator[Conflict]:
    audience = look.context.shared_audience(test.item, turn.item)
    if audience <= 0:
        return
    by = turn.item.traffic_change
    yield from look.between(
        Rule.C8,
        test,
        turn,
        f"{named(turn.item)} {'adds' if by > 0 else 'takes'} {percent(abs(by))} of the traffic of"
        f" {one_shared(test.item, turn.item)} under {named(test.item)}",
        surface=one_shared(test.item, turn.item),
    )


def features_in_motion(look: Look) -> Iterator[Conflict]:
    """C7: something speaks of a feature while another item changes it."""
    work = [each for each in look.placed if each.item.kind is not ItemKind.FREEZE]
    by_key = {each.item.key: each for each in work}
    speaking = grouped(work, lambda item: map(folded, item.references))
    changing = grouped(work, lambda item: map(folded, item.features)) if speaking else {}
    spoken: dict[tuple[str, str], list[str]] = defaultdict(list)
    for feature in sorted(speaking.keys() & changing.keys(), key=str):
        for one, other in meetings_between(speaking[feature], changing[feature], about=look.about):
            if one is not other:
                said = next(each for each in one.item.references if folded(each) == feature)
                spoken[one.item.key, other.item.key].append(" ".join(said.split()))
    for each in work:
        for dependency in each.item.dependencies:
            if (
                dependency.kind is DependencyKind.REFERENCES_FEATURE
                and (on := by_key.get(dependency.on)) is not None
                and on is not each
                and days_together(each, on) > 0
            ):
                spoken.setdefault((each.item.key, dependency.on), [])
    for (first, second), features in spoken.items():
        one, other = by_key[first], by_key[second]
        what = listed(features) or "a feature"
        yield from look.between(
            Rule.C7,
            one,
            other,
            f"{named(one.item)} speaks of {what}, which {named(other.item)} changes",
            surface=one_shared(one.item, other.item) or min(one.item.surfaces, default=""),
        )


def is_in_force(freeze: RoadmapItem) -> bool:
    """Say whether a freeze binds others: it was agreed, or it is on."""
    return freeze.kind is ItemKind.FREEZE and (
        freeze.agreed or freeze.stage in (ItemStage.SCHEDULED, ItemStage.RUNNING)
    )


def changes_of_what_is_frozen(look: Look) -> Iterator[Conflict]:
    """C10: a change is planned where a freeze keeps things as they are."""
    freezes = [each for each in look.placed if is_in_force(each.item)]
    work = [
        each
        for each in look.placed
        if each.item.kind in _USUAL_TOUCHES and touches_of(each.item) != {Touch.TRAFFIC}
    ]
    for change, freeze in _meeting_by(look, work, freezes, lambda item: item.surfaces):
        whose = f", for {freeze.item.of}" if freeze.item.of else ""
        surfaces = sorted(set(change.item.surfaces) & set(freeze.item.surfaces))
        yield from look.between(
            Rule.C10,
            change,
            freeze,
            f"{named(change.item)} changes {listed(surfaces)}, which {named(freeze.item)}"
            f" keeps as it is{whose}{',' if whose else ''}",
            surface=surfaces[0],
        )
