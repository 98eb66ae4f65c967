"""`compare`: each treatment against the baseline, by any method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, cast

import msgspec

from truelift.stats.asked.document import (
    MOST_ARMS,
    MOST_LOOKS,
    BadInput,
    Document,
    Statistic,
    Units,
)


if TYPE_CHECKING:
    from truelift.stats.effects import Method
    from truelift.stats.moments import AnySummary


class Arm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One variant's mean, with its covariate where there is one."""

    variant: str
    n: Units
    mean: float
    m2: float
    pre_mean: float | None = None
    pre_m2: float | None = None
    pre_cross: float | None = None

    def sample(self) -> AnySummary:
        """Give the sample."""
        from truelift.stats.summary import CovariateSummary, Summary

        match self.pre_mean, self.pre_m2, self.pre_cross:
            case None, None, None:
                return Summary(n=self.n, mean=self.mean, m2=self.m2)
            case float(mean), float(m2), float(cross):
                return CovariateSummary(self.n, self.mean, self.m2, mean, m2, cross)
            case _:
                raise BadInput(
                    reason=f"the covariate of {self.variant!r} needs pre_mean, pre_m2 and pre_cross"
                )


class ProportionArm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One variant's proportion."""

    variant: str
    n: Units
    successes: Units

    def sample(self) -> AnySummary:
        """Give the sample."""
        from truelift.stats.summary import ProportionSummary

        return ProportionSummary(n=self.n, successes=self.successes)


class RatioArm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One variant's ratio of two totals.

    With a covariate, `pre_means` are both numbers before the exposure, and `products` the sums of
    products of deviations of the four numbers (numerator, denominator, both before) with each
    other, in rows; `m2`, `den_m2` and `cross` are then left out.
    """

    variant: str
    n: Units
    mean: float
    den_mean: float
    m2: float | None = None
    den_m2: float | None = None
    cross: float | None = None
    pre_means: tuple[float, float] | None = None
    products: Sequence[Sequence[float]] | None = None

    def sample(self) -> AnySummary:
        """Give the sample."""
        from truelift.stats.summary import CovariateRatioSummary, RatioSummary

        if self.pre_means is not None and self.products is not None:
            return CovariateRatioSummary(
                self.n,
                (self.mean, self.den_mean, *self.pre_means),
                tuple(tuple(row) for row in self.products),
            )
        if self.m2 is None or self.den_m2 is None or self.cross is None:
            raise BadInput(
                reason=f"the ratio of {self.variant!r} needs m2, den_m2 and cross, or pre_means and"
                " products"
            )
        return RatioSummary(
            n=self.n,
            mean=self.mean,
            m2=self.m2,
            den_mean=self.den_mean,
            den_m2=self.den_m2,
            cross=self.cross,
        )


class Prior(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lifts are believed to be like before the data; improper: all equally likely."""

    mean: float = 0.0
    sd: float = 0.3
    proper: bool = True


class CompareInput(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True
):
    """What `compare` takes, whatever the metric is."""

    baseline: str
    method: Literal["fixed", "sequential", "group_sequential", "bayesian"] = "fixed"
    alpha: float = 0.05
    multiplicity: Literal["none", "bonferroni", "holm", "benjamini-hochberg", "dunnett"] = "none"
    tuning_n: float = 5000
    looks: Annotated[Sequence[float], msgspec.Meta(max_length=MOST_LOOKS)] = (1.0,)
    spending: Literal["obrien-fleming", "pocock"] = "obrien-fleming"
    prior: Prior = Prior()
    better: Literal["increase", "decrease"] = "increase"
    pairs: Literal["baseline", "all"] = "baseline"
    units_per_week: float | None = None

    def judged_by(self) -> Method:
        """Give the method with its settings."""
        from truelift.stats.bayesian import Bayesian, NormalPrior
        from truelift.stats.comparison import FIXED
        from truelift.stats.group_sequential import GroupSequential, Spending
        from truelift.stats.sequential import Sequential

        match self.method:
            case "sequential":
                return Sequential(tuning_n=self.tuning_n)
            case "group_sequential":
                return GroupSequential(tuple(self.looks), spending=Spending(self.spending))
            case "bayesian":
                given = self.prior
                return Bayesian(NormalPrior(given.mean, given.sd) if given.proper else None)
            case _:
                return FIXED


