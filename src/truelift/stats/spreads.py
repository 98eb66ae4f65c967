"""How much one unit's value varies beside its mean, for each kind of metric that can be planned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from truelift.errors import Refusal
from truelift.stats.distributions import normal_quantile
from truelift.stats.effects import Floats


class BadDesign(Refusal):
    """A planned test whose numbers cannot be planned with."""

    code: ClassVar[str] = "stats.bad_design"

    def __init__(self, *reasons: str) -> None:
        self.reasons = reasons
        super().__init__(f"This test cannot be planned: {'; '.join(reasons)}.", reasons=reasons)


class Spread(Protocol):
    """A kind of metric as far as planning needs it."""

    @property
    def highest_lift(self) -> float:
        """No relative rise can be larger than this."""
        ...

    def variances(self, lift: Floats) -> tuple[Floats, Floats]:
        """Give the variance of a unit's value without and with a lift.

        Both are divided by the square of the control's mean.
        """
        ...


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion: who bought, who came back by a day, who reached a step.

    Attributes:
        baseline: The control's share, between 0 and 1.
    """

    baseline: float

    def __post_init__(self) -> None:
        if not 0 < self.baseline < 1:
            raise BadDesign(f"the baseline is {self.baseline:g}, not between 0 and 1")

    @property
    def highest_lift(self) -> float:
        """Nobody is left to win beyond all."""
        return (1 - self.baseline) / self.baseline

    def variances(self, lift: Floats) -> tuple[Floats, Floats]:
        """Give p(1 − p) of both variants."""
        p = self.baseline
        lifted = p * (1 + lift)
        # Divided twice: the square of a tiny share is 0.
        control = np.full_like(lift, (1 - p) / p)
        return control, lifted / p * (1 - lifted) / p

    def pooled(self, lift: Floats, *, control: float, treatment: float) -> Floats:
        """Give the variance of a unit's value when both variants have the share between them."""
        p = self.baseline
        middle = p * (1 + treatment / (control + treatment) * lift)
        pooled: Floats = middle / p * (1 - middle) / p
        return pooled


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean per unit, or anything else whose coefficient of variation is known.

    Attributes:
        cv: Standard deviation divided by the mean, above 0.
        grows: With which power of the mean the variance grows: 0 when a lift leaves the spread
            as it is, as sample sizes are usually given; 1 when it brings more buyers; 2 when
            every value grows alike.
    """

    cv: float
    grows: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.cv < math.inf:
            raise BadDesign(f"the cv is {self.cv:g}, not above 0")
        if not 0 <= self.grows <= 4:
            raise BadDesign(f"the variance grows with power {self.grows:g}, not 0 to 4")

    @property
    def highest_lift(self) -> float:
        """A mean has no end."""
        return math.inf

    def variances(self, lift: Floats) -> tuple[Floats, Floats]:
        """Give the control's spread, and the treatment's as far as it grows."""
        control = np.full_like(lift, self.cv) ** 2
        return control, control * (1 + lift) ** self.grows


def revenue_per_visitor(*, buys: float, order_cv: float, grows: float = 0.0) -> Mean:
    """Give the spread of revenue per visitor from its two parts.

    Args:
        buys: Share of visitors who buy.
        order_cv: Standard deviation of what buyers spend, divided by its mean.
        grows: As that of `Mean`.

    Source:
        The variance of a product of a yes or no and an amount: CV² = (1 + c²)/p − 1;
        docs/methods/planned-spreads.md.
    """
    wrong = []
    if not 0 < buys <= 1:
        wrong.append(f"the share of buyers is {buys:g}, not above 0 and at most 1")
    if not 0 <= order_cv < math.inf:
        wrong.append(f"the cv of orders is {order_cv:g}, not 0 or above")
    if wrong:
        raise BadDesign(*wrong)
    return Mean(math.sqrt((1 + order_cv**2) / buys - 1), grows)


def ratio_of_totals(*, cv: float, den_cv: float, correlation: float) -> Mean:
    """Give the spread of a ratio of two totals whose units are what was randomised.

    Args:
        cv: Of the numerator per unit.
        den_cv: Of the denominator per unit.
        correlation: Between the two, over units.

    Source:
        The delta method: Var R / R² = (cv² + den_cv² − 2·r·cv·den_cv)/n;
        docs/methods/planned-spreads.md.
    """
    wrong = [
        f"{name} is {value:g}, not 0 or above"
        for name, value in (("the cv", cv), ("the cv of the denominator", den_cv))
        if not 0 <= value < math.inf
    ]
    if not -1 <= correlation <= 1:
        wrong.append(f"the correlation is {correlation:g}, not between -1 and 1")
    if wrong:
        raise BadDesign(*wrong)
    return Mean(math.sqrt(max(0.0, cv**2 + den_cv**2 - 2 * correlation * cv * den_cv)))


def quantile_of(
    *,
    level: float,
    relative_density: float,
    observations_per_unit: float = 1.0,
    alike: float = 0.0,
) -> Mean:
    """Give the spread of a quantile, as if it were a mean with this coefficient of variation.

    Args:
        level: Which quantile, between 0 and 1.
        relative_density: Density at the quantile times the quantile, without a unit.
            From data: the share of observations within 5 % of the quantile, divided by 0.1.
        observations_per_unit: Page loads per visitor, for example.
        alike: Correlation of a unit's observations among each other, 0 to 1.

    Source:
        The asymptotic variance of a quantile, ν(1 − ν)/f², with the design effect
        1 + (m − 1)·r of clustered observations; docs/methods/planned-spreads.md.
    """
    wrong = []
    if not 0 < level < 1:
        wrong.append(f"the level is {level:g}, not between 0 and 1")
    if not 0 < relative_density < math.inf:
        wrong.append(f"the relative density is {relative_density:g}, not above 0")
    if not 1 <= observations_per_unit < math.inf:
        wrong.append(f"{observations_per_unit:g} observations per unit are given, not 1 or more")
    if not 0 <= alike <= 1:
        wrong.append(f"observations are {alike:g} alike, not between 0 and 1")
    if wrong:
        raise BadDesign(*wrong)
    clustered = (1 + (observations_per_unit - 1) * alike) / observations_per_unit
    return Mean(math.sqrt(level * (1 - level) * clustered) / relative_density)


def log_normal_density(*, level: float, log_sd: float) -> float:
    """Give the relative density at a quantile of values whose logarithm is normal.

    Args:
        level: Which quantile.
        log_sd: Standard deviation of the logarithm, above 0; about 0.5 to 1 for load times.
    """
    if not 0 < level < 1 or not 0 < log_sd < math.inf:
        raise BadDesign("a level between 0 and 1 and a spread of logarithms above 0 are needed")
    z = normal_quantile(level)
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / log_sd


def restricted_mean_time(*, happened: float) -> Mean:
    """Give the spread of the time until something happens, cut at a horizon.

    It is planned as if the rate of happening were the same throughout.

    Args:
        happened: Share of units to whom it happens by the horizon, between 0 and 1.

    Source:
        Moments of an exponential time cut at a horizon; docs/methods/planned-spreads.md.
    """
    if not 0 < happened < 1:
        raise BadDesign(f"it happens to {happened:g}, not between 0 and 1")
    rate = -math.log1p(-happened)  # times the horizon, which cancels
    mean = happened / rate
    square = 2 * (happened - rate * (1 - happened)) / rate**2
    return Mean(math.sqrt(max(0.0, square - mean**2)) / mean)


@dataclass(frozen=True, slots=True)
class Count:
    """Events per unit, whose variance grows with their mean.

    Attributes:
        mean: Events per unit of the control, above 0.
        dispersion: Variance divided by the mean; 1 for events that come independently,
            more where some units are keener than others.
    """

    mean: float
    dispersion: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.mean < math.inf and 0 < self.dispersion < math.inf):
            raise BadDesign("the mean and the dispersion of a count are above 0")

    @property
    def highest_lift(self) -> float:
        """A count has no end."""
        return math.inf

    def variances(self, lift: Floats) -> tuple[Floats, Floats]:
        """Let the variance grow as the mean does."""
        control = np.full_like(lift, self.dispersion / self.mean)
        return control, control * (1 + lift)


@dataclass(frozen=True, slots=True)
class Hazard:
    """How fast something happens: compared by a log-rank test, as a ratio of rates.

    Only units to whom it happens tell anything. It is planned on the log scale, with rates
    that keep their ratio.

    Attributes:
        happened: Share of the control's units to whom it happens while they are watched.
    """

    happened: float

    def __post_init__(self) -> None:
        if not 0 < self.happened < 1:
            raise BadDesign(f"it happens to {self.happened:g}, not between 0 and 1")

    @property
    def highest_lift(self) -> float:
        """A rate has no end."""
        return math.inf

    def variances(self, lift: Floats) -> tuple[Floats, Floats]:
        """Give one over the share to whom it happens, as the log scale takes it."""
        control = np.full_like(lift, self.happened)
        treatment = -np.expm1((1 + lift) * math.log1p(-self.happened))
        # On the log scale the treatment's variance is divided by (1 + lift)².
        return 1 / control, (1 + lift) ** 2 / treatment
