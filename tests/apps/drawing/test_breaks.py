"""Changes of metrics within an experiment are said with their day and their versions."""

from __future__ import annotations

import pytest
from django.template import engines


def drawn(found: object) -> str:
    template = engines["django"].from_string(
        '{% load drawing %}{% metric_breaks found "Europe/Berlin" %}'
    )
    return template.render({"found": found})


def test_every_change_stands_with_its_moment_in_the_site_s_zone_earliest_first() -> None:
    found = {
        "order_rate": [{"at": "2026-05-02T22:30:00Z", "from_version": 2, "to_version": 3}],
        "aov": [{"at": "2026-05-01T08:00:00Z", "from_version": 1, "to_version": 2}],
    }

    said = drawn(found)

    assert "Metrics were defined anew" in said
    assert "Sun 3 May, 00:30</time>, version 2 became 3" in said
    assert said.index("Aov:") < said.index("Order rate:")


@pytest.mark.parametrize("found", [None, {}, "", {"order_rate": []}])
def test_without_a_change_nothing_is_said(found: object) -> None:
    assert drawn(found).strip() == ""
