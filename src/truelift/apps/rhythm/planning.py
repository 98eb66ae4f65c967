"""Keeps the rows of meetings in step with when they stand: those to come, never those of before."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q

from truelift.apps.experiments.domain import day_at
from truelift.apps.rhythm.models import MeetingRecord, RhythmRecord
from truelift.apps.roadmap.colliding import settings_of
from truelift.apps.sites.models import Site
from truelift.lifecycle.rhythm import Due, Meeting, Stage, Standing, due_between


AHEAD: Final = {
    Meeting.STAND_UP: timedelta(weeks=8),
    Meeting.REVIEW: timedelta(days=100),
    Meeting.REBUILD: timedelta(days=200),
}
"""So far ahead meetings stand in calendars."""


@transaction.atomic
def plan_meetings(site: Site, *, now: datetime) -> int:
    """Write down the meetings to come, move those whose day is another one now.

    What is over, has begun or has anything written to it stays as it is.

    Returns:
        How many rows are new or other.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    today = day_at(site, now)
    zone = ZoneInfo(site.time_zone)
    free = frozenset(date.fromisoformat(each) for each in settings_of(site).free)
    standing = {Meeting(row.kind): row for row in RhythmRecord.objects.filter(site=site)}
    changed = 0
    for kind in Meeting:
        row = standing.get(kind)
        due = () if row is None or not row.stands else _due(row, today, zone, free)
        changed += _keep(site, kind, row, due, today=today)
    return changed


def standing_of(row: RhythmRecord) -> Standing:
    """Give when a meeting is due, as the rules know it."""
    return Standing(Meeting(row.kind), row.weekday, row.nth, row.at, row.since)


def _due(row: RhythmRecord, today: date, zone: ZoneInfo, free: Collection[date]) -> tuple[Due, ...]:
    until = today + AHEAD[Meeting(row.kind)]
    return due_between(standing_of(row), since=today, until=until, zone=zone, free=free)


def _keep(
    site: Site, kind: Meeting, row: RhythmRecord | None, due: tuple[Due, ...], *, today: date
) -> int:
    known = {
        each.period: each
        for each in MeetingRecord.objects.filter(site=site, kind=kind.value).filter(
            Q(day__gte=today) | Q(period__in=[each.period for each in due])
        )
    }
    new = [
        MeetingRecord(
            site=site,
            kind=kind.value,
            period=each.period,
            day=each.day,
            starts_at=each.starts_at,
            owner=row.owner if row else None,
        )
        for each in due
        if each.period not in known
    ]
    MeetingRecord.objects.bulk_create(new)
    moved = []
    wanted = {each.period: each for each in due}
    gone = []
    for meeting in known.values():
        if meeting.stage != Stage.PLANNED.value or meeting.day < today:
            continue
        found = wanted.get(meeting.period)
        if found is None:
            if not meeting.notes and not meeting.present:
                gone.append(meeting.pk)
            continue
        owner = row.owner_id if row else None
        if (meeting.day, meeting.starts_at, meeting.owner_id) != (
            found.day,
            found.starts_at,
            owner,
        ):
            meeting.day, meeting.starts_at, meeting.owner_id = found.day, found.starts_at, owner
            moved.append(meeting)
    MeetingRecord.objects.bulk_update(moved, ["day", "starts_at", "owner"])
    rows = MeetingRecord.objects.filter(pk__in=gone, actions=None, packs=None)
    dropped, _ = rows.delete() if gone else (0, {})
    return len(new) + len(moved) + dropped
