"""The simulated companies by name, and how one is built from nothing to a running loop."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from truelift.errors import Refusal
from truelift.lake.durable import write_durably
from truelift.lake.home import Home
from truelift.worlds.building import Say, Simulated, build_events, folder_of, plant
from truelift.worlds.history import History


if TYPE_CHECKING:
    from truelift.apps.sites.models import Site
    from truelift.worlds.company import Company
    from truelift.worlds.tale import Tale

H = TypeVar("H", bound=History)

WORLDS: Final = MappingProxyType(
    {
        "shop": "a shop for camping gear whose late delivery cost loses the people on phones",
        "leads": "warehouse software whose form asks two questions too many",
        "saas": "rotas for care homes, whose trials stop where a payroll has to be connected",
        "programme": "a year of sixty tests by three squads, with what got stuck and what was luck",
    }
)
"""Every world and what it is."""

_BUILT: Final = "built.json"


class NoSuchWorld(Refusal):
    """No simulated company has this name."""

    code = "worlds.no_such_world"

    def __init__(self, *, name: str) -> None:
        super().__init__(
            f"There is no world {name!r}; `truelift worlds list` shows what there is.", name=name
        )


class BadScale(Refusal):
    """A world cannot have this size."""

    code = "worlds.bad_scale"

    def __init__(self, *, scale: float) -> None:
        super().__init__(
            f"A world's scale lies between 0.001 and 20; {scale:g} does not.", scale=scale
        )


class AlreadyBuilt(Refusal):
    """The home holds this world already."""

    code = "worlds.already_built"

    def __init__(self, *, name: str, home: Home) -> None:
        super().__init__(
            f"{home.root} has the world {name!r} already. Give another --home for a new one.",
            name=name,
            home=str(home.root),
        )


@dataclass(frozen=True, slots=True)
class World:
    """A world that was built.

    Attributes:
        name: Which one.
        site: Its site.
        email: Who can sign in.
        password: Known at this moment only; None when an earlier, interrupted build made it.
        stored: Events in the lake that questions may read.
        took_s: How long it took.
    """

    name: str
    site: str
    email: str
    password: str | None
    stored: int
    took_s: float

    def document(self) -> dict[str, object]:
        """Write it as JSON."""
        return {
            "world": self.name,
            "site": self.site,
            "login": {"email": self.email, "password": self.password},
            "stored": self.stored,
            "took_s": round(self.took_s, 1),
        }


def is_built(name: str, home: Home) -> bool:
    """Whether a home holds a whole world."""
    return (home.root / "worlds" / name / _BUILT).exists()


def check(name: str, home: Home, *, scale: float) -> None:
    """Refuse what cannot be built, before anything is made.

    Raises:
        NoSuchWorld: There is none of this name.
        BadScale: It would be too small to be one, or too large for a machine.
        AlreadyBuilt: The home has it.
    """
    if name not in WORLDS:
        raise NoSuchWorld(name=name)
    if not 0.001 <= scale <= 20:
        raise BadScale(scale=scale)
    if is_built(name, home):
        raise AlreadyBuilt(name=name, home=home)


def build(
    name: str,
    home: Home,
    *,
    scale: float,
    seed: int,
    until: datetime,
    now: Callable[[], datetime],
    say: Say,
) -> World:
    """Build a world in a home whose database is up to date.

    Args:
        name: One of `WORLDS`.
        home: Where; also the home that Django was started for.
        scale: 1.0 is about a million and a half events; a programme has none, and one size.
        seed: The same seed, scale and end give the same events.
        until: Where its history ends, cut to the minute.
        now: The clock.
        say: Is told what happens.

    Raises:
        NoSuchWorld: There is none of this name.
        BadScale: It would be too small to be one, or too large for a machine.
        AlreadyBuilt: The home has it.
    """
    check(name, home, scale=scale)
    begun = _Begun(home, scale, seed, until, now, say)
    match name:
        case "programme":
            return _programme(home, seed=seed, until=until, now=now, say=say)
        case "leads":
            from truelift.worlds.leads.build import WORLD as LEADS
            from truelift.worlds.leads.company import COMPANY as PALLETLINE
            from truelift.worlds.leads.story import Story as LeadsStory

            return _simulate(begun, LEADS, PALLETLINE, LeadsStory)
        case "saas":
            from truelift.worlds.saas.build import WORLD as SAAS
            from truelift.worlds.saas.company import COMPANY as ROTALINE
            from truelift.worlds.saas.story import Story as SaasStory

            return _simulate(begun, SAAS, ROTALINE, SaasStory)
        case _:
            from truelift.worlds.shop.build import WORLD as SHOP
            from truelift.worlds.story import COMPANY, Story

            return _simulate(begun, SHOP, COMPANY, Story)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A build: where, how large, until when, and who is told."""

    home: Home
    scale: float
    seed: int
    until: datetime
    now: Callable[[], datetime]
    say: Say


def _simulate(
    begun: _Begun, world: Simulated[H], company: Company, story: Callable[[Site, H], Tale]
) -> World:
    """Build a company whose visitors are drawn: truth, people, events, story."""
    from truelift.lake.lake import Lake
    from truelift.worlds.company import live_through, open_company
    from truelift.worlds.people import LOGIN

    began, home, say = begun.now(), begun.home, begun.say
    ends_at_ms = int(begun.until.timestamp()) // 60 * 60_000
    wanted = world.history(ends_at_ms=ends_at_ms, scale=begun.scale, seed=begun.seed)
    history = plant(home, world, wanted)
    say("opening the company")
    # Who can sign in to the shop of the same home sees the other companies as well.
    opened = open_company(company, history, also=LOGIN)
    build_events(home, world, history, write_key=opened.write_key, now=begun.now, say=say)
    say("living through its findings, tests and decisions")
    live_through(company.site, history, lambda site: story(site, history).live())
    stored = Lake(home).ledger(company.site).stored
    about = {"world": world.name, "stored": stored, "built_at": begun.now().isoformat()}
    write_durably(folder_of(home, world.name) / _BUILT, json.dumps(about).encode())
    return World(
        name=world.name,
        site=company.site,
        email=company.login,
        password=opened.password,
        stored=stored,
        took_s=(begun.now() - began).total_seconds(),
    )


def _programme(
    home: Home, *, seed: int, until: datetime, now: Callable[[], datetime], say: Say
) -> World:
    from truelift.worlds.people import LOGIN
    from truelift.worlds.programme.build import build_programme
    from truelift.worlds.programme.people import LEAD
    from truelift.worlds.programme.people import SITE as OUTFITTERS

    began = now()
    # Who can sign in to the shop of the same home sees the programme as well.
    password = build_programme(home, seed=seed, until=until, say=say, also=LOGIN)
    write_durably(
        home.root / "worlds" / "programme" / _BUILT,
        json.dumps({"world": "programme", "built_at": now().isoformat()}).encode(),
    )
    return World(
        name="programme",
        site=OUTFITTERS,
        email=LEAD,
        password=password,
        stored=0,
        took_s=(now() - began).total_seconds(),
    )
