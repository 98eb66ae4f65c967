"""Makes a PDF of a page that is handed over whole: the browser reaches nothing for it."""

from __future__ import annotations

import os
import shutil
import threading
from typing import Final

from truelift.browsing.visit import BrowserBroke, NoBrowser


SECONDS: Final = 60.0


def printed(html: str, *, chromium: str = "") -> bytes:
    """Print a page on A4; call it from a job.

    Args:
        html: All of it, its styles included; nothing is fetched.
        chromium: Path of the browser; empty: look for it.

    Raises:
        NoBrowser: There is none.
        BrowserBroke: It did not start, or did not come to an end.
    """
    path = chromium or shutil.which("chromium") or shutil.which("chromium-browser") or ""
    if not path:
        raise NoBrowser(reason="there is no Chromium on this machine")
    result: list[bytes | BaseException] = []

    def work() -> None:
        try:
            result.append(_printed(html, path=path))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            result.append(error)

    # Playwright runs an event loop in its thread, in which a caller's database calls would be
    # refused; and a browser that hangs must not hang who asked.
    thread = threading.Thread(target=work, daemon=True, name="print")
    thread.start()
    thread.join(SECONDS)
    if not result:
        raise BrowserBroke(reason=f"a page was not printed within {SECONDS:g} seconds")
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


def _printed(html: str, *, path: str) -> bytes:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise NoBrowser(reason="the package `playwright` is not installed") from error
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=path,
                # Chromium refuses to run as root with its sandbox, which containers often do.
                chromium_sandbox=os.geteuid() != 0,
                args=["--disable-gpu", "--disable-background-networking", "--no-first-run"],
                timeout=20_000,
            )
            try:
                context = browser.new_context(java_script_enabled=False, offline=True)
                page = context.new_page()
                page.route("**/*", lambda route: route.abort())
                page.set_content(html, wait_until="load", timeout=20_000)
                return page.pdf(format="A4", print_background=True, prefer_css_page_size=True)
            finally:
                browser.close()
    except Error as error:
        raise BrowserBroke(
            reason=error.message.splitlines()[0] if error.message else "?"
        ) from error
