"""How many working days a decision has waited, and from when on the sponsor hears of it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.lifecycle.working_days import (
    decision_clock,
    is_working_day,
    working_days_after,
    working_days_between,
)


FRIDAY = date(2026, 5, 1)
MONDAY = date(2026, 5, 4)


@pytest.mark.parametrize(
    ("today", "waited", "late", "escalated"),
    [
        (FRIDAY, 0, False, False),
        (date(2026, 5, 3), 0, False, False),
        (MONDAY, 1, False, False),
        (date(2026, 5, 8), 5, False, False),
        (date(2026, 5, 9), 5, True, False),
        (date(2026, 5, 11), 6, True, True),
    ],
)
def test_a_decision_has_five_working_days_and_is_escalated_on_the_sixth(
    today: date, waited: int, late: bool, escalated: bool
) -> None:
    clock = decision_clock(FRIDAY, today=today)

    assert clock.due == date(2026, 5, 8)
    assert (clock.waited, clock.late, clock.escalated) == (waited, late, escalated)


def test_a_free_day_gives_a_day_more() -> None:
    free = {date(2026, 5, 6), date(2026, 5, 9)}

    assert working_days_after(FRIDAY, 5, free=free) == date(2026, 5, 11)
    assert working_days_between(FRIDAY, date(2026, 5, 11), free=free) == 5


@given(
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.integers(0, 60),
    st.sets(st.dates(date(2020, 1, 1), date(2030, 6, 1)), max_size=5),
)
def test_counting_days_one_by_one_gives_the_same(start: date, days: int, free: set[date]) -> None:
    end = start + timedelta(days=days)

    counted = sum(
        is_working_day(start + timedelta(days=each + 1), free=free) for each in range(days)
    )

    assert working_days_between(start, end, free=free) == counted
    assert working_days_between(start, working_days_after(start, days, free=free), free=free) == (
        days
    )
