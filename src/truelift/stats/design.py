"""What is fixed about a test before its size is: metric, question, method and split."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Protocol

import numpy as np

from truelift.stats.distributions import normal_quantile, normal_share_below
from truelift.stats.effects import Floats, Side
from truelift.stats.outcome import Direction
from truelift.stats.scales import Scale
from truelift.stats.sequential import USUAL_TUNING_N, Sequential
from truelift.stats.spreads import BadDesign, Hazard, Share, Spread


class Multiplicity(StrEnum):
    """How the error level is shared among several treatments while planning."""

    BONFERRONI = "bonferroni"
    DUNNETT = "dunnett"
    NONE = "none"


class Aim(StrEnum):
    """What the test is to show."""

    SUPERIORITY = "superiority"
    NON_INFERIORITY = "non_inferiority"
    EQUIVALENCE = "equivalence"


def on_scale(scale: Scale, lift: Floats) -> Floats:
    """Give a relative change on a scale, the control's value being 1."""
    return np.log1p(lift) if scale is Scale.LOG else lift


def scaled(scale: Scale, control: Floats, treatment: Floats, lift: Floats) -> tuple[Floats, Floats]:
    """Give both variants' part of the variance of an effect on a scale, per unit."""
    match scale:
        case Scale.ABSOLUTE:
            return control, treatment
        case Scale.RELATIVE:
            return control * (1 + lift) ** 2, treatment
        case Scale.LOG:
            return control, treatment / (1 + lift) ** 2


@dataclass(frozen=True, slots=True)
class Bar:
    """What an estimate is held against.

    Attributes:
        tail: Share of error on the side of the bar.
        two_sided: Whether the interval has another end with the same error.
        n: Units of both variants, for each.
        sign: 1 where the estimate has to lie above the bar, else -1.
        margin: How far behind 0 the bar stands, on the scale of the effect.
    """

    tail: float
    two_sided: bool
    n: Floats
    sign: Floats
    margin: Floats


class MethodPlan(Protocol):
    """How a method decides, as far as planning needs it."""

    @property
    def inflation(self) -> float:
        """How many times the units of a single look it takes."""
        ...

    @property
    def pools(self) -> bool:
        """Whether the spread of shares is planned as if both were one."""
        ...

    def reach(self, se: Floats, bar: Bar) -> Floats:
        """Give how far beyond the bar an estimate must lie to be called different."""
        ...

    def reasons(self, tail: float) -> list[str]:
        """Say what about it cannot be planned with."""
        ...


@dataclass(frozen=True, slots=True)
class FixedPlan:
    """One look, at the planned end."""

    @property
    def inflation(self) -> float:
        """No more than a single look."""
        return 1.0

    @property
    def pools(self) -> bool:
        """As the test of two shares does."""
        return True

    def reach(self, se: Floats, bar: Bar) -> Floats:
        """Give z times the standard error."""
        return normal_quantile(1 - bar.tail) * se

    def reasons(self, tail: float) -> list[str]:  # noqa: ARG002 - other methods need it
        """Nothing about it can be wrong."""
        return []


@dataclass(frozen=True, slots=True)
class SequentialPlan:
    """A look at any time: an asymptotic confidence sequence.

    What is planned is that the interval clears the bar at the planned end; most tests that
    will, have done so before.

    Attributes:
        tuning_n: Units of both variants at which the interval is tightest beside a fixed one.

    Source:
        docs/methods/sequential.md, docs/methods/sample-size.md.
    """

    tuning_n: float = USUAL_TUNING_N

    @property
    def inflation(self) -> float:
        """No more than a single look."""
        return 1.0

    @property
    def pools(self) -> bool:
        """Its interval takes each variant by itself."""
        return False

    def reach(self, se: Floats, bar: Bar) -> Floats:
        """Give the half width of the interval."""
        side = Side.TWO if bar.two_sided else Side.GREATER
        alpha = bar.tail * (2 if bar.two_sided else 1)
        method = Sequential(tuning_n=self.tuning_n, side=side)
        return se * method.errors_reached(bar.n, alpha=alpha)

    def reasons(self, tail: float) -> list[str]:  # noqa: ARG002 - other methods need it
        """Say when it cannot be tuned."""
        if 0 < self.tuning_n < math.inf:
            return []
        return [f"it is tuned to {self.tuning_n:g} units, not to a number above 0"]


