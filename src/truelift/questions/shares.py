"""Shares of units, and differences between two, with the intervals that hold them at 95 %."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

from truelift.questions.document import Json


Z_95: Final = 1.959963984540054
"""Two-sided, at the 95 % that every interval here has."""


@dataclass(frozen=True, slots=True)
class Span:
    """A number and the interval that holds it at 95 %."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> Span:
        """Scale all three by something that is not negative."""
        return Span(self.value * factor, self.low * factor, self.high * factor)

    def document(self) -> dict[str, Json]:
        """Write it as three numbers."""
        return {"value": self.value, "low": self.low, "high": self.high}


def share_of(arrived: int, passed: int) -> Span:
    """Give a share with its score interval, which stays within 0 and 1.

    Args:
        arrived: Above 0.
        passed: Of those; what is more counts as all.

    Source:
        Wilson (1927), Journal of the American Statistical Association 22, 209-212.
    """
    share = min(passed / arrived, 1.0)
    spread = Z_95 * sqrt(share * (1 - share) / arrived + Z_95**2 / (4 * arrived**2))
    centre = share + Z_95**2 / (2 * arrived)
    scale = 1 + Z_95**2 / arrived
    return Span(share, max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0))


def difference(one: Span, other: Span) -> Span:
    """Give the first share less the second, of different units.

    Source:
        Newcombe (1998), Statistics in Medicine 17, 873-890 (method 10).
    """
    gap = one.value - other.value
    below = sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    above = sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return Span(gap, gap - below, gap + above)
