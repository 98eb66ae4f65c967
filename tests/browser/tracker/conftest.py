"""A visited site, a collector, and a visitor's browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.tracker.receiver import Pages, Receiver, Reply


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A collector on an origin of its own, as on most sites."""
    with Receiver() as running:
        yield running


@pytest.fixture
def pages(receiver: Receiver) -> Iterator[Pages]:
    """A site of three pages with the tracker on each."""
    with Pages() as running:
        for path, title in (("/", "Home"), ("/cart", "Cart"), ("/thanks", "Thanks")):
            running.replies[path] = Reply(
                f"<!doctype html><title>{title}</title>{receiver.snippet()}"
                '<a id="cart" href="/cart">Cart</a> <a id="thanks" href="/thanks">Order</a>'
            )
        yield running


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser profile that nobody has used."""
    context = chromium.new_context()
    context.set_default_timeout(8000)
    yield context
    context.close()
