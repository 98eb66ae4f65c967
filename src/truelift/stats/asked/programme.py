"""`fpr`, `shrink` and `inconclusive`: what many tests say together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from truelift.stats.asked.document import MOST_RESULTS, Document, Statistic


class RiskInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `fpr` takes."""

    prior: float
    alpha: float = 0.05
    power: float = 0.8


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A valid test: its relative effect with its error; whether it is live."""

    value: float
    se: float
    live: bool = False


class ShrinkInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `shrink` takes: all valid tests, not only the winners."""

    results: Annotated[Sequence[Result], msgspec.Meta(max_length=MOST_RESULTS)]
    alpha: float = 0.05


class Concluded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A valid concluded test: the error it reached, its margin and what it showed."""

    se: float
    margin: float
    outcome: Literal["win", "loss", "null", "inconclusive"]


class InconclusiveInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `inconclusive` takes."""

    results: Annotated[Sequence[Concluded], msgspec.Meta(max_length=MOST_RESULTS)]
    alpha: float = 0.05


def fpr(asked: RiskInput) -> Document:
    """Give the chance that a win is none, from the share of ideas that truly win."""
    from truelift.stats.programme import false_positive_risk

    risk = false_positive_risk(prior=asked.prior, alpha=asked.alpha, power=asked.power)
    return {"fpr": float(risk)}


def shrink(asked: ShrinkInput) -> Document:
    """Draw the effects of all valid tests to their mean, as far as they are noise."""
    import numpy as np

    from truelift.stats.shrinkage import shrink as shrunken

    found = shrunken(
        [each.value for each in asked.results],
        [each.se for each in asked.results],
        alpha=asked.alpha,
    )
    live = found.total(np.array([each.live for each in asked.results], dtype=bool))
    return {
        "mean": found.mean,
        "mean_se": found.mean_se,
        "tau": found.tau,
        "results": [
            {"value": value, "low": low, "high": high, "weight": weight}
            for value, low, high, weight in zip(
                found.value.tolist(),
                found.low.tolist(),
                found.high.tolist(),
                found.weight.tolist(),
                strict=True,
            )
        ],
        "live": {
            "plain": live.plain,
            "value": live.value,
            "low": live.low,
            "high": live.high,
        },
    }


def inconclusive(asked: InconclusiveInput) -> Document:
    """Say whether more tests are inconclusive than their noise explains."""
    from truelift.stats.programme import inconclusive_share

    found = inconclusive_share(
        [each.se for each in asked.results],
        [each.margin for each in asked.results],
        observed=sum(each.outcome == "inconclusive" for each in asked.results),
        alpha=asked.alpha,
    )
    return {
        "n": found.n,
        "observed": found.observed,
        "expected": found.expected,
        "p": found.p,
        "excess": found.excess,
        "low_power": found.low_power,
        "sentence": found.sentence,
    }


STATISTICS: Final[dict[str, Statistic[Any]]] = {
    "fpr": Statistic(RiskInput, fpr),
    "shrink": Statistic(ShrinkInput, shrink),
    "inconclusive": Statistic(InconclusiveInput, inconclusive),
}
