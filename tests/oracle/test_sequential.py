"""Sequential intervals held against gbstats, GrowthBook's later tests and the published numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.oracle.asking_gbstats import Gbstats
from tests.stats.estimated import estimates_of
from truelift.stats.effects import Side
from truelift.stats.sequential import Sequential


pytestmark = pytest.mark.oracle


def test_the_published_interval_is_ours(shared: Path) -> None:
    cases = json.loads((shared / "cases" / "stats_oracles.json").read_text())
    case, rows = cases["sequential_asymptotic_cs"]
    lift = estimates_of(
        0.5033610858562358, se=0.3334122146400735, n=case["a"]["n"] + case["b"]["n"]
    )

    found = Sequential(case["N_star"]).judge(lift)

    assert (found.low, found.high) == pytest.approx(case["ci"], abs=5e-6)
    assert found.p == case["p"]
    for tuning_n, n, errors in rows["rows"]:
        assert Sequential(tuning_n).errors_reached(n) == pytest.approx(errors, abs=5e-5)


def test_the_one_sided_interval_is_the_one_in_growthbooks_own_tests() -> None:
    """tests/frequentist/test_tests.py::TestSequentialOneSidedGreaterTTest; 0.8.0 has none yet."""
    lift = estimates_of(0.5033610858562358, se=0.3334122146400735, n=6461)

    found = Sequential(5000, Side.GREATER).judge(lift)

    assert found.low == pytest.approx(-0.42356454602790883, rel=1e-12)
    assert found.high == math.inf


def test_random_comparisons_are_gbstats_to_nine_digits(gbstats: Gbstats) -> None:
    rng = np.random.default_rng(5)
    questions: list[dict[str, Any]] = []
    for _ in range(200):
        arms = [
            {"kind": "mean", "n": n, "sum": n * mean, "sum_squares": n * mean**2 + n * spread**2}
            for n, mean, spread in zip(
                rng.integers(50, 50_000, 2).tolist(),
                rng.uniform(1, 1.3, 2).tolist(),
                rng.uniform(0.5, 3, 2).tolist(),
                strict=True,
            )
        ]
        questions.append(
            {
                "test": "sequential",
                "control": arms[0],
                "treatment": arms[1],
                "alpha": float(rng.choice([0.01, 0.05, 0.1])),
                "tuning_n": float(rng.choice([500, 5000, 50_000])),
            }
        )

    theirs = gbstats(questions)

    for question, answer in zip(questions, theirs, strict=True):
        n = question["control"]["n"] + question["treatment"]["n"]
        found = Sequential(question["tuning_n"]).judge(
            estimates_of(answer["value"], se=answer["sd"], n=n), alpha=question["alpha"]
        )
        assert (found.low, found.high) == pytest.approx((answer["low"], answer["high"]), rel=1e-9)
        assert found.p == pytest.approx(answer["p"], rel=1e-9)
