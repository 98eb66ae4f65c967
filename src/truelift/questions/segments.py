"""One metric by many dimensions: who converts, spends or stays better than others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.dimensions import Placeholders, text_of
from truelift.questions.document import Json, epoch_ms
from truelift.questions.forms import Context, Field, duration, list_of, record, text, whole
from truelift.questions.grouped import Grouped, Moments, Sample
from truelift.questions.matching import BadQuestion, candidates, is_text
from truelift.questions.members import AS_OF, SINCE, UNTIL, Members
from truelift.questions.metric import Counted, Metric, MetricKind
from truelift.questions.metric_library import METRIC_OR_NAME
from truelift.questions.moments import moments
from truelift.questions.period import between, later, period_obstacles
from truelift.questions.question import Scan
from truelift.questions.table import integers, numbers
from truelift.stats.summary import RatioSummary


VISITOR: Final = "visitor"
"""Whether a person was first seen in the period, `new`, or before it, `returning`."""

STANDARD: Final = (VISITOR, "device", "country", "channel", "source")
"""Dimensions that every answer has: new or returning, device, geo, and where they came from."""

MOST_DIMENSIONS: Final = 20
SMALLEST: Final = 5
"""Units of a cell, when a question does not say; one person is not a segment."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The units that share a value of a dimension.

    Attributes:
        dimension: Which.
        value: Its value; None where a unit had none, and for several values together.
        units: All of them, those with an open window included.
        sample: Of the ones whose window is over.
        others: How many values this cell holds together; 0 for one value.
        small: Whether it has fewer units than a cell should.
    """

    dimension: str
    value: str | None
    units: int
    sample: Sample
    others: int = 0
    small: bool = False

    def document(self, whole: int) -> dict[str, Json]:
        """Write it as a row; `whole` are the units of all cells of the dimension."""
        found: dict[str, Json] = {"dimension": self.dimension, "by": {self.dimension: self.value}}
        if self.others:
            found["others"] = self.others
        if self.small:
            found["small"] = True
        share = self.units / whole if whole else None
        return {**found, "units": self.units, "share": share, **counted(self.units, self.sample)}


def counted(units: int, sample: Sample) -> dict[str, Json]:
    """Write a sample with its value; what is undefined is null, not 0."""
    below = sample.den_mean if isinstance(sample, RatioSummary) else 1.0
    value = sample.value if sample.n and below else None
    return {"value": value, "immature": units - sample.n, **moments(sample)}


@dataclass(frozen=True, slots=True)
class SegmentsAnswer:
    """A metric by dimensions; the cells of each hold every unit once.

    Attributes:
        question: What was asked.
        total: Everybody together.
        cells: By dimension, then by size, the ones that stand together last.
    """

    question: Segments
    total: Cell
    cells: tuple[Cell, ...]

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask segments --json`."""
        question = self.question
        metric: dict[str, Json] = {
            "key": question.metric.key,
            "kind": question.metric.kind.value,
            "window_s": question.metric.window_s,
        }
        return {
            "question": question.name,
            "metric": metric,
            "dimensions": list(question.dimensions),
            "min_units": question.min_units,
            "units": self.total.units,
            "total": counted(self.total.units, self.total.sample),
            "rows": [cell.document(self.total.units) for cell in self.cells],
        }


