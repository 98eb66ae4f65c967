from __future__ import annotations

import pytest

from truelift.stats.comparison import Comparison, compare
from truelift.stats.outcome import (
    Direction,
    Guard,
    Margin,
    NoMargin,
    Outcome,
    guard_of,
    margin_of,
    outcome_of,
)
from truelift.stats.summary import ProportionSummary, Summary


UP, DOWN = Direction.INCREASE, Direction.DECREASE


def change(value: float, *, se: float = 1.0) -> Comparison:
    """A comparison whose absolute effect has this value and standard error."""
    n = 100_000
    m2 = se * se / 2 * n * (n - 1)
    return compare(Summary(n, 100.0, m2), Summary(n, 100.0 + value, m2))


def margin(absolute: float) -> Margin:
    return Margin(relative=absolute / 100, absolute=absolute, planned=True)


def test_a_clear_rise_wins_or_loses_by_the_direction_of_the_metric() -> None:
    assert outcome_of(change(3.0), direction=UP) is Outcome.WIN
    assert outcome_of(change(3.0), direction=DOWN) is Outcome.LOSS
    assert outcome_of(change(-3.0), direction=UP) is Outcome.LOSS
    assert outcome_of(change(-3.0), direction=DOWN) is Outcome.WIN


def test_a_clear_effect_inside_the_margin_is_called_by_its_sign() -> None:
    assert outcome_of(change(3.0), direction=UP, margin=margin(50)) is Outcome.WIN


def test_no_difference_is_a_finding_only_inside_the_margin() -> None:
    assert outcome_of(change(0.5), direction=UP, margin=margin(3)) is Outcome.NULL
    assert outcome_of(change(0.5), direction=UP, margin=margin(2)) is Outcome.INCONCLUSIVE
    assert outcome_of(change(0.5), direction=UP) is Outcome.INCONCLUSIVE


def test_equivalence_takes_two_one_sided_tests_at_alpha_each() -> None:
    comparison = change(0.0)

    # 1.645 standard errors, not 1.96: each side is tested at 5 %.
    assert outcome_of(comparison, direction=UP, margin=margin(1.65)) is Outcome.NULL
    assert outcome_of(comparison, direction=UP, margin=margin(1.64)) is Outcome.INCONCLUSIVE


def test_zero_against_zero_is_inconclusive_until_there_are_enough_units() -> None:
    few = compare(ProportionSummary(50, 0), ProportionSummary(50, 0))
    many = compare(ProportionSummary(100_000, 0), ProportionSummary(100_000, 0))

    assert outcome_of(few, direction=UP, margin=margin(0.001)) is Outcome.INCONCLUSIVE
    assert outcome_of(many, direction=UP, margin=margin(0.001)) is Outcome.NULL


def test_the_margin_is_made_absolute_with_the_value_at_planning_time() -> None:
    agreed = margin_of(0.02, planned_value=0.05, observed_value=0.08)
    unplanned = margin_of(0.02, planned_value=None, observed_value=0.08)

    assert agreed == Margin(relative=0.02, absolute=0.001, planned=True)
    assert unplanned == Margin(relative=0.02, absolute=0.0016, planned=False)


@pytest.mark.parametrize(("relative", "value"), [(0.0, 1.0), (-0.1, 1.0), (0.1, 0.0)])
def test_a_margin_of_nothing_is_refused(relative: float, value: float) -> None:
    with pytest.raises(NoMargin):
        margin_of(relative, planned_value=value, observed_value=value)


@pytest.mark.parametrize(
    ("value", "direction", "expected"),
    [
        (0.0, UP, Guard.HELD),  # harm up to 1.96, the margin is 3
        (-2.5, UP, Guard.BROKEN),  # harm clear, and up to 4.46
        (-1.5, UP, Guard.UNDECIDED),  # harm from −0.46 to 3.46
        (2.5, DOWN, Guard.BROKEN),
        (2.5, UP, Guard.HELD),
    ],
)
def test_a_guardrail_holds_when_harm_beyond_the_margin_is_ruled_out(
    value: float, direction: Direction, expected: Guard
) -> None:
    assert guard_of(change(value), direction=direction, margin=margin(3)) is expected


def test_clear_harm_smaller_than_agreed_does_not_break_a_guardrail() -> None:
    comparison = change(-2.5, se=0.1)

    assert outcome_of(comparison, direction=UP, margin=margin(3)) is Outcome.LOSS
    assert guard_of(comparison, direction=UP, margin=margin(3)) is Guard.HELD


def test_without_a_margin_only_a_clear_gain_holds_a_guardrail() -> None:
    assert guard_of(change(0.0), direction=UP) is Guard.UNDECIDED
    assert guard_of(change(-3.0), direction=UP) is Guard.BROKEN
    assert guard_of(change(3.0), direction=UP) is Guard.HELD
