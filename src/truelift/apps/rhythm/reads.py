"""What may be asked about meetings: what is next, which were held, what was promised."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from truelift.apps.accounts.models import User
from truelift.apps.experiments.domain import day_at
from truelift.apps.rhythm.models import ActionRecord, MeetingRecord, PackRecord, RhythmRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.rhythm import (
    Adherence,
    Kept,
    Meeting,
    Missed,
    Stage,
    Trailed,
    adherence,
    adherence_over_time,
    missed_in_a_row,
    outcome,
)


SINCE: Final = timedelta(days=760)
"""So far back meetings are read: each quarter of the last year looks back on one of its own."""

YEAR: Final = timedelta(days=366)
"""So far back it is drawn how adherence went."""

NOTICE: Final = timedelta(days=1)
"""So long before a meeting it stands in inboxes."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How one kind of meeting stands on a site.

    Attributes:
        kind: Which.
        settings: When it is due; None where nobody has agreed on it.
        meetings: Those of the last two years and those to come, the oldest first.
        adherence: Held with quorum of what was due.
        missed: Misses in a row that warn.
    """

    kind: Meeting
    settings: RhythmRecord | None
    meetings: tuple[MeetingRecord, ...]
    adherence: Adherence
    missed: Missed | None

    def over_time(self, today: date) -> tuple[Trailed, ...]:
        """Give adherence on each day of the last year on which a meeting was due."""
        found = adherence_over_time(self.kind, map(kept_of, self.meetings), today=today)
        return tuple(each for each in found if each.day > today - YEAR)

    def next(self, today: date) -> MeetingRecord | None:
        """Give the meeting that goes on, or else the one that is due next."""
        going = [each for each in self.meetings if each.stage == Stage.BEGUN.value]
        coming = [
            each
            for each in self.meetings
            if each.stage == Stage.PLANNED.value and each.day >= today
        ]
        return next(iter([*going[-1:], *coming]), None)


def rhythms_of(site: Site, *, now: datetime) -> tuple[Rhythm, ...]:
    """Say how every kind of meeting stands; two queries."""
    today = day_at(site, now)
    settings = {
        Meeting(row.kind): row
        for row in RhythmRecord.objects.filter(site=site).select_related("owner")
    }
    rows = list(
        MeetingRecord.objects.filter(site=site, day__gte=today - SINCE)
        .defer("agenda", "notes")
        .select_related("owner")
        .order_by("day", "pk")
    )
    for row in rows:
        row.site = site
    found = []
    for kind in Meeting:
        mine = tuple(each for each in rows if each.kind == kind.value)
        kept = [kept_of(each) for each in mine]
        found.append(
            Rhythm(
                kind,
                settings.get(kind),
                mine,
                adherence(kind, kept, today=today),
                missed_in_a_row(kind, kept, today=today),
            )
        )
    return tuple(found)


def kept_of(row: MeetingRecord) -> Kept:
    """Give a meeting as the rules know it."""
    return Kept(row.day, closed=row.stage == Stage.CLOSED.value, quorate=bool(row.quorate))


def missed(site: Site, *, now: datetime) -> tuple[Missed, ...]:
    """List the meetings missed twice in a row or more, for the warnings (R114)."""
    return tuple(each.missed for each in rhythms_of(site, now=now) if each.missed)


def meeting_of(site: Site, kind: str, period: str) -> MeetingRecord | None:
    """Find one meeting."""
    if kind not in set(Meeting) or "\x00" in period:
        return None
    row = (
        MeetingRecord.objects.filter(site=site, kind=kind, period=period)
        .select_related("owner", "minutes")
        .first()
    )
    if row is not None:
        row.site = site
    return row


def meetings_of(site: Site, *, kind: str = "", limit: int = 200) -> tuple[MeetingRecord, ...]:
    """List meetings, the newest first."""
    rows = MeetingRecord.objects.filter(site=site).defer("agenda", "notes")
    if kind:
        rows = rows.filter(kind=kind)
    found = tuple(rows.select_related("owner").order_by("-day", "-pk")[:limit])
    for row in found:
        row.site = site
    return found


def pack_of(meeting: MeetingRecord, version: int) -> PackRecord | None:
    """Find a version of a meeting's pack."""
    rows = PackRecord.objects.filter(meeting=meeting)
    return rows.filter(version=version).first() if 0 < version < 2**31 else None


def packs_of(meeting: MeetingRecord) -> tuple[PackRecord, ...]:
    """List the versions of a meeting's pack without their texts, the newest first."""
    rows = PackRecord.objects.filter(meeting=meeting).defer("text").select_related("made_by")
    return tuple(rows.order_by("-version"))


def actions_of(meeting: MeetingRecord) -> tuple[ActionRecord, ...]:
    """List what was promised in a meeting."""
    return tuple(meeting.actions.select_related("owner", "done_by").order_by("number"))


def carried_over(meeting: MeetingRecord) -> tuple[ActionRecord, ...]:
    """List what was promised in meetings of this kind before and is open, the first due first."""
    rows = ActionRecord.objects.filter(
        site=meeting.site, meeting__kind=meeting.kind, meeting__day__lt=meeting.day, done_at=None
    )
    return tuple(rows.select_related("owner", "meeting").order_by("due", "number"))


