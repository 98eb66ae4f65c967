from __future__ import annotations

import math

import numpy as np
import pytest

from truelift.stats.effects import Absence, BadAlpha, Estimates, FixedHorizon, Side
from truelift.stats.non_inferiority import non_inferiority
from truelift.stats.outcome import NoMargin


def estimates(value: object, *, df: float = np.inf, absent: object = 0) -> Estimates:
    values = np.asarray(value, float)
    missing = np.broadcast_to(np.asarray(absent, np.uint8), values.shape)
    gap = np.where(missing != 0, np.nan, 1.0)
    return Estimates(values * gap, gap, gap * df, np.full(values.shape, 100), missing)


def test_a_harm_is_ruled_out_where_its_upper_end_is_below_the_margin() -> None:
    found = non_inferiority(estimates([0.0, -1.0, -3.0]), margin=2.0)

    assert found.harm.tolist() == [0.0, 1.0, 3.0]
    assert found.high == pytest.approx(np.array([0.0, 1.0, 3.0]) + 1.644854)
    assert found.shown.tolist() == [True, False, False]
    assert (found.p < 0.05).tolist() == found.shown.tolist()


def test_a_metric_that_gets_better_downwards_is_mirrored() -> None:
    up = non_inferiority(estimates([0.5, -1.0], df=12.0), margin=2.0)
    down = non_inferiority(estimates([-0.5, 1.0], df=12.0), margin=2.0, increase=False)

    assert down.harm.tolist() == up.harm.tolist()
    assert down.p.tolist() == up.p.tolist()


def test_its_bound_is_that_of_a_one_sided_interval() -> None:
    given = estimates([0.3, -0.7], df=9.0)

    found = non_inferiority(given, margin=1.0)

    judged = FixedHorizon(side=Side.GREATER).judge(given, alpha=0.05)
    assert -found.high == pytest.approx(judged.low)


def test_what_is_absent_is_neither_shown_nor_a_number() -> None:
    found = non_inferiority(estimates([0.0, 0.0], absent=[0, Absence.NO_SPREAD]), margin=2.0)

    assert found.shown.tolist() == [True, False]
    assert math.isnan(found.p[1])
    assert found.absent.tolist() == [0, Absence.NO_SPREAD]


def test_every_comparison_may_have_its_own_margin_and_level() -> None:
    found = non_inferiority(estimates([[0.0, 0.0]]), margin=[[1.0, 2.0]], alpha=[[0.2, 0.01]])

    assert found.shown.tolist() == [[True, False]]


def test_margins_and_levels_that_are_none_are_refused() -> None:
    for margin in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(NoMargin):
            non_inferiority(estimates([0.0]), margin=margin)
    with pytest.raises(BadAlpha):
        non_inferiority(estimates([0.0]), margin=1.0, alpha=1.0)
