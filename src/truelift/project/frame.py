"""What every page shows around its content: site, rail, theme."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

from django.http import HttpRequest

from truelift.apps.inbox.reads import inbox_count
from truelift.apps.measurement.reads import lake
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_if_visible, sites_of
from truelift.errors import TrueliftError
from truelift.project.jump import jump_items
from truelift.project.rail import rail


THEMES: Final = ("system", "light", "dark")
_WITH_WORK: Final = ("measurement", "research", "intake", "experiments", "backlog", "rollouts")


def frame(request: HttpRequest) -> dict[str, Any]:
    """Give templates `site`, `groups` and `foot` of the rail, `theme` and what a search finds."""
    theme = request.COOKIES.get("theme", "system")
    theme = theme if theme in THEMES else "system"
    given: dict[str, Any] = {
        "theme": theme,
        "next_theme": THEMES[(THEMES.index(theme) + 1) % len(THEMES)],
        "here": request.get_full_path(),
    }
    user = getattr(request, "user", None)
    match = request.resolver_match
    name = match.kwargs.get("site") if match else None
    if user is None or not user.is_authenticated:
        return given
    site = site_if_visible(user, name) if isinstance(name, str) else None
    if site is None:
        return {**given, "my_sites": sites_of(user)}
    mine = inbox_count(user, site, now=datetime.now(UTC))
    waits = {**dict(_waiting(site)), "inbox": mine}
    *groups, foot = rail(site.name, path=request.path, waiting=waits)
    return {
        **given,
        "site": site,
        "groups": groups,
        "foot": foot,
        "data_to": _data_to(site),
        # Asked for by the whole page alone, not by the parts that htmx swaps.
        "jump_items": partial(jump_items, site),
    }


def _data_to(site: Site) -> datetime | None:
    """Give the moment of the last event that arrived; nothing while none has, or none can be read.

    The frame stands around pages that say themselves what is wrong with the lake.
    """
    try:
        received = lake().ledger(site.name).last_received_at
    except TrueliftError:
        return None
    return None if received is None else datetime.fromtimestamp(received / 1000, UTC)


def _waiting(site: Site) -> Iterator[tuple[str, int]]:
    """Collect what waits for a person from every app that says so.

    An app takes part by giving its `reads` a function `waiting(site) -> Mapping[str, int]`
    from folder (`experiments`, `decisions`) to count.
    """
    for app in _WITH_WORK:
        module = f"truelift.apps.{app}.reads"
        if find_spec(module) is None:
            continue
        waiting = getattr(importlib.import_module(module), "waiting", None)
        if waiting is not None:
            yield from waiting(site).items()
