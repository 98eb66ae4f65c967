"""Surfaces: the places that visitors meet, who owns each, and which addresses and code make it."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from truelift.lifecycle.obstacle import Obstacle


LONGEST_PATTERN: Final = 300
"""Characters of a pattern; more is a mistake, not a pattern."""


@dataclass(frozen=True, slots=True)
class Surface:
    """A page, a part of an app or another place that visitors meet.

    Attributes:
        name: As people call it; unique on the site.
        patterns: Addresses, as globs: `/cart`, `/checkout/**`, `shop.example/p/*`. `*` stays
            within one part of the path, `**` crosses parts.
        routes: Screens of an app, as its events name them.
        funnel: The funnel that it is a step of; empty where it is none.
        step: Which step, from 1; 0 where it is none.
        team: Who owns it.
        cadence_days: Days between releases of that team; None while nobody has said.
        incentive: The metric that the team is measured by.
        code: Files that make it, as globs like in a CODEOWNERS file.
        bundle: Code that it shares with other surfaces; empty where it shares none.
    """

    name: str
    patterns: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    funnel: str = ""
    step: int = 0
    team: str = ""
    cadence_days: int | None = None
    incentive: str = ""
    code: tuple[str, ...] = ()
    bundle: str = ""

    def is_upstream_of(self, other: Surface) -> bool:
        """Say whether visitors pass here before they come there."""
        return bool(self.funnel and self.funnel == other.funnel and 0 < self.step < other.step)


def pattern_obstacles(pattern: str) -> tuple[Obstacle, ...]:
    """Say what is wrong with a pattern of addresses or files; nothing said means it can be used."""
    said = []
    if not pattern.strip() or pattern != pattern.strip():
        said.append(
            Obstacle("surface.empty_pattern", "A pattern is empty or has blanks.", "Write a path.")
        )
    if len(pattern) > LONGEST_PATTERN:
        said.append(
            Obstacle(
                "surface.pattern_too_long",
                f"A pattern has more than {LONGEST_PATTERN} characters.",
                "Write a shorter one, with ** for the parts between.",
            )
        )
    return tuple(said)


@dataclass(frozen=True, slots=True)
class Found:
    """Which surfaces files belong to.

    Attributes:
        surfaces: Names, in the order of the list that was given.
        unmapped: Files that no surface claims.
    """

    surfaces: tuple[str, ...]
    unmapped: tuple[str, ...]


def surfaces_at(url: str, surfaces: Iterable[Surface]) -> tuple[str, ...]:
    """Name the surfaces that an address belongs to, in the order given.

    Args:
        url: A whole address or a path.
        surfaces: The surfaces of the site.
    """
    parts = urlsplit(url)
    host, path = parts.netloc.lower().rpartition("@")[2], _parts(parts.path)
    return tuple(
        surface.name
        for surface in surfaces
        if any(_address_fits(pattern, host, path) for pattern in surface.patterns)
    )


def surfaces_of_files(paths: Sequence[str], surfaces: Sequence[Surface]) -> Found:
    """Name the surfaces whose code is among the files, and the files that nobody claims."""
    claimed: set[str] = set()
    unmapped = []
    for path in paths:
        owners = [
            surface.name
            for surface in surfaces
            if any(_file_fits(glob, path) for glob in surface.code)
        ]
        claimed.update(owners)
        if not owners:
            unmapped.append(path)
    named = tuple(surface.name for surface in surfaces if surface.name in claimed)
    return Found(named, tuple(unmapped))


def _address_fits(pattern: str, host: str, path: Sequence[str]) -> bool:
    at, slash, pieces = _taken_apart(pattern)
    if at and at != host:
        return False
    return _fits(pieces, path) if slash else bool(at)


@lru_cache(maxsize=4096)
def _taken_apart(pattern: str) -> tuple[str, bool, tuple[str, ...]]:
    at, slash, rest = pattern.partition("/")
    return at.lower(), bool(slash), _parts(rest)


def _parts(path: str) -> tuple[str, ...]:
    return tuple(filter(None, path.split("/")))


def _file_fits(glob: str, path: str) -> bool:
    # A folder claims what is in it; a name without a folder claims it wherever it stands.
    anywhere = () if "/" in glob.rstrip("/") else ("**",)
    inside = () if glob.endswith("*") else ("**",)
    return _fits((*anywhere, *_parts(glob), *inside), _parts(path))


def _fits(pieces: Sequence[str], parts: Sequence[str]) -> bool:
    """Walk along both, keeping every place that could be reached: time is their product."""
    reached = {0}
    for piece in pieces:
        if piece == "**":
            reached = set(range(min(reached), len(parts) + 1))
        else:
            fits = _compiled(piece).match
            reached = {at + 1 for at in reached if at < len(parts) and fits(parts[at])}
        if not reached:
            return False
    return len(parts) in reached


@lru_cache(maxsize=4096)
def _compiled(piece: str) -> re.Pattern[str]:
    # Only stars and question marks are special here; a bracket is a bracket.
    return re.compile(fnmatch.translate(piece.replace("[", "[[]")))
