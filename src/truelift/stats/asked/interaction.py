"""`interaction` and `interactions`: whether experiments that ran at once disturb each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
import numpy as np

from truelift.stats.asked.document import BadInput, Document, Statistic, Units


if TYPE_CHECKING:
    from truelift.stats.interactions import MetricInteraction, TrafficInteraction
    from truelift.stats.moments import Moments
    from truelift.stats.summary import Sample


MOST_PAIRS: Final = 500
MOST_VARIANTS: Final = 20
"""Of one of the experiments: the test is of all treatments of both at once."""


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The units that saw one variant of each experiment: how many, their metric and its variance.

    Without a metric the traffic alone is tested.
    """

    n: Units
    value: float | None = None
    variance: float | None = None


Row = Annotated[Sequence[Cell], msgspec.Meta(max_length=MOST_VARIANTS)]


class InteractionInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `interaction` takes.

    Attributes:
        cells: By variant of the one experiment (rows, its control first) and of the other.
            `variance` is that of the cell's value, not of a unit.
        worth: Size of an interaction that would matter, for the power.
        measured: Whether effects that add up are no interaction, or those that multiply.
        alpha: Error level.
    """

    cells: Annotated[Sequence[Row], msgspec.Meta(max_length=MOST_VARIANTS)]
    worth: float | None = None
    measured: Literal["difference", "ratio"] = "difference"
    alpha: float = 0.05


class SampleCell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sample of the units that saw one variant of each: of a share, a mean or a ratio.

    A share has `successes`; a mean `mean` and `m2`; a ratio also `den_mean`, `den_m2`, `cross`.
    """

    n: Units
    successes: Units | None = None
    mean: float | None = None
    m2: float | None = None
    den_mean: float | None = None
    den_m2: float | None = None
    cross: float | None = None

    def sample(self) -> Sample:
        """Give the sample."""
        from truelift.stats.summary import ProportionSummary, RatioSummary, Summary

        numbers = (self.successes, self.mean, self.m2, self.den_mean, self.den_m2, self.cross)
        match numbers:
            case int(successes), None, None, None, None, None:
                return ProportionSummary(n=self.n, successes=successes)
            case None, float(mean), float(m2), None, None, None:
                return Summary(n=self.n, mean=mean, m2=m2)
            case None, float(mean), float(m2), float(den_mean), float(den_m2), float(cross):
                return RatioSummary(
                    n=self.n, mean=mean, m2=m2, den_mean=den_mean, den_m2=den_m2, cross=cross
                )
            case _:
                raise BadInput(
                    reason="a cell has successes, or mean and m2, or these with den_mean, den_m2"
                    " and cross"
                )


SampleRow = Annotated[Sequence[SampleCell], msgspec.Meta(max_length=MOST_VARIANTS)]


class PairInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two experiments whose units overlap, on one metric.

    Attributes:
        first: Name of the one.
        second: Name of the other.
        worth: Size of an interaction that would matter, in the metric's unit.
        cells: By variant of the one (rows, its control first) and of the other.
    """

    first: str
    second: str
    worth: float
    cells: Annotated[Sequence[SampleRow], msgspec.Meta(max_length=MOST_VARIANTS)]


class PairsInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `interactions` takes: alpha is the share of false findings among those found."""

    pairs: Annotated[Sequence[PairInput], msgspec.Meta(min_length=1, max_length=MOST_PAIRS)]
    measured: Literal["difference", "ratio"] = "difference"
    alpha: float = 0.05


def interaction(asked: InteractionInput) -> Document:
    """Test whether two experiments share units unevenly, and whether their effects add up."""
    from truelift.stats.interactions import Measured, metric_interaction, traffic_interaction

    if len({len(row) for row in asked.cells}) != 1:
        raise BadInput(reason="every row has as many cells")
    traffic = traffic_interaction([[cell.n for cell in row] for row in asked.cells])
    answer: Document = {"traffic": traffic_document(traffic), "metric": None}
    given = [(cell.value, cell.variance) for row in asked.cells for cell in row]
    if any(number is not None for pair in given for number in pair):
        if any(number is None for pair in given for number in pair):
            raise BadInput(reason="either every cell has a value and a variance, or none has")
        shape = (len(asked.cells), len(asked.cells[0]))
        values, variances = (
            np.array([pair[nth] for pair in given], dtype=float).reshape(shape) for nth in (0, 1)
        )
        found = metric_interaction(
            values,
            variances,
            worth=asked.worth,
            measured=Measured(asked.measured),
            alpha=asked.alpha,
        )
        answer["metric"] = metric_document(found)
    return answer


def interactions(asked: PairsInput) -> Document:
    """Test pairs of experiments, with a known share of false findings among those found."""
    from truelift.stats.interactions import Measured, Pair, interactions_between

    pairs = [Pair(each.first, each.second, _table(each), each.worth) for each in asked.pairs]
    found = interactions_between(pairs, alpha=asked.alpha, measured=Measured(asked.measured))
    return {
        "alpha": asked.alpha,
        "multiplicity": "benjamini-hochberg",
        "pairs": [
            {
                "first": each.pair.first,
                "second": each.pair.second,
                "traffic": None if each.traffic is None else traffic_document(each.traffic),
                "metric": None if each.metric is None else metric_document(each.metric),
                "reason": each.absent,
                "p_corrected": each.p,
                "verdict": each.verdict.value,
                "sentence": each.sentence,
            }
            for each in found
        ],
    }


def _table(pair: PairInput) -> Moments:
    from truelift.stats.interactions import cells_of

    if len({len(row) for row in pair.cells}) != 1:
        raise BadInput(reason=f"{pair.first} and {pair.second}: every row has as many cells")
    samples = [[cell.sample() for cell in row] for row in pair.cells]
    if len({type(sample) for row in samples for sample in row}) != 1:
        raise BadInput(reason=f"{pair.first} and {pair.second}: every cell is of one kind")
    return cells_of(samples)


def traffic_document(traffic: TrafficInteraction) -> Document:
    """Write whether units were shared evenly."""
    return {
        "chi2": float(traffic.chi2),
        "df": traffic.df,
        "p": float(traffic.p),
        "found": bool(traffic.found),
        "residuals": traffic.residuals.tolist(),
    }


def metric_document(found: MetricInteraction) -> Document:
    """Write whether effects add up."""
    return {
        "effects": [
            [
                {"value": value, "se": se, "low": low, "high": high}
                for value, se, low, high in zip(*row, strict=True)
            ]
            for row in zip(
                found.value.tolist(),
                found.se.tolist(),
                found.low.tolist(),
                found.high.tolist(),
                strict=True,
            )
        ],
        "wald": float(found.wald),
        "df": found.df,
        "p": float(found.p),
        "power": None if np.isnan(found.power) else float(found.power),
    }


STATISTICS: Final[dict[str, Statistic[Any]]] = {
    "interaction": Statistic(InteractionInput, interaction),
    "interactions": Statistic(PairsInput, interactions),
}
