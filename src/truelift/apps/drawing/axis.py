"""One axis: which numbers get a tick, and where on the drawing a number stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from truelift.apps.drawing.wording import Measure


STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
"""What a step between ticks begins with."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis.

    Attributes:
        value: The number.
        label: As it is written.
        at: Where it stands, in per cent or px of the drawing.
        zero: Whether it is the zero line.
        minor: Whether a phone leaves its label out.
    """

    value: float
    label: str
    at: str
    zero: bool
    minor: bool


@dataclass(frozen=True, slots=True)
class Axis:
    """A straight axis between two numbers.

    Attributes:
        low: Number at its start.
        high: Number at its end, above `low`.
        step: Between ticks.
        measure: How its numbers are written.
    """

    low: float
    high: float
    step: float
    measure: Measure

    def share(self, value: float) -> float:
        """Give the place of a number: 0 at the start, 1 at the end, never outside."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def x(self, value: float) -> str:
        """Give the place of a number in per cent of the width."""
        return f"{100 * self.share(value):.2f}%"

    def inside(self, value: float) -> bool:
        """Say whether a number can be drawn, or lies beyond the frame."""
        room = 1e-9 * (self.high - self.low)
        return self.low - room <= value <= self.high + room

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Every multiple of the step that fits."""
        first = math.ceil(self.low / self.step - 1e-9)
        last = math.floor(self.high / self.step + 1e-9)
        many = last - first > 3
        return tuple(
            Tick(
                value=i * self.step,
                label=self.measure.tick(i * self.step, step=self.step),
                at=self.x(i * self.step),
                zero=i == 0,
                minor=many and i % 2 != 0,
            )
            for i in range(first, last + 1)
        )


def axis_over(low: float, high: float, *, measure: Measure, ticks: int = 4) -> Axis:
    """Make an axis that holds two numbers and has about so many steps of a round size.

    Args:
        low: Smallest number to hold.
        high: Largest number to hold.
        measure: How the numbers are written.
        ticks: About how many steps.
    """
    if high <= low:
        # A single number still needs a length to stand on.
        spread = abs(low) * 0.1 or 1.0
        low, high = low - spread, high + spread
    step = round_step((high - low) / ticks)
    first, last = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return Axis(low=first, high=last, step=step, measure=measure)


def axis_around(low: float, high: float, *, measure: Measure, room: float = 0.06) -> Axis:
    """Make an axis that ends a little beyond two numbers, with ticks wherever they fall.

    Args:
        low: Smallest number to hold.
        high: Largest number to hold.
        measure: How the numbers are written.
        room: Beyond each end, as a share of their distance.
    """
    if high <= low:
        return axis_over(low, high, measure=measure)
    span = high - low
    step = round_step(span / 5.5)
    return Axis(low=low - room * span, high=high + room * span, step=step, measure=measure)


def round_step(rough: float) -> float:
    """Give the smallest round step that is not below a rough one."""
    size = 10.0 ** math.floor(math.log10(rough))
    return next(size * begin for begin in STEPS if size * begin >= rough * (1 - 1e-9))