@dataclass(frozen=True, slots=True)
class Segments:
    """A metric of everybody who was there in a period, by dimensions and properties.

    A unit is a person with any event in the period. Its value of a dimension is that of
    its first event of the period that has one. What counts are its events from its first
    one of the period on: up to the end of the period, or of the metric's window if it
    has one.

    Attributes:
        metric: What is measured of a unit.
        as_of: A unit whose window ends at or after this instant is counted as immature
            and left out of the metric.
        by: Dimensions and properties besides the standard ones.
        since: Begin of the period; without one, nobody is returning.
        until: End of the period, excluded.
        min_units: Cells of fewer units are put together.
        max_rows: Cells per dimension; those beyond are put together as well.
    """

    metric: Metric
    as_of: datetime
    by: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    min_units: int = SMALLEST
    max_rows: int = 20

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="question about segments", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "segments"

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The standard ones, then those that were asked for."""
        return tuple(dict.fromkeys((*STANDARD, *self.by)))

    def scan(self) -> Scan:
        """Read one row per unit: its number, and its value of every dimension."""
        values = Placeholders()
        period = between(self.since, self.until, values)
        firsts = []
        for nth, dimension in enumerate(self.dimensions):
            if dimension == VISITOR:
                continue
            value = text_of(dimension, values)
            firsts.append(
                f", arg_min({value}, row(occurred_at, writer, position, {value}))"
                f" FILTER (WHERE {period} AND {value} IS NOT NULL) AS value_{nth}"
            )
        until = self.until
        if self.metric.window_s is None:
            within = between(None, self.until, values)
        else:
            until = later(self.until, timedelta(seconds=self.metric.window_s + 1))
            window_us = values.add(self.metric.window_s * 1_000_000)
            within = f"epoch_us(occurred_at) - epoch_us(first_at) <= {window_us}"
        sets = [self.metric.counted.events]
        below = "0.0::DOUBLE"
        if self.metric.below is not None:
            sets.append(self.metric.below.events)
            below = _total(self.metric.kind, self.metric.below, values)
        above = _total(self.metric.kind, self.metric.counted, values)
        is_old = "false" if self.since is None else f"ever_at < {values.add(self.since)}"
        return Scan(
            sql=f"""
            WITH unit AS (
                SELECT
                    person AS unit,
                    min(occurred_at) AS ever_at,
                    min(occurred_at) FILTER (WHERE {period}) AS first_at
                    {" ".join(firsts)}
                FROM events
                WHERE {between(None, self.until, values)}
                GROUP BY person
                HAVING first_at IS NOT NULL
            ),
            act AS (
                SELECT unit AS acting_unit, {above} AS above, {below} AS below
                FROM events JOIN unit ON person = unit
                WHERE {candidates(sets, values)} AND occurred_at >= first_at AND {within}
                GROUP BY unit
            )
            SELECT
                * EXCLUDE (acting_unit, ever_at, first_at)
                    REPLACE (coalesce(above, 0.0) AS above, coalesce(below, 0.0) AS below),
                epoch_us(first_at) // 1000 AS first_ms,
                CASE WHEN {is_old} THEN 'returning' ELSE 'new' END
                    AS value_{self.dimensions.index(VISITOR)}
            FROM unit LEFT JOIN act ON unit = acting_unit
            ORDER BY unit
            """,
            parameters=values.values,
            until=until,
        )

    def partial(self, rows: pa.Table) -> tuple[Grouped, ...]:
        """Sum up one bucket's units, dimension by dimension."""
        above, below = numbers(rows, "above"), numbers(rows, "below")
        final: NDArray[np.bool_] = np.ones(len(above), dtype=bool)
        if self.metric.window_s is not None:
            ends = integers(rows, "first_ms") + self.metric.window_s * 1000
            final = ends < epoch_ms(self.as_of)
        return tuple(
            Grouped.of(rows, f"value_{nth}", final=final, above=above, below=below)
            for nth in range(len(self.dimensions))
        )

    def merge(self, left: tuple[Grouped, ...], right: tuple[Grouped, ...]) -> tuple[Grouped, ...]:
        """Pool the units of two buckets."""
        return tuple(mine + theirs for mine, theirs in zip(left, right, strict=True))

    def answer(self, partial: tuple[Grouped, ...]) -> SegmentsAnswer:
        """Put the largest cells first and the small ones together."""
        cells: list[Cell] = []
        for dimension, grouped in zip(self.dimensions, partial, strict=True):
            shown, rest = grouped.split(least=self.min_units, most=self.max_rows)
            cells += [
                self._cell(dimension, grouped.titles[place], grouped.moments, place)
                for place in shown
            ]
            if rest:
                pooled = self._cell(dimension, None, grouped.moments.together(rest), 0)
                small = pooled.units < self.min_units
                cells.append(replace(pooled, others=len(rest), small=small))
        everybody = partial[0].moments.together(range(len(partial[0].titles)))
        return SegmentsAnswer(self, self._cell("", None, everybody, 0), tuple(cells))

    def _cell(self, dimension: str, value: str | None, moments: Moments, place: int) -> Cell:
        return Cell(
            dimension=dimension,
            value=value,
            units=int(moments.units[place]),
            sample=moments.sample(place, self.metric.kind),
        )

    def _obstacles(self) -> list[str]:
        found = [*self.metric.obstacles()]
        if self.metric.kind.is_told_of_units:
            found.append(f"a {self.metric.kind.value} is told of experiments alone")
        if not all(name and is_text(name) for name in self.by):
            found.append("a dimension has no name")
        if len(self.dimensions) > MOST_DIMENSIONS:
            found.append(f"it has more than {MOST_DIMENSIONS} dimensions")
        if self.min_units < 1 or self.max_rows < 1:
            found.append("a cell has at least one unit, and an answer one cell")
        return found + period_obstacles(self.since, self.until)


def _total(kind: MetricKind, counted: Counted, values: Placeholders) -> str:
    """Give the SQL of what one unit's events come to."""
    number = "1.0::DOUBLE"
    if counted.amount is not None and kind not in {MetricKind.PROPORTION, MetricKind.COUNT}:
        number = counted.amount.sql(values)
    together = {MetricKind.PROPORTION: "max", MetricKind.MEAN: "avg"}.get(kind, "sum")
    return f"{together}(CASE WHEN {counted.events.sql(values)} THEN {number} END)"


def _segments(given: Mapping[str, object], context: Context) -> Segments:
    members = Members(given)
    metric = members.maybe("metric", Metric)
    if metric is None:
        raise BadQuestion(question="question about segments", reasons=("it has no metric",))
    window_s = members.get("window", metric.window_s)
    return Segments(
        metric=replace(metric, window_s=window_s),
        as_of=members.get("as_of", context.now),
        by=members.get("by", ()),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        min_units=members.get("min_units", SMALLEST),
        max_rows=members.get("max_rows", 20),
    )


FORM: Final = record(
    _segments,
    {
        "metric": Field(
            METRIC_OR_NAME,
            "What is measured: a built-in metric's key, an event's name, or in full.",
            required=True,
        ),
        "window": Field(duration(), "How long after a unit's first event it counts."),
        "by": Field(list_of(text(), most=MOST_DIMENSIONS), "Besides the standard dimensions."),
        "since": SINCE,
        "until": UNTIL,
        "as_of": AS_OF,
        "min_units": Field(whole(least=1, most=1_000_000), "Smaller cells are put together."),
        "max_rows": Field(whole(least=1, most=1000), "Cells per dimension."),
    },
)
"""How it stands in JSON."""
