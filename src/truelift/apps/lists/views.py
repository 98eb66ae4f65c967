"""What all lists share: the board, the search of the palette, one step for many items."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.explorers.export import file_of
from truelift.apps.lists.board import board_of, board_rows
from truelift.apps.lists.bulk import MOST, carry_out, listing_of
from truelift.apps.lists.finding import find
from truelift.apps.lists.listing import Given
from truelift.apps.lists.page import file_wanted
from truelift.apps.lists.places import LISTS
from truelift.apps.research.actor import Actor
from truelift.apps.sites.reads import site_for


@require_safe
def board(request: SignedInRequest, site: str) -> HttpResponse:
    """Show all work by stage."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    page = board_of(place, request.GET.dict(), reader=request.user, now=now)
    if file_wanted(request):
        return file_of("csv", board_rows(page), name=f"{place.name}-board")
    return render(request, "lists/board.html", {"page": page})


@require_safe
@never_cache
def search(request: SignedInRequest, site: str) -> HttpResponse:
    """Find items by their key, the beginning of their title, or words in it."""
    place = site_for(request.user, site)
    return JsonResponse({"items": find(place, request.GET.get("q", ""))})


@require_POST
@never_cache
def many(request: SignedInRequest, site: str, name: str) -> HttpResponse:
    """Take several items one step; those that may not are named with every reason."""
    place = site_for(request.user, site)
    listing = listing_of(name)
    wanted = request.POST.get("step", "")
    step = next((each for each in listing.steps if each.name == wanted), None) if listing else None
    if listing is None or step is None:
        raise Http404
    site_for(request.user, site, needs=step.needs)
    query = request.META.get("QUERY_STRING", "")
    back = f"/s/{place.name}/{LISTS[name].folder}/" + (f"?{query}" if query else "")
    keys = [key[:80].replace("\0", "") for key in request.POST.getlist("key")[:MOST]]
    if not keys:
        messages.info(request, "Nothing was chosen. Tick the rows first.")
        return redirect(back)
    done = carry_out(
        step, place, keys, _given(request), by=Actor(request.user), now=datetime.now(UTC)
    )
    if not done.refused:
        said = ", ".join(done.done[:5]) + (" and more" if len(done.done) > 5 else "")
        messages.success(request, f"{step.label}: {len(done.done)} done, {said}.")
        return redirect(back)
    context = {
        "done": done,
        "step": step,
        "title": listing.title,
        "back": back,
        "answer": f"{len(done.refused)} of {len(done.refused) + len(done.done)} not done.",
        "grounds": "The others are done; nothing of these was changed."
        if done.done
        else "Nothing was changed.",
    }
    return render(request, "lists/done.html", context, status=409)


def _given(request: HttpRequest) -> Given:
    def text(name: str, most: int) -> str:
        return request.POST.get(name, "").replace("\0", "").strip()[:most]

    try:
        until = date.fromisoformat(request.POST.get("until", ""))
    except ValueError:
        until = None
    return Given(
        reason=text("reason", 500),
        until=until,
        owner=text("owner", 254),
        surface=text("surface", 120),
    )
