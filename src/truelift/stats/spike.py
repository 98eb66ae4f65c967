"""Whether something is said more often lately than before: two rates of rare, separate events."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Final

from scipy.special import bdtrc

from truelift.errors import Refusal


RECENT_DAYS: Final = 28
PRIOR_DAYS: Final = 84

RATIO_FROM: Final = 1.5
FEWEST: Final = 5
"""Of the recent days; fewer are no theme."""

P_BELOW: Final = 0.01
"""Where one looks once."""

P_BELOW_WEEKLY: Final = 0.005
"""Where one looks every week: at 0.01 up to 6.5 % of quarters with nothing in them would alarm."""


class BadRates(Refusal):
    """Counts or exposures that are no rates."""

    code: ClassVar[str] = "stats.bad_rates"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The two rates cannot be compared: {reason}.", reason=reason)


@dataclass(frozen=True, slots=True)
class Spike:
    """How a recent rate compares with the one before.

    Attributes:
        recent: Times in the recent span.
        prior: Times in the span before.
        ratio: Recent rate by prior rate; None where there was none before.
        p: Chance of as many recent ones or more if the rate had not changed.
        fires: Whether it is a spike: often enough, higher enough, and not by chance.
    """

    recent: int
    prior: int
    ratio: float | None
    p: float
    fires: bool


def spike(
    recent: int,
    prior: int,
    *,
    recent_exposure: float = RECENT_DAYS,
    prior_exposure: float = PRIOR_DAYS,
    below: float = P_BELOW,
) -> Spike:
    """Compare two Poisson rates exactly: given their sum, the recent count is binomial.

    Args:
        recent: Times in the recent span.
        prior: Times in the span before.
        recent_exposure: Days, sessions or calls of the recent span, above 0.
        prior_exposure: The same of the span before.
        below: The p below which it fires; `P_BELOW_WEEKLY` for who looks every week.

    Raises:
        BadRates: A count is below 0, or an exposure not above 0 or without an end.

    Source:
        Przyborowski & Wilenski (1940), Biometrika 31, 313-323; docs/methods/spike.md.
    """
    if recent < 0 or prior < 0:
        raise BadRates(reason="a count is below 0")
    if not 0 < recent_exposure < math.inf or not 0 < prior_exposure < math.inf:
        raise BadRates(reason="an exposure is not above 0")
    total = recent + prior
    share = recent_exposure / (recent_exposure + prior_exposure)
    p = float(bdtrc(recent - 1, total, share)) if recent else 1.0
    ratio = recent / recent_exposure / (prior / prior_exposure) if prior else None
    if ratio is not None and not math.isfinite(ratio):
        raise BadRates(reason="an exposure is as good as 0")
    higher = recent > 0 if ratio is None else ratio >= RATIO_FROM
    return Spike(recent, prior, ratio, p, recent >= FEWEST and higher and p < below)
