"""The rail: the four questions written out, with the pages that exist under each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.urls import Resolver404, resolve


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the rail.

    Attributes:
        label: What the person reads.
        folder: The path under `/s/<site>/`, empty for the site's home.
        key: The key after `g` that leads there: `h`, `i`, `1` to `4`, `r`; the first page of
            each question has its number.
    """

    label: str
    folder: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A place as the rail draws it on one page.

    Attributes:
        label: What the person reads.
        href: Where it leads.
        current: The page shown is this place or lies under it.
        waiting: Things there that wait for a person; 0 is not drawn.
        key: The key after `g` that leads here, or empty.
    """

    label: str
    href: str
    current: bool
    waiting: int
    key: str


@dataclass(frozen=True, slots=True)
class Group:
    """Entries under one of the questions; home has no heading."""

    heading: str
    entries: tuple[Entry, ...]


GROUPS: Final[tuple[tuple[str, tuple[Place, ...]], ...]] = (
    ("", (Place("Home", "", "h"), Place("Inbox", "inbox", "i"))),
    (
        "Where do we lose people, and why?",
        (
            Place("Funnels", "funnels", "1"),
            Place("Trends", "trends"),
            Place("Sessions", "sessions"),
            Place("Paths and journeys", "paths"),
            Place("Segments", "segments"),
            Place("Retention and value", "retention"),
            Place("Replays and heatmaps", "replays"),
            Place("Drivers", "drivers"),
            Place("Acquisition", "acquisition"),
            Place("Page or traffic?", "page-or-traffic"),
        ),
    ),
    (
        "What should we change next?",
        (
            Place("Evidence inbox", "signals", "2"),
            Place("Insights", "insights"),
            Place("Customer voice", "voice"),
            Place("Ideas", "ideas"),
            Place("Hypotheses", "hypotheses"),
            Place("Backlog", "backlog"),
        ),
    ),
    (
        "Is it real?",
        (
            Place("Experiments", "experiments", "3"),
            Place("Power and duration", "planner"),
            Place("Interactions", "interactions"),
            Place("Before and after", "before-after"),
            Place("Measurement health", "health"),
        ),
    ),
    (
        "What did we learn, and is it live?",
        (
            Place("Decisions", "decisions", "4"),
            Place("Winners to live", "winners"),
            Place("Learnings", "learnings"),
            Place("Principles", "principles"),
            Place("Library", "library"),
        ),
    ),
    (
        "Together",
        (
            Place("Board", "board"),
            Place("Roadmap", "roadmap", "r"),
            Place("Surfaces", "surfaces"),
            Place("Touchpoints", "touchpoints"),
            Place("Changes", "changes"),
            Place("Freezes", "freezes"),
            Place("Programme metrics", "progress"),
            Place("Scorecard", "scorecard"),
            Place("Commercial brief", "commercial-brief"),
            Place("Shared metric", "shared-metric"),
            Place("Team metrics", "team-metrics"),
            Place("Rhythm", "rhythm"),
            Place("Warnings", "warnings"),
        ),
    ),
)
"""Every place the product will have; a place is drawn as soon as its address answers."""

BELOW: Final = (
    Place("Connect", "connect"),
    Place("Data ledger", "ledger"),
    Place("Tracking", "tracking"),
    Place("Feeds", "feeds"),
    Place("Settings", "settings"),
    Place("Programme", "programme"),
    Place("Members", "members"),
)
"""The entries below the line."""


def rail(site: str, *, path: str, waiting: Mapping[str, int]) -> tuple[Group, ...]:
    """Lay out the rail of a site for the page at `path`; the last group is the foot.

    Args:
        site: The site's name.
        path: The path of the page being shown.
        waiting: Folder → things there that wait for a person.
    """
    drawn = [
        Group(heading, entries)
        for heading, places in GROUPS
        if (entries := _entries(places, site=site, path=path, waiting=waiting))
    ]
    return (*drawn, Group("", _entries(BELOW, site=site, path=path, waiting=waiting)))


def _entries(
    places: tuple[Place, ...], *, site: str, path: str, waiting: Mapping[str, int]
) -> tuple[Entry, ...]:
    return tuple(
        Entry(
            label=place.label,
            href=_address(site, place.folder),
            current=_is_at(path, _address(site, place.folder), whole=not place.folder),
            waiting=waiting.get(place.folder, 0),
            key=place.key,
        )
        for place in places
        if _exists(place.folder)
    )


def _address(site: str, folder: str) -> str:
    return f"/s/{site}/{folder}/" if folder else f"/s/{site}/"


def _is_at(path: str, address: str, *, whole: bool) -> bool:
    return path == address if whole else path.startswith(address)


@lru_cache(maxsize=128)
def _exists(folder: str) -> bool:
    """Only pages that exist are linked: an app brings its place by bringing its address."""
    try:
        resolve(_address("xx", folder))
    except Resolver404:
        return False
    return True
