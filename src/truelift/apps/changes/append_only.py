"""What somebody said of a contamination is written once."""

from __future__ import annotations

from typing import Final

from truelift.apps.accounts.append_only import protecting, releasing


PROTECT: Final = protecting("adjudication")
RELEASE: Final = releasing("adjudication")
