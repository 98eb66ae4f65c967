"""Segments: conditions over what persons did and were, which compose and become SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from truelift.questions.dimensions import Placeholders, text_of
from truelift.questions.document import Json, instant
from truelift.questions.matching import Comparison, Condition, Events, candidates
from truelift.questions.period import between, earlier, period_obstacles
from truelift.questions.question import People


MOST_PARTS: Final = 50
"""Conditions in a segment, the composed ones counted too."""

MOST_STEPS: Final = 5
"""Steps of a sequence; a funnel takes more."""

LONGEST_S: Final = 20 * 366 * 86_400
"""The longest stretch of time that a condition may speak of."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a question's moment leaves open in a segment.

    Attributes:
        as_of: From where "the last 30 days" are counted back.
        since: Where the question's own period begins; None without a bound.
        until: And where it ends, the end excluded.
    """

    as_of: datetime
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """A half-open stretch of time; None is no bound."""

    since: datetime | None = None
    until: datetime | None = None

    def __or__(self, other: Bounds) -> Bounds:
        """Give the shortest stretch that holds both."""
        since = None if None in (self.since, other.since) else _least(self.since, other.since)
        until = None if None in (self.until, other.until) else _most(self.until, other.until)
        return Bounds(since, until)


@dataclass(frozen=True, slots=True)
class Span:
    """When something has to happen: always, absolute, relative, or the question's own period.

    Attributes:
        since: Not before this.
        until: Before this.
        last_s: So long, up to the question's moment (`as_of`, excluded).
        ago_s: And so much earlier; with `last_s` only.
        asked: The period of the question itself.
    """

    since: datetime | None = None
    until: datetime | None = None
    last_s: int | None = None
    ago_s: int = 0
    asked: bool = False

    def bounds(self, moment: Moment) -> Bounds:
        """Give it as instants."""
        if self.asked:
            return Bounds(moment.since, moment.until)
        if self.last_s is None:
            return Bounds(self.since, self.until)
        until = earlier(moment.as_of, timedelta(seconds=self.ago_s))
        return Bounds(earlier(until, timedelta(seconds=self.last_s)), until)

    def obstacles(self) -> tuple[str, ...]:
        """Say what is wrong with it."""
        found = period_obstacles(self.since, self.until)
        absolute = self.since is not None or self.until is not None
        if (absolute, self.last_s is not None, self.asked).count(True) > 1:
            found.append("a period is either `since` and `until`, or `last`, or `asked`")
        if self.ago_s and self.last_s is None:
            found.append("`ago` needs `last`")
        if self.last_s is not None and not 1 <= self.last_s <= LONGEST_S:
            found.append("`last` is not from 1 second to 20 years")
        if not 0 <= self.ago_s <= LONGEST_S:
            found.append("`ago` is more than 20 years")
        return tuple(found)

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        found: dict[str, Json] = {}
        if self.since is not None:
            found["since"] = instant(self.since)
        if self.until is not None:
            found["until"] = instant(self.until)
        if self.last_s is not None:
            found["last"] = self.last_s
        if self.ago_s:
            found["ago"] = self.ago_s
        return {"asked": True} if self.asked else found


ALWAYS: Final = Span()


@dataclass(slots=True)
class Statement:
    """Collects what one pass over the events has to count per person.

    Attributes:
        moment: What the question leaves open.
        values: Placeholders, with a prefix that no question's own have.
        columns: Aggregates per person, as SQL.
    """

    moment: Moment
    values: Placeholders = field(default_factory=lambda: Placeholders(prefix="s"))
    columns: list[str] = field(default_factory=list)

    def column(self, aggregate: str) -> str:
        """Keep an aggregate and give the name that it has outside."""
        name = f"c{len(self.columns)}"
        self.columns.append(f"{aggregate} AS {name}")
        return name

    def within(self, span: Span) -> str:
        """Give the SQL of a period."""
        bounds = span.bounds(self.moment)
        return between(bounds.since, bounds.until, self.values)


@dataclass(frozen=True, slots=True)
class Did:
    """A person did something, so often; `at_most` 0 is "did not".

    Attributes:
        events: What.
        at_least: How often; 0 for no lower bound.
        at_most: None for no upper bound.
        within: When.
    """

    events: Events
    at_least: int = 1
    at_most: int | None = None
    within: Span = ALWAYS

    @property
    def parts(self) -> tuple[Part, ...]:
        """The conditions that it is made of."""
        return ()

    def sql(self, statement: Statement) -> str:
        """Give it as SQL that is never null, over the columns that it asks for."""
        is_it = f"{self.events.sql(statement.values)} AND {statement.within(self.within)}"
        times = statement.column(f"count(*) FILTER (WHERE {is_it})")
        tests = [f"{times} >= {statement.values.add(self.at_least)}"]
        if self.at_most is not None:
            tests.append(f"{times} <= {statement.values.add(self.at_most)}")
        return f"({' AND '.join(tests)})"

    def holds_of_nobody(self) -> bool:
        """Say whether it holds of a person of whom nothing is known."""
        return self.at_least == 0

    def reads(self, moment: Moment) -> Bounds:
        """Say which events can tell."""
        return self.within.bounds(moment)

    def named(self) -> tuple[Events, ...] | None:
        """Say which events it looks at; None for all."""
        return (self.events,)

    def obstacles(self) -> tuple[str, ...]:
        """Say what is wrong with it."""
        found = [*self.events.obstacles(), *self.within.obstacles()]
        if self.at_least < 0 or (self.at_most is not None and self.at_most < self.at_least):
            found.append("`at_most` is less than `at_least`")
        if self.at_least == 0 and self.at_most is None:
            found.append("it asks for any number of times, which is everybody")
        return tuple(found)

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        if (self.at_least, self.at_most) == (0, 0):
            return {"did_not": _events_document(self.events), **_within(self.within)}
        found: dict[str, Json] = {"did": _events_document(self.events)}
        if self.at_least != 1:
            found["at_least"] = self.at_least
        if self.at_most is not None:
            found["at_most"] = self.at_most
        return {**found, **_within(self.within)}


@dataclass(frozen=True, slots=True)
class FirstSeen:
    """A person's very first event lies in a period: "new" then, and "returning" later."""

    within: Span

    @property
    def parts(self) -> tuple[Part, ...]:
        """The conditions that it is made of."""
        return ()

    def sql(self, statement: Statement) -> str:
        """Give it as SQL that is never null, over the columns that it asks for."""
        bounds = self.within.bounds(statement.moment)
        first = statement.column("min(occurred_at)")
        tests = []
        if bounds.since is not None:
            tests.append(f"{first} >= {statement.values.add(bounds.since)}")
        if bounds.until is not None:
            tests.append(f"{first} < {statement.values.add(bounds.until)}")
        return f"coalesce({' AND '.join(tests) or f'{first} IS NOT NULL'}, false)"

    def holds_of_nobody(self) -> bool:
        """Say whether it holds of a person of whom nothing is known."""
        return False

    def reads(self, moment: Moment) -> Bounds:
        """Say which events can tell: all before the end, because one may be earlier."""
        return Bounds(None, self.within.bounds(moment).until)

    def named(self) -> tuple[Events, ...] | None:
        """Say which events it looks at; None for all."""
        return None

    def obstacles(self) -> tuple[str, ...]:
        """Say what is wrong with it."""
        return self.within.obstacles()

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {"first_seen": self.within.document()}


