"""Per metric and variant of an experiment: the moments of the units first exposed in a period."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.dimensions import Placeholders, text_of
from truelift.questions.distribution import Distribution
from truelift.questions.document import Json, epoch_ms
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
from truelift.questions.matching import BadQuestion, Events, candidates, is_text
from truelift.questions.members import AS_OF, METRIC, SINCE, UNTIL, ZONE, Members
from truelift.questions.metric import Counted, Metric, MetricKind
from truelift.questions.period import between, earlier, later, period_obstacles
from truelift.questions.question import Scan
from truelift.questions.table import integers
from truelift.questions.variant_cells import KEPT, Grouping, Labels, Layout, Vectors
from truelift.questions.variant_units import (
    Acts,
    Exposed,
    Keys,
    before,
    counted_by_title,
    exposed,
    first_seen,
    local_days,
    texts,
    units_of_rows,
    within,
)
from truelift.questions.zone import is_zone
from truelift.stats.summary import (
    CovariateRatioSummary,
    CovariateSummary,
    ProportionSummary,
    RatioSummary,
    Summary,
)


Sample = Summary | ProportionSummary | RatioSummary
Covaried = CovariateSummary | CovariateRatioSummary
Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]

VISITOR: Final = "visitor"
"""Whether a unit was first seen on an earlier day than its exposure, `returning`, or `new`."""

MOST_DIMENSIONS: Final = 20
_NTH_MARK: Final = 31
"""Marks that a column of 32 bits holds."""


class Unit(StrEnum):
    """What an experiment draws a variant for.

    `PERSON`: all visitors and users that are one human. `VISITOR`: each device of a person
    apart. `USER`: each user, from exposures that name one.
    """

    PERSON = "person"
    VISITOR = "visitor"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that a unit's number counts as, so that no single order decides.

    Attributes:
        metric: Its key.
        most: In the metric's unit; holds in all variants, and before the exposure as well.
        below: The same of a ratio's denominator; None: none.
    """

    metric: str
    most: float
    below: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one bucket, or several, tell about an experiment.

    Attributes:
        question: What was asked.
        whole: Everybody, and every dimension as asked, and the days where they were.
        groups: By dimension.
        days: Days of the site as titles, since 1970; None where not asked.
        immature: Per metric, units whose window is still open, left out of its samples.
        before: Per metric and variant, units with an event of it before their exposure.
        daily: Per day of the site and variant, units first exposed on it.
        crossovers: Units that saw more than one variant in the period.
        by_merge: Those among them that did only because two persons became one.
        unplanned: Per variant that the experiment does not name, its units.
        unnamed: Persons whose exposures name no visitor or user, where such is the unit.
        distributions: By metric, where asked.
    """

    question: VariantSummaries = field(repr=False)
    whole: Grouping
    groups: tuple[Grouping, ...]
    days: Grouping | None
    immature: Mapping[str, int]
    before: Whole
    daily: Mapping[tuple[date, str], int]
    crossovers: int
    by_merge: int
    unplanned: Mapping[str, int]
    unnamed: int
    distributions: Mapping[str, Distribution]

    @property
    def units(self) -> Mapping[str, int]:
        """Per variant, units first exposed to it; crossovers are left out."""
        return dict(zip(self.question.variants, self.whole.units.tolist(), strict=True))

    @property
    def samples(self) -> Mapping[str, Mapping[str, Sample]]:
        """Per metric and variant, over the units whose window is over."""
        return {
            metric.key: {
                variant: _sample(metric.kind, vectors, cell)
                for cell, variant in enumerate(self.question.variants)
            }
            for metric, vectors in zip(self.question.metrics, self.whole.metrics, strict=True)
        }


@dataclass(frozen=True, slots=True)
class Cell:
    """A metric of the units of one variant that share a value of a dimension, or a day.

    Attributes:
        dimension: Which; `day` for days.
        value: None where a unit had none, and for several values together.
        others: How many values these are together; 0 for one.
        metric: Its key.
        variant: Which.
        units: All of them, those with an open window included.
        sample: Of the ones whose window is over.
        covariate: The same with what they did before; None where that was not asked.
    """

    dimension: str
    value: str | None
    others: int
    metric: str
    variant: str
    units: int
    sample: Sample
    covariate: Covaried | None

    def document(self) -> dict[str, Json]:
        """Write it as a row."""
        found: dict[str, Json] = {"dimension": self.dimension, "by": {self.dimension: self.value}}
        if self.others:
            found["others"] = self.others
        return {
            **found,
            "metric": self.metric,
            "variant": self.variant,
            "units": self.units,
            **moments(self.sample),
            **before_moments(self.covariate),
        }


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
    def covariates(self) -> Mapping[str, Mapping[str, Covaried]]:
        """By metric and variant, with what units did before; empty where it was not asked."""
        question = self.question
        if not question.covariate_s:
            return {}
        return {
            metric.key: {
                variant: _covaried(metric.kind, vectors, cell)
                for cell, variant in enumerate(question.variants)
            }
            for metric, vectors in zip(question.metrics, self.seen.whole.metrics, strict=True)
        }

    @property
    def crossovers(self) -> int:
        """Units that saw more than one variant and are left out."""
        return self.seen.crossovers

    @property
    def daily(self) -> Mapping[tuple[date, str], int]:
        """Units first exposed, by day of the site and variant, in the order of the days."""
        return self.seen.daily

    def cells(self, dimension: str) -> tuple[Cell, ...]:
        """Give a dimension's cells, the largest values first and the rest together last."""
        grouping = self.seen.groups[self.question.by.index(dimension)]
        ranked = grouping.ranked()
        shown = ranked[: self.question.max_rows]
        rest = [place for place, _ in enumerate(grouping.titles) if place not in set(shown)]
        cells: list[Cell] = []
        for place in shown:
            title = grouping.titles[place]
            value = title if isinstance(title, str) else None
            cells += self._cells(grouping, place, dimension=dimension, value=value)
        others = len(ranked) - len(shown) + len(grouping.folded)
        if others:
            together = grouping.together(rest)
            cells += self._cells(together, 0, dimension=dimension, value=None, others=others)
        return tuple(cells)

    @property
    def by_day(self) -> tuple[Cell, ...]:
        """The cells of the days of first exposure, in order; none where they were not asked."""
        grouping = self.seen.days
        if grouping is None:
            return ()
        places = {title: place for place, title in enumerate(grouping.titles)}
        return tuple(
            cell
            for day in sorted(title for title in places if isinstance(title, int))
            for cell in self._cells(
                grouping,
                places[day],
                dimension="day",
                value=(_EPOCH + timedelta(days=day)).isoformat(),
            )
        )

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        seen, question = self.seen, self.question
        rows: list[Json] = [
            self._row(nth, metric, cell, variant)
            for nth, metric in enumerate(question.metrics)
            for cell, variant in enumerate(question.variants)
        ]
        found: dict[str, Json] = {
            "question": question.name,
            "experiment": question.experiment,
            "unit": question.unit.value,
            "covariate_s": question.covariate_s or None,
            "rows": rows,
            "units": dict(seen.units),
            "crossovers": seen.crossovers,
            "crossovers_by_merge": seen.by_merge,
            "unplanned": dict(seen.unplanned),
            "immature": dict(seen.immature),
            "daily": [
                {"day": day.isoformat(), "variant": variant, "units": units}
                for (day, variant), units in seen.daily.items()
            ],
        }
        if question.unit is not Unit.PERSON:
            found["unnamed"] = seen.unnamed
        if question.by:
            found["cells"] = [
                cell.document() for dimension in question.by for cell in self.cells(dimension)
            ]
        if question.by_day:
            found["days"] = [cell.document() for cell in self.by_day]
        if question.distributions:
            found["distributions"] = [
                {"metric": metric, **seen.distributions[metric].document()}
                for metric in question.distributions
            ]
        return found

    def _row(self, nth: int, metric: Metric, cell: int, variant: str) -> dict[str, Json]:
        vectors = self.seen.whole.metrics[nth]
        found: dict[str, Json] = {"metric": metric.key, "variant": variant}
        found |= moments(_sample(metric.kind, vectors, cell))
        if self.question.covariate_s:
            found |= before_moments(_covaried(metric.kind, vectors, cell))
            found["pre_units"] = int(self.seen.before[nth, cell])
        return found

    def _cells(
        self,
        grouping: Grouping,
        place: int,
        *,
        dimension: str,
        value: str | None,
        others: int = 0,
    ) -> Iterator[Cell]:
        question = self.question
        for metric, vectors in zip(question.metrics, grouping.metrics, strict=True):
            for nth, variant in enumerate(question.variants):
                cell = place * len(question.variants) + nth
                yield Cell(
                    dimension=dimension,
                    value=value,
                    others=others,
                    metric=metric.key,
                    variant=variant,
                    units=int(grouping.units[cell]),
                    sample=_sample(metric.kind, vectors, cell),
                    covariate=(
                        _covaried(metric.kind, vectors, cell) if question.covariate_s else None
                    ),
                )


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

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="experiment", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "variant_summaries"

    def scan(self) -> Scan:
        """Read the exposures, and one narrow row of each event that may count.

        There is no ORDER BY: rows come in the order of the files, `partial` puts units in
        order of their keys, and sorting all rows would cost more than all the rest.
        """
        values = Placeholders()
        columns = {"person": "person", "at_us": "epoch_us(occurred_at)"}
        if self.unit is not Unit.PERSON:
            id_ = f"{self.unit.value}_id"
            key = f"(hash(person, {id_}) >> 1)::BIGINT"
            columns["unit_key"] = f"CASE WHEN {id_} IS NOT NULL THEN {key} END"
        shown = {"shown": "variant", "who": "(hash(coalesce(visitor_id, user_id)) >> 1)::BIGINT"}
        for nth, dimension in enumerate(self.by):
            if dimension != VISITOR:
                shown[f"value_{nth}"] = text_of(dimension, values)
        features = self._features()
        counted: dict[str, str] = {}
        marks: dict[str, dict[int, Events]] = {}
        for feature, (column, bit) in features.items():
            if feature.amount is None:
                marks.setdefault(column, {})[bit] = feature.events
            else:
                is_it, number = feature.events.sql(values), feature.amount.sql(values)
                counted[column] = f"CASE WHEN {is_it} THEN {number} END"
        for column, sets in marks.items():
            counted[column] = f"({_mark(sets, values)})::INTEGER"
        wanted = "true"
        if VISITOR not in self.by:
            wanted = candidates([feature.events for feature in features], values)
        return Scan(
            sql=f"""
            SELECT {_named({**columns, **shown, **dict.fromkeys(marks, "0")})} FROM events
            WHERE experiment = {values.add(self.experiment)} AND variant IS NOT NULL
                AND {between(self.since, self.until, values)}
            UNION ALL BY NAME
            SELECT {_named({**columns, **counted})} FROM events WHERE {wanted}
            """,
            parameters=values.values,
            since=self._reads_since(),
            until=self._reads_until(),
        )

    def partial(self, rows: pa.Table) -> Seen:
        """Summarise the units of one bucket."""
        keys, at_us = Keys.of(rows), integers(rows, "at_us")
        found = exposed(rows, keys, at_us)
        known = {title: nth for nth, title in enumerate(self.variants)}
        planned = np.array([known.get(title, -1) for title in found.titles], np.int64)
        variant = planned[found.variant] if len(planned) else found.variant
        chosen = ~found.crossed & (variant >= 0)
        acts = _acts(rows, keys, at_us, found, chosen)
        variant, first_us = variant[chosen], found.first_us[chosen]
        days = local_days(first_us, self.time_zone)
        labels = self._labels(found.seen, found.first[chosen], days, acts, at_us, first_us)
        layout = Layout.of(variant, len(self.variants), labels)
        finals = self._finals(first_us)
        wholes: list[Vectors] = []
        parts: list[dict[int, Vectors]] = []
        past = np.zeros((len(self.metrics), len(self.variants)), np.int64)
        distributions = {}
        for nth, metric in enumerate(self.metrics):
            columns, had = self._numbers(metric, acts)
            final = finals[metric.window_s]
            vectors, part = layout.moments(columns, final)
            wholes.append(vectors)
            parts.append(part)
            if had is not None:
                counted = had if final is None else had & final
                past[nth] = np.bincount(variant[counted], minlength=len(self.variants))
            if metric.key in self.distributions:
                of_all = columns[0] if final is None else columns[0][final]
                distributions[metric.key] = Distribution.of(of_all)
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
                metric.key: 0 if final is None else int(np.count_nonzero(~final))
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
        )

    def answer(self, partial: Seen) -> VariantSummariesAnswer:
        """Put the days in order."""
        daily = {key: partial.daily[key] for key in sorted(partial.daily)}
        unplanned = {key: partial.unplanned[key] for key in sorted(partial.unplanned)}
        seen = replace(
            partial, daily=MappingProxyType(daily), unplanned=MappingProxyType(unplanned)
        )
        return VariantSummariesAnswer(question=self, seen=seen)

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

    def _features(self) -> Mapping[Counted, tuple[str, int]]:
        """Name where the scan says of a row that it counts: a bit of a mark, or a number (-1)."""
        found: dict[Counted, tuple[str, int]] = {}
        marks = amounts = 0
        for metric in self.metrics:
            for counted in _counted(metric):
                if counted in found:
                    continue
                if counted.amount is None:
                    found[counted] = f"marks_{marks // _NTH_MARK}", marks % _NTH_MARK
                    marks += 1
                else:
                    found[counted] = f"number_{amounts}", -1
                    amounts += 1
        return found

    def _labels(
        self,
        shown: pa.Table,
        first: Whole,
        days: Whole,
        acts: Acts,
        at_us: Whole,
        first_us: Whole,
    ) -> list[Labels]:
        """Give every unit's value of each dimension, and its day at the end where wanted."""
        found = []
        for nth, dimension in enumerate(self.by):
            if dimension == VISITOR:
                seen = local_days(first_seen(acts, at_us, first_us), self.time_zone)
                found.append(Labels((seen < days).astype(np.int64), ("new", "returning")))
            else:
                found.append(Labels(*texts(shown, f"value_{nth}", first)))
        if self.by_day:
            titles, codes = np.unique(days, return_inverse=True)
            found.append(Labels(codes, tuple(titles.tolist())))
        return found

    def _finals(self, first_us: Whole) -> Mapping[int | None, NDArray[np.bool_] | None]:
        """Say per window whose number is final; None where everybody's is."""
        found: dict[int | None, NDArray[np.bool_] | None] = {}
        for window_s in {metric.window_s for metric in self.metrics}:
            found[window_s] = None
            if window_s is not None:
                is_over = first_us // 1000 + window_s * 1000 < epoch_ms(self.as_of)
                found[window_s] = None if is_over.all() else is_over
        return found

    def _numbers(
        self, metric: Metric, acts: Acts
    ) -> tuple[list[Numbers], NDArray[np.bool_] | None]:
        """Give a metric's numbers of every unit, and who had an event of it before."""
        features = self._features()
        after: list[Numbers] = []
        past: list[Numbers] = []
        had: NDArray[np.bool_] | None = None
        cap = next((cap for cap in self.caps if cap.metric == metric.key), None)
        limits = (cap.most, cap.below) if cap else (None, None)
        for counted, limit in zip(_counted(metric), limits, strict=False):
            unit, after_us, amounts = acts.of(*features[counted])

            def number(
                chosen: NDArray[np.bool_],
                unit: Whole = unit,
                amounts: Numbers | None = amounts,
                limit: float | None = limit,
            ) -> Numbers:
                made = _of_units(
                    metric.kind, unit[chosen], amounts if amounts is None else amounts[chosen], acts
                )
                return made if limit is None else np.minimum(made, limit)

            after.append(number(within(after_us, metric.window_s)))
            if self.covariate_s:
                earlier_ones = before(after_us, self.covariate_s)
                past.append(number(earlier_ones))
                had = np.zeros(acts.units, dtype=bool) if had is None else had
                had[unit[earlier_ones]] = True
        return [*after, *past], had

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
            for key in self.distributions
            if key not in kinds
        ]
        return found + period_obstacles(self.since, self.until)


