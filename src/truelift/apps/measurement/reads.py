"""How the web application reaches the lake."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings

from truelift.lake.home import Home


if TYPE_CHECKING:
    from truelift.lake.lake import Lake


def lake() -> Lake:
    """Give the installation's lake, opened once per process."""
    return _lake_of(Home.of(settings.TRUELIFT))


@lru_cache(maxsize=8)
def _lake_of(home: Home) -> Lake:
    # Imported here, so that commands which only touch rows do not load the engine.
    from truelift.lake.lake import Lake

    return Lake(home)
