"""What units of a funnel's steps bring in the end, as moments, and how sure a difference is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from truelift.questions.document import Json
from truelift.questions.funnel import Funnel, Walked
from truelift.questions.shares import Span
from truelift.questions.table import integers
from truelift.questions.variant_cells import KEPT, Grouping, Vectors
from truelift.sequences.funnels import NOWHERE
from truelift.stats.comparison import NoEffect, NoSpread, compare
from truelift.stats.summary import Summary, TooFewUnits


@dataclass(frozen=True, slots=True)
class Revenue:
    """Money of the last step per unit that got to some step, in two funnels.

    Attributes:
        here: Of units whose window is over, in the first funnel; in minor units.
        there: And in the other.
    """

    here: Summary
    there: Summary

    @property
    def difference(self) -> Span | None:
        """The first mean less the other, at 95 %; None where the data cannot tell.

        Assumes:
            Units of the two are different ones, or few are in both.

        Source:
            docs/methods/mean-welch.md.
        """
        try:
            found = compare(self.there, self.here).absolute
        except (TooFewUnits, NoSpread, NoEffect):
            return None
        return Span(found.value, found.low, found.high)

    def document(self) -> dict[str, Json]:
        """Write it as JSON; of nobody there is no mean."""
        gap = self.difference
        return {
            "per_unit_minor": self.here.mean if self.here.n else None,
            "against_minor": self.there.mean if self.there.n else None,
            "difference_minor": None if gap is None else gap.document(),
        }


def money_of(funnel: Funnel, walked: Walked) -> Grouping:
    """Sum up what the units of each step brought at the last one, by group.

    Only units whose window is over are in: the money of the others is not final.

    Args:
        funnel: With an amount, and one group a unit.
        walked: A bucket's attempts, with their chains.
    """
    over = np.flatnonzero(~walked.attempts.is_open)
    code, places = walked.group.places(None)
    code, chains = code[over], walked.chains[over]
    amount = integers(walked.rows, "amount")
    last = chains[:, -1]
    paid = np.zeros(len(over))
    through = last != NOWHERE
    paid[through] = amount[last[through]]
    groups = len(places.slots)
    reached = [chains[:, step] != NOWHERE for step in range(len(funnel.steps))]
    found = Grouping(
        variants=1,
        titles=tuple(places.titles.to_pylist()),
        units=np.bincount(code, minlength=groups),
        metrics=tuple(Vectors.of(code[here], groups, [paid[here]]) for here in reached),
    )
    return found.kept(KEPT)


def revenue(here: Grouping, there: Grouping, title: str | None, step: int) -> Revenue:
    """Put the money of a group's units side by side; step counts from 0."""
    return Revenue(_summary(here, title, step), _summary(there, title, step))


def _summary(money: Grouping, title: str | None, step: int) -> Summary:
    if title not in money.titles:
        return Summary(n=0, mean=0.0, m2=0.0)
    vectors, place = money.metrics[step], money.titles.index(title)
    return Summary(
        n=int(vectors.n[place]),
        mean=float(vectors.mean[place, 0]),
        m2=float(vectors.about[place, 0, 0]),
    )
