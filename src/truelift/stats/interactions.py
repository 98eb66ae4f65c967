"""Whether two experiments that ran at once disturbed each other: in who came, or in the effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truelift.errors import Refusal
from truelift.stats.effects import BadAlpha, Floats
from truelift.stats.linearising import adjusted, foretelling, linear, past, variance
from truelift.stats.moments import AnySummary, Form, Moments, moments_of
from truelift.stats.multiplicity import benjamini_hochberg


TRAFFIC_FAIL_BELOW: Final = 0.001
"""Below this p one experiment changes who reaches the other."""


FEWEST_POWER: Final = 0.5
"""A pair that would miss an interaction worth knowing more often than not says nothing."""


class BadCells(Refusal):
    """Cells of two experiments that no interaction can be computed of."""

    code: ClassVar[str] = "stats.bad_cells"

    def __init__(self, *, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The interaction cannot be computed: {reason}.", reason=reason)


@dataclass(frozen=True, slots=True, eq=False)
class TrafficInteraction:
    """Whether being in a variant of one experiment goes with one of the other.

    Attributes:
        chi2: Pearson's statistic of independence; shape S.
        df: Its degrees of freedom.
        p: Chance of one at least as large, were assignments independent.
        smallest_expected: Units expected in the smallest cell; below 5 p is rough.
        residuals: Adjusted standardised residuals: beyond ±3 a cell stands out; S + (k, l).
        found: p below 0.001.
    """

    chi2: Floats
    df: int
    p: Floats
    smallest_expected: Floats
    residuals: Floats
    found: NDArray[np.bool_]


def traffic_interaction(units: ArrayLike) -> TrafficInteraction:
    """Test whether two experiments assigned units independently of each other.

    Args:
        units: Units exposed to both, by variant of the one (rows) and of the other
            (columns); any leading axes are further pairs.

    Raises:
        BadCells: A count is negative or none, or fewer than two rows or columns have units.

    Source:
        Pearson (1900); Haberman (1973), Biometrics 29, 205-220;
        docs/methods/interaction-traffic.md.
    """
    from scipy.special import chdtrc

    table = np.asarray(units, dtype=float)
    if table.ndim < 2 or min(table.shape[-2:]) < 2:
        raise BadCells(reason="each experiment has at least two variants")
    if not ((table >= 0) & (table < _MOST)).all():
        raise BadCells(reason=f"a count of units does not lie between 0 and {_MOST:g}")
    if (table != np.floor(table)).any():
        raise BadCells(reason="a count of units is no whole number")
    rows, columns = table.sum(axis=-1, keepdims=True), table.sum(axis=-2, keepdims=True)
    total = rows.sum(axis=-2, keepdims=True)
    if not (rows > 0).all() or not (columns > 0).all():
        raise BadCells(reason="a variant has no unit that both experiments saw")
    expected = rows * columns / total
    gap = table - expected
    spread = expected * ((total - rows) / total) * ((total - columns) / total)
    chi2 = (gap**2 / expected).sum(axis=(-2, -1))
    df = (table.shape[-2] - 1) * (table.shape[-1] - 1)
    p = np.asarray(chdtrc(df, chi2))
    return TrafficInteraction(
        chi2=chi2,
        df=df,
        p=p,
        smallest_expected=expected.min(axis=(-2, -1)),
        residuals=gap / np.sqrt(spread),
        found=p < TRAFFIC_FAIL_BELOW,
    )


class Measured(StrEnum):
    """What stays the same where two experiments do not interact."""

    DIFFERENCE = "difference"
    RATIO = "ratio"


@dataclass(frozen=True, slots=True, eq=False)
class MetricInteraction:
    """Whether the effect of one experiment depends on the variant of the other.

    Attributes:
        value: For each treatment of the one (rows) and of the other (columns), how much more
            both do together than the sum of each; of logarithms where `measured` is ratio.
            Shape S + (k - 1, l - 1).
        se: Their standard errors.
        low: Lower ends of their intervals, each by itself.
        high: Upper ends.
        wald: Of all of them being 0 together; shape S.
        df: Its degrees of freedom.
        p: Chance of one at least as large, were there no interaction.
        power: Chance that this test finds an interaction as large as was worth knowing in its
            noisiest cell; NaN where no size was named.
        measured: On which scale.
        alpha: Error level of intervals and power.
    """

    value: Floats
    se: Floats
    low: Floats
    high: Floats
    wald: Floats
    df: int
    p: Floats
    power: Floats
    measured: Measured
    alpha: float


def metric_interaction(
    value: ArrayLike,
    variance: ArrayLike,
    *,
    worth: ArrayLike | None = None,
    measured: Measured = Measured.DIFFERENCE,
    alpha: float = 0.05,
) -> MetricInteraction:
    """Test whether the effects of two experiments add up, or multiply.

    Args:
        value: The metric in each cell, by variant of the one (rows, the control first) and
            of the other (columns); shape S + (k, l).
        variance: Of these values, above 0 (`cell_values` gives both).
        worth: Size of an interaction that would matter, broadcast to S: of the differences,
            or of the logarithms where `measured` is ratio.
        measured: Whether effects that add up are no interaction, or those that multiply.
            Two lifts that multiply are an interaction of differences.
        alpha: Error level of intervals and power.

    Raises:
        BadCells: A cell has no value or no spread, or is not above 0 on the scale of ratios.
        BadAlpha: `alpha` is not between 0 and 1.

    Source:
        Kohavi, Tang & Xu (2020), chapter 22; Wald (1943), Transactions of the AMS 54, 426-482;
        docs/methods/interaction-metric.md.
    """
    from scipy.special import chdtrc, chdtri, chndtr, ndtri

    if not 0 < alpha < 1:
        raise BadAlpha(alpha=alpha)
    cell, noise = np.broadcast_arrays(np.asarray(value, float), np.asarray(variance, float))
    if cell.ndim < 2 or min(cell.shape[-2:]) < 2:
        raise BadCells(reason="each experiment has at least two variants")
    if not np.isfinite(cell).all() or not (np.isfinite(noise) & (noise > 0)).all():
        raise BadCells(reason="a cell has no value, or no spread to judge chance by")
    if (np.abs(cell) > _LARGEST).any() or ((noise > _NOISIEST) | (noise < 1 / _NOISIEST)).any():
        raise BadCells(reason="a cell's numbers are too large or too small to calculate with")
    if measured is Measured.RATIO:
        if not (cell > 0).all():
            raise BadCells(reason="a cell is not above 0, so effects cannot be told to multiply")
        with np.errstate(over="ignore"):
            noise = noise / cell / cell
        cell = np.log(cell)
        if not (np.isfinite(noise) & (noise > 0)).all():
            raise BadCells(reason="a cell’s noise beside its value is beyond all measure")
    gap = _contrast(cell - cell[..., :1, :1])
    covariance = _covariance(noise)
    unit = np.sqrt(np.einsum("...ii->...i", covariance))
    correlation = covariance / (unit[..., :, None] * unit[..., None, :])
    scaled = gap.reshape(*gap.shape[:-2], -1) / unit
    try:
        inverse = np.linalg.inv(correlation)
    except np.linalg.LinAlgError:
        raise BadCells(reason="one cell is noisier than another beyond all measure") from None
    wald = np.einsum("...i,...ij,...j->...", scaled, inverse, scaled)
    df = scaled.shape[-1]
    power = np.full(wald.shape, np.nan)
    if worth is not None:
        size = np.broadcast_to(np.abs(np.asarray(worth, float)), wald.shape)
        if not np.isfinite(size).all():
            raise BadCells(reason="the size worth knowing is not a number")
        # An interaction in one cell alone: how far it moves the statistic, at worst.
        moved = (size[..., None] / unit) ** 2 * np.einsum("...ii->...i", inverse)
        least = np.minimum(moved.min(axis=-1), 1e4)
        power = 1 - chndtr(chdtri(df, alpha), df, least)
    se = unit.reshape(gap.shape)
    reach = -ndtri(alpha / 2) * se
    return MetricInteraction(
        value=gap,
        se=se,
        low=gap - reach,
        high=gap + reach,
        wald=np.asarray(wald),
        df=df,
        p=np.asarray(chdtrc(df, wald)),
        power=np.asarray(power),
        measured=measured,
        alpha=alpha,
    )


@dataclass(frozen=True, slots=True, eq=False)
class ConditionalEffects:
    """What one experiment's treatments do within each variant of the other, and all at once.

    Attributes:
        value: Treatment of the one (rows) against its control, within each variant of the
            other (columns); shape S + (k - 1, l).
        se: Their standard errors.
        low: Lower ends of the intervals.
        high: Upper ends.
        together: Each cell against the cell of both controls; S + (k, l), 0 there.
        together_se: Their standard errors; 0 in the cell of both controls.
    """

    value: Floats
    se: Floats
    low: Floats
    high: Floats
    together: Floats
    together_se: Floats


def conditional_effects(
    value: ArrayLike, variance: ArrayLike, *, alpha: float = 0.05
) -> ConditionalEffects:
    """Give the effects to decide by where two experiments interact: those of combinations.

    Args:
        value: As for `metric_interaction`; turn the last two axes for the other experiment.
        variance: Of these values.
        alpha: Error level of each interval.

    Source:
        docs/methods/interaction-metric.md.
    """
    from scipy.special import ndtri

    if not 0 < alpha < 1:
        raise BadAlpha(alpha=alpha)
    cell, noise = np.broadcast_arrays(np.asarray(value, float), np.asarray(variance, float))
    if cell.ndim < 2 or not np.isfinite(cell).all() or not (noise >= 0).all():
        raise BadCells(reason="a cell has no value")
    if (np.abs(cell) > _LARGEST).any() or (noise > _NOISIEST).any():
        raise BadCells(reason=f"a cell is not a number below {_LARGEST:g}")
    gap = cell[..., 1:, :] - cell[..., :1, :]
    se = np.sqrt(noise[..., 1:, :] + noise[..., :1, :])
    reach = -ndtri(alpha / 2) * se
    both = np.sqrt(noise + noise[..., :1, :1])
    both[..., 0, 0] = 0.0
    return ConditionalEffects(
        value=gap,
        se=se,
        low=gap - reach,
        high=gap + reach,
        together=cell - cell[..., :1, :1],
        together_se=both,
    )


def cell_values(cells: Moments, *, adjust: bool = True) -> tuple[Floats, Floats]:
    """Give each cell's metric and that value's variance; the last two axes are the cells.

    With a covariate the metric is adjusted with one slope for all cells of a pair.

    Raises:
        BadCells: A cell has fewer than two units, or a ratio no denominator.

    Source:
        Deng, Knoblich & Lu (2018), KDD, 233-242; docs/methods/interaction-metric.md.
    """
    if len(cells.shape) < 2:
        raise BadCells(reason="cells stand in rows and columns")
    if (cells.n < 2).any():
        raise BadCells(reason=f"a cell has {cells.n.min()} units and needs two")
    if not adjust:
        cells = cells.without_covariate()
    if cells.form is Form.RATIO and (cells.means[..., 1::2] == 0).any():
        raise BadCells(reason="the denominator of a cell adds up to 0")
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        form, means, spread = cells.form, cells.means, cells.spread
        metric = linear(form, means[..., : form.width])
        value, noise = metric.value, variance(metric.slopes, spread)
        if cells.has_covariate:
            weight = (cells.n / cells.n.sum(axis=(-2, -1), keepdims=True))[..., None]
            pooled = (means * weight).sum(axis=(-3, -2), keepdims=True)
            within = cells.products.sum(axis=(-4, -3), keepdims=True)
            by = foretelling(past(form, pooled, within))
            without = adjusted(value, noise, past(form, means, spread), by)
            value, noise = without.value, without.variance
    if not ((np.abs(value) < _LARGEST) & (noise < _NOISIEST)).all():
        raise BadCells(reason="a cell's numbers are too large or too small to calculate with")
    return value, noise


def cells_of(samples: Sequence[Sequence[AnySummary]]) -> Moments:
    """Put samples of one kind into a table: by variant of the one experiment and of the other.

    Raises:
        ImpossibleSummary: They are of several kinds, or there are none.
    """
    flat = moments_of([sample for row in samples for sample in row])
    shape, k = (len(samples), len(samples[0])), flat.means.shape[-1]
    return Moments(
        flat.form,
        flat.n.reshape(shape),
        flat.means.reshape(*shape, k),
        flat.products.reshape(*shape, k, k),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two experiments whose units overlap, on one metric.

    Attributes:
        first: Key of the one.
        second: Key of the other.
        cells: Of shape (variants of the one, variants of the other), controls first.
        worth: Size of an interaction that would matter, in the metric's unit.
    """

    first: str
    second: str
    cells: Moments
    worth: float


