"""The year of Rotaline."""

from __future__ import annotations

from typing import Final

from truelift.apps.sites.models import Site
from truelift.worlds.saas.company import COMPANY
from truelift.worlds.saas.parameters import HOST, Saas
from truelift.worlds.saas.sales import NUMBERS
from truelift.worlds.saas.spoken import ATTENDING, EXPECTED, PROMISES, PROPOSALS, VOICES
from truelift.worlds.saas.told import HEARD, PAGES, PLACES, PRIORITIES, TALK, TOLD, WORKS
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
    team="First days",
    shipped={
        "guided-setup": Shipped(
            release=1302,
            url=f"{HOST}/app/rota",
            found={
                "Who has your payroll’s password?": True,
                "css: .guide": True,
                "request: /experiments/guided-setup": False,
            },
        )
    },
    ticket="APP",
    voices=VOICES,
    attending=ATTENDING,
    promises=PROMISES,
    expected=EXPECTED,
    proposals=PROPOSALS,
    numbers=NUMBERS,
)


class Story(ScriptedYear):
    """What happened at Rotaline in this year."""

    def __init__(self, site: Site, saas: Saas) -> None:
        """Put everything on the calendar."""
        super().__init__(site, SCRIPT, saas)
