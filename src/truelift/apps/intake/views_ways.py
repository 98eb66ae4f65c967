"""Ways in: files, open forms, webhooks, and how long a signal may wait."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.explorers.export import file_of
from truelift.apps.explorers.table import Row
from truelift.apps.intake.channels import Opened, close_channel, open_channel
from truelift.apps.intake.csv_file import UnreadableFile, text_of
from truelift.apps.intake.forms import ChannelForm, CsvForm
from truelift.apps.intake.imports import TakenAlready, bring, seen, take
from truelift.apps.intake.models import ImportRecord, Way
from truelift.apps.intake.reads import channels_of, import_of
from truelift.apps.intake.views import blame
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for


@require_http_methods(["GET", "HEAD", "POST"])
def bring_csv(request: SignedInRequest, site: str) -> HttpResponse:
    """Bring a CSV file; it is shown before anything is taken in."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    if request.method != "POST":
        form = CsvForm(initial={"kind": request.GET.get("kind", "signals")})
        return render(request, "intake/bring_csv.html", {"form": form})
    form = CsvForm(request.POST, request.FILES)
    if form.is_valid():
        given = form.cleaned_data
        file = given["file"]
        try:
            text = text_of(file.read()) if file else given["text"]
            made = bring(
                place,
                text,
                kind=given["kind"],
                name=file.name if file else "pasted text",
                by=Actor(request.user),
                now=datetime.now(UTC),
            )
        except UnreadableFile as refusal:
            form.add_error("file" if file else "text", str(refusal))
        else:
            return redirect("intake:brought", site=place.name, file=made.pk)
    return render(request, "intake/bring_csv.html", {"form": form}, status=422)


@require_safe
def brought(request: SignedInRequest, site: str, file: int) -> HttpResponse:
    """Show what would be taken in of a file and what not, or what was."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    return _brought(request, _import_or_404(place, file))


@require_POST
def take_csv(request: SignedInRequest, site: str, file: int) -> HttpResponse:
    """Take in every row that can be."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _import_or_404(place, file)
    try:
        done = take(found, by=Actor(request.user), now=datetime.now(UTC))
    except TakenAlready as refusal:
        messages.info(request, str(refusal))
        return redirect("intake:brought", site=place.name, file=found.pk)
    messages.success(
        request, f"{done.taken:,} taken in, {len(done.refused):,} refused and kept here."
    )
    return redirect("intake:brought", site=place.name, file=found.pk)


@require_safe
def refused_csv(request: SignedInRequest, site: str, file: int) -> HttpResponse:
    """Give the refused rows as a file, each with its line and why."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _import_or_404(place, file)
    table = seen(found)
    if found.taken is None:
        rows = [(each.line, each.reasons, each.cells) for each in table.refused]
    else:
        rows = [(each["line"], each["reasons"], each["cells"]) for each in found.refused]
    heads = table.heads
    written: list[Row] = [
        {
            "line": line,
            "why": " ".join(reasons),
            **{
                (heads[i] if i < len(heads) and heads[i] else f"column {i + 1}"): cell
                for i, cell in enumerate(cells)
            },
        }
        for line, reasons, cells in rows
    ]
    return file_of("csv", written, name=f"refused-{found.pk}")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def ways_in(request: SignedInRequest, site: str) -> HttpResponse:
    """List the ways in, and open another; its secret is shown this once."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    if request.method != "POST":
        return _ways(request, place, ChannelForm())
    form = ChannelForm(request.POST)
    if form.is_valid():
        try:
            opened = open_channel(
                place,
                Way(form.cleaned_data["kind"]),
                name=form.cleaned_data["name"],
                by=Actor(request.user),
                now=datetime.now(UTC),
            )
        except BadFields as refusal:
            blame(form, refusal)
        else:
            return _ways(request, place, ChannelForm(), opened=opened)
    return _ways(request, place, form, status=422)


@require_POST
def close_way(request: SignedInRequest, site: str, channel: int) -> HttpResponse:
    """Close a way in for good."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    done = close_channel(place, channel, by=Actor(request.user), now=datetime.now(UTC))
    if done is None:
        raise Http404
    messages.success(request, f"“{done.name}” is closed: its address does not work any more.")
    return redirect("intake:ways_in", site=place.name)


def _ways(
    request: SignedInRequest,
    place: Site,
    form: ChannelForm,
    *,
    opened: Opened | None = None,
    status: int = 200,
) -> HttpResponse:
    base = request.build_absolute_uri("/").rstrip("/")
    address = ""
    if opened is not None:
        address = (
            f"{base}/intake/{opened.secret}/"
            if opened.channel.kind == Way.LINK.value
            else f"{base}/api/v1/intake/{opened.channel.public_id}"
        )
    context = {
        "form": form,
        "channels": channels_of(place),
        "opened": opened,
        "address": address,
        "api": f"{base}/api/v1/intake/",
    }
    return render(request, "intake/ways_in.html", context, status=status)


def _brought(request: SignedInRequest, found: ImportRecord) -> HttpResponse:
    table = seen(found)
    if found.taken is None:
        refused = [(each.line, each.reasons, each.cells) for each in table.refused]
    else:
        refused = [(each["line"], each["reasons"], each["cells"]) for each in found.refused]
    context = {
        "file": found,
        "table": table,
        "good": table.good[:20],
        "more": max(0, len(table.good) - 20),
        "refused": refused[:200],
        "many": len(refused),
        "rows": len(table.good) + len(table.refused),
    }
    return render(request, "intake/brought.html", context)


def _import_or_404(site: Site, pk: int) -> ImportRecord:
    found = import_of(site, pk)
    if found is None:
        raise Http404
    return found
