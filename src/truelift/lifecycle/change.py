"""What changed for visitors, who says so, and which surfaces that concerns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.surface import Surface, surfaces_at, surfaces_of_files


class ChangeKind(StrEnum):
    """What kind of thing was changed."""

    DEPLOY = "deploy"
    FLAG = "flag"
    CMS = "cms"
    TAG = "tag"
    PRICE = "price"
    CONTENT = "content"
    CONFIG = "config"
    UNKNOWN = "unknown"

    @property
    def called(self) -> str:
        """The kind as it stands on a page."""
        return _CALLED.get(self, self.value.capitalize())


_CALLED: Final = {ChangeKind.CMS: "CMS", ChangeKind.TAG: "Tag manager", ChangeKind.FLAG: "Flag"}

BEHAVIOUR: Final = frozenset(
    {ChangeKind.DEPLOY, ChangeKind.FLAG, ChangeKind.CMS, ChangeKind.PRICE, ChangeKind.CONTENT}
)
"""Kinds that change what visitors see or do; of the others nobody knows before looking."""

VALIDATES: Final = frozenset({ChangeKind.DEPLOY, ChangeKind.PRICE})
"""Kinds after which the surface is watched, because what was known of it may not hold (R030)."""

WATCH: Final = timedelta(days=14)
"""How long a surface is watched after such a change."""


class ChangeState(StrEnum):
    """Whether a change counts.

    `PROPOSED`: somebody says so who cannot prove who they are; it touches no test before a
    person confirms it. `DISMISSED`: a person found that it was none.
    """

    PROPOSED = "proposed"
    RECORDED = "recorded"
    DISMISSED = "dismissed"


class Trust(StrEnum):
    """How a sender proved who it is."""

    SIGNED = "signed"
    TOKEN = "token"  # noqa: S105 - a word, no secret
    PERSON = "person"
    NONE = "none"


PRODUCTION: Final = frozenset({"", "production", "prod", "live"})
"""Names of the environment that visitors meet; a sender that names none means that one."""

MOST_PATHS: Final = 2000
MOST_SURFACES: Final = 200

AHEAD: Final = timedelta(hours=1)
"""How far a change may lie in the future: clocks differ, and more is a mistake."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was changed, as its sender tells it.

    Attributes:
        kind: What kind of thing.
        external_id: How the sender calls it; with the sender it is taken once.
        what: In a line.
        env: Where it was changed; empty for production.
        repo: Of the code; empty where there is none.
        sha: The version that is there since.
        paths: Files that it touched.
        surfaces: Names of surfaces, where the sender knows them.
        urls: Addresses of pages that it changed.
        elements: Parts of the surfaces; empty while nobody has said.
        arms: Variants that it reached; empty for all.
        planned_for: Keys of experiments that it belongs to, as the sender says.
        started_at: When it began.
        finished_at: When visitors had it.
        actor: Who did it, in the sender's words.
        url: Where it is described.
    """

    kind: ChangeKind = ChangeKind.UNKNOWN
    external_id: str = ""
    what: str = ""
    env: str = ""
    repo: str = ""
    sha: str = ""
    paths: tuple[str, ...] = ()
    surfaces: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    planned_for: tuple[str, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None
    actor: str = ""
    url: str = ""

    @property
    def in_production(self) -> bool:
        """Whether visitors meet it."""
        return self.env.strip().casefold() in PRODUCTION

    def at(self, told_at: datetime) -> datetime:
        """Give when visitors first met it: its start, or the moment at which it was told.

        The start, because a deployment reaches the first visitors before it is finished.
        """
        return self.started_at or self.finished_at or told_at


def change_obstacles(change: Change, *, now: datetime) -> tuple[Obstacle, ...]:
    """Say what keeps a change from being written down; everything at once."""
    return tuple(_wrong(change, now=now))


def _wrong(change: Change, *, now: datetime) -> Iterable[Obstacle]:
    if not change.external_id.strip():
        yield Obstacle(
            "change.no_external_id",
            "It has no name of its own at its sender.",
            "Send `external_id`: the number of the deployment or of the publication.",
        )
    if change.started_at and change.finished_at and change.finished_at < change.started_at:
        yield Obstacle(
            "change.ends_before_start", "It ended before it began.", "Send both times again."
        )
    latest = max(filter(None, (change.started_at, change.finished_at)), default=None)
    if latest is not None and latest > now + AHEAD:
        yield Obstacle(
            "change.in_the_future",
            "It lies in the future.",
            "Send it when it has happened; what is planned stands on the roadmap.",
        )
    if len(change.paths) > MOST_PATHS:
        yield Obstacle(
            "change.too_many_paths",
            f"It names more than {MOST_PATHS:,} files.",
            "Send the folders instead.",
        )
    if len(change.surfaces) + len(change.urls) > MOST_SURFACES:
        yield Obstacle(
            "change.too_many_surfaces",
            f"It names more than {MOST_SURFACES} surfaces and addresses.",
            "Send those that visitors meet.",
        )


@dataclass(frozen=True, slots=True)
class Mapped:
    """Where a change was.

    Attributes:
        surfaces: Names, in the order of the site's list.
        unmapped: Files, addresses and names that no surface of the site claims.
    """

    surfaces: tuple[str, ...]
    unmapped: tuple[str, ...] = ()


def mapped(change: Change, surfaces: Sequence[Surface], *, usually: Iterable[str] = ()) -> Mapped:
    """Say which surfaces a change concerns, by its own words, its files and its addresses.

    Args:
        change: What was changed.
        surfaces: Those of the site.
        usually: What its sender changes when a message says nothing of where.
    """
    known = {each.name.casefold(): each.name for each in surfaces}
    found: set[str] = set()
    unmapped: list[str] = []
    for name in change.surfaces:
        if name.casefold() in known:
            found.add(known[name.casefold()])
        else:
            unmapped.append(name)
    by_file = surfaces_of_files(change.paths, surfaces)
    found.update(by_file.surfaces)
    unmapped += by_file.unmapped
    for address in change.urls:
        there = surfaces_at(address, surfaces)
        found.update(there)
        if not there:
            unmapped.append(address)
    if not (change.surfaces or change.paths or change.urls):
        found.update(known[each.casefold()] for each in usually if each.casefold() in known)
    return Mapped(
        tuple(each.name for each in surfaces if each.name in found),
        tuple(dict.fromkeys(unmapped)),
    )


def state_of(trust: Trust) -> ChangeState:
    """Say whether a change counts at once: who cannot prove who they are only proposes."""
    return ChangeState.PROPOSED if trust is Trust.NONE else ChangeState.RECORDED
