"""The statistics as documents: what each answers, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from truelift.errors import Refusal
from truelift.stats.asked import answer, written


def told(name: str, document: object) -> dict[str, Any]:
    """The answer to a document, as whoever asked reads it."""
    found: dict[str, Any] = json.loads(written(answer(name, json.dumps(document).encode())))
    return found


def refused(name: str, text: str) -> dict[str, Any]:
    """The code and the message of a refusal."""
    with pytest.raises(Refusal) as refusal:
        answer(name, text.encode())
    return {"code": refusal.value.code, "message": str(refusal.value)}


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

    assert sequential["power_at_any_time"] > 0.85
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


def test_every_method_answers_with_what_it_has() -> None:
    def effect(**settings: Any) -> dict[str, Any]:
        asked = {"kind": "proportion", "baseline": "a", "arms": ARMS, **settings}
        (found,) = told("compare", asked)["effects"]
        assert isinstance(found, dict)
        return found

    fixed = effect()
    sequential = effect(method="sequential", tuning_n=50_000)
    grouped = effect(method="group_sequential", looks=[0.5, 1.0])
    believed = effect(method="bayesian", prior={"mean": 0, "sd": 0.1})

    def width(found: dict[str, Any]) -> float:
        return float(found["relative"]["high"] - found["relative"]["low"])

    assert width(fixed) < width(grouped) < width(sequential)
    assert believed["p"] is None
    assert believed["relative"]["p"] is None
    assert believed["chance_to_win"] < 0.01
    assert believed["expected_loss"] > 0.02 > believed["control_loss"]


def test_a_published_sequential_interval_comes_out(shared: Path) -> None:
    case = json.loads((shared / "cases" / "stats_oracles.json").read_text())
    case = case["sequential_asymptotic_cs"][0]
    arms = [
        {
            "variant": name,
            "n": sums["n"],
            "mean": sums["sum"] / sums["n"],
            "m2": sums["sum_squares"] - sums["sum"] ** 2 / sums["n"],
        }
        for name, sums in (("a", case["a"]), ("b", case["b"]))
    ]
    asked = {"kind": "mean", "baseline": "a", "method": "sequential", "arms": arms}

    (effect,) = told("compare", {**asked, "tuning_n": case["N_star"]})["effects"]

    assert effect["relative"]["value"] == pytest.approx(case["lift"], abs=5e-6)
    assert [effect["relative"]["low"], effect["relative"]["high"]] == pytest.approx(
        case["ci"], abs=5e-6
    )


def test_a_covariate_narrows_what_is_compared() -> None:
    arm = {"n": 900, "mean": 1, "m2": 900, "pre_mean": 1, "pre_m2": 900, "pre_cross": 720}
    arms = [{"variant": name, **arm} for name in ("a", "b")]
    half = [{**arms[0]}, {"variant": "b", "n": 9, "mean": 1, "m2": 1, "pre_mean": 1}]

    (effect,) = told("compare", {"kind": "mean", "baseline": "a", "arms": arms})["effects"]

    assert effect["procedure"] == "cuped"
    assert effect["variance_saved"] == pytest.approx(0.64)
    assert effect["counted"]["se"] > effect["absolute"]["se"]
    error = refused("compare", json.dumps({"kind": "mean", "baseline": "a", "arms": half}))
    assert "pre_mean, pre_m2 and pre_cross" in error["message"]


def test_several_treatments_may_share_their_error_level() -> None:
    arms = [*ARMS, {"variant": "c", "n": 45_000, "successes": 8_500}]
    asked = {"kind": "proportion", "baseline": "a", "arms": arms, "multiplicity": "holm"}

    first, second = told("compare", asked)["effects"]
    pairs = told("compare", {**asked, "pairs": "all", "units_per_week": 1_000})["effects"]

    assert first["p_corrected"] == pytest.approx(2 * first["p"])
    assert second["p"] == second.get("p_corrected", second["p"])
    assert [(each["against"], each["variant"]) for each in pairs] == [
        ("a", "b"), ("a", "c"), ("b", "c"),
    ]  # fmt: skip
    assert pairs[0]["impact"]["week"]["value"] == pytest.approx(1_000 * first["absolute"]["value"])


def test_a_split_is_followed_from_day_to_day(shared: Path) -> None:
    case = json.loads((shared / "cases" / "stats_oracles.json").read_text())
    case = case["ssrm_dirichlet_multinomial"][0]
    days = {"observed": case["data"], "weights": [1, 1], "method": "sequential"}

    answer = told("srm", days)

    assert answer["p"] == min(answer["daily"])
    assert len(answer["daily"]) == len(case["data"])


def test_many_tests_are_read_together() -> None:
    results = [{"value": v, "se": 0.02, "live": v > 0.03} for v in (0.05, 0.01, -0.02, 0.04, 0.0)]

    assert told("fpr", {"prior": 0.08})["fpr"] == pytest.approx(0.26, abs=0.005)
    shrunken = told("shrink", {"results": results})
    assert 0 < shrunken["live"]["value"] < shrunken["live"]["plain"]
    concluded = [{"se": 0.02, "margin": 0.05, "outcome": "inconclusive"}] * 3
    assert told("inconclusive", {"results": concluded})["observed"] == 3


def test_two_experiments_are_tested_for_disturbing_each_other() -> None:
    cells = [
        [
            {"n": 5_000, "value": 0.10, "variance": 1.8e-5},
            {"n": 5_010, "value": 0.11, "variance": 1.9e-5},
        ],
        [
            {"n": 4_990, "value": 0.11, "variance": 1.9e-5},
            {"n": 5_003, "value": 0.15, "variance": 2.5e-5},
        ],
    ]

    found = told("interaction", {"cells": cells, "worth": 0.03})

    assert not found["traffic"]["found"]
    assert found["metric"]["effects"][0][0]["value"] == pytest.approx(0.03)
    assert found["metric"]["p"] < 0.01
    assert found["metric"]["power"] > 0.8
    without = told("interaction", {"cells": [[{"n": n} for n in row] for row in ([9, 8], [7, 9])]})
    assert without["metric"] is None


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


CHANGES = [{"name": name} for name in ("headline", "picture", "price", "delivery")]


def test_a_fraction_is_laid_out_with_what_it_confounds() -> None:
    found = told("factorial", {"factors": CHANGES, "halvings": 1})

    assert (len(found["cells"]), found["resolution"], found["words"]) == (8, 4, ["ABCD"])
    assert found["generators"] == ["D=ABC"]
    assert {"term": "headline×picture", "order": 2, "aliases": ["price×delivery"]} in found["terms"]
    assert "effects" not in found


def test_a_factorial_test_is_planned_for_its_main_effects() -> None:
    test = {"kind": "proportion", "baseline": 0.05, "lift": 0.10}

    found = told("factorial", {"factors": CHANGES, "halvings": 1, "plan": {"test": test}})

    assert found["plan"] == {"n_per_cell": 7809, "units": 62_472}


def test_main_effects_and_interactions_come_of_the_cells_in_any_order() -> None:
    def cell(price: str, form: str, successes: int) -> dict[str, object]:
        return {"levels": {"price": price, "form": form}, "n": 20_000, "successes": successes}

    cells = [
        cell("new", "new", 1_500), cell("old", "old", 1_000),
        cell("new", "old", 1_100), cell("old", "new", 1_000),
    ]  # fmt: skip
    factors = [{"name": name, "levels": ["old", "new"]} for name in ("price", "form")]
    asked = {"factors": factors, "cells": cells, "multiplicity": "holm"}

    price, form, both = told("factorial", asked)["effects"]

    assert price["absolute"]["value"] == pytest.approx((1_500 + 1_100 - 2_000) / 40_000)
    assert price["relative"]["value"] == pytest.approx(0.3)
    assert form["absolute"]["value"] == pytest.approx(400 / 40_000)
    assert both["absolute"]["value"] == pytest.approx(400 / 20_000)
    assert both["relative"] is None
    assert "metric's unit" in both["relative_reason"]
    assert price["p_corrected"] >= price["absolute"]["p"]
    assert "cell" in refused("factorial", json.dumps({**asked, "cells": cells[:3]}))["message"]


def test_a_cell_without_units_leaves_a_reason_in_place_of_every_effect() -> None:
    cells = [
        {"levels": {"a": a, "b": b}, "n": 0 if a == b == "on" else 50, "successes": 0}
        for a in ("off", "on") for b in ("off", "on")
    ]  # fmt: skip
    asked = {"factors": [{"name": "a"}, {"name": "b"}], "cells": cells}

    effects = told("factorial", asked)["effects"]

    assert {each["absolute"] for each in effects} == {None}
    assert all("no unit" in each["reason"] for each in effects)


def test_little_traffic_is_told_what_to_do_with_it() -> None:
    test = {"kind": "proportion", "baseline": 0.03}

    little = told("ladder", {"test": test, "weekly_units": 300, "triggered": 0.4})
    much = told("ladder", {"test": test, "weekly_units": 90_000})

    assert (little["reach"], much["reach"]) == ("none", "normal")
    assert [each["weeks"] for each in little["lifts"]] == [4, 8, 12]
    assert little["steps"][0]["rung"] == "test"
    assert {"trigger", "non_inferiority", "series"} <= {each["rung"] for each in little["steps"]}
    assert [each["rung"] for each in much["steps"]] == ["test"]


def test_a_lift_that_no_time_shows_is_null_with_words() -> None:
    found = told("ladder", {"test": {"kind": "proportion", "baseline": 0.9}, "weekly_units": 2})

    assert found["lifts"][-1]["lift"] is None
    assert "no possible lift" in found["sentence"]


BEFORE = [100 + (day * 7) % 5 + (day % 3) * 0.7 for day in range(70)]
CONTROL = [80 + (day * 7) % 5 + (day % 4) * 0.6 for day in range(70)]
AFTER = [value + (10 if day >= 42 else 0) for day, value in enumerate(BEFORE)]


@pytest.mark.parametrize(
    ("design", "more"),
    [
        ("difference-in-differences", {"controls": [CONTROL]}),
        ("interrupted-time-series", {"season": 1}),
        ("synthetic-control", {"controls": [CONTROL, CONTROL[::-1]], "level": True}),
    ],
)
def test_before_and_after_is_observational_with_its_assumptions_and_placebos(
    design: str, more: dict[str, object]
) -> None:
    found = told("before-after", {"design": design, "series": AFTER, "change": 42, **more})

    assert found["label"] == "observational"
    assert found["value"] == pytest.approx(10, abs=1)
    assert found["low"] < 10 < found["high"]
    assert len(found["assumptions"]) == 4
    assert found["placebos"]
    assert found["sentence"].startswith("Observational, not randomised")


def test_many_pairs_of_experiments_share_a_false_discovery_rate() -> None:
    def pair(second: str, both: int) -> dict[str, object]:
        cells = [[{"n": 9_000, "successes": 900}] * 2, [{"n": 9_000, "successes": 900}] * 2]
        cells[1] = [cells[1][0], {"n": 9_000, "successes": both}]
        return {"first": "price", "second": second, "worth": 0.02, "cells": cells}

    found, none = told("interactions", {"pairs": [pair("form", 1_200), pair("menu", 905)]})["pairs"]

    assert (found["verdict"], none["verdict"]) == ("found", "none_found")
    assert found["p_corrected"] == pytest.approx(2 * found["metric"]["p"], rel=1e-6)
    assert none["metric"]["power"] > 0.5
    assert "price and form depend on each other" in found["sentence"]


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("median", "{}", "stats.no_such_statistic"),
        ("factorial", '{"factors": [{"name": "a"}]}', "stats.bad_factorial"),
        ("ladder", '{"test": {"kind": "mean", "cv": 1}, "weekly_units": 0}', "stats.bad_design"),
        ("power", '{"kind": "mean", "cv": 1, "lift": 0.1, "arms": 1000000000}', "stats.bad_input"),
        (
            "before-after",
            '{"design": "interrupted-time-series", "series": [1, 2], "change": 1}',
            "stats.series_too_short",
        ),
        (
            "before-after",
            '{"design": "synthetic-control", "series": [1], "controls": [[1], []], "change": 1}',
            "stats.bad_input",
        ),
        ("interactions", '{"pairs": []}', "stats.bad_input"),
    ],
)
def test_what_no_number_can_come_of_has_a_stable_code(name: str, text: str, code: str) -> None:
    assert refused(name, text)["code"] == code


def test_every_statistic_says_what_it_takes() -> None:
    from truelift.stats.asked import STATISTICS, statistic

    schemas = {name: statistic(name).schema() for name in STATISTICS}

    assert all("$ref" not in json.dumps(schema) for schema in schemas.values())
    assert "baseline" in schemas["power"]["properties"]
