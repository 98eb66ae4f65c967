"""A winner that was just decided, and a person of another site."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.apps.experiments.conftest import (
    analysed,
    document,
    events,
    hypothesis,
    insight,
    moved,
    planned,
    snapshot_of,
    spec,
)
from truelift.apps.accounts.models import User
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.services import move_experiment
from truelift.apps.research.actor import Actor
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Action, Choice


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
]

DECIDED = datetime(2026, 5, 25, 12, tzinfo=UTC)


@pytest.fixture
def winner(site: Site, analysed: ExperimentRecord, ada: User) -> RolloutRecord:
    """`R-1`: decided to ship by ada."""
    move_experiment(
        site,
        analysed.key,
        Action.DECIDE,
        by=Actor(ada),
        now=DECIDED,
        choice=Choice.SHIP,
        reason="More visitors order.",
    )
    return RolloutRecord.objects.get(site=site)


Decide = Callable[..., None]
