"""Who was in two experiments at once: per pair of their variants, the units and what they did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json, epoch_ms
from truelift.questions.matching import BadQuestion, is_text
from truelift.questions.metric import Metric
from truelift.questions.moments import Sample, moments, sample_of
from truelift.questions.period import between, later, period_obstacles
from truelift.questions.question import Scan
from truelift.questions.table import integers
from truelift.questions.variant_cells import Vectors
from truelift.questions.variant_numbers import numbers_of
from truelift.questions.variant_rows import Keys, Reading, Told
from truelift.questions.variant_units import Exposed, exposed
from truelift.sequences.unit_sums import Acts, places


Whole = NDArray[np.int64]

MOST_EXPERIMENTS: Final = 50
MOST_PAIRS: Final = 200


@dataclass(frozen=True, slots=True)
class Ran:
    """An experiment that is held against others.

    Attributes:
        experiment: Its key, as exposures name it.
        variants: The control first.
        since: Exposures before this are as if they had not been.
        until: And those at or after this.
    """

    experiment: str
    variants: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Both:
    """Two of the experiments, and what is measured of the units in both.

    Attributes:
        first: Place of the one.
        second: Place of the other.
        metrics: Each with its own window, which begins when a unit has been exposed to both.
    """

    first: int
    second: int
    metrics: tuple[Metric, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """The units of a pair.

    Attributes:
        units: By variant of the one (rows) and of the other (columns).
        metrics: Per metric, the moments of those whose number is final, cell after cell.
    """

    units: Whole
    metrics: tuple[Vectors, ...]

    def __add__(self, other: Crossing) -> Crossing:
        """Pool the units of two buckets."""
        return Crossing(
            self.units + other.units,
            tuple(one + more for one, more in zip(self.metrics, other.metrics, strict=True)),
        )

    def samples(self, nth: int, metric: Metric) -> tuple[tuple[Sample, ...], ...]:
        """Give a metric's samples as a table."""
        rows, columns = self.units.shape
        return tuple(
            tuple(
                sample_of(metric.kind, self.metrics[nth], row * columns + column)
                for column in range(columns)
            )
            for row in range(rows)
        )


@dataclass(frozen=True, slots=True)
class VariantOverlapAnswer:
    """What every pair shares, in the order of the question's pairs."""

    question: VariantOverlap
    pairs: tuple[Crossing, ...]

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        experiments = self.question.experiments
        found: list[Json] = []
        for both, crossing in zip(self.question.pairs, self.pairs, strict=True):
            found.append(
                {
                    "first": experiments[both.first].experiment,
                    "second": experiments[both.second].experiment,
                    "units": crossing.units.tolist(),
                    "metrics": [
                        {
                            "metric": metric.key,
                            "cells": [
                                [moments(sample) for sample in row]
                                for row in crossing.samples(nth, metric)
                            ],
                        }
                        for nth, metric in enumerate(both.metrics)
                    ],
                }
            )
        return {"question": self.question.name, "pairs": found}


