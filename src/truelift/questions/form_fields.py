"""Form fields: which ones people reach, complete, hesitate at, and leave the form at.

Method:
    docs/methods/form-fields.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.dimensions import Placeholders, measured, number_of, text_of
from truelift.questions.document import Json, epoch_ms
from truelift.questions.forms import Context, Field, record, text
from truelift.questions.matching import BadQuestion, Events, candidates, is_text
from truelift.questions.members import AS_OF, EVENTS, ROWS, SINCE, UNTIL, Members
from truelift.questions.period import (
    AT_MS,
    SESSION_MARGIN,
    between,
    earlier,
    later,
    period_obstacles,
)
from truelift.questions.question import Scan
from truelift.questions.readings import Readings, Spread
from truelift.questions.session_tally import Coded
from truelift.questions.shares import share_of
from truelift.questions.table import integers, numbers, small_integers
from truelift.sequences.sessions import INACTIVITY_MS, LONGEST_MS, session_starts


FOCUSED: Final = Events(("Form Field Focused",))
COMPLETED: Final = Events(("Form Field Completed",))
ABANDONED: Final = Events(("Form Field Abandoned",))
SUBMITTED: Final = Events(("generate_lead", "sign_up"))

FIELD: Final = "field"
FOCUS_MS: Final = "focus_ms"
REFOCUS: Final = "refocus"
CORRECTIONS: Final = "corrections"
"""Properties of these events. None of them is what somebody typed."""

_FOCUSED, _COMPLETED, _ABANDONED, _SUBMITTED, _SEEN = 1, 2, 4, 8, 16
"""Bits of the column `kind`; the last one is an exposure to the experiment that is asked about."""

_WORDS: Final = ("focused", "completed", "abandoned", "submitted")
"""What these are called, in the same order."""

_OF_FIELDS: Final = _FOCUSED | _COMPLETED | _ABANDONED
_TENTH_MS: Final = 100
_MOST: Final = 1000
"""More corrections or returns than this are counted as this."""

(
    _FILLINGS,
    _SENT,
    _LEFT,
    _OPEN,
    _REACHED,
    _DONE,
    _WAITING,
    _FOCUS,
    _RETURNS,
    _CORRECTED,
    _LAST,
    _PLACE,
) = range(12)

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FieldRow:
    """What happened at one field.

    Attributes:
        field: Its name; None for several together.
        others: How many fields this row holds together; 0 for one.
        reached: Fillings in which it was entered.
        completed: Those in which it was completed in the end.
        waiting: Those in which it was not, and the filling may still go on.
        focus: Tenths of a second per filling that says any.
        returns: Times that it was entered again, per filling.
        corrections: Per filling.
        left_here: Fillings that were left with this field as the last one.
        place: The mean place at which it is entered, from 1.
    """

    field: str | None
    others: int
    reached: int
    completed: int
    waiting: int
    focus: Spread
    returns: Spread
    corrections: Spread
    left_here: int
    place: float | None

    @property
    def abandoned(self) -> int:
        """Fillings that are over in which it was entered and not completed."""
        return self.reached - self.completed - self.waiting

    def document(self, *, fillings: int, left: int) -> dict[str, Json]:
        """Write its numbers; what is not known is null, not 0."""
        over = self.completed + self.abandoned
        return {
            "reached": self.reached,
            "reach": self.reached / fillings if fillings else None,
            "completed": self.completed,
            "abandoned": self.abandoned,
            "immature": self.waiting,
            "abandonment": share_of(over, self.abandoned).document() if over else None,
            "focus": {
                "n": self.focus.n,
                **{f"p{part}_s": _seconds(self.focus.quantile(part)) for part in (50, 75, 90)},
            },
            "refocused": _beyond_none(self.returns),
            "corrected": _beyond_none(self.corrections),
            "corrections": self.corrections.total / self.corrections.n
            if self.corrections.n
            else None,
            "left_here": self.left_here,
            "of_those_who_left": self.left_here / left if left else None,
            "place": self.place,
        }


def _seconds(tenths: float | None) -> float | None:
    return None if tenths is None else tenths / 10


def _beyond_none(spread: Spread) -> float | None:
    return (spread.n - spread.at_most(0)) / spread.n if spread.n else None


@dataclass(frozen=True, slots=True)
class Filled:
    """Fillings of a form, and its fields in the order in which people come to them.

    Attributes:
        rows: The fields; those that fewest reach together at the end.
        fillings: Times that somebody began the form.
        submitted: Those that were sent.
        left: Those that were not, and are over.
        immature: Those that were not and may still go on.
    """

    rows: tuple[FieldRow, ...]
    fillings: int
    submitted: int
    left: int
    immature: int

    def document(self) -> dict[str, Json]:
        """Write its rows, and the fillings together."""
        rows: list[Json] = []
        for row in self.rows:
            entry: dict[str, Json] = {"field": row.field}
            if row.others:
                entry["others"] = row.others
            rows.append({**entry, **row.document(fillings=self.fillings, left=self.left)})
        over = self.submitted + self.left
        return {
            "rows": rows,
            "whole": {
                "fillings": self.fillings,
                "submitted": self.submitted,
                "left": self.left,
                "immature": self.immature,
                "completion": share_of(over, self.submitted).document() if over else None,
            },
        }


@dataclass(frozen=True, slots=True)
class FormFieldsAnswer:
    """What was done at a form.

    Attributes:
        question: What was asked.
        filled: All fillings together.
        variants: By the variant that somebody had seen; empty without an experiment.
    """

    question: FormFields
    filled: Filled
    variants: tuple[tuple[str, Filled], ...] = ()

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask form-fields --json`."""
        question = self.question
        split: dict[str, Json] = {}
        if question.experiment is not None:
            split["experiment"] = question.experiment
            split["variants"] = [
                {"variant": variant, **each.document()} for variant, each in self.variants
            ]
        return {
            "question": question.name,
            "semantics": {
                **{
                    name: events.title
                    for name, (_, events) in zip(_WORDS, question.kinds, strict=True)
                },
                "field": question.field,
                "filling": "events of the form with less than half an hour between them",
                "inactivity_s": INACTIVITY_MS // 1000,
                "quantile": "interpolated between readings (Hyndman and Fan, definition 7)",
                "resolution": "0.1 s",
                "confidence": 0.95,
            },
            **self.filled.document(),
            **split,
        }


