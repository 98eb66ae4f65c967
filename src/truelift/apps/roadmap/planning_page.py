"""The pages of planning as values: bars of a quarter, and what was proposed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from truelift.apps.roadmap.colliding import scene_of
from truelift.apps.roadmap.page import when
from truelift.apps.roadmap.planning import beside
from truelift.apps.roadmap.planning_models import QuarterPlanRecord
from truelift.lifecycle.roadmap_item import ItemKind, RoadmapItem


MOST_BESIDE = 100


@dataclass(frozen=True, slots=True)
class Bar:
    """An item on the line of a quarter.

    Attributes:
        x: Days from the first of the quarter; the width of the drawing is its number of days.
        width: Days.
        when: The same in words.
        proposed: Whether it is proposed, or fixed.
        moved: Whether the days were taken.
        reasons: Why not; empty where it was not tried, or was moved.
    """

    key: str
    what: str
    kind: str
    when: str
    x: int
    width: int
    proposed: bool
    moved: bool = False
    reasons: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """A candidate that found no place."""

    key: str
    what: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanPage:
    """A proposal.

    Attributes:
        days: How long the quarter's line is.
        weeks: Day from its first → the Mondays, in words.
        bars: What is proposed, by its first day.
        fixed: What stands beside it.
        more: How many stand there that are not shown.
        open: How many of the proposed days were not taken yet.
    """

    days: int
    weeks: tuple[tuple[int, str], ...]
    bars: tuple[Bar, ...]
    fixed: tuple[Bar, ...]
    more: int
    left: tuple[Left, ...]
    open: int
    proven: bool


def plan_page(record: QuarterPlanRecord, *, now: datetime) -> PlanPage | None:
    """Draw a proposal beside what is fixed; None until it is worked out."""
    document = record.document
    if document is None:
        return None
    scene = scene_of(record.site, now=now)
    asked = {each["key"]: each for each in record.asked}
    bars = tuple(_proposed(each, asked, record, today=scene.today) for each in document["placed"])
    fixed = beside(scene, record)
    return PlanPage(
        days=(record.until - record.since).days,
        weeks=_weeks(record.since, record.until),
        bars=bars,
        fixed=tuple(_fixed(each, record, today=scene.today) for each in fixed[:MOST_BESIDE]),
        more=max(0, len(fixed) - MOST_BESIDE),
        left=tuple(
            Left(each["key"], asked[each["key"]]["what"], tuple(each["reasons"]))
            for each in document["unplaced"]
        ),
        open=sum(not each.moved for each in bars),
        proven=document["proven"],
    )


def _proposed(
    each: Mapping[str, str],
    asked: Mapping[str, Mapping[str, Any]],
    record: QuarterPlanRecord,
    *,
    today: date,
) -> Bar:
    start, end = date.fromisoformat(each["start"]), date.fromisoformat(each["end"])
    outcome: Mapping[str, Any] = record.outcomes.get(each["key"], {})
    x, width = _span(start, end, record)
    item = RoadmapItem(each["key"], ItemKind(asked[each["key"]]["kind"]), "", start=start, end=end)
    return Bar(
        key=each["key"],
        what=asked[each["key"]]["what"],
        kind=item.kind.called,
        when=when(item, today=today),
        x=x,
        width=width,
        proposed=True,
        moved=bool(outcome.get("moved")),
        reasons=tuple(outcome.get("reasons", ())),
    )


def _fixed(item: RoadmapItem, record: QuarterPlanRecord, *, today: date) -> Bar:
    start = item.start or record.since
    x, width = _span(start, item.end or start + timedelta(days=1), record)
    return Bar(
        key=item.key,
        what=item.what,
        kind=item.kind.called,
        when=when(item, today=today),
        x=x,
        width=width,
        proposed=False,
    )


def _span(start: date, end: date, record: QuarterPlanRecord) -> tuple[int, int]:
    first, last = max(start, record.since), min(end, record.until)
    return (first - record.since).days, max((last - first).days, 1)


def _weeks(since: date, until: date) -> tuple[tuple[int, str], ...]:
    monday = since + timedelta(days=-since.weekday() % 7)
    found: list[tuple[int, str]] = []
    while monday < until:
        found.append(((monday - since).days, f"{monday.day} {monday:%b}"))
        monday += timedelta(days=7)
    return tuple(found)


def wanted_days(fields: Mapping[str, str], keys: Sequence[str]) -> dict[str, int | None]:
    """Read how long each candidate takes; None where nothing is said, 0 where it is no number."""
    found: dict[str, int | None] = {}
    for key in keys:
        text = fields.get(f"days-{key}", "").strip()
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
        found[key] = number if text else None
    return found
