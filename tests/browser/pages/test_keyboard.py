"""Everything can be reached and done with a keyboard, and one always sees where one is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages.company import SITE, Company
from tests.browser.pages.places import FURTHER


pytestmark = pytest.mark.timeout(120)

FOCUS = """() => {
  const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
  const shown = at.type === 'date'  // the picker inside it has the outline
    || (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2)
    || at.closest('li:focus-within')?.matches('funnel-steps li');
  // A date has three stops of its own.
  const again = Boolean(at.visited) && at !== window.stoppedAt;
  at.visited = true;
  window.stoppedAt = at;
  return {
    again,
    what: at.tagName + ' ' + (at.ariaLabel || at.textContent || at.name || at.id || '').trim(),
    main: at.matches('main *'), solid: at.matches('.btn--main'), body: at === document.body,
    shown: Boolean(shown), seen: box.width > 0 && box.height > 0,
  };
}"""


@pytest.fixture
def tab(company: Company, mara: str) -> Iterator[Page]:
    """The owner's tab."""
    context = company.context(mara)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("place", ["", "funnels/", "experiments/", "insights/"])
def test_the_skip_link_comes_first_and_skips_the_rail(place: str, tab: Page) -> None:
    tab.goto(f"/s/{SITE}/{place}")

    tab.keyboard.press("Tab")
    expect(tab.get_by_role("link", name="Skip to content")).to_be_focused()
    expect(tab.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")

    assert tab.evaluate(FOCUS)["main"]


@pytest.mark.parametrize(
    "place", ["funnels/", "experiments/", "experiments/new/", "insights/", "connect/"]
)
def test_tab_reaches_the_main_action_and_focus_is_always_seen(place: str, tab: Page) -> None:
    tab.goto(f"/s/{SITE}/{place}")

    stops = stops_of(tab)

    assert any(stop["solid"] for stop in stops)
    assert lost_in(stops) == []


@pytest.mark.parametrize("place", FURTHER)
@pytest.mark.usefixtures("kept")
def test_focus_is_always_seen_also_where_a_page_looks_different(place: str, tab: Page) -> None:
    tab.goto(f"/s/{SITE}/{place}")

    stops = stops_of(tab)

    assert len(stops) > 5
    assert lost_in(stops) == []


def stops_of(tab: Page) -> list[dict[str, Any]]:
    """Go through the main part of a page with the tab key."""
    tab.get_by_role("link", name="Skip to content").focus()
    stops: list[dict[str, Any]] = []
    for _ in range(120):
        tab.keyboard.press("Tab")
        stop = tab.evaluate(FOCUS)
        if stop["body"] or stop["again"]:
            break
        stops.append(stop)
    return stops


def lost_in(stops: list[dict[str, Any]]) -> list[str]:
    """Name the stops at which one does not see where one is."""
    return [stop["what"] for stop in stops if not stop["shown"] or not stop["seen"]]


def test_ctrl_k_goes_to_a_page_by_its_name(tab: Page) -> None:
    tab.goto(f"/s/{SITE}/")

    tab.keyboard.press("Control+k")
    tab.keyboard.type("ledger")
    tab.keyboard.press("Enter")

    expect(tab).to_have_url(re.compile(rf"/s/{SITE}/ledger/$"))


def test_g_and_a_number_go_to_a_question(tab: Page) -> None:
    tab.goto(f"/s/{SITE}/")

    tab.keyboard.press("g")
    tab.keyboard.press("3")

    expect(tab).to_have_url(re.compile(rf"/s/{SITE}/experiments/$"))


def test_j_and_enter_open_a_row(tab: Page) -> None:
    tab.goto(f"/s/{SITE}/insights/")
    first = tab.locator("main table tbody tr").first.get_by_role("link")
    problem = first.inner_text()

    tab.keyboard.press("j")
    expect(first).to_be_focused()
    tab.keyboard.press("Enter")

    expect(tab.locator("h1")).to_have_text(problem)


def test_the_menu_of_a_phone_opens_and_closes_without_a_mouse(company: Company, mara: str) -> None:
    context = company.context(mara, width=390)
    page = context.new_page()
    page.goto(f"/s/{SITE}/")
    rail = page.get_by_role("navigation", name="Main")
    expect(rail).to_be_hidden()

    page.get_by_role("link", name="Menu").press("Enter")
    expect(rail).to_be_visible()
    rail.get_by_role("link", name="Close").press("Enter")

    expect(rail).to_be_hidden()
    context.close()
