"""The pages of insights and hypotheses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.lists.page import file_response, file_wanted, page_of
from truelift.apps.research import services
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.research.forms import HypothesisForm, InsightForm
from truelift.apps.research.lists import HYPOTHESES, INSIGHTS
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.research.page import (
    Tried,
    checks_while_typed,
    hypotheses_page,
    hypothesis_page,
    insight_page,
    insights_page,
)
from truelift.apps.research.reads import hypothesis_of, insight_of, metric_choices
from truelift.apps.research.services import NoLongerDraft
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.hypothesis import HypothesisStage
from truelift.lifecycle.insight import InsightStage
from truelift.lifecycle.obstacle import MoveRefused


MOST_REASON = 500
"""Letters of a reason, as the form says too."""


@require_safe
def insights(request: SignedInRequest, site: str) -> HttpResponse:
    """List what was found."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    if file_wanted(request):
        return file_response(INSIGHTS, place, request.GET.dict(), now=now)
    listed = page_of(INSIGHTS, place, request.GET.dict(), reader=request.user, now=now)
    page = insights_page(place, listed)
    context = {"page": page, "list": listed, "choose": bool(listed.steps)}
    return render(request, "research/insights.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_insight(request: SignedInRequest, site: str) -> HttpResponse:
    """Write down what was found."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    if request.method != "POST":
        initial = {
            name: request.GET.get(name, "")[:300] for name in ("problem", "surface", "segment")
        }
        initial |= {"size": request.GET.get("size", "")[:200]}
        initial |= {"text_1": request.GET.get("evidence", "")[:300]}
        initial |= {"url_1": request.GET.get("url", "")[:500]}
        form = InsightForm(site=place, initial=initial)
        return render(request, "research/insight_form.html", {"form": form})
    form = InsightForm(request.POST, site=place)
    if form.is_valid():
        try:
            made = services.create_insight(
                place, form.written(), by=Actor(request.user), now=datetime.now(UTC)
            )
        except BadFields as refusal:
            _blame(form, refusal)
        else:
            return redirect("research:insight", site=place.name, key=made.key)
    return render(request, "research/insight_form.html", {"form": form}, status=422)


@require_safe
def insight(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show an insight."""
    place = site_for(request.user, site)
    return _insight(request, place, _insight_or_404(place, key))


@require_http_methods(["GET", "HEAD", "POST"])
def edit_insight(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Rewrite a draft."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _insight_or_404(place, key)
    if found.stage != InsightStage.DRAFT:
        raise NoLongerDraft(key=found.key, stage=found.stage)
    context = {"key": found.key}
    if request.method != "POST":
        form = InsightForm(site=place, initial=InsightForm.initial_of(found))
        return render(request, "research/insight_form.html", {"form": form, **context})
    form = InsightForm(request.POST, site=place)
    if form.is_valid():
        try:
            services.edit_insight(
                place, found.key, form.written(), by=Actor(request.user), now=datetime.now(UTC)
            )
        except BadFields as refusal:
            _blame(form, refusal)
        else:
            return redirect("research:insight", site=place.name, key=found.key)
    return render(request, "research/insight_form.html", {"form": form, **context}, status=422)


@require_POST
def accept_insight(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Accept an insight, or say every reason why not."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _insight_or_404(place, key)
    try:
        services.accept_insight(place, found.key, by=Actor(request.user), now=datetime.now(UTC))
    except MoveRefused:
        return _insight(request, place, found, tried=Tried("accept"), status=409)
    return redirect("research:insight", site=place.name, key=found.key)


@require_POST
def confirm_insight(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say that an insight still holds."""
    return _step_insight(request, site, key, "confirm")


@require_POST
def retire_insight(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Put an insight away."""
    return _step_insight(request, site, key, "retire")


def _step_insight(request: SignedInRequest, site: str, key: str, action: str) -> HttpResponse:
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _insight_or_404(place, key)
    reason = request.POST.get("reason", "")[:MOST_REASON]
    step = {"confirm": services.confirm_insight, "retire": services.retire_insight}[action]
    try:
        step(place, found.key, by=Actor(request.user), now=datetime.now(UTC), because=reason)
    except MoveRefused:
        return _insight(request, place, found, tried=Tried(action, reason), status=409)
    return redirect("research:insight", site=place.name, key=found.key)


@require_POST
def delete_insight(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Delete a draft that nothing rests on."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _insight_or_404(place, key)
    try:
        services.delete_insight(place, found.key, by=Actor(request.user), now=datetime.now(UTC))
    except Refusal as refusal:
        return _insight(request, place, found, said=str(refusal), status=409)
    messages.success(request, f"{found.key} is deleted.")
    return redirect("research:insights", site=place.name)


@require_safe
def hypotheses(request: SignedInRequest, site: str) -> HttpResponse:
    """List what is proposed."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    if file_wanted(request):
        return file_response(HYPOTHESES, place, request.GET.dict(), now=now)
    listed = page_of(HYPOTHESES, place, request.GET.dict(), reader=request.user, now=now)
    page = hypotheses_page(place, listed, now=now)
    context = {"page": page, "list": listed, "choose": bool(listed.steps)}
    return render(request, "research/hypotheses.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_hypothesis(request: SignedInRequest, site: str) -> HttpResponse:
    """Write down what is proposed."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    metrics = metric_choices(place)
    if request.method != "POST":
        initial: dict[str, object] = {
            name: request.GET.get(name, "")[:300]
            for name in ("change", "audience", "outcome", "reason", "surface", "element")
        }
        initial["insights"] = [request.GET.get("insight", "")]
        form = HypothesisForm(site=place, metrics=metrics, initial=initial)
        return _hypothesis_form(request, place, form)
    form = HypothesisForm(request.POST, site=place, metrics=metrics)
    if "check" in request.POST:
        return _hypothesis_form(request, place, form)
    if form.is_valid():
        try:
            made = services.create_hypothesis(
                place, form.written(), by=Actor(request.user), now=datetime.now(UTC)
            )
        except BadFields as refusal:
            _blame(form, refusal)
        else:
            return redirect("research:hypothesis", site=place.name, key=made.key)
    return _hypothesis_form(request, place, form, status=422)


@require_POST
def check_hypothesis(request: SignedInRequest, site: str) -> HttpResponse:
    """Say what is weak about what is being typed, and what there is already like it."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    form = HypothesisForm(request.POST, site=place, metrics=metric_choices(place))
    form.is_valid()
    of = hypothesis_of(place, request.POST.get("of", "")[:20])
    checks = checks_while_typed(place, form.written(), now=datetime.now(UTC), of=of)
    return render(request, "research/_checks.html", {"checks": checks, "site": place})


@require_safe
def hypothesis(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show a hypothesis."""
    place = site_for(request.user, site)
    return _hypothesis(request, place, _hypothesis_or_404(place, key))


@require_http_methods(["GET", "HEAD", "POST"])
def edit_hypothesis(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Rewrite a draft."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _hypothesis_or_404(place, key)
    if found.stage != HypothesisStage.DRAFT:
        raise NoLongerDraft(key=found.key, stage=found.stage)
    metrics = metric_choices(place)
    if request.method != "POST":
        initial = HypothesisForm.initial_of(found)
        form = HypothesisForm(site=place, metrics=metrics, initial=initial)
        return _hypothesis_form(request, place, form, of=found)
    form = HypothesisForm(request.POST, site=place, metrics=metrics)
    if "check" in request.POST:
        return _hypothesis_form(request, place, form, of=found)
    if form.is_valid():
        try:
            services.edit_hypothesis(
                place, found.key, form.written(), by=Actor(request.user), now=datetime.now(UTC)
            )
        except BadFields as refusal:
            _blame(form, refusal)
        else:
            return redirect("research:hypothesis", site=place.name, key=found.key)
    return _hypothesis_form(request, place, form, of=found, status=422)


def _hypothesis_form(
    request: SignedInRequest,
    site: Site,
    form: HypothesisForm,
    *,
    of: HypothesisRecord | None = None,
    status: int = 200,
) -> HttpResponse:
    """Show the form with what is weak about what stands in it."""
    checks = None
    if form.is_bound:
        form.is_valid()
        checks = checks_while_typed(site, form.written(), now=datetime.now(UTC), of=of)
    elif of is not None:
        checks = hypothesis_page(of, to=Actor(request.user), now=datetime.now(UTC)).checks
    context = {"form": form, "checks": checks, "key": of.key if of else ""}
    return render(request, "research/hypothesis_form.html", context, status=status)


@require_POST
def submit_hypothesis(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Give a draft to review, or say every reason why not."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _hypothesis_or_404(place, key)
    try:
        services.submit_hypothesis(place, found.key, by=Actor(request.user), now=datetime.now(UTC))
    except MoveRefused:
        return _hypothesis(request, place, found, tried=Tried("submit"), status=409)
    return redirect("research:hypothesis", site=place.name, key=found.key)


@require_POST
def return_hypothesis(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Give it back to its author."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _hypothesis_or_404(place, key)
    reason = request.POST.get("reason", "")[:MOST_REASON]
    try:
        services.return_hypothesis(
            place, found.key, by=Actor(request.user), now=datetime.now(UTC), because=reason
        )
    except MoveRefused:
        return _hypothesis(request, place, found, tried=Tried("return", reason), status=409)
    return redirect("research:hypothesis", site=place.name, key=found.key)


@require_POST
def accept_hypothesis(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Accept a hypothesis, or say every reason why not."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _hypothesis_or_404(place, key)
    reason = request.POST.get("reason", "")[:MOST_REASON]
    try:
        services.accept_hypothesis(
            place, found.key, by=Actor(request.user), now=datetime.now(UTC), reason=reason
        )
    except MoveRefused:
        return _hypothesis(request, place, found, tried=Tried("accept", reason), status=409)
    return redirect("research:hypothesis", site=place.name, key=found.key)


@require_POST
def answer_repeat(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say why something is tried that is much like earlier work."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _hypothesis_or_404(place, key)
    try:
        services.answer_repeat(
            place,
            found.key,
            again=request.POST.get("again", ""),
            because=request.POST.get("because", ""),
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except BadFields as refusal:
        return _hypothesis(request, place, found, wrong=refusal.wrong, status=422)
    return redirect("research:hypothesis", site=place.name, key=found.key)


@require_POST
def delete_hypothesis(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Delete a draft that no experiment tests."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _hypothesis_or_404(place, key)
    try:
        services.delete_hypothesis(place, found.key, by=Actor(request.user), now=datetime.now(UTC))
    except Refusal as refusal:
        return _hypothesis(request, place, found, said=str(refusal), status=409)
    messages.success(request, f"{found.key} is deleted.")
    return redirect("research:hypotheses", site=place.name)


def _insight_or_404(site: Site, key: str) -> InsightRecord:
    found = insight_of(site, key)
    if found is None:
        raise Http404
    return found


def _hypothesis_or_404(site: Site, key: str) -> HypothesisRecord:
    found = hypothesis_of(site, key)
    if found is None:
        raise Http404
    return found


def _insight(
    request: SignedInRequest,
    site: Site,
    found: InsightRecord,
    *,
    said: str = "",
    tried: Tried | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "page": insight_page(found, to=Actor(request.user), tried=tried),
        "said": said,
        "may_write": _may_write(request, site),
        "what": "insights",
    }
    return render(request, "research/insight.html", context, status=status)


def _hypothesis(
    request: SignedInRequest,
    site: Site,
    found: HypothesisRecord,
    *,
    said: str = "",
    tried: Tried | None = None,
    wrong: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    page = hypothesis_page(found, to=Actor(request.user), now=datetime.now(UTC), tried=tried)
    context = {
        "page": page,
        "checks": page.checks,
        "said": said,
        "wrong": wrong,
        "may_write": _may_write(request, site),
        "what": "hypotheses",
    }
    return render(request, "research/hypothesis.html", context, status=status)


def _may_write(request: SignedInRequest, site: Site) -> bool:
    role = role_of(request.user, site)
    return role is not None and role.covers(Role.ANALYST)


def _blame(form: InsightForm | HypothesisForm, refusal: BadFields) -> None:
    in_rows = {"url": "url_1", "text": "text_1", "kind": "kind_1", "grade": "grade_1"}
    for name, what in refusal.wrong.items():
        place = in_rows.get(name, name)
        form.add_error(place if place in form.fields else None, what)
