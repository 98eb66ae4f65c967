"""What may be done about calendar feeds: open one, close it, read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from unicodedata import category

from django.conf import settings
from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.roles import Role
from truelift.apps.accounts.tokens import digest, new_token
from truelift.apps.calendars.entries import (
    MEETINGS,
    Told,
    brought_up_to_date,
    entries_of,
    entry_from,
    meeting_entries,
    still_told,
)
from truelift.apps.calendars.ics import ics_of
from truelift.apps.calendars.models import CalendarRecord, EntryRecord
from truelift.apps.rhythm.reads import meetings_between
from truelift.apps.roadmap.reads import items_of
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.roadmap_item import ItemKind


KINDS: Final = {**{each.value: each.called for each in ItemKind}, MEETINGS: "Meetings"}
"""Of what there are calendars, and what that is called."""

BACK: Final = timedelta(days=120)
"""How long past items stay in a feed."""

AHEAD: Final = timedelta(days=730)
"""How far ahead a feed looks."""

MOST: Final = 50
"""Feeds of one person on one site."""


class BadCalendar(Refusal):
    """A feed that cannot be opened."""

    code = "calendars.bad_calendar"


class NoSuchCalendar(Refusal):
    """The address leads nowhere: it never did, or was revoked. It does not say which."""

    code = "calendars.no_such_calendar"

    def __init__(self) -> None:
        super().__init__("There is no calendar at this address. Ask whoever gave it to you.")


@dataclass(frozen=True, slots=True)
class Opened:
    """A feed that was just opened.

    Attributes:
        record: Its row.
        address: With the token, which is said now and never again.
    """

    record: CalendarRecord
    address: str


@transaction.atomic
def open_calendar(
    site: Site, *, team: str, surface: str, kind: str, by: User, now: datetime
) -> Opened:
    """Let a calendar program read the roadmap, or a part of it, until somebody revokes it.

    Raises:
        BadCalendar: There is no such kind, or the person has too many feeds.
    """
    if kind and kind not in KINDS:
        raise BadCalendar(f"A kind is one of {', '.join(KINDS)}.")
    if kind == MEETINGS and (team or surface):
        raise BadCalendar("Meetings are of the whole site: choose neither a team nor a surface.")
    if len(team) > 80 or len(surface) > 120:
        raise BadCalendar("A team has at most 80 characters, a surface 120.")
    if any(category(each) in {"Cc", "Cs"} for each in team + surface):
        raise BadCalendar("A team and a surface are one line of text.")
    held = CalendarRecord.objects.filter(site=site, made_by=by, revoked_at=None).count()
    if held >= MOST:
        raise BadCalendar(f"You have {MOST} calendars here. Revoke one that nobody reads.")
    token = new_token()
    parts = [part for part in (team, surface, KINDS.get(kind, "")) if part]
    made = CalendarRecord.objects.create(
        site=site,
        name=f"{site}: {', '.join(parts) or 'the whole roadmap'}"[:160],
        team=team,
        surface=surface,
        kind=kind,
        token_sha256=digest(token),
        made_by=by,
        made_at=now,
    )
    _audit(made, "calendar.opened", by=by, now=now)
    return Opened(made, f"{settings.TRUELIFT.public_url}/cal/{token}.ics")


@transaction.atomic
def revoke(site: Site, pk: int, *, by: User, now: datetime) -> None:
    """Let nobody read a feed any more; its maker may, and whoever analyses on the site.

    Raises:
        NoSuchCalendar: The site has none such, or it is not this person's to close.
    """
    found = CalendarRecord.objects.filter(site=site, pk=pk, revoked_at=None).first()
    role = role_of(by, site)
    keeps = role is not None and role.covers(Role.ANALYST)
    if found is None or not (keeps or found.made_by_id == by.pk):
        raise NoSuchCalendar
    found.revoked_at = now
    found.save(update_fields=["revoked_at"])
    _audit(found, "calendar.revoked", by=by, now=now)


def read(token: str, *, today: date, now: datetime) -> bytes:
    """Write the feed behind a token.

    Raises:
        NoSuchCalendar: The token opens none.
    """
    calendar = (
        CalendarRecord.objects.filter(token_sha256=digest(token), revoked_at=None)
        .select_related("site", "made_by")
        .first()
    )
    # Whoever may not see the site any more reads no feed of it either.
    if calendar is None or role_of(calendar.made_by, calendar.site) is None:
        raise NoSuchCalendar
    site = calendar.site
    CalendarRecord.objects.filter(pk=calendar.pk).update(read_at=now)
    known = _up_to_date(site, today=today, now=now)
    chosen = [each for each in known if still_told(each, now=now) and _is_in(calendar, each)]
    return ics_of(
        chosen, name=calendar.name, site=site.name, public_url=settings.TRUELIFT.public_url
    )


def calendars_of(site: Site, *, reader: User) -> list[CalendarRecord]:
    """List the open feeds that a person may close: their own, or all of them."""
    rows = CalendarRecord.objects.filter(site=site, revoked_at=None).select_related("made_by")
    role = role_of(reader, site)
    if role is None or not role.covers(Role.ANALYST):
        rows = rows.filter(made_by=reader)
    return list(rows.order_by("-made_at"))


@transaction.atomic
def _up_to_date(site: Site, *, today: date, now: datetime) -> list[Told]:
    """Hold roadmap and meetings against what calendars have been told, and keep what is new."""
    since, until = today - BACK, today + AHEAD
    rows = {row.item: row for row in EntryRecord.objects.select_for_update().filter(site=site)}
    known = {
        key: Told(entry_from(row.told), row.sequence, row.changed_at, row.cancelled_at)
        for key, row in rows.items()
    }
    # What lies outside the days that are asked for was not cancelled: it is only long over.
    asked = {
        key: told
        for key, told in known.items()
        if told.entry.ends > since.isoformat() and told.entry.starts < until.isoformat()
    }
    entries = entries_of(items_of(site, since=since, until=until))
    # One day more on both sides: an instant is on another day in another zone.
    day = timedelta(days=1)
    entries |= meeting_entries(meetings_between(site, since=since + day, until=until - day))
    changed = brought_up_to_date(asked, entries, now=now)
    EntryRecord.objects.bulk_create(
        [
            EntryRecord(
                site=site,
                item=key,
                sequence=told.sequence,
                told=told.entry.as_row(),
                changed_at=told.changed_at,
                cancelled_at=told.cancelled_at,
            )
            for key, told in changed.items()
        ],
        update_conflicts=True,
        unique_fields=["site", "item"],
        update_fields=["sequence", "told", "changed_at", "cancelled_at"],
    )
    return list({**asked, **changed}.values())


def _is_in(calendar: CalendarRecord, told: Told) -> bool:
    entry = told.entry
    return (
        (not calendar.team or entry.team == calendar.team)
        and (not calendar.surface or calendar.surface in entry.surfaces)
        and entry.kind == (calendar.kind or entry.kind)
        and (entry.kind != MEETINGS or calendar.kind == MEETINGS)
    )


def _audit(record: CalendarRecord, action: str, *, by: User, now: datetime) -> None:
    audit(
        action=action,
        target=f"calendar:{record.pk}",
        after={"name": record.name},
        now=now,
        site=record.site.name,
        actor=by,
        on_behalf_of="",
    )
