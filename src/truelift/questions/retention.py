"""Who comes back after a first event, and what they are worth then, cohort by cohort."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.dimensions import INDEXED, Placeholders, text_of
from truelift.questions.document import Json, epoch_ms, instant
from truelift.questions.forms import Context, Field, one_of, record, text, whole
from truelift.questions.matching import BadQuestion, Events, candidates, is_text
from truelift.questions.members import (
    AMOUNT,
    AS_OF,
    EVENTS,
    ROWS,
    SINCE,
    UNTIL,
    ZONE,
    Members,
)
from truelift.questions.metric import Amount, AmountKind
from truelift.questions.period import AT_MS, between, earlier, later, period_obstacles
from truelift.questions.question import Scan, Sequence, Tie
from truelift.questions.table import codes, integers, numbers, small_integers
from truelift.questions.tallies import Ranked, Tallies
from truelift.questions.zone import day_begins, is_zone, local_day
from truelift.sequences.cells import Cells
from truelift.sequences.retention import COHORT, RETURN, Cohorts, retention


MOST_COHORTS: Final = 1000
"""Older cohorts are left out when no `since` is given, and refused when it is."""

MOST_INTERVALS: Final = 366

MOST_CELLS: Final = 250_000
"""Of all triangles of an answer; more can be neither drawn nor read."""


class Interval(StrEnum):
    """How long an interval is; weeks begin on Monday, days at local midnight."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Membership(StrEnum):
    """Which cohorts a person is in.

    `FIRST`: that of the first cohort event they ever had. `RECURRING`: that of every
    interval in which they had one.
    """

    FIRST = "first"
    RECURRING = "recurring"


class Returned(StrEnum):
    """When a person counts as having come back in interval k.

    `IN`: with a return event in k. `IN_OR_LATER`: in k or any later interval.
    """

    IN = "in"
    IN_OR_LATER = "in_or_later"


class Clock(StrEnum):
    """Where intervals begin.

    `CALENDAR`: with the days, weeks and months of the site. `OWN`: with each person's
    first event; a day is then 24 hours and a week seven of them.
    """

    CALENDAR = "calendar"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cohort did in one interval.

    Attributes:
        interval: From 0, the cohort's own.
        people: Of the cohort; in a curve, of all cohorts that are counted here.
        returned: Those who came back; None while the interval is not over for all.
        amount: What returns in the interval were worth; None as above, or not asked.
        cumulative: The same from interval 0 to this one.
        cohorts: How many are counted here.
    """

    interval: int
    people: int
    returned: int | None
    amount: float | None
    cumulative: float | None
    cohorts: int = 1

    @property
    def rate(self) -> float | None:
        """Share that came back; None of nobody."""
        return _each(self.returned, self.people)


@dataclass(frozen=True, slots=True)
class CohortRow:
    """A cohort.

    Attributes:
        value: Of the dimension.
        others: How many more values are here together; 0 for one.
        day: Local date on which its interval begins.
        begins: That instant.
        people: In it, so far.
        is_complete: Whether its interval is over, so that nobody joins it any more.
        cells: One an interval, the immature ones included.
    """

    value: str | None
    others: int
    day: date
    begins: datetime
    people: int
    is_complete: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """All cohorts together, each interval over those for which it is over.

    Attributes:
        value: Of the dimension.
        others: How many more values are here together; 0 for one.
        people: In all cohorts.
        cells: One an interval.
    """

    value: str | None
    others: int
    people: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class RetentionAnswer:
    """The triangle of cohorts and intervals, and a curve for every group."""

    question: Retention
    rows: tuple[CohortRow, ...]
    curves: tuple[Curve, ...]

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask retention --json`."""
        question = self.question
        rows: list[Json] = [
            {
                **self._group(row),
                "cohort": row.day.isoformat(),
                "begins": instant(row.begins),
                "people": row.people,
                "complete": row.is_complete,
                "cells": [self._cell(cell) for cell in row.cells],
            }
            for row in self.rows
        ]
        curves: list[Json] = [
            {
                **self._group(curve),
                "people": curve.people,
                "cells": [
                    {**self._cell(cell), "people": cell.people, "cohorts": cell.cohorts}
                    for cell in curve.cells
                ],
            }
            for curve in self.curves
        ]
        return {
            "question": question.name,
            "semantics": question.semantics(),
            "rows": rows,
            "curves": curves,
        }

    def _group(self, group: CohortRow | Curve) -> dict[str, Json]:
        by: dict[str, Json] = {"by": {self.question.by: group.value} if self.question.by else {}}
        return {**by, "others": group.others} if group.others else by

    def _cell(self, cell: Cell) -> dict[str, Json]:
        row: dict[str, Json] = {
            "interval": cell.interval,
            "returned": cell.returned,
            "rate": cell.rate,
            "immature": cell.returned is None,
        }
        amount = self.question.amount
        if amount is None:
            return row
        exact = amount.kind is AmountKind.MONEY

        def total(number: float | None) -> Json:
            return int(number) if exact and number is not None else number

        return {
            **row,
            "amount": total(cell.amount),
            "amount_per_person": _each(cell.amount, cell.people),
            "cumulative": total(cell.cumulative),
            "cumulative_per_person": _each(cell.cumulative, cell.people),
        }


