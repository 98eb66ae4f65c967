"""`ladder`: what to do with little traffic."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from truelift.stats.asked.document import Document, Statistic
from truelift.stats.asked.power import PowerInput


MOST_WEEKS: Final = 104


class LadderInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `ladder` takes.

    Attributes:
        test: The test as it would be planned, as `power` takes it; without `n_per_arm`, and
            `lift` where there is one is left aside: the ladder says which would be seen.
        weekly_units: Eligible units that come in a week and were not there before.
        most_weeks: Longest that one would wait.
        pooled: Pages of the same kind that the change could be on.
        triggered: Share of the units who get to see what changes.
        correlation_before: Correlation of the metric with what is known of units from before.
        upstream: The same test on an earlier metric that is proven to stand for this one.
        maturation_days: Until a unit's value is complete.
    """

    test: PowerInput
    weekly_units: float
    most_weeks: int = 12
    pooled: int = 1
    triggered: float = 1.0
    correlation_before: float | None = None
    upstream: PowerInput | None = None
    maturation_days: float = 0.0


def ladder(asked: LadderInput) -> Document:
    """Say what to do with the traffic there is, in the order in which it is worth trying."""
    from truelift.stats.asked.document import BadInput
    from truelift.stats.ladder import Traffic, ladder_of

    if asked.most_weeks > MOST_WEEKS:
        raise BadInput(reason=f"nobody waits {asked.most_weeks} weeks; {MOST_WEEKS} are the most")
    found = ladder_of(
        Traffic(
            asked.test.design(),
            asked.weekly_units,
            power=0.8 if asked.test.power is None else asked.test.power,
            most_weeks=asked.most_weeks,
            pooled=asked.pooled,
            triggered=asked.triggered,
            covariate=asked.correlation_before,
            upstream=None if asked.upstream is None else asked.upstream.design(),
            maturation_days=asked.maturation_days,
        )
    )
    return {
        "reach": found.reach.value,
        "sentence": found.sentence,
        "lifts": [
            {"weeks": weeks, "lift": seen(lift)}
            for weeks, lift in zip(found.looked, found.lifts, strict=True)
        ],
        "steps": [
            {
                "rung": step.rung.value,
                "grade": step.grade.value,
                "advised": step.advised,
                "lift": None if step.lift is None else seen(step.lift),
                "does": step.does,
                "because": step.because,
            }
            for step in found.steps
        ],
    }


def seen(lift: float) -> float | None:
    """Give the smallest lift that is seen; null where even the largest is not."""
    return lift if math.isfinite(lift) else None


STATISTICS: Final[dict[str, Statistic[Any]]] = {"ladder": Statistic(LadderInput, ladder)}
