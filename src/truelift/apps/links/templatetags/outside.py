"""The tag that puts an item's tickets, and what can be shared of it, on its page."""

from __future__ import annotations

from typing import Any, Final

from django import template
from django.template.context import RequestContext

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.roles import Role
from truelift.apps.links.models import ShareKind
from truelift.apps.links.reads import ticket_rows
from truelift.apps.links.shares import DAYS
from truelift.apps.threads.items import Kind


register = template.Library()

_SHOWS: Final = {
    "experiment": ((ShareKind.RESULT, "The result"), (ShareKind.BRIEF, "The brief")),
    "principle": ((ShareKind.PRINCIPLE, "The principle"),),
    "scorecard": ((ShareKind.PROGRAMME, "The programme’s report"),),
}


@register.inclusion_tag("links/_outside.html", takes_context=True)
def outside(context: RequestContext, kind: str, key: str) -> dict[str, Any]:
    """Show the tickets of an item, and let the person link one, share it or print it."""
    site = context["site"]
    user = getattr(context.get("request"), "user", None)
    role = role_of(user, site) if isinstance(user, User) else None
    return {
        "site": site,
        "kind": kind,
        "key": key,
        "rows": ticket_rows(site, kind, key),
        "may_write": role is not None and role.covers(Role.ANALYST),
        "may_link": kind in set(Kind),
        "shows": [(value.value, label) for value, label in _SHOWS.get(kind, ())],
        "days": DAYS,
        "csrf_token": context.get("csrf_token"),
    }
