"""What an effect would amount to for all who could have it, per week and per year."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Final

from truelift.errors import Refusal
from truelift.stats.comparison import Effect


WEEKS_A_YEAR: Final = 365.2425 / 7


class BadTraffic(Refusal):
    """A traffic that an effect cannot be scaled to."""

    code: ClassVar[str] = "stats.bad_traffic"

    def __init__(self, *, per_week: float) -> None:
        super().__init__(
            f"An effect cannot be scaled to {per_week:g} units a week; give a number above 0.",
            per_week=per_week,
        )


@dataclass(frozen=True, slots=True)
class Amount:
    """An effect on all units of a period.

    Attributes:
        value: In the metric's unit.
        low: Lower end of its interval, which is that of the effect.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Impact:
    """What shipping a treatment to everybody would change, if its effect stayed as it was."""

    week: Amount
    year: Amount


def scaled_impact(absolute: Effect, *, per_week: float) -> Impact:
    """Scale an absolute effect to all units that come in a week, and in a year.

    Args:
        absolute: Effect per unit; of a ratio, per unit of its denominator.
        per_week: Units a week that would have the treatment, those of the control included
            and those that the test left out; of a ratio, its denominator's total.

    Raises:
        BadTraffic: `per_week` is not a number above 0.

    Assumes:
        The effect lasts, holds for those who were not in the test, and adds to what else is
        shipped. Winners are chosen for being large: shrink before summing several.

    Source:
        docs/methods/scaled-impact.md.
    """
    if not (math.isfinite(per_week) and per_week > 0):
        raise BadTraffic(per_week=per_week)
    return Impact(week=_amount(absolute, per_week), year=_amount(absolute, per_week * WEEKS_A_YEAR))


def _amount(effect: Effect, units: float) -> Amount:
    return Amount(value=effect.value * units, low=effect.low * units, high=effect.high * units)