class Which(StrEnum):
    """Which of a person's values is meant.

    `FIRST`, `LAST`: that of the first or last event that has one; `EVER`: any of them.
    """

    FIRST = "first"
    LAST = "last"
    EVER = "ever"


@dataclass(frozen=True, slots=True)
class Was:
    """What a dimension or property of a person first, last or ever was.

    Somebody without any such value has none: `is_not` and `is_not_set` hold of them.

    Attributes:
        which: Which of the values.
        condition: What it was.
        events: Which events are looked at; every one when it names none.
        within: When they happened.
    """

    which: Which
    condition: Condition
    events: Events = Events()  # noqa: RUF009 - frozen, and of no state
    within: Span = ALWAYS

    @property
    def parts(self) -> tuple[Part, ...]:
        """The conditions that it is made of."""
        return ()

    def sql(self, statement: Statement) -> str:
        """Give it as SQL that is never null, over the columns that it asks for."""
        values = statement.values
        value = text_of(self.condition.field, values)
        looked_at = f"{self.events.sql(values)} AND {statement.within(self.within)}"
        holds = self.condition.sql(values)
        has_one = f"{looked_at} AND {value} IS NOT NULL"
        if self.which is Which.EVER:
            # A missing value is one only where the person has no other.
            found = statement.column(f"bool_or({holds}) FILTER (WHERE {has_one})")
        else:
            pick = "arg_min" if self.which is Which.FIRST else "arg_max"
            order = f"row(occurred_at, writer, position, {value})"
            found = statement.column(f"{pick}({holds}, {order}) FILTER (WHERE {has_one})")
        return f"coalesce({found}, {'true' if self.holds_of_nobody() else 'false'})"

    def holds_of_nobody(self) -> bool:
        """Say whether it holds of a person of whom nothing is known."""
        return self.condition.comparison in {Comparison.IS_NOT, Comparison.IS_NOT_SET}

    def reads(self, moment: Moment) -> Bounds:
        """Say which events can tell."""
        return self.within.bounds(moment)

    def named(self) -> tuple[Events, ...] | None:
        """Say which events it looks at; None for all."""
        return (self.events,)

    def obstacles(self) -> tuple[str, ...]:
        """Say what is wrong with it."""
        parts = (self.condition, self.events, self.within)
        return tuple(reason for part in parts for reason in part.obstacles())

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        found: dict[str, Json] = {self.which.value: _condition_document(self.condition)}
        if self.events != Events():
            found["event"] = _events_document(self.events)
        return {**found, **_within(self.within)}