@dataclass(frozen=True, slots=True)
class Retention:
    """Cohorts of people over one site, and how many of them come back when.

    Attributes:
        cohort: The event that puts a person into a cohort.
        returns: The event that counts as coming back; the same one may be both.
        as_of: Nothing at or after this counts; intervals that end later are immature.
        interval: How long a cohort and its intervals are.
        membership: See `Membership`.
        returned: See `Returned`; amounts are always those of the interval itself.
        clock: See `Clock`.
        intervals: The last one, counted from 0.
        amount: What returns are worth, or None.
        by: Dimension or property of the cohort event to group by.
        since: The event that puts a person into a cohort happened at or after this.
        until: And before this.
        time_zone: Whose days, weeks and months.
        max_groups: Smaller groups beyond this many are put together.

    Source:
        docs/methods/retention.md.
    """

    cohort: Events
    returns: Events
    as_of: datetime
    interval: Interval = Interval.WEEK
    membership: Membership = Membership.FIRST
    returned: Returned = Returned.IN
    clock: Clock = Clock.CALENDAR
    intervals: int = 12
    amount: Amount | None = None
    by: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    time_zone: str = "UTC"
    max_groups: int = 20

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="question about retention", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "retention"

    def semantics(self) -> dict[str, Json]:
        """Say what the numbers mean."""
        calendar = _Calendar.of(self)
        amount: dict[str, Json] = {}
        if self.amount is not None:
            amount = {"amount": self.amount.kind.value}
            if self.amount.kind is AmountKind.MONEY:
                amount["currency"] = self.amount.currency
        return {
            "cohort": self.cohort.title,
            "return": self.returns.title,
            "interval": self.interval.value,
            "cohorts": self.membership.value,
            "returned": self.returned.value,
            "clock": self.clock.value,
            "interval_s": None if self.own_ms is None else self.own_ms // 1000,
            "time_zone": self.time_zone,
            "oldest_cohort": calendar.day(0).isoformat(),
            "as_of": instant(self.as_of),
            **amount,
        }

    @property
    def own_ms(self) -> int | None:
        """Length of a person's own intervals; None for those of the calendar."""
        if self.clock is Clock.CALENDAR:
            return None
        return 86_400_000 * (7 if self.interval is Interval.WEEK else 1)

    def scan(self) -> Scan:
        """Read the events of cohorts, the first ones ever included, and of returns."""
        values = Placeholders()
        calendar = _Calendar.of(self)
        # Whoever has an earlier first event is in no cohort here, so it must be read.
        since = None
        if self.membership is Membership.RECURRING:
            since = calendar.begins(0) if self.since is None else self.since
        until = calendar.reads_until(self)
        joins = self.cohort.sql(values)
        columns, tie = "", ""
        extra = ""
        if self.amount is not None:
            columns += ", amount"
            extra += f", {self.amount.sql(values)} AS amount"
        if self.by:
            columns += ", grouped"
            tie += ", grouped"
            extra += f", CASE WHEN {joins} THEN {text_of(self.by, values)} END AS grouped"
        return Scan(
            sql=f"""
            SELECT person, at_ms, kind{columns}
            FROM (
                SELECT
                    person,
                    {AT_MS} AS at_ms,
                    ({joins}::TINYINT * {COHORT} + {self.returns.sql(values)}::TINYINT * {RETURN})
                        ::TINYINT AS kind
                    {extra}
                FROM events
                WHERE {candidates([self.cohort, self.returns], values)}
                    AND {between(since, until, values)}
            )
            WHERE kind <> 0
            ORDER BY person, at_ms, kind DESC{tie}
            """,
            parameters=values.values,
            since=since,
            until=until,
            sequence=self._sequence(),
        )

    def _sequence(self) -> Sequence | None:
        """Say the same of names and indexed columns alone; anything else needs the events."""
        both = (self.cohort, self.returns)
        if self.amount is not None or any(events.where or not events.names for events in both):
            return None
        if self.by is not None and self.by not in INDEXED:
            return None
        marks = dict.fromkeys(self.returns.names, RETURN)
        marks |= {name: COHORT | marks.get(name, 0) for name in self.cohort.names}
        return Sequence(
            mark_as="kind",
            marks=marks,
            grouped=self.by,
            grouped_where=COHORT,
            ties=(Tie.MARK_DOWN, Tie.GROUPED) if self.by else (Tie.MARK_DOWN,),
        )

    def partial(self, rows: pa.Table) -> Tallies:
        """Count the cohorts of one bucket."""
        calendar = _Calendar.of(self)
        person = small_integers(rows, "person")
        group, titles = codes(rows, "grouped") if self.by else (None, [None])
        rules = Cohorts(
            edges=calendar.edges(self),
            cohorts=calendar.cohorts,
            intervals=self.intervals + 1,
            recurring=self.membership is Membership.RECURRING,
            or_later=self.returned is Returned.IN_OR_LATER,
            own_ms=self.own_ms,
            since_ms=None if self.since is None else epoch_ms(self.since),
            until_ms=None if self.until is None else epoch_ms(self.until),
        )
        width = rules.cohorts * rules.columns
        if not len(person) or not width:
            return Tallies((), max(width, 1), Cells.none())
        found = retention(
            unit=person,
            at_ms=integers(rows, "at_ms"),
            kind=small_integers(rows, "kind"),
            amount=numbers(rows, "amount") if self.amount else None,
            group=group,
            groups=len(titles),
            rules=rules,
        )
        return Tallies(tuple(titles), width, found)

    def merge(self, left: Tallies, right: Tallies) -> Tallies:
        """Add the cohorts of two buckets."""
        return left + right

    def answer(self, partial: Tallies) -> RetentionAnswer:
        """Lay out the cohorts of the largest groups, and say what is not over yet."""
        calendar = _Calendar.of(self)
        columns = self.intervals + 3
        keys = partial.cells.keys
        is_size = keys % columns == 0
        places = keys[is_size] // partial.width
        people = np.bincount(places, weights=partial.cells.counts[is_size]).astype(np.int64)
        sizes = np.flatnonzero(people)
        ranked = partial.ranked(Cells(sizes, people[sizes], np.zeros(len(sizes))), self.max_groups)
        if not ranked and not self.by:
            ranked = (Ranked(None, Cells.none()),)
        mature = calendar.mature(self)
        triangles = [(group, _Triangle.of(group.cells, self)) for group in ranked]
        shown = [0 if self.since else triangle.first for _, triangle in triangles]
        if sum(calendar.cohorts - first for first in shown) * (self.intervals + 1) > MOST_CELLS:
            reason = "its answer has too many cells; ask for fewer cohorts, intervals or groups"
            raise BadQuestion(question="question about retention", reasons=(reason,))
        rows = [
            CohortRow(
                value=group.value,
                others=group.others,
                day=calendar.day(cohort),
                begins=calendar.begins(cohort),
                people=int(triangle.people[cohort]),
                is_complete=calendar.closes(cohort, self) <= self.as_of,
                cells=triangle.cells(cohort, int(mature[cohort])),
            )
            for first, (group, triangle) in zip(shown, triangles, strict=True)
            for cohort in range(first, calendar.cohorts)
        ]
        curves = [
            Curve(
                value=group.value,
                others=group.others,
                people=int(triangle.people.sum()),
                cells=tuple(triangle.together(k, mature > k) for k in range(self.intervals + 1)),
            )
            for group, triangle in triangles
        ]
        return RetentionAnswer(self, tuple(rows), tuple(curves))

    def _obstacles(self) -> list[str]:
        found = []
        for called, events in (("cohort", self.cohort), ("return", self.returns)):
            if not events.names and not events.where:
                found.append(f"its {called} event has no name")
            found += [f"{called}: {reason}" for reason in events.obstacles()]
        if self.amount is not None:
            found += self.amount.obstacles()
        if not 1 <= self.intervals <= MOST_INTERVALS:
            found.append(f"it has {self.intervals} intervals, not 1 to {MOST_INTERVALS}")
        if self.clock is Clock.OWN and self.interval is Interval.MONTH:
            found.append("a person's own months have no fixed length; ask for days or weeks")
        if self.clock is Clock.OWN and self.membership is Membership.RECURRING:
            found.append("recurring cohorts are those of the calendar, not of a person's own clock")
        if self.by is not None and not (self.by and is_text(self.by)):
            found.append("what it is grouped by is not a name")
        if self.max_groups < 1:
            found.append("it shows no group")
        if self.as_of.tzinfo is None:
            found.append("`as_of` has no time zone")
        if not is_zone(self.time_zone):
            found.append(f"{self.time_zone[:60]!r} is not a time zone")
        found += period_obstacles(self.since, self.until)
        if not found and _Calendar.of(self).cohorts > MOST_COHORTS:
            found.append(f"it has more than {MOST_COHORTS} cohorts; narrow `since` and `until`")
        return found


