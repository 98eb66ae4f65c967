"""The tag that puts an item's thread on its page."""

from __future__ import annotations

import re
from typing import Any, Final

from django import template
from django.template.context import RequestContext
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from truelift.apps.accounts.models import User
from truelift.apps.threads.reads import thread_of


register = template.Library()

_CALL: Final = re.compile(r"(?<![\w@.])@[\w.+-]+(?:@[\w.-]+\w)?")


@register.inclusion_tag("threads/_thread.html", takes_context=True)
def thread(context: RequestContext, kind: str, key: str) -> dict[str, Any]:
    """Show what happened to an item and what was said, and let the person speak."""
    site = context["site"]
    user = getattr(context.get("request"), "user", None)
    known = user if isinstance(user, User) else None
    entries = thread_of(site, kind, key, user=known)
    return {
        "site": site,
        "request": context.get("request"),
        "kind": kind,
        "key": key,
        "entries": entries,
        "csrf_token": context.get("csrf_token"),
        "comments": sum(entry.comment is not None for entry in entries),
    }


@register.filter
def with_calls(text: str) -> SafeString:
    """Write a comment with its lines kept and the people that it calls marked."""
    parts, at = [], 0
    for found in _CALL.finditer(text):
        parts += [conditional_escape(text[at : found.start()])]
        parts += [format_html("<b>{}</b>", found.group())]
        at = found.end()
    parts.append(conditional_escape(text[at:]))
    # Every part was escaped above; the line breaks are our own.
    return mark_safe("".join(parts).replace("\n", "<br>"))  # noqa: S308
