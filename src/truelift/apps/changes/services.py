"""Everything that can be done to changes, each atomic and written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Max

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Facts
from truelift.apps.accounts.tokens import new_token
from truelift.apps.changes.models import ChangeRecord, ContaminationRecord, SenderRecord
from truelift.apps.changes.spoiling import touch
from truelift.apps.changes.told import BadChange
from truelift.apps.intake.fields import Arrival, SignalFields
from truelift.apps.intake.models import SignalRecord, Way
from truelift.apps.intake.services import receive_signal
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import storable
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.reads import surfaces_of
from truelift.errors import Refusal
from truelift.lifecycle.change import (
    VALIDATES,
    WATCH,
    Change,
    ChangeKind,
    ChangeState,
    Trust,
    change_obstacles,
    mapped,
    state_of,
)
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.signal import SignalStage


SENDERS: Final = "sender:"
"""How the source of a change begins that a receiver took; nobody else may call theirs so."""

EMERGENCY: Final = "emergency"


class NoSuchChange(Refusal):
    """The site has no change with this key."""

    code = "changes.no_such_change"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"There is no change {key[:20]!r}; the list of changes has all.")


class NotProposed(Refusal):
    """Only what was proposed is confirmed or dismissed."""

    code = "changes.not_proposed"

    def __init__(self, *, key: str, state: str) -> None:
        super().__init__(f"{key} is {state}. Nothing needs to be done.", key=key, state=state)


class NoNote(Refusal):
    """A person who judges a change says why."""

    code = "changes.bad_note"

    def __init__(self) -> None:
        super().__init__("Say how you know, in at most 500 characters.")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A change that was told.

    Attributes:
        record: Its row.
        new: Whether it was not known before, or was only proposed.
    """

    record: ChangeRecord
    new: bool


@transaction.atomic
def record_change(
    site: Site,
    change: Change,
    *,
    source: str,
    trust: Trust,
    by: Actor,
    now: datetime,
    sender: SenderRecord | None = None,
    emergency: bool = False,
) -> Recorded:
    """Write a change down, once per source and id, and see what it means for running tests.

    What somebody told who could not prove who they are is only proposed: it touches no test
    before a person confirms it. When somebody who can tells the same, that is what counts.

    Args:
        site: Where.
        change: What was changed.
        source: Who says so.
        trust: How the sender proved who it is.
        by: The person or program.
        now: When.
        sender: The receiver that took it; None for the API and the pages.
        emergency: Whether it went out past a freeze.

    Raises:
        BadChange: Something is wrong with it, with every reason.
    """
    given = _storable(change)
    wrong = list(change_obstacles(given, now=now))
    name = storable(source).strip()
    if not name or len(name) > 80 or (sender is None and name.startswith(SENDERS)):
        wrong.append(
            Obstacle(
                "change.bad_source",
                "Its source is empty, too long, or a name that receivers have.",
                "Send `source`: a word for the program that tells of it.",
            )
        )
    if given.url and not given.url.startswith(("https://", "http://")):
        given = replace(given, url="")
    if wrong:
        raise BadChange(wrong)
    Site.objects.select_for_update().get(pk=site.pk)
    known = ChangeRecord.objects.filter(
        site=site, source=name, external_id=given.external_id
    ).first()
    counts = known is not None and known.state == ChangeState.RECORDED
    if known is not None and (counts or state_of(trust) is not ChangeState.RECORDED):
        return Recorded(known, new=False)
    where = mapped(given, surfaces_of(site), usually=sender.surfaces if sender else ())
    record = known or ChangeRecord(site=site, number=_next_number(site))
    for field in _FIELDS:
        value = getattr(given, field)
        setattr(record, field, list(value) if isinstance(value, tuple) else value)
    record.source = name
    record.sender = sender
    record.trust = trust.value
    record.state = state_of(trust).value
    record.kind = given.kind.value
    record.surfaces = list(where.surfaces) or (list(given.surfaces) if emergency else [])
    record.unmapped = list(where.unmapped)[:200]
    record.at = given.at(now)
    record.told_at = now
    record.emergency = emergency
    record.by = by.user
    record.save()
    audit(
        action=f"change.{record.state}",
        target=f"change:{record.key}",
        after={
            "source": name,
            "id": given.external_id,
            "kind": record.kind,
            "env": record.env,
            "surfaces": record.surfaces,
            "trust": record.trust,
        },
        now=now,
        site=site.name,
        **by.audited,
    )
    if record.state == ChangeState.RECORDED:
        _follow(record, now=now)
    return Recorded(record, new=True)


