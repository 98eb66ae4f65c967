"""Keys: Ctrl K searches, `g` goes, `j` and `k` walk, `?` explains, and letters can be off."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Violation


RAIL = """<hot-keys></hot-keys>
<nav class="rail" aria-label="Main">
  <div><ul><li><a href="#home" data-goto="h">Home</a></li></ul></div>
  <div><h2>Where do we lose people, and why?</h2><ul>
    <li><a href="#funnels" data-goto="1">Funnels<span class="count">3</span></a></li></ul></div>
  <div><h2>Is it real?</h2><ul><li><a href="#tests" data-goto="3">Experiments</a></li></ul></div>
</nav>
<a class="jump" href="#nav">Search or jump to</a>
<main><h1>Page</h1><label>Note <input id="note"></label>
<table><tbody><tr><td><a href="#a" id="a">First</a></td></tr>
<tr><td><a href="#b" id="b">Second</a></td></tr></tbody></table></main>
<script type="application/json" id="jump-items">[
  {"label": "Delivery cost <b>early</b>", "href": "/s/shop/experiments/delivery/"},
  {"label": "Elsewhere", "href": "https://evil.example/"}, {"label": 7}, null]</script>"""


def at(page: Page) -> str:
    """Where the last jump led."""
    return str(page.evaluate("location.pathname + location.hash"))


def test_ctrl_k_finds_a_page_of_the_rail_and_enter_goes_there(
    shown: Callable[[str], Page],
) -> None:
    page = shown(RAIL)
    page.keyboard.press("Control+k")

    page.keyboard.type("lose fun")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")

    expect(page.locator("dialog")).to_have_count(0)
    assert at(page) == "/page#funnels"


def test_the_search_lists_what_the_page_names_as_text_and_only_on_this_host(
    shown: Callable[[str], Page],
) -> None:
    page = shown(RAIL)

    page.click(".jump")

    assert page.get_by_role("option").all_inner_texts() == [
        "Home",
        "Funnels Where do we lose people, and why?",
        "Experiments Is it real?",
        "Delivery cost <b>early</b> This site",
    ]
    page.keyboard.press("ArrowUp")
    expect(page.locator('[aria-selected="true"]')).to_contain_text("Delivery cost")


def test_what_is_not_there_is_said(shown: Callable[[str], Page]) -> None:
    page = shown(RAIL)
    page.keyboard.press("Control+k")

    page.keyboard.type("zebra")

    expect(page.get_by_role("status")).to_contain_text("Nothing by that name")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


@pytest.mark.parametrize(("key", "place"), [("1", "#funnels"), ("3", "#tests"), ("h", "#home")])
def test_g_and_a_key_go_to_a_question_or_home(
    key: str, place: str, shown: Callable[[str], Page]
) -> None:
    page = shown(RAIL)

    page.keyboard.press("g")
    page.keyboard.press(key)

    assert at(page) == f"/page{place}"


def test_j_and_k_walk_the_rows(shown: Callable[[str], Page]) -> None:
    page = shown(RAIL)

    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("#b")).to_be_focused()
    page.keyboard.press("k")

    expect(page.locator("#a")).to_be_focused()


def test_letters_typed_into_a_field_are_letters(shown: Callable[[str], Page]) -> None:
    page = shown(RAIL)
    page.focus("#note")

    page.keyboard.type("g1?j")

    assert page.input_value("#note") == "g1?j"
    assert at(page) == "/page"


def test_single_letters_can_be_turned_off_for_good_and_ctrl_k_stays(
    shown: Callable[[str], Page],
) -> None:
    page = shown(RAIL)
    page.keyboard.press("?")
    page.get_by_label("Use single-letter keys").uncheck()
    page.get_by_role("button", name="Close").click()
    page.reload()

    page.keyboard.press("g")
    page.keyboard.press("1")
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("Control+k")

    assert at(page) == "/page"
    expect(page.get_by_role("combobox")).to_be_focused()


@pytest.mark.parametrize("key", ["Control+k", "?"])
def test_the_dialogs_exclude_nobody(
    key: str, shown: Callable[[str], Page], axe: Callable[[Page], list[Violation]]
) -> None:
    page = shown(RAIL)

    page.keyboard.press(key)

    expect(page.locator("dialog")).to_be_visible()
    assert axe(page) == []
