"""What stands on the roadmap: experiments, releases, campaigns, content and freezes as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.obstacle import Obstacle


class ItemKind(StrEnum):
    """The five kinds of work that meet on one roadmap."""

    EXPERIMENT = "experiment"
    RELEASE = "release"
    CAMPAIGN = "campaign"
    CONTENT = "content"
    FREEZE = "freeze"

    @property
    def called(self) -> str:
        """The kind as it stands on a page."""
        return self.value.capitalize()


class ItemStage(StrEnum):
    """How firm an item is; an experiment's and a freeze's own stages are told in these words."""

    PROPOSED = "proposed"
    PLANNED = "planned"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


OVER: Final = frozenset({ItemStage.DONE, ItemStage.CANCELLED})
"""Stages in which an item is in nobody's way."""


class Touch(StrEnum):
    """What a release, a campaign or content changes for visitors."""

    CODE = "code"
    FLAG = "flag"
    CONTENT = "content"
    PRICE = "price"
    PROMOTION = "promotion"
    TRAFFIC = "traffic"
    TRACKING = "tracking"


class DependencyKind(StrEnum):
    """How one item hangs on another."""

    BLOCKS = "blocks"
    NEEDS_BEFORE = "needs_before"
    REFERENCES_FEATURE = "references_feature"


@dataclass(frozen=True, slots=True)
class Audience:
    """Which values of one dimension an item is shown to; empty sets stand for all."""

    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()


EVERYBODY: Final[Mapping[str, Audience]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Asset:
    """Something that must be there before the start.

    Attributes:
        what: What it is.
        owner: Who makes it; empty while nobody does.
        due: By when.
        lead_days: Working days that making it takes.
        done: Whether it is there.
    """

    what: str
    owner: str = ""
    due: date | None = None
    lead_days: int = 0
    done: bool = False


@dataclass(frozen=True, slots=True)
class Dependency:
    """That an item hangs on another.

    Attributes:
        on: Key of the other item.
        kind: How.
    """

    on: str
    kind: DependencyKind


@dataclass(frozen=True, slots=True)
class RoadmapItem:
    """One piece of work that visitors will meet, or a time in which nothing may change.

    Attributes:
        key: How people call it; unique on the site.
        kind: Experiment, release, campaign, content or freeze.
        what: What is tested, released or said.
        stage: How firm it is.
        surfaces: Where: names of surfaces.
        elements: Which parts of them: `headline`, `hero video`; empty while nobody has said.
        why: Keys of the evidence behind it.
        start: The first day; None while there is none.
        end: The first day on which it is over; None while there is none.
        metric: What defines success.
        owner: The person who decides; empty while nobody is named.
        deputy: Who decides in their absence.
        owner_active: Whether that person still works on the site.
        team: Whose work it is.
        squad: Which part of the team.
        priority: Key of the commercial priority that it serves; empty for none.
        audience: Dimension → who sees it; a dimension that is not named is open.
        allocation: Share of its audience that is in it, 0 to 1.
        layer: Tests of one layer with ranges apart never share a visitor; empty for none.
        low: Where its range in the layer begins, 0 to 1.
        high: Where it ends.
        shared_code: It is switched by code that runs one test at a time.
        holdout: It keeps its audience out of every other test.
        changes_reach: It can change who goes on to later steps.
        touches: What it changes for visitors; of releases, campaigns and content.
        traffic_change: By how much of a surface's traffic it changes it; 0.2 for a fifth.
        features: Features that it changes.
        references: Features that its words speak of.
        events: Events that its metrics use, or, of a tracking change, that it changes.
        landing: Addresses to which a campaign leads people.
        benign: Keys of experiments for which somebody has judged it harmless.
        agreed: Whether the owner of the surface has agreed; of freezes.
        of: The experiment that a freeze protects; empty for one of its own.
        assets: What must be there before the start.
        dependencies: What it hangs on.
        effort: Role (`build`, `qa`, `analysis`) → working days.
    """

    key: str
    kind: ItemKind
    what: str
    stage: ItemStage = ItemStage.PROPOSED
    surfaces: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None
    metric: str = ""
    owner: str = ""
    deputy: str = ""
    owner_active: bool = True
    team: str = ""
    squad: str = ""
    priority: str = ""
    audience: Mapping[str, Audience] = field(default_factory=lambda: EVERYBODY)
    allocation: float = 1.0
    layer: str = ""
    low: float = 0.0
    high: float = 1.0
    shared_code: bool = False
    holdout: bool = False
    changes_reach: bool = True
    touches: frozenset[Touch] = frozenset()
    traffic_change: float = 0.0
    features: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    landing: tuple[str, ...] = ()
    benign: frozenset[str] = frozenset()
    agreed: bool = False
    of: str = ""
    assets: tuple[Asset, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    effort: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


def column_obstacles(item: RoadmapItem) -> tuple[Obstacle, ...]:
    """Say which of the seven columns an item lacks before it can be scheduled; all at once.

    A freeze has no evidence, metric or decision: what it stands for is asked instead.
    """
    return tuple(_missing_columns(item))


def _missing_columns(item: RoadmapItem) -> Iterable[Obstacle]:
    if not item.what.strip():
        yield Obstacle("roadmap.no_what", "It does not say what it is.", "Say what is done.")
    if not item.surfaces:
        yield Obstacle("roadmap.no_surface", "It does not say where.", "Choose a surface.")
    if item.start is None:
        yield Obstacle("roadmap.no_start", "It has no first day.", "Say when it starts.")
    if item.end is None:
        yield Obstacle("roadmap.no_end", "It has no end.", "Say when it ends.")
    if item.start is not None and item.end is not None and item.end <= item.start:
        yield Obstacle("roadmap.ends_before_start", "It ends before it starts.", "Move its end.")
    if item.kind is ItemKind.FREEZE:
        return
    if not item.why:
        yield Obstacle("roadmap.no_evidence", "It does not say why.", "Link what speaks for it.")
    if not item.metric.strip():
        yield Obstacle("roadmap.no_metric", "Nothing defines its success.", "Name a metric.")
    if not item.owner:
        yield Obstacle(
            "roadmap.no_decision_owner", "Nobody decides about it.", "Name a decision-owner."
        )
    elif not item.owner_active and not item.deputy:
        yield Obstacle(
            "roadmap.owner_gone",
            "Its decision-owner has left, and there is no deputy.",
            "Name another decision-owner.",
        )
