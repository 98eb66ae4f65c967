"""How the web application reaches the lake."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from truelift.lake.home import Home
from truelift.lake.lake import Lake


def lake() -> Lake:
    """Give the installation's lake, opened once per process."""
    return _lake_of(Home.of(settings.TRUELIFT))


@lru_cache(maxsize=8)
def _lake_of(home: Home) -> Lake:
    return Lake(home)
