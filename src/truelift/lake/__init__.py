"""The event store: journal, loader, tables, and questions asked of them."""

from __future__ import annotations
