"""What was not randomised: effects that rest on assumptions, named, with a test that can fail."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike

from truelift.errors import Refusal
from truelift.stats.effects import BadAlpha, Floats


class BadSeries(Refusal):
    """Series that no effect can be read from."""

    code: ClassVar[str] = "stats.bad_series"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The series cannot be used: {reason}.", reason=reason)


class SeriesTooShort(Refusal):
    """Too few intervals before or after the change."""

    code: ClassVar[str] = "stats.series_too_short"

    def __init__(self, *, part: str, n: int, needs: int) -> None:
        super().__init__(
            f"The {part} has {n} intervals and needs {needs}: take a longer stretch, or shorter "
            "intervals.",
            part=part,
            n=n,
            needs=needs,
        )


class QuasiDesign(StrEnum):
    """How an effect was read from what was not randomised; each names its page."""

    DIFFERENCE_IN_DIFFERENCES = "difference-in-differences"
    SYNTHETIC_CONTROL = "synthetic-control"
    INTERRUPTED_SERIES = "interrupted-time-series"


ASSUMPTIONS: Final[Mapping[QuasiDesign, tuple[str, ...]]] = MappingProxyType(
    {
        QuasiDesign.DIFFERENCE_IN_DIFFERENCES: (
            "Without the change, both would have moved in parallel.",
            "Nothing else happened to only one of them at that time.",
            "The change did not reach the control series.",
            "Nobody acted on the change before it came.",
        ),
        QuasiDesign.SYNTHETIC_CONTROL: (
            "The mix of controls that followed the treated series before would have gone on to.",
            "Nothing else happened to only one of them at that time.",
            "The change did not reach the control series.",
            "Nobody acted on the change before it came.",
        ),
        QuasiDesign.INTERRUPTED_SERIES: (
            "Without the change, level and trend would have gone on as before.",
            "Nothing else happened at that time.",
            "What is counted, and how, did not change.",
            "Nobody acted on the change before it came.",
        ),
    }
)


class PlaceboKind(StrEnum):
    """What a placebo test pretends.

    `IN_TIME`: the change had come earlier. `IN_SPACE`: it had come to a control series.
    `TREND`: there was none, and both moved apart all the same.
    """

    IN_TIME = "in_time"
    IN_SPACE = "in_space"
    TREND = "trend"


@dataclass(frozen=True, slots=True)
class Placebo:
    """The same analysis where there can be no effect.

    Attributes:
        kind: What it pretends.
        value: The effect it found; in space, the share of control series that show one.
        p: Chance of finding so much if the assumptions hold; small means they do not.
    """

    kind: PlaceboKind
    value: float
    p: float

    @property
    def passed(self) -> bool:
        """Whether it found nothing where there is nothing."""
        return self.p >= PLACEBO_FAIL


PLACEBO_FAIL: Final = 0.05
"""Below this p a placebo found an effect where there can be none."""


@dataclass(frozen=True, slots=True)
class Observed:
    """An effect of something that was not randomised.

    Attributes:
        design: How it was read.
        value: Mean effect per interval since the change; a share of what would have been
            where `relative`.
        se: Its standard error; None where the design gives none.
        low: Lower end of its interval; None where there are too few intervals for one.
        high: Upper end.
        p: Chance of such an effect if there is none and the assumptions hold.
        relative: Whether the effect is a share.
        alpha: Error level of the interval.
        assumptions: What must be true besides; full sentences.
        placebos: The tests that could be made; none means the series is too short for any.
    """

    design: QuasiDesign
    value: float
    se: float | None
    low: float | None
    high: float | None
    p: float
    relative: bool
    alpha: float
    assumptions: tuple[str, ...]
    placebos: tuple[Placebo, ...]

    @property
    def label(self) -> str:
        """The one word that stands beside it wherever it is shown."""
        return "observational"

    @property
    def credible(self) -> bool:
        """Whether a placebo test was made and none failed."""
        return bool(self.placebos) and all(placebo.passed for placebo in self.placebos)

    @property
    def sentence(self) -> str:
        """Say what was seen and how far to trust it."""
        form = "+.1%" if self.relative else "+.4g"
        between = ""
        if self.low is not None and self.high is not None:
            between = f" ({self.low:{form}} to {self.high:{form}})"
        trust = (
            "the placebo tests found nothing where there is nothing"
            if self.credible
            else "a placebo test failed, so the assumptions do not hold: do not use it"
            if self.placebos
            else "the series is too short for a placebo test, so nothing checks the assumptions"
        )
        return f"Observational, not randomised: {self.value:{form}}{between}; {trust}."


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A regression on a series.

    Attributes:
        coefficients: One per column.
        covariances: Of the coefficients, by each way to estimate it; the larger error counts.
        df: Degrees of freedom: intervals less columns.
        alike: How far neighbouring intervals are alike (their correlation), 0 if taken as
            independent.
    """

    coefficients: Floats
    covariances: tuple[Floats, ...]
    df: int
    alike: float


