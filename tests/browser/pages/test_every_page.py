"""Every page, light and dark, wide and on a phone: sound, readable by everyone, and quick."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.urls import URLResolver, get_resolver
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response

from tests.browser.conftest import Violation
from tests.browser.pages.company import SITE, Company
from tests.browser.pages.places import FURTHER, Walk, is_a_page, kind_of, name_of


WIDE, PHONE = 1440, 390
PARTS = 4
"""So many tests share the pages, that none of them takes minutes."""
ENTRANCES = ["/accounts/login/", "/accounts/password/reset/", "/no/such/page/"]
QUICK_MS = 200

ON_A_PHONE = [
    "aria-hidden-focus",
    "button-name",
    "label",
    "link-name",
    "nested-interactive",
    "scrollable-region-focusable",
    "select-name",
    "target-size",
]
"""What of axe's rules hangs on what is shown and how large; the rest was asked of the wide page."""

COLOURS = ["color-contrast"]

UNSOUND = """() => {
  const said = [];
  const root = document.documentElement;
  const beyond = root.scrollWidth - root.clientWidth;
  if (beyond > 0) said.push(`is ${beyond} px wider than its window`);
  const headings = [...document.querySelectorAll('h1')];
  if (headings.length !== 1) said.push(`has ${headings.length} h1`);
  else if (!headings[0].innerText.trim()) said.push('has an empty h1');
  const marks = document.querySelectorAll('mark').length;
  if (marks > 1) said.push(`has ${marks} highlighter strokes`);
  const mains = [...document.querySelectorAll('.btn--main')].filter(
    (each) => each.checkVisibility({visibilityProperty: true}) && each.getClientRects().length,
  ).length;
  if (mains > 1) said.push(`has ${mains} solid buttons`);
  return said;
}"""
"""Says what is wrong with a page beside what axe finds, in one go."""

Axe = Callable[..., list[Violation]]
Shot = Callable[[Page, str], Path]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def walk(company: Company, mara: str, kept: None) -> Walk:
    """The owner's way through every kind of page of the demo company."""
    with company.context(mara) as context:
        return Walk.from_page(context, f"/s/{SITE}/")


@pytest.fixture(scope="module")
def places(walk: Walk) -> list[str]:
    """Every kind of page of the demo company, in all their states."""
    return [*walk.took_ms, *(f"/s/{SITE}/{place}" for place in FURTHER)]


@pytest.fixture(scope="module")
def empty_places(company: Company, mallory: str) -> list[str]:
    """Every kind of page of a site on which nothing has happened yet."""
    with company.context(mallory) as context:
        found = Walk.from_page(context, "/s/quiet/").took_ms
    # The ways to connect and the pages of one's account look the same here.
    return [place for place in found if place.startswith("/s/") and "?" not in place]


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_is_sound_in_both_themes_and_on_a_phone(
    part: int, company: Company, mara: str, places: list[str], axe: Axe, shot: Shot
) -> None:
    with Looking(company.context(mara), axe, shot) as look:
        wrong = look.over(places[part::PARTS], prefix="")

    assert wrong == []


def test_every_page_of_an_empty_site_is_sound(
    company: Company, mallory: str, empty_places: list[str], axe: Axe, shot: Shot
) -> None:
    # Its colours, and how it stands on a phone, are those of the site that is full.
    with Looking(company.context(mallory), axe, shot) as look:
        wrong = look.over(empty_places, prefix="empty-", roughly=True)

    assert wrong == []


def test_the_pages_at_the_door_are_sound(company: Company, axe: Axe, shot: Shot) -> None:
    with Looking(company.context(), axe, shot) as look:
        wrong = look.over(ENTRANCES, prefix="door-")

    assert wrong == []


@pytest.mark.parametrize(
    "place",
    ["", "funnels/", "trends/", "insights/", "hypotheses/", "experiments/", "metrics/", "ledger/"],
)
def test_an_empty_page_offers_the_one_step_to_take(
    place: str, company: Company, mallory: str
) -> None:
    context = company.context(mallory)
    page = context.new_page()

    page.goto(f"/s/quiet/{place}")

    assert page.locator("main .empty h3, main h3").count() >= 1
    assert page.locator("main .btn--main:visible").count() == 1
    context.close()


def test_every_page_is_answered_quickly(
    company: Company, mara: str, places: list[str], walk: Walk
) -> None:
    doubtful = [place for place in places if walk.took_ms.get(place, QUICK_MS) >= QUICK_MS / 2]
    with company.context(mara) as context:
        took = {place: quickest_ms(company, context, place) for place in doubtful}

    assert {place: ms for place, ms in took.items() if ms >= QUICK_MS} == {}


