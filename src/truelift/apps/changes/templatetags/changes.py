"""The tag that puts what changed and happened while a test ran on its page."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import RequestContext

from truelift.apps.changes.page import around
from truelift.apps.experiments.models import ExperimentRecord


register = template.Library()


@register.inclusion_tag("changes/_around.html", takes_context=True)
def changes_around(context: RequestContext, record: ExperimentRecord) -> dict[str, Any]:
    """Show contaminations and confounders of a test; nothing where there are none."""
    return {"site": context["site"], "around": around(record)}