def open_actions(site: Site) -> tuple[ActionRecord, ...]:
    """List everything promised on a site that is open, the first due first."""
    rows = ActionRecord.objects.filter(site=site, done_at=None).select_related("owner", "meeting")
    return tuple(rows.order_by("due", "number"))


def action_of(site: Site, number: int) -> ActionRecord | None:
    """Find one action."""
    rows = ActionRecord.objects.filter(site=site).select_related("owner", "meeting")
    return rows.filter(number=number).first() if 0 < number < 2**31 else None


def actions_for(user: User, site: Site) -> tuple[ActionRecord, ...]:
    """List what a person has promised and not done, the first due first."""
    rows = ActionRecord.objects.filter(site=site, owner=user, done_at=None)
    return tuple(rows.select_related("meeting").order_by("due", "number"))


def meetings_near(site: Site, *, now: datetime) -> tuple[MeetingRecord, ...]:
    """List the meetings that begin within a day or go on, for those who have a seat there."""
    today = day_at(site, now)
    rows = MeetingRecord.objects.filter(
        site=site, day__gte=today, starts_at__lt=now + NOTICE, stage=Stage.PLANNED.value
    )
    found = tuple(rows.defer("agenda", "notes").order_by("starts_at"))
    for row in found:
        row.site = site
    return found


def meetings_between(site: Site, *, since: date, until: date) -> tuple[MeetingRecord, ...]:
    """List the meetings of a half-open span, for calendars."""
    rows = MeetingRecord.objects.filter(site=site, day__gte=since, day__lt=until)
    found = tuple(rows.defer("agenda", "notes").select_related("owner").order_by("day", "pk"))
    for row in found:
        row.site = site
    return found


# For programs.


def rhythm_document(each: Rhythm, *, today: date) -> dict[str, Any]:
    """Write how a kind of meeting stands; a share that is undefined is null."""
    settings = each.settings
    coming = each.next(today)
    return {
        "kind": each.kind.value,
        "stands": bool(settings and settings.stands),
        "version": settings.version if settings else 0,
        "weekday": settings.weekday if settings else None,
        "nth": settings.nth if settings else None,
        "at": f"{settings.at:%H:%M}" if settings else None,
        "owner": settings.owner.email if settings and settings.owner else None,
        "next": coming.period if coming else None,
        "adherence": {
            "held": each.adherence.held,
            "due": each.adherence.due,
            "share": each.adherence.share,
            "trailing": each.kind.trailing,
        },
        "over_time": [
            {
                "day": day.day.isoformat(),
                "held": day.adherence.held,
                "due": day.adherence.due,
                "misses": day.misses,
            }
            for day in each.over_time(today)
        ],
        "missed_in_a_row": [day.isoformat() for day in each.missed.days] if each.missed else [],
    }


def meeting_summary(row: MeetingRecord, *, today: date) -> dict[str, Any]:
    """Write a line of the list of meetings."""
    return {
        "kind": row.kind,
        "period": row.period,
        "day": row.day,
        "starts_at": row.starts_at,
        "stage": row.stage,
        "outcome": outcome(kept_of(row), today=today).value,
        "quorate": row.quorate,
        "owner": row.owner.email if row.owner else None,
    }


def meeting_document(row: MeetingRecord, *, now: datetime) -> dict[str, Any]:
    """Write a meeting with everything that belongs to it."""
    minutes = getattr(row, "minutes", None)
    return {
        **meeting_summary(row, today=day_at(row.site, now)),
        "minutes_planned": row.meeting.minutes,
        "begun_at": row.begun_at,
        "closed_at": row.closed_at,
        "agenda": _agenda(row),
        "agenda_at": row.agenda_at,
        "notes": dict(row.notes),
        "minutes": minutes.document if minutes else None,
        "minutes_digest": minutes.digest if minutes else None,
        "additions": [
            {"text": each.text, "by": str(each.by) if each.by else "operator", "at": each.at}
            for each in row.additions.select_related("by").order_by("pk")
        ],
        "actions": [action_document(each) for each in actions_of(row)],
        "carried_over": [action_document(each) for each in carried_over(row)],
        "packs": [
            {
                "version": each.version,
                "snapshot": each.snapshot,
                "digest": each.digest,
                "made_at": each.made_at,
            }
            for each in packs_of(row)
        ],
    }


def _agenda(row: MeetingRecord) -> Mapping[str, Any] | None:
    if not row.agenda:
        return None
    read: dict[str, Any] = json.loads(row.agenda)
    return read


def action_document(row: ActionRecord) -> dict[str, Any]:
    """Write an action."""
    return {
        "number": row.number,
        "key": row.key,
        "meeting": row.meeting.key,
        "topic": row.topic or None,
        "what": row.what,
        "owner": row.owner.email,
        "due": row.due,
        "done_at": row.done_at,
        "outcome": row.outcome or None,
    }
