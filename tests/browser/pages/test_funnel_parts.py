"""The funnel's parts in a browser: its tabs are links, its settings open without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages.company import SITE, Company


pytestmark = pytest.mark.timeout(120)

PLACE = f"/s/{SITE}/funnels/?step=view_item&step=purchase&period=28&by=device"


@pytest.fixture
def plain(company: Company, mara: str) -> Iterator[Page]:
    """The owner's tab in a browser that runs nothing."""
    context = company.context(mara, scripts=False)
    yield context.new_page()
    context.close()


def test_the_parts_are_links_that_keep_the_funnel_and_need_no_script(plain: Page) -> None:
    plain.goto(PLACE)
    parts = plain.get_by_role("navigation", name="Parts of the funnel")
    parts.get_by_role("link", name="Time between steps").click()

    expect(plain.locator("h1")).to_contain_text("Half of those who get from “View item”")
    plain.get_by_label("Step 2", exact=True).fill("add_to_cart")
    plain.get_by_role("button", name="Show").click()
    expect(plain.locator("h1")).to_contain_text("to “Add to cart”")
    parts.get_by_role("link", name="Side by side").click()
    expect(plain.locator("table.forest")).to_be_visible()


def test_exclusions_are_typed_behind_more_settings_without_a_script(plain: Page) -> None:
    plain.goto(PLACE)
    plain.locator("summary", has_text="More settings").click()
    plain.get_by_label("Events, exclusion 1").fill("add_to_cart")
    plain.get_by_role("button", name="Show").click()

    expect(plain.get_by_label("Events, exclusion 1")).to_have_value("add_to_cart")
    expect(plain.get_by_label("Events, exclusion 2")).to_have_value("")
    expect(plain.locator("#fig-steps .src")).to_contain_text("excluded event")


def test_nobody_is_listed_while_the_site_does_not_allow_it(plain: Page) -> None:
    plain.goto(PLACE)
    expect(plain.get_by_text("Who did not go on")).to_have_count(0)

    answer = plain.goto(f"/s/{SITE}/funnels/people/?step=view_item&step=purchase")

    assert answer is not None
    assert answer.status == 403
    expect(plain.locator("h1")).to_contain_text("switched off")
