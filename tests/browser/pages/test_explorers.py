"""Explorers in a browser: asked without a reload, cancelled, drawn, read without scripts."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.pages.company import SITE, Company


pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def page(company: Company, mara: str) -> Iterator[Page]:
    """The owner's tab."""
    context = company.context(mara)
    yield context.new_page()
    context.close()


@pytest.fixture
def plain(company: Company, mara: str) -> Iterator[Page]:
    """The owner's tab in a browser that runs nothing."""
    context = company.context(mara, scripts=False)
    yield context.new_page()
    context.close()


def hang(route: Route) -> None:
    """Leave a request without an answer."""


def test_another_question_is_answered_on_the_page_and_its_address_is_the_question(
    page: Page,
) -> None:
    page.goto(f"/s/{SITE}/trends/")
    page.evaluate("window.same = true")
    page.get_by_label("Event", exact=True).fill("add_to_cart")
    page.get_by_role("button", name="Show").click()

    expect(page.locator("h1")).to_contain_text("Add to cart")
    expect(page.locator("#explorer-answer h2").first).to_be_visible()
    assert page.evaluate("window.same")
    said = page.locator("h1").inner_text()
    page.goto(page.url)
    expect(page.locator("h1")).to_have_text(said)


@pytest.mark.parametrize("place", ["trends/", "funnels/"])
def test_a_question_that_takes_long_says_so_and_is_cancelled(place: str, page: Page) -> None:
    page.goto(f"/s/{SITE}/{place}")
    before = page.locator("h1").inner_text()
    page.route(f"**/{place}?*", hang)
    page.get_by_label("Period").select_option("all")
    with page.expect_request(f"**/{place}?*") as asked:
        page.get_by_role("button", name="Show").click()
    expect(page.locator("[data-asking] [data-said]")).to_contain_text("Reading the events")

    with page.expect_request("**/questions/cancel/") as told:
        page.get_by_role("button", name="Cancel").click()

    # The server is told which question nobody wants any more.
    assert asked.value.headers["truelift-asking"] in (told.value.post_data or "")
    expect(page.locator("[data-asking] [data-said]")).to_contain_text("Cancelled")
    expect(page.locator("h1")).to_have_text(before)
    expect(page.get_by_role("button", name="Show")).to_be_focused()


def test_a_page_that_is_left_cancels_its_question(page: Page) -> None:
    page.goto(f"/s/{SITE}/trends/")
    page.route("**/trends/?*", hang)
    page.get_by_label("Period").select_option("all")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("[data-asking] [data-said]")).to_contain_text("Reading the events")

    with page.expect_request("**/questions/cancel/") as told:
        # A request of a page that has really gone is not told to Playwright.
        page.evaluate("window.dispatchEvent(new PageTransitionEvent('pagehide'))")

    assert told.value.method == "POST"


def test_what_cannot_be_asked_is_said_on_the_page(page: Page) -> None:
    page.goto(f"/s/{SITE}/trends/")
    page.get_by_label("Moving average over").fill("1")
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_role("alert")).to_contain_text("2 to 366")


@pytest.mark.parametrize("place", ["trends/", "retention/", "segments/", "paths/", "sessions/"])
def test_a_drawing_is_saved_as_a_picture(place: str, page: Page, tmp_path: Path) -> None:
    page.goto(f"/s/{SITE}/{place}")
    page.locator("summary", has_text="Export").click()

    with page.expect_download() as download:
        page.locator("png-picture button").first.click()

    download.value.save_as(tmp_path / "drawing.png")
    data = (tmp_path / "drawing.png").read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    assert data.startswith(b"\x89PNG")
    assert width > 1000
    assert height > 300
    assert len(data) > 20_000  # an empty canvas of this size is far smaller


def test_an_explorer_is_asked_without_a_script_and_offers_nothing_that_needs_one(
    plain: Page,
) -> None:
    plain.goto(f"/s/{SITE}/trends/")
    plain.get_by_label("Event", exact=True).fill("purchase")
    plain.get_by_label("Period").select_option("7")
    plain.get_by_role("button", name="Show").click()

    expect(plain.locator("h1")).to_contain_text("Purchase")
    expect(plain.locator("[data-asking]")).to_be_hidden()
    plain.locator("summary", has_text="Export").click()
    expect(plain.get_by_role("link", name="Rows as CSV")).to_be_visible()
    expect(plain.locator("png-picture button").first).to_be_hidden()


def test_a_view_is_saved_opened_and_deleted_and_a_release_noted_without_a_script(
    plain: Page,
) -> None:
    plain.goto(f"/s/{SITE}/trends/")
    plain.locator("summary", has_text="Views").click()
    plain.get_by_label("Save this view as").fill("Orders, plainly")
    plain.get_by_role("button", name="Save view").click()
    plain.locator(".happened summary").click()
    plain.locator("#note-day").fill("2026-01-05")
    plain.locator("#note-text").fill("Checkout 4.18")
    plain.get_by_role("button", name="Note it").click()
    plain.goto(f"/s/{SITE}/annotations/")
    expect(plain.get_by_text("Checkout 4.18").first).to_be_visible()
    plain.get_by_role("button", name="Remove Checkout 4.18").click()

    plain.goto(f"/s/{SITE}/views/")
    plain.get_by_role("link", name="Orders, plainly").click()
    expect(plain.locator("h1")).to_contain_text("Purchase")
    plain.goto(f"/s/{SITE}/views/")
    plain.get_by_role("button", name="Delete Orders, plainly").click()
    expect(plain.get_by_role("link", name="Orders, plainly")).to_have_count(0)
