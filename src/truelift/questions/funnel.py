"""How many people, or sessions, get through the steps of a funnel, and with how much money."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce
from itertools import combinations
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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
    whole,
    yes_or_no,
)
from truelift.questions.funnel_tally import Coded, Tally, check_size, largest
from truelift.questions.matching import BadQuestion, Condition, Events, candidates, is_text
from truelift.questions.members import (
    AMOUNT,
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
from truelift.questions.metric import Amount, AmountKind
from truelift.questions.period import (
    AT_MS,
    SESSION_MARGIN,
    between,
    earlier,
    later,
    period_obstacles,
)
from truelift.questions.question import Scan, Sequence, Tie
from truelift.questions.table import integers, small_integers
from truelift.sequences.funnels import (
    NOWHERE,
    Attempts,
    Order,
    Rules,
    attempts,
    counted,
    counted_by_step,
)
from truelift.sequences.sessions import LONGEST_MS, session_starts


MAX_STEPS: Final = 20
MAX_STEPS_IN_ANY_ORDER: Final = 10
MAX_EXCLUSIONS: Final = 8
"""Between chosen steps; with the steps and the other exclusion they fit one number's bits."""
LONGEST_WINDOW_S: Final = 2 * 366 * 86_400

PIECE: Final = 1 << 22
"""Rows that are walked at once, more where a person has more: what bounds the memory."""

Integers = NDArray[np.int64]


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


class Attribution(StrEnum):
    """Which event of an attempt says in which group its unit is.

    `STEP`: the one that served a certain step; units that did not reach it have no
    value. `FIRST`: the earliest of the attempt's step events that has a value. `LAST`:
    the latest of them. `EACH`: at every step the event that served it, so that a unit may
    be in another group at each.
    """

    STEP = "step"
    FIRST = "first"
    LAST = "last"
    EACH = "each"


