"""Pages of what drove revenue, what advertising earns, and page against traffic."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.commerce import reads
from truelift.apps.commerce.acquisition_page import acquisition_page
from truelift.apps.commerce.cells import LEVELS
from truelift.apps.commerce.drivers_page import Asked, drivers_page, node_of, weeks_of
from truelift.apps.commerce.models import SnapshotRecord
from truelift.apps.commerce.periods import LENGTHS, Against
from truelift.apps.commerce.verdicts_page import verdicts_page
from truelift.apps.drawing.wording import clock
from truelift.apps.facts.columns import FeedKind
from truelift.apps.facts.defining import kind_of
from truelift.apps.facts.reads import stale
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.apps.surfaces.reads import records_of
from truelift.lifecycle.vocabulary import words_of


SOLD = (FeedKind.TRAFFIC, FeedKind.ORDERS, FeedKind.REFUNDS)
PAID = (*SOLD, FeedKind.SPEND)


@require_safe
def drivers(request: SignedInRequest, site: str) -> HttpResponse:
    """Show what took revenue per session from one period to the next."""
    place = site_for(request.user, site)
    asked, row = _asked(request, place)
    document = None if row is None else row.document
    context = _context(place, document, *SOLD)
    if row is not None and document is not None:
        node = node_of(document, asked)
        if node is None:
            raise Http404
        short = reads.explained_by(row)
        context["page"] = drivers_page(
            document,
            asked,
            node,
            site=place.name,
            number=row.pk,
            made=_made(place, row),
            kept=reads.kept(place),
            sentence=short.sentence
            if short
            else f"A period has no {context['words'].many} to explain.",
        )
    return render(request, "commerce/drivers.html", context)


@require_safe
def acquisition(request: SignedInRequest, site: str) -> HttpResponse:
    """Show what each source costs and earns."""
    place = site_for(request.user, site)
    asked, row = _asked(request, place)
    document = None if row is None else row.document
    context = _context(place, document, *PAID)
    if row is not None and document is not None:
        context["page"] = acquisition_page(
            document,
            asked,
            number_of=row.pk,
            made=_made(place, row),
            kept=reads.kept(place),
        )
    return render(request, "commerce/acquisition.html", context)


@require_safe
def verdicts(request: SignedInRequest, site: str) -> HttpResponse:
    """Show of every surface whether the page or the traffic changed."""
    place = site_for(request.user, site)
    asked, row = _asked(request, place)
    document = None if row is None else row.document
    context = _context(place, document, *SOLD)
    if row is not None and document is not None:
        context["page"] = verdicts_page(
            document,
            asked,
            number=row.pk,
            made=_made(place, row),
            kept=reads.kept(place),
            reviews={
                each.name: reverse("commerce:expectation", args=[place.name, each.pk])
                for each in records_of(place)
            },
        )
    return render(request, "commerce/verdicts.html", context)


def _asked(request: SignedInRequest, site: Site) -> tuple[Asked, SnapshotRecord | None]:
    """Read an address; what it says of a snapshot holds, else the newest of its weeks."""
    given = request.GET
    weeks, said = weeks_of(given.get("weeks", "")), given.get("against", "")
    against = Against.YEAR if said == Against.YEAR else Against.BEFORE
    by = given.get("by", "")
    path: list[str] = []
    for level in LEVELS[:-1]:
        if level not in given:
            break
        path.append(given[level])
    number = given.get("snapshot", "")
    if number:
        row = reads.snapshot_of(site, int(number) if number.isascii() and number.isdigit() else 0)
        if row is None:
            raise Http404
    else:
        row = reads.latest(site, weeks=weeks, against=against) or reads.latest(site)
    if row is not None:
        weeks, against = row.weeks, Against(row.against)
    asked = Asked(
        weeks=weeks or LENGTHS[0],
        against=against,
        by=by if by in LEVELS else _usual(row),
        path=tuple(path),
        snapshot=row.pk if number and row is not None else None,
    )
    return asked, row


def _usual(row: SnapshotRecord | None) -> str:
    """Give the breakdown that the headline is of: by campaign, where any is named."""
    rows = row.document["drivers"]["by"]["campaign"]["rows"] if row is not None else ()
    named = any(len(each["key"]) > 1 and each["key"][1] for each in rows)
    return "campaign" if named else "source"


def _made(site: Site, row: SnapshotRecord) -> str:
    return clock(row.made_at.astimezone(ZoneInfo(site.time_zone)))


def _context(site: Site, document: Mapping[str, Any] | None, *kinds: FeedKind) -> dict[str, Any]:
    """Give what every page has: what is late, and what is counted where nothing is known yet."""
    return {
        "site": site,
        "stale": stale(site, now=datetime.now(UTC), kinds=kinds),
        "words": words_of(kind_of(site) if document is None else document.get("kind")),
        "page": None,
    }
