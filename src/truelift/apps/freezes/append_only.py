"""Which tables of freezes are written once: checks, policies and moves."""

from __future__ import annotations

from typing import Final

from truelift.apps.accounts.append_only import protecting, releasing


TABLES: Final = ("deploy_check", "deploy_policy", "freeze_move")

PROTECT: Final = protecting(*TABLES)
RELEASE: Final = releasing(*TABLES)
