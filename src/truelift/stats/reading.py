"""One treatment against the control on one metric, and what may be read from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from truelift.stats.comparison import Absent, Comparison
from truelift.stats.outcome import Guard, Margin, NoMargin, Outcome, guard_of, margin_of, outcome_of
from truelift.stats.plan import AnalysisData, AnalysisPlan, PlannedMetric
from truelift.stats.roles import MetricRole
from truelift.stats.summary import Sample


@dataclass(frozen=True, slots=True)
class Reading:
    """One treatment against the control on one metric, and what it means.

    Attributes:
        variant: The treatment.
        comparison: The effects; or why there are none.
        outcome: What it showed. Where `withheld` says why no finding may be
            read from it, this is inconclusive whatever the numbers are.
        guard: How a guardrail stands; None for other metrics and when withheld.
        margin: The margin it was judged with; None when there is none.
        withheld: Why no outcome is reported; None when one is.
        naive: The same without the adjustment for the looks of a test that was stopped; None
            where there was nothing to adjust.
    """

    variant: str
    comparison: Comparison | Absent
    outcome: Outcome
    guard: Guard | None
    margin: Margin | None
    withheld: str | None
    naive: Comparison | None = None

    @property
    def note(self) -> str | None:
        """A sentence where absolute and relative interval disagree; None otherwise."""
        if isinstance(self.comparison, Absent) or isinstance(self.comparison.relative, Absent):
            return None
        absolute, lift = self.comparison.absolute, self.comparison.relative
        if (absolute.low > 0 or absolute.high < 0) is (lift.low > 0 or lift.high < 0):
            return None
        return (
            "The absolute and the relative interval disagree about zero; "
            "the absolute effect decides."
        )


@dataclass(frozen=True, slots=True)
class MetricAnalysis:
    """One metric over all variants."""

    metric: PlannedMetric
    samples: Mapping[str, Sample]
    readings: tuple[Reading, ...]


def reading_of(
    plan: AnalysisPlan,
    metric: PlannedMetric,
    treatment: str,
    comparison: Comparison | Absent,
    data: AnalysisData,
    *,
    withheld: str | None,
) -> Reading:
    """Say what one comparison means, unless it may not be said."""
    if isinstance(comparison, Absent):
        return Reading(
            variant=treatment,
            comparison=comparison,
            outcome=Outcome.INCONCLUSIVE,
            guard=None,
            margin=None,
            withheld=withheld or comparison.reason,
        )
    margin = None
    if metric.margin is not None:
        try:
            margin = margin_of(
                metric.margin,
                planned_value=metric.planned_value,
                observed_value=data.samples[metric.key][plan.control.key].value,
            )
        except NoMargin:
            # A control at 0 has no relative margin; then no null can be claimed.
            margin = None
    if withheld is not None:
        outcome, guard = Outcome.INCONCLUSIVE, None
    else:
        outcome = outcome_of(comparison, direction=metric.direction, margin=margin)
        guard = None
        if metric.role is MetricRole.GUARDRAIL:
            guard = guard_of(comparison, direction=metric.direction, margin=margin)
    return Reading(
        variant=treatment,
        comparison=comparison,
        outcome=outcome,
        guard=guard,
        margin=margin,
        withheld=withheld,
    )
