"""What every question has: what it reads, its answer for one bucket, and a merge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

import pyarrow as pa


Partial = TypeVar("Partial")
Answer = TypeVar("Answer", covariant=True)  # noqa: PLC0105 - one name for one thing


@dataclass(frozen=True, slots=True)
class People:
    """Whom a question is about, when it is not about everybody.

    Attributes:
        sql: A DuckDB statement over the same relation `events`, one column `person`;
            a person lives in one bucket, so what it needs is all there.
        parameters: Values of its `$name` placeholders.
        since: No row before this instant is needed to tell; or None.
        until: No row at or after this instant is needed; or None.
    """

    sql: str
    parameters: dict[str, object]
    since: datetime | None = None
    until: datetime | None = None


class Tie(StrEnum):
    """What simultaneous events of a person are ordered by.

    `LOWEST_BIT`: the lowest bit of the mark. `MARK`: the mark; `MARK_DOWN`: the
    larger one first. `POSITION`: in the journal. `GROUPED`: the column `grouped`.
    """

    LOWEST_BIT = "lowest_bit"
    MARK = "mark"
    MARK_DOWN = "mark_down"
    POSITION = "position"
    GROUPED = "grouped"


@dataclass(frozen=True, slots=True)
class Sequence:
    """The rows of a scan in words that the sequence index understands.

    The index knows of every event its person, instant, name and a few columns. What
    it gives has the same columns and the same order as what the scan's statement
    gives: `person`, `at_ms`, the column `mark_as`, and `grouped` where there is one.

    Attributes:
        mark_as: Name of the column that says what an event is to the question.
        marks: Event name → its number there; all others have 0.
        unmarked: Events with 0 are rows as well.
        grouped: The column of the events that stands in `grouped`; None: there is none.
        grouped_where: Bits; `grouped` is null where the mark has none of them. -1: everywhere.
        ties: What the statement orders by after `person` and `at_ms`.
    """

    mark_as: str
    marks: Mapping[str, int]
    unmarked: bool = False
    grouped: str | None = None
    grouped_where: int = -1
    ties: tuple[Tie, ...] = ()

    @property
    def order(self) -> str:
        """Give `ties` as the end of an ORDER BY."""
        said = {
            Tie.LOWEST_BIT: f"{self.mark_as} & -{self.mark_as}",
            Tie.MARK: self.mark_as,
            Tie.MARK_DOWN: f"{self.mark_as} DESC",
            Tie.POSITION: "position",
            Tie.GROUPED: "grouped",
        }
        return ", ".join(said[tie] for tie in self.ties)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a question reads from one bucket.

    Attributes:
        sql: A DuckDB statement over the relation `events`, one bucket's rows of
            people (stored, not bots, not internal) with the columns of
            `truelift.lake.schema.EVENTS`; placeholders only, ordered always.
        parameters: Values of its `$name` placeholders.
        since: No row before this instant is needed (for pruning files); or None.
        until: No row at or after this instant is needed; or None.
        people: Whose rows `events` has; None for everybody's.
        sequence: The same rows for the sequence index; None where it cannot give them.
        columns: Names of columns of the events, all of which the question answers from as
            well as from the statement's rows: as they stand, in no order, texts in
            dictionaries. Empty where only the statement tells.
    """

    sql: str
    parameters: dict[str, object]
    since: datetime | None = None
    until: datetime | None = None
    people: People | None = None
    sequence: Sequence | None = None
    columns: tuple[str, ...] = ()


class Question(Protocol[Partial, Answer]):
    """A frozen value that the lake can answer, bucket by bucket.

    A person lives in exactly one bucket, so answers of buckets merge into the
    answer of the whole: `partial` over any partition of the persons, folded with
    `merge`, gives the same as `partial` over all rows.
    """

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        ...

    def scan(self) -> Scan:
        """Say what to read from a bucket."""
        ...

    def partial(self, rows: pa.Table) -> Partial:
        """Answer for one bucket, from the rows that the scan gave."""
        ...

    def merge(self, left: Partial, right: Partial) -> Partial:
        """Put two buckets' answers together."""
        ...

    def answer(self, partial: Partial) -> Answer:
        """Turn the merged answer into the one that is shown."""
        ...
