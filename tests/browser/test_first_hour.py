"""From `truelift serve` on an empty home to the first funnel, as a newcomer does it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect
from typing_extensions import override

from tests.browser.conftest import VISITOR_AGENT, Violation
from tests.cli.served import Served


FIVE_MINUTES_S = 300


class Quiet(SimpleHTTPRequestHandler):
    """Serves the shop's one page without a word on stderr."""

    @override
    def log_message(self, format: str, *words: object) -> None:
        del format, words


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """The newcomer's own site: a folder, and the address at which it is served."""
    folder = tmp_path / "shop"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.timeout(FIVE_MINUTES_S)
def test_from_serve_to_the_first_funnel_in_under_five_minutes(
    served: Served,
    chromium: Browser,
    page: Page,
    shop: tuple[Path, str],
    axe: Callable[[Page], list[Violation]],
    shot: Callable[[Page, str], Path],
) -> None:
    began = time.monotonic()
    folder, shop_address = shop

    page.goto(served.setup_link())
    assert axe(page) == []
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Password").fill("seven quiet lantern rivers")
    page.get_by_label("What people call the site").fill("Harbour Goods")
    page.get_by_label("Short name").fill("harbour")
    page.get_by_label("Time zone").select_option("Europe/Berlin")
    page.get_by_role("button", name="Start measuring").click()
    expect(page.locator("h1")).to_have_text("Nothing has arrived from Harbour Goods yet.")
    assert axe(page) == []
    snippet = page.locator("#snippet-tracker").inner_text()
    order = page.locator("#snippet-purchase").inner_text()
    (folder / "index.html").write_text(
        f"<!doctype html><title>Harbour Goods</title>{snippet}<h1>Lamp</h1>"
        "<button id=cart onclick=\"truelift('track','add_to_cart',{item:'lamp'})\">Add</button>"
        "<button id=login onclick=\"truelift('identify','customer-17')\">Sign in</button>",
        encoding="utf-8",
    )
    (folder / "thanks.html").write_text(
        f"<!doctype html><title>Thanks</title>{snippet}{order}", encoding="utf-8"
    )

    visitor = chromium.new_context(user_agent=VISITOR_AGENT).new_page()
    visitor.goto(shop_address)
    visitor.locator("#cart").click()
    visitor.locator("#login").click()
    # What is sent while a page goes away carries Chromium's own name, a robot's, whatever
    # the profile says: so this visitor stays until the queue has emptied itself.
    visitor.wait_for_timeout(2_500)
    visitor.goto(f"{shop_address}thanks.html")
    visitor.wait_for_load_state("networkidle")
    visitor.context.close()

    expect(page.locator("h1")).to_have_text(
        "Events are arriving from Harbour Goods.", timeout=30_000
    )
    expect(page.locator("#connection")).to_contain_text(
        re.compile("all 5 checks have passed"), timeout=30_000
    )
    assert axe(page) == []
    shot(page, "first-hour-connected")
    page.get_by_role("link", name="Make the first funnel").click()
    page.goto(
        f"{served.address}/s/harbour/funnels/"
        "?step=page_view&step=add_to_cart&step=purchase&window=1h&period=all"
    )
    expect(page.get_by_role("row", name=re.compile(r"^3\. Purchase 1 100%")).first).to_be_visible()
    shot(page, "first-hour-funnel")

    assert time.monotonic() - began < FIVE_MINUTES_S
