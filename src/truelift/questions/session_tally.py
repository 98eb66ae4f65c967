"""What is counted over sessions, group by group, and how groups merge and are ranked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from truelift.errors import Refusal
from truelift.questions.document import Json
from truelift.questions.table import whole


MOST_GROUPS: Final = 2_000_000
"""More different values are refused: they would not fit the memory of a small machine."""

HIGH: Final = "revenue_high"
LOW: Final = "revenue_low"
LOW_BITS: Final = 32
"""Money is added up in two halves, `high << LOW_BITS` and `low`."""

_COUNTED: Final = (
    "sessions",
    "people",
    "events",
    "pages",
    "engaged",
    "immature",
    "key_sessions",
    "conversions",
    "duration_ms",
    HIGH,
    LOW,
)

Integers = NDArray[np.int64]
Count = Integers | NDArray[np.bool_]


class TooManyGroups(Refusal):
    """Sessions would fall into more groups than can be held."""

    code = "questions.too_many_groups"

    def __init__(self, *, groups: int) -> None:
        super().__init__(
            f"These sessions fall into {groups:,} groups; {MOST_GROUPS:,} are the most."
            " Ask about a shorter period or a smaller segment, or group by something"
            " with fewer values.",
            groups=groups,
            most=MOST_GROUPS,
        )


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of text as codes, and the texts that they stand for.

    Attributes:
        code: From 0, of events or of sessions.
        titles: The texts in the order of their codes; the last one is null.
    """

    code: Integers
    titles: pa.Array

    @classmethod
    def column(cls, rows: pa.Table, name: str) -> Coded:
        """Take a column of text from what a scan gave."""
        encoded = whole(rows[name]).dictionary_encode()
        known = encoded.dictionary.cast(pa.string())
        titles = pa.concat_arrays([known, pa.nulls(1, pa.string())])
        code = encoded.indices.cast(pa.int64()).fill_null(len(known))
        code = code.to_numpy(zero_copy_only=False)
        if known.null_count:
            # The sequence index has null among its values; here it has one code alone.
            code = np.where(known.is_null().to_numpy(zero_copy_only=False)[code], len(known), code)
        return cls(code, titles)

    @property
    def nothing(self) -> int:
        """The code of null."""
        return len(self.titles) - 1

    def of(self, rows: Integers) -> Coded:
        """Give the values at these rows, null at -1."""
        if not len(self.code):
            return Coded(np.full(len(rows), self.nothing, dtype=np.int64), self.titles)
        return Coded(np.where(rows >= 0, self.code[rows], self.nothing), self.titles)


@dataclass(frozen=True, slots=True)
class SessionTally:
    """What was counted over some sessions.

    Attributes:
        sessions: How many.
        people: Different people who had one; None where nobody can know without
            counting some twice.
        events: In them.
        pages: Page and screen views in them.
        engaged: Sessions of 10 s or longer, with 2 pages or with a key event.
        immature: Sessions that did not engage yet and may still go on.
        key_sessions: Sessions with a key event.
        conversions: Key events in them.
        duration_ms: From first to last event, added up.
        revenue: In minor units.
    """

    sessions: int = 0
    people: int | None = 0
    events: int = 0
    pages: int = 0
    engaged: int = 0
    immature: int = 0
    key_sessions: int = 0
    conversions: int = 0
    duration_ms: int = 0
    revenue: int = 0

    @property
    def bounced(self) -> int:
        """Sessions that are over and did not engage."""
        return self.sessions - self.engaged - self.immature

    def __add__(self, other: SessionTally) -> SessionTally:
        """Add the sessions of two buckets, whose people are different."""
        unknown = self.people is None or other.people is None
        return SessionTally(
            sessions=self.sessions + other.sessions,
            people=None if unknown else (self.people or 0) + (other.people or 0),
            events=self.events + other.events,
            pages=self.pages + other.pages,
            engaged=self.engaged + other.engaged,
            immature=self.immature + other.immature,
            key_sessions=self.key_sessions + other.key_sessions,
            conversions=self.conversions + other.conversions,
            duration_ms=self.duration_ms + other.duration_ms,
            revenue=self.revenue + other.revenue,
        )

    def document(self, *, money: bool = False) -> dict[str, Json]:
        """Write it as a row of the answer; a rate of nothing is null."""
        settled = self.engaged + self.bounced

        def each(number: float, of: int = self.sessions) -> float | None:
            return number / of if of else None

        found: dict[str, Json] = {
            "sessions": self.sessions,
            "people": self.people,
            "events": self.events,
            "pages": self.pages,
            "engaged": self.engaged,
            "bounced": self.bounced,
            "immature": self.immature,
            "key_sessions": self.key_sessions,
            "conversions": self.conversions,
            "pages_per_session": each(self.pages),
            "duration_s": each(self.duration_ms / 1000),
            "engagement_rate": each(self.engaged, settled),
            "bounce_rate": each(self.bounced, settled),
            "key_rate": each(self.key_sessions),
        }
        if money:
            found |= {"revenue": self.revenue, "revenue_per_session": each(self.revenue)}
        return found


