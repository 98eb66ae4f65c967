"""Each defect that a test can have, alone in its own test, and the lights that it turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from truelift.apps.accounts.models import User
from truelift.apps.experiments.analysing import analyse_experiment
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.phases import change_allocation
from truelift.apps.experiments.services import move_experiment, plan_experiment
from truelift.apps.experiments.spec import ExperimentSpec, MetricSpec, PlanSpec
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lake.bulk import append_bulk
from truelift.lake.home import Home
from truelift.lake.loader import Loader
from truelift.lifecycle.experiment import Action


pytestmark = [pytest.mark.django_db]

STARTS = datetime(2026, 5, 4, 8, tzinfo=UTC)
WEEK_LATER = datetime(2026, 5, 11, 0, tzinfo=UTC)
DAYS = 14
A_DAY = 50
"""Visitors a day and variant."""

AFTERWARDS = datetime(2026, 6, 20, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Visitor:
    """One visitor of a test that has no defect, until one is made of them."""

    variant: str
    day: int
    nth: int
    ordered: bool
    value: float
    saw_both: bool = False
    spent_before: float = 15.0


Defect = Callable[[Visitor], Visitor | None]


def nobody_is_changed(visitor: Visitor) -> Visitor | None:
    return visitor


@dataclass(frozen=True)
class Case:
    """A defect: who is changed by it, how the test is planned, and which lights it turns."""

    lights: frozenset[str]
    defect: Defect = nobody_is_changed
    event: str = "purchase"
    kind: str = "proportion"
    of: str = ""
    plan: PlanSpec = field(default_factory=lambda: PlanSpec(n_per_variant=300, minimum_effect=0.3))
    window_days: float = 1.0
    weights: tuple[float, float] | None = None
    stopped_at: datetime | None = None
    alpha_now: float | None = None


def loses_a_quarter(visitor: Visitor) -> Visitor | None:
    return None if visitor.variant == "early" and visitor.nth % 8 in (0, 3) else visitor


def loses_phones_here_and_desktops_there(visitor: Visitor) -> Visitor | None:
    lost = 1 if visitor.variant == "early" else 0
    return None if visitor.nth % 8 == lost else visitor


def ramped_up(visitor: Visitor) -> Visitor | None:
    late_only = visitor.day < 7 and visitor.nth >= 16
    return None if visitor.variant == "early" and late_only else visitor


def wanders(visitor: Visitor) -> Visitor | None:
    lost = {"early": (1, 2, 3), "late": (4, 5, 6)}
    return None if visitor.day in lost[visitor.variant] else visitor


def sees_both(visitor: Visitor) -> Visitor | None:
    return replace(visitor, saw_both=visitor.nth % 20 == 0)


def fades(visitor: Visitor) -> Visitor | None:
    if visitor.variant == "early" and visitor.day < 7:
        return replace(visitor, ordered=visitor.nth % 4 != 0)
    return visitor


def buys_for_all_others(visitor: Visitor) -> Visitor | None:
    if (visitor.variant, visitor.day, visitor.nth) == ("early", 9, 3):
        return replace(visitor, ordered=True, value=5000.0)
    return visitor


def spent_more_before(visitor: Visitor) -> Visitor | None:
    return replace(visitor, spent_before=60.0 if visitor.variant == "early" else 15.0)


def is_not_measured_for_two_days(visitor: Visitor) -> Visitor | None:
    return replace(visitor, ordered=visitor.nth % 10 != 0 and visitor.day not in (10, 11))


def is_drawn_by_nobody(visitor: Visitor) -> Visitor | None:
    return replace(visitor, variant="third") if visitor.nth % 25 == 0 else visitor


CASES = {
    "none": Case(frozenset()),
    # One defect, seen over everybody and day by day.
    "uneven": Case(frozenset({"srm", "srm_daily"}), loses_a_quarter),
    "wandering": Case(frozenset({"srm_daily"}), wanders),
    "segment": Case(frozenset({"srm_segments"}), loses_phones_here_and_desktops_there),
    "ramp": Case(frozenset(), ramped_up, weights=(3, 1)),
    "phase": Case(frozenset({"srm_phases"}), weights=(3, 1)),
    "crossovers": Case(frozenset({"crossovers"}), sees_both),
    "novelty": Case(frozenset({"novelty"}), fades),
    "outlier": Case(frozenset({"outliers"}), buys_for_all_others),
    "before": Case(frozenset({"covariate_balance"}), spent_more_before),
    "power": Case(frozenset({"power"}), plan=PlanSpec(n_per_variant=300, minimum_effect=0.05)),
    "few": Case(frozenset({"sample_size"}), plan=PlanSpec(n_per_variant=5000, minimum_effect=0.3)),
    "tracking": Case(frozenset({"tracking"}), is_not_measured_for_two_days, event="signup"),
    "stray": Case(frozenset({"unplanned_variants"}), is_drawn_by_nobody),
    "immature": Case(frozenset({"maturity"}), window_days=40),
    "mute": Case(frozenset({"tracking"}), event="never_sent"),
    "unmeasured": Case(frozenset({"primary_metric"}), kind="sum", of="points"),
    "early": Case(
        frozenset({"planned_end"}),
        stopped_at=datetime(2026, 5, 13, 23, tzinfo=UTC),
        window_days=0.25,
    ),
    "changed": Case(frozenset({"plan"}), alpha_now=0.04),
}


def visitors() -> Iterator[Visitor]:
    """Three of ten order, alike in both variants on every day and every device."""
    for variant in ("late", "early"):
        for day in range(DAYS):
            for nth in range(A_DAY):
                yield Visitor(
                    variant=variant,
                    day=day,
                    nth=nth,
                    ordered=(nth * 7 + day * 3) % A_DAY < 15,
                    value=10.0 + 5 * (nth % 5),
                )


def rows_of(name: str, case: Case) -> Iterator[dict[str, Any]]:
    for healthy in visitors():
        visitor = case.defect(healthy)
        if visitor is None:
            continue
        at = STARTS + timedelta(days=visitor.day, minutes=10 * visitor.nth)
        seen = {"experiment": f"case-{name}", "variant": visitor.variant}
        yield row(name, visitor, "exposure", at, seen)
        if visitor.saw_both:
            other = "early" if visitor.variant == "late" else "late"
            yield row(name, visitor, "exposure", at + HOUR, {**seen, "variant": other})
        if visitor.nth // 2 % 2 == 0:
            spent = {"value": visitor.spent_before, "currency": "EUR"}
            yield row(name, visitor, "purchase", at - timedelta(days=6), spent)
        if visitor.ordered and case.event != "never_sent":
            spent = {"value": visitor.value, "currency": "EUR"}
            yield row(name, visitor, case.event, at + MINUTE, spent)


HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def row(
    name: str, visitor: Visitor, event: str, at: datetime, more: Mapping[str, Any]
) -> dict[str, Any]:
    who = f"{name}-{visitor.variant}-{visitor.day}-{visitor.nth}"
    return {
        "visitor_id": who,
        "message_id": f"{who}-{event}-{at}",
        "event": event,
        "occurred_at": int(at.timestamp() * 1000),
        "trusted": True,
        "type": "track",
        "value": None,
        "currency": None,
        "experiment": None,
        "variant": None,
        "device": "phone" if visitor.nth % 2 else "desktop",
        **more,
    }


@pytest.fixture
def world(site: Site, home: Home) -> None:
    rows = [row for name, case in CASES.items() for row in rows_of(name, case)]
    table = pa.Table.from_pylist(rows)
    append_bulk(home, site.name, table, writer="import-test", received_at_ms=1_780_000_000_000)
    with Loader(home, now=lambda: AFTERWARDS) as loader:
        loader.flush()


@pytest.fixture
def ran(
    site: Site, spec: ExperimentSpec, ada: User, now: datetime, moved: Callable[..., None]
) -> Callable[[str], dict[str, Any]]:
    """Plans, launches, stops and analyses the test of a case; gives the document."""

    def run(name: str) -> dict[str, Any]:
        case, key = CASES[name], f"case-{name}"
        metrics = (
            MetricSpec(
                f"orders-{name}",
                case.kind,
                case.event,
                property=case.of,
                window_days=case.window_days,
            ),
            MetricSpec(f"revenue-{name}", "sum", "purchase", property="value", window_days=1),
        )
        plan = replace(
            spec,
            key=key,
            name=name,
            end=(STARTS + timedelta(days=DAYS)).date(),
            metrics=metrics,
            primary=metrics[0].key,
            guardrails=(metrics[1].key,),
            secondary=(),
            plan=case.plan,
        )
        plan_experiment(site, plan, by=Actor(ada), now=now)
        moved(key, Action.SUBMIT, Action.LAUNCH)
        if case.weights:
            for since, weights in ((STARTS, case.weights), (WEEK_LATER, (1.0, 1.0))):
                change_allocation(
                    site,
                    key,
                    weights=dict(zip(("late", "early"), weights, strict=True)),
                    since=since - timedelta(hours=8),
                    reason="Ramped up.",
                    by=Actor(ada),
                    now=AFTERWARDS,
                )
        if case.stopped_at:
            at, why = case.stopped_at, "Out of stock."
            move_experiment(site, key, Action.STOP, by=Actor(ada), now=at, reason=why)
        else:
            moved(key, Action.STOP)
        if case.alpha_now:
            ExperimentRecord.objects.filter(key=key).update(alpha=case.alpha_now)
        return analyse_experiment(site, key, by=Actor(ada), now=AFTERWARDS).document

    return run


@pytest.mark.usefixtures("world")
def test_each_defect_alone_turns_exactly_its_own_light(
    ran: Callable[[str], dict[str, Any]],
) -> None:
    turned = {
        name: {each["check"] for each in ran(name)["integrity"] if each["status"] != "ok"}
        for name in CASES
    }

    assert turned == {name: set(case.lights) for name, case in CASES.items()}
