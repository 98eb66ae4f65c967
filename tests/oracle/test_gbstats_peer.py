"""gbstats as we ask it, held against the numbers it published itself."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.asking_gbstats import Gbstats


pytestmark = pytest.mark.oracle

CONTROL = {"kind": "mean", "n": 3407, "sum": 1396.87, "sum_squares": 52377.9767}
TREATMENT = {"kind": "mean", "n": 3461, "sum": 2422.7, "sum_squares": 134698.29}


def test_gbstats_gives_its_own_published_numbers(gbstats: Gbstats, shared: Path) -> None:
    published = json.loads((shared / "cases" / "stats_oracles.json").read_text())["ttest"][0]
    assert published["a"].items() <= CONTROL.items()
    question = {"test": "fixed", "control": CONTROL, "treatment": TREATMENT}

    relative, absolute = gbstats([question, question | {"difference": "absolute"}])

    lift, difference = published["relative"], published["absolute"]
    assert relative["value"] == pytest.approx(lift["lift"], abs=6e-6)
    assert (relative["low"], relative["high"]) == pytest.approx(lift["ci95"], abs=6e-6)
    assert relative["p"] == pytest.approx(lift["p"], abs=6e-6)
    assert absolute["sd"] == pytest.approx(difference["se"], abs=6e-6)


def test_every_test_and_every_kind_of_sample_can_be_asked_for_in_one_batch(
    gbstats: Gbstats,
) -> None:
    proportion = {"kind": "proportion", "n": 3407, "sum": 300}
    samples: list[dict[str, Any]] = [
        proportion,
        CONTROL,
        {
            "kind": "ratio",
            "n": 3407,
            "numerator": CONTROL,
            "denominator": {"kind": "mean", "n": 3407, "sum": 5000, "sum_squares": 9000},
            "products": 2500.0,
        },
        {"kind": "adjusted", "n": 3407, "post": CONTROL, "pre": CONTROL, "products": 4e4},
        {
            "kind": "quantile",
            "n": 3407,
            "n_star": 3200,
            "nu": 0.9,
            "value": 7.0,
            "lower": 6.5,
            "upper": 7.5,
        },
        {
            "kind": "clustered_quantile",
            "n": 5000,
            "n_star": 3200,
            "nu": 0.9,
            "value": 7.0,
            "lower": 6.5,
            "upper": 7.5,
            "sum": 4500,
            "sum_squares": 8000,
            "denominator_sum": 5000,
            "denominator_sum_squares": 9000,
            "products": 8400,
            "clusters": 3407,
        },
    ]
    tests: list[dict[str, Any]] = [
        {"test": "fixed"},
        {"test": "fixed", "side": "greater"},
        {"test": "sequential", "tuning_n": 1000},
        {"test": "bayesian", "prior": {"mean": 0.1, "sd": 0.3, "proper": True}},
    ]

    answers = gbstats([test | {"control": it, "treatment": it} for test in tests for it in samples])

    assert [answer["error"] for answer in answers] == [None] * len(answers)
    assert all(answer["low"] < answer["value"] < answer["high"] for answer in answers)
    assert all(answer["high"] == math.inf for answer in answers[6:12])
    assert [answer["chance_to_win"] is None for answer in answers] == [True] * 18 + [False] * 6
    assert [answer["theta"] is None for answer in answers[:6]] == [True] * 3 + [False] + [True] * 2


def test_what_gbstats_cannot_judge_it_answers_with_its_reason(gbstats: Gbstats) -> None:
    nobody = {"kind": "proportion", "n": 0, "sum": 0}

    [answer] = gbstats([{"test": "fixed", "control": nobody, "treatment": nobody}])

    assert answer["error"]
    assert answer["p"] == 1
