"""A snapshot of what drove revenue is written once."""

from __future__ import annotations

from typing import Final

from truelift.apps.accounts.append_only import protecting, releasing


PROTECT: Final = protecting("commerce_snapshot")
RELEASE: Final = releasing("commerce_snapshot")
