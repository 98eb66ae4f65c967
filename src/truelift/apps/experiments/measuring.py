"""Asks the lake for an experiment's metrics: caps by percentiles, quantiles and times included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from truelift.apps.experiments.models import MetricKind, MetricRecord, Per
from truelift.apps.experiments.sampled import samples_of
from truelift.apps.sites.models import Site
from truelift.events.money import exponent_of
from truelift.lake.lake import Asked
from truelift.questions.distribution import Distribution
from truelift.questions.matching import Events
from truelift.questions.metric import Amount, AmountKind, Counted, Metric
from truelift.questions.variant_answer import Spread
from truelift.questions.variant_numbers import Cap, Threshold
from truelift.questions.variant_summaries import VariantSummaries, VariantSummariesAnswer
from truelift.stats.known_value import KnownValue
from truelift.stats.moments import Moments, moments_of
from truelift.stats.plan import AnalysisData, Samples
from truelift.stats.quantiles import quantile_points, ranks_beside
from truelift.stats.restricted_mean import restricted_mean_points
from truelift.stats.roles import MetricKind as Kind
from truelift.stats.summary import RatioSummary


DAY_S: Final = 86_400

RAW: Final = "~raw"
"""Stands behind the key of a metric that is asked for without its cap; no key has it."""

DISTRIBUTED: Final = frozenset(
    {MetricKind.COUNT, MetricKind.SUM, MetricKind.MEAN, MetricKind.RATIO}
)
"""Kinds of which every visitor has a number, whose distribution says something."""

Ask = Callable[[VariantSummaries], Asked[VariantSummariesAnswer]]


@dataclass(frozen=True, slots=True)
class Capped:
    """What a cap did.

    Attributes:
        most: In the unit of the lake: minor units of money.
        below: The same of what a ratio divides by; None: none.
        percentile: It was taken from; None for a number that the plan gives.
        units: Per variant, how many count for less than they had.
    """

    most: float
    below: float | None
    percentile: float | None
    units: Mapping[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What the lake answered.

    Attributes:
        question: As it was asked, with caps as numbers; without what only this module needs.
        asked: The answer.
        samples: Of the metrics that are no averages, by variant.
        raw: Of the metrics that have a cap, without it.
        capped: By metric.
        spreads: By metric, how the numbers of visitors, or of events, are distributed.
    """

    question: VariantSummaries
    asked: Asked[VariantSummariesAnswer]
    samples: Samples
    raw: Samples
    capped: Mapping[str, Capped]
    spreads: Mapping[str, Spread]

    def completed(self, data: AnalysisData) -> AnalysisData:
        """Put these samples into what was seen; what does not add up has none of single days."""

        def adding_up(parts: Mapping[str, Samples]) -> Mapping[str, Samples]:
            return {
                part: {key: each for key, each in samples.items() if key not in self.samples}
                for part, samples in parts.items()
            }

        return replace(
            data,
            samples={**data.samples, **self.samples},
            segments={name: adding_up(parts) for name, parts in data.segments.items()},
            days=adding_up(data.days),
        )


def metric_question(metric: MetricRecord, site: Site) -> Metric:
    """Give a metric as the lake is asked for it; money counts in the site's currency alone."""
    kind = Kind(metric.kind)
    return Metric(
        key=metric.key,
        kind=kind,
        counted=Counted(
            events=Events(names=(metric.event,)), amount=_amount(metric.property, site)
        ),
        denominator=Counted(
            events=Events(names=(metric.denominator_event,)),
            amount=_amount(metric.denominator_property, site),
        )
        if kind is Kind.RATIO
        else None,
        window_s=round(metric.window_days * DAY_S),
        from_s=round(metric.from_days * DAY_S),
        steps=tuple(Events(names=(each,)) for each in metric.steps),
        level=metric.level,
        per_unit=metric.per == Per.VISITOR,
    )


def _amount(name: str, site: Site) -> Amount | None:
    if not name:
        return None
    if name == "value":
        return Amount(
            kind=AmountKind.MONEY, currency=site.currency, trusted=site.server_orders_only
        )
    return Amount(kind=AmountKind.PROPERTY, name=name)


