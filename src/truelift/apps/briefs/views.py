"""The page of a brief, and what is said on it."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.briefs import services
from truelift.apps.briefs.forms import BriefForm, MetricClassForm
from truelift.apps.briefs.measured import ask_for_figures
from truelift.apps.briefs.modes import template_of
from truelift.apps.briefs.page import brief_page
from truelift.apps.briefs.proxies import proxy_evidence
from truelift.apps.briefs.reads import brief_record, class_of_metric, metric_classes
from truelift.apps.experiments.metrics import current_metrics
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.reads import experiment_of
from truelift.apps.programme.reads import policy_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal


@require_http_methods(["GET", "HEAD", "POST"])
def brief(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show the brief of an experiment, and keep what is written into it."""
    if request.method != "POST":
        place = site_for(request.user, site)
        record = _record(place, key)
        return _page(request, record)
    place = site_for(request.user, site, needs=Role.EDITOR)
    record = _record(place, key)
    form = _form(request, record)
    status = 422
    if form.is_valid():
        try:
            services.write_brief(
                place, key, form.written(), by=Actor(request.user), now=datetime.now(UTC)
            )
        except services.BadBrief as refusal:
            form.blame(refusal)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
            status = 409
        else:
            messages.success(request, "The brief is kept.")
            return redirect("briefs:brief", site=place.name, key=key)
    return _page(request, record, form=form, status=status)


@require_POST
def acknowledge(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Let the implementer agree to build the winner."""
    place = site_for(request.user, site)
    record = _record(place, key)
    try:
        services.acknowledge(place, key, by=Actor(request.user), now=datetime.now(UTC))
    except Refusal as refusal:
        return _page(request, record, refusal=refusal, status=409)
    messages.success(request, "You will build the winner.")
    return redirect("briefs:brief", site=place.name, key=key)


@require_POST
def approve(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Agree with one thing as the plan stands."""
    place = site_for(request.user, site)
    record = _record(place, key)
    try:
        services.approve(
            place,
            key,
            request.POST.get("what", ""),
            by=Actor(request.user),
            now=datetime.now(UTC),
            note=request.POST.get("note", ""),
        )
    except services.BadBrief as refusal:
        return _page(request, record, refusal=refusal, status=422)
    except Refusal as refusal:
        return _page(request, record, refusal=refusal, status=409)
    return redirect("briefs:brief", site=place.name, key=key)


@require_POST
def guardrail(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Put a guardrail of the templates into the plan."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    record = _record(place, key)
    name = request.POST.get("guardrail", "")
    try:
        services.add_guardrail(place, key, name, by=Actor(request.user), now=datetime.now(UTC))
    except services.BadBrief as refusal:
        return _page(request, record, refusal=refusal, status=422)
    except Refusal as refusal:
        return _page(request, record, refusal=refusal, status=409)
    return redirect("briefs:brief", site=place.name, key=key)


@require_POST
def look(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Have a worker look at how the events arrive."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    _record(place, key)
    ask_for_figures(place, by=Actor(request.user), now=datetime.now(UTC))
    messages.success(request, "A worker looks at the events; it takes a moment.")
    return redirect("briefs:brief", site=place.name, key=key)


@require_POST
def follow_up(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say what an experiment led to."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _record(place, key)
    item = request.POST.get("item", "")
    try:
        services.name_follow_up(place, key, item, by=Actor(request.user), now=datetime.now(UTC))
    except services.BadBrief as refusal:
        return _page(request, record, refusal=refusal, status=422)
    return redirect("experiments:detail", site=place.name, key=key)


@require_http_methods(["GET", "HEAD", "POST"])
def metric_class(request: SignedInRequest, site: str, metric: str) -> HttpResponse:
    """Say what a metric is worth."""
    posted = request.method == "POST"
    place = site_for(request.user, site, needs=Role.EDITOR if posted else Role.VIEWER)
    known = current_metrics(place)
    found = next((each for each in known if each.key == metric), None)
    if found is None:
        raise Http404
    classes = metric_classes(place)
    form = MetricClassForm(
        request.POST if posted else None,
        metric=found,
        others=known,
        row=classes.get(metric),
        usual=class_of_metric(found, classes).value,
    )
    status = 422 if posted else 200
    if posted and form.is_valid():
        try:
            services.classify_metric(
                place, metric, **form.cleaned_data, by=Actor(request.user), now=datetime.now(UTC)
            )
        except services.BadBrief as refusal:
            for name, what in refusal.wrong.items():
                form.add_error(name if name in form.fields else None, what)
        else:
            messages.success(request, f"{found.name} is kept as {form.cleaned_data['worth']}.")
            return redirect("experiments:metrics", site=place.name)
    role = role_of(request.user, place)
    row = classes.get(metric)
    context = {
        "form": form,
        "evidence": proxy_evidence(place, metric, row.proxy_of) if row and row.proxy_of else None,
        "metric": found,
        "may_write": role is not None and role.covers(Role.EDITOR),
    }
    return render(request, "briefs/metric_class.html", context, status=status)


def _record(site: Site, key: str) -> ExperimentRecord:
    record = experiment_of(site, key)
    if record is None:
        raise Http404
    return record


def _form(request: SignedInRequest, record: ExperimentRecord) -> BriefForm:
    return BriefForm(
        request.POST if request.method == "POST" else None,
        record=record,
        row=brief_record(record),
        template=template_of(policy_of(record.site)),
    )


def _page(
    request: SignedInRequest,
    record: ExperimentRecord,
    *,
    form: BriefForm | None = None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    role = role_of(request.user, record.site)
    if form is None:
        form = BriefForm(
            record=record,
            row=brief_record(record),
            template=template_of(policy_of(record.site)),
        )
    return render(
        request,
        "briefs/brief.html",
        {
            "page": brief_page(record, by=Actor(request.user), now=datetime.now(UTC)),
            "record": record,
            "form": form,
            "refusal": refusal,
            "may_write": role is not None and role.covers(Role.EDITOR),
            "may_look": role is not None and role.covers(Role.ANALYST),
        },
        status=status,
    )
