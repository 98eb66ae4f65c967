"""The whole chain, from a signal to a learning, clicked through by five people under gates.

Every gate is in force but two that ask for more days than a walk has: what visitors expect of a
page is reviewed on weeks of its traffic, and a decision waits until what comes late is complete.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages.company import PASSWORD, Company
from tests.browser.people.chain_people import KEYS_SITE, PEOPLE, SITE, WINDOW_S, write_key
from tests.browser.people.chain_shop import Shop, send_history, send_visitors
from tests.browser.people.chain_steps import by_key, path_of, press, sees_why_not, step
from tests.cli.served import Served
from truelift.lifecycle.gate import Gate


TAKE_DAYS = (Gate.EXPECTATION, Gate.MATURED)

KEY = "pickup-first"
HERE = f"/s/{SITE}"
EXPERIMENT = f"{HERE}/experiments/{KEY}/"
BRIEF = f"{EXPERIMENT}brief/"
CHECKS = f"{HERE}/qa/{KEY}/"

Shot = Callable[[Page, str], Path]
People = dict[str, Page]

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """The shop whose page is tried."""
    with Shop() as running:
        yield running


@pytest.fixture(scope="module")
def company(
    chromium: Browser, shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Company]:
    """An installation that may open the shop's pages, with two sites and five people."""
    served = Served(tmp_path_factory.mktemp("chain") / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRUELIFT_EGRESS_ALLOW", shop.host)
        first_line = served.start()
    try:
        assert first_line.strip() == f"ready {served.address}", served.log
        subprocess.run(
            [sys.executable, Path(__file__).with_name("chain_people.py"), PASSWORD],
            env=served.environment,
            check=True,
            capture_output=True,
        )
        passwords = {f"{name}@chain.example": PASSWORD for name in PEOPLE}
        yield Company(served, chromium, passwords)
        served.stop()
    finally:
        if served.process is not None:
            served.kill_group()


@pytest.fixture(scope="module")
def people(company: Company) -> Iterator[People]:
    """A tab for each of the five."""
    tabs = {name: company.context(f"{name}@chain.example").new_page() for name in PEOPLE}
    yield tabs
    for tab in tabs.values():
        tab.context.close()


@pytest.fixture
def seen(shot: Shot) -> Callable[[Page, str], None]:
    """Keep a picture of a page where pictures are wanted."""

    def keep(page: Page, name: str) -> None:
        if "TRUELIFT_SHOTS" in os.environ:
            shot(page, f"chain-{name}")

    return keep


def test_five_people_take_a_signal_to_a_learning(
    company: Company, people: People, shop: Shop, seen: Callable[[Page, str], None]
) -> None:
    olga, anna, maja, emil, stan = (people[name] for name in PEOPLE)
    send_history(company.address, write_key(SITE), now=datetime.now(UTC))

    agree_on_gates(olga)
    verify_the_host(olga, shop)
    signal = pass_on_a_signal(stan)
    insight = make_a_finding_of_it(anna, signal)
    seen(anna, "01-insight")
    idea = propose_an_idea(stan, signal)
    hypothesis = make_a_hypothesis_of_it(people, idea)
    seen(maja, "02-hypothesis")
    plan_it(maja, hypothesis)
    seen(maja, "03-plan")
    show_the_variants(emil, shop, company)
    write_the_brief(maja)
    seen(maja, "04-brief")
    agree_the_design_and_build(people)
    agree_to_it(people)
    seen(stan, "05-agreed")
    try_it_on_devices(people)
    seen(stan, "06-checks")
    get_it_ready(people)
    run_it(people)
    send_visitors(company.address, write_key(SITE), KEY, now=datetime.now(UTC))
    seen(olga, "07-running")
    # An order counts for so long: a visitor whose time is not over is not judged.
    olga.wait_for_timeout(1_200 * WINDOW_S)
    stop_it(people)
    find_out(anna)
    seen(anna, "08-result")
    decide(people)
    seen(stan, "09-decided")
    rollout = bring_it_live(people, shop, company)
    seen(emil, "10-rollout")
    learn(people, hypothesis)
    seen(olga, "11-closed")

    links = (
        (signal, insight), (insight, signal), (idea, signal), (idea, hypothesis),
        (hypothesis, insight), (insight, hypothesis), (hypothesis, EXPERIMENT),
        (EXPERIMENT, hypothesis), (rollout, EXPERIMENT),
    )  # fmt: skip
    for place, other in links:
        olga.goto(place)
        expect(olga.locator(f"main a[href^='{other}']").first, place).to_be_visible()


def agree_on_gates(olga: Page) -> None:
    """Switch the gates on: nothing goes on before all of it is settled."""
    olga.goto(f"{HERE}/programme/")
    for gate in olga.locator("input[name=gates]").all():
        gate.set_checked(gate.get_attribute("value") not in {each.value for each in TAKE_DAYS})
    olga.get_by_label("Why").last.fill("Five of us begin.")
    press(olga.get_by_role("button", name="Agree on the next version"))
    expect(olga.locator("main")).to_contain_text("Five of us begin.")


def verify_the_host(olga: Page, shop: Shop) -> None:
    """Show that the shop's host is the site's own, before any page of it is opened."""
    olga.goto(f"{HERE}/hosts/")
    olga.get_by_role("textbox", name="Host").fill(shop.host)
    press(olga.get_by_role("button", name="Add it"))
    shop.says(olga.locator("main td code").inner_text())
    press(olga.get_by_role("button", name=f"Check {shop.host}"))


def pass_on_a_signal(stan: Page) -> str:
    stan.goto(f"{HERE}/signals/new/")
    stan.get_by_label("What did you notice").fill("Callers ask whether they can pick it up")
    press(stan.locator("main form button.btn--main"))
    if "/signals/S-" not in stan.url:
        stan.goto(f"{HERE}/signals/S-1/")
    expect(stan.locator("h1")).to_have_text("Callers ask whether they can pick it up")
    return path_of(stan)


def make_a_finding_of_it(anna: Page, signal: str) -> str:
    anna.goto(signal)
    press(anna.get_by_role("button", name="Yes: start a finding from it"))
    if "/edit/" not in anna.url:
        anna.get_by_role("link", name="Edit").first.click()
    anna.locator("[name=surface]").fill("Lamp page")
    anna.locator("[name=segment]").fill("everyone")
    anna.locator("[name=size]").fill("one caller in three")
    anna.get_by_label("What it shows").first.fill("Calls of four weeks")
    press(anna.get_by_role("button", name="Keep as a draft"))
    press(anna.get_by_role("button", name="Accept"))
    expect(anna.locator(".eyebrow")).to_contain_text("Accepted")
    return path_of(anna)


def propose_an_idea(stan: Page, signal: str) -> str:
    stan.goto(signal)
    stan.get_by_role("link", name="Propose a change that answers it").click()
    stan.get_by_label("What would you change").fill("offer to pick it up in the shop")
    press(stan.locator("main form button.btn--main"))
    return path_of(stan)


def make_a_hypothesis_of_it(people: People, idea: str) -> str:
    """Screen and score the idea; who wrote the hypothesis may not accept it, marketing may."""
    olga, anna, maja, emil = (people[name] for name in ("olga", "anna", "maja", "emil"))
    anna.goto(idea)
    press(anna.get_by_role("button", name="It may compete"))
    emil.goto(f"{HERE}/backlog/{idea.split('/')[-2]}/")
    for each in emil.locator("main form.form input[type=number]:visible").all():
        each.fill("7")
    press(emil.get_by_role("button", name="Submit my answers"))

    olga.goto(idea)
    press(olga.get_by_role("button", name="Start a hypothesis from it"))
    place = path_of(olga)
    olga.get_by_role("link", name="Edit").first.click()
    olga.get_by_label("for …", exact=True).fill("visitors of the lamp page")
    olga.get_by_label("then …").fill("more of them will order")
    olga.get_by_label("because …").fill("one caller in three asks for pick-up before ordering")
    olga.get_by_label("Metric").select_option("order_rate")
    olga.get_by_label("It will").select_option(label="rise")
    olga.get_by_label("by about, %").fill("60")
    press(olga.get_by_role("button", name="Keep as a draft"))
    press(olga.get_by_role("button", name=re.compile("review", re.IGNORECASE)).first)
    expect(olga.get_by_role("button", name="Accept")).to_have_attribute("aria-disabled", "true")
    maja.goto(place)
    press(maja.get_by_role("button", name="Accept"))
    expect(maja.locator(".eyebrow")).to_contain_text("Accepted")
    return place


def plan_it(maja: Page, hypothesis: str) -> None:
    """Plan a test whose method may be read before its end."""
    maja.goto(hypothesis)
    maja.get_by_role("link", name="Plan an experiment").click()
    expect(maja.get_by_label("Page or place that changes")).to_have_value("Lamp page")
    maja.get_by_label("Name").first.fill("Pick-up first")
    maja.get_by_label("Key").first.fill(KEY)
    maja.get_by_label("Who decides").select_option(label="Stan")
    maja.get_by_label("Deputy").select_option(label="Olga")
    for number, variant in enumerate(("control", "pickup"), 1):
        maja.locator(f"[name=variant_{number}]").fill(variant)
    maja.get_by_label("First day").fill(datetime.now(UTC).date().isoformat())
    maja.get_by_label("Whole weeks").fill("2")
    maja.get_by_label("Primary metric: decides").select_option("order_rate")
    maja.get_by_label("Difference that would not matter, %").fill("3")
    maja.get_by_label("Level of the primary metric now").fill("25")
    maja.get_by_label("Smallest lift worth seeing, %").fill("60")
    maja.get_by_label("Visitors a week who could see it").fill("1200")
    maja.get_by_label("When its effects may be read").select_option("sequential")
    press(maja.get_by_role("button", name="Keep as a draft"))
    expect(maja.locator("h1")).to_contain_text("Pick-up first")


def show_the_variants(emil: Page, shop: Shop, company: Company) -> None:
    """Say where both variants can be seen, and have a browser open them while others write."""
    shop.tries(KEY, collector=company.address, key=write_key(SITE))
    emil.goto(CHECKS)
    for nth, variant in enumerate(("control", "pickup")):
        emil.locator(f"#id_url_{nth}").fill(f"{shop.origin}/lamp?force={variant}")
        emil.locator(f"#id_steps_{nth}").fill("click #buy")
    emil.get_by_label("Events that no visit there causes").fill("js_error, refund")
    emil.get_by_label("Why").fill("Nothing breaks there, and refunds come from the office.")
    press(emil.get_by_role("button", name="Keep the addresses"))
    press(emil.get_by_role("button", name="Build from traffic"))
    press(emil.get_by_role("button", name="Run it"))


def write_the_brief(maja: Page) -> None:
    """Take two guardrails, and settle everything that the gates ask of a brief."""
    maja.goto(BRIEF)
    for guardrail in ("Visitors with a script error", "Refunds per order"):
        press(maja.get_by_role("button", name=f"Add {guardrail}"))
    maja.get_by_label("Goal", exact=True).fill("More orders of those who want it today.")
    maja.get_by_label("Audience", exact=True).fill("Everybody on the lamp page")
    for name in ("Who builds the variants", "Who would build the winner"):
        maja.get_by_label(name).select_option(label="Emil")
    maja.get_by_label("Effort in days").fill("2")
    maja.get_by_label("Slot", exact=True).fill("Week 22")
    for each in maja.locator("#risks select").all():
        brand = each.get_attribute("name") == "risk_brand"
        each.select_option("yes" if brand else "no")
    press(maja.get_by_role("button", name="Keep the brief"))
    expect(maja.get_by_label("Slot", exact=True)).to_have_value("Week 22")


def agree_the_design_and_build(people: People) -> None:
    anna, emil, stan = people["anna"], people["emil"], people["stan"]
    sees_why_not(emil, EXPERIMENT, "design", "It takes Analytics")
    step(anna, EXPERIMENT, "design")
    sees_why_not(stan, EXPERIMENT, "build", "Your role on this site does not move experiments.")
    step(emil, EXPERIMENT, "build")


def agree_to_it(people: People) -> None:
    """Everybody agrees to what is theirs to agree to, and is refused the rest."""
    given = {
        "anna": ("analytics",),
        "emil": ("engineering",),
        "stan": ("goals", "guardrails", "message_match", "brand"),
    }
    maja = people["maja"]
    maja.goto(BRIEF)
    expect(maja.locator("#approvals ul.agree button[aria-disabled]")).to_have_count(6)
    for name, theirs in given.items():
        page = people[name]
        page.goto(BRIEF)
        mine = page.locator("#approvals ul.agree button:not([aria-disabled])")
        expect(mine).to_have_count(len(theirs))
        for what in theirs:
            press(page.locator(f"#approval-{what} button"))
    emil = people["emil"]
    press(emil.get_by_role("button", name="I will build the winner"))
    people["anna"].goto(BRIEF)
    press(people["anna"].get_by_role("button", name="Look now"))


def try_it_on_devices(people: People) -> None:
    """Stan tries what Emil built, wherever visitors come from; a browser looks for the events."""
    emil, stan = people["emil"], people["stan"]
    emil.goto(CHECKS)
    expect(emil.locator("main")).to_contain_text("nobody tests their own work")
    stan.goto(CHECKS)
    cells = stan.locator("#id_cell option").all_inner_texts()
    assert len(cells) == 2, cells
    *others, last = [(cell, variant) for cell in cells for variant in ("control", "pickup")]
    for cell, variant in others:
        say_it_works(stan, cell, variant)
        press(stan.get_by_role("button", name="Keep it"))
    say_it_works(stan, *last)
    # The page follows the check by itself, and leaves alone what is being written.
    expect(stan.locator("#run")).to_contain_text("Check 1, ended", timeout=60_000)
    press(stan.get_by_role("button", name="Keep it"))
    expect(stan.locator("#matrix td small", has_text="As planned.")).to_have_count(4)
    expect(stan.locator("h1")).to_have_text("Everything that has to be looked at was looked at.")


def say_it_works(stan: Page, cell: str, variant: str) -> None:
    stan.get_by_label("Where", exact=True).select_option(label=cell)
    stan.get_by_label("Variant", exact=True).select_option(variant)
    stan.get_by_label("In words").fill("As planned.")


def get_it_ready(people: People) -> None:
    maja, emil, olga, anna = (people[name] for name in ("maja", "emil", "olga", "anna"))
    sees_why_not(maja, EXPERIMENT, "check", "It takes whoever built it or Engineering")
    step(emil, EXPERIMENT, "check")
    maja.goto(BRIEF)
    maja.get_by_label("What was seen while it was tried").fill("Both variants as drawn.")
    press(maja.get_by_role("button", name="Keep the brief"))
    expect(maja.locator("#events h2")).to_have_text("Its events arrive soundly")
    sees_why_not(maja, EXPERIMENT, "submit", "You are the author")
    step(olga, EXPERIMENT, "submit")
    sees_why_not(anna, EXPERIMENT, "schedule", "It takes CRO lead")
    step(olga, EXPERIMENT, "schedule")


def run_it(people: People) -> None:
    sees_why_not(people["emil"], EXPERIMENT, "launch", "It takes CRO lead")
    olga = people["olga"]
    step(olga, EXPERIMENT, "launch")
    expect(olga.locator(".eyebrow")).to_contain_text("Running")


def stop_it(people: People) -> None:
    """Stop it before its planned end, which its method allows and the deputy may."""
    early = "Before its planned end only the decision-owner or the deputy can stop it."
    sees_why_not(people["anna"], EXPERIMENT, "stop", early)
    olga = people["olga"]
    olga.goto(EXPERIMENT)
    olga.get_by_label("Why before its planned end").fill("It is clear enough.")
    press(olga.get_by_role("button", name="Stop it"))
    expect(olga.locator(".eyebrow")).to_contain_text("Waits for its analysis")


def find_out(anna: Page) -> None:
    anna.goto(EXPERIMENT)
    anna.get_by_role("button", name="Run the analysis").click()
    expect(anna.locator(".verdict")).to_be_visible(timeout=30_000)
    expect(anna.locator(".lights")).to_contain_text("200 in control and 200 in pickup")


def decide(people: People) -> None:
    """Only the decision-owner or the deputy decides; the table agreed before speaks."""
    whose = "Only Stan, or Olga, the deputy, can decide this."
    sees_why_not(people["emil"], EXPERIMENT, "ship", whose)
    stan = people["stan"]
    stan.goto(EXPERIMENT)
    expect(stan.locator("main")).to_contain_text("By the table agreed before the launch")
    stan.locator("#id_reason").fill("Twice as many order.")
    press(stan.get_by_role("button", name="Ship", exact=True))
    expect(stan.locator(".eyebrow")).to_contain_text("Waits for its learning")


def bring_it_live(people: People, shop: Shop, company: Company) -> str:
    """Emil brings it to everybody; a browser sees that it is there; two sign, and it is true."""
    emil, olga, maja = people["emil"], people["olga"], people["maja"]
    emil.goto(f"{HERE}/winners/")
    emil.locator("main table tbody tr").last.get_by_role("link").first.click()
    expect(emil.locator("#move")).to_be_visible()
    place = path_of(emil)
    sees_why_not(maja, place, "start", "It takes")
    emil.goto(f"{place}edit/")
    emil.get_by_label("Who brings it live").select_option(label="Emil")
    emil.get_by_label("Visitors who get it, %").fill("100")
    emil.get_by_label("The test’s own code").select_option("removed")
    emil.get_by_label("Page that a browser looks at").fill(f"{shop.origin}/lamp")
    emil.get_by_label("What must be there, one a line").fill("Pick it up in the shop today")
    emil.get_by_label("What must be gone, one a line").fill("request: experiment.js")
    press(emil.locator("main form button.btn--main"))
    step(emil, place, "start")
    shop.ships(collector=company.address, key=write_key(SITE))
    step(emil, place, "go_live")
    press(emil.get_by_role("button", name="Check the page"))
    press(emil.get_by_role("button", name="Sign for Engineering"))
    sees_why_not(olga, place, "verify", "No browser has looked whether it is there.")
    press(olga.get_by_role("button", name="Sign for CRO lead"))
    expect(emil.locator("#check h2")).to_have_text("A browser saw that it is there", timeout=40_000)
    step(olga, place, "verify")
    step(emil, place, "clean_up")
    expect(emil.locator("#move")).to_contain_text("Nothing is left to do")
    return place


def learn(people: People, hypothesis: str) -> None:
    """Write down what it taught, say what follows, and close it."""
    olga, emil = people["olga"], people["emil"]
    olga.goto(EXPERIMENT)
    olga.get_by_role("link", name="Write the learning").click()
    olga.get_by_label("What was learned").fill("Pick-up is what callers want.")
    olga.get_by_label("Where it holds").fill("Lamp page, everybody")
    olga.get_by_label("What follows").fill("Offer it by postcode.")
    press(olga.get_by_role("button", name="Keep it"))
    expect(olga.locator("main")).to_contain_text("Pick-up is what callers want.")
    sees_why_not(emil, EXPERIMENT, "close", "It takes CRO lead")
    olga.goto(EXPERIMENT)
    olga.get_by_label("Signal, idea or hypothesis").fill(hypothesis.split("/")[-2])
    press(olga.get_by_role("button", name="Name it"))
    step(olga, EXPERIMENT, "close")
    expect(olga.locator(".eyebrow")).to_contain_text("Closed")


def test_a_signal_becomes_a_planned_experiment_by_keyboard_alone(people: People) -> None:
    anna, maja, stan = people["anna"], people["maja"], people["stan"]
    here = f"/s/{KEYS_SITE}"

    stan.goto(f"{here}/signals/new/")
    by_key(stan.get_by_label("What did you notice"), "Nobody finds the size table")
    by_key(stan.locator("main form button.btn--main"))
    expect(stan.locator("main")).to_contain_text("Nobody finds the size table")

    anna.goto(f"{here}/metrics/")
    by_key(anna.get_by_role("button", name="A shop"))
    anna.goto(f"{here}/signals/")
    by_key(anna.get_by_role("link", name="Nobody finds the size table").first)
    by_key(anna.get_by_role("button", name="Yes: start a finding from it"))
    expect(anna.locator("h1")).to_be_visible()
    if "/edit/" not in anna.url:
        by_key(anna.get_by_role("link", name="Edit").first)
    for name, words in (("surface", "Product page"), ("segment", "everyone"), ("size", "one in 9")):
        by_key(anna.locator(f"[name={name}]"), words)
    by_key(anna.get_by_label("What it shows").first, "Calls of four weeks")
    by_key(anna.get_by_role("button", name="Keep as a draft"))
    by_key(anna.get_by_role("button", name="Accept"))
    expect(anna.locator(".eyebrow")).to_contain_text("Accepted")

    by_key(anna.get_by_role("link", name="New hypothesis"))
    by_key(anna.get_by_label("If we …"), "show the size table beside the sizes")
    by_key(anna.get_by_label("for …", exact=True), "visitors of product pages")
    by_key(anna.get_by_label("then …"), "more of them will order")
    by_key(anna.get_by_label("because …"), "one in nine calls asks for a size before ordering")
    by_key(anna.get_by_label("Metric"), "Order rate")
    by_key(anna.get_by_label("It will"), "rise")
    by_key(anna.get_by_label("by about, %"), "20")
    by_key(anna.get_by_role("button", name="Keep as a draft"))
    by_key(anna.get_by_role("button", name=re.compile("review", re.IGNORECASE)).first)
    expect(anna.get_by_role("button", name="Accept")).to_have_attribute("aria-disabled", "true")
    expect(anna.locator(".eyebrow")).not_to_contain_text("Draft")
    maja.goto(path_of(anna))
    by_key(maja.get_by_role("button", name="Accept"))
    expect(maja.locator(".eyebrow")).to_contain_text("Accepted")

    by_key(maja.get_by_role("link", name="Plan an experiment"))
    by_key(maja.get_by_label("Name").first, "Size table")
    by_key(maja.get_by_label("Key").first, "size-table")
    by_key(maja.get_by_label("Who decides"), "Olga")
    by_key(maja.get_by_label("First day"), f"{datetime.now(UTC):%m%d%Y}")
    by_key(maja.get_by_label("Whole weeks"), "2")
    by_key(maja.get_by_label("Primary metric: decides"), "Order rate")
    by_key(maja.get_by_role("group", name="Guardrails: may veto").get_by_label("Order value"))
    by_key(maja.get_by_label("Why it may go on without enough visitors"), "We want a direction.")
    by_key(maja.get_by_role("button", name="Keep as a draft"))
    expect(maja.locator("h1")).to_have_text("Size table")
    anna.goto(path_of(maja))
    by_key(anna.get_by_role("button", name="Agree the design"))

    expect(anna.locator(".eyebrow")).to_contain_text("Designed")
