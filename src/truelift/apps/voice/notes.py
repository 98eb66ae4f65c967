"""Taking in what customers say: once each, with consent, and out again when it has to leave."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import IntegrityError, models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import User
from truelift.apps.intake.fields import Arrival, SignalFields
from truelift.apps.intake.models import SignalRecord, Way
from truelift.apps.intake.services import receive_signal, signal_for_update
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, checked, checked_url
from truelift.apps.research.services import number_in
from truelift.apps.sites.models import Site
from truelift.apps.voice.models import CallRecord, Consent, NoteRecord, Source, ThemeRecord
from truelift.errors import Refusal


CONTACT_KEPT: Final = timedelta(days=90)
"""How long it is kept how to reach somebody; what they said stays."""

LONGEST: Final = 4_000
_LARGEST: Final = 2**63 - 1
_PERSONAL: Final = re.compile(r"[\w.+-]+@[\w-]+\.\w{2,}|(?:\+|\b0)\d[\d ()/-]{6,}\d")
"""An e-mail address or a telephone number."""


class NoSuchNote(Refusal):
    """The site has no note with this key."""

    code = "voice.no_such_note"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"There is no note {key!r}; the list of notes has all.", key=key)


class NoteIsHere(Refusal):
    """The same was told before."""

    code = "voice.already_here"

    def __init__(self, *, key: str) -> None:
        self.key = key
        super().__init__(f"This is already here, as {key}. Nothing needs to be done.", key=key)


@dataclass(frozen=True, slots=True)
class NoteFields:
    """What somebody writes about something that a customer said.

    Attributes:
        text: Word for word.
        source: A `Source`.
        day: When it was said; None: today.
        speaker: A `Speaker`, or empty.
        times: How often, estimated.
        stage: Of the deal, in the team's words.
        lost: Whether a deal was lost over it; None: there was none.
        value_minor: What the deal was worth, in minor units of the site's currency.
        refund: Whether money went back; None: nobody knows.
        consent: A `Consent`.
        personal: Whether the words name or describe a person; found addresses and numbers say so
            by themselves.
        question: Of the call: `q1`, `q2`, `q3`; empty outside of it.
        contact: How to reach them.
    """

    text: str = ""
    source: str = ""
    day: date | None = None
    speaker: str = ""
    times: int = 1
    surface: str = ""
    segment: str = ""
    stage: str = ""
    lost: bool | None = None
    value_minor: int | None = None
    refund: bool | None = None
    consent: str = Consent.UNKNOWN.value
    personal: bool = False
    question: str = ""
    contact: str = ""
    url: str = ""


def digest_of(fields: NoteFields, day: date, arrival: Arrival) -> str:
    """Give what makes a note the same note: its own id, or who said what on which day."""
    words = " ".join(fields.text.casefold().split())
    parts = (
        (arrival.way.value, arrival.outside_id)
        if arrival.outside_id
        else (fields.source, day.isoformat(), fields.question, words)
    )
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()


@transaction.atomic
def receive_note(
    site: Site,
    fields: NoteFields,
    arrival: Arrival,
    *,
    now: datetime,
    call: CallRecord | None = None,
    owner: User | None = None,
) -> NoteRecord:
    """Write down what a customer said.

    Args:
        site: Where.
        fields: What was said.
        arrival: How it came in.
        now: The moment.
        call: The monthly call that it was told in.
        owner: Who brought it; None: who wrote it down.

    Raises:
        BadFields: Something does not fit into its field, or they refused that it is kept.
        NoteIsHere: It was told before.
    """
    from zoneinfo import ZoneInfo

    today = now.astimezone(ZoneInfo(site.time_zone)).date()
    day = fields.day or today
    _check(fields, day=day, today=today)
    digest = digest_of(fields, day, arrival)
    _refuse_again(site, digest)
    Site.objects.select_for_update().get(pk=site.pk)
    highest = NoteRecord.objects.filter(site=site).aggregate(top=models.Max("number"))["top"]
    note = NoteRecord(
        site=site,
        number=int(highest or 0) + 1,
        text=fields.text.strip(),
        source=fields.source,
        day=day,
        speaker=fields.speaker,
        times=fields.times,
        surface=fields.surface.strip(),
        segment=fields.segment.strip(),
        stage=fields.stage.strip(),
        lost=fields.lost,
        value_minor=fields.value_minor,
        refund=fields.refund,
        consent=fields.consent,
        personal=fields.personal or bool(_PERSONAL.search(fields.text)),
        question=fields.question,
        call=call,
        contact=fields.contact.strip(),
        url=checked_url(fields.url),
        way=arrival.way.value,
        outside_id=arrival.outside_id,
        digest=digest,
        owner=owner or (arrival.by.user if arrival.by else None),
        made_at=now,
    )
    checked(note, skip=("site", "call", "owner", "signal", "made_at"))
    try:
        with transaction.atomic():
            note.save()
    except IntegrityError:
        # Somebody else took the same thing in at the same moment.
        _refuse_again(site, digest)
        raise
    audit(
        action="note.received",
        target=f"note:{note.key}",
        # Not its words: the audit outlives an erasure.
        after={"source": note.source, "day": day.isoformat(), "way": note.way},
        now=now,
        site=site.name,
        **arrival.audited,
    )
    return note


def _check(fields: NoteFields, *, day: date, today: date) -> None:
    wrong = {}
    if not fields.text.strip():
        wrong["text"] = "Write down what was said, word for word."
    elif len(fields.text) > LONGEST:
        wrong["text"] = f"It has {len(fields.text):,} letters; {LONGEST:,} fit."
    if fields.source not in Source.values:
        wrong["source"] = f"It is one of {', '.join(Source.values)}."
    if day > today:
        wrong["day"] = "That day is still to come."
    if not 1 <= fields.times <= 1_000_000:
        wrong["times"] = "It is a number from 1 to 1,000,000."
    if fields.value_minor is not None and not 0 <= fields.value_minor <= _LARGEST:
        wrong["value"] = "An amount is not below 0."
    if fields.consent == Consent.REFUSED:
        wrong["consent"] = (
            "Words of somebody who refused are not kept. Pass the matter on as a signal, in your"
            " own words."
        )
    if wrong:
        raise BadFields(wrong)


def _refuse_again(site: Site, digest: str) -> None:
    found = NoteRecord.objects.filter(site=site, digest=digest).first()
    if found is not None:
        raise NoteIsHere(key=found.key)


def note_for_update(site: Site, key: str) -> NoteRecord:
    """Take a note of the site for a change, by its key.

    Raises:
        NoSuchNote: The site has none with this key.
    """
    found = (
        NoteRecord.objects.select_for_update()
        .filter(site=site, number=number_in(key, letter="N"))
        .first()
    )
    if found is None:
        raise NoSuchNote(key=key[:40])
    return found


@transaction.atomic
def erase_note(site: Site, key: str, *, by: Actor, now: datetime) -> NoteRecord:
    """Take somebody's words away, wherever this app repeats them; what was counted stays counted.

    The same words brought again are not taken in again.

    Raises:
        NoSuchNote: The site has none with this key.
    """
    note = note_for_update(site, key)
    _forget_words([note], now=now)
    audit(
        action="note.erased",
        target=f"note:{note.key}",
        now=now,
        site=site.name,
        **by.audited,
    )
    return note


def _forget_words(notes: list[NoteRecord], *, now: datetime) -> None:
    numbers = {each.number for each in notes}
    words = {each.text.strip()[:200] for each in notes}
    for note in notes:
        note.text = note.contact = note.url = note.outside_id = ""
        note.erased_at = now
        # A phrase of the bank is the same words.
        note.phrases.all().delete()
        note.save(update_fields=["text", "contact", "url", "outside_id", "erased_at"])
    if not notes:
        return
    for theme in ThemeRecord.objects.filter(site=notes[0].site_id):
        if numbers & set(theme.notes) and theme.name in words:
            theme.name = ", ".join(theme.words)[:200] or theme.key
            theme.save(update_fields=["name"])


def forget_contacts(site: Site, *, now: datetime) -> int:
    """Take away how to reach people once it has been kept long enough.

    Returns:
        Of how many notes.
    """
    return (
        NoteRecord.objects.filter(site=site, made_at__lt=now - CONTACT_KEPT)
        .exclude(contact="")
        .update(contact="")
    )


@transaction.atomic
def link_signal(site: Site, key: str, signal: str) -> NoteRecord:
    """Say which signal of the evidence inbox a note came with, so that an e-mail becomes one.

    Raises:
        NoSuchNote: The site has none with this key.
        NoSuchSignal: There is no such signal.
    """
    note = note_for_update(site, key)
    note.signal = signal_for_update(site, signal)
    note.save(update_fields=["signal"])
    return note


@transaction.atomic
def pass_on(site: Site, key: str, *, by: Actor, now: datetime) -> SignalRecord:
    """Make a signal of the evidence inbox of a note, so that somebody decides about it.

    Raises:
        NoSuchNote: The site has none with this key.
        BadFields: Its words were erased, or it was passed on before.
    """
    note = note_for_update(site, key)
    if note.signal is not None:
        raise BadFields({"signal": f"It was passed on already, as {note.signal.key}."})
    if not note.text:
        raise BadFields({"signal": "Its words were erased."})
    title = note.text if len(note.text) <= 200 else f"{note.text[:198].rstrip()} …"
    note.signal = receive_signal(
        site,
        SignalFields(
            title=title.replace("\n", " "),
            detail=f"{note.key}: {note.text}" if len(note.text) > 200 else "",
            surface=note.surface,
            segment=note.segment,
            url=f"/s/{site.name}/voice/notes/{note.key}/",
            team=note.get_source_display(),
        ),
        Arrival(Way.MEMBER, by=by),
        now=now,
    )
    note.save(update_fields=["signal"])
    return note.signal
