"""The tag that says on a release's page which tests it touches, and who has seen it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.template.context import RequestContext

from truelift.apps.accounts.models import User
from truelift.apps.roadmap.liaison import acknowledgements_of, may_acknowledge, touching_of
from truelift.lifecycle.roadmap_item import ItemKind, RoadmapItem


register = template.Library()


@register.inclusion_tag("roadmap/_touching.html", takes_context=True)
def touched_tests(context: RequestContext, item: RoadmapItem, now: datetime) -> dict[str, Any]:
    """Say which tests a release touches, and let the liaison acknowledge it."""
    site = context["site"]
    if item.kind is not ItemKind.RELEASE:
        return {}
    user = getattr(context.get("request"), "user", None)
    found = touching_of(site, now=now)
    return {
        "site": site,
        "found": next((each for each in found if each.release == item.key), None),
        "rows": acknowledgements_of(site, item.key),
        "may_say": isinstance(user, User) and may_acknowledge(user, site),
        "csrf_token": context.get("csrf_token"),
    }
