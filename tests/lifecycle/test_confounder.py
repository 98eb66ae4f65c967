"""What else happened while a test ran: how much of its sample, and what that means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.lifecycle.confounder import (
    Incident,
    IncidentKind,
    Weight,
    incident_obstacles,
    judge,
    overlaps,
    share_inside,
)
from truelift.lifecycle.contamination import UnderTest


BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 5, 4, tzinfo=BERLIN)
NOW = START + timedelta(days=30)
DAYS = {date(2026, 5, 4) + timedelta(days=each): 100 for each in range(10)}
OUTAGE = Incident(IncidentKind.INCIDENT, START + timedelta(days=3), START + timedelta(days=5))


def _share(*incidents: Incident, days: dict[date, int] = DAYS) -> float | None:
    return share_inside(days, incidents, zone="Europe/Berlin", now=NOW)


def test_an_incident_of_two_of_ten_days_covers_a_fifth_of_the_sample() -> None:
    assert _share(OUTAGE) == pytest.approx(0.20)


def test_windows_that_lie_on_each_other_are_counted_once() -> None:
    later = replace(OUTAGE, since=START + timedelta(days=4), until=START + timedelta(days=6))

    assert _share(OUTAGE, later) == pytest.approx(0.30)


def test_a_part_of_a_day_counts_for_that_part_also_when_the_clocks_change() -> None:
    # 29 March 2026 has 23 hours in Berlin.
    day = date(2026, 3, 29)
    until = datetime(2026, 3, 28, 23, tzinfo=UTC) + timedelta(hours=11, minutes=30)
    half = Incident(IncidentKind.INCIDENT, datetime(2026, 3, 28, 23, tzinfo=UTC), until)

    assert _share(half, days={day: 10}) == pytest.approx(0.5)


def test_nobody_has_no_share() -> None:
    assert _share(OUTAGE, days={}) is None
    assert _share() == 0


@given(st.lists(st.tuples(st.integers(-50, 300), st.integers(1, 200)), max_size=6))
def test_a_share_is_never_more_than_all_and_never_less_than_the_largest(
    spans: list[tuple[int, int]],
) -> None:
    incidents = [
        Incident(
            IncidentKind.SEASON,
            START + timedelta(hours=begin),
            START + timedelta(hours=begin + length),
        )
        for begin, length in spans
    ]

    share = _share(*incidents)

    alone = [_share(each) or 0.0 for each in incidents]
    assert share is not None
    assert max(alone, default=0) - 1e-9 <= share <= min(1, sum(alone)) + 1e-9


@pytest.mark.parametrize(
    ("changed", "weight"),
    [
        ({}, Weight.GENERALISABILITY),
        ({"arms": ("a", "b")}, Weight.GENERALISABILITY),
        ({"arms": ("other",)}, Weight.GENERALISABILITY),
        ({"arms": ("b",)}, Weight.UNEQUAL),
        ({"targeted": True}, Weight.UNEQUAL),
    ],
)
def test_what_met_one_variant_alone_does_not_leave_the_comparison_fair(
    changed: dict[str, Any], weight: Weight
) -> None:
    incident = replace(OUTAGE, **changed)

    found = judge(incident, share=0.2, variants=("a", "b"))

    assert found.weight is weight
    assert found.sentence.endswith("It covers 20% of the sample.")


def test_it_concerns_a_test_of_its_time_on_its_surface() -> None:
    test = UnderTest("t", "Checkout", since=START, until=START + timedelta(days=10))

    def meets(**changed: Any) -> bool:
        return overlaps(replace(OUTAGE, **changed), test, now=NOW)

    assert meets()
    assert meets(surfaces=("checkout",))
    assert not meets(surfaces=("Cart",))
    assert not meets(since=START + timedelta(days=10), until=None)
    assert meets(since=START + timedelta(days=9), until=None)
    assert not meets(since=START - timedelta(days=3), until=START)
    assert not overlaps(OUTAGE, replace(test, since=None), now=NOW)


def test_it_says_what_happened_and_ends_after_it_began() -> None:
    wrong = replace(OUTAGE, until=OUTAGE.since)

    found = incident_obstacles(wrong, what=" ")

    assert [each.code for each in found] == ["incident.no_words", "incident.ends_before_start"]
    assert incident_obstacles(OUTAGE, what="The payment was down") == ()
