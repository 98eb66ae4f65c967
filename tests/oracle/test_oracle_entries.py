"""Every published number of the statistics' oracles, asserted by its place in their file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from tests.stats.samples import moments_from
from truelift.stats.design import Design, Multiplicity, SequentialPlan
from truelift.stats.effects import Effects, FixedHorizon, Method
from truelift.stats.estimating import differences
from truelift.stats.moments import Form, Moments, moments_of
from truelift.stats.power import powers
from truelift.stats.scales import Scale
from truelift.stats.sequential import Sequential
from truelift.stats.spreads import Mean
from truelift.stats.srm import check_split, check_split_daily
from truelift.stats.summary import RatioSummary, Summary


pytestmark = pytest.mark.oracle

Case = dict[str, Any]
ELSEWHERE = {"fnv1a32", "gb_hash_v2_nonascii", "_doc"}
"""Hashes are no statistics."""
ASSERTED = {
    "ttest": 3,
    "sequential_asymptotic_cs": 2,
    "ssrm_dirichlet_multinomial": 1,
    "srm_chi2": 2,
    "power_growthbook_test": 2,
    "cuped": 1,
}
"""Cases of each entry. Most power is asserted in test_power.py; one number is here."""


@pytest.fixture
def entries(shared: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (shared / "cases" / "stats_oracles.json").read_text(encoding="utf-8")
    )
    return found


def arm(case: Case) -> Moments:
    n = case["n"]
    if "m_sum" not in case:
        mean = case["sum"] / n
        return moments_of([Summary(n, mean, case["sum_squares"] - n * mean**2)])
    mean, below = case["m_sum"] / n, case["d_sum"] / n
    return moments_of(
        [
            RatioSummary(
                n,
                mean,
                case["m_sum_squares"] - n * mean**2,
                below,
                case["d_sum_squares"] - n * below**2,
                case["md_sum"] - n * mean * below,
            )
        ]
    )


def judged(case: Case, scale: Scale, method: Method) -> Effects:
    base, other = ("a", "b") if "a" in case else ("control", "treatment")
    return method.judge(differences(arm(case[base]), arm(case[other]), scale=scale), alpha=0.05)


def digits(number: float) -> float:
    """Half a unit of the last digit that was published."""
    said = repr(number)
    return max(1e-9, 0.6 * 10.0 ** -len(said.partition(".")[2]))


def same(ours: object, published: float) -> None:
    assert float(np.asarray(ours).reshape(())) == pytest.approx(published, abs=digits(published))


def test_no_entry_is_left_out(entries: dict[str, Any]) -> None:
    assert {key: len(entries[key]) for key in set(entries) - ELSEWHERE} == ASSERTED


@pytest.mark.parametrize("place", range(ASSERTED["ttest"]))
def test_t_tests(entries: dict[str, Any], place: int) -> None:
    case = entries["ttest"][place]

    for scale in (Scale.RELATIVE, Scale.ABSOLUTE):
        if scale.value not in case:
            continue
        found, said = judged(case, scale, FixedHorizon()), case[scale.value]

        same(found.value, said.get("lift", said.get("diff")))
        same(found.low, said["ci95"][0])
        same(found.high, said["ci95"][1])
        same(found.p, said["p"])
        if "se" in said:
            same(found.se, said["se"])


def test_sequential_intervals(entries: dict[str, Any]) -> None:
    case, table = entries["sequential_asymptotic_cs"]

    found = judged(case, Scale.RELATIVE, Sequential(case["N_star"]))

    for ours, published in (
        (found.value, case["lift"]),
        (found.se, case["se"]),
        (found.low, case["ci"][0]),
        (found.high, case["ci"][1]),
        (found.p, case["p"]),
    ):
        same(ours, published)
    for tuning_n, n, reach in table["rows"]:
        same(Sequential(tuning_n).errors_reached(n, alpha=0.05), reach)


def test_splits_looked_at_every_day_and_once(entries: dict[str, Any]) -> None:
    (case,) = entries["ssrm_dirichlet_multinomial"]

    daily = check_split_daily(case["data"], case["p0"], concentration=case["concentration"])
    totals = [sum(column) for column in zip(*case["data"], strict=True)]

    assert daily.daily == pytest.approx(case["p"], rel=1e-9)
    assert check_split(totals, case["p0"]).p == pytest.approx(case["chi2_p_on_totals"], rel=1e-9)


@pytest.mark.parametrize("place", range(ASSERTED["srm_chi2"]))
def test_splits(entries: dict[str, Any], place: int) -> None:
    case = entries["srm_chi2"][place]
    users = case["users"]

    if place:
        # tea-tasting takes half a unit off the distance (a continuity correction); we do not.
        z = check_split(users, [1, 1]).chi2 ** 0.5 - 0.5 / (sum(users) / 4) ** 0.5
        assert 2 * ndtr(-z) == pytest.approx(case["p"], rel=1e-9)
    else:
        assert check_split(users, case["weights"]).p == pytest.approx(case["p"], rel=1e-9)


def test_what_a_sequential_test_can_detect(entries: dict[str, Any]) -> None:
    """GrowthBook widens the noise with the bar: that form's solution is the published one."""
    case = entries["power_growthbook_test"][0]
    cv = case["sd2"] ** 0.5 / case["mean"]
    n = case["n_total"] / case["variations"]
    design = Design(
        Mean(cv),
        arms=3,
        multiplicity=Multiplicity.NONE,
        scale=Scale.RELATIVE,
        method=SequentialPlan(),
    )

    def published(lift: float) -> float:
        distance = lift / (cv * ((1 + (1 + lift) ** 2) / n) ** 0.5)
        reach = distance - float(ndtri(powers(design, lift=lift, n_per_arm=n)))
        return float(ndtr(distance * ndtri(0.975) / reach - ndtri(0.975)))

    low, high = 0.01, 0.5
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if published(middle) < 0.8 else (low, middle)

    same(low, case["seq5000_mde80"])


def test_a_covariate(entries: dict[str, Any]) -> None:
    tea = pytest.importorskip("tea_tasting")
    (case,) = entries["cuped"]
    data = tea.make_users_data(rng=42, covariates=True, return_type="pandas")
    base, other = (
        moments_from(
            Form.MEAN,
            [
                data.loc[data["variant"] == at, name].to_numpy(float)
                for name in ("revenue", "revenue_covariate")
            ],
        )
        for at in (0, 1)
    )

    found = FixedHorizon().judge(differences(base, other), alpha=0.05)

    for ours, published in (
        (found.value, case["diff"]),
        (found.low, case["ci95"][0]),
        (found.high, case["ci95"][1]),
        (found.p, case["p"]),
    ):
        same(ours, published)
    # Both adjusted means, from the same slope over both arms.
    both = base + other
    theta = both.products[..., 0, 1] / both.products[..., 1, 1]
    for sample, published in ((base, case["control_adj"]), (other, case["treatment_adj"])):
        adjusted = sample.means[..., 0] - theta * (sample.means[..., 1] - both.means[..., 1])
        same(adjusted, published)
