"""Reads a CSV file of changes: every row is taken or refused, with its line and why."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.changes.senders import MAPPABLE
from truelift.apps.changes.services import record_change
from truelift.apps.changes.told import BadChange, kind_of, list_at, moment_of, text_at
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.change import Change, ChangeKind, Trust
from truelift.lifecycle.obstacle import Obstacle


MOST_BYTES: Final = 2_000_000
MOST_ROWS: Final = 2_000

SOURCE: Final = "csv"


class BadFile(Refusal):
    """The file is no table of changes."""

    code = "changes.bad_file"

    def __init__(self, *, why: str) -> None:
        super().__init__(f"The file cannot be read: {why}", why=why)


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of a file.

    Attributes:
        taken: How many changes are new.
        known: How many were known already.
        refused: Line and why, of those that were not taken.
    """

    taken: int
    known: int
    refused: tuple[tuple[int, str], ...]


def bring(site: Site, content: bytes, *, by: Actor, now: datetime) -> Brought:
    """Take in every row of a file that is a change.

    Times without a zone are of the site's zone. Lists have semicolons between their parts.

    Raises:
        BadFile: It is no CSV, or is too long, or has no column that is known.
    """
    if len(content) > MOST_BYTES:
        raise BadFile(why=f"it is longer than {MOST_BYTES:,} bytes.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadFile(why="it is not UTF-8.") from error
    first = text.partition("\n")[0]
    between = ";" if first.count(";") > first.count(",") else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=between, strict=True)
    try:
        rows = [(reader.line_num, each) for each in reader]
    except csv.Error as error:
        raise BadFile(why=f"{error} in line {reader.line_num}.") from error
    heads = [each.strip().lower() for each in reader.fieldnames or ()]
    if "what" not in heads and "external_id" not in heads:
        raise BadFile(
            why=f"its first line names no column what or external_id. It may have {_ALL}."
        )
    if len(rows) > MOST_ROWS:
        raise BadFile(why=f"it has more than {MOST_ROWS:,} rows.")
    taken = known = 0
    refused: list[tuple[int, str]] = []
    for line, row in rows:
        given = {
            name.strip().lower(): value.strip()
            for name, value in row.items()
            if isinstance(name, str) and isinstance(value, str)
        }
        if not any(given.values()):
            continue
        try:
            made = record_change(
                site,
                _change(given, ZoneInfo(site.time_zone)),
                source=SOURCE,
                trust=Trust.PERSON,
                by=by,
                now=now,
            )
        except BadChange as refusal:
            refused.append((line, " ".join(each.sentence for each in refusal.obstacles)))
            continue
        taken, known = taken + made.new, known + (not made.new)
    return Brought(taken, known, tuple(refused))


_ALL: Final = ", ".join(MAPPABLE)


def _change(row: Mapping[str, str], zone: ZoneInfo) -> Change:
    lists = {
        name: list_at({"of": row.get(name, "").replace(";", "\n")}, "of")
        for name in ("paths", "surfaces", "urls", "elements", "arms", "planned_for")
    }
    named = hashlib.sha256(repr(sorted(row.items())).encode()).hexdigest()[:24]
    return Change(
        kind=kind_of(row.get("kind", ""), ChangeKind.UNKNOWN),
        external_id=text_at(row, "external_id", most=200) or named,
        what=text_at(row, "what"),
        env=text_at(row, "env", most=80),
        repo=text_at(row, "repo", most=200),
        sha=text_at(row, "sha", most=80),
        paths=lists["paths"],
        surfaces=lists["surfaces"],
        urls=lists["urls"],
        elements=lists["elements"],
        arms=lists["arms"],
        planned_for=lists["planned_for"],
        started_at=_moment(row.get("started_at", ""), zone),
        finished_at=_moment(row.get("finished_at", ""), zone),
        actor=text_at(row, "actor", most=200),
        url=text_at(row, "url", most=500),
    )


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    if not text:
        return None
    found = moment_of(text)
    if found is None:
        try:
            found = datetime.fromisoformat(text).replace(tzinfo=zone)
        except ValueError as error:
            raise BadChange(
                [
                    Obstacle(
                        "change.bad_time",
                        f"“{text[:40]}” is no time.",
                        "Write 2026-05-07T09:30 or 2026-05-07.",
                    )
                ]
            ) from error
    return found
