"""Northpine, the company that has the shop."""

from __future__ import annotations

from typing import Final

from truelift.apps.sites.models import Site
from truelift.worlds.company import Company
from truelift.worlds.people import DOMAIN, PEOPLE
from truelift.worlds.shop.build import SITE
from truelift.worlds.shop.metrics import METRICS, WORTHS
from truelift.worlds.shop.parameters import HOST, Shop
from truelift.worlds.story import GATES, Story


COMPANY: Final = Company(
    site=SITE,
    title="Northpine",
    host=HOST,
    domain=DOMAIN,
    people=PEOPLE,
    metrics=METRICS,
    worths=WORTHS,
    gates=GATES,
)


def live(site: Site, shop: Shop) -> None:
    """Live through the weeks of the shop."""
    Story(site, shop).live()
