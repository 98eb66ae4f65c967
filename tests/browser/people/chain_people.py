"""Founds two sites with five people, each with functions of their own; run with a home."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from truelift.apps.sites.models import Site

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
"""Where the whole chain is walked, under gates."""

KEYS_SITE = "keys"
"""Where nobody touches a mouse, and no gate is in force."""


WINDOW_S = 1
"""How long an order counts for who saw a variant, so that a result does not take days."""


def write_key(site: str) -> str:
    """Give the public key of a site."""
    return f"pk_{site}"


def found(password: str) -> None:
    """Make the sites and their people."""
    import django

    django.setup()
    from truelift.apps.accounts.models import User
    from truelift.apps.accounts.roles import Role
    from truelift.apps.accounts.services import give_role, set_functions
    from truelift.apps.sites.publish import publish
    from truelift.apps.sites.services import create_site
    from truelift.lifecycle.functions import Function

    now = datetime.now(UTC)
    sites = [
        create_site(each, title=each.capitalize(), write_key=write_key(each), by="tests", now=now)
        for each in (SITE, KEYS_SITE)
    ]
    for name, (role, functions) in PEOPLE.items():
        person = User.objects.create_user(f"{name}@chain.example", password, name=name.capitalize())
        able = {*map(Function, functions.split())}
        for made in sites:
            give_role(made.site, person, Role(role), by="tests", now=now)
            set_functions(made.site, person, able, by="tests", now=now)
    define_metrics(sites[0].site, now)
    publish()


def define_metrics(site: Site, now: datetime) -> None:
    """Define what decides and what guards, each within a moment of the first exposure."""
    from truelift.apps.experiments.metrics import define_metric
    from truelift.apps.experiments.spec import MetricSpec
    from truelift.apps.research.actor import Actor

    window = WINDOW_S / 86_400
    for spec in (
        MetricSpec("order_rate", "proportion", "purchase", "Order rate", window_days=window),
        MetricSpec(
            *("js_error_rate", "proportion", "js_error", "Visitors with a script error"),
            better="decrease",
            window_days=window,
        ),
        MetricSpec(
            *("refund_rate", "ratio", "refund", "Refunds per order"),
            denominator_event="purchase",
            better="decrease",
            window_days=window,
        ),
    ):
        define_metric(site, spec, by=Actor(None, operator=True), now=now)


if __name__ == "__main__":
    found(sys.argv[1])
