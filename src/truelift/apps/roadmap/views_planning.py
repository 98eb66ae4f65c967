"""Planning: free days of an item, proposals for a quarter, and who has seen a release."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.backlog.models import PriorityRecord
from truelift.apps.backlog.reads import blind_to
from truelift.apps.backlog.rule import agreed_of
from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.models import ExperimentRecord, Job
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap import liaison, planning, services
from truelift.apps.roadmap.documents import versions_by_key
from truelift.apps.roadmap.fields import BadRoadmapFields
from truelift.apps.roadmap.page import STAGES, when
from truelift.apps.roadmap.planning import LONGEST_DAYS, PLAN, Choice, NoSuchPlan, Wanted
from truelift.apps.roadmap.planning_models import QuarterPlanRecord
from truelift.apps.roadmap.planning_page import plan_page, wanted_days
from truelift.apps.roadmap.reads import item_of
from truelift.apps.roadmap.services import NoSuchRoadmapItem
from truelift.apps.roadmap.views import covers
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.roadmap_item import ItemKind, RoadmapItem
from truelift.lifecycle.roadmap_move import MOVABLE


MOST_BEFORE = 20


@require_http_methods(["GET", "HEAD", "POST"])
def slot(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Propose the next days on which an item is in nobody's way, and move it there."""
    writes = request.method == "POST"
    place = site_for(request.user, site, needs=Role.EDITOR if writes else Role.VIEWER)
    item = item_of(place, key)
    if item is None or item.kind is ItemKind.FREEZE or item.stage not in MOVABLE:
        raise Http404
    now, refusal, status = _now(), None, 200
    if writes:
        try:
            services.move_item(
                place,
                key,
                _day(request.POST.get("start", "")),
                _day(request.POST.get("end", "")),
                by=Actor(request.user),
                now=now,
                version=_number(request.POST.get("version", "")),
                reason="The next free days",
            )
        except Refusal as found:
            refusal, status = found, 422 if isinstance(found, BadRoadmapFields) else 409
        else:
            messages.success(request, f"{key} is moved.")
            return redirect("roadmap:item", site=place.name, key=key)
    given = request.GET.get("days", "")
    days = _number(given) if given else planning.usual_days(item)
    # What has a day already is not wanted before it.
    after, today = _day(request.GET.get("after", "")) or item.start, day_at(place, now)
    try:
        proposed = planning.free_days(place, key, now=now, days=days or 0, not_before=after)
    except NoSuchRoadmapItem as gone:
        raise Http404 from gone
    except BadRoadmapFields as wrong:
        proposed, refusal, status = None, wrong, 422
    context = {
        "item": item,
        "glyph": STAGES[item.stage][0],
        "stage": STAGES[item.stage][1],
        "now_when": when(item, today=today),
        "slot": proposed,
        "slot_when": _words(item.key, proposed.start, proposed.end, today) if proposed else "",
        "same": proposed is not None and (proposed.start, proposed.end) == (item.start, item.end),
        "days": given or days,
        "after": after,
        "longest": LONGEST_DAYS,
        "version": versions_by_key(place).get(key, 0),
        "refusal": refusal,
        "may_write": covers(request, place, Role.EDITOR),
    }
    return render(request, "roadmap/slot.html", context, status=status)


def _words(key: str, start: date, end: date, today: date) -> str:
    return when(RoadmapItem(key, ItemKind.RELEASE, "", start=start, end=end), today=today)


@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: SignedInRequest, site: str) -> HttpResponse:
    """Choose what is to find a place in a quarter, and have days proposed."""
    writes = request.method == "POST"
    place = site_for(request.user, site, needs=Role.EDITOR if writes else Role.VIEWER)
    now = _now()
    quarters = planning.quarters_ahead(day_at(place, now))
    wrong: dict[str, str] = {}
    keys = request.POST.getlist("key")[: planning.MOST_CANDIDATES + 1]
    if writes:
        days = wanted_days(request.POST.dict(), keys)
        wanted = [Wanted(key, days=days[key]) for key in keys]
        quarter = request.POST.get("quarter", "")
        try:
            made = planning.ask_for_plan(place, quarter, wanted, by=Actor(request.user), now=now)
        except BadRoadmapFields as refusal:
            wrong = refusal.wrong
        else:
            return redirect("roadmap:proposal", site=place.name, number=made.number)
    choices = planning.choices_of(place)
    hidden = _hidden(request, place, choices)
    context = {
        "quarters": quarters,
        "quarter": request.POST.get("quarter", quarters[1]),
        "rows": [
            {
                "choice": each,
                "days": request.POST.get(f"days-{each.item.key}", each.days),
                "chosen": not writes or each.item.key in keys,
                "hidden": each.item.key in hidden,
            }
            for each in choices[: planning.MOST_CANDIDATES]
        ],
        "left_out": max(0, len(choices) - planning.MOST_CANDIDATES),
        "before": list(planning.plans_of(place)[:MOST_BEFORE]),
        "longest": LONGEST_DAYS,
        "wrong": wrong,
        "may_write": covers(request, place, Role.EDITOR),
    }
    return render(request, "roadmap/plan.html", context, status=422 if wrong else 200)