def test_no_page_is_out_of_reach(company: Company, mara: str, places: list[str]) -> None:
    reached = {kind_of(place) for place in places}
    context = company.context(mara)

    orphans = {
        name
        for name, path in pages_of_a_site()
        if name not in reached and is_a_page(path) and context.request.get(path).status == 200
    }

    context.close()
    assert orphans == set()


class Looking:
    """A tab that remembers what its pages complain about."""

    def __init__(self, context: BrowserContext, axe: Axe, shot: Shot) -> None:
        self.context = context
        self.page = context.new_page()
        self._axe, self._shot = axe, shot
        self._heard: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self._heard.append(f"threw {error}"))
        self.page.on("response", self._see)

    def __enter__(self) -> Looking:
        return self

    def __exit__(self, *stopped: object) -> None:
        self.context.close()

    def over(self, places: list[str], *, prefix: str, roughly: bool = False) -> list[str]:
        """Look at pages and say everything that is wrong with them.

        Each is opened once: wide and in light, then in the dark, then as narrow as a phone.
        What is too pale in the dark is so at any width.

        Args:
            places: Their addresses.
            prefix: What the names of their screenshots have before the width.
            roughly: Whether they look like pages that have been looked at: then it is
                enough that they are sound when wide and in light.
        """
        wrong = []
        for place in places:
            self._heard.clear()
            self._turn(WIDE, "light")
            self.page.goto(place)
            self._keep(f"{name_of(place)}--{prefix}{WIDE}-light")
            found = [*self._wrong_here(without=COLOURS if roughly else [])]
            if not roughly:
                self._turn(WIDE, "dark")
                self._keep(f"{name_of(place)}--{prefix}{WIDE}-dark")
                found += [f"in the dark: {what}" for what in self._excluding(COLOURS)]
                self._turn(PHONE, "dark")
                self._keep(f"{name_of(place)}--{prefix}{PHONE}-dark")
                found += [f"on a phone: {what}" for what in self._wrong_here(ON_A_PHONE)]
                if "TRUELIFT_SHOTS" in os.environ:
                    self._turn(PHONE, "light")
                    self._keep(f"{name_of(place)}--{prefix}{PHONE}-light")
            wrong += [f"{place}: {what}" for what in [*found, *self._heard]]
        return wrong

    def _turn(self, width: int, theme: str) -> None:
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")

    def _keep(self, name: str) -> None:
        if "TRUELIFT_SHOTS" in os.environ:
            self._shot(self.page, name)

    def _excluding(
        self, rules: list[str] | None = None, without: list[str] | None = None
    ) -> Iterator[str]:
        for each in self._axe(self.page, rules, without):
            yield f"axe {each['id']} at {', '.join(each['where'])}"

    def _wrong_here(
        self, rules: list[str] | None = None, without: list[str] | None = None
    ) -> Iterator[str]:
        yield from self._excluding(rules, without)
        yield from self.page.evaluate(UNSOUND)

    def _hear(self, message: ConsoleMessage) -> None:
        missing = "Failed to load resource" in message.text  # told by _see, with its address
        if message.type in ("error", "warning") and not missing:
            self._heard.append(f"console: {message.text}")

    def _see(self, response: Response) -> None:
        expected = 404 if response.url.endswith("/no/such/page/") else 399
        if response.status > expected:
            self._heard.append(f"{response.status} for {response.url}")


def quickest_ms(company: Company, context: BrowserContext, place: str) -> float:
    """Time how long the server takes for a page, but for waiting until a core is free.

    What a page costs does not depend on what its neighbours do: other tests run beside this
    one. Waiting for anything else, a lock or a file, is the page's own.
    """
    best = float("inf")
    for _ in range(8):
        before = company.served.waits_for_a_core_ms("web")
        began = time.perf_counter()
        context.request.get(place, max_redirects=0)
        took = (time.perf_counter() - began) * 1000
        after = company.served.waits_for_a_core_ms("web")
        # One thread answers, and whichever has waited longest is hardly another.
        waited = max((ms - before.get(thread, 0.0) for thread, ms in after.items()), default=0.0)
        best = min(best, took - min(waited, took))
        if best < QUICK_MS / 2:
            break
    return round(best)


def pages_of_a_site() -> list[tuple[str, str]]:
    """List every address that takes nothing but a site, with its name."""

    def walk(resolver: URLResolver, prefix: str, space: str) -> Iterator[tuple[str, str]]:
        for each in resolver.url_patterns:
            path = prefix + str(each.pattern)
            if isinstance(each, URLResolver):
                inner = f"{space}{each.namespace}:" if each.namespace else space
                yield from walk(each, path, inner)
            elif path.count("<") == 1 and "<site:site>" in path:
                yield f"{space}{each.name}", "/" + path.replace("<site:site>", SITE)

    return [(name, path) for name, path in walk(get_resolver(), "", "") if path.startswith("/s/")]
