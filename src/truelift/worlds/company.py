"""A simulated company: opened with its people and rules, then lived through its weeks."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
from truelift.apps.experiments.spec import MetricSpec
from truelift.apps.freezes.services import keep_time
from truelift.apps.programme.services import PolicyChange, change_policy
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site, WriteKey
from truelift.apps.sites.services import change_settings, create_site
from truelift.lifecycle.gate import Gate
from truelift.worlds.cast import Colleague
from truelift.worlds.history import History


OPENED_BEFORE: Final = timedelta(days=140)
"""A company worked on its site before anything was measured here."""


PATIENT_GATES: Final = frozenset(
    {
        Gate.DECISION_TABLE,
        Gate.IMPLEMENTER,
        Gate.APPROVALS,
        Gate.SIGN_OFFS,
        Gate.MATURED,
        Gate.SECOND_OPINION,
    }
)
"""What a programme asks for whose numbers come late."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What a metric is worth to the company, and what it watches over."""

    metric: str
    worth: str
    guards: str = ""
    proxy_of: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Company:
    """What a company is before anything happens in it.

    Attributes:
        site: The name of its site.
        title: What it is called.
        host: Address of its site.
        domain: Of its people's addresses.
        people: The first of them owns the site, and is the only one who can sign in.
        metrics: What it counts.
        worths: What that is worth to it.
        gates: What its programme asks for at the beginning.
        because: Why.
        event_names: Event of the built-in metrics → what its site calls it.
    """

    site: str
    title: str
    host: str
    domain: str
    people: tuple[Colleague, ...]
    metrics: tuple[MetricSpec, ...]
    worths: tuple[Worth, ...]
    gates: frozenset[Gate]
    because: str = "What we want to know before anything is shown to a customer."
    event_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def login(self) -> str:
        """The e-mail address of who can sign in."""
        return f"{self.people[0].name}@{self.domain}"


@dataclass(frozen=True, slots=True)
class Opened:
    """The company before anything happened on its site.

    Attributes:
        write_key: The site's public key.
        password: Of who can sign in, known at this moment only; None when the people were
            there already.
    """

    write_key: str
    password: str | None


@transaction.atomic
def open_company(company: Company, history: History, *, also: str = "") -> Opened:
    """Make the people, the site, its metrics and what they agree on, before the history begins.

    Args:
        company: Which.
        history: Its truth.
        also: E-mail address of somebody who is there already and owns the site as well.
    """
    now = datetime.fromtimestamp(history.begins_at_ms / 1000, UTC) - OPENED_BEFORE
    found = Site.objects.filter(name=company.site).first()
    if found is not None:
        key = WriteKey.objects.filter(site=found, kind="public", revoked_at=None).first()
        if key is not None:
            return Opened(write_key=key.plain, password=None)
    password = secrets.token_urlsafe(12)
    people = {
        each.name: add_person(
            email=f"{each.name}@{company.domain}",
            name=each.full,
            # Only one of them can sign in; the others are there to have done things.
            password=password if each.role is Role.OWNER else None,
            is_operator=each.role is Role.OWNER,
            by="operator",
            now=now,
        )
        for each in company.people
    }
    owner = people[company.people[0].name]
    made = create_site(
        company.site,
        by=owner,
        now=now,
        title=company.title,
        time_zone=history.time_zone,
        currency=history.currency,
    )
    for each in company.people:
        give_role(made.site, people[each.name], each.role, by=owner, now=now)
        set_functions(made.site, people[each.name], each.functions, by=owner, now=now)
    guest = User.objects.filter(email=also).first() if also else None
    if guest is not None and guest != owner:
        give_role(made.site, guest, Role.OWNER, by=owner, now=now)
    change_settings(
        made.site,
        {
            "own_hosts": [company.host.removeprefix("https://"), company.domain],
            "event_names": {event: [*names] for event, names in company.event_names.items()},
        },
        version=made.site.version,
        by=owner,
        now=now,
    )
    _agree(made.site, company, by=owner, now=now)
    return Opened(write_key=made.write_key, password=password)


def _agree(site: Site, company: Company, *, by: User, now: datetime) -> None:
    """Define what is counted and what it is worth, and agree on how to work."""
    actor = Actor(by)
    for metric in company.metrics:
        define_metric(site, metric, by=actor, now=now)
    for each in company.worths:
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
        PolicyChange(gates=[each.value for each in company.gates], triage_days=10),
        by=actor,
        now=now,
        because=company.because,
    )


def live_through(site_name: str, history: History, live: Callable[[Site], None]) -> None:
    """Write what a company did in these weeks: heard, found, tested, decided, shipped, learned.

    The events must be in the lake: analyses are computed from them, as they stood
    on the day on which somebody asked. All or nothing is written; then the worker's
    first round is done, so that every figure is there.

    Args:
        site_name: Whose.
        history: Its truth.
        live: Lives the weeks, on the company's site.
    """
    site = Site.objects.get(name=site_name)
    ends = datetime.fromtimestamp(history.ends_at_ms / 1000, UTC)
    with transaction.atomic():
        if site.insights.exists():
            return
        live(site)
        count_from_data(site, by=None, now=ends)
        keep_time(site, now=ends)
    run_due_jobs(ends)
