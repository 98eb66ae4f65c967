"""`power` and `duration`: what a test needs, or could see."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

import msgspec

from truelift.stats.asked.document import MOST_ARMS, MOST_LOOKS, BadInput, Document, Statistic


if TYPE_CHECKING:
    from truelift.stats.design import Design


Multiplicity = Literal["bonferroni", "dunnett", "none"]
PlannedKind = Literal[
    "proportion",
    "mean",
    "revenue",
    "ratio",
    "count",
    "quantile",
    "retention",
    "restricted_mean",
    "hazard",
]
PlannedMethod = Literal["fixed", "sequential", "group_sequential", "bayesian"]


NUMBERS: Final = (
    *("baseline", "cv", "buys", "order_cv", "den_cv", "correlation", "mean", "dispersion"),
    *("level", "relative_density", "log_sd", "observations_per_unit", "alike", "happened"),
    "grows",
)
"""Members of `power` that describe the metric."""


class PowerInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `power` takes: two of lift, power and n_per_arm; the third is the answer.

    For non-inferiority and equivalence the margin takes the lift's place.
    """

    kind: PlannedKind
    baseline: float | None = None
    cv: float | None = None
    buys: float | None = None
    order_cv: float | None = None
    den_cv: float | None = None
    correlation: float | None = None
    mean: float | None = None
    dispersion: float = 1.0
    level: float | None = None
    relative_density: float | None = None
    log_sd: float | None = None
    observations_per_unit: float = 1.0
    alike: float = 0.0
    happened: float | None = None
    grows: float = 0.0

    lift: float | None = None
    power: float | None = None
    n_per_arm: int | None = None
    alpha: float = 0.05
    arms: Annotated[int, msgspec.Meta(le=MOST_ARMS)] | None = None
    weights: Annotated[Sequence[float], msgspec.Meta(max_length=MOST_ARMS)] = ()
    multiplicity: Multiplicity = "bonferroni"
    method: PlannedMethod = "fixed"
    tuning_n: float = 5000
    factor: float | None = None
    looks: Annotated[int, msgspec.Meta(le=MOST_LOOKS)] | None = None
    spending: Literal["obrien-fleming", "pocock"] = "obrien-fleming"
    prior: Mapping[str, float | bool] | None = None
    loss: float | None = None
    aim: Literal["superiority", "non_inferiority", "equivalence"] = "superiority"
    margin: float | None = None
    side: Literal["two", "one"] = "two"
    better: Literal["increase", "decrease"] = "increase"
    scale: Literal["absolute", "relative", "log"] | None = None
    covariate: float = 0.0

    def design(self) -> Design:
        """Give what is fixed about the test before its size is."""
        from truelift.stats import design, planned
        from truelift.stats.effects import Side
        from truelift.stats.outcome import Direction
        from truelift.stats.scales import Scale

        kind, method = planned.PlannedKind(self.kind), planned.PlannedMethod(self.method)
        prior = self.prior or {}
        proper = prior.get("proper", True) is True
        better = Direction(self.better)
        # A single side is the one on which the metric gets better.
        one = Side.GREATER if better is Direction.INCREASE else Side.LESS
        return design.Design(
            planned.spread_of(kind, {name: getattr(self, name) for name in NUMBERS}),
            alpha=self.alpha,
            arms=self.variants,
            weights=tuple(self.weights),
            multiplicity=design.Multiplicity(self.multiplicity),
            method=planned.method_of(
                method,
                tuning_n=self.tuning_n,
                factor=self.factor,
                looks=self.looks,
                spending=self.spending,
                alpha=self.alpha
                if self.multiplicity == "none"
                else self.alpha / max(1, self.variants - 1),
                power=0.8 if self.power is None else self.power,
                prior_mean=float(prior.get("mean", 0.0)),
                prior_sd=float(prior.get("sd", math.inf)) if proper else math.inf,
                loss=self.loss,
            ),
            aim=design.Aim(self.aim),
            margin=self.margin,
            side=Side.TWO if self.side == "two" else one,
            direction=better,
            scale=Scale(self.scale or planned.scale_of(kind, method)),
            covariate=self.covariate,
        )

    @property
    def variants(self) -> int:
        """How many variants there are; two, unless somebody says."""
        return self.arms if self.arms is not None else max(2, len(self.weights))


class DurationInput(PowerInput, frozen=True, kw_only=True):
    """What `duration` takes: what `power` takes, and the traffic."""

    units_per_week: float
    allocation: float = 1.0
    maturation_days: float = 0.0


def power(asked: PowerInput) -> Document:
    """Give the units a test needs, the lift it can see, or its power."""
    return size_of(asked)


def duration(asked: DurationInput) -> Document:
    """Give the whole weeks a test runs, at least two."""
    from truelift.stats.power import duration_of

    size = size_of(asked)
    length = duration_of(
        cast("int", size["n_per_arm"]),
        arms=asked.variants,
        units_per_week=asked.units_per_week,
        allocation=asked.allocation,
        maturation_days=asked.maturation_days,
    )
    return {**size, "weeks": length.weeks, "days": length.days}


def size_of(asked: PowerInput) -> dict[str, object]:
    """Solve for whichever of lift (or margin), power and units per variant was not given."""
    from truelift.stats import power
    from truelift.stats.design import Aim

    design = asked.design()
    superior = design.aim is Aim.SUPERIORITY
    wanted = asked.lift if superior else asked.margin
    truth = (asked.lift or 0.0) if not superior else 0.0
    aimed = 0.8 if asked.power is None else asked.power
    match asked.n_per_arm, wanted, asked.power:
        case None, None, _:
            raise BadInput(reason=f"give {'lift' if superior else 'margin'} or n_per_arm")
        case int(n), float(lift), None:
            aimed = power.power_of(design, lift=lift if superior else truth, n_per_arm=n)
        case None, float(lift), _:
            n = power.units_needed(design, lift=lift if superior else truth, power=aimed)
        case int(n), None, _ if superior:
            wanted = power.detectable_lift(design, n_per_arm=n, power=aimed)
        case int(n), None, _:
            wanted = power.provable_margin(design, n_per_arm=n, lift=truth, power=aimed)
        case _:
            raise BadInput(reason="give two of lift, power and n_per_arm, not all three")
    split = power.split_of(design, n_per_arm=n)
    ever = {}
    if superior and asked.method == "sequential" and wanted is not None:
        from truelift.stats.anytime import powers_at_any_time

        found = powers_at_any_time(design, lift=wanted, n_per_arm=n)
        ever = {"power_at_any_time": float(found)}
    return {
        "n_per_arm": n,
        "n_by_arm": split,
        "units": sum(split),
        "lift": wanted if superior else truth,
        **({} if superior else {"margin": wanted}),
        "power": aimed,
        **ever,
        "alpha": asked.alpha,
        "alpha_per_comparison": design.alpha_per_comparison,
        "arms": asked.variants,
        "method": asked.method,
    }


STATISTICS: Final[dict[str, Statistic[Any]]] = {
    "power": Statistic(PowerInput, power),
    "duration": Statistic(DurationInput, duration),
}
