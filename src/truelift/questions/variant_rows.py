"""What a bucket's rows tell of an experiment: what was shown, and what every row counts as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from truelift.questions.dimensions import COLUMNS, LARGEST, Placeholders, text_of
from truelift.questions.matching import Events, candidates
from truelift.questions.metric import Amount, AmountKind, Counted, Metric, MetricKind
from truelift.questions.period import between
from truelift.questions.table import integers, numbers, whole


Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]
Codes = NDArray[np.int32]
Chosen = NDArray[np.bool_]

_BITS: Final = 31
"""Sets of events that a column of 32 bits tells."""

_WIDE: Final = 1 << 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """Which unit each row is about, as far as the row itself says.

    Attributes:
        person: Whose row it is.
        key: Of the unit; the person, or one of the person's visitors or users.
        named: Whether the row names a unit; None: every row does.
    """

    person: Whole
    key: Whole
    named: Chosen | None

    @classmethod
    def of(cls, rows: pa.Table) -> Keys:
        """Read them off a table's rows."""
        person = integers(rows, "person")
        if "unit_key" not in rows.column_names:
            return cls(person, person, None)
        key = whole(rows["unit_key"])
        named: Chosen = key.is_valid().to_numpy(zero_copy_only=False)
        return cls(person, key.fill_null(0).to_numpy(), named)


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """The rows of one bucket.

    Attributes:
        keys: Whose they are.
        at_us: When.
        at: Which of them are exposures.
        seen: What these say: `shown`, a `value_` per dimension that is not the visitor, and
            who saw it: `who`, or `visitor_id` and `user_id`.
        code: Of every row, the place of its mark in `marks`.
        marks: What rows are, a bit per set of events.
        amounts: Per amount the number of every row, NaN where it has none.
    """

    keys: Keys
    at_us: Whole
    at: Whole
    seen: pa.Table
    code: Codes
    marks: tuple[int, ...]
    amounts: tuple[Numbers, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read of events, in two ways that tell the same.

    `statement` has DuckDB give narrow rows of the exposures and of what may count, whatever is
    asked. `columns` names the columns that tell it as they stand: then nothing is copied that
    nobody looks at, and texts stay codes, which is several times faster.

    Attributes:
        experiment: Its key.
        since: Exposures before this are as if they had not been.
        until: And those at or after this.
        dimensions: By the number of each, what exposures are told apart by.
        unit_id: The column that names a unit; empty where persons are the units.
        every_row: Whether rows are read that neither expose nor count.
        sets: Events that count for something.
        amounts: What of them is added up.
        counted: Which amounts are of which sets.
    """

    experiment: str
    since: datetime | None
    until: datetime | None
    dimensions: Mapping[int, str]
    unit_id: str
    every_row: bool
    sets: tuple[Events, ...]
    amounts: tuple[Amount, ...]
    counted: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        metrics: Sequence[Metric],
        *,
        experiment: str,
        since: datetime | None,
        until: datetime | None,
        dimensions: Mapping[int, str],
        unit_id: str,
        every_row: bool,
    ) -> Reading:
        """Collect what metrics count."""
        sets: dict[Events, int] = {}
        amounts: dict[Amount, int] = {}
        of_amount: dict[int, set[int]] = {}
        steps = [Counted(each) for metric in metrics for each in metric.steps]
        for counted in (*(each for metric in metrics for each in counted_of(metric)), *steps):
            bit = sets.setdefault(counted.events, len(sets))
            if counted.amount is not None:
                amount = replace(counted.amount, counts=False)
                of_amount.setdefault(amounts.setdefault(amount, len(amounts)), set()).add(bit)
        return cls(
            experiment=experiment,
            since=since,
            until=until,
            dimensions=dimensions,
            unit_id=unit_id,
            every_row=every_row,
            sets=tuple(sets),
            amounts=tuple(amounts),
            counted={amount: tuple(sorted(bits)) for amount, bits in of_amount.items()},
        )

    def place(self, counted: Counted) -> tuple[int, int | None]:
        """Say which bit of a mark, and which amount if any, tells of what is counted."""
        bit = self.sets.index(counted.events)
        if counted.amount is None:
            return bit, None
        return bit, self.amounts.index(replace(counted.amount, counts=False))

    @property
    def columns(self) -> tuple[str, ...]:
        """What `by_columns` reads; nothing where only a statement can tell."""
        by_name = all(events.names and not events.where for events in self.sets)
        plain = all(amount.kind is not AmountKind.PROPERTY for amount in self.amounts)
        known = all(name in COLUMNS for name in self.dimensions.values())
        if self.unit_id or not (by_name and plain and known):
            return ()
        found = ["person", "occurred_at", "event", "experiment", "variant"]
        found += ["visitor_id", "user_id", *self.dimensions.values()]
        for amount in self.amounts:
            is_money = amount.kind is AmountKind.MONEY
            found += ["value_minor", "currency"] if is_money else ["value"]
            found += ["trusted"] if amount.trusted else []
        return tuple(dict.fromkeys(found))

    def statement(self, values: Placeholders) -> str:
        """Give the SQL of what `by_statement` reads.

        There is no ORDER BY: rows come in the order of the files, units are put in order of
        their keys, and sorting all rows would cost more than all the rest.
        """
        columns = {"person": "person", "at_us": "epoch_us(occurred_at)"}
        if self.unit_id:
            key = f"(hash(person, {self.unit_id}) >> 1)::BIGINT"
            columns["unit_key"] = f"CASE WHEN {self.unit_id} IS NOT NULL THEN {key} END"
        shown = {"shown": "variant", "who": "(hash(coalesce(visitor_id, user_id)) >> 1)::BIGINT"}
        for nth, dimension in self.dimensions.items():
            shown[f"value_{nth}"] = text_of(dimension, values)
        counted = {}
        for nth, amount in enumerate(self.amounts):
            sets = " OR ".join(self.sets[bit].sql(values) for bit in self.counted[nth])
            counted[f"number_{nth}"] = f"CASE WHEN {sets} THEN {amount.sql(values)} END"
        marks = {
            f"marks_{nth}": f"({_mark(self.sets[nth * _BITS :][:_BITS], values)})::INTEGER"
            for nth in range(-(-len(self.sets) // _BITS))
        }
        kept = "true" if self.every_row else candidates(self.sets, values)
        return f"""
            SELECT {_named({**columns, **shown, **dict.fromkeys(marks, "0")})} FROM events
            WHERE experiment = {values.add(self.experiment)} AND variant IS NOT NULL
                AND {between(self.since, self.until, values)}
            UNION ALL BY NAME
            SELECT {_named({**columns, **counted, **marks})} FROM events WHERE {kept}
            """

    def told(self, rows: pa.Table) -> Told:
        """Read what the statement gave, or the columns."""
        return self._by_columns(rows) if "event" in rows.column_names else self._by_statement(rows)

    def _by_statement(self, rows: pa.Table) -> Told:
        at = np.flatnonzero(whole(rows["shown"]).is_valid().to_numpy(zero_copy_only=False))
        code, marks = _marked(
            [integers(rows, name) for name in rows.column_names if name.startswith("marks_")],
            rows.num_rows,
        )
        return Told(
            keys=Keys.of(rows),
            at_us=integers(rows, "at_us"),
            at=at,
            seen=_rows_at(rows, at).select(["shown", "who", *self._values]),
            code=code,
            marks=marks,
            amounts=tuple(numbers(rows, f"number_{nth}") for nth, _ in enumerate(self.amounts)),
        )

    def _by_columns(self, rows: pa.Table) -> Told:
        keys = Keys.of(rows)
        at_us: Whole = whole(rows["occurred_at"]).cast(pa.int64()).to_numpy()
        code = np.zeros(rows.num_rows, np.int32)
        amounts = tuple(np.full(rows.num_rows, np.nan) for _ in self.amounts)
        marks: dict[int, int] = {0: 0}
        at: list[Whole] = []
        seen: list[pa.Table] = []
        first = 0
        for piece in rows.to_batches() or [_no_rows(rows.schema)]:
            here = slice(first, first + piece.num_rows)
            code[here] = self._codes(piece, marks)
            for amount, number in zip(self.amounts, amounts, strict=True):
                _put_amounts(piece, amount, number[here])
            exposures = self._exposures(piece, at_us[here])
            at.append(exposures + first)
            seen.append(self._seen(piece, exposures))
            first = here.stop
        return Told(
            keys=keys,
            at_us=at_us,
            at=np.concatenate(at),
            seen=_with_one_dictionary(pa.concat_tables(seen)),
            code=code,
            marks=tuple(marks),
            amounts=amounts,
        )

    def _codes(self, piece: pa.RecordBatch, marks: dict[int, int]) -> Codes:
        """Give the code of every row's mark; new marks get the next one."""
        indices, titles = _text(piece, "event")
        found = []
        for title in titles:
            mark = sum(1 << bit for bit, events in enumerate(self.sets) if title in events.names)
            found.append(marks.setdefault(mark, len(marks)))
        code: Codes = np.array([*found, 0], np.int32)[indices]
        return code

    def _exposures(self, piece: pa.RecordBatch, at_us: Whole) -> Whole:
        indices, titles = _text(piece, "experiment")
        if self.experiment not in titles:
            return np.zeros(0, np.int64)
        shown = indices == titles.index(self.experiment)
        shown &= piece["variant"].is_valid().to_numpy(zero_copy_only=False)
        at: Whole = np.flatnonzero(shown)
        if self.since is not None:
            at = at[at_us[at] >= _us(self.since)]
        return at if self.until is None else at[at_us[at] < _us(self.until)]

    def _seen(self, piece: pa.RecordBatch, exposures: Whole) -> pa.Table:
        names = {"shown": "variant", "visitor_id": "visitor_id", "user_id": "user_id"}
        names |= {f"value_{nth}": name for nth, name in self.dimensions.items()}
        at = pa.array(exposures)
        return pa.table({name: piece[column].take(at) for name, column in names.items()})

    @property
    def _values(self) -> list[str]:
        return [f"value_{nth}" for nth in self.dimensions]


def counted_of(metric: Metric) -> tuple[Counted, ...]:
    """Give what a metric counts: one set of events, or a ratio's two; without an unused amount."""
    sets = [metric.counted, *([metric.below] if metric.below else [])]
    if metric.kind is MetricKind.COUNT or metric.kind in _WITHOUT_AMOUNT:
        sets = [Counted(each.events) for each in sets]
    return tuple(sets)


_WITHOUT_AMOUNT: Final = frozenset(
    {
        MetricKind.PROPORTION,
        MetricKind.RETENTION,
        MetricKind.FUNNEL_STEP,
        MetricKind.RESTRICTED_MEAN,
    }
)


def _named(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in columns.items())


def _mark(sets: Sequence[Events], values: Placeholders) -> str:
    """Give the SQL of a row's mark: the bits of the sets of events that it is in.

    Sets that are names alone, as nearly all are, cost one comparison a name together.
    """
    by_name: dict[str, int] = {}
    parts = []
    for bit, events in enumerate(sets):
        if events.where or not events.names:
            parts.append(f"CASE WHEN {events.sql(values)} THEN {1 << bit} ELSE 0 END")
            continue
        for name in set(events.names):
            by_name[name] = by_name.get(name, 0) | 1 << bit
    if by_name:
        whens = [f"WHEN {values.add(name)} THEN {mark}" for name, mark in by_name.items()]
        parts.append(f"CASE event {' '.join(whens)} ELSE 0 END")
    return " | ".join(parts)


def _marked(columns: Sequence[Whole], rows: int) -> tuple[Codes, tuple[int, ...]]:
    """Give every row a code for its marks, and the marks that codes stand for."""
    code, marks = np.zeros(rows, np.int32), [0]
    for nth, column in enumerate(columns):
        place, values = _labelled(column)
        code, pairs = _labelled(code.astype(np.int64) * len(values) + place)
        marks = [
            marks[pair // len(values)] | int(values[pair % len(values)]) << nth * _BITS
            for pair in pairs.tolist()
        ]
    return code, tuple(marks)


def _labelled(values: Whole) -> tuple[Codes, Whole]:
    """Number the different values, none below 0, from 0."""
    if not len(values):
        return np.zeros(0, np.int32), np.zeros(1, np.int64)
    if values.max() >= _WIDE:
        different, place = np.unique(values, return_inverse=True)
        return place.astype(np.int32), different
    different = np.flatnonzero(np.bincount(values))
    places = np.zeros(int(different[-1]) + 1, np.int32)
    places[different] = np.arange(len(different))
    return places[values], different


def _text(piece: pa.RecordBatch, name: str) -> tuple[NDArray[np.integer[Any]], list[str | None]]:
    """Give a column of text as codes, and what they stand for; of a null the last one, -1."""
    column = piece[name]
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    indices = column.indices
    if indices.null_count:
        indices = indices.fill_null(-1)
    return indices.to_numpy(zero_copy_only=False), column.dictionary.to_pylist()


def _put_amounts(piece: pa.RecordBatch, amount: Amount, found: Numbers) -> None:
    """Write the numbers of the rows that have one; see `Amount.sql`."""
    column = piece["value_minor" if amount.kind is AmountKind.MONEY else "value"]
    there = column.is_valid().to_numpy(zero_copy_only=False)
    if amount.kind is AmountKind.MONEY:
        indices, titles = _text(piece, "currency")
        if amount.currency not in titles:
            return
        there = there & (indices == titles.index(amount.currency))
    if amount.trusted:
        trusted = pc.fill_null(piece["trusted"], fill_value=False)
        there = there & trusted.to_numpy(zero_copy_only=False)
    at = np.flatnonzero(there)
    number = column.take(pa.array(at)).to_numpy(zero_copy_only=False).astype(np.float64)
    measured = np.abs(number) <= LARGEST
    found[at[measured]] = number[measured]


def _rows_at(rows: pa.Table, at: Whole) -> pa.Table:
    """Give some rows, in their order; mostly they are one stretch."""
    if len(at) and at[-1] - at[0] + 1 == len(at):
        return rows.slice(int(at[0]), len(at))
    return rows.take(pa.array(at))


def _with_one_dictionary(seen: pa.Table) -> pa.Table:
    """Have each column's codes mean the same in all pieces, but for who saw it: few ask that."""
    others = ["visitor_id", "user_id"]
    found = seen.drop_columns(others).unify_dictionaries()
    for name in others:
        found = found.append_column(name, seen[name])
    return found


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.record_batch([pa.array([], each.type) for each in schema], schema=schema)


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
