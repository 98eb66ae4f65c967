"""Reads tables of facts: every row is understood or refused, with its line and why."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from truelift.apps.facts.columns import COLUMNS, Cell, Column, FeedKind, by_header
from truelift.apps.research.fields import is_storable, storable
from truelift.errors import Refusal
from truelift.events.money import exponent_of


MOST_BYTES: Final = 256_000_000
MOST_KNOWN: Final = 20_000
"""Different texts of a column that are read once; others are read each time."""

KEPT_ROW: Final = 1_000
"""Letters of a refused row that are kept."""

_OLDEST: Final = date(1995, 1, 1)
_LARGEST: Final = 2**53

Value = str | int | bool | date | tuple[date, date] | None
Values = Mapping[str, Value]

_YMD: Final = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_PACKED: Final = re.compile(r"(\d{4})(\d{2})(\d{2})")
_DMY: Final = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})")
_MONTH: Final = re.compile(r"(\d{4})[-/](\d{1,2})")
_SPACES: Final = str.maketrans("", "", " \u00a0\u2009\u202f'\u2019_")
_SYMBOLS: Final[Mapping[str, str]] = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR"}
_YES: Final = frozenset({"true", "yes", "y", "1", "won", "ja", "closed won", "new"})
_NO: Final = frozenset({"false", "no", "n", "0", "lost", "nein", "closed lost", "returning"})


class BadTable(Refusal):
    """The whole is no table of facts."""

    code: ClassVar[str] = "facts.bad_table"

    def __init__(self, *, why: str) -> None:
        super().__init__(f"It cannot be read: {why}", why=why)


class _Unread(ValueError):
    """A cell says nothing that is understood; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that is understood.

    Attributes:
        line: Where it begins in its file, from 1; of a list, its place.
        values: By the name of the column.
    """

    line: int
    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not taken.

    Attributes:
        line: Where it begins.
        reason: Why, for people.
        row: What it says, cut off.
    """

    line: int
    reason: str
    row: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table that was read.

    Attributes:
        rows: What is understood.
        refused: What is not.
        ignored: Heads of columns that nobody reads.
    """

    rows: list[Row]
    refused: list[Refused]
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Style:
    """How a file writes numbers and days.

    Attributes:
        decimal: `.` or `,`; empty: as its own numbers tell.
        days: `dmy` or `mdy` for days such as 1/2/13; empty: as its own days tell.
    """

    decimal: str = ""
    days: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows belong to.

    Attributes:
        currency: Other money is refused.
        zone: In which instants are days.
        today: Later days are refused.
    """

    currency: str
    zone: str
    today: date


def read_csv(
    kind: FeedKind,
    content: bytes,
    *,
    place: Place,
    columns: Mapping[str, str] | None = None,
    style: Style | None = None,
) -> Table:
    """Read a file: UTF-8 with or without BOM, between commas, semicolons or tabs.

    Args:
        kind: What it tells of.
        content: The file.
        place: Where its rows belong to.
        columns: Our column → how this file calls it, beside the names that are known.
        style: How it writes numbers and days, where that is known.

    Raises:
        BadTable: It is none, or lacks a column that every row needs.
    """
    if len(content) > MOST_BYTES:
        raise BadTable(why=f"it is longer than {MOST_BYTES:,} bytes.")
    text = _decoded(content)
    first = text.lstrip("\r\n").partition("\n")[0]
    between = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between, strict=True)
    lines: list[tuple[int, list[str]]] = []
    at = 1
    try:
        for cells in reader:
            lines.append((at, cells))
            at = reader.line_num + 1
    except csv.Error as error:
        raise BadTable(why=f"{error} in line {reader.line_num}.") from error
    lines = [(line, cells) for line, cells in lines if any(each.strip() for each in cells)]
    if not lines:
        raise BadTable(why="it is empty.")
    heads = tuple(each.strip() for each in lines[0][1])
    found = by_header(kind, heads, columns)
    _all_there(kind, found, heads)
    places = {name: heads.index(head) for name, head in found.items()}
    ignored = tuple(each for each in heads if each and each not in found.values())
    style = _style(kind, lines[1:], places, style or Style())

    def rows() -> Iterator[tuple[int, Mapping[str, object] | None, str]]:
        for line, cells in lines[1:]:
            raw = between.join(cells)
            # A row with a cell too many has its cells in wrong places.
            if len(cells) > len(heads) or len(cells) <= max(places.values()):
                yield line, None, raw
            else:
                yield line, {name: cells[at] for name, at in places.items()}, raw

    return _read(kind, rows(), place=place, style=style, ignored=ignored)


