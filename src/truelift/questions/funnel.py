"""How many people, or sessions, get through the steps of a funnel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import combinations
from typing import Final

import numpy as np
import pyarrow as pa

from truelift.questions.dimensions import INDEXED, Placeholders, text_of
from truelift.questions.document import Json, epoch_ms
from truelift.questions.forms import (
    Context,
    Field,
    duration,
    either,
    list_of,
    made,
    one_of,
    record,
    text,
    yes_or_no,
)
from truelift.questions.matching import BadQuestion, Condition, Events, candidates, is_text
from truelift.questions.members import (
    AS_OF,
    EVENTS,
    NAMES,
    ROWS,
    SINCE,
    UNTIL,
    WHERE,
    Members,
    events_of,
)
from truelift.questions.period import AT_MS, between, earlier, later, period_obstacles
from truelift.questions.question import Scan, Sequence
from truelift.questions.sessions import SESSION_MARGIN
from truelift.questions.table import codes, integers, small_integers
from truelift.sequences.funnels import Order, Rules, funnel
from truelift.sequences.sessions import LONGEST_MS, session_starts


MAX_STEPS: Final = 20
MAX_STEPS_IN_ANY_ORDER: Final = 10
LONGEST_WINDOW_S: Final = 2 * 366 * 86_400


class Unit(StrEnum):
    """What is counted."""

    PERSON = "person"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a funnel.

    Attributes:
        events: Which events serve it.
        optional: Later steps do not need it; it is counted where it was taken.
    """

    events: Events
    optional: bool = False


@dataclass(frozen=True, slots=True)
class StepCount:
    """A row of the answer.

    Attributes:
        step: From 1.
        event: What a person calls the step.
        units: Units that reached at least this step.
        immature: Of those, the ones that stand here, short of the last step, while
            their window is still open: not lost, not yet through.
        optional: Whether later steps need it.
    """

    step: int
    event: str
    units: int
    immature: int
    optional: bool

    def document(self) -> dict[str, Json]:
        """Write it as a row of the answer."""
        row: dict[str, Json] = {
            "step": self.step,
            "event": self.event,
            "units": self.units,
            "immature": self.immature,
        }
        return {**row, "optional": True} if self.optional else row


@dataclass(frozen=True, slots=True)
class FunnelGroup:
    """The steps of the units in one group.

    Attributes:
        value: Of the dimension; None where the step-1 event had none.
        steps: In the order of the question.
        others: How many more values this group holds together; 0 for one value.
    """

    value: str | None
    steps: tuple[StepCount, ...]
    others: int = 0