class Verdict(StrEnum):
    """What may be said of a pair."""

    FOUND = "found"
    NONE_FOUND = "none_found"
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True, eq=False)
class PairInteraction:
    """What a pair of experiments showed.

    Attributes:
        pair: Which.
        traffic: Whether assignments were independent; None where some variant has no unit.
        metric: The interaction; None where `absent` says why there is none.
        absent: Why there is none; None where there is one.
        p: Its p-value, adjusted over all pairs; None where there is none.
        verdict: Found; none found although an interaction worth knowing would likely have
            been; or too few units to say.
    """

    pair: Pair
    traffic: TrafficInteraction | None
    metric: MetricInteraction | None
    absent: str | None
    p: float | None
    verdict: Verdict

    @property
    def sentence(self) -> str:
        """Say what may be read from the pair, with its power."""
        name = f"{self.pair.first} and {self.pair.second}"
        if self.metric is None or self.p is None:
            return f"The combinations of {name} cannot be compared: {self.absent}."
        power = f"{float(self.metric.power):.0%}"
        match self.verdict:
            case Verdict.FOUND:
                return (
                    f"The effects of {name} depend on each other (p = {self.p:.2g}): decide "
                    "about the combination, and test it again before shipping both."
                )
            case Verdict.NONE_FOUND:
                return (
                    f"No interaction of {name} was found; one worth knowing would have been "
                    f"found with a chance of {power}."
                )
            case Verdict.TOO_FEW:
                return (
                    f"No interaction of {name} was found, but one worth knowing would have "
                    f"been found with a chance of only {power}."
                )


