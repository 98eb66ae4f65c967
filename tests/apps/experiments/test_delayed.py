"""Outcomes that mature after the decision, and the whole site by the hour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from truelift.apps.accounts.models import User
from truelift.apps.experiments.analysing import analyse_experiment
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import ExperimentRecord, Job
from truelift.apps.experiments.monitoring_delayed import due_at, next_due, verdicts_of
from truelift.apps.experiments.monitoring_jobs import begin_watch, watch_site
from truelift.apps.experiments.monitoring_models import AlertRecord, DelayedOutcomeRecord
from truelift.apps.experiments.monitoring_site import by_wall_clock, look_at_site
from truelift.apps.experiments.services import move_experiment, plan_experiment
from truelift.apps.experiments.spec import ExperimentSpec, MetricSpec, PlanSpec
from truelift.apps.measurement.reads import lake
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lake.bulk import append_bulk
from truelift.lake.home import Home
from truelift.lake.loader import Loader
from truelift.lifecycle.experiment import Action, Choice
from truelift.lifecycle.monitoring import Verdict


pytestmark = [pytest.mark.database, pytest.mark.django_db]

STARTS = datetime(2026, 5, 4, 8, tzinfo=UTC)
END = datetime(2026, 5, 25, 12, tzinfo=UTC)

REFUNDS = MetricSpec(
    "refunds", "proportion", "refund", "Refunds", window_days=30, better="decrease"
)
ORDERS = MetricSpec("orders", "proportion", "purchase", "Orders", window_days=1)


def put(home: Home, site: Site, columns: dict[str, object], *, name: str) -> None:
    append_bulk(
        home,
        site.name,
        pa.table(columns),
        writer=f"import-{name}",
        received_at_ms=1_780_000_000_000,
    )
    with Loader(home, now=lambda: STARTS + timedelta(days=120)) as loader:
        loader.flush()


@pytest.fixture
def refunded(site: Site, home: Home) -> None:
    """4,000 visitors; more of `early` order at once, and three times as many send it back late."""
    rng = np.random.default_rng(3)
    n = 4000
    variants = np.where(np.arange(n) % 2, "early", "late")
    at = np.linspace(0, 20 * 86_400_000, n).astype(np.int64) + int(STARTS.timestamp() * 1000)
    orders = rng.random(n) < np.where(variants == "early", 0.36, 0.30)
    back = rng.random(n) < np.where(variants == "early", 0.15, 0.05)
    names = np.char.add("v", np.arange(n).astype(str))
    events = [("exposure", np.ones(n, bool), 0), ("purchase", orders, 60_000)]
    events.append(("refund", back, 26 * 86_400_000))
    who = [each for _, keep, _ in events for each in names[keep]]
    put(
        home,
        site,
        {
            "visitor_id": who,
            "trusted": pa.array([True] * len(who)),
            "type": ["track"] * len(who),
            "event": [event for event, keep, _ in events for _ in range(int(keep.sum()))],
            "message_id": [f"{event}-{each}" for event, keep, _ in events for each in names[keep]],
            "occurred_at": np.concatenate([at[keep] + later for _, keep, later in events]),
            "experiment": pa.array(
                [
                    "delivery-cost" if event == "exposure" else None
                    for event, keep, _ in events
                    for _ in range(int(keep.sum()))
                ],
                pa.string(),
            ),
            "variant": pa.array(
                [
                    each if event == "exposure" else None
                    for event, keep, _ in events
                    for each in variants[keep].tolist()
                ],
                pa.string(),
            ),
        },
        name="refunds",
    )


@pytest.fixture
def decided(
    site: Site,
    spec: ExperimentSpec,
    ada: User,
    now: datetime,
    moved: Callable[..., None],
    refunded: None,
) -> ExperimentRecord:
    """Shipped on the analysis of the day after its end, when nobody's 30 days were over."""
    plan = replace(
        spec,
        metrics=(REFUNDS, ORDERS),
        primary="orders",
        guardrails=("refunds",),
        secondary=(),
        margin=0.05,
        plan=PlanSpec(n_per_variant=2000),
    )
    record = plan_experiment(site, plan, by=Actor(ada), now=now)
    moved(record.key, Action.SUBMIT, Action.LAUNCH, Action.STOP)
    analyse_experiment(site, record.key, by=Actor(ada), now=END)
    move_experiment(
        site,
        record.key,
        Action.DECIDE,
        by=Actor(ada),
        now=END,
        choice=Choice.SHIP,
        reason="Orders rose.",
        reviewer="ben@example.com",
    )
    record.refresh_from_db()
    return record


