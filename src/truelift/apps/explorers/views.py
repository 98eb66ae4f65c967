"""The pages of the explorers, and their rows as files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.explorers import reads
from truelift.apps.explorers.asking import look
from truelift.apps.explorers.catalogue import EXPLORERS, Explorer, tabs_of
from truelift.apps.explorers.export import WRITERS, file_of
from truelift.apps.explorers.models import AnnotationKind
from truelift.apps.explorers.page import ExplorerPage
from truelift.apps.measurement.periods import PERIODS
from truelift.apps.measurement.reads import this_minute
from truelift.apps.measurement.running import answering
from truelift.apps.measurement.segments_reads import whose_of
from truelift.apps.measurement.views_asking import asking_of
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.questions.dimensions import DIMENSIONS


@require_safe
def explore(request: SignedInRequest, site: str, explorer: str) -> HttpResponse:
    """Show the answer to the question that the address is."""
    place = site_for(request.user, site)
    chosen = _explorer(explorer)
    asking = asking_of(request)
    with answering(request.user.pk, place.name, asking.token, waits=asking.waits):
        moment = this_minute(datetime.now(UTC))
        found = look(place, chosen, asking.query, by=request.user, now=moment, asks=asking.asks)
    role = role_of(request.user, place)
    context: dict[str, Any] = {
        "explorer": chosen,
        "look": found,
        "asking": asking,
        "page": found.page,
        "form": found.form,
        "bar": found.form.main(chosen.bar),
        "more": found.form.more(chosen.bar),
        "says_more": found.form.says_more(chosen.bar),
        "problems": found.problems,
        "tabs": _tabs(place, chosen),
        "periods": PERIODS,
        "names": found.names,
        "dimensions": DIMENSIONS,
        "metrics": reads.metric_names(place, chosen.question, found.names),
        "segments": reads.segments_of(place),
        "whose": whose_of(place, found.form.segment),
        "kept": reads.views_of(place, request.user),
        "kinds": AnnotationKind.choices,
        "pictures": tuple((each.name, each.units) for each in found.page.figures)
        if found.page
        else (),
        "may_note": role is not None and role.covers(Role.ANALYST),
        "finding": _finding(chosen, found.form.address, found.page),
    }
    status = 409 if found.is_cancelled and asking.asks else 422 if found.problems else 200
    return render(request, "explorers/explorer.html", context, status=status)


@require_safe
def rows(request: SignedInRequest, site: str, explorer: str, kind: str) -> HttpResponse:
    """Give the rows of an answer as a file."""
    place = site_for(request.user, site)
    chosen = _explorer(explorer)
    if kind not in WRITERS:
        raise Http404
    found = look(place, chosen, request.GET, by=request.user, now=this_minute(datetime.now(UTC)))
    if found.page is None:
        said = "\n".join(found.problems) or "There are no events yet."
        return HttpResponse(said, status=422, content_type="text/plain; charset=utf-8")
    name = f"{place.name}-{chosen.question.replace('_', '-')}"
    # A file cannot say it elsewhere, and is looked at where no page is.
    return file_of(kind, found.page.rows, name=f"{name}-incomplete" if found.unread else name)


def _explorer(name: str) -> Explorer:
    found = EXPLORERS.get(name)
    if found is None:
        raise Http404
    return found


def _tabs(place: Site, chosen: Explorer) -> tuple[tuple[str, str, bool], ...]:
    """List what stands beside an explorer; one that is alone needs no tabs."""
    found = [
        (f"/s/{place.name}/{each.folder}/", each.title, each is chosen) for each in tabs_of(chosen)
    ]
    found += [(f"/s/{place.name}/{folder}/", words, False) for folder, words in chosen.beside]
    return tuple(found) if len(found) > 1 else ()


def _finding(explorer: Explorer, address: str, page: ExplorerPage | None) -> str:
    """Give what stands in the form when this is recorded as a finding."""
    if page is None:
        return ""
    said = f"{page.answer} {page.marked}{page.rest}".strip()[:300]
    evidence = f"{explorer.title}: /{explorer.folder}/?{address}"[:300]
    return urlencode({"problem": said, "evidence": evidence})
