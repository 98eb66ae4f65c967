"""What is told of an experiment's units: per metric and variant, in cells and by day."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from truelift.questions.distribution import Distribution
from truelift.questions.document import Json
from truelift.questions.metric import Metric
from truelift.questions.moments import (
    Covaried,
    Sample,
    before_moments,
    covaried_of,
    moments,
    sample_of,
)
from truelift.questions.variant_acts import Waits
from truelift.questions.variant_cells import Grouping, Vectors
from truelift.questions.variant_units import Unit


Whole = NDArray[np.int64]

_EPOCH: Final = date(1970, 1, 1)


class Asked(Protocol):
    """What an answer says again of its question; see `VariantSummaries`."""

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        ...

    @property
    def experiment(self) -> str:
        """Its key."""
        ...

    @property
    def variants(self) -> tuple[str, ...]:
        """In order."""
        ...

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """In order."""
        ...

    @property
    def unit(self) -> Unit:
        """What a variant was drawn for."""
        ...

    @property
    def covariate_s(self) -> int:
        """How far the past goes; 0 for none."""
        ...

    @property
    def by(self) -> tuple[str, ...]:
        """Dimensions."""
        ...

    @property
    def by_day(self) -> bool:
        """Whether days were asked."""
        ...

    @property
    def max_rows(self) -> int:
        """Values per dimension."""
        ...

    @property
    def distributions(self) -> tuple[str, ...]:
        """Metrics whose percentiles were asked."""
        ...

    @property
    def spreads(self) -> tuple[str, ...]:
        """Metrics whose percentiles within each variant were asked."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """How the numbers of a metric are distributed within each variant.

    Attributes:
        above: Per variant the units' numbers; of a quantile of events those of the events; of
            a ratio the numerators of the units that have a denominator.
        below: Of a ratio the denominators of the same units; None for all other kinds.
    """

    above: tuple[Distribution, ...]
    below: tuple[Distribution, ...] | None = None

    def __add__(self, other: Spread) -> Spread:
        """Count the numbers of both."""
        below = None
        if self.below is not None and other.below is not None:
            below = _each(self.below, other.below)
        return Spread(_each(self.above, other.above), below)

    def together(self) -> tuple[Distribution, Distribution | None]:
        """Give those of all variants as one."""
        above = functools.reduce(operator.add, self.above)
        return above, None if self.below is None else functools.reduce(operator.add, self.below)


def _each(
    one: tuple[Distribution, ...], other: tuple[Distribution, ...]
) -> tuple[Distribution, ...]:
    return tuple(left + right for left, right in zip(one, other, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one bucket, or several, tell about an experiment.

    Attributes:
        question: What was asked.
        whole: Everybody, and every dimension as asked, and the days where they were.
        groups: By dimension.
        days: Days of the site as titles, since 1970; None where not asked.
        immature: Per metric, units whose window is still open, left out of its samples.
        before: Per metric and variant, units with an event of it before their exposure.
        daily: Per day of the site and variant, units first exposed on it.
        crossovers: Units that saw more than one variant in the period.
        by_merge: Those among them that did only because two persons became one.
        unplanned: Per variant that the experiment does not name, its units.
        unnamed: Persons whose exposures name no visitor or user, where such is the unit.
        distributions: By metric, where asked.
        spreads: By metric, where asked, within each variant.
        waits: By restricted mean, how long units waited.
        capped: Per metric and variant, units that count for less than they had.
    """

    question: Asked = field(repr=False)
    whole: Grouping
    groups: tuple[Grouping, ...]
    days: Grouping | None
    immature: Mapping[str, int]
    before: Whole
    daily: Mapping[tuple[date, str], int]
    crossovers: int
    by_merge: int
    unplanned: Mapping[str, int]
    unnamed: int
    distributions: Mapping[str, Distribution]
    spreads: Mapping[str, Spread]
    waits: Mapping[str, Waits]
    capped: Whole

    @property
    def units(self) -> Mapping[str, int]:
        """Per variant, units first exposed to it; crossovers are left out."""
        return dict(zip(self.question.variants, self.whole.units.tolist(), strict=True))

    @property
    def samples(self) -> Mapping[str, Mapping[str, Sample]]:
        """Per metric and variant, over the units whose window is over."""
        return {
            metric.key: {
                variant: sample_of(metric.kind, vectors, cell)
                for cell, variant in enumerate(self.question.variants)
            }
            for metric, vectors in zip(self.question.metrics, self.whole.metrics, strict=True)
        }


@dataclass(frozen=True, slots=True)
class Cell:
    """A metric of the units of one variant that share a value of a dimension, or a day.

    Attributes:
        dimension: Which; `day` for days.
        value: None where a unit had none, and for several values together.
        others: How many values these are together; 0 for one.
        metric: Its key.
        variant: Which.
        units: All of them, those with an open window included.
        sample: Of the ones whose window is over.
        covariate: The same with what they did before; None where that was not asked.
    """

    dimension: str
    value: str | None
    others: int
    metric: str
    variant: str
    units: int
    sample: Sample
    covariate: Covaried | None

    def document(self) -> dict[str, Json]:
        """Write it as a row."""
        found: dict[str, Json] = {"dimension": self.dimension, "by": {self.dimension: self.value}}
        if self.others:
            found["others"] = self.others
        return {
            **found,
            "metric": self.metric,
            "variant": self.variant,
            "units": self.units,
            **moments(self.sample),
            **before_moments(self.covariate),
        }


