"""Answer comparisons with gbstats 0.8.0; run by the Python of `.setup/gbstats-env`, not by ours.

Reads batches from standard input, one JSON line each, and answers one JSON line per batch, so
that one process (which takes seconds to start) serves a whole run. Tests ask it through the
fixture `gbstats` in `tests/oracle/conftest.py`: a list of questions in, a list of answers out.

A question:
    {"test": "fixed" | "sequential" | "bayesian",
     "control": SAMPLE, "treatment": SAMPLE,
     "difference": "relative" (default) | "absolute" | "scaled",
     "alpha": 0.05,
     "side": "two" (default) | "greater" | "less",              fixed only; see below
     "tuning_n": 5000,                                          sequential only
     "inverse": false,                                          bayesian only
     "prior": {"mean": 0, "sd": 1, "proper": false},            bayesian only
     "prior_scale": "relative" (default) | "absolute",          bayesian only
     "traffic": 1, "days": 1}                                   for "scaled"

A sample, in raw sums as gbstats wants them:
    {"kind": "proportion", "n", "sum"}
    {"kind": "mean", "n", "sum", "sum_squares"}
    {"kind": "ratio", "n", "numerator": SAMPLE, "denominator": SAMPLE, "products"}
    {"kind": "adjusted", "n", "post": SAMPLE, "pre": SAMPLE, "products"}     CUPED; theta is found
    {"kind": "quantile", "n", "n_star", "nu", "value", "lower", "upper"}
    {"kind": "clustered_quantile", …the same, "sum", "sum_squares", "denominator_sum",
     "denominator_sum_squares", "products", "clusters"}

An answer (what a test does not have is null; infinite ends are JSON's Infinity):
    {"value", "low", "high", "sd",            sd: standard error, or the posterior's deviation
     "p", "df",                               fixed and sequential
     "chance_to_win", "risk": [control, treatment],            bayesian
     "theta",                                 of an adjusted sample
     "error": null or why gbstats gave its default}

The line of answers is {"answers": [...], "seconds": S}: processor time of gbstats alone, from
its samples to its results, for benches. A broken batch is answered by {"failed": traceback}.

gbstats 0.8.0 writes the upper end of `"side": "less"` as estimate - width, where + is right:
its p-value can be compared there, its interval cannot.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from typing import Any

from gbstats.bayesian.tests import EffectBayesianABTest, EffectBayesianConfig, GaussianPrior
from gbstats.frequentist.tests import (
    FrequentistConfig,
    OneSidedTreatmentGreaterTTest,
    OneSidedTreatmentLesserTTest,
    SequentialConfig,
    SequentialTwoSidedTTest,
    TwoSidedTTest,
)
from gbstats.models.statistics import (
    ProportionStatistic,
    QuantileClusteredStatistic,
    QuantileStatistic,
    RatioStatistic,
    RegressionAdjustedStatistic,
    SampleMeanStatistic,
)


FIXED = {
    "two": TwoSidedTTest,
    "greater": OneSidedTreatmentGreaterTTest,
    "less": OneSidedTreatmentLesserTTest,
}


def sample_of(said: dict[str, Any]) -> Any:
    match said["kind"]:
        case "proportion":
            return ProportionStatistic(n=said["n"], sum=said["sum"])
        case "mean":
            return SampleMeanStatistic(
                n=said["n"], sum=said["sum"], sum_squares=said["sum_squares"]
            )
        case "ratio":
            return RatioStatistic(
                n=said["n"],
                m_statistic=sample_of(said["numerator"]),
                d_statistic=sample_of(said["denominator"]),
                m_d_sum_of_products=said["products"],
            )
        case "adjusted":
            return RegressionAdjustedStatistic(
                n=said["n"],
                post_statistic=sample_of(said["post"]),
                pre_statistic=sample_of(said["pre"]),
                post_pre_sum_of_products=said["products"],
                theta=0,
            )
        case "quantile" | "clustered_quantile" as kind:
            quantile = {
                "n": said["n"],
                "n_star": said["n_star"],
                "nu": said["nu"],
                "quantile_hat": said["value"],
                "quantile_lower": said["lower"],
                "quantile_upper": said["upper"],
            }
            if kind == "quantile":
                return QuantileStatistic(**quantile)
            return QuantileClusteredStatistic(
                **quantile,
                main_sum=said["sum"],
                main_sum_squares=said["sum_squares"],
                denominator_sum=said["denominator_sum"],
                denominator_sum_squares=said["denominator_sum_squares"],
                main_denominator_sum_product=said["products"],
                n_clusters=said["clusters"],
            )
        case kind:
            raise ValueError(f"gbstats has no sample of kind {kind!r}")


def config_of(question: dict[str, Any]) -> Any:
    common = {
        "difference_type": question.get("difference", "relative"),
        "traffic_proportion_b": question.get("traffic", 1),
        "phase_length_days": question.get("days", 1),
        "alpha": question.get("alpha", 0.05),
    }
    match question["test"]:
        case "fixed":
            return FrequentistConfig(**common)
        case "sequential":
            return SequentialConfig(
                **common, sequential_tuning_parameter=question.get("tuning_n", 5000)
            )
        case "bayesian":
            prior = question.get("prior", {})
            return EffectBayesianConfig(
                **common,
                inverse=question.get("inverse", False),
                prior_type=question.get("prior_scale", "relative"),
                prior_effect=GaussianPrior(
                    mean=prior.get("mean", 0),
                    variance=prior.get("sd", 1) ** 2,
                    proper=prior.get("proper", False),
                ),
            )
        case test:
            raise ValueError(f"gbstats is not asked for {test!r}")


def test_of(question: dict[str, Any]) -> Any:
    samples = sample_of(question["control"]), sample_of(question["treatment"])
    match question["test"]:
        case "fixed":
            return FIXED[question.get("side", "two")](*samples, config_of(question))
        case "sequential":
            return SequentialTwoSidedTTest(*samples, config_of(question))
        case _:
            return EffectBayesianABTest(*samples, config_of(question))


def answer_of(test: Any, result: Any) -> dict[str, Any]:
    frequentist = hasattr(result, "p_value")
    failed = result.error_message is not None
    return {
        "value": result.expected,
        "low": result.ci[0],
        "high": result.ci[1],
        "sd": result.uplift.stddev,
        "p": result.p_value if frequentist else None,
        "df": test.dof if frequentist and not failed else None,
        "chance_to_win": None if frequentist else result.chance_to_win,
        "risk": None if frequentist else result.risk,
        "theta": getattr(test.stat_b, "theta", None),
        "error": result.error_message,
    }


def answers_of(questions: list[dict[str, Any]]) -> dict[str, Any]:
    began = time.process_time()
    tests = [test_of(question) for question in questions]
    results = [test.compute_result() for test in tests]
    seconds = time.process_time() - began
    answers = [answer_of(test, result) for test, result in zip(tests, results, strict=True)]
    return {"answers": answers, "seconds": seconds}


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            answer = answers_of(json.loads(line))
        except Exception:  # noqa: BLE001 - whatever it was, the test that asked has to say it
            answer = {"failed": traceback.format_exc()}
        print(json.dumps(answer, default=float), flush=True)  # noqa: T201 - it is the answer
