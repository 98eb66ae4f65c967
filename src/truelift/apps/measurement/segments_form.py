"""A segment as a sentence of a form: an address in, a condition's JSON out, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from django.http import QueryDict

from truelift.apps.explorers.events_text import split, unescaped
from truelift.questions.document import Json
from truelift.questions.matching import Comparison, is_number, is_text


MOST_ROWS: Final = 6
"""Conditions that the form holds; longer segments are written as JSON."""

LONGEST: Final = 200
"""Letters of one input that are read."""

MOST_TIMES: Final = 1_000_000
MOST_DAYS: Final = 3_650

MATCHES: Final = (("all", "all"), ("any", "any"))
KINDS: Final = (
    ("did", "did"),
    ("did_not", "did not do"),
    ("first_seen", "were first seen"),
    ("ever", "have ever had"),
    ("then", "first did"),
)
"""What a condition may say of people."""

PERIODS: Final = (
    ("", "at any time"),
    ("7d", "in the last 7 days"),
    ("30d", "in the last 30 days"),
    ("90d", "in the last 90 days"),
    ("asked", "within the asked period"),
)
COMPARISONS: Final = (
    (Comparison.IS.value, "is"),
    (Comparison.IS_NOT.value, "is not"),
    (Comparison.CONTAINS.value, "contains"),
    (Comparison.AT_LEAST.value, "is at least"),
    (Comparison.AT_MOST.value, "is at most"),
    (Comparison.IS_SET.value, "is set"),
    (Comparison.IS_NOT_SET.value, "is not set"),
)

_DAY_S: Final = 86_400
_LAST: Final = re.compile(r"^([1-9]\d{0,3})d$")
_WITH_WHERE: Final = frozenset({"did", "did_not"})
_WITHOUT_VALUE: Final = frozenset({"is_set", "is_not_set"})
_NUMBERS: Final = frozenset({"at_least", "at_most"})


@dataclass(frozen=True, slots=True)
class Row:
    """One condition, as it was typed; what its kind has no use for is not looked at.

    Attributes:
        kind: One of `KINDS`.
        event: What they did; empty for anything that meets the condition on a property.
        times: How often at least.
        then: What they did afterwards.
        days: Within how many days.
        field: A dimension or property; empty for none.
        comparison: One of `COMPARISONS`.
        value: Compared with; several ones stand between `|`.
        period: One of `PERIODS`, or another number of days and `d`.
    """

    kind: str = "did"
    event: str = ""
    times: str = "1"
    then: str = ""
    days: str = "7"
    field: str = ""
    comparison: str = Comparison.IS.value
    value: str = ""
    period: str = ""

    @classmethod
    def of(cls, query: QueryDict, number: int) -> Row:
        """Read it from an address; what is missing keeps its default."""

        def typed(name: str, default: str) -> str:
            return query.get(f"{name}-{number}", default).strip()[:LONGEST]

        return cls(
            kind=typed("kind", "did"),
            event=typed("event", ""),
            times=typed("times", "1"),
            then=typed("then", ""),
            days=typed("days", "7"),
            field=typed("field", ""),
            comparison=typed("comparison", Comparison.IS.value),
            value=typed("value", ""),
            period=typed("period", ""),
        )

    @property
    def is_blank(self) -> bool:
        """Whether nothing was touched in it yet."""
        return self == Row()

    @property
    def own_period(self) -> str:
        """How its period is called when the form does not offer it; empty when it does."""
        found = _LAST.fullmatch(self.period)
        if found is None or self.period in {value for value, _ in PERIODS}:
            return ""
        return f"in the last {found[1]} day{'' if found[1] == '1' else 's'}"

    def problems(self) -> list[str]:
        """Say everything that keeps it from being a condition."""
        found: list[str] = []
        if self.kind not in {value for value, _ in KINDS}:
            found.append("what people did is not one of those offered")
        if self.kind in _WITH_WHERE and not self.event and not self.field:
            found.append("name an event, or a property that it has")
        if self.kind == "did" and not _whole(self.times, most=MOST_TIMES):
            found.append("how often is a whole number from 1 to 1,000,000")
        if self.kind == "then":
            if not (self.event and self.then):
                found.append("name both events")
            if not _whole(self.days, most=MOST_DAYS):
                found.append(f"the days between are a whole number from 1 to {MOST_DAYS:,}")
        if self.kind == "ever" and not self.field:
            found.append("name the property or dimension")
        if self.kind == "ever" or self.kind in _WITH_WHERE:
            found += self._problems_of_value()
        if self.kind == "first_seen" and not self.period:
            found.append("everybody was first seen at some time; choose a period")
        if self.period not in {value for value, _ in PERIODS} and not self.own_period:
            found.append("the period is not one of those offered")
        if not all(map(is_text, (self.event, self.then, self.field, self.value))):
            found.append("it holds characters that are not text")
        return found

    def _problems_of_value(self) -> list[str]:
        if not self.field:
            if self.kind in _WITH_WHERE and self.value:
                return [f"name the property that is “{self.value}”"]
            return []
        if self.comparison not in {value for value, _ in COMPARISONS}:
            return [f"“{self.field}” is not compared in one of the ways offered"]
        if self.comparison in _WITHOUT_VALUE:
            return []
        values = self._values()
        if self.comparison in _NUMBERS and (len(values) != 1 or not is_number(str(values[0]))):
            return [f"“{self.field}” is compared with one number"]
        return [] if values else [f"say with what “{self.field}” is compared"]

    def document(self) -> dict[str, Json]:
        """Give it as questions take it; it has no problem."""
        match self.kind:
            case "first_seen":
                return {"first_seen": self._span()}
            case "ever":
                return {"ever": self._condition(), **self._within()}
            case "then":
                window = int(self.days) * _DAY_S
                return {"sequence": [self.event, self.then], "window": window, **self._within()}
            case "did_not":
                return {"did_not": self._events(), **self._within()}
            case _:
                often: dict[str, Json] = {"at_least": int(self.times)}
                found: dict[str, Json] = {"did": self._events()}
                return {**found, **(often if int(self.times) > 1 else {}), **self._within()}

    def _events(self) -> Json:
        if not self.field:
            return self.event
        names: dict[str, Json] = {"names": [self.event]} if self.event else {}
        return {**names, "where": [self._condition()]}

    def _condition(self) -> dict[str, Json]:
        found: dict[str, Json] = {"field": self.field, "comparison": self.comparison}
        return found if self.comparison in _WITHOUT_VALUE else {**found, "values": self._values()}

    def _values(self) -> list[Json]:
        return [value for each in split(self.value, "|") if (value := unescaped(each))]

    def _span(self) -> dict[str, Json]:
        if self.period == "asked":
            return {"asked": True}
        found = _LAST.fullmatch(self.period)
        return {"last": int(found[1]) * _DAY_S} if found else {}

    def _within(self) -> dict[str, Json]:
        span = self._span()
        return {"within": span} if span else {}


@dataclass(frozen=True, slots=True)
class Sentence:
    """People of whom all or any of some conditions hold.

    Attributes:
        rows: At least one, `MOST_ROWS` at most.
        match: One of `MATCHES`.
    """

    rows: tuple[Row, ...] = (Row(),)
    match: str = "all"

    @classmethod
    def of(cls, query: QueryDict) -> Sentence:
        """Read it from an address, with a row more or less where a button asks for that."""
        numbers = [n for n in range(1, MOST_ROWS + 1) if f"kind-{n}" in query]
        rows = [Row.of(query, n) for n in numbers if str(n) != query.get("remove")]
        if "add" in query and len(rows) < MOST_ROWS:
            rows.append(Row())
        return cls(rows=tuple(rows) or (Row(),), match=query.get("match", "all"))

    @property
    def said(self) -> Sentence:
        """The rows in which something stands, or the first one."""
        rows = tuple(row for row in self.rows if not row.is_blank)
        return replace(self, rows=rows or self.rows[:1])

    @property
    def has_room(self) -> bool:
        """Whether one more condition fits."""
        return len(self.rows) < MOST_ROWS

    @property
    def address(self) -> str:
        """The query that brings it back."""
        pairs = [("match", self.match)]
        for number, row in enumerate(self.rows, 1):
            pairs += [(f"{name}-{number}", str(getattr(row, name))) for name in Row.__slots__]
        return urlencode(pairs)

    def problems(self) -> tuple[str, ...]:
        """Say everything that keeps it from being a segment, each with its place."""
        found = [
            f"Condition {number}: {reason}."
            for number, row in enumerate(self.rows, 1)
            if not row.is_blank or self.rows == (row,)
            for reason in row.problems()
        ]
        if all(row.is_blank for row in self.rows) and not found:
            found.append("Condition 1: name an event, or a property that it has.")
        if self.match not in {value for value, _ in MATCHES}:
            found.append("Choose whether all or any of the conditions hold.")
        return tuple(found)

    def document(self) -> dict[str, Json]:
        """Give the condition as it is kept; the sentence has no problem."""
        rows = self.said.rows
        if len(rows) == 1:
            return rows[0].document()
        return {self.match: [row.document() for row in rows]}


def sentence_of(definition: object) -> Sentence | None:
    """Give a kept condition as the form says it; None where the form cannot say it."""
    if not isinstance(definition, Mapping):
        return None
    match, parts = "all", [definition]
    for word, _ in MATCHES:
        inner = definition.get(word)
        if len(definition) == 1 and isinstance(inner, Sequence) and not isinstance(inner, str):
            match, parts = word, list(inner)
    if not 1 <= len(parts) <= MOST_ROWS or not all(isinstance(part, Mapping) for part in parts):
        return None
    found = Sentence(rows=tuple(map(_row_of, parts)), match=match)
    if found.problems() or any(row.is_blank for row in found.rows):
        return None
    # Whatever a row has no place for is missing from what it says, and what an input would
    # change is missing from what comes back; both show here.
    said = [row.document() for row in found.rows]
    typed = "".join(getattr(row, name) for row in found.rows for name in row.__slots__)
    is_typed = not any(each < " " for each in typed)
    is_same = said == [dict(part) for part in parts] and is_typed
    return found if is_same and Sentence.of(QueryDict(found.address)) == found else None


def _row_of(part: Mapping[str, Json]) -> Row:
    """Read what a row can say; the rest is left out."""
    if "first_seen" in part:
        return Row(kind="first_seen", period=_period(part["first_seen"]))
    period = _period(part.get("within"))
    if "ever" in part:
        return replace(_conditioned(part["ever"]), kind="ever", period=period)
    if "sequence" in part:
        steps, window = part["sequence"], part.get("window")
        first, then = steps if isinstance(steps, list) and len(steps) == 2 else ("", "")
        days = window // _DAY_S if isinstance(window, int) else 0
        return Row("then", event=_text(first), then=_text(then), days=str(days), period=period)
    kind = "did_not" if "did_not" in part else "did"
    events = part.get(kind)
    row = Row(event=_text(events))
    if isinstance(events, Mapping):
        names, where = events.get("names"), events.get("where")
        row = _conditioned(where[0] if isinstance(where, list) and where else None)
        row = replace(row, event=_text(names[0] if isinstance(names, list) and names else None))
    times = part.get("at_least")
    often = str(times) if isinstance(times, int) else "1"
    return replace(row, kind=kind, times=often, period=period)


def _conditioned(condition: Json) -> Row:
    if not isinstance(condition, Mapping):
        return Row()
    values = condition.get("values")
    listed = values if isinstance(values, list) else []
    return Row(
        field=_text(condition.get("field")),
        comparison=_text(condition.get("comparison")),
        value=" | ".join(re.sub(r"([\\|])", r"\\\1", str(value)) for value in listed),
    )


def _period(span: Json) -> str:
    if not isinstance(span, Mapping):
        return ""
    if span.get("asked") is True:
        return "asked"
    last = span.get("last")
    return f"{last // _DAY_S}d" if isinstance(last, int) else ""


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _whole(text: str, *, most: int) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most
