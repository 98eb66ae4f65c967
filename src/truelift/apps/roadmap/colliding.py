"""Finds what collides on a site's roadmap, keeps it with what people did about it, and previews."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Max

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.reads import functions_in_use, functions_of
from truelift.apps.experiments.domain import day_at
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.roadmap.changes import log, news_of, take_over_experiments
from truelift.apps.roadmap.models import (
    ConflictRecord,
    ConflictState,
    RoadmapItemRecord,
    RoadmapSettingsRecord,
)
from truelift.apps.roadmap.reads import item_record, items_of
from truelift.apps.roadmap.rules import seasons_of
from truelift.apps.roadmap.sharing import measured_of
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.reads import surfaces_of
from truelift.errors import Refusal
from truelift.lifecycle.back_schedule import Slip, slips
from truelift.lifecycle.conflict import Conflict, ConflictContext, Season, conflicts
from truelift.lifecycle.conflict_rules import Resolution, Rule, Severity
from truelift.lifecycle.conflict_settling import (
    Escalation,
    Settlement,
    escalation,
    obstacles_of,
    settled,
    settlement_obstacles,
)
from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import MoveRefused, Obstacle
from truelift.lifecycle.roadmap_change import Field
from truelift.lifecycle.roadmap_item import RoadmapItem
from truelift.lifecycle.slots import Slot, nearest_free_slot
from truelift.lifecycle.surface import Surface


Identity = tuple[Rule, str, str]

HARMLESS_BY: Final = (Function.ENGINEERING, Function.ANALYTICS)
"""Who together judge a change harmless to a test; two different people."""


class NoSuchConflict(Refusal):
    """The site has no conflict of this number."""

    code = "roadmap.no_such_conflict"

    def __init__(self, *, number: int) -> None:
        super().__init__(f"There is no conflict {number}; the list has all.", number=str(number))


class ConflictIsGone(Refusal):
    """What is not found any more needs no answer."""

    code = "roadmap.conflict_is_gone"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"{key} is gone: its items are not in each other’s way.", key=key)


class NotYoursToAgree(Refusal):
    """Somebody agrees for whom it is not."""

    code = "roadmap.not_yours_to_agree"


class Scene:
    """A site's roadmap at one moment, with what is known beside it; the rules are asked once."""

    def __init__(
        self,
        items: Sequence[RoadmapItem],
        *,
        surfaces: Sequence[Surface],
        today: date,
        context: ConflictContext,
        settlements: Mapping[Identity, Settlement],
    ) -> None:
        self.items = tuple(items)
        self.surfaces = tuple(surfaces)
        self.today = today
        self.context = context
        self.settlements = settlements
        self.by_key = {each.key: each for each in self.items}

    @cached_property
    def found(self) -> tuple[Conflict, ...]:
        """Everything that collides."""
        return conflicts(self.items, surfaces=self.surfaces, today=self.today, context=self.context)

    @cached_property
    def resolved(self) -> frozenset[Identity]:
        """What of it people have settled."""
        return self.settled_of(self.found)

    @cached_property
    def slips(self) -> tuple[Slip, ...]:
        """What cannot start when it is planned."""
        return slips(self.items, today=self.today, free=self.context.free)

    def about(self, key: str) -> tuple[Conflict, ...]:
        """Give what collides with one item, in a small part of the time of everything."""
        if "found" in self.__dict__:
            return tuple(each for each in self.found if each.is_about(key))
        return conflicts(
            self.items, surfaces=self.surfaces, today=self.today, context=self.context, about=key
        )

    def settled_of(self, found: Iterable[Conflict]) -> frozenset[Identity]:
        """Give those of some conflicts that people have settled."""
        return frozenset(
            each.identity
            for each in found
            if (settlement := self.settlements.get(each.identity)) is not None
            and settled(each, settlement, found=(each,))
        )

    def with_item(self, item: RoadmapItem) -> Scene:
        """Give the scene as it would be with an item changed, or added."""
        others = [each for each in self.items if each.key != item.key]
        return Scene(
            [*others, item],
            surfaces=self.surfaces,
            today=self.today,
            context=self.context,
            settlements=self.settlements,
        )

    def obstacles(self, key: str) -> tuple[Obstacle, ...]:
        """Say which conflicts keep an item from being scheduled."""
        return obstacles_of(key, self.found, self.resolved)

    def slot(self, item: RoadmapItem) -> Slot | None:
        """Give the next time in which an item is in nobody's way."""
        return nearest_free_slot(
            item,
            self.items,
            surfaces=self.surfaces,
            today=self.today,
            context=self.context,
            settled=self.resolved,
        )


