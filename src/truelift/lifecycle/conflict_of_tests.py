"""What two tests do to each other: the rules C1 to C5 and C14."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from itertools import chain
from typing import Final

from truelift.lifecycle.conflict_look import (
    Conflict,
    Look,
    Measure,
    Place,
    exposed,
    folded,
    grouped,
    is_test,
    listed,
    named,
    one_shared,
)
from truelift.lifecycle.conflict_rules import Rule
from truelift.lifecycle.overlap import (
    Stay,
    meetings,
    meetings_between,
)
from truelift.lifecycle.roadmap_item import RoadmapItem


NOTICEABLE_EXPOSURE: Final = 0.01
"""Tests that share fewer visitors do not show in each other's metric."""


def conflicts_of_tests(look: Look) -> Iterator[Conflict]:
    """Find what tests do to each other; that they share a metric counts where nothing else does."""
    tests = [each for each in look.placed if is_test(each.item)]
    # Wash-out is time in which a test is still met by the next one.
    washout = look.context.washout_days
    felt = [Stay(each.item, each.start, each.end + washout) for each in tests]
    places = {each.item.key: look.place(each.item) for each in tests}
    by_key = {each.item.key: each for each in tests}

    def shared_ground(item: RoadmapItem) -> Iterable[Hashable]:
        yield from item.surfaces
        yield from (("funnel", funnel) for funnel in places[item.key].begins)
        if item.metric.strip():
            yield "metric", folded(item.metric)

    pairs: dict[tuple[str, str], tuple[Stay, Stay]] = {}
    for group in grouped(felt, shared_ground).values():
        for first, second in meetings(group, about=look.about):
            # By key, not by start: a pair whose order turns round has the same conflicts.
            keys = _in_order(first.item.key, second.item.key)
            if keys not in pairs:
                pairs[keys] = (by_key[keys[0]], by_key[keys[1]])
    held = list(_held_out(look))
    claimed = {_in_order(each.first, each.second) for each in held}
    yield from held
    for keys, (one, other) in pairs.items():
        mine, theirs = places[keys[0]], places[keys[1]]
        found = _of_two_tests(look, one, other, mine, theirs)
        if not found and keys not in claimed:
            found = _same_metric(look, one, other)
        yield from found


def _in_order(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first < second else (second, first)


def _of_two_tests(
    look: Look, first: Stay, second: Stay, mine: Place, theirs: Place
) -> Collection[Conflict]:
    surfaces = not mine.surfaces.isdisjoint(theirs.surfaces)
    # A test begins for a visitor at its first step; what changes later steps comes too late.
    above = below = ""
    funnels = False
    for funnel, step in mine.begins.items():
        begins = theirs.begins.get(funnel)
        if begins is None:
            continue
        funnels = True
        if step < begins:
            above = min(above or funnel, funnel)
        elif begins < step:
            below = min(below or funnel, funnel)
    if not surfaces and not funnels:
        return ()
    measure = look.measure(first, second, washout_days=look.context.washout_days)
    found: list[Conflict] = []
    if surfaces:
        found.extend(_on_one_surface(look, first, second, (mine, theirs), measure))
    if measure.exposure <= 0 or not funnels:
        return found
    if not surfaces and (steps := mine.steps.keys() & theirs.steps.keys()):
        funnel, step = min(steps)
        found += look.between(
            Rule.C3,
            first,
            second,
            f"{named(first.item)} and {named(second.item)} are both at step {step} of the funnel"
            f" {funnel}",
            exposed(measure.exposure),
            surface=min(theirs.steps[funnel, step]),
            measure=measure,
        )
    if above and first.item.changes_reach:
        found += _upstream(look, first, second, theirs, above, measure)
    if below and second.item.changes_reach:
        found += _upstream(look, second, first, mine, below, measure)
    return found


def _on_one_surface(
    look: Look, first: Stay, second: Stay, places: tuple[Place, Place], measure: Measure
) -> Iterator[Conflict]:
    mine, theirs = places
    surfaces = sorted(mine.surfaces & theirs.surfaces)
    elements = sorted(mine.elements & theirs.elements)
    both = f"{named(first.item)} and {named(second.item)}"
    if elements and (measure.exposure > 0 or first.item.shared_code or second.item.shared_code):
        yield from look.between(
            Rule.C1,
            first,
            second,
            f"{both} both change {listed(elements)} on {listed(surfaces)}",
            exposed(measure.exposure) if measure.exposure > 0 else _ONE_AT_A_TIME,
            surface=surfaces[0],
            measure=measure,
        )
    elif not elements and measure.exposure > 0:
        said = mine.elements and theirs.elements
        yield from look.between(
            Rule.C2,
            first,
            second,
            f"{both} are both on {listed(surfaces)}",
            exposed(measure.exposure),
            *(() if said else (_NO_ELEMENTS,)),
            surface=surfaces[0],
            measure=measure,
        )


_ONE_AT_A_TIME: Final = "The code runs one test at a time."
_NO_ELEMENTS: Final = "Nobody has said which part each of them changes."


def _upstream(
    look: Look, above: Stay, below: Stay, place: Place, funnel: str, measure: Measure
) -> tuple[Conflict, ...]:
    return look.between(
        Rule.C4,
        above,
        below,
        f"{named(above.item)} can change who comes to {named(below.item)}, further down in the"
        f" funnel {funnel},",
        surface=min(place.steps[funnel, place.begins[funnel]]),
        measure=measure,
    )


def _same_metric(look: Look, first: Stay, second: Stay) -> tuple[Conflict, ...]:
    metric = folded(first.item.metric)
    if not metric or metric != folded(second.item.metric):
        return ()
    measure = look.measure(first, second, washout_days=look.context.washout_days)
    if measure.exposure < NOTICEABLE_EXPOSURE:
        return ()
    return look.between(
        Rule.C5,
        first,
        second,
        f"{named(first.item)} and {named(second.item)} are both judged by"
        f" {first.item.metric.strip()}",
        exposed(measure.exposure),
        measure=measure,
    )


def _held_out(look: Look) -> Iterator[Conflict]:
    holders = [each for each in look.placed if each.item.holdout]
    if not holders:
        return
    tests = [each for each in look.placed if is_test(each.item) and not each.item.holdout]
    pairs = chain(
        meetings_between(tests, holders, about=look.about), meetings(holders, about=look.about)
    )
    for one, other in pairs:
        turned = one.item.holdout and other.item.key < one.item.key
        test, holder = (other, one) if turned else (one, other)
        measure = look.measure(test, holder)
        if measure.exposure > 0:
            yield from look.between(
                Rule.C14,
                test,
                holder,
                f"{named(holder.item)} keeps its users out of every other test, and"
                f" {named(test.item)} wants them",
                exposed(measure.exposure),
                surface=one_shared(test.item, holder.item),
                measure=measure,
            )
