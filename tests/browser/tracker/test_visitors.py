"""Who a visitor is, and how they say no."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Playwright

from tests.browser.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.browser.tracker.receiver import Pages, Receiver, Reply


STORED = "[document.cookie, JSON.stringify(localStorage)].join(' ')"
MONTH_S = 30 * 86_400


def test_a_visitor_has_one_id_on_every_page_and_keeps_it_for_thirteen_months(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(pages.origin)
    page.goto(f"{pages.origin}/cart")

    first, second = receiver.wait_for(2)

    assert first["anonymousId"] == second["anonymousId"]
    [cookie] = visitor.cookies()
    assert cookie.get("value") == first["anonymousId"]
    assert cookie.get("sameSite") == "Lax"
    lasts_s = (cookie.get("expires") or 0) - receiver.posts[0].received_at
    assert 12.9 * MONTH_S < lasts_s < 13.3 * MONTH_S
    assert page.evaluate("localStorage.getItem('truelift_id')") == first["anonymousId"]


def test_the_cookie_stays_when_the_id_is_older_by_part_of_a_second(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(f"{pages.origin}/cart")
    receiver.wait_for(1)
    page.evaluate(
        """() => {
          const known = (Date.now() - 12345).toString(36) + '-known';
          localStorage.setItem('truelift_id', known);
        }"""
    )
    visitor.clear_cookies()

    page.goto(pages.origin)
    _, event = receiver.wait_for(2)

    assert event["anonymousId"].endswith("-known")
    [cookie] = visitor.cookies()
    assert (cookie.get("expires") or 0) - receiver.posts[1].received_at > 12.9 * MONTH_S


@pytest.mark.parametrize("lost", ["localStorage.clear()", "cookieStore.delete('truelift_id')"])
def test_an_id_survives_the_loss_of_either_store(
    lost: str, visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(pages.origin)
    receiver.wait_for(1)
    page.evaluate(lost)

    page.goto(f"{pages.origin}/cart")

    first, second = receiver.wait_for(2)
    assert first["anonymousId"] == second["anonymousId"]
    assert first["anonymousId"] in page.evaluate("document.cookie")


def test_subdomains_of_a_shop_see_one_visitor(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    port = pages.origin.rsplit(":", 1)[1]
    page = visitor.new_page()

    page.goto(f"http://www.shop.test:{port}/")
    page.goto(f"http://checkout.eu.shop.test:{port}/cart")

    first, second = receiver.wait_for(2)
    assert first["anonymousId"] == second["anonymousId"]


def test_an_id_older_than_thirteen_months_gives_way_to_a_new_one(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(f"{pages.origin}/cart")
    receiver.wait_for(1)
    page.evaluate(
        """() => {
          const old = (Date.now() - 400 * 86400000).toString(36) + '-old';
          document.cookie = 'truelift_id=' + old + ';path=/;domain=' + location.hostname;
          localStorage.setItem('truelift_id', old);
        }"""
    )

    page.goto(pages.origin)

    _, event = receiver.wait_for(2)
    assert not event["anonymousId"].endswith("-old")
    assert page.evaluate("localStorage.getItem('truelift_id')") == event["anonymousId"]


def test_a_visitor_whose_browser_denies_storage_is_still_counted(
    playwright: Playwright, pages: Pages, receiver: Receiver, tmp_path: Path
) -> None:
    preferences = tmp_path / "Default" / "Preferences"
    preferences.parent.mkdir()
    preferences.write_text('{"profile": {"default_content_setting_values": {"cookies": 2}}}')
    denied = playwright.chromium.launch_persistent_context(
        tmp_path, executable_path=CHROMIUM, args=CHROMIUM_FLAGS
    )
    page = denied.new_page()
    page.goto(pages.origin)
    refusal = page.evaluate(
        "(() => { try { return localStorage.length } catch (e) { return e.name } })()"
    )
    page.evaluate("truelift('track', 'clicked')")

    events = receiver.wait_for(2)
    denied.close()

    assert refusal == "SecurityError"
    assert receiver.names() == ["page /", "clicked /"]
    assert len({event["anonymousId"] for event in events}) == 1


@pytest.mark.parametrize(
    "signal",
    ["globalPrivacyControl', {value: true}", "doNotTrack', {value: '1'}"],
    ids=["global-privacy-control", "do-not-track"],
)
def test_a_browser_that_says_no_is_neither_stored_nor_sent(
    signal: str, visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(pages.origin)
    receiver.wait_for(1)
    page.evaluate("localStorage.setItem('truelift:pk_shop_public:left', '0\\n{}')")
    visitor.add_init_script(f"Object.defineProperty(navigator, '{signal})")

    page.goto(f"{pages.origin}/cart")
    page.evaluate("truelift('track', 'clicked'); truelift('consent', true)")

    assert receiver.wait_for(2, seconds=1.5) == receiver.events()[:1]
    assert page.evaluate(STORED) == " {}"


def test_where_consent_comes_first_nothing_is_stored_or_sent_before_it(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    pages.replies["/"] = Reply(receiver.snippet(consent="first"))
    page = visitor.new_page()
    page.goto(pages.origin)
    page.evaluate("truelift('track', 'looked')")
    page.wait_for_timeout(1300)
    before = (list(receiver.posts), page.evaluate(STORED))

    page.evaluate("truelift('consent', true)")

    events = receiver.wait_for(2)
    assert before == ([], " {}")
    assert receiver.names() == ["page /", "looked /"]
    assert {event["anonymousId"] for event in events} == {page.evaluate("document.cookie")[12:]}


def test_a_visitor_who_opts_out_stays_out_until_they_opt_in_as_somebody_new(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(pages.origin)
    [before] = receiver.wait_for(1)

    page.evaluate("truelift('track', 'never sent'); truelift('consent', false)")
    page.goto(f"{pages.origin}/cart")
    page.wait_for_timeout(1300)
    silent = receiver.names()
    left = page.evaluate(STORED)
    page.evaluate("truelift('consent', true)")

    _, after = receiver.wait_for(2)
    assert silent == ["page /"]
    assert before["anonymousId"] not in left
    assert receiver.names() == ["page /", "page /cart"]
    assert after["anonymousId"] != before["anonymousId"]


def test_identify_names_the_user_from_then_on_and_reset_begins_somebody_new(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(pages.origin)

    page.evaluate(
        """() => {
          truelift('identify', 7, {plan: 'pro'});
          truelift('track', 'saved');
          truelift('reset');
          truelift('track', 'strolled');
        }"""
    )

    view, identify, saved, strolled = receiver.wait_for(4)
    assert identify["type"] == "identify"
    assert identify["userId"] == saved["userId"] == "7"
    assert identify["traits"] == {"plan": "pro"}
    assert identify["anonymousId"] == view["anonymousId"]
    assert "userId" not in strolled
    assert strolled["anonymousId"] != view["anonymousId"]


def test_what_was_called_before_the_script_arrived_is_done_after_the_page_view(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    pages.replies["/"] = Reply(
        f"{receiver.snippet()}<script>truelift('track', 'early', {{n: 1}});"
        "window.kept = truelift</script>"
    )
    page = visitor.new_page()
    page.goto(pages.origin)
    receiver.wait_for(2)

    page.evaluate("kept('track', 'through the old stub')")

    receiver.wait_for(3)
    assert receiver.names() == ["page /", "early /", "through the old stub /"]
    assert len(receiver.posts[0].body["batch"]) == 2
