"""Whether the variants got the shares of units that were planned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    _check(observed, weights)
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


@dataclass(frozen=True, slots=True)
class RunningSplit:
    """A split that may be looked at every day.

    Attributes:
        p: Smallest p so far: however often it was looked at, it falls below a level in no
            larger a share of tests than that level, if the plan was kept.
        status: Fail below 0.001, warn below 0.01.
        daily: The p after each day; never rises.
    """

    p: float
    status: Status
    daily: tuple[float, ...]


CONCENTRATION: Final = 10_000.0
"""How close to the plan a broken split is expected to be: smaller finds large ones sooner."""


def check_split_daily(
    daily: Sequence[Sequence[int]],
    weights: Sequence[float],
    *,
    concentration: float = CONCENTRATION,
) -> RunningSplit:
    """Test units per variant against the plan after each day, at no price for looking.

    The plan stands against all splits near it, weighed by a Dirichlet distribution; p is one
    over the evidence against the plan.

    Args:
        daily: Units first exposed on each day, in the order of the weights.
        weights: Planned weights; only their ratios matter.
        concentration: Of the Dirichlet distribution around the plan, above 0.

    Raises:
        BadSplit: As `check_split`, there is no day, or the concentration is not above 0.

    Source:
        Lindon & Malek (2022), NeurIPS, arXiv 2011.03567; docs/methods/srm-sequential.md.
    """
    if not daily:
        raise BadSplit(reason="no day has been counted yet")
    if not 1e-200 <= concentration <= _MOST:
        raise BadSplit(reason=f"the concentration must be a number above 0 and up to {_MOST:,}")
    totals = [0] * len(weights)
    smallest, ps = 1.0, []
    for counts in daily:
        _check(counts, weights, empty=True)
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        evidence = _log_evidence(totals, weights, concentration=concentration)
        smallest = min(smallest, math.exp(min(0.0, -evidence)))
        ps.append(smallest)
    _check(totals, weights)
    return RunningSplit(p=smallest, status=status_of(smallest), daily=tuple(ps))


def _log_evidence(
    counts: Sequence[int], weights: Sequence[float], *, concentration: float
) -> float:
    """Give the logarithm of the Bayes factor against the plan.

    Written by deviations from the plan and Stirling's remainder: the gamma functions of a
    billion units agree in nine digits, and their difference would have none left.
    """
    whole, total = math.fsum(weights), sum(counts)
    share = [weight / whole for weight in weights]
    before = [concentration * s for s in share]
    after = [a + count for a, count in zip(before, counts, strict=True)]
    bent = math.fsum(
        _bend((count - total * s) / ((concentration + total) * s)) * (concentration + total) * s
        for count, s in zip(counts, share, strict=True)
    )
    return bent + _volume(after) - _volume(before)


def _bend(delta: float) -> float:
    """Give (1 + δ) ln(1 + δ) − δ, which is about δ² / 2."""
    if abs(delta) < 1e-3:
        return delta**2 * (1 / 2 - delta * (1 / 6 - delta * (1 / 12 - delta / 20)))
    # A variant without any unit: the first term is 0 times minus infinity, and nothing.
    return (1 + delta) * math.log1p(delta) - delta if delta > -1 else 1.0


def _volume(counts: Sequence[float]) -> float:
    """Give what is left of the logarithm of a Dirichlet distribution's norm."""
    total = math.fsum(counts)
    return (
        math.fsum(_remainder(count) - math.log(count) / 2 for count in counts)
        - _remainder(total)
        + math.log(total) / 2
    )


