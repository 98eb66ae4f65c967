"""What happened to warnings, and what was seen of them, is written once."""

from __future__ import annotations

from typing import Final

from truelift.apps.accounts.append_only import protecting, releasing


PROTECT: Final = protecting("warning_move", "warning_sighting")
RELEASE: Final = releasing("warning_move", "warning_sighting")
