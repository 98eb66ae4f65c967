"""The customer's voice: what is told, what it costs, the call, the codebook, phrases and claims."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import people_of, role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.apps.voice import calls, codes, promises, themes
from truelift.apps.voice.forms import (
    ClaimForm,
    PhraseForm,
    answers_in,
    codes_in_form,
    whole,
)
from truelift.apps.voice.models import CallRecord
from truelift.apps.voice.page import call_page, codebook_page, home_page, phrases_page
from truelift.apps.voice.reads import call_of, note_of
from truelift.errors import Refusal
from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.voice import LISTENING, USUAL_MINUTES, Call, Question


@require_safe
def home(request: SignedInRequest, site: str) -> HttpResponse:
    """Say what customers say, what it costs and who listens."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    may = may_write(request, place)
    context = {
        "page": home_page(place, now=now),
        "may_write": may,
        "people": people_of(place) if may else (),
        "today": now.date().isoformat(),
    }
    return render(request, "voice/home.html", context)


@require_POST
def name_owner(request: SignedInRequest, site: str) -> HttpResponse:
    """Say who answers for what a function hears."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    function = _function(request.POST.get("function", ""))
    owner = User.objects.filter(
        memberships__site=place, email__iexact=request.POST.get("owner", "")[:254]
    ).first()
    if owner is None:
        messages.error(request, "Nobody of that address has a role here.")
        return redirect("voice:home", site=place.name)
    try:
        codes.name_owner(place, function, owner, by=Actor(request.user), now=datetime.now(UTC))
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{owner} answers for what {function.called.lower()} hears.")
    return redirect("voice:home", site=place.name)


@require_POST
def decide_theme(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Accept or dismiss what a machine put together."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    try:
        made = themes.decide_theme(
            place,
            key,
            accept=request.POST.get("decision") == "accept",
            name=request.POST.get("name", ""),
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except themes.NoSuchTheme as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{made.key} is {made.state}.")
    return redirect("voice:home", site=place.name)


@require_POST
def begin_call(request: SignedInRequest, site: str) -> HttpResponse:
    """Begin the monthly call with sales or service."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    now = datetime.now(UTC)
    function = _function(request.POST.get("function", ""))
    try:
        on = date.fromisoformat(request.POST.get("day", "")[:10])
    except ValueError:
        on = now.date()
    made = calls.begin_call(place, function, day=on, by=Actor(request.user), now=now)
    return redirect("voice:call", site=place.name, number=made.number)