@dataclass(frozen=True, slots=True)
class VariantOverlap:
    """The question behind interactions between experiments.

    A unit counts for a pair when it saw one variant of each and no other; what it did counts
    from the later of both first exposures on.

    Attributes:
        experiments: Those that are held against each other.
        pairs: Which.
        as_of: A unit whose window ends at or after this instant is left out of the metric.
    """

    experiments: tuple[Ran, ...]
    pairs: tuple[Both, ...]
    as_of: datetime

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="question about shared units", reasons=reasons)

    @property
    def name(self) -> str:
        """The word in a question's document."""
        return "variant_overlap"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is measured in any pair."""
        return tuple(dict.fromkeys(metric for both in self.pairs for metric in both.metrics))

    def scan(self) -> Scan:
        """Read the exposures of all experiments, and what may count of the metrics."""
        values = Placeholders()
        parts = [
            f"SELECT {place or 'NULL'}::INTEGER AS which, * FROM ({self._statement(place, values)})"
            for place in range(len(self.experiments))
        ]
        starts = [ran.since for ran in self.experiments]
        ends = [ran.until for ran in self.experiments]
        windows = [metric.window_s for metric in self.metrics]
        until = None
        if None not in ends and None not in windows:
            longest = max((window for window in windows if window is not None), default=0)
            last = max(end for end in ends if end is not None)
            until = later(last, timedelta(seconds=longest + 1))
        return Scan(
            # No ORDER BY: units are put in order of their keys, and sums know no order.
            sql=" UNION ALL BY NAME ".join(parts),
            parameters=values.values,
            since=None if None in starts else min(each for each in starts if each is not None),
            until=until,
        )

    def partial(self, rows: pa.Table) -> tuple[Crossing, ...]:
        """Cross the units of one bucket."""
        which = rows["which"]
        reading = self._reading()
        told = reading.told(rows.filter(pc.is_null(which)))
        shown = [exposed(told)] + [
            exposed(_exposures(rows.filter(pc.equal(which, place))))
            for place in range(1, len(self.experiments))
        ]
        return tuple(self._crossing(both, told, reading, shown) for both in self.pairs)

    def merge(
        self, left: tuple[Crossing, ...], right: tuple[Crossing, ...]
    ) -> tuple[Crossing, ...]:
        """Pool the units of two buckets."""
        return tuple(one + other for one, other in zip(left, right, strict=True))

    def answer(self, partial: tuple[Crossing, ...]) -> VariantOverlapAnswer:
        """Give them as they are."""
        return VariantOverlapAnswer(self, partial)

    def _crossing(self, both: Both, told: Told, reading: Reading, shown: list[Exposed]) -> Crossing:
        one, other = self.experiments[both.first], self.experiments[both.second]
        first, second = shown[both.first], shown[both.second]
        keys, mine, theirs = np.intersect1d(
            first.keys, second.keys, assume_unique=True, return_indices=True
        )
        row = _planned(first, one.variants)[mine]
        column = _planned(second, other.variants)[theirs]
        chosen = (row >= 0) & (column >= 0) & ~first.crossed[mine] & ~second.crossed[theirs]
        begun = np.maximum(first.first_us[mine], second.first_us[theirs])[chosen]
        shape = (len(one.variants), len(other.variants))
        cells = shape[0] * shape[1]
        cell = (row * shape[1] + column)[chosen]
        acts = Acts(
            unit=places(told.keys.key, keys[chosen]),
            at=told.at_us,
            code=told.code,
            marks=told.marks,
            amounts=told.amounts,
            begun=begun,
        )
        found = []
        made = numbers_of(both.metrics, acts, reading, past_s=0, caps=())
        for metric, numbers in zip(both.metrics, made, strict=True):
            final = np.ones(len(begun), dtype=bool)
            if metric.window_s is not None:
                final = begun // 1000 + metric.window_s * 1000 < epoch_ms(self.as_of)
            found.append(
                Vectors.of(cell[final], cells, [column[final] for column in numbers.columns])
            )
        units = np.bincount(cell, minlength=cells).astype(np.int64).reshape(shape)
        return Crossing(units, tuple(found))

    def _statement(self, place: int, values: Placeholders) -> str:
        """Give the exposures of an experiment; with the first one's also what may count."""
        if self.metrics and not place:
            return self._reading().statement(values)
        ran = self.experiments[place]
        return f"""
            SELECT person, epoch_us(occurred_at) AS at_us, variant AS shown,
                (hash(coalesce(visitor_id, user_id)) >> 1)::BIGINT AS who
            FROM events
            WHERE experiment = {values.add(ran.experiment)} AND variant IS NOT NULL
                AND {between(ran.since, ran.until, values)}
            """

    def _reading(self) -> Reading:
        first = self.experiments[0]
        return Reading.of(
            self.metrics,
            experiment=first.experiment,
            since=first.since,
            until=first.until,
            dimensions={},
            unit_id="",
            every_row=False,
        )

    def _obstacles(self) -> list[str]:
        found = []
        if not 2 <= len(self.experiments) <= MOST_EXPERIMENTS:
            found.append(f"it takes 2 to {MOST_EXPERIMENTS} experiments")
        if not 1 <= len(self.pairs) <= MOST_PAIRS:
            found.append(f"it takes 1 to {MOST_PAIRS} pairs")
        for ran in self.experiments:
            names = (ran.experiment, *ran.variants)
            if not all(name and is_text(name) for name in names):
                found.append("an experiment or a variant has no name")
            if len(set(ran.variants)) < max(2, len(ran.variants)):
                found.append(f"{ran.experiment} has fewer than two variants, or one twice")
            found += period_obstacles(ran.since, ran.until)
        places_of = range(len(self.experiments))
        if any(
            both.first not in places_of or both.second not in places_of or both.first == both.second
            for both in self.pairs
        ):
            found.append("a pair is not of two of the experiments")
        for metric in self.metrics:
            found += metric.obstacles()
            if not metric.kind.adds_up:
                found.append(f"metric {metric.key}: a {metric.kind.value} is no sum over units")
        return list(dict.fromkeys(found))


def _planned(shown: Exposed, variants: tuple[str, ...]) -> Whole:
    """Give each unit's variant by its place in the plan; -1 for one that nobody planned."""
    place = np.array([variants.index(t) if t in variants else -1 for t in shown.titles], np.int64)
    return place[shown.variant] if len(place) else np.full(len(shown.variant), -1, np.int64)


def _exposures(rows: pa.Table) -> Told:
    """Take rows that are exposures and nothing else."""
    return Told(
        keys=Keys.of(rows),
        at_us=integers(rows, "at_us"),
        at=np.arange(rows.num_rows),
        seen=rows.select(["shown", "who"]),
        code=np.zeros(rows.num_rows, np.int32),
        marks=(0,),
        amounts=(),
    )
