"""A log of moves, and what it says of the programme: counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from truelift.lifecycle.experiment import Stage
from truelift.lifecycle.programme_metrics import (
    Every,
    Flow,
    Handled,
    Quadrant,
    Ratio,
    Rework,
    Step,
    Trial,
    Wait,
    action_ratio,
    decisions,
    flow,
    per_period,
    period_of,
    periods_between,
    quadrant,
    rework,
    time_in_stages,
)


BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)


def at(day: float) -> datetime:
    return BEGIN + timedelta(days=day)


def trial(key: str, *steps: tuple[str, str, float], begun: float = 0) -> Trial:
    """Steps as action, stage after it, day."""
    before, made = Stage.BRIEFED.value, []
    for action, after, day in steps:
        made.append(Step(action, before, after, at(day)))
        before = after
    return Trial(key, at(begun), tuple(made))


DECIDED = trial(
    "won",
    ("design", "designed", 1),
    ("return", "briefed", 3),
    ("design", "designed", 4),
    ("launch", "running", 10),
    ("pause", "paused", 12),
    ("resume", "running", 13),
    ("stop", "stopped", 24),
    ("analyse", "analysed", 25),
    ("decide", "decided", 27),
)
INVALID = trial(
    "broke",
    ("design", "designed", 2),
    ("launch", "running", 11),
    ("invalidate", "invalid", 20),
)
RUNNING = trial("runs", ("design", "designed", 20), ("launch", "running", 30))
BRIEF = trial("brief", begun=5)


def test_a_decision_is_waited_for_from_the_launch_and_an_invalid_test_has_none() -> None:
    found = decisions([DECIDED, INVALID, RUNNING, BRIEF])

    assert found == (Wait("won", at(10), at(27)), Wait("runs", at(30), None))
    assert [each.days(at(40)) for each in found] == [17, 10]


def test_every_stay_in_a_stage_counts_also_the_second_one() -> None:
    stays = time_in_stages([DECIDED, BRIEF])

    assert [each.days(at(40)) for each in stays[Stage.BRIEFED]] == [1, 1, 35]
    assert [each.days(at(40)) for each in stays[Stage.DESIGNED]] == [2, 6]
    assert stays[Stage.DECIDED] == (Wait("won", at(27), None),)


def test_rework_is_steps_back_restarts_and_tests_for_nothing_by_launches() -> None:
    found = rework([DECIDED, INVALID, RUNNING, BRIEF])

    assert found == Rework(returned=1, resumed=1, invalid=1, launched=3)
    assert found.rate == 1
    assert rework([BRIEF]).rate is None


def test_what_is_under_way_is_held_against_what_comes_out() -> None:
    # Steady: one begins every five days and takes ten, so two are under way.
    steady = [
        trial(str(n), ("design", "designed", 5 * n), ("invalidate", "invalid", 5 * n + 10))
        for n in range(-2, 20)
    ]

    found = flow(steady, since=at(0), until=at(90))

    assert found == Flow(days=90, out=18, cycle_days=10, expected=2, mean=2)


def test_of_nothing_that_came_out_the_law_says_nothing() -> None:
    assert flow([RUNNING], since=at(0), until=at(40)) == Flow(40, 0, None, None, 0.5)


def test_a_trial_is_shown_as_it_stood() -> None:
    assert DECIDED.until(at(12.5)).stage is Stage.PAUSED
    assert DECIDED.until(at(12.5)).decided_at is None
    assert BRIEF.since == at(5)


@pytest.mark.parametrize(
    ("day", "month", "quarter"),
    [
        (date(2026, 1, 1), "2026-01", "2026-Q1"),
        (date(2026, 3, 31), "2026-03", "2026-Q1"),
        (date(2026, 12, 31), "2026-12", "2026-Q4"),
    ],
)
def test_a_day_lies_in_a_month_and_a_quarter(day: date, month: str, quarter: str) -> None:
    assert (period_of(day, Every.MONTH), period_of(day, Every.QUARTER)) == (month, quarter)


def test_a_month_in_which_nothing_was_is_a_zero_and_not_left_out() -> None:
    days = [date(2025, 12, 3), date(2026, 2, 1), date(2026, 2, 28)]

    found = per_period(days, Every.MONTH, first=date(2025, 11, 30), last=date(2026, 3, 1))

    assert found == {"2025-11": 0, "2025-12": 1, "2026-01": 0, "2026-02": 2, "2026-03": 0}
    assert periods_between(date(2025, 11, 30), date(2026, 3, 1), Every.QUARTER) == (
        "2025-Q4",
        "2026-Q1",
    )


def test_an_insight_is_acted_on_within_sixty_days_or_it_is_not() -> None:
    insights = [
        Handled("I-1", at(0), at(60)),
        Handled("I-2", at(0), at(61)),
        Handled("I-3", at(0), None),
        Handled("I-4", at(70), at(71)),
    ]

    assert action_ratio(insights, now=at(100)) == Ratio(1, 3)


@pytest.mark.parametrize(
    ("acted", "proven", "where"),
    [
        (8, 8, Quadrant.SOUND),
        (2, 8, Quadrant.ACTION_POOR),
        (8, 2, Quadrant.PROOF_POOR),
        (2, 2, Quadrant.BOTH),
    ],
)
def test_a_programme_fails_by_not_acting_or_by_not_proving(
    acted: int, proven: int, where: Quadrant
) -> None:
    assert quadrant(Ratio(acted, 10), Ratio(proven, 10)) is where


def test_both_failures_are_called_by_their_names() -> None:
    assert "data rich and action poor" in Quadrant.ACTION_POOR.sentence.lower()
    assert "shipping fast with no proof" in Quadrant.PROOF_POOR.sentence.lower()
    assert quadrant(Ratio(0, 0), Ratio(1, 1)) is Quadrant.UNKNOWN