def _hidden(request: SignedInRequest, site: Site, choices: tuple[Choice, ...]) -> set[str]:
    """Give those whose score the person may not see yet: others answered, they did not."""
    scored = [each.item.key for each in choices if each.scored]
    if not scored:
        return set()
    by_hypothesis = dict(
        ExperimentRecord.objects.filter(site=site, key__in=scored).values_list(
            "hypothesis_id", "key"
        )
    )
    rows = list(PriorityRecord.objects.filter(site=site, hypothesis__in=list(by_hypothesis)))
    blind = blind_to(request.user, rows, agreed_of(site), site=site)
    return {by_hypothesis[row.hypothesis_id or 0] for row in rows if row.pk in blind}


@require_safe
@never_cache
def proposal(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Show a proposal, or how far it is."""
    return _proposal(request, _plan(site_for(request.user, site), number))


@require_safe
@never_cache
def progress(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Say whether a proposal is still worked out; when it is done, have the page loaded anew."""
    record = _plan(site_for(request.user, site), number)
    running, _ = _work(record)
    if not running:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "roadmap/_plan_progress.html", {"address": request.path})


@require_POST
def take(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Move everything to its proposed days, and say what was refused and why."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    record = _plan(place, number)
    try:
        record = planning.take_plan(place, number, by=Actor(request.user), now=_now())
    except Refusal as refusal:
        return _proposal(request, record, refusal=refusal, status=409)
    moved = sum(each["moved"] for each in record.outcomes.values())
    refused = len(record.outcomes) - moved
    said = f"{moved} moved" + (f", {refused} refused; the reasons stand below." if refused else ".")
    messages.success(request, said)
    return redirect("roadmap:proposal", site=place.name, number=number)


def _proposal(
    request: SignedInRequest,
    record: QuarterPlanRecord,
    *,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    running, error = _work(record)
    place = record.site
    context = {
        "plan": record,
        "page": plan_page(record, now=_now()),
        "running": running,
        "error": error,
        "address": reverse("roadmap:proposal_progress", args=[place.name, record.number]),
        "refusal": refusal,
        "may_write": covers(request, place, Role.EDITOR),
    }
    return render(request, "roadmap/proposal.html", context, status=status)


def _work(record: QuarterPlanRecord) -> tuple[bool, str]:
    """Say whether a proposal is being worked out, and what went wrong the last time."""
    if record.text:
        return False, ""
    job = Job.objects.filter(kind=PLAN, subject=f"plan:{record.pk}").order_by("-pk").first()
    return (False, "") if job is None else (job.finished_at is None, job.error)


@require_safe
def touched(request: SignedInRequest, site: str) -> HttpResponse:
    """List the upcoming releases that touch what is tested, with who has seen them."""
    place, now = site_for(request.user, site), _now()
    context = {
        "rows": liaison.touching_of(place, now=now),
        "liaisons": liaison.liaisons_of(place),
        "unaccompanied": liaison.unaccompanied_of(place),
        "may_say": liaison.may_acknowledge(request.user, place),
    }
    return render(request, "roadmap/liaison.html", context)


@require_POST
def acknowledge(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say that one knows which tests a release touches."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    note = request.POST.get("note", "")
    try:
        liaison.acknowledge(place, key, by=Actor(request.user), now=_now(), note=note)
    except NoSuchRoadmapItem as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{key} is acknowledged.")
    return redirect("roadmap:item", site=place.name, key=key)


def _plan(site: Site, number: int) -> QuarterPlanRecord:
    try:
        return planning.plan_of(site, number)
    except NoSuchPlan as refusal:
        raise Http404 from refusal


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year < 2100 else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _now() -> datetime:
    return datetime.now(UTC)
