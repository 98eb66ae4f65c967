"""Proposes days: the nearest free ones of an item, and a whole quarter for those that wait."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Max, QuerySet

from truelift.apps.accounts.audit import record as audit
from truelift.apps.backlog.models import PriorityRecord
from truelift.apps.backlog.rule import agreed_of
from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.job_kinds import queue
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap import services
from truelift.apps.roadmap.changes import quarter_of
from truelift.apps.roadmap.colliding import Scene, scene_of
from truelift.apps.roadmap.fields import BadRoadmapFields
from truelift.apps.roadmap.planning_models import QuarterPlanRecord
from truelift.apps.roadmap.reads import items_of
from truelift.apps.roadmap.services import NoSuchRoadmapItem
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.hypothesis import HypothesisStage
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.quarter import Candidate, QuarterPlan, quarter_schedule
from truelift.lifecycle.roadmap_item import ItemKind, ItemStage, RoadmapItem
from truelift.lifecycle.roadmap_move import MOVABLE
from truelift.lifecycle.slots import Slot, length_of, nearest_free_slot


PLAN: Final = "roadmap.quarter_plan"
"""Subject `plan:ID`: work out a proposal."""

TIME_LIMIT_S: Final = 10.0
MOST_CANDIDATES: Final = 60
LONGEST_DAYS: Final = 180
"""Days of one candidate; more is no piece of work for a quarter."""

_WEEK: Final = 7
_USUAL_DAYS: Final[Mapping[ItemKind, int]] = {
    ItemKind.EXPERIMENT: 2 * _WEEK,
    ItemKind.CAMPAIGN: _WEEK,
    ItemKind.CONTENT: 1,
    ItemKind.RELEASE: 1,
}
_UNREADY: Final = (HypothesisStage.DRAFT.value, HypothesisStage.READY_FOR_REVIEW.value)


class NoSuchPlan(Refusal):
    """The site has no proposal with this number."""

    code = "roadmap.no_such_plan"

    def __init__(self, *, number: int) -> None:
        super().__init__(f"There is no proposal {number}; the page of the plan lists them.")


class PlanIsNotReady(Refusal):
    """Nothing can be taken of a proposal that is not worked out."""

    code = "roadmap.plan_is_not_ready"

    def __init__(self, *, number: int) -> None:
        super().__init__(f"Proposal {number} is not worked out yet. Wait for it, or ask anew.")


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that may be given a place in a quarter.

    Attributes:
        days: How long it takes, as far as it is known.
        value: What it is worth, in the unit of the backlog; 1 where nobody has scored it.
        scored: Whether that is its score.
    """

    item: RoadmapItem
    days: int
    value: float = 1.0
    scored: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """A candidate as somebody chose it; without days or value what is known holds."""

    key: str
    days: int | None = None
    value: float | None = None


def free_days(
    site: Site,
    key: str,
    *,
    now: datetime,
    days: int | None = None,
    not_before: date | None = None,
) -> Slot | None:
    """Give the next days on which an item is in nobody's way; None where there are none in a year.

    Args:
        site: Where.
        key: Which item.
        now: When.
        days: How long it would be; as long as it is now where nothing is said.
        not_before: The first day that comes into question.

    Raises:
        NoSuchRoadmapItem: The site has none with this key, or it is over.
        BadRoadmapFields: It would be too short or too long.
    """
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise BadRoadmapFields({"days": f"It takes 1 to {LONGEST_DAYS} days."})
    scene = scene_of(site, now=now)
    item = scene.by_key.get(key)
    if item is None:
        raise NoSuchRoadmapItem(key=key)
    return nearest_free_slot(
        _as_long(item, days, scene.today),
        scene.items,
        surfaces=scene.surfaces,
        today=scene.today,
        context=scene.context,
        settled=scene.resolved,
        not_before=not_before,
    )


def usual_days(item: RoadmapItem) -> int:
    """Say how long an item is, or would be if nobody says."""
    if item.start is not None and item.end is not None:
        return length_of(item).days
    return _USUAL_DAYS.get(item.kind, 1)


def _as_long(item: RoadmapItem, days: int | None, today: date) -> RoadmapItem:
    start = item.start or today
    return replace(item, start=start, end=start + timedelta(days=days or usual_days(item)))


