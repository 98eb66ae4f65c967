"""An experiment's analysis: every effect, what may be believed, and what to do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from truelift.stats.by_segment import SegmentReading, read_segments
from truelift.stats.comparison import Absent, Comparison, Effect
from truelift.stats.integrity import Check, integrity_of, worst
from truelift.stats.judging import judge
from truelift.stats.known_value import KnownValue
from truelift.stats.multiplicity import Correction
from truelift.stats.over_time import EffectUntil, effects_over_time
from truelift.stats.plan import (
    AnalysisData,
    AnalysisPlan,
    BadPlan,
    PlannedMetric,
    PlannedVariant,
    sample_of,
)
from truelift.stats.reading import MetricAnalysis, Reading, reading_of
from truelift.stats.recommendation import Action, Recommendation, recommend
from truelift.stats.roles import MetricKind, MetricRole, VariantRole
from truelift.stats.status import Status
from truelift.stats.stopped import stated_after_stop
from truelift.stats.summary import (
    CovariateRatioSummary,
    CovariateSummary,
    ProportionSummary,
    RatioSummary,
    Sample,
    Summary,
)
from truelift.stats.wording import day


__all__ = [
    "Action",
    "Analysis",
    "AnalysisData",
    "AnalysisPlan",
    "BadPlan",
    "Check",
    "MetricAnalysis",
    "MetricKind",
    "MetricRole",
    "PlannedMetric",
    "PlannedVariant",
    "Reading",
    "Recommendation",
    "VariantRole",
    "analyse",
    "sample_of",
]


Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Analysis:
    """What an experiment showed at one moment; never changed afterwards."""

    plan: AnalysisPlan
    as_of: datetime
    units: Mapping[str, int]
    metrics: tuple[MetricAnalysis, ...]
    integrity: tuple[Check, ...]
    recommendation: Recommendation
    segments: tuple[SegmentReading, ...] = ()
    over_time: Mapping[str, tuple[EffectUntil, ...]] = field(default_factory=dict)

    @property
    def primary(self) -> MetricAnalysis:
        """The metric that decides."""
        return next(m for m in self.metrics if m.metric.role is MetricRole.PRIMARY)

    @property
    def status(self) -> Status:
        """The worst status of all integrity checks."""
        return worst(check.status for check in self.integrity)

    def document(self) -> dict[str, Json]:
        """Give the document that `truelift analyse` prints; contracts.md has its shape."""
        return {
            "experiment": self.plan.experiment,
            "phase": self.plan.phase,
            "as_of": instant(self.as_of),
            "planned_end": None
            if self.plan.planned_end is None
            else instant(self.plan.planned_end),
            "method": self.plan.method.name,
            "alpha": self.plan.alpha,
            "multiplicity": (
                self.plan.correction if len(self.plan.treatments) > 1 else Correction.NONE
            ).value,
            "variants": [
                {"variant": v.key, "role": v.role.value, "units": self.units.get(v.key, 0)}
                for v in self.plan.variants
            ],
            "metrics": [metric_document(metric) for metric in self.metrics],
            "integrity": [
                {
                    "check": check.check,
                    "status": check.status.value,
                    "value": check.value,
                    "detail": check.detail,
                }
                for check in self.integrity
            ],
            "recommendation": {
                "action": self.recommendation.action.value,
                "variant": self.recommendation.variant,
                "because": list(self.recommendation.because),
            },
            "segments": [segment_document(each) for each in self.segments],
            "over_time": [
                {"variant": variant, "days": [point_document(point) for point in points]}
                for variant, points in self.over_time.items()
            ],
        }


def analyse(
    plan: AnalysisPlan,
    data: AnalysisData,
    *,
    as_of: datetime,
    ended: bool = False,
    waiting: str | None = None,
    also: Sequence[Check] = (),
) -> Analysis:
    """Compare every treatment with the control on every metric and say what to do.

    Integrity comes first: a failed check makes the result invalid and withholds
    every outcome. Looked at before its planned end, a fixed-horizon test says
    "keep running" and withholds them too; one that ended before it decides nothing.

    Args:
        plan: What was agreed beforehand.
        data: What was seen until `as_of`.
        as_of: The moment of the look, with a time zone.
        ended: Nothing more will be collected.
        waiting: Why nothing is read now although the method allows looks: this moment lies
            between two that were planned. None at a look.
        also: Checks that were made elsewhere, for the integrity card.

    Raises:
        BadPlan: A variant of the data is not in the plan, or `as_of` has no zone.

    Source:
        docs/methods/recommendation-fixed.md, docs/methods/integrity-checks.md.
    """
    problems = [
        f"units were counted for {name}, which is no variant of the plan"
        for name in data.units
        if name not in {variant.key for variant in plan.variants}
    ]
    if as_of.tzinfo is None:
        problems.append("the moment of the look has no time zone")
    if problems:
        raise BadPlan(experiment=plan.experiment, reasons=tuple(problems))
    before_end = plan.planned_end is not None and as_of < plan.planned_end
    early = before_end and not plan.looked_at_any_time
    judged = [
        (metric, [(t.key, each) for t, each in zip(plan.treatments, row, strict=True)])
        for metric, row in zip(plan.metrics, judge(plan, data.samples), strict=True)
    ]
    primary = next(rows for metric, rows in judged if metric.role is MetricRole.PRIMARY)
    checks = (
        *integrity_of(plan, data, primary=primary, early=before_end, as_of=as_of, ended=ended),
        *also,
    )
    failed = tuple(check for check in checks if check.status is Status.FAIL)
    withheld = None
    if failed:
        withheld = "invalid: " + " ".join(check.detail for check in failed)
    elif waiting is not None:
        withheld = waiting
    elif early and plan.planned_end is not None:
        withheld = f"not before the planned end on {day(plan.planned_end)}"
        if ended:
            withheld = f"it ended before its planned end on {day(plan.planned_end)}"
    metrics = tuple(
        MetricAnalysis(
            metric=metric,
            samples=data.samples.get(metric.key, {}),
            readings=_readings(plan, metric, rows, data, withheld=withheld),
        )
        for metric, rows in judged
    )
    return Analysis(
        plan=plan,
        as_of=as_of,
        units=dict(data.units),
        metrics=metrics,
        integrity=checks,
        recommendation=recommend(
            plan,
            metrics,
            failed=failed,
            early=early,
            ended=ended,
            running=before_end and not ended and plan.looked_at_any_time,
            waiting=waiting,
        ),
        segments=() if withheld else read_segments(plan, data.segments),
        over_time={} if withheld else effects_over_time(plan, data.days),
    )


def _readings(
    plan: AnalysisPlan,
    metric: PlannedMetric,
    rows: Sequence[tuple[str, Comparison | Absent]],
    data: AnalysisData,
    *,
    withheld: str | None,
) -> tuple[Reading, ...]:
    """Read one metric; the one that decides is adjusted for the looks of a test that ended."""
    running = [comparison for _, comparison in rows]
    stated = running
    if withheld is None and metric.role is MetricRole.PRIMARY:
        stated = stated_after_stop(plan, running)
    return tuple(
        replace(
            reading_of(plan, metric, key, told, data, withheld=withheld),
            naive=before if isinstance(before, Comparison) and told is not before else None,
        )
        for (key, before), told in zip(rows, stated, strict=True)
    )


def metric_document(analysis: MetricAnalysis) -> dict[str, Json]:
    """Give one metric's part of the document."""
    metric = analysis.metric
    return {
        "metric": metric.key,
        "role": metric.role.value,
        "kind": metric.kind.value,
        "direction": metric.direction.value,
        "summaries": [
            summary_document(variant, sample) for variant, sample in analysis.samples.items()
        ],
        "effects": [effect_document(reading) for reading in analysis.readings],
    }


