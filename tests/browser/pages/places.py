"""Which pages there are: whatever a person reaches by clicking, each kind of page once."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from django.urls import Resolver404, resolve
from playwright.sync_api import BrowserContext
from typing_extensions import override


MANY = {"experiments:detail": 9, "experiments:snapshot": 2, "sites:connect": 6}
"""Kinds of page that look different from one item to the next."""

LEAVES = {
    "account_logout",
    "experiments:progress",
    "lists:search",
    "observations:before_after_progress",
    "observations:progress",
    "qa:picture",
    "sites:status",
}
"""Not pages to look at: leaving, pieces of pages, and pictures, in which no script may run."""

FURTHER = (
    # A segment being written, its versions, one that is changed, and questions of it.
    "segments/saved/?match=all&kind-1=did&event-1=purchase&times-1=1&kind-2=did_not&event-2=refund",
    "segments/saved/?edit=buyers&versions=buyers",
    "trends/?event=purchase&segment=buyers%401&period=all",
    "funnels/?step=view_item&step=purchase&segment=buyers%401&period=all",
    # Every step under its own value, and what two funnels side by side bring.
    "funnels/?step=view_item&step=purchase&by=device&attribution=each&period=all",
    (
        "funnels/?step=view_item&step=purchase&money=yes&compare=where&where=device+%3D+phone"
        "&against_where=device+%3D+desktop&view=compare&period=all"
    ),
    # Names that the site has never seen, and a question that was cancelled.
    "trends/?event=purchas&period=all",
    "funnels/?step=view_item&step=purchas&by=devise&period=all",
    "trends/?event=purchase&cancelled=1",
    "funnels/?step=view_item&step=purchase&cancelled=1",
)
"""Addresses under a site's that look different from the first one of their kind."""

FILES = (".csv", ".json", ".md", ".parquet", ".pdf")
"""What addresses end with that give a file."""


@dataclass
class Walk:
    """A way along links, within a site, to every kind of page there is.

    A kind is a name in the table of addresses, so that a page which is linked from anywhere
    joins by itself. An address with a query is the same kind as the one without.

    Attributes:
        context: Who walks.
        took_ms: Address → how long it took to be answered, in the order of the walk.
    """

    context: BrowserContext
    took_ms: dict[str, float] = field(default_factory=dict)

    @classmethod
    def from_page(cls, context: BrowserContext, start: str) -> Walk:
        """Walk from a page until there is nothing new."""
        walk = cls(context)
        seen: Counter[str] = Counter()
        waiting = deque([start])
        while waiting:
            place = waiting.popleft()
            kind = kind_of(place)
            known = place in walk.took_ms or seen[kind] >= MANY.get(kind, 1)
            if known or not is_a_page(place):
                continue
            seen[kind] += 1
            waiting.extend(
                link
                for link in walk.links_of(place)
                if kind_of(link) and _site(link) in ("", _site(start))
            )
        return walk

    def links_of(self, place: str) -> list[str]:
        """Give where a page's links lead, as addresses on this server."""
        began = time.perf_counter()
        answer = self.context.request.get(place)
        self.took_ms[place] = (time.perf_counter() - began) * 1000
        links = Links()
        links.feed(answer.text())
        found = (urljoin(place, href).partition("#")[0] for href in links.found)
        return [link for link in dict.fromkeys(found) if link.startswith("/")]


class Links(HTMLParser):
    """The links of a page, in reading order, the rail's first."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, None] = {}

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep where a link leads when it stays on this server."""
        href = dict(attrs).get("href") if tag == "a" else None
        if href and not href.startswith("#"):
            self.found[href] = None


def kind_of(place: str) -> str:
    """Name the kind of page at an address; empty when there is none."""
    try:
        return resolve(urlsplit(place).path).view_name
    except Resolver404:
        return ""


def is_a_page(place: str) -> bool:
    """Say whether a person looks at what an address gives: neither a piece of a page nor a file."""
    return kind_of(place) not in LEAVES and not urlsplit(place).path.endswith(FILES)


def name_of(place: str) -> str:
    """Make a file name of an address."""
    parts = urlsplit(place)
    words = [*parts.path.strip("/").split("/"), *parts.query.replace("=", "-").split("&")]
    return "-".join(word for word in words if word)[:80] or "home"


def _site(place: str) -> str:
    parts = urlsplit(place).path.split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "s" else ""
