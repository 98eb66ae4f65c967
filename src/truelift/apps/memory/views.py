"""The pages of the library, of principles, and of what machines drafted."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.explorers.export import file_of
from truelift.apps.lists.page import file_wanted
from truelift.apps.memory import services
from truelift.apps.memory.digest import what_we_know
from truelift.apps.memory.drafting import draft, matters, records_of
from truelift.apps.memory.forms import GuidelineForm, PrincipleForm, TrialForm, comma_separated
from truelift.apps.memory.jobs import plan_indexing
from truelift.apps.memory.library import Wanted, entry_row, look_for
from truelift.apps.memory.model_service import service_of
from truelift.apps.memory.models import PrincipleRecord, UseState
from truelift.apps.memory.page import (
    library_page,
    principle_page,
    principles_page,
    surprise_rows,
)
from truelift.apps.memory.principles import judged, principle_of, reuse_of, surprises_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.principle import PrincipleAction


@require_safe
def library(request: SignedInRequest, site: str) -> HttpResponse:
    """Search the results of every experiment."""
    place = site_for(request.user, site)
    wanted = Wanted.of(request.GET.dict())
    wants_file = file_wanted(request)
    shelf = look_for(place, wanted, whole=wants_file)
    if shelf.left:
        plan_indexing(place, now=_now())
    if wants_file:
        rows = [entry_row(each, shelf) for each in shelf.entries]
        return file_of("csv", rows, name=f"{place.name}-library")
    return render(
        request, "memory/library.html", {"page": library_page(wanted, shelf), "wanted": wanted}
    )


@require_safe
def digest(request: SignedInRequest, site: str) -> HttpResponse:
    """Say what is known, in twenty lines."""
    place = site_for(request.user, site)
    return render(request, "memory/digest.html", {"known": what_we_know(place)})


@require_safe
def surprises(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the tests that came out otherwise than expected."""
    place = site_for(request.user, site)
    return render(request, "memory/surprises.html", {"rows": surprise_rows(surprises_of(place))})


@require_safe
def principles(request: SignedInRequest, site: str) -> HttpResponse:
    """List the principles."""
    place = site_for(request.user, site)
    page = principles_page(judged(place), reuse_of(place))
    return render(
        request,
        "memory/principles.html",
        {"page": page, "may_write": _covers(request, place, Role.ANALYST)},
    )


@require_http_methods(["GET", "HEAD", "POST"])
def new_principle(request: SignedInRequest, site: str) -> HttpResponse:
    """Write down a rule of thumb."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    if request.method != "POST":
        return _form(
            request, PrincipleForm(initial={"statement": request.GET.get("statement", "")[:300]})
        )
    form = PrincipleForm(request.POST)
    if form.is_valid():
        try:
            made = services.create_principle(
                place, form.written(), by=Actor(request.user), now=_now()
            )
        except BadFields as refusal:
            _blame(form, refusal)
        else:
            return redirect("memory:principle", site=place.name, key=made.key)
    return _form(request, form, status=422)


@require_safe
def principle(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show a principle."""
    place = site_for(request.user, site)
    return _principle(request, place, key)


