"""Clients that were not written for Truelift, and the tracker, against the running collector."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.conftest import ROOT
from tests.browser.tracker.collecting import HURRIED, Collecting, collecting, said
from tests.browser.tracker.receiver import BUILT, Pages, Reply


CLIENTS = Path(__file__).parent / "clients"


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Collecting]]:
    """One collector; as many sites without events as there are tests."""
    names = [HURRIED, *(f"shop-{number}" for number in range(6))]
    with collecting(tmp_path_factory.mktemp("collecting") / "home", sites=names) as sites:
        yield sites


@pytest.fixture
def collector(untouched: list[Collecting]) -> Collecting:
    """A site of the collector that no other test has used."""
    return untouched.pop()


@pytest.fixture
def pages() -> Iterator[Pages]:
    """A site that serves the tracker itself."""
    with Pages() as running:
        running.replies["/t.js"] = Reply((BUILT / "t.js").read_text(), "text/javascript")
        yield running


def test_segments_node_client_is_accepted_and_stored_as_it_was_sent(collector: Collecting) -> None:
    sent = subprocess.run(
        ["node", CLIENTS / "node.mjs", collector.origin, collector.key],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    rows = {row["event"]: row for row in collector.stored(5)}

    assert sent.returncode == 0, sent.stderr
    assert set(rows) == {"identify", "page_view", "purchase", "looked", "group"}
    assert {row["state"] for row in rows.values()} == {"stored"}
    assert said(rows["identify"], "properties") == {"plan": "pro", "städte": ["Köln"]}
    assert (rows["identify"]["user_id"], rows["identify"]["visitor_id"]) == ("u-1", "a-1")
    assert rows["page_view"]["url"] == "https://shop.example/cart"
    assert said(rows["purchase"], "properties") == {
        "revenue": 49.9,
        "currency": "EUR",
        "sku": "A7",
    }
    assert (rows["purchase"]["value_minor"], rows["purchase"]["currency"]) == (4990, "EUR")
    assert rows["purchase"]["source"] == "news"
    assert rows["looked"]["visitor_id"] == "a-2"
    assert said(rows["group"], "context")["groupId"] == "g-1"


@pytest.mark.parametrize(
    "options",
    ["{}", "{integrations: {'Segment.io': {deliveryStrategy: {strategy: 'batching'}}}}"],
    ids=["one-request-per-event", "batching"],
)
def test_segments_browser_client_is_accepted_and_stored_as_it_was_sent(
    options: str, visitor: BrowserContext, pages: Pages, collector: Collecting, tmp_path: Path
) -> None:
    bundle = tmp_path / "client.js"
    esbuild = ROOT / "node_modules/.bin/esbuild"
    subprocess.run(
        [esbuild, CLIENTS / "browser.mjs", "--bundle", f"--outfile={bundle}", "--log-level=error"],
        cwd=ROOT,
        check=True,
    )
    pages.replies["/client.js"] = Reply(bundle.read_text(), "text/javascript")
    pages.replies["/"] = Reply('<title>Home</title><script src="/client.js"></script>')
    page = visitor.new_page()
    page.goto(f"{pages.origin}/?utm_source=news&utm_campaign=may")

    page.evaluate(
        f"""async () => {{
          loadAnalytics('{collector.origin}', '{collector.key}', {options});
          await analytics.ready();
          analytics.page();
          analytics.track('add_to_cart', {{sku: 'A7', value: 19.9, currency: 'EUR'}});
          analytics.identify('u-1', {{plan: 'pro'}});
        }}"""
    )
    page.wait_for_timeout(500)
    page.close()
    rows = {row["event"]: row for row in collector.stored(3)}

    assert set(rows) == {"page_view", "add_to_cart", "identify"}
    assert {row["state"] for row in rows.values()} == {"stored"}
    assert rows["page_view"]["title"] == "Home"
    assert rows["page_view"]["campaign"] == "may"
    assert said(rows["add_to_cart"], "properties")["sku"] == "A7"
    assert rows["add_to_cart"]["value_minor"] == 1990
    assert rows["identify"]["user_id"] == "u-1"
    assert len({row["visitor_id"] for row in rows.values()}) == 1
    assert len({row["person"] for row in rows.values()}) == 1


def test_what_the_tracker_sends_is_stored_with_page_campaign_and_device(
    visitor: BrowserContext, pages: Pages, collector: Collecting
) -> None:
    pages.replies["/cart"] = Reply(f"<title>Cart</title>{snippet(collector)}")
    page = visitor.new_page()
    before = datetime.now(UTC)
    page.goto(f"{pages.origin}/cart?utm_source=news&utm_medium=email")
    page.evaluate("truelift('track', 'purchase', {value: 19.9, currency: 'EUR'})")
    page.evaluate("truelift('identify', 'u-1')")
    page.close()

    rows = {row["event"]: row for row in collector.stored(3)}

    view, purchase = rows["page_view"], rows["purchase"]
    assert {row["state"] for row in rows.values()} == {"stored"}
    assert (view["path"], view["title"], view["channel"]) == ("/cart", "Cart", "Email")
    assert (view["device"], view["browser"]) == ("desktop", "Chrome")
    assert (purchase["value_minor"], purchase["trusted"]) == (1990, False)
    assert len({row["person"] for row in rows.values()}) == 1
    assert before.timestamp() - 1 < view["occurred_at"].timestamp() < time.time()


def test_a_clock_wrong_by_a_year_is_corrected(
    visitor: BrowserContext, pages: Pages, collector: Collecting
) -> None:
    visitor.add_init_script(
        "const now = Date.now; const Right = Date; Date = class extends Right {"
        "constructor(...given) { given.length ? super(...given) : super(Date.now()); }"
        "static now() { return now() - 365 * 86400000; } }"
    )
    pages.replies["/"] = Reply(snippet(collector))

    visitor.new_page().goto(pages.origin)

    [row] = collector.stored(1)
    assert abs(row["occurred_at"].timestamp() - time.time()) < 15
    assert row["state"] == "stored"


def test_a_page_of_another_origin_can_read_how_long_to_wait(
    visitor: BrowserContext, pages: Pages, untouched: list[Collecting]
) -> None:
    collector = untouched[0]
    pages.replies["/"] = Reply("<title>Home</title>")
    page = visitor.new_page()
    page.goto(pages.origin)

    answers = page.evaluate(
        f"""async () => {{
          const answers = [];
          for (let n = 0; n < 2; n++) {{
            const body = JSON.stringify({{batch: [], writeKey: '{collector.key}'}});
            const answer = await fetch('{collector.origin}/v1/batch', {{method: 'POST', body}});
            answers.push([answer.status, Number(answer.headers.get('Retry-After')) > 0]);
          }}
          return answers;
        }}"""
    )

    assert collector.site == HURRIED
    assert answers == [[200, False], [429, True]]


def test_of_two_hundred_hasty_visits_the_lake_has_every_event_once(
    chromium: Browser, pages: Pages, collector: Collecting
) -> None:
    pages.replies["/visit"] = Reply(
        snippet(collector)
        + """<script>
        const visit = Number(location.search.slice(1));
        truelift('track', 'early', {visit});
        addEventListener('load', () => {
          truelift('track', 'late', {visit});
          if (visit < 196) location.href = `/visit?${visit + 4}`;
        });
        </script>"""
    )
    people = [chromium.new_context() for _ in range(4)]
    tabs = [person.new_page() for person in people]
    for number, tab in enumerate(tabs):
        tab.goto(f"{pages.origin}/visit?{number}", wait_until="commit")
    for number, tab in enumerate(tabs):
        tab.wait_for_url(f"**/visit?{196 + number}", timeout=40_000)
        tab.wait_for_load_state()
        tab.wait_for_timeout(500)

    rows = collector.stored(600, seconds=15)

    for person in people:
        person.close()
    stored = [row for row in rows if row["state"] == "stored"]
    assert len(pages.visits) - pages.visits.count("/t.js") == 200
    assert 594 <= len(stored) <= 600
    assert len({row["message_id"] for row in stored}) == len(stored)


def snippet(collector: Collecting) -> str:
    """The tracker from the site's own host, sending to the collector's."""
    return (
        "<script>window.truelift=window.truelift||function(){"
        "(truelift.q=truelift.q||[]).push(arguments)}</script>"
        f'<script async src="/t.js" data-key="{collector.key}"'
        f' data-host="{collector.origin}"></script>'
    )
