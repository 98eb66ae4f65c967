"""Pages of what is measured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.explorers.catalogue import FUNNEL
from truelift.apps.explorers.export import WRITERS, file_of
from truelift.apps.explorers.models import AnnotationKind
from truelift.apps.explorers.reads import segments_of, views_of
from truelift.apps.measurement import reads
from truelift.apps.measurement.funnel_asking import (
    funnel_file,
    funnel_look,
    step_of,
    wrong_with,
)
from truelift.apps.measurement.funnel_form import (
    COMPARES,
    INTERVALS,
    ORDERS,
    UNITS,
    VIEWS,
    WINDOWS,
    Barred,
    FunnelForm,
    default_form,
    reasons_of,
)
from truelift.apps.measurement.funnel_parts import people_page, people_rows
from truelift.apps.measurement.funnel_reads import dropped, every_dropped
from truelift.apps.measurement.home import home_of
from truelift.apps.measurement.ledger_page import ledger_page
from truelift.apps.measurement.naming import period_said
from truelift.apps.measurement.periods import PERIODS
from truelift.apps.measurement.running import ComesLater, answering
from truelift.apps.measurement.segments_reads import context_of, whose_of
from truelift.apps.measurement.views_asking import asking_of
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import event_names_of, site_for
from truelift.errors import Refusal
from truelift.lake.stopping import Cancelled
from truelift.questions.dimensions import DIMENSIONS
from truelift.questions.events_seen import EventSeen


SPARE_STEPS: Final = 1
"""Empty inputs after the filled ones, so that the form can grow without a script."""


@require_safe
def home(request: HttpRequest, site: str) -> HttpResponse:
    """Answer the four questions for today."""
    place = site_for(request.user, site)
    now = reads.this_minute(datetime.now(UTC))
    return render(request, "measurement/home.html", {"page": home_of(place, now=now), "now": now})


@require_safe
def ledger(request: HttpRequest, site: str) -> HttpResponse:
    """Show what became of everything that was received."""
    place = site_for(request.user, site)
    page = ledger_page(reads.lake().ledger(place.name), time_zone=place.time_zone)
    return render(request, "measurement/ledger.html", {"page": page})


@require_safe
def funnel(request: SignedInRequest, site: str) -> HttpResponse:
    """Show who gets through the steps that the address names."""
    place = site_for(request.user, site)
    now, asking = reads.this_minute(datetime.now(UTC)), asking_of(request)
    seen = reads.known_events(place.name)
    form = FunnelForm.of(asking.query) if asking.query else _first(place, seen, now=now)
    problems: tuple[str, ...] = ()
    if asking.query or form.steps:
        problems = wrong_with(place, form, now=now) if asking.query or len(form.steps) > 1 else ()
    look, is_coming, is_cancelled = None, False, not asking.asks
    if not problems and len(form.steps) > 1 and asking.asks:
        try:
            with answering(request.user.pk, place.name, asking.token, waits=asking.waits):
                look = funnel_look(place, form, now=now)
        except ComesLater:
            is_coming = True
        except Cancelled:
            is_cancelled = True
        except Refusal as refusal:
            problems = reasons_of(refusal)
    role = role_of(request.user, place)
    is_analyst = role is not None and role.covers(Role.ANALYST)
    context: dict[str, Any] = {
        "form": form,
        "look": look,
        "asking": asking,
        "is_coming": is_coming,
        "is_cancelled": is_cancelled,
        "page": look and look.page,
        "finding": look.finding if look else "",
        "pictures": look.pictures if look else (),
        "names": [each.event for each in seen],
        "dimensions": DIMENSIONS,
        "segments": segments_of(place),
        "whose": whose_of(place, form.segment),
        "periods": PERIODS,
        "orders": ORDERS,
        "windows": WINDOWS,
        "compares": COMPARES,
        "units": UNITS,
        "attributions": form.attributions,
        "intervals": INTERVALS,
        "views": [
            (f"?{form.seen_as(view)}", words, view == form.view)
            for view, words in VIEWS
            if view != "compare" or form.compare != "none"
        ],
        "barred": [*form.between, Barred()],
        "inputs": [*form.steps, *[""] * max(SPARE_STEPS, 2 - len(form.steps))],
        "numbers": [(str(at), f"{at}. {step}") for at, step in enumerate(form.steps, 1)],
        "explorer": FUNNEL,
        "kept": views_of(place, request.user),
        "kinds": AnnotationKind.choices,
        "may_record": is_analyst,
        "may_note": is_analyst,
        "may_list": is_analyst and place.people_lists,
        "problems": problems,
    }
    status = 409 if is_cancelled and asking.asks else 422 if problems else 200
    return render(request, "measurement/funnel.html", context, status=status)


@require_safe
def funnel_rows(request: SignedInRequest, site: str, kind: str) -> HttpResponse:
    """Give the rows behind the page as a file."""
    place = site_for(request.user, site)
    if kind not in WRITERS:
        raise Http404
    form, now = _asked(request, place)
    if problems := wrong_with(place, form, now=now):
        return _refused(problems)
    of = request.GET.get("of", "")
    parts = {"compare": "-compared", "times": "-times"}
    name = f"{place.name}-funnel{'-over-time' if of == 'time' else parts.get(form.view, '')}"
    return file_of(kind, funnel_file(place, form, of=of, now=now), name=name)


@require_safe
@never_cache
def funnel_people(request: SignedInRequest, site: str) -> HttpResponse:
    """List who did not go on after a step, where the site allows such lists."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    if not place.people_lists:
        return render(request, "measurement/people_off.html", status=403)
    form, now = _asked(request, place)
    step = step_of(form, request.GET.get("at", "1"))
    problems = wrong_with(place, form, now=now) or _no_step(step)
    context: dict[str, Any] = {"form": form, "problems": problems, "at": step}
    if not problems and step is not None:
        try:
            found = dropped(
                place,
                form.document(now=now, zone=ZoneInfo(place.time_zone)),
                context_of(place, now=now),
                step=step,
                after=request.GET.get("after", ""),
                by=request.user,
                now=datetime.now(UTC),
            )
        except Refusal as refusal:
            context["problems"] = reasons_of(refusal)
        else:
            zone, asked = ZoneInfo(place.time_zone), found.answer.question
            period = period_said(asked.since, asked.until, zone)
            context["page"] = people_page(found.answer, zone=zone, pairs=form.pairs, period=period)
            context["table"] = context["page"].table
    status = 422 if context["problems"] else 200
    return render(request, "measurement/funnel_people.html", context, status=status)