@dataclass(frozen=True, slots=True)
class Preview:
    """What a move would do, before it is done.

    Attributes:
        item: As it would be.
        made: Conflicts that would come, or that would begin on another day.
        gone: Conflicts that would go.
        left: Conflicts of the item that would stay as they are.
        refused: Why the move is refused; empty where it is not.
        slips: Other items that could then not start when they are planned.
    """

    item: RoadmapItem
    made: tuple[Conflict, ...]
    gone: tuple[Conflict, ...]
    left: tuple[Conflict, ...]
    refused: tuple[Obstacle, ...]
    slips: tuple[Slip, ...]


def settings_of(site: Site) -> RoadmapSettingsRecord:
    """Give what a site's rules go by; the usual, not stored, where nobody has said anything."""
    return RoadmapSettingsRecord.objects.filter(site=site).first() or RoadmapSettingsRecord(
        site=site
    )


def context_of(
    settings: RoadmapSettingsRecord, *, seasons: tuple[Season, ...] = ()
) -> ConflictContext:
    """Give what the rules know beside the items."""
    return ConflictContext(
        seasons=seasons,
        capacity={role: float(days) for role, days in settings.capacity.items()},
        washout_days=settings.washout_days,
        severities={Rule(rule): Severity(word) for rule, word in settings.severities.items()},
        free=frozenset(date.fromisoformat(day) for day in settings.free),
        measured=measured_of(settings.site_id),
    )


def scene_of(site: Site, *, now: datetime) -> Scene:
    """Give a site's roadmap as it stands, with what is known beside it."""
    today = day_at(site, now)
    return Scene(
        items_of(site),
        surfaces=surfaces_of(site),
        today=today,
        context=context_of(settings_of(site), seasons=seasons_of(site, since=today)),
        settlements=settlements_of(site),
    )


def settlements_of(site: Site) -> dict[Identity, Settlement]:
    """Give what people did about each conflict that is not gone."""
    rows = ConflictRecord.objects.filter(site=site).exclude(resolution="")
    return {
        row.identity: settlement_of(row) for row in rows.exclude(state=ConflictState.GONE.value)
    }


def settlement_of(row: ConflictRecord) -> Settlement:
    """Give what people did about one conflict."""
    return Settlement(
        Resolution(row.resolution), by=tuple(each["user"] for each in row.agreed), plan=row.plan
    )


def preview(scene: Scene, item: RoadmapItem) -> Preview:
    """Say what would collide if an item were as given; what would be refused and why.

    A move is refused where it makes something that blocks. What blocks already, and would go
    on to, is left to those who have to settle it.
    """
    after = scene.with_item(item)
    before = {each.identity: each for each in scene.about(item.key)}
    then = {each.identity: each for each in after.about(item.key)}
    made = tuple(each for identity, each in then.items() if identity not in before)
    worse = tuple(
        each
        for identity, each in then.items()
        if identity in before and each.severity.rank < before[identity].severity.rank
    )
    blocking = [each for each in (*made, *worse) if each.severity is Severity.BLOCK]
    known = {each.item: each.proposed for each in scene.slips}
    return Preview(
        item=item,
        made=made,
        gone=tuple(each for identity, each in before.items() if identity not in then),
        left=tuple(each for identity, each in then.items() if identity in before),
        refused=obstacles_of(item.key, blocking, after.settled_of(blocking)),
        slips=tuple(
            each
            for each in after.slips
            if each.item != item.key and known.get(each.item) != each.proposed
        ),
    )


def moved(item: RoadmapItem, start: date | None, end: date | None) -> RoadmapItem:
    """Give an item with other days."""
    return replace(item, start=start, end=end)


