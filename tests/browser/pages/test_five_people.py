"""The whole chain, from a signal to a learning, clicked through by five people under gates."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.pages.chain_people import PEOPLE, SITE
from tests.browser.pages.company import PASSWORD, Company


KEY = "pickup-first"
HERE = f"/s/{SITE}"

Shot = Callable[[Page, str], Path]

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def people(company: Company) -> Iterator[dict[str, Page]]:
    """A tab for each of five people of a site of their own, each with another function."""
    script = Path(__file__).with_name("chain_people.py")
    subprocess.run(
        [sys.executable, script, PASSWORD],
        env=company.served.environment,
        check=True,
        capture_output=True,
    )
    tabs = {}
    for name in PEOPLE:
        company.passwords[f"{name}@chain.example"] = PASSWORD
        tabs[name] = company.context(f"{name}@chain.example").new_page()
    yield tabs
    for tab in tabs.values():
        tab.context.close()


def test_five_people_take_a_signal_to_a_learning(people: dict[str, Page], shot: Shot) -> None:
    def seen(page: Page, name: str) -> None:
        if "TRUELIFT_SHOTS" in os.environ:
            shot(page, f"chain-{name}")

    walk(people, seen)


def walk(people: dict[str, Page], seen: Callable[[Page, str], None], key: str = KEY) -> None:
    """Go the whole way; every step by whoever may take it."""
    olga, anna, maja, emil, stan = (people[name] for name in PEOPLE)

    agree_on_gates(olga)
    seen(olga, "1-policy")
    signal = pass_on_a_signal(stan)
    insight = make_a_finding_of_it(anna, signal)
    seen(anna, "2-insight")
    hypothesis = propose_a_change(anna, maja, insight)
    seen(maja, "3-hypothesis")
    # Whoever wrote it signs for nothing, so that analytics leaves the writing to marketing.
    experiment = plan_it(maja, hypothesis, key)
    write_the_brief(maja, experiment)
    seen(maja, "4-brief")
    agree_to_it(people, experiment)
    get_it_ready_and_run_it(people, experiment)
    seen(olga, "5-running")
    find_something_out(anna, olga, experiment)
    decide(olga, emil, experiment)
    seen(olga, "6-decided")
    rollout = bring_it_live(emil, experiment)
    seen(emil, "7-rollout")
    learn(olga, experiment)
    seen(olga, "8-learned")

    for place, other in ((insight, signal), (hypothesis, insight), (rollout, experiment)):
        olga.goto(place)
        expect(olga.locator(f"main a[href^='{other}']").first).to_be_visible()


def agree_on_gates(olga: Page) -> None:
    """Switch gates on: nothing goes on before these are settled."""
    olga.goto(f"{HERE}/programme/")
    for gate in ("decision_table", "implementer", "approvals", "second_opinion"):
        olga.locator(f"input[name=gates][value={gate}]").check()
    olga.get_by_label("Why").last.fill("Five of us begin.")
    olga.get_by_role("button", name="Agree on the next version").click()
    expect(olga.locator("main")).to_contain_text("Five of us begin.")


def pass_on_a_signal(stan: Page) -> str:
    stan.goto(f"{HERE}/signals/new/")
    stan.get_by_label("What did you notice").fill("Callers ask whether they can pick it up")
    stan.locator("main form button.btn--main").click()
    expect(stan.locator("main")).to_contain_text("Callers ask")
    return path_of(stan) if "/signals/S-" in stan.url else f"{HERE}/signals/S-1/"


def make_a_finding_of_it(anna: Page, signal: str) -> str:
    anna.goto(signal)
    anna.get_by_role("button", name="Yes: start a finding from it").click()
    if "/edit/" not in anna.url:
        anna.get_by_role("link", name="Edit").first.click()
    anna.locator("[name=surface]").fill("Checkout")
    anna.locator("[name=segment]").fill("Phones")
    anna.locator("[name=size]").fill("one caller in three")
    anna.get_by_label("What it shows").first.fill("Calls of four weeks")
    anna.get_by_role("button", name="Keep as a draft").click()
    press(anna.get_by_role("button", name="Accept"))
    expect(anna.locator(".eyebrow")).to_contain_text("Accepted")
    return path_of(anna)


def propose_a_change(anna: Page, maja: Page, insight: str) -> str:
    """Propose; the author may not accept, marketing may."""
    anna.goto(f"{HERE}/metrics/")
    shop = anna.get_by_role("button", name=re.compile("shop", re.IGNORECASE))
    if shop.count():
        shop.first.click()
    anna.goto(insight)
    anna.get_by_role("link", name="New hypothesis").click()
    anna.get_by_label("If we …").fill("offer pick-up before the delivery cost")
    anna.get_by_label("for …", exact=True).fill("visitors on a phone")
    anna.get_by_label("then …").fill("more of them will order")
    anna.get_by_label("because …").fill("one caller in three asks for pick-up before ordering")
    anna.get_by_label("Metric").select_option("order_rate")
    anna.get_by_label("It will").select_option(label="rise")
    anna.get_by_label("by about, %").fill("10")
    anna.get_by_role("button", name="Keep as a draft").click()
    anna.get_by_role("button", name=re.compile("review", re.IGNORECASE)).first.click()
    expect(anna.get_by_role("button", name="Accept")).to_have_attribute("aria-disabled", "true")
    place = path_of(anna)
    maja.goto(place)
    press(maja.get_by_role("button", name="Accept"))
    expect(maja.locator(".eyebrow")).to_contain_text("Accepted")
    return place


def plan_it(maja: Page, hypothesis: str, key: str) -> str:
    maja.goto(hypothesis)
    maja.get_by_role("link", name="Plan an experiment").click()
    maja.get_by_label("Name").first.fill("Pick-up first")
    maja.get_by_label("Key").first.fill(key)
    maja.get_by_label("Method").select_option("usability_test")
    maja.get_by_label("Whole weeks").fill("")
    maja.get_by_label("Who decides").select_option(label="Olga")
    maja.get_by_role("button", name="Keep as a draft").click()
    expect(maja.locator("h1")).to_contain_text("Pick-up first")
    return f"{HERE}/experiments/{key}/"


def write_the_brief(maja: Page, experiment: str) -> None:
    maja.goto(f"{experiment}brief/")
    maja.get_by_label("Goal", exact=True).fill("Find out whether pick-up helps people on phones.")
    for number, each in enumerate(maja.locator("#decisions select").all()):
        each.select_option("stop" if number else "ship")
    for name in ("Who builds the variants", "Who would build the winner"):
        maja.get_by_label(name).select_option(label="Emil")
    maja.get_by_label("Effort in days").fill("2")
    maja.get_by_label("Slot", exact=True).fill("Week 22")
    for each in maja.locator("#risks select").all():
        each.select_option(label="No")
    maja.get_by_role("button", name="Keep the brief").click()
    expect(maja.get_by_label("Slot", exact=True)).to_have_value("Week 22")


def agree_to_it(people: dict[str, Page], experiment: str) -> None:
    """Everybody agrees to what is theirs to agree to, and is refused the rest."""
    for name in ("emil", "stan", "maja", "anna", "olga"):
        page = people[name]
        page.goto(f"{experiment}brief/")
        willing = page.get_by_role("button", name="I will build the winner")
        if willing.count():
            press(willing)
        for _ in range(6):
            open_ = page.locator("#approvals ul.agree button:not([aria-disabled])")
            if not open_.count():
                break
            press(open_.first)


def get_it_ready_and_run_it(people: dict[str, Page], experiment: str) -> None:
    anna, emil, olga = people["anna"], people["emil"], people["olga"]
    for page, label in (
        *((anna, "design"), (emil, "build"), (emil, "check"), (olga, "submit")),
        *((olga, "schedule"), (olga, "launch")),
    ):
        page.goto(experiment)
        button = page.locator(f"button[name=action][value={label}]").first
        press(button)
    expect(olga.locator(".eyebrow")).to_contain_text("Running")


def find_something_out(anna: Page, olga: Page, experiment: str) -> None:
    olga.goto(experiment)
    press(olga.locator("button[name=action][value=stop]").first)
    anna.goto(experiment)
    anna.locator("textarea[name=text]").first.fill("Five of six chose pick-up at once.")
    press(anna.locator("form[action$='/findings/'] button").first)


def decide(olga: Page, emil: Page, experiment: str) -> None:
    emil.goto(experiment)
    refused = emil.get_by_role("button", name="Ship", exact=True)
    expect(refused).to_have_attribute("aria-disabled", "true")
    olga.goto(experiment)
    olga.get_by_label("Why", exact=True).fill("People want it.")
    olga.get_by_role("button", name="Ship", exact=True).click()
    expect(olga.locator(".eyebrow")).to_contain_text("Waits for its learning")


def bring_it_live(emil: Page, experiment: str) -> str:
    emil.goto(f"{HERE}/winners/")
    emil.locator("main table tbody tr").last.get_by_role("link").first.click()
    place = path_of(emil)
    emil.goto(f"{place}edit/")
    emil.get_by_label("Who brings it live").select_option(label="Emil")
    emil.get_by_label("Visitors who get it, %").fill("100")
    emil.locator("main form button.btn--main").click()
    for _ in range(2):
        press(emil.locator("#move button.btn--main"))
    expect(emil.locator("#move")).to_contain_text("Not yet")
    return place


def learn(olga: Page, experiment: str) -> None:
    olga.goto(experiment)
    olga.get_by_role("link", name="Write the learning").click()
    olga.get_by_label("What was learned").fill("Pick-up is what callers want.")
    olga.get_by_label("Where it holds").fill("Checkout, phones")
    olga.get_by_label("What follows").fill("Offer it by postcode.")
    olga.get_by_role("button", name="Keep it").click()
    expect(olga.locator("main")).to_contain_text("Pick-up is what callers want.")


def test_a_signal_becomes_an_accepted_finding_by_keyboard_alone(people: dict[str, Page]) -> None:
    stan, anna = people["stan"], people["anna"]

    stan.goto(f"{HERE}/signals/new/")
    by_key(stan.get_by_label("What did you notice"), "Nobody finds the size table")
    by_key(stan.locator("main form button.btn--main"))
    expect(stan.locator("main")).to_contain_text("Nobody finds the size table")

    anna.goto(f"{HERE}/signals/")
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


def by_key(target: Locator, words: str | None = None) -> None:
    """Come to something by the tab key, and write in it or press enter on it."""
    expect(target).to_be_visible()
    keyboard = target.page.keyboard
    for _ in range(120):
        if target.evaluate("each => each === document.activeElement"):
            break
        keyboard.press("Tab")
    expect(target).to_be_focused()
    if words is None:
        keyboard.press("Enter")
        target.page.wait_for_load_state()
    else:
        keyboard.press("Control+a")
        keyboard.type(words)


def press(button: Locator) -> None:
    """Press what can be pressed; what is refused says why in the failure."""
    page = button.page
    if button.get_attribute("aria-disabled") == "true":
        reasons = page.locator("main #why-not, main .refusal").all_inner_texts()
        raise AssertionError(f"{page.url}: {button.inner_text()} is refused: {reasons}")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        button.click()
    page.wait_for_load_state()


def path_of(page: Page) -> str:
    """Give the address of the page that is open, without the server."""
    return str(page.evaluate("location.pathname"))
