"""What a user agent says of the device, the browser and the system."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Device(StrEnum):
    """The kinds of device that questions break down by."""

    PHONE = "phone"
    DESKTOP = "desktop"
    TABLET = "tablet"
    TV = "tv"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Agent:
    """A user agent, understood.

    Attributes:
        device: What kind of device.
        browser: The browser's name without version or `Mobile`, or None.
        os: The system's name without version, or None.
    """

    device: Device
    browser: str | None
    os: str | None


_TV: Final = re.compile(
    r"smart-?tv|smarttv|googletv|android tv|appletv|apple tv|hbbtv|crkey|roku|bravia|web0s"
    r"|webos\.tv|netcast|viera|aquos|\baft[a-z]+\b|tizen.*\btv\b|\btv safari|philipstv|dtv"
    r"|netrange|inettv|playstation|xbox|nintendo wii",
    re.IGNORECASE,
)
_TABLET: Final = re.compile(
    r"ipad|tablet|playbook|kindle|silk(?!.*mobile)|\bkf[a-z]{2,4}\b|android(?!.*mobile)"
    r"|sm-t\d|nexus (7|9|10)\b",
    re.IGNORECASE,
)
_PHONE: Final = re.compile(
    r"iphone|ipod|android|windows phone|iemobile|blackberry|bb10|opera mini|opera mobi|\bmobile\b"
    r"|symbian|series60|kaios|nokia|j2me|midp|phone",
    re.IGNORECASE,
)
_DESKTOP: Final = re.compile(r"windows|macintosh|mac os x|x11|cros|linux|bsd", re.IGNORECASE)

_BROWSERS: Final = {
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari WebView",
    "Chrome Mobile": "Chrome",
    "Chrome Mobile iOS": "Chrome",
    "Chrome Mobile WebView": "Chrome WebView",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "Edge Mobile": "Edge",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
    "Opera Mobile": "Opera",
    "Opera Mini": "Opera",
    "Android": "Android Browser",
    "Other": None,
}
_SYSTEMS: Final = {
    "Mac OS X": "macOS",
    "Mac OS": "macOS",
    "Other": None,
    **dict.fromkeys(
        ("Ubuntu", "Debian", "Fedora", "Red Hat", "SUSE", "CentOS", "Gentoo", "Arch Linux", "Mint"),
        "Linux",
    ),
}


@lru_cache(maxsize=16_384)
def agent_of(user_agent: str) -> Agent:
    """Understand one user agent; each distinct one is parsed once."""
    import ua_parser

    text = user_agent[:1024]
    found = ua_parser.parse(text)
    browser = found.user_agent.family if found.user_agent else None
    system = found.os.family if found.os else None
    return Agent(
        device=device_of(text),
        browser=_BROWSERS.get(browser, browser) if browser else None,
        os=_SYSTEMS.get(system, system) if system else None,
    )


def device_of(user_agent: str) -> Device:
    """Tell the kind of device from the agent's own words.

    A tablet that asks for desktop pages (iPadOS since 2019) says that it is a
    Macintosh, and counts as one.
    """
    if _TV.search(user_agent):
        return Device.TV
    if _TABLET.search(user_agent):
        return Device.TABLET
    if _PHONE.search(user_agent):
        return Device.PHONE
    if _DESKTOP.search(user_agent):
        return Device.DESKTOP
    return Device.OTHER