@dataclass(frozen=True, slots=True)
class Followed:
    """A person did one thing after another, all of them within a window from the first.

    Events of one instant may follow each other in either direction, as in a funnel;
    no event follows itself.

    Attributes:
        steps: In order, at least two.
        window_s: From the first step; its end belongs to it.
        within: When all of the steps happened.
    """

    steps: tuple[Events, ...]
    window_s: int
    within: Span = ALWAYS

    @property
    def parts(self) -> tuple[Part, ...]:
        """The conditions that it is made of."""
        return ()

    def sql(self, statement: Statement) -> str:
        """Give it as SQL that is never null, over the columns that it asks for."""
        values = statement.values
        marks = ", ".join(f"{step.sql(values)} AS is_{n}" for n, step in enumerate(self.steps))
        any_of = " OR ".join(f"is_{n}" for n in range(len(self.steps)))
        rows = f"""
            SELECT person, occurred_at, {marks}, CASE WHEN is_0 THEN occurred_at END AS from_0
            FROM events
            WHERE {candidates(self.steps, values)} AND {statement.within(self.within)}
                AND ({any_of})
        """
        # Per step: the latest start of a row of steps that ends with this event. The
        # latest is the one that a window forgives most.
        for n in range(1, len(self.steps)):
            rows = f"""
                SELECT *, CASE WHEN is_{n} THEN max(from_{n - 1}) OVER (
                    PARTITION BY person ORDER BY occurred_at
                    RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW
                ) END AS from_{n}
                FROM ({rows})
            """
        took = f"epoch_us(occurred_at) - epoch_us(from_{len(self.steps) - 1})"
        limit = values.add(self.window_s * 1_000_000)
        return f"person IN (SELECT person FROM ({rows}) WHERE {took} <= {limit})"

    def holds_of_nobody(self) -> bool:
        """Say whether it holds of a person of whom nothing is known."""
        return False

    def reads(self, moment: Moment) -> Bounds:
        """Say which events can tell."""
        return self.within.bounds(moment)

    def named(self) -> tuple[Events, ...] | None:
        """Say which events it looks at; None for all."""
        return self.steps

    def obstacles(self) -> tuple[str, ...]:
        """Say what is wrong with it."""
        found = [reason for step in self.steps for reason in step.obstacles()]
        if not 2 <= len(self.steps) <= MOST_STEPS:
            found.append(f"a sequence has 2 to {MOST_STEPS} steps, not {len(self.steps)}")
        if not 0 <= self.window_s <= LONGEST_S:
            found.append("its window is more than 20 years")
        return (*found, *self.within.obstacles())

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        steps = [_events_document(step) for step in self.steps]
        return {"sequence": steps, "window": self.window_s, **_within(self.within)}


