"""What is about several sites at once."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.homes.sites import without_names
from truelift.apps.sites.reads import sites_of


@require_safe
def learnings(request: SignedInRequest) -> HttpResponse:
    """Give what the tests of a person's sites taught, without anything that says whose they are."""
    text = without_names(sites_of(request.user), now=datetime.now(UTC))
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="learnings-without-names.csv"'
    return answer
