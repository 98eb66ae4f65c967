"""Two variants at the planned end: the effect, absolute and relative, with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

from truelift.errors import Refusal
from truelift.stats.distributions import (
    fisher_two_sided,
    normal_quantile,
    student_quantile,
    student_two_sided,
)
from truelift.stats.summary import ProportionSummary, RatioSummary, Sample, TooFewUnits


class Procedure(StrEnum):
    """How an effect was computed; each value names its page in docs/methods."""

    MEAN_WELCH = "mean-welch"
    PROPORTION_WELCH = "proportion-welch"
    PROPORTION_EXACT = "proportion-exact"
    RATIO_DELTA = "ratio-delta"


class BadAlpha(Refusal):
    """An error level that is not a share between 0 and 1."""

    code: ClassVar[str] = "stats.bad_alpha"

    def __init__(self, *, alpha: float) -> None:
        super().__init__(f"alpha must lie between 0 and 1; it is {alpha:g}.", alpha=alpha)


class NoSpread(Refusal):
    """Every unit of both variants has the same value, so chance cannot be judged."""

    code: ClassVar[str] = "stats.no_spread"

    def __init__(self, *, n: int, control_n: int) -> None:
        super().__init__(
            f"All {control_n} units of the control and all {n} of the treatment have one value "
            "each: without spread there is no interval. Check that the metric is recorded.",
            n=n,
            control_n=control_n,
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference between two variants and how sure it is.

    Attributes:
        value: Treatment against control: a difference in the metric's unit, or a
            share of the control's value.
        se: Standard error of `value`, above 0.
        low: Lower end of the interval at level 1 − alpha.
        high: Upper end of that interval.
        p: Two-sided p-value of `value` being zero.
    """

    value: float
    se: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Absent:
    """An effect that is not defined here, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One treatment against the control on one metric.

    Attributes:
        absolute: Difference in the metric's unit; the outcome is decided by it.
        relative: The lift, as a share of the control; for reading.
        df: Degrees of freedom (Welch-Satterthwaite); None for the exact test.
        procedure: How it was computed.
        alpha: Error level of the intervals, two-sided.
        narrower: Interval of the absolute effect at level 1 − 2·alpha, which two
            one-sided tests at `alpha` each amount to.
    """

    absolute: Effect
    relative: Effect | Absent
    df: float | None
    procedure: Procedure
    alpha: float
    narrower: tuple[float, float]


FEWEST_UNITS: Final = 2
"""With one unit there is no spread, so nothing can be compared."""


def compare(control: Sample, treatment: Sample, *, alpha: float = 0.05) -> Comparison:
    """Compare a treatment with the control at a horizon fixed beforehand.

    Means and ratios by Welch's t, proportions by Welch's t with p(1 − p), or by
    Fisher's exact test when successes or failures of a variant are fewer than 5.
    The relative effect is the plain delta method with the same degrees of freedom.

    Args:
        control: Sample of the control.
        treatment: Sample of the treatment, of the same kind.
        alpha: Two-sided error level.

    Raises:
        BadAlpha: `alpha` is not between 0 and 1.
        TooFewUnits: A variant has fewer than two units.
        NoDenominator: A ratio's denominator adds up to zero.
        NoSpread: All units of both variants have one value, and it is no proportion.

    Assumes:
        Units are independent and were randomised one by one; the sample size was
        fixed before looking (repeated looks need another method).

    Source:
        Welch (1947), Biometrika 34, 28-35; docs/methods/mean-welch.md,
        docs/methods/proportion-welch.md, docs/methods/relative-delta.md.
    """
    if not 0 < alpha < 1:
        raise BadAlpha(alpha=alpha)
    for sample in (control, treatment):
        if sample.n < FEWEST_UNITS:
            raise TooFewUnits(statistic="comparison", n=sample.n, needs=FEWEST_UNITS)
    if isinstance(control, ProportionSummary) and isinstance(treatment, ProportionSummary):
        if control.scarce or treatment.scarce:
            return compare_exactly(control, treatment, alpha=alpha)
        procedure = Procedure.PROPORTION_WELCH
    elif isinstance(control, RatioSummary):
        procedure = Procedure.RATIO_DELTA
    else:
        procedure = Procedure.MEAN_WELCH
    noise, control_noise = treatment.variance / treatment.n, control.variance / control.n
    if noise + control_noise == 0:
        raise NoSpread(n=treatment.n, control_n=control.n)
    df = welch_df(control, treatment)
    value, se = treatment.value - control.value, math.sqrt(noise + control_noise)

    def quantile(level: float) -> float:
        return student_quantile(level, df=df)

    def two_sided(t: float) -> float:
        return student_two_sided(t, df=df)

    reach = quantile(1 - alpha) * se if alpha < 0.5 else 0.0
    return Comparison(
        absolute=effect(value, se, alpha=alpha, quantile=quantile, two_sided=two_sided),
        relative=relative(control, treatment, alpha=alpha, quantile=quantile, two_sided=two_sided),
        df=df,
        procedure=procedure,
        alpha=alpha,
        narrower=(value - reach, value + reach),
    )


