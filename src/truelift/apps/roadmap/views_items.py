"""One item of the roadmap: its page, its form, its days, what it needs."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.domain import day_at
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap import colliding, services
from truelift.apps.roadmap.colliding import Preview
from truelift.apps.roadmap.fields import BadRoadmapFields
from truelift.apps.roadmap.forms import AssetForm, DaysForm, DependencyForm, ItemForm
from truelift.apps.roadmap.page import item_page
from truelift.apps.roadmap.presence import note_presence
from truelift.apps.roadmap.reads import item_of
from truelift.apps.roadmap.services import NoSuchRoadmapItem
from truelift.apps.roadmap.views import covers
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.roadmap_item import DependencyKind, ItemKind, ItemStage


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: SignedInRequest, site: str) -> HttpResponse:
    """Put something on the roadmap."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    if request.method != "POST":
        kind = request.GET.get("kind", "release")
        form = ItemForm(site=place, initial={"kind": kind, "changes_reach": True, "high": 100})
        return render(request, "roadmap/form.html", {"form": form})
    form = ItemForm(request.POST, site=place)
    if form.is_valid():
        try:
            made = services.add_item(
                place,
                ItemKind(form.cleaned_data["kind"]),
                form.written(),
                by=Actor(request.user),
                now=_now(),
            )
        except BadRoadmapFields as refusal:
            _blame(form, refusal)
        else:
            return _done(request, place, made.key, f"{made.key} is on the roadmap.")
    return render(request, "roadmap/form.html", {"form": form}, status=422)