@require_safe
@never_cache
def funnel_people_rows(request: SignedInRequest, site: str, kind: str) -> HttpResponse:
    """Give all who did not go on after a step as a file, where the site allows such lists."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    if kind not in WRITERS:
        raise Http404
    if not place.people_lists:
        return render(request, "measurement/people_off.html", status=403)
    form, now = _asked(request, place)
    step = step_of(form, request.GET.get("at", "1"))
    problems = wrong_with(place, form, now=now) or _no_step(step)
    if problems or step is None:
        return _refused(problems)
    try:
        people = every_dropped(
            place,
            form.document(now=now, zone=ZoneInfo(place.time_zone)),
            context_of(place, now=now),
            step=step,
            by=request.user,
            now=datetime.now(UTC),
        )
    except Refusal as refusal:
        return _refused(reasons_of(refusal))
    return file_of(kind, people_rows(people, by=form.by), name=f"{place.name}-funnel-people")


def _asked(request: SignedInRequest, place: Site) -> tuple[FunnelForm, datetime]:
    now = reads.this_minute(datetime.now(UTC))
    if request.GET:
        return FunnelForm.of(request.GET), now
    return _first(place, reads.known_events(place.name), now=now), now


def _first(place: Site, seen: Sequence[EventSeen], *, now: datetime) -> FunnelForm:
    return default_form(seen, now=now, called=event_names_of(place))


def _no_step(step: int | None) -> tuple[str, ...]:
    return () if step is not None else ("The step is one of the funnel’s, by its number.",)


def _refused(problems: Sequence[str]) -> HttpResponse:
    said = "\n".join(problems)
    return HttpResponse(said, status=422, content_type="text/plain; charset=utf-8")
