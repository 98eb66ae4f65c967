from __future__ import annotations

import math

import numpy as np
import pytest

from truelift.stats.split_causes import Cause, CellCounts, split_causes
from truelift.stats.srm import BadSplit, check_split


BROWSER = CellCounts(
    "browser",
    ("chrome", "safari", "firefox"),
    ((20_050, 19_950), (10_900, 9_100), (5_020, 4_980)),
)


def test_the_cell_that_carries_the_imbalance_is_named_first() -> None:
    (found,) = split_causes([BROWSER], [1, 1])

    first = found.cells[0]
    assert (first.cell, first.carries) == ("safari", True)
    assert first.excess == (900.0, -900.0)
    assert first.residuals[0] > 3
    assert first.p_without is not None
    assert first.p_without > 0.01
    assert [cell.carries for cell in found.cells] == [True, False, False]
    assert found.cause is Cause.CELLS


def test_every_cell_is_tested_as_the_whole_is() -> None:
    (found,) = split_causes([BROWSER], [1, 1])

    for cell in found.cells:
        split = check_split(cell.observed, [1, 1])
        assert cell.chi2 == pytest.approx(split.chi2)
        assert cell.p == pytest.approx(split.p)
    assert found.p == pytest.approx(check_split([35_970, 34_030], [1, 1]).p)


def test_an_imbalance_that_is_the_same_everywhere_is_not_of_this_dimension() -> None:
    (found,) = split_causes(
        [CellCounts("device", ("mobile", "desktop"), ((10_400, 9_600), (5_200, 4_800)))], [1, 1]
    )

    assert found.cause is Cause.EVERYWHERE
    assert found.p_alike == pytest.approx(1, abs=0.01)


def test_imbalances_that_cancel_are_seen_in_the_cells() -> None:
    (found,) = split_causes(
        [CellCounts("device", ("mobile", "desktop"), ((10_400, 9_600), (9_600, 10_400)))], [1, 1]
    )

    assert found.p == 1
    assert found.cause is Cause.CELLS
    assert not any(cell.carries for cell in found.cells)


def test_a_split_as_planned_has_no_cause() -> None:
    (found,) = split_causes(
        [CellCounts("device", ("mobile", "desktop"), ((6_030, 2_970), (4_010, 1_990)))], [2, 1]
    )

    assert found.cause is Cause.NOWHERE


def test_cells_nobody_is_in_are_not_checked() -> None:
    (found,) = split_causes([CellCounts("device", ("tv", "none"), ((3, 2), (0, 0)))], [1, 1])
    (nobody,) = split_causes([CellCounts("device", ("tv",), ((0, 0),))], [1, 1])

    empty = found.cells[1]
    assert (empty.chi2, empty.p, empty.p_adjusted) == (None, None, None)
    assert found.cells[0].rough
    assert found.p_alike is None
    assert (nobody.p, nobody.cause) == (None, Cause.NOWHERE)


def test_forty_cells_of_a_fair_split_rarely_raise_an_alarm() -> None:
    rng = np.random.default_rng(2)
    alarms = 0

    for _ in range(200):
        rows = tuple(tuple(row) for row in rng.multinomial(500, [0.5, 0.5], 40).tolist())
        (found,) = split_causes(
            [CellCounts("page", tuple(str(i) for i in range(40)), rows)], [1, 1], level=0.05
        )
        alarms += found.cause is Cause.CELLS

    assert alarms / 200 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


@pytest.mark.parametrize(
    ("rows", "weights"),
    [
        (((1, 2),), [1]),
        (((1, 2),), [1, 0]),
        (((1, 2),), [1, math.nan]),
        (((1,),), [1, 1]),
        (((1, -2),), [1, 1]),
        (((1, 10**20),), [1, 1]),
        (((1, 2), (3, 4)), [1, 1]),
    ],
)
def test_tables_that_are_none_are_refused(
    rows: tuple[tuple[int, ...], ...], weights: list[float]
) -> None:
    with pytest.raises(BadSplit):
        split_causes([CellCounts("device", ("tv",), rows)], weights)


def test_no_dimension_has_no_causes() -> None:
    assert split_causes([], [1, 1]) == ()