@dataclass(frozen=True, slots=True)
class SessionTallies:
    """What one bucket's sessions, or those of several, came to.

    Attributes:
        whole: All of them together, every person counted once.
        groups: Tables of a row per group: its keys, and what was counted.
    """

    whole: SessionTally
    groups: tuple[pa.Table, ...] = ()

    def __add__(self, other: SessionTallies) -> SessionTallies:
        """Add those of another bucket, whose people are different."""
        pairs = zip(self.groups, other.groups, strict=True)
        return SessionTallies(
            whole=self.whole + other.whole,
            groups=tuple(_merged(mine, theirs) for mine, theirs in pairs),
        )


@dataclass(frozen=True, slots=True)
class SessionRow:
    """The sessions of one group.

    Attributes:
        values: What they are grouped by; None where a session had none.
        tally: What was counted.
        others: How many more groups this row holds together; 0 for one group.
    """

    values: tuple[str | None, ...]
    tally: SessionTally
    others: int = 0


def tallied(
    *, person: NDArray[np.signedinteger], counts: Mapping[str, Count], keys: Mapping[str, Coded]
) -> pa.Table:
    """Count sessions group by group.

    Args:
        person: Of each session; all sessions of a person stand together.
        counts: What each session adds; what is not there counts as zero.
        keys: What they are grouped by; nothing: all are one group.
    """
    order, start = _in_groups(person, keys)
    one_of_each = start if order is None else order[start]
    whose = person if order is None else person[order]
    is_new = np.ones(len(whose), dtype=bool)
    is_new[1:] = whose[1:] != whose[:-1]
    is_new[start] = True
    columns = {name: key.titles.take(pa.array(key.code[one_of_each])) for name, key in keys.items()}
    for name in _COUNTED:
        match name:
            case "sessions":
                total = np.diff(np.append(start, len(person)))
            case "people":
                total = _added(is_new, start)
            case _ if name in counts:
                column = counts[name]
                total = _added(column if order is None else column[order], start)
            case _:
                total = np.zeros(len(start), dtype=np.int64)
        columns[name] = pa.array(total)
    return _within_limit(pa.table(columns))


def counted_together(groups: pa.Table) -> SessionTally:
    """Take what was counted of all sessions as one group, or of none."""
    return _tally(groups.to_pylist()[0]) if groups.num_rows else SessionTally()


def ranked(groups: pa.Table, *, most: int, smallest: int = 1) -> list[SessionRow]:
    """Give the largest groups as rows, and the others together in one more.

    Args:
        groups: With their keys before what was counted.
        most: Rows, the one of the others apart.
        smallest: Groups of fewer people stand with the others.
    """
    keys = _keys(groups)
    in_order = _largest_first(groups, keys)
    large = in_order.filter(pc.greater_equal(in_order["people"], smallest))
    small = in_order.filter(pc.less(in_order["people"], smallest))
    shown = [
        SessionRow(tuple(row[key] for key in keys), _tally(row))
        for row in large.slice(0, most).to_pylist()
    ]
    rest = pa.concat_tables([large.slice(most), small])
    if not rest.num_rows:
        return shown
    # One person may be in several of these groups: their number is not known.
    totals = {name: pc.sum(rest[name]).as_py() for name in _COUNTED} | {"people": None}
    others = SessionRow((None,) * len(keys), _tally(totals), others=rest.num_rows)
    return [*shown, others]


