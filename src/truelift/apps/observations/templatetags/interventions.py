"""The tag that says beside the learnings what was fixed without a test."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import RequestContext

from truelift.apps.observations.before_after_page import list_page
from truelift.apps.observations.reads import interventions_of


register = template.Library()


@register.inclusion_tag("observations/_interventions.html", takes_context=True)
def interventions(context: RequestContext) -> dict[str, Any]:
    """Draw what people changed by decision, with what was seen since."""
    site = context["site"]
    records = interventions_of(site)
    effects = {row.number: row.effect for row in list_page(site, records).rows}
    return {"site": site, "rows": [(each, effects[each.number]) for each in records]}
