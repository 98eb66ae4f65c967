"""Moments of units under the values of a dimension, as arrays that pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.metric import MetricKind
from truelift.questions.table import codes
from truelift.stats.summary import ProportionSummary, RatioSummary, Summary


Numbers = NDArray[np.float64]
Sample = Summary | ProportionSummary | RatioSummary


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Per group: how many units, and the centred moments of those that are measured.

    Attributes:
        units: All units.
        n: Those among them whose number is final.
        mean: Of their numbers; 0 where there is none.
        m2: Sum of squared deviations from it.
        below: Mean of their denominators, for a ratio.
        below_m2: Squared deviations of those.
        cross: Products of both deviations.
    """

    units: NDArray[np.int64]
    n: NDArray[np.int64]
    mean: Numbers
    m2: Numbers
    below: Numbers
    below_m2: Numbers
    cross: Numbers

    @classmethod
    def of(
        cls,
        group: NDArray[np.int64],
        groups: int,
        *,
        final: NDArray[np.bool_],
        above: Numbers,
        below: Numbers,
    ) -> Moments:
        """Sum up units in groups that are numbered from 0."""
        chosen = group[final]
        n = np.bincount(chosen, minlength=groups)
        some = np.maximum(n, 1)

        def each(numbers: Numbers) -> Numbers:
            total: Numbers = np.zeros(groups)
            np.add.at(total, chosen, numbers)
            return total

        # The mean first, then what is around it: raw squares would lose their digits.
        mean, below_mean = each(above[final]) / some, each(below[final]) / some
        around, below_around = above[final] - mean[chosen], below[final] - below_mean[chosen]
        return cls(
            units=np.bincount(group, minlength=groups),
            n=n,
            mean=mean,
            m2=each(around * around),
            below=below_mean,
            below_m2=each(below_around * below_around),
            cross=each(around * below_around),
        )

    def placed(self, places: NDArray[np.int64], size: int) -> Moments:
        """Give every group another number."""
        moved = []
        for field in fields(self):
            column = getattr(self, field.name)
            wide = np.zeros(size, dtype=column.dtype)
            wide[places] = column
            moved.append(wide)
        return Moments(*moved)

    def __add__(self, other: Moments) -> Moments:
        """Pool the units of both in every group."""
        n = self.n + other.n
        share = np.divide(other.n, n, out=np.zeros(len(n)), where=n > 0)
        gap, below_gap = other.mean - self.mean, other.below - self.below
        weight = self.n * share
        return Moments(
            units=self.units + other.units,
            n=n,
            mean=self.mean + gap * share,
            m2=self.m2 + other.m2 + gap * gap * weight,
            below=self.below + below_gap * share,
            below_m2=self.below_m2 + other.below_m2 + below_gap * below_gap * weight,
            cross=self.cross + other.cross + gap * below_gap * weight,
        )

    def together(self, groups: Sequence[int]) -> Moments:
        """Pool some groups into one."""
        chosen = np.array(groups, dtype=np.int64)
        found = Moments(*(getattr(self, field.name)[chosen] for field in fields(self)))
        n = found.n.sum(keepdims=True)
        some = np.maximum(n, 1)
        mean = (found.n * found.mean).sum(keepdims=True) / some
        below = (found.n * found.below).sum(keepdims=True) / some
        gap, below_gap = found.mean - mean, found.below - below
        return Moments(
            units=found.units.sum(keepdims=True),
            n=n,
            mean=mean,
            m2=(found.m2 + found.n * gap * gap).sum(keepdims=True),
            below=below,
            below_m2=(found.below_m2 + found.n * below_gap * below_gap).sum(keepdims=True),
            cross=(found.cross + found.n * gap * below_gap).sum(keepdims=True),
        )

    def sample(self, group: int, kind: MetricKind) -> Sample:
        """Give one group as statistics take it."""
        n, mean, m2 = int(self.n[group]), float(self.mean[group]), float(self.m2[group])
        match kind:
            case MetricKind.PROPORTION:
                return ProportionSummary(n=n, successes=round(mean * n))
            case MetricKind.RATIO:
                return RatioSummary(
                    n=n,
                    mean=mean,
                    m2=m2,
                    den_mean=float(self.below[group]),
                    den_m2=float(self.below_m2[group]),
                    cross=float(self.cross[group]),
                )
            case _:
                return Summary(n=n, mean=mean, m2=m2)


@dataclass(frozen=True, slots=True, eq=False)
class Grouped:
    """Units under the values of a dimension.

    Attributes:
        titles: The values; None where a unit has none.
        moments: In the same order.
    """

    titles: tuple[str | None, ...]
    moments: Moments

    @classmethod
    def of(
        cls,
        rows: pa.Table,
        column: str,
        *,
        final: NDArray[np.bool_],
        above: Numbers,
        below: Numbers,
    ) -> Grouped:
        """Sum up units, one a row, by a column of text."""
        group, titles = codes(rows, column)
        moments = Moments.of(group, len(titles), final=final, above=above, below=below)
        return cls(tuple(titles), moments)

    def __add__(self, other: Grouped) -> Grouped:
        """Pool the units of two buckets."""
        places = {title: place for place, title in enumerate(self.titles)}
        for title in other.titles:
            places.setdefault(title, len(places))
        mine = np.arange(len(self.titles), dtype=np.int64)
        theirs = np.fromiter((places[title] for title in other.titles), dtype=np.int64)
        size = len(places)
        moments = self.moments.placed(mine, size) + other.moments.placed(theirs, size)
        return Grouped(tuple(places), moments)

    def split(self, *, least: int, most: int) -> tuple[list[int], list[int]]:
        """Say which groups stand for themselves, the largest first, and which do not.

        Args:
            least: Groups of fewer units do not.
            most: Nor do groups beyond so many.
        """
        sizes = self.moments.units.tolist()
        ranked = sorted(
            (place for place in range(len(sizes)) if sizes[place]),
            key=lambda place: (
                -sizes[place],
                self.titles[place] is None,
                self.titles[place] or "",
            ),
        )
        shown = [place for place in ranked if sizes[place] >= least][:most]
        kept = set(shown)
        return shown, [place for place in ranked if place not in kept]
