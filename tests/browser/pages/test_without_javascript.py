"""Pages are read and forms are sent without a script: the scripts only make them quicker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages.company import SITE, Company, sign_in


pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def plain(company: Company, mara: str) -> Iterator[Page]:
    """The owner's tab in a browser that runs nothing."""
    context = company.context(mara, scripts=False)
    yield context.new_page()
    context.close()


def test_one_signs_in_and_reads_the_site(company: Company, mara: str) -> None:
    context = company.context(scripts=False)
    page = context.new_page()

    sign_in(page, mara, company.passwords[mara])
    page.goto(f"/s/{SITE}/")

    expect(page.locator(".q")).to_have_count(4)
    context.close()


def test_a_funnel_is_asked_by_its_form_and_its_address_shows_it_again(plain: Page) -> None:
    plain.goto(f"/s/{SITE}/funnels/")
    steps = plain.locator("input[name=step]")
    for number, name in enumerate(("view_item", "purchase", "", "", "", "", "")):
        steps.nth(number).fill(name)
    plain.get_by_label("Window").select_option("1d")
    plain.get_by_label("Break down by").fill("")
    plain.get_by_role("button", name="Show").click()

    rows = plain.locator("table.funnel tbody tr")
    expect(rows).to_have_count(2)
    said = rows.all_inner_texts()
    plain.goto(plain.url)

    assert plain.locator("table.funnel tbody tr").all_inner_texts() == said


def test_a_funnel_that_cannot_be_asked_says_why(plain: Page) -> None:
    plain.goto(f"/s/{SITE}/funnels/?step=purchase&window=soon")

    expect(plain.get_by_role("alert")).to_contain_text("A funnel has at least two steps.")
    expect(plain.get_by_role("alert")).to_contain_text("The window is a number")
    expect(plain.locator("input[name=step]").first).to_have_value("purchase")


def test_a_hypothesis_is_written_and_refused_until_it_is_whole(plain: Page) -> None:
    plain.goto(f"/s/{SITE}/hypotheses/new/")
    plain.get_by_label("If we …").fill("say the return policy beside the price")
    plain.get_by_role("button", name="Keep as a draft").click()

    plain.get_by_role("button", name="Accept").press("Enter")

    expect(plain.locator("#why-not")).to_be_visible()
    expect(plain.locator("#why-not li").first).to_be_visible()
    expect(plain.locator("h1")).to_contain_text("say the return policy beside the price")


def test_what_a_form_refuses_keeps_what_was_written(plain: Page) -> None:
    plain.goto(f"/s/{SITE}/experiments/new/")
    plain.get_by_label("Name").first.fill("A test without a key")
    plain.get_by_role("button", name="Keep as a draft").click()

    expect(plain.locator(".errorlist").first).to_be_visible()
    expect(plain.get_by_label("Name").first).to_have_value("A test without a key")


def test_the_theme_is_chosen_without_a_script(plain: Page) -> None:
    plain.goto(f"/s/{SITE}/ledger/")

    plain.get_by_role("button", name="Theme").click()

    expect(plain.locator("html")).to_have_attribute("data-theme", "light")
    expect(plain.locator("h1")).to_contain_text("accounted for")
