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
from tests.browser.pages.places import FURTHER, is_a_page, kind_of, name_of, places_from


WIDTHS = [1440, 390]
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

Axe = Callable[..., list[Violation]]
Shot = Callable[[Page, str], Path]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def places(company: Company, mara: str, kept: None) -> list[str]:
    """Every kind of page of the demo company, as its owner reaches them, in all their states."""
    context = company.context(mara)
    found = places_from(context, f"/s/{SITE}/")
    context.close()
    return [*found, *(f"/s/{SITE}/{place}" for place in FURTHER)]


@pytest.fixture(scope="module")
def empty_places(company: Company, mallory: str) -> list[str]:
    """Every kind of page of a site on which nothing has happened yet."""
    context = company.context(mallory)
    found = places_from(context, "/s/quiet/")
    context.close()
    # The ways to connect and the pages of one's account look the same here.
    return [place for place in found if place.startswith("/s/") and "?" not in place]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_sound_in_both_themes(
    width: int, company: Company, mara: str, places: list[str], axe: Axe, shot: Shot
) -> None:
    with Looking(company.context(mara, width=width), axe, shot) as look:
        wrong = look.over(places, prefix=str(width), dark=width == max(WIDTHS))

    assert wrong == []


def test_every_page_of_an_empty_site_is_sound(
    company: Company, mallory: str, empty_places: list[str], axe: Axe, shot: Shot
) -> None:
    # Its colours, and how it stands on a phone, are those of the site that is full.
    with Looking(company.context(mallory, width=max(WIDTHS)), axe, shot) as look:
        wrong = look.over(empty_places, prefix="empty", dark=False)

    assert wrong == []


@pytest.mark.parametrize("width", WIDTHS)
def test_the_pages_at_the_door_are_sound(
    width: int, company: Company, axe: Axe, shot: Shot
) -> None:
    with Looking(company.context(width=width), axe, shot) as look:
        wrong = look.over(ENTRANCES, prefix=f"door-{width}")

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


def test_every_page_is_answered_quickly(company: Company, mara: str, places: list[str]) -> None:
    context = company.context(mara)

    took = {place: quickest_ms(context, place) for place in places}

    context.close()
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

    def over(self, places: list[str], *, prefix: str, dark: bool = True) -> list[str]:
        """Look at pages in light and in dark, and say everything that is wrong with them.

        What is too pale in the dark is so at any width: one of them is looked at for it.
        """
        wrong = []
        for place in places:
            self._heard.clear()
            self.page.emulate_media(color_scheme="light")
            self.page.goto(place)
            self._keep(f"{name_of(place)}--{prefix}-light")
            found = [*self._wrong_here()]
            if dark or "TRUELIFT_SHOTS" in os.environ:
                self.page.emulate_media(color_scheme="dark")
                self._keep(f"{name_of(place)}--{prefix}-dark")
                pale = self._excluding(rules=["color-contrast"])
                found += [f"in the dark: {what}" for what in pale]
            wrong += [f"{place}: {what}" for what in [*found, *self._heard]]
        return wrong

    def _keep(self, name: str) -> None:
        if "TRUELIFT_SHOTS" in os.environ:
            self._shot(self.page, name)

    def _excluding(self, rules: list[str] | None = None) -> Iterator[str]:
        for each in self._axe(self.page, rules):
            yield f"axe {each['id']} at {', '.join(each['where'])}"

    def _wrong_here(self) -> Iterator[str]:
        page = self.page
        narrow = self.page.evaluate("innerWidth") < max(WIDTHS)
        yield from self._excluding(ON_A_PHONE if narrow else None)
        beyond = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if beyond > 0:
            yield f"is {beyond} px wider than its window"
        if (headings := page.locator("h1").count()) != 1:
            yield f"has {headings} h1"
        elif not page.locator("h1").inner_text().strip():
            yield "has an empty h1"
        if (marks := page.locator("mark").count()) > 1:
            yield f"has {marks} highlighter strokes"
        if (mains := page.locator(".btn--main:visible").count()) > 1:
            yield f"has {mains} solid buttons"

    def _hear(self, message: ConsoleMessage) -> None:
        missing = "Failed to load resource" in message.text  # told by _see, with its address
        if message.type in ("error", "warning") and not missing:
            self._heard.append(f"console: {message.text}")

    def _see(self, response: Response) -> None:
        expected = 404 if response.url.endswith("/no/such/page/") else 399
        if response.status > expected:
            self._heard.append(f"{response.status} for {response.url}")


def quickest_ms(context: BrowserContext, place: str) -> float:
    """Time how long the server takes for a page that it has answered before."""
    context.request.get(place)
    best = float("inf")
    for _ in range(8):
        began = time.perf_counter()
        context.request.get(place, max_redirects=0)
        best = min(best, (time.perf_counter() - began) * 1000)
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
