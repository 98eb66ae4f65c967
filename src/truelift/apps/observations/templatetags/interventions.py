"""The tag that says beside the learnings what was fixed without a test."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import RequestContext

from truelift.apps.observations.reads import interventions_of


register = template.Library()


@register.inclusion_tag("observations/_interventions.html", takes_context=True)
def interventions(context: RequestContext) -> dict[str, Any]:
    """Draw what people changed by decision, with what was seen since."""
    site = context["site"]
    rows = []
    for each in interventions_of(site):
        document = each.document
        rows.append((each, document["effect"]["sentence"] if document else ""))
    return {"site": site, "rows": rows}
