"""The backlog: the ranking, the scoring panel of an item, given ranks."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.backlog import services
from truelift.apps.backlog.forms import (
    FactsForm,
    FilterForm,
    RankForm,
    ScoreForm,
)
from truelift.apps.backlog.models import PriorityRecord, ScoreRecord
from truelift.apps.backlog.page import backlog_page, item_page, override_rows
from truelift.apps.backlog.reads import blind_to, item_of, placed
from truelift.apps.backlog.rule import Agreed
from truelift.apps.explorers.export import file_of
from truelift.apps.explorers.table import Row
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.scoring import BadValue


MOST_EXPORTED = 10_000


@require_safe
def backlog(request: SignedInRequest, site: str) -> HttpResponse:
    """Say which change is worth the next slot."""
    place = site_for(request.user, site)
    agreed = services.catch_up(place, now=datetime.now(UTC))
    form = FilterForm(request.GET)
    page = backlog_page(place, agreed, form.wanted(), to=request.user)
    shown = FilterForm(initial=request.GET.dict())
    context = {"page": page, "filters": shown, "may_write": _may_write(request, place)}
    return render(request, "backlog/backlog.html", context)


@require_safe
def export(request: SignedInRequest, site: str) -> HttpResponse:
    """Give the list as the address has it as CSV, all pages of it."""
    place = site_for(request.user, site)
    agreed = services.catch_up(place, now=datetime.now(UTC))
    wanted = FilterForm(request.GET).wanted()
    rows: list[Row] = []
    found = placed(place, agreed, wanted, most=MOST_EXPORTED)
    hidden = blind_to(request.user, (each.item for each in found), agreed, site=place)
    for each in found:
        entry, override = each.item, each.override
        blind = entry.pk in hidden
        rows.append(
            {
                "rank": each.rank,
                "key": entry.key,
                "change": entry.title,
                "surface": entry.surface,
                "framework": entry.framework,
                "version": entry.version,
                "score": None if blind else entry.score,
                "low": None if blind else entry.low,
                "high": None if blind else entry.high,
                "hidden": blind,
                "missing": ", ".join(entry.missing),
                "weekly_units": entry.weekly_units,
                "leak_minor": entry.leak_minor,
                "mde": entry.mde,
                "route": entry.route,
                "why": " ".join(entry.reasons),
                "solution_only": entry.solution_only,
                "discuss": not blind and entry.discuss,
                "scorers": entry.scorers,
                "rank_given_because": override.reason if override else "",
            }
        )
    return file_of("csv", rows, name=f"{place.name}-backlog")


@require_safe
def item(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show what an item scores and why."""
    place = site_for(request.user, site)
    agreed = services.catch_up(place, now=datetime.now(UTC))
    return _item(request, place, _item_or_404(place, key), agreed)


@require_POST
def score(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Keep the person's answers about an item."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    agreed = services.catch_up(place, now=datetime.now(UTC))
    found = _item_or_404(place, key)
    form = ScoreForm(request.POST, rule=agreed.rule, known=frozenset())
    if form.is_valid():
        try:
            services.submit_score(
                place,
                found.key,
                form.values(),
                by=Actor(request.user),
                now=datetime.now(UTC),
                note=form.cleaned_data["note"],
            )
        except (BadValue, BadFields) as refusal:
            _blame(form, refusal.wrong)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "Your answers are in; now you see those of the others.")
            return redirect("backlog:item", site=place.name, key=found.key)
    return _item(request, place, found, agreed, score_form=form, status=422)


@require_POST
def facts(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say what only people know about an item."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    agreed = services.catch_up(place, now=datetime.now(UTC))
    found = _item_or_404(place, key)
    form = FactsForm(request.POST)
    if form.is_valid():
        try:
            services.set_facts(
                place,
                found.key,
                defect=form.cleaned_data["defect"],
                if_wins=form.cleaned_data["if_wins"],
                if_loses=form.cleaned_data["if_loses"],
                risk=form.risk(),
                by=Actor(request.user),
                now=datetime.now(UTC),
            )
        except BadFields as refusal:
            _blame(form, refusal.wrong)
        else:
            return redirect("backlog:item", site=place.name, key=found.key)
    return _item(request, place, found, agreed, facts_form=form, status=422)


@require_POST
def rank(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Give an item a rank against its score, with the reason."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    agreed = services.catch_up(place, now=datetime.now(UTC))
    found = _item_or_404(place, key)
    form = RankForm(request.POST)
    if form.is_valid():
        then = FilterForm({}).wanted()
        ranks = {each.item.pk: each.rank for each in placed(place, agreed, then, most=None)}
        try:
            services.give_rank(
                place,
                found.key,
                form.cleaned_data["rank"],
                reason=form.cleaned_data["reason"],
                rank_then=ranks.get(found.pk),
                by=Actor(request.user),
                now=datetime.now(UTC),
            )
        except BadFields as refusal:
            _blame(form, refusal.wrong)
        else:
            return redirect("backlog:item", site=place.name, key=found.key)
    return _item(request, place, found, agreed, rank_form=form, status=422)


@require_POST
def rank_back(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Let the score decide again about an item."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    found = _item_or_404(place, key)
    services.take_rank_back(place, found.key, by=Actor(request.user), now=datetime.now(UTC))
    return redirect("backlog:item", site=place.name, key=found.key)


@require_safe
def ranks(request: SignedInRequest, site: str) -> HttpResponse:
    """List the ranks that people gave, and what became of them."""
    place = site_for(request.user, site)
    rows = override_rows(place)
    standing = sum(not each.withdrawn for each in rows)
    context = {"rows": rows, "standing": standing}
    return render(request, "backlog/ranks.html", context)


def _item(
    request: SignedInRequest,
    place: Site,
    found: PriorityRecord,
    agreed: Agreed,
    *,
    score_form: ScoreForm | None = None,
    facts_form: FactsForm | None = None,
    rank_form: RankForm | None = None,
    status: int = 200,
) -> HttpResponse:
    role = role_of(request.user, place)
    may_score = role is not None and role.covers(Role.ANALYST)
    page = item_page(place, found, agreed, to=request.user, may_score=may_score)
    own = ScoreRecord.objects.filter(
        priority=found, framework=agreed.rule.framework.value, scorer=request.user
    ).first()
    answered = {"note": own.note, **{k: f"{v:g}" for k, v in own.values.items()}} if own else {}
    context = {
        "page": page,
        "may_write": may_score,
        "may_rank": role is not None and role.covers(Role.EDITOR),
        "score_form": score_form
        or ScoreForm(rule=agreed.rule, known=page.known_names, initial=answered),
        "facts_form": facts_form or FactsForm(initial=FactsForm.initial_of(found)),
        "rank_form": rank_form or RankForm(),
    }
    return render(request, "backlog/item.html", context, status=status)


def _item_or_404(site: Site, key: str) -> PriorityRecord:
    found = item_of(site, key)
    if found is None:
        raise Http404
    return found


def _may_write(request: SignedInRequest, site: Site) -> bool:
    role = role_of(request.user, site)
    return role is not None and role.covers(Role.ANALYST)


def _blame(form: Form, wrong: dict[str, str]) -> None:
    for field, what in wrong.items():
        form.add_error(field if field in form.fields else None, what)
