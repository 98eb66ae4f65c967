"""What effects of past tests are likely worth, the lucky ones brought back to earth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truelift.errors import Refusal
from truelift.stats.effects import BadAlpha, Floats
from truelift.stats.heterogeneity import BadEffects, drawn_together, heterogeneity, paired


FEWEST_RESULTS: Final = 3
"""With fewer tests nothing is known of how true effects vary."""


class TooFewResults(Refusal):
    """Too few tests to say how true effects vary between tests."""

    code: ClassVar[str] = "stats.too_few_results"

    def __init__(self, *, n: int) -> None:
        super().__init__(
            f"Shrinking takes {FEWEST_RESULTS} valid tests with an effect; there are {n}.", n=n
        )


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of some tests' effects, were they all live: effects are taken to add up.

    Attributes:
        plain: Sum of the estimates; too large where they were chosen for being large.
        value: Sum of the shrunken effects.
        low: Lower end of its interval.
        high: Upper end.
    """

    plain: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class ShrunkenEffects:
    """Effects of all valid tests, each drawn to their mean as far as it is noise.

    Attributes:
        mean: Mean of the true effects.
        mean_se: Its standard error.
        tau: Standard deviation of the true effects (DerSimonian-Laird).
        estimate: What each test estimated; shape (n,).
        value: Shrunken; shape (n,).
        low: Lower ends of the intervals, which allow for not knowing `tau`.
        high: Upper ends.
        weight: What a test's own estimate counts in its value, 0 to 1.
        alpha: Error level of the intervals.
        spreads: Values that tau may have; shape (g,).
        chances: How likely each is; shape (g,).
        se: Standard errors of the estimates.
    """

    mean: float
    mean_se: float
    tau: float
    estimate: Floats
    value: Floats
    low: Floats
    high: Floats
    weight: Floats
    alpha: float
    spreads: Floats
    chances: Floats
    se: Floats

    def total(self, where: NDArray[np.bool_]) -> Sum:
        """Add up some of them (those that are live), with what they share in their noise."""
        chosen = np.asarray(where, dtype=bool)
        if chosen.shape != self.value.shape:
            raise BadEffects(reason="the choice is not of the effects’ shape")
        given = _given(self.estimate, self.se, self.spreads)
        middle = given.value[:, chosen].sum(axis=-1)
        pull = (1 - given.weight[:, chosen]).sum(axis=-1)
        noise = given.own[:, chosen].sum(axis=-1) + pull**2 * given.mean_variance
        if not chosen.any():
            return Sum(0.0, 0.0, 0.0, 0.0)
        low, high = _mixed(middle[:, None], np.sqrt(noise)[:, None], self.chances, alpha=self.alpha)
        return Sum(
            plain=float(self.estimate[chosen].sum()),
            value=float(self.value[chosen].sum()),
            low=float(low[0]),
            high=float(high[0]),
        )


def shrink(value: ArrayLike, se: ArrayLike, *, alpha: float = 0.05) -> ShrunkenEffects:
    """Shrink the effects of all valid tests, not only of winners, towards their mean.

    Args:
        value: Estimated effects on one scale (relative lifts); shape (n,).
        se: Their standard errors.
        alpha: Error level of the intervals.

    Raises:
        TooFewResults: Fewer than three tests.
        BadEffects: An effect or an error is none.
        BadAlpha: `alpha` is not between 0 and 1.

    Assumes:
        True effects are nearly normal around one mean, and tests are independent. Every
        valid test is among them: the winners alone would be shrunken far too little.

    Source:
        DerSimonian & Laird (1986), Controlled Clinical Trials 7, 177-188; Gelman (2006),
        Bayesian Analysis 1, 515-534; docs/methods/shrinkage.md.
    """
    if not 0 < alpha < 1:
        raise BadAlpha(alpha=alpha)
    estimate, error = np.asarray(value, float).ravel(), np.asarray(se, float).ravel()
    if estimate.shape != error.shape:
        raise BadEffects(reason="there are not as many errors as effects")
    n = len(estimate)
    if n < FEWEST_RESULTS:
        raise TooFewResults(n=n)
    if np.isnan(estimate).any():
        raise BadEffects(reason="an effect is not a number")
    paired(estimate, error)
    test = heterogeneity(estimate, error)
    tau2 = float(test.tau2)
    drawn = drawn_together(estimate, error, tau2=np.asarray(tau2))
    weights = 1 / (error**2 + tau2)
    spreads, chances = _spreads(estimate, error, tau=tau2**0.5)
    given = _given(estimate, error, spreads)
    noise = given.own + (1 - given.weight) ** 2 * given.mean_variance[:, None]
    low, high = _mixed(given.value, np.sqrt(noise), chances, alpha=alpha)
    return ShrunkenEffects(
        mean=float((weights * estimate).sum() / weights.sum()),
        mean_se=float(weights.sum() ** -0.5),
        tau=tau2**0.5,
        estimate=estimate,
        value=drawn.value,
        low=low,
        high=high,
        weight=drawn.weight,
        alpha=alpha,
        spreads=spreads,
        chances=chances,
        se=error,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """What would be known were tau each of several values; arrays (g, n) and (g,)."""

    value: Floats
    weight: Floats
    own: Floats
    mean: Floats
    mean_variance: Floats
    whole: Floats


def _given(estimate: Floats, se: Floats, spreads: Floats) -> _Given:
    spread2 = spreads[:, None] ** 2
    whole = se**2 + spread2
    variance = 1 / (1 / whole).sum(axis=-1)
    mean = (estimate / whole).sum(axis=-1) * variance
    weight = spread2 / whole
    value = weight * estimate + (1 - weight) * mean[:, None]
    return _Given(value, weight, weight * se**2, mean, variance, whole)


def _spreads(estimate: Floats, se: Floats, *, tau: float) -> tuple[Floats, Floats]:
    """Give values of tau with how likely each is, every value as likely beforehand.

    The grid reaches to infinity: with three tests the tail is long, and cutting it would
    promise more than is known.
    """
    scale = max(tau, float((1 / (1 / se**2).mean()) ** 0.5))
    u = (np.arange(_GRID) + 0.5) / _GRID
    spreads = scale * u / (1 - u)
    given = _given(estimate, se, spreads)
    log = (
        np.log(given.mean_variance)
        - np.log(given.whole).sum(axis=-1)
        - ((estimate - given.mean[:, None]) ** 2 / given.whole).sum(axis=-1)
    ) / 2 - 2 * np.log1p(-u)
    chance = np.exp(log - log.max())
    chance /= chance.sum()
    kept = chance > _NEGLIGIBLE
    return spreads[kept], chance[kept] / chance[kept].sum()


def _mixed(
    middle: Floats, spread: Floats, chances: Floats, *, alpha: float
) -> tuple[Floats, Floats]:
    """Give the interval of a mixture of normals; the first axis is mixed."""
    from scipy.special import ndtr, ndtri

    def quantile(share: float) -> Floats:
        ends = middle + ndtri(share) * spread
        low, high = ends.min(axis=0), ends.max(axis=0)
        for _ in range(50):
            half = (low + high) / 2
            below = chances @ ndtr((half - middle) / spread)
            low, high = np.where(below < share, half, low), np.where(below < share, high, half)
        return np.asarray((low + high) / 2)

    return quantile(alpha / 2), quantile(1 - alpha / 2)


_GRID: Final = 600
_NEGLIGIBLE: Final = 1e-9
