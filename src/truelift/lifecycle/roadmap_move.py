"""How firm an item of the roadmap can become, and what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.roadmap_item import ItemStage, RoadmapItem, column_obstacles


_S = ItemStage

ITEM_TRANSITIONS: Final[Mapping[ItemStage, frozenset[ItemStage]]] = MappingProxyType(
    {
        _S.PROPOSED: frozenset({_S.PLANNED, _S.SCHEDULED, _S.CANCELLED}),
        _S.PLANNED: frozenset({_S.PROPOSED, _S.SCHEDULED, _S.CANCELLED}),
        _S.SCHEDULED: frozenset({_S.PLANNED, _S.RUNNING, _S.CANCELLED}),
        _S.RUNNING: frozenset({_S.DONE, _S.CANCELLED}),
        _S.DONE: frozenset(),
        _S.CANCELLED: frozenset({_S.PROPOSED}),
    }
)
"""Every move there is, of releases, campaigns and content. What is not here does not happen."""

MOVABLE: Final = frozenset({_S.PROPOSED, _S.PLANNED, _S.SCHEDULED})
"""Stages in which dates can still be moved."""


def stage_obstacles(
    item: RoadmapItem, to: ItemStage, *, conflicts: Sequence[Obstacle] = ()
) -> tuple[Obstacle, ...]:
    """Say why an item cannot become so firm; every reason at once.

    Args:
        item: As it is.
        to: As it would be.
        conflicts: What collides with it and is not settled.
    """
    if to not in ITEM_TRANSITIONS[item.stage]:
        ways = [each.value for each in ItemStage if each in ITEM_TRANSITIONS[item.stage]]
        return (
            Obstacle(
                "roadmap.no_such_step",
                f"It is {item.stage}, and cannot become {to}.",
                f"It can become {' or '.join(ways)}." if ways else "Add another item.",
            ),
        )
    if to is not ItemStage.SCHEDULED:
        return ()
    return (*column_obstacles(item), *conflicts)


def move_obstacles(item: RoadmapItem) -> tuple[Obstacle, ...]:
    """Say why an item's dates cannot be moved whatever they are."""
    if item.stage in MOVABLE:
        return ()
    return (
        Obstacle(
            "roadmap.not_movable",
            f"It is {item.stage}: what has begun or is over is not planned anew.",
            "Add another item, or change its end where it runs.",
        ),
    )
