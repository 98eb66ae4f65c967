"""What may be asked about the customer's voice, by its own pages and by other rooms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Max, Q, QuerySet

from truelift.apps.accounts.models import User
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.research.services import number_in
from truelift.apps.sites.models import Site
from truelift.apps.voice.models import (
    CallRecord,
    ClaimRecord,
    ClaimTestRecord,
    Confirmed,
    FiguresRecord,
    NoteRecord,
    OwnerRecord,
    PhraseRecord,
    Source,
    ThemeRecord,
    ThemeState,
)
from truelift.apps.voice.themes import spiking
from truelift.lifecycle.functions import Function
from truelift.lifecycle.voice import LISTENING, silent_for


SOURCES = {
    Function.SALES: (Source.SALES,),
    Function.SERVICE: (Source.SERVICE, Source.TICKET, Source.CHAT),
}
"""What each function hears."""


@dataclass(frozen=True, slots=True)
class Held:
    """A monthly call that was closed.

    Attributes:
        key: `VC-3`.
        day: When it was held.
        function: With whom.
        minutes: How long it took.
        notes: What came of it.
        owner: Who answered; empty for nobody.
    """

    key: str
    day: date
    function: Function
    minutes: int
    notes: int
    owner: str


def calls_held(site: Site) -> tuple[Held, ...]:
    """List the monthly calls that were closed, the newest first."""
    rows = (
        CallRecord.objects.filter(site=site, closed_at__isnull=False)
        .select_related("owner")
        .annotate(told=Count("notes"))
        .order_by("-day", "-number")
    )
    return tuple(
        Held(
            each.key,
            each.day,
            Function(each.function),
            each.minutes,
            each.told,
            str(each.owner) if each.owner else "",
        )
        for each in rows
    )


@dataclass(frozen=True, slots=True)
class Listener:
    """Who answers for what a function hears, and what came of it.

    Attributes:
        function: Sales or service.
        owner: None while nobody is named.
        since: Since when; None with `owner`.
        month: Notes of the last 28 days that they brought.
        year: Of the last 365.
        all_month: Notes of the function's sources in the last 28 days, whoever brought them.
        last: When the newest note of the function's sources came.
        silent_days: For how many days nothing has come, once that is too long; else None.
    """

    function: Function
    owner: User | None
    since: datetime | None
    month: int
    year: int
    all_month: int
    last: datetime | None
    silent_days: int | None


def listeners_of(site: Site, *, now: datetime) -> tuple[Listener, ...]:
    """Say for sales and service who listens, how much they bring, and whether they are silent."""
    named = {
        each.function: each
        for each in OwnerRecord.objects.filter(site=site).select_related("owner")
    }
    month = Q(made_at__gt=now - timedelta(days=28))
    found = []
    for function in LISTENING:
        owner = named.get(function.value)
        own = Q(owner=owner.owner_id) if owner else Q(pk=None)
        row = NoteRecord.objects.filter(
            site=site, source__in=[each.value for each in SOURCES[function]], made_at__lte=now
        ).aggregate(
            last=Max("made_at"),
            all_month=Count("pk", filter=month),
            month=Count("pk", filter=month & own),
            year=Count("pk", filter=Q(made_at__gt=now - timedelta(days=365)) & own),
        )
        found.append(
            Listener(
                function=function,
                owner=owner.owner if owner else None,
                since=owner.since if owner else None,
                month=row["month"],
                year=row["year"],
                all_month=row["all_month"],
                last=row["last"],
                silent_days=silent_for(last=row["last"], since=owner.since, now=now)
                if owner
                else None,
            )
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Silent:
    """A source that ought to speak and does not.

    Attributes:
        function: Sales or service.
        owner: Who answers for it.
        days: For how long.
        since: When it was last heard, or when its owner was named.
    """

    function: Function
    owner: User
    days: int
    since: datetime


def silent(site: Site, now: datetime) -> tuple[Silent, ...]:
    """List the named owners of whose source nothing has come for more than 35 days."""
    return tuple(
        Silent(
            each.function, each.owner, each.silent_days, max(each.last or each.since, each.since)
        )
        for each in listeners_of(site, now=now)
        if each.silent_days is not None and each.owner is not None and each.since is not None
    )


@dataclass(frozen=True, slots=True)
class Spiking:
    """A theme that is told more often of late.

    Attributes:
        key: `TH-2`.
        name: What it is about.
        draft: Whether no person has accepted it yet.
        recent: Notes of the last 28 days.
        prior: Of the 84 before.
        ratio: Recent rate by prior rate; None where there was none before.
        p: Of as many or more by chance.
        as_of: The Monday with which the last 28 days end.
    """

    key: str
    name: str
    draft: bool
    recent: int
    prior: int
    ratio: float | None
    p: float
    as_of: date


def spikes(site: Site) -> tuple[Spiking, ...]:
    """List the themes that are told more often of late, as of the last Monday."""
    themes = ThemeRecord.objects.filter(site=site).exclude(state=ThemeState.DISMISSED)
    return tuple(
        Spiking(
            each.key,
            each.name,
            each.state == ThemeState.DRAFT,
            each.figures["recent"],
            each.figures["prior"],
            each.figures["ratio"],
            each.figures["p"],
            date.fromisoformat(each.figures["as_of"]),
        )
        for each in spiking(themes)
    )


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a page promises and customers say was not kept.

    Attributes:
        record: The claim.
        notes: Notes that say so.
        refunds: Of these, with money that went back.
    """

    record: ClaimRecord
    notes: int
    refunds: int


