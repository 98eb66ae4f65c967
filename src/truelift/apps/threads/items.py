"""Finds the item that a kind and a key mean, whichever app keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from django.db import models

from truelift.apps.experiments.models import ExperimentRecord, LearningRecord
from truelift.apps.freezes.models import FreezeRecord
from truelift.apps.intake.models import IdeaRecord, SignalRecord
from truelift.apps.memory.models import PrincipleRecord
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.roadmap.models import RoadmapItemRecord
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site
from truelift.apps.warnings.models import WarningRecord


class Kind(StrEnum):
    """What people can talk about."""

    SIGNAL = "signal"
    INSIGHT = "insight"
    IDEA = "idea"
    HYPOTHESIS = "hypothesis"
    EXPERIMENT = "experiment"
    LEARNING = "learning"
    PRINCIPLE = "principle"
    ROLLOUT = "rollout"
    ROADMAP = "roadmap"
    FREEZE = "freeze"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Item:
    """Something that has a page.

    Attributes:
        kind: What it is.
        key: How people call it.
        title: What it is about.
        href: Its page.
        stage: Where it stands; empty for what has no stages.
    """

    kind: Kind
    key: str
    title: str
    href: str
    stage: str = ""


@dataclass(frozen=True, slots=True)
class _Where:
    rows: models.Manager[Any] | models.QuerySet[Any]
    prefix: str
    folder: str
    title: Callable[[models.Model], str]


def _named(field: str) -> Callable[[models.Model], str]:
    return lambda row: str(getattr(row, field))


def _winner(row: models.Model) -> str:
    return str(row.experiment.name) if isinstance(row, RolloutRecord) else ""


_WHERE: Final[Mapping[Kind, _Where]] = MappingProxyType(
    {
        Kind.SIGNAL: _Where(SignalRecord.objects, "S-", "signals", _named("title")),
        Kind.INSIGHT: _Where(InsightRecord.objects, "I-", "insights", _named("problem")),
        Kind.IDEA: _Where(IdeaRecord.objects, "ID-", "ideas", _named("change")),
        Kind.HYPOTHESIS: _Where(HypothesisRecord.objects, "H-", "hypotheses", _named("change")),
        Kind.EXPERIMENT: _Where(ExperimentRecord.objects, "", "experiments", _named("name")),
        Kind.LEARNING: _Where(LearningRecord.objects, "L-", "learnings", _named("text")),
        Kind.PRINCIPLE: _Where(PrincipleRecord.objects, "P-", "principles", _named("statement")),
        Kind.ROLLOUT: _Where(
            RolloutRecord.objects.select_related("experiment"), "R-", "winners", _winner
        ),
        Kind.FREEZE: _Where(FreezeRecord.objects, "F-", "freezes", _named("what")),
        Kind.ROADMAP: _Where(RoadmapItemRecord.objects, "RM-", "roadmap/items", _named("what")),
        Kind.WARNING: _Where(WarningRecord.objects, "W-", "warnings", _named("short")),
    }
)


def item_of(site: Site, kind: str, key: str) -> Item | None:
    """Give the item, or nothing where the site has none of that name."""
    if kind not in set(Kind):
        return None
    where = _WHERE[Kind(kind)]
    rows = where.rows.filter(site=site)
    if where.prefix:
        number = key.removeprefix(where.prefix)
        if not (key.startswith(where.prefix) and number.isascii() and number.isdigit()):
            return None
        row = rows.filter(number=int(number)).first() if len(number) < 10 else None
    else:
        row = rows.filter(key=key).first() if "\0" not in key else None
    if row is None:
        return None
    page = f"/s/{site.name}/{where.folder}/"
    href = f"{page}#{key}" if kind == Kind.LEARNING else f"{page}{quote(key, safe='')}/"
    return Item(Kind(kind), key, where.title(row), href, str(getattr(row, "stage", "")))