@transaction.atomic
def confirm(site: Site, key: str, *, note: str, by: Actor, now: datetime) -> ChangeRecord:
    """Let a proposed change count: somebody has looked and says that it happened.

    Raises:
        NoSuchChange: The site has none with this key.
        NotProposed: It counts already, or was dismissed.
        NoNote: Nobody says how they know.
    """
    record = _judged(site, key, ChangeState.RECORDED, note=note, by=by, now=now)
    _follow(record, now=now)
    return record


@transaction.atomic
def dismiss(site: Site, key: str, *, note: str, by: Actor, now: datetime) -> ChangeRecord:
    """Say of a proposed change that it was none.

    Raises:
        NoSuchChange: The site has none with this key.
        NotProposed: It counts already, or was dismissed.
        NoNote: Nobody says how they know.
    """
    return _judged(site, key, ChangeState.DISMISSED, note=note, by=by, now=now)


@transaction.atomic
def place(
    site: Site, key: str, surfaces: Sequence[str], *, note: str, by: Actor, now: datetime
) -> ChangeRecord:
    """Say where a change was that nobody could tell from its files and addresses.

    Surfaces are only added: what a sender has told is not taken back by the page; that a
    change did no harm is for two people to say, at the test.

    Raises:
        NoSuchChange: The site has none with this key.
        BadChange: A surface is unknown.
        NoNote: Nobody says how they know.
    """
    record = change_for_update(site, key)
    known = {each.name for each in surfaces_of(site)}
    strange = [each for each in surfaces if each not in known]
    if strange or not surfaces:
        raise BadChange(
            [
                Obstacle(
                    "change.unknown_surface",
                    f"The site has no surface {', '.join(strange)}."
                    if strange
                    else "No surface is named.",
                    "Choose from the list of surfaces.",
                )
            ]
        )
    before = list(record.surfaces)
    record.surfaces = [*before, *(each for each in surfaces if each not in before)]
    record.note = _noted(note)
    record.save(update_fields=["surfaces", "note"])
    _audit(record, "change.placed", {"surfaces": before}, by=by, now=now)
    if record.state == ChangeState.RECORDED:
        _follow(record, now=now)
    return record


def record_emergency(
    site: Site,
    *,
    surfaces: Sequence[str],
    by: Actor,
    reason: str,
    now: datetime,
    sha: str = "",
    repo: str = "",
) -> tuple[ContaminationRecord, ...]:
    """Write down that somebody deploys past a freeze, at once for every test that it touches.

    Args:
        site: Where.
        surfaces: Names of the surfaces that the deployment touches.
        by: Who answers for it.
        reason: Why it could not wait.
        now: When.
        sha: The version, where it is known.
        repo: Of the code, where it is known.

    Returns:
        What it means for each test.
    """
    change = Change(
        kind=ChangeKind.DEPLOY,
        external_id=new_token(),
        what=f"Emergency: {reason}".strip()[:300],
        repo=repo,
        sha=sha,
        surfaces=tuple(surfaces),
        started_at=now,
        actor=by.person.name,
    )
    made = record_change(
        site,
        change,
        source=EMERGENCY,
        trust=Trust.PERSON,
        by=by,
        now=now,
        emergency=True,
    )
    return tuple(made.record.contaminations.select_related("experiment").order_by("pk"))


def change_for_update(site: Site, key: str) -> ChangeRecord:
    """Give a change and hold it.

    Raises:
        NoSuchChange: The site has none with this key.
    """
    number = key.removeprefix("C-")
    usable = key.startswith("C-") and number.isascii() and number.isdigit() and len(number) < 10
    rows = ChangeRecord.objects.select_for_update(of=("self",)).select_related("site")
    found = rows.filter(site=site, number=int(number)).first() if usable else None
    if found is None:
        raise NoSuchChange(key=key)
    return found


