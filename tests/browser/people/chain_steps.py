"""How people of the whole chain press, are refused, and come to things by keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect


def press(button: Locator) -> None:
    """Press what can be pressed; what is refused says why in the failure."""
    page = button.page
    if button.get_attribute("aria-disabled") == "true":
        reasons = page.locator("main #why-not, main .refusal").all_inner_texts()
        raise AssertionError(f"{page.url}: {button.inner_text()} is refused: {reasons}")
    status = answered(button, button.click)
    if status >= 400:
        said = page.locator("main [role=alert], main .refusal, main .errorlist").all_inner_texts()
        raise AssertionError(f"{page.url}: {status}: {said}")


def answered(target: Locator, act: Callable[[], None]) -> int:
    """Press something, wait until the page has the answer, and give its status.

    Who goes elsewhere before it is there takes the next page away from under the answer.
    """
    page = target.page
    if target.evaluate("each => each.closest('[hx-post]') !== null"):
        with page.expect_response(lambda each: each.request.method == "POST") as said:
            act()
        return said.value.status
    with page.expect_navigation() as gone:
        act()
    return gone.value.status


def step(page: Page, place: str, action: str) -> None:
    """Take a step of an experiment or a rollout on its own page."""
    page.goto(place)
    press(button_of(page, action))


def sees_why_not(page: Page, place: str, action: str, why: str) -> None:
    """Find the button of a step refused, and the reason beside it."""
    page.goto(place)
    button = button_of(page, action)
    expect(button).to_have_attribute("aria-disabled", "true")
    reasons = page.locator(f"#{button.get_attribute('aria-describedby')}")
    expect(reasons).to_contain_text(why)


def button_of(page: Page, action: str) -> Locator:
    """Find the button of a step; a decision is named by its choice."""
    return page.locator(f"main button[value={action}]").first


def by_key(target: Locator, words: str | None = None) -> None:
    """Come to something by the tab key, and write in it or press enter on it."""
    expect(target).to_be_visible()
    keyboard = target.page.keyboard
    for _ in range(160):
        if target.evaluate("each => each === document.activeElement"):
            break
        keyboard.press("Tab")
    expect(target).to_be_focused()
    kind = target.evaluate("each => each.type || each.tagName")
    if kind == "checkbox":
        keyboard.press("Space")
        expect(target).to_be_checked()
    elif words is None:
        answered(target, lambda: keyboard.press("Enter"))
    elif kind == "select-one":
        keyboard.type(words)
        expect(target.locator("option:checked")).to_have_text(re.compile(re.escape(words)))
    elif kind == "date":
        keyboard.type(words)
    else:
        keyboard.press("Control+a")
        keyboard.type(words)


def path_of(page: Page) -> str:
    """Give the address of the page that is open, without the server."""
    return urlsplit(page.url).path
