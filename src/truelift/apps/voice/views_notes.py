"""Notes: the list, one, the form, the file; coding, passing on and erasing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.explorers.export import file_of
from truelift.apps.intake.csv_file import UnreadableFile, text_of
from truelift.apps.intake.fields import Arrival
from truelift.apps.intake.models import SignalRecord, Way
from truelift.apps.intake.reads import signal_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.apps.voice import codes, notes, promises
from truelift.apps.voice.csv_file import Brought, bring_notes
from truelift.apps.voice.forms import NoteForm, NotesCsvForm
from truelift.apps.voice.models import NoteRecord, Source
from truelift.apps.voice.page import note_page
from truelift.apps.voice.reads import Wanted, note_of, notes_wanted
from truelift.apps.voice.views import may_write
from truelift.errors import Refusal
from truelift.lifecycle.voice import Question


PAGE: Final = 50
MOST_EXPORTED: Final = 20_000


@require_safe
def listing(request: SignedInRequest, site: str) -> HttpResponse:
    """List what customers said, word for word."""
    place = site_for(request.user, site)
    given = {name: request.GET.get(name, "").strip()[:120] for name in Wanted.__slots__}
    found = notes_wanted(place, Wanted(**given))
    if request.GET.get("file") == "csv":
        return _file(place, list(found[:MOST_EXPORTED]))
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {
        "notes": page,
        "given": given,
        "narrowed": any(given.values()),
        "sources": Source.choices,
        "questions": [(each.value, each.asked) for each in Question],
        "may_write": may_write(request, place),
    }
    return render(request, "voice/notes.html", context)


def _file(site: Site, found: list[NoteRecord]) -> HttpResponse:
    # How to reach somebody does not leave with a file.
    rows = [
        {
            "note": each.key,
            "text": each.text,
            "source": each.source,
            "day": each.day.isoformat(),
            "speaker": each.speaker,
            "times": each.times,
            "surface": each.surface,
            "segment": each.segment,
            "stage": each.stage,
            "lost": each.lost,
            "value_minor": each.value_minor,
            "refund": each.refund,
            "consent": each.consent,
            "personal": each.personal,
            "question": each.question,
        }
        for each in found
    ]
    return file_of("csv", rows, name=f"{site.name}-notes")


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: SignedInRequest, site: str) -> HttpResponse:
    """Write down what a customer said; every member may."""
    place = site_for(request.user, site)
    signal = signal_of(place, request.GET.get("signal", request.POST.get("signal", ""))[:20])
    if request.method != "POST":
        return render(
            request,
            "voice/note_form.html",
            {"form": NoteForm(site=place, initial=_of_signal(signal)), "signal": signal},
        )
    form = NoteForm(request.POST, site=place)
    if form.is_valid():
        arrival = Arrival(Way.MEMBER, by=Actor(request.user))
        try:
            made = notes.receive_note(place, form.written(), arrival, now=datetime.now(UTC))
        except BadFields as refusal:
            for field, what in refusal.wrong.items():
                form.add_error(field if field in form.fields else None, what)
        except notes.NoteIsHere as refusal:
            messages.info(request, str(refusal))
            return redirect("voice:note", site=place.name, key=refusal.key)
        else:
            if signal is not None:
                notes.link_signal(place, made.key, signal.key)
            messages.success(request, f"{made.key} is kept. Thank you.")
            return redirect("voice:note", site=place.name, key=made.key)
    return render(request, "voice/note_form.html", {"form": form, "signal": signal}, status=422)


def _of_signal(signal: SignalRecord | None) -> dict[str, str]:
    """Fill the form from a signal: its detail is what was said, where there is any."""
    if signal is None:
        return {}
    return {
        "text": (signal.detail or signal.title)[:4000],
        "surface": signal.surface,
        "segment": signal.segment,
        "contact": signal.contact,
    }


@require_http_methods(["GET", "HEAD", "POST"])
def bring_csv(request: SignedInRequest, site: str) -> HttpResponse:
    """Bring a file of notes; what cannot be taken is listed with its reasons."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    form, done, status = NotesCsvForm(), None, 200
    if request.method == "POST":
        form, status = NotesCsvForm(request.POST, request.FILES), 422
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                text = text_of(file.read()) if file else form.cleaned_data["text"]
                done = _brought(request, place, text)
                status = 200
            except UnreadableFile as refusal:
                form.add_error("file" if file else "text", str(refusal))
    return render(request, "voice/bring_csv.html", {"form": form, "done": done}, status=status)


def _brought(request: SignedInRequest, site: Site, text: str) -> Brought:
    return bring_notes(site, text, by=Actor(request.user), now=datetime.now(UTC))


@require_safe
def note(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show a note."""
    place = site_for(request.user, site)
    return _note(request, place, _found(place, key))


@require_POST
def code(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say what a note is about, and which promise disappointed."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _found(place, key)
    given, now, by = request.POST, datetime.now(UTC), Actor(request.user)
    try:
        claim = promises.claim_of(place, given.get("claim", "")[:20])
        if given.get("promised", "").strip():
            claim = promises.add_claim(
                place,
                given["promised"],
                url=given.get("url", ""),
                surface="" if given.get("url", "").strip() else found.surface,
                by=by,
                now=now,
            )
        codes.code_note(place, found.key, given.get("code", ""), claim=claim, by=by, now=now)
    except Refusal as refusal:
        return _note(request, place, found, said=str(refusal), status=422)
    messages.success(request, f"{found.key} is coded.")
    return redirect("voice:note", site=place.name, key=found.key)


@require_POST
def pass_on(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Make a signal of a note."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _found(place, key)
    try:
        made = notes.pass_on(place, found.key, by=Actor(request.user), now=datetime.now(UTC))
    except Refusal as refusal:
        return _note(request, place, found, said=str(refusal), status=409)
    return redirect("intake:signal", site=place.name, key=made.key)


@require_POST
def erase(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Take somebody's words away."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _found(place, key)
    notes.erase_note(place, found.key, by=Actor(request.user), now=datetime.now(UTC))
    messages.success(request, f"The words of {found.key} are erased.")
    return redirect("voice:note", site=place.name, key=found.key)


def _note(
    request: SignedInRequest, place: Site, found: NoteRecord, *, said: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "page": note_page(found, reader=request.user),
        "may_write": may_write(request, place),
        "said": said,
    }
    return render(request, "voice/note.html", context, status=status)


def _found(site: Site, key: str) -> NoteRecord:
    found = note_of(site, key)
    if found is None:
        raise Http404
    return found
