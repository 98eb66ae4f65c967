"""Pages of what is measured."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.explorers.catalogue import FUNNEL
from truelift.apps.explorers.export import WRITERS, file_of
from truelift.apps.explorers.reads import views_of
from truelift.apps.measurement import reads
from truelift.apps.measurement.funnel_form import (
    ORDERS,
    PERIODS,
    WINDOWS,
    FunnelForm,
    default_form,
    period_before,
)
from truelift.apps.measurement.funnel_page import funnel_page, step_rows
from truelift.apps.measurement.home import home_of
from truelift.apps.measurement.ledger_page import ledger_page
from truelift.apps.measurement.naming import period_said
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.questions.dimensions import DIMENSIONS
from truelift.questions.funnel import Funnel


SPARE_STEPS: Final = 1
"""Empty inputs after the filled ones, so that the form can grow without a script."""


@require_safe
def home(request: HttpRequest, site: str) -> HttpResponse:
    """Answer the four questions for today."""
    place = site_for(request.user, site)
    page = home_of(place, now=reads.this_minute(datetime.now(UTC)))
    return render(request, "measurement/home.html", {"page": page})


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
    now = reads.this_minute(datetime.now(UTC))
    seen = reads.events_seen(place.name)
    form = FunnelForm.of(request.GET) if request.GET else default_form(seen, now=now)
    role = role_of(request.user, place)
    context: dict[str, Any] = {
        "form": form,
        "names": [each.event for each in seen],
        "dimensions": DIMENSIONS,
        "periods": PERIODS,
        "orders": ORDERS,
        "windows": WINDOWS,
        "inputs": [*form.steps, *[""] * max(SPARE_STEPS, 2 - len(form.steps))],
        "explorer": FUNNEL,
        "kept": views_of(place, request.user),
        "may_record": role is not None and role.covers(Role.ANALYST),
        "problems": form.problems() if request.GET else (),
    }
    if not context["problems"] and form.steps:
        try:
            question = form.question(now=now, zone=ZoneInfo(place.time_zone))
        except Refusal as refusal:
            context["problems"] = (str(refusal),)
        else:
            context |= answered(place, form, question, weeks=reads.weeks_of(place.name, question))
    status = 422 if context["problems"] else 200
    return render(request, "measurement/funnel.html", context, status=status)


@require_safe
def funnel_rows(request: SignedInRequest, site: str, kind: str) -> HttpResponse:
    """Give the steps of every group as a file."""
    place = site_for(request.user, site)
    if kind not in WRITERS:
        raise Http404
    now = reads.this_minute(datetime.now(UTC))
    form = (
        FunnelForm.of(request.GET)
        if request.GET
        else default_form(reads.events_seen(place.name), now=now)
    )
    problems = form.problems()
    if not problems:
        try:
            question = form.question(now=now, zone=ZoneInfo(place.time_zone))
        except Refusal as refusal:
            problems = (str(refusal),)
        else:
            document = reads.ask(place.name, question).answer.document()
            return file_of(kind, step_rows(document), name=f"{place.name}-funnel")
    said = "\n".join(problems)
    return HttpResponse(said, status=422, content_type="text/plain; charset=utf-8")


def answered(place: Site, form: FunnelForm, question: Funnel, *, weeks: float) -> dict[str, Any]:
    """Ask a funnel, the period before and what its leaks cost."""
    asked = reads.ask(place.name, question)
    earlier = period_before(question) if form.compare else None
    before = reads.ask(place.name, earlier).answer if earlier is not None else None
    leaks = (
        reads.leaks_of(place.name, [asked.answer], weeks=weeks, currency=place.currency)
        if question.by
        else ()
    )
    page = funnel_page(
        asked.answer,
        before=before,
        leaks=leaks,
        currency=place.currency,
        period=period_said(question.since, question.until, ZoneInfo(place.time_zone)),
    )
    pictures = (("steps", "the steps"), ("groups", "the groups"))
    return {
        "pictures": pictures if page.heat else pictures[:1],
        "asked": asked,
        "compared": before is not None,
        "page": page,
        "finding": urlencode({**page.finding, "evidence": f"?{form.address}"}),
    }