@dataclass(frozen=True, slots=True)
class All:
    """Every one of these holds."""

    parts: tuple[Part, ...]

    def sql(self, statement: Statement) -> str:
        """Give it as SQL that is never null, over the columns that it asks for."""
        return f"({' AND '.join(part.sql(statement) for part in self.parts)})"

    def holds_of_nobody(self) -> bool:
        """Say whether it holds of a person of whom nothing is known."""
        return all(part.holds_of_nobody() for part in self.parts)

    def reads(self, moment: Moment) -> Bounds:
        """Say which events can tell."""
        return _hull(self.parts, moment)

    def named(self) -> tuple[Events, ...] | None:
        """Say which events it looks at; None for all."""
        return _named(self.parts)

    def obstacles(self) -> tuple[str, ...]:
        """Say what is wrong with it."""
        return _composed(self.parts, "all")

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {"all": [part.document() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of these holds."""

    parts: tuple[Part, ...]

    def sql(self, statement: Statement) -> str:
        """Give it as SQL that is never null, over the columns that it asks for."""
        return f"({' OR '.join(part.sql(statement) for part in self.parts)})"

    def holds_of_nobody(self) -> bool:
        """Say whether it holds of a person of whom nothing is known."""
        return any(part.holds_of_nobody() for part in self.parts)

    def reads(self, moment: Moment) -> Bounds:
        """Say which events can tell."""
        return _hull(self.parts, moment)

    def named(self) -> tuple[Events, ...] | None:
        """Say which events it looks at; None for all."""
        return _named(self.parts)

    def obstacles(self) -> tuple[str, ...]:
        """Say what is wrong with it."""
        return _composed(self.parts, "any")

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {"any": [part.document() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class Not:
    """This does not hold; everybody with any event at all is asked."""

    part: Part

    @property
    def parts(self) -> tuple[Part, ...]:
        """The conditions that it is made of."""
        return (self.part,)

    def sql(self, statement: Statement) -> str:
        """Give it as SQL that is never null, over the columns that it asks for."""
        return f"(NOT {self.part.sql(statement)})"

    def holds_of_nobody(self) -> bool:
        """Say whether it holds of a person of whom nothing is known."""
        return not self.part.holds_of_nobody()

    def reads(self, moment: Moment) -> Bounds:
        """Say which events can tell."""
        return self.part.reads(moment)

    def named(self) -> tuple[Events, ...] | None:
        """Say which events it looks at; None for all."""
        return self.part.named()

    def obstacles(self) -> tuple[str, ...]:
        """Say what is wrong with it."""
        return self.part.obstacles()

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {"not": self.part.document()}


Part = Did | FirstSeen | Was | Followed | All | AnyOf | Not
"""A condition over a person."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The people of whom a condition holds, with the name and version that it was saved under.

    Attributes:
        condition: What holds of them.
        name: Of a saved segment; empty for one that was made up for a question.
        version: Of a saved segment, from 1.
    """

    condition: Part
    name: str = ""
    version: int = 0

    def obstacles(self) -> tuple[str, ...]:
        """Say what is wrong with it."""
        if sum(1 for _ in _walk(self.condition)) > MOST_PARTS:
            return (f"a segment has at most {MOST_PARTS} conditions",)
        return tuple(dict.fromkeys(self.condition.obstacles()))

    @property
    def is_relative(self) -> bool:
        """Whether the moment at which it is asked makes a difference."""
        return any(
            isinstance(part, Did | FirstSeen | Was | Followed) and part.within.last_s is not None
            for part in _walk(self.condition)
        )

    def people(self, moment: Moment) -> People:
        """Say, as SQL, who they are; the people of a bucket are told from it alone."""
        statement = Statement(moment)
        holds = self.condition.sql(statement)
        bounds, only = Bounds(), "true"
        if not self.condition.holds_of_nobody():
            # Whoever has no event there is as somebody of whom nothing is known.
            bounds = self.condition.reads(moment)
            looked_at = self.condition.named()
            if looked_at is not None:
                only = candidates(looked_at, statement.values)
        return People(
            sql=f"""
            SELECT person
            FROM (
                SELECT {", ".join(["person", *statement.columns])}
                FROM events
                WHERE {only} AND {between(bounds.since, bounds.until, statement.values)}
                GROUP BY person
            )
            WHERE {holds}
            ORDER BY person
            """,
            parameters=statement.values.values,
            since=bounds.since,
            until=bounds.until,
        )

    def document(self) -> dict[str, Json]:
        """Say, in an answer, which segment it was asked in."""
        if self.name:
            return {"name": self.name, "version": self.version}
        return {"ad_hoc": True, "definition": self.condition.document()}


def _walk(part: Part) -> Sequence[Part]:
    found: list[Part] = [part]
    for each in found:
        found.extend(each.parts)
    return found


def _hull(parts: Sequence[Part], moment: Moment) -> Bounds:
    found = parts[0].reads(moment)
    for part in parts[1:]:
        found |= part.reads(moment)
    return found


def _named(parts: Sequence[Part]) -> tuple[Events, ...] | None:
    found: list[Events] = []
    for part in parts:
        looked_at = part.named()
        if looked_at is None:
            return None
        found += looked_at
    return tuple(found)


def _composed(parts: Sequence[Part], word: str) -> tuple[str, ...]:
    if not parts:
        return (f"`{word}` names no condition",)
    return tuple(reason for part in parts for reason in part.obstacles())


def _within(span: Span) -> dict[str, Json]:
    return {} if span == ALWAYS else {"within": span.document()}


def _events_document(events: Events) -> Json:
    if len(events.names) == 1 and not events.where:
        return events.names[0]
    found: dict[str, Json] = {}
    if events.names:
        found["names"] = list(events.names)
    if events.where:
        found["where"] = [_condition_document(condition) for condition in events.where]
    return found


def _condition_document(condition: Condition) -> dict[str, Json]:
    found: dict[str, Json] = {"field": condition.field, "comparison": condition.comparison.value}
    return {**found, "values": list(condition.values)} if condition.values else found


def _least(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(each for each in (one, other) if each is not None)


def _most(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(each for each in (one, other) if each is not None)
