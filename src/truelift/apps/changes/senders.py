"""Programs that tell of changes: make an address for one, believe it, keep what was refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.tokens import digest, new_token
from truelift.apps.changes.models import (
    ChangeRecord,
    DeliveryRecord,
    Outcome,
    SenderKind,
    SenderRecord,
)
from truelift.apps.changes.reading import READ, Message
from truelift.apps.changes.services import SENDERS, record_change
from truelift.apps.changes.told import BadChange, BadMessage, BadSignature, Told
from truelift.apps.inbox.sealing import derived, opened, sealed
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable, storable
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.reads import surfaces_of
from truelift.errors import Refusal
from truelift.lifecycle.change import ChangeKind, ChangeState, Trust


FRESH: Final = timedelta(minutes=5)
"""How far a message's own time may be from ours, where it says one."""

MOST_SENDERS: Final = 50
MOST_REFUSED: Final = 200
"""Refused messages that are kept of one sender; the oldest go first."""

KEPT_BODY: Final = 4_000
REMEMBERED: Final = timedelta(days=90)
"""How long the names of messages are remembered; a change is known by its own id for ever."""

PER_WINDOW: Final = 60
WINDOW: Final = timedelta(minutes=10)
"""Proposals that an address takes without a proof; more is no publishing but a flood."""

MAPPABLE: Final = (
    "external_id",
    "what",
    "kind",
    "env",
    "repo",
    "sha",
    "paths",
    "surfaces",
    "urls",
    "elements",
    "arms",
    "planned_for",
    "started_at",
    "finished_at",
    "actor",
    "url",
)
_DOTTED: Final = re.compile(r"[\w$-]+(?:\.[\w$-]+){0,7}")
_HEADER_SAFE: Final = re.compile(r"[\x21-\x7e]{0,1000}")


