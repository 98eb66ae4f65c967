"""What may be done about warnings: keep what a night saw, take one on, accept it, settle it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

from django.db import transaction
from django.db.models import Max

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import people_of, people_with, standing_of
from truelift.apps.experiments.domain import day_at
from truelift.apps.inbox.models import NoticeRecord
from truelift.apps.inbox.services import notify, settle
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import storable
from truelift.apps.sites.models import Site
from truelift.apps.warnings.models import (
    ReadingRecord,
    SightingRecord,
    WarningMoveRecord,
    WarningRecord,
)
from truelift.errors import Refusal
from truelift.lifecycle.functions import Part, Parts
from truelift.lifecycle.notice import Notice
from truelift.lifecycle.notice import Severity as Pressing
from truelift.lifecycle.warning import (
    STANDING,
    Asked,
    Change,
    Kind,
    Look,
    Severity,
    WarningStage,
    changes,
    led,
    move_warning,
)


LONGEST_CAUSE: Final = 120
"""Letters by which causes of one kind are told apart."""


class NoSuchWarning(Refusal):
    """The site has no warning of this number."""

    code = "warning.no_such_warning"

    def __init__(self, *, key: str, site: str) -> None:
        super().__init__(f"{site} has no warning {key}.", key=key, site=site)


class NoSuchOwner(Refusal):
    """Who is to deal with a warning has no role on its site."""

    code = "warning.no_such_owner"

    def __init__(self, *, owner: str) -> None:
        super().__init__(f"Nobody on this site is {owner}. Name a member.", owner=owner)


class WarningMoved(Refusal):
    """Somebody moved the warning meanwhile."""

    code = "warning.moved_meanwhile"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"{key} was moved meanwhile. Load the page again.", key=key)


GOES_WITH: Final = "goes_with"
"""What happens to a warning whose cause somebody deals with already."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a night changed.

    Attributes:
        opened: Warnings that are new or came back.
        over: Warnings whose cause was not found any more.
    """

    opened: tuple[WarningRecord, ...]
    over: tuple[WarningRecord, ...]


@transaction.atomic
def keep_looks(site: Site, looks: Iterable[Look], *, now: datetime) -> Kept:
    """Open, renew and settle warnings by what detectors saw; never two of one cause.

    Of several that have one root people hear once: the others say so, and whoever takes the first
    on has them too. What was seen before a look that is kept already changes nothing.

    Args:
        site: Where.
        looks: What every detector said, quiet ones too.
        now: When.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    later = set(
        ReadingRecord.objects.filter(site=site, looked_at__gt=now).values_list("kind", flat=True)
    )
    looks = [each for each in _once_a_cause(looks) if each.kind not in later]
    today, leaders = day_at(site, now), led(looks)
    rows = {
        each.as_domain().key: each
        for each in WarningRecord.objects.filter(site=site).select_related("owner")
    }
    said = changes([each.as_domain() for each in rows.values()], looks, today=today)
    found = {each.key: each for each in looks if each.severity is not None}
    opened, over = [], []
    # Who leads comes first, so that the others can name it.
    for key, change in sorted(said.items(), key=lambda each: each[0] in leaders):
        if change is Change.OVER:
            over.append(_is_over(rows[key], today=today, now=now))
            continue
        look = found[key]
        row = rows.get(key)
        if row is None:
            row = _first(site, look, today=today)
        leader = rows[leaders[key]] if key in leaders else None
        _seen(row, look, change, leader=leader, today=today, now=now)
        rows[key] = row
        if change in {Change.OPENED, Change.CAME_BACK}:
            opened.append(row)
    for kind in {each.kind for each in looks}:
        _read(site, [each for each in looks if each.kind is kind], rows.values(), now=now)
    return Kept(tuple(opened), tuple(over))


def _once_a_cause(looks: Iterable[Look]) -> list[Look]:
    """Keep the worst of what was said of one cause."""
    worst: dict[tuple[Kind, str], Look] = {}
    for look in looks:
        each = replace(look, cause=look.cause[:LONGEST_CAUSE])
        known = worst.get(each.key)
        if known is None or _rank(each) > _rank(known):
            worst[each.key] = each
    return list(worst.values())


def _rank(look: Look) -> int:
    return -1 if look.severity is None else look.severity.rank


def _first(site: Site, look: Look, *, today: date) -> WarningRecord:
    most = WarningRecord.objects.filter(site=site).aggregate(most=Max("number"))["most"] or 0
    return WarningRecord(
        site=site,
        number=most + 1,
        kind=look.kind.value,
        cause=look.cause,
        stage="",
        since=today,
        first_seen=today,
        times=0,
    )


