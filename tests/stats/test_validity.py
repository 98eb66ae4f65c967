from __future__ import annotations

import math

import numpy as np
import pytest

from truelift.stats.effects import Absence, BadAlpha, Estimates, FixedHorizon
from truelift.stats.moments import Form, Moments, shares
from truelift.stats.status import Status
from truelift.stats.validity import BadCheck, imbalance, multiple_exposure, past, power_reached


def before(value: object) -> Estimates:
    values = np.asarray(value, float)
    absent = np.where(np.isnan(values), np.uint8(Absence.NO_SPREAD), np.uint8(0))
    known = np.where(np.isnan(values), np.nan, 1.0)
    return Estimates(values, known, known * np.inf, np.full(values.shape, 900), absent)


@pytest.mark.parametrize(
    ("crossovers", "status"),
    [(0, Status.OK), (10, Status.OK), (11, Status.WARN), (101, Status.FAIL)],
)
def test_units_that_saw_several_variants_are_judged_by_their_share(
    crossovers: int, status: Status
) -> None:
    found = multiple_exposure(crossovers=crossovers, exposed=1000)

    assert found.status is status
    assert found.low <= found.share <= found.high


@pytest.mark.parametrize(("crossovers", "exposed"), [(0, 0), (2, 1), (-1, 5)])
def test_shares_that_are_none_are_refused(crossovers: int, exposed: int) -> None:
    with pytest.raises(BadCheck):
        multiple_exposure(crossovers=crossovers, exposed=exposed)


def test_the_planned_error_reaches_the_planned_power() -> None:
    planned = 1 / (1.959964 + 0.841621)

    found = power_reached([planned, 2 * planned, math.nan], worth=1.0)

    assert found.power[0] == pytest.approx(0.8, abs=1e-5)
    assert found.detectable[:2] == pytest.approx([1.0, 2.0], rel=1e-5)
    assert found.short.tolist() == [False, True, False]
    assert math.isnan(found.power[2])


@pytest.mark.parametrize(
    ("se", "worth", "power"),
    [(0.0, 1.0, 0.8), (-1.0, 1.0, 0.8), (math.inf, 1.0, 0.8), (1.0, 0.0, 0.8), (1.0, 1.0, 0.01)],
)
def test_errors_effects_and_powers_that_are_none_are_refused(
    se: float, worth: float, power: float
) -> None:
    with pytest.raises(BadCheck):
        power_reached(se, worth=worth, power=power)


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(BadAlpha):
        power_reached(1.0, worth=1.0, alpha=0)


def test_a_difference_before_the_test_is_judged_among_all_that_were_looked_at() -> None:
    alone = imbalance(before([2.2]), method=FixedHorizon())
    among = imbalance(before([[2.2, 0.0, 0.1], [math.nan, 0.3, 0.2]]), method=FixedHorizon())
    broken = imbalance(before([[5.0, 0.0], [0.0, 0.0]]), method=FixedHorizon())

    assert (alone.status, among.status, broken.status) == (Status.WARN, Status.OK, Status.FAIL)
    assert among.p_adjusted[0, 0] == pytest.approx(6 * alone.p[0])
    assert math.isnan(among.p_adjusted[1, 0])


def test_nothing_from_before_cannot_be_checked() -> None:
    with pytest.raises(BadCheck):
        imbalance(before([]), method=FixedHorizon())
    with pytest.raises(BadCheck):
        past(shares(np.array([5]), np.array([2])))


def test_what_was_before_becomes_the_metric() -> None:
    samples = Moments(
        Form.MEAN,
        np.array([10]),
        np.array([[1.0, 2.0]]),
        np.array([[[4.0, 1.0], [1.0, 9.0]]]),
    )

    found = past(samples)

    assert found.means.tolist() == [[2.0]]
    assert found.products.tolist() == [[[9.0]]]


def test_variants_that_were_alike_raise_an_alarm_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(5)
    runs = 800

    alarms = sum(
        imbalance(before(rng.normal(size=(5, 2))), method=FixedHorizon()).status is not Status.OK
        for _ in range(runs)
    )

    assert alarms / runs < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
