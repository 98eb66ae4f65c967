"""The truelift command."""

from __future__ import annotations
