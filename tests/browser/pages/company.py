"""The demo company behind a real server, and the people who look at it in Chromium."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, StorageState

from tests.browser.conftest import VISITOR_AGENT
from tests.cli.served import Served


SITE = "shop"
PASSWORD = "seven quiet lantern rivers"


@dataclass
class Company:
    """An installation with people in it, each of whom signs in once.

    Attributes:
        served: The installation.
        chromium: Where they look at it.
        passwords: Address → password.
    """

    served: Served
    chromium: Browser
    passwords: dict[str, str]
    _signed_in: dict[str, StorageState] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where the installation answers."""
        return self.served.address

    def context(
        self,
        person: str | None = None,
        *,
        width: int = 1440,
        theme: str = "light",
        scripts: bool = True,
    ) -> BrowserContext:
        """Open a browser profile in which a person has signed in.

        Args:
            person: Their address; None is a stranger at the door.
            width: Of the window, in pixels.
            theme: What their system prefers, light or dark.
            scripts: Whether pages may run any.
        """
        context = self.chromium.new_context(
            base_url=self.address,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            user_agent=VISITOR_AGENT,
            reduced_motion="reduce",
            java_script_enabled=scripts,
            storage_state=self._state_of(person) if person else None,
        )
        context.set_default_timeout(10_000)
        return context

    def _state_of(self, person: str) -> StorageState:
        if person not in self._signed_in:
            context = self.context()
            page = context.new_page()
            sign_in(page, person, self.passwords[person])
            self._signed_in[person] = context.storage_state()
            context.close()
        return self._signed_in[person]

    def give_password(self, person: str) -> None:
        """Let somebody choose a password through the link that an operator prints."""
        link = json.loads(self.served.command("users", "reset", person, "--json"))["link"]
        context = self.context()
        page = context.new_page()
        page.goto(urlsplit(link).path)
        for each in page.locator("input[type=password]").all():
            each.fill(PASSWORD)
        page.locator("main button[type=submit]").click()
        page.wait_for_load_state()
        context.close()
        self.passwords[person] = PASSWORD


def sign_in(page: Page, person: str, password: str) -> None:
    """Sign in on the page on which everybody does."""
    page.goto("/accounts/login/")
    page.get_by_label("E-mail address").fill(person)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/accounts/login" not in url)


def built(folder: Path, *, scale: float) -> tuple[Served, dict[str, str]]:
    """Build the demo company and start its server; the caller stops it."""
    served = Served(folder / "company")
    made = json.loads(
        served.command(
            "worlds", "build", "shop", "--home", str(served.home), "--scale", str(scale), "--json"
        )
    )
    login = made["login"]
    first_line = served.start()
    if first_line.strip() != f"ready {served.address}":
        served.kill_group()
        raise AssertionError(f"serve said {first_line!r}\n{served.log}")
    return served, {login["email"]: login["password"]}
