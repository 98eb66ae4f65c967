"""Power and sample size against statsmodels and against another tool's own tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from truelift.stats.design import Aim, Design, Multiplicity, SequentialPlan
from truelift.stats.effects import Side
from truelift.stats.outcome import Direction
from truelift.stats.power import (
    detectable_lifts,
    misreadings,
    power_of,
    powers,
    units_needed,
)
from truelift.stats.scales import Scale
from truelift.stats.spreads import Mean, Share


pytestmark = pytest.mark.oracle


@pytest.fixture
def published(shared: Path) -> list[dict[str, Any]]:
    """The numbers of GrowthBook's `packages/shared/test/power.test.ts`."""
    entries = json.loads((shared / "cases" / "stats_oracles.json").read_text("utf-8"))
    found: list[dict[str, Any]] = entries["power_growthbook_test"]
    return found


def relative(cv: float, **rest: object) -> Design:
    """A mean of which the relative lift is tested, without a correction for three variants."""
    return Design(
        Mean(cv),
        arms=3,
        multiplicity=Multiplicity.NONE,
        scale=Scale.RELATIVE,
        **rest,  # type: ignore[arg-type]
    )


def either_way(design: Design, *, lift: float, n: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The published power counts findings of the wrong sign too; ours does not."""
    said: np.ndarray[Any, Any] = powers(design, lift=lift, n_per_arm=n) / (
        1 - misreadings(design, lift=lift, n_per_arm=n).wrong_way
    )
    return said


def as_published(design: Design, *, lift: float, n: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The published sequential power widens the noise with the bar; ours widens only the bar.

    A test of reach r standard errors finds a lift of d at the planned end with Φ(d − r). The
    published form is Φ(d·z/r − z) and its mirror.
    """
    cv = design.spread.cv  # type: ignore[attr-defined]
    noise = cv * np.sqrt((1 + (1 + lift) ** 2) / n)
    reach = lift / noise - ndtri(powers(design, lift=lift, n_per_arm=n))
    z = ndtri(0.975)
    shrunk: np.ndarray[Any, Any] = lift / noise * z / reach
    return np.asarray(ndtr(shrunk - z) + ndtr(-shrunk - z))


def test_the_first_published_case_comes_out(published: list[dict[str, Any]]) -> None:
    case = published[0]
    design = relative(np.sqrt(case["sd2"]) / case["mean"])
    n = np.asarray([case["n_total"] / case["variations"]])

    power = either_way(design, lift=case["rel_effect"], n=n)
    seen = detectable_lifts(design, n_per_arm=n)
    sequential = relative(design.spread.cv, method=SequentialPlan())  # type: ignore[attr-defined]

    assert power == pytest.approx(case["power"], abs=1e-5)
    assert seen == pytest.approx(case["mde80"], abs=1e-5)
    assert as_published(sequential, lift=case["rel_effect"], n=n) == pytest.approx(
        case["seq5000_power"], abs=1e-5
    )


@pytest.mark.parametrize(
    ("name", "cv", "lift"), [("ctr", 3.0, 0.05), ("revenue", np.sqrt(0.5) / 0.1, 0.3)]
)
def test_the_published_weeks_come_out(
    published: list[dict[str, Any]], name: str, cv: float, lift: float
) -> None:
    weeks = published[1]
    n = np.arange(1, 10) * 4_500 / 3
    design, sequential = relative(cv), relative(cv, method=SequentialPlan())

    assert either_way(design, lift=lift, n=n) == pytest.approx(weeks[f"power_{name}"], abs=1e-5)
    assert detectable_lifts(design, n_per_arm=n) == pytest.approx(weeks[f"mde_{name}"], abs=1e-5)
    assert as_published(sequential, lift=lift, n=n) == pytest.approx(
        weeks[f"seq5000_power_{name}"], abs=1e-5
    )


@pytest.mark.parametrize("seed", range(20))
def test_power_of_a_mean_is_that_of_statsmodels_with_unequal_variants(seed: int) -> None:
    theirs = pytest.importorskip("statsmodels.stats.power").NormalIndPower()
    rng = np.random.default_rng(seed)
    cv, lift, ratio = rng.uniform(0.5, 5), rng.uniform(0.02, 0.4), rng.uniform(0.2, 5)
    alpha, n = rng.uniform(0.01, 0.2), int(rng.integers(50, 50_000))
    design = Design(Mean(cv), weights=(1.0, ratio), alpha=alpha, side=Side.GREATER)

    ours = power_of(design, lift=lift, n_per_arm=n)

    # n per variant on average: the control has 2n/(1 + ratio).
    control = 2 * n / (1 + ratio)
    assert ours == pytest.approx(
        theirs.power(lift / cv, control, alpha, ratio=ratio, alternative="larger"), abs=1e-9
    )


@pytest.mark.parametrize("seed", range(20))
def test_power_of_a_proportion_is_that_of_statsmodels(seed: int) -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    rng = np.random.default_rng([seed, 1])
    p, lift, n = rng.uniform(0.01, 0.5), rng.uniform(0.02, 0.4), int(rng.integers(200, 50_000))
    ratio = rng.uniform(0.3, 3)

    ours = power_of(Design(Share(p), weights=(1.0, ratio)), lift=lift, n_per_arm=n)

    # Their first sample is the one that is lifted, and the ratio is the second beside it.
    treatment = 2 * n * ratio / (1 + ratio)
    theirs = proportion.power_proportions_2indep(p * lift, p, treatment, ratio=1 / ratio)
    assert ours == pytest.approx(theirs.power, abs=1e-4)


def test_non_inferiority_takes_what_statsmodels_says() -> None:
    theirs = pytest.importorskip("statsmodels.stats.power").NormalIndPower()
    design = Design(
        Mean(2.0),
        aim=Aim.NON_INFERIORITY,
        margin=0.05,
        side=Side.GREATER,
        direction=Direction.INCREASE,
        alpha=0.1,
    )

    ours = units_needed(design, power=0.9)

    # No worse than 5 % below is 5 % above a control that stands 5 % lower.
    n = theirs.solve_power(0.05 / 2.0, alpha=0.1, power=0.9, alternative="larger")
    assert ours == pytest.approx(n, abs=1)
