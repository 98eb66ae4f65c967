"""The numbers of an experiment's units: per metric one, or a ratio's two, and the same before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.questions.metric import Counted, Metric, MetricKind
from truelift.questions.variant_acts import NEVER, Observed, observed, waits
from truelift.questions.variant_rows import Reading, counted_of
from truelift.sequences.unit_sums import Acts, Wanted, unit_sums


Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]
Chosen = NDArray[np.bool_]

_FOR_EVER_US: Final = 1 << 62
_AT_ONCE: Final = 1 << 25
"""Numbers of units that are held at once, over all sums: what bounds the memory."""


_VALUES: Final = frozenset({MetricKind.QUANTILE, MetricKind.RESTRICTED_MEAN})
_OF_ACTS: Final = _VALUES | {MetricKind.FUNNEL_STEP}


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


@dataclass(frozen=True, slots=True)
class Threshold:
    """A value per variant, and how many of a unit's numbers lie at or below it is counted.

    Attributes:
        metric: Key of a quantile of events' numbers.
        values: One for each variant of the question, in order.
    """

    metric: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class UnitNumbers:
    """What a metric is of every unit.

    Attributes:
        columns: The numbers after the exposure, and where they are asked those before it.
        had: Who had an event of the metric before; None where that is not asked.
        above: Whose number the cap made smaller; None without a cap.
        observed: Each number of events, for a quantile of them; None for all other kinds.
        wait_us: How long each waited; None for all kinds but a restricted mean.
        is_ratio: The first two columns are what is above and below its line.
    """

    columns: list[Numbers]
    had: Chosen | None
    above: Chosen | None = None
    observed: Observed | None = None
    wait_us: Whole | None = None
    is_ratio: bool = False


def numbers_of(
    metrics: Sequence[Metric],
    acts: Acts,
    reading: Reading,
    *,
    past_s: int,
    caps: Sequence[Cap],
    at_most: Mapping[str, Numbers] | None = None,
) -> Iterator[UnitNumbers]:
    """Give each metric's numbers, in order; what several metrics need is added up once.

    Args:
        metrics: Which.
        acts: What the units did.
        reading: How that was read.
        past_s: How long before its exposure a unit's past counts; 0 for none.
        caps: Of some metrics.
        at_most: By quantile, of every unit the value at or below which its numbers are counted.
    """
    of_metric = {cap.metric: cap for cap in caps}
    making = [_Making(metric, reading, past_s, of_metric.get(metric.key)) for metric in metrics]
    for some in _at_once(making, len(acts.begun)):
        wanted = tuple(dict.fromkeys(each for made in some for each in made.wanted))
        sums = dict(zip(wanted, unit_sums(acts, wanted), strict=True)) if wanted else {}
        for made in some:
            if made.metric.kind in _OF_ACTS and not made.metric.per_unit:
                yield made.of_acts(acts, sums, (at_most or {}).get(made.metric.key))
            else:
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
        if self.metric.kind in _VALUES:
            return [self._after(self.metric.counted)] if self.metric.per_unit else []
        for counted in counted_of(self.metric):
            if self.metric.kind is not MetricKind.FUNNEL_STEP:
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
        above: Chosen | None = None
        limits = (self.cap.most, self.cap.below) if self.cap else (None, None)
        for counted, limit in zip(counted_of(self.metric), limits, strict=False):
            number = self._made(sums, self._after(counted), self._after(counted, counts=True), None)
            if limit is not None:
                above = number > limit if above is None else above | (number > limit)
                number = np.minimum(number, limit)
            after.append(number)
            if self.past_s and self.metric.kind not in _VALUES:
                times = self._before(counted, counts=True)
                past.append(self._made(sums, self._before(counted), times, limit))
                had = sums[times] > 0 if had is None else had | (sums[times] > 0)
        return UnitNumbers(
            [*after, *past], had, above, is_ratio=self.metric.kind is MetricKind.RATIO
        )

    def of_acts(
        self, acts: Acts, sums: Mapping[Wanted, Numbers], at_most: Numbers | None
    ) -> UnitNumbers:
        """Make those that no sum tells."""
        metric = self.metric
        bit, amount = self.reading.place(
            metric.counted if metric.kind is MetricKind.QUANTILE else Counted(metric.counted.events)
        )
        high = _FOR_EVER_US if metric.window_s is None else metric.window_s * 1_000_000
        if metric.kind is MetricKind.QUANTILE and amount is not None:
            seen = observed(acts, bit, amount, low=0, high=high)
            units = len(acts.begun)
            total = np.bincount(seen.unit, minlength=units).astype(np.float64)
            hits = total
            if at_most is not None:
                below = seen.value <= at_most[seen.unit]
                hits = np.bincount(seen.unit[below], minlength=units).astype(np.float64)
            return UnitNumbers([hits, total], None, observed=seen)
        before = [self.reading.place(Counted(each))[0] for each in metric.steps]
        wait = waits(acts, [*before, bit], high=high)
        columns = [(wait != NEVER).astype(np.float64)]
        if metric.kind is MetricKind.RESTRICTED_MEAN:
            return UnitNumbers(columns, None, wait_us=wait)
        if not self.past_s:
            return UnitNumbers(columns, None)
        # What came before the exposure has no steps: it foretells by the event itself.
        times = sums[self._before(Counted(metric.counted.events), counts=True)]
        return UnitNumbers([*columns, np.minimum(times, 1.0)], times > 0)

    def _made(
        self, sums: Mapping[Wanted, Numbers], total: Wanted, times: Wanted, limit: float | None
    ) -> Numbers:
        found = sums[total]
        if self.metric.kind.is_share:
            found = np.minimum(found, 1.0)
        elif self.metric.kind is MetricKind.MEAN:
            found = found / np.maximum(sums[times], 1)
        return found if limit is None else np.minimum(found, limit)

    def _after(self, counted: Counted, *, counts: bool = False) -> Wanted:
        """Take what came with or after the exposure, up to the end of the window."""
        window_s, from_s = self.metric.window_s, self.metric.from_s
        high = _FOR_EVER_US if window_s is None else window_s * 1_000_000
        return self._sum(counted, from_s * 1_000_000, high, counts=counts)

    def _before(self, counted: Counted, *, counts: bool = False) -> Wanted:
        """Take what came before the exposure, from so long before it on."""
        return self._sum(counted, -self.past_s * 1_000_000, -1, counts=counts)

    def _sum(self, counted: Counted, low: int, high: int, *, counts: bool) -> Wanted:
        bit, amount = self.reading.place(counted)
        if amount is None:
            return Wanted(bit, low, high)
        counts = counts or (counted.amount is not None and counted.amount.counts)
        return Wanted(bit, low, high, amount, counts=counts)
