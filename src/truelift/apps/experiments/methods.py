"""The pages that say how each number is worked out: `docs/methods`, as a person reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from markdown_it import MarkdownIt

import truelift


@dataclass(frozen=True, slots=True)
class MethodPage:
    """A method's page.

    Attributes:
        key: Its identifier, as the code cites it.
        question: What it answers, the first sentence of the page.
        body: All of it as HTML.
    """

    key: str
    question: str
    body: str


INFERENCE_PAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fixed": "recommendation-fixed",
        "sequential": "sequential",
        "group-sequential": "group-sequential",
        "bayesian": "bayesian",
    }
)
"""A way of judging → its page."""

CHECK_PAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "srm": "srm-chi-squared",
        "srm_daily": "srm-sequential",
        "srm_phases": "srm-phases",
        "srm_segments": "srm-segments",
        "covariate_balance": "covariate-imbalance",
        "novelty": "novelty",
        "outliers": "outlier-influence",
        "tracking": "contamination-split",
        "contamination": "contamination-split",
        "power": "power-reached",
        "sample_size": "sample-size",
    }
)
"""A check → its page; the others stand on that of the card."""

CORRECTION_PAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "holm": "multiplicity-holm",
        "bonferroni": "multiplicity-bonferroni",
        "dunnett": "multiplicity-dunnett",
        "benjamini-hochberg": "multiplicity-benjamini-hochberg",
    }
)
"""A correction → its page."""

_KEY: Final = re.compile(r"[a-z0-9-]{1,60}")
_FENCE: Final = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_DISPLAYED: Final = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
_INLINE: Final = re.compile(r"\$([^$\n]+(?:\n[^$\n]+)?)\$")
_QUESTION: Final = re.compile(r"\*\*Question\.\*\*\s+(.+?)(?:\n\n|\Z)", re.DOTALL)
_STYLE: Final = re.compile(r' style="[^"]*"')
_LINK: Final = re.compile(r'href="([a-z0-9-]+)\.md"')


def method_keys() -> tuple[str, ...]:
    """List the methods that have a page."""
    return tuple(sorted(path.stem for path in _directory().glob("*.md")))


@lru_cache(maxsize=128)
def method_page(key: str) -> MethodPage | None:
    """Give a method's page; None where there is none."""
    if not _KEY.fullmatch(key):
        return None
    path = _directory() / f"{key}.md"
    if not path.is_file():
        return None
    _, _, text = path.read_text(encoding="utf-8").partition("\n")
    asked = _QUESTION.search(text)
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(_as_code(text))
    # The content policy allows no style attribute, with which tables say how they are aligned.
    body = _STYLE.sub("", body)
    # What scrolls sideways must be reachable by the keyboard.
    body = body.replace("<pre>", '<pre tabindex="0">')
    return MethodPage(
        key=key,
        question=" ".join(asked[1].split()) if asked else key,
        body=_LINK.sub(r'href="../\1/"', body),
    )


def method_href(home: str, key: str) -> str:
    """Give the address of a method's page under a site's; empty where there is no page.

    Args:
        home: Address of the site's pages, with its slash.
        key: Its identifier.
    """
    return f"{home}methods/{key}/" if key and method_page(key) else ""


def _directory() -> Path:
    """Find the pages: within an installed package, or beside the source."""
    package = Path(truelift.__file__).parent
    packed = package / "methods"
    return packed if packed.is_dir() else package.parents[1] / "docs" / "methods"


def _as_code(text: str) -> str:
    """Show formulas as they are written: nothing on the page draws them."""
    parts = _FENCE.split(text)
    for place in range(0, len(parts), 2):
        shown = _DISPLAYED.sub(lambda found: f"\n```\n{found[1].strip()}\n```\n", parts[place])
        pieces = _FENCE.split(shown)
        for nth in range(0, len(pieces), 2):
            pieces[nth] = _INLINE.sub(lambda found: f"`{' '.join(found[1].split())}`", pieces[nth])
        parts[place] = "".join(pieces)
    return "".join(parts)
