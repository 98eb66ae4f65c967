"""Reads a CSV file of signals or ideas: every row is taken or refused, with its line and why."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Final

from truelift.apps.intake.fields import IdeaFields, SignalFields
from truelift.apps.intake.models import IdeaRecord, SignalRecord
from truelift.apps.research.fields import BadFields, checked_url, is_storable
from truelift.errors import Refusal


MOST_BYTES: Final = 2_000_000
MOST_ROWS: Final = 5_000

ALSO: Final[Mapping[str, str]] = {
    "summary": "title",
    "subject": "title",
    "name": "title",
    "idea": "change",
    "proposal": "change",
    "description": "detail",
    "details": "detail",
    "body": "detail",
    "page": "surface",
    "where": "surface",
    "audience": "segment",
    "for whom": "segment",
    "link": "url",
    "department": "team",
    "email": "contact",
    "e-mail": "contact",
    "finding": "insight",
}
"""Other heads of columns that mean the same."""


class UnreadableFile(Refusal):
    """The file is no table that could be read."""

    code: ClassVar[str] = "intake.bad_file"

    def __init__(self, *, why: str) -> None:
        super().__init__(f"The file cannot be read: {why}", why=why)


@dataclass(frozen=True, slots=True)
class Good:
    """A row that can be taken.

    Attributes:
        line: Where it begins in the file, from 1.
        written: What it says.
        outside_id: Its own id, from a column `id`; empty for none.
    """

    line: int
    written: SignalFields | IdeaFields
    outside_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be taken.

    Attributes:
        line: Where it begins in the file.
        reasons: Every reason, as sentences.
        cells: What stands there.
    """

    line: int
    reasons: tuple[str, ...]
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was read.

    Attributes:
        heads: Its columns, as they are called.
        ignored: Columns that mean nothing here; their words go into the detail.
        good: Rows that can be taken.
        refused: Rows that cannot.
    """

    heads: tuple[str, ...]
    ignored: tuple[str, ...]
    good: tuple[Good, ...]
    refused: tuple[Refused, ...]


def text_of(raw: bytes) -> str:
    """Read a file as text.

    Raises:
        UnreadableFile: It is too large or no text.
    """
    if len(raw) > MOST_BYTES:
        raise UnreadableFile(why=f"it is larger than {MOST_BYTES // 1_000_000} MB. Split it.")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What Excel writes where nobody told it otherwise; every byte is a letter there.
        return raw.decode("cp1252", errors="replace")


def table_of(text: str, *, kind: str) -> Table:
    """Read signals or ideas; nothing is lost: a row is among the good or among the refused.

    Args:
        text: The file.
        kind: `signals` or `ideas`.

    Raises:
        UnreadableFile: It has no head, lacks the one column that is needed, or is too long.
    """
    shape: type[SignalFields] | type[IdeaFields]
    shape, needed = (SignalFields, "title") if kind == "signals" else (IdeaFields, "change")
    known = {each.name for each in fields(shape)}
    try:
        rows = _rows(text)
    except csv.Error as error:
        raise UnreadableFile(why=f"{error}.") from error
    if not rows:
        raise UnreadableFile(why="it is empty.")
    heads = tuple(head.strip() for head in rows[0][1])
    names = [_name(head, known, needed) for head in heads]
    if needed not in names:
        raise UnreadableFile(
            why=f"it has no column {needed!r}; its first line is {', '.join(heads)[:200]!r}."
        )
    if len(rows) - 1 > MOST_ROWS:
        raise UnreadableFile(why=f"it has more than {MOST_ROWS:,} rows. Split it.")
    good, refused = [], []
    seen: dict[str, int] = {}
    for line, cells in rows[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        read = _read(shape, heads, names, cells)
        reasons = list(read.reasons)
        if read.outside_id in seen:
            reasons.append(f"id: Line {seen[read.outside_id]} has the same.")
        elif read.outside_id:
            seen[read.outside_id] = line
        if reasons or read.written is None:
            refused.append(Refused(line, tuple(reasons), tuple(cells)))
        else:
            good.append(Good(line, read.written, read.outside_id))
    ignored = tuple(head for head, name in zip(heads, names, strict=True) if not name)
    return Table(heads, ignored, tuple(good), tuple(refused))


@dataclass(frozen=True, slots=True)
class _Read:
    written: SignalFields | IdeaFields | None
    outside_id: str
    reasons: tuple[str, ...]


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Give each row with the line on which it begins; cells may hold line breaks."""
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False)
    found, begins = [], 1
    for cells in reader:
        found.append((begins, cells))
        begins = reader.line_num + 1
    return found


def _name(head: str, known: set[str], needed: str) -> str:
    """Give the field that a column means: `id`, or one of the shape's; empty for none."""
    low = head.lower()
    if low in known or low == "id":
        return low
    meant = ALSO.get(low, "")
    # A list of ideas calls the change its title, and the reverse.
    if meant in {"title", "change"} or low in {"title", "change"}:
        return needed
    return meant if meant in known else ""


def _read(
    shape: type[SignalFields] | type[IdeaFields],
    heads: tuple[str, ...],
    names: list[str],
    cells: list[str],
) -> _Read:
    reasons = []
    if len(cells) > len(heads) and any(cell.strip() for cell in cells[len(heads) :]):
        reasons.append(f"It has {len(cells)} cells for {len(heads)} columns.")
    given: dict[str, str] = {}
    rest = []
    for head, name, cell in zip(heads, names, cells, strict=False):
        if name and not given.get(name):
            given[name] = cell.strip()
        elif cell.strip():
            rest.append(f"{head}: {cell.strip()}")
    if rest:
        given["detail"] = "\n".join([given.get("detail", ""), *rest]).strip()
    outside_id = given.pop("id", "")
    written = shape(**given)
    reasons += _wrong(written, outside_id)
    return _Read(None if reasons else written, outside_id, tuple(reasons))


def _wrong(written: SignalFields | IdeaFields, outside_id: str) -> list[str]:
    """Say every reason why a row would not be taken, without touching the database."""
    model = SignalRecord if isinstance(written, SignalFields) else IdeaRecord
    needed = "title" if isinstance(written, SignalFields) else "change"
    found = []
    limits = {
        field.name: field.max_length
        for field in model._meta.concrete_fields  # noqa: SLF001 - Django's public name for it
        if getattr(field, "max_length", None)
    }
    for each in fields(written):
        value = getattr(written, each.name)
        if not is_storable(value):
            found.append(f"{each.name}: It has a character that cannot be stored.")
        limit = limits.get(each.name)
        if limit is not None and len(value) > limit:
            found.append(f"{each.name}: It has {len(value)} letters; {limit:,} fit.")
    if not getattr(written, needed):
        found.append(f"{needed}: It is empty.")
    if len(outside_id) > 200 or not is_storable(outside_id):
        found.append("id: It is longer than 200 letters or cannot be stored.")
    try:
        checked_url(written.url)
    except BadFields as refusal:
        found += [f"{name}: {what}" for name, what in refusal.wrong.items()]
    return found
