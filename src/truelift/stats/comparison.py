"""What treatments did to metrics: effects, absolute and relative, with their uncertainty."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar, Final

import numpy as np

from truelift.errors import Refusal
from truelift.stats.bayesian import Bayesian, Belief
from truelift.stats.effects import (
    Absence,
    BadAlpha,
    Effects,
    Estimates,
    FixedHorizon,
    Floats,
    Method,
    Side,
)
from truelift.stats.estimating import FEWEST_UNITS, arms_of_all, values
from truelift.stats.exact import exact_difference, newcombe
from truelift.stats.known_value import KnownValue
from truelift.stats.moments import AnySummary, Form, Moments, moments_of
from truelift.stats.points import between
from truelift.stats.scales import Scale
from truelift.stats.summary import (
    CovariateRatioSummary,
    CovariateSummary,
    NoDenominator,
    ProportionSummary,
    RatioSummary,
    Sample,
    TooFewUnits,
)


Table = Sequence[Sequence[AnySummary | None]]
"""A row for each metric: the control's sample, then the treatments'; None where there is none."""


class Procedure(StrEnum):
    """How an effect was computed; each value names its page in docs/methods."""

    MEAN_WELCH = "mean-welch"
    PROPORTION_WELCH = "proportion-welch"
    PROPORTION_EXACT = "proportion-exact"
    RATIO_DELTA = "ratio-delta"
    CUPED = "cuped"
    QUANTILE = "quantile"
    RESTRICTED_MEAN = "restricted-mean"


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


class NoEffect(Refusal):
    """A comparison that has no number."""

    code: ClassVar[str] = "stats.no_effect"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"There is no effect: {reason}.", reason=reason)


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference between two variants and how sure it is.

    Attributes:
        value: Treatment against control: a difference in the metric's unit, or a
            share of the control's value.
        se: Standard error of `value`, above 0.
        low: Lower end of the interval at level 1 − alpha.
        high: Upper end of that interval.
        p: p-value of `value` being zero; None for a method that has none.
    """

    value: float
    se: float
    low: float
    high: float
    p: float | None


@dataclass(frozen=True, slots=True)
class Absent:
    """An effect that is not defined here, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Chances:
    """What is believed of an effect after the data, given what was believed before.

    Attributes:
        chance_to_win: Probability that the treatment is better than the control.
        expected_loss: Lift lost on average by choosing the treatment, should it be worse.
        control_loss: Lift lost on average by staying with the control.
    """

    chance_to_win: float
    expected_loss: float
    control_loss: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One treatment against the control on one metric.

    Attributes:
        absolute: Difference in the metric's unit; the outcome is decided by it.
        relative: The lift, as a share of the control; for reading.
        df: Degrees of freedom; None where there are none (an exact test, a known error).
        procedure: How it was estimated.
        alpha: Error level of the intervals: of this comparison alone, or what a correction
            for several comparisons leaves it.
        narrower: Interval of the absolute effect at level 1 - 2 alpha, which two one-sided
            tests at `alpha` each amount to.
        found: Whether the absolute effect is a finding, by the method and the correction.
        p: Of the absolute effect, corrected for the comparisons that were planned with it;
            None for a method that has none.
        counted: The absolute effect without its covariate; None where there was none.
        saved: Share of the variance that the covariate took away; None where there was none.
        chances: What a Bayesian method says besides; None for the others.
    """

    absolute: Effect
    relative: Effect | Absent
    df: float | None
    procedure: Procedure
    alpha: float
    narrower: tuple[float, float]
    found: bool
    p: float | None = None
    counted: Effect | None = None
    saved: float | None = None
    chances: Chances | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Estimated:
    """Every treatment against the control on every metric; arrays of metrics x treatments.

    Attributes:
        table: The samples.
        absolute: In each metric's unit, with the covariate where there is one.
        relative: As shares of the control.
        counted: In each metric's unit, without covariates.
        control_se: Standard error of the control's value.
        control_value: The control's value as counted; NaN where there is none.
    """

    table: Table
    absolute: Estimates
    relative: Estimates
    counted: Estimates
    control_se: Floats
    control_value: Floats


FIXED: Final = FixedHorizon()


@dataclass(frozen=True, slots=True)
class ExactShares:
    """A fixed horizon that judges scarce shares by Fisher's test and Newcombe's interval.

    Attributes:
        table: The samples behind the estimates.
        method: Judges all others.
    """

    table: Table
    method: FixedHorizon = FIXED

    @property
    def name(self) -> str:
        """Its name in documents."""
        return self.method.name

    def judge(self, estimates: Estimates, *, alpha: object = 0.05) -> Effects:
        """Put intervals and p-values to estimates.

        Source:
            docs/methods/proportion-exact.md.
        """
        levels = np.broadcast_to(np.asarray(alpha, dtype=float), estimates.shape)
        effects = self.method.judge(estimates, alpha=levels)
        if self.method.side is not Side.TWO:
            return effects
        low, high, p = effects.low.copy(), effects.high.copy(), effects.p.copy()
        for row, samples in enumerate(self.table):
            for column, pair in enumerate(_scarce(samples)):
                if pair is not None:
                    level = float(levels[row, column])
                    low[row, column], high[row, column] = newcombe(*pair, alpha=level)
                    p[row, column] = exact_difference(*pair, alpha=level).p
        return replace(effects, low=low, high=high, p=p)