def read_rows(kind: FeedKind, given: Sequence[Mapping[str, object]], *, place: Place) -> Table:
    """Read rows that came as JSON: the same columns by the same names.

    Raises:
        BadTable: It is no list of objects.
    """
    heads = {name: None for row in given for name in row} if _are_rows(given) else None
    if heads is None:
        raise BadTable(why="rows are a list of objects.")
    found = by_header(kind, tuple(heads))
    back = {head: name for name, head in found.items()}
    ignored = tuple(each for each in heads if each not in back)
    rows = (
        (
            line,
            {back[head]: value for head, value in row.items() if head in back},
            # What cannot be written as JSON is refused cell by cell.
            json.dumps(dict(row), ensure_ascii=False, default=str)[: KEPT_ROW * 2],
        )
        for line, row in enumerate(given, start=1)
    )
    return _read(kind, rows, place=place, style=Style(decimal="."), ignored=ignored)


def _are_rows(given: object) -> bool:
    return isinstance(given, (list, tuple)) and all(
        isinstance(each, Mapping) and all(isinstance(name, str) for name in each) for each in given
    )


def _decoded(content: bytes) -> str:
    for bom, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(bom):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError as error:
                raise BadTable(why="it is no UTF-16, though it begins like it.") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadTable(why="it is not UTF-8. Save it as CSV UTF-8.") from error


def _all_there(kind: FeedKind, found: Mapping[str, str], heads: Sequence[str]) -> None:
    missing = [each for each in COLUMNS[kind] if each.required and each.name not in found]
    if not missing:
        return
    names = ", ".join(each.name for each in missing)
    shown = ", ".join(heads)[:200]
    raise BadTable(
        why=f"it has no column {names}. Its columns are {shown}. Say which one it is:"
        f" {missing[0].name} = its name."
    )


def _style(
    kind: FeedKind,
    lines: Sequence[tuple[int, Sequence[str]]],
    places: Mapping[str, int],
    given: Style,
) -> Style:
    """Learn from the whole file what a single cell leaves open."""
    money = [each.name for each in COLUMNS[kind] if each.cell is Cell.MONEY and each.name in places]
    days = [
        each.name
        for each in COLUMNS[kind]
        if each.cell in {Cell.DAY, Cell.PERIOD} and each.name in places
    ]
    decimal, order = given.decimal, given.days
    if not decimal:
        signs = {
            _sign(cells[places[name]])
            for _, cells in lines
            for name in money
            if _has(cells, places[name])
        }
        told = signs - {""}
        decimal = told.pop() if len(told) == 1 else ""
    if not order:
        told = {
            _order(cells[places[name]])
            for _, cells in lines
            for name in days
            if _has(cells, places[name])
        } - {""}
        order = told.pop() if len(told) == 1 else ""
    return Style(decimal, order)


def _has(cells: Sequence[str], at: int) -> bool:
    return at < len(cells)


def _sign(text: str) -> str:
    """Say which sign must be the decimal one in a number; empty where it can be either."""
    dot, comma = text.rfind("."), text.rfind(",")
    if dot >= 0 and comma >= 0:
        return "." if dot > comma else ","
    at = max(dot, comma)
    if at < 0:
        return ""
    sign = text[at]
    other = "," if sign == "." else "."
    if text.count(sign) > 1:
        return other
    after = sum(each.isdigit() for each in text[at + 1 :])
    before = "".join(filter(str.isdigit, text[:at]))
    return "" if after == 3 and 1 <= len(before) <= 3 and before != "0" else sign


def _order(text: str) -> str:
    found = _DMY.match(text.strip())
    if found is None:
        return ""
    if found[2] == ".":
        return ""
    first, second = int(found[1]), int(found[3])
    if first > 12 >= second:
        return "dmy"
    return "mdy" if second > 12 >= first else ""


def _read(
    kind: FeedKind,
    rows: Iterable[tuple[int, Mapping[str, object] | None, str]],
    *,
    place: Place,
    style: Style,
    ignored: tuple[str, ...],
) -> Table:
    columns = COLUMNS[kind]
    reader = _Reader(place, style)
    good: list[Row] = []
    bad: list[Refused] = []
    for line, given, raw in rows:
        try:
            values = reader.row(columns, given)
            _holds(kind, values)
        except _Unread as refusal:
            bad.append(Refused(line, storable(str(refusal))[:300], _kept(raw)))
        else:
            good.append(Row(line, values))
    return Table(good, bad, ignored)


def _kept(raw: str) -> str:
    return storable(raw[:KEPT_ROW])


