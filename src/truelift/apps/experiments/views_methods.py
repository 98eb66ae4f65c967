"""The pages that say how each number is worked out."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.experiments.methods import method_keys, method_page
from truelift.apps.sites.reads import site_for


@require_safe
def methods(request: SignedInRequest, site: str) -> HttpResponse:
    """List every method with the question that it answers."""
    site_for(request.user, site)
    pages = [page for key in method_keys() if (page := method_page(key)) is not None]
    return render(request, "experiments/methods.html", {"pages": pages})


@require_safe
def method(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show how one number is worked out."""
    site_for(request.user, site)
    page = method_page(key)
    if page is None:
        raise Http404
    # The renderer lets no HTML of the pages through, and the pages come with the program.
    body = mark_safe(page.body)  # noqa: S308
    return render(request, "experiments/method.html", {"page": page, "body": body})