def _each(total: float | None, people: int) -> float | None:
    return total / people if total is not None and people else None


@dataclass(frozen=True, slots=True, eq=False)
class _Triangle:
    """Numbers of all cohorts, `(cohorts, intervals)` but for the people."""

    people: NDArray[np.int64]
    returned: NDArray[np.int64]
    amounts: NDArray[np.float64] | None

    @classmethod
    def of(cls, cells: Cells, question: Retention) -> _Triangle:
        shape = (_Calendar.of(question).cohorts, question.intervals + 3)
        counts, amounts = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.float64)
        counts.ravel()[cells.keys], amounts.ravel()[cells.keys] = cells.counts, cells.amounts
        returned = counts[:, 1:]
        if question.returned is Returned.IN_OR_LATER:
            # Who came for the last time in k came in or after every interval up to it.
            returned = returned[:, ::-1].cumsum(axis=1)[:, ::-1]
        return cls(
            people=counts[:, 0],
            returned=returned[:, :-1],
            amounts=None if question.amount is None else amounts[:, 1:-1],
        )

    @property
    def first(self) -> int:
        """The first cohort that has anybody."""
        found = np.flatnonzero(self.people)
        return int(found[0]) if len(found) else len(self.people)

    def cells(self, cohort: int, mature: int) -> tuple[Cell, ...]:
        """Give the numbers of one cohort, whose first so many intervals are over."""
        people = int(self.people[cohort])
        returned = self.returned[cohort].tolist()
        paid, summed = _worth(None if self.amounts is None else self.amounts[cohort])
        return tuple(
            Cell(
                interval=interval,
                people=people,
                returned=came if interval < mature else None,
                amount=paid[interval] if paid and interval < mature else None,
                cumulative=summed[interval] if summed and interval < mature else None,
            )
            for interval, came in enumerate(returned)
        )

    def together(self, interval: int, mature: NDArray[np.bool_]) -> Cell:
        """Give the numbers of all cohorts together for which an interval is over."""
        over = mature & (self.people > 0)
        known = bool(over.any())
        paid, summed = _worth(None if self.amounts is None else self.amounts[over].sum(axis=0))
        return Cell(
            interval=interval,
            people=int(self.people[over].sum()),
            returned=int(self.returned[over, interval].sum()) if known else None,
            amount=paid[interval] if paid and known else None,
            cumulative=summed[interval] if summed and known else None,
            cohorts=int(over.sum()),
        )


