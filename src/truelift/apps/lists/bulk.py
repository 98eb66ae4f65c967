"""One step for many items: what may not be done is named with all its reasons, the rest is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Final

from truelift.apps.lists.listing import Given, Listing, Step
from truelift.apps.lists.places import LISTS
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.obstacle import MoveRefused, Obstacle


MOST: Final = 500
"""Items of one go."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a step for many.

    Attributes:
        done: Keys of the items to which it was done.
        refused: Keys of the others, each with every reason.
    """

    done: tuple[str, ...]
    refused: tuple[tuple[str, tuple[Obstacle, ...]], ...]


def listing_of(name: str) -> Listing | None:
    """Find a list by its name."""
    place = LISTS.get(name)
    if place is None or not place.home:
        return None
    found: Listing = import_module(place.home).LISTINGS[name]
    return found


def carry_out(
    step: Step, site: Site, keys: Sequence[str], given: Given, *, by: Actor, now: datetime
) -> Done:
    """Do one thing to several items, each by itself: what is refused stops none of the others."""
    done: list[str] = []
    refused: list[tuple[str, tuple[Obstacle, ...]]] = []
    for key in dict.fromkeys(keys):
        try:
            step.run(site, key, given, by, now)
        except MoveRefused as refusal:
            refused.append((key, refusal.obstacles))
        except Refusal as refusal:
            refused.append((key, (Obstacle(refusal.code, str(refusal), ""),)))
        else:
            done.append(key)
    return Done(tuple(done), tuple(refused))
