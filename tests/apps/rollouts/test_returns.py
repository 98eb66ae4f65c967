"""What a programme brought: only of winners that are live, shrunken, and for a year at most."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.apps.rollouts.conftest import DECIDED
from truelift.apps.rollouts.models import RolloutRecord, SiteDayRecord, SiteMoneyRecord
from truelift.apps.rollouts.returns import Returns, brought, returns_of
from truelift.apps.rollouts.value import Calendar, Day, Lift
from truelift.apps.sites.models import Site
from truelift.lifecycle.rollout import RolloutStage


FIRST = date(2025, 1, 1)
CALENDAR = Calendar.of([Day(FIRST + timedelta(days=n), 1_000, 110_000) for n in range(500)])
TENTH = Lift(value=0.1, low=0.05, high=0.15)


def test_the_revenue_has_the_lift_in_it_already() -> None:
    found = brought(TENTH, CALENDAR, live_on=FIRST, until=FIRST + timedelta(days=9))

    assert found.value == pytest.approx(10 * 10_000)
    assert found.low == pytest.approx(10 * 110_000 * 0.05 / 1.05)
    assert found.high == pytest.approx(10 * 110_000 * 0.15 / 1.15)


def test_a_winner_counts_for_a_year_and_only_where_it_reaches() -> None:
    late = FIRST + timedelta(days=499)

    whole = brought(TENTH, CALENDAR, live_on=FIRST, until=late)
    half = brought(TENTH, CALENDAR, live_on=FIRST, until=late, reach=0.5)

    assert whole.value == pytest.approx(365 * 10_000)
    assert half.value == pytest.approx(365 * 110_000 * 0.05 / 1.05)


def test_of_a_lift_that_fades_half_is_left_after_its_half_life() -> None:
    at = FIRST + timedelta(days=30)

    lasting = brought(TENTH, CALENDAR, live_on=at, until=at)
    fading = brought(TENTH, CALENDAR, live_on=FIRST, until=at, half_life_days=30)
    before = brought(
        TENTH, CALENDAR, live_on=FIRST, until=at - timedelta(days=1), half_life_days=30
    )

    assert lasting.value == pytest.approx(110_000 * 0.1 / 1.1)
    assert (fading.value or 0) - (before.value or 0) == pytest.approx(110_000 * 0.05 / 1.05)


def test_what_is_not_known_of_a_lift_is_not_nothing() -> None:
    assert brought(Lift(problem="why"), CALENDAR, live_on=FIRST, until=FIRST).value is None


@pytest.mark.parametrize(
    ("value", "cost", "on_cost"),
    [(300.0, 200.0, 0.5), (100.0, 200.0, -0.5), (None, 200.0, None), (300.0, None, None)],
)
def test_what_is_left_is_held_against_the_cost(
    value: float | None, cost: float | None, on_cost: float | None
) -> None:
    assert Returns(value, None, None, 1, 0, 0, cost).on_cost == on_cost


@pytest.mark.database
@pytest.mark.django_db
def test_a_winner_that_is_not_live_brings_nothing(site: Site, winner: RolloutRecord) -> None:
    now = DECIDED + timedelta(days=20)
    SiteMoneyRecord.objects.update_or_create(site=site, defaults={"asked_at": now, "problem": ""})
    SiteDayRecord.objects.filter(site=site).delete()
    for n in range(20):
        SiteDayRecord.objects.create(
            site=site, day=(DECIDED + timedelta(days=n)).date(), sessions=10, revenue_minor=1_100
        )
    RolloutRecord.objects.update(lift=0.1, lift_low=0.0, lift_high=0.2, lift_at=now)

    waiting = returns_of(site, now=now, cost_a_month=500)
    RolloutRecord.objects.update(
        stage=RolloutStage.VERIFIED.value, verified_at=DECIDED + timedelta(days=10)
    )
    live = returns_of(site, now=now, cost_a_month=500)

    assert (waiting.value, waiting.winners, waiting.waiting) == (None, 0, 1)
    assert live.value == pytest.approx(10 * 100)
    assert live.low == pytest.approx(0)
    assert live.waiting == 0
    # The programme is 41 days old.
    assert live.cost == pytest.approx(500 * 12 * 41 / 365)
    assert winner.key
