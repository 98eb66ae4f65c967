"""What is lost while a winner waits: counted in money, or said not to be known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.apps.rollouts.conftest import DECIDED, document
from truelift.apps.accounts.models import User
from truelift.apps.experiments.imported import results_from, take_results
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import AnalysisRecord, ExperimentRecord
from truelift.apps.experiments.services import plan_experiment, store_snapshot
from truelift.apps.experiments.spec import ExperimentSpec
from truelift.apps.research.actor import Actor
from truelift.apps.rollouts.models import RolloutRecord, SiteDayRecord, SiteMoneyRecord
from truelift.apps.rollouts.reads import value_of, winners
from truelift.apps.rollouts.value import Day, Lift, lifts, unrealised
from truelift.apps.sites.models import Site
from truelift.stats.shrinkage import shrink


DAYS = tuple(Day(date(2026, 5, 20) + timedelta(days=n), 1_000, 200_000) for n in range(20))
LIFT = Lift(value=0.03, low=0.01, high=0.05, measured=0.07, metric="order_rate", tests=5)


def test_it_is_days_times_revenue_times_the_shrunken_lift_both_days_included() -> None:
    found = unrealised(LIFT, DAYS, decided_on=date(2026, 5, 25), until=date(2026, 6, 3))

    assert found.days == 10
    assert found.sessions == 10_000
    assert found.value == pytest.approx(10 * 200_000 * 0.03)
    assert found.low == pytest.approx(10 * 200_000 * 0.01)
    assert found.high == pytest.approx(10 * 200_000 * 0.05)
    assert found.per_day == pytest.approx(200_000 * 0.03)


def test_four_months_of_waiting_cost_four_months() -> None:
    days = [Day(date(2026, 1, 1) + timedelta(days=n), 900, 150_000) for n in range(150)]

    found = unrealised(LIFT, days, decided_on=date(2026, 1, 10), until=date(2026, 5, 10))

    assert found.value == pytest.approx(121 * 150_000 * 0.03)


def test_a_change_that_concerns_half_of_the_sessions_costs_half() -> None:
    first, last = date(2026, 5, 25), date(2026, 6, 3)

    half = unrealised(LIFT, DAYS, decided_on=first, until=last, reach=0.5)

    assert half.value == pytest.approx(10 * 200_000 * 0.03 / 2)


@pytest.mark.parametrize(
    ("lift", "days", "problem"),
    [
        (Lift(problem="There are too few tests."), DAYS, ""),
        (LIFT, (), ""),
        (LIFT, DAYS, "No event has arrived."),
    ],
)
def test_what_is_not_known_is_said_and_is_not_zero(
    lift: Lift, days: tuple[Day, ...], problem: str
) -> None:
    found = unrealised(
        lift, days, decided_on=date(2026, 5, 25), until=date(2026, 6, 3), problem=problem
    )

    assert found.value is None
    assert found.problem


def other_tests(site: Site, spec: ExperimentSpec, ada: User, lifts: list[float]) -> None:
    """Tests that are over, each with its own lift of the order rate, ± 5%."""
    import dataclasses

    for number, lift in enumerate(lifts):
        key = f"other-{number}"
        record = plan_experiment(
            site, dataclasses.replace(spec, key=key), by=Actor(ada), now=DECIDED
        )
        written = document()
        effect = written["metrics"][0]["effects"][0]  # type: ignore[index]
        effect["relative"] = {"value": lift, "se": 0.05, "low": lift - 0.1, "high": lift + 0.1}
        store_snapshot(record, written, as_of=DECIDED, by=Actor(ada), now=DECIDED)
        ExperimentRecord.objects.filter(pk=record.pk).update(stage="decided")


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.usefixtures("events")
def test_the_worker_asks_for_the_days_and_shrinks_over_all_valid_tests(
    site: Site, winner: RolloutRecord, spec: ExperimentSpec, ada: User
) -> None:
    other_tests(site, spec, ada, [0.01, -0.02, 0.03])

    run_due_jobs(DECIDED + timedelta(minutes=1))

    winner.refresh_from_db()
    mine = AnalysisRecord.objects.get(experiment=winner.experiment).document
    own = mine["metrics"][0]["effects"][0]["relative"]
    expected = shrink([own["value"], 0.01, -0.02, 0.03], [own["se"], 0.05, 0.05, 0.05])
    assert winner.lift_metric == "order_rate"
    assert winner.lift_tests == 4
    assert winner.lift == pytest.approx(float(expected.value[0]), rel=1e-9)
    assert winner.lift_measured == pytest.approx(own["value"])
    days = SiteDayRecord.objects.filter(site=site)
    assert {each.day for each in days} == set()
    assert SiteMoneyRecord.objects.get(site=site).problem == ""


@pytest.mark.database
@pytest.mark.django_db
@pytest.mark.usefixtures("events")
def test_days_are_the_sites_own_with_its_orders(site: Site, winner: RolloutRecord) -> None:
    RolloutRecord.objects.update(decided_at=datetime(2026, 5, 5, 12, tzinfo=UTC))

    run_due_jobs(DECIDED)

    day = SiteDayRecord.objects.get(site=site, day=date(2026, 5, 6))
    assert day.sessions == 800
    assert day.revenue_minor == (100 * 10 + 150 * 20) * 100


@pytest.mark.database
@pytest.mark.django_db
def test_two_valid_tests_are_too_few_and_the_page_says_so(
    site: Site, winner: RolloutRecord, spec: ExperimentSpec, ada: User
) -> None:
    other_tests(site, spec, ada, [0.01])

    run_due_jobs(DECIDED)

    winner.refresh_from_db()
    assert winner.lift is None
    assert "there are 2" in winner.lift_problem
    rows, counter = winners(site, now=DECIDED)
    assert (counter.value, counter.unknown) == (None, 1)
    assert rows[0].value.value is None


@pytest.mark.database
@pytest.mark.django_db
def test_results_imported_alone_say_how_lifts_are_spread(
    site: Site, winner: RolloutRecord, ada: User
) -> None:
    took = results_from(
        "name,surface,n,effect,se,decision,metric\n"
        "Guest checkout,Checkout,90000,1%,0.05,ship,order_rate\n"
        "Short form,Checkout,90000,-2%,0.05,stop,\n"
        "Lighter images,Home,90000,3%,0.05,iterate,\n"
        "Nobody decided,Home,90000,40%,0.05,,\n"
    )
    take_results(site, took, by=Actor(ada), now=DECIDED)

    lift = lifts(site, [winner])[winner.pk]

    mine = AnalysisRecord.objects.get(experiment=winner.experiment).document
    own = mine["metrics"][0]["effects"][0]["relative"]
    expected = shrink([own["value"], 0.01, -0.02, 0.03], [own["se"], 0.05, 0.05, 0.05])
    assert lift.tests == 4
    assert lift.value == pytest.approx(float(expected.value[0]), rel=1e-9)


@pytest.mark.database
@pytest.mark.django_db
def test_what_cannot_be_used_claims_nothing(
    site: Site, winner: RolloutRecord, snapshot_of: Callable[..., None]
) -> None:
    snapshot_of(winner.experiment.key, at=DECIDED + timedelta(hours=1), srm="fail")

    run_due_jobs(DECIDED + timedelta(hours=2))

    winner.refresh_from_db()
    assert winner.lift_problem == "Its result cannot be used, so nothing is claimed of it."


@pytest.mark.database
@pytest.mark.django_db
def test_the_counter_stops_on_the_day_of_the_verification(
    site: Site, winner: RolloutRecord
) -> None:
    SiteDayRecord.objects.bulk_create(
        SiteDayRecord(
            site=site,
            day=date(2026, 5, 25) + timedelta(days=n),
            sessions=100,
            revenue_minor=10_000,
        )
        for n in range(60)
    )
    RolloutRecord.objects.update(lift=0.1, lift_low=0.05, lift_high=0.15, lift_at=DECIDED)
    later = DECIDED + timedelta(days=40)
    winner.refresh_from_db()

    still = value_of(winner, now=later)
    winner.verified_at = DECIDED + timedelta(days=9)
    stopped = value_of(winner, now=later)

    assert still.value == pytest.approx(41 * 1_000)
    assert stopped.value == pytest.approx(10 * 1_000)
