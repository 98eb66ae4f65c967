"""Per metric and variant of an experiment: the moments of the units first exposed in a period."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.dimensions import Placeholders
from truelift.questions.distribution import Distribution
from truelift.questions.document import epoch_ms
from truelift.questions.forms import (
    Context,
    Field,
    Form,
    Mistakes,
    duration,
    list_of,
    one_of,
    record,
    text,
    whole,
    yes_or_no,
)
from truelift.questions.local_days import local_days
from truelift.questions.matching import BadQuestion, is_text
from truelift.questions.members import AS_OF, SINCE, UNIT_METRIC, UNTIL, ZONE, Members
from truelift.questions.metric import Metric, MetricKind
from truelift.questions.period import earlier, later, period_obstacles
from truelift.questions.question import Scan
from truelift.questions.variant_acts import Waits
from truelift.questions.variant_answer import Seen, Spread, VariantSummariesAnswer
from truelift.questions.variant_cells import KEPT, Grouping, Labels, Layout, Vectors
from truelift.questions.variant_numbers import Cap, Threshold, UnitNumbers, numbers_of
from truelift.questions.variant_rows import Reading
from truelift.questions.variant_units import (
    Exposed,
    Unit,
    acts_of,
    counted_by_title,
    exposed,
    first_seen,
    texts,
)
from truelift.questions.zone import is_zone
from truelift.sequences.unit_sums import Acts


__all__ = ["FORM", "Cap", "Unit", "VariantSummaries", "VariantSummariesAnswer"]

Whole = NDArray[np.int64]

DIGITS: Final = 4
"""Of numbers with so many values that those which agree so far are counted as one."""

VISITOR: Final = "visitor"
"""Whether a unit was first seen on an earlier day than its exposure, `returning`, or `new`."""

MOST_DIMENSIONS: Final = 20


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
        unit: What the experiment draws a variant for.
        covariate_s: How long before a unit's first exposure its events count for the
            covariate, the exposure itself excluded; 0 for no covariate, which reads that
            much less.
        by: Dimensions and properties of the first exposure, and `visitor`.
        by_day: Moments by the day of first exposure as well.
        max_rows: Values per dimension; those beyond are put together.
        caps: The most that a unit counts for some metrics.
        distributions: Metrics whose percentiles are wanted, to set a cap by.
        spreads: Metrics whose percentiles are wanted within each variant.
        thresholds: Of quantiles of events' numbers, the values that are counted up to; without
            one all count, and the errors of the quantile are not known yet.
    """

    experiment: str
    variants: tuple[str, ...]
    metrics: tuple[Metric, ...]
    as_of: datetime
    since: datetime | None = None
    until: datetime | None = None
    time_zone: str = "UTC"
    unit: Unit = Unit.PERSON
    covariate_s: int = 0
    by: tuple[str, ...] = ()
    by_day: bool = False
    max_rows: int = 20
    caps: tuple[Cap, ...] = ()
    distributions: tuple[str, ...] = ()
    spreads: tuple[str, ...] = ()
    thresholds: tuple[Threshold, ...] = ()

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="experiment", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "variant_summaries"

    def scan(self) -> Scan:
        """Read the exposures, and one narrow row of each event that may count."""
        values = Placeholders()
        reading = self._reading()
        return Scan(
            sql=reading.statement(values),
            parameters=values.values,
            since=self._reads_since(),
            until=self._reads_until(),
            columns=reading.columns,
        )

    def partial(self, rows: pa.Table) -> Seen:
        """Summarise the units of one bucket."""
        reading = self._reading()
        told = reading.told(rows)
        found = exposed(told)
        known = {title: nth for nth, title in enumerate(self.variants)}
        planned = np.array([known.get(title, -1) for title in found.titles], np.int64)
        variant = planned[found.variant] if len(planned) else found.variant
        chosen = ~found.crossed & (variant >= 0)
        acts = acts_of(told, found, chosen)
        variant, first_us = variant[chosen], found.first_us[chosen]
        days = local_days(first_us // 1000, self.time_zone)
        labels = self._labels(found, chosen, days, acts)
        layout = Layout.of(variant, len(self.variants), labels)
        finals = self._finals(first_us)
        wholes: list[Vectors] = []
        parts: list[dict[int, Vectors]] = []
        past = np.zeros((len(self.metrics), len(self.variants)), np.int64)
        capped = past.copy()
        distributions, spreads, waits = {}, {}, {}
        at_most = {each.metric: np.array(each.values)[variant] for each in self.thresholds}
        made = numbers_of(
            self.metrics,
            acts,
            reading,
            past_s=self.covariate_s,
            caps=self.caps,
            at_most=at_most,
        )
        for nth, (metric, numbers) in enumerate(zip(self.metrics, made, strict=True)):
            final = finals[metric.window_s]
            vectors, part = layout.moments(numbers.columns, final)
            wholes.append(vectors)
            parts.append(part)
            if numbers.had is not None:
                counted = numbers.had if final is None else numbers.had & final
                past[nth] = np.bincount(variant[counted], minlength=len(self.variants))
            if metric.key in self.distributions:
                (of_all, *_) = numbers.columns
                of_all = of_all if final is None else of_all[final]
                distributions[metric.key] = Distribution.of(of_all)
            if numbers.above is not None:
                larger = numbers.above if final is None else numbers.above & final
                capped[nth] = np.bincount(variant[larger], minlength=len(self.variants))
            if metric.key in self.spreads:
                spreads[metric.key] = self._spread(numbers, variant, final)
            if numbers.wait_us is not None and metric.window_s is not None:
                watched = np.maximum(epoch_ms(self.as_of) * 1000 - first_us, 0)
                waits[metric.key] = Waits.of(
                    numbers.wait_us,
                    watched,
                    variant,
                    variants=len(self.variants),
                    window_s=metric.window_s,
                )
        groups = [
            Grouping(
                variants=len(self.variants),
                titles=label.titles,
                units=units,
                metrics=tuple(part[nth] for part in parts),
            )
            for nth, (label, units) in enumerate(
                zip(labels, (layout.units()[nth] for nth in range(len(labels))), strict=True)
            )
        ]
        return Seen(
            question=self,
            whole=Grouping(
                variants=len(self.variants),
                titles=(None,),
                units=np.bincount(variant, minlength=len(self.variants)),
                metrics=tuple(wholes),
            ),
            groups=tuple(group.kept(KEPT) for group in groups[: len(self.by)]),
            days=groups[-1] if self.by_day else None,
            immature={
                # Of a wait that is not over, as much is known as was watched of it.
                metric.key: 0
                if final is None or metric.kind is MetricKind.RESTRICTED_MEAN
                else int(np.count_nonzero(~final))
                for metric in self.metrics
                for final in [finals[metric.window_s]]
            },
            before=past,
            daily=_daily(days, variant, self.variants),
            crossovers=int(np.count_nonzero(found.crossed)),
            by_merge=int(np.count_nonzero(found.by_merge)),
            unplanned=counted_by_title(found.titles, found.variant, ~found.crossed, self.variants),
            unnamed=found.unnamed,
            distributions=distributions,
            spreads=spreads,
            waits=waits,
            capped=capped,
        )

    def merge(self, left: Seen, right: Seen) -> Seen:
        """Pool the units of two buckets."""
        days = left.days
        if days is not None and right.days is not None:
            days = days + right.days
        return Seen(
            question=self,
            whole=left.whole + right.whole,
            groups=tuple(
                (one + other).kept(KEPT)
                for one, other in zip(left.groups, right.groups, strict=True)
            ),
            days=days,
            immature=_added(left.immature, right.immature),
            before=left.before + right.before,
            daily=_added(left.daily, right.daily),
            crossovers=left.crossovers + right.crossovers,
            by_merge=left.by_merge + right.by_merge,
            unplanned=_added(left.unplanned, right.unplanned),
            unnamed=left.unnamed + right.unnamed,
            distributions={
                metric: one + right.distributions[metric]
                for metric, one in left.distributions.items()
            },
            spreads={key: one + right.spreads[key] for key, one in left.spreads.items()},
            waits={key: one + right.waits[key] for key, one in left.waits.items()},
            capped=left.capped + right.capped,
        )

    def answer(self, partial: Seen) -> VariantSummariesAnswer:
        """Put the days in order."""
        daily = {key: partial.daily[key] for key in sorted(partial.daily)}
        unplanned = {key: partial.unplanned[key] for key in sorted(partial.unplanned)}
        seen = replace(
            partial, daily=MappingProxyType(daily), unplanned=MappingProxyType(unplanned)
        )
        return VariantSummariesAnswer(question=self, seen=seen)

    def _spread(
        self, numbers: UnitNumbers, variant: Whole, final: NDArray[np.bool_] | None
    ) -> Spread:
        """Count the numbers of the units whose window is over, within each variant."""
        counted = np.ones(len(variant), bool) if final is None else final
        below = None
        if numbers.observed is not None:
            seen = numbers.observed
            of = np.where(counted[seen.unit], variant[seen.unit], -1)
            above = seen.value
        else:
            above, of = numbers.columns[0], np.where(counted, variant, -1)
            if numbers.is_ratio:
                below = numbers.columns[1]
                of = np.where(below > 0, of, -1)

        def by_variant(values: NDArray[np.float64]) -> tuple[Distribution, ...]:
            return tuple(
                Distribution.of(values[of == nth], rounds=DIGITS)
                for nth in range(len(self.variants))
            )

        return Spread(by_variant(above), None if below is None else by_variant(below))

    def _reads_since(self) -> datetime | None:
        if VISITOR in self.by:
            return None
        return earlier(self.since, timedelta(seconds=self.covariate_s))

    def _reads_until(self) -> datetime | None:
        windows = [metric.window_s for metric in self.metrics]
        longest = max((window for window in windows if window is not None), default=0)
        if None in windows:
            return None
        return later(self.until, timedelta(seconds=longest + 1))

    def _reading(self) -> Reading:
        return Reading.of(
            self.metrics,
            experiment=self.experiment,
            since=self.since,
            until=self.until,
            dimensions={nth: name for nth, name in enumerate(self.by) if name != VISITOR},
            unit_id="" if self.unit is Unit.PERSON else f"{self.unit.value}_id",
            every_row=VISITOR in self.by,
        )

    def _labels(
        self, found: Exposed, chosen: NDArray[np.bool_], days: Whole, acts: Acts
    ) -> list[Labels]:
        """Give every unit's value of each dimension, and its day at the end where wanted."""
        labels = []
        first = found.first[chosen]
        for nth, dimension in enumerate(self.by):
            if dimension == VISITOR:
                seen = local_days(first_seen(acts) // 1000, self.time_zone)
                labels.append(Labels((seen < days).astype(np.int64), ("new", "returning")))
            else:
                labels.append(Labels(*texts(found.seen, f"value_{nth}", first)))
        if self.by_day:
            titles, codes = np.unique(days, return_inverse=True)
            labels.append(Labels(codes, tuple(titles.tolist())))
        return labels

    def _finals(self, first_us: Whole) -> Mapping[int | None, NDArray[np.bool_] | None]:
        """Say per window whose number is final; None where everybody's is."""
        found: dict[int | None, NDArray[np.bool_] | None] = {}
        for window_s in {metric.window_s for metric in self.metrics}:
            found[window_s] = None
            if window_s is not None:
                is_over = first_us // 1000 + window_s * 1000 < epoch_ms(self.as_of)
                found[window_s] = None if is_over.all() else is_over
        return found

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
        if self.covariate_s < 0:
            found.append("the covariate's window is negative")
        if not all(name and is_text(name) for name in self.by):
            found.append("a dimension has no name")
        if len(set(self.by)) < len(self.by) or len(self.by) > MOST_DIMENSIONS:
            found.append(f"it has a dimension twice, or more than {MOST_DIMENSIONS}")
        if self.max_rows < 1:
            found.append("an answer has at least one value of a dimension")
        kinds = {metric.key: metric.kind for metric in self.metrics}
        found += [reason for cap in self.caps for reason in _cap_obstacles(cap, kinds)]
        if len({cap.metric for cap in self.caps}) < len(self.caps):
            found.append("a metric has two caps")
        found += [
            f"the distribution of {key[:60]!r}, which is no metric of it, is wanted"
            for key in (*self.distributions, *self.spreads)
            if key not in kinds
        ]
        for each in self.thresholds:
            named = f"the threshold of {each.metric[:60]!r}"
            if kinds.get(each.metric) is not MetricKind.QUANTILE:
                found.append(f"{named} is of no quantile of it")
            if len(each.values) != len(self.variants):
                found.append(f"{named} has not one value for each variant")
        return found + period_obstacles(self.since, self.until)


def _daily(days: Whole, variant: Whole, variants: tuple[str, ...]) -> dict[tuple[date, str], int]:
    found: dict[tuple[date, str], int] = {}
    for nth, title in enumerate(variants):
        which, units = np.unique(days[variant == nth], return_counts=True)
        for day, count in zip(which.tolist(), units.tolist(), strict=True):
            found[_EPOCH + timedelta(days=day), title] = count
    return found


_EPOCH = date(1970, 1, 1)

Key = TypeVar("Key")


def _added(left: Mapping[Key, int], right: Mapping[Key, int]) -> dict[Key, int]:
    return {key: left.get(key, 0) + right.get(key, 0) for key in {**left, **right}}


def _cap_obstacles(cap: Cap, kinds: Mapping[str, MetricKind]) -> list[str]:
    named = f"the cap of {cap.metric[:60]!r}"
    kind = kinds.get(cap.metric)
    if kind is None:
        return [f"{named} is of no metric of it"]
    found = []
    if kind.is_share:
        found.append(f"{named} would change nothing: a proportion is 0 or 1 for everybody")
    elif not kind.adds_up:
        found.append(f"{named} is of a {kind.value}, which no single unit decides")
    if not all(math.isfinite(most) and most > 0 for most in (cap.most, cap.below or 1.0)):
        found.append(f"{named} is not above 0")
    if cap.below is not None and kind is not MetricKind.RATIO:
        found.append(f"{named} has one for a denominator that there is not")
    return found


def _cap(given: Mapping[str, object], _context: Context) -> Cap:
    members = Members(given)
    return Cap(
        metric=members.get("metric", ""),
        most=members.get("most", 0.0),
        below=members.maybe("below", float),
    )


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
        unit=members.get("unit", Unit.PERSON),
        covariate_s=members.get("covariate", 0),
        by=members.get("by", ()),
        by_day=members.get("by_day", False),
        max_rows=members.get("max_rows", 20),
        caps=members.get("caps", ()),
        distributions=members.get("distributions", ()),
        spreads=members.get("spreads", ()),
    )


def _limit() -> Form[float]:
    """Take a number above 0."""

    def read(value: object, place: str, _context: Context, mistakes: Mistakes) -> float | None:
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
            return float(value)
        mistakes.add(place, "is not a number above 0")
        return None

    return Form({"type": "number", "exclusiveMinimum": 0}, read)


CAP: Final = record(
    _cap,
    {
        "metric": Field(text(), "Its key.", required=True),
        "most": Field(_limit(), "In the metric's unit.", required=True),
        "below": Field(_limit(), "The same of a ratio's denominator."),
    },
)
FORM: Final = record(
    _variant_summaries,
    {
        "experiment": Field(text(), "Its key, as exposures name it.", required=True),
        "variants": Field(list_of(text(), least=1, most=50), "In order.", required=True),
        "metrics": Field(list_of(UNIT_METRIC, least=1, most=100), "What to sum up.", required=True),
        "unit": Field(one_of(Unit), "What a variant was drawn for; `person` when left out."),
        "covariate": Field(duration(), "What units did so long before; none when left out."),
        "by": Field(
            list_of(text(), most=MOST_DIMENSIONS),
            "Dimensions and properties of the first exposure, and `visitor`: new or returning.",
        ),
        "by_day": Field(yes_or_no(), "By the day of first exposure as well."),
        "max_rows": Field(whole(least=1, most=1000), "Values per dimension."),
        "caps": Field(list_of(CAP, most=100), "The most that a unit counts."),
        "distributions": Field(list_of(text(), most=100), "Metrics whose percentiles to give."),
        "spreads": Field(list_of(text(), most=100), "The same, within each variant."),
        "since": SINCE,
        "until": UNTIL,
        "as_of": AS_OF,
        "time_zone": ZONE,
    },
)
"""How it stands in JSON."""
