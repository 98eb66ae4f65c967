"""The pages of changes: the list, one of each kind, incidents, and who tells of changes."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of, standing_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.accounts.tokens import new_token
from truelift.apps.changes import confounding, senders, services, spoiling
from truelift.apps.changes.csv_file import MOST_BYTES, BadFile, Brought, bring
from truelift.apps.changes.forms import ChangeForm, ChangesFileForm, IncidentForm, SenderForm
from truelift.apps.changes.models import DeliveryRecord, Outcome, SenderRecord
from truelift.apps.changes.page import (
    Wanted,
    change_page,
    changes_page,
    contamination_page,
    csv_rows,
    incidents_page,
    rows_wanted,
    sender_rows,
)
from truelift.apps.changes.reads import (
    MOST,
    change_of,
    contamination_of,
    incident_of,
    senders_of,
)
from truelift.apps.changes.told import BadChange
from truelift.apps.changes.views_receive import address_of
from truelift.apps.experiments.monitoring_hiding import hides_from
from truelift.apps.experiments.spec import BadSpec
from truelift.apps.explorers.export import file_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.apps.surfaces.reads import surfaces_of
from truelift.errors import Refusal
from truelift.lifecycle.change import Change, ChangeKind, Trust
from truelift.lifecycle.contamination import ADJUDICATES
from truelift.lifecycle.obstacle import MoveRefused


BY_HAND = "page"
"""The source of a change that a person writes down."""


@require_safe
def listing(request: SignedInRequest, site: str) -> HttpResponse:
    """List changes by day."""
    place = site_for(request.user, site)
    context = {
        "page": changes_page(place, Wanted.of(request.GET.dict())),
        "may_write": _may(request, place, Role.EDITOR),
        "may_own": _may(request, place, Role.OWNER),
        "wait_days": spoiling.wait_days(place),
    }
    return render(request, "changes/list.html", context)


@require_safe
def export(request: SignedInRequest, site: str) -> HttpResponse:
    """Give the changes that the list shows as CSV."""
    place = site_for(request.user, site)
    rows = csv_rows(rows_wanted(place, Wanted.of(request.GET.dict()))[:MOST])
    return file_of("csv", rows, name=f"{place.name}-changes")


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: SignedInRequest, site: str) -> HttpResponse:
    """Write a change down."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    with timezone.override(ZoneInfo(place.time_zone)):
        form = ChangeForm(request.POST or None)
        form.offer(each.name for each in surfaces_of(place))
        if request.method != "POST" or not form.is_valid():
            return _new(request, place, form)
    given = form.cleaned_data
    change = Change(
        kind=ChangeKind(given["kind"]),
        external_id=new_token(),
        what=given["what"],
        surfaces=tuple(given["surfaces"]),
        started_at=given["started_at"],
        actor=str(request.user),
        url=given["url"],
    )
    try:
        made = services.record_change(
            place, change, source=BY_HAND, trust=Trust.PERSON, by=_actor(request), now=_now()
        )
    except BadChange as refusal:
        form.add_error(None, str(refusal))
        return _new(request, place, form)
    return redirect("changes:change", site=place.name, key=made.record.key)


@require_POST
def bring_csv(request: SignedInRequest, site: str) -> HttpResponse:
    """Take in a file of changes."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    form = ChangeForm()
    form.offer(each.name for each in surfaces_of(place))
    file_form = ChangesFileForm(request.POST, request.FILES)
    if not file_form.is_valid():
        return _new(request, place, form, file_form=file_form, status=422)
    try:
        content = file_form.cleaned_data["file"].read(MOST_BYTES + 1)
        brought = bring(place, content, by=_actor(request), now=_now())
    except BadFile as refusal:
        file_form.add_error("file", str(refusal))
        return _new(request, place, form, file_form=file_form, status=422)
    return _new(request, place, form, brought=brought)


@require_safe
def change(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show a change."""
    place = site_for(request.user, site)
    return _change(request, place, key)


