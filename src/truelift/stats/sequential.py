"""Intervals that hold at every look at once: asymptotic confidence sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike

from truelift.errors import Refusal
from truelift.stats.effects import BadAlpha, Effects, Estimates, Floats, Side, ends


USUAL_TUNING_N: Final = 5000
"""GrowthBook's and Eppo's setting: tightest where many experiments have their first say."""

_LOOSEST: Final = 0.5
"""A one-sided level above this is tuned as if it were this: any tuning is valid."""


class BadTuning(Refusal):
    """A sequential method that is tuned for no possible sample."""

    code: ClassVar[str] = "stats.bad_tuning"

    def __init__(self, *, tuning_n: float) -> None:
        super().__init__(
            f"The intervals cannot be tuned for {tuning_n:g} units; give about as many as both "
            "variants will have when a decision is first wanted.",
            tuning_n=tuning_n,
        )


@dataclass(frozen=True, slots=True)
class Sequential:
    """Any number of looks, at any moments: intervals of which none ever misses, but in alpha.

    At every single look they are wider than a fixed test's (1.55 times where they are
    tightest). `p` is the inverse of an e-value: below alpha exactly when the interval leaves
    out 0, and it may be looked at and acted on whenever one likes.

    Attributes:
        tuning_n: Units of both variants together at which intervals shall be tightest; chosen
            before the first look.
        side: Which differences it looks for.
        tuning_alpha: Error level for which they are tightest; None takes each interval's own.
            Set it where levels follow from the data (Holm, Benjamini-Hochberg): a tuning must
            not.

    Raises:
        BadTuning: `tuning_n` is not a number above 0.
        BadAlpha: `tuning_alpha` is not between 0 and 1.

    Assumes:
        Units are independent and arrive over time; their number is large enough for a mean to
        be nearly normal from the first look on, because one wild early look stays for good.

    Source:
        Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), Annals of Statistics 52(6),
        2613-2640 (arXiv 2103.06476v7, equations 9, 134, 155, 161); docs/methods/sequential.md.
    """

    tuning_n: float = USUAL_TUNING_N
    side: Side = Side.TWO
    tuning_alpha: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.tuning_n < np.inf:
            raise BadTuning(tuning_n=self.tuning_n)
        if self.tuning_alpha is not None and not 0 < self.tuning_alpha < 1:
            raise BadAlpha(alpha=self.tuning_alpha)

    @property
    def name(self) -> str:
        """Its name in documents."""
        return "sequential"

    def judge(self, estimates: Estimates, *, alpha: ArrayLike = 0.05) -> Effects:
        """Put intervals and p-values to estimates, valid whatever was looked at before.

        Raises:
            BadAlpha: A level is not between 0 and 1.
        """
        level = _levels(alpha)
        value, se = estimates.value, estimates.se
        weight = self._weight(np.where(estimates.n > 0, estimates.n, np.nan), level)
        share, grown = weight / (weight + 1), np.log1p(weight) / 2
        reach = se * self._errors(share, grown, level)
        low, high = ends(value, reach, side=self.side)
        p = self._p(value / se, share, grown)
        return Effects(value, se, low, high, p, estimates.absent)

    def errors_reached(self, n: ArrayLike, *, alpha: ArrayLike = 0.05) -> Floats:
        """Give how many standard errors an interval reaches when so many units are counted.

        Args:
            n: Units of both variants together.
            alpha: Error level, broadcast against them.

        Raises:
            BadAlpha: A level is not between 0 and 1.
        """
        level = _levels(alpha)
        weight = self._weight(np.asarray(n, dtype=float), level)
        return self._errors(weight / (weight + 1), np.log1p(weight) / 2, level)

    def _errors(self, share: Floats, grown: Floats, level: Floats) -> Floats:
        # In logarithms: the smallest levels have no reciprocal.
        spread = grown - np.log(level)
        # Of equation 134 the two-sided form is the one without the 1.
        if self.side is not Side.TWO:
            spread = spread - np.log(2) + np.log1p(2 * np.exp(-spread))
        return np.asarray(np.sqrt(2 * spread / share))

    def _weight(self, n: Floats, level: Floats) -> Floats:
        """Give n·rho², how far the data outweigh the mixture that the intervals are made of."""
        tuned = level if self.tuning_alpha is None else np.asarray(self.tuning_alpha)
        if self.side is not Side.TWO:
            tuned = np.minimum(2 * tuned, _LOOSEST)
        log = -2 * np.log(tuned)
        return np.asarray(n * ((log + np.log1p(log)) / self.tuning_n))

    def _p(self, z: Floats, share: Floats, grown: Floats) -> Floats:
        """Give the level at which an interval would just touch 0."""
        toward = z
        if self.side is not Side.TWO:
            toward = np.maximum(z if self.side is Side.GREATER else -z, 0.0)
        # In logarithms: the e-value of a great effect has no double.
        half = toward * toward * share / 2
        log_p = grown - half
        if self.side is not Side.TWO:
            with np.errstate(divide="ignore"):
                log_p = log_p - np.log(2) - np.log(-np.expm1(-half))
        return np.asarray(np.exp(np.minimum(log_p, 0.0)))


def _levels(alpha: ArrayLike) -> Floats:
    given = np.asarray(alpha, dtype=float)
    wrong = ~((given > 0) & (given < 1))
    if wrong.any():
        raise BadAlpha(alpha=float(given[wrong].flat[0]))
    return given
