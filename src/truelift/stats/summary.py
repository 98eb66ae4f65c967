"""What one variant's sample tells about one metric, in three numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from truelift.errors import Refusal


class TooFewUnits(Refusal):
    """A statistic was asked of a sample too small to have one."""

    code: ClassVar[str] = "stats.too_few_units"

    def __init__(self, *, statistic: str, n: int, needs: int) -> None:
        super().__init__(
            f"A {statistic} needs {needs} units; this sample has {n}.",
            statistic=statistic,
            n=n,
            needs=needs,
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """Sufficient statistics of one metric over the units of one variant.

    A unit is whatever was randomised (a visitor, an account). The second moment
    is kept about the mean, not about zero: a sum of raw squares loses all its
    digits once the mean is large beside the spread (revenue in cents, times).

    Attributes:
        n: Units, at least 0.
        mean: Mean of the metric, in the metric's own unit.
        m2: Sum of squared deviations from the mean, in that unit squared.

    Source:
        Chan, Golub & LeVeque (1983), The American Statistician 37(3), 242-247.
    """

    n: int
    mean: float
    m2: float

    @property
    def variance(self) -> float:
        """Unbiased sample variance, in the metric's unit squared.

        Raises:
            TooFewUnits: With fewer than two units there is no variance. It is
                undefined, which is not the same as zero.
        """
        if self.n < 2:
            raise TooFewUnits(statistic="variance", n=self.n, needs=2)
        return self.m2 / (self.n - 1)

    def __add__(self, other: Summary) -> Summary:
        """Summarise both samples as one, as if their units had been pooled."""
        if not self.n or not other.n:
            return self if self.n else other
        n = self.n + other.n
        gap = other.mean - self.mean
        return Summary(
            n=n,
            mean=self.mean + gap * other.n / n,
            m2=self.m2 + other.m2 + gap * gap * self.n * other.n / n,
        )
