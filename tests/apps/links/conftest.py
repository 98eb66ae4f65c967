"""A tool elsewhere."""

from __future__ import annotations

from tests.apps.inbox.conftest import elsewhere


__all__ = ["elsewhere"]
