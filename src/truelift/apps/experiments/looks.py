"""When a test may be looked at, and by which method its effects are judged at that moment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from truelift.lifecycle.judging import Inference, Judging
from truelift.stats.bayesian import Bayesian, NormalPrior
from truelift.stats.comparison import FIXED
from truelift.stats.effects import Method
from truelift.stats.group_sequential import CLOSEST, GroupSequential, Spending
from truelift.stats.sequential import USUAL_TUNING_N, Sequential


@dataclass(frozen=True, slots=True)
class Look:
    """A snapshot beside the looks that a group-sequential test has planned.

    Attributes:
        planned: How many looks there are to be.
        spending: How they share the error level.
        before: Share of the planned visitors at each earlier look, in order.
        share: The same now: of visitors whose time for the primary metric is over.
        counts: Whether this is a look. Between two nothing is read.
        closing: Whether it is the last one, which spends all that is left.
        next_at: Visitors at which the next look is due; None after the last.
        counted: Visitors now.
        crossed: Shares at which an earlier look could have ended the test, left out of `before`
            at the last look: what a test was stopped for is told by all its data, and they take
            the place of the look that stopped it.
    """

    planned: int
    spending: str
    before: tuple[float, ...]
    share: float
    counts: bool
    closing: bool
    next_at: int | None
    counted: int
    crossed: tuple[float, ...] = ()

    @property
    def method(self) -> GroupSequential:
        """How its effects are judged; between two looks nobody sees what it says."""
        spending = Spending(self.spending)
        if not self.counts:
            return GroupSequential.evenly(self.planned, spending=spending)
        return GroupSequential(
            looks=(*self.before, self.share), spending=spending, closing=self.closing
        )

    @property
    def waiting(self) -> str | None:
        """Why nothing is read now; None at a look."""
        if self.counts or self.next_at is None:
            return None
        return (
            f"not before the next planned look, at {self.next_at:,} visitors whose time is over;"
            f" there are {self.counted:,}"
        )

    def document(self, *, found: bool) -> dict[str, Any]:
        """Give what the snapshot keeps, from which the next one knows the looks before it.

        Args:
            found: Whether a comparison of the metric that decides crossed its bound at it.
        """
        own = (self.share,) if self.counts and found else ()
        return {
            "planned": self.planned,
            "spending": self.spending,
            "before": list(self.before),
            "share": self.share,
            "counts": self.counts,
            "closing": self.closing,
            "next_at": self.next_at,
            "crossed": [*self.crossed, *own],
        }


def looks_before(document: Mapping[str, Any] | None) -> tuple[float, ...]:
    """Give the shares of all looks up to a snapshot, itself included if it was one."""
    told = (document or {}).get("looks")
    if not told:
        return ()
    own = [told["share"]] if told["counts"] else []
    return (*told["before"], *own)


def looks_crossed(document: Mapping[str, Any] | None) -> tuple[float, ...]:
    """Give the shares of the looks up to a snapshot that could have ended the test."""
    told = (document or {}).get("looks") or {}
    return tuple(told.get("crossed", ()))


def look_at(
    judging: Judging,
    *,
    counted: int,
    needed: int | None,
    before: tuple[float, ...],
    over: bool,
    crossed: tuple[float, ...] = (),
) -> Look:
    """Say whether a snapshot is one of the planned looks.

    The k-th of K looks is the first snapshot at which k/K of the planned visitors are counted;
    what comes between two looks is none. The last one is taken at the end, however many came;
    taken again, because somebody's time was not over, it takes its own place.

    Args:
        judging: What was agreed.
        counted: Visitors of all variants whose time for the primary metric is over.
        needed: Visitors that were planned; None where nobody planned any, as for imported ones.
        before: Shares at the looks so far.
        over: Nothing more will be collected, or the planned end is over.
        crossed: Those of them that could have ended the test. The last look takes their place
            (Whitehead's deletion), with the data that came since.
    """
    planned, spending = judging.looks or 1, judging.spending or Spending.OBRIEN_FLEMING.value
    if not needed or (over and not counted):
        return Look(
            planned=planned,
            spending=spending,
            before=(),
            share=1.0,
            counts=True,
            closing=True,
            next_at=None,
            counted=counted,
        )
    share = counted / needed
    spent = any(each >= 1 for each in before)
    reached = max((_place(each, planned) for each in before), default=0)
    last = over or spent
    earlier = tuple(
        each for each in before if each < 1 and each <= share - CLOSEST and each not in crossed
    )
    counts = last or (
        _place(share, planned) > reached and all(share - each >= CLOSEST for each in before)
    )
    after = _place(share, planned) if counts else reached
    return Look(
        planned=planned,
        spending=spending,
        before=earlier if last else before,
        share=share,
        counts=counts,
        closing=last,
        next_at=None if last or after >= planned else math.ceil(needed * (after + 1) / planned),
        counted=counted,
        crossed=crossed,
    )


def _place(share: float, planned: int) -> int:
    # A share that was meant to be exact may miss by a rounding.
    return min(int(share * planned + 1e-9), planned)


def method_of(inference: str, judging: Judging, *, alpha: float, look: Look | None) -> Method:
    """Give the method by which effects are judged, as it was planned."""
    match Inference(inference):
        case Inference.FIXED:
            return FIXED
        case Inference.SEQUENTIAL:
            # Its tuning must not follow the levels that a correction finds from the data.
            return Sequential(tuning_n=judging.tuning_n or USUAL_TUNING_N, tuning_alpha=alpha)
        case Inference.GROUP_SEQUENTIAL:
            if look is None:
                return GroupSequential.evenly(judging.looks or 1)
            return look.method
        case Inference.BAYESIAN:
            return Bayesian(prior=NormalPrior(sd=judging.prior_sd or NormalPrior().sd))
