"""Versions of policies are written once."""

from __future__ import annotations

from typing import Final

from truelift.apps.accounts.append_only import protecting, releasing


PROTECT: Final = protecting("policy")
RELEASE: Final = releasing("policy")
