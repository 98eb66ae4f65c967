"""Pages about sites."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def new(request: HttpRequest) -> HttpResponse:
    """Offer to make a site."""
    return render(request, "sites/new.html")
