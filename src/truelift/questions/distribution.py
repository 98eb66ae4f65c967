"""How often each value of a number occurs: exact percentiles that add up over buckets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.errors import Refusal
from truelift.questions.document import Json


MOST_VALUES: Final = 100_000
"""Different values that are counted; money in minor units hardly has more."""

SHOWN: Final = ("0.5", "0.75", "0.9", "0.95", "0.99", "0.995", "0.999")
"""The percentiles of a document."""


class TooManyValues(Refusal):
    """A number has more different values than can be counted one by one."""

    code = "questions.too_many_values"

    def __init__(self, *, most: int) -> None:
        super().__init__(
            f"It has more than {most:,} different values, so its exact percentiles are not known;"
            " give the cap as a number.",
            most=most,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Distribution:
    """Units by their number.

    Attributes:
        values: The different numbers, in order.
        counts: How many units have each.
        too_many: There are more values than are counted, here or in a part; then none are.
        rounds: Where there are more values than are counted, those that agree in so many
            leading digits are counted as one, in place of none; 0: not.
        rounded: It has come to that.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64]
    too_many: bool = False
    rounds: int = 0
    rounded: bool = False

    @classmethod
    def of(cls, numbers: NDArray[np.float64], *, rounds: int = 0) -> Distribution:
        """Count units, each of which has one number."""
        values, counts = np.unique(numbers, return_counts=True)
        return cls(values, counts.astype(np.int64), rounds=rounds).limited()

    @property
    def n(self) -> int:
        """How many numbers were counted."""
        return int(self.counts.sum())

    def limited(self) -> Distribution:
        """Forget all values where there are too many."""
        if len(self.values) <= MOST_VALUES and not self.too_many:
            return self
        if self.rounds:
            return self._rounded()
        return Distribution(np.zeros(0), np.zeros(0, np.int64), too_many=True)

    def __add__(self, other: Distribution) -> Distribution:
        """Count the units of both."""
        values, place = np.unique(np.concatenate([self.values, other.values]), return_inverse=True)
        counts = np.zeros(len(values), np.int64)
        np.add.at(counts, place, np.concatenate([self.counts, other.counts]))
        both = Distribution(
            values,
            counts,
            self.too_many or other.too_many,
            rounds=min(self.rounds, other.rounds),
        )
        return both._rounded() if self.rounded or other.rounded else both.limited()

    def _rounded(self) -> Distribution:
        """Count values that agree in their leading digits as one."""
        sizes = np.abs(self.values)
        there = sizes > 0
        powers = np.floor(np.log10(sizes, where=there, out=np.zeros(len(sizes))))
        steps = 10.0 ** (powers - self.rounds + 1)
        coarse = np.where(there, np.round(self.values / steps) * steps, 0.0)
        values, place = np.unique(coarse, return_inverse=True)
        counts = np.zeros(len(values), np.int64)
        np.add.at(counts, place, self.counts)
        return Distribution(values, counts, rounds=self.rounds, rounded=True)

    def at(self, share: float) -> float | None:
        """Give the least value that this share of the numbers does not exceed; None for none."""
        if not self.n:
            return None
        # A share that was worked out may miss its rank by the last digit.
        rank = min(max(math.ceil(share * self.n - 1e-9), 1), self.n)
        return float(self.values[np.searchsorted(np.cumsum(self.counts), rank)])

    def percentile(self, share: str, *, above_zero: bool = False) -> float | None:
        """Give the least value that this share of the units does not exceed; None for nobody.

        Args:
            share: As a decimal, 0 to 1; text, since 0.07 × 100 as floats is more than 7.
            above_zero: Among the units whose number is above 0.

        Raises:
            TooManyValues: There are more values than are counted.
        """
        if self.too_many:
            raise TooManyValues(most=MOST_VALUES)
        chosen = self.values > 0 if above_zero else np.ones(len(self.values), dtype=bool)
        values, reached = self.values[chosen], np.cumsum(self.counts[chosen])
        if not len(values):
            return None
        rank = max(math.ceil(Fraction(share) * int(reached[-1])), 1)
        return float(values[np.searchsorted(reached, rank)])

    def document(self) -> dict[str, Json]:
        """Write the usual percentiles; null where they are not known."""
        known = not self.too_many
        return {
            "units": int(self.counts.sum()) if known else None,
            "distinct": len(self.values) if known else None,
            "largest": float(self.values[-1]) if len(self.values) else None,
            "percentiles": {s: self.percentile(s) for s in SHOWN} if known else None,
            "percentiles_above_zero": (
                {s: self.percentile(s, above_zero=True) for s in SHOWN} if known else None
            ),
        }
