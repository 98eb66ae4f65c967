"""Packs, closed minutes and what was added to them are written once."""

from __future__ import annotations

from typing import Final

from truelift.apps.accounts.append_only import protecting, releasing


TABLES: Final = ("meeting_pack", "meeting_minutes", "meeting_addition")
PROTECT: Final = tuple(protecting(table) for table in TABLES)
RELEASE: Final = tuple(releasing(table) for table in TABLES)
