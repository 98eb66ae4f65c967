"""The demo company, built once and looked at by its people."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import ROOT, Violation
from tests.browser.pages.company import SITE, Company, built


SCALE = 0.05
"""About 75,000 events: enough for every page to have something to say."""


@pytest.fixture(scope="session")
def company(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """Serve the demo company, with a stranger beside its people and a site on which nothing is."""
    folder = tmp_path_factory.mktemp("pages")
    served, passwords = built(folder, scale=SCALE)
    company = Company(served, chromium, passwords)
    served.command("sites", "create", "quiet", "--title", "Quiet", "--json")
    stranger = json.loads(
        served.command(
            *("users", "add", "mallory@elsewhere.example", "--name", "Mallory"),
            *("--site", "quiet", "--role", "owner", "--json"),
        )
    )
    passwords["mallory@elsewhere.example"] = stranger["password"]
    yield company
    served.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def kept(company: Company) -> None:
    """Keep a segment in two versions."""
    file = company.served.home / "segment.json"
    for event in ("purchase", "add_to_cart"):
        file.write_text(json.dumps({"did": event}))
        company.served.command("segments", "save", "buyers", "--site", SITE, "--file", str(file))


@pytest.fixture(scope="session")
def mara(company: Company) -> str:
    """Owns the demo company's site."""
    return next(each for each in company.passwords if each.startswith("mara@"))


@pytest.fixture(scope="session")
def mallory(company: Company) -> str:
    """Has an account, a site of her own, and no business in the demo company."""
    return next(each for each in company.passwords if each.startswith("mallory@"))


@pytest.fixture(scope="session")
def axe() -> Callable[..., list[Violation]]:
    """Ask axe-core about a page: all of WCAG 2.2 A and AA, without some rules, or some alone."""
    source = (ROOT / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")

    def violations(
        page: Page, rules: list[str] | None = None, without: list[str] | None = None
    ) -> list[Violation]:
        if not page.evaluate("'axe' in window"):
            # Evaluated through the debugger, which the page's policy does not bind.
            page.evaluate(source)
        found = page.evaluate(
            """async ([only, without]) => {
              const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
              const runOnly = only ? {type: 'rule', values: only} : {type: 'tag', values: tags};
              const rules = Object.fromEntries(without.map((id) => [id, {enabled: false}]));
              const options = {runOnly, rules, resultTypes: ['violations']};
              const {violations} = await axe.run(document, options);
              return violations.map(({id, impact, help, nodes}) => ({
                id, impact, help, where: nodes.slice(0, 5).map((node) => node.target.join(' ')),
              }));
            }""",
            [rules, without or []],
        )
        return cast("list[Violation]", found)

    return violations
