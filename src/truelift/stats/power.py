"""How many units a test needs, what it could see with them, and how many weeks that takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from truelift.errors import Refusal
from truelift.stats.distributions import normal_quantile, normal_share_below


FEWEST_WEEKS: Final = 2
"""Two whole weeks at least: weekdays differ, and one week may be a strange one."""


class BadDesign(Refusal):
    """A planned test whose numbers cannot be planned with."""

    code: ClassVar[str] = "stats.bad_design"

    def __init__(self, *reasons: str) -> None:
        self.reasons = reasons
        super().__init__(f"This test cannot be planned: {'; '.join(reasons)}.", reasons=reasons)


class NothingDetectable(Refusal):
    """A sample so small that no possible lift would be found with the power asked for."""

    code: ClassVar[str] = "stats.nothing_detectable"

    def __init__(self, *, n_per_arm: int, power: float) -> None:
        super().__init__(
            f"With {n_per_arm} units per variant no lift would be found with power {power:g}; "
            "more units or a more sensitive metric are needed.",
            n_per_arm=n_per_arm,
            power=power,
        )


class Multiplicity(StrEnum):
    """How the error level is shared among several treatments while planning."""

    BONFERRONI = "bonferroni"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Design:
    """What is fixed about a test before its size is.

    Exactly one of `baseline` and `cv` is given: the first plans a proportion,
    the second a mean.

    Attributes:
        baseline: The control's share, between 0 and 1, for a proportion.
        cv: Standard deviation divided by the mean, above 0, for a mean.
        alpha: Two-sided error level of the whole test.
        arms: Variants, the control among them.
        multiplicity: Whether each of several treatments gets alpha / (arms − 1).

    Raises:
        BadDesign: With every reason at once.

    Source:
        docs/methods/sample-size.md.
    """

    baseline: float | None = None
    cv: float | None = None
    alpha: float = 0.05
    arms: int = 2
    multiplicity: Multiplicity = Multiplicity.BONFERRONI

    def __post_init__(self) -> None:
        reasons = []
        if (self.baseline is None) is (self.cv is None):
            reasons.append("a proportion needs its baseline, a mean its cv, and no test both")
        if self.baseline is not None and not 0 < self.baseline < 1:
            reasons.append(f"the baseline is {self.baseline:g}, not between 0 and 1")
        if self.cv is not None and not 0 < self.cv < math.inf:
            reasons.append(f"the cv is {self.cv:g}, not above 0")
        if not 0 < self.alpha < 1:
            reasons.append(f"alpha is {self.alpha:g}, not between 0 and 1")
        if self.arms < 2:
            reasons.append(f"{self.arms} variants are given, and it takes two")
        if reasons:
            raise BadDesign(*reasons)

    @property
    def alpha_per_comparison(self) -> float:
        """Error level of one treatment against the control."""
        if self.multiplicity is Multiplicity.NONE:
            return self.alpha
        return self.alpha / (self.arms - 1)


def units_needed(design: Design, *, lift: float, power: float = 0.8) -> int:
    """Give the units per variant that find a relative lift with the power asked for.

    Args:
        design: What is fixed.
        lift: Relative change of the control's value; its sign matters for
            proportions, which spread less towards 0 and 1.
        power: Chance of finding the lift when it is there.

    Raises:
        BadDesign: The lift is 0 or takes a share out of 0 to 1, or the power does
            not lie between alpha and 1.
    """
    check_lift(design, lift)
    check_power(design, power)
    z = normal_quantile(1 - design.alpha_per_comparison / 2)
    z_power = normal_quantile(power)
    try:
        if design.baseline is None:
            return math.ceil(2 * ((z + z_power) * cv_of(design) / lift) ** 2)
        pooled, apart = spreads(design.baseline, lift)
        gap = design.baseline * lift
        return math.ceil(((z * pooled + z_power * apart) / gap) ** 2)
    except (OverflowError, ZeroDivisionError):
        raise BadDesign(f"a lift of {lift:g} needs more units than can be counted") from None


def power_of(design: Design, *, lift: float, n_per_arm: int) -> float:
    """Give the chance that a lift is found with so many units per variant.

    Raises:
        BadDesign: The lift or the number of units cannot be planned with.
    """
    check_lift(design, lift)
    check_units(n_per_arm)
    z = normal_quantile(1 - design.alpha_per_comparison / 2)
    if design.baseline is None:
        return normal_share_below(abs(lift) / cv_of(design) * math.sqrt(n_per_arm / 2) - z)
    pooled, apart = spreads(design.baseline, lift)
    gap = abs(design.baseline * lift)
    return normal_share_below((math.sqrt(n_per_arm) * gap - z * pooled) / apart)


def detectable_lift(design: Design, *, n_per_arm: int, power: float = 0.8) -> float:
    """Give the smallest relative rise that so many units find with the power asked for.

    Raises:
        BadDesign: The power or the number of units cannot be planned with.
        NothingDetectable: No rise that is possible would be found.
    """
    check_units(n_per_arm)
    check_power(design, power)
    z = normal_quantile(1 - design.alpha_per_comparison / 2)
    if design.baseline is None:
        return (z + normal_quantile(power)) * cv_of(design) * math.sqrt(2 / n_per_arm)
    highest = (1 - design.baseline) / design.baseline

    def found(lift: float) -> bool:
        return power_of(design, lift=lift, n_per_arm=n_per_arm) >= power

    if not found(highest * (1 - 1e-12)):
        raise NothingDetectable(n_per_arm=n_per_arm, power=power)
    return first_true(found, low=0.0, high=highest * (1 - 1e-12))


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a test runs.

    Attributes:
        n_per_arm: Units per variant it needs.
        units: Units in all.
        weeks: Whole weeks, at least two.
    """

    n_per_arm: int
    units: int
    weeks: int