@require_POST
def judge_change(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Confirm a proposed change, dismiss it, or say where it was."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    note = request.POST.get("note", "")
    who, now = _actor(request), _now()
    try:
        match request.POST.get("do"):
            case "confirm":
                services.confirm(place, key, note=note, by=who, now=now)
            case "dismiss":
                services.dismiss(place, key, note=note, by=who, now=now)
            case "place":
                names = request.POST.getlist("surfaces")
                services.place(place, key, names, note=note, by=who, now=now)
            case _:
                raise Http404
    except services.NoSuchChange as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        return _change(request, place, key, refusal=refusal)
    return redirect("changes:change", site=place.name, key=key)


@require_safe
def contamination(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Show what a change means for a test."""
    place = site_for(request.user, site)
    return _contamination(request, place, number)


@require_POST
def adjudicate(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Say what a change did to a test."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    try:
        spoiling.adjudicate(
            place,
            number,
            function=request.POST.get("function", ""),
            verdict=request.POST.get("verdict", ""),
            reason=request.POST.get("reason", ""),
            by=_actor(request),
            now=_now(),
        )
    except spoiling.NoSuchContamination as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        return _contamination(request, place, number, refusal=refusal)
    return redirect("changes:contamination", site=place.name, number=number)


@require_POST
def take_way_out(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Repeat a spoiled test, read the part before, or discard it."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    try:
        spoiling.take_way_out(
            place,
            number,
            request.POST.get("way", ""),
            note=request.POST.get("note", ""),
            by=_actor(request),
            now=_now(),
        )
    except spoiling.NoSuchContamination as refusal:
        raise Http404 from refusal
    except (spoiling.NotTaken, MoveRefused, BadSpec) as refusal:
        return _contamination(request, place, number, refusal=refusal)
    return redirect("changes:contamination", site=place.name, number=number)


@require_POST
def set_wait(request: SignedInRequest, site: str) -> HttpResponse:
    """Say how long people may judge a fatal change before the test ends."""
    place = site_for(request.user, site, needs=Role.OWNER)
    given = request.POST.get("days", "")
    days = int(given) if given.isascii() and given.isdigit() and len(given) < 4 else -1
    try:
        spoiling.set_wait(place, days, by=_actor(request), now=_now())
    except spoiling.BadWait as refusal:
        messages.error(request, str(refusal))
    return redirect("changes:senders", site=place.name)


@require_http_methods(["GET", "HEAD", "POST"])
def incidents(request: SignedInRequest, site: str) -> HttpResponse:
    """List what happened while tests ran; write something down."""
    place = site_for(request.user, site)
    if request.method != "POST":
        return _incidents(request, place, None)
    site_for(request.user, site, needs=Role.ANALYST)
    with timezone.override(ZoneInfo(place.time_zone)):
        form = IncidentForm(request.POST)
        form.offer(each.name for each in surfaces_of(place))
        if not form.is_valid():
            return _incidents(request, place, form)
    given = form.cleaned_data
    given["arms"] = [each.strip() for each in given["arms"].split(",") if each.strip()]
    try:
        confounding.record_incident(place, **given, by=_actor(request), now=_now())
    except confounding.BadIncident as refusal:
        form.add_error(None, str(refusal))
        return _incidents(request, place, form)
    return redirect("changes:incidents", site=place.name)


@require_POST
def change_incident(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say that something is over now, or that it was none."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = incident_of(place, key)
    if found is None:
        raise Http404
    try:
        if request.POST.get("do") == "withdraw":
            confounding.withdraw_incident(place, key, by=_actor(request), now=_now())
        else:
            now = _now()
            confounding.end_incident(place, key, until=now, by=_actor(request), now=now)
    except confounding.BadIncident as refusal:
        messages.error(request, str(refusal))
    return redirect("changes:incidents", site=place.name)


@require_http_methods(["GET", "HEAD", "POST"])
def sender_list(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the programs that tell of changes; make an address for one."""
    place = site_for(request.user, site, needs=Role.OWNER)
    if request.method != "POST":
        return _senders(request, place, None)
    form = SenderForm(request.POST)
    form.offer(each.name for each in surfaces_of(place))
    if not form.is_valid():
        return _senders(request, place, form)
    given = form.cleaned_data
    given["fields"] = given.pop("fields_")
    try:
        made = senders.make_sender(place, **given, by=_actor(request), now=_now())
    except senders.BadSender as refusal:
        for name, said in refusal.wrong.items():
            form.add_error("fields_" if name == "fields" else name, said)
        return _senders(request, place, form)
    return _senders(request, place, None, made=made)


@require_safe
def sender(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Show the last messages of a sender, the refused ones with their reason."""
    place = site_for(request.user, site, needs=Role.OWNER)
    found = SenderRecord.objects.filter(site=place, pk=number).first()
    if found is None:
        raise Http404
    rows = DeliveryRecord.objects.filter(sender=found).select_related("change").order_by("-pk")
    context = {"site": place, "sender": found, "deliveries": rows[:100]}
    return render(request, "changes/sender.html", context)


@require_POST
def end_sender(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Hear a program no more."""
    place = site_for(request.user, site, needs=Role.OWNER)
    try:
        senders.end_sender(place, number, by=_actor(request), now=_now())
    except senders.NoSuchSender as refusal:
        raise Http404 from refusal
    return redirect("changes:senders", site=place.name)


def _new(
    request: SignedInRequest,
    site: Site,
    form: ChangeForm,
    *,
    file_form: ChangesFileForm | None = None,
    brought: Brought | None = None,
    status: int = 0,
) -> HttpResponse:
    with timezone.override(ZoneInfo(site.time_zone)):
        context = {
            "site": site,
            "form": form,
            "file_form": file_form or ChangesFileForm(),
            "brought": brought,
        }
        usual = 422 if form.errors else 200
        return render(request, "changes/new.html", context, status=status or usual)


def _change(
    request: SignedInRequest, site: Site, key: str, *, refusal: Refusal | None = None
) -> HttpResponse:
    found = change_of(site, key)
    if found is None:
        raise Http404
    context = {
        "site": site,
        "page": change_page(found),
        "may_write": _may(request, site, Role.EDITOR),
        "refusal": refusal,
        "note": request.POST.get("note", "") if refusal else "",
    }
    return render(request, "changes/change.html", context, status=409 if refusal else 200)


def _contamination(
    request: SignedInRequest, site: Site, number: int, *, refusal: Refusal | None = None
) -> HttpResponse:
    found = contamination_of(site, number) if number < 2**31 else None
    if found is None:
        raise Http404
    standing = standing_of(request.user, site)
    may_judge = _may(request, site, Role.ANALYST)
    able = ADJUDICATES if not standing.in_use else standing.functions
    speaks = [each for each in ADJUDICATES if may_judge and each in able]
    context = {
        "site": site,
        "page": contamination_page(
            found, speaks=speaks, hidden=hides_from(found.experiment, request.user, now=_now())
        ),
        "may_write": _may(request, site, Role.EDITOR),
        "refusal": refusal,
        "given": request.POST.dict() if refusal else {},
    }
    return render(request, "changes/contamination.html", context, status=409 if refusal else 200)


def _incidents(request: SignedInRequest, site: Site, form: IncidentForm | None) -> HttpResponse:
    with timezone.override(ZoneInfo(site.time_zone)):
        empty = IncidentForm()
        empty.offer(each.name for each in surfaces_of(site))
        context = {
            "site": site,
            "page": incidents_page(site),
            "form": form or empty,
            "may_write": _may(request, site, Role.ANALYST),
        }
        status = 422 if form is not None else 200
        return render(request, "changes/incidents.html", context, status=status)


def _senders(
    request: SignedInRequest,
    site: Site,
    form: SenderForm | None,
    *,
    made: senders.Made | None = None,
) -> HttpResponse:
    found = senders_of(site)
    refused = dict(
        SenderRecord.objects.filter(pk__in=[each.pk for each in found])
        .annotate(refused=Count("deliveries", filter=Q(deliveries__outcome=Outcome.REFUSED.value)))
        .values_list("pk", "refused")
    )
    empty = SenderForm()
    empty.offer(each.name for each in surfaces_of(site))
    context = {
        "site": site,
        "rows": sender_rows(found, refused, zone=site.time_zone),
        "form": form or empty,
        "made": made,
        "address": address_of(made.address) if made else "",
        "wait_days": spoiling.wait_days(site),
        "most_wait": spoiling.MOST_WAIT,
    }
    status = 201 if made else 422 if form is not None else 200
    return render(request, "changes/senders.html", context, status=status)


def _may(request: SignedInRequest, site: Site, needs: Role) -> bool:
    role = role_of(request.user, site)
    return role is not None and role.covers(needs)


def _actor(request: SignedInRequest) -> Actor:
    return Actor(request.user)


def _now() -> datetime:
    return datetime.now(UTC)