def estimated(table: Table) -> Estimated:
    """Estimate every treatment against the control, all metrics of one form in one go."""
    rows: dict[type[AnySummary] | None, list[int]] = defaultdict(list)
    for place, samples in enumerate(table):
        rows[next((type(each) for each in samples if each is not None), None)].append(place)
    order = [place for places in rows.values() for place in places]
    back = np.argsort(order)
    groups = [moments_of_table([table[place] for place in places]) for places in rows.values()]
    control, treatment = arms_of_all(groups)
    absolute = between(control, treatment)[back]
    relative = between(control, treatment, scale=Scale.RELATIVE)[back]
    counted = absolute
    if any(group.has_covariate for group in groups):
        counted = between(*arms_of_all(groups, adjust=False))[back]
    value = np.concatenate([values(group[:, :1]) for group in groups])[back]
    return _with_scarce(
        Estimated(
            table=table,
            absolute=absolute,
            relative=relative,
            counted=counted,
            control_se=np.broadcast_to(np.sqrt(control.variance)[back], absolute.shape),
            control_value=np.broadcast_to(value, absolute.shape),
        )
    )


def exact_where_scarce(found: Estimated, method: Method) -> Method:
    """Let a fixed horizon judge scarce shares exactly; another method stays as it is."""
    return ExactShares(found.table, method) if isinstance(method, FixedHorizon) else method


def compared(
    found: Estimated,
    *,
    method: Method,
    alpha: Floats,
    p: Floats | None = None,
    finding: np.ndarray | None = None,
) -> list[list[Comparison | Absence]]:
    """Judge estimates, and tell each comparison by itself.

    Args:
        found: Of metrics x treatments.
        method: How they are judged.
        alpha: Error level of each interval; of the estimates' shape.
        p: Corrected p-values; None: each its own.
        finding: Whether each is a finding after correction; None: where its p is below alpha, or,
            for a method without p-values, where its interval leaves out 0.
    """
    believed = method.believe(found.relative, alpha=alpha) if isinstance(method, Bayesian) else None
    lifts = method.judge(found.relative, alpha=alpha)
    if isinstance(method, Bayesian):
        method = method.on_absolute_scale(found.control_value)
    method = exact_where_scarce(found, method)
    absolute = method.judge(found.absolute, alpha=alpha)
    narrower = method.judge(found.absolute, alpha=np.minimum(2 * alpha, 1 - 1e-9))
    counted = method.judge(found.counted, alpha=alpha)
    corrected = absolute.p if p is None else p
    if finding is None:
        with np.errstate(invalid="ignore"):
            outside = (absolute.low > 0) | (absolute.high < 0)
            finding = np.where(np.isnan(absolute.p), outside, absolute.p < alpha)
    with np.errstate(invalid="ignore"):
        saved = 1 - (found.absolute.se / found.counted.se) ** 2
    told: list[list[Comparison | Absence]] = []
    for row, samples in enumerate(found.table):
        told.append([])
        for column in range(len(samples) - 1):
            at = row, column
            reason = Absence(absolute.absent[at])
            if reason:
                told[-1].append(reason)
                continue
            procedure = _procedure(samples, column)
            adjusted = procedure is Procedure.CUPED
            df = float(found.absolute.df[at])
            told[-1].append(
                Comparison(
                    absolute=_effect(absolute, at),
                    relative=_effect(lifts, at)
                    if not lifts.absent[at]
                    else Absent(Absence(lifts.absent[at]).reason),
                    df=None if np.isinf(df) else df,
                    procedure=procedure,
                    alpha=float(alpha[at]),
                    narrower=(float(narrower.low[at]), float(narrower.high[at])),
                    found=bool(finding[at]),
                    p=None if np.isnan(corrected[at]) else float(corrected[at]),
                    counted=_effect(counted, at) if adjusted and not counted.absent[at] else None,
                    saved=float(saved[at]) if adjusted and not np.isnan(saved[at]) else None,
                    chances=None if believed is None else _chances(believed, at),
                )
            )
    return told


