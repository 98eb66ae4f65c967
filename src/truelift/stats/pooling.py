"""What several tests of one idea say together, and what to expect of the next one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from truelift.stats.effects import BadAlpha
from truelift.stats.heterogeneity import BadEffects, heterogeneity, paired


@dataclass(frozen=True, slots=True)
class Pooled:
    """The mean effect of tests whose true effects may differ (random effects).

    Attributes:
        n: Tests with an effect.
        mean: Mean of the true effects.
        se: Its standard error.
        low: Lower end of its interval.
        high: Upper end.
        tau: Standard deviation of the true effects (DerSimonian-Laird).
        i2: Share of the disagreement that is more than noise, 0 to 1; None for one test.
        expected_low: Lower end of where the true effect of a further test will lie; None with
            fewer than three tests.
        expected_high: Upper end.
    """

    n: int
    mean: float
    se: float
    low: float
    high: float
    tau: float
    i2: float | None
    expected_low: float | None
    expected_high: float | None


def pooled(value: ArrayLike, se: ArrayLike, *, alpha: float = 0.05) -> Pooled:
    """Put the effects of independent tests together, allowing that they truly differ.

    Args:
        value: Estimated effects on one scale, signed so that more is better; shape (n,).
        se: Their standard errors.
        alpha: Error level of the intervals.

    Raises:
        BadEffects: There is none, or an effect or an error is none.
        BadAlpha: `alpha` is not between 0 and 1.

    Assumes:
        True effects are nearly normal around one mean, and tests are independent.

    Source:
        DerSimonian & Laird (1986), Controlled Clinical Trials 7, 177-188; Higgins, Thompson &
        Spiegelhalter (2009), JRSS A 172, 137-159; docs/methods/random-effects.md.
    """
    from scipy.special import ndtri, stdtrit

    if not 0 < alpha < 1:
        raise BadAlpha(alpha=alpha)
    effects, errors = paired(np.asarray(value, float).ravel(), np.asarray(se, float).ravel())
    if np.isnan(effects).any():
        raise BadEffects(reason="an effect is not a number")
    n = len(effects)
    test = heterogeneity(effects, errors)
    tau2 = float(test.tau2) if n > 1 else 0.0
    weights = 1 / (errors**2 + tau2)
    whole = float(weights.sum())
    mean = float((weights * effects).sum()) / whole
    error = whole**-0.5
    half = float(ndtri(1 - alpha / 2)) * error
    reach = (
        float(stdtrit(n - 2, 1 - alpha / 2)) * float(np.sqrt(tau2 + error**2)) if n > 2 else None
    )
    return Pooled(
        n=n,
        mean=mean,
        se=error,
        low=mean - half,
        high=mean + half,
        tau=tau2**0.5,
        i2=float(test.i2) if n > 1 else None,
        expected_low=None if reach is None else mean - reach,
        expected_high=None if reach is None else mean + reach,
    )
