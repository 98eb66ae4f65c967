"""From a click in Chromium to a funnel, through everything that `truelift serve` runs."""

from __future__ import annotations

import gzip
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.conftest import serving
from tests.browser.tracker.receiver import BUILT, Pages, Reply
from tests.cli.served import Served
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.questions.funnel import Funnel, Step
from truelift.questions.matching import Events


KEY = "pk_shop_public"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One installation for this file; starting takes seconds."""
    with serving(tmp_path_factory.mktemp("installation")) as running:
        yield running


@pytest.fixture
def shop(served: Served) -> Iterator[Pages]:
    """A shop whose pages load the tracker from the installation, as its owner was told to."""
    served.command("sites", "create", "shop", "--write-key", KEY, "--json")
    script = f'<script async src="{served.address}/t.js" data-key="{KEY}"></script>'
    with Pages() as pages:
        pages.replies["/"] = Reply(f"<title>Tea</title>{script}<a href='/cart'>Into the cart</a>")
        pages.replies["/cart"] = Reply(
            f"""<title>Cart</title>{script}<button onclick="
            truelift('track', 'add_to_cart', {{value: 19.9, currency: 'EUR'}})">Add</button>
            <button onclick="truelift('track', 'purchase', {{value: 19.9, currency: 'EUR'}});
            location.href = 'about:blank'">Buy</button>"""
        )
        yield pages


def test_a_visit_is_in_the_funnel_within_ten_seconds(
    visitor: BrowserContext, shop: Pages, served: Served
) -> None:
    lake = Lake(Home(root=served.home, lake=served.home / "lake"))
    assert reached(lake) == [0, 0, 0]  # and the kernel is loaded

    page = visitor.new_page()
    page.goto(shop.origin)
    page.get_by_text("Into the cart").click()
    page.get_by_text("Add").click()
    page.get_by_text("Buy").click()
    page.close()
    left_at = time.monotonic()
    while reached(lake) != [1, 1, 1] and time.monotonic() - left_at < 10:
        time.sleep(0.2)

    assert reached(lake) == [1, 1, 1]


def test_the_tracker_comes_compressed_in_less_than_three_kilobytes(served: Served) -> None:
    request = urllib.request.Request(
        f"{served.address}/t.js", headers={"Accept-Encoding": "gzip, br"}
    )

    with urllib.request.urlopen(request) as answer:
        packed = answer.read()

    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(packed) <= 3 * 1024
    assert gzip.decompress(packed) == (BUILT / "t.js").read_bytes()


def reached(lake: Lake) -> list[int]:
    """Count the people who reached each step."""
    names = ("page_view", "add_to_cart", "purchase")
    question = Funnel(
        steps=tuple(Step(Events((name,))) for name in names),
        window_s=86_400,
        as_of=datetime.now(UTC),
    )
    groups = lake.ask("shop", question).answer.groups
    return [step.units for group in groups for step in group.steps] or [0, 0, 0]
