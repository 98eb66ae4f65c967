"""The pages of quality checks, of hosts and of pictures."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.reads import experiment_of
from truelift.apps.qa import hosts as host_services
from truelift.apps.qa.page import AddressRow, hosts_page, qa_page
from truelift.apps.qa.pictures import MOST_BYTES, BadPicture, path_of
from truelift.apps.qa.plan import (
    Address,
    BadAddresses,
    ask_for_matrix,
    give_verdict,
    set_addresses,
)
from truelift.apps.qa.reads import picture_of, qa_plan
from truelift.apps.qa.run import ask_for_run
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal


MOST_VARIANTS = 50


@require_safe
def qa(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show what is known of an experiment's quality."""
    place = site_for(request.user, site)
    return _page(request, place, _experiment(place, key))


@require_POST
def addresses(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say where each variant can be seen."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _experiment(place, key)
    given = [
        Address(variant, url, steps)
        for variant, url, steps in zip(
            *(request.POST.getlist(name)[:MOST_VARIANTS] for name in ("variant", "url", "steps")),
            strict=False,
        )
    ]
    left_out = request.POST.get("left_out", "").replace("\n", ",").split(",")
    try:
        set_addresses(
            place,
            key,
            given,
            left_out=left_out,
            because=request.POST.get("left_out_because", ""),
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except Refusal as refusal:
        wrong = refusal.wrong if isinstance(refusal, BadAddresses) else {}
        names = {each.key: each.name or each.key for each in record.variants.all()}
        typed = [
            AddressRow(
                number,
                each.variant,
                names.get(each.variant, each.variant),
                each.url,
                each.steps,
                wrong.get(each.variant, ""),
            )
            for number, each in enumerate(given)
        ]
        return _page(request, place, record, refusal=refusal, typed=typed, status=422)
    messages.success(request, "The addresses are kept.")
    return redirect("qa:qa", site=place.name, key=key)


@require_POST
def matrix(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Have the matrix built from traffic."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    _experiment(place, key)
    ask_for_matrix(place, key, by=Actor(request.user), now=datetime.now(UTC))
    return redirect("qa:qa", site=place.name, key=key)


@require_POST
def verdict(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say what a tester saw of a variant in a cell."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _experiment(place, key)
    given = request.POST
    picture = request.FILES.get("picture")
    cell = given.get("cell", "")
    try:
        if picture is not None and (picture.size or 0) > MOST_BYTES:
            raise BadPicture(reason=f"it is larger than {MOST_BYTES // 1_000_000} MB")
        give_verdict(
            place,
            key,
            cell=int(cell) if cell.isascii() and cell.isdigit() and len(cell) < 16 else 0,
            variant=given.get("variant", ""),
            passed=given.get("passed") == "yes",
            blocking=given.get("blocking") != "no",
            note=given.get("note", ""),
            picture=picture.read() if picture is not None else None,
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except Refusal as refusal:
        return _page(request, place, record, refusal=refusal, status=409)
    messages.success(request, "What you saw is kept.")
    return redirect("qa:qa", site=place.name, key=key)


@require_POST
def run(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Ask for an instrumentation check."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _experiment(place, key)
    try:
        ask_for_run(place, key, by=Actor(request.user), now=datetime.now(UTC))
    except Refusal as refusal:
        return _page(request, place, record, refusal=refusal, status=409)
    return redirect("qa:qa", site=place.name, key=key)


@require_safe
def picture(request: SignedInRequest, site: str, digest: str) -> FileResponse:
    """Give a picture; a browser shows it and does nothing else with it."""
    place = site_for(request.user, site)
    found = picture_of(place, digest)
    if found is None:
        raise Http404
    try:
        file = path_of(place, found.sha256).open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    answer = FileResponse(file, content_type=found.kind)
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Cache-Control"] = "private, max-age=31536000, immutable"
    answer["Content-Disposition"] = "inline"
    return answer


@require_safe
def hosts(request: SignedInRequest, site: str) -> HttpResponse:
    """List the hosts of a site."""
    return _hosts(request, site_for(request.user, site))


@require_POST
def add_host(request: SignedInRequest, site: str) -> HttpResponse:
    """Take down that a host is the site's own."""
    place = site_for(request.user, site, needs=Role.OWNER)
    try:
        host_services.add_host(
            place, request.POST.get("host", ""), by=Actor(request.user), now=datetime.now(UTC)
        )
    except Refusal as refusal:
        return _hosts(request, place, refusal=refusal, status=409)
    return redirect("qa:hosts", site=place.name)


@require_POST
def check_host(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Have a host checked."""
    place = site_for(request.user, site, needs=Role.OWNER)
    host_services.ask_for_check(place, number, by=Actor(request.user), now=datetime.now(UTC))
    return redirect("qa:hosts", site=place.name)


@require_POST
def remove_host(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Take a host off the list."""
    place = site_for(request.user, site, needs=Role.OWNER)
    host_services.remove_host(place, number, by=Actor(request.user), now=datetime.now(UTC))
    return redirect("qa:hosts", site=place.name)


def _experiment(site: Site, key: str) -> ExperimentRecord:
    found = experiment_of(site, key)
    if found is None:
        raise Http404
    return found


def _page(
    request: SignedInRequest,
    site: Site,
    record: ExperimentRecord,
    *,
    refusal: Refusal | None = None,
    typed: list[AddressRow] | None = None,
    status: int = 200,
) -> HttpResponse:
    role = role_of(request.user, site)
    page = qa_page(
        record,
        qa_plan(site, record.key),
        user=request.user,
        now=datetime.now(UTC),
        typed=typed or (),
    )
    context = {
        "page": page,
        "refusal": refusal,
        "given": request.POST,
        "may_test": role is not None and role.covers(Role.ANALYST),
    }
    return render(request, "qa/qa.html", context, status=status)


def _hosts(
    request: SignedInRequest, site: Site, *, refusal: Refusal | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "page": hosts_page(site),
        "refusal": refusal,
        "given": request.POST.get("host", ""),
        "may_change": role_of(request.user, site) is Role.OWNER,
    }
    return render(request, "qa/hosts.html", context, status=status)
