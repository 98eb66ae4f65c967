"""The numbers of an experiment's units: per metric one, or a ratio's two, and the same before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.questions.metric import Counted, Metric, MetricKind
from truelift.questions.variant_rows import Reading, counted_of
from truelift.sequences.unit_sums import Acts, Wanted, unit_sums


Numbers = NDArray[np.float64]
Chosen = NDArray[np.bool_]

_FOR_EVER_US: Final = 1 << 62
_AT_ONCE: Final = 1 << 25
"""Numbers of units that are held at once, over all sums: what bounds the memory."""


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that a unit's number counts as, so that no single order decides.

    Attributes:
        metric: Its key.
        most: In the metric's unit; holds in all variants, and before the exposure as well.
        below: The same of a ratio's denominator; None: none.
    """

    metric: str
    most: float
    below: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class UnitNumbers:
    """What a metric is of every unit.

    Attributes:
        columns: The numbers after the exposure, and where they are asked those before it.
        had: Who had an event of the metric before; None where that is not asked.
    """

    columns: list[Numbers]
    had: Chosen | None


def numbers_of(
    metrics: Sequence[Metric],
    acts: Acts,
    reading: Reading,
    *,
    past_s: int,
    caps: Sequence[Cap],
) -> Iterator[UnitNumbers]:
    """Give each metric's numbers, in order; what several metrics need is added up once.

    Args:
        metrics: Which.
        acts: What the units did.
        reading: How that was read.
        past_s: How long before its exposure a unit's past counts; 0 for none.
        caps: Of some metrics.
    """
    of_metric = {cap.metric: cap for cap in caps}
    making = [_Making(metric, reading, past_s, of_metric.get(metric.key)) for metric in metrics]
    for some in _at_once(making, len(acts.begun)):
        wanted = tuple(dict.fromkeys(each for made in some for each in made.wanted))
        sums = dict(zip(wanted, unit_sums(acts, wanted), strict=True))
        for made in some:
            yield made.numbers(sums)


def _at_once(making: Sequence[_Making], units: int) -> Iterator[list[_Making]]:
    most = max(_AT_ONCE // max(units, 1), 1)
    some: list[_Making] = []
    for made in making:
        if some and sum(len(each.wanted) for each in (*some, made)) > most:
            yield some
            some = []
        some.append(made)
    yield some


@dataclass(frozen=True, slots=True)
class _Making:
    """How the numbers of a metric are made of sums."""

    metric: Metric
    reading: Reading
    past_s: int
    cap: Cap | None

    @property
    def wanted(self) -> list[Wanted]:
        """Give the sums that it is made of."""
        found = []
        for counted in counted_of(self.metric):
            found.append(self._after(counted))
            if self.metric.kind is MetricKind.MEAN:
                found.append(self._after(counted, counts=True))
            if self.past_s:
                found += [self._before(counted), self._before(counted, counts=True)]
        return found

    def numbers(self, sums: Mapping[Wanted, Numbers]) -> UnitNumbers:
        """Make them."""
        after, past = [], []
        had: Chosen | None = None
        limits = (self.cap.most, self.cap.below) if self.cap else (None, None)
        for counted, limit in zip(counted_of(self.metric), limits, strict=False):
            after.append(
                self._made(sums, self._after(counted), self._after(counted, counts=True), limit)
            )
            if self.past_s:
                times = self._before(counted, counts=True)
                past.append(self._made(sums, self._before(counted), times, limit))
                had = sums[times] > 0 if had is None else had | (sums[times] > 0)
        return UnitNumbers([*after, *past], had)

    def _made(
        self, sums: Mapping[Wanted, Numbers], total: Wanted, times: Wanted, limit: float | None
    ) -> Numbers:
        found = sums[total]
        if self.metric.kind is MetricKind.PROPORTION:
            found = np.minimum(found, 1.0)
        elif self.metric.kind is MetricKind.MEAN:
            found = found / np.maximum(sums[times], 1)
        return found if limit is None else np.minimum(found, limit)

    def _after(self, counted: Counted, *, counts: bool = False) -> Wanted:
        """Take what came with or after the exposure, up to the end of the window."""
        window_s = self.metric.window_s
        high = _FOR_EVER_US if window_s is None else window_s * 1_000_000
        return self._sum(counted, 0, high, counts=counts)

    def _before(self, counted: Counted, *, counts: bool = False) -> Wanted:
        """Take what came before the exposure, from so long before it on."""
        return self._sum(counted, -self.past_s * 1_000_000, -1, counts=counts)

    def _sum(self, counted: Counted, low: int, high: int, *, counts: bool) -> Wanted:
        bit, amount = self.reading.place(counted)
        if amount is None:
            return Wanted(bit, low, high)
        counts = counts or (counted.amount is not None and counted.amount.counts)
        return Wanted(bit, low, high, amount, counts=counts)