def _named(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in columns.items())


def _mark(sets: Mapping[int, Events], values: Placeholders) -> str:
    """Give the SQL of a row's mark: the bits of the sets of events that it is in.

    Sets that are names alone, as nearly all are, cost one comparison a name together.
    """
    by_name: dict[str, int] = {}
    parts = []
    for bit, events in sets.items():
        if events.where or not events.names:
            parts.append(f"CASE WHEN {events.sql(values)} THEN {1 << bit} ELSE 0 END")
            continue
        for name in set(events.names):
            by_name[name] = by_name.get(name, 0) | 1 << bit
    if by_name:
        whens = [f"WHEN {values.add(name)} THEN {mark}" for name, mark in by_name.items()]
        parts.append(f"CASE event {' '.join(whens)} ELSE 0 END")
    return " | ".join(parts)


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


def before_moments(sample: Covaried | None) -> dict[str, Json]:
    """Write what a covariate adds to a sample's statistics."""
    match sample:
        case None:
            return {}
        case CovariateSummary():
            return {
                "pre_mean": sample.pre_mean if sample.n else None,
                "pre_m2": sample.pre_m2,
                "pre_cross": sample.pre_cross,
            }
        case CovariateRatioSummary():
            products = sample.products
            return {
                "pre_mean": sample.means[2] if sample.n else None,
                "pre_m2": products[2][2],
                "pre_cross": products[0][2],
                "pre_den_mean": sample.means[3] if sample.n else None,
                "pre_den_m2": products[3][3],
                "pre_den_cross": products[0][3],
                "den_pre_cross": products[1][2],
                "den_pre_den_cross": products[1][3],
                "pre_pre_den_cross": products[2][3],
            }


