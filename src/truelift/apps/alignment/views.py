"""The pages of team metrics: the list, one, the form."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.alignment import services
from truelift.apps.alignment.forms import MetricForm, ValuesForm
from truelift.apps.alignment.metrics_page import metric_page, metrics_page
from truelift.apps.alignment.models import TeamMetricRecord
from truelift.apps.alignment.nightly import compute_soon
from truelift.apps.alignment.reads import metric_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.functions import Function


@require_safe
def metrics(request: SignedInRequest, site: str) -> HttpResponse:
    """List what teams are judged by, what is against the shared metric first."""
    place = site_for(request.user, site)
    context = {
        "page": metrics_page(place, now=datetime.now(UTC)),
        "may_write": _may_write(request, place),
    }
    return render(request, "alignment/metrics.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: SignedInRequest, site: str) -> HttpResponse:
    """Register a metric."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    if request.method != "POST":
        return _form(request, MetricForm(site=place))
    return _written(request, place, MetricForm(request.POST, site=place), None)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Change what is said of a metric."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _metric(place, number)
    if request.method != "POST":
        return _form(request, MetricForm.of(record), record)
    return _written(request, place, MetricForm.of(record, request.POST), record)


@require_safe
def metric(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Show a metric; nothing is computed for it."""
    place = site_for(request.user, site)
    return _shown(request, place, _metric(place, number))


@require_POST
def values(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Take values of a metric in."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _metric(place, number)
    form, now = ValuesForm(request.POST), datetime.now(UTC)
    if form.is_valid():
        try:
            days = services.take_values(
                place,
                number,
                services.values_in(form.cleaned_data["values"]),
                by=Actor(request.user),
                now=now,
            )
        except services.BadValues as refusal:
            form.add_error("values", str(refusal))
        else:
            compute_soon(place, by=request.user, now=now)
            messages.success(request, f"{days} days are kept; they are computed in a minute.")
            return redirect("alignment:metric", site=place.name, number=number)
    return _shown(request, place, record, form, status=422)


@require_POST
def end(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Take a metric out of the register."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    record = _metric(place, number)
    services.end_metric(place, number, by=Actor(request.user), now=datetime.now(UTC))
    messages.success(request, f"Nobody is judged by {record.name} any more.")
    return redirect("alignment:metrics", site=place.name)


@require_POST
def usual(request: SignedInRequest, site: str) -> HttpResponse:
    """Register what a team is usually judged by."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    word = request.POST.get("team", "")
    if word not in set(Function):
        raise services.BadTeamMetric({"team": f"It is one of {', '.join(Function)}."})
    now = datetime.now(UTC)
    made = services.load_template(place, Function(word), by=Actor(request.user), now=now)
    compute_soon(place, by=request.user, now=now)
    messages.success(request, f"{len(made)} metrics are registered. Say who answers for each.")
    return redirect("alignment:metrics", site=place.name)


@require_POST
def compute(request: SignedInRequest, site: str) -> HttpResponse:
    """Have everything computed now."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    compute_soon(place, by=request.user, now=datetime.now(UTC))
    messages.success(request, "It is being computed; look again in a minute.")
    return redirect("alignment:metrics", site=place.name)


def _written(
    request: SignedInRequest, place: Site, form: MetricForm, record: TeamMetricRecord | None
) -> HttpResponse:
    status, now = 422, datetime.now(UTC)
    if form.is_valid():
        try:
            made = services.write_metric(
                place,
                form.written(),
                by=Actor(request.user),
                now=now,
                number=record.number if record else None,
                version=form.cleaned_data["version"],
            )
        except (services.BadTeamMetric, BadFields) as refusal:
            for name, what in refusal.wrong.items():
                shown = "formula" if name == "library" else name
                form.add_error(shown if shown in form.fields else None, what)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
            status = 409
        else:
            compute_soon(place, by=request.user, now=now)
            messages.success(request, f"{made.name} is kept; it is computed in a minute.")
            return redirect("alignment:metric", site=place.name, number=made.number)
    return _form(request, form, record, status=status)


def _shown(
    request: SignedInRequest,
    place: Site,
    record: TeamMetricRecord,
    form: ValuesForm | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "page": metric_page(place, record),
        "may_write": _may_write(request, place),
        "form": form or ValuesForm(),
    }
    return render(request, "alignment/metric.html", context, status=status)


def _form(
    request: SignedInRequest,
    form: MetricForm,
    record: TeamMetricRecord | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    role = role_of(request.user, record.site) if record else None
    context = {
        "form": form,
        "record": record,
        "may_end": role is not None and role.covers(Role.EDITOR),
    }
    return render(request, "alignment/form.html", context, status=status)


def _metric(site: Site, number: int) -> TeamMetricRecord:
    found = metric_of(site, number)
    if found is None:
        raise Http404
    return found


def _may_write(request: SignedInRequest, site: Site) -> bool:
    role = role_of(request.user, site)
    return role is not None and role.covers(Role.ANALYST)