def interactions_between(
    pairs: Sequence[Pair], *, alpha: float = 0.05, measured: Measured = Measured.DIFFERENCE
) -> tuple[PairInteraction, ...]:
    """Test many pairs at once, with a known share of false findings among those found.

    Args:
        pairs: With their cells.
        alpha: Share of false findings (Benjamini-Hochberg over the pairs that have a p).
        measured: As for `metric_interaction`; sizes worth knowing are taken as shares of the
            value under both controls on the scale of ratios.

    Raises:
        BadAlpha: `alpha` is not between 0 and 1.
        BadCells: Cells are not in rows and columns, or a size worth knowing is none.

    Source:
        docs/methods/interaction-metric.md.
    """
    tested = [_tested(pair, alpha=alpha, measured=measured) for pair in pairs]
    known = [metric.p.item() for _, metric, _ in tested if metric is not None]
    adjusted = iter(benjamini_hochberg(known).tolist() if known else [])
    found = []
    for pair, (traffic, metric, absent) in zip(pairs, tested, strict=True):
        p = None if metric is None else next(adjusted)
        if p is not None and p <= alpha:
            verdict = Verdict.FOUND
        elif metric is not None and metric.power >= FEWEST_POWER:
            verdict = Verdict.NONE_FOUND
        else:
            verdict = Verdict.TOO_FEW
        found.append(PairInteraction(pair, traffic, metric, absent, p, verdict))
    return tuple(found)


