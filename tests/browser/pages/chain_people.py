"""Founds a site with five people, each with functions of their own; run with a home."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "truelift.project.settings")

PEOPLE = {
    "olga": ("owner", "cro_lead"),
    "anna": ("editor", "analytics"),
    "maja": ("editor", "marketing"),
    "emil": ("editor", "engineering"),
    "stan": ("analyst", "stakeholder creative"),
}
"""First name → access role and functions."""

SITE = "chain"


def found(password: str) -> None:
    """Make the site and its people."""
    import django

    django.setup()
    from truelift.apps.accounts.models import User
    from truelift.apps.accounts.roles import Role
    from truelift.apps.accounts.services import give_role, set_functions
    from truelift.apps.sites.publish import publish
    from truelift.apps.sites.services import create_site
    from truelift.lifecycle.functions import Function

    now = datetime.now(UTC)
    site = create_site(SITE, title="Chain", write_key="pk_chain", by="tests", now=now).site
    for name, (role, functions) in PEOPLE.items():
        email = f"{name}@chain.example"
        person = User.objects.create_user(email, password, name=name.capitalize())
        give_role(site, person, Role(role), by="tests", now=now)
        set_functions(site, person, {*map(Function, functions.split())}, by="tests", now=now)
    publish()


if __name__ == "__main__":
    found(sys.argv[1])
