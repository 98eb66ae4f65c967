"""Events arrive, whatever the network, the page and the server do meanwhile."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.tracker.receiver import Pages, Receiver, Reply


CLOCK_AHEAD = """((ms) => {
  const Right = Date;
  Date = class extends Right {
    constructor(...given) { given.length ? super(...given) : super(Right.now() + ms); }
    static now() { return Right.now() + ms; }
  };
})"""
NOTHING_LEFT = "!Object.keys(localStorage).some((name) => name.startsWith('truelift:'))"


def test_a_page_that_is_closed_at_once_has_told_everything(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(pages.origin, wait_until="load")

    page.evaluate("truelift('track', 'last word')")
    page.close()

    receiver.wait_for(2)
    assert receiver.names() == ["page /", "last word /"]


def test_a_click_that_leaves_the_page_is_told_while_leaving(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    pages.replies["/"] = Reply(
        f"""{receiver.snippet()}
        <a id="out" href="about:blank" onclick="truelift('track', 'out')">Out</a>"""
    )
    page = visitor.new_page()
    page.goto(pages.origin)
    receiver.wait_for(1)

    page.click("#out")

    receiver.wait_for(2)
    assert receiver.names() == ["page /", "out /"]


def test_a_browser_without_keepalive_leaves_by_beacon(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    visitor.add_init_script("delete Request.prototype.keepalive")
    page = visitor.new_page()
    page.goto(pages.origin)
    receiver.wait_for(1)

    # On a busy machine the ordinary sending, moments later, would come before the leaving.
    page.evaluate(
        "window.setTimeout = () => 0; truelift('track', 'last word'); location.href = 'about:blank'"
    )

    receiver.wait_for(2)
    assert receiver.names() == ["page /", "last word /"]
    assert receiver.posts[1].headers["Sec-Fetch-Mode"] == "no-cors"
    assert receiver.posts[1].headers["Content-Type"].startswith("text/plain")


def test_what_happens_offline_is_told_when_the_network_returns(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(pages.origin)
    receiver.wait_for(1)

    visitor.set_offline(offline=True)
    page.evaluate("truelift('track', 'in the tunnel')")
    page.wait_for_timeout(1300)
    before = receiver.names()
    visitor.set_offline(offline=False)

    receiver.wait_for(2)
    assert before == ["page /"]
    assert receiver.names() == ["page /", "in the tunnel /"]


def test_what_a_closed_page_could_not_send_the_next_visit_does(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(pages.origin)
    receiver.wait_for(1)
    visitor.set_offline(offline=True)
    page.evaluate("truelift('track', 'in the tunnel')")
    page.close()
    visitor.set_offline(offline=False)

    visitor.add_init_script(f"{CLOCK_AHEAD}(60_000)")
    back = visitor.new_page()
    back.goto(f"{pages.origin}/cart")

    receiver.wait_for(3)
    assert sorted(receiver.names()) == ["in the tunnel /", "page /", "page /cart"]
    back.wait_for_function(NOTHING_LEFT)


def test_two_tabs_lose_nothing_and_leave_nothing_behind(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    left, right = visitor.new_page(), visitor.new_page()
    left.goto(pages.origin)
    receiver.wait_for(1)
    visitor.set_offline(offline=True)
    left.evaluate("for (let n = 0; n < 30; n++) truelift('track', 'left')")
    visitor.set_offline(offline=False)
    receiver.statuses.extend([503] * 2)
    right.goto(f"{pages.origin}/cart")
    right.evaluate("for (let n = 0; n < 30; n++) truelift('track', 'right')")

    receiver.wait_for(62, seconds=12)
    left.wait_for_timeout(300)

    assert sorted(receiver.names()) == sorted(
        ["page /", "page /cart", *["left /"] * 30, *["right /cart"] * 30]
    )
    left.wait_for_function(NOTHING_LEFT)


def test_a_server_that_asks_for_patience_gets_it(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    receiver.statuses.append(503)
    receiver.retry_after = "2"
    page = visitor.new_page()
    page.goto(pages.origin)
    page.wait_for_timeout(600)
    page.evaluate("truelift('track', 'meanwhile')")

    receiver.wait_for(2)

    refused, taken = receiver.posts
    assert taken.received_at - refused.received_at >= 1.9
    assert receiver.names() == ["page /", "meanwhile /"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_for_now_is_tried_again_under_the_same_id(
    status: int, visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    receiver.statuses.append(status)
    visitor.new_page().goto(pages.origin)

    receiver.wait_for(1)

    refused, taken = receiver.posts
    assert refused.body["batch"] == taken.body["batch"]
    assert taken.received_at - refused.received_at > 0.4


@pytest.mark.parametrize("status", [400, 413])
def test_a_refusal_for_good_is_not_repeated_and_blocks_nothing(
    status: int, visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    receiver.statuses.append(status)
    page = visitor.new_page()
    page.goto(pages.origin)
    page.wait_for_timeout(300)

    page.evaluate("truelift('track', 'after')")
    receiver.wait_for(1)

    assert receiver.names() == ["after /"]
    assert [post.status for post in receiver.posts] == [status, 200]
    page.wait_for_function(NOTHING_LEFT)


def test_a_slow_network_is_waited_for_and_asked_once(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    receiver.delay_s = 1.5
    page = visitor.new_page()
    page.goto(pages.origin)
    page.evaluate("truelift('track', 'a')")
    page.wait_for_timeout(500)
    page.evaluate("truelift('track', 'b')")

    receiver.wait_for(3)
    page.wait_for_timeout(1800)

    assert receiver.names() == ["page /", "a /", "b /"]
    assert sum(len(post.body["batch"]) for post in receiver.posts) == 3
    page.wait_for_function(NOTHING_LEFT)


def test_a_crowd_of_large_events_goes_in_requests_that_keepalive_allows(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    visitor.add_init_script(
        """const fetched = fetch;
        window.refused = 0;
        window.fetch = (...given) => fetched(...given).catch((error) => {
          window.refused += 1;
          throw error;
        });"""
    )
    page = visitor.new_page()
    page.goto(pages.origin)
    receiver.wait_for(1)

    page.evaluate("for (let n = 0; n < 40; n++) truelift('track', 'big', {text: 'ü'.repeat(6000)})")

    assert len(receiver.wait_for(41, seconds=15)) == 41
    assert page.evaluate("window.refused") == 0
    assert max(int(post.headers["Content-Length"]) for post in receiver.posts) < 64 * 1024


def test_what_waits_takes_a_bounded_place_in_the_sites_storage(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(pages.origin)
    receiver.wait_for(1)
    visitor.set_offline(offline=True)

    page.evaluate("for (let n = 0; n < 900; n++) truelift('track', 'n' + n)")

    assert page.evaluate("JSON.stringify(localStorage).length") < 300_000
    visitor.set_offline(offline=False)
    page.evaluate("dispatchEvent(new Event('online'))")
    assert len(receiver.wait_for(501)) == 501
    assert receiver.names()[-1] == "n899 /"


def test_a_tab_that_wakes_after_days_does_not_send_what_another_page_may_have_sent(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(pages.origin)
    receiver.wait_for(1)
    visitor.set_offline(offline=True)
    page.evaluate("truelift('track', 'long ago')")
    page.wait_for_timeout(1200)

    page.evaluate(f"{CLOCK_AHEAD}(50 * 3_600_000)")
    visitor.set_offline(offline=False)
    page.evaluate("truelift('track', 'now'); dispatchEvent(new Event('online'))")

    receiver.wait_for(2)
    page.wait_for_function(NOTHING_LEFT)
    assert receiver.names() == ["page /", "now /"]


def test_a_clock_wrong_by_a_year_can_be_corrected(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    visitor.add_init_script(f"{CLOCK_AHEAD}(365 * 86_400_000)")
    page = visitor.new_page()
    happened_at = time.time()
    page.goto(pages.origin)

    [event] = receiver.wait_for(1)

    [post] = receiver.posts
    said = datetime.fromisoformat(event["timestamp"]).timestamp()
    sent_at = datetime.fromisoformat(post.body["sentAt"]).timestamp()
    corrected = said + (post.received_at - sent_at)
    assert said - happened_at > 364 * 86_400
    assert abs(corrected - happened_at) < 10


def test_a_visitor_without_haste_sends_nothing_twice(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    for path in ("/", "/cart", "/thanks"):
        page.goto(f"{pages.origin}{path}")
        page.evaluate("truelift('track', 'looked')")
        page.wait_for_function(NOTHING_LEFT)

    receiver.wait_for(6)

    assert receiver.acknowledged() == 6


def test_hasty_visits_arrive_whatever_the_server_refuses_meanwhile(
    chromium: Browser, pages: Pages, receiver: Receiver
) -> None:
    """Four people rush through fifteen pages each; every page leaves as soon as it has loaded."""
    pages.replies["/visit"] = Reply(
        receiver.snippet()
        + """<script>
        const visit = Number(location.search.slice(1));
        truelift('track', 'early', {visit});
        addEventListener('load', () => {
          truelift('track', 'late', {visit});
          location.href = visit < 56 ? `/visit?${visit + 4}` : '/cart';
        });
        </script>"""
    )
    receiver.statuses.extend([200, 200, 503, 200, 429] * 8)
    people = [chromium.new_context() for _ in range(4)]
    tabs = [person.new_page() for person in people]
    for number, tab in enumerate(tabs):
        tab.goto(f"{pages.origin}/visit?{number}", wait_until="commit")
    for tab in tabs:
        tab.wait_for_url("**/cart", timeout=30_000)
    for person in people:
        person.add_init_script(f"{CLOCK_AHEAD}(60_000)")
        person.new_page().goto(f"{pages.origin}/thanks")

    arrived = receiver.wait_for(188, seconds=15)

    for person in people:
        person.close()
    assert len(arrived) >= 0.99 * 188
    assert receiver.acknowledged() < 3 * 188, "the tracker repeats itself"
