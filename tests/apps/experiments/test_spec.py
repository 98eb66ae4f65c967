"""The one shape in which experiments are described."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from truelift.apps.experiments.spec import BadSpec, JudgingSpec, spec_from, spec_from_toml
from truelift.lifecycle.experiment import Method, Origin
from truelift.lifecycle.judging import Inference


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


def test_how_it_is_judged_is_read_with_its_settings() -> None:
    spec = spec_from(
        {
            "key": "x",
            "inference": "group-sequential",
            "judging": {
                "looks": 5,
                "spending": "pocock",
                "correction": "bonferroni",
                "covariate_days": 14,
                "segments": ["device", "plan"],
            },
        }
    )

    assert spec.inference is Inference.GROUP_SEQUENTIAL
    assert spec.judging == JudgingSpec(
        looks=5,
        spending="pocock",
        correction="bonferroni",
        covariate_days=14,
        segments=("device", "plan"),
    )


def test_settings_that_contradict_the_method_are_refused_each_with_its_reason() -> None:
    given = {
        "key": "x",
        "inference": "bayesian",
        "judging": {"tuning_n": 10_000, "looks": 4, "spending": "pocock", "correction": "holm"},
    }

    with pytest.raises(BadSpec) as refused:
        spec_from(given)

    assert set(refused.value.wrong) == {
        "judging.tuning_n",
        "judging.looks",
        "judging.spending",
        "judging.correction",
    }
    assert "Only `sequential` has" in refused.value.wrong["judging.tuning_n"]


@pytest.mark.parametrize(
    ("inference", "judging", "wrong"),
    [
        ("sequential", {"correction": "dunnett"}, "judging.correction"),
        ("sequential", {"tuning_n": 0}, "judging.tuning_n"),
        ("group-sequential", {"looks": 1}, "judging.looks"),
        ("group-sequential", {"looks": 2.5}, "judging.looks"),
        ("bayesian", {"prior_sd": 0}, "judging.prior_sd"),
        ("fixed", {"prior_sd": 0.2}, "judging.prior_sd"),
        ("fixed", {"covariate_days": 365}, "judging.covariate_days"),
        ("fixed", {"segments": [str(n) for n in range(9)]}, "judging.segments"),
        ("fixed", {"correction": "hope"}, "judging.correction"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(
    inference: str, judging: dict[str, object], wrong: str
) -> None:
    with pytest.raises(BadSpec) as refused:
        spec_from({"key": "x", "inference": inference, "judging": judging})

    assert set(refused.value.wrong) == {wrong}
