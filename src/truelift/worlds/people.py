"""Who works at the demo company, and what each of them does."""

from __future__ import annotations

from typing import Final

from truelift.apps.accounts.roles import Role
from truelift.lifecycle.functions import Function
from truelift.worlds.cast import Colleague, Part


DOMAIN: Final = "northpine.example"


PEOPLE: Final = (
    Colleague(
        "mara", "Mara Lindqvist", Role.OWNER, (Function.MARKETING, Function.CRO_LEAD), (Part.LEAD,)
    ),
    Colleague("jonas", "Jonas Weber", Role.EDITOR, (Function.PRODUCT_UX,), (Part.PRODUCT,)),
    Colleague("priya", "Priya Nair", Role.ANALYST, (Function.ANALYTICS,), (Part.ANALYST,)),
    Colleague("tom", "Tom Okafor", Role.EDITOR, (Function.ENGINEERING,), (Part.ENGINEER,)),
    Colleague("ines", "Inês Duarte", Role.EDITOR, (Function.ENGINEERING,), (Part.SECOND_ENGINEER,)),
    Colleague(
        "felix",
        "Felix Adler",
        Role.EDITOR,
        (Function.MARKETING, Function.CREATIVE, Function.SEO_CONTENT),
        (Part.CREATIVE,),
    ),
    Colleague("nora", "Nora Brandt", Role.ANALYST, (Function.SERVICE,)),
    Colleague("samir", "Samir Haddad", Role.ANALYST, (Function.SALES,)),
    Colleague("otto", "Otto Keller", Role.ANALYST, (Function.FINANCE,), (Part.FINANCE,)),
    Colleague(
        "lena", "Lena Vogt", Role.VIEWER, (Function.STAKEHOLDER, Function.SPONSOR), (Part.SPONSOR,)
    ),
)
"""The first of them owns the site, and is the only one who can sign in."""


def address_of(name: str) -> str:
    """Give the e-mail address of somebody, by their first name."""
    return f"{name}@{DOMAIN}"


LOGIN: Final = address_of(PEOPLE[0].name)
