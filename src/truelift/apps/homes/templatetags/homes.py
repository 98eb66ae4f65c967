"""The part of the home page that is a role's own."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from django import template

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import functions_of
from truelift.apps.homes.roles import HomeOf, home_for
from truelift.apps.homes.sections import Section, sections_of
from truelift.apps.sites.models import Site


register = template.Library()


class Home(TypedDict):
    """What the template gets."""

    role: HomeOf
    sections: tuple[Section, ...]
    roles: list[tuple[str, str, bool]]


@register.inclusion_tag("homes/_home.html")
def role_home(site: Site, user: User, wanted: str, now: datetime) -> Home:
    """Show what a person's role looks at first, or another role when it is asked for."""
    role = home_for(functions_of(user, site), wanted)
    return {
        "role": role,
        "sections": sections_of(role, site, user=user, now=now),
        "roles": [(each.value, each.called, each is role) for each in HomeOf],
    }
