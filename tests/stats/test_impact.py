from __future__ import annotations

import pytest

from truelift.stats.comparison import Effect
from truelift.stats.impact import WEEKS_A_YEAR, BadTraffic, scaled_impact


EFFECT = Effect(value=-0.5, se=0.1, low=-0.7, high=-0.3, p=0.001)


def test_an_effect_and_its_interval_grow_with_the_traffic() -> None:
    found = scaled_impact(EFFECT, per_week=1_000)

    assert (found.week.value, found.week.low, found.week.high) == (-500, -700, -300)
    assert found.year.value == pytest.approx(-500 * WEEKS_A_YEAR)


@pytest.mark.parametrize("per_week", [0, -1, float("nan"), float("inf")])
def test_a_traffic_that_is_none_is_refused(per_week: float) -> None:
    with pytest.raises(BadTraffic):
        scaled_impact(EFFECT, per_week=per_week)
