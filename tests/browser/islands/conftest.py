"""A page of the application's shape, under its policy, without the application."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from tests.browser.tracker.receiver import BUILT, Pages, Reply


POLICY = "default-src 'none'; script-src 'nonce-n0nce'; connect-src 'self'; img-src data:"


@pytest.fixture
def pages() -> Iterator[Pages]:
    """A server of island scripts."""
    with Pages() as running:
        for name in ("page.js", "explorer.js"):
            running.replies[f"/{name}"] = Reply((BUILT / name).read_text(), "text/javascript")
        yield running


@pytest.fixture
def shown(pages: Pages, page: Page) -> Callable[[str], Page]:
    """Show a page with the islands on it; whatever it throws or logs as an error fails the test."""

    def show(body: str) -> Page:
        pages.replies["/page"] = Reply(
            '<!doctype html><html lang="en"><title>Page</title><link rel="icon" href="data:,">'
            '<script type="module" nonce="n0nce" src="/page.js"></script>'
            f'<script type="module" nonce="n0nce" src="/explorer.js"></script>{body}',
            headers={"Content-Security-Policy": POLICY},
        )
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        page.goto(f"{pages.origin}/page")
        return page

    return show
