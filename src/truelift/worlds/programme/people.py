"""The people of three squads, and what each of them does."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.accounts.services import add_person, give_role, set_functions
from truelift.apps.experiments.metrics import take_library
from truelift.apps.programme.services import PolicyChange, change_policy
from truelift.apps.qa.models import HostRecord
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.services import create_site
from truelift.lifecycle.functions import Function
from truelift.lifecycle.gate import Gate


SITE: Final = "outfitters"
DOMAIN: Final = "outfitters.example"
LEAD: Final = f"ines@{DOMAIN}"
HOST: Final = f"www.{DOMAIN}"

_F = Function
_PEOPLE: Final = (
    ("ines", "Ines Marek", Role.OWNER, (_F.CRO_LEAD,)),
    ("ravi", "Ravi Menon", Role.EDITOR, (_F.ANALYTICS,)),
    ("clara", "Clara Stein", Role.EDITOR, (_F.SPONSOR, _F.STAKEHOLDER)),
    ("nils", "Nils Berg", Role.ANALYST, (_F.SERVICE,)),
    ("ana", "Ana Costa", Role.EDITOR, (_F.PRODUCT_UX,)),
    ("bo", "Bo Larsen", Role.EDITOR, (_F.PRODUCT_UX,)),
    ("cem", "Cem Aydin", Role.EDITOR, (_F.PRODUCT_UX,)),
    ("dora", "Dora Klein", Role.EDITOR, (_F.MARKETING,)),
    ("emil", "Emil Roth", Role.EDITOR, (_F.MARKETING,)),
    ("fay", "Fay Ncube", Role.EDITOR, (_F.MARKETING,)),
    ("gus", "Gus Brandt", Role.EDITOR, (_F.ENGINEERING,)),
    ("hana", "Hana Sato", Role.EDITOR, (_F.ENGINEERING,)),
    ("ivo", "Ivo Petrov", Role.EDITOR, (_F.ENGINEERING,)),
)

_SQUADS: Final = {
    "search": ("ana", "dora", "gus"),
    "product": ("bo", "emil", "hana"),
    "checkout": ("cem", "fay", "ivo"),
}


@dataclass(frozen=True, slots=True)
class Squad:
    """Three people who make tests of one part of the shop."""

    product: Actor
    marketing: Actor
    engineering: Actor


@dataclass(frozen=True, slots=True)
class Company:
    """Who works on the programme.

    Attributes:
        password: Of the lead; known at this moment only.
    """

    site: Site
    lead: Actor
    analyst: Actor
    sponsor: Actor
    service: Actor
    squads: dict[str, Squad]
    password: str


def open_programme(*, now: datetime, also: str = "") -> Company:
    """Make the people, the site, its metrics and what the programme agreed on.

    Args:
        now: When the year begins.
        also: E-mail address of somebody who is there already and owns the site as well.
    """
    password = secrets.token_urlsafe(12)
    people = {
        name: add_person(
            email=f"{name}@{DOMAIN}",
            name=full,
            # Only one of them can sign in; the others are there to have done things.
            password=password if role is Role.OWNER else None,
            by="operator",
            now=now,
        )
        for name, full, role, _ in _PEOPLE
    }
    lead = people["ines"]
    made = create_site(
        SITE,
        by=lead,
        now=now,
        title="Outfitters",
        time_zone="Europe/Berlin",
        currency="EUR",
    )
    site = made.site
    for name, _, role, functions in _PEOPLE:
        give_role(site, people[name], role, by=lead, now=now)
        set_functions(site, people[name], functions, by=lead, now=now)
    guest = User.objects.filter(email=also).first() if also else None
    if guest is not None:
        give_role(site, guest, Role.OWNER, by=lead, now=now)
    change_policy(
        site,
        PolicyChange(
            gates=(Gate.DECISION_TABLE.value, Gate.IMPLEMENTER.value, Gate.SECOND_OPINION.value)
        ),
        by=Actor(lead),
        now=now,
        because="A winner that nobody builds is no winner.",
    )
    take_library(site, "shop", by=Actor(lead), now=now)
    HostRecord.objects.create(
        site=site, host=HOST, token=secrets.token_hex(8), made_at=now, verified_at=now, how="file"
    )
    return Company(
        site=site,
        lead=Actor(lead),
        analyst=Actor(people["ravi"]),
        sponsor=Actor(people["clara"]),
        service=Actor(people["nils"]),
        squads={
            name: Squad(*(Actor(people[each]) for each in members))
            for name, members in _SQUADS.items()
        },
        password=password,
    )
