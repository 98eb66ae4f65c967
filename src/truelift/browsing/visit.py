"""Opens one address in a fresh Chromium and says what was there."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from truelift.browsing.steps import Step, Verb
from truelift.egress.gate import (
    BadAddress,
    Gate,
    HostNotVerified,
    named,
    of_hosts,
    parsed,
)
from truelift.egress.proxy import Passage, passage
from truelift.errors import Outage, Refusal, TrueliftError


if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Request, Response, Route


class Size(StrEnum):
    """How large the window is."""

    DESKTOP = "desktop"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Viewport:
    """A window and who it says it is.

    Attributes:
        width: In CSS pixels.
        height: In CSS pixels.
        agent: User agent; ends in a word by which a site's own log can tell these visits.
        mobile: Whether it is touched.
    """

    width: int
    height: int
    agent: str
    mobile: bool


VIEWPORTS: Final[Mapping[Size, Viewport]] = MappingProxyType(
    {
        Size.DESKTOP: Viewport(
            1440,
            900,
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/140.0.0.0 Safari/537.36 Truelift-QA/1",
            mobile=False,
        ),
        Size.PHONE: Viewport(
            390,
            844,
            "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/140.0.0.0 Mobile Safari/537.36 Truelift-QA/1",
            mobile=True,
        ),
    }
)

MOST_TEXT: Final = 200_000
MOST_SOURCE: Final = 2_000_000
MOST_LINES: Final = 50
MOST_REQUESTS: Final = 300
MOST_HEIGHT: Final = 6_000
STEP_MS: Final = 8_000


class NoBrowser(Outage):
    """Pages cannot be opened, because there is no browser."""

    code = "browsing.no_browser"

    def __init__(self, *, reason: str) -> None:
        super().__init__(
            f"No page can be opened: {reason}. Install it with `pip install"
            " 'truelift[browser]'` and Chromium from the system, or set TRUELIFT_CHROMIUM.",
            reason=reason,
        )


class BrowserBroke(Outage):
    """The browser did not start, or ended in the middle."""

    code = "browsing.broke"

    def __init__(self, *, reason: str) -> None:
        super().__init__(
            f"The browser broke: {reason[:300]}. It is tried again.", reason=reason[:300]
        )


class VisitTooLong(Refusal):
    """A page that does not come to an end."""

    code = "browsing.too_long"

    def __init__(self, *, url: str, seconds: float) -> None:
        super().__init__(
            f"{url[:200]} could not be looked at within {seconds:g} seconds.",
            url=url[:200],
            seconds=seconds,
        )


@dataclass(frozen=True, slots=True)
class Outside:
    """What a visit may reach.

    Attributes:
        gate: The machines; every request of the page goes through it.
        hosts: `host` or `host:port` of pages that may be opened: those that the site verified.
        collector: Where the page's own tracker sends its events: `host:port`, of which nothing
            but its paths are reached.
        chromium: Path of the browser; empty: look for it.
    """

    gate: Gate
    hosts: tuple[str, ...]
    collector: str = ""
    chromium: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that the page made.

    Attributes:
        method: As sent.
        url: Without what follows a `#`.
        kind: `document`, `script`, `fetch` …
        status: None when no answer came.
        refused: Why it was not let through; empty when it was.
        digest: SHA-256 of what came, where that was asked for and is a part of the page.
    """

    method: str
    url: str
    kind: str
    status: int | None = None
    refused: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """What was there.

    Attributes:
        url: What was asked for.
        final_url: Where it ended.
        status: Of the page itself; None when it never answered.
        title: Its title.
        text: What stands on it, as a person reads it.
        source: Its HTML as it stands at the end.
        found: Selector → whether an element matches and is shown.
        screenshot: JPEG of the page from its top.
        errors: What the page said on its console as an error, and exceptions nobody caught.
        requests: What it asked for.
        stuck: The step that could not be done, with the reason; empty when all were.
    """

    url: str
    final_url: str
    status: int | None
    title: str
    text: str
    found: Mapping[str, bool]
    screenshot: bytes = field(repr=False)
    source: str = field(default="", repr=False)
    errors: tuple[str, ...] = ()
    requests: tuple[Sent, ...] = ()
    stuck: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to do there.

    Attributes:
        url: Where.
        size: In a window of which size.
        visitor: The visitor's id, where the page has Truelift's or Segment's tracker.
        steps: What is done once it is there.
        selectors: Of which elements it is said whether they are there.
        without: Selectors of elements that are taken out before anything is kept.
        digests: Whether to say what scripts, styles, pictures and fonts contained.
        seconds: How long all of it may take.
    """

    url: str
    size: Size = Size.DESKTOP
    visitor: str = ""
    steps: tuple[Step, ...] = ()
    selectors: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    digests: bool = False
    seconds: float = 60.0


def visit(wanted: Wanted, *, outside: Outside) -> Visit:
    """Open a page in a Chromium that has never seen anything, and say what was there.

    Raises:
        BadAddress: The address is none.
        HostNotVerified: It, or where it leads, is not a host that the site verified.
        PrivateAddress: It is in a private network.
        VisitTooLong: It does not come to an end.
        NoBrowser: There is none.
        BrowserBroke: It did not start.
    """
    outside.gate.check(wanted.url, hosts=outside.hosts)
    path = outside.chromium or shutil.which("chromium") or shutil.which("chromium-browser") or ""
    if not path:
        raise NoBrowser(reason="there is no Chromium on this machine")
    result: list[Visit | BaseException] = []

    def work() -> None:
        try:
            with passage(outside.gate, seconds=wanted.seconds) as proxy:
                result.append(_visited(wanted, outside=outside, proxy=proxy, path=path))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            result.append(error)

    # Playwright runs an event loop in its thread, in which a caller's database calls would be
    # refused; and a browser that hangs must not hang who asked.
    thread = threading.Thread(target=work, daemon=True, name="visit")
    thread.start()
    thread.join(wanted.seconds + 15)
    if not result:
        raise VisitTooLong(url=wanted.url, seconds=wanted.seconds)
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


def _visited(wanted: Wanted, *, outside: Outside, proxy: Passage, path: str) -> Visit:
    try:
        from playwright.sync_api import Error, sync_playwright
        from playwright.sync_api import TimeoutError as TooLate
    except ImportError as error:
        raise NoBrowser(reason="the package `playwright` is not installed") from error
    look = VIEWPORTS[wanted.size]
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=path,
                # Chromium refuses to run as root with its sandbox, which containers often do.
                chromium_sandbox=os.geteuid() != 0,
                args=[*_FLAGS, f"--user-agent={look.agent}"],
                proxy={"server": proxy.address, "bypass": "<-loopback>"},
                timeout=20_000,
            )
            try:
                context = browser.new_context(
                    viewport={"width": look.width, "height": look.height},
                    is_mobile=look.mobile,
                    has_touch=look.mobile,
                    service_workers="block",
                    accept_downloads=False,
                    ignore_https_errors=False,
                )
                context.set_default_timeout(STEP_MS)
                seen = _Seen(wanted, outside)
                seen.watch(context)
                return seen.open(context.new_page())
            finally:
                browser.close()
    except TooLate as error:
        raise VisitTooLong(url=wanted.url, seconds=wanted.seconds) from error
    except Error as error:
        raise BrowserBroke(
            reason=error.message.splitlines()[0] if error.message else "?"
        ) from error


_FLAGS: Final = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--mute-audio",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    # What does not go through the proxy finds no host at all.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)

_PARTS: Final = frozenset({"script", "stylesheet", "image", "font", "media"})
"""What a page is made of, beside its document."""

_COLLECTOR_PATHS: Final = ("/v1/", "/t.js")


@dataclass
class _Seen:
    """Watches one page and holds it to what it may open.

    Without slots: Playwright keeps a word of its own on who listens.
    """

    wanted: Wanted
    outside: Outside
    errors: list[str] = field(default_factory=list)
    requests: list[Sent] = field(default_factory=list)
    refusal: TrueliftError | None = None
    status: int | None = None

    def watch(self, context: BrowserContext) -> None:
        if self.wanted.visitor:
            context.add_init_script(_VISITOR.replace("VISITOR", self.wanted.visitor))
        context.route("**/*", self._let)
        context.on("request", self._asked)
        context.on("response", self._said)
        context.on("requestfinished", self._answered)
        context.on("requestfailed", self._failed)
        context.on("weberror", lambda error: self._wrong(str(error.error)))
        context.on("console", lambda said: self._wrong(said.text) if said.type == "error" else None)
        context.on("dialog", lambda dialog: dialog.dismiss())

    def open(self, page: Page) -> Visit:
        from playwright.sync_api import Error

        try:
            page.goto(self.wanted.url, wait_until="load", timeout=30_000)
        except Error as error:
            if self.refusal is not None:
                raise self.refusal from error
            self._wrong(f"It could not be opened: {error.message.splitlines()[0]}")
        self._settle(page)
        stuck = self._steps(page)
        if self.refusal is not None:
            raise self.refusal
        self._take_out(page)
        if page.url.startswith(("http:", "https:")):
            # Whatever the way there was, nothing of a host that is not the site's is kept.
            self._own(page.url)
        return Visit(
            url=self.wanted.url,
            final_url=page.url,
            status=self.status,
            title=page.title()[:300],
            text=self._text(page),
            found={each: self._shows(page, each) for each in self.wanted.selectors},
            screenshot=self._picture(page),
            source=page.content()[:MOST_SOURCE],
            errors=tuple(self.errors),
            requests=tuple(self.requests),
            stuck=stuck,
        )

    def _settle(self, page: Page) -> None:
        from playwright.sync_api import Error

        try:
            page.wait_for_load_state("networkidle", timeout=5_000)
        except Error:
            # A page that never comes to rest is looked at all the same.
            return

    def _steps(self, page: Page) -> str:
        from playwright.sync_api import Error

        for step in self.wanted.steps:
            try:
                match step.verb:
                    case Verb.CLICK:
                        page.locator(step.target).first.click()
                    case Verb.FILL:
                        page.locator(step.target).first.fill(step.text)
                    case Verb.PRESS:
                        page.keyboard.press(step.target)
                    case Verb.OPEN:
                        page.goto(urljoin(page.url, step.target), wait_until="load")
                    case Verb.WAIT:
                        page.wait_for_timeout(1000 * float(step.target))
            except Error as error:
                if self.refusal is not None:
                    return ""
                return f"{step.said}: {error.message.splitlines()[0][:200]}"
            self._settle(page)
        if self.wanted.visitor or self.wanted.steps:
            # Trackers gather events for a moment before they send them.
            page.wait_for_timeout(2_500)
        return ""

    def _take_out(self, page: Page) -> None:
        from playwright.sync_api import Error

        for selector in self.wanted.without:
            try:
                page.locator(selector).evaluate_all("(found) => found.forEach((e) => e.remove())")
            except Error as error:
                self._wrong(f"{selector[:100]} is no selector: {error.message.splitlines()[0]}")

    def _text(self, page: Page) -> str:
        from playwright.sync_api import Error

        try:
            return page.inner_text("body")[:MOST_TEXT]
        except Error:
            return ""

    def _shows(self, page: Page, selector: str) -> bool:
        from playwright.sync_api import Error

        try:
            return page.locator(selector).first.is_visible()
        except Error:
            return False

    def _picture(self, page: Page) -> bytes:
        look = VIEWPORTS[self.wanted.size]
        height = page.evaluate("() => document.documentElement.scrollHeight")
        tall = min(max(int(height or 0), look.height), MOST_HEIGHT)
        return page.screenshot(
            type="jpeg",
            quality=70,
            full_page=True,
            clip={"x": 0, "y": 0, "width": look.width, "height": tall},
            animations="disabled",
        )

    def _let(self, route: Route) -> None:
        """Decide about one request before it is made; the proxy decides about its machine."""
        request = route.request
        scheme = urlsplit(request.url).scheme
        if scheme in {"data", "blob", "about"}:
            route.continue_()
            return
        try:
            parts, host, port = parsed(request.url)
            if self.outside.collector and named(host, port, (self.outside.collector,), usual=False):
                if not parts.path.startswith(_COLLECTOR_PATHS):
                    raise HostNotVerified(host=host)
            elif request.is_navigation_request() and request.frame.parent_frame is None:
                self._own(request.url)
        except TrueliftError as error:
            if request.is_navigation_request() and request.frame.parent_frame is None:
                self.refusal = self.refusal or error
            self._refused(request, error.code)
            route.abort("blockedbyclient")
            return
        route.continue_()

    def _asked(self, request: Request) -> None:
        """Look at what a redirect leads to: it is not asked about before."""
        if request.redirected_from is None or not request.is_navigation_request():
            return
        if request.frame.parent_frame is not None:
            return
        try:
            self._own(request.url)
        except TrueliftError as error:
            self.refusal = self.refusal or error

    def _own(self, url: str) -> None:
        of_hosts(url, hosts=self.outside.hosts)

    def _said(self, answer: Response) -> None:
        request = answer.request
        if request.is_navigation_request() and request.frame.parent_frame is None:
            self.status = answer.status

    def _answered(self, request: Request) -> None:
        if len(self.requests) < MOST_REQUESTS:
            answer = request.response()
            status = answer.status if answer else None
            said = answer.headers.get("x-truelift-egress", "") if answer else ""
            self.requests.append(
                Sent(
                    request.method,
                    _bare(request.url),
                    request.resource_type,
                    status,
                    said,
                    self._digest(request, answer),
                )
            )

    def _digest(self, request: Request, answer: Response | None) -> str:
        from playwright.sync_api import Error

        if not self.wanted.digests or answer is None or request.resource_type not in _PARTS:
            return ""
        try:
            return hashlib.sha256(answer.body()).hexdigest()
        except Error:  # a redirect has no body, and a page that went on has forgotten it
            return ""

    def _failed(self, request: Request) -> None:
        if len(self.requests) < MOST_REQUESTS and request.failure != "net::ERR_BLOCKED_BY_CLIENT":
            self.requests.append(Sent(request.method, _bare(request.url), request.resource_type))

    def _refused(self, request: Request, code: str) -> None:
        if len(self.requests) < MOST_REQUESTS:
            self.requests.append(
                Sent(request.method, _bare(request.url), request.resource_type, None, code)
            )

    def _wrong(self, text: str) -> None:
        if len(self.errors) < MOST_LINES:
            self.errors.append(text[:500])


_VISITOR: Final = """
(() => {
  try {
    document.cookie = 'truelift_id=VISITOR;path=/;samesite=lax';
    document.cookie = 'ajs_anonymous_id=VISITOR;path=/;samesite=lax';
    localStorage.setItem('truelift_id', 'VISITOR');
    localStorage.setItem('ajs_anonymous_id', '"VISITOR"');
  } catch {}
})();
"""
"""Gives the page its visitor's id, where Truelift's tracker and Segment's look for one."""


def _bare(url: str) -> str:
    return url.partition("#")[0][:500]


def synthetic_id(*, at_ms: int, token: str) -> str:
    """Make the id of a visitor who is none, as trackers take it and the loader knows it."""
    return f"{_base36(at_ms)}-synthetic-{token}"


def _base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    found = ""
    while number:
        number, place = divmod(number, 36)
        found = digits[place] + found
    return found or "0"


__all__ = [
    "VIEWPORTS",
    "BadAddress",
    "BrowserBroke",
    "NoBrowser",
    "Outside",
    "Sent",
    "Size",
    "Viewport",
    "Visit",
    "VisitTooLong",
    "Wanted",
    "synthetic_id",
    "visit",
]
