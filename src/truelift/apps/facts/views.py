"""The pages of feeds and of the shared metric."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.explorers.export import file_of
from truelift.apps.explorers.table import Scalar
from truelift.apps.facts import defining, sending, services
from truelift.apps.facts.feeds_page import feed_page, feeds_page
from truelift.apps.facts.forms import DefinitionForm, FeedForm, FileForm, TrackingPlanForm
from truelift.apps.facts.metric_page import metric_page
from truelift.apps.facts.models import ArrivalRecord, FeedRecord
from truelift.apps.facts.reads import feed_of
from truelift.apps.facts.tracking import plan_events, plan_of, tracking_of
from truelift.apps.facts.tracking_page import tracking_page
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal


@require_http_methods(["GET", "HEAD", "POST"])
def feeds(request: SignedInRequest, site: str) -> HttpResponse:
    """List the feeds; make one."""
    place = site_for(request.user, site)
    if request.method != "POST":
        return _feeds(request, place, FeedForm(site=place))
    site_for(request.user, site, needs=Role.EDITOR)
    form = FeedForm(request.POST, site=place)
    if not form.is_valid():
        return _feeds(request, place, form, status=422)
    try:
        made = services.make_feed(place, **form.cleaned_data, by=_actor(request), now=_now())
    except services.BadFeed as refusal:
        for name, said in refusal.wrong.items():
            form.add_error(name if name in form.fields else None, said)
        return _feeds(request, place, form, status=422)
    return redirect("facts:feed", site=place.name, name=made.name)


@require_http_methods(["GET", "HEAD", "POST"])
def feed(request: SignedInRequest, site: str, name: str) -> HttpResponse:
    """Show a feed with what came of it; take a file in."""
    place = site_for(request.user, site)
    record = _feed_or_404(place, name)
    if request.method != "POST":
        return _feed(request, record, FileForm(kind=record.kind))
    site_for(request.user, site, needs=Role.EDITOR)
    form = FileForm(request.POST, request.FILES, kind=record.kind)
    if not form.is_valid():
        return _feed(request, record, form, status=422)
    file = form.cleaned_data["file"]
    try:
        arrival = services.take_in(
            place,
            name,
            file.read(),
            by=_actor(request),
            now=_now(),
            file=file.name or "",
            whole_days=form.cleaned_data.get("whole_days", False),
            style=form.style,
        )
    except Refusal as refusal:
        form.add_error("file", str(refusal))
        return _feed(request, record, form, status=422)
    messages.success(request, _said(arrival))
    return redirect("facts:feed", site=place.name, name=name)


@require_POST
def change(request: SignedInRequest, site: str, name: str) -> HttpResponse:
    """Change the owner and the promise of a feed, choose it, give it an address, or end it."""
    do = request.POST.get("do", "")
    place = site_for(request.user, site, needs=Role.OWNER if do == "address" else Role.EDITOR)
    record = _feed_or_404(place, name)
    by, now = _actor(request), _now()
    try:
        if do == "address":
            address = sending.make_address(place, name, by=by, now=now)
            return _feed(
                request, _feed_or_404(place, name), FileForm(kind=record.kind), address=address
            )
        if do == "read":
            services.read_this(place, name, by=by, now=now)
        elif do == "end":
            services.end_feed(place, name, by=by, now=now)
            return redirect("facts:feeds", site=place.name)
        else:
            form = FeedForm({**_usual(record), **request.POST.dict()}, site=place)
            if not form.is_valid():
                messages.error(request, " ".join(str(s) for e in form.errors.values() for s in e))
            else:
                given = form.cleaned_data
                services.change_feed(
                    place,
                    name,
                    owner=given["owner"],
                    promise_hours=given["promise_hours"],
                    lag_days=given["lag_days"],
                    by=by,
                    now=now,
                )
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("facts:feed", site=place.name, name=name)


@require_http_methods(["GET", "HEAD", "POST"])
def shared_metric(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the shared metric; propose a version of it."""
    place = site_for(request.user, site)
    if request.method != "POST":
        return _metric(request, place, DefinitionForm())
    site_for(request.user, site, needs=Role.EDITOR)
    form = DefinitionForm(request.POST)
    if not form.is_valid():
        return _metric(request, place, form, status=422)
    try:
        defining.propose(place, **form.given(place), by=_actor(request), now=_now())
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        return _metric(request, place, form, status=409)
    messages.success(request, "It is proposed. Marketing, sales and finance sign it now.")
    return redirect("facts:shared_metric", site=place.name)