@dataclass(frozen=True, slots=True)
class Between:
    """Events that must not lie between two steps of an attempt.

    Attributes:
        events: Which.
        first: The earlier step, from 1.
        last: The later one.
    """

    events: Events
    first: int
    last: int


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
        open: Of the units, the ones with a window that is still open, wherever they stand.
        amount_minor: Money of the events that served this step; None when not asked for.
        revenue_minor: Money of the events that served the last step, of the units that
            reached this one; None when not asked for.
    """

    step: int
    event: str
    units: int
    immature: int
    optional: bool
    open: int = 0
    amount_minor: int | None = None
    revenue_minor: int | None = None

    def document(self) -> dict[str, Json]:
        """Write it as a row of the answer."""
        row: dict[str, Json] = {
            "step": self.step,
            "event": self.event,
            "units": self.units,
            "immature": self.immature,
        }
        if self.optional:
            row["optional"] = True
        for name, total in (("amount", self.amount_minor), ("revenue", self.revenue_minor)):
            if total is not None:
                row[f"{name}_minor"] = total
                row[f"{name}_per_unit_minor"] = total / self.units if self.units else None
        return row


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
        groups: list[Json] = []
        for group in self.groups:
            entry = question.group_document(group.value, group.others)
            entry["steps"] = [step.document() for step in group.steps]
            groups.append(entry)
        return {
            "question": question.name,
            "semantics": question.semantics(),
            "groups": groups,
            "immature": self.immature,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Walked:
    """One bucket's rows, and the deepest attempts in them.

    Attributes:
        rows: Those that the attempts count in.
        at_ms: Their instants.
        attempts: One a unit.
        group: Of each attempt; of every step of each, one after the other, for `EACH`.
    """

    rows: pa.Table
    at_ms: Integers
    attempts: Attempts
    group: Coded

    @property
    def chains(self) -> Integers:
        """The row of every step of every attempt; `NOWHERE` where it was not reached."""
        if self.attempts.rows is None:
            raise ValueError("the attempts were found without their chains")
        return self.attempts.rows

    def instants(self, step: int, which: NDArray[np.bool_]) -> Integers:
        """Say when some attempts, all of which did, reached a step (from 0)."""
        found: Integers = self.at_ms[self.chains[which, step]]
        return found


@dataclass(frozen=True, slots=True)
class Funnel:
    """A funnel over one site; `docs/methods/funnel.md` says how it counts.

    Attributes:
        steps: In order; the first is never optional.
        window_s: From an attempt's first event, its end included.
        as_of: Windows that end at or after this instant are still open.
        order: See `truelift.sequences.funnels.Order`.
        by: Dimension or property to group by.
        since: The step-1 event happened at or after this.
        until: The step-1 event happened before this; later steps may lie after it.
        where: Conditions that hold of every event of the funnel.
        exclude: Events that end an attempt at their instant.
        unit: Whom to count. A session's attempt stays within it.
        max_groups: Smaller groups beyond this many are put together.
        between: Events that must not lie between two steps; ordered only.
        attribution: Which event of the attempt has the value to group by.
        attribution_step: From 1, for `STEP`.
        amount: Money to add up at every step, or None.
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
    between: tuple[Between, ...] = ()
    attribution: Attribution = Attribution.STEP
    attribution_step: int = 1
    amount: Amount | None = None

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="funnel", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "funnel"

    @property
    def rules(self) -> Rules:
        """What counts as an attempt."""
        return Rules(
            steps=len(self.steps),
            window_ms=self.window_s * 1000,
            as_of_ms=epoch_ms(self.as_of),
            order=self.order,
            since_ms=None if self.since is None else epoch_ms(self.since),
            until_ms=None if self.until is None else epoch_ms(self.until),
            optional=tuple(n for n, step in enumerate(self.steps) if step.optional),
            between=tuple((pair.first - 1, pair.last - 1) for pair in self.between),
        )

    def semantics(self) -> dict[str, Json]:
        """Say what the numbers mean, as a part of the answer."""
        found: dict[str, Json] = {
            "order": self.order.value,
            "window_s": self.window_s,
            "window_from": "first_step" if self.order is not Order.ANY else "first_event",
            "unit": self.unit.value,
        }
        if self.by is not None:
            found["attribution"] = self.attribution.value
            if self.attribution is Attribution.STEP:
                found["attribution_step"] = self.attribution_step
        if self.between:
            found["exclude_between"] = [
                {"event": pair.events.title, "from_step": pair.first, "to_step": pair.last}
                for pair in self.between
            ]
        if self.amount is not None:
            found["currency"] = self.amount.currency
        return found

    def group_document(self, value: str | None, others: int) -> dict[str, Json]:
        """Say which group something is of."""
        entry: dict[str, Json] = {"by": {self.by: value} if self.by else {}}
        if others:
            entry["others"] = others
        return entry

    def scan(self) -> Scan:
        """Read the events of the steps; every event for sessions and strict order."""
        return self.scan_with(())

    def scan_with(self, columns: Collection[str]) -> Scan:
        """Read what the funnel needs, and some columns of its events as they are."""
        values = Placeholders()
        since, until = self.bounds()
        return Scan(
            sql=f"""
            {self.select(values, columns)}
            ORDER BY {self.ordering(columns)}
            """,
            parameters=values.values,
            since=since,
            until=until,
            sequence=None if columns or self.amount else self._sequence(),
        )

    def select(self, values: Placeholders, columns: Collection[str] = ()) -> str:
        """Give the SQL of the scan, without its order."""
        sets = self._sets()
        mask = self._mask(sets, values)
        named = "true" if self._every_event else candidates(list(sets.values()), values)
        extra = ""
        if self.by:
            is_it = f"(mask & {self._told_by()}) <> 0"
            if self._told_by() == 1:
                is_it = sets[0].sql(values)
            extra += f", CASE WHEN {is_it} THEN {text_of(self.by, values)} END AS grouped"
        if self.amount:
            extra += f", coalesce({self.amount.sql(values)}, 0.0)::BIGINT AS amount"
        extra += "".join(f", {column}" for column in columns)
        shown = ", ".join(["person", "at_ms", "mask", *self._told(columns)])
        return f"""
            SELECT {shown}
            FROM (
                SELECT
                    person,
                    {AT_MS} AS at_ms,
                    {mask} AS mask
                    {extra}
                FROM events
                WHERE {named} AND {between(*self.bounds(), values)}
            )
            WHERE {"true" if self._every_event else "mask <> 0"}
            """

    def ordering(self, columns: Collection[str] = ()) -> str:
        """Give the SQL of the scan's order; rows that stand beside each other are equal."""
        return ", ".join(["person", "at_ms", self._tie, *self._told(columns)])

    def _told(self, columns: Collection[str]) -> list[str]:
        """Name what is read of an event beside who, when and which step."""
        grouped = ["grouped"] if self.by else []
        return [*grouped, *(["amount"] if self.amount else []), *columns]

    @property
    def _tie(self) -> str:
        # Events of one instant stand by their lowest step; see `sequences.funnels`.
        return "mask" if self._disjoint() else "mask & -mask, mask"

    @property
    def _every_event(self) -> bool:
        return self.order is Order.STRICT or self.unit is Unit.SESSION

    def _told_by(self) -> int:
        """Give the steps, a bit each, whose events may say in which group a unit is."""
        if self.attribution is Attribution.STEP:
            return 1 << (self.attribution_step - 1)
        return (1 << len(self.steps)) - 1

    def _sets(self) -> dict[int, Events]:
        """Give what events may be to the funnel, by bit; see `sequences.funnels`."""
        sets = {nth: step.events for nth, step in enumerate(self.steps)}
        if self.exclude is not None:
            sets[len(self.steps)] = self.exclude
        for nth, pair in enumerate(self.between):
            sets[len(self.steps) + 1 + nth] = pair.events
        return sets

    def _sequence(self) -> Sequence | None:
        """Say the same of names alone; conditions on what events carry need the events."""
        sets = self._sets()
        if self.where or any(events.where or not events.names for events in sets.values()):
            return None
        if self.by is not None and self.by not in INDEXED:
            return None
        marks: dict[str, int] = {}
        for bit, events in sets.items():
            for name in set(events.names):
                marks[name] = marks.get(name, 0) | 1 << bit
        alone = (Tie.MARK,) if self._disjoint() else (Tie.LOWEST_BIT, Tie.MARK)
        return Sequence(
            mark_as="mask",
            marks=marks,
            unmarked=self._every_event,
            grouped=self.by,
            grouped_where=self._told_by(),
            ties=(*alone, Tie.GROUPED) if self.by else alone,
        )

    def _mask(self, sets: Mapping[int, Events], values: Placeholders) -> str:
        """Give the SQL that says which steps an event may serve, a bit each."""
        # The smaller the number, the less there is to sort.
        kind = "TINYINT" if max(sets) < 7 else "INTEGER"
        if self._disjoint():
            cases = [f"WHEN {events.sql(values)} THEN {1 << n}" for n, events in sets.items()]
            mask = f"(CASE {' '.join(cases)} ELSE 0 END)"
        else:
            bits = [f"({events.sql(values)}::INTEGER << {n})" for n, events in sets.items()]
            mask = f"({' | '.join(bits)})"
        if self.where:
            held = " AND ".join(f"({condition.sql(values)})" for condition in self.where)
            mask = f"CASE WHEN {held} THEN {mask} ELSE 0 END"
        return f"({mask})::{kind}"

    def walk(self, rows: pa.Table, *, chains: bool = False) -> Walked:
        """Find the deepest attempts in one bucket's rows.

        Args:
            rows: As the scan gave them.
            chains: Whether the row of every step is needed.
        """
        unit, at_ms = small_integers(rows, "person"), integers(rows, "at_ms")
        mask = small_integers(rows, "mask")
        if self.unit is Unit.SESSION and len(unit):
            begins = np.zeros(len(unit), dtype=np.int64)
            begins[session_starts(unit=unit, at_ms=at_ms)] = 1
            unit = np.cumsum(begins)
            if self.order is not Order.STRICT:
                kept = np.flatnonzero(mask)
                unit, at_ms, mask, rows = unit[kept], at_ms[kept], mask[kept], rows.take(kept)
        by_start = self.attribution is Attribution.STEP and self.attribution_step == 1
        found = attempts(
            unit=unit,
            at_ms=at_ms,
            mask=mask,
            rules=self.rules,
            chains=chains or self.amount is not None or (self.by is not None and not by_start),
        )
        group = Coded.nothing(len(found.start))
        if self.by is not None and by_start:
            group = Coded.column(rows, "grouped", found.start)
        elif self.by is not None:
            grouped = Coded.column(rows, "grouped")
            group = grouped.at(self._telling(found, grouped).ravel())
        return Walked(rows=rows, at_ms=at_ms, attempts=found, group=group)

    def _telling(self, found: Attempts, grouped: Coded) -> Integers:
        """Give the row that says in which group each attempt, or step, is; `NOWHERE` for none."""
        chains = found.rows if found.rows is not None else found.start[:, None]
        if self.attribution is Attribution.EACH:
            return chains
        if self.attribution is Attribution.STEP:
            return chains[:, self.attribution_step - 1]
        told = (chains != NOWHERE) & (grouped.at(chains.ravel()).code.reshape(chains.shape) >= 0)
        if self.attribution is Attribution.LAST:
            last: Integers = np.where(told, chains, NOWHERE).max(axis=1)
            return last
        beyond = np.iinfo(np.int64).max
        first = np.where(told, chains, beyond).min(axis=1)
        return np.where(first == beyond, NOWHERE, first)

    def tally(self, walked: Walked, slot: Integers | None = None) -> Tally:
        """Count attempts by group, and by slot where there are several.

        Raises:
            FunnelTooWide: There are more groups than can be held.
        """
        code, places = walked.group.places(slot)
        groups = len(places.slots)
        check_size(groups, self.width, by=self.by)
        found = walked.attempts
        if self.is_by_each:
            code = code.reshape(-1, len(self.steps))
            reached = counted_by_step(found, code=code, groups=groups, rules=self.rules)
        else:
            reached = counted(found, code=code, groups=groups, rules=self.rules)
        columns = [reached.units, reached.immature, reached.open]
        if self.amount is not None:
            columns += self._money(walked, code, groups)
        counts = np.concatenate(columns, axis=1)
        return Tally(titles=places.titles, slots=places.slots, counts=counts)

    @property
    def is_by_each(self) -> bool:
        """Whether every step is counted under the value of its own event."""
        return self.by is not None and self.attribution is Attribution.EACH

    def one_group_obstacles(self) -> list[str]:
        """Say what is wrong with it where something is told of units, each in one group."""
        if not self.is_by_each:
            return []
        reason = (
            "with `each` a unit may be in another group at every step, so that nothing from step"
            " to step can be told of a group; take `step`, `first` or `last`"
        )
        return [reason]

    @property
    def width(self) -> int:
        """How many numbers a group has."""
        return len(self.steps) * (3 if self.amount is None else 5)

    def _money(self, walked: Walked, code: Integers, groups: int) -> list[Integers]:
        """Add up the money of every step's events, and the last step's of all who got to each."""
        amount = integers(walked.rows, "amount")
        chains = walked.chains
        paid = np.where(chains == NOWHERE, 0, amount[np.maximum(chains, 0)] if len(amount) else 0)
        own = np.zeros((groups, len(self.steps)), dtype=np.int64)
        revenue = own.copy()
        for step in range(len(self.steps)):
            here = chains[:, step] != NOWHERE
            group = code[here] if code.ndim == 1 else code[here, step]
            # Not `bincount`, whose weights are floating-point numbers.
            np.add.at(own[:, step], group, paid[here, step])
            np.add.at(revenue[:, step], group, paid[here, -1])
        return [own, revenue]

    def partial(self, rows: pa.Table) -> Tally:
        """Count the units of one bucket."""
        return reduce(self.merge, (self.tally(self.walk(piece)) for piece in pieces(rows)))

    @property
    def _ranked(self) -> int:
        # By what they have at any step, where step 1 alone does not show every group.
        return len(self.steps) if self.is_by_each else 1

    def merge(self, left: Tally, right: Tally) -> Tally:
        """Add the groups of two buckets."""
        return left.plus(right, by=self.by)

    def answer(self, partial: Tally) -> FunnelAnswer:
        """Name the steps and put the largest groups first."""
        if not self.by:
            everybody = self.named(partial.counts.sum(axis=0))
            return FunnelAnswer(question=self, groups=(FunnelGroup(value=None, steps=everybody),))
        return FunnelAnswer(
            question=self,
            groups=tuple(
                FunnelGroup(
                    value=group.title, steps=self.named(group.counts[0]), others=group.others
                )
                for group in largest(partial, self.max_groups, of=self._ranked)
            ),
        )

    def named(self, counts: Integers) -> tuple[StepCount, ...]:
        """Make rows of one group's numbers."""
        numbers: list[list[int]] = counts.reshape(-1, len(self.steps)).tolist()
        unasked: list[list[int | None]] = [[None] * len(self.steps)] * 2
        columns, money = numbers[:3], numbers[3:] or unasked
        return tuple(
            StepCount(
                step=nth,
                event=step.events.title,
                units=units,
                immature=immature,
                optional=step.optional,
                open=still_open,
                amount_minor=amount,
                revenue_minor=revenue,
            )
            for nth, (step, units, immature, still_open, amount, revenue) in enumerate(
                zip(self.steps, *columns, *money, strict=True), 1
            )
        )

    def bounds(self) -> tuple[datetime | None, datetime | None]:
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
        sets = [set(events.names) for events in self._sets().values()]
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
        found += self._between_obstacles()
        if not 1 <= self.attribution_step <= len(self.steps) and self.steps:
            found.append(f"it is grouped by step {self.attribution_step}, which it does not have")
        if self.amount is not None:
            found += self.amount.obstacles()
            if self.amount.kind is not AmountKind.MONEY:
                found.append("only money is added up at its steps")
        found += [reason for condition in self.where for reason in condition.obstacles()]
        if not 1 <= self.window_s <= LONGEST_WINDOW_S:
            found.append(f"its window is {self.window_s} s, not 1 s to 2 years")
        if self.by is not None and not (self.by and is_text(self.by)):
            found.append("what it is grouped by is not a name")
        if self.max_groups < 1:
            found.append("it shows no group")
        return found + period_obstacles(self.since, self.until)

    def _between_obstacles(self) -> list[str]:
        found = []
        if self.between and self.order is not Order.ORDERED:
            found.append(
                "exclusions between steps need the order `ordered`, not"
                f" `{self.order.value}`; `exclude` holds of the whole attempt"
            )
        if len(self.between) > MAX_EXCLUSIONS:
            found.append(f"it has more than {MAX_EXCLUSIONS} exclusions between steps")
        for nth, pair in enumerate(self.between, 1):
            if not pair.events.names and not pair.events.where:
                found.append(f"exclusion {nth} excludes every event")
            found += [f"exclusion {nth}: {reason}" for reason in pair.events.obstacles()]
            if not 1 <= pair.first < pair.last <= len(self.steps):
                found.append(f"exclusion {nth} is not from a step to a later one")
            elif any(self.steps[step - 1].optional for step in (pair.first, pair.last)):
                found.append(f"exclusion {nth} begins or ends with an optional step")
        return found


