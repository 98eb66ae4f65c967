"""A waterfall colours only what its interval tells from nothing."""

from __future__ import annotations

import pytest

from truelift.apps.commerce.waterfall import Step, Waterfall
from truelift.apps.drawing.wording import Kind, Measure


@pytest.mark.parametrize(
    ("value", "low", "high", "css"),
    [
        (130, -958.0, 1154.0, "f-quiet"),
        (130, 20.0, 240.0, "f-better"),
        (-130, -240.0, -20.0, "f-worse"),
        (-130, None, None, "f-worse"),
        (0, None, None, "f-quiet"),
    ],
)
def test_a_step_that_may_be_nothing_is_neither_better_nor_worse(
    value: int, low: float | None, high: float | None, css: str
) -> None:
    chart = Waterfall(
        head="From, to",
        first=("Earlier", ""),
        last=("Later", ""),
        before=1_000,
        after=1_000 + value,
        steps=(Step("Basket", "", value, low, high, ""),),
        measure=Measure(Kind.MONEY, "EUR"),
        unit=100.0,
        level=str,
        change=lambda each: f"{each:+.0f}",
        money_before="",
        money_after="",
        money_head="",
    )

    _, step, _ = chart.rows

    assert step.css == css