def _remainder(x: float) -> float:
    """Give by how much ln Γ(x) exceeds Stirling's formula, less the constant where x is large."""
    constant = math.log(2 * math.pi) / 2
    if x > 100:
        return constant + (1 - (1 / 30 - 2 / (7 * 15 * x**2)) / x**2) / (12 * x)
    return math.lgamma(x) - ((x - 0.5) * math.log(x) - x)


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of an experiment with one allocation.

    Attributes:
        observed: Units first exposed in it, per variant.
        weights: The weights that held in it; 0 for a variant that took no new units.
    """

    observed: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PhasedSplit:
    """Whether the plan was kept in each phase, and in all of them.

    Attributes:
        phases: One each; None where nobody came or one variant took all.
        chi2: Sum of the phases' statistics.
        df: Sum of their degrees of freedom; 0 where no phase could be checked.
        p: Chance of such a sum if every plan was kept; None where `df` is 0.
        unplanned: Units of variants that should have taken none.
        status: The worst of: all phases together, a phase by itself (its p times the
            number of phases), and the share of units that were not planned.
    """

    phases: tuple[Split | None, ...]
    chi2: float
    df: int
    p: float | None
    unplanned: int
    status: Status


UNPLANNED_FAIL: Final = 0.01
"""Above this share of units in variants that should have taken none, nothing may be used."""


def check_phases(phases: Sequence[Phase]) -> PhasedSplit:
    """Test every phase against the weights that held in it.

    A test that was ramped up from 100/0 to 50/50 has a split of 70/30 in the end, and is in
    order all the same.

    Raises:
        BadSplit: There is no phase, or one has impossible counts or weights.

    Source:
        docs/methods/srm-phases.md.
    """
    if not phases:
        raise BadSplit(reason="there is no phase")
    found: list[Split | None] = []
    chi2, df, unplanned, units = 0.0, 0, 0, 0
    for phase in phases:
        _check(phase.observed, phase.weights, empty=True, idle=True)
        taking = [place for place, weight in enumerate(phase.weights) if weight > 0]
        observed = [phase.observed[place] for place in taking]
        units += sum(phase.observed)
        unplanned += sum(phase.observed) - sum(observed)
        if len(taking) < 2 or not sum(observed):
            found.append(None)
            continue
        split = check_split(observed, [phase.weights[place] for place in taking])
        found.append(split)
        chi2, df = chi2 + split.chi2, df + len(taking) - 1
    checked = [split for split in found if split is not None]
    p = chi_squared_share_above(chi2, df=df) if df else None
    alone = min((min(1.0, split.p * len(checked)) for split in checked), default=1.0)
    status = status_of(min(1.0 if p is None else p, alone))
    if unplanned and status is Status.OK:
        status = Status.WARN
    if unplanned > UNPLANNED_FAIL * units:
        status = Status.FAIL
    return PhasedSplit(
        phases=tuple(
            split and replace(split, status=status_of(min(1.0, split.p * len(checked))))
            for split in found
        ),
        chi2=chi2,
        df=df,
        p=p,
        unplanned=unplanned,
        status=status,
    )


_MOST: Final = 10**15
"""Beyond this a count is no whole number any more once it is divided."""


def _check(
    observed: Sequence[int],
    weights: Sequence[float],
    *,
    empty: bool = False,
    idle: bool = False,
) -> None:
    """Refuse what no split can be checked of.

    Args:
        observed: Units per variant.
        weights: Their weights.
        empty: No unit at all is allowed.
        idle: A weight of 0 is allowed, not all of them.
    """
    if len(observed) != len(weights):
        raise BadSplit(reason=f"{len(observed)} counts stand beside {len(weights)} weights")
    if len(observed) < 2:
        raise BadSplit(reason="it takes two variants")
    if any(count < 0 for count in observed):
        raise BadSplit(reason="a count is negative")
    if not all(count <= _MOST for count in observed):
        raise BadSplit(reason=f"a count is not a number up to {_MOST:,}")
    if not all(
        math.isfinite(weight) and (weight > 0 or (idle and not weight)) for weight in weights
    ):
        raise BadSplit(reason="every weight must be a number above 0")
    if (
        not any(weights)
        or not math.isfinite(sum(weights))
        or min(filter(None, weights)) / sum(weights) < 1e-12
    ):
        raise BadSplit(reason="the weights are too far apart")
    if not (empty or any(observed)):
        raise BadSplit(reason="no unit has been seen yet")