@require_safe
def item(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show an item with what it needs and what is in its way."""
    place = site_for(request.user, site)
    colliding.catch_up(place, now=_now())
    response = _item(request, place, key)
    note_presence(request, response, place, today=day_at(place, _now()))
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Change what is said of an item."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    try:
        record = services.row_of(place, key)
    except Refusal as refusal:
        raise Http404 from refusal
    context = {"key": key, "record": record}
    if request.method != "POST":
        return render(request, "roadmap/form.html", {**context, "form": ItemForm.of(record)})
    form, status = ItemForm.of(record, request.POST), 422
    if form.is_valid():
        try:
            services.change_item(
                place,
                key,
                form.written(),
                by=Actor(request.user),
                now=_now(),
                version=form.cleaned_data["version"],
                reason=form.cleaned_data["reason"],
            )
        except BadRoadmapFields as refusal:
            _blame(form, refusal)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
            status = 409
        else:
            return _done(request, place, key, f"{key} is kept.")
    return render(request, "roadmap/form.html", {**context, "form": form}, status=status)


@require_POST
def move(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Give an item other days, or show what they would do."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    _exists(place, key)
    form = DaysForm(request.POST)
    if not form.is_valid():
        return _item(request, place, key, days=form, status=422)
    given = form.cleaned_data
    preview: Preview | None = None
    try:
        preview = services.preview_move(place, key, given["start"], given["end"], now=_now())
        if "preview" in request.POST:
            return _item(request, place, key, days=form, preview=preview)
        services.move_item(
            place,
            key,
            given["start"],
            given["end"],
            by=Actor(request.user),
            now=_now(),
            version=given["version"],
            reason=given["reason"],
        )
    except BadRoadmapFields as refusal:
        _blame(form, refusal)
        return _item(request, place, key, days=form, status=422)
    except Refusal as refusal:
        return _item(request, place, key, days=form, preview=preview, refusal=refusal, status=409)
    return _done(request, place, key, f"{key} is moved.")


@require_POST
def stage(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Make an item firmer, or less so; a refusal is the same page with every reason."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    _exists(place, key)
    to, version = request.POST.get("stage", ""), request.POST.get("version", "")
    if to not in {each.value for each in ItemStage}:
        raise Http404
    try:
        services.set_stage(
            place,
            key,
            ItemStage(to),
            by=Actor(request.user),
            now=_now(),
            version=int(version) if version.isascii() and version.isdigit() else None,
        )
    except Refusal as refusal:
        return _item(request, place, key, refusal=refusal, status=409)
    return _done(request, place, key, f"{key} is {to}.")


@require_POST
def drop(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Take an item off the roadmap, with the reason."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    _exists(place, key)
    reason = request.POST.get("reason", "")
    try:
        services.drop_item(place, key, reason=reason, by=Actor(request.user), now=_now())
    except Refusal as refusal:
        status = 422 if isinstance(refusal, BadRoadmapFields) else 409
        return _item(request, place, key, refusal=refusal, status=status)
    return _done(request, place, key, f"{key} is off the roadmap.")


@require_POST
def assets(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say what must be there before an item starts."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    _exists(place, key)
    form = AssetForm(request.POST, site=place)
    if form.is_valid():
        given = form.cleaned_data
        try:
            services.write_asset(
                place,
                key,
                what=given["what"],
                owner=given["owner"],
                due=given["due"].isoformat() if given["due"] else "",
                lead_days=given["lead_days"] or 0,
                by=Actor(request.user),
                now=_now(),
            )
        except BadRoadmapFields as refusal:
            _blame(form, refusal)
        else:
            return _done(request, place, key, "It is on the list.")
    return _item(request, place, key, asset=form, status=422)


@require_POST
def asset(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Say that an asset is there, not there, or not needed."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    by, act = Actor(request.user), request.POST.get("act", "")
    try:
        if act == "remove":
            site_for(request.user, site, needs=Role.EDITOR)
            key = services.remove_asset(place, number, by=by, now=_now())
        else:
            changed = services.change_asset(place, number, done=act != "undo", by=by, now=_now())
            key = changed.item
    except NoSuchRoadmapItem as refusal:
        raise Http404 from refusal
    return _done(request, place, key, "It is written down.")


@require_POST
def hangs(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say that an item hangs on another."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    _exists(place, key)
    form = DependencyForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            services.add_dependency(
                place,
                key,
                given["on"].strip(),
                DependencyKind(given["kind"]),
                by=Actor(request.user),
                now=_now(),
            )
        except Refusal as refusal:
            form.add_error("on", str(refusal))
        else:
            return _done(request, place, key, "It is written down.")
    return _item(request, place, key, dependency=form, status=422)


@require_POST
def unhang(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Say that an item does not hang on another any more."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    try:
        key = services.remove_dependency(place, number, by=Actor(request.user), now=_now())
    except NoSuchRoadmapItem as refusal:
        raise Http404 from refusal
    return _done(request, place, key, "It is written down.")


def _exists(site: Site, key: str) -> None:
    if item_of(site, key) is None:
        raise Http404


def _now() -> datetime:
    return datetime.now(UTC)


def _done(request: SignedInRequest, site: Site, key: str, said: str) -> HttpResponse:
    messages.success(request, said)
    response = redirect("roadmap:item", site=site.name, key=key)
    note_presence(request, response, site, today=day_at(site, _now()), edited=True)
    return response


def _blame(form: Form, refusal: BadRoadmapFields) -> None:
    for field, what in refusal.wrong.items():
        form.add_error(field if field in form.fields else None, what)


def _item(
    request: SignedInRequest,
    site: Site,
    key: str,
    *,
    days: DaysForm | None = None,
    asset: AssetForm | None = None,
    dependency: DependencyForm | None = None,
    preview: Preview | None = None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    page = item_page(site, key, now=_now())
    if page is None:
        raise Http404
    shown = {"version": page.version, "start": page.item.start, "end": page.item.end}
    context = {
        "page": page,
        "at": _now(),
        "days": days or DaysForm(initial=shown),
        "asset_form": asset or AssetForm(site=site),
        "dependency_form": dependency or DependencyForm(),
        "preview": preview,
        "refusal": refusal,
        "reason": request.POST.get("reason", ""),
        "may_write": covers(request, site, Role.EDITOR),
        "may_say": covers(request, site, Role.ANALYST),
    }
    return render(request, "roadmap/item.html", context, status=status)
