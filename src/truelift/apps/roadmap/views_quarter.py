"""The quarter: priorities, what was published, and building the roadmap from nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.drawing.wording import percent
from truelift.apps.experiments.domain import day_at
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap import rebuilding
from truelift.apps.roadmap.changes import quarter_of
from truelift.apps.roadmap.colliding import settings_of
from truelift.apps.roadmap.fields import BadRoadmapFields
from truelift.apps.roadmap.forms import PrioritiesForm, RulesForm
from truelift.apps.roadmap.models import RoadmapVersionRecord, Verdict
from truelift.apps.roadmap.priorities import (
    current_priorities,
    orphans_of,
    registers_of,
    write_priorities,
)
from truelift.apps.roadmap.reads import items_of
from truelift.apps.roadmap.rebuilding import NoSuchCandidate
from truelift.apps.roadmap.rules import write_rules
from truelift.apps.roadmap.versions import (
    carried_of,
    differences,
    is_a_rebuild,
    snapshot_of,
    versions_of,
    who_changed,
)
from truelift.apps.roadmap.views import covers
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal


MOST_LOST = 50


@require_http_methods(["GET", "HEAD", "POST"])
def priorities(request: SignedInRequest, site: str) -> HttpResponse:
    """Show what the business goes for, and agree on something else."""
    writes = request.method == "POST"
    place = site_for(request.user, site, needs=Role.EDITOR if writes else Role.VIEWER)
    now = datetime.now(UTC)
    registers = registers_of(place)
    form = PrioritiesForm(
        request.POST if writes else None,
        initial={
            "quarter": quarter_of(day_at(place, now)),
            "priorities": "\n".join(
                f"{each.name}: {each.what}" if each.what else each.name
                for each in (registers[0].priorities.all() if registers else ())
            ),
        },
    )
    if writes and form.is_valid():
        try:
            made = write_priorities(
                place,
                form.cleaned_data["quarter"],
                form.lines(),
                by=Actor(request.user),
                now=now,
                because=form.cleaned_data["because"],
            )
        except BadRoadmapFields as refusal:
            for field, what in refusal.wrong.items():
                form.add_error(field if field in form.fields else None, what)
        else:
            messages.success(
                request, f"Version {made.version} holds; every item says anew which it serves."
            )
            return redirect("roadmap:priorities", site=place.name)
    items = items_of(place)
    orphans = orphans_of(place, items, today=day_at(place, now))
    titles = {each.key: each.what for each in items}
    context = {
        "registers": registers,
        "orphans": orphans,
        "lost": [(key, titles[key], key in orphans.stale) for key in orphans.keys[:MOST_LOST]],
        "form": form,
        "may_write": covers(request, place, Role.EDITOR),
    }
    return render(request, "roadmap/priorities.html", context, status=422 if writes else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: SignedInRequest, site: str) -> HttpResponse:
    """Show what the rules go by beside the items, and agree on something else."""
    writes = request.method == "POST"
    place = site_for(request.user, site, needs=Role.EDITOR if writes else Role.VIEWER)
    record = settings_of(place)
    form, status = RulesForm.of(record, request.POST if writes else None), 200
    if writes:
        status = 422
        if form.is_valid():
            try:
                write_rules(
                    place,
                    form.written(),
                    by=Actor(request.user),
                    now=datetime.now(UTC),
                    version=form.cleaned_data["version"],
                )
            except BadRoadmapFields as refusal:
                for field, what in refusal.wrong.items():
                    form.add_error(field if field in form.fields else None, what)
            except Refusal as refusal:
                form.add_error(None, str(refusal))
                status = 409
            else:
                messages.success(request, "It holds; conflicts were looked for anew.")
                return redirect("roadmap:rules", site=place.name)
    context = {"form": form, "record": record, "may_write": covers(request, place, Role.EDITOR)}
    return render(request, "roadmap/rules.html", context, status=status)


@require_safe
def versions(request: SignedInRequest, site: str) -> HttpResponse:
    """List what was published, and what is other now than in the newest."""
    place = site_for(request.user, site)
    found = versions_of(place)
    context = {
        "versions": [(each, carried_of(each), is_a_rebuild(each)) for each in found],
        "newest": found[0] if found else None,
        "changes": _since(place, found[0]) if found else (),
    }
    return render(request, "roadmap/versions.html", context)


@require_safe
def version(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Show what was published, and what is other now."""
    place = site_for(request.user, site)
    found = (
        RoadmapVersionRecord.objects.filter(site=place, number=number)
        .select_related("register", "published_by")
        .first()
        if number < 2**31
        else None
    )
    if found is None:
        raise Http404
    context = {
        "version": found,
        "carried": carried_of(found),
        "is_a_rebuild": is_a_rebuild(found),
        "items": found.snapshot,
        "changes": _since(place, found),
    }
    return render(request, "roadmap/version.html", context)