class _Reader:
    """Reads cells; what many rows have alike is read once."""

    def __init__(self, place: Place, style: Style) -> None:
        self.place = place
        self.style = style
        self.zone = ZoneInfo(place.zone)
        self.exponent = exponent_of(place.currency)
        self._known: dict[str, dict[object, Value]] = {}

    def row(
        self, columns: Sequence[Column], given: Mapping[str, object] | None
    ) -> dict[str, Value]:
        """Read a row.

        Raises:
            _Unread: One of its cells says nothing that is understood.
        """
        if given is None:
            raise _Unread("It has not as many cells as there are columns.")
        values: dict[str, Value] = {}
        for column in columns:
            raw = given.get(column.name)
            known = self._known.setdefault(column.name, {}) if isinstance(raw, str) else {}
            try:
                values[column.name] = known[raw]
            except (KeyError, TypeError):
                values[column.name] = found = self.value(column, raw)
                if isinstance(raw, str) and len(known) < MOST_KNOWN:
                    known[raw] = found
        currency = self.place.currency
        if values.pop("currency", "") not in {"", currency}:
            raise _Unread(f"Its money is not in {currency}, the currency of the site.")
        return values

    def value(self, column: Column, given: object) -> Value:
        """Read a cell.

        Raises:
            _Unread: It says nothing that is understood.
        """
        text = given.strip() if isinstance(given, str) else given
        if text is None or text == "":
            if column.required:
                raise _Unread(f"{column.name} is missing.")
            return "" if column.cell is Cell.TEXT else None
        match column.cell:
            case Cell.TEXT:
                return self._text(column, text)
            case Cell.COUNT:
                return self._count(column, text)
            case Cell.MONEY:
                return self._money(column, text)
            case Cell.DAY:
                return self._day(column, text)
            case Cell.PERIOD:
                return self._period(column, text)
            case Cell.YES_NO:
                return self._yes_no(column, text)

    def _text(self, column: Column, given: object) -> str:
        if isinstance(given, bool) or not isinstance(given, (str, int)):
            raise _Unread(f"{column.name} is no text.")
        text = str(given)
        if len(text) > column.longest:
            raise _Unread(f"{column.name} is longer than {column.longest} letters.")
        if not is_storable(text):
            raise _Unread(f"{column.name} has a character that cannot be stored.")
        return text.upper() if column.name == "currency" else text

    def _count(self, column: Column, given: object) -> int:
        number = self._number(column, given, thousands=True)
        if number != number.to_integral_value() or number < 0:
            raise _Unread(f"{column.name}: “{_short(given)}” is no whole number from 0.")
        return int(number)

    def _money(self, column: Column, given: object) -> int:
        number = self._number(column, given, thousands=False)
        minor = int(number.scaleb(self.exponent).to_integral_value(ROUND_HALF_EVEN))
        if abs(minor) > _LARGEST:
            raise _Unread(f"{column.name}: “{_short(given)}” is more money than there is.")
        return minor

    def _number(self, column: Column, given: object, *, thousands: bool) -> Decimal:
        if isinstance(given, bool):
            raise _Unread(f"{column.name} is no number.")
        text = repr(given) if isinstance(given, (int, float)) else str(given)
        if isinstance(given, str) and not thousands:
            text = self._without_currency(column, text)
        text = text.translate(_SPACES).replace("−", "-")
        if isinstance(given, str):
            text = self._plain(column, text, thousands=thousands)
        try:
            number = Decimal(text) if len(text) <= 40 else Decimal("NaN")
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or abs(number) > _LARGEST:
            raise _Unread(f"{column.name}: “{_short(given)}” is no number.")
        return number

    def _without_currency(self, column: Column, text: str) -> str:
        for symbol, code in _SYMBOLS.items():
            if symbol in text:
                self._of_the_site(column, code)
                text = text.replace(symbol, "")
        for code in re.findall(r"(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])", text):
            self._of_the_site(column, code)
            text = text.replace(code, "")
        return text.strip()

    def _of_the_site(self, column: Column, code: str) -> None:
        if code != self.place.currency:
            raise _Unread(
                f"{column.name} is in {code}, and the currency of the site is"
                f" {self.place.currency}."
            )

    def _plain(self, column: Column, text: str, *, thousands: bool) -> str:
        """Leave no sign in a number but the decimal point."""
        sign = _sign(text)
        if not sign and ("." in text or "," in text):
            # 1,234 may be a thousand or one and a bit; whole numbers have no bits.
            here = "." if "." in text else ","
            other = "," if here == "." else "."
            sign = other if thousands else self.style.decimal
            if not sign and self.exponent < 3:
                raise _Unread(
                    f"{column.name}: “{_short(text)}” can be read in two ways. Say which sign"
                    " parts decimals."
                )
            sign = sign or here
        if self.style.decimal and not thousands and sign and sign != self.style.decimal:
            raise _Unread(
                f"{column.name}: “{_short(text)}” does not have its decimals after"
                f" “{self.style.decimal}”."
            )
        groups = "," if sign == "." else "."
        if groups in text:
            whole = text.partition(sign)[0] if sign else text
            parts = whole.lstrip("+-").split(groups)
            if not 1 <= len(parts[0]) <= 3 or any(len(each) != 3 for each in parts[1:]):
                raise _Unread(f"{column.name}: “{_short(text)}” is no number.")
        plain = text.replace(groups, "")
        return plain.replace(sign, ".") if sign else plain

    def _day(self, column: Column, given: object) -> date:
        if isinstance(given, datetime):
            return self._possible(column, given.astimezone(self.zone).date())
        if isinstance(given, date):
            return self._possible(column, given)
        return self._possible(column, self._day_of(column, str(given)))

    def _day_of(self, column: Column, text: str) -> date:
        order = self.style.days
        found = _DMY.fullmatch(text)
        if found and found[2] != "." and not order:
            raise _Unread(
                f"{column.name}: “{_short(text)}” can be two days. Say whether the day or the"
                " month comes first."
            )
        try:
            if found:
                first, second, year = int(found[1]), int(found[3]), int(found[4])
                dmy = found[2] == "." or order == "dmy"
                day, month = (first, second) if dmy else (second, first)
                return date(year + 2000 if year < 100 else year, month, day)
            if found := _YMD.fullmatch(text):
                return date(int(found[1]), int(found[3]), int(found[4]))
            if found := _PACKED.fullmatch(text):
                return date(int(found[1]), int(found[2]), int(found[3]))
            if len(text) > 10:
                at = datetime.fromisoformat(text)
                return (at.astimezone(self.zone) if at.tzinfo else at).date()
        except (ValueError, OverflowError):
            pass
        raise _Unread(f"{column.name}: “{_short(text)}” is no day. Write it as 2026-05-04.")

    def _possible(self, column: Column, day: date) -> date:
        if day > self.place.today:
            raise _Unread(f"{column.name}: {day.isoformat()} is still to come.")
        if day < _OLDEST:
            raise _Unread(f"{column.name}: {day.isoformat()} is too long ago.")
        return day

    def _period(self, column: Column, given: object) -> tuple[date, date]:
        found = _MONTH.fullmatch(str(given))
        if found and 1 <= int(found[2]) <= 12 and int(found[1]) > 0:
            first = self._possible(column, date(int(found[1]), int(found[2]), 1))
            return first, (first + timedelta(days=32)).replace(day=1)
        day = self._day(column, given)
        return day, day + timedelta(days=1)

    def _yes_no(self, column: Column, given: object) -> bool | None:
        word = str(given).lower()
        if word in _YES or word in _NO:
            return word in _YES
        if word in {"open", "-", "null", "none"}:
            return None
        raise _Unread(f"{column.name}: “{_short(given)}” is neither yes nor no.")


