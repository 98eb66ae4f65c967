"""Per metric and variant of an experiment: the moments of the units first exposed in a period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json, epoch_ms
from truelift.questions.forms import Context, Field, list_of, record, text
from truelift.questions.matching import BadQuestion, candidates, is_text
from truelift.questions.members import AS_OF, METRIC, SINCE, UNTIL, ZONE, Members
from truelift.questions.metric import Counted, Metric, MetricKind
from truelift.questions.period import between, period_obstacles
from truelift.questions.question import Scan
from truelift.questions.table import codes, integers, numbers
from truelift.questions.zone import is_zone
from truelift.stats.summary import ProportionSummary, RatioSummary, Summary


Sample = Summary | ProportionSummary | RatioSummary


@dataclass(frozen=True, slots=True)
class Seen:
    """What one bucket, or several, tell about an experiment.

    Attributes:
        units: Per variant, units first exposed to it; crossovers are left out.
        samples: Per metric and variant, over the units whose window is over.
        immature: Per metric, units whose window is still open, left out of its samples.
        daily: Per day of the site and variant, units first exposed on it.
        crossovers: Units that saw more than one variant in the period.
        unplanned: Per variant that the experiment does not name, its units.
    """

    units: Mapping[str, int]
    samples: Mapping[str, Mapping[str, Sample]]
    immature: Mapping[str, int]
    daily: Mapping[tuple[date, str], int]
    crossovers: int
    unplanned: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class VariantSummariesAnswer:
    """Everything that the statistics need of an experiment."""

    question: VariantSummaries
    seen: Seen

    @property
    def units(self) -> Mapping[str, int]:
        """Units first exposed to each variant."""
        return self.seen.units

    @property
    def samples(self) -> Mapping[str, Mapping[str, Sample]]:
        """By metric, then by variant, in the order of the question."""
        return self.seen.samples

    @property
    def crossovers(self) -> int:
        """Units that saw more than one variant and are left out."""
        return self.seen.crossovers

    @property
    def daily(self) -> Mapping[tuple[date, str], int]:
        """Units first exposed, by day of the site and variant, in the order of the days."""
        return self.seen.daily

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        rows: list[Json] = [
            {"metric": metric, "variant": variant, **moments(sample)}
            for metric, samples in self.seen.samples.items()
            for variant, sample in samples.items()
        ]
        return {
            "question": self.question.name,
            "experiment": self.question.experiment,
            "rows": rows,
            "units": dict(self.seen.units),
            "crossovers": self.seen.crossovers,
            "unplanned": dict(self.seen.unplanned),
            "immature": dict(self.seen.immature),
            "daily": [
                {"day": day.isoformat(), "variant": variant, "units": units}
                for (day, variant), units in self.seen.daily.items()
            ],
        }


@dataclass(frozen=True, slots=True)
class VariantSummaries:
    """The question behind every experiment.

    Attributes:
        experiment: Its key, as exposures name it.
        variants: In the order of the experiment.
        metrics: Each with its own window.
        as_of: A unit whose window ends at or after this instant is left out of the
            metric: its number is not final.
        since: Exposures before this are as if they had not been.
        until: And those at or after this.
        time_zone: Of the site, for the days of `daily`.
    """

    experiment: str
    variants: tuple[str, ...]
    metrics: tuple[Metric, ...]
    as_of: datetime
    since: datetime | None = None
    until: datetime | None = None
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="experiment", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "variant_summaries"

    def scan(self) -> Scan:
        """Read one row per exposed unit, with its number for every metric."""
        values = Placeholders()
        act, totals, shown = [], [], []
        for nth, metric in enumerate(self.metrics):
            within = "true"
            if metric.window_s is not None:
                within = f"after_us <= {values.add(metric.window_s * 1_000_000)}"
            for column, counted in _columns(nth, metric):
                is_it = counted.events.sql(values)
                number = _number(metric.kind, counted, values)
                act.append(f", CASE WHEN {is_it} THEN {number} END AS {column}")
                total = _TOTAL[metric.kind]
                totals.append(f", {total}({column}) FILTER (WHERE {within}) AS {column}")
                shown.append(f", coalesce({column}, 0.0) AS {column}")
        sets = [counted.events for n, m in enumerate(self.metrics) for _, counted in _columns(n, m)]
        return Scan(
            sql=f"""
            WITH exposed AS (
                SELECT
                    person AS unit,
                    min(occurred_at) AS first_at,
                    min(variant) AS shown,
                    count(DISTINCT variant) AS shown_count
                FROM events
                WHERE experiment = {values.add(self.experiment)} AND variant IS NOT NULL
                    AND {between(self.since, self.until, values)}
                GROUP BY person
            ),
            act AS (
                SELECT unit, epoch_us(occurred_at) - epoch_us(first_at) AS after_us
                    {" ".join(act)}
                FROM events JOIN exposed ON person = unit
                WHERE {candidates(sets, values)} AND occurred_at >= first_at AND shown_count = 1
            ),
            total AS (
                SELECT unit AS acting_unit {" ".join(totals)} FROM act GROUP BY unit
            )
            SELECT
                unit,
                shown,
                shown_count,
                epoch_us(first_at) // 1000 AS first_ms,
                timezone({values.add(self.time_zone)}, first_at)::DATE AS day
                {" ".join(shown)}
            FROM exposed LEFT JOIN total ON unit = acting_unit
            ORDER BY unit
            """,
            parameters=values.values,
            since=self.since,
        )

    def partial(self, rows: pa.Table) -> Seen:
        """Summarise the units of one bucket."""
        shown, titles = codes(rows, "shown")
        single = integers(rows, "shown_count") == 1
        first_ms = integers(rows, "first_ms")
        index = {title: nth for nth, title in enumerate(titles)}
        of = {
            variant: single & (shown == index.get(variant, len(titles)))
            for variant in self.variants
        }
        samples: dict[str, Mapping[str, Sample]] = {}
        immature: dict[str, int] = {}
        for nth, metric in enumerate(self.metrics):
            is_over = np.ones(len(first_ms), dtype=bool)
            if metric.window_s is not None:
                is_over = first_ms + metric.window_s * 1000 < epoch_ms(self.as_of)
            columns = [numbers(rows, column) for column, _ in _columns(nth, metric)]
            samples[metric.key] = {
                variant: _sample(metric.kind, [column[chosen & is_over] for column in columns])
                for variant, chosen in of.items()
            }
            immature[metric.key] = sum(
                int(np.count_nonzero(chosen & ~is_over)) for chosen in of.values()
            )
        return Seen(
            units={variant: int(np.count_nonzero(chosen)) for variant, chosen in of.items()},
            samples=samples,
            immature=immature,
            daily=_daily(rows, of),
            crossovers=int(np.count_nonzero(~single)),
            unplanned={
                str(title): int(np.count_nonzero(single & (shown == nth)))
                for title, nth in index.items()
                if title not in self.variants and bool((single & (shown == nth)).any())
            },
        )

    def merge(self, left: Seen, right: Seen) -> Seen:
        """Pool the units of two buckets."""
        return Seen(
            units=_added(left.units, right.units),
            samples={
                metric: {
                    variant: _pooled(sample, right.samples[metric][variant])
                    for variant, sample in samples.items()
                }
                for metric, samples in left.samples.items()
            },
            immature=_added(left.immature, right.immature),
            daily=_added(left.daily, right.daily),
            crossovers=left.crossovers + right.crossovers,
            unplanned=_added(left.unplanned, right.unplanned),
        )

    def answer(self, partial: Seen) -> VariantSummariesAnswer:
        """Put the days in order."""
        daily = {key: partial.daily[key] for key in sorted(partial.daily)}
        unplanned = {key: partial.unplanned[key] for key in sorted(partial.unplanned)}
        seen = replace(
            partial, daily=MappingProxyType(daily), unplanned=MappingProxyType(unplanned)
        )
        return VariantSummariesAnswer(question=self, seen=seen)

    def _obstacles(self) -> list[str]:
        found = []
        if not (self.experiment and is_text(self.experiment)):
            found.append("it has no key")
        if not self.variants or not all(v and is_text(v) for v in self.variants):
            found.append("it names no variants")
        if len(set(self.variants)) < len(self.variants):
            found.append("two variants share a name")
        keys = [metric.key for metric in self.metrics]
        if len(set(keys)) < len(keys):
            found.append("two metrics share a key")
        found += [reason for metric in self.metrics for reason in metric.obstacles()]
        if not is_zone(self.time_zone):
            found.append(f"{self.time_zone[:60]!r} is not a time zone")
        return found + period_obstacles(self.since, self.until)


_TOTAL: Mapping[MetricKind, str] = {
    MetricKind.PROPORTION: "max",
    MetricKind.COUNT: "sum",
    MetricKind.SUM: "sum",
    MetricKind.MEAN: "avg",
    MetricKind.RATIO: "sum",
}


def moments(sample: Sample) -> dict[str, Json]:
    """Write a sample's sufficient statistics; a mean of nobody is null, not 0."""
    match sample:
        case ProportionSummary():
            mean = sample.value if sample.n else None
            return {"n": sample.n, "mean": mean, "m2": sample.m2, "successes": sample.successes}
        case Summary():
            return {"n": sample.n, "mean": sample.mean if sample.n else None, "m2": sample.m2}
        case RatioSummary():
            return {
                "n": sample.n,
                "mean": sample.mean if sample.n else None,
                "m2": sample.m2,
                "den_mean": sample.den_mean if sample.n else None,
                "den_m2": sample.den_m2,
                "cross": sample.cross,
            }


