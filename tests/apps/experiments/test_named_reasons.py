"""The reasons of a recommendation are told with names, not keys."""

from __future__ import annotations

import pytest

from truelift.apps.experiments.result import named_reason


@pytest.mark.parametrize(
    ("computed", "said"),
    [
        ("order_rate got better with b: +8.0%.", "Order rate got better with Pay later: +8.0%."),
        (
            "order_rate shows no difference larger than the margin with b.",
            "Order rate shows no difference larger than the margin with Pay later.",
        ),
        (
            "The data cannot tell whether b changes order_rate: +1.0%.",
            "The data cannot tell whether Pay later changes Order rate: +1.0%.",
        ),
        ("By the table: after a win with b, “ship”.", "By the table: after a win with b, “ship”."),
    ],
)
def test_a_reason_names_its_metric_and_variant(computed: str, said: str) -> None:
    spoken = named_reason(computed, {"order_rate": "Order rate"}, {"b": "Pay later"})

    assert spoken == said