def _tested(
    pair: Pair, *, alpha: float, measured: Measured
) -> tuple[TrafficInteraction | None, MetricInteraction | None, str | None]:
    n, name = pair.cells.n, f"{pair.first} and {pair.second}"
    if n.ndim != 2 or min(n.shape) < 2:
        raise BadCells(reason=f"the cells of {name} are no table of two rows and columns")
    if not 0 < pair.worth < np.inf:
        raise BadCells(reason=f"the size worth knowing of {name} is {pair.worth:g}")
    full = bool((n.sum(axis=0) > 0).all() and (n.sum(axis=1) > 0).all())
    traffic = traffic_interaction(n) if full else None
    try:
        value, variance = cell_values(pair.cells)
        worth = pair.worth
        if measured is Measured.RATIO and value[0, 0] > 0:
            worth = pair.worth / float(value[0, 0])
        metric = metric_interaction(value, variance, worth=worth, measured=measured, alpha=alpha)
    except BadCells as error:
        return traffic, None, error.reason
    return traffic, metric, None


_LARGEST: Final = 1e150
_NOISIEST: Final = 1e300
"""Beyond these the square of a number, or the sum of some variances, is none any more."""

_MOST: Final = 1e15
"""Beyond this, counts are no whole numbers any more."""


def _contrast(cell: Floats) -> Floats:
    """Take from each cell what its row and its column do alone."""
    return np.asarray(cell[..., 1:, 1:] - cell[..., 1:, :1] - cell[..., :1, 1:] + cell[..., :1, :1])


def _covariance(noise: Floats) -> Floats:
    """Give the covariance of all contrasts: they share rows, columns and the corner."""
    rows, columns = noise.shape[-2] - 1, noise.shape[-1] - 1
    same_row, same_column = np.eye(rows), np.eye(columns)
    corner = noise[..., 0, 0][..., None, None, None, None]
    left = np.einsum("...i,ik->...ik", noise[..., 1:, 0], same_row)[..., :, None, :, None]
    top = np.einsum("...j,jl->...jl", noise[..., 0, 1:], same_column)[..., None, :, None, :]
    own = np.einsum("...ij,ik,jl->...ijkl", noise[..., 1:, 1:], same_row, same_column)
    whole = corner + left + top + own
    return np.asarray(whole.reshape(*noise.shape[:-2], rows * columns, rows * columns))
