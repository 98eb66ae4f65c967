"""A tracker is a guest: it never breaks the page it is on, nor its policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser.tracker.receiver import Pages, Receiver, Reply


def complaints_of(page: Page) -> list[str]:
    """Collect what the page throws or logs as an error from now on."""
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on(
        "console", lambda message: heard.append(message.text) if message.type == "error" else None
    )
    return heard


def test_it_runs_under_a_strict_content_security_policy(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    pages.replies["/strict"] = Reply(
        f'<link rel="icon" href="data:,"><script async nonce="n0nce" src="{receiver.origin}/t.js"'
        ' data-key="pk_shop_public"></script>',
        headers={
            "Content-Security-Policy": (
                "default-src 'none'; script-src 'nonce-n0nce' 'strict-dynamic'; img-src data:;"
                f" connect-src {receiver.origin}; require-trusted-types-for 'script'"
            )
        },
    )
    page = visitor.new_page()
    heard = complaints_of(page)

    page.goto(f"{pages.origin}/strict")

    receiver.wait_for(1)
    assert receiver.names() == ["page /strict"]
    assert heard == []


WRONG_CALLS = """
  () => truelift(),
  () => truelift('nonsense', 1),
  () => truelift('constructor'),
  () => truelift('track', Symbol('x')),
  () => truelift('track', 'x', {toJSON() { throw new Error('no') }}),
  () => { const o = {}; o.o = o; truelift('track', 'x', o) },
  () => truelift('track', 'x', {n: 10n}),
  () => truelift('identify'),
  () => truelift('identify', null),
"""


def test_wrong_calls_neither_throw_nor_stop_what_follows(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(pages.origin)
    receiver.wait_for(1)

    page.evaluate(f"[{WRONG_CALLS}].forEach((call) => {{ call(); truelift('track', 'on'); }})")

    receiver.wait_for(10)
    assert receiver.names() == ["page /", *["on /"] * 9]


@pytest.mark.parametrize(
    "sabotage",
    [
        "Storage.prototype.setItem = () => { throw new Error('full') }",
        "Object.defineProperty(document, 'cookie', {get() { throw 1 }, set() { throw 1 }})",
        "Object.defineProperty(window, 'localStorage', {get() { throw 1 }})",
        "localStorage.setItem('truelift:pk_shop_public:x', '}{\\nnull\\n[1]')",
        "document.cookie = 'truelift_id=\"><script>'",
        "window.truelift = 7",
        "delete AbortSignal.timeout",
        "delete window.Intl",
    ],
)
def test_a_hostile_page_is_counted_or_left_alone_but_never_broken(
    sabotage: str, visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    pages.replies["/"] = Reply(
        f'<link rel="icon" href="data:,"><script>{sabotage}</script>'
        f'<script async src="{receiver.origin}/t.js" data-key="pk_shop_public"></script>'
    )
    page = visitor.new_page()
    heard = complaints_of(page)

    page.goto(pages.origin)

    receiver.wait_for(1, seconds=1)
    assert heard == []


def test_a_tag_manager_may_insert_the_script(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    pages.replies["/"] = Reply(
        f"""<script>setTimeout(() => {{
          const script = document.createElement('script');
          script.async = true;
          script.src = '{receiver.origin}/t.js';
          script.setAttribute('data-key', 'pk_shop_public');
          document.head.appendChild(script);
        }}, 50)</script>"""
    )

    visitor.new_page().goto(pages.origin)

    receiver.wait_for(1)
    assert receiver.names() == ["page /"]


def test_a_second_copy_of_the_script_counts_nothing_twice(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    pages.replies["/"] = Reply(receiver.snippet() * 2)
    page = visitor.new_page()

    page.goto(pages.origin)
    page.wait_for_timeout(500)

    assert receiver.names() == ["page /"]


def test_a_server_that_is_down_costs_the_page_nothing(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    pages.replies["/"] = Reply(receiver.snippet(host="http://127.0.0.1:9"))
    page = visitor.new_page()
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(str(error)))

    page.goto(pages.origin)
    page.wait_for_timeout(500)

    assert page.evaluate("typeof truelift") == "function"
    assert heard == []


def test_the_page_can_still_enter_the_back_forward_cache(
    visitor: BrowserContext, pages: Pages, receiver: Receiver
) -> None:
    page = visitor.new_page()
    page.goto(pages.origin)
    page.evaluate("truelift('track', 'left in a hurry')")
    page.goto(f"{pages.origin}/cart")

    page.evaluate("history.back()")
    receiver.wait_for(4)

    # Survives the navigation that may still be under way; a page that was loaded anew says
    # `back_forward`.
    page.wait_for_function(
        "location.pathname === '/'"
        " && performance.getEntriesByType('navigation')[0].type === 'navigate'"
    )
    assert sorted(receiver.names()) == ["left in a hurry /", "page /", "page /", "page /cart"]
