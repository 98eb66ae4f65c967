"""Sufficient statistics of a metric: of the moments of a cell, and as JSON."""

from __future__ import annotations

from truelift.questions.document import Json
from truelift.questions.metric import MetricKind
from truelift.questions.variant_cells import Vectors
from truelift.stats.summary import (
    CovariateRatioSummary,
    CovariateSummary,
    ProportionSummary,
    RatioSummary,
    Summary,
)


Sample = Summary | ProportionSummary | RatioSummary
Covaried = CovariateSummary | CovariateRatioSummary


def sample_of(kind: MetricKind, vectors: Vectors, cell: int) -> Sample:
    """Give a cell's units as statistics take them.

    A quantile's are how many of a unit's values lie at or below it; a restricted mean's who had
    the event within the window.
    """
    n, total, about = int(vectors.n[cell]), vectors.total[cell].tolist(), vectors.about[cell]
    some = max(n, 1)
    if kind.is_share or kind is MetricKind.RESTRICTED_MEAN:
        return ProportionSummary(n=n, successes=round(total[0]))
    match kind:
        case MetricKind.RATIO | MetricKind.QUANTILE if len(total) > 1:
            return RatioSummary(
                n=n,
                mean=total[0] / some,
                m2=float(about[0, 0]),
                den_mean=total[1] / some,
                den_m2=float(about[1, 1]),
                cross=float(about[0, 1]),
            )
        case _:
            return Summary(n=n, mean=total[0] / some, m2=float(about[0, 0]))


def covaried_of(kind: MetricKind, vectors: Vectors, cell: int) -> Covaried:
    """Give the same with what the units did before."""
    n, about = int(vectors.n[cell]), vectors.about[cell].tolist()
    means = [total / max(n, 1) for total in vectors.total[cell].tolist()]
    if kind is MetricKind.RATIO:
        above, below, pre_above, pre_below = means
        return CovariateRatioSummary(
            n=n,
            means=(above, below, pre_above, pre_below),
            products=tuple(tuple(row) for row in about),
        )
    return CovariateSummary(
        n=n,
        mean=means[0],
        m2=about[0][0],
        pre_mean=means[1],
        pre_m2=about[1][1],
        pre_cross=about[0][1],
    )


def moments(sample: Sample) -> dict[str, Json]:
    """Write a sample's sufficient statistics; a mean of nobody is null, not 0."""
    match sample:
        case ProportionSummary():
            mean = sample.value if sample.n else None
            return {"n": sample.n, "mean": mean, "m2": sample.m2, "successes": sample.successes}
        case Summary():
            return {"n": sample.n, "mean": sample.mean if sample.n else None, "m2": sample.m2}
        case RatioSummary():
            return {
                "n": sample.n,
                "mean": sample.mean if sample.n else None,
                "m2": sample.m2,
                "den_mean": sample.den_mean if sample.n else None,
                "den_m2": sample.den_m2,
                "cross": sample.cross,
            }


def before_moments(sample: Covaried | None) -> dict[str, Json]:
    """Write what a covariate adds to a sample's statistics."""
    match sample:
        case None:
            return {}
        case CovariateSummary():
            return {
                "pre_mean": sample.pre_mean if sample.n else None,
                "pre_m2": sample.pre_m2,
                "pre_cross": sample.pre_cross,
            }
        case CovariateRatioSummary():
            products = sample.products
            return {
                "pre_mean": sample.means[2] if sample.n else None,
                "pre_m2": products[2][2],
                "pre_cross": products[0][2],
                "pre_den_mean": sample.means[3] if sample.n else None,
                "pre_den_m2": products[3][3],
                "pre_den_cross": products[0][3],
                "den_pre_cross": products[1][2],
                "den_pre_den_cross": products[1][3],
                "pre_pre_den_cross": products[2][3],
            }