@require_http_methods(["GET", "HEAD", "POST"])
def edit_principle(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Rewrite a principle."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _record(place, key)
    if request.method != "POST":
        return _form(request, PrincipleForm.of(record), record=record)
    form = PrincipleForm(request.POST)
    if form.is_valid():
        try:
            services.edit_principle(place, key, form.written(), by=Actor(request.user), now=_now())
        except BadFields as refusal:
            _blame(form, refusal)
        else:
            return redirect("memory:principle", site=place.name, key=record.key)
    return _form(request, form, record=record, status=422)


@require_POST
def move(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Accept, retire or restore a principle."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    action = request.POST.get("action", "")
    if action not in set(PrincipleAction):
        raise Http404
    _record(place, key)
    try:
        services.move_principle_record(
            place,
            key,
            PrincipleAction(action),
            by=Actor(request.user),
            now=_now(),
            reason=request.POST.get("reason", ""),
        )
    except Refusal as refusal:
        return _principle(request, place, key, refusal=refusal, status=409)
    return redirect("memory:principle", site=place.name, key=key)


@require_POST
def link(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say that a test tried a principle, or that it did not."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    _record(place, key)
    try:
        if "unlink" in request.POST:
            services.unlink_test(
                place, key, request.POST["unlink"][:80], by=Actor(request.user), now=_now()
            )
            return redirect("memory:principle", site=place.name, key=key)
        form = TrialForm(request.POST, site=place)
        if not form.is_valid():
            return _principle(request, place, key, trial=form, status=422)
        services.link_test(
            place,
            key,
            form.cleaned_data["experiment"],
            by=Actor(request.user),
            now=_now(),
            variant=form.cleaned_data["variant"],
            applied=not form.cleaned_data["opposite"],
            outside=form.cleaned_data["outside"],
        )
    except Refusal as refusal:
        return _principle(request, place, key, refusal=refusal, status=409)
    return redirect("memory:principle", site=place.name, key=key)


@require_POST
def guideline(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Give a guideline task, or say that one is done."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    _record(place, key)
    task = request.POST.get("task", "")
    try:
        if task.isascii() and task.isdigit() and len(task) < 19:
            services.settle_guideline(
                place,
                key,
                int(task),
                done=request.POST.get("done") == "yes",
                by=Actor(request.user),
                now=_now(),
            )
            return redirect("memory:principle", site=place.name, key=key)
        form = GuidelineForm(request.POST, site=place)
        if not form.is_valid():
            return _principle(request, place, key, task=form, status=422)
        services.add_guideline(place, key, by=Actor(request.user), now=_now(), **form.cleaned_data)
    except Refusal as refusal:
        return _principle(request, place, key, refusal=refusal, status=409)
    return redirect("memory:principle", site=place.name, key=key)


@require_POST
def use(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say of a surface whether it follows a principle, what it is, or propose it there."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    _record(place, key)
    surface = request.POST.get("surface", "")[:200]
    state = request.POST.get("state", "")
    try:
        if state == "propose":
            idea = services.propose_elsewhere(
                place, key, surface, by=Actor(request.user), now=_now()
            )
            messages.success(request, f"{idea.key} is proposed; it competes like any other idea.")
        elif state == "describe":
            services.describe_surface(
                place,
                surface,
                type_=request.POST.get("type", ""),
                elements=comma_separated(request.POST.get("elements", "")),
                by=Actor(request.user),
                now=_now(),
            )
        elif state in UseState.values:
            services.say_use(
                place, key, surface, UseState(state), by=Actor(request.user), now=_now()
            )
        else:
            raise Http404
    except Refusal as refusal:
        return _principle(request, place, key, refusal=refusal, status=409)
    return redirect("memory:principle", site=place.name, key=key)


@require_http_methods(["GET", "HEAD", "POST"])
def drafts(request: SignedInRequest, site: str) -> HttpResponse:
    """Show signals that lie together, and let a machine draft what they say."""
    place = site_for(request.user, site)
    service = service_of(settings.TRUELIFT)
    if request.method == "POST":
        place = site_for(request.user, site, needs=Role.ANALYST)
        made = draft(
            place,
            request.POST.get("matter", "")[:20],
            by=Actor(request.user),
            now=_now(),
            service=service,
        )
        if made.problem:
            messages.warning(request, made.problem)
        return redirect("research:insight", site=place.name, key=made.insight.key)
    return render(
        request,
        "memory/drafts.html",
        {
            "matters": matters(place),
            "records": records_of(place),
            "service": service,
            "may_write": _covers(request, place, Role.ANALYST),
        },
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _record(site: Site, key: str) -> PrincipleRecord:
    found = principle_of(site, key)
    if found is None:
        raise Http404
    return found


def _covers(request: SignedInRequest, site: Site, needs: Role) -> bool:
    role = role_of(request.user, site)
    return role is not None and role.covers(needs)


def _principle(
    request: SignedInRequest,
    site: Site,
    key: str,
    *,
    refusal: Refusal | None = None,
    trial: TrialForm | None = None,
    task: GuidelineForm | None = None,
    status: int = 200,
) -> HttpResponse:
    found = judged(site, [_record(site, key)])[0]
    context = {
        "page": principle_page(found, now=_now()),
        "refusal": refusal,
        "trial": trial or TrialForm(site=site),
        "task": task or GuidelineForm(site=site),
        "may_write": _covers(request, site, Role.ANALYST),
    }
    return render(request, "memory/principle.html", context, status=status)


def _form(
    request: SignedInRequest,
    form: PrincipleForm,
    *,
    record: PrincipleRecord | None = None,
    status: int = 200,
) -> HttpResponse:
    return render(
        request, "memory/principle_form.html", {"form": form, "record": record}, status=status
    )


def _blame(form: PrincipleForm, refusal: BadFields) -> None:
    for name, what in refusal.wrong.items():
        form.add_error(name if name in form.fields else None, what)
