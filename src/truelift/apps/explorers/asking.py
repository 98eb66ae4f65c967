"""From an address to an answer laid out: read the form, ask, or say everything that is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.http import QueryDict

from truelift.apps.accounts.models import User
from truelift.apps.experiments.monitoring_hiding import refuse_early
from truelift.apps.explorers import reads
from truelift.apps.explorers.catalogue import Explorer
from truelift.apps.explorers.form import ExplorerForm
from truelift.apps.explorers.models import Annotation
from truelift.apps.explorers.page import Asked, ExplorerPage
from truelift.apps.measurement.funnel_form import Called
from truelift.apps.measurement.naming import period_said
from truelift.apps.measurement.periods import Period
from truelift.apps.measurement.reads import known_events
from truelift.apps.measurement.running import ComesLater
from truelift.apps.measurement.segments_reads import context_of
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import event_names_of
from truelift.errors import Refusal
from truelift.lake.stopping import Cancelled
from truelift.questions.document import Json
from truelift.questions.events_seen import EventSeen
from truelift.questions.parse import parse_question
from truelift.questions.remarks import Remark


@dataclass(frozen=True, slots=True)
class Look:
    """One look into a question.

    Attributes:
        form: As it was asked, or as a first look proposes.
        names: Of the site's events, for choosing among them.
        problems: Everything that keeps it from being asked.
        page: The answer; None where there is a problem or nothing to ask about.
        document: The question's JSON.
        annotations: What was noted in the period.
        is_coming: Whether the page comes first and asks for its answer itself, because a
            person may have to wait for it.
        took_ms: What the answer took when it was computed.
        lake_version: What it is true of.
        unread: Files of the lake that could not be read: the answer lacks what is in them.
        remarks: What is said first: names that the site has never seen.
        is_cancelled: Whether it was asked no more, because a person cancelled it.
    """

    form: ExplorerForm
    names: tuple[str, ...]
    problems: tuple[str, ...] = ()
    page: ExplorerPage | None = None
    document: Mapping[str, Json] | None = None
    annotations: tuple[Annotation, ...] = ()
    is_coming: bool = False
    took_ms: float = 0.0
    lake_version: int = 0
    unread: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()
    is_cancelled: bool = False

    @property
    def question(self) -> str:
        """The question as a file for `truelift ask --question`."""
        return json.dumps(self.document, indent=2, ensure_ascii=False)


def look(
    place: Site, explorer: Explorer, query: QueryDict, *, by: User, now: datetime, asks: bool = True
) -> Look:
    """Ask what an address says; without one, what a first look proposes.

    Args:
        place: The site.
        explorer: Which question.
        query: The address.
        by: Who asks.
        now: The moment.
        asks: Whether it is asked at all; it is not when it was just cancelled.
    """
    seen = known_events(place.name)
    zone = ZoneInfo(place.time_zone)
    names = tuple(each.event for each in seen)
    empty = replace(
        explorer.empty(), has_segment=bool(reads.segments_of(place) or query.get("segment"))
    )
    form = (
        empty.typed(query)
        if query
        else first_form(explorer, empty, seen, now=now, called=event_names_of(place))
    )
    found = Look(form=form, names=names)
    if not seen and not query:
        return found
    if problems := form.problems():
        return replace(found, problems=(*problems, *_wrong_beside(place, explorer, form, now=now)))
    if not asks:
        return replace(found, is_cancelled=True)
    try:
        return _answered(place, explorer, found, by=by, now=now, zone=zone)
    except ComesLater:
        return replace(found, is_coming=True)
    except Cancelled:
        return replace(found, is_cancelled=True)
    except Refusal as refusal:
        return replace(found, problems=_reasons(refusal))


def first_form(
    explorer: Explorer,
    form: ExplorerForm,
    seen: Sequence[EventSeen],
    *,
    now: datetime,
    called: Called,
) -> ExplorerForm:
    """Propose a first look: the usual question over the last 28 days, or all time."""
    last = max((each.last_at for each in seen), default=None)
    recent = last is not None and now - last < timedelta(days=28)
    document = explorer.first([each.event for each in seen], called)
    return replace(
        form.filled(document),
        period=Period(explorer.first_days if recent else "all"),
        by=explorer.first_by if form.has_by else "",
        compare=explorer.compares and recent,
    )


def _answered(
    place: Site, explorer: Explorer, found: Look, *, by: User, now: datetime, zone: ZoneInfo
) -> Look:
    form = found.form
    context = context_of(place, now=now)
    document = form.document(now=now, zone=zone)
    refuse_early(place, {"question": explorer.question, **document}, by, now=now)
    since, until = form.period.bounds(now=now, zone=zone) if form.has_period else (None, None)
    earlier = form.document_before(now=now, zone=zone)
    if explorer.compares and earlier is not None:
        document["against"] = "before"
    answered = reads.answer(place, explorer.question, document, context=context)
    unread, remarks = set(answered.unread), dict.fromkeys(answered.remarks)

    def ask(further: Mapping[str, Json]) -> Mapping[str, Json]:
        also = reads.answer(place, explorer.question, further, context=context)
        unread.update(also.unread)
        remarks.update(dict.fromkeys(also.remarks))
        return also.document

    annotations = reads.annotations_of(place, since, until)
    page = explorer.page(
        Asked(
            question=document,
            answer=answered.document,
            before=ask(earlier) if earlier is not None and not explorer.compares else None,
            ask=ask,
            currency=place.currency,
            zone=zone,
            now=now,
            period=period_said(since, until, zone),
            notes=(*reads.happenings(annotations), *reads.decided(place, since, until)),
            earlier=earlier,
        )
    )
    return replace(
        found,
        page=page,
        document={"question": explorer.question, **document},
        annotations=annotations,
        took_ms=answered.took_ms,
        lake_version=answered.lake_version,
        unread=tuple(sorted(unread)),
        remarks=tuple(remarks),
    )


def _wrong_beside(
    place: Site, explorer: Explorer, form: ExplorerForm, *, now: datetime
) -> tuple[str, ...]:
    """Say what is wrong besides the period, so that everything is said at once."""
    document = replace(form, has_period=False).document(now=now, zone=ZoneInfo(place.time_zone))
    try:
        parse_question({"question": explorer.question, **document}, context_of(place, now=now))
    except Refusal as refusal:
        return _reasons(refusal)
    return ()


def _reasons(refusal: Refusal) -> tuple[str, ...]:
    reasons = refusal.facts.get("reasons")
    if isinstance(reasons, tuple):
        return tuple(f"{text[:1].upper()}{text[1:]}." for text in map(str, reasons))
    return (str(refusal),)
