"""What one variant's sample tells about one metric, in the fewest numbers that add up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

from truelift.errors import Refusal


class TooFewUnits(Refusal):
    """A statistic was asked of a sample too small to have one."""

    code: ClassVar[str] = "stats.too_few_units"

    def __init__(self, *, statistic: str, n: int, needs: int) -> None:
        super().__init__(
            f"A {statistic} needs {needs} units; this sample has {n}.",
            statistic=statistic,
            n=n,
            needs=needs,
        )


class ImpossibleSummary(Refusal):
    """No sample has these numbers: one contradicts another, or is not a number."""

    code: ClassVar[str] = "stats.impossible_summary"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"No sample has this summary: {reason}.", reason=reason)


class NoDenominator(Refusal):
    """A ratio was asked of a sample whose denominator adds up to zero."""

    code: ClassVar[str] = "stats.no_denominator"

    def __init__(self, *, n: int) -> None:
        super().__init__(
            f"The denominator of the ratio is 0 over {n} units, so there is no ratio; "
            "wait for the first event it counts.",
            n=n,
        )


class Sample(Protocol):
    """What a comparison needs of a variant's sample, whatever the metric is.

    Every kind of metric is seen as an average of `n` independent terms, one per
    unit: `value` is that average and `variance / n` the variance of `value`.
    """

    @property
    def n(self) -> int:
        """Units."""
        ...

    @property
    def value(self) -> float:
        """The metric: a mean, a share or a ratio of means."""
        ...

    @property
    def variance(self) -> float:
        """Variance of one unit's contribution, in the metric's unit squared."""
        ...


@dataclass(frozen=True, slots=True)
class Summary:
    """Sufficient statistics of one metric over the units of one variant.

    A unit is whatever was randomised (a visitor, an account). The second moment
    is kept about the mean, not about zero: a sum of raw squares loses all its
    digits once the mean is large beside the spread (revenue in cents, times).

    Attributes:
        n: Units, at least 0.
        mean: Mean of the metric, in the metric's own unit.
        m2: Sum of squared deviations from the mean, in that unit squared.

    Raises:
        ImpossibleSummary: `n` or `m2` is negative, or a number is not finite.

    Source:
        Chan, Golub & LeVeque (1983), The American Statistician 37(3), 242-247.
    """

    n: int
    mean: float
    m2: float

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ImpossibleSummary(reason=f"it has {self.n} units")
        if not (math.isfinite(self.mean) and math.isfinite(self.m2)):
            raise ImpossibleSummary(reason="its mean or m2 is not a finite number")
        if self.m2 < 0:
            raise ImpossibleSummary(reason=f"its sum of squared deviations is {self.m2:g}")

    @property
    def value(self) -> float:
        """The mean.

        Raises:
            TooFewUnits: Nobody is in the sample, so it has no mean.
        """
        if self.n < 1:
            raise TooFewUnits(statistic="mean", n=self.n, needs=1)
        return self.mean

    @property
    def variance(self) -> float:
        """Unbiased sample variance, in the metric's unit squared.

        Raises:
            TooFewUnits: With fewer than two units there is no variance. It is
                undefined, which is not the same as zero.
        """
        if self.n < 2:
            raise TooFewUnits(statistic="variance", n=self.n, needs=2)
        return self.m2 / (self.n - 1)

    def __add__(self, other: Summary) -> Summary:
        """Summarise both samples as one, as if their units had been pooled."""
        if not self.n or not other.n:
            return self if self.n else other
        n = self.n + other.n
        gap = other.mean - self.mean
        return Summary(
            n=n,
            mean=self.mean + gap * other.n / n,
            m2=self.m2 + other.m2 + gap * gap * self.n * other.n / n,
        )


@dataclass(frozen=True, slots=True)
class ProportionSummary:
    """How many units of one variant did the thing.

    Attributes:
        n: Units, at least 0.
        successes: Units that did it, 0 to `n`.

    Raises:
        ImpossibleSummary: More successes than units, or fewer than none.
    """

    n: int
    successes: int

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ImpossibleSummary(reason=f"it has {self.n} units")
        if not 0 <= self.successes <= self.n:
            raise ImpossibleSummary(reason=f"{self.successes} of {self.n} units succeeded")

    @property
    def value(self) -> float:
        """The share of units that did it.

        Raises:
            TooFewUnits: Nobody is in the sample, so it has no share.
        """
        if self.n < 1:
            raise TooFewUnits(statistic="share", n=self.n, needs=1)
        return self.successes / self.n

    @property
    def variance(self) -> float:
        """p(1 − p), without Bessel's correction: a proportion fixes its own variance.

        Raises:
            TooFewUnits: Fewer than two units; one unit's share says nothing of spread.
        """
        if self.n < 2:
            raise TooFewUnits(statistic="variance", n=self.n, needs=2)
        return self.value * (1 - self.value)

    @property
    def m2(self) -> float:
        """Sum of squared deviations from the share: n·p(1 − p)."""
        return self.successes * (1 - self.successes / self.n) if self.n else 0.0

    @property
    def scarce(self) -> bool:
        """Whether successes or failures are fewer than 5, too few for the normal shape."""
        return min(self.successes, self.n - self.successes) < 5

    def __add__(self, other: ProportionSummary) -> ProportionSummary:
        """Summarise both samples as one, as if their units had been pooled."""
        return ProportionSummary(
            n=self.n + other.n,
            successes=self.successes + other.successes,
        )


@dataclass(frozen=True, slots=True)
class RatioSummary:
    """Sufficient statistics of a ratio of two totals that both vary between units.

    Revenue per session, where the visitor was randomised: sessions of one
    visitor are not independent, visitors are. So moments are kept per unit,
    and with them how numerator and denominator vary together.

    Attributes:
        n: Units, at least 0.
        mean: Mean of the numerator per unit.
        m2: Sum of squared deviations of the numerator.
        den_mean: Mean of the denominator per unit.
        den_m2: Sum of squared deviations of the denominator.
        cross: Sum of products of both deviations.

    Raises:
        ImpossibleSummary: A sum of squares is negative, a number is not finite, or
            `cross` is larger than the two spreads allow (Cauchy-Schwarz).

    Source:
        Deng, Knoblich & Lu (2018), KDD, 233-242; docs/methods/ratio-delta.md.
    """

    n: int
    mean: float
    m2: float
    den_mean: float
    den_m2: float
    cross: float

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ImpossibleSummary(reason=f"it has {self.n} units")
        numbers = (self.mean, self.m2, self.den_mean, self.den_m2, self.cross)
        if not all(map(math.isfinite, numbers)):
            raise ImpossibleSummary(reason="one of its moments is not a finite number")
        if self.m2 < 0 or self.den_m2 < 0:
            raise ImpossibleSummary(reason="a sum of squared deviations is negative")
        # Room for the rounding of sums over millions of units.
        if abs(self.cross) > math.sqrt(self.m2) * math.sqrt(self.den_m2) * (1 + 1e-6) + 1e-12:
            raise ImpossibleSummary(reason="its cross product is larger than both spreads allow")

    @property
    def value(self) -> float:
        """The ratio of the two totals.

        Raises:
            TooFewUnits: Nobody is in the sample.
            NoDenominator: The denominator adds up to zero.
        """
        if self.n < 1:
            raise TooFewUnits(statistic="ratio", n=self.n, needs=1)
        if self.den_mean == 0:
            raise NoDenominator(n=self.n)
        return self.mean / self.den_mean

    @property
    def variance(self) -> float:
        """Variance of the ratio times `n`, by the delta method.

        Raises:
            TooFewUnits: With fewer than two units there is no variance.
            NoDenominator: The denominator adds up to zero.
        """
        if self.n < 2:
            raise TooFewUnits(statistic="variance", n=self.n, needs=2)
        ratio = self.value
        spread = self.m2 + ratio * ratio * self.den_m2
        m2 = spread - 2 * ratio * self.cross
        # A numerator that is a fixed multiple of its denominator leaves only
        # rounding behind, of either sign; that is no spread, not a small one.
        if m2 <= 1e-12 * spread:
            return 0.0
        return m2 / (self.n - 1) / (self.den_mean * self.den_mean)

    def __add__(self, other: RatioSummary) -> RatioSummary:
        """Summarise both samples as one, as if their units had been pooled."""
        if not self.n or not other.n:
            return self if self.n else other
        n = self.n + other.n
        gap = other.mean - self.mean
        den_gap = other.den_mean - self.den_mean
        weight = self.n * other.n / n
        return RatioSummary(
            n=n,
            mean=self.mean + gap * other.n / n,
            m2=self.m2 + other.m2 + gap * gap * weight,
            den_mean=self.den_mean + den_gap * other.n / n,
            den_m2=self.den_m2 + other.den_m2 + den_gap * den_gap * weight,
            cross=self.cross + other.cross + gap * den_gap * weight,
        )


@dataclass(frozen=True, slots=True)
class CovariateSummary:
    """A metric of a variant's units, and the same metric of them before their exposure.

    Units without a past have 0 before; they are part of `n` like all others.

    Attributes:
        n: Units, at least 0.
        mean: Mean of the metric.
        m2: Sum of its squared deviations.
        pre_mean: Mean of the covariate.
        pre_m2: Sum of the covariate's squared deviations.
        pre_cross: Sum of products of both deviations.

    Raises:
        ImpossibleSummary: As of a ratio.

    Source:
        Deng, Xu, Kohavi & Walker (2013), WSDM, 123-132; docs/methods/variant-summaries.md.
    """

    n: int
    mean: float
    m2: float
    pre_mean: float
    pre_m2: float
    pre_cross: float

    def __post_init__(self) -> None:
        self._as_ratio()

    @property
    def value(self) -> float:
        """The mean, as it was counted."""
        return Summary(self.n, self.mean, self.m2).value

    @property
    def variance(self) -> float:
        """Sample variance of the metric, as it was counted."""
        return Summary(self.n, self.mean, self.m2).variance

    def __add__(self, other: CovariateSummary) -> CovariateSummary:
        """Summarise both samples as one, as if their units had been pooled."""
        both = self._as_ratio() + other._as_ratio()
        return CovariateSummary(both.n, both.mean, both.m2, both.den_mean, both.den_m2, both.cross)

    def _as_ratio(self) -> RatioSummary:
        """Give the same moments of two numbers, which a ratio has as well."""
        return RatioSummary(self.n, self.mean, self.m2, self.pre_mean, self.pre_m2, self.pre_cross)


@dataclass(frozen=True, slots=True)
class CovariateRatioSummary:
    """A ratio's numerator and denominator, and both of them before the exposure.

    Attributes:
        n: Units, at least 0.
        means: Of numerator, denominator, numerator before, denominator before.
        products: Sums of products of deviations, of each of the four with each, in rows.

    Raises:
        ImpossibleSummary: `products` is no such matrix: not four rows of four, not symmetric,
            or two spreads do not allow their cross product.
    """

    n: int
    means: tuple[float, float, float, float]
    products: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        if [len(row) for row in (self.means, *self.products)] != [4] * 5:
            raise ImpossibleSummary(reason="it is not of four numbers")
        for one in range(4):
            for other in range(one):
                if self.products[one][other] != self.products[other][one]:
                    raise ImpossibleSummary(reason="its products are not symmetric")
                self.pair(one, other)

    @property
    def value(self) -> float:
        """The ratio of the two totals, as it was counted."""
        return self.pair(0, 1).value

    @property
    def variance(self) -> float:
        """Variance of that ratio times `n`, by the delta method."""
        return self.pair(0, 1).variance

    def pair(self, one: int, other: int) -> RatioSummary:
        """Give the moments of two of the four."""
        return RatioSummary(
            n=self.n,
            mean=self.means[one],
            m2=self.products[one][one],
            den_mean=self.means[other],
            den_m2=self.products[other][other],
            cross=self.products[one][other],
        )

    def __add__(self, other: CovariateRatioSummary) -> CovariateRatioSummary:
        """Summarise both samples as one, as if their units had been pooled."""
        if not self.n or not other.n:
            return self if self.n else other
        n = self.n + other.n
        gaps = [b - a for a, b in zip(self.means, other.means, strict=True)]
        weight = self.n * other.n / n
        a, b, c, d = (m + g * other.n / n for m, g in zip(self.means, gaps, strict=True))
        return CovariateRatioSummary(
            n=n,
            means=(a, b, c, d),
            products=tuple(
                tuple(
                    self.products[i][j] + other.products[i][j] + gaps[i] * gaps[j] * weight
                    for j in range(4)
                )
                for i in range(4)
            ),
        )