def _holds(kind: FeedKind, values: dict[str, Value]) -> None:
    """Refuse a row whose cells contradict each other, and settle what follows from others."""
    match kind:
        case FeedKind.TRAFFIC:
            if _int(values["bounces"]) > _int(values["sessions"]):
                raise _Unread("More sessions bounced than there were.")
            if _int(values["revenue"]) < 0:
                raise _Unread("revenue is negative. Bring what went back in a feed of refunds.")
        case FeedKind.ORDERS:
            if _int(values["revenue"]) < 0:
                raise _Unread("revenue is negative. Bring what went back in a feed of refunds.")
        case FeedKind.REFUNDS:
            values["amount"] = abs(_int(values["amount"]))
            if _after(values["order_day"], values["day"]):
                raise _Unread("The money went back before the order was made.")
            values["refund"] = values["refund"] or f"{values['order']}/{values['day']}"
        case FeedKind.LEADS:
            if values["won"] and values["closed_day"] is None:
                raise _Unread("It is won, and nobody says when.")
            if values["closed_day"] is None:
                values["won"] = None
            elif values["won"] is None:
                raise _Unread("It is closed, and nobody says whether it was won.")
            for name in ("mql_day", "sql_day", "closed_day"):
                if _after(values["day"], values[name]):
                    raise _Unread(f"{name} lies before the day on which it came.")
        case _:
            return


def _int(value: Value) -> int:
    return value if isinstance(value, int) else 0


def _after(first: Value, second: Value) -> bool:
    return isinstance(first, date) and isinstance(second, date) and first > second


def _short(given: object) -> str:
    return str(given)[:40]
