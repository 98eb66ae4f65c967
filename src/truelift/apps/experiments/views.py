"""The pages of an experiment: the card, its moves, its snapshots."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from django.db.models import prefetch_related_objects
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.briefs.page import brief_page
from truelift.apps.experiments.at_form import form_by_variant
from truelift.apps.experiments.broken_down import details_of
from truelift.apps.experiments.card import card_of, progress_of, result_seen
from truelift.apps.experiments.forms_allocation import AllocationForm
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.monitoring_hiding import hides_from, shown_to
from truelift.apps.experiments.reads import experiment_of, snapshot_of
from truelift.apps.experiments.services import ask_for_analysis, move_experiment, write_findings
from truelift.apps.experiments.spec import BadSpec
from truelift.apps.experiments.wording import moment
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.experiment import Action, Choice, Stage
from truelift.lifecycle.obstacle import MoveRefused, Obstacle


NEEDS: Final[Mapping[Action, Role]] = MappingProxyType(
    {
        Action.DESIGN: Role.EDITOR,
        Action.BUILD: Role.EDITOR,
        Action.CHECK: Role.EDITOR,
        Action.SUBMIT: Role.EDITOR,
        Action.SCHEDULE: Role.EDITOR,
        Action.RETURN: Role.EDITOR,
        Action.LAUNCH: Role.EDITOR,
        Action.PAUSE: Role.EDITOR,
        Action.RESUME: Role.EDITOR,
        Action.STOP: Role.EDITOR,
        Action.ANALYSE: Role.ANALYST,
        # Who may decide is the experiment's own matter: its decision-owner, whatever their role.
        Action.DECIDE: Role.VIEWER,
        Action.LEARN: Role.ANALYST,
        Action.CLOSE: Role.EDITOR,
        Action.INVALIDATE: Role.EDITOR,
    }
)
"""The role that each move takes on the site."""


@require_safe
def detail(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show an experiment."""
    place = site_for(request.user, site)
    return _card(request, place, _record(place, key))


@require_POST
@never_cache
def move(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Move an experiment one step; answer with its card as it now stands."""
    place = site_for(request.user, site)
    record = _record(place, key)
    try:
        action = Action(request.POST.get("action", ""))
        given = request.POST.get("choice", "")
        choice = Choice(given) if given else None
    except ValueError as error:
        raise Http404 from error
    site_for(request.user, site, needs=NEEDS[action])
    try:
        move_experiment(
            place,
            record.key,
            action,
            by=Actor(request.user),
            now=datetime.now(UTC),
            choice=choice,
            reason=request.POST.get("reason", ""),
            seen=_number(request.POST.get("seen", "")),
            reviewer=request.POST.get("reviewer", ""),
            override=request.POST.get("override", ""),
        )
    except MoveRefused as refusal:
        return _card(request, place, _record(place, key), refused=refusal.obstacles, status=409)
    return _moved(request, place, key)


@require_POST
@never_cache
def analyse(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Ask for an analysis; a worker computes it, the page shows that it is under way."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _record(place, key)
    try:
        ask_for_analysis(place, record.key, by=Actor(request.user), now=datetime.now(UTC))
    except Refusal as refusal:
        said = Obstacle(refusal.code, str(refusal), "")
        return _card(request, place, record, refused=(said,), status=409)
    return _moved(request, place, key)


@require_safe
@never_cache
def progress(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say whether the analysis is still computed; when it is done, give the card instead."""
    place = site_for(request.user, site)
    record = _record(place, key)
    under_way = progress_of(record)
    if under_way.running:
        return render(
            request,
            "experiments/_progress.html",
            {"record": record, "progress": under_way, "site": place},
        )
    response = _card(request, place, record)
    response["HX-Retarget"] = "#experiment"
    response["HX-Reswap"] = "outerHTML"
    return response


@require_POST
@never_cache
def findings(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Write down what a study without traffic found."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _record(place, key)
    text = request.POST.get("text", "")
    try:
        write_findings(place, record.key, text=text, by=Actor(request.user), now=datetime.now(UTC))
    except BadSpec as refusal:
        said = Obstacle(refusal.code, refusal.wrong["findings"], "")
        return _card(request, place, record, refused=(said,), status=422, findings=text)
    except Refusal as refusal:
        said = Obstacle(refusal.code, str(refusal), "")
        return _card(request, place, record, refused=(said,), status=409, findings=text)
    return _moved(request, place, key)


@require_safe
def snapshot(request: SignedInRequest, site: str, key: str, number: int) -> HttpResponse:
    """Show an analysis exactly as it was stored."""
    place = site_for(request.user, site)
    found = snapshot_of(place, key, number)
    if found is None:
        raise Http404
    now = datetime.now(UTC)
    hides = hides_from(found.experiment, request.user, now=now)
    document = shown_to(found.experiment, found.document, request.user, now=now)
    return render(
        request,
        "experiments/snapshot.html",
        {
            "snapshot": found,
            "record": found.experiment,
            "result": result_seen(found.experiment, document, hides=hides),
            "details": None if hides else details_of(found.experiment, document),
            "taken": moment(found.made_at, place.time_zone),
            "as_of": moment(found.as_of, place.time_zone),
            "pretty": json.dumps(document, indent=2, ensure_ascii=False),
        },
    )


def _record(site: Site, key: str) -> ExperimentRecord:
    record = experiment_of(site, key)
    if record is None:
        raise Http404
    return record


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _card(
    request: SignedInRequest,
    site: Site,
    record: ExperimentRecord,
    *,
    refused: tuple[Obstacle, ...] = (),
    status: int = 200,
    findings: str = "",
) -> HttpResponse:
    role = role_of(request.user, site)
    # Each part of the page looks at them.
    prefetch_related_objects([record], "variants")
    card = card_of(
        record,
        by=Actor(request.user),
        now=datetime.now(UTC),
        may_edit=role is not None and role.covers(Role.EDITOR),
        refused=refused,
    )
    alone = bool(request.headers.get("HX-Request")) and not request.headers.get("HX-Boosted")
    return render(
        request,
        "experiments/_card.html" if alone else "experiments/detail.html",
        {
            "card": card,
            "form": form_by_variant(record),
            "brief": None
            if card.imported
            else brief_page(record, by=Actor(request.user), now=datetime.now(UTC)),
            "record": record,
            "allocation": AllocationForm(record)
            if card.can_analyse
            and role is not None
            and role.covers(Role.ANALYST)
            and record.stage in _DRAWS
            else None,
            "was_refused": bool(refused),
            "reason": request.POST.get("reason", "") if refused else "",
            "reviewer": request.POST.get("reviewer", "") if refused else "",
            "override": request.POST.get("override", "") if refused else "",
            "findings": findings,
            "site": site,
        },
        status=status,
    )


_DRAWS: Final = frozenset({Stage.RUNNING, Stage.PAUSED, Stage.STOPPED, Stage.ANALYSED})
"""Stages at which it still matters to the result by which weights visitors were drawn."""


def _moved(request: SignedInRequest, site: Site, key: str) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return _card(request, site, _record(site, key))
    return redirect("experiments:detail", site=site.name, key=key)
