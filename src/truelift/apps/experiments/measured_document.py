"""What a snapshot keeps of how metrics are distributed, of times, and of what a cap did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from truelift.apps.experiments.measuring import DAY_S, RAW, Measured
from truelift.apps.experiments.models import MetricKind, MetricRecord, Per
from truelift.questions.distribution import Distribution
from truelift.questions.variant_acts import Waits
from truelift.stats.analysis import AnalysisPlan, comparison_document, summary_document
from truelift.stats.comparison import Absent
from truelift.stats.judging import judge_apart
from truelift.stats.survival import survival_curve


POINTS: Final = 60
"""Of a curve: as many as a drawing shows apart."""

LOG_FROM: Final = 20.0
"""Numbers whose largest is so many times their smallest are drawn on an axis of powers."""

SHARES: Final = (0.25, 0.5, 0.75, 0.9, 0.99)
"""Percentiles in the table beside a distribution."""


def add_measured(
    document: dict[str, Any],
    plan: AnalysisPlan,
    records: Sequence[MetricRecord],
    measured: Measured,
    *,
    withheld: str | None,
) -> None:
    """Put into a snapshot what is told of single metrics besides their effects.

    While effects are hidden, so is everything that would show them.

    Args:
        document: Of the analysis.
        plan: That it followed.
        records: The planned metrics.
        measured: What the lake answered.
        withheld: Why no effect may be read now.
    """
    document["immature"] = {
        key: units for key, units in document["immature"].items() if not key.endswith(RAW)
    }
    _add_caps(document, plan, measured, withheld=withheld)
    document["distributions"] = []
    document["survival"] = []
    if withheld is not None:
        return
    for record in records:
        spread = measured.spreads.get(record.key)
        if spread is not None and (record.kind == MetricKind.QUANTILE or record is records[0]):
            document["distributions"].append(
                distribution_document(
                    record, dict(zip(measured.question.variants, spread.above, strict=True))
                )
            )
        waits = measured.asked.answer.seen.waits.get(record.key)
        if waits is not None:
            document["survival"].append(
                survival_document(record, waits, variants=measured.question.variants)
            )


def _add_caps(
    document: dict[str, Any], plan: AnalysisPlan, measured: Measured, *, withheld: str | None
) -> None:
    planned = [each for each in plan.metrics if each.key in measured.capped]
    rows = judge_apart(plan, planned, measured.raw)
    by_key = {each["metric"]: each for each in document["metrics"]}
    for metric, row in zip(planned, rows, strict=True):
        cap = measured.capped[metric.key]
        found = by_key[metric.key]
        found["cap"] = {
            "most": cap.most,
            "below": cap.below,
            "percentile": cap.percentile,
            "units": sum(cap.units.values()),
        }
        if withheld is not None:
            continue
        found["cap"]["by_variant"] = dict(cap.units)
        found["raw"] = {
            "summaries": [
                summary_document(variant, sample)
                for variant, sample in measured.raw[metric.key].items()
            ],
            "effects": [
                {
                    "variant": treatment.key,
                    **(
                        {"absolute": None, "relative": None, "absent": each.reason}
                        if isinstance(each, Absent)
                        else comparison_document(each)
                    ),
                }
                for treatment, each in zip(plan.treatments, row, strict=True)
            ],
        }


def distribution_document(
    metric: MetricRecord, variants: Mapping[str, Distribution]
) -> dict[str, Any]:
    """Give the shares of each variant's numbers at or below some values.

    Most visitors have none: shares are of the numbers above 0, and the others are counted.
    """
    above = {variant: _above_zero(numbers) for variant, numbers in variants.items()}
    pooled = sum(above.values(), _nothing())
    values: list[float] = []
    if pooled.n:
        ranks = (pooled.at(nth / POINTS) or 0.0 for nth in range(POINTS + 1))
        values = sorted({pooled.values[0].item(), *ranks})
    return {
        "metric": metric.key,
        "of": "events"
        if metric.kind == MetricKind.QUANTILE and metric.per == Per.EVENT
        else "visitors",
        "log": bool(values) and values[-1] >= LOG_FROM * values[0],
        "rounded": any(each.rounded for each in variants.values()),
        "values": values,
        "variants": [
            {
                "variant": variant,
                "n": variants[variant].n,
                "above_zero": numbers.n,
                "shares": _shares(numbers, values),
                "percentiles": {f"{share:g}": numbers.at(share) for share in SHARES},
            }
            for variant, numbers in above.items()
        ],
    }


def survival_document(
    metric: MetricRecord, waits: Waits, *, variants: Sequence[str]
) -> dict[str, Any]:
    """Give the share of each variant's visitors that still waits, over the window."""
    horizon = waits.horizon
    day = waits.interval_s / DAY_S
    places = sorted({round(nth * horizon / POINTS) for nth in range(POINTS + 1)})
    rows = []
    for nth, variant in enumerate(variants):
        curve = survival_curve(waits.came[nth].tolist(), waits.left[nth].tolist())
        points = [curve.points[place] for place in places]
        last = curve.points[horizon]
        median, mean = curve.quantile(0.5), curve.restricted_mean(horizon)
        rows.append(
            {
                "variant": variant,
                "n": curve.units,
                "came": curve.came,
                "waiting": [None if each.share is None else 1 - each.share for each in points],
                "reached": {"share": last.share, "low": last.low, "high": last.high},
                "median_days": None if median is None else median * day,
                "restricted_mean_days": None if mean is None else mean * day,
            }
        )
    return {
        "metric": metric.key,
        "interval_s": waits.interval_s,
        "days": [place * day for place in places],
        "variants": rows,
    }


def _nothing() -> Distribution:
    return Distribution(np.zeros(0), np.zeros(0, np.int64))


def _above_zero(numbers: Distribution) -> Distribution:
    some = numbers.values > 0
    return replace(numbers, values=numbers.values[some], counts=numbers.counts[some])


def _shares(numbers: Distribution, values: Sequence[float]) -> list[float | None]:
    if not numbers.n:
        return [None for _ in values]
    reached = np.concatenate([[0], np.cumsum(numbers.counts)])
    places = np.searchsorted(numbers.values, values, side="right")
    return [float(each) for each in reached[places] / numbers.n]
