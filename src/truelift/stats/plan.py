"""What was agreed before anybody looked, and what was then seen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Final

from truelift.errors import Refusal
from truelift.stats.comparison import FIXED
from truelift.stats.effects import Method
from truelift.stats.multiplicity import Correction
from truelift.stats.outcome import Direction
from truelift.stats.roles import MetricKind, MetricRole, VariantRole
from truelift.stats.summary import (
    ImpossibleSummary,
    ProportionSummary,
    RatioSummary,
    Sample,
    Summary,
)


ANY_TIME: Final = frozenset({"sequential", "group-sequential"})
"""Methods whose error level holds over all looks together."""


class BadPlan(Refusal):
    """A plan that no analysis can follow."""

    code: ClassVar[str] = "stats.bad_plan"

    def __init__(self, *, experiment: str, reasons: tuple[str, ...]) -> None:
        super().__init__(
            f"{experiment} cannot be analysed: {'; '.join(reasons)}.",
            experiment=experiment,
            reasons=reasons,
        )


@dataclass(frozen=True, slots=True)
class PlannedVariant:
    """A variant and the weight it was planned with.

    Attributes:
        key: Its name in the exposures.
        role: Control or treatment.
        weight: Planned weight; only the ratio to the others matters.
    """

    key: str
    role: VariantRole
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class PlannedMetric:
    """A metric and its part in the decision.

    Attributes:
        key: Its name.
        role: Whether it decides, may veto, or explains.
        kind: How a unit's events become one number.
        direction: Which way it gets better.
        margin: Largest relative difference that would not matter, above 0; None
            when none was agreed.
        planned_value: The control's value when the plan was made; None when
            nobody wrote it down.
    """

    key: str
    role: MetricRole
    kind: MetricKind
    direction: Direction = Direction.INCREASE
    margin: float | None = None
    planned_value: float | None = None


@dataclass(frozen=True, slots=True)
class AnalysisPlan:
    """What was agreed before anybody looked.

    Attributes:
        experiment: Key of the experiment.
        variants: One control and at least one treatment.
        metrics: Exactly one of them primary.
        alpha: Two-sided error level of each comparison.
        phase: Which run of the experiment, from 1.
        planned_end: When the one look is due; None when nobody set an end, as
            for imported experiments.
        units_needed: Units over all variants that the plan asked for; or None.
        method: How effects are judged.
        correction: How treatments of the primary metric share `alpha`; guardrails share
            theirs by Bonferroni, secondary metrics explain and are not corrected.
        segments: Dimensions in which the effect was expected to differ, named beforehand;
            what is seen in any other is a question, not a finding.

    Raises:
        BadPlan: With every reason at once.
    """

    experiment: str
    variants: tuple[PlannedVariant, ...]
    metrics: tuple[PlannedMetric, ...]
    alpha: float = 0.05
    phase: int = 1
    planned_end: datetime | None = None
    units_needed: int | None = None
    method: Method = FIXED
    correction: Correction = Correction.HOLM
    segments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        reasons = []
        controls = [v.key for v in self.variants if v.role is VariantRole.CONTROL]
        if len(controls) != 1:
            reasons.append(f"it has {len(controls)} controls instead of one")
        if len(self.variants) < 2:
            reasons.append("it has no treatment")
        if len({variant.key for variant in self.variants}) < len(self.variants):
            reasons.append("two variants share a name")
        if not all(math.isfinite(v.weight) and v.weight > 0 for v in self.variants):
            reasons.append("a variant's weight is not above 0")
        primaries = [m.key for m in self.metrics if m.role is MetricRole.PRIMARY]
        if len(primaries) != 1:
            reasons.append(f"it has {len(primaries)} primary metrics instead of one")
        if len({metric.key for metric in self.metrics}) < len(self.metrics):
            reasons.append("two metrics share a name")
        reasons += [
            f"the margin of {metric.key} is not above 0"
            for metric in self.metrics
            if metric.margin is not None and not metric.margin > 0
        ]
        if not 0 < self.alpha < 1:
            reasons.append(f"alpha is {self.alpha:g}, not between 0 and 1")
        if self.planned_end is not None and self.planned_end.tzinfo is None:
            reasons.append("the planned end has no time zone")
        if reasons:
            raise BadPlan(experiment=self.experiment, reasons=tuple(reasons))

    @property
    def looked_at_any_time(self) -> bool:
        """Whether a finding may be read before the planned end."""
        return self.method.name in ANY_TIME

    @property
    def control(self) -> PlannedVariant:
        """The variant that all others are compared with."""
        return next(v for v in self.variants if v.role is VariantRole.CONTROL)

    @property
    def treatments(self) -> tuple[PlannedVariant, ...]:
        """The other variants, in the order of the plan."""
        return tuple(v for v in self.variants if v.role is VariantRole.TREATMENT)

    @property
    def primary(self) -> PlannedMetric:
        """The metric that decides."""
        return next(m for m in self.metrics if m.role is MetricRole.PRIMARY)


Samples = Mapping[str, Mapping[str, Sample]]
"""By metric, then by variant."""


@dataclass(frozen=True, slots=True)
class AnalysisData:
    """What was seen.

    Attributes:
        units: Units first exposed to each variant; crossovers are left out.
        samples: By metric, then by variant; with what units did before, where the plan
            adjusts by it.
        crossovers: Units that saw more than one variant.
        quarantined_share: Share of the site's events in the period that could
            not be read; None when it is not known.
        bots_share: Share of events kept apart as automatic; None when not known.
        segments: By dimension, then by its value, the samples of the units that have it.
        days: By day of first exposure, in order, the samples of the units exposed on it.
    """

    units: Mapping[str, int]
    samples: Samples
    crossovers: int = 0
    quarantined_share: float | None = None
    bots_share: float | None = None
    segments: Mapping[str, Mapping[str, Samples]] = field(default_factory=dict)
    days: Mapping[str, Samples] = field(default_factory=dict)


def sample_of(
    kind: MetricKind,
    *,
    n: int,
    mean: float,
    m2: float,
    den_mean: float | None = None,
    den_m2: float | None = None,
    cross: float | None = None,
) -> Sample:
    """Make the sample of one variant from the numbers that the lake answers with.

    A proportion's successes are its whole number of units nearest to n·mean. Any
    kind that comes with a denominator (a ratio, or a mean over events rather than
    units) is a ratio of totals.

    Raises:
        ImpossibleSummary: The numbers contradict each other.
    """
    if kind.is_share:
        return ProportionSummary(n=n, successes=round(n * mean))
    if den_mean is None and kind is not MetricKind.RATIO:
        return Summary(n=n, mean=mean, m2=m2)
    if den_mean is None or den_m2 is None or cross is None:
        raise ImpossibleSummary(reason="a ratio needs den_mean, den_m2 and cross")
    return RatioSummary(n=n, mean=mean, m2=m2, den_mean=den_mean, den_m2=den_m2, cross=cross)
