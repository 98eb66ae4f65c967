"""Finds what is in each other's way on the roadmap, before it happens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import chain

from truelift.lifecycle.conflict_alone import in_season, not_there_in_time, too_much
from truelift.lifecycle.conflict_look import NOTHING_KNOWN, Conflict, ConflictContext, Look, Season
from truelift.lifecycle.conflict_of_changes import (
    changes_of_what_is_frozen,
    changes_under_tests,
    features_in_motion,
)
from truelift.lifecycle.conflict_of_tests import conflicts_of_tests
from truelift.lifecycle.conflict_rules import Rule
from truelift.lifecycle.overlap import Stay, stay_of
from truelift.lifecycle.roadmap_item import RoadmapItem
from truelift.lifecycle.surface import Surface


__all__ = ["NOTHING_KNOWN", "Conflict", "ConflictContext", "Season", "conflicts"]


def conflicts(
    items: Iterable[RoadmapItem],
    *,
    surfaces: Iterable[Surface],
    today: date,
    context: ConflictContext = NOTHING_KNOWN,
    about: str = "",
) -> tuple[Conflict, ...]:
    """Find every conflict between items that are neither over nor cancelled.

    What ended before today is not a conflict any more. One pair has one conflict of a
    rule, however many surfaces it shares. The order of the items plays no role.

    Args:
        items: All of the site; their keys are unique.
        surfaces: The surfaces of the site.
        today: The day that it is at the site.
        context: What is known beside the items.
        about: Key of an item whose conflicts alone are asked for, which takes a small part
            of the time; empty for all.

    Returns:
        Ordered by the day from which they hold, then by rule and keys.
    """
    given = list(items)
    known = {surface.name: surface for surface in surfaces}
    placed = [stay for item in given if (stay := stay_of(item, today=today)) is not None]
    placed.sort(key=lambda each: (each.start, each.item.key))
    order = {rule: rule.number for rule in Rule}
    table = {rule: (context.severity(rule), rule.resolutions) for rule in Rule}
    near = _around(placed, about, context) if about else placed
    look = Look(near, known, today, context, table, about)
    found = chain(
        conflicts_of_tests(look),
        changes_under_tests(look),
        features_in_motion(look),
        changes_of_what_is_frozen(look),
        in_season(look),
        too_much(look, placed),
        not_there_in_time(look, given),
    )
    return tuple(
        sorted(
            (each for each in found if not about or each.is_about(about)),
            key=lambda each: (each.starts, order[each.rule], each.first, each.second),
        )
    )


def _around(placed: list[Stay], key: str, context: ConflictContext) -> list[Stay]:
    """Give an item and those that share its time, or a day of its wash-out."""
    mine = next((each for each in placed if each.item.key == key), None)
    if mine is None:
        return []
    start, end = mine.start - context.washout_days, mine.end + context.washout_days
    return [each for each in placed if each.start < end and start < each.end]
