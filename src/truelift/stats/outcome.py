"""What an effect means: win, loss, no difference that matters, or nothing yet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from truelift.errors import Refusal
from truelift.stats.comparison import Comparison


class Direction(StrEnum):
    """Which way the metric gets better."""

    INCREASE = "increase"
    DECREASE = "decrease"


class Outcome(StrEnum):
    """What a comparison showed.

    A null is a finding (no difference larger than the margin); inconclusive is
    none (the data cannot tell).
    """

    WIN = "win"
    LOSS = "loss"
    NULL = "null"
    INCONCLUSIVE = "inconclusive"


class Guard(StrEnum):
    """How a guardrail stands: its harm ruled out, shown, or neither."""

    HELD = "held"
    BROKEN = "broken"
    UNDECIDED = "undecided"


class NoMargin(Refusal):
    """A margin that cannot be a margin."""

    code: ClassVar[str] = "stats.bad_margin"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The margin cannot be used: {reason}.", reason=reason)


@dataclass(frozen=True, slots=True)
class Margin:
    """The largest difference that would not matter, agreed while planning.

    Attributes:
        relative: As planned, a share of the control's value, above 0.
        absolute: In the metric's unit, above 0: what the outcome is decided with.
        planned: Whether `absolute` was fixed with the control's value at planning
            time; otherwise with the one observed, which moves with the data.
    """

    relative: float
    absolute: float
    planned: bool


def margin_of(relative: float, *, planned_value: float | None, observed_value: float) -> Margin:
    """Make a planned relative margin absolute, with the value known while planning.

    Args:
        relative: The margin as a share of the control, above 0.
        planned_value: The control's value when the plan was made; None when
            nobody wrote it down, as for imported experiments.
        observed_value: The control's value now, the fallback.

    Raises:
        NoMargin: The margin is not above zero, or the value it is a share of is 0.
    """
    if not relative > 0:
        raise NoMargin(reason=f"it must be above 0, and it is {relative:g}")
    base = observed_value if planned_value is None else planned_value
    if base == 0:
        raise NoMargin(reason="the control's value is 0, and a share of 0 is no margin")
    return Margin(
        relative=relative,
        absolute=relative * abs(base),
        planned=planned_value is not None,
    )


def outcome_of(
    comparison: Comparison, *, direction: Direction, margin: Margin | None = None
) -> Outcome:
    """Say what a comparison showed, judged by its absolute effect.

    Win and loss come first, so that a difference both clear and small is called
    by its sign. A null takes two one-sided tests at alpha each; without a margin
    there is none.

    Source:
        Schuirmann (1987), J. Pharmacokinetics 15, 657-680;
        docs/methods/equivalence-tost.md.
    """
    effect = comparison.absolute
    if comparison.found and effect.value != 0:
        better = (effect.value > 0) is (direction is Direction.INCREASE)
        return Outcome.WIN if better else Outcome.LOSS
    if margin is not None:
        low, high = comparison.narrower
        if -margin.absolute < low and high < margin.absolute:
            return Outcome.NULL
    return Outcome.INCONCLUSIVE


def guard_of(
    comparison: Comparison, *, direction: Direction, margin: Margin | None = None
) -> Guard:
    """Say how a guardrail stands: whether its harm is ruled out, shown, or neither.

    Harm is the effect against the metric's direction. Held: the whole interval
    of harm lies below the margin, even if some harm is clear. Broken: harm is
    clear and not ruled out beyond the margin. Without a margin no harm counts as
    small enough.

    Source:
        docs/methods/guardrail-margin.md.
    """
    effect = comparison.absolute
    if direction is Direction.INCREASE:
        least, most = -effect.high, -effect.low
    else:
        least, most = effect.low, effect.high
    allowed = 0.0 if margin is None else margin.absolute
    if most < allowed:
        return Guard.HELD
    if comparison.found and least + most > 0:
        return Guard.BROKEN
    return Guard.UNDECIDED
