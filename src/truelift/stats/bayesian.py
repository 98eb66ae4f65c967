"""How likely a treatment is better, and what choosing the wrong one would cost on average."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import ArrayLike

from truelift.errors import Refusal
from truelift.stats.effects import Absence, BadAlpha, Effects, Estimates, Floats, Reasons


class BadPrior(Refusal):
    """A prior belief that is no distribution."""

    code: ClassVar[str] = "stats.bad_prior"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"This prior cannot be used: {reason}.", reason=reason)


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """What is believed about differences after the data; all arrays of one shape.

    Attributes:
        value: Mean of the posterior; NaN where `absent` says why.
        sd: Its standard deviation.
        low: Lower end of the credible interval, equal tails.
        high: Upper end.
        chance_to_win: Probability that the treatment is better; where less is better, that it
            has less.
        loss_if_treatment: What is lost on average by choosing the treatment, in the
            difference's unit: the mean of how much worse it is, counting 0 where it is better.
        loss_if_control: The same for choosing the control.
        absent: `Absence` of each.
    """

    value: Floats
    sd: Floats
    low: Floats
    high: Floats
    chance_to_win: Floats
    loss_if_treatment: Floats
    loss_if_control: Floats
    absent: Reasons


@dataclass(frozen=True, slots=True)
class NormalPrior:
    """What relative lifts are believed to be like before the data: normal.

    Attributes:
        mean: Of the lifts, as a share of the control.
        sd: Their standard deviation, above 0.

    Raises:
        BadPrior: One of them is no number, or `sd` is not above 0.
    """

    mean: float = 0.0
    sd: float = 0.3

    def __post_init__(self) -> None:
        if not np.isfinite(self.mean):
            raise BadPrior(reason=f"its mean is {self.mean:g}")
        if not 0 < self.sd < np.inf:
            raise BadPrior(reason=f"its standard deviation is {self.sd:g}, not above 0")


@dataclass(frozen=True, slots=True, eq=False)
class Bayesian:
    """A normal belief about the lift, moved by the data; everything in closed form.

    Attributes:
        prior: On the relative lift; None believes every lift equally likely.
        control: The control's values as counted, of the estimates' shape, for estimates of
            absolute differences: the prior is stretched by their size. None for relative ones.
        less_is_better: Of each comparison or of all: whether a smaller metric is the better.

    Assumes:
        Estimates are nearly normal with a known standard error, so some hundred units and a
        few successes of each arm; below that `beta_binomial`. The prior was set before the
        data. Looking often does not spoil the belief, but deciding at the first look that
        pleases is only as honest as the prior.

    Source:
        Gelman et al. (2013), Bayesian Data Analysis, 3rd ed., 2.5; Stucchio (2015), Bayesian
        A/B Testing at VWO; docs/methods/bayesian.md.
    """

    prior: NormalPrior | None = NormalPrior()
    control: Floats | None = None
    less_is_better: ArrayLike = False

    @property
    def name(self) -> str:
        """Its name in documents."""
        return "bayesian"

    def on_absolute_scale(self, control: Floats) -> Self:
        """Take the same belief for differences in the metric's own unit."""
        return replace(self, control=control)

    def judge(self, estimates: Estimates, *, alpha: ArrayLike = 0.05) -> Effects:
        """Give means, deviations and credible intervals; there is no p-value.

        Raises:
            BadAlpha: A level is not between 0 and 1.
        """
        found = self.believe(estimates, alpha=alpha)
        nothing = np.full(found.value.shape, np.nan)
        return Effects(found.value, found.sd, found.low, found.high, nothing, found.absent)

    def believe(self, estimates: Estimates, *, alpha: ArrayLike = 0.05) -> Belief:
        """Give all that is believed after the data.

        Args:
            estimates: Relative differences, or absolute ones where `control` is given.
            alpha: Share left out of each interval, half on each side.

        Raises:
            BadAlpha: A level is not between 0 and 1.
        """
        from scipy.special import ndtr, ndtri

        level = np.asarray(alpha, dtype=float)
        wrong = ~((level > 0) & (level < 1))
        if wrong.any():
            raise BadAlpha(alpha=float(level[wrong].flat[0]))
        value, sd, absent = estimates.value, estimates.se, estimates.absent
        if self.prior is not None:
            size = np.ones(()) if self.control is None else np.abs(self.control)
            nowhere = (absent == Absence.NONE) & (size == 0)
            absent = np.where(nowhere, np.uint8(Absence.NO_CONTROL_VALUE), absent)
            size = np.where(nowhere, np.nan, size)
            # As a share of the prior's: precisions of tiny metrics would overflow.
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                ratio = sd / (self.prior.sd * size)
            # Beside such noise the prior is all there is, and its square has no double.
            beyond = (absent == Absence.NONE) & ~(ratio < _FARTHEST)
            absent = np.where(beyond, np.uint8(Absence.TOO_LARGE), absent)
            ratio = np.where(beyond, np.nan, ratio)
            kept = 1 / (1 + ratio * ratio)
            value = kept * value + (1 - kept) * self.prior.mean * size
            sd = sd * np.sqrt(kept)
        reach = -ndtri(level / 2) * sd
        sign = np.where(self.less_is_better, -1.0, 1.0)
        gain = sign * value / sd
        return Belief(
            value=np.asarray(value),
            sd=np.asarray(sd),
            low=np.asarray(value - reach),
            high=np.asarray(value + reach),
            chance_to_win=np.asarray(ndtr(gain)),
            loss_if_treatment=sd * _mean_above_zero(-gain),
            loss_if_control=sd * _mean_above_zero(gain),
            absent=absent,
        )


_FARTHEST: Final = 1e100
"""So many deviations of the prior in one standard error are no measurement."""


def _mean_above_zero(gain: Floats) -> Floats:
    """Give the mean of the part above 0 of a normal with this mean and deviation 1."""
    from scipy.special import ndtr

    return np.asarray(
        np.maximum(np.exp(-(gain**2) / 2) / np.sqrt(2 * np.pi) + gain * ndtr(gain), 0)
    )