def choices_of(site: Site) -> tuple[Choice, ...]:
    """List what waits for a place: proposed items, and experiments without days.

    An experiment is among them when its hypothesis was accepted, or when it needs none.
    """
    waiting = [each for each in items_of(site) if _waits(each)]
    keys = [each.key for each in waiting if each.kind is ItemKind.EXPERIMENT]
    rows = ExperimentRecord.objects.filter(site=site, key__in=keys).select_related("hypothesis")
    experiments = {row.key: row for row in rows}
    scores = _scores(site, [row.hypothesis_id for row in experiments.values()])
    found = []
    for item in waiting:
        record = experiments.get(item.key)
        if record is None:
            found.append(Choice(item, usual_days(item)))
            continue
        if record.hypothesis is not None and record.hypothesis.stage in _UNREADY:
            continue
        score = scores.get(record.hypothesis_id or 0)
        found.append(
            Choice(
                item,
                days=min(record.weeks_needed or 2, LONGEST_DAYS // _WEEK) * _WEEK,
                value=1.0 if score is None else max(score, 0.0),
                scored=score is not None,
            )
        )
    return tuple(sorted(found, key=lambda each: (-each.value, each.item.key)))


def _waits(item: RoadmapItem) -> bool:
    if item.kind is ItemKind.FREEZE:
        return False
    if item.kind is ItemKind.EXPERIMENT:
        return item.start is None and item.stage in MOVABLE
    return item.stage is ItemStage.PROPOSED


def _scores(site: Site, hypotheses: Iterable[int | None]) -> dict[int, float]:
    """Give the scores by the active framework; another's have no common order with them."""
    rule = agreed_of(site).rule
    rows = PriorityRecord.objects.filter(
        site=site,
        hypothesis__in=[each for each in hypotheses if each],
        version=rule.version,
        framework=rule.framework.value,
        score__isnull=False,
    )
    found = rows.values_list("hypothesis_id", "score")
    return {pk: score for pk, score in found if pk and score is not None}


def quarters_ahead(today: date) -> tuple[str, ...]:
    """Name the quarter of a day and the three after it."""
    found = [quarter_of(today)]
    while len(found) < 4:
        found.append(quarter_of(days_of_quarter(found[-1])[1]))
    return tuple(found)


def days_of_quarter(quarter: str) -> tuple[date, date]:
    """Give the first day of `2026-Q3`, and the first behind it."""
    year, number = int(quarter[:4]), int(quarter[-1])
    start = date(year, 3 * number - 2, 1)
    end = date(year + 1, 1, 1) if number == 4 else date(year, 3 * number + 1, 1)
    return start, end


@transaction.atomic
def ask_for_plan(
    site: Site, quarter: str, wanted: Sequence[Wanted], *, by: Actor, now: datetime
) -> QuarterPlanRecord:
    """Have the worker propose days for candidates; the roadmap stays as it is.

    Raises:
        BadRoadmapFields: No candidate, too many, one that does not wait, or another quarter.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    today = day_at(site, now)
    known = {each.item.key: each for each in choices_of(site)}
    wrong = _wrong(quarter, wanted, known, today)
    if wrong:
        raise BadRoadmapFields(wrong)
    since, until = days_of_quarter(quarter)
    last = QuarterPlanRecord.objects.filter(site=site).aggregate(Max("number"))["number__max"]
    record = QuarterPlanRecord.objects.create(
        site=site,
        number=(last or 0) + 1,
        quarter=quarter,
        since=max(since, today),
        until=until,
        asked=[_asked(each, known[each.key]) for each in wanted],
        asked_by=by.user,
        asked_at=now,
    )
    audit(
        action="roadmap.plan_asked",
        target=f"plan:{record.number}",
        after={"quarter": quarter, "candidates": [each.key for each in wanted]},
        now=now,
        site=site.name,
        **by.audited,
    )
    queue(PLAN, f"plan:{record.pk}", by=by.user, now=now)
    return record


def _wrong(
    quarter: str, wanted: Sequence[Wanted], known: Mapping[str, Choice], today: date
) -> dict[str, str]:
    wrong: dict[str, str] = {}
    if quarter not in quarters_ahead(today):
        wrong["quarter"] = f"It is one of {', '.join(quarters_ahead(today))}."
    keys = [each.key for each in wanted]
    strange = [each for each in dict.fromkeys(keys) if each not in known]
    if not keys:
        wrong["candidates"] = "Choose what is to find a place."
    elif len(keys) > MOST_CANDIDATES:
        wrong["candidates"] = f"At most {MOST_CANDIDATES} at once."
    elif len(set(keys)) < len(keys):
        wrong["candidates"] = "Each is chosen once."
    elif strange:
        wrong["candidates"] = f"{strange[0][:80]} waits for no place; the page lists what does."
    for each in wanted:
        if each.days is not None and not 1 <= each.days <= LONGEST_DAYS:
            wrong["days"] = f"Each takes 1 to {LONGEST_DAYS} days."
        if each.value is not None and not 0 <= each.value <= 1e15:
            wrong["value"] = "A value is a number that is not below 0."
    return wrong


def _asked(each: Wanted, choice: Choice) -> dict[str, Any]:
    return {
        "key": each.key,
        "what": choice.item.what,
        "kind": choice.item.kind.value,
        "days": each.days or choice.days,
        "value": choice.value if each.value is None else each.value,
        "scored": choice.scored and each.value is None,
    }


def compute_plan(record: QuarterPlanRecord, *, now: datetime) -> None:
    """Work a proposal out and keep it; call it from a job, it takes up to ten seconds."""
    began = time.perf_counter()
    scene = scene_of(record.site, now=now)
    asked = {each["key"]: each for each in record.asked}
    candidates = [
        Candidate(_as_long(item, asked[item.key]["days"], scene.today), asked[item.key]["value"])
        for item in scene.items
        if item.key in asked and item.stage in MOVABLE
    ]
    plan = quarter_schedule(
        candidates,
        [each for each in scene.items if each.key not in asked],
        since=record.since,
        until=record.until,
        surfaces=scene.surfaces,
        today=scene.today,
        context=scene.context,
        settled=scene.resolved,
        time_limit_s=TIME_LIMIT_S,
    )
    gone = sorted(set(asked) - {each.item.key for each in candidates})
    document = _document(plan, gone, took_ms=round(1000 * (time.perf_counter() - began)))
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    QuarterPlanRecord.objects.filter(pk=record.pk, text="").update(text=text, finished_at=now)


def _document(plan: QuarterPlan, gone: Sequence[str], *, took_ms: int) -> dict[str, Any]:
    left = [{"key": each.key, "reasons": list(each.reasons)} for each in plan.unplaced]
    left += [{"key": key, "reasons": ["It does not wait for a place any more."]} for key in gone]
    return {
        "placed": [
            {"key": each.key, "start": each.start.isoformat(), "end": each.end.isoformat()}
            for each in plan.placed
        ],
        "unplaced": left,
        "value": plan.value,
        "proven": plan.proven,
        "took_ms": took_ms,
    }


def take_plan(site: Site, number: int, *, by: Actor, now: datetime) -> QuarterPlanRecord:
    """Move every item to its proposed days, each as if somebody moved it; keep why one was not.

    What was moved before stays; one that is refused stops nobody else.

    Raises:
        NoSuchPlan: The site has no such proposal.
        PlanIsNotReady: It is not worked out.
    """
    record = plan_of(site, number)
    document = record.document
    if document is None:
        raise PlanIsNotReady(number=number)
    outcomes: dict[str, Any] = dict(record.outcomes)
    for each in document["placed"]:
        if outcomes.get(each["key"], {}).get("moved"):
            continue
        outcomes[each["key"]] = _take(site, each, number, by=by, now=now)
    record.outcomes, record.taken_by, record.taken_at = outcomes, by.user, now
    record.save(update_fields=["outcomes", "taken_by", "taken_at"])
    audit(
        action="roadmap.plan_taken",
        target=f"plan:{number}",
        after={"moved": [key for key, each in outcomes.items() if each["moved"]]},
        now=now,
        site=site.name,
        **by.audited,
    )
    return record


def _take(
    site: Site, each: Mapping[str, str], number: int, *, by: Actor, now: datetime
) -> dict[str, Any]:
    start, end = date.fromisoformat(each["start"]), date.fromisoformat(each["end"])
    try:
        services.move_item(
            site, each["key"], start, end, by=by, now=now, reason=f"Proposal {number}"
        )
    except MoveRefused as refusal:
        reasons = [
            {"code": one.code, "sentence": one.sentence, "remedy": one.remedy}
            for one in refusal.obstacles
        ]
        return {"moved": False, "reasons": reasons}
    except Refusal as refusal:
        reason = {"code": refusal.code, "sentence": str(refusal), "remedy": ""}
        return {"moved": False, "reasons": [reason]}
    return {"moved": True, "reasons": []}


def plan_of(site: Site, number: int) -> QuarterPlanRecord:
    """Find a proposal of the site.

    Raises:
        NoSuchPlan: There is none with this number.
    """
    found = plans_of(site).filter(number=number).first() if 0 < number < 2**31 else None
    if found is None:
        raise NoSuchPlan(number=number)
    return found


def plans_of(site: Site) -> QuerySet[QuarterPlanRecord]:
    """Give the proposals of a site, the newest first."""
    rows = QuarterPlanRecord.objects.filter(site=site).select_related(
        "site", "asked_by", "taken_by"
    )
    return rows.order_by("-number")


def beside(scene: Scene, record: QuarterPlanRecord) -> tuple[RoadmapItem, ...]:
    """Give what stands in the quarter already and was no candidate, by its first day."""
    asked = {each["key"] for each in record.asked}
    return tuple(
        each
        for each in scene.items
        if each.key not in asked
        and each.start is not None
        and each.start < record.until
        and (each.end is None or each.end > record.since)
    )


def plan_document(record: QuarterPlanRecord) -> dict[str, Any]:
    """Write a proposal for programs."""
    return {
        "number": record.number,
        "quarter": record.quarter,
        "since": record.since,
        "until": record.until,
        "candidates": list(record.asked),
        "asked_by": record.asked_by.email if record.asked_by else None,
        "asked_at": record.asked_at,
        "finished_at": record.finished_at,
        "proposal": record.document,
        "outcomes": dict(record.outcomes),
        "taken_by": record.taken_by.email if record.taken_by else None,
        "taken_at": record.taken_at,
    }
