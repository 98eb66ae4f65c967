"""Campaigns that lead people to pages: when those are asked for, and what they lack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from urllib.parse import urlsplit

from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.roadmap_item import OVER, ItemKind, RoadmapItem


ASKED_BEFORE: Final = timedelta(days=28)
"""So long before its start the pages of a campaign are asked for: two weeks are the least that
making one takes, and whoever takes the request in needs some time, too."""

LATE_BEFORE: Final = timedelta(days=14)
"""What is asked for later than this is late, and is said so."""

WARNED_BEFORE: Final = timedelta(days=3)
"""From here on its owner is told of what is missing."""


@dataclass(frozen=True, slots=True)
class LandingPage:
    """An address to which a campaign leads, and what is known of it.

    Attributes:
        url: As it was written.
        surfaces: To which surfaces it belongs; empty where none claims it.
        seen: Whether the watcher or a visitor has been there.
        problem: What the watcher met there; empty where nothing was wrong.
    """

    url: str
    surfaces: tuple[str, ...] = ()
    seen: bool = False
    problem: str = ""


def path_of(url: str) -> str:
    """Give an address as visits and the watcher are matched: the path, without its last slash."""
    return "/" + urlsplit(url.strip()).path.strip("/").lower()


def is_asked_for(item: RoadmapItem, *, today: date) -> bool:
    """Say whether its pages have to be asked for by now; nothing is asked once it has begun."""
    return (
        _leads_somewhere(item)
        and item.start is not None
        and today < item.start <= today + ASKED_BEFORE
    )


def is_late(item: RoadmapItem, *, today: date) -> bool:
    """Say whether less time is left than making a page takes."""
    return item.start is not None and item.start < today + LATE_BEFORE


def is_near(item: RoadmapItem, *, today: date) -> bool:
    """Say whether what is missing has to be said: from three days before until it is over."""
    return (
        _leads_somewhere(item)
        and item.start is not None
        and item.start - WARNED_BEFORE <= today < (item.end or item.start + timedelta(days=1))
    )


def landing_obstacles(pages: Iterable[LandingPage], *, checked: bool) -> tuple[Obstacle, ...]:
    """Say everything that is missing before people are led there.

    Args:
        pages: Every address with what is known of it.
        checked: Whether somebody has said that the pages were checked.
    """
    found = []
    for page in pages:
        if page.problem:
            found.append(
                Obstacle(
                    "landing.broken",
                    f"The watcher could not see {page.url}: {page.problem.rstrip('.')}.",
                    "Publish it, or correct the address.",
                )
            )
        elif not page.seen:
            found.append(
                Obstacle(
                    "landing.never_seen",
                    f"Nobody was ever seen on {page.url}, and the watcher was not there.",
                    "Publish it and have it watched, or correct the address.",
                )
            )
        if not page.surfaces:
            found.append(
                Obstacle(
                    "landing.no_surface",
                    f"No surface claims {page.url}.",
                    "Enter it among the surfaces, so that tests and deploys know of it.",
                )
            )
    if not checked:
        found.append(
            Obstacle(
                "landing.no_qa",
                "Nobody has said that the pages were checked.",
                "Check them on phone and desktop, then tick the item’s QA as there.",
            )
        )
    return tuple(found)


def _leads_somewhere(item: RoadmapItem) -> bool:
    return item.kind is ItemKind.CAMPAIGN and bool(item.landing) and item.stage not in OVER
