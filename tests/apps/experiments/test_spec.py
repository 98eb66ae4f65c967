"""The one shape in which experiments are described."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from truelift.apps.experiments.spec import BadSpec, spec_from, spec_from_toml
from truelift.lifecycle.experiment import Method, Origin


def test_the_worked_example_is_read() -> None:
    path = Path(__file__).parents[3] / "examples" / "cookie_cats" / "experiment.toml"

    spec = spec_from_toml(path.read_text(encoding="utf-8"))

    assert spec.origin is Origin.IMPORTED
    assert spec.method is Method.AB
    assert [(each.key, each.control) for each in spec.variants] == [
        ("gate_30", True),
        ("gate_40", False),
    ]
    assert spec.primary == "retention_7"
    assert {metric.key: metric.window_days for metric in spec.metrics} == {
        "retention_1": 1.0,
        "retention_7": 7.0,
    }


def test_weeks_give_the_first_day_that_no_longer_counts() -> None:
    spec = spec_from({"key": "x", "start": "2026-10-26", "weeks": 3})

    assert spec.end == date(2026, 11, 16)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    given = {
        "key": "a key",
        "method": "guess",
        "start": "soon",
        "alpha": True,
        "margin": float("nan"),
        "secondary": "one",
        "colour": "blue",
        "variants": [{"key": "a", "weight": 0}, {"wait": 1}],
        "metrics": [{"key": "m", "kind": "ratio", "event": "e"}],
        "plan": {"power": 2},
    }

    with pytest.raises(BadSpec) as refused:
        spec_from(given)

    assert set(refused.value.wrong) == {
        "key",
        "method",
        "start",
        "alpha",
        "margin",
        "secondary",
        "colour",
        "variants[1].weight",
        "variants[2].key",
        "variants[2].wait",
        "metrics[1].denominator_event",
        "plan.power",
    }


@pytest.mark.parametrize(
    "given",
    [
        {"key": "x", "weeks": 2},
        {"key": "x", "weeks": 2, "start": "2026-10-26", "end": "2026-11-26"},
        {"key": "x", "start": "2026-10-26", "end": "2026-10-26"},
        {"key": "x", "start": "0001-01-01"},
        {"key": "x", "variants": "a, b"},
        {"key": "x", "plan": 3},
        {"key": 3},
        {},
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(BadSpec):
        spec_from(given)


def test_what_is_no_toml_is_refused_as_such() -> None:
    with pytest.raises(BadSpec, match="not TOML"):
        spec_from_toml("key = ")
