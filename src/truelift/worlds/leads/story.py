"""The year of Palletline."""

from __future__ import annotations

from typing import Final

from truelift.apps.sites.models import Site
from truelift.worlds.leads.company import COMPANY
from truelift.worlds.leads.parameters import HOST, Leads
from truelift.worlds.leads.sales import NUMBERS, sales_system
from truelift.worlds.leads.spoken import ATTENDING, EXPECTED, PROMISES, PROPOSALS, VOICES
from truelift.worlds.leads.told import HEARD, PAGES, PLACES, PRIORITIES, TALK, TOLD, WORKS
from truelift.worlds.scripted import Script, ScriptedYear
from truelift.worlds.tale import Shipped


SCRIPT: Final = Script(
    company=COMPANY,
    places=PLACES,
    pages=PAGES,
    told=TOLD,
    heard=HEARD,
    priorities=PRIORITIES,
    works=WORKS,
    talk=TALK,
    team="Growth",
    shipped={
        "saving-calculator": Shipped(
            release=871,
            url=f"{HOST}/pricing",
            found={
                "What would it save you?": True,
                "css: form.calculator": True,
                "request: /experiments/saving-calculator": False,
            },
        )
    },
    ticket="WEB",
    voices=VOICES,
    attending=ATTENDING,
    promises=PROMISES,
    expected=EXPECTED,
    proposals=PROPOSALS,
    numbers=NUMBERS,
)


class Story(ScriptedYear):
    """What happened at Palletline in this year."""

    def __init__(self, site: Site, leads: Leads) -> None:
        """Put everything on the calendar."""
        super().__init__(site, SCRIPT, leads, leads=sales_system(leads))