def summary_document(variant: str, sample: Sample) -> dict[str, Json]:
    """Give one variant's numbers on one metric; a mean of nobody is null, not 0."""
    document: dict[str, Json] = {"variant": variant, "n": sample.n}
    match sample:
        case ProportionSummary():
            document["mean"] = sample.value if sample.n else None
            document["m2"] = sample.m2
            document["successes"] = sample.successes
        case RatioSummary():
            document |= {
                "mean": sample.mean if sample.n else None,
                "m2": sample.m2,
                "den_mean": sample.den_mean,
                "den_m2": sample.den_m2,
                "cross": sample.cross,
                "ratio": sample.value if sample.n and sample.den_mean else None,
            }
        case KnownValue():
            known = not sample.absent
            document |= {"n": sample.counted, "value": sample.mean if known else None}
            document["se"] = math.sqrt(sample.m2 / sample.n / (sample.n - 1)) if known else None
            if not known:
                document["absent"] = sample.absent.reason
        case Summary():
            document |= {"mean": sample.mean if sample.n else None, "m2": sample.m2}
        case CovariateSummary():
            document |= {
                "mean": sample.mean if sample.n else None,
                "m2": sample.m2,
                "pre_mean": sample.pre_mean if sample.n else None,
                "pre_m2": sample.pre_m2,
                "pre_cross": sample.pre_cross,
            }
        case CovariateRatioSummary():
            document |= summary_document(variant, sample.pair(0, 1))
            document |= {
                "pre_means": list(sample.means[2:]) if sample.n else None,
                "products": [list(row) for row in sample.products],
            }
        case _:
            document |= {"mean": sample.value, "m2": sample.variance * (sample.n - 1)}
    return document