@dataclass(frozen=True, slots=True)
class FormFields:
    """What people do at the fields of a form, one filling at a time.

    A filling is what somebody does at the form with less than half an hour between two of
    its events. A field's last word counts: who completes it, comes back and abandons it has
    abandoned it.

    With an experiment only fillings count that somebody began after they had seen a variant of
    it, in the period, and never another one; they are told by variant as well.

    Attributes:
        focused: A field is entered.
        completed: It is left with something in it.
        abandoned: It is left as it was; None for `ABANDONED`, which a site need not have.
        submitted: The form is sent; None for `SUBMITTED`, of which a site has one.
        field: Property with the name of the field.
        focus_ms: Property of the last two: how long somebody was at it this time; they add up.
        refocus: Property of these: how many times it had been entered before; the most counts.
        corrections: Property of these: how often it was changed this time; they add up.
        since: Fillings that began before this are left out.
        until: And those at or after this.
        as_of: Fillings that may still go on at this instant are not over; None: all are.
        max_rows: Fields that fewer people reach are put together beyond this many.
        experiment: By whose variants fillings are told apart; None for none.
    """

    focused: Events = FOCUSED
    completed: Events = COMPLETED
    abandoned: Events | None = None
    submitted: Events | None = None
    field: str = FIELD
    focus_ms: str = FOCUS_MS
    refocus: str = REFOCUS
    corrections: str = CORRECTIONS
    since: datetime | None = None
    until: datetime | None = None
    as_of: datetime | None = None
    max_rows: int = 100
    experiment: str | None = None

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="question about the fields of a form", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`, with an underscore."""
        return "form_fields"

    @property
    def kinds(self) -> tuple[tuple[int, Events], ...]:
        """Each bit of the column `kind`, and the events that have it."""
        return (
            (_FOCUSED, self.focused),
            (_COMPLETED, self.completed),
            (_ABANDONED, ABANDONED if self.abandoned is None else self.abandoned),
            (_SUBMITTED, SUBMITTED if self.submitted is None else self.submitted),
        )

    def scan(self) -> Scan:
        """Read what happened at the form, and nothing else."""
        values = Placeholders()
        kind = " + ".join(f"{bit} * {each.sql(values)}::TINYINT" for bit, each in self.kinds)
        columns = {
            "field": text_of(self.field, values),
            "focus": measured(number_of(self.focus_ms, values)),
            "returns": measured(number_of(self.refocus, values)),
            "corrected": measured(number_of(self.corrections, values)),
        }
        given = "".join(f", {sql} AS {name}" for name, sql in columns.items())
        since = earlier(self.since, SESSION_MARGIN)
        until = later(self.until, timedelta(milliseconds=LONGEST_MS + 1))
        asked = candidates([each for _, each in self.kinds], values)
        if self.experiment is not None:
            seen = (
                f"(experiment IS NOT DISTINCT FROM {values.add(self.experiment)}"
                " AND variant IS NOT NULL)"
            )
            kind, asked = f"{kind} + {_SEEN} * {seen}::TINYINT", f"({asked} OR {seen})"
            columns["variant"] = f"CASE WHEN {seen} THEN variant END"
            given += f", {columns['variant']} AS variant"
        return Scan(
            sql=f"""
            SELECT * EXCLUDE (position)
            FROM (
                SELECT person, {AT_MS} AS at_ms, position, ({kind})::TINYINT AS kind{given}
                FROM events
                WHERE {asked} AND {between(since, until, values)}
            )
            WHERE kind <> 0
            ORDER BY person, at_ms, position, kind DESC, {", ".join(columns)}
            """,
            parameters=values.values,
            since=since,
            until=until,
        )

    def partial(self, rows: pa.Table) -> Readings:
        """Cut one bucket's events into fillings and see what happened at which field."""
        exposed = None
        if self.experiment is not None:
            exposed = _Exposed.of(rows)
            # An exposure is nothing that somebody does at the form.
            rows = rows.filter(pa.array((small_integers(rows, "kind") & ~_SEEN) > 0))
        person, at_ms = small_integers(rows, "person"), integers(rows, "at_ms")
        kind, field = small_integers(rows, "kind"), Coded.column(rows, "field")
        first = session_starts(unit=person, at_ms=at_ms)
        filling = np.zeros(len(at_ms), np.int64)
        filling[first[1:]] = 1
        filling = np.cumsum(filling)
        touched = np.flatnonzero(((kind & _OF_FIELDS) > 0) & (field.code != field.nothing))
        begun = np.zeros(len(first), dtype=bool)
        begun[filling[touched]] = True
        counted = begun & self._in_period(at_ms[first])
        saw = None
        if exposed is not None:
            saw = exposed.before(person[first], at_ms[first])
            counted &= saw.code != saw.nothing
        over = self._over(at_ms, first)
        sent = np.zeros(len(first), dtype=bool)
        sent[filling[(kind & _SUBMITTED) > 0]] = True

        places, at_field, pair = np.unique(
            filling[touched] * len(field.titles) + field.code[touched],
            return_index=True,
            return_inverse=True,
        )
        of = places // len(field.titles)
        shown = counted[of]
        said = np.flatnonzero((kind[touched] & (_COMPLETED | _ABANDONED)) > 0)
        last_word = _latest(pair[said], said, len(places))
        completed = (last_word >= 0) & ((kind[touched][last_word] & _COMPLETED) > 0)
        at_last = _latest(filling[touched], np.arange(len(touched)), len(first))
        is_last = np.zeros(len(places), dtype=bool)
        is_last[pair[at_last[begun]]] = True
        entered = np.zeros(len(places), np.int64)
        np.add.at(entered, pair[(kind[touched] & _FOCUSED) > 0], 1)

        focus, timed = _summed(numbers(rows, "focus")[touched], pair, len(places), LONGEST_MS)
        corrected, _ = _summed(numbers(rows, "corrected")[touched], pair, len(places), _MOST)
        returned = _highest(numbers(rows, "returns")[touched], pair, len(places))
        returns = np.minimum(np.maximum(returned, entered - 1), _MOST)
        tenths = np.minimum(np.rint(focus / _TENTH_MS), LONGEST_MS // _TENTH_MS)

        # One unit for each field of each filling, then one for each filling, without a field.
        code = np.concatenate([field.code[touched][at_field], np.full(len(first), field.nothing)])
        base = len(places)

        def fields(chosen: Mask, steps: Integers | None = None) -> tuple[Integers, Integers]:
            found = np.flatnonzero(chosen & shown)
            return found, np.zeros(len(found), np.int64) if steps is None else steps[found]

        def fillings(chosen: Mask) -> tuple[Integers, Integers]:
            found = np.flatnonzero(chosen & counted)
            return found + base, np.zeros(len(found), np.int64)

        everywhere = np.ones(len(places), dtype=bool)
        open_still = ~over & ~sent
        keys = [Coded(code.astype(np.int64), field.titles)]
        if saw is not None:
            keys.append(Coded(np.concatenate([saw.code[of], saw.code]), saw.titles))
        return Readings.of(
            keys,
            {
                _FILLINGS: fillings(begun),
                _SENT: fillings(sent),
                _LEFT: fillings(over & ~sent),
                _OPEN: fillings(open_still),
                _REACHED: fields(everywhere),
                _DONE: fields(completed),
                _WAITING: fields(~completed & open_still[of]),
                _FOCUS: fields(timed, tenths.astype(np.int64)),
                _RETURNS: fields(everywhere, returns),
                _CORRECTED: fields(everywhere, np.minimum(corrected, _MOST).astype(np.int64)),
                _LAST: fields(is_last & (over & ~sent)[of]),
                _PLACE: fields(everywhere, _ranks(of, at_field)),
            },
        )

    def merge(self, left: Readings, right: Readings) -> Readings:
        """Add the fillings of two buckets."""
        return left + right

    def answer(self, partial: Readings) -> FormFieldsAnswer:
        """Put the fields in the order in which people come to them."""
        if self.experiment is None:
            return FormFieldsAnswer(self, self._filled(partial))
        named = [partial.named(group) for group in range(partial.groups)]
        variants = sorted({each[1] for each in named if each[1] is not None})
        return FormFieldsAnswer(
            self,
            self._filled(partial),
            tuple(
                (
                    each,
                    self._filled(partial, [at for at, name in enumerate(named) if name[1] == each]),
                )
                for each in variants
            ),
        )

    def _filled(self, partial: Readings, groups: Sequence[int] | None = None) -> Filled:
        """Lay out some groups of field and variant, all of them where none are given."""
        of_field: dict[str, list[int]] = {}
        everything = np.array(range(partial.groups) if groups is None else groups, dtype=np.int64)
        sizes = partial.sizes(_REACHED)
        for group in everything.tolist():
            field = partial.named(group)[0]
            if field is not None and sizes[group]:
                of_field.setdefault(field, []).append(group)
        ranked = sorted(of_field, key=lambda each: (-sum(sizes[at] for at in of_field[each]), each))
        shown, rest = ranked[: self.max_rows], ranked[self.max_rows :]
        rows = [_row(each, 0, *_one(partial, of_field[each])) for each in shown]
        rows.sort(key=lambda row: (row.place or 0.0, row.field or ""))
        if rest:
            others = [at for each in rest for at in of_field[each]]
            rows.append(_row(None, len(rest), *_one(partial, others)))
        together = partial.together(everything)
        return Filled(
            tuple(rows),
            fillings=together.spread(_FILLINGS).n,
            submitted=together.spread(_SENT).n,
            left=together.spread(_LEFT).n,
            immature=together.spread(_OPEN).n,
        )

    def _in_period(self, began_ms: Integers) -> Mask:
        asked = np.ones(len(began_ms), dtype=bool)
        if self.since is not None:
            asked &= began_ms >= epoch_ms(self.since)
        if self.until is not None:
            asked &= began_ms < epoch_ms(self.until)
        return asked

    def _over(self, at_ms: Integers, first: Integers) -> Mask:
        """Say which fillings are over."""
        if self.as_of is None:
            return np.ones(len(first), dtype=bool)
        last = np.append(first[1:], len(at_ms)) - 1 if len(first) else first
        now = epoch_ms(self.as_of)
        over: Mask = (at_ms[last] + INACTIVITY_MS < now) | (at_ms[first] + LONGEST_MS < now)
        return over

    def _obstacles(self) -> list[str]:
        found = []
        for bit, events in self.kinds:
            if bit in {_FOCUSED, _COMPLETED} and not events.names and not events.where:
                found.append("an event of its fields has no name")
            found += events.obstacles()
        properties = (self.field, self.focus_ms, self.refocus, self.corrections)
        if not all(name and is_text(name) for name in properties):
            found.append("a property has no name")
        if self.as_of is not None and self.as_of.tzinfo is None:
            found.append("`as_of` has no time zone")
        if self.max_rows < 1:
            found.append("an answer has at least one row")
        if self.experiment is not None and not (self.experiment and is_text(self.experiment)):
            found.append("its experiment has no key")
        return found + period_obstacles(self.since, self.until)


@dataclass(frozen=True, slots=True)
class _Exposed:
    """Who saw which variant when first; nobody who saw several.

    Attributes:
        person: Everybody, ascending.
        at_ms: When they saw it.
        variant: Which; null for who saw several.
    """

    person: NDArray[np.signedinteger]
    at_ms: Integers
    variant: Coded

    @classmethod
    def of(cls, rows: pa.Table) -> _Exposed:
        """Take the exposures from what a scan gave, which is ordered by person and time."""
        rows = rows.filter(pa.array((small_integers(rows, "kind") & _SEEN) > 0))
        seen = Coded.column(rows, "variant")
        person, first = np.unique(small_integers(rows, "person"), return_index=True)
        if not len(person):
            return cls(person, np.zeros(0, np.int64), seen)
        lowest, highest = (each.reduceat(seen.code, first) for each in (np.minimum, np.maximum))
        code = np.where(lowest == highest, lowest, seen.nothing)
        return cls(person, integers(rows, "at_ms")[first], Coded(code, seen.titles))

    def before(self, person: NDArray[np.signedinteger], at_ms: Integers) -> Coded:
        """Give the variant that each of these people had seen by a moment; null for none."""
        at = np.minimum(np.searchsorted(self.person, person), max(len(self.person) - 1, 0))
        if not len(self.person):
            return self.variant.of(np.full(len(person), -1, np.int64))
        knows = (self.person[at] == person) & (self.at_ms[at] <= at_ms)
        return self.variant.of(np.where(knows, at, -1))


def _latest(owner: Integers, place: Integers, owners: int) -> Integers:
    """Give the last place of each owner; -1 where it has none."""
    found = np.full(owners, -1, np.int64)
    np.maximum.at(found, owner, place)
    return found


def _ranks(filling: Integers, at_field: Integers) -> Integers:
    """Give the place, from 1, at which each field of a filling was first touched."""
    order = np.lexsort((at_field, filling))
    ranks = np.zeros(len(filling), np.int64)
    if len(filling):
        sorted_of = filling[order]
        begins = np.flatnonzero(np.append(True, sorted_of[1:] != sorted_of[:-1]))
        sizes = np.diff(np.append(begins, len(order)))
        ranks[order] = np.arange(len(order)) - np.repeat(begins, sizes) + 1
    return ranks


def _summed(
    column: NDArray[np.float64], owner: Integers, owners: int, most: int
) -> tuple[NDArray[np.float64], Mask]:
    """Add up a column's numbers from 0 on, and say who had any."""
    found = np.flatnonzero(column >= 0)
    # Whole numbers: their sums do not depend on the order.
    total = np.zeros(owners)
    np.add.at(total, owner[found], np.rint(np.minimum(column[found], most)))
    timed = np.zeros(owners, dtype=bool)
    timed[owner[found]] = True
    return total, timed


def _highest(column: NDArray[np.float64], owner: Integers, owners: int) -> Integers:
    found = np.flatnonzero(column >= 0)
    highest = np.zeros(owners, np.int64)
    np.maximum.at(highest, owner[found], np.rint(np.minimum(column[found], _MOST)).astype(np.int64))
    return highest


def _one(readings: Readings, groups: Sequence[int]) -> tuple[Readings, int]:
    """Give readings, and the group of them that stands for some groups together."""
    if len(groups) == 1:
        return readings, groups[0]
    return readings.together(np.array(groups, dtype=np.int64)), 0


def _row(field: str | None, others: int, readings: Readings, group: int) -> FieldRow:
    place = readings.spread(_PLACE, group)
    return FieldRow(
        field=field,
        others=others,
        reached=readings.spread(_REACHED, group).n,
        completed=readings.spread(_DONE, group).n,
        waiting=readings.spread(_WAITING, group).n,
        focus=readings.spread(_FOCUS, group),
        returns=readings.spread(_RETURNS, group),
        corrections=readings.spread(_CORRECTED, group),
        left_here=readings.spread(_LAST, group).n,
        place=place.total / place.n if place.n else None,
    )


def _form_fields(given: Mapping[str, object], context: Context) -> FormFields:
    members = Members(given)
    return FormFields(
        focused=members.get("focused", FOCUSED),
        completed=members.get("completed", COMPLETED),
        abandoned=members.maybe("abandoned", Events),
        submitted=members.maybe("submitted", Events),
        field=members.get("field", FIELD),
        focus_ms=members.get("focus_ms", FOCUS_MS),
        refocus=members.get("refocus", REFOCUS),
        corrections=members.get("corrections", CORRECTIONS),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        as_of=members.get("as_of", context.now),
        max_rows=members.get("max_rows", 100),
        experiment=members.maybe("experiment", str),
    )


FORM: Final = record(
    _form_fields,
    {
        "submitted": Field(EVENTS, "The form is sent; generate_lead or sign_up."),
        "focused": Field(EVENTS, "A field is entered; Form Field Focused."),
        "completed": Field(EVENTS, "It is left with something in it; Form Field Completed."),
        "abandoned": Field(EVENTS, "It is left as it was; Form Field Abandoned."),
        "field": Field(text(), "Property with the name of the field; field."),
        "focus_ms": Field(text(), "Property with the milliseconds at the field; focus_ms."),
        "refocus": Field(text(), "Property with how often it was entered before; refocus."),
        "corrections": Field(text(), "Property with how often it was changed; corrections."),
        "since": SINCE,
        "until": UNTIL,
        "as_of": AS_OF,
        "max_rows": ROWS,
        "experiment": Field(text(), "Told by the variant of it that somebody had seen."),
    },
)
"""How it stands in JSON."""