@require_http_methods(["GET", "HEAD", "POST"])
def call(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Show the call; keep its rows, or close it with every reason why not."""
    needs = Role.ANALYST if request.method == "POST" else Role.VIEWER
    place = site_for(request.user, site, needs=needs)
    record = _call(place, number)
    if request.method != "POST":
        return _call_page(request, place, record)
    typed = _typed(request, record)
    try:
        calls.keep_call(
            place,
            record.number,
            typed.answers,
            nothing_new=typed.nothing_new,
            minutes=typed.minutes,
        )
        if request.POST.get("action") == "close":
            _, made = calls.close_call(
                place, record.number, by=Actor(request.user), now=datetime.now(UTC)
            )
            messages.success(request, f"{record.key} is closed; {len(made)} notes came of it.")
    except MoveRefused as refusal:
        return _call_page(request, place, _call(place, number), refusal=refusal, status=409)
    except BadFields as refusal:
        return _call_page(request, place, record, refusal=refusal, status=422, typed=typed)
    return redirect("voice:call", site=place.name, number=record.number)


def _call_page(
    request: SignedInRequest,
    place: Site,
    record: CallRecord,
    *,
    refusal: Refusal | None = None,
    status: int = 200,
    typed: Call | None = None,
) -> HttpResponse:
    context = {
        "page": call_page(record, typed=typed),
        "may_write": may_write(request, place),
        "refusal": refusal,
    }
    return render(request, "voice/call.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def codebook(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the codebook and what waits to be coded; or write its next version."""
    needs = Role.ANALYST if request.method == "POST" else Role.VIEWER
    place, now = site_for(request.user, site, needs=needs), datetime.now(UTC)
    said, status = "", 200
    if request.method == "POST":
        try:
            made = codes.write_codebook(
                place,
                codes_in_form(request.POST),
                because=request.POST.get("because", ""),
                by=Actor(request.user),
                now=now,
            )
        except Refusal as refusal:
            said, status = str(refusal), 422
        else:
            messages.success(request, f"Version {made.version} of the codebook holds from now on.")
            return redirect("voice:codebook", site=place.name)
    context = {
        "page": codebook_page(place, reader=request.user, now=now),
        "may_write": may_write(request, place),
        "said": said,
    }
    return render(request, "voice/codebook.html", context, status=status)


@require_POST
def keep_codes(request: SignedInRequest, site: str) -> HttpResponse:
    """Keep the codes that somebody gave to several notes."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    done = 0
    for name, code in list(request.POST.items())[:200]:
        key = name.removeprefix("code-")
        if key == name or not code:
            continue
        try:
            codes.code_note(
                place,
                key,
                "" if code == "none" else str(code),
                by=Actor(request.user),
                now=datetime.now(UTC),
            )
        except Refusal as refusal:
            messages.error(request, str(refusal))
        else:
            done += 1
    messages.success(request, f"{done} {'note is' if done == 1 else 'notes are'} coded.")
    return redirect("voice:codebook", site=place.name)


@require_http_methods(["GET", "HEAD", "POST"])
def phrases(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the phrases and claims; or keep another phrase."""
    needs = Role.ANALYST if request.method == "POST" else Role.VIEWER
    place = site_for(request.user, site, needs=needs)
    if request.method != "POST":
        return _phrases(request, place)
    form = PhraseForm(request.POST)
    if form.is_valid():
        note = note_of(place, request.POST.get("note", "")[:20])
        try:
            made = promises.add_phrase(
                place,
                **form.cleaned_data,
                note=note,
                by=Actor(request.user),
                now=datetime.now(UTC),
            )
        except BadFields as refusal:
            blame(form, refusal)
        else:
            messages.success(request, f"{made.key} is in the bank.")
            return redirect("voice:phrases", site=place.name)
    return _phrases(request, place, phrase=form, status=422)


@require_POST
def add_claim(request: SignedInRequest, site: str) -> HttpResponse:
    """Keep something that a page promises."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    form = ClaimForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            made = promises.add_claim(
                place,
                given["claim"],
                url=given["url"],
                surface=given["surface"],
                by=Actor(request.user),
                now=datetime.now(UTC),
            )
        except BadFields as refusal:
            blame(form, refusal)
        else:
            where = f" It stands on {made.surface}." if made.surface else ""
            messages.success(request, f"{made.key} is kept.{where}")
            return redirect("voice:phrases", site=place.name)
    return _phrases(request, place, claim=form, status=422)


@require_POST
def decide_use(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Say whether a hypothesis truly uses a phrase."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    try:
        promises.decide_use(
            place,
            number,
            confirmed=request.POST.get("decision") == "confirm",
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except promises.NoSuchPhrase as refusal:
        raise Http404 from refusal
    return redirect("voice:phrases", site=place.name)


@require_POST
def tag_test(request: SignedInRequest, site: str) -> HttpResponse:
    """Say that an experiment changes a claim, or that it does not."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    try:
        made = promises.tag_test(
            place,
            request.POST.get("claim", "")[:20],
            request.POST.get("experiment", "")[:80],
            changes=request.POST.get("decision") != "reject",
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except promises.NoSuchPhrase as refusal:
        messages.error(request, str(refusal))
    else:
        if made.added:
            messages.success(request, "Refunds and tickets now guard this experiment.")
        else:
            messages.success(request, "It is kept; no guardrail was added.")
    return redirect("voice:phrases", site=place.name)


def _phrases(
    request: SignedInRequest,
    place: Site,
    *,
    phrase: PhraseForm | None = None,
    claim: ClaimForm | None = None,
    status: int = 200,
) -> HttpResponse:
    initial = {"text": request.GET.get("text", "")[:300]}
    context = {
        "page": phrases_page(place),
        "may_write": may_write(request, place),
        "phrase_form": phrase or PhraseForm(initial=initial),
        "claim_form": claim or ClaimForm(),
        "note": request.GET.get("note", request.POST.get("note", ""))[:20],
    }
    return render(request, "voice/phrases.html", context, status=status)


def may_write(request: SignedInRequest, site: Site) -> bool:
    """Say whether the person codes and decides here, or only tells and reads."""
    role = role_of(request.user, site)
    return role is not None and role.covers(Role.ANALYST)


def blame(form: PhraseForm | ClaimForm, refusal: BadFields) -> None:
    """Put what a service found wrong beside the fields of a form."""
    for field, what in refusal.wrong.items():
        form.add_error(field if field in form.fields else None, what)


def _function(word: str) -> Function:
    found = next((each for each in LISTENING if each.value == word), None)
    if found is None:
        raise Http404
    return found


def _typed(request: SignedInRequest, record: CallRecord) -> Call:
    """Give what stands in the form of a call, so that nobody has to type it again."""
    given = request.POST
    return Call(
        key=record.key,
        answers=answers_in(given),
        nothing_new=frozenset(each for each in Question if given.get(f"{each.value}-nothing")),
        minutes=whole(given.get("minutes", ""), usual=USUAL_MINUTES, most=999),
    )


def _call(site: Site, number: int) -> CallRecord:
    found = call_of(site, number)
    if found is None:
        raise Http404
    return found