class CompareMeans(CompareInput, frozen=True, tag="mean", kw_only=True):
    """Compare means."""

    arms: Annotated[Sequence[Arm], msgspec.Meta(max_length=MOST_ARMS)]


class CompareProportions(CompareInput, frozen=True, tag="proportion", kw_only=True):
    """Compare proportions."""

    arms: Annotated[Sequence[ProportionArm], msgspec.Meta(max_length=MOST_ARMS)]


class CompareRatios(CompareInput, frozen=True, tag="ratio", kw_only=True):
    """Compare ratios of totals."""

    arms: Annotated[Sequence[RatioArm], msgspec.Meta(max_length=MOST_ARMS)]


AnyComparison = CompareMeans | CompareProportions | CompareRatios


def compare(asked: AnyComparison) -> Document:
    """Compare each treatment with the baseline: a mean, a proportion or a ratio."""
    from truelift.stats.analysis import comparison_document
    from truelift.stats.comparison import Comparison, refusal_of
    from truelift.stats.effects import BadAlpha
    from truelift.stats.impact import scaled_impact
    from truelift.stats.judging import judge, judge_pairs
    from truelift.stats.multiplicity import Correction
    from truelift.stats.outcome import Direction
    from truelift.stats.plan import AnalysisPlan, PlannedMetric, PlannedVariant
    from truelift.stats.roles import MetricKind, MetricRole, VariantRole

    names = [arm.variant for arm in asked.arms]
    if len(set(names)) < len(names):
        raise BadInput(reason="two arms share a name")
    if asked.baseline not in names:
        raise BadInput(reason=f"no arm is named {asked.baseline!r}, the baseline")
    if len(names) < 2:
        raise BadInput(reason="it takes two arms")
    if not (math.isfinite(asked.alpha) and 0 < asked.alpha < 1):
        raise BadAlpha(alpha=asked.alpha)
    samples = {arm.variant: arm.sample() for arm in asked.arms}
    plan = AnalysisPlan(
        experiment="compare",
        variants=tuple(
            PlannedVariant(
                name, VariantRole.CONTROL if name == asked.baseline else VariantRole.TREATMENT
            )
            for name in names
        ),
        metrics=(
            PlannedMetric(
                "metric", MetricRole.PRIMARY, MetricKind.MEAN, direction=Direction(asked.better)
            ),
        ),
        alpha=asked.alpha,
        method=asked.judged_by(),
        correction=Correction(asked.multiplicity),
    )
    order = [asked.baseline, *(name for name in names if name != asked.baseline)]
    told: dict[tuple[str, str], object]
    if asked.pairs == "all":
        told = dict(
            judge_pairs(
                {name: samples[name] for name in order},
                method=plan.method,
                correction=plan.correction,
                alpha=asked.alpha,
            )
        )
    else:
        (row,) = judge(plan, {"metric": samples})
        told = {(asked.baseline, t.key): each for t, each in zip(plan.treatments, row, strict=True)}
    effects = []
    for (against, variant), each in told.items():
        if not isinstance(each, Comparison):
            raise refusal_of(samples[against], samples[variant])
        effect: dict[str, object] = {"variant": variant, **comparison_document(each)}
        if asked.pairs == "all":
            effect["against"] = against
        if asked.units_per_week is not None:
            impact = scaled_impact(each.absolute, per_week=asked.units_per_week)
            effect["impact"] = asdict(impact)
        effects.append(effect)
    return {
        "method": asked.method,
        "alpha": asked.alpha,
        "baseline": asked.baseline,
        "multiplicity": asked.multiplicity,
        "effects": effects,
    }


STATISTICS: Final[dict[str, Statistic[Any]]] = {
    "compare": Statistic(cast("type[AnyComparison]", AnyComparison), compare)
}
