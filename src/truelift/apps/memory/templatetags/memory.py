"""The tags that say beside a learning what hangs on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.template.context import RequestContext

from truelift.apps.memory.principles import Marks, Reuse, marks_of, reuse_of


register = template.Library()


@register.simple_tag(takes_context=True)
def learning_marks(context: RequestContext, rows: Iterable[Any]) -> dict[int, Marks]:
    """Give what hangs on the learnings of a page, in a fixed number of questions."""
    return marks_of(context["site"], [each.record.number for each in rows])


@register.simple_tag(takes_context=True)
def reuse(context: RequestContext) -> Reuse:
    """Say how often hypotheses build on what was learned."""
    return reuse_of(context["site"])


@register.inclusion_tag("memory/_marks.html", takes_context=True)
def marks(context: RequestContext, found: Mapping[int, Marks], number: int) -> dict[str, Any]:
    """Draw what hangs on one learning."""
    return {
        "site": context["site"],
        "marks": found.get(number, Marks()),
    }