def _columns(nth: int, metric: Metric) -> list[tuple[str, Counted]]:
    """Name the columns of one metric: its number, and a ratio's denominator."""
    columns = [(f"number_{nth}", metric.counted)]
    if metric.denominator is not None:
        columns.append((f"below_{nth}", metric.denominator))
    return columns


def _number(kind: MetricKind, counted: Counted, values: Placeholders) -> str:
    """Give the SQL of what one event adds."""
    if counted.amount is None or kind in {MetricKind.PROPORTION, MetricKind.COUNT}:
        return "1.0::DOUBLE"
    return counted.amount.sql(values)


def _sample(kind: MetricKind, columns: list[NDArray[np.float64]]) -> Sample:
    """Summarise a metric over units: centred moments, the mean first, then what is around it."""
    numerator = columns[0]
    n = len(numerator)
    if kind is MetricKind.PROPORTION:
        return ProportionSummary(n=n, successes=int(np.count_nonzero(numerator)))
    mean = float(numerator.mean()) if n else 0.0
    around = numerator - mean
    if kind is not MetricKind.RATIO:
        return Summary(n=n, mean=mean, m2=float(around @ around))
    den_mean = float(columns[1].mean()) if n else 0.0
    den_around = columns[1] - den_mean
    return RatioSummary(
        n=n,
        mean=mean,
        m2=float(around @ around),
        den_mean=den_mean,
        den_m2=float(den_around @ den_around),
        cross=float(around @ den_around),
    )