@dataclass(frozen=True, slots=True)
class GroupSequentialPlan:
    """A few looks, fixed beforehand, among which the error is spent.

    Attributes:
        factor: How many times the units of a single look it takes at most, at least 1; see
            `truelift.stats.group_sequential`.
    """

    factor: float

    @property
    def pools(self) -> bool:
        """As the test of two shares does."""
        return True

    @property
    def inflation(self) -> float:
        """As it was worked out for the looks."""
        return self.factor

    def reach(self, se: Floats, bar: Bar) -> Floats:
        """Give z times the standard error, which the inflation has widened."""
        return normal_quantile(1 - bar.tail) * se

    def reasons(self, tail: float) -> list[str]:  # noqa: ARG002 - other methods need it
        """Say when the factor is none."""
        if 1 <= self.factor < math.inf:
            return []
        return [f"the looks take {self.factor:g} times the units, not 1 or more"]


@dataclass(frozen=True, slots=True)
class BayesianPlan:
    """A normal prior on the effect; found when its posterior clears the bar.

    Attributes:
        mean: Of the prior, on the scale of the effect.
        sd: Of the prior, above 0; infinite for none.
        loss: Found when the expected loss of shipping is below this, instead of when the
            posterior chance of being on the wrong side of the bar is below the tail.

    Source:
        docs/methods/sample-size.md.
    """

    mean: float = 0.0
    sd: float = math.inf
    loss: float | None = None

    @property
    def inflation(self) -> float:
        """No more than a single look."""
        return 1.0

    @property
    def pools(self) -> bool:
        """Its interval takes each variant by itself."""
        return False

    def reach(self, se: Floats, bar: Bar) -> Floats:
        """Give the smallest estimate beyond the bar whose posterior convinces."""
        prior = 0.0 if math.isinf(self.sd) else 1 / self.sd**2
        # Posterior variance is se²·w, posterior mean w·estimate + (1 − w)·prior mean.
        weight = 1 / (1 + prior * se**2)
        posterior_sd = se * np.sqrt(weight)
        if self.loss is None:
            needed = normal_quantile(1 - bar.tail) * posterior_sd
        else:
            needed = posterior_sd * standing_at_loss(self.loss / posterior_sd)
        ahead = bar.sign * self.mean + bar.margin
        reach: Floats = (needed - (1 - weight) * ahead) / weight
        return reach

    def reasons(self, tail: float) -> list[str]:
        """Say when the prior is none, or decides without data."""
        wrong = []
        if not self.sd > 0 or not math.isfinite(self.mean):
            wrong.append(f"the prior is {self.mean:g} with a spread of {self.sd:g}")
        elif abs(self.mean) / self.sd > normal_quantile(1 - tail):
            wrong.append("the prior alone would decide, before any unit is seen")
        if self.loss is not None and not 0 < self.loss < math.inf:
            wrong.append(f"the tolerated loss is {self.loss:g}, not above 0")
        return wrong


def standing_at_loss(loss: Floats) -> Floats:
    """Give how many of its standard deviations a belief must lie above 0 to lose so little.

    Inverts φ(t) − t·Φ(−t), the expected loss of a standard normal belief with mean t.
    """
    from scipy.special import ndtr

    low, high = np.full_like(loss, -40.0), np.full_like(loss, 40.0)
    low = np.minimum(low, -loss - 1)
    for _ in range(80):
        middle = (low + high) / 2
        lost = np.exp(-(middle**2) / 2) / math.sqrt(2 * math.pi) - middle * ndtr(-middle)
        low, high = np.where(lost > loss, middle, low), np.where(lost > loss, high, middle)
    return high