def welch_df(control: Sample, treatment: Sample) -> float:
    """Give the degrees of freedom that fit two samples of unequal spread."""
    noise, control_noise = treatment.variance / treatment.n, control.variance / control.n
    # Shares instead of fourth powers: revenue in minor units would overflow no
    # double, but a metric near 1e-100 would vanish.
    share = noise / (noise + control_noise)
    return 1 / (share * share / (treatment.n - 1) + (1 - share) ** 2 / (control.n - 1))


def effect(
    value: float,
    se: float,
    *,
    alpha: float,
    quantile: Callable[[float], float],
    two_sided: Callable[[float], float],
) -> Effect:
    """Put the interval and the p-value to an estimate and its standard error."""
    reach = quantile(1 - alpha / 2) * se
    return Effect(
        value=value, se=se, low=value - reach, high=value + reach, p=two_sided(value / se)
    )


def relative(
    control: Sample,
    treatment: Sample,
    *,
    alpha: float,
    quantile: Callable[[float], float],
    two_sided: Callable[[float], float],
) -> Effect | Absent:
    """Give the lift with its delta-method error, or say why there is none.

    The control's mean is a random divisor, so its noise counts twice: in the
    difference and in what it is divided by.

    Source:
        docs/methods/relative-delta.md.
    """
    base = control.value
    if base == 0:
        return Absent("the control's value is 0, and no share of 0 can be given")
    growth = treatment.value / base
    variance = (
        treatment.variance / treatment.n + growth * growth * control.variance / control.n
    ) / (base * base)
    if variance == 0:
        return Absent("no unit differs from another where it matters, so the lift has no error")
    # Against the size of the control, so that a metric below zero keeps its signs.
    value = (treatment.value - base) / abs(base)
    return effect(value, math.sqrt(variance), alpha=alpha, quantile=quantile, two_sided=two_sided)


def compare_exactly(
    control: ProportionSummary, treatment: ProportionSummary, *, alpha: float
) -> Comparison:
    """Compare two proportions of which one has too few successes or failures.

    The p-value is Fisher's; the interval of the difference is Newcombe's, which
    keeps its level where the usual one collapses to a point.

    Source:
        Newcombe (1998), Statistics in Medicine 17, 873-890, method 10;
        docs/methods/proportion-exact.md.
    """
    low, high = newcombe(control, treatment, alpha=alpha)
    noise, control_noise = treatment.variance / treatment.n, control.variance / control.n
    se = math.sqrt(noise + control_noise)
    if se == 0:
        # Nobody, or everybody, in each variant: the interval's own width stands in.
        se = (high - low) / (2 * normal_quantile(1 - alpha / 2))
    p = fisher_two_sided(
        successes=treatment.successes,
        n=treatment.n,
        other_successes=control.successes,
        other_n=control.n,
    )
    return Comparison(
        absolute=Effect(
            value=treatment.value - control.value,
            se=se,
            low=low,
            high=high,
            p=p,
        ),
        relative=relative(
            control,
            treatment,
            alpha=alpha,
            quantile=normal_quantile,
            two_sided=lambda z: math.erfc(abs(z) / math.sqrt(2)),
        ),
        df=None,
        procedure=Procedure.PROPORTION_EXACT,
        alpha=alpha,
        narrower=newcombe(control, treatment, alpha=min(2 * alpha, 1 - 1e-9)),
    )


def newcombe(
    control: ProportionSummary, treatment: ProportionSummary, *, alpha: float
) -> tuple[float, float]:
    """Give the interval of a difference of shares that Wilson's two intervals span."""
    value = treatment.value - control.value
    low, high = wilson(treatment, alpha=alpha)
    control_low, control_high = wilson(control, alpha=alpha)
    below = math.hypot(treatment.value - low, control_high - control.value)
    above = math.hypot(high - treatment.value, control.value - control_low)
    return value - below, value + above


def wilson(sample: ProportionSummary, *, alpha: float) -> tuple[float, float]:
    """Give Wilson's score interval of one share; it never leaves 0 to 1.

    Source:
        Wilson (1927), JASA 22, 209-212; docs/methods/proportion-exact.md.
    """
    z2 = normal_quantile(1 - alpha / 2) ** 2
    n, p = sample.n, sample.value
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    reach = math.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    # Rounding must not push an end past what was seen: 0 of n starts at 0 exactly.
    return min(max(0.0, middle - reach), p), max(min(1.0, middle + reach), p)
