"""A site with an accepted hypothesis, metrics, and experiments at every stage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from truelift.apps.accounts.models import User
from truelift.apps.experiments.metrics import take_library
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.services import move_experiment, plan_experiment, store_snapshot
from truelift.apps.experiments.spec import ExperimentSpec, PlanSpec, VariantSpec
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.research.services import (
    accept_hypothesis,
    accept_insight,
    create_hypothesis,
    create_insight,
)
from truelift.apps.sites.models import Site
from truelift.lake.bulk import append_bulk
from truelift.lake.home import Home
from truelift.lake.loader import Loader
from truelift.lifecycle.experiment import Action


STARTS = date(2026, 5, 4)
AT_THE_END = datetime(2026, 5, 25, 12, tzinfo=UTC)


@pytest.fixture
def insight(site: Site, ada: User, now: datetime) -> InsightRecord:
    made = create_insight(
        site,
        InsightFields(
            problem="Visitors meet the delivery cost only at checkout",
            surface="Checkout",
            segment="Phones",
            size="41% of those who reach delivery leave",
            evidence=(Piece("analytics", "Funnel of April", "/s/shop/funnels/"),),
        ),
        by=Actor(ada),
        now=now,
    )
    return accept_insight(site, made.key, by=Actor(ada), now=now)


@pytest.fixture
def hypothesis(site: Site, insight: InsightRecord, ada: User, now: datetime) -> HypothesisRecord:
    made = create_hypothesis(
        site,
        HypothesisFields(
            change="Show the delivery cost on the product page",
            audience="phone visitors",
            outcome="more of them will order",
            reason="41% of those who leave at delivery opened the cost and went back",
            metric="order_rate",
            direction="increase",
            expected_lift=0.05,
            insights=(insight.key,),
        ),
        by=Actor(ada),
        now=now,
    )
    return accept_hypothesis(site, made.key, by=Actor(None, operator=True), now=now)


@pytest.fixture
def spec(
    site: Site, hypothesis: HypothesisRecord, ada: User, ben: User, now: datetime
) -> ExperimentSpec:
    del ben
    take_library(site, "shop", by=Actor(ada), now=now)
    return ExperimentSpec(
        key="delivery-cost",
        name="Delivery cost on the product page",
        surface="Product page",
        hypothesis=hypothesis.key,
        decision_owner="ada@example.com",
        deputy="ben@example.com",
        start=STARTS,
        end=STARTS + timedelta(weeks=3),
        margin=0.03,
        primary="order_rate",
        guardrails=("revenue_per_visitor",),
        secondary=("cart_rate",),
        variants=(
            VariantSpec("late", "Cost at checkout", control=True),
            VariantSpec("early", "Cost on product page"),
        ),
        plan=PlanSpec(baseline=0.05, minimum_effect=0.10, visitors_per_week=40_000),
    )


@pytest.fixture
def planned(site: Site, spec: ExperimentSpec, ada: User, now: datetime) -> ExperimentRecord:
    return plan_experiment(site, spec, by=Actor(ada), now=now)


@pytest.fixture
def moved(site: Site, ada: User, now: datetime) -> Callable[..., None]:
    """Moves an experiment as ada: launches at the start, everything else at the end."""

    def move(key: str, *actions: Action) -> None:
        for action in actions:
            at = now if action in {Action.SUBMIT, Action.RETURN, Action.LAUNCH} else AT_THE_END
            move_experiment(site, key, action, by=Actor(ada), now=at)

    return move


def effect(value: float, *, se: float, outcome: str, variant: str = "early") -> dict[str, object]:
    numbers = {
        "value": value,
        "se": se,
        "low": value - 1.96 * se,
        "high": value + 1.96 * se,
        "p": 0.0016,
    }
    return {
        "variant": variant,
        "absolute": numbers,
        "relative": {**numbers, "value": value * 20, "low": value * 10, "high": value * 30},
        "p": 0.0016,
        "outcome": outcome,
    }


def document(
    *, action: str = "ship", outcome: str = "win", srm: str = "ok", as_of: datetime = AT_THE_END
) -> dict[str, object]:
    """A snapshot as the statistics write it, small."""
    return {
        "experiment": "delivery-cost",
        "phase": 1,
        "as_of": as_of.isoformat(),
        "planned_end": "2026-05-24T22:00:00Z",
        "method": "fixed",
        "alpha": 0.05,
        "variants": [
            {"variant": "late", "role": "control", "units": 60_010},
            {"variant": "early", "role": "treatment", "units": 59_870},
        ],
        "metrics": [
            {
                "metric": "order_rate",
                "role": "primary",
                "kind": "proportion",
                "direction": "increase",
                "summaries": [
                    {"variant": "late", "n": 60_010, "mean": 0.0602, "m2": 3395.1},
                    {"variant": "early", "n": 59_870, "mean": 0.0647, "m2": 3623.0},
                ],
                "effects": [effect(0.0045, se=0.0014, outcome=outcome)],
            },
            {
                "metric": "revenue_per_visitor",
                "role": "guardrail",
                "kind": "sum",
                "direction": "increase",
                "summaries": [
                    {"variant": "late", "n": 60_010, "mean": 1.98, "m2": 900_000.0},
                    {"variant": "early", "n": 59_870, "mean": 2.01, "m2": 910_000.0},
                ],
                "effects": [{**effect(0.03, se=0.03, outcome="inconclusive"), "guardrail": "held"}],
            },
        ],
        "integrity": [
            {"check": "srm", "status": srm, "value": 0.69, "detail": "The split is as planned."}
            if srm == "ok"
            else {
                "check": "srm",
                "status": srm,
                "value": 0.0001,
                "detail": "60,010 and 55,000 visitors is not the planned split.",
            },
            {"check": "crossovers", "status": "ok", "value": 0.002, "detail": "0.2% saw both."},
        ],
        "recommendation": {"action": action, "because": ["The order rate rose."]},
    }


@pytest.fixture
def snapshot_of(site: Site, ada: User) -> Callable[..., None]:
    """Stores a snapshot for an experiment, as the job does."""

    def store(key: str, at: datetime = AT_THE_END, **parts: str) -> None:
        record = ExperimentRecord.objects.get(site=site, key=key)
        store_snapshot(record, document(as_of=at, **parts), as_of=at, by=Actor(ada), now=at)

    return store


@pytest.fixture
def analysed(
    planned: ExperimentRecord, moved: Callable[..., None], snapshot_of: Callable[..., None]
) -> ExperimentRecord:
    """The experiment after its end, analysed, before anybody decided."""
    moved(planned.key, Action.SUBMIT, Action.LAUNCH, Action.STOP)
    snapshot_of(planned.key)
    moved(planned.key, Action.ANALYSE)
    planned.refresh_from_db()
    return planned


EXPOSED = datetime(2026, 5, 6, 10, tzinfo=UTC)


@pytest.fixture
def events(site: Site, home: Home) -> None:
    """400 visitors a variant: 100 of `late` order for €10, 150 of `early` for €20.

    One came every minute, every second of them on a phone; 200 of each ordered a week before.
    """
    rows = []
    for variant, orders, value in (("late", 100, 10.0), ("early", 150, 20.0)):
        for number in range(400):
            visitor = f"{variant}-{number}"
            at = int((EXPOSED + timedelta(minutes=number)).timestamp() * 1000)
            seen = {
                "visitor_id": visitor,
                "trusted": True,
                "type": "track",
                "value": None,
                "currency": None,
                "experiment": None,
                "variant": None,
                "device": "phone" if number % 2 else "desktop",
            }
            order = {**seen, "event": "purchase", "value": value, "currency": "EUR"}
            rows.append(
                {
                    **seen,
                    "event": "exposure",
                    "message_id": f"{visitor}-seen",
                    "occurred_at": at,
                    "experiment": "delivery-cost",
                    "variant": variant,
                }
            )
            if number < orders:
                rows.append({**order, "message_id": f"{visitor}-order", "occurred_at": at + 60_000})
            if number < 200:
                rows.append(
                    {
                        **order,
                        "value": 15.0,
                        "message_id": f"{visitor}-before",
                        "occurred_at": at - 7 * 86_400_000,
                    }
                )
    table = pa.Table.from_pylist(rows)
    append_bulk(home, site.name, table, writer="import-test", received_at_ms=1_780_000_000_000)
    with Loader(home, now=lambda: datetime(2026, 6, 20, 12, tzinfo=UTC)) as loader:
        loader.flush()


@pytest.fixture
def stopped(planned: ExperimentRecord, moved: Callable[..., None]) -> ExperimentRecord:
    moved(planned.key, Action.SUBMIT, Action.LAUNCH, Action.STOP)
    planned.refresh_from_db()
    return planned
