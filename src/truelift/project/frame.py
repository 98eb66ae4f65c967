"""What every page shows around its content: site, rail, theme."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

from django.db.models import CharField, Count, Value
from django.http import HttpRequest

from truelift.apps.accounts.roles import Role
from truelift.apps.inbox.reads import inbox_count
from truelift.apps.measurement.reads import lake
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_and_role, sites_of
from truelift.errors import TrueliftError
from truelift.project.jump import jump_items
from truelift.project.rail import rail


THEMES: Final = ("system", "light", "dark")
_WITH_WORK: Final = (
    "measurement",
    "research",
    "intake",
    "experiments",
    "backlog",
    "rollouts",
    "warnings",
)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Give templates `site`, `groups` and `foot` of the rail, `theme` and what a search finds.

    `may` holds the roles that the person's own covers: `{% if "editor" in may %}` stands around
    a link to a page that needs it.
    """
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
    found = site_and_role(user, name) if isinstance(name, str) else None
    if found is None:
        return {**given, "my_sites": sites_of(user)}
    site, role = found
    mine = inbox_count(user, site, now=datetime.now(UTC))
    waits = {**_waiting(site), "inbox": mine}
    *groups, foot = rail(site.name, path=request.path, waiting=waits)
    return {
        **given,
        "site": site,
        "may": frozenset(each.value for each in Role if role.covers(each)),
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


def _waiting(site: Site) -> dict[str, int]:
    """Count what waits for a person in every app that says so, in one query.

    An app takes part by giving its `reads` a function `waiting(site) -> Mapping[str, QuerySet]`
    from folder (`experiments`, `decisions`) to the rows that wait there; each has a `site`.
    """
    counted = [
        rows.order_by()
        .values("site")
        .annotate(folder=Value(folder, CharField()), many=Count("pk"))
        .values_list("folder", "many")
        for app in _WITH_WORK
        if find_spec(module := f"truelift.apps.{app}.reads")
        if (waiting := getattr(importlib.import_module(module), "waiting", None))
        for folder, rows in waiting(site).items()
    ]
    first, *others = counted
    return dict(first.union(*others, all=True))
