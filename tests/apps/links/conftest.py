"""A winner, and a tool elsewhere."""

from __future__ import annotations

from tests.apps.inbox.conftest import elsewhere
from tests.apps.rollouts.conftest import (
    analysed,
    document,
    events,
    hypothesis,
    insight,
    moved,
    planned,
    snapshot_of,
    spec,
    winner,
)


__all__ = [
    "analysed",
    "document",
    "elsewhere",
    "events",
    "hypothesis",
    "insight",
    "moved",
    "planned",
    "snapshot_of",
    "spec",
    "winner",
]