def _worth(amounts: NDArray[np.float64] | None) -> tuple[list[float], list[float]]:
    """Give amounts one by one and added up; nothing where none were asked for."""
    return ([], []) if amounts is None else (amounts.tolist(), amounts.cumsum().tolist())


@dataclass(frozen=True, slots=True)
class _Calendar:
    """The intervals of a question, numbered from its first cohort.

    Attributes:
        interval: How long they are.
        time_zone: Whose.
        first: The first cohort, counted in intervals from 1970 (months: from year 0).
        cohorts: How many there can be.
    """

    interval: Interval
    time_zone: str
    first: int
    cohorts: int

    @classmethod
    def of(cls, question: Retention) -> _Calendar:
        interval, zone = question.interval, question.time_zone
        end = question.as_of if question.until is None else min(question.until, question.as_of)
        last = _number(local_day(earlier(end, timedelta(milliseconds=1)) or end, zone), interval)
        if question.since is None:
            return cls(interval, zone, last - MOST_COHORTS + 1, MOST_COHORTS)
        first = _number(local_day(question.since, zone), interval)
        return cls(interval, zone, first, max(last - first + 1, 0))

    def day(self, place: int) -> date:
        """Give the local date on which an interval begins."""
        days = _first_day(self.first + place, self.interval) + _EPOCH
        return date.fromordinal(min(max(days, date.min.toordinal()), date.max.toordinal()))

    def begins(self, place: int) -> datetime:
        """Give the instant at which an interval begins."""
        return day_begins(_first_day(self.first + place, self.interval), self.time_zone)

    def closes(self, cohort: int, question: Retention) -> datetime:
        """Give the instant from which nobody joins a cohort any more."""
        end = self.begins(cohort + 1)
        return end if question.until is None else min(end, question.until)

    def edges(self, question: Retention) -> NDArray[np.int64]:
        """Give the instants at which all intervals begin, and the end of the last."""
        count = self.cohorts + question.intervals + 1
        return np.array(_edges(self.interval, self.time_zone, self.first, count), dtype=np.int64)

    def reads_until(self, question: Retention) -> datetime:
        """Say before which instant events matter."""
        if question.returned is Returned.IN_OR_LATER:
            return question.as_of
        if question.own_ms is None:
            end = self.begins(self.cohorts + question.intervals)
        else:
            own = timedelta(milliseconds=question.own_ms * (question.intervals + 1))
            end = later(self.begins(self.cohorts), own) or question.as_of
        return min(end, question.as_of)

    def mature(self, question: Retention) -> NDArray[np.int64]:
        """Give how many intervals of every cohort are over for all of it."""
        as_of = epoch_ms(question.as_of)
        if question.own_ms is None:
            begun = np.searchsorted(self.edges(question), as_of, side="right") - 1
            over = begun - np.arange(self.cohorts)
        else:
            ends = [epoch_ms(self.closes(cohort, question)) for cohort in range(self.cohorts)]
            over = (as_of - np.array(ends, dtype=np.int64)) // question.own_ms
        found: NDArray[np.int64] = np.clip(over, 0, question.intervals + 1)
        return found


