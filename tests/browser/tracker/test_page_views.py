"""What counts as a page view, and what it says."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from playwright.sync_api import BrowserContext

from tests.browser.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.browser.tracker.receiver import KEY, Pages, Receiver, Reply
from tests.cli.served import eventually


def test_a_page_view_says_where_from_and_with_what_in_segments_words(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()

    page.goto(f"{pages.origin}/cart?utm_source=news&utm_campaign=may&x=1#top")

    [event] = receiver.wait_for(1)
    assert event["type"] == "page"
    assert event["context"]["page"] == {
        "path": "/cart",
        "referrer": "",
        "search": "?utm_source=news&utm_campaign=may&x=1",
        "title": "Cart",
        "url": f"{pages.origin}/cart?utm_source=news&utm_campaign=may&x=1#top",
    }
    assert event["context"]["campaign"] == {"source": "news", "name": "may"}
    assert len(event["anonymousId"]) > 20
    assert "userId" not in event


def test_a_batch_is_what_a_segment_collector_takes_without_a_preflight(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    visitor.new_page().goto(pages.origin)

    receiver.wait_for(1)

    [post] = receiver.posts
    assert post.path == "/v1/batch"
    assert post.headers["Content-Type"].startswith("text/plain")
    assert set(post.body) == {"batch", "sentAt", "writeKey"}
    assert post.body["writeKey"] == KEY
    assert receiver.preflights == 0


def test_host_and_path_can_be_renamed(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    with Receiver() as elsewhere:
        pages.replies["/"] = Reply(receiver.snippet(host=elsewhere.origin, path="/shop-data"))
        visitor.new_page().goto(pages.origin)

        elsewhere.wait_for(1)

        assert [post.path for post in elsewhere.posts] == ["/shop-data/batch"]
        assert receiver.posts == []


def test_views_of_an_application_that_never_reloads_count_once_each(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(f"{pages.origin}/?utm_source=news")
    receiver.wait_for(1)

    page.evaluate(
        """() => {
          history.pushState({}, '', '/list');
          history.replaceState({scroll: 10}, '', '/list');
          history.pushState({}, '', '/list#reviews');
          history.pushState({}, '', '/item?id=7');
        }"""
    )
    receiver.wait_for(3)
    page.evaluate("history.go(-2)")
    events = receiver.wait_for(4)

    assert [event["context"]["page"]["path"] for event in events] == [
        "/",
        "/list",
        "/item",
        "/list",
    ]
    assert [event["context"]["page"]["referrer"] for event in events] == [
        "",
        f"{pages.origin}/?utm_source=news",
        f"{pages.origin}/list",
        f"{pages.origin}/item?id=7",
    ]
    assert "campaign" not in events[1]["context"]


def test_views_count_too_where_the_browser_has_no_navigation_api(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    visitor.add_init_script("Object.defineProperty(window, 'navigation', {value: undefined})")
    page = visitor.new_page()
    page.goto(pages.origin)
    receiver.wait_for(1)

    page.evaluate("history.pushState({}, '', '/list')")
    receiver.wait_for(2)
    page.evaluate("history.back()")
    receiver.wait_for(3)

    assert receiver.names() == ["page /", "page /list", "page /"]


def test_a_fragment_is_a_page_only_where_the_site_routes_by_it(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    pages.replies["/app"] = Reply(receiver.snippet(routes="hash"))
    page = visitor.new_page()
    page.goto(f"{pages.origin}/app")
    receiver.wait_for(1)

    page.evaluate("location.hash = '/basket'")

    events = receiver.wait_for(2)
    assert [event["context"]["page"]["url"] for event in events] == [
        f"{pages.origin}/app",
        f"{pages.origin}/app#/basket",
    ]


def test_a_page_that_comes_back_from_the_back_forward_cache_is_viewed_again(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(pages.origin)
    page.evaluate("window.alive = true")
    receiver.wait_for(1)
    page.goto(f"{pages.origin}/cart")
    receiver.wait_for(2)

    page.evaluate("history.back()")
    receiver.wait_for(3)

    assert receiver.names() == ["page /", "page /cart", "page /"]
    assert page.evaluate("window.alive"), "the page was loaded anew, not restored"
    assert pages.visits.count("/") == 1


def test_a_prerendered_page_counts_when_it_is_shown_not_when_it_is_prepared(
    pages: Pages, receiver: Receiver, tmp_path: Path
) -> None:
    # Playwright's debugger session forbids prerendering, so this Chromium runs without one.
    pages.replies["/cart"] = Reply(
        f"""{receiver.snippet()}<script>
        truelift('track', 'prepared', {{early: document.prerendering}});
        document.addEventListener('prerenderingchange', () => truelift('track', 'shown'));
        </script>"""
    )
    pages.replies["/"] = Reply(
        receiver.snippet()
        + """<script type="speculationrules">
        {"prerender": [{"source": "list", "urls": ["/cart"], "eagerness": "immediate"}]}
        </script><script>setInterval(async () => {
          if ((await fetch('/go')).ok) location.href = '/cart';
        }, 100)</script>"""
    )
    with subprocess.Popen(
        [CHROMIUM, "--headless", *CHROMIUM_FLAGS, f"--user-data-dir={tmp_path}", pages.origin],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as alone:
        prepared = eventually(lambda: "/cart" in pages.visits)
        before = receiver.wait_for(2, seconds=1)
        pages.replies["/go"] = Reply("")
        events = receiver.wait_for(4, seconds=15)
        os.killpg(alone.pid, signal.SIGKILL)

    assert prepared
    assert [event["context"]["page"]["path"] for event in before] == ["/"]
    assert receiver.names() == ["page /", "page /cart", "prepared /cart", "shown /cart"]
    assert events[2]["properties"] == {"early": True}
    assert events[1]["context"]["page"]["referrer"] == f"{pages.origin}/"
    assert pages.visits.count("/cart") == 1


def test_pages_in_frames_count_also_in_a_sandbox_without_an_origin(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    pages.replies["/outer"] = Reply(
        '<iframe src="/cart"></iframe><iframe src="/thanks" sandbox="allow-scripts"></iframe>'
    )

    visitor.new_page().goto(f"{pages.origin}/outer")
    receiver.wait_for(2)

    assert sorted(receiver.names()) == ["page /cart", "page /thanks"]


def test_page_views_can_be_left_to_the_site(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    pages.replies["/"] = Reply(receiver.snippet(pages="manual"))
    page = visitor.new_page()
    page.goto(pages.origin)
    page.evaluate("history.pushState({}, '', '/list')")

    page.evaluate("truelift('page', {kind: 'category'})")

    [event] = receiver.wait_for(1)
    assert event["properties"] == {"kind": "category"}
    assert receiver.names() == ["page /list"]


def test_a_page_on_somebodys_disk_is_nobodys_visit(
    visitor: BrowserContext, receiver: Receiver, tmp_path: Path
) -> None:
    saved = tmp_path / "saved.html"
    saved.write_text(receiver.snippet())
    page = visitor.new_page()

    page.goto(saved.as_uri())
    page.evaluate("truelift('track', 'opened')")

    assert receiver.wait_for(1, seconds=1.2) == []
