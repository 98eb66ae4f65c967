"""The whole loop in the browser, as the people of the demo company walk it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pages.company import SITE, Company


KEY = "pickup-early"
VISITORS = 400
BERLIN = ZoneInfo("Europe/Berlin")

pytestmark = pytest.mark.timeout(180)


SWAP = """
import json, sys
from truelift.project.start import start_django
start_django()
from truelift.apps.accounts.models import Membership
from truelift.apps.programme.models import PolicyRecord
given, members = json.load(sys.stdin), Membership.objects.filter(site__name=sys.argv[1])
policy = PolicyRecord.objects.filter(site__name=sys.argv[1]).order_by("-version").first()
print(json.dumps({"gates": policy.gates, "does": {each.pk: each.functions for each in members}}))
PolicyRecord.objects.create(
    **{f.attname: getattr(policy, f.attname) for f in policy._meta.concrete_fields}
    | {"id": None, "version": policy.version + 1, "gates": given["gates"]}
)
for each in members:
    each.functions = given["does"].get(str(each.pk), [])
    each.save()
"""
"""Gives a site other gates and its members other functions, and prints those of before."""


@pytest.fixture
def nothing_agreed(company: Company) -> Iterator[None]:
    """Let everybody do everything for a while: no gates, and nobody has a function."""

    def swapped(given: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", SWAP, SITE],
            env=company.served.environment,
            input=given,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    before = swapped('{"gates": [], "does": {}}')
    yield
    swapped(before)


@pytest.fixture
def people(
    company: Company,
    mara: str,
    nothing_agreed: None,
) -> Iterator[dict[str, Page]]:
    """A tab for each of those who take part: owner, editor, analyst, and the stranger."""
    tabs = {}
    for name in ("mara", "jonas", "priya", "mallory"):
        person = next(
            (each for each in company.passwords if each.startswith(f"{name}@")),
            mara.replace("mara", name),
        )
        if person not in company.passwords:
            company.give_password(person)
        tabs[name] = company.context(person).new_page()
    yield tabs
    for tab in tabs.values():
        tab.context.close()


def test_a_finding_becomes_a_learning(company: Company, people: dict[str, Page]) -> None:
    mara, jonas, priya = people["mara"], people["jonas"], people["priya"]

    insight = record_a_finding(priya)
    hypothesis = propose_a_change(priya, mara)
    experiment = plan_an_experiment(jonas, hypothesis)
    launch(jonas, experiment)
    send_visitors(company)
    stop_early(mara, experiment)
    analyse(priya, experiment)
    decide(people, experiment)
    learning = learn(priya, jonas, experiment)

    for place in (insight, hypothesis, experiment, f"{experiment}analyses/1/", learning):
        assert people["mallory"].goto(place).status == 404, place  # type: ignore[union-attr]


def record_a_finding(priya: Page) -> str:
    """Write down what the funnel shows, and find out what is missing before it counts."""
    priya.goto(f"/s/{SITE}/funnels/")
    priya.get_by_role("link", name="Record as finding").click()
    expect(priya.get_by_label("What goes wrong for visitors")).not_to_have_value("")
    priya.get_by_role("button", name="Keep as a draft").click()

    accept = priya.get_by_role("button", name="Accept")
    expect(accept).to_have_attribute("aria-disabled", "true")
    reasons = priya.locator(f"#{accept.get_attribute('aria-describedby')}")
    expect(reasons).to_be_visible()
    reasons.get_by_role("link").first.click()

    priya.get_by_label("How large it is").fill("one phone in three")
    if not priya.get_by_label("For whom").input_value():
        priya.get_by_label("For whom").fill("Phones")
    priya.get_by_label("What it shows").first.fill("The funnel of the last four weeks")
    priya.get_by_role("button", name="Keep as a draft").click()
    priya.get_by_role("button", name="Accept").click()
    expect(priya.locator(".eyebrow")).to_contain_text("Accepted")
    return path_of(priya)


def propose_a_change(priya: Page, mara: Page) -> str:
    """Turn the finding into a hypothesis with its four parts, which somebody else accepts."""
    priya.get_by_role("link", name="New hypothesis").click()
    priya.get_by_label("If we …").fill("offer pick-up before the delivery cost")
    priya.get_by_label("for …", exact=True).fill("visitors on a phone")
    priya.get_by_label("then …").fill("more of them will order")
    priya.get_by_label("because …").fill("those who leave look at the delivery cost last")
    priya.get_by_label("Metric").select_option("order_rate")
    priya.get_by_label("It will").select_option(label="rise")
    priya.get_by_label("by about, %").fill("10")
    expect(priya.get_by_role("checkbox", checked=True)).to_have_count(1)
    priya.get_by_role("button", name="Keep as a draft").click()
    expect(priya.locator("h1")).to_contain_text("If we offer pick-up before the delivery cost")
    accept = priya.get_by_role("button", name="Accept")
    expect(accept).to_have_attribute("aria-disabled", "true")
    mara.goto(path_of(priya))
    mara.get_by_role("button", name="Accept").click()
    expect(mara.locator(".eyebrow")).to_contain_text("Accepted")
    return path_of(priya)


def plan_an_experiment(jonas: Page, hypothesis: str) -> str:
    """Plan a test, be refused with every reason, and complete the plan where they lead."""
    jonas.goto(hypothesis)
    jonas.get_by_role("link", name="Plan an experiment").click()
    jonas.get_by_label("Name").first.fill("Pick-up before the cost")
    jonas.get_by_label("Key").first.fill(KEY)
    jonas.get_by_label("Primary metric: decides").select_option("order_rate")
    jonas.get_by_label("Who decides").select_option(label="Mara Lindqvist")
    jonas.get_by_label("First day").fill(datetime.now(BERLIN).date().isoformat())
    jonas.get_by_label("Whole weeks").fill("2")
    jonas.get_by_role("button", name="Keep as a draft").click()

    submit = jonas.get_by_role("button", name="Submit the plan")
    expect(submit).to_have_attribute("aria-disabled", "true")
    reasons = jonas.locator(f"#{submit.get_attribute('aria-describedby')}")
    expect(reasons).to_contain_text("Nothing guards against harm elsewhere.")
    expect(reasons).to_contain_text("Nobody has worked out how many visitors it needs.")
    with jonas.expect_response(re.compile("/move/$")) as answered:
        submit.press("Enter")
    assert answered.value.status == 409
    expect(jonas.locator("#why-not")).to_be_focused()

    jonas.get_by_role("link", name="Choose at least one guardrail.").click()
    jonas.get_by_role("group", name="Guardrails: may veto").get_by_label("Order value").check()
    jonas.get_by_label("Why it may go on without enough visitors").fill("We want the direction.")
    jonas.get_by_role("button", name="Keep as a draft").click()
    jonas.get_by_role("button", name="Submit the plan").click()
    expect(jonas.locator(".eyebrow")).to_contain_text("Ready")
    return path_of(jonas)


def launch(jonas: Page, experiment: str) -> None:
    jonas.goto(experiment)
    jonas.get_by_role("button", name="Launch").click()
    expect(jonas.locator(".eyebrow")).to_contain_text("Running")


def send_visitors(company: Company) -> None:
    """Show the two variants to visitors, over the collector; the new one sells better."""
    keys = json.loads(company.served.command("sites", "keys", SITE, "--json"))["keys"]
    key = next(each["key"] for each in keys if each["kind"] == "public")
    events: list[dict[str, object]] = []
    for number in range(VISITORS):
        variant = ("control", "variant")[number % 2]
        seen = {"type": "track", "anonymousId": f"loop-{number}"}
        shown = {"experiment_id": KEY, "variation_id": variant}
        events.append({**seen, "event": "Experiment Viewed", "properties": shown})
        if number // 2 % 10 < (3 if variant == "control" else 4):
            order = {"order_id": f"loop-{number}", "value": 60 + number % 7, "currency": "EUR"}
            events.append({**seen, "event": "purchase", "properties": order})
    for first in range(0, len(events), 100):
        batch = {"writeKey": key, "batch": events[first : first + 100]}
        request = Request(
            f"{company.address}/v1/batch",
            json.dumps(batch).encode(),
            {"Content-Type": "application/json"},
        )
        with urlopen(request) as answer:
            assert answer.status == 200


def stop_early(mara: Page, experiment: str) -> None:
    """Stop it before its end, which takes the decision-owner and a reason."""
    mara.goto(experiment)
    mara.get_by_role("button", name="Stop it").click()
    expect(mara.locator("#why-not")).to_contain_text("nobody says why")
    mara.get_by_label("Why before its planned end").fill("The pick-up desk closes for the winter.")
    mara.get_by_role("button", name="Stop it").click()
    expect(mara.locator(".eyebrow")).to_contain_text("Waits for its analysis")


def analyse(priya: Page, experiment: str) -> None:
    """Ask for the analysis; the page shows it when the worker has it."""
    priya.goto(experiment)
    priya.get_by_role("button", name="Run the analysis").click()
    expect(priya.locator(".verdict")).to_be_visible(timeout=30_000)
    expect(priya.locator(".lights")).to_contain_text("200 in control and 200 in variant")


def decide(people: dict[str, Page], experiment: str) -> None:
    """Refuse those who may not decide, with the reason, and let the decision-owner do it."""
    jonas, mara = people["jonas"], people["mara"]
    jonas.goto(experiment)
    for choice in ("Ship", "Iterate", "Stop"):
        button = jonas.get_by_role("button", name=choice, exact=True)
        expect(button).to_have_attribute("aria-disabled", "true")
    expect(jonas.locator("#why-not")).to_contain_text("Only Mara Lindqvist can decide this.")

    mara.goto(experiment)
    mara.get_by_label("Why", exact=True).fill("The direction is right; repeat it in spring.")
    mara.get_by_role("button", name="Iterate", exact=True).click()
    expect(mara.locator(".eyebrow")).to_contain_text("Waits for its learning")
    mara.get_by_role("link", name="Decisions").click()
    row = mara.get_by_role("row", name=re.compile("Pick-up before the cost")).first
    expect(row).to_contain_text("Iterate")


def learn(priya: Page, jonas: Page, experiment: str) -> str:
    """Write down what it taught, and close it."""
    priya.goto(experiment)
    priya.get_by_role("link", name="Write the learning").click()
    priya.get_by_label("What was learned").fill("Pick-up is chosen by those who live nearby.")
    priya.get_by_label("Where it holds").fill("Checkout, phones")
    priya.get_by_label("What follows").fill("Offer it by postcode.")
    priya.get_by_role("button", name="Keep it").click()
    expect(priya.locator("main")).to_contain_text("Pick-up is chosen by those who live nearby.")
    place = path_of(priya)

    jonas.goto(experiment)
    jonas.get_by_role("button", name="Close").click()
    expect(jonas.locator("#why-not")).to_contain_text("nobody says why")
    jonas.get_by_label("Why nothing follows").fill("It is planned for the spring.")
    jonas.get_by_role("button", name="Close").click()
    expect(jonas.locator(".eyebrow")).to_contain_text("Closed")
    return place


def path_of(page: Page) -> str:
    """Give the address of the page that is open, without the server."""
    return str(page.evaluate("location.pathname"))