@lru_cache(maxsize=64)
def _edges(interval: Interval, zone: str, first: int, count: int) -> tuple[int, ...]:
    return tuple(
        epoch_ms(day_begins(_first_day(number, interval), zone))
        for number in range(first, first + count)
    )


def _number(day: int, interval: Interval) -> int:
    """Number the interval that holds a day, which is counted from 1970."""
    match interval:
        case Interval.DAY:
            return day
        case Interval.WEEK:
            # 1970 began on a Thursday.
            return (day + 3) // 7
        case Interval.MONTH:
            local = date.fromordinal(day + _EPOCH)
            return local.year * 12 + local.month - 1


def _first_day(number: int, interval: Interval) -> int:
    """Give the day with which an interval begins, counted from 1970."""
    match interval:
        case Interval.DAY:
            return number
        case Interval.WEEK:
            return number * 7 - 3
        case Interval.MONTH:
            year, month = divmod(number, 12)
            year = min(max(year, date.min.year), date.max.year)
            return date(year, month + 1, 1).toordinal() - _EPOCH


_EPOCH: Final = date(1970, 1, 1).toordinal()


def _retention(given: Mapping[str, object], context: Context) -> Retention:
    members = Members(given)
    interval = members.get("interval", Interval.WEEK)
    return Retention(
        cohort=members.get("cohort", Events()),
        returns=members.get("return", Events()),
        as_of=members.get("as_of", context.now),
        interval=interval,
        membership=members.get("cohorts", Membership.FIRST),
        returned=members.get("returned", Returned.IN),
        clock=members.get("clock", Clock.CALENDAR),
        intervals=members.get("intervals", DEFAULT_INTERVALS[interval]),
        amount=members.maybe("amount", Amount),
        by=members.maybe("by", str),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        time_zone=members.get("time_zone", context.time_zone),
        max_groups=members.get("max_groups", 20),
    )


DEFAULT_INTERVALS: Final = {Interval.DAY: 30, Interval.WEEK: 12, Interval.MONTH: 12}

FORM: Final = record(
    _retention,
    {
        "cohort": Field(EVENTS, "Puts a person into a cohort.", required=True),
        "return": Field(EVENTS, "Counts as coming back.", required=True),
        "interval": Field(one_of(Interval), "`week` when left out."),
        "cohorts": Field(
            one_of(Membership), "`first` when left out: only that of a person's first event ever."
        ),
        "returned": Field(one_of(Returned), "`in` interval k when left out, or in k or later."),
        "clock": Field(
            one_of(Clock), "`calendar` when left out; `own` counts from the person's first event."
        ),
        "intervals": Field(
            whole(least=1, most=MOST_INTERVALS),
            "The last one, from 0; 30 days, 12 weeks, 12 months.",
        ),
        "amount": Field(AMOUNT, "What returns are worth, for a curve of lifetime value."),
        "by": Field(text(), "Dimension or property of the cohort event."),
        "time_zone": ZONE,
        "since": SINCE,
        "until": UNTIL,
        "as_of": Field(AS_OF.form, "Nothing at or after this counts; now."),
        "max_groups": ROWS,
    },
)
"""How it stands in JSON."""
