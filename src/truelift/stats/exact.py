"""Shares of which too few or too many did the thing for the normal shape: exact answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from truelift.stats.distributions import fisher_two_sided, normal_quantile
from truelift.stats.summary import ProportionSummary


@dataclass(frozen=True, slots=True)
class ExactDifference:
    """A difference of two shares.

    Attributes:
        value: Treatment minus control.
        se: Standard error, above 0.
        p: Fisher's, two-sided.
    """

    value: float
    se: float
    p: float


def exact_difference(
    control: ProportionSummary, treatment: ProportionSummary, *, alpha: float
) -> ExactDifference:
    """Compare two shares of which one has too few successes or failures.

    Source:
        Fisher (1935), JRSS 98(1), 39-82; docs/methods/proportion-exact.md.
    """
    se = math.sqrt(treatment.variance / treatment.n + control.variance / control.n)
    if se == 0:
        # Nobody, or everybody, in each variant: the interval's own width stands in.
        low, high = newcombe(control, treatment, alpha=alpha)
        se = (high - low) / (2 * normal_quantile(1 - alpha / 2))
    p = fisher_two_sided(
        successes=treatment.successes,
        n=treatment.n,
        other_successes=control.successes,
        other_n=control.n,
    )
    return ExactDifference(value=treatment.value - control.value, se=se, p=p)


def newcombe(
    control: ProportionSummary, treatment: ProportionSummary, *, alpha: float
) -> tuple[float, float]:
    """Give the interval of a difference of shares that Wilson's two intervals span.

    It keeps its level where the usual one collapses to a point.

    Source:
        Newcombe (1998), Statistics in Medicine 17, 873-890, method 10;
        docs/methods/proportion-exact.md.
    """
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
