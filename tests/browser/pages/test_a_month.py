"""A month of a programme in the browser: from the call with sales to the rebuilt quarter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages.company import SITE, Company


pytestmark = pytest.mark.timeout(180)

SAID = "We would buy today if the invoice could wait until the tents are sold."


@pytest.fixture
def lead(company: Company, mara: str) -> Iterator[Page]:
    context = company.context(mara)
    yield context.new_page()
    context.close()


def test_from_the_call_with_sales_to_the_rebuilt_quarter(lead: Page) -> None:
    note = hold_the_call(lead)
    pass_on(lead, note)
    read_the_review(lead)
    take_on_a_warning(lead)
    stand_behind_the_brief(lead)
    rebuild_the_quarter(lead)


def hold_the_call(lead: Page) -> str:
    """Ask the three questions; an empty one does not close the call."""
    lead.goto(f"/s/{SITE}/voice/")
    lead.get_by_role("button", name="Begin the call").click()
    lead.get_by_label("What they say").first.fill(SAID)
    lead.get_by_role("button", name="Close the call").click()
    expect(lead.locator("#why-not li")).to_have_count(2)

    for box in lead.get_by_label("Nothing new").all()[1:]:
        box.check()
    lead.get_by_role("button", name="Close the call").click()

    lead.get_by_role("link", name=SAID).click()
    expect(lead.locator("main")).to_contain_text(SAID)
    return lead.url


def pass_on(lead: Page, note: str) -> None:
    """Let what was said become a signal of the evidence inbox."""
    lead.goto(note)
    lead.get_by_role("button", name="Pass it on as a signal").click()

    lead.goto(f"/s/{SITE}/signals/")
    expect(lead.locator("main")).to_contain_text(SAID[:60])


def read_the_review(lead: Page) -> None:
    """Open the pack that the last commercial review looked at; it adds up and never changes."""
    lead.goto(f"/s/{SITE}/rhythm/")
    review = lead.locator("section", has_text="Monthly commercial review").first
    review.get_by_text("Meetings", exact=True).click()
    review.locator("details a").first.click()
    lead.get_by_role("link", name="Open the pack").click()

    expect(lead.locator("main")).to_contain_text("SHA-256")


def take_on_a_warning(lead: Page) -> None:
    """Say who sees to the warning that nobody has taken on."""
    lead.goto(f"/s/{SITE}/")
    lead.get_by_role("link", name="take it on").first.click()
    take_on = lead.get_by_role("button", name="Take it on")
    take_on.click()
    expect(lead.get_by_role("alert")).to_contain_text("Name a day")

    lead.get_by_label("Until").first.fill(f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%d}")
    take_on.click()

    expect(lead.locator("main")).to_contain_text("Acknowledged")


def stand_behind_the_brief(lead: Page) -> None:
    """Read the newest brief, of which the page says who does not stand behind it yet."""
    lead.goto(f"/s/{SITE}/commercial-brief/")

    expect(lead.locator("main")).to_contain_text("Sales")


def rebuild_the_quarter(lead: Page) -> None:
    """Agree on new priorities, begin with nothing, go through every candidate, and publish."""
    lead.goto(f"/s/{SITE}/roadmap/rebuild/")
    lead.get_by_role("button", name="Begin with nothing").click()
    expect(lead.get_by_role("alert")).to_contain_text("Write down new ones first")

    lead.get_by_role("link", name="Other priorities").click()
    lead.get_by_label("Priorities, one a line").fill("Invoices for clubs\nFewer steps to pay")
    lead.get_by_label("Why they are other ones").fill("The call said what clubs wait for.")
    lead.get_by_role("button", name="They hold from now on").click()
    lead.get_by_role("link", name="Rebuild the roadmap").click()
    lead.get_by_role("button", name="Begin with nothing").click()
    publish = lead.get_by_role("button", name="Publish")
    expect(publish).to_have_attribute("aria-disabled", "true")

    left = lead.get_by_label("Why", exact=True)
    for _ in range(left.count()):
        left.first.fill("The call said what comes first now.")
        lead.get_by_role("button", name="Drop").first.click()
        if lead.get_by_role("alert").count():
            # What runs is not stopped by dropping it.
            left.first.fill("It runs already.")
            lead.get_by_label("Serves").first.select_option(index=1)
            lead.get_by_role("button", name="Keep").first.click()
    expect(left).to_have_count(0)
    publish.click()

    expect(lead.locator("main")).to_contain_text("version")