def duration_of(
    n_per_arm: int, *, arms: int = 2, units_per_week: float, allocation: float = 1.0
) -> Duration:
    """Give the whole weeks that a test needs, at least two.

    Args:
        n_per_arm: Units per variant.
        arms: Variants, the control among them.
        units_per_week: Eligible units that come in a week.
        allocation: Share of them that takes part, above 0 and at most 1.

    Raises:
        BadDesign: A number cannot be planned with.
    """
    reasons = []
    if not 0 < units_per_week < math.inf:
        reasons.append(f"units per week are {units_per_week:g}, not above 0")
    if not 0 < allocation <= 1:
        reasons.append(f"the allocation is {allocation:g}, not a share above 0")
    if arms < 2:
        reasons.append(f"{arms} variants are given, and it takes two")
    if n_per_arm < 1:
        reasons.append(f"{n_per_arm} units per variant are given, and it takes one")
    if reasons:
        raise BadDesign(*reasons)
    units = n_per_arm * arms
    # Rounding noise must not add a week: 6.000000000000001 weeks are six.
    weeks = math.ceil(round(units / (units_per_week * allocation), 9))
    return Duration(n_per_arm=n_per_arm, units=units, weeks=max(FEWEST_WEEKS, weeks))


def spreads(baseline: float, lift: float) -> tuple[float, float]:
    """Give the spread of a difference of shares without and with the lift."""
    lifted = baseline * (1 + lift)
    middle = (baseline + lifted) / 2
    pooled = math.sqrt(2 * middle * (1 - middle))
    apart = math.sqrt(baseline * (1 - baseline) + lifted * (1 - lifted))
    return pooled, apart


def first_true(condition: Callable[[float], bool], *, low: float, high: float) -> float:
    """Bisect for the smallest value at which a condition that stays true becomes so."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if condition(middle):
            high = middle
        else:
            low = middle
    return high


def cv_of(design: Design) -> float:
    """Give the cv of a design for a mean, which has one."""
    if design.cv is None:
        raise BadDesign("a mean needs its cv")
    return design.cv


def check_lift(design: Design, lift: float) -> None:
    """Refuse a lift that cannot be or cannot be looked for."""
    if lift == 0 or not math.isfinite(lift):
        raise BadDesign(f"the lift is {lift:g}, not a number other than 0")
    if design.baseline is not None and not 0 < design.baseline * (1 + lift) < 1:
        raise BadDesign(f"a lift of {lift:g} takes the share {design.baseline:g} out of 0 to 1")


def check_power(design: Design, power: float) -> None:
    """Refuse a power that no test has or that none is needed for."""
    if not design.alpha < power < 1:
        raise BadDesign(f"the power is {power:g}, not between alpha ({design.alpha:g}) and 1")


def check_units(n_per_arm: int) -> None:
    """Refuse a number of units that has no spread."""
    if n_per_arm < 2:
        raise BadDesign(f"{n_per_arm} units per variant are given, and it takes two")
