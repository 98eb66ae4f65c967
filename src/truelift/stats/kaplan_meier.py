"""How long things take, when some of them are not done yet: exact times, medians, percentiles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from truelift.stats.effects import BadAlpha, Floats
from truelift.stats.survival import ImpossibleWaits


@dataclass(frozen=True, slots=True)
class Percentile:
    """The time by which a share is done.

    Attributes:
        value: None where fewer were seen to be done: nobody knows yet.
        low: Lower end of its interval; None where it has none.
        high: Upper end; None where it is not reached.
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, eq=False)
class WaitingTimes:
    """A Kaplan-Meier curve over exact times.

    Attributes:
        n: Things that were begun.
        done: Those of them that came to their end.
        longest: The longest time that anything was watched for; 0 of nothing.
        times: Times at which at least one did, in order; shape (k,).
        at_risk: Things that were still watched, and not done before; shape (k,).
        came: Things that were done at that time; shape (k,).
        waiting: Share that is not done after it; shape (k,).
        se: Standard error of that share (Greenwood); shape (k,).
    """

    n: int
    done: int
    longest: float
    times: Floats
    at_risk: Floats
    came: Floats
    waiting: Floats
    se: Floats

    def percentile(self, share: float, *, alpha: float = 0.05) -> Percentile:
        """Give the first time by which at least a share is done, with its interval.

        Args:
            share: Above 0 and below 1: 0.5 for the median.
            alpha: Error level of the interval, which is made of the times whose share of
                waiting things does not differ from the one asked for.

        Raises:
            ImpossibleWaits: The share is none.
            BadAlpha: `alpha` is not between 0 and 1.

        Source:
            Brookmeyer & Crowley (1982), Biometrics 38, 29-41, on the log-minus-log scale;
            docs/methods/lead-times.md.
        """
        from scipy.special import ndtri

        if not 0 < share < 1:
            raise ImpossibleWaits(reason=f"a percentile of {share:g}")
        if not 0 < alpha < 1:
            raise BadAlpha(alpha=alpha)
        left = 1 - share
        # Products of fractions miss a half by some units of the last place.
        reached = np.flatnonzero(self.waiting <= left + _ROUNDING)
        value = float(self.times[reached[0]]) if len(reached) else None
        inside = (self.waiting > 0) & (self.waiting < 1)
        near = np.zeros(len(self.times), dtype=bool)
        logs = np.log(self.waiting[inside])
        distance = np.log(-logs) - math.log(-math.log(left))
        spread = self.se[inside] / np.abs(self.waiting[inside] * logs)
        near[inside] = np.abs(distance) <= -ndtri(alpha / 2) * spread
        found = np.flatnonzero(near)
        if not len(found):
            return Percentile(value, None, None)
        after = found[-1] + 1
        return Percentile(
            value=value,
            low=float(self.times[found[0]]),
            high=float(self.times[after]) if after < len(self.times) else None,
        )

    def waits_longer(self, time: float) -> float | None:
        """Give the share that is not done after a time; None beyond what anybody watched."""
        passed = np.flatnonzero(self.times <= time)
        waiting = float(self.waiting[passed[-1]]) if len(passed) else 1.0
        return None if not self.n or (waiting > 0 and time > self.longest) else waiting


def waiting_times(took: ArrayLike, done: ArrayLike) -> WaitingTimes:
    """Estimate how long things take, those that are not done counted for as long as they wait.

    To leave out what is not done makes a programme look fast exactly when it is stuck.

    Args:
        took: How long each took, or has been waiting by now; 0 or above; shape (n,).
        done: Whether it came to its end; shape (n,).

    Assumes:
        What was begun lately takes as long as what was begun earlier.

    Raises:
        ImpossibleWaits: There are not as many of both, or a time is none.

    Source:
        Kaplan & Meier (1958), JASA 53, 457-481; docs/methods/lead-times.md.
    """
    waits, ended = np.asarray(took, float).ravel(), np.asarray(done, bool).ravel()
    if waits.shape != ended.shape:
        raise ImpossibleWaits(reason=f"{len(waits)} times, and {len(ended)} of them are judged")
    if not (np.isfinite(waits) & (waits >= 0)).all():
        raise ImpossibleWaits(reason="a time is not a number of 0 or more")
    times, came = np.unique(waits[ended], return_counts=True)
    # What left at the very time of an event was watched through it.
    at_risk = len(waits) - np.searchsorted(np.sort(waits), times, side="left")
    waiting = np.cumprod(1 - came / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(at_risk > came, came / (at_risk * (at_risk - came)), 0.0)
    return WaitingTimes(
        n=len(waits),
        done=int(ended.sum()),
        longest=float(waits.max(initial=0.0)),
        times=times,
        at_risk=at_risk.astype(float),
        came=came.astype(float),
        waiting=np.asarray(waiting, float),
        se=np.asarray(waiting * np.sqrt(np.cumsum(terms)), float),
    )


_ROUNDING: Final = 1e-12
