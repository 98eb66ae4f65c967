"""The demo company: opened with its people and rules, then lived through its weeks."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.accounts.services import add_person, give_role, set_functions
from truelift.apps.backlog.nightly import count_from_data
from truelift.apps.briefs.services import classify_metric
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.metrics import define_metric
from truelift.apps.freezes.services import keep_time
from truelift.apps.programme.services import PolicyChange, change_policy
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site, WriteKey
from truelift.apps.sites.services import change_settings, create_site
from truelift.worlds.people import DOMAIN, LOGIN, PEOPLE, address_of
from truelift.worlds.shop.metrics import METRICS, WORTHS
from truelift.worlds.shop.parameters import HOST, Shop
from truelift.worlds.story import GATES, Story


OPENED_BEFORE: Final = timedelta(days=140)
"""The company worked on its shop before anything was measured here."""


@dataclass(frozen=True, slots=True)
class Login:
    """How a person gets in; the password is known at this moment only."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The company before anything happened in its shop.

    Attributes:
        write_key: The site's public key.
        login: None when the people were there already.
    """

    write_key: str
    login: Login | None


@transaction.atomic
def open_company(site_name: str, shop: Shop) -> Opened:
    """Make the people, the site, its metrics and what they agree on, before the history begins."""
    now = datetime.fromtimestamp(shop.begins_at_ms / 1000, UTC) - OPENED_BEFORE
    found = Site.objects.filter(name=site_name).first()
    if found is not None:
        key = WriteKey.objects.filter(site=found, kind="public", revoked_at=None).first()
        if key is not None:
            return Opened(write_key=key.plain, login=None)
    password = secrets.token_urlsafe(12)
    people = {
        each.name: add_person(
            email=address_of(each.name),
            name=each.full,
            # Only one of them can sign in; the others are there to have done things.
            password=password if each.role is Role.OWNER else None,
            is_operator=each.role is Role.OWNER,
            by="operator",
            now=now,
        )
        for each in PEOPLE
    }
    mara = people[PEOPLE[0].name]
    made = create_site(
        site_name,
        by=mara,
        now=now,
        title="Northpine",
        time_zone=shop.time_zone,
        currency=shop.currency,
    )
    for each in PEOPLE:
        give_role(made.site, people[each.name], each.role, by=mara, now=now)
        set_functions(made.site, people[each.name], each.functions, by=mara, now=now)
    change_settings(
        made.site,
        {"own_hosts": [HOST.removeprefix("https://"), DOMAIN]},
        version=made.site.version,
        by=mara,
        now=now,
    )
    _agree(made.site, by=mara, now=now)
    return Opened(write_key=made.write_key, login=Login(LOGIN, password))


def _agree(site: Site, *, by: User, now: datetime) -> None:
    """Define what is counted and what it is worth, and agree on how to work."""
    actor = Actor(by)
    for metric in METRICS:
        define_metric(site, metric, by=actor, now=now)
    for each in WORTHS:
        classify_metric(
            site,
            each.metric,
            worth=each.worth,
            guards=each.guards,
            proxy_of=each.proxy_of,
            because=each.because,
            by=actor,
            now=now,
        )
    change_policy(
        site,
        PolicyChange(gates=[each.value for each in GATES], triage_days=10),
        by=actor,
        now=now,
        because="What we want to know before anything is shown to a customer.",
    )


def live_through(site_name: str, shop: Shop) -> None:
    """Write what the company did in these weeks: heard, found, tested, decided, shipped, learned.

    The events must be in the lake: analyses are computed from them, as they stood
    on the day on which somebody asked. All or nothing is written; then the worker's
    first round is done, so that every figure is there.
    """
    site = Site.objects.get(name=site_name)
    ends = datetime.fromtimestamp(shop.ends_at_ms / 1000, UTC)
    with transaction.atomic():
        if site.insights.exists():
            return
        Story(site, shop).live()
        count_from_data(site, by=None, now=ends)
        keep_time(site, now=ends)
    run_due_jobs(ends)
