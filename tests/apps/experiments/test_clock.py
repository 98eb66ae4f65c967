"""The worker's jobs on the clock: 30 days of a test of nothing, looked at again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from truelift.apps.accounts.models import User
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import AnalysisRecord
from truelift.apps.experiments.services import ask_for_analysis, plan_experiment
from truelift.apps.experiments.spec import ExperimentSpec, MetricSpec, PlanSpec
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lake.bulk import append_bulk
from truelift.lake.home import Home
from truelift.lake.loader import Loader
from truelift.lifecycle.experiment import Action
from truelift.lifecycle.judging import Inference


pytestmark = [pytest.mark.database, pytest.mark.django_db]

STARTS = datetime(2026, 5, 4, 8, tzinfo=UTC)
DAYS = 30


@pytest.fixture
def nothing(site: Site, home: Home) -> None:
    """Four visitors an hour for 30 days, two of each variant; three of ten order, whichever."""
    rng = np.random.default_rng(11)
    rows = []
    for number in range(DAYS * 24 * 4):
        visitor, at = f"v{number}", STARTS + timedelta(minutes=15 * number)
        variant = ("late", "early")[rng.integers(2)]
        seen = {"visitor_id": visitor, "trusted": True, "type": "track"}
        rows.append(
            {
                **seen,
                "event": "exposure",
                "message_id": f"{visitor}-seen",
                "occurred_at": int(at.timestamp() * 1000),
                "experiment": "delivery-cost",
                "variant": variant,
            }
        )
        if rng.random() < 0.3:
            rows.append(
                {
                    **seen,
                    "event": "purchase",
                    "message_id": f"{visitor}-order",
                    "occurred_at": int(at.timestamp() * 1000) + 60_000,
                    "experiment": None,
                    "variant": None,
                }
            )
    append_bulk(
        home,
        site.name,
        pa.Table.from_pylist(rows),
        writer="import-test",
        received_at_ms=1_780_000_000_000,
    )
    with Loader(home, now=lambda: STARTS + timedelta(days=60)) as loader:
        loader.flush()


Looked = Callable[[Inference, int], list[AnalysisRecord]]


@pytest.fixture
def looked(
    site: Site,
    spec: ExperimentSpec,
    ada: User,
    now: datetime,
    moved: Callable[..., None],
    nothing: None,
) -> Looked:
    """Launches a test of nothing and has it analysed by the worker, every so many hours."""
    del nothing

    def look(inference: Inference, every: int) -> list[AnalysisRecord]:
        daily = MetricSpec("orders", "proportion", "purchase", window_days=1)
        plan = replace(
            spec,
            inference=inference,
            end=spec.start + timedelta(weeks=5) if spec.start else None,
            metrics=(daily,),
            primary="orders",
            plan=PlanSpec(n_per_variant=1400),
        )
        record = plan_experiment(site, plan, by=Actor(ada), now=now)
        moved(record.key, Action.SUBMIT, Action.LAUNCH)
        for hour in range(every, DAYS * 24 + 1, every):
            at = STARTS + timedelta(hours=hour)
            ask_for_analysis(site, record.key, by=Actor(ada), now=at)
            assert run_due_jobs(at) == 1
        return list(AnalysisRecord.objects.filter(experiment=record).order_by("number"))

    return look


def outcomes(snapshots: list[AnalysisRecord]) -> set[str]:
    """Give what any of the looks said about the metric that decides."""
    return {each.document["metrics"][0]["effects"][0]["outcome"] for each in snapshots}


@pytest.mark.parametrize("inference", [Inference.FIXED, Inference.SEQUENTIAL])
def test_a_month_of_looks_finds_nothing_where_there_is_nothing(
    looked: Looked, inference: Inference
) -> None:
    snapshots = looked(inference, 120)

    assert len(snapshots) == 6
    assert outcomes(snapshots) == {"inconclusive"}
    assert {each.advice for each in snapshots} == {"keep_running"}


@pytest.mark.simulation
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "inference", [Inference.FIXED, Inference.SEQUENTIAL, Inference.GROUP_SEQUENTIAL]
)
def test_a_look_every_hour_of_a_month_finds_nothing_where_there_is_nothing(
    looked: Looked, inference: Inference
) -> None:
    snapshots = looked(inference, 1)

    assert len(snapshots) == DAYS * 24
    assert outcomes(snapshots) == {"inconclusive"}