@dataclass(frozen=True, slots=True)
class VariantSummariesAnswer:
    """Everything that the statistics need of an experiment."""

    question: Asked
    seen: Seen

    @property
    def units(self) -> Mapping[str, int]:
        """Units first exposed to each variant."""
        return self.seen.units

    @property
    def samples(self) -> Mapping[str, Mapping[str, Sample]]:
        """By metric, then by variant, in the order of the question."""
        return self.seen.samples

    @property
    def covariates(self) -> Mapping[str, Mapping[str, Covaried]]:
        """By metric and variant, with what units did before; empty where it was not asked."""
        question = self.question
        if not question.covariate_s:
            return {}
        return {
            metric.key: {
                variant: covaried_of(metric.kind, vectors, cell)
                for cell, variant in enumerate(question.variants)
            }
            for metric, vectors in zip(question.metrics, self.seen.whole.metrics, strict=True)
            if metric.kind.adds_up
        }

    @property
    def crossovers(self) -> int:
        """Units that saw more than one variant and are left out."""
        return self.seen.crossovers

    @property
    def daily(self) -> Mapping[tuple[date, str], int]:
        """Units first exposed, by day of the site and variant, in the order of the days."""
        return self.seen.daily

    def cells(self, dimension: str) -> tuple[Cell, ...]:
        """Give a dimension's cells, the largest values first and the rest together last."""
        grouping = self.seen.groups[self.question.by.index(dimension)]
        ranked = grouping.ranked()
        shown = ranked[: self.question.max_rows]
        rest = [place for place, _ in enumerate(grouping.titles) if place not in set(shown)]
        cells: list[Cell] = []
        for place in shown:
            title = grouping.titles[place]
            value = title if isinstance(title, str) else None
            cells += self._cells(grouping, place, dimension=dimension, value=value)
        others = len(ranked) - len(shown) + len(grouping.folded)
        if others:
            together = grouping.together(rest)
            cells += self._cells(together, 0, dimension=dimension, value=None, others=others)
        return tuple(cells)

    @property
    def by_day(self) -> tuple[Cell, ...]:
        """The cells of the days of first exposure, in order; none where they were not asked."""
        grouping = self.seen.days
        if grouping is None:
            return ()
        places = {title: place for place, title in enumerate(grouping.titles)}
        return tuple(
            cell
            for day in sorted(title for title in places if isinstance(title, int))
            for cell in self._cells(
                grouping,
                places[day],
                dimension="day",
                value=(_EPOCH + timedelta(days=day)).isoformat(),
            )
        )

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        seen, question = self.seen, self.question
        rows: list[Json] = [
            self._row(nth, metric, cell, variant)
            for nth, metric in enumerate(question.metrics)
            for cell, variant in enumerate(question.variants)
        ]
        found: dict[str, Json] = {
            "question": question.name,
            "experiment": question.experiment,
            "unit": question.unit.value,
            "covariate_s": question.covariate_s or None,
            "rows": rows,
            "units": dict(seen.units),
            "crossovers": seen.crossovers,
            "crossovers_by_merge": seen.by_merge,
            "unplanned": dict(seen.unplanned),
            "immature": dict(seen.immature),
            "daily": [
                {"day": day.isoformat(), "variant": variant, "units": units}
                for (day, variant), units in seen.daily.items()
            ],
        }
        if question.unit is not Unit.PERSON:
            found["unnamed"] = seen.unnamed
        if question.by:
            found["cells"] = [
                cell.document() for dimension in question.by for cell in self.cells(dimension)
            ]
        if question.by_day:
            found["days"] = [cell.document() for cell in self.by_day]
        if question.distributions:
            found["distributions"] = [
                {"metric": metric, **seen.distributions[metric].document()}
                for metric in question.distributions
            ]
        if question.spreads:
            found["spreads"] = [
                {"metric": metric, "variant": variant, **each.document()}
                for metric in question.spreads
                for variant, each in zip(question.variants, seen.spreads[metric].above, strict=True)
            ]
        return found

    def _row(self, nth: int, metric: Metric, cell: int, variant: str) -> dict[str, Json]:
        vectors = self.seen.whole.metrics[nth]
        found: dict[str, Json] = {"metric": metric.key, "variant": variant}
        found |= moments(sample_of(metric.kind, vectors, cell))
        covariate = self._covariate(metric, vectors, cell)
        if covariate is not None:
            found |= before_moments(covariate)
            found["pre_units"] = int(self.seen.before[nth, cell])
        if metric.key in self.seen.waits:
            waited = self.seen.waits[metric.key]
            found["waits"] = {
                "interval_s": waited.interval_s,
                "came": waited.came[cell].tolist(),
                "left": waited.left[cell].tolist(),
            }
        return found

    def _covariate(self, metric: Metric, vectors: Vectors, cell: int) -> Covaried | None:
        if not self.question.covariate_s or not metric.kind.adds_up:
            return None
        return covaried_of(metric.kind, vectors, cell)

    def _cells(
        self,
        grouping: Grouping,
        place: int,
        *,
        dimension: str,
        value: str | None,
        others: int = 0,
    ) -> Iterator[Cell]:
        question = self.question
        for metric, vectors in zip(question.metrics, grouping.metrics, strict=True):
            for nth, variant in enumerate(question.variants):
                cell = place * len(question.variants) + nth
                yield Cell(
                    dimension=dimension,
                    value=value,
                    others=others,
                    metric=metric.key,
                    variant=variant,
                    units=int(grouping.units[cell]),
                    sample=sample_of(metric.kind, vectors, cell),
                    covariate=self._covariate(metric, vectors, cell),
                )
