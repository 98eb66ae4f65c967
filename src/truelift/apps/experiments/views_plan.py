"""The form on which an experiment is planned."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.forms import ExperimentForm
from truelift.apps.experiments.reads import experiment_of
from truelift.apps.experiments.services import (
    PlanIsFrozen,
    delete_experiment,
    plan_experiment,
    replan_experiment,
)
from truelift.apps.experiments.spec import BadSpec
from truelift.apps.research.actor import Actor
from truelift.apps.research.reads import hypothesis_of
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.experiment import RANDOMISED, Method, Stage


PLANNED: Final = ("primary", "baseline", "cv", "minimum_effect", "visitors_per_week")
"""What an address may bring along from the planner."""


USUAL_COVARIATE_DAYS: Final = 14
"""What the form suggests; a file or the API that says nothing of it gets none."""


STUDIES = frozenset(each.value for each in Method if each not in RANDOMISED)
"""Methods that split no visitors."""


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: SignedInRequest, site: str) -> HttpResponse:
    """Plan a new experiment."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    if request.method != "POST":
        return _page(request, ExperimentForm(site=place, initial=_start(place, request)))
    form = ExperimentForm(request.POST, site=place)
    spec = form.spec()
    if spec is None:
        return _page(request, form, status=422)
    try:
        record = plan_experiment(place, spec, by=Actor(request.user), now=datetime.now(UTC))
    except BadSpec as refusal:
        form.blame(refusal)
        return _page(request, form, status=422)
    return redirect("experiments:detail", site=place.name, key=record.key)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Rewrite the plan of a draft."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    record = experiment_of(place, key)
    if record is None:
        raise Http404
    if record.stage != Stage.BRIEFED:
        raise PlanIsFrozen(key=key, stage=record.stage)
    initial = ExperimentForm.initial_of(record)
    if request.method != "POST":
        return _page(request, ExperimentForm(site=place, key=key, initial=initial), key=key)
    form = ExperimentForm(request.POST, site=place, key=key, initial=initial)
    spec = form.spec()
    if spec is None:
        return _page(request, form, key=key, status=422)
    try:
        replan_experiment(place, key, spec, by=Actor(request.user), now=datetime.now(UTC))
    except BadSpec as refusal:
        form.blame(refusal)
        return _page(request, form, key=key, status=422)
    return redirect("experiments:detail", site=place.name, key=key)


@require_POST
def delete(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Delete a draft to which nothing has happened."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    if experiment_of(place, key) is None:
        raise Http404
    delete_experiment(place, key, by=Actor(request.user), now=datetime.now(UTC))
    messages.success(request, f"{key} is deleted.")
    return redirect("experiments:list", site=place.name)


def _page(
    request: SignedInRequest, form: ExperimentForm, *, key: str = "", status: int = 200
) -> HttpResponse:
    return render(
        request,
        "experiments/plan.html",
        {
            "form": form,
            "key": key,
            "no_metrics": not form.known,
            # What only a test needs is folded away; a mistake in it opens it again.
            "folded": form["method"].value() in STUDIES and not form.errors,
        },
        status=status,
    )


def _start(site: Site, request: SignedInRequest) -> dict[str, object]:
    """Begin with what the hypothesis says, when the form was opened from one."""
    initial: dict[str, object] = {
        "decision_owner": request.user.email,
        "weeks": 2,
        "covariate_days": USUAL_COVARIATE_DAYS,
        "variant_1": "control",
        "variant_2": "variant",
    }
    initial |= {name: request.GET[name] for name in PLANNED if name in request.GET}
    hypothesis = hypothesis_of(site, request.GET.get("hypothesis", ""))
    if hypothesis is not None:
        initial |= {
            "hypothesis": hypothesis.key,
            "name": hypothesis.change[:200],
            "primary": hypothesis.metric,
            "surface": hypothesis.surface,
        }
        if hypothesis.expected_lift:
            initial["minimum_effect"] = round(hypothesis.expected_lift * 100, 6)
    return initial
