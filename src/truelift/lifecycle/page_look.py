"""What a page was like when it was looked at, and whether it is another page now."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from typing import Final
from urllib.parse import urlsplit

from typing_extensions import override


MOST_LINES: Final = 4000
"""Lines and elements of a page that are kept; a longer page is compared by its beginning."""

SHOWN: Final = 40
"""Differences of one kind that are listed; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that a page asked for.

    Attributes:
        url: Where it lies.
        kind: `script`, `stylesheet`, `image`, `font` …
        digest: Of its content; empty where that was not read.
    """

    url: str
    kind: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class PageLook:
    """A page at one moment, in the parts that are compared.

    Attributes:
        text: Its lines as a person reads them.
        structure: Its elements as `section.hero > h1`, from the outermost in, without their text.
        assets: Address → digest of pictures, fonts and style sheets; of the site's own hosts.
        bundles: Address → digest of scripts; one in the page itself is `inline:` and its digest.
    """

    text: tuple[str, ...]
    structure: tuple[str, ...]
    assets: Mapping[str, str]
    bundles: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """What is other than before; what is empty is the same.

    Attributes:
        text_gone: Lines that are not there any more.
        text_new: Lines that were not there.
        structure_gone: Elements likewise.
        structure_new: Elements likewise.
        assets: Addresses that came, went or have another content.
        bundles: Addresses likewise.
    """

    text_gone: tuple[str, ...] = ()
    text_new: tuple[str, ...] = ()
    structure_gone: tuple[str, ...] = ()
    structure_new: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    bundles: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is other than before."""
        return any(
            (
                self.text_gone,
                self.text_new,
                self.structure_gone,
                self.structure_new,
                self.assets,
                self.bundles,
            )
        )

    @property
    def visible(self) -> bool:
        """Whether visitors could see it: scripts alone may do as they did before."""
        return bool(replace(self, bundles=()))

    def confirmed_by(self, later: Difference) -> Difference:
        """Keep what was seen again a little later: what rotates rarely stays twice."""
        return Difference(
            text_gone=_common(self.text_gone, later.text_gone),
            text_new=_common(self.text_new, later.text_new),
            structure_gone=_common(self.structure_gone, later.structure_gone),
            structure_new=_common(self.structure_new, later.structure_new),
            assets=_common(self.assets, later.assets),
            bundles=_common(self.bundles, later.bundles),
        )

    def sentence(self) -> str:
        """Say in a line what is other."""
        parts = [
            _counted(len(self.text_gone) + len(self.text_new), "line of text", "lines of text"),
            _counted(len(self.structure_gone) + len(self.structure_new), "element", "elements"),
            _counted(len(self.assets), "picture or style", "pictures and styles"),
            _counted(len(self.bundles), "script", "scripts"),
        ]
        said = [part for part in parts if part]
        return f"{' and '.join(said)} changed." if said else "Nothing changed."


def look_of(*, text: str, source: str, loaded: Iterable[Loaded], hosts: Sequence[str]) -> PageLook:
    """Take a page apart; what other hosts serve is no part of it.

    Args:
        text: As a person reads it.
        source: Its HTML after its scripts have run, as a browser wrote it down.
        loaded: Files that it asked for.
        hosts: `host` or `host:port` of the site's own machines.
    """
    page = _Elements()
    page.feed(source)
    page.close()
    lines = (re.sub(r"\s+", " ", line).strip() for line in text.splitlines())
    own = [each for each in loaded if _host(each.url) in hosts]
    bundles = {_bare(each.url): each.digest for each in own if each.kind == "script"}
    bundles |= {f"inline:{digest}": digest for digest in page.inline}
    return PageLook(
        text=tuple(line for line in lines if line)[:MOST_LINES],
        structure=tuple(page.found[:MOST_LINES]),
        assets={_bare(each.url): each.digest for each in own if each.kind in _ASSETS},
        bundles=bundles,
    )


