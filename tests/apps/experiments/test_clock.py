"""The worker's jobs on the clock: 30 days of a test of nothing, looked at again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
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


pytestmark = [pytest.mark.django_db]

STARTS = datetime(2026, 5, 4, 8, tzinfo=UTC)
DAYS = 30


TESTS = 3
"""Tests of nothing that a simulation looks at side by side."""


@pytest.fixture
def keys(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The tests of nothing: one, and in a simulation several."""
    several = request.node.get_closest_marker("simulation") is not None
    return tuple(f"nothing-{nth}" for nth in range(TESTS if several else 1))


@pytest.fixture
def nothing(site: Site, home: Home, keys: tuple[str, ...]) -> None:
    """Four visitors an hour for 30 days to each test; three of ten order, whichever they saw."""
    rng = np.random.default_rng(11)
    rows = []
    for key in keys:
        for number in range(DAYS * 24 * 4):
            visitor, at = f"{key}-v{number}", STARTS + timedelta(minutes=15 * number)
            variant = ("late", "early")[rng.integers(2)]
            seen = {"visitor_id": visitor, "trusted": True, "type": "track"}
            rows.append(
                {
                    **seen,
                    "event": "exposure",
                    "message_id": f"{visitor}-seen",
                    "occurred_at": int(at.timestamp() * 1000),
                    "experiment": key,
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


@dataclass(frozen=True)
class Looks:
    """What every look at one test said.

    Attributes:
        outcomes: What could be read of the metric that decides.
        advices: What was recommended.
        failed: Checks that made it invalid.
        smallest_p: Of all looks, what somebody would have read who ignored the plan.
        count: How many looks there were.
    """

    outcomes: frozenset[str]
    advices: frozenset[str]
    failed: frozenset[str]
    smallest_p: float
    count: int

    @property
    def alarmed(self) -> bool:
        """Whether any of them found something where there is nothing."""
        return self.outcomes != {"inconclusive"} or bool(self.failed)


Looked = Callable[[Inference, int], list[Looks]]


@pytest.fixture
def looked(
    site: Site,
    spec: ExperimentSpec,
    ada: User,
    now: datetime,
    moved: Callable[..., None],
    nothing: None,
    keys: tuple[str, ...],
) -> Looked:
    """Launches tests of nothing and has the worker analyse them, every so many hours."""
    del nothing

    def look(inference: Inference, every: int) -> list[Looks]:
        daily = MetricSpec("orders", "proportion", "purchase", window_days=1)
        for nth, key in enumerate(keys):
            plan = replace(
                spec,
                key=key,
                inference=inference,
                end=spec.start + timedelta(weeks=5) if spec.start else None,
                metrics=() if nth else (daily,),
                primary="orders",
                plan=PlanSpec(n_per_variant=1400),
            )
            plan_experiment(site, plan, by=Actor(ada), now=now)
            moved(key, Action.SUBMIT, Action.LAUNCH)
        for hour in range(every, DAYS * 24 + 1, every):
            at = STARTS + timedelta(hours=hour)
            for key in keys:
                ask_for_analysis(site, key, by=Actor(ada), now=at)
            assert run_due_jobs(at) == len(keys)
        return [looks_at(key) for key in keys]

    return look


def looks_at(key: str) -> Looks:
    """Gather what all snapshots of a test said."""
    documents = [
        each.document
        for each in AnalysisRecord.objects.filter(experiment__key=key).order_by("number")
    ]
    effects = [each["metrics"][0]["effects"][0] for each in documents]
    return Looks(
        outcomes=frozenset(each["outcome"] for each in effects),
        advices=frozenset(each["recommendation"]["action"] for each in documents),
        failed=frozenset(
            check["check"]
            for each in documents
            for check in each["integrity"]
            if check["status"] == "fail"
        ),
        smallest_p=min((each["p"] for each in effects if each["p"] is not None), default=1.0),
        count=len(documents),
    )


@pytest.mark.parametrize("inference", [Inference.FIXED, Inference.SEQUENTIAL])
def test_a_month_of_looks_finds_nothing_where_there_is_nothing(
    looked: Looked, inference: Inference
) -> None:
    (looks,) = looked(inference, 120)

    assert looks.count == 6
    assert not looks.alarmed
    assert looks.advices == {"keep_running"}


@pytest.mark.simulation
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "inference", [Inference.FIXED, Inference.SEQUENTIAL, Inference.GROUP_SEQUENTIAL]
)
def test_looks_every_hour_of_a_month_raise_no_more_false_alarms_than_agreed(
    looked: Looked, inference: Inference
) -> None:
    tests = looked(inference, 1)

    assert [each.count for each in tests] == [DAYS * 24] * TESTS
    # Of three tests at 5 %, two or more false alarms are 7 in 1,000.
    assert sum(each.alarmed for each in tests) <= 1
    if inference is Inference.FIXED:
        # The same looks have teeth: who reads p at each of them finds what is not there.
        assert sum(each.smallest_p < 0.05 for each in tests) >= 1
