"""The figures of a day are written once."""

from __future__ import annotations

from typing import Final

from truelift.apps.accounts.append_only import protecting, releasing


PROTECT: Final = protecting("programme_figures")
RELEASE: Final = releasing("programme_figures")