def steady(first: PageLook, second: PageLook) -> PageLook:
    """Keep of two looks at the same page, one after the other, what both of them saw.

    What differs within a minute (an advertisement, a clock, a random recommendation) says
    nothing about a release.
    """
    return PageLook(
        text=_common(first.text, second.text),
        structure=_common(first.structure, second.structure),
        assets=_same(first.assets, second.assets),
        bundles=_same(first.bundles, second.bundles),
    )


def difference(
    before: PageLook, first: PageLook, second: PageLook, *, ignored: frozenset[str] = frozenset()
) -> Difference:
    """Say what is other than before, in both of two new looks; what only one saw is noise.

    Args:
        before: What was steady then.
        first: The page now.
        second: The page a moment later.
        ignored: Lines, elements and addresses that somebody has called noise.
    """
    now = steady(first, second)
    # Gone is what neither shows; a line that one of them shows only rotates.
    either_text, either_structure = (
        _either(first.text, second.text),
        _either(first.structure, second.structure),
    )
    return Difference(
        text_gone=_less(before.text, either_text, ignored),
        text_new=_less(now.text, Counter(before.text), ignored),
        structure_gone=_less(before.structure, either_structure, ignored),
        structure_new=_less(now.structure, Counter(before.structure), ignored),
        assets=_other(before.assets, first.assets, second.assets, ignored),
        bundles=_other(before.bundles, first.bundles, second.bundles, ignored),
    )


_ASSETS: Final = frozenset({"stylesheet", "image", "font", "media"})
_VOID: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "source", "track", "wbr"}
)
_UNSEEN: Final = frozenset({"script", "style", "noscript", "template", "link", "meta", "head"})


class _Elements(HTMLParser):
    """The elements of a page, and what scripts stand in it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []
        self._open: list[tuple[str, str]] = []
        self._script: list[str] | None = None

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script":
            self._script = None if given.get("src") else []
            return
        if tag in _UNSEEN:
            return
        named = f"#{given['id']}" if given.get("id") else ""
        classes = "".join(f".{each}" for each in sorted((given.get("class") or "").split()))
        self.found.append(
            " > ".join([*(name for _, name in self._open[-2:]), tag + named + classes])
        )
        if tag not in _VOID:
            self._open.append((tag, tag + named + classes))

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            if self._script:
                self.inline.append(_digest("".join(self._script)))
            self._script = None
            return
        # An end tag that was forgotten is passed over, as browsers do.
        for at in range(len(self._open) - 1, -1, -1):
            if self._open[at][0] == tag:
                del self._open[at:]
                return

    @override
    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self._script.append(data)


def _common(first: Sequence[str], second: Sequence[str]) -> tuple[str, ...]:
    left = Counter(second)
    kept = []
    for each in first:
        if left[each] > 0:
            left[each] -= 1
            kept.append(each)
    return tuple(kept)


def _either(first: Sequence[str], second: Sequence[str]) -> Counter[str]:
    return Counter(first) | Counter(second)


def _less(all_of: Sequence[str], without: Counter[str], ignored: frozenset[str]) -> tuple[str, ...]:
    left = Counter(without)
    found = []
    for each in all_of:
        if left[each] > 0:
            left[each] -= 1
        elif each not in ignored:
            found.append(each)
    return tuple(found)


def _same(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    return {url: digest for url, digest in first.items() if second.get(url) == digest}


def _other(
    before: Mapping[str, str],
    first: Mapping[str, str],
    second: Mapping[str, str],
    ignored: frozenset[str],
) -> tuple[str, ...]:
    now = _same(first, second)
    gone = [url for url in before if url not in first and url not in second]
    new = [url for url in now if url not in before]
    # What could not be read once is not called another file.
    other = [
        url for url, digest in now.items() if digest and before.get(url, digest) not in ("", digest)
    ]
    return tuple(url for url in (*gone, *other, *new) if url not in ignored)


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower().rpartition("@")[2]


def _bare(url: str) -> str:
    # What follows a question mark often only keeps caches from answering.
    return url.partition("#")[0].partition("?")[0]


def _digest(text: str) -> str:
    # A number that is drawn for every page says nothing about the script it stands in.
    return hashlib.sha256(re.sub(r"[0-9a-f]{16,}|\d{6,}", "0", text).encode()).hexdigest()[:32]


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}" if number else ""