def compare(control: Sample, treatment: Sample, *, alpha: float = 0.05) -> Comparison:
    """Compare a treatment with the control at a horizon fixed beforehand.

    Means and ratios by Welch's t, proportions by Welch's t with p(1 - p), or by
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
        NoEffect: The numbers are too large or too small to calculate with.

    Assumes:
        Units are independent and were randomised one by one; the sample size was
        fixed before looking (repeated looks need another method).

    Source:
        Welch (1947), Biometrika 34, 28-35; docs/methods/mean-welch.md,
        docs/methods/proportion-welch.md, docs/methods/relative-delta.md.
    """
    if not 0 < alpha < 1:
        raise BadAlpha(alpha=alpha)
    found = estimated([[control, treatment]])
    ((told,),) = compared(found, method=FIXED, alpha=np.full((1, 1), alpha))
    if isinstance(told, Comparison):
        return told
    raise refusal_of(control, treatment)


def refusal_of(control: AnySummary, treatment: AnySummary) -> Refusal:
    """Say why two samples cannot be compared."""
    fewest = min(control.n, treatment.n)
    match Absence(estimated([[control, treatment]]).absolute.absent[0, 0]):
        case Absence.NO_ARM | Absence.TOO_FEW_UNITS:
            return TooFewUnits(statistic="comparison", n=fewest, needs=FEWEST_UNITS)
        case Absence.NO_DENOMINATOR:
            return NoDenominator(n=fewest)
        case Absence.NO_SPREAD:
            return NoSpread(n=treatment.n, control_n=control.n)
        case absence:
            return NoEffect(reason=absence.reason or "the baseline has no value to compare with")


def moments_of_table(table: Table) -> Moments:
    """Put samples of one form into one array; one that is missing has nobody."""
    there = np.array([[each is not None for each in samples] for samples in table])
    if not there.any():
        return Moments(
            Form.MEAN,
            np.zeros(there.shape, dtype=np.int64),
            np.zeros((*there.shape, 1)),
            np.zeros((*there.shape, 1, 1)),
        )
    known = moments_of([each for samples in table for each in samples if each is not None])
    k = known.means.shape[-1]
    n = np.zeros(there.shape, dtype=np.int64)
    means, products = np.zeros((*there.shape, k)), np.zeros((*there.shape, k, k))
    n[there], means[there], products[there] = known.n, known.means, known.products
    return Moments(known.form, n, means, products)


def _scarce(
    samples: Sequence[AnySummary | None],
) -> list[tuple[ProportionSummary, ProportionSummary] | None]:
    """Give the pairs of shares that have too few successes or failures for the normal shape."""
    control = samples[0]
    return [
        (control, each)
        if isinstance(control, ProportionSummary)
        and isinstance(each, ProportionSummary)
        and min(control.n, each.n) >= FEWEST_UNITS
        and (control.scarce or each.scarce)
        else None
        for each in samples[1:]
    ]


def _with_scarce(found: Estimated) -> Estimated:
    """Give scarce shares an error also where nobody, or everybody, did the thing."""
    absolute = replace(
        found.absolute,
        value=found.absolute.value.copy(),
        se=found.absolute.se.copy(),
        df=found.absolute.df.copy(),
        absent=found.absolute.absent.copy(),
    )
    relative = replace(found.relative, df=found.relative.df.copy())
    for row, samples in enumerate(found.table):
        for column, pair in enumerate(_scarce(samples)):
            if pair is None:
                continue
            exact = exact_difference(*pair, alpha=0.05)
            at = row, column
            absolute.value[at], absolute.se[at] = exact.value, exact.se
            absolute.df[at], absolute.absent[at] = np.inf, Absence.NONE
            relative.df[at] = np.nan if relative.absent[at] else np.inf
    return replace(found, absolute=absolute, relative=relative)


def _procedure(samples: Sequence[AnySummary | None], column: int) -> Procedure:
    if _scarce(samples)[column] is not None:
        return Procedure.PROPORTION_EXACT
    match samples[0]:
        case CovariateSummary() | CovariateRatioSummary():
            return Procedure.CUPED
        case ProportionSummary():
            return Procedure.PROPORTION_WELCH
        case RatioSummary():
            return Procedure.RATIO_DELTA
        case KnownValue(procedure=procedure):
            return Procedure(procedure)
        case _:
            return Procedure.MEAN_WELCH


def _chances(believed: Belief, at: tuple[int, int]) -> Chances | None:
    if believed.absent[at]:
        return None
    return Chances(
        chance_to_win=float(believed.chance_to_win[at]),
        expected_loss=float(believed.loss_if_treatment[at]),
        control_loss=float(believed.loss_if_control[at]),
    )


def _effect(effects: Effects, at: tuple[int, int]) -> Effect:
    p = float(effects.p[at])
    return Effect(
        value=float(effects.value[at]),
        se=float(effects.se[at]),
        low=float(effects.low[at]),
        high=float(effects.high[at]),
        p=None if np.isnan(p) else p,
    )