def _counted(metric: Metric) -> tuple[Counted, ...]:
    """Give what a metric counts: one set of events, or a ratio's two; without an unused amount."""
    sets = [metric.counted, *([metric.below] if metric.below else [])]
    if metric.kind in {MetricKind.PROPORTION, MetricKind.COUNT}:
        sets = [Counted(each.events) for each in sets]
    return tuple(sets)


def _of_units(kind: MetricKind, unit: Whole, amounts: Numbers | None, acts: Acts) -> Numbers:
    """Make one number of each unit's events."""
    if kind is MetricKind.PROPORTION:
        found = np.zeros(acts.units)
        found[unit] = 1.0
        return found
    total = np.bincount(unit, amounts, acts.units).astype(np.float64)
    if kind is MetricKind.MEAN:
        total /= np.maximum(np.bincount(unit, minlength=acts.units), 1)
    return total


def _acts(
    rows: pa.Table, keys: Keys, at_us: Whole, found: Exposed, chosen: NDArray[np.bool_]
) -> Acts:
    """Lay out what the chosen units did."""
    numbered = np.where(chosen, np.cumsum(chosen) - 1, -1)
    place = units_of_rows(keys, found)
    unit = np.where(place >= 0, numbered[place], -1) if len(numbered) else place
    is_whole = not (len(unit) and unit.min() < 0)
    first_us = found.first_us[chosen]
    # A row of nobody is given some unit's instant here and left out wherever it would count.
    after_us = at_us - first_us[unit] if len(first_us) else np.zeros(len(unit), np.int64)
    return Acts(rows, is_whole, unit, after_us, len(first_us))


