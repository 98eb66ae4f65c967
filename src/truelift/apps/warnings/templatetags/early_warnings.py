"""The strip of the four early warnings, for the home page."""

from __future__ import annotations

from typing import TypedDict

from django import template

from truelift.apps.sites.models import Site
from truelift.apps.warnings.page import Cell, strip
from truelift.apps.warnings.reads import four_of


register = template.Library()


class Strip(TypedDict):
    """What the strip's template gets."""

    cells: tuple[Cell, ...]


@register.inclusion_tag("warnings/_strip.html")
def early_warnings(site: Site) -> Strip:
    """Draw the four; nothing before somebody has looked for the first time."""
    readings = four_of(site)
    return {"cells": strip(site, readings) if readings else ()}
