from __future__ import annotations

import math

import numpy as np
import pytest

from truelift.stats.effects import BadAlpha, Estimates, FixedHorizon
from truelift.stats.heterogeneity import BadEffects, heterogeneity
from truelift.stats.multiplicity import benjamini_hochberg
from truelift.stats.segment_effects import CellEffects, Dimension, Standing, effects_by_cell


def dimension(
    value: object, *, key: str = "device", registered: bool = True, se: float = 1.0
) -> Dimension:
    values = np.asarray(value, float)
    absent = np.isnan(values).astype(np.uint8)
    error = np.where(absent != 0, np.nan, se)
    freedom = np.where(absent != 0, np.nan, np.inf)
    cells = tuple(f"cell {i}" for i in range(values.shape[-1]))
    estimates = Estimates(values, error, freedom, np.full(values.shape, 900), absent)
    return Dimension(key, cells, estimates, registered)


def looked(*dimensions: Dimension) -> tuple[CellEffects, ...]:
    return effects_by_cell(dimensions, method=FixedHorizon())


def test_significant_in_one_cell_and_not_in_another_is_no_difference() -> None:
    (found,) = looked(dimension([2.2, 1.2]))

    assert (found.effects.low > 0).tolist() == [True, False]
    assert not found.differs
    assert found.sentence().startswith("No difference of the effect between the cells of device")


def test_a_registered_dimension_confirms_and_another_only_asks() -> None:
    told, seen = looked(
        dimension([6.0, 0.0, 0.0]), dimension([6.0, 0.0, 0.0], key="hour", registered=False)
    )

    assert (told.standing, bool(told.differs)) == (Standing.CONFIRMATORY, True)
    assert (seen.standing, bool(seen.differs)) == (Standing.EXPLORATORY, True)
    assert told.sentence().endswith("that was to be tested.")
    assert seen.sentence().endswith("a question for the next experiment.")


def test_the_cell_that_is_different_is_named_by_its_distance_from_the_rest() -> None:
    (found,) = looked(dimension([4.0, 0.0, 0.5, -0.5]))

    assert found.deviations.value[0] == pytest.approx(4.0)
    assert (found.deviation_p < 0.05).tolist() == [True, False, False, False]


def test_dimensions_nobody_registered_share_one_rate_of_false_findings() -> None:
    alone = looked(dimension([2.8, 0.0], registered=False))[0]
    among = looked(
        *(dimension([x, 0.0], key=f"d{x}", registered=False) for x in (2.8, 0.1, 0.2, 0.3, 0.4))
    )

    assert alone.p == pytest.approx(alone.test.p)
    assert among[0].p == pytest.approx(5 * alone.p)


def test_registered_dimensions_do_not_pay_for_those_that_were_not() -> None:
    alone = looked(dimension([3.5, 0.0]))[0]
    beside = looked(
        dimension([3.5, 0.0]), *(dimension([0.0, 0.0], registered=False) for _ in range(5))
    )[0]

    assert beside.p == alone.p


def test_cells_without_an_effect_leave_the_rest_standing() -> None:
    (found,) = looked(dimension([[6.0, math.nan, 0.0], [math.nan, math.nan, 1.0]]))

    assert found.p.shape == (2,)
    assert math.isnan(found.p[1])
    assert not found.differs[1]
    assert found.sentence((1,)).startswith("Fewer than two cells of device")
    assert math.isnan(found.deviation_p[0, 1])


def test_the_chart_is_drawn_with_effects_closer_together_than_they_were_estimated() -> None:
    (found,) = looked(dimension([3.0, 1.0, -1.0]))

    assert np.ptp(found.drawn.value) < np.ptp(found.effects.value)


def test_dimensions_that_do_not_fit_are_refused() -> None:
    two, three = dimension([1.0, 2.0]), dimension([[1.0, 2.0]])

    with pytest.raises(BadEffects):
        looked(two, three)
    with pytest.raises(BadAlpha):
        effects_by_cell([two], method=FixedHorizon(), alpha=0)
    assert looked() == ()


def test_among_twenty_null_dimensions_findings_are_rare() -> None:
    rng = np.random.default_rng(9)
    p = heterogeneity(rng.normal(size=(4000, 20, 3)), np.ones((4000, 20, 3))).p

    found = (benjamini_hochberg(p) <= 0.10).any(axis=-1).mean()

    assert found < 0.10 + 4 * math.sqrt(0.1 * 0.9 / 4000)