@require_POST
def sign(request: SignedInRequest, site: str, version: int) -> HttpResponse:
    """Sign a version of the shared metric."""
    place = site_for(request.user, site)
    try:
        function = request.POST.get("function", "")
        defining.sign(place, version, function, by=_actor(request), now=_now())
    except defining.NoSuchDefinition as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("facts:shared_metric", site=place.name)


@require_safe
def refused(request: SignedInRequest, site: str, name: str, number: int) -> HttpResponse:
    """Give the refused rows of an arrival as a file."""
    record = _feed_or_404(site_for(request.user, site), name)
    found = ArrivalRecord.objects.filter(feed=record, pk=number).first()
    if found is None:
        raise Http404
    rows: list[dict[str, Scalar]] = [
        {"line": each.line, "reason": each.reason, "row": each.row} for each in found.refusals.all()
    ]
    return file_of("csv", rows, name=f"{name}-refused")


@require_http_methods(["GET", "HEAD", "POST"])
def tracking(request: SignedInRequest, site: str) -> HttpResponse:
    """Show how much is tracked; write down which events are planned."""
    place = site_for(request.user, site)
    if request.method != "POST":
        plan, version = plan_of(place)
        text = "\n".join(plan.events) if plan else ""
        return _tracking(request, place, TrackingPlanForm({"version": version, "events": text}))
    site_for(request.user, site, needs=Role.ANALYST)
    form = TrackingPlanForm(request.POST)
    if not form.is_valid():
        return _tracking(request, place, form, status=422)
    given = form.cleaned_data
    try:
        plan_events(
            place,
            given["events"].splitlines(),
            seen=given["version"],
            by=_actor(request),
            now=_now(),
        )
    except Refusal as refusal:
        form.add_error("events", str(refusal))
        return _tracking(request, place, form, status=409)
    messages.success(request, "It is kept. This night’s reading holds what came against it.")
    return redirect("facts:tracking", site=place.name)


def _tracking(
    request: SignedInRequest, site: Site, form: TrackingPlanForm, *, status: int = 200
) -> HttpResponse:
    record = tracking_of(site)
    context = {
        "site": site,
        "page": tracking_page(
            record.document if record else None, day=record.day if record else None
        ),
        "form": form,
        "may_write": _may(request, site, Role.ANALYST),
    }
    return render(request, "facts/tracking.html", context, status=status)


def _feeds(
    request: SignedInRequest, site: Site, form: FeedForm, *, status: int = 200
) -> HttpResponse:
    context = {
        "site": site,
        "page": feeds_page(site, now=_now()),
        "form": form,
        "may_write": _may(request, site, Role.EDITOR),
    }
    return render(request, "facts/feeds.html", context, status=status)


def _feed(
    request: SignedInRequest,
    record: FeedRecord,
    form: FileForm,
    *,
    address: sending.Address | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "site": record.site,
        "feed": record,
        "page": feed_page(record, now=_now()),
        "form": form,
        "promise": FeedForm(_usual(record), site=record.site),
        "address": address,
        "may_write": _may(request, record.site, Role.EDITOR),
        "may_own": _may(request, record.site, Role.OWNER),
    }
    return render(request, "facts/feed.html", context, status=status)


def _usual(record: FeedRecord) -> dict[str, object]:
    return {
        "name": record.name,
        "kind": record.kind,
        "source": "csv",
        "owner": record.owner_id or "",
        "promise_hours": record.promise_hours,
        "lag_days": record.lag_days,
        "columns": "",
    }


def _metric(
    request: SignedInRequest, site: Site, form: DefinitionForm, *, status: int = 200
) -> HttpResponse:
    context = {
        "site": site,
        "page": metric_page(site, user=request.user, now=_now()),
        "form": form,
        "may_write": _may(request, site, Role.EDITOR),
    }
    return render(request, "facts/shared_metric.html", context, status=status)


def _feed_or_404(site: Site, name: str) -> FeedRecord:
    found = feed_of(site, name)
    if found is None:
        raise Http404
    return found


def _said(arrival: ArrivalRecord) -> str:
    said = f"{arrival.new:,} new, {arrival.changed:,} corrected, {arrival.same:,} known"
    if arrival.gone:
        said += f", {arrival.gone:,} gone"
    return f"{said}; {arrival.refused:,} refused." if arrival.refused else f"{said}."


def _may(request: SignedInRequest, site: Site, needs: Role) -> bool:
    role = role_of(request.user, site)
    return role is not None and role.covers(needs)


def _actor(request: SignedInRequest) -> Actor:
    return Actor(request.user)


def _now() -> datetime:
    return datetime.now(UTC)
