"""Whether the variants got the shares of units that were planned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from truelift.errors import Refusal
from truelift.stats.distributions import chi_squared_share_above
from truelift.stats.status import Status


WARN_BELOW: Final = 0.01
"""Below this p the split deserves a look."""

FAIL_BELOW: Final = 0.001
"""Below this p nothing that the experiment says may be used."""

FEWEST_EXPECTED: Final = 5
"""Below this many expected units in a variant the chi-squared shape does not hold."""


class BadSplit(Refusal):
    """Observed units and planned weights that no split check can be made of."""

    code: ClassVar[str] = "stats.bad_split"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The split cannot be checked: {reason}.", reason=reason)


@dataclass(frozen=True, slots=True)
class Split:
    """How far the observed split is from the planned one.

    Attributes:
        chi2: Pearson's statistic.
        p: Chance of a split at least this far off if the plan had been kept.
        status: Fail below 0.001, warn below 0.01.
        smallest_expected: Units expected in the smallest variant; below 5 the
            p-value is rough and too eager.
    """

    chi2: float
    p: float
    status: Status
    smallest_expected: float


def check_split(observed: Sequence[int], weights: Sequence[float]) -> Split:
    """Test observed units per variant against the planned weights.

    Args:
        observed: Units first exposed to each variant.
        weights: Planned weights in the same order; only their ratios matter.

    Raises:
        BadSplit: Fewer than two variants, lengths that differ, a weight that is
            not above zero, a negative count, or no unit at all.

    Source:
        Fabijan et al. (2019), KDD, 2156-2164; docs/methods/srm-chi-squared.md.
    """
    if len(observed) != len(weights):
        raise BadSplit(reason=f"{len(observed)} counts stand beside {len(weights)} weights")
    if len(observed) < 2:
        raise BadSplit(reason="it takes two variants")
    if any(count < 0 for count in observed):
        raise BadSplit(reason="a count is negative")
    if not all(math.isfinite(weight) and weight > 0 for weight in weights):
        raise BadSplit(reason="every weight must be a number above 0")
    total = sum(observed)
    if not total:
        raise BadSplit(reason="no unit has been seen yet")
    whole = math.fsum(weights)
    expected = [total * weight / whole for weight in weights]
    chi2 = math.fsum(
        (count - planned) ** 2 / planned for count, planned in zip(observed, expected, strict=True)
    )
    p = chi_squared_share_above(chi2, df=len(observed) - 1)
    return Split(chi2=chi2, p=p, status=status_of(p), smallest_expected=min(expected))


def status_of(p: float) -> Status:
    """Say what a split check's p-value means for the experiment."""
    if p < FAIL_BELOW:
        return Status.FAIL
    return Status.WARN if p < WARN_BELOW else Status.OK
