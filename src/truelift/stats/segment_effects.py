"""Whether an effect differs between the cells of a dimension, instead of “significant here”."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.stats.effects import BadAlpha, Effects, Estimates, Floats, Method
from truelift.stats.heterogeneity import (
    BadEffects,
    Deviations,
    Heterogeneity,
    Shrunken,
    deviations,
    heterogeneity,
    shrunken,
)
from truelift.stats.multiplicity import benjamini_hochberg, holm


class Standing(StrEnum):
    """What a finding about cells is worth: agreed before the start, or looked for afterwards."""

    CONFIRMATORY = "confirmatory"
    EXPLORATORY = "exploratory"


@dataclass(frozen=True, slots=True, eq=False)
class Dimension:
    """One dimension of an experiment, with the effect in each of its cells.

    Attributes:
        key: Its name.
        cells: Names of its cells; a unit stands in one.
        estimates: Of shape S + (cells,): any comparisons, S the same in all dimensions.
        registered: It was named before the start.
    """

    key: str
    cells: tuple[str, ...]
    estimates: Estimates
    registered: bool


@dataclass(frozen=True, slots=True, eq=False)
class CellEffects:
    """How the effect differs over a dimension's cells.

    Attributes:
        dimension: What was looked at.
        standing: Confirmatory or exploratory.
        test: Whether it differs at all; shape S.
        p: The test's p-values, adjusted over dimensions of the same standing; NaN where
            fewer than two cells have an effect.
        differs: Whether that is a finding.
        effects: Each cell's own effect, at the level of one comparison; S + (cells,).
        deviations: Of each cell from the rest; S + (cells,).
        deviation_p: Their p-values, adjusted over the cells (Benjamini-Hochberg).
        drawn: The effects drawn together, for a chart that does not mislead.
    """

    dimension: Dimension
    standing: Standing
    test: Heterogeneity
    p: Floats
    differs: NDArray[np.bool_]
    effects: Effects
    deviations: Deviations
    deviation_p: Floats
    drawn: Shrunken

    def sentence(self, where: tuple[int, ...] = ()) -> str:
        """Say in one sentence what may be read from one comparison's cells."""
        p, key = float(self.p[where]), self.dimension.key
        if np.isnan(p):
            return f"Fewer than two cells of {key} have an effect, so none can differ."
        if not self.differs[where]:
            return (
                f"No difference of the effect between the cells of {key} was found "
                f"(p = {p:.2g}): read the effect of everybody in all of them."
            )
        return _FOUND[self.standing].format(key=key, p=f"{p:.2g}")


_FOUND: Final[Mapping[Standing, str]] = MappingProxyType(
    {
        Standing.CONFIRMATORY: "The effect differs between the cells of {key} (p = {p}); "
        "that was to be tested.",
        Standing.EXPLORATORY: "The effect may differ between the cells of {key} (p = {p}); "
        "nobody asked beforehand, so this is a question for the next experiment.",
    }
)


def effects_by_cell(
    dimensions: Sequence[Dimension],
    *,
    method: Method,
    alpha: float = 0.05,
    exploratory_alpha: float = 0.10,
) -> tuple[CellEffects, ...]:
    """Test in every dimension whether the effect differs between its cells.

    Registered dimensions are corrected together by Holm, the others by Benjamini-Hochberg;
    each comparison (metric, treatment) by itself in the first case, all together in the second.

    Args:
        dimensions: With effects of one shape.
        method: How each cell's own effect is judged.
        alpha: Error level of the registered dimensions, and of each cell's interval.
        exploratory_alpha: Share of false findings among the others.

    Raises:
        BadAlpha: A level is not between 0 and 1.
        BadEffects: Shapes differ, cells without a name, or errors that are none.

    Assumes:
        Cells are told by what was known before the exposure; a unit stands in one.

    Source:
        Wang, Lagakos, Ware, Hunter & Drazen (2007), NEJM 357, 2189-2194;
        docs/methods/segment-interaction.md.
    """
    for level in (alpha, exploratory_alpha):
        if not 0 < level < 1:
            raise BadAlpha(alpha=level)
    if not dimensions:
        return ()
    shape = dimensions[0].estimates.shape[:-1]
    for dimension in dimensions:
        estimates = dimension.estimates
        if not estimates.shape or estimates.shape != (*shape, len(dimension.cells)):
            raise BadEffects(
                reason=f"{dimension.key} has {len(dimension.cells)} cells "
                f"and effects of shape {estimates.shape}"
            )
    tests = [heterogeneity(d.estimates.value, d.estimates.se) for d in dimensions]
    raw = np.stack([test.p for test in tests], axis=-1)
    registered = np.array([d.registered for d in dimensions])
    adjusted = np.where(np.isnan(raw), 1.0, raw)
    if registered.any():
        adjusted[..., registered] = holm(adjusted[..., registered])
    if (~registered).any():
        family = adjusted[..., ~registered]
        adjusted[..., ~registered] = benjamini_hochberg(family.ravel()).reshape(family.shape)
    adjusted[np.isnan(raw)] = np.nan
    return tuple(
        _cells(
            dimension,
            test,
            np.asarray(adjusted[..., place]),
            method=method,
            alpha=alpha,
            level=alpha if dimension.registered else exploratory_alpha,
        )
        for place, (dimension, test) in enumerate(zip(dimensions, tests, strict=True))
    )


def _cells(
    dimension: Dimension,
    test: Heterogeneity,
    p: Floats,
    *,
    method: Method,
    alpha: float,
    level: float,
) -> CellEffects:
    estimates = dimension.estimates
    apart = deviations(estimates.value, estimates.se)
    cell_p = benjamini_hochberg(np.where(np.isnan(apart.p), 1.0, apart.p))
    cell_p[np.isnan(apart.p)] = np.nan
    with np.errstate(invalid="ignore"):
        differs = p <= level
    return CellEffects(
        dimension=dimension,
        standing=Standing.CONFIRMATORY if dimension.registered else Standing.EXPLORATORY,
        test=test,
        p=p,
        differs=differs,
        effects=method.judge(estimates, alpha=alpha),
        deviations=apart,
        deviation_p=cell_p,
        drawn=shrunken(estimates.value, estimates.se),
    )
