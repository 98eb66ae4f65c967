"""Copying, the theme, and the funnel's steps."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Violation
from tests.browser.tracker.receiver import Pages


STEPS = """<main><form id="form"><funnel-steps><ol>
<li><label>Step 1 <input name="step" value="view_item"></label></li>
<li><label>Step 2 <input name="step" value="add_to_cart"></label></li>
<li><label>Step 3 <input name="step" value="purchase"></label></li>
</ol><button type="button" data-add hidden>Add a step</button></funnel-steps></form></main>"""


def steps(page: Page) -> list[str]:
    """What the form would send."""
    return [str(each) for each in page.evaluate("new FormData(form).getAll('step')")]


def test_a_step_can_be_added_removed_and_moved_by_keyboard(shown: Callable[[str], Page]) -> None:
    page = shown(STEPS)

    page.get_by_role("button", name="Move step 3 up").press("Enter")
    assert steps(page) == ["view_item", "purchase", "add_to_cart"]
    page.get_by_role("button", name="Remove step 1").press("Enter")
    assert steps(page) == ["purchase", "add_to_cart"]
    page.get_by_role("button", name="Add a step").press("Enter")
    page.keyboard.type("refund")

    assert steps(page) == ["purchase", "add_to_cart", "refund"]
    assert page.locator("label").all_inner_texts() == ["Step 1 ", "Step 2 ", "Step 3 "]


def test_moving_a_step_is_said_and_keeps_the_focus_on_it(shown: Callable[[str], Page]) -> None:
    page = shown(STEPS)

    page.get_by_role("button", name="Move step 1 down").press("Enter")

    expect(page.get_by_role("status")).to_have_text("Step 1 is now step 2")
    expect(page.get_by_role("button", name="Move step 2 down")).to_be_focused()
    expect(page.get_by_role("button", name="Move step 1 up")).to_be_disabled()


def test_the_last_step_cannot_be_removed(shown: Callable[[str], Page]) -> None:
    page = shown(STEPS)
    page.get_by_role("button", name="Remove step 3").click()
    page.get_by_role("button", name="Remove step 2").click()

    expect(page.get_by_role("button", name="Remove step 1")).to_be_disabled()

    assert steps(page) == ["view_item"]


def test_the_step_editor_excludes_nobody(
    shown: Callable[[str], Page], axe: Callable[[Page], list[Violation]]
) -> None:
    page = shown(STEPS)

    expect(page.get_by_role("button", name="Add a step")).to_be_visible()

    assert axe(page) == []


def test_a_snippet_is_copied_as_it_stands(shown: Callable[[str], Page]) -> None:
    page = shown(
        '<main><pre><code id="snippet">&lt;script data-key="k"&gt;&lt;/script&gt;</code></pre>'
        '<copy-text for="snippet"><button type="button" hidden>Copy</button></copy-text></main>'
    )
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    page.get_by_role("button", name="Copy").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == '<script data-key="k"></script>'


def test_the_theme_changes_at_once_and_the_server_is_told(
    shown: Callable[[str], Page], pages: Pages
) -> None:
    page = shown(
        '<theme-switch><form method="post" action="/theme/"><input type="hidden" name="theme"'
        ' value="light"><button>Theme: <b>System</b></button></form></theme-switch>'
    )
    told: list[str | None] = []
    page.on("request", lambda request: told.append(request.post_data))

    page.get_by_role("button").click()
    page.get_by_role("button").click()

    expect(page.locator("b")).to_have_text("Dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert ["light" in (told[0] or ""), "dark" in (told[1] or "")] == [True, True]
    assert page.url == f"{pages.origin}/page"
