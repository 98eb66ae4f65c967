"""A roadmap with items on it."""

from __future__ import annotations

from tests.apps.roadmap.conftest import add, checkout, headline


__all__ = ["add", "checkout", "headline"]