def _seen(
    row: WarningRecord,
    look: Look,
    change: Change,
    *,
    leader: WarningRecord | None,
    today: date,
    now: datetime,
) -> None:
    severity = look.severity or Severity.WARNING
    before = row.stage
    with_it = f" It has the same cause as {leader.key}." if leader else ""
    row.sentence = look.sentence[: 1000 - len(with_it)] + with_it
    row.short = look.short[: 300 - len(with_it)] + with_it
    row.advice, row.last_seen = look.advice[:500], today
    if change in {Change.OPENED, Change.CAME_BACK}:
        row.stage, row.since, row.by_person = WarningStage.OPEN.value, today, False
        row.severity, row.times = severity.value, row.times + 1
        row.due = row.until = None
        if before in {"", WarningStage.RESOLVED.value}:
            row.first_seen = today
        row.version += 1
    elif change is Change.WORSE:
        row.severity = severity.value
    row.save()
    if change is not Change.SAME:
        _moved(row, change.value, before, now=now)
    with_leader = leader is not None and row.owner == leader.owner
    if leader is not None and row.stage == WarningStage.OPEN:
        _goes_with(row, leader, now=now, today=today)
    elif change is not Change.SAME or _is_untold(row):
        _tell(row, now=now, to=look.owner)
    elif row.stage == WarningStage.ACKNOWLEDGED and row.due and row.due < today and not with_leader:
        _tell(row, now=now, overdue=f"It was to be dealt with by {row.due:%-d %B}. ")
    if not SightingRecord.objects.filter(warning=row, day=today).exists():
        SightingRecord.objects.create(
            warning=row,
            day=today,
            severity=severity.value,
            sentence=row.sentence,
            text=json.dumps(dict(look.evidence), sort_keys=True),
            seen_at=now,
        )


def _goes_with(row: WarningRecord, leader: WarningRecord, *, now: datetime, today: date) -> None:
    """Let whoever deals with the leader deal with this one; nobody hears of it twice."""
    settle(row.site, _cause(row), now=now)
    if leader.stage != WarningStage.ACKNOWLEDGED:
        return
    before = row.stage
    row.stage, row.since, row.by_person = leader.stage, today, False
    row.owner, row.due = leader.owner, leader.due
    row.version += 1
    row.save()
    _moved(
        row,
        GOES_WITH,
        before,
        note=f"It has the same cause as {leader.key}.",
        day=leader.due,
        now=now,
    )


def _is_untold(row: WarningRecord) -> bool:
    """Say whether nobody was told of what is open: it went with another one until now."""
    open_ = NoticeRecord.objects.filter(site=row.site, cause=_cause(row), settled_at=None)
    return row.stage == WarningStage.OPEN and not open_.exists()


def _is_over(row: WarningRecord, *, today: date, now: datetime) -> WarningRecord:
    before = row.stage
    row.stage, row.since, row.by_person = WarningStage.RESOLVED.value, today, False
    row.until = None
    row.version += 1
    row.save()
    _moved(row, Change.OVER.value, before, now=now)
    settle(row.site, _cause(row), now=now)
    return row


def _read(
    site: Site, looks: Sequence[Look], rows: Iterable[WarningRecord], *, now: datetime
) -> None:
    """Keep what a night says of a kind, for the pages that show it also when it is quiet."""
    # What stands says most, then what could be judged, then why it could not.
    look = max(looks, key=lambda each: (_rank(each), each.told))
    standing = _worst_first(
        each for each in rows if each.kind == look.kind and WarningStage(each.stage) in STANDING
    )
    ReadingRecord.objects.update_or_create(
        site=site,
        kind=look.kind.value,
        defaults={
            "day": day_at(site, now),
            "looked_at": now,
            "told": look.told,
            "severity": look.severity.value if look.severity else "",
            "short": look.short[:300],
            "sentence": look.sentence[:1000],
            "warning": standing[0] if standing else None,
            "standing": len(standing),
            "evidence": dict(look.evidence),
        },
    )


def _worst_first(rows: Iterable[WarningRecord]) -> list[WarningRecord]:
    return sorted(
        rows, key=lambda each: (-Severity(each.severity).rank, each.first_seen, each.number)
    )


def _stands(site: Site, kind: str) -> None:
    """Let the reading of a kind name what stands of it after somebody moved one."""
    standing = _worst_first(
        WarningRecord.objects.filter(
            site=site, kind=kind, stage__in=[each.value for each in STANDING]
        )
    )
    ReadingRecord.objects.filter(site=site, kind=kind).update(
        warning=standing[0] if standing else None, standing=len(standing)
    )


@dataclass(frozen=True, slots=True)
class MoveAsked:
    """What a person asks of a warning.

    Attributes:
        to: The stage.
        owner: Address of who deals with it; empty for whoever asks.
        day: Until when it is dealt with, or accepted.
        note: What they say.
        version: The version that they saw; None where nobody looked.
    """

    to: WarningStage
    owner: str = ""
    day: date | None = None
    note: str = ""
    version: int | None = None


