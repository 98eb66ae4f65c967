"""The planner answers while one types, and without a script by its button."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.pages.company import SITE, Company


pytestmark = pytest.mark.timeout(120)

PLAN = f"/s/{SITE}/planner/?baseline=5&lift=10&weekly=20000"


def test_the_answer_follows_what_is_typed_and_so_does_the_address(
    company: Company, mara: str
) -> None:
    context = company.context(mara)
    page = context.new_page()
    page.goto(PLAN)

    page.get_by_label("Smallest lift worth seeing, %").fill("20")

    expect(page.locator("h1")).to_contain_text("To see a lift of 20% it takes two weeks")
    expect(page.get_by_label("Smallest lift worth seeing, %")).to_be_focused()
    expect(page.locator("#planner-said")).to_contain_text("two weeks")
    assert "lift=20" in page.url
    page.reload()
    expect(page.locator("h1")).to_contain_text("To see a lift of 20%")
    context.close()


def test_a_kind_shows_the_numbers_that_it_needs(company: Company, mara: str) -> None:
    context = company.context(mara)
    page = context.new_page()
    page.goto(PLAN)
    expect(page.get_by_label("Level now, %")).to_be_visible()

    page.get_by_label("Metric", exact=True).select_option("revenue")

    expect(page.get_by_label("Who buy, %")).to_be_visible()
    expect(page.get_by_label("Level now, %")).to_be_hidden()
    context.close()


def test_a_plan_is_worked_out_without_a_script(company: Company, mara: str) -> None:
    context = company.context(mara, scripts=False)
    page = context.new_page()
    page.goto(PLAN)

    page.get_by_label("Variants").fill("x")
    page.get_by_role("button", name="Work it out").click()
    expect(page.get_by_role("alert")).to_contain_text("“Variants” is a whole number")
    page.get_by_label("Variants").fill("3")
    page.get_by_role("button", name="Work it out").click()

    expect(page.locator("h1")).to_contain_text("it takes six weeks")
    context.close()