def pieces(rows: pa.Table) -> Iterator[pa.Table]:
    """Cut a bucket's rows between persons, at least one piece."""
    person = small_integers(rows, "person")
    first = 0
    while len(person) - first > PIECE:
        end = first + PIECE
        others = np.flatnonzero(person[end:] != person[end - 1])
        if not len(others):
            break
        end += int(others[0])
        yield rows.slice(first, end - first)
        first = end
    yield rows.slice(first)


def _step(given: Mapping[str, object], context: Context) -> Step:
    return Step(events_of(given, context), optional=Members(given).get("optional", False))


def _between(given: Mapping[str, object], _context: Context) -> Between:
    members = Members(given)
    return Between(
        events=members.get("event", Events()),
        first=members.get("from_step", 0),
        last=members.get("to_step", 0),
    )


def funnel_of(given: Mapping[str, object], context: Context) -> Funnel:
    """Make a funnel of its members."""
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
        between=members.get("exclude_between", ()),
        attribution=members.get("attribution", Attribution.STEP),
        attribution_step=members.get("attribution_step", 1),
        amount=members.maybe("amount", Amount),
    )


DEFAULT_WINDOW_S: Final = 7 * 86_400

OPTIONAL: Final = Field(yes_or_no(), "Later steps do not need it.")
STEP: Final = either(
    made(text(), lambda name: Step(Events((name,)))),
    record(_step, {"names": NAMES, "where": WHERE, "optional": OPTIONAL}),
)
WINDOW: Final = Field(duration(), "From the first step, its end included; 7 days.")
STEP_NUMBER: Final = whole(least=1, most=MAX_STEPS)
BETWEEN: Final = record(
    _between,
    {
        "event": Field(EVENTS, "Which events.", required=True),
        "from_step": Field(STEP_NUMBER, "The earlier step, from 1.", required=True),
        "to_step": Field(STEP_NUMBER, "The later one.", required=True),
    },
)
MEMBERS: Final[Mapping[str, Field[object]]] = {
    "steps": Field(list_of(STEP, least=1, most=MAX_STEPS), "In order.", required=True),
    "window_s": WINDOW,
    "window": WINDOW,
    "order": Field(one_of(Order), "`ordered` when left out."),
    "by": Field(text(), "Dimension or property."),
    "attribution": Field(one_of(Attribution), "Whose value of `by` counts; `step`."),
    "attribution_step": Field(STEP_NUMBER, "Which step's, for `step`; 1."),
    "since": SINCE,
    "until": UNTIL,
    "where": WHERE,
    "exclude": Field(EVENTS, "Events that end an attempt."),
    "exclude_between": Field(
        list_of(BETWEEN, most=MAX_EXCLUSIONS), "Events that must not lie between two steps."
    ),
    "unit": Field(one_of(Unit), "`person` when left out."),
    "amount": Field(AMOUNT, "Money to add up at every step."),
    "as_of": AS_OF,
    "max_groups": ROWS,
}
"""What every question about a funnel takes."""

FORM: Final = record(funnel_of, MEMBERS)
"""How it stands in JSON."""