def ranked_within(
    cells: pa.Table, parents: Sequence[str | None], *, most: int, smallest: int = 1
) -> list[SessionRow]:
    """Give the cells of these parents, the largest of each first, then its other cells.

    Args:
        cells: With two keys, the parent's first.
        parents: The values whose cells are shown, in order.
        most: Rows of one parent, the one of its other cells apart.
        smallest: Cells of fewer people stand with the others.
    """
    outer, _ = keys = _keys(cells)
    wanted = pa.array(parents, pa.string())
    within = _largest_first(cells.filter(pc.is_in(cells[outer], value_set=wanted)), keys)
    place = pc.index_in(within[outer], value_set=wanted).to_numpy()
    is_small = pc.less(within["people"], smallest).to_numpy()
    order = np.lexsort((is_small, place))
    within, place, is_small = within.take(pa.array(order)), place[order], is_small[order]
    begins = np.searchsorted(place, np.arange(len(parents)))
    rank = np.arange(len(place)) - begins[place]
    is_shown = (rank < most) & ~is_small
    shown: list[list[SessionRow]] = [[] for _ in parents]
    for row, parent in zip(
        within.filter(pa.array(is_shown)).to_pylist(), place[is_shown], strict=True
    ):
        shown[parent].append(SessionRow(tuple(row[key] for key in keys), _tally(row)))
    hidden, whose = np.flatnonzero(~is_shown), place[~is_shown]
    if len(hidden):
        start = np.flatnonzero(np.concatenate(([True], whose[1:] != whose[:-1])))
        rest = within.take(pa.array(hidden))
        totals = {name: _added(rest[name].to_numpy(), start).tolist() for name in _COUNTED}
        groups = np.diff(np.append(start, len(hidden))).tolist()
        for nth, parent in enumerate(whose[start]):
            total = {name: column[nth] for name, column in totals.items()} | {"people": None}
            values = (parents[parent], None)
            shown[parent].append(SessionRow(values, _tally(total), others=groups[nth]))
    return [row for rows in shown for row in rows]


def _tally(row: Mapping[str, int | None]) -> SessionTally:
    def number(name: str) -> int:
        return row[name] or 0

    return SessionTally(
        sessions=number("sessions"),
        people=row["people"],
        events=number("events"),
        pages=number("pages"),
        engaged=number("engaged"),
        immature=number("immature"),
        key_sessions=number("key_sessions"),
        conversions=number("conversions"),
        duration_ms=number("duration_ms"),
        revenue=(number(HIGH) << LOW_BITS) + number(LOW),
    )


def _merged(left: pa.Table, right: pa.Table) -> pa.Table:
    keys = _keys(left)
    both = pa.concat_tables([left, right])
    grouped = both.group_by(keys, use_threads=False)
    added = grouped.aggregate([(name, "sum") for name in _COUNTED])
    return _within_limit(
        pa.table(
            {key: added[key] for key in keys} | {name: added[f"{name}_sum"] for name in _COUNTED}
        )
    )


def _within_limit(groups: pa.Table) -> pa.Table:
    if groups.num_rows > MOST_GROUPS:
        raise TooManyGroups(groups=groups.num_rows)
    return groups


def _keys(groups: pa.Table) -> list[str]:
    return [name for name in groups.column_names if name not in _COUNTED]


def _largest_first(groups: pa.Table, keys: Sequence[str]) -> pa.Table:
    order = [("sessions", "descending"), *((key, "ascending") for key in keys)]
    return groups.take(pc.sort_indices(groups, sort_keys=order))


def _added(column: Count, start: Integers) -> Integers:
    if not len(start):
        return start
    found: Integers = np.add.reduceat(column, start, dtype=np.int64)
    return found


def _in_groups(
    person: NDArray[np.signedinteger], keys: Mapping[str, Coded]
) -> tuple[Integers | None, Integers]:
    """Give an order in which groups stand together, and where each begins in it.

    The order is stable: within a group, a person's sessions still stand together.
    None stands for the order as it is.
    """
    if not len(person):
        return None, np.zeros(0, dtype=np.int64)
    if not keys:
        return None, np.zeros(1, dtype=np.int64)
    code = np.zeros(len(person), dtype=np.int64)
    values = 1
    for key in keys.values():
        code = code * len(key.titles) + key.code
        values *= len(key.titles)
        if values > len(person):
            encoded = pa.array(code).dictionary_encode()
            code = encoded.indices.cast(pa.int64()).to_numpy()
            values = len(encoded.dictionary)
    # Sixteen bits are sorted by counting, in a single pass.
    order = np.argsort(code.astype(np.uint16) if values <= 1 << 16 else code, kind="stable")
    in_order = code[order]
    start = np.flatnonzero(np.concatenate(([True], in_order[1:] != in_order[:-1])))
    return order, start
