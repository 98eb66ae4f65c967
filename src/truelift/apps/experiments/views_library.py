"""The pages of what was decided and learned, and of the metrics that decide."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.briefs.reads import brief_record, undocumented
from truelift.apps.drawing.wording import amount
from truelift.apps.experiments.forms import LearningForm, MetricForm
from truelift.apps.experiments.library import metrics_page
from truelift.apps.experiments.metrics import define_metric, take_library
from truelift.apps.experiments.reads import learnable
from truelift.apps.experiments.services import IncompleteLearning, write_learning
from truelift.apps.experiments.spec import BadSpec
from truelift.apps.research.actor import Actor
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal


@require_http_methods(["GET", "HEAD", "POST"])
def new_learning(request: SignedInRequest, site: str) -> HttpResponse:
    """Write down what an experiment taught."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    experiments = learnable(place)
    if request.method != "POST":
        form = LearningForm(
            experiments=experiments, initial={"experiment": request.GET.get("experiment", "")}
        )
        asked = next((e for e in experiments if e.key == request.GET.get("experiment")), None)
        lacks = undocumented(asked, brief_record(asked)) if asked else ()
        context = {"form": form, "any": experiments, "asked": asked, "lacks": lacks}
        return render(request, "experiments/learning.html", context)
    form = LearningForm(request.POST, experiments=experiments)
    status = 422
    if form.is_valid():
        given = form.cleaned_data
        try:
            learning = write_learning(
                place,
                given["experiment"],
                text=given["text"],
                scope=given["scope"],
                follow_up=given["follow_up"],
                by=Actor(request.user),
                now=datetime.now(UTC),
            )
        except IncompleteLearning as refusal:
            for name, what in refusal.wrong.items():
                form.add_error(name, what)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
            status = 409
        else:
            messages.success(request, f"{learning.key} is kept.")
            return redirect("experiments:learnings", site=place.name)
    context = {"form": form, "any": experiments}
    return render(request, "experiments/learning.html", context, status=status)


@require_safe
def metrics(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the metrics of a site, all versions."""
    place = site_for(request.user, site)
    return render(request, "experiments/metrics.html", {"page": metrics_page(place)})


@require_http_methods(["GET", "HEAD", "POST"])
def new_metric(request: SignedInRequest, site: str) -> HttpResponse:
    """Define a metric, or the next version of one."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    if request.method != "POST":
        return render(request, "experiments/metric.html", {"form": MetricForm()})
    form = MetricForm(request.POST)
    if form.is_valid():
        try:
            metric = define_metric(
                place, form.written(), by=Actor(request.user), now=datetime.now(UTC)
            )
        except BadSpec as refusal:
            for where, what in refusal.wrong.items():
                name = where.rpartition(".")[2]
                form.add_error(name if name in form.fields else None, what)
        else:
            messages.success(request, f"{metric.name} is defined, version {metric.version}.")
            return redirect("experiments:metrics", site=place.name)
    return render(request, "experiments/metric.html", {"form": form}, status=422)


@require_POST
def take(request: SignedInRequest, site: str) -> HttpResponse:
    """Take the metrics of a kind of business."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    taken = take_library(
        place, request.POST.get("library", ""), by=Actor(request.user), now=datetime.now(UTC)
    )
    messages.success(request, f"{amount(len(taken), 'metric is', 'metrics are')} defined.")
    return redirect("experiments:metrics", site=place.name)