@dataclass(frozen=True, slots=True)
class Design:
    """What is fixed about a test before its size is.

    Attributes:
        spread: The metric.
        alpha: Error level of the whole test.
        arms: Variants, the control among them.
        weights: How units are split, the control first; empty for evenly.
        multiplicity: How several treatments share the error level.
        method: How it will be decided.
        aim: What it is to show.
        margin: Largest relative difference that would not matter, above 0; for
            non-inferiority and equivalence. None where it is what is asked for.
        side: Whether rises and falls are looked for, or only what `direction` says. With
            two sides, non-inferiority is read off the two-sided interval, as guardrails are.
        direction: Which way the metric gets better.
        scale: On which the effect is judged.
        covariate: Correlation of the metric with what is known of units from before, which
            takes a share of its square off the variance; 0 for none.

    Raises:
        BadDesign: With every reason at once.

    Source:
        docs/methods/sample-size.md.
    """

    spread: Spread
    alpha: float = 0.05
    arms: int = 2
    weights: tuple[float, ...] = ()
    multiplicity: Multiplicity = Multiplicity.BONFERRONI
    method: MethodPlan = FixedPlan()
    aim: Aim = Aim.SUPERIORITY
    margin: float | None = None
    side: Side = Side.TWO
    direction: Direction = Direction.INCREASE
    scale: Scale = Scale.ABSOLUTE
    covariate: float = 0.0

    def __post_init__(self) -> None:
        reasons = []
        if not 0 < self.alpha < 1:
            reasons.append(f"alpha is {self.alpha:g}, not between 0 and 1")
        if self.arms < 2:
            reasons.append(f"{self.arms} variants are given, and it takes two")
        if self.weights and len(self.weights) != self.arms:
            reasons.append(f"{len(self.weights)} weights are given for {self.arms} variants")
        if not all(0 < weight < math.inf for weight in self.weights):
            reasons.append("a variant's weight is not above 0")
        if self.aim is Aim.SUPERIORITY and self.margin is not None:
            reasons.append("a margin is for non-inferiority and equivalence")
        if self.aim is not Aim.SUPERIORITY and self.margin is not None:
            if not 0 < self.margin < math.inf:
                reasons.append(f"the margin is {self.margin:g}, not above 0")
            elif self.margin >= 1 and self.scale is Scale.LOG:
                reasons.append("no value falls by all of itself on the log scale")
        if not -1 < self.covariate < 1:
            reasons.append(f"the correlation is {self.covariate:g}, not between -1 and 1")
        if isinstance(self.spread, Hazard) and self.scale is not Scale.LOG:
            reasons.append("a ratio of rates is judged on the log scale")
        if not reasons:
            reasons += self.method.reasons(self.tail)
        if reasons:
            raise BadDesign(*reasons)

    @property
    def alpha_per_comparison(self) -> float:
        """Error level of one treatment against the control."""
        match self.multiplicity:
            case Multiplicity.NONE:
                return self.alpha
            case Multiplicity.BONFERRONI:
                return self.alpha / (self.arms - 1)
            case Multiplicity.DUNNETT:
                two_sided = self.side is Side.TWO and self.aim is not Aim.EQUIVALENCE
                return dunnett_alpha(self.alpha, shares=self.shares, two_sided=two_sided)

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of the units that each variant gets, the control first."""
        weights = self.weights or (1.0,) * self.arms
        return tuple(weight / math.fsum(weights) for weight in weights)

    @property
    def tail(self) -> float:
        """Error on the side of one bar."""
        two_sided = self.side is Side.TWO and self.aim is not Aim.EQUIVALENCE
        return self.alpha_per_comparison / (2 if two_sided else 1)

    @property
    def pools(self) -> bool:
        """Whether the bar of two shares is set as if both were one."""
        return (
            self.method.pools
            and isinstance(self.spread, Share)
            and self.scale is Scale.ABSOLUTE
            and self.aim is Aim.SUPERIORITY
        )


# A design asks for it at every step of a search.
@lru_cache(maxsize=256)
def dunnett_alpha(alpha: float, *, shares: tuple[float, ...], two_sided: bool = True) -> float:
    """Give each comparison's error level when all treatments meet the same control.

    Treatments that share a control err together, so that each may have a little more than
    alpha / (variants − 1). For samples large enough to be planned, the normal limit.

    Args:
        alpha: Error level of the whole test.
        shares: Share of units of each variant, the control first.
        two_sided: Whether each comparison looks both ways.

    Source:
        Dunnett (1955), JASA 50, 1096-1121; docs/methods/sample-size.md.
    """
    from scipy.special import ndtr

    control, *treatments = shares
    # Differences from one control: one factor, the control's noise, makes them correlated.
    loads = np.sqrt([share / (share + control) for share in treatments])
    nodes, weights = np.polynomial.hermite_e.hermegauss(96)
    weights = weights / weights.sum()
    own = np.sqrt(1 - loads**2)

    def missed(bar: float) -> float:
        """Give the chance that some comparison errs."""
        above = ndtr((bar - loads * nodes[:, None]) / own)
        below = ndtr((-bar - loads * nodes[:, None]) / own) if two_sided else 0.0
        return 1 - float(weights @ np.prod(above - below, axis=1))

    low, high = 0.0, 40.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if missed(middle) > alpha else (low, middle)
    one = normal_share_below(-high)
    return 2 * one if two_sided else one
