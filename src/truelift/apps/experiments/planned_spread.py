"""How much a planned metric varies, as far as the numbers of a plan tell."""

from __future__ import annotations

import math
from typing import Final

from truelift.apps.experiments.models import MetricKind, MetricRecord
from truelift.apps.experiments.wording import is_share
from truelift.stats.spreads import BadDesign, Mean, Share, Spread, restricted_mean_time


def planned_spread(
    metric: MetricRecord | None, *, baseline: float | None, cv: float | None
) -> Spread | None:
    """Give what a sample size is worked out from; None where the plan says too little.

    Args:
        metric: That decides; None while none is named: a share is planned for then.
        baseline: Its level: a share, a mean, days.
        cv: Its spread divided by its level: of one visitor's number, or as the planner gives it.

    Raises:
        BadDesign: The numbers contradict each other.
    """
    if metric is None or is_share(metric):
        return None if baseline is None else Share(baseline)
    if cv is not None:
        return Mean(cv)
    if metric.kind == MetricKind.RESTRICTED_MEAN and baseline is not None:
        return restricted_mean_time(happened=_happened(baseline / metric.window_days))
    return None


def _happened(share: float) -> float:
    """Give to how many it happens within the window, from the mean wait as a share of it.

    It is the restricted mean of a constant rate, turned round: h ÷ −ln(1 − h).
    """
    if not 0 < share < 1:
        raise BadDesign("the level of a restricted mean lies between 0 and its window, in days")
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _mean_wait(middle) > share else (low, middle)
    return (low + high) / 2


def _mean_wait(happened: float) -> float:
    return happened / -math.log1p(-happened) if 0 < happened < 1 else 1.0 - happened


_HALVINGS: Final = 60