def _judged(
    site: Site, key: str, to: ChangeState, *, note: str, by: Actor, now: datetime
) -> ChangeRecord:
    record = change_for_update(site, key)
    if record.state != ChangeState.PROPOSED:
        raise NotProposed(key=record.key, state=record.state)
    record.note = _noted(note)
    record.state = to.value
    record.judged_by, record.judged_at = by.user, now
    record.save(update_fields=["note", "state", "judged_by", "judged_at"])
    action = "change.confirmed" if to is ChangeState.RECORDED else "change.dismissed"
    _audit(record, action, {"state": ChangeState.PROPOSED.value}, by=by, now=now)
    return record


def _noted(note: str) -> str:
    said = storable(note).strip()
    if not said or len(said) > 500:
        raise NoNote
    return said


def _follow(record: ChangeRecord, *, now: datetime) -> None:
    """See what a change that counts means: for tests, and for what is known of its surfaces."""
    if not record.as_domain().in_production:
        return
    touch(record, now=now)
    if record.kind in VALIDATES and record.surfaces and not record.signal:
        record.signal = _ask_to_validate(record, now=now)
        record.save(update_fields=["signal"])


def _ask_to_validate(record: ChangeRecord, *, now: datetime) -> str:
    """Ask to look at the surfaces again, once while they are watched (R030)."""
    names = ", ".join(record.surfaces)[:120]
    watched = (
        ChangeRecord.objects.filter(site=record.site, at__gt=record.at - WATCH)
        .exclude(signal="")
        .exclude(pk=record.pk)
    )
    for each in watched.order_by("-at")[:50]:
        number = each.signal.removeprefix("S-")
        open_ = SignalRecord.objects.filter(
            site=record.site,
            number=int(number),
            stage__in=[SignalStage.NEW.value, SignalStage.TRIAGED.value],
        )
        if set(record.surfaces) <= set(each.surfaces) and open_.exists():
            return each.signal
    until = (record.at + WATCH).astimezone().date()
    made = receive_signal(
        record.site,
        SignalFields(
            title=f"Validate: {record.what or record.as_domain().kind.called} on {names}"[:200],
            detail=f"{record.key} changed {names}. What was known of it may not hold any more."
            f" Compare the days before and after, until {until:%d %B %Y}:"
            f" /s/{record.site.name}/before-after/",
            surface=names,
            url=f"/s/{record.site.name}/changes/{record.key}/",
        ),
        Arrival(way=Way.API, by=Actor(None, machine=True), outside_id=f"change:{record.key}"),
        now=now,
    )
    return made.key


def _next_number(site: Site) -> int:
    top = ChangeRecord.objects.filter(site=site).aggregate(top=Max("number"))["top"]
    return (top or 0) + 1


_FIELDS: Final = (
    "external_id",
    "what",
    "env",
    "repo",
    "sha",
    "paths",
    "urls",
    "elements",
    "arms",
    "planned_for",
    "started_at",
    "finished_at",
    "actor",
    "url",
)

_LONGEST: Final = {
    "external_id": 200,
    "what": 300,
    "env": 80,
    "repo": 200,
    "sha": 80,
    "actor": 200,
    "url": 500,
}


def _storable(change: Change) -> Change:
    """Cut texts to what rows can keep."""
    texts = {
        name: " ".join(storable(str(getattr(change, name))).split())[:most]
        for name, most in _LONGEST.items()
    }
    lists = {
        name: tuple(storable(each).strip()[:500] for each in getattr(change, name))
        for name in ("paths", "surfaces", "urls", "elements", "arms", "planned_for")
    }
    return Change(
        kind=change.kind,
        started_at=change.started_at,
        finished_at=change.finished_at,
        external_id=texts["external_id"],
        what=texts["what"],
        env=texts["env"],
        repo=texts["repo"],
        sha=texts["sha"],
        actor=texts["actor"],
        url=texts["url"],
        **lists,
    )


def _audit(record: ChangeRecord, action: str, before: Facts, *, by: Actor, now: datetime) -> None:
    audit(
        action=action,
        target=f"change:{record.key}",
        before=before,
        after={"state": record.state, "surfaces": record.surfaces, "note": record.note},
        now=now,
        site=record.site.name,
        **by.audited,
    )