def test_refunds_that_come_after_the_decision_open_the_question_again(
    site: Site, decided: ExperimentRecord
) -> None:
    watch_site(site, now=END + timedelta(hours=1))
    due = next_due(site)
    assert due is not None

    begin_watch(site, now=due - timedelta(minutes=30))
    run_due_jobs(due - timedelta(minutes=30))
    waits = DelayedOutcomeRecord.objects.get()
    again = Job.objects.get(kind="experiments.watch")
    run_due_jobs(due)

    read = DelayedOutcomeRecord.objects.get()
    alert = AlertRecord.objects.get(concern="turned")
    assert waits.read_at is None
    assert again.run_after == due
    assert (read.metric, read.reading, read.decided_on) == ("refunds", 2, 1)
    assert "harm" in read.turned
    assert alert.sentence.startswith("Refunds is complete now")
    assert decided.analyses.count() == 2

    watch_site(site, now=due + timedelta(hours=1))

    assert decided.analyses.count() == 2
    assert AlertRecord.objects.filter(concern="turned").count() == 1


def test_a_metric_that_is_complete_at_once_waits_for_nothing(
    decided: ExperimentRecord,
) -> None:
    by_key = {each.metric.key: due_at(decided, each) for each in decided.metrics.all()}

    assert by_key["orders"] is None
    assert by_key["refunds"] == datetime(2026, 5, 24, 22, tzinfo=UTC) + timedelta(days=30, hours=6)


def test_what_may_not_be_read_has_no_verdict() -> None:
    effects = [
        {"variant": "a", "relative": {"value": 0.1, "low": 0.02, "high": 0.2}},
        {"variant": "b", "relative": {"value": 0.1, "low": 0.0, "high": 0.2}, "withheld": "early"},
        {"variant": "c", "relative": None, "absolute": None},
    ]

    found = verdicts_of("m", {"metrics": [{"metric": "m", "effects": effects}]})

    assert found == {"a": Verdict(rises=True, clear=True)}


def test_an_hour_without_orders_alarms_for_the_whole_site_and_not_for_a_variant(
    site: Site, home: Home
) -> None:
    rng = np.random.default_rng(5)
    hours = 11 * 168
    until = datetime(2026, 5, 6, 10, tzinfo=UTC)
    counts = rng.poisson(6, hours)
    counts[-1] = 40
    at = np.repeat(np.arange(hours), counts) * 3_600_000
    at = at + int((until - timedelta(hours=hours)).timestamp() * 1000)
    put(
        home,
        site,
        {
            "visitor_id": [f"v{nth}" for nth in range(len(at))],
            "trusted": pa.array([True] * len(at)),
            "type": ["track"] * len(at),
            "event": ["purchase"] * len(at),
            "message_id": [f"m{nth}" for nth in range(len(at))],
            "occurred_at": at,
        },
        name="hours",
    )

    def look(now: datetime) -> list[str]:
        findings, _ = look_at_site(
            site, ("purchase",), now=now, ask=lambda asked: lake().ask(site.name, asked).answer
        )
        return [each.sentence for each in findings]

    assert [each[:30] for each in look(until)] == ["Of “purchase” 40 came in the h"]
    assert look(until - timedelta(hours=1)) == []


@pytest.mark.parametrize(("first", "days"), [("2026-03-22", 10), ("2026-10-18", 10)])
def test_weeks_keep_their_hours_when_the_clocks_change(first: str, days: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    begins = datetime.fromisoformat(first).replace(tzinfo=zone).astimezone(UTC)
    hours = [begins + timedelta(hours=nth) for nth in range(days * 24 + 1)]

    found = by_wall_clock([(each, each.astimezone(zone).hour) for each in hours], zone=zone)

    regular = found[: (len(found) // 24) * 24].reshape(-1, 24)
    assert (regular[:, [0, 1, 3, 4, 12, 23]] == [0, 1, 3, 4, 12, 23]).all()
