"""The reference distributions: tail areas and quantiles, loaded only as far as needed."""

from __future__ import annotations

import math


def normal_quantile(probability: float) -> float:
    """Give the standard normal value below which this share lies (0 < share < 1)."""
    # `statistics` and `scipy.special` are imported by the functions that use
    # them: scipy takes 0.7 s to load, and `truelift stats srm` must not pay for it.
    from statistics import NormalDist

    return NormalDist().inv_cdf(probability)


def normal_share_below(value: float) -> float:
    """Give the share of a standard normal below a value."""
    return 0.5 * math.erfc(-value / math.sqrt(2))


def student_quantile(probability: float, *, df: float) -> float:
    """Give the value of Student's t below which this share lies (0 < share < 1)."""
    from scipy.special import stdtrit

    return float(stdtrit(df, probability))


def student_two_sided(t: float, *, df: float) -> float:
    """Give the share of Student's t at least as far from zero as `t`, on both sides."""
    from scipy.special import stdtr

    # The lower tail is asked for: 1 − cdf(t) has no digits left beyond t ≈ 8.
    return min(1.0, 2 * float(stdtr(df, -abs(t))))


def chi_squared_share_above(value: float, *, df: int) -> float:
    """Give the share of a chi-squared distribution above a value, in closed form.

    With whole degrees of freedom the upper incomplete gamma function is a finite
    sum, so the split check needs no library.

    Source:
        Abramowitz & Stegun (1964), Handbook of Mathematical Functions, 26.4.4-5.
    """
    half = value / 2
    if half <= 0:
        return 1.0
    if df % 2 == 0:
        total, start = 0.0, 0.0
    else:
        total, start = math.erfc(math.sqrt(half)), 0.5
    # Each term is exp(−x/2)·(x/2)^s / Γ(s + 1), in logarithms so that it cannot overflow.
    terms = (
        math.exp(-half + (start + i) * math.log(half) - math.lgamma(start + i + 1))
        for i in range(df // 2)
    )
    return min(1.0, total + math.fsum(terms))


def fisher_two_sided(*, successes: int, n: int, other_successes: int, other_n: int) -> float:
    """Give Fisher's exact p of two shares being equal, both margins held fixed.

    Two-sided by small probability: every table at most as likely as the one seen
    counts. Works outward from the seen table by ratios of neighbours, so nothing
    overflows however many units there are.

    Source:
        Fisher (1935), JRSS 98(1), 39-82; docs/methods/proportion-exact.md.
    """
    total, took = n + other_n, successes + other_successes
    low, high = max(0, took - other_n), min(took, n)
    mode = min(max((n + 1) * (took + 1) // (total + 2), low), high)

    def up(x: int) -> float:
        """Say how much likelier `x + 1` is than `x`."""
        return (took - x) * (n - x) / ((x + 1) * (other_n - took + x + 1))

    weights = {mode: 1.0}
    weight = 1.0
    for x in range(mode, high):
        weight *= up(x)
        if weight < 1e-300:
            break
        weights[x + 1] = weight
    weight = 1.0
    for x in range(mode - 1, low - 1, -1):
        weight /= up(x)
        if weight < 1e-300:
            break
        weights[x] = weight
    # Tables that tie with the seen one may differ in the last digit.
    seen = weights.get(successes, 0.0) * (1 + 1e-7)
    rare = math.fsum(weight for weight in weights.values() if weight <= seen)
    return min(1.0, rare / math.fsum(weights.values()))
