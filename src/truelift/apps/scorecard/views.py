"""The pages of a scorecard."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.research.actor import Actor
from truelift.apps.scorecard import reads, services
from truelift.apps.scorecard.forms import QuestionnaireForm, WantedForm
from truelift.apps.scorecard.page import scorecard_page
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.events.money import exponent_of


@require_safe
def scorecard(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the scorecard of the last day, or of another one."""
    place = site_for(request.user, site)
    return _page(request, place, _wanted_form(place))


def _page(
    request: SignedInRequest,
    site: Site,
    form: WantedForm,
    *,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    asked = request.GET.get("day", "")
    record = reads.latest(site)
    if asked:
        try:
            record = reads.scorecard_at(site, date.fromisoformat(asked))
        except ValueError:
            record = None
        if record is None:
            raise Http404
    role = role_of(request.user, site)
    context = {
        "site": site,
        "form": form,
        "refusal": refusal,
        "may_set": role is not None and role.covers(Role.OWNER),
        "page": None
        if record is None
        else scorecard_page(record.document, kept=record.day, quarters=reads.by_quarter(site)),
    }
    return render(request, "scorecard/scorecard.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def questions(request: SignedInRequest, site: str) -> HttpResponse:
    """Ask for the half of maturity that people say."""
    place = site_for(request.user, site)
    if request.method != "POST":
        form = QuestionnaireForm(answers=reads.own_answers(place, request.user.pk))
        return render(request, "scorecard/questions.html", {"site": place, "form": form})
    form = QuestionnaireForm(request.POST, answers={})
    if not form.is_valid():
        context = {"site": place, "form": form}
        return render(request, "scorecard/questions.html", context, status=422)
    services.answer(place, form.cleaned_data, by=Actor(request.user), now=datetime.now(UTC))
    messages.success(request, "It is kept. The scorecard of this night counts it.")
    return redirect("scorecard:page", site=place.name)


@require_POST
def wanted(request: SignedInRequest, site: str) -> HttpResponse:
    """Say what the programme has room for and wants."""
    place = site_for(request.user, site, needs=Role.OWNER)
    form = WantedForm(request.POST)
    if not form.is_valid():
        return _page(request, place, form, status=422)
    before, given = reads.targets_of(place), form.cleaned_data
    unit = 10 ** exponent_of(place.currency)
    wanted = services.Wanted(
        targets={key: tuple(each) for key, each in before.targets.items()},
        tests_a_quarter=given["tests_a_quarter"],
        revenue_minor=float(given["revenue"] * unit) if given["revenue"] else None,
        cost_minor=float(given["cost"] * unit) if given["cost"] else None,
        half_life_days=given["half_life_days"],
    )
    try:
        services.set_targets(
            place, wanted, seen=given["version"], by=Actor(request.user), now=datetime.now(UTC)
        )
    except Refusal as refusal:
        return _page(request, place, form, refusal=refusal, status=409)
    messages.success(request, "It is kept. The scorecard of this night goes by it.")
    return redirect("scorecard:page", site=place.name)


def _wanted_form(site: Site) -> WantedForm:
    targets = reads.targets_of(site)
    unit = 10 ** exponent_of(site.currency)
    amounts = {"revenue": targets.revenue_minor, "cost": targets.cost_minor}
    return WantedForm(
        initial={
            "version": targets.version,
            "tests_a_quarter": targets.tests_a_quarter,
            "half_life_days": targets.half_life_days,
            **{key: None if minor is None else minor / unit for key, minor in amounts.items()},
        }
    )
