"""A variant's value that is known with an error, as a sample that stands beside means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from truelift.stats.effects import Absence
from truelift.stats.points import Points
from truelift.stats.summary import Summary


@dataclass(frozen=True, slots=True)
class KnownValue(Summary):
    """A quantile or a restricted mean of one variant: a value, and how sure it is.

    Everything that is made of a mean needs its value and its variance alone. So a value with
    the variance v is written as a mean of n units whose m2 is v·n·(n − 1), and every scale,
    method and correction holds for it as it holds for means.

    Attributes:
        procedure: Its page in docs/methods.
        absent: Why there is no value; then `n` is 0, and `counted` says how many there were.
        counted: Values that it was made of: units, or observations where a unit has several.
    """

    procedure: str = ""
    absent: Absence = Absence.NONE
    counted: int = 0

    @classmethod
    def of(
        cls, points: Points, *, procedure: str, units: int | None = None, scale: float = 1.0
    ) -> Self:
        """Take the one point of an array.

        Args:
            points: Of one sample.
            procedure: Its page in docs/methods.
            units: How many stand behind it; None where each value is a unit's.
            scale: What the value is multiplied by, to be told in another unit.

        Source:
            docs/methods/quantile.md, docs/methods/restricted-mean.md.
        """
        counted, absent = int(points.n.item()), Absence(int(points.absent.item()))
        n = counted if units is None else units
        if absent or n < _FEWEST:
            absent = absent or Absence.TOO_FEW_UNITS
            return cls(n=0, mean=0.0, m2=0.0, procedure=procedure, absent=absent, counted=counted)
        return cls(
            n=n,
            mean=float(points.value.item()) * scale,
            m2=float(points.variance.item()) * scale * scale * n * (n - 1),
            procedure=procedure,
            counted=counted,
        )


_FEWEST: Final = 2
