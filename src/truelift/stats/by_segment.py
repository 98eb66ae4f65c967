"""An experiment's effects in each segment, and whether they differ at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from truelift.stats.comparison import Absent, Comparison, compared, estimated
from truelift.stats.effects import Absence, joined
from truelift.stats.judging import reason_of, table_of
from truelift.stats.plan import AnalysisPlan, PlannedMetric, Samples
from truelift.stats.segment_effects import CellEffects, Dimension, Standing, effects_by_cell


@dataclass(frozen=True, slots=True)
class SegmentEffect:
    """One treatment on one metric among the units that share a value.

    Attributes:
        value: Of the dimension.
        units: Of both variants.
        comparison: At the level of one comparison, uncorrected; or why there is none.
        relative_drawn: The lift drawn towards what the cells have in common, for a chart of many;
            None where there is none.
    """

    value: str
    units: int
    comparison: Comparison | Absent
    relative_drawn: float | None


@dataclass(frozen=True, slots=True)
class SegmentReading:
    """Whether one treatment's effect on one metric differs between a dimension's values.

    Attributes:
        dimension: Its name.
        metric: The metric.
        variant: The treatment.
        standing: Named before the start, or looked for afterwards.
        p: Of the effect being one and the same, corrected over dimensions of that standing;
            None where fewer than two values have an effect.
        differs: Whether that is a finding.
        sentence: What may be read from it.
        effects: By value.
    """

    dimension: str
    metric: str
    variant: str
    standing: Standing
    p: float | None
    differs: bool
    sentence: str
    effects: tuple[SegmentEffect, ...]


def read_segments(
    plan: AnalysisPlan, segments: Mapping[str, Mapping[str, Samples]]
) -> tuple[SegmentReading, ...]:
    """Compare every treatment with the control among the units of each segment.

    Whether the effect differs is tested as such (the lifts against each other): "significant
    here, not there" is no difference. Dimensions that the plan names are confirmatory, all
    others exploratory, and marked.

    Metrics whose parts do not add up to the whole, such as quantiles, are left out.

    Args:
        plan: What was agreed beforehand.
        segments: By dimension, then by its value, the samples.

    Source:
        docs/methods/segment-interaction.md.
    """
    metrics = [metric for metric in plan.metrics if metric.kind.adds_up]
    if not segments or not metrics:
        return ()
    rows = [
        (dimension, value, metric, samples)
        for dimension, values in segments.items()
        for value, samples in values.items()
        for metric in metrics
    ]
    found = estimated([table_of(plan, [metric], samples)[0] for _, _, metric, samples in rows])
    told = compared(found, method=plan.method, alpha=np.full(found.absolute.shape, plan.alpha))
    places = {
        (dimension, value, metric.key): place
        for place, (dimension, value, metric, _) in enumerate(rows)
    }
    dimensions = []
    for dimension, values in segments.items():
        grid = [[places[dimension, value, metric.key] for value in values] for metric in metrics]
        lifts = joined([found.relative[places_of] for places_of in grid])
        shape = (len(metrics), len(values), len(plan.treatments))
        dimensions.append(
            Dimension(
                key=dimension,
                cells=tuple(values),
                estimates=lifts.reshaped(shape).swapped(1, 2),
                registered=dimension in plan.segments,
            )
        )
    readings = []
    for cells in effects_by_cell(dimensions, method=plan.method, alpha=plan.alpha):
        for row, metric in enumerate(metrics):
            at = [places[cells.dimension.key, value, metric.key] for value in cells.dimension.cells]
            for column in range(len(plan.treatments)):
                comparisons = [
                    Absent(reason_of(plan, metric, column, found.table[place], each))
                    if isinstance(each := told[place][column], Absence)
                    else each
                    for place in at
                ]
                readings.append(_reading(plan, metric, cells, (row, column), comparisons))
    return tuple(readings)


def _reading(
    plan: AnalysisPlan,
    metric: PlannedMetric,
    cells: CellEffects,
    where: tuple[int, int],
    comparisons: Sequence[Comparison | Absent],
) -> SegmentReading:
    """Tell one treatment on one metric over a dimension."""
    p = float(cells.p[where])
    drawn = cells.drawn.value[where]
    return SegmentReading(
        dimension=cells.dimension.key,
        metric=metric.key,
        variant=plan.treatments[where[1]].key,
        standing=cells.standing,
        p=None if np.isnan(p) else p,
        differs=bool(cells.differs[where]),
        sentence=cells.sentence(where),
        effects=tuple(
            SegmentEffect(
                value=value,
                units=int(cells.dimension.estimates.n[where][nth]),
                comparison=comparison,
                relative_drawn=None if np.isnan(drawn[nth]) else float(drawn[nth]),
            )
            for nth, (value, comparison) in enumerate(
                zip(cells.dimension.cells, comparisons, strict=True)
            )
        ),
    )
