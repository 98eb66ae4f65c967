"""Checks of a test that ran: was it alike before, could it see what it was planned for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truelift.errors import Refusal
from truelift.stats.effects import BadAlpha, Estimates, Floats, Method
from truelift.stats.integrity import CROSSOVERS_FAIL, CROSSOVERS_WARN
from truelift.stats.moments import Form, Moments
from truelift.stats.multiplicity import bonferroni
from truelift.stats.programme import jeffreys
from truelift.stats.status import Status


POWER_SHORT_BY: Final = 0.1
"""A test whose power is this much below the planned one is short of units or noisier."""


IMBALANCE_WARN: Final = 0.05
"""Below this adjusted p variants differed before the test."""


IMBALANCE_FAIL: Final = 0.001
"""Below this adjusted p what they differ by now is not the treatment's alone."""


LARGEST: Final = 1e300
"""Some errors of this size are no number any more."""


class BadCheck(Refusal):
    """Numbers that a check of a test cannot be made of."""

    code = "stats.bad_check"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The check cannot be made: {reason}.", reason=reason)


@dataclass(frozen=True, slots=True)
class MultipleExposure:
    """How many units saw more than one variant.

    Attributes:
        share: Of all exposed units.
        low: Lower end of its 95 % interval.
        high: Upper end.
        status: Fail above 10 %, warn above 1 %, by the share itself.
    """

    share: float
    low: float
    high: float
    status: Status


def multiple_exposure(*, crossovers: int, exposed: int) -> MultipleExposure:
    """Judge the share of units that saw more than one variant.

    Args:
        crossovers: Units that saw more than one.
        exposed: All exposed units, these among them.

    Raises:
        BadCheck: Nobody was exposed, or the counts do not fit.

    Source:
        docs/methods/integrity-checks.md.
    """
    if exposed < 1 or not 0 <= crossovers <= exposed:
        raise BadCheck(reason=f"{crossovers} of {exposed} units is no share")
    share = crossovers / exposed
    low, high = jeffreys(crossovers, exposed)
    status = Status.WARN if share > CROSSOVERS_WARN else Status.OK
    return MultipleExposure(share, low, high, Status.FAIL if share > CROSSOVERS_FAIL else status)


@dataclass(frozen=True, slots=True, eq=False)
class PowerReached:
    """What tests could see with the noise that they had; all of one shape.

    Attributes:
        power: Chance to find an effect of the planned size; NaN where there is no error.
        detectable: The effect that is found with the planned power.
        short: Power is more than ten points below the planned.
    """

    power: Floats
    detectable: Floats
    short: NDArray[np.bool_]


def power_reached(
    se: ArrayLike, *, worth: ArrayLike, alpha: float = 0.05, power: float = 0.8
) -> PowerReached:
    """Say what tests could have seen, from the error they reached and the effect planned for.

    Not from the effect they found: that would say nothing but p again.

    Args:
        se: Standard errors reached; NaN where there is none.
        worth: The smallest effect that the test was planned to find, above 0, in the same unit.
        alpha: Two-sided error level.
        power: Planned.

    Raises:
        BadCheck: An effect or an error is not above 0, or a share is none.

    Source:
        Hoenig & Heisey (2001), The American Statistician 55, 19-24;
        docs/methods/power-reached.md.
    """
    from scipy.special import ndtr, ndtri

    if not 0 < alpha < 1:
        raise BadAlpha(alpha=alpha)
    if not alpha < power < 1:
        raise BadCheck(reason="the planned power must lie between alpha and 1")
    error, size = np.broadcast_arrays(np.asarray(se, float), np.asarray(worth, float))
    if not (np.isfinite(size) & (size > 0)).all():
        raise BadCheck(reason="the effect planned for must be a number above 0")
    if not ((error > 0) | np.isnan(error)).all() or (error > LARGEST).any():
        raise BadCheck(reason=f"a standard error is not a number above 0 and below {LARGEST:g}")
    reach = -ndtri(alpha / 2)
    with np.errstate(over="ignore"):
        moved = size / error
    reached = ndtr(moved - reach) + ndtr(-moved - reach)
    with np.errstate(invalid="ignore"):
        short = reached < power - POWER_SHORT_BY
    return PowerReached(
        power=np.asarray(reached),
        detectable=np.asarray((reach + ndtri(power)) * error),
        short=short,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Imbalance:
    """Whether variants differed before the test; of the estimates' shape.

    Attributes:
        difference: Differences before the test.
        p: Their own p-values; NaN where absent.
        p_adjusted: Over all of them (Bonferroni).
        status: Of all together: the worst.
    """

    difference: Floats
    p: Floats
    p_adjusted: Floats
    status: Status


def imbalance(before: Estimates, *, method: Method) -> Imbalance:
    """Test whether variants were alike before anybody was exposed, as in an A/A test.

    For metrics of the time before (a pre-period A/A check) and for any other covariate: each
    is analysed as if it were the result, with alpha divided by the number of tests.

    Args:
        before: Differences of what was settled before the exposure, of any shape.
        method: How they are judged; one that gives p-values.

    Raises:
        BadCheck: There is nothing to test, or the method gives no p-values.

    Source:
        Kohavi, Tang & Xu (2020), chapter 19; docs/methods/covariate-imbalance.md.
    """
    if not before.value.size:
        raise BadCheck(reason="there is nothing from before the exposure")
    judged = method.judge(before, alpha=IMBALANCE_WARN / before.value.size)
    absent = before.absent != 0
    if np.isnan(judged.p[~absent]).any():
        raise BadCheck(reason=f"the method {method.name} gives no p-values")
    adjusted = bonferroni(np.where(absent, 1.0, judged.p).ravel()).reshape(before.shape)
    smallest = float(adjusted.min())
    status = Status.WARN if smallest < IMBALANCE_WARN else Status.OK
    return Imbalance(
        difference=before.value,
        p=judged.p,
        p_adjusted=np.where(absent, np.nan, adjusted),
        status=Status.FAIL if smallest < IMBALANCE_FAIL else status,
    )


def past(samples: Moments) -> Moments:
    """Take what units did before their exposure as the metric itself.

    Raises:
        BadCheck: The samples have no covariate.
    """
    if not samples.has_covariate:
        raise BadCheck(reason="nothing was kept of the time before")
    k = samples.form.width
    form = Form.MEAN if samples.form is Form.SHARE else samples.form
    return Moments(form, samples.n, samples.means[..., k:], samples.products[..., k:, k:])