def measure(
    records: Sequence[MetricRecord],
    question: VariantSummaries,
    *,
    site: Site,
    adjusted: bool,
    ask: Ask,
) -> Measured:
    """Ask the lake for an experiment's metrics.

    A percentile is the same for all variants, and a quantile's error depends on where it lies;
    both have to be known before units are summed up. Where a plan has one, the lake is asked
    twice.

    Args:
        records: The planned metrics, the one that decides first.
        question: About them, without caps.
        site: Whose they are.
        adjusted: Whether the plan adjusts effects by what visitors did before.
        ask: Asks the lake.
    """
    spreads = dict(_first_look(records, question, ask))
    caps = {
        each.key: cap
        for each in records
        if (cap := _cap(each, spreads.get(each.key), site)) is not None
    }
    asked_for = replace(question, caps=tuple(caps.values()))
    raw = tuple(
        replace(each, key=f"{each.key}{RAW}") for each in question.metrics if each.key in caps
    )
    drawn = {
        each.key: f"{each.key}{RAW}" if each.key in caps else each.key
        for each in records[:1]
        if each.kind in DISTRIBUTED
    }
    asked = ask(
        replace(
            asked_for,
            metrics=(*question.metrics, *raw),
            spreads=tuple(drawn.values()),
            thresholds=tuple(_thresholds(records, spreads)),
        )
    )
    answer = asked.answer
    spreads |= {key: answer.seen.spreads[name] for key, name in drawn.items()}
    percentiles = {each.key: each.cap_percentile for each in records}
    places = {each.key: nth for nth, each in enumerate(answer.question.metrics)}
    return Measured(
        question=asked_for,
        asked=asked,
        samples=dict(_known(records, spreads, answer, places)),
        raw={key: samples_of(answer, adjusted=adjusted)[f"{key}{RAW}"] for key in caps},
        capped={
            key: Capped(
                most=cap.most,
                below=cap.below,
                percentile=percentiles[key],
                units=dict(
                    zip(
                        question.variants,
                        answer.seen.capped[places[key]].tolist(),
                        strict=True,
                    )
                ),
            )
            for key, cap in caps.items()
        },
        spreads=spreads,
    )


def _first_look(
    records: Sequence[MetricRecord], question: VariantSummaries, ask: Ask
) -> Mapping[str, Spread]:
    keys = {
        each.key
        for each in records
        if each.cap_percentile is not None or each.kind == MetricKind.QUANTILE
    }
    if not keys:
        return {}
    first = replace(
        question,
        metrics=tuple(each for each in question.metrics if each.key in keys),
        spreads=tuple(keys),
        distributions=(),
        covariate_s=0,
        by=(),
        by_day=False,
    )
    return ask(first).answer.seen.spreads


def _cap(metric: MetricRecord, spread: Spread | None, site: Site) -> Cap | None:
    """Give a metric's cap in the unit of the lake; None without one, or where nobody has any."""
    if metric.cap is not None:
        return Cap(
            metric.key,
            most=metric.cap * _minor(metric.property, site),
            below=None
            if metric.denominator_cap is None
            else metric.denominator_cap * _minor(metric.denominator_property, site),
        )
    if metric.cap_percentile is None or spread is None:
        return None
    above, below = spread.together()
    most = _percentile(above, metric.cap_percentile)
    if most is None:
        return None
    return Cap(
        metric.key,
        most=most,
        below=None if below is None else _percentile(below, metric.cap_percentile),
    )


def _minor(name: str, site: Site) -> float:
    return 10.0 ** exponent_of(site.currency) if name == "value" else 1.0


def _percentile(numbers: Distribution, share: float) -> float | None:
    """Give a percentile of those who have any; most have none, and would be all it tells."""
    some = numbers.values > 0
    return Distribution(numbers.values[some], numbers.counts[some]).at(share)


def _thresholds(records: Sequence[MetricRecord], spreads: Mapping[str, Spread]) -> list[Threshold]:
    found = []
    for each in records:
        if each.kind != MetricKind.QUANTILE or each.per == Per.VISITOR or each.level is None:
            continue
        values = [numbers.at(each.level) for numbers in spreads[each.key].above]
        found.append(Threshold(each.key, tuple(0.0 if v is None else v for v in values)))
    return found


def _known(
    records: Sequence[MetricRecord],
    spreads: Mapping[str, Spread],
    answer: VariantSummariesAnswer,
    places: Mapping[str, int],
) -> Samples:
    """Estimate the values that are no averages of units."""
    found: dict[str, dict[str, KnownValue]] = {}
    variants = answer.question.variants
    for each in records:
        units = answer.seen.whole.metrics[places[each.key]].n.tolist()
        if each.kind == MetricKind.QUANTILE:
            found[each.key] = {
                variant: _quantile(
                    each,
                    spreads[each.key].above[nth],
                    answer.samples[each.key][variant],
                    units[nth],
                )
                for nth, variant in enumerate(variants)
            }
        elif each.kind == MetricKind.RESTRICTED_MEAN:
            waits = answer.seen.waits[each.key]
            found[each.key] = {
                variant: KnownValue.of(
                    restricted_mean_points(
                        waits.came[nth], waits.left[nth], intervals=waits.horizon
                    ),
                    procedure="restricted-mean",
                    units=units[nth],
                    scale=waits.interval_s / DAY_S,
                )
                for nth, variant in enumerate(variants)
            }
    return found


def _quantile(
    metric: MetricRecord, numbers: Distribution, counted: object, units: int
) -> KnownValue:
    level = metric.level or 0.5
    low, high = (float(each) for each in ranks_beside(numbers.n, level))
    value, left, right = (numbers.at(share) or 0.0 for share in (level, low, high))
    below: Moments | None = None
    if isinstance(counted, RatioSummary) and counted.n > 1 and counted.den_mean > 0:
        below = moments_of([counted])[0]
    points = quantile_points(
        np.array(numbers.n),
        level,
        value=np.array(value),
        low=np.array(left),
        high=np.array(right),
        below=below,
    )
    return KnownValue.of(points, procedure="quantile", units=units)
