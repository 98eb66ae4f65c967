"""A winner, for every app that asks what becomes of one."""

from __future__ import annotations

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
    "events",
    "hypothesis",
    "insight",
    "moved",
    "planned",
    "snapshot_of",
    "spec",
    "winner",
]