def effect_document(reading: Reading) -> dict[str, Json]:
    """Give one treatment's part of a metric's document."""
    document: dict[str, Json] = {"variant": reading.variant}
    if isinstance(reading.comparison, Absent):
        document |= {"absolute": None, "relative": None, "p": None}
        document["absent"] = reading.comparison.reason
    else:
        document |= comparison_document(reading.comparison)
    if reading.naive is not None:
        naive = comparison_document(reading.naive)
        document["naive"] = {key: naive[key] for key in ("absolute", "relative", "p")}
    document["outcome"] = reading.outcome.value
    if reading.guard is not None:
        document["guardrail"] = reading.guard.value
    if reading.margin is not None:
        document["margin"] = {
            "relative": reading.margin.relative,
            "absolute": reading.margin.absolute,
            "from": "planned" if reading.margin.planned else "observed",
        }
    if reading.withheld is not None:
        document["withheld"] = reading.withheld
    if reading.note is not None:
        document["note"] = reading.note
    return document


def segment_document(reading: SegmentReading) -> dict[str, Json]:
    """Give a dimension's part of the document, for one treatment on one metric."""
    return {
        "dimension": reading.dimension,
        "metric": reading.metric,
        "variant": reading.variant,
        "standing": reading.standing.value,
        "p": reading.p,
        "differs": reading.differs,
        "sentence": reading.sentence,
        "effects": [
            {
                "value": each.value,
                "units": each.units,
                **(
                    {"absolute": None, "relative": None, "absent": each.comparison.reason}
                    if isinstance(each.comparison, Absent)
                    else comparison_document(each.comparison)
                ),
                "relative_drawn": each.relative_drawn,
            }
            for each in reading.effects
        ],
    }


def point_document(point: EffectUntil) -> dict[str, Json]:
    """Give one day of an effect over time."""
    return {
        "day": point.day,
        "units": point.units,
        "value": point.value,
        "low": point.low,
        "high": point.high,
    }


def comparison_document(comparison: Comparison) -> dict[str, Json]:
    """Give the effects of one comparison as `truelift stats compare` prints them."""
    document: dict[str, Json] = {"absolute": numbers_of(comparison.absolute)}
    if isinstance(comparison.relative, Absent):
        document["relative"] = None
        document["relative_absent"] = comparison.relative.reason
    else:
        document["relative"] = numbers_of(comparison.relative)
    document |= {
        "p": comparison.absolute.p,
        "df": comparison.df,
        "procedure": comparison.procedure.value,
    }
    if comparison.p is not None and comparison.p != comparison.absolute.p:
        document |= {"p_corrected": comparison.p, "alpha": comparison.alpha}
    if comparison.counted is not None:
        document["counted"] = numbers_of(comparison.counted)
        document["variance_saved"] = comparison.saved
    if comparison.chances is not None:
        document |= {
            "chance_to_win": comparison.chances.chance_to_win,
            "expected_loss": comparison.chances.expected_loss,
            "control_loss": comparison.chances.control_loss,
        }
    return document


def numbers_of(effect: Effect) -> dict[str, Json]:
    """Give an effect's five numbers; an end that is open is null."""
    return {
        "value": effect.value,
        "se": effect.se,
        "low": effect.low if math.isfinite(effect.low) else None,
        "high": effect.high if math.isfinite(effect.high) else None,
        "p": effect.p,
    }


def instant(at: datetime) -> str:
    """Write a moment as ISO-8601 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