class BadSender(Refusal):
    """A sender is not described so that it can be heard.

    Attributes:
        wrong: Field and what is wrong with it.
    """

    code = "changes.bad_sender"

    def __init__(self, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        super().__init__(" ".join(wrong.values()), fields=tuple(wrong))


class NoSuchSender(Refusal):
    """The site hears no such sender."""

    code = "changes.no_such_sender"

    def __init__(self) -> None:
        super().__init__("There is no such sender, or it was removed. The page lists all.")


class TooMany(Refusal):
    """More was proposed than anybody publishes."""

    code = "changes.too_many"

    def __init__(self) -> None:
        super().__init__(
            "This address has proposed a lot just now. Send it again in ten minutes, or with the"
            " secret."
        )


class TooLong(Refusal):
    """A message is longer than is read."""

    code = "changes.input_too_long"

    def __init__(self, *, most: int) -> None:
        super().__init__(f"The message is longer than {most:,} bytes. Send folders, not files.")


@dataclass(frozen=True, slots=True)
class Made:
    """A sender that was just made.

    Attributes:
        record: Its row.
        address: The secret part of its address; shown now and never again.
        secret: What it signs with; shown now and never again, empty where it makes its own.
    """

    record: SenderRecord
    address: str
    secret: str


@transaction.atomic
def make_sender(
    site: Site,
    *,
    kind: str,
    name: str,
    secret: str = "",
    surfaces: Sequence[str] = (),
    change_kind: str = "",
    fields: str = "",
    by: Actor,
    now: datetime,
) -> Made:
    """Make an address at which a program tells of changes.

    Args:
        site: Where.
        kind: A `SenderKind`.
        name: How people call it.
        secret: Where the sender makes it itself, as Sentry does.
        surfaces: What it changes when a message says nothing of where.
        change_kind: What its changes are when a message says nothing of it; empty: usual.
        fields: Lines `field = path.in.json`, for programs that call things otherwise.
        by: Who.
        now: When.

    Raises:
        BadSender: Something does not fit, with every field.
    """
    wrong: dict[str, str] = {}
    if kind not in SenderKind.values:
        raise BadSender({"kind": f"It is one of {', '.join(SenderKind.values)}."})
    if not name.strip() or len(name.strip()) > 80 or not is_storable(name):
        wrong["name"] = "Give it a name of at most 80 letters."
    if kind == SenderKind.SENTRY and not secret.strip():
        wrong["secret"] = "Copy the client secret from the integration’s page in Sentry."  # noqa: S105
    if not _HEADER_SAFE.fullmatch(secret.strip()):
        wrong["secret"] = "It has letters that no secret has. Copy it again."  # noqa: S105
    known = {each.name for each in surfaces_of(site)}
    strange = [each for each in surfaces if each not in known]
    if strange:
        wrong["surfaces"] = f"The site has no surface {', '.join(strange)[:200]}."
    word = change_kind or _USUAL[SenderKind(kind)]
    if word not in set(ChangeKind):
        wrong["change_kind"] = f"It is one of {', '.join(ChangeKind)}."
    mapping, said = _mapping(fields)
    if said:
        wrong["fields"] = said
    if SenderRecord.objects.filter(site=site, ended_at=None).count() >= MOST_SENDERS:
        wrong["name"] = f"A site hears at most {MOST_SENDERS} senders. Remove one first."
    if wrong:
        raise BadSender(wrong)
    address = new_token()
    own = kind == SenderKind.SENTRY
    record = SenderRecord.objects.create(
        site=site,
        kind=kind,
        name=name.strip(),
        address_sha256=digest(address),
        nonce=new_token(),
        secret=sealed(secret.strip()) if own else "",
        surfaces=list(surfaces),
        change_kind=word,
        fields=mapping,
        made_by=by.user,
        made_at=now,
    )
    facts = {"kind": kind, "name": record.name}
    _audit(record, "change_sender.made", facts, by=by, now=now)
    return Made(record, address, "" if own else secret_of(record))


@transaction.atomic
def end_sender(site: Site, pk: int, *, by: Actor, now: datetime) -> SenderRecord:
    """Hear a sender no more; what it told stays.

    Raises:
        NoSuchSender: The site hears none such.
    """
    found = (
        SenderRecord.objects.select_for_update(of=("self",))
        .select_related("site")
        .filter(site=site, pk=pk, ended_at=None)
        .first()
    )
    if found is None:
        raise NoSuchSender
    found.ended_at, found.secret = now, ""
    found.save(update_fields=["ended_at", "secret"])
    _audit(found, "change_sender.ended", {"name": found.name}, by=by, now=now)
    return found


def sender_at(address: str) -> SenderRecord | None:
    """Give the sender with this address; None where there is none."""
    return (
        SenderRecord.objects.select_related("site")
        .filter(address_sha256=digest(address), ended_at=None)
        .first()
    )


def secret_of(sender: SenderRecord) -> str:
    """Give what a sender signs with: its own, or what is made of the server's key."""
    if sender.secret:
        return opened(sender.secret)
    return derived(f"truelift.changes.sender:{sender.pk}:{sender.nonce}").hex()


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a message.

    Attributes:
        outcome: Taken, proposed, known already, no change, or refused.
        change: What it told of; None for no change.
        refusal: Why it was refused; None otherwise.
        reason: Why it is no change; empty otherwise.
    """

    outcome: Outcome
    change: ChangeRecord | None = None
    refusal: Refusal | None = None
    reason: str = ""


def hear(sender: SenderRecord, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Heard:
    """Take a message in, or refuse it; either is kept, with its reason.

    Args:
        sender: At whose address it came.
        headers: Names in small letters.
        body: The raw bytes, over which it is signed.
        now: When.
    """
    try:
        told = _read(sender, headers, body, now=now)
        return _take(sender, told, now=now)
    except (BadSignature, BadMessage, BadChange, TooMany) as refusal:
        refuse(sender, refusal, body=body, now=now)
        return Heard(Outcome.REFUSED, refusal=refusal)


def refuse(sender: SenderRecord, refusal: Refusal, *, body: bytes = b"", now: datetime) -> None:
    """Keep a message that was refused, so that somebody can see why nothing came of it."""
    DeliveryRecord.objects.create(
        sender=sender,
        outcome=Outcome.REFUSED.value,
        code=refusal.code,
        reason=storable(str(refusal))[:500],
        body=storable(body[:KEPT_BODY].decode("utf-8", "replace")),
        arrived_at=now,
    )
    rows = DeliveryRecord.objects.filter(sender=sender, outcome=Outcome.REFUSED.value)
    oldest = rows.order_by("-pk").values_list("pk", flat=True)[MOST_REFUSED : MOST_REFUSED + 1]
    if oldest:
        rows.filter(pk__lte=oldest[0]).delete()


def _read(sender: SenderRecord, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Told:
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    told = READ[SenderKind(sender.kind)](
        Message(
            headers=headers,
            body=body,
            document=document,
            secret=secret_of(sender),
            usual=ChangeKind(sender.change_kind),
            fields=sender.fields,
            now=now,
        )
    )
    if told.sent_at is not None and abs(now - told.sent_at) > FRESH:
        raise BadSignature(why="It was not sent just now.")
    if not isinstance(document, dict):
        raise BadMessage(why="It is no JSON object. Send application/json.")
    return told


@transaction.atomic
def _take(sender: SenderRecord, told: Told, *, now: datetime) -> Heard:
    # What nobody proved never takes the name from a message that somebody does.
    proved = told.trust is not Trust.NONE
    message_id = f"{'' if proved else '?'}{storable(told.message_id)}"[:120]
    rows = DeliveryRecord.objects.filter(sender=sender)
    rows.filter(arrived_at__lt=now - REMEMBERED).delete()
    if not proved:
        recent = rows.filter(arrived_at__gt=now - WINDOW, message_id__startswith="?")
        if recent.count() >= PER_WINDOW:
            raise TooMany
    try:
        with transaction.atomic():
            row = DeliveryRecord.objects.create(
                sender=sender,
                message_id=message_id,
                outcome=Outcome.IGNORED.value,
                reason=told.ignored[:500],
                arrived_at=now,
            )
    except IntegrityError:
        before = rows.exclude(outcome=Outcome.REFUSED.value).filter(message_id=message_id)
        first = before.select_related("change").order_by("pk").first()
        return Heard(Outcome.AGAIN, change=first.change if first else None)
    if proved:
        SenderRecord.objects.filter(pk=sender.pk).update(heard_at=now)
    if told.change is None:
        return Heard(Outcome.IGNORED, reason=told.ignored)
    made = record_change(
        sender.site,
        told.change,
        source=f"{SENDERS}{sender.pk}",
        trust=told.trust,
        by=Actor(None, machine=True),
        now=now,
        sender=sender,
    )
    if not made.new and made.record.state != ChangeState.RECORDED:
        outcome = Outcome.AGAIN
    elif made.record.state == ChangeState.PROPOSED:
        outcome = Outcome.PROPOSED
    else:
        outcome = Outcome.TAKEN if made.new else Outcome.AGAIN
    row.outcome, row.change = outcome.value, made.record
    row.save(update_fields=["outcome", "change"])
    return Heard(outcome, change=made.record)


def _mapping(text: str) -> tuple[dict[str, str], str]:
    """Read lines `field = path`; with what is wrong with them, or nothing."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, equals, path = (each.strip() for each in line.partition("="))
        if not equals or name not in MAPPABLE or not _DOTTED.fullmatch(path) or len(path) > 200:
            return {}, (
                f"“{line.strip()[:60]}” is not understood. Write lines like what = data.title;"
                f" the fields are {', '.join(MAPPABLE)}."
            )
        found[name] = path
    return found, ""


_USUAL: Final = {
    SenderKind.GITHUB: ChangeKind.DEPLOY.value,
    SenderKind.GITLAB: ChangeKind.DEPLOY.value,
    SenderKind.SENTRY: ChangeKind.DEPLOY.value,
    SenderKind.DATADOG: ChangeKind.DEPLOY.value,
    SenderKind.CMS: ChangeKind.CMS.value,
    SenderKind.WEBHOOK: ChangeKind.UNKNOWN.value,
}


def _audit(
    sender: SenderRecord, action: str, after: dict[str, str], *, by: Actor, now: datetime
) -> None:
    audit(
        action=action,
        target=f"change_sender:{sender.pk}",
        after=dict(after),
        now=now,
        site=sender.site.name,
        **by.audited,
    )
