"""The pages of an inbox as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.drawing.wording import clock, day
from truelift.apps.inbox.models import DeliveryRecord
from truelift.apps.inbox.waiting import Line
from truelift.apps.sites.models import Site
from truelift.lifecycle.notice import Severity


GLYPHS: Final = {
    Severity.NOTE: "waiting",
    Severity.WATCH: "watch",
    Severity.URGENT: "failed",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the inbox as it is drawn.

    Attributes:
        line: What waits.
        glyph: Its mark.
        due: When it is due, in words; or since when it waits.
        late: Whether its day is over.
    """

    line: Line
    glyph: str
    due: str
    late: bool


@dataclass(frozen=True, slots=True)
class InboxPage:
    """What the page says."""

    answer: str
    grounds: str
    rows: tuple[Row, ...]
    asleep: tuple[Row, ...]


def inbox_page(
    lines: tuple[Line, ...], asleep: tuple[Line, ...], *, site: Site, now: datetime
) -> InboxPage:
    """Put the page together."""
    today = now.astimezone(ZoneInfo(site.time_zone)).date()
    rows = tuple(_row(line, today=today, site=site) for line in lines)
    late = sum(row.late for row in rows)
    count = len(rows)
    answer = (
        f"{count} thing{'' if count == 1 else 's'} wait{'s' if count == 1 else ''} for you"
        if rows
        else "Nothing waits for you"
    )
    grounds = "What is late and what is urgent stands first, then what is due first."
    if late:
        grounds = f"{late} of them {'is' if late == 1 else 'are'} late. {grounds}"
    return InboxPage(
        answer=answer,
        grounds=grounds if rows else "What somebody else does next is not here.",
        rows=rows,
        asleep=tuple(_row(line, today=today, site=site) for line in asleep),
    )


def _row(line: Line, *, today: date, site: Site) -> Row:
    since = line.since.astimezone(ZoneInfo(site.time_zone)).date() if line.since else None
    waits = f"since {day(since, year=today.year)}" if since else ""
    return Row(
        line=line,
        glyph=GLYPHS[line.severity],
        due=due_words(line.due, today=today) if line.due else waits,
        late=line.due is not None and line.due < today,
    )


def due_words(due: date, *, today: date) -> str:
    """Say when something is due as people say it."""
    days = (due - today).days
    if days < 0:
        return f"{-days} day{'' if days == -1 else 's'} late"
    return {0: "due today", 1: "due tomorrow"}.get(days, f"due {day(due, year=today.year)}")


@dataclass(frozen=True, slots=True)
class Delivered:
    """A line of the log of a webhook."""

    record: DeliveryRecord
    glyph: str
    state: str
    made: str


def delivered(records: tuple[DeliveryRecord, ...], *, site: Site) -> tuple[Delivered, ...]:
    """Say of each message how it went."""
    zone = ZoneInfo(site.time_zone)
    found = []
    for record in records:
        if record.arrived_at:
            glyph, state = "passed", f"Arrived {clock(record.arrived_at.astimezone(zone))}"
        elif record.next_at is None:
            glyph, state = "failed", f"Given up after {record.attempts} attempts"
        elif record.attempts:
            glyph, state = "watch", f"Tried again {clock(record.next_at.astimezone(zone))}"
        else:
            glyph, state = "waiting", "About to be sent"
        found.append(Delivered(record, glyph, state, clock(record.made_at.astimezone(zone))))
    return tuple(found)
