"""What the lake answered about an experiment, as the statistics take it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from truelift.questions.variant_answer import Cell
from truelift.questions.variant_summaries import VariantSummariesAnswer
from truelift.stats.plan import AnalysisData, AnalysisPlan, Samples
from truelift.stats.split_causes import CellCounts
from truelift.stats.summary import Sample


STANDARD: Final = ("visitor", "device", "country", "channel")
"""Dimensions that every analysis is broken down by; see `wording.SEGMENTS`."""

MOST_CELLS: Final = 8
"""Values of a dimension; the rest stand together."""

UNKNOWN: Final = "not known"
OTHERS: Final = "all others"


def data_of(
    plan: AnalysisPlan,
    answer: VariantSummariesAnswer,
    *,
    adjusted: bool,
    quarantined_share: float | None,
    bots_share: float | None,
) -> AnalysisData:
    """Give the samples of an answer: of everybody, by segment and by day.

    Args:
        plan: With the variants.
        answer: With what visitors did before, whether or not effects are adjusted by it.
        adjusted: Whether the plan adjusts effects by that.
        quarantined_share: Of the site's events, those that could not be read.
        bots_share: Those kept apart as automatic.
    """
    segments = {
        name: _by_value(answer.cells(name), adjusted=adjusted) for name in answer.question.by
    }
    return AnalysisData(
        units={each.key: answer.units.get(each.key, 0) for each in plan.variants},
        samples=samples_of(answer, adjusted=adjusted),
        crossovers=answer.crossovers,
        quarantined_share=quarantined_share,
        bots_share=bots_share,
        segments={name: values for name, values in segments.items() if len(values) > 1},
        days=_by_value(answer.by_day, adjusted=adjusted),
    )


def cell_counts(plan: AnalysisPlan, answer: VariantSummariesAnswer) -> tuple[CellCounts, ...]:
    """Give the visitors per variant in each cell of each dimension."""
    first = plan.metrics[0].key
    found = []
    for name in answer.question.by:
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        for cell in answer.cells(name):
            if cell.metric == first:
                counts[title_of(cell)][cell.variant] = cell.units
        if len(counts) > 1:
            found.append(
                CellCounts(
                    dimension=name,
                    cells=tuple(counts),
                    observed=tuple(
                        tuple(units.get(each.key, 0) for each in plan.variants)
                        for units in counts.values()
                    ),
                )
            )
    return tuple(found)


def daily_counts(plan: AnalysisPlan, answer: VariantSummariesAnswer) -> list[tuple[int, ...]]:
    """Give the visitors first exposed on each day, in the order of the plan's variants."""
    days = sorted({day for day, _ in answer.daily})
    return [tuple(answer.daily.get((day, each.key), 0) for each in plan.variants) for day in days]


def title_of(cell: Cell) -> str:
    """Name a cell; a value that nobody knows has a name too."""
    if cell.others:
        return OTHERS
    return UNKNOWN if cell.value is None else cell.value


def samples_of(answer: VariantSummariesAnswer, *, adjusted: bool) -> Samples:
    """Give the samples of everybody, with what the same visitors did before where adjusted."""
    return {**answer.samples, **answer.covariates} if adjusted else answer.samples


def _by_value(cells: Iterable[Cell], *, adjusted: bool) -> Mapping[str, Samples]:
    found: dict[str, dict[str, dict[str, Sample]]] = {}
    for cell in cells:
        of_metric = found.setdefault(title_of(cell), {}).setdefault(cell.metric, {})
        sample = cell.sample if cell.covariate is None or not adjusted else cell.covariate
        of_metric[cell.variant] = sample
    return found
