"""The pages of meetings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.models import Membership
from truelift.apps.accounts.reads import functions_in, people_of, role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.domain import day_at
from truelift.apps.research.actor import Actor
from truelift.apps.rhythm import reads, services
from truelift.apps.rhythm.forms import ActionForm, WhenForm
from truelift.apps.rhythm.models import MeetingRecord
from truelift.apps.rhythm.page import meeting_page, pack_page, rhythm_page
from truelift.apps.rhythm.services import BadMeeting
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.rhythm import Meeting, Stage, quorum


@require_safe
def rhythm(request: SignedInRequest, site: str) -> HttpResponse:
    """Show which meeting is next, how they stand, and what is promised."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    page = rhythm_page(
        reads.rhythms_of(place, now=now),
        reads.open_actions(place),
        zone=ZoneInfo(place.time_zone),
        now=now,
    )
    context = {"page": page, "may_write": _covers(request, place, Role.EDITOR)}
    return render(request, "rhythm/rhythm.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def when(request: SignedInRequest, site: str) -> HttpResponse:
    """Show when meetings stand, and agree on something else."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    people = people_of(place)
    rows = {each.kind: each.settings for each in reads.rhythms_of(place, now=datetime.now(UTC))}
    asked = request.POST.get("kind", "") if request.method == "POST" else ""
    if request.method == "POST" and asked not in set(Meeting):
        raise Http404
    forms = {
        kind: WhenForm(
            request.POST if asked == kind.value else None,
            kind=kind,
            row=rows[kind],
            people=people,
        )
        for kind in Meeting
    }
    status = 200
    if asked:
        kind, status = Meeting(asked), 422
        form = forms[kind]
        if form.is_valid():
            try:
                services.set_rhythm(
                    place,
                    kind,
                    form.written(),
                    seen=form.cleaned_data["version"],
                    by=Actor(request.user),
                    now=datetime.now(UTC),
                )
            except Refusal as refusal:
                form.add_error(None, str(refusal))
                status = 422 if isinstance(refusal, BadMeeting) else 409
            else:
                messages.success(request, f"{kind.called}: kept. Meetings to come are moved.")
                return redirect("rhythm:when", site=place.name)
    return render(request, "rhythm/when.html", {"forms": forms}, status=status)


@require_safe
def meeting(request: SignedInRequest, site: str, kind: str, period: str) -> HttpResponse:
    """Show a meeting."""
    place = site_for(request.user, site)
    return _meeting(request, place, _row(place, kind, period))


@require_POST
def change(request: SignedInRequest, site: str, kind: str, period: str, what: str) -> HttpResponse:
    """Do something in a meeting: begin, close, write, promise, freeze, add."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    if what not in _CHANGES or kind not in set(Meeting):
        raise Http404
    done, said = _CHANGES[what]
    form: ActionForm | None = None
    try:
        if what == "actions":
            form = ActionForm(request.POST, kind=Meeting(kind), people=people_of(place))
            if not form.is_valid():
                row = _row(place, kind, period)
                return _meeting(request, place, row, form=form, status=422)
        at = done(place, Meeting(kind), period, request)
    except services.NoSuchMeeting as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        status = 422 if isinstance(refusal, BadMeeting) else 409
        row = _row(place, kind, period)
        return _meeting(request, place, row, refusal=refusal, form=form, status=status)
    messages.success(request, said)
    answer = redirect("rhythm:meeting", site=place.name, kind=kind, period=period)
    answer["Location"] += at
    return answer


@require_POST
def action(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Say that something promised is done; who promised it may, and whoever edits."""
    place = site_for(request.user, site)
    found = reads.action_of(place, number)
    if found is None:
        raise Http404
    if found.owner_id != request.user.pk:
        site_for(request.user, site, needs=Role.EDITOR)
    services.finish_action(
        place,
        number,
        outcome=request.POST.get("outcome", ""),
        by=Actor(request.user),
        now=datetime.now(UTC),
    )
    messages.success(request, f"{found.key} is done.")
    if request.POST.get("back") == "meeting":
        row = found.meeting
        return redirect("rhythm:meeting", site=place.name, kind=row.kind, period=row.period)
    return redirect("rhythm:page", site=place.name)


@require_safe
def pack(request: SignedInRequest, site: str, kind: str, period: str, version: int) -> HttpResponse:
    """Show a frozen pack, from what was stored and nothing else."""
    place = site_for(request.user, site)
    row = _row(place, kind, period)
    found = reads.pack_of(row, version)
    if found is None:
        raise Http404
    versions = reads.packs_of(row)
    context = {
        "page": pack_page(found.document),
        "pack": found,
        "meeting": row,
        "versions": versions,
        "newest": versions[0],
    }
    return render(request, "rhythm/pack.html", context)


def _begin(site: Site, kind: Meeting, period: str, request: SignedInRequest) -> str:
    services.begin(site, kind, period, by=Actor(request.user), now=datetime.now(UTC))
    return ""


def _close(site: Site, kind: Meeting, period: str, request: SignedInRequest) -> str:
    services.close(site, kind, period, by=Actor(request.user), now=datetime.now(UTC))
    return ""


def _agenda(site: Site, kind: Meeting, period: str, request: SignedInRequest) -> str:
    del request
    services.read_agenda(site, kind, period, now=datetime.now(UTC))
    return ""


def _freeze(site: Site, kind: Meeting, period: str, request: SignedInRequest) -> str:
    services.freeze_pack(site, kind, period, by=Actor(request.user), now=datetime.now(UTC))
    return "#packs"


def _present(site: Site, kind: Meeting, period: str, request: SignedInRequest) -> str:
    people = [
        int(each) for each in request.POST.getlist("present") if each.isascii() and each.isdigit()
    ]
    services.set_present(site, kind, period, people, by=Actor(request.user), now=datetime.now(UTC))
    return "#who"


def _notes(site: Site, kind: Meeting, period: str, request: SignedInRequest) -> str:
    """Keep the texts that this person changed; those of others stay as they are meanwhile."""
    given = {
        topic.value: request.POST.get(f"note-{topic.value}", "").replace("\r\n", "\n")
        for topic in kind.topics
        if f"note-{topic.value}" in request.POST
    }
    changed = {
        topic: text
        for topic, text in given.items()
        if text.strip() != request.POST.get(f"seen-{topic}", "").replace("\r\n", "\n").strip()
    }
    services.write_notes(site, kind, period, changed, by=Actor(request.user), now=datetime.now(UTC))
    return ""


def _promise(site: Site, kind: Meeting, period: str, request: SignedInRequest) -> str:
    services.promise(
        site,
        kind,
        period,
        what=request.POST.get("what", ""),
        owner=request.POST.get("owner", ""),
        due=request.POST.get("due", ""),
        topic=request.POST.get("topic", ""),
        by=Actor(request.user),
        now=datetime.now(UTC),
    )
    return "#actions"


def _add(site: Site, kind: Meeting, period: str, request: SignedInRequest) -> str:
    text = request.POST.get("text", "")
    services.add(site, kind, period, text, by=Actor(request.user), now=datetime.now(UTC))
    return "#additions"


_Change = Callable[[Site, Meeting, str, SignedInRequest], str]
_CHANGES: Final[Mapping[str, tuple[_Change, str]]] = {
    "begin": (_begin, "It has begun; the time runs."),
    "close": (_close, "It is closed. From now on the minutes can only be added to."),
    "agenda": (_agenda, "The agenda is put together anew."),
    "freeze": (_freeze, "The figures are frozen as another version."),
    "present": (_present, "Who is here is kept."),
    "notes": (_notes, "The minutes are kept."),
    "actions": (_promise, "It is promised, and stands in its owner’s inbox."),
    "add": (_add, "It is added."),
}


def _row(site: Site, kind: str, period: str) -> MeetingRecord:
    row = reads.meeting_of(site, kind, period)
    if row is None:
        raise Http404
    return row


def _meeting(
    request: SignedInRequest,
    site: Site,
    row: MeetingRecord,
    *,
    refusal: Refusal | None = None,
    form: ActionForm | None = None,
    status: int = 200,
) -> HttpResponse:
    now = datetime.now(UTC)
    members = list(
        Membership.objects.filter(site=site, user__is_active=True)
        .select_related("user")
        .order_by("user__name", "user__email")
    )
    does = {
        str(each.user_id): functions_in(each.functions)
        for each in members
        if each.user_id in row.present
    }
    packs = reads.packs_of(row)
    newest = packs[0] if packs else None
    document: dict[str, Any] | None = json.loads(row.agenda) if row.agenda else None
    if newest is not None and row.meeting is Meeting.REVIEW:
        # A review speaks of what was frozen, whatever has come in since.
        document = newest.document
    page = meeting_page(
        row,
        document,
        members,
        quorum(row.meeting, does),
        actions=reads.actions_of(row),
        carried=reads.carried_over(row),
        zone=ZoneInfo(site.time_zone),
        now=now,
    )
    writes = _covers(request, site, Role.EDITOR)
    begun = row.stage == Stage.BEGUN.value
    people = tuple(each.user for each in members)
    context = {
        "meeting": row,
        "page": page,
        "packs": packs,
        "newest": newest,
        "may_write": writes,
        "may_note": writes and begun,
        "begun": begun,
        "closed": row.stage == Stage.CLOSED.value,
        "minutes": getattr(row, "minutes", None),
        "additions": row.additions.select_related("by").order_by("pk"),
        "not_yet": services.begin_obstacles(row, today=day_at(site, now))
        if row.stage == Stage.PLANNED.value
        else (),
        "not_closed": services.refusals_of(row) if writes and begun else (),
        "ends_at": row.begun_at + timedelta(minutes=row.meeting.minutes) if row.begun_at else None,
        "form": form or ActionForm(kind=row.meeting, people=people),
        "refusal": refusal,
    }
    return render(request, "rhythm/meeting.html", context, status=status)


def _covers(request: SignedInRequest, site: Site, role: Role) -> bool:
    has = role_of(request.user, site)
    return has is not None and has.covers(role)