@transaction.atomic
def move(site: Site, key: str, asked: MoveAsked, *, by: Actor, now: datetime) -> WarningRecord:
    """Take a warning on, accept its risk, or settle it.

    Raises:
        NoSuchWarning: The site has none of this key.
        NoSuchOwner: Who is to deal with it is no member.
        WarningMoved: It is another version than was seen.
        MoveRefused: It may not go there, with every reason.
    """
    row = (
        WarningRecord.objects.select_for_update(of=("self",))
        .filter(site=site, number=number_in(key) or 0)
        .first()
    )
    if row is None:
        raise NoSuchWarning(key=key, site=site.name)
    if asked.version is not None and asked.version != row.version:
        raise WarningMoved(key=row.key)
    takes = asked.to is WarningStage.ACKNOWLEDGED
    owner = _owner(site, asked.owner, by) if takes else row.owner
    note, today = storable(asked.note).strip()[:1000], day_at(site, now)
    after = move_warning(
        row.as_domain(),
        asked.to,
        asked=Asked(
            by=standing_of(None if by.operator else by.user, site),
            parts=parts_of(row),
            today=today,
            owner=owner is not None,
            day=asked.day,
            note=note,
        ),
    )
    before = row.stage
    row.stage, row.since, row.by_person = after.stage.value, after.since, after.by_person
    row.until = after.until
    if takes:
        row.owner, row.due = owner, asked.day
    row.version += 1
    row.save()
    _moved(row, asked.to.value, before, by=by, note=note, day=asked.day, now=now)
    _stands(site, row.kind)
    if asked.to is WarningStage.ACKNOWLEDGED:
        if owner is not None and owner != by.user:
            _tell(row, now=now)
    else:
        settle(site, _cause(row), now=now)
    return row


def _owner(site: Site, given: str, by: Actor) -> User | None:
    wanted = given.strip().lower()
    if not wanted:
        return by.user
    found = next((each for each in people_of(site) if each.email.lower() == wanted), None)
    if found is None:
        raise NoSuchOwner(owner=given[:200])
    return found


def number_in(key: str) -> int | None:
    """Read the number of `W-3`; None for anything else."""
    digits = key.removeprefix("W-")
    good = key.startswith("W-") and digits.isascii() and digits.isdigit() and len(digits) < 9
    return int(digits) if good else None


def parts_of(row: WarningRecord) -> Parts:
    """Give who has which part of a warning."""
    return {Part.OWNER: frozenset({str(row.owner_id)} if row.owner_id else set())}


def _moved(
    row: WarningRecord,
    action: str,
    before: str,
    *,
    by: Actor | None = None,
    note: str = "",
    day: date | None = None,
    now: datetime,
) -> None:
    who = by or Actor(None, machine=True)
    WarningMoveRecord.objects.create(
        warning=row,
        action=action,
        before=before,
        after=row.stage,
        by=who.user,
        owner=row.owner if row.stage == WarningStage.ACKNOWLEDGED else None,
        day=day,
        severity=row.severity,
        sentence=row.sentence,
        note=note,
        moved_at=now,
    )
    taken = row.stage == WarningStage.ACKNOWLEDGED and by is not None
    said = {
        "stage": row.stage,
        **({"owner": row.owner.email} if taken and row.owner else {}),
        **({"until": day.isoformat()} if day else {}),
        **({"note": note} if note else {}),
    }
    audit(
        action=f"warning.{action}",
        target=f"warning:{row.key}",
        before={"stage": before} if before else None,
        after=said,
        now=now,
        site=row.site.name,
        **who.audited,
    )


_PRESSING: Final = {Severity.WARNING: Pressing.WATCH, Severity.CRITICAL: Pressing.URGENT}


def _tell(row: WarningRecord, *, now: datetime, to: str = "", overdue: str = "") -> None:
    """Let its owner know; without one whoever it concerns, by name or by function."""
    kind = Kind(row.kind)
    people = (
        [row.owner] if row.owner else [*User.objects.filter(pk=to, is_active=True)] if to else []
    )
    notify(
        row.site,
        Notice(
            cause=_cause(row),
            # Once more than before, so that a day that has passed is told, and once.
            severity=Pressing.URGENT if overdue else _PRESSING[Severity(row.severity)],
            sentence=f"{kind.called}: {overdue}{row.sentence}"[:500],
            remedy=row.advice,
            href=f"/s/{row.site.name}/warnings/{row.key}/",
        ),
        to=people or concerned(row.site, kind),
        now=now,
    )


def concerned(site: Site, kind: Kind) -> tuple[User, ...]:
    """List whom a kind of warning concerns: the first of its functions that anybody has."""
    for function in kind.owners:
        found = people_with(site, frozenset({function}))
        if found:
            return found
    return ()


def _cause(row: WarningRecord) -> str:
    return f"warning:{row.key}"