def _daily(rows: pa.Table, of: Mapping[str, NDArray[np.bool_]]) -> dict[tuple[date, str], int]:
    days = rows["day"].combine_chunks().cast(pa.int32()).to_numpy()
    found: dict[tuple[date, str], int] = {}
    for variant, chosen in of.items():
        which, units = np.unique(days[chosen], return_counts=True)
        for day, count in zip(which.tolist(), units.tolist(), strict=True):
            found[_EPOCH + timedelta(days=day), variant] = count
    return found


_EPOCH = date(1970, 1, 1)

Key = TypeVar("Key")


def _added(left: Mapping[Key, int], right: Mapping[Key, int]) -> dict[Key, int]:
    return {key: left.get(key, 0) + right.get(key, 0) for key in {**left, **right}}


def _pooled(left: Sample, right: Sample) -> Sample:
    """Pool two samples of one metric, which are of one kind."""
    match left, right:
        case ProportionSummary(), ProportionSummary():
            return left + right
        case RatioSummary(), RatioSummary():
            return left + right
        case Summary(), Summary():
            return left + right
        case _:
            raise TypeError(f"{type(left).__name__} and {type(right).__name__} do not pool")


def _variant_summaries(given: Mapping[str, object], context: Context) -> VariantSummaries:
    members = Members(given)
    return VariantSummaries(
        experiment=members.get("experiment", ""),
        variants=members.get("variants", ()),
        metrics=members.get("metrics", ()),
        as_of=members.get("as_of", context.now),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        time_zone=members.get("time_zone", context.time_zone),
    )


FORM: Final = record(
    _variant_summaries,
    {
        "experiment": Field(text(), "Its key, as exposures name it.", required=True),
        "variants": Field(list_of(text(), least=1, most=50), "In order.", required=True),
        "metrics": Field(list_of(METRIC, least=1, most=100), "What to sum up.", required=True),
        "since": SINCE,
        "until": UNTIL,
        "as_of": AS_OF,
        "time_zone": ZONE,
    },
)
"""How it stands in JSON."""
