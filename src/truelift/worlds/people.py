"""Who works at the demo company, and what each of them does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from truelift.apps.accounts.roles import Role
from truelift.lifecycle.functions import Function


DOMAIN: Final = "northpine.example"


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody of the company.

    Attributes:
        name: First name in small letters, before the `@`.
        full: As they are called.
        role: What they may do.
        functions: What they do.
    """

    name: str
    full: str
    role: Role
    functions: tuple[Function, ...]


PEOPLE: Final = (
    Colleague("mara", "Mara Lindqvist", Role.OWNER, (Function.MARKETING, Function.CRO_LEAD)),
    Colleague("jonas", "Jonas Weber", Role.EDITOR, (Function.PRODUCT_UX,)),
    Colleague("priya", "Priya Nair", Role.ANALYST, (Function.ANALYTICS,)),
    Colleague("tom", "Tom Okafor", Role.EDITOR, (Function.ENGINEERING,)),
    Colleague("ines", "Inês Duarte", Role.EDITOR, (Function.ENGINEERING,)),
    Colleague("felix", "Felix Adler", Role.EDITOR, (Function.MARKETING, Function.CREATIVE)),
    Colleague("nora", "Nora Brandt", Role.ANALYST, (Function.SERVICE,)),
    Colleague("samir", "Samir Haddad", Role.ANALYST, (Function.SALES,)),
    Colleague("otto", "Otto Keller", Role.ANALYST, (Function.FINANCE,)),
    Colleague("lena", "Lena Vogt", Role.VIEWER, (Function.STAKEHOLDER, Function.SPONSOR)),
)
"""The first of them owns the site, and is the only one who can sign in."""


def address_of(name: str) -> str:
    """Give the e-mail address of somebody, by their first name."""
    return f"{name}@{DOMAIN}"


LOGIN: Final = address_of(PEOPLE[0].name)