def claims_on(site: Site, surface: str) -> tuple[Claimed, ...]:
    """List the claims of a surface, those that disappoint most first."""
    if not surface:
        return ()
    return _claimed(ClaimRecord.objects.filter(site=site, surface=surface))


def claims_of(site: Site) -> tuple[Claimed, ...]:
    """List every claim, those that disappoint most first."""
    return _claimed(ClaimRecord.objects.filter(site=site))


def _claimed(rows: QuerySet[ClaimRecord]) -> tuple[Claimed, ...]:
    counted = rows.annotate(
        told=Count("codings__note", distinct=True),
        back=Count("codings__note", filter=Q(codings__note__refund=True), distinct=True),
    )
    return tuple(
        Claimed(each, each.told, each.back)
        for each in counted.prefetch_related("tests__experiment").order_by("-told", "number")
    )


GUARDING: Final = ("refunds", "tickets")
"""What guards a test that changes a claim: what customers do when a promise was not kept."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A claim that an experiment changes, or seems to.

    Attributes:
        key: `CL-2`.
        text: The promise.
        confirmed: Whether a person said that it does; otherwise its texts only have the words.
    """

    key: str
    text: str
    confirmed: bool


def claims_changed(experiment: ExperimentRecord) -> tuple[Changed, ...]:
    """List the claims that an experiment changes, those that a person confirmed first."""
    rows = ClaimTestRecord.objects.filter(experiment=experiment).select_related("claim")
    found = [
        Changed(each.claim.key, each.claim.text, each.state == Confirmed.CONFIRMED)
        for each in rows.exclude(state=Confirmed.REJECTED).order_by("pk")
    ]
    return tuple(sorted(found, key=lambda each: not each.confirmed))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which notes.

    Attributes:
        text: Words in them.
        source: A `Source`; empty for any.
        question: Of the call; empty for any.
        theme: Key of a theme; empty for any.
        surface: Where; empty for anywhere.
    """

    text: str = ""
    source: str = ""
    question: str = ""
    theme: str = ""
    surface: str = ""


def notes_wanted(site: Site, wanted: Wanted) -> QuerySet[NoteRecord]:
    """Give the notes that fit, the newest first."""
    rows = NoteRecord.objects.filter(site=site).select_related("owner", "call", "signal")
    if wanted.text:
        rows = rows.filter(text__icontains=wanted.text)
    if wanted.source:
        rows = rows.filter(source=wanted.source)
    if wanted.question:
        rows = rows.filter(question=wanted.question)
    if wanted.surface:
        rows = rows.filter(surface=wanted.surface)
    if wanted.theme:
        found = ThemeRecord.objects.filter(
            site=site, number=number_in(wanted.theme, letter="TH")
        ).first()
        rows = rows.filter(number__in=found.notes if found else [])
    return rows.order_by("-day", "-number")


def note_of(site: Site, key: str) -> NoteRecord | None:
    """Find a note by its key."""
    return (
        NoteRecord.objects.filter(site=site, number=number_in(key, letter="N"))
        .select_related("site", "owner", "call", "signal")
        .prefetch_related("codings__coder", "codings__claim", "codings__codebook", "phrases")
        .first()
    )


def call_of(site: Site, number: int) -> CallRecord | None:
    """Find a call by its number."""
    if not 0 < number < 2**31:
        return None
    return CallRecord.objects.filter(site=site, number=number).select_related("owner").first()


def calls_of(site: Site, *, most: int = 24) -> Sequence[CallRecord]:
    """List the calls, the newest first."""
    rows = CallRecord.objects.filter(site=site).select_related("owner")
    return list(rows.annotate(told=Count("notes")).order_by("-day", "-number")[:most])


def phrases_of(site: Site) -> Sequence[PhraseRecord]:
    """List the phrases with where they are used, the newest first."""
    rows = PhraseRecord.objects.filter(site=site).select_related("note")
    return list(rows.prefetch_related("uses__hypothesis").order_by("-number"))


def waiting(site: Site) -> dict[str, QuerySet[Any]]:
    """Give what waits for a person, for the rail: drafts of themes that are told more often."""
    return {
        "voice": ThemeRecord.objects.filter(site=site, state=ThemeState.DRAFT, figures__spike=True)
    }


def figures_of(site: Site) -> FiguresRecord | None:
    """Give what was computed last; None before the first night."""
    return FiguresRecord.objects.filter(site=site).first()


def note_document(record: NoteRecord) -> dict[str, Any]:
    """Give a note as the API shows it."""
    return {
        "key": record.key,
        "text": record.text,
        "source": record.source,
        "day": record.day,
        "speaker": record.speaker or None,
        "times": record.times,
        "surface": record.surface,
        "segment": record.segment,
        "stage": record.stage,
        "lost": record.lost,
        "value_minor": record.value_minor,
        "refund": record.refund,
        "consent": record.consent,
        "personal": record.personal,
        "question": record.question or None,
        "call": record.call.key if record.call else None,
        "signal": record.signal.key if record.signal else None,
        "url": record.url,
        "way": record.way,
        "outside_id": record.outside_id or None,
        "erased_at": record.erased_at,
        "made_at": record.made_at,
    }
