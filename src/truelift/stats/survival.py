"""What share has had an event by when, although some were not watched for long enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from truelift.errors import Refusal


class ImpossibleWaits(Refusal):
    """Counts that no sample of waiting times has."""

    code = "stats.impossible_waits"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"No sample has these waiting times: {reason}.", reason=reason)


@dataclass(frozen=True, slots=True)
class Reached:
    """How many have had the event by the end of one interval.

    Attributes:
        interval: Counted from 1; 0 is the start.
        at_risk: Units that were watched through the interval and had not had it before.
        came: Those whose event came in it.
        left: Those who had not had it by its end and were not watched beyond it.
        share: Estimated share of all who have had it by its end; None beyond the last
            interval through which anybody who still waited was watched.
        low: Lower end of the 95 % interval; None where there is none.
        high: Upper end.
    """

    interval: int
    at_risk: int
    came: int
    left: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class SurvivalCurve:
    """A Kaplan-Meier curve, turned round: the share that has had the event.

    Attributes:
        units: Who was watched, also those for less than one interval.
        came: Those whose event was seen.
        points: One an interval, from 0.
    """

    units: int
    came: int
    points: tuple[Reached, ...]

    def quantile(self, share: float) -> int | None:
        """Give the first interval by whose end at least this share has had the event.

        Args:
            share: Above 0, at most 1.

        Returns:
            None where nobody was watched long enough to see so many: not reached.
        """
        for point in self.points:
            # Products of fractions miss a half by some units of the last place.
            if point.share is not None and point.share >= share - _ROUNDING:
                return point.interval
        return None

    def restricted_mean(self, intervals: int) -> float | None:
        """Give the mean number of intervals until the event, one that came later as so many.

        Returns:
            None where the curve is not known so far.
        """
        waiting = [
            None if point.share is None else 1 - point.share for point in self.points[:intervals]
        ]
        if len(waiting) < intervals and self.points and self.points[-1].share == 1:
            waiting += [0.0] * (intervals - len(waiting))
        known = [share for share in waiting if share is not None]
        return math.fsum(known) if len(known) == intervals else None


def survival_curve(came: Sequence[int], left: Sequence[int]) -> SurvivalCurve:
    """Estimate what share has had an event by when.

    Args:
        came: Per interval from 0 (which has none), units whose event came in it.
        left: Of the same length: units that were watched up to the end of the interval,
            no further, and had not had it.

    Assumes:
        How long a unit was watched has nothing to do with when its event comes. Units
        that started at different times would take equally long.

    Raises:
        ImpossibleWaits: The counts contradict each other.

    Source:
        Kaplan & Meier (1958), JASA 53, 457-481; Greenwood (1926) for the variance;
        Borgan & Liestøl (1990), Scandinavian Journal of Statistics 17, 35-41 for the
        interval on the log-minus-log scale; docs/methods/time-to-value.md.
    """
    if len(came) != len(left):
        raise ImpossibleWaits(reason=f"{len(came)} counts of events, {len(left)} of leaving")
    if min([0, *came, *left]) < 0:
        raise ImpossibleWaits(reason="a count is negative")
    if came and came[0]:
        raise ImpossibleWaits(reason="an event came before the first interval")
    units = sum(came) + sum(left)
    at_risk = units
    surviving: float | None = 1.0
    greenwood = 0.0
    points = []
    for interval, (events, gone) in enumerate(zip(came, left, strict=True)):
        if interval and surviving is not None:
            if not at_risk:
                # Everybody has had it, or the last who waited was watched no further.
                surviving = 0.0 if surviving == 0 else None
            else:
                surviving *= (at_risk - events) / at_risk
                if at_risk > events:
                    greenwood += events / (at_risk * (at_risk - events))
        low, high = _interval(surviving, greenwood)
        points.append(
            Reached(
                interval=interval,
                at_risk=at_risk,
                came=events,
                left=gone,
                share=None if surviving is None or not units else 1 - surviving,
                low=low,
                high=high,
            )
        )
        at_risk -= events + gone
    return SurvivalCurve(units=units, came=sum(came), points=tuple(points))


def _interval(surviving: float | None, greenwood: float) -> tuple[float | None, float | None]:
    """Give the 95 % interval of the share that has had the event."""
    if surviving is None or not 0 < surviving < 1:
        return None, None
    width = Z_95 * math.sqrt(greenwood) / abs(math.log(surviving))
    return 1 - surviving ** math.exp(-width), 1 - surviving ** math.exp(width)


Z_95: Final = 1.959963984540054

_ROUNDING: Final = 1e-12