def regress(design: Floats, y: Floats, *, independent: bool = False) -> Fit:
    """Regress a series on columns, with errors that allow for neighbours being alike.

    What a first-order correlation explains is taken out first, of series and columns
    (Prais-Winsten), with its estimate's own bias corrected: residuals of a short series look
    less alike than its noise is. Of what is left the larger of the ordinary and the Newey-West
    error counts. Newey-West alone finds an effect in 15 to 25 of 100 series of two months
    that have none.

    Args:
        design: One row per interval, in order.
        y: The series.
        independent: Take intervals as independent.

    Raises:
        BadSeries: The columns depend on each other, or leave no interval over.

    Source:
        Prais & Winsten (1954), Cowles Commission discussion paper 383; Newey & West (1987),
        Econometrica 55, 703-708; Andrews & Monahan (1992), Econometrica 60, 953-966;
        docs/methods/interrupted-time-series.md.
    """
    n, k = design.shape
    if n <= k + 2:
        raise BadSeries(reason=f"{n} intervals cannot tell {k} numbers")
    # Columns and series by their size: a trend of thousands must not hide one of tenths.
    size = np.sqrt((design**2).sum(axis=0))
    if not (size > 0).all():
        raise BadSeries(reason="a column is always 0")
    unit = float(np.abs(y).max()) or 1.0
    columns, series = design / size, y / unit
    coefficients, _, rank, _ = np.linalg.lstsq(columns, series, rcond=None)
    if rank < k:
        raise BadSeries(reason="its columns depend on each other")
    rho, white, left = 0.0, columns, series
    for _ in range(0 if independent else _ROUNDS):
        gap = series - columns @ coefficients
        power = float(gap @ gap)
        if power <= _ROUNDING * float(series @ series):
            break
        seen = float(gap[1:] @ gap[:-1]) / power
        rho = min(max((seen + k / n) / (1 - (k + 2) / n), 0.0), _MOST_ALIKE)
        white, left = _whitened(columns, rho), _whitened(series, rho)
        coefficients = np.linalg.lstsq(white, left, rcond=None)[0]
    gap = left - white @ coefficients
    gap[np.abs(gap) <= math.sqrt(_ROUNDING)] = 0.0
    bread = np.linalg.inv(white.T @ white)
    covariances = [bread * float(gap @ gap) / (n - k)]
    if not independent:
        scores = white * gap[:, None]
        meat = scores.T @ scores
        most = int(4 * (n / 100) ** (2 / 9))
        for lag in range(1, most + 1):
            shared = scores[lag:].T @ scores[:-lag]
            meat += (1 - lag / (most + 1)) * (shared + shared.T)
        covariances.append(bread @ meat @ bread * (n / (n - k)))
    back = unit / size
    return Fit(
        coefficients * back,
        tuple(covariance * np.outer(back, back) for covariance in covariances),
        n - k,
        rho,
    )


def _whitened(series: Floats, rho: float) -> Floats:
    """Take from each interval what the one before foretells."""
    first = series[:1] * math.sqrt(1 - rho**2)
    return np.concatenate([first, series[1:] - rho * series[:-1]])


@dataclass(frozen=True, slots=True)
class Told:
    """A sum of coefficients, judged."""

    value: float
    se: float
    low: float
    high: float
    p: float


def told(fit: Fit, contrast: ArrayLike, *, alpha: float) -> Told:
    """Judge a sum of coefficients; without any noise it is known exactly."""
    from scipy.special import stdtr, stdtrit

    along = np.asarray(contrast, float)
    value = float(along @ fit.coefficients)
    variance = max(float(along @ covariance @ along) for covariance in fit.covariances)
    se = math.sqrt(max(0.0, variance))
    if se == 0:
        return Told(value, 0.0, value, value, float(value == 0))
    reach = -float(stdtrit(fit.df, alpha / 2)) * se
    p = min(1.0, 2 * float(stdtr(fit.df, -abs(value / se))))
    return Told(value, se, value - reach, value + reach, p)


def observed(
    found: Told,
    design: QuasiDesign,
    *,
    relative: bool,
    alpha: float,
    placebos: tuple[Placebo, ...],
) -> Observed:
    """Label what a contrast of a fit says as what it is: observed.

    Args:
        found: Of logarithms where `relative`.
        design: How it was observed.
        relative: The effect is told as a share.
        alpha: Error level of the interval.
        placebos: Told on the same scale.
    """
    tell = share if relative else float
    value = tell(found.value)
    return Observed(
        design=design,
        value=value,
        se=found.se * (1 + value) if relative else found.se,
        low=tell(found.low),
        high=tell(found.high),
        p=found.p,
        relative=relative,
        alpha=alpha,
        assumptions=ASSUMPTIONS[design],
        placebos=placebos,
    )


def series_of(values: ArrayLike, *, name: str, relative: bool = False) -> Floats:
    """Check one series or several; take logarithms where effects are shares.

    Raises:
        BadSeries: A value is no number, beyond 1e100, or not above 0 where effects are shares.
    """
    series = np.asarray(values, float)
    if not series.size:
        raise BadSeries(reason=f"{name} is empty")
    if not np.isfinite(series).all() or (np.abs(series) > _LARGEST).any():
        raise BadSeries(reason=f"{name} has a value that is no number")
    if not relative:
        return series
    if not (series > 0).all():
        raise BadSeries(reason=f"{name} has a value that is not above 0, so no share can be told")
    return np.asarray(np.log(series))


def check_change(n: int, change: int, *, alpha: float, before: int, after: int) -> None:
    """Check where a series is parted.

    Raises:
        SeriesTooShort: One of the parts is too short.
        BadAlpha: `alpha` is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise BadAlpha(alpha=alpha)
    if change < before:
        raise SeriesTooShort(part="stretch before the change", n=max(change, 0), needs=before)
    if n - change < after:
        raise SeriesTooShort(part="stretch after it", n=max(n - change, 0), needs=after)


def share(logarithm: float) -> float:
    """Tell a difference of logarithms as a share; beyond all measure it is infinite."""
    return math.expm1(logarithm) if logarithm < _LARGEST_LOG else math.inf


_LARGEST: Final = 1e100
_LARGEST_LOG: Final = 700.0
_ROUNDS: Final = 10
_MOST_ALIKE: Final = 0.95
_ROUNDING: Final = 1e-24
