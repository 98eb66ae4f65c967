"""A decided experiment, and principles that tests speak for and against."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.apps.experiments.conftest import (
    analysed,
    document,
    hypothesis,
    insight,
    moved,
    planned,
    snapshot_of,
    spec,
)
from truelift.apps.accounts.models import User
from truelift.apps.experiments.models import AnalysisRecord, ExperimentRecord, VariantRecord
from truelift.apps.experiments.services import move_experiment, write_learning
from truelift.apps.memory.models import PrincipleRecord
from truelift.apps.memory.services import PrincipleFields, create_principle
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Action, Choice


__all__ = [
    "analysed",
    "document",
    "hypothesis",
    "insight",
    "moved",
    "planned",
    "snapshot_of",
    "spec",
]

DECIDED = datetime(2026, 5, 25, 13, tzinfo=UTC)


@pytest.fixture
def learned(site: Site, analysed: ExperimentRecord, ada: User) -> ExperimentRecord:
    """`delivery-cost`, shipped, with the learning `L-1`."""
    by = Actor(ada)
    move_experiment(
        site, analysed.key, Action.DECIDE, by=by, now=DECIDED, choice=Choice.SHIP, reason="More."
    )
    write_learning(
        site,
        analysed.key,
        text="Who knows the delivery cost early orders more often",
        scope="Product pages, phones",
        follow_up="Try it in the basket",
        by=by,
        now=DECIDED,
    )
    analysed.refresh_from_db()
    return analysed


Ended = Callable[..., ExperimentRecord]


@pytest.fixture
def ended(site: Site, ada: User) -> Ended:
    """Makes an experiment that has ended: its key, effect, outcome and surface."""

    def make(
        key: str,
        value: float,
        *,
        outcome: str = "win",
        se: float = 0.01,
        surface: str = "",
        srm: str = "ok",
        stage: str = "decided",
        name: str = "",
    ) -> ExperimentRecord:
        at = datetime(2026, 3, 2, 12, tzinfo=UTC)
        record = ExperimentRecord.objects.create(
            site=site,
            key=key,
            name=name or key.replace("-", " ").capitalize(),
            surface=surface,
            stage=stage,
            starts_on=date(2026, 2, 9),
            ends_on=date(2026, 3, 2),
            started_at=at - timedelta(weeks=3),
            stopped_at=at,
            made_by=ada,
            made_at=at,
        )
        VariantRecord.objects.create(experiment=record, key="old", is_control=True)
        VariantRecord.objects.create(experiment=record, key="new")
        numbers = {"value": value, "se": se, "low": value - 1.96 * se, "high": value + 1.96 * se}
        told = {
            "metrics": [
                {
                    "metric": "order_rate",
                    "role": "primary",
                    "direction": "increase",
                    "effects": [
                        {
                            "variant": "new",
                            "absolute": numbers,
                            "relative": numbers,
                            "outcome": outcome,
                        }
                    ],
                }
            ],
            "integrity": [{"check": "srm", "status": srm}],
            "recommendation": {"action": "ship" if srm == "ok" else "invalid", "because": []},
        }
        AnalysisRecord.objects.create(
            experiment=record,
            number=1,
            as_of=at,
            text=json.dumps(told),
            digest="0" * 64,
            made_at=at,
        )
        return record

    return make


@pytest.fixture
def principle(site: Site, ada: User, now: datetime) -> PrincipleRecord:
    """`P-1`."""
    return create_principle(
        site,
        PrincipleFields(
            statement="Say the full price before checkout starts.",
            detail="Visitors who learn the delivery cost early order more often.",
            holds_for="Product page, cart",
            types=("product page",),
            elements=("delivery cost",),
        ),
        by=Actor(ada),
        now=now,
    )
