"""Who works at a simulated company, and the parts that they play in its stories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from truelift.apps.accounts.roles import Role
from truelift.apps.research.actor import Actor
from truelift.lifecycle.functions import Function


class Part(StrEnum):
    """What somebody is in the story of a test."""

    LEAD = "lead"
    PRODUCT = "product"
    ANALYST = "analyst"
    ENGINEER = "engineer"
    SECOND_ENGINEER = "second_engineer"
    CREATIVE = "creative"
    FINANCE = "finance"
    SPONSOR = "sponsor"


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody of the company.

    Attributes:
        name: First name in small letters, before the `@`.
        full: As they are called.
        role: What they may do.
        functions: What they do.
        parts: Whom they play.
    """

    name: str
    full: str
    role: Role
    functions: tuple[Function, ...]
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Cast:
    """The people of a company by the part that they play.

    Attributes:
        names: Part → first name.
        who: First name → person.
        domain: Of their addresses.
    """

    names: Mapping[Part, str]
    who: Mapping[str, Actor]
    domain: str

    def __getitem__(self, part: Part) -> Actor:
        """Give who plays a part."""
        return self.who[self.names[part]]

    def address(self, part: Part) -> str:
        """Give the e-mail address of who plays a part."""
        return f"{self.names[part]}@{self.domain}"


def cast_of(people: Iterable[Colleague], who: Mapping[str, Actor], *, domain: str) -> Cast:
    """Say who plays whom."""
    names = {part: each.name for each in people for part in each.parts}
    return Cast(names, who, domain)
