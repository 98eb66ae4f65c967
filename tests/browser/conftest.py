"""A real Chromium, a real `truelift serve`, axe-core, and screenshots for people to look at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict, cast

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from tests.cli.served import Served


ROOT = Path(__file__).parents[2]
CHROMIUM = Path("/usr/bin/chromium")
VISITOR_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/156.0.0.0 Safari/537.36"
)
"""A visitor's browser: headless Chromium calls itself a robot, and robots are kept apart.

Given to the whole browser: Playwright's own option for a context does not reach
requests that outlive their page.
"""
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    f"--user-agent={VISITOR_AGENT}",
    "--host-resolver-rules=MAP *.shop.test 127.0.0.1",
]


class Violation(TypedDict):
    """A rule of axe-core that a page breaks, and where."""

    id: str
    impact: str
    help: str
    where: list[str]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder `browser`: every test here needs Chromium."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright's driver; there can be one per thread."""
    if not CHROMIUM.exists():
        pytest.skip("no /usr/bin/chromium; `make setup` installs it")
    # Playwright keeps an event loop running in this thread, in which Django's
    # synchronous database calls would otherwise be refused.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, started once; contexts are cheap, browsers are not."""
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=CHROMIUM_FLAGS,
        # Playwright turns the cache off by default; visitors have it.
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield browser
    browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh profile's first tab, 1440 px wide."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def axe() -> Callable[[Page], list[Violation]]:
    """Ask axe-core what on a page excludes people (WCAG 2.2 A and AA); an empty list is the aim."""
    source = (ROOT / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")

    def violations(page: Page) -> list[Violation]:
        # Evaluated through the debugger, which the page's content security policy does not bind.
        page.evaluate(source)
        found = page.evaluate(
            """async () => {
              const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
              const {violations} = await axe.run(document, {runOnly: {type: 'tag', values: tags}});
              return violations.map(({id, impact, help, nodes}) => ({
                id, impact, help, where: nodes.slice(0, 5).map((node) => node.target.join(' ')),
              }));
            }"""
        )
        return cast("list[Violation]", found)

    return violations


@pytest.fixture
def shot() -> Callable[[Page, str], Path]:
    """Keep a screenshot of the whole page under `$TRUELIFT_SHOTS`."""
    folder = Path(os.environ.get("TRUELIFT_SHOTS", "/tmp/truelift-shots"))

    def keep(page: Page, name: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        return path

    return keep


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Run `truelift serve` on a free port with an empty home in a folder."""
    installation = Served(folder / "served")
    try:
        first_line = installation.start()
        assert first_line.strip() == f"ready {installation.address}", installation.log
        yield installation
        installation.stop()
    finally:
        if installation.process is not None:
            installation.kill_group()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Give a `truelift serve` of one's own.

    `served.address` is where it answers, `served.setup_link()` the one-time link,
    `served.command("sites", "create", "shop", "--json")` runs a command on its home.
    """
    with serving(tmp_path) as installation:
        yield installation