def _sample(kind: MetricKind, vectors: Vectors, cell: int) -> Sample:
    """Give a cell's units as statistics take them."""
    n, total, about = int(vectors.n[cell]), vectors.total[cell].tolist(), vectors.about[cell]
    some = max(n, 1)
    match kind:
        case MetricKind.PROPORTION:
            return ProportionSummary(n=n, successes=round(total[0]))
        case MetricKind.RATIO:
            return RatioSummary(
                n=n,
                mean=total[0] / some,
                m2=float(about[0, 0]),
                den_mean=total[1] / some,
                den_m2=float(about[1, 1]),
                cross=float(about[0, 1]),
            )
        case _:
            return Summary(n=n, mean=total[0] / some, m2=float(about[0, 0]))


def _covaried(kind: MetricKind, vectors: Vectors, cell: int) -> Covaried:
    """Give the same with what the units did before."""
    n, about = int(vectors.n[cell]), vectors.about[cell].tolist()
    means = [total / max(n, 1) for total in vectors.total[cell].tolist()]
    if kind is MetricKind.RATIO:
        above, below, pre_above, pre_below = means
        return CovariateRatioSummary(
            n=n,
            means=(above, below, pre_above, pre_below),
            products=tuple(tuple(row) for row in about),
        )
    return CovariateSummary(
        n=n,
        mean=means[0],
        m2=about[0][0],
        pre_mean=means[1],
        pre_m2=about[1][1],
        pre_cross=about[0][1],
    )


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
    if kind is MetricKind.PROPORTION:
        found.append(f"{named} would change nothing: a proportion is 0 or 1 for everybody")
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
        "metrics": Field(list_of(METRIC, least=1, most=100), "What to sum up.", required=True),
        "unit": Field(one_of(Unit), "What a variant was drawn for; `person` when left out."),
        "covariate": Field(duration(), "What units did so long before their exposure; none when left out."),
        "by": Field(
            list_of(text(), most=MOST_DIMENSIONS),
            "Dimensions and properties of the first exposure, and `visitor`: new or returning.",
        ),
        "by_day": Field(yes_or_no(), "By the day of first exposure as well."),
        "max_rows": Field(whole(least=1, most=1000), "Values per dimension."),
        "caps": Field(list_of(CAP, most=100), "The most that a unit counts."),
        "distributions": Field(list_of(text(), most=100), "Metrics whose percentiles to give."),
        "since": SINCE,
        "until": UNTIL,
        "as_of": AS_OF,
        "time_zone": ZONE,
    },
)
"""How it stands in JSON."""
