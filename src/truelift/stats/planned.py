"""From the words of a plan, as a document or a form has them, to what is planned with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.stats.design import (
    BayesianPlan,
    FixedPlan,
    GroupSequentialPlan,
    MethodPlan,
    SequentialPlan,
)
from truelift.stats.scales import Scale
from truelift.stats.sequential import USUAL_TUNING_N
from truelift.stats.spreads import (
    BadDesign,
    Count,
    Hazard,
    Mean,
    Share,
    Spread,
    log_normal_density,
    quantile_of,
    ratio_of_totals,
    restricted_mean_time,
    revenue_per_visitor,
)


class PlannedKind(StrEnum):
    """The kinds of metrics that can be planned."""

    PROPORTION = "proportion"
    MEAN = "mean"
    REVENUE = "revenue"
    RATIO = "ratio"
    COUNT = "count"
    QUANTILE = "quantile"
    RETENTION = "retention"
    RESTRICTED_MEAN = "restricted_mean"
    HAZARD = "hazard"


class PlannedMethod(StrEnum):
    """How a planned test will be decided."""

    FIXED = "fixed"
    SEQUENTIAL = "sequential"
    GROUP_SEQUENTIAL = "group_sequential"
    BAYESIAN = "bayesian"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the spread of a kind is made.

    Attributes:
        needs: Numbers that it cannot do without.
        takes: Further numbers, with what they are when nobody says.
        make: Makes the spread of them.
    """

    needs: tuple[str, ...]
    takes: Mapping[str, float]
    make: Callable[..., Spread]


def _quantile(
    *,
    level: float,
    relative_density: float,
    log_sd: float,
    observations_per_unit: float,
    alike: float,
) -> Spread:
    if math.isnan(relative_density) and math.isnan(log_sd):
        raise BadDesign("a quantile needs its relative_density or its log_sd")
    if math.isnan(relative_density):
        relative_density = log_normal_density(level=level, log_sd=log_sd)
    return quantile_of(
        level=level,
        relative_density=relative_density,
        observations_per_unit=observations_per_unit,
        alike=alike,
    )


RECIPES: Final[Mapping[PlannedKind, Recipe]] = MappingProxyType(
    {
        PlannedKind.PROPORTION: Recipe(("baseline",), {}, Share),
        PlannedKind.MEAN: Recipe(("cv",), {"grows": 0.0}, Mean),
        PlannedKind.REVENUE: Recipe(("buys", "order_cv"), {"grows": 0.0}, revenue_per_visitor),
        PlannedKind.RATIO: Recipe(("cv", "den_cv", "correlation"), {}, ratio_of_totals),
        PlannedKind.COUNT: Recipe(("mean",), {"dispersion": 1.0}, Count),
        PlannedKind.QUANTILE: Recipe(
            ("level",),
            {
                "relative_density": math.nan,
                "log_sd": math.nan,
                "observations_per_unit": 1.0,
                "alike": 0.0,
            },
            _quantile,
        ),
        PlannedKind.RETENTION: Recipe(("baseline",), {}, Share),
        PlannedKind.RESTRICTED_MEAN: Recipe(("happened",), {}, restricted_mean_time),
        PlannedKind.HAZARD: Recipe(("happened",), {}, Hazard),
    }
)
"""Kind → the numbers that describe it."""


def spread_of(kind: PlannedKind, numbers: Mapping[str, float | None]) -> Spread:
    """Make the spread of a kind of metric from the numbers that describe it.

    Args:
        kind: Of the metric.
        numbers: By the names of `RECIPES`; those of other kinds are left aside.

    Raises:
        BadDesign: A number is missing or cannot be.
    """
    recipe = RECIPES[kind]
    if missing := [name for name in recipe.needs if numbers.get(name) is None]:
        raise BadDesign(f"a {kind.replace('_', ' ')} needs its {' and its '.join(missing)}")
    found = {name: numbers[name] for name in recipe.needs}
    for name, usual in recipe.takes.items():
        given = numbers.get(name)
        found[name] = usual if given is None else given
    return recipe.make(**found)


def method_of(
    method: PlannedMethod,
    *,
    tuning_n: float = USUAL_TUNING_N,
    factor: float | None = None,
    looks: int | None = None,
    spending: str = "obrien-fleming",
    alpha: float = 0.05,
    power: float = 0.8,
    prior_mean: float = 0.0,
    prior_sd: float = math.inf,
    loss: float | None = None,
) -> MethodPlan:
    """Make the plan of a method.

    Args:
        method: Which.
        tuning_n: Of a sequential one, units of both variants at which it is tightest.
        factor: Of a group-sequential one, how many times the units of a single look it takes;
            or, in its place, `looks` at equal distances, `spending`, `alpha` and `power`, from
            which the factor is worked out.
        looks: How many.
        spending: How they share the error level.
        alpha: Error level of a comparison.
        power: Asked for.
        prior_mean: Of a Bayesian one, on the relative lift.
        prior_sd: Of a Bayesian one; infinite for no prior.
        loss: Of a Bayesian one that decides by expected loss, how much may be lost.

    Raises:
        BadDesign: A number that the method needs is missing.
    """
    match method:
        case PlannedMethod.FIXED:
            return FixedPlan()
        case PlannedMethod.SEQUENTIAL:
            return SequentialPlan(tuning_n=tuning_n)
        case PlannedMethod.GROUP_SEQUENTIAL:
            if factor is None and looks is None:
                raise BadDesign("a group-sequential plan needs its factor or its looks")
            if factor is not None:
                return GroupSequentialPlan(factor=factor)
            return GroupSequentialPlan(
                factor=inflation_of(looks or 0, spending=spending, alpha=alpha, power=power)
            )
        case PlannedMethod.BAYESIAN:
            return BayesianPlan(mean=prior_mean, sd=prior_sd, loss=loss)


def inflation_of(looks: int, *, spending: str, alpha: float, power: float) -> float:
    """Give how many times the units of a single look so many take, when none ends the test.

    Raises:
        BadDesign: There is no such way of spending.
        BadLooks: There is no look, or too many.
    """
    from truelift.stats.group_sequential import GroupSequential, Spending

    if spending not in list(Spending):
        raise BadDesign(f"{spending} is no way of spending: {' or '.join(Spending)}")
    method = GroupSequential.evenly(looks, spending=Spending(spending))
    return max(1.0, method.inflation(power=power, alpha=alpha))


def scale_of(kind: PlannedKind, method: PlannedMethod) -> Scale:
    """Give the scale on which a method judges a kind, unless somebody says otherwise."""
    if kind is PlannedKind.HAZARD:
        return Scale.LOG
    if method in {PlannedMethod.SEQUENTIAL, PlannedMethod.BAYESIAN}:
        return Scale.RELATIVE
    return Scale.ABSOLUTE