@dataclass(frozen=True, slots=True)
class FunnelAnswer:
    """A funnel, in groups when it was asked by something; the largest group first."""

    question: Funnel
    groups: tuple[FunnelGroup, ...]

    @property
    def immature(self) -> int:
        """Units whose window is still open and who are short of the last step."""
        return sum(step.immature for group in self.groups for step in group.steps)

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask funnel --json`."""
        question = self.question
        semantics: dict[str, Json] = {
            "order": question.order.value,
            "window_s": question.window_s,
            "window_from": "first_step" if question.order is not Order.ANY else "first_event",
            "unit": question.unit.value,
        }
        groups: list[Json] = []
        for group in self.groups:
            entry: dict[str, Json] = {"by": {question.by: group.value} if question.by else {}}
            if group.others:
                entry["others"] = group.others
            entry["steps"] = [step.document() for step in group.steps]
            groups.append(entry)
        return {
            "question": question.name,
            "semantics": semantics,
            "groups": groups,
            "immature": self.immature,
        }


Tally = Mapping[str | None, tuple[tuple[int, ...], tuple[int, ...]]]
"""Per group: units of each step, and the immature ones among them."""


@dataclass(frozen=True, slots=True)
class Funnel:
    """A funnel over one site.

    Attributes:
        steps: In order; the first is never optional.
        window_s: From an attempt's first event, its end included.
        as_of: Windows that end at or after this instant are still open.
        order: See `truelift.sequences.funnels.Order`.
        by: Dimension or property of the step-1 event to group by.
        since: The step-1 event happened at or after this.
        until: The step-1 event happened before this; later steps may lie after it.
        where: Conditions that hold of every event of the funnel.
        exclude: Events that end an attempt at their instant.
        unit: Whom to count. A session's attempt stays within it.
        max_groups: Smaller groups beyond this many are put together.
    """

    steps: tuple[Step, ...]
    window_s: int
    as_of: datetime
    order: Order = Order.ORDERED
    by: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    where: tuple[Condition, ...] = ()
    exclude: Events | None = None
    unit: Unit = Unit.PERSON
    max_groups: int = 100

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="funnel", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "funnel"

    def scan(self) -> Scan:
        """Read the events of the steps; every event for sessions and strict order."""
        values = Placeholders()
        sets = [step.events for step in self.steps]
        if self.exclude is not None:
            sets.append(self.exclude)
        mask = self._mask(sets, values)
        every_event = self.order is Order.STRICT or self.unit is Unit.SESSION
        named = "true" if every_event else candidates(sets, values)
        group = text_of(self.by, values) if self.by else "NULL::VARCHAR"
        since, until = self._bounds()
        # Events of one instant stand by their lowest step; see `sequences.funnels`.
        tie = "mask" if self._disjoint() else "mask & -mask, mask"
        return Scan(
            sql=f"""
            SELECT person, at_ms, mask{", grouped" if self.by else ""}
            FROM (
                SELECT
                    person,
                    {AT_MS} AS at_ms,
                    {mask} AS mask,
                    CASE WHEN {sets[0].sql(values)} THEN {group} END AS grouped
                FROM events
                WHERE {named} AND {between(since, until, values)}
            )
            WHERE {"true" if every_event else "mask <> 0"}
            ORDER BY person, at_ms, {tie}{", grouped" if self.by else ""}
            """,
            parameters=values.values,
            since=since,
            until=until,
            sequence=self._sequence(sets, unmarked=every_event, order=tie),
        )

    def _sequence(self, sets: list[Events], *, unmarked: bool, order: str) -> Sequence | None:
        """Say the same of names alone; conditions on what events carry need the events."""
        if self.where or any(events.where or not events.names for events in sets):
            return None
        if self.by is not None and self.by not in INDEXED:
            return None
        marks: dict[str, int] = {}
        for bit, events in enumerate(sets):
            for name in set(events.names):
                marks[name] = marks.get(name, 0) | 1 << bit
        return Sequence(
            mark_as="mask",
            marks=marks,
            unmarked=unmarked,
            grouped=self.by,
            grouped_where=1,
            order=order + (", grouped" if self.by else ""),
        )

    def _mask(self, sets: list[Events], values: Placeholders) -> str:
        """Give the SQL that says which steps an event may serve, a bit each."""
        # The smaller the number, the less there is to sort.
        kind = "TINYINT" if len(sets) <= 7 else "INTEGER"
        if self._disjoint():
            cases = [f"WHEN {events.sql(values)} THEN {1 << n}" for n, events in enumerate(sets)]
            mask = f"(CASE {' '.join(cases)} ELSE 0 END)"
        else:
            bits = [f"({events.sql(values)}::INTEGER << {n})" for n, events in enumerate(sets)]
            mask = f"({' | '.join(bits)})"
        if self.where:
            held = " AND ".join(f"({condition.sql(values)})" for condition in self.where)
            mask = f"CASE WHEN {held} THEN {mask} ELSE 0 END"
        return f"({mask})::{kind}"

    def partial(self, rows: pa.Table) -> Tally:
        """Count the units of one bucket."""
        unit, at_ms = integers(rows, "person"), integers(rows, "at_ms")
        mask = small_integers(rows, "mask")
        grouped, titles = codes(rows, "grouped") if self.by else (np.zeros_like(unit), [None])
        if self.unit is Unit.SESSION and len(unit):
            begins = np.zeros(len(unit), dtype=np.int64)
            begins[session_starts(unit=unit, at_ms=at_ms)] = 1
            unit = np.cumsum(begins)
            if self.order is not Order.STRICT:
                kept = mask != 0
                unit, at_ms, mask, grouped = unit[kept], at_ms[kept], mask[kept], grouped[kept]
        reached = funnel(
            unit=unit,
            at_ms=at_ms,
            mask=mask,
            group=grouped,
            groups=len(titles),
            rules=Rules(
                steps=len(self.steps),
                window_ms=self.window_s * 1000,
                as_of_ms=epoch_ms(self.as_of),
                order=self.order,
                since_ms=None if self.since is None else epoch_ms(self.since),
                until_ms=None if self.until is None else epoch_ms(self.until),
                optional=tuple(n for n, step in enumerate(self.steps) if step.optional),
            ),
        )
        return {
            title: (tuple(units), tuple(immature))
            for title, units, immature in zip(
                titles, reached.units.tolist(), reached.immature.tolist(), strict=True
            )
            if units[0]
        }

    def merge(self, left: Tally, right: Tally) -> Tally:
        """Add the groups of two buckets."""
        merged = dict(left)
        for title, counts in right.items():
            merged[title] = _added(merged[title], counts) if title in merged else counts
        return merged

    def answer(self, partial: Tally) -> FunnelAnswer:
        """Name the steps and put the largest groups first."""
        nothing = (tuple(0 for _ in self.steps), tuple(0 for _ in self.steps))
        if not self.by:
            partial = {None: partial.get(None, nothing)}
        ranked = sorted(
            partial.items(), key=lambda item: (-item[1][0][0], item[0] is None, item[0] or "")
        )
        shown, rest = ranked[: self.max_groups], ranked[self.max_groups :]
        groups = [FunnelGroup(value=value, steps=self._named(tally)) for value, tally in shown]
        if rest:
            together = nothing
            for _, tally in rest:
                together = _added(together, tally)
            groups.append(FunnelGroup(value=None, steps=self._named(together), others=len(rest)))
        return FunnelAnswer(question=self, groups=tuple(groups))

    def _named(self, tally: tuple[tuple[int, ...], tuple[int, ...]]) -> tuple[StepCount, ...]:
        return tuple(
            StepCount(
                step=nth,
                event=step.events.title,
                units=units,
                immature=immature,
                optional=step.optional,
            )
            for nth, (step, units, immature) in enumerate(zip(self.steps, *tally, strict=True), 1)
        )

    def _bounds(self) -> tuple[datetime | None, datetime | None]:
        """Say between which instants events matter."""
        window = timedelta(seconds=self.window_s)
        before = window if self.order is Order.ANY else timedelta()
        # An event at the very end of the window still counts, hence the millisecond.
        after = window + timedelta(milliseconds=1)
        if self.unit is Unit.SESSION:
            before = max(before, SESSION_MARGIN)
            after = min(after, timedelta(milliseconds=LONGEST_MS + 1))
        return earlier(self.since, before), later(self.until, after)

    def _disjoint(self) -> bool:
        """Say whether the names alone keep every event from serving two steps."""
        sets = [set(step.events.names) for step in self.steps]
        if self.exclude is not None:
            sets.append(set(self.exclude.names))
        return all(sets) and all(not a & b for a, b in combinations(sets, 2))

    def _obstacles(self) -> list[str]:
        found = []
        if not 1 <= len(self.steps) <= MAX_STEPS:
            found.append(f"it has {len(self.steps)} steps, not 1 to {MAX_STEPS}")
        if self.order is Order.ANY and len(self.steps) > MAX_STEPS_IN_ANY_ORDER:
            found.append(f"in any order a funnel has at most {MAX_STEPS_IN_ANY_ORDER} steps")
        if self.steps and self.steps[0].optional:
            found.append("its first step is optional")
        if self.order is not Order.ORDERED and any(step.optional for step in self.steps):
            found.append(f"optional steps need the order `ordered`, not `{self.order.value}`")
        for nth, step in enumerate(self.steps, 1):
            if not step.events.names and not step.events.where:
                found.append(f"step {nth} names no event")
            found += [f"step {nth}: {reason}" for reason in step.events.obstacles()]
        if self.exclude is not None:
            if not self.exclude.names and not self.exclude.where:
                found.append("it excludes every event")
            found += self.exclude.obstacles()
        found += [reason for condition in self.where for reason in condition.obstacles()]
        if not 1 <= self.window_s <= LONGEST_WINDOW_S:
            found.append(f"its window is {self.window_s} s, not 1 s to 2 years")
        if self.by is not None and not (self.by and is_text(self.by)):
            found.append("what it is grouped by is not a name")
        if self.max_groups < 1:
            found.append("it shows no group")
        return found + period_obstacles(self.since, self.until)


def _added(
    left: tuple[tuple[int, ...], tuple[int, ...]], right: tuple[tuple[int, ...], tuple[int, ...]]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return (
        tuple(a + b for a, b in zip(left[0], right[0], strict=True)),
        tuple(a + b for a, b in zip(left[1], right[1], strict=True)),
    )


def _step(given: Mapping[str, object], context: Context) -> Step:
    return Step(events_of(given, context), optional=Members(given).get("optional", False))


def _funnel(given: Mapping[str, object], context: Context) -> Funnel:
    members = Members(given)
    return Funnel(
        steps=members.get("steps", ()),
        window_s=members.get("window_s", members.get("window", DEFAULT_WINDOW_S)),
        as_of=members.get("as_of", context.now),
        order=members.get("order", Order.ORDERED),
        by=members.maybe("by", str),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        where=members.get("where", ()),
        exclude=members.maybe("exclude", Events),
        unit=members.get("unit", Unit.PERSON),
        max_groups=members.get("max_groups", 100),
    )


DEFAULT_WINDOW_S: Final = 7 * 86_400

OPTIONAL: Final = Field(yes_or_no(), "Later steps do not need it.")
STEP: Final = either(
    made(text(), lambda name: Step(Events((name,)))),
    record(_step, {"names": NAMES, "where": WHERE, "optional": OPTIONAL}),
)
WINDOW: Final = Field(duration(), "From the first step, its end included; 7 days.")
FORM: Final = record(
    _funnel,
    {
        "steps": Field(list_of(STEP, least=1, most=MAX_STEPS), "In order.", required=True),
        "window_s": WINDOW,
        "window": WINDOW,
        "order": Field(one_of(Order), "`ordered` when left out."),
        "by": Field(text(), "Dimension or property of the first step."),
        "since": SINCE,
        "until": UNTIL,
        "where": WHERE,
        "exclude": Field(EVENTS, "Events that end an attempt."),
        "unit": Field(one_of(Unit), "`person` when left out."),
        "as_of": AS_OF,
        "max_groups": ROWS,
    },
)
"""How it stands in JSON."""
