"""Where a broken split comes from: which cells of which dimension carry it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from truelift.stats.effects import Floats
from truelift.stats.multiplicity import benjamini_hochberg
from truelift.stats.srm import FEWEST_EXPECTED, WARN_BELOW, BadSplit


@dataclass(frozen=True, slots=True)
class CellSplit:
    """The split within one cell.

    Attributes:
        cell: Its name.
        observed: Units per variant.
        excess: Observed less planned, per variant.
        residuals: The same by its standard deviation: beyond ±3 stands out.
        chi2: Pearson's statistic; None where nobody is in the cell.
        p: Its p-value; None where nobody is in it.
        p_adjusted: Over all cells of the table (Benjamini-Hochberg).
        p_without: p of all other cells of the dimension together; None where nobody is left.
        rough: Fewer than 5 units were expected in a variant.
        carries: The split fails in it beyond chance, and not without it.
    """

    cell: str
    observed: tuple[int, ...]
    excess: tuple[float, ...]
    residuals: tuple[float, ...]
    chi2: float | None
    p: float | None
    p_adjusted: float | None
    p_without: float | None
    rough: bool
    carries: bool


class Cause(StrEnum):
    """Where in a dimension the imbalance is."""

    NOWHERE = "nowhere"
    CELLS = "cells"
    EVERYWHERE = "everywhere"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class DimensionSplit:
    """The split over a dimension's cells.

    Attributes:
        dimension: Its name.
        cells: One each, those that deviate most first.
        p: Of all cells together against the plan; None where nobody was counted.
        p_alike: Of the split being the same in all cells; None where fewer than two have units.
        cause: Nowhere: the split is in order. Cells: it differs between cells, look at those
            that stand out. Everywhere: it leans alike in all, so this dimension is not where
            it comes from. Unclear: it differs, and no cell stands out.
    """

    dimension: str
    cells: tuple[CellSplit, ...]
    p: float | None
    p_alike: float | None
    cause: Cause


@dataclass(frozen=True, slots=True)
class CellCounts:
    """Units per variant in each cell of a dimension.

    Attributes:
        dimension: Its name.
        cells: Names of its cells.
        observed: One row per cell, in the order of the variants.
    """

    dimension: str
    cells: tuple[str, ...]
    observed: tuple[tuple[int, ...], ...]


def split_causes(
    dimensions: Sequence[CellCounts], weights: Sequence[float], *, level: float = WARN_BELOW
) -> tuple[DimensionSplit, ...]:
    """Test the split in every cell of every dimension, and say which cells carry it.

    Args:
        dimensions: With their counts.
        weights: Planned weights of the variants.
        level: Below this p a split is not in order.

    Raises:
        BadSplit: Counts do not fit the cells or the weights, or one of them is none.

    Source:
        Fabijan et al. (2019), KDD, 2156-2164; docs/methods/srm-segments.md.
    """
    share = np.asarray(weights, dtype=float)
    if len(share) < 2:
        raise BadSplit(reason="it takes two variants")
    if not (np.isfinite(share) & (share > 0)).all() or not np.isfinite(share.sum()):
        raise BadSplit(reason="every weight must be a number above 0")
    share = share / share.sum()
    tables = [_table(dimension, variants=len(share)) for dimension in dimensions]
    # One family over the whole table, so that many cells do not raise alarms by number.
    raw = [_chi2(table, share)[1] for table in tables]
    adjusted = iter(
        np.split(benjamini_hochberg(np.concatenate(raw)), np.cumsum([len(p) for p in raw])[:-1])
        if raw
        else []
    )
    return tuple(
        _dimension(dimension, table, share, p, next(adjusted), level=level)
        for dimension, table, p in zip(dimensions, tables, raw, strict=True)
    )


def _dimension(
    counts: CellCounts,
    table: Floats,
    share: Floats,
    p: Floats,
    adjusted: Floats,
    *,
    level: float,
) -> DimensionSplit:
    chi2, _ = _chi2(table, share)
    whole = table.sum(axis=0)
    _, p_without = _chi2(whole - table, share)
    _, overall = _chi2(whole[None], share)
    units = table.sum(axis=-1)
    expected = units[:, None] * share
    with np.errstate(invalid="ignore", divide="ignore"):
        residuals = (table - expected) / np.sqrt(expected * (1 - share))
    left = (whole.sum() - units) > 0
    broken = bool(overall[0] < level)
    carries = broken & (adjusted < level) & (~left | (p_without >= level))
    rows = [
        CellSplit(
            cell=counts.cells[i],
            observed=counts.observed[i],
            excess=tuple((table[i] - expected[i]).tolist()),
            residuals=tuple(np.nan_to_num(residuals[i]).tolist()),
            chi2=float(chi2[i]) if units[i] else None,
            p=float(p[i]) if units[i] else None,
            p_adjusted=float(adjusted[i]) if units[i] else None,
            p_without=float(p_without[i]) if left[i] else None,
            rough=bool(expected[i].min() < FEWEST_EXPECTED),
            carries=bool(carries[i]),
        )
        for i in np.argsort(-chi2, kind="stable")
    ]
    alike = _alike(table[units > 0])
    return DimensionSplit(
        dimension=counts.dimension,
        cells=tuple(rows),
        p=float(overall[0]) if whole.sum() else None,
        p_alike=alike,
        cause=_cause(broken=broken, alike=alike, apart=adjusted < level, level=level),
    )


def _cause(*, broken: bool, alike: float | None, apart: NDArray[np.bool_], level: float) -> Cause:
    differs = alike is not None and alike < level
    if not broken and not (differs and apart.any()):
        return Cause.NOWHERE
    if not differs:
        return Cause.EVERYWHERE
    return Cause.CELLS if apart.any() else Cause.UNCLEAR


def _chi2(table: Floats, share: Floats) -> tuple[Floats, Floats]:
    """Give Pearson's statistic of each row and its p; 0 and 1 where nobody is in it."""
    from scipy.special import chdtrc

    expected = table.sum(axis=-1, keepdims=True) * share
    gap = (table - expected) ** 2
    chi2 = np.divide(gap, expected, out=np.zeros(gap.shape), where=expected > 0).sum(axis=-1)
    return chi2, np.asarray(chdtrc(len(share) - 1, chi2))


def _alike(table: Floats) -> float | None:
    """Give the p of all rows having one split, whatever it is."""
    from scipy.special import chdtrc

    table = table[:, table.sum(axis=0) > 0]
    if min(table.shape) < 2:
        return None
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    chi2 = float(((table - expected) ** 2 / expected).sum())
    return float(chdtrc((table.shape[0] - 1) * (table.shape[1] - 1), chi2))


def _table(counts: CellCounts, *, variants: int) -> Floats:
    if not counts.cells or len(counts.cells) != len(counts.observed):
        raise BadSplit(
            reason=f"{len(counts.observed)} rows stand beside {len(counts.cells)} cells "
            f"of {counts.dimension}"
        )
    if any(len(row) != variants for row in counts.observed):
        raise BadSplit(reason=f"a row of {counts.dimension} has not one count per variant")
    if not all(0 <= count <= _MOST for row in counts.observed for count in row):
        raise BadSplit(reason=f"a count of {counts.dimension} is not a number up to {_MOST:,}")
    return np.array(counts.observed, dtype=float)


_MOST = 10**15
