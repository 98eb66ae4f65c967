from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest


def told(command: str, document: object) -> dict[str, Any]:
    """The answer of `truelift stats COMMAND` to a document on stdin."""
    done = ran(command, json.dumps(document))
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def refused(command: str, text: str) -> dict[str, Any]:
    """The error that the last line on stderr holds."""
    done = ran(command, text)
    assert done.returncode == 1
    assert done.stdout == ""
    error: dict[str, Any] = json.loads(done.stderr.splitlines()[-1])["error"]
    return error


def ran(command: str, text: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-c", "from truelift.cli.main import main; main()", "stats", command]
    return subprocess.run(call, input=text, capture_output=True, text=True, check=False)


ARMS = [
    {"variant": "a", "n": 44_700, "successes": 8_502},
    {"variant": "b", "n": 45_489, "successes": 8_279},
]


def test_compare_answers_with_both_effects_of_each_treatment() -> None:
    answer = told("compare", {"kind": "proportion", "baseline": "a", "arms": ARMS})

    (effect,) = answer["effects"]
    assert effect["variant"] == "b"
    assert effect["absolute"]["p"] == pytest.approx(0.00156, abs=5e-6)
    assert effect["relative"]["value"] == pytest.approx(-0.0431, abs=5e-5)
    assert effect["p"] == effect["absolute"]["p"]


def test_compare_takes_means_and_ratios() -> None:
    mean = {"n": 100, "mean": 10.0, "m2": 400.0}
    ratio = {**mean, "den_mean": 2.0, "den_m2": 30.0, "cross": 20.0}

    for kind, arm in (("mean", mean), ("ratio", ratio)):
        arms = [{"variant": name, **arm} for name in ("a", "b", "c")]
        answer = told("compare", {"kind": kind, "baseline": "b", "alpha": 0.1, "arms": arms})
        assert [effect["variant"] for effect in answer["effects"]] == ["a", "c"]
        assert [effect["p"] for effect in answer["effects"]] == pytest.approx([1, 1])


def test_srm_answers_without_loading_numpy_scipy_or_django() -> None:
    code = (
        "import sys\n"
        "from truelift.cli.main import run\n"
        "code = run('stats', ['srm'])\n"
        "heavy = {'numpy', 'scipy', 'django', 'duckdb', 'pyarrow', 'numba'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else code)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        input='{"observed": [821588, 815482], "weights": [1, 1]}',
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert json.loads(done.stdout)["status"] == "fail"
    assert json.loads(done.stdout)["p"] == pytest.approx(1.8e-6, rel=0.02)


def test_power_solves_for_whatever_is_missing() -> None:
    design = {"kind": "proportion", "baseline": 0.05}

    n = told("power", {**design, "lift": 0.10, "alpha": 0.05, "power": 0.8, "arms": 2})
    lift = told("power", {**design, "n_per_arm": 31_234, "power": 0.8})
    power = told("power", {**design, "n_per_arm": 31_234, "lift": 0.10})

    assert n["n_per_arm"] == 31_234
    assert lift["lift"] == pytest.approx(0.10, abs=1e-5)
    assert power["power"] == pytest.approx(0.80, abs=1e-5)


def test_power_of_a_mean_takes_its_coefficient_of_variation() -> None:
    assert told("power", {"kind": "mean", "cv": 1, "lift": 0.1})["n_per_arm"] == 1_570


def test_power_takes_every_method_and_a_split_that_is_not_even() -> None:
    asked = {"kind": "revenue", "buys": 0.02, "order_cv": 1.0, "lift": 0.1}

    fixed = told("power", asked)
    sequential = told("power", {**asked, "method": "sequential", "tuning_n": 100_000})
    looks = told("power", {**asked, "method": "group_sequential", "factor": 1.05})
    prior = {"mean": 0.0, "sd": 0.3}
    bayesian = told("power", {**asked, "method": "bayesian", "prior": prior, "scale": "absolute"})
    uneven = told("power", {**asked, "weights": [4, 1]})

    assert fixed["n_per_arm"] < looks["n_per_arm"] < sequential["n_per_arm"]
    assert bayesian["n_per_arm"] > fixed["n_per_arm"]
    assert uneven["n_by_arm"][0] == pytest.approx(4 * uneven["n_by_arm"][1], abs=4)
    assert uneven["units"] > fixed["units"]


def test_power_of_non_inferiority_solves_for_the_margin_in_place_of_the_lift() -> None:
    asked = {"kind": "mean", "cv": 2.0, "aim": "non_inferiority"}

    n = told("power", {**asked, "margin": 0.1})
    margin = told("power", {**asked, "n_per_arm": n["n_per_arm"]})
    power = told("power", {**asked, "n_per_arm": n["n_per_arm"], "margin": 0.1})

    assert n["n_per_arm"] == told("power", {"kind": "mean", "cv": 2.0, "lift": 0.1})["n_per_arm"]
    assert margin["margin"] == pytest.approx(0.1, rel=1e-3)
    assert power["power"] == pytest.approx(0.8, abs=1e-3)


def test_duration_waits_for_the_last_value() -> None:
    asked = {"kind": "proportion", "baseline": 0.05, "lift": 0.10, "units_per_week": 20_000}

    answer = told("duration", {**asked, "maturation_days": 30})

    assert (answer["weeks"], answer["days"]) == (4, 58)


def test_duration_is_in_whole_weeks() -> None:
    asked = {"kind": "proportion", "baseline": 0.05, "lift": 0.10, "units_per_week": 20_000}

    assert told("duration", asked)["weeks"] == 4
    assert told("duration", {**asked, "allocation": 0.5})["weeks"] == 7


@pytest.mark.parametrize("method", ["sequential", "bayesian"])
def test_a_method_of_a_later_release_is_refused_by_its_own_code(method: str) -> None:
    asked = {"kind": "proportion", "baseline": "a", "method": method, "arms": ARMS}

    error = refused("compare", json.dumps(asked))

    assert error["code"] == "stats.method_not_available"
    assert error["facts"]["method"] == method


def test_a_covariate_is_refused_and_not_ignored() -> None:
    arms = [{"variant": v, "n": 9, "mean": 1, "m2": 1, "pre_mean": 1} for v in ("a", "b")]

    error = refused("compare", json.dumps({"kind": "mean", "baseline": "a", "arms": arms}))

    assert error["code"] == "stats.method_not_available"


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("srm", ""),
        ("srm", "{"),
        ("srm", "[]"),
        ("srm", '{"observed": [1, NaN], "weights": [1, 1]}'),
        ("srm", '{"observed": [1, 1e999], "weights": [1, 1]}'),
        ("srm", '{"observed": "12", "weights": [1, 1]}'),
        ("srm", '{"observed": [[1, 2]], "weights": [1, 1]}'),
        ("power", '{"kind": "proportion", "baseline": 0.05}'),
        ("power", '{"kind": "proportion", "baseline": 0.05, "lift": 0.1, "alhpa": 0.1}'),
        ("compare", '{"kind": "median", "baseline": "a", "arms": []}'),
        ("compare", '{"kind": "mean", "baseline": "a", "arms": []}'),
    ],
)
def test_input_that_cannot_be_used_is_one_line_with_a_code(command: str, text: str) -> None:
    assert refused(command, text)["code"] == "stats.bad_input"


def test_a_refusal_of_the_mathematics_keeps_its_own_code() -> None:
    empty = '{"observed": [0, 0], "weights": [1, 1]}'

    assert refused("srm", empty)["code"] == "stats.bad_split"


def test_json_may_be_asked_for_and_no_other_option_is_known() -> None:
    split = '{"observed": [1, 1], "weights": [1, 1]}'

    def call(option: str) -> subprocess.CompletedProcess[str]:
        code = "from truelift.cli.main import main; main()"
        words = [sys.executable, "-c", code, "stats", "srm", option]
        return subprocess.run(words, input=split, capture_output=True, text=True, check=False)

    asked, unknown = call("--json"), call("--yaml")

    assert json.loads(asked.stdout)["p"] == 1
    assert unknown.returncode == 2
    assert json.loads(unknown.stderr)["error"]["code"] == "cli.usage"
