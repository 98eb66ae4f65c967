"""Reads a CSV file of notes: each row is taken, known, or refused with its line and why."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from django.db import transaction

from truelift.apps.intake.csv_file import MOST_ROWS, UnreadableFile
from truelift.apps.intake.fields import Arrival
from truelift.apps.intake.models import Way
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, storable
from truelift.apps.sites.models import Site
from truelift.apps.voice.models import Consent
from truelift.apps.voice.notes import NoteFields, NoteIsHere, receive_note
from truelift.events.money import exponent_of


ALSO: Final[Mapping[str, str]] = {
    "verbatim": "text",
    "quote": "text",
    "note": "text",
    "words": "text",
    "date": "day",
    "role": "speaker",
    "count": "times",
    "page": "surface",
    "deal lost": "lost",
    "deal_lost": "lost",
    "deal value": "value",
    "deal_value": "value",
    "pii": "personal",
    "link": "url",
    "email": "contact",
}
"""Other heads of columns that mean the same."""

KNOWN: Final = frozenset(
    {
        "text", "source", "day", "speaker", "times", "surface", "segment", "stage", "lost",
        "value", "refund", "consent", "personal", "contact", "url", "id",
    }
)  # fmt: skip
_AMOUNT: Final = re.compile(r"[+-]?([0-9]{1,18}|[0-9]{1,3}(,[0-9]{3}){1,5})(\.[0-9]{1,6})?")
_AS_WRITTEN: Final = "An amount is written 1250.50, in the site’s currency."
_YES: Final = frozenset({"yes", "y", "true", "1"})
_NO: Final = frozenset({"no", "n", "false", "0"})


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of a file.

    Attributes:
        taken: Notes that are new.
        known: Rows that were here already.
        refused: Line and why, for each row that was not taken.
        ignored: Columns that mean nothing here.
    """

    taken: int
    known: int
    refused: tuple[tuple[int, str], ...]
    ignored: tuple[str, ...]


def bring_notes(site: Site, text: str, *, by: Actor, now: datetime) -> Brought:
    """Take in every row that can be; bringing the same file again changes nothing.

    Raises:
        UnreadableFile: It is no table, lacks the words, or is too long.
    """
    rows = _rows(text)
    heads = [head.strip() for head in rows[0][1]]
    names = [_name(head) for head in heads]
    if "text" not in names:
        raise UnreadableFile(why="it has no column “text” with what was said.")
    taken = known = 0
    refused = []
    for line, cells in rows[1:]:
        given = {
            name: storable(cell.strip()) for name, cell in zip(names, cells, strict=False) if name
        }
        if not any(given.values()):
            continue
        try:
            with transaction.atomic():
                arrival = Arrival(Way.CSV, by=by, outside_id=given.get("id", ""))
                receive_note(site, _fields(site, given), arrival, now=now)
            taken += 1
        except NoteIsHere:
            known += 1
        except BadFields as refusal:
            refused.append((line, " ".join(f"{k}: {v}" for k, v in refusal.wrong.items())))
    ignored = tuple(head for head, name in zip(heads, names, strict=True) if not name)
    return Brought(taken, known, tuple(refused), ignored)


def _rows(text: str) -> list[tuple[int, list[str]]]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    found, begins = [], 1
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            found.append((begins, cells))
            begins = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableFile(why=f"{error}.") from error
    if not found:
        raise UnreadableFile(why="it is empty.")
    if len(found) - 1 > MOST_ROWS:
        raise UnreadableFile(why=f"it has more than {MOST_ROWS:,} rows. Split it.")
    return found


def _name(head: str) -> str:
    low = head.lower()
    meant = ALSO.get(low, low)
    return meant if meant in KNOWN else ""


def _fields(site: Site, given: Mapping[str, str]) -> NoteFields:
    """Read the cells of a row, and say everything that is wrong with them at once."""
    wrong: dict[str, str] = {}

    def said(name: str) -> bool | None:
        low = given.get(name, "").lower()
        if low and low not in _YES | _NO:
            wrong[name] = "It is yes or no, or empty."
        return None if not low else low in _YES

    day, times, value = None, 1, None
    if given.get("day"):
        try:
            day = date.fromisoformat(given["day"][:10])
        except ValueError:
            wrong["day"] = "A day is written 2026-05-31."
    if given.get("times"):
        if given["times"].isascii() and given["times"].isdigit() and len(given["times"]) < 8:
            times = int(given["times"])
        else:
            wrong["times"] = "It is a whole number."
    if given.get("value"):
        try:
            value = minor_of(given["value"], site.currency)
        except ValueError as error:
            wrong["value"] = str(error)
    made = NoteFields(
        text=given.get("text", ""),
        source=given.get("source", "").lower(),
        day=day,
        speaker=given.get("speaker", "").lower(),
        times=times,
        surface=given.get("surface", ""),
        segment=given.get("segment", ""),
        stage=given.get("stage", ""),
        lost=said("lost"),
        value_minor=value,
        refund=said("refund"),
        consent=given.get("consent", "").lower() or Consent.UNKNOWN.value,
        personal=bool(said("personal")),
        contact=given.get("contact", ""),
        url=given.get("url", ""),
    )
    if len(given.get("id", "")) > 200:
        wrong["id"] = "It is longer than 200 letters."
    if wrong:
        raise BadFields(wrong)
    return made


def minor_of(text: str, currency: str) -> int:
    """Read an amount in whole units, such as 1,250.50, as minor units.

    Raises:
        ValueError: It is no amount, or finer than the currency.
    """
    plain = text.strip().replace(" ", "")
    if not _AMOUNT.fullmatch(plain):
        # 1250,50 is no 125050: a comma stands between thousands or nowhere.
        raise ValueError(_AS_WRITTEN)
    try:
        amount = Decimal(plain.replace(",", ""))
        minor = amount.scaleb(exponent_of(currency))
        whole = int(minor) if minor.is_finite() and abs(minor) < 2**63 else None
    except (InvalidOperation, ValueError, OverflowError):
        whole, minor = None, Decimal(0)
    if whole is None or minor != whole:
        raise ValueError(_AS_WRITTEN)
    return whole
