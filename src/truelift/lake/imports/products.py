"""The maps that are built in: for the exports of other products."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final


_MAPS: Final = Path(__file__).parent / "maps"


class Product(StrEnum):
    """Whose exports are understood without a map of one's own."""

    GA4 = "ga4"
    SEGMENT = "segment"
    POSTHOG = "posthog"
    MATOMO = "matomo"
    GROWTHBOOK = "growthbook"


def built_in_map(product: Product) -> str:
    """Give the map of a product's exports, as a TOML text to use or to begin from.

    Each names the pages of documentation that say what the exports hold.
    """
    return (_MAPS / f"{product}.toml").read_text(encoding="utf-8")
