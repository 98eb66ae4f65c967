"""The migrations of this app, one change each."""

from __future__ import annotations