def _since(site: Site, found: RoadmapVersionRecord) -> object:
    return differences(
        found.snapshot,
        snapshot_of(items_of(site)),
        by=who_changed(site, since=found.published_at),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def rebuild(request: SignedInRequest, site: str) -> HttpResponse:
    """Show how far the rebuild is, or begin one."""
    writes = request.method == "POST"
    place = site_for(request.user, site, needs=Role.EDITOR if writes else Role.VIEWER)
    if writes:
        try:
            rebuilding.begin_rebuild(place, by=Actor(request.user), now=datetime.now(UTC))
        except Refusal as refusal:
            return _rebuild(request, place, refusal=refusal, status=409)
        return redirect("roadmap:rebuild", site=place.name)
    return _rebuild(request, place)


@require_POST
def candidate(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Say what becomes of a candidate."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    verdict = request.POST.get("verdict", "")
    if verdict not in Verdict.values:
        raise Http404
    try:
        rebuilding.decide_candidate(
            place,
            number,
            Verdict(verdict),
            reason=request.POST.get("reason", ""),
            priority=request.POST.get("priority", ""),
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except NoSuchCandidate as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        status = 422 if isinstance(refusal, BadRoadmapFields) else 409
        return _rebuild(request, place, refusal=refusal, at=number, status=status)
    return redirect("roadmap:rebuild", site=place.name)


@require_POST
def publish(request: SignedInRequest, site: str) -> HttpResponse:
    """Publish the quarter's roadmap, or say what nobody has gone through."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    try:
        made = rebuilding.publish_rebuild(place, by=Actor(request.user), now=datetime.now(UTC))
    except Refusal as refusal:
        return _rebuild(request, place, refusal=refusal, status=409)
    carried = carried_of(made)
    if carried is None or is_a_rebuild(made):
        messages.success(request, f"The roadmap of {made.quarter} is published.")
    else:
        messages.warning(
            request,
            f"The roadmap of {made.quarter} is published, but {percent(carried, digits=0)} was"
            " carried over as it was: not a rebuild.",
        )
    return redirect("roadmap:version", site=place.name, number=made.number)


@require_POST
def give_up(request: SignedInRequest, site: str) -> HttpResponse:
    """End a rebuild without a version."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    try:
        rebuilding.give_up_rebuild(place, by=Actor(request.user), now=datetime.now(UTC))
    except Refusal as refusal:
        return _rebuild(request, place, refusal=refusal, status=409)
    return redirect("roadmap:rebuild", site=place.name)


def _rebuild(
    request: SignedInRequest,
    site: Site,
    *,
    refusal: Refusal | None = None,
    at: int = 0,
    status: int = 200,
) -> HttpResponse:
    going = rebuilding.rebuild_of(site)
    registers = registers_of(site)
    context = {
        "progress": None if going is None else rebuilding.progress_of(site, going),
        "priorities": current_priorities(site),
        "register": registers[0] if registers else None,
        "refusal": refusal,
        "at": at,
        "may_write": covers(request, site, Role.EDITOR),
    }
    return render(request, "roadmap/rebuild.html", context, status=status)
