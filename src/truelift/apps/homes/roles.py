"""Whose home it is: one of seven ways of looking at a site, by what a person does there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.functions import Function


class HomeOf(StrEnum):
    """For whom a home is laid out."""

    LEAD = "lead"
    ANALYST = "analyst"
    MARKETER = "marketer"
    ENGINEER = "engineer"
    CUSTOMERS = "customers"
    FINANCE = "finance"
    STAKEHOLDER = "stakeholder"

    @property
    def called(self) -> str:
        """The role as it stands on a page."""
        return _CALLED[self]


_CALLED: Final[Mapping[HomeOf, str]] = MappingProxyType(
    {
        HomeOf.LEAD: "CRO lead",
        HomeOf.ANALYST: "Analyst",
        HomeOf.MARKETER: "Marketer",
        HomeOf.ENGINEER: "Engineer",
        HomeOf.CUSTOMERS: "Sales and service",
        HomeOf.FINANCE: "Finance",
        HomeOf.STAKEHOLDER: "Stakeholder",
    }
)

_OF: Final = (
    (HomeOf.LEAD, {Function.CRO_LEAD}),
    (HomeOf.ANALYST, {Function.ANALYTICS}),
    (HomeOf.ENGINEER, {Function.ENGINEERING, Function.LIAISON}),
    (HomeOf.CUSTOMERS, {Function.SALES, Function.SERVICE}),
    (HomeOf.FINANCE, {Function.FINANCE}),
    (HomeOf.MARKETER, {Function.MARKETING, Function.CREATIVE, Function.SEO_CONTENT}),
    (HomeOf.LEAD, {Function.PRODUCT_UX}),
)
"""Who is shown what; of several functions the first one counts."""


def home_for(functions: Collection[Function], wanted: str = "") -> HomeOf:
    """Choose a home: the one that is asked for, else by what the person does.

    Who has no function here, or approves and pays, is a stakeholder.
    """
    if wanted in set(HomeOf):
        return HomeOf(wanted)
    return next((home for home, those in _OF if those & set(functions)), HomeOf.STAKEHOLDER)