@transaction.atomic
def recompute(site: Site, *, now: datetime, scene: Scene | None = None) -> int:
    """Look for conflicts anew and keep what is found; give how many stand.

    What is found for the first time is dated; what is not found any more is gone. The number
    of queries does not grow with the number of conflicts that stay.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    settings, _ = RoadmapSettingsRecord.objects.get_or_create(site=site)
    take_over_experiments(site, settings)
    scene = scene or scene_of(site, now=now)
    rows = {row.identity: row for row in ConflictRecord.objects.filter(site=site)}
    for each in rows.values():
        each.site = site
    last = ConflictRecord.objects.filter(site=site).aggregate(Max("number"))["number__max"] or 0
    new: list[ConflictRecord] = []
    changed: list[ConflictRecord] = []
    for found in scene.found:
        row = rows.get(found.identity)
        if row is None:
            last += 1
            row = ConflictRecord(
                site=site,
                number=last,
                rule=found.rule.value,
                first=found.first,
                second=found.second,
                detected_at=now,
                detected_start=found.starts,
                seen_at=now,
            )
            _describe(row, found, scene)
            new.append(row)
            continue
        before = _kept(row)
        if row.state == ConflictState.GONE.value:
            row.detected_at, row.detected_start, row.gone_at = now, found.starts, None
            row.resolution, row.plan, row.agreed = "", "", []
            row.resolved_by = row.resolved_at = None
        _describe(row, found, scene)
        if _kept(row) != before:
            changed.append(row)
    standing = {each.identity for each in scene.found}
    for identity, row in rows.items():
        if identity not in standing and row.state != ConflictState.GONE.value:
            row.state, row.gone_at = ConflictState.GONE.value, now
            changed.append(row)
    ConflictRecord.objects.bulk_create(new)
    ConflictRecord.objects.bulk_update(changed, _FIELDS, batch_size=200)
    settings.recomputed_at = now
    settings.save(update_fields=["recomputed_at"])
    return len(scene.found)


def catch_up(site: Site, *, now: datetime) -> None:
    """Look for conflicts anew where experiments, freezes or surfaces changed, or a day began.

    They have rooms of their own, which know nothing of the roadmap.
    """
    settings = settings_of(site)
    at = settings.recomputed_at
    if at is None or day_at(site, at) != day_at(site, now) or news_of(site, settings).exists():
        recompute(site, now=now)


_FIELDS: Final = (
    "severity",
    "surface",
    "starts_on",
    "days",
    "audience",
    "exposure",
    "sentence",
    "owners",
    "state",
    "detected_at",
    "detected_start",
    "due",
    "gone_at",
    "resolution",
    "plan",
    "agreed",
    "resolved_by",
    "resolved_at",
)


def _kept(row: ConflictRecord) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in _FIELDS)


def _describe(row: ConflictRecord, found: Conflict, scene: Scene) -> None:
    row.severity = found.severity.value
    row.surface = found.surface[:120]
    row.starts_on, row.days = found.starts, found.days
    row.audience, row.exposure = found.audience, found.exposure
    row.sentence = found.sentence[:1000]
    row.owners = list(found.owners)
    is_settled = bool(row.resolution) and settled(found, settlement_of(row), found=(found,))
    row.state = (ConflictState.RESOLVED if is_settled else ConflictState.OPEN).value
    row.due = escalation_of(row, found, scene).due


def escalation_of(row: ConflictRecord, found: Conflict, scene: Scene) -> Escalation:
    """Say by when a conflict has to be settled, and when it is taken further."""
    zone = ZoneInfo(row.site.time_zone)
    return escalation(
        found,
        detected=row.detected_at.astimezone(zone).date(),
        today=scene.today,
        free=scene.context.free,
    )


def conflict_of(site: Site, number: int) -> ConflictRecord | None:
    """Find a conflict of the site by its number."""
    if not 0 < number < 2**31:
        return None
    return (
        ConflictRecord.objects.filter(site=site, number=number)
        .select_related("site", "resolved_by")
        .first()
    )


@transaction.atomic
def resolve(
    site: Site,
    number: int,
    resolution: Resolution,
    *,
    by: Actor,
    now: datetime,
    plan: str = "",
) -> ConflictRecord:
    """Say what is done about a conflict.

    A plan settles it at once, an approval when the owners of both have given it. What is
    judged harmless is so when engineering and analytics have said it, two people, and is then
    not found any more. Every other way is written down, and holds when the rules agree.

    Raises:
        NoSuchConflict: The site has none of this number.
        ConflictIsGone: It is not found any more.
        MoveRefused: This way does not settle it; every reason at once.
        NotYoursToAgree: Somebody else has to say it.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    row = conflict_of(site, number)
    if row is None:
        raise NoSuchConflict(number=number)
    scene = scene_of(site, now=now)
    found = next((each for each in scene.found if each.identity == row.identity), None)
    if found is None:
        raise ConflictIsGone(key=row.key)
    plan = plan.strip()
    if not is_storable(plan) or len(plan) > 2000:
        raise _refused(row, resolution, (_TOO_LONG,))
    before = {"resolution": row.resolution, "plan": row.plan, "state": row.state}
    if row.resolution != resolution.value:
        row.agreed = []
    row.resolution, row.plan = resolution.value, plan or row.plan
    if resolution is Resolution.APPROVE:
        _agree(row, by, owners=found.owners)
    elif resolution is Resolution.BENIGN:
        _judge_harmless(row, by)
    # An approval that others still owe is no reason to refuse the first one.
    obstacles = [
        each
        for each in settlement_obstacles(found, settlement_of(row))
        if each.code != "conflict.owner_silent"
    ]
    if resolution is Resolution.BENIGN and not plan and not row.plan:
        obstacles.append(_NO_REASON)
    if obstacles:
        raise _refused(row, resolution, obstacles)
    row.resolved_by, row.resolved_at = by.user, now
    row.save()
    if resolution is Resolution.BENIGN and _is_harmless(row):
        _let_be(site, row, scene, by=by, now=now)
    audit(
        action="roadmap.conflict_answered",
        target=f"conflict:{row.key}",
        before=before,
        after={"resolution": row.resolution, "plan": row.plan, "rule": row.rule},
        now=now,
        site=site.name,
        **by.audited,
    )
    recompute(site, now=now)
    row.refresh_from_db()
    return row


