"""The tag that puts what changed and happened while a test ran on its page."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import RequestContext

from truelift.apps.changes.page import around
from truelift.apps.changes.reads import after_the_fact
from truelift.apps.experiments.models import ExperimentRecord


register = template.Library()


@register.inclusion_tag("changes/_around.html", takes_context=True)
def changes_around(context: RequestContext, record: ExperimentRecord) -> dict[str, Any]:
    """Show contaminations and confounders of a test; nothing where there are none."""
    return {"site": context["site"], "around": around(record)}


@register.inclusion_tag("changes/_late.html", takes_context=True)
def contaminated_after(
    context: RequestContext, record: ExperimentRecord, *, outside: bool = False
) -> dict[str, Any]:
    """Say that a test was decided before anybody told of what spoiled it; mostly nothing.

    Args:
        context: Of the page.
        record: The test.
        outside: Whether who reads it has no account, and nothing to follow.
    """
    late = after_the_fact([record.pk]).get(record.pk, ())
    return {"site": None if outside else context["site"], "late": late}
