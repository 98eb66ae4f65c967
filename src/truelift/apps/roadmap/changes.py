"""Writes down what changed on a roadmap, by whom, and reads it back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.domain import day_at
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap.models import LONGEST_KEY, ItemChangeRecord, RoadmapSettingsRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.roadmap_change import Field, Freshness, ItemChange, freshness


LONGEST_TEXT: Final = 1_000

_OF_EXPERIMENTS: Final = (
    "experiment.planned",
    "experiment.replanned",
    "experiment.rescheduled",
    "experiment.handed_over",
    "experiment.deleted",
)

_FACTS: Final[Mapping[str, Field]] = {
    "starts_on": Field.START,
    "ends_on": Field.END,
    "decision_owner": Field.OWNER,
    "deputy": Field.DEPUTY,
    "name": Field.WHAT,
    "hypothesis": Field.WHY,
    "surface": Field.WHERE,
}
"""Fact of an experiment in the audit → what of the roadmap it is."""


def log(
    site: Site,
    item: str,
    field: Field,
    before: object,
    after: object,
    *,
    by: Actor,
    now: datetime,
    reason: str = "",
) -> None:
    """Write down one change; nothing where nothing changed."""
    old, new = as_text(before), as_text(after)
    if old == new:
        return
    ItemChangeRecord.objects.create(
        site=site,
        item=item[:LONGEST_KEY],
        field=field.value,
        before=old,
        after=new,
        reason=reason[:500],
        by=by.user,
        human=by.user is not None or not by.machine,
        at=now,
    )


def as_text(value: object) -> str:
    """Write a value as the log keeps it."""
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, User):
        return value.email
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(sorted(map(str, value)) if isinstance(value, set) else map(str, value))[
            :LONGEST_TEXT
        ]
    return str(value)[:LONGEST_TEXT]


def changes_of(site: Site, *, item: str | None = None) -> QuerySet[ItemChangeRecord]:
    """Give the log of a site or of one item, the newest first."""
    rows = ItemChangeRecord.objects.filter(site=site).select_related("by").order_by("-at", "-pk")
    return rows if item is None else rows.filter(item=item)


def as_domain(rows: Iterable[ItemChangeRecord], zone: ZoneInfo) -> tuple[ItemChange, ...]:
    """Give changes as the rules know them."""
    return tuple(
        ItemChange(
            item=row.item,
            field=Field(row.field),
            before=row.before,
            after=row.after,
            on=row.at.astimezone(zone).date(),
            by=(row.by.email if row.by else "operator") if row.human else "",
        )
        for row in rows
    )


def freshness_of(site: Site, *, now: datetime, active: Iterable[str] = ()) -> Freshness:
    """Say how long ago people last rethought the roadmap."""
    rows = ItemChangeRecord.objects.filter(site=site, human=True).select_related("by")
    material = [
        Field.ITEM.value,
        Field.START.value,
        Field.END.value,
        Field.ORDER.value,
        Field.PRIORITY.value,
        Field.OWNER.value,
    ]
    changes = as_domain(rows.filter(field__in=material).order_by("pk"), ZoneInfo(site.time_zone))
    return freshness(changes, today=day_at(site, now), active=active)


def news_of(site: Site, state: RoadmapSettingsRecord) -> QuerySet[AuditEvent]:
    """Give what happened to experiments, freezes and surfaces since somebody looked last."""
    return AuditEvent.objects.filter(
        Q(action__startswith="experiment.")
        | Q(action__startswith="freeze.")
        | Q(action__startswith="surface."),
        site=site.name,
        id__gt=state.audit_seen,
    ).order_by("id")


def take_over_experiments(site: Site, state: RoadmapSettingsRecord) -> int:
    """Write what the audit says of experiments' days, owners and plans into the log.

    Experiments are planned in their own room; what is said there once is not said here again.
    """
    seen = list(news_of(site, state))
    events = [each for each in seen if each.action in _OF_EXPERIMENTS]
    people = {
        user.email: user for user in User.objects.filter(email__in={each.actor for each in events})
    }
    rows = []
    for event in events:
        key = event.target.partition(":")[2]
        for field, before, after in _news(event, key):
            old, new = as_text(before), as_text(after)
            if old == new:
                continue
            rows.append(
                ItemChangeRecord(
                    site=site,
                    item=key[:LONGEST_KEY],
                    field=field.value,
                    before=old,
                    after=new,
                    reason=str((event.after or {}).get("because") or "")[:500],
                    by=people.get(event.actor),
                    human=event.actor != "system",
                    at=event.occurred_at,
                )
            )
    ItemChangeRecord.objects.bulk_create(rows)
    if seen:
        state.audit_seen = seen[-1].id
        state.save(update_fields=["audit_seen"])
    return len(rows)


def _news(event: AuditEvent, key: str) -> Iterable[tuple[Field, Any, Any]]:
    before: Mapping[str, Any] = event.before or {}
    after: Mapping[str, Any] = event.after or {}
    if event.action == "experiment.planned":
        yield Field.ITEM, "", key
        return
    if event.action == "experiment.deleted":
        yield Field.ITEM, key, ""
        return
    for fact, field in _FACTS.items():
        if fact in before and fact in after:
            yield field, before[fact], after[fact]


def since_quarter(today: date) -> date:
    """Give the first day of the quarter before the one in which a day lies."""
    first = date(today.year, 3 * ((today.month - 1) // 3) + 1, 1)
    last = first - timedelta(days=1)
    return date(last.year, 3 * ((last.month - 1) // 3) + 1, 1)


def quarter_of(day: date) -> str:
    """Name the quarter of a day: `2026-Q2`."""
    return f"{day.year}-Q{(day.month - 1) // 3 + 1}"
