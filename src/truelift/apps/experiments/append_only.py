"""Which tables of experiments are written once: what was found, decided and allocated."""

from __future__ import annotations

from typing import Final

from truelift.apps.accounts.append_only import protecting, releasing


TABLES: Final = ("analysis", "decision", "experiment_move", "learning", "metric")
"""What is written once: snapshots, decisions, moves, learnings and versions of metrics."""

PROTECT: Final = protecting(*TABLES)
RELEASE: Final = releasing(*TABLES)

PROTECT_PHASES: Final = protecting("experiment_phase")
RELEASE_PHASES: Final = releasing("experiment_phase")
