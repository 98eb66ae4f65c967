"""What the database refuses to rewrite: changes of items, versions, and priorities."""

from __future__ import annotations

from typing import Final

from truelift.apps.accounts.append_only import protecting, releasing


TABLES: Final = ("roadmap_change", "roadmap_version", "priority_register", "commercial_priority")

PROTECT: Final = protecting(*TABLES)
RELEASE: Final = releasing(*TABLES)