_TOO_LONG: Final = Obstacle(
    "conflict.plan_too_long", "The text is too long, or cannot be stored.", "Write less."
)
_NO_REASON: Final = Obstacle(
    "conflict.no_reason", "Nobody says why it is harmless.", "Say it in a sentence."
)


def _refused(
    row: ConflictRecord, resolution: Resolution, obstacles: Iterable[Obstacle]
) -> MoveRefused:
    return MoveRefused(
        subject=row.key, action=resolution.called.lower(), obstacles=tuple(obstacles)
    )


def _agree(row: ConflictRecord, by: Actor, *, owners: Sequence[str]) -> None:
    """Add somebody's word; the operator speaks for nobody."""
    email = by.user.email if by.user else ""
    if email not in owners:
        raise NotYoursToAgree(
            "Only the decision-owners of the items agree to this. Ask them, or settle it otherwise."
            if owners
            else "Nobody owns the items. Name their decision-owners first."
        )
    if all(each["user"] != email for each in row.agreed):
        row.agreed = [*row.agreed, {"user": email, "function": ""}]


def _judge_harmless(row: ConflictRecord, by: Actor) -> None:
    if by.user is None:
        return
    has = functions_of(by.user, row.site)
    wanted = [each for each in HARMLESS_BY if each in has]
    if functions_in_use(row.site) and not wanted:
        raise NotYoursToAgree(
            "Engineering and analytics judge together whether it is harmless. Ask them."
        )
    if any(each["user"] == by.user.email for each in row.agreed):
        return
    given = {each["function"] for each in row.agreed}
    # Who is both speaks for the one that nobody has spoken for yet.
    word = next((each.value for each in wanted if each.value not in given), "")
    row.agreed = [*row.agreed, {"user": by.user.email, "function": word}]


def _is_harmless(row: ConflictRecord) -> bool:
    if not functions_in_use(row.site):
        return True
    return {each["function"] for each in row.agreed} >= {each.value for each in HARMLESS_BY}


def _let_be(site: Site, row: ConflictRecord, scene: Scene, *, by: Actor, now: datetime) -> None:
    """Write on the change that it does the test no harm."""
    for change, test in ((row.second, row.first), (row.first, row.second)):
        record = item_record(site, change)
        if record is None or test not in scene.by_key:
            continue
        before = list(record.benign)
        RoadmapItemRecord.objects.filter(pk=record.pk).update(
            benign=sorted({*before, test}), version=record.version + 1
        )
        log(
            site,
            change,
            Field.DETAIL,
            f"harmless to {', '.join(before)}" if before else "",
            f"harmless to {', '.join(sorted({*before, test}))}",
            by=by,
            now=now,
            reason=row.plan,
        )
        return
