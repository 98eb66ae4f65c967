"""From the funnel form to everything its page shows, or everything that is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from truelift.apps.explorers import reads as explorer_reads
from truelift.apps.explorers.models import Annotation
from truelift.apps.explorers.page import Figure
from truelift.apps.explorers.table import Row, Table
from truelift.apps.measurement import funnel_parts, funnel_reads, reads
from truelift.apps.measurement.funnel_form import FunnelForm, reasons_of
from truelift.apps.measurement.funnel_page import FunnelPage, funnel_page, step_rows
from truelift.apps.measurement.naming import period_said
from truelift.apps.measurement.segments_reads import context_of
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.questions.document import Json
from truelift.questions.forms import Context
from truelift.questions.funnel import FunnelAnswer
from truelift.questions.funnel_compare import FunnelComparison, side_by_side
from truelift.questions.funnel_times import FunnelTimesAnswer
from truelift.questions.funnel_trend import FunnelTrendAnswer
from truelift.questions.remarks import Remark


GROUPS: Final = frozenset({"by", "attribution", "attribution_step"})
"""Members that break a funnel down."""

Document = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Beside:
    """The funnel that stands beside the one that was asked.

    Attributes:
        answer: Of both, without groups.
        here: What the first one is called.
        there: And the other.
        remarks: What is said first of the other.
    """

    answer: FunnelComparison
    here: str
    there: str
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class FunnelLook:
    """One look at a funnel.

    Attributes:
        form: As it was asked.
        page: The steps.
        headline: What this part of the page says first.
        asked: Where the steps' answer comes from.
        remarks: What is said first: names that the site has never seen.
        beside: What it is compared with; None for nothing.
        figures: What this part of the page draws, besides the steps.
        tables: And its tables.
        drops: After which steps people did not go on.
        annotations: What was noted in the period.
        pictures: Name and words of every drawing.
        finding: What stands in the form when this is recorded as a finding.
    """

    form: FunnelForm
    page: FunnelPage
    headline: funnel_parts.Headline
    asked: funnel_reads.Found[FunnelAnswer]
    remarks: tuple[Remark, ...]
    beside: Beside | None
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]
    drops: tuple[funnel_parts.Drop, ...]
    annotations: tuple[Annotation, ...]
    pictures: tuple[tuple[str, str], ...]
    finding: str


def wrong_with(place: Site, form: FunnelForm, *, now: datetime) -> tuple[str, ...]:
    """Say everything that keeps a form from being asked, at once."""
    zone, context = ZoneInfo(place.time_zone), context_of(place, now=now)
    found = list(form.problems())
    sound = form.mended() if found else form
    for document in (sound.document(now=now, zone=zone), _other(sound, now=now, zone=zone)):
        if document is None:
            continue
        # Without its segment first: a segment that is not there hides everything else.
        anybody = {name: value for name, value in document.items() if name != "segment"}
        for each in (anybody, document):
            try:
                funnel_reads.checked(each, context)
            except Refusal as refusal:
                found += [reason for reason in reasons_of(refusal) if reason not in found]
    if not found and form.view == "times":
        try:
            _times_question(form, now=now, zone=zone, context=context)
        except Refusal as refusal:
            found += reasons_of(refusal)
    return tuple(found)


def funnel_look(place: Site, form: FunnelForm, *, now: datetime) -> FunnelLook:
    """Ask what one part of the page shows; the form has nothing wrong with it."""
    zone, context = ZoneInfo(place.time_zone), context_of(place, now=now)
    document = form.document(now=now, zone=zone)
    asked = funnel_reads.answer(place, "funnel", document, context)
    answer = cast("FunnelAnswer", asked.answer)
    question = answer.question
    period = period_said(question.since, question.until, zone)
    weeks = reads.weeks_of(place.name, question)
    beside = _beside(place, form, document, context, now=now, zone=zone)
    page = funnel_page(
        answer,
        before=None if beside is None else beside.answer.there,
        beside="" if beside is None else beside.there,
        leaks=funnel_reads.leaks(place, answer, is_segment=bool(form.segment), weeks=weeks)
        if question.by and not question.is_by_each
        else (),
        currency=place.currency,
        period=period,
        whose=form.segment,
    )
    headline = funnel_parts.Headline(page.answer, page.marked, page.rest, page.grounds)
    figures: list[Figure | None] = []
    tables: list[Table | None] = []
    annotations = explorer_reads.annotations_of(place, question.since, question.until)
    match form.view:
        case "compare" if beside is not None:
            figure, numbers = funnel_parts.side_by_side_figure(
                beside.answer, here=beside.here, there=beside.there, currency=place.currency
            )
            figures.append(figure)
            figures.append(
                funnel_parts.revenue_figure(
                    beside.answer, here=beside.here, there=beside.there, currency=place.currency
                )
            )
            tables.append(numbers)
            headline = funnel_parts.beside_headline(
                beside.answer, here=beside.here, there=beside.there
            )
        case "times":
            found = _times(place, form, context, now=now, zone=zone)
            figures.append(funnel_parts.times_figure(found, period=period))
            headline = funnel_parts.times_headline(found, period=period)
            grouped = _times(place, form, context, now=now, zone=zone, by=True)
            tables.append(funnel_parts.times_table(grouped, by=form.by))
        case "steps":
            trend = _trend(place, form, document, context, weeks=weeks)
            happened = explorer_reads.happenings(annotations)
            figures.append(funnel_parts.over_time(trend, zone=zone, now=now, happened=happened))
            tables.append(funnel_parts.each_table(answer))
            tables.append(funnel_parts.money_table(answer, currency=place.currency))
        case _:
            pass
    drawn = tuple(each for each in figures if each is not None)
    steps = (("steps", "the steps"), ("groups", "the groups"))[: 2 if page.heat else 1]
    return FunnelLook(
        form=form,
        page=page,
        headline=headline,
        asked=asked,
        remarks=tuple(dict.fromkeys((*asked.remarks, *(beside.remarks if beside else ())))),
        beside=beside,
        figures=drawn,
        tables=tuple(each for each in tables if each is not None),
        drops=funnel_parts.drops(answer, form.told_once.pairs),
        annotations=annotations,
        pictures=(
            *(steps if form.view == "steps" else ()),
            *((each.name, each.sentence) for each in drawn),
        ),
        finding=urlencode({**page.finding, "evidence": f"?{form.address}"[:300]}),
    )


def funnel_file(place: Site, form: FunnelForm, *, of: str, now: datetime) -> tuple[Row, ...]:
    """Give the rows behind a part of the page; the form has nothing wrong with it.

    Args:
        place: The site.
        form: What was asked.
        of: `time` for the rows of the drawing over time, else what the form's view shows.
        now: The moment.
    """
    zone, context = ZoneInfo(place.time_zone), context_of(place, now=now)
    document = form.document(now=now, zone=zone)
    if of == "time":
        question = funnel_reads.checked(document, context)
        weeks = reads.weeks_of(place.name, question)
        return funnel_parts.trend_rows(_trend(place, form, document, context, weeks=weeks))
    if form.view == "times":
        found = _times(place, form, context, now=now, zone=zone, by=True)
        return funnel_parts.times_rows(found, by=form.by)
    beside = None
    if form.view == "compare":
        beside = _beside(place, form, document, context, now=now, zone=zone)
    if beside is not None:
        return funnel_parts.beside_rows(beside.answer)
    answer = cast("FunnelAnswer", funnel_reads.answer(place, "funnel", document, context).answer)
    return step_rows(answer.document())


def _other(form: FunnelForm, *, now: datetime, zone: ZoneInfo) -> Document | None:
    """Give the funnel beside it, where its own part of the form has nothing wrong."""
    if form.compare == "period" and form.against.problems():
        return None
    return form.other(now=now, zone=zone)


def _whole(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in GROUPS}


def _beside(
    place: Site,
    form: FunnelForm,
    document: Document,
    context: Context,
    *,
    now: datetime,
    zone: ZoneInfo,
) -> Beside | None:
    other = form.other(now=now, zone=zone)
    if other is None:
        return None
    if form.money and form.view == "compare":
        # How sure a difference of money is takes more than what either funnel answers.
        found = funnel_reads.answer(place, "funnel_compare", _both(document, other), context)
        compared = cast("FunnelComparison", found.answer)
        theirs = compared.there
    else:
        # Asked one by one, so that either may come from the index and be remembered.
        mine = funnel_reads.answer(place, "funnel", _whole(document), context)
        found = funnel_reads.answer(place, "funnel", other, context)
        theirs = cast("FunnelAnswer", found.answer)
        compared = side_by_side(cast("FunnelAnswer", mine.answer), theirs)
    here, there = "this period", "the period before"
    match form.compare:
        case "period":
            there = period_said(theirs.question.since, theirs.question.until, zone)
        case "segment":
            here, there = form.segment or "everybody", form.against_segment or "everybody"
        case "where":
            here, there = form.where or "all events", form.against_where
        case _:
            pass
    return Beside(compared, here, there, found.remarks)


def _both(document: Document, other: Document) -> Document:
    """Put a funnel and the one beside it into the one question that compares them."""
    differs = ("since", "until", "where", "segment")
    against: Document = {name: other[name] for name in differs if name in other}
    here: Document = {"segment": document["segment"]} if "segment" in document else {}
    mine = {name: value for name, value in _whole(document).items() if name != "segment"}
    return {**mine, "here": here, "against": against}


def _trend(
    place: Site, form: FunnelForm, document: Document, context: Context, *, weeks: float
) -> FunnelTrendAnswer:
    question = funnel_reads.checked(document, context)
    every = form.every or funnel_parts.interval_for(question.since, question.until, weeks)
    further = {**_whole(document), "every": every, "time_zone": place.time_zone}
    further.pop("amount", None)
    found = funnel_reads.answer(place, "funnel_trend", further, context)
    return cast("FunnelTrendAnswer", found.answer)


def _times_document(form: FunnelForm, *, now: datetime, zone: ZoneInfo, by: bool) -> Document:
    document = form.document(now=now, zone=zone)
    document.pop("amount", None)
    first, last = form.times
    further: Document = {"from_step": int(first)} if first else {}
    further |= {"to_step": int(last)} if last else {}
    return (document if by else _whole(document)) | further


def _times(
    place: Site,
    form: FunnelForm,
    context: Context,
    *,
    now: datetime,
    zone: ZoneInfo,
    by: bool = False,
) -> FunnelTimesAnswer:
    document = _times_document(form, now=now, zone=zone, by=by)
    found = funnel_reads.answer(place, "funnel_times", document, context)
    return cast("FunnelTimesAnswer", found.answer)


def _times_question(form: FunnelForm, *, now: datetime, zone: ZoneInfo, context: Context) -> None:
    document = _times_document(form, now=now, zone=zone, by=False)
    funnel_reads.checked_as("funnel_times", document, context)


def step_of(form: FunnelForm, at: str) -> int | None:
    """Read the number of a step of the form; None where it is none."""
    number = int(at) if at.isascii() and at.isdecimal() and len(at) < 3 else 0
    return number if 1 <= number <= len(form.steps) else None
