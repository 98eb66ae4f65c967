"""What calendars are told of the roadmap's items and of meetings, and what has changed since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from truelift.apps.rhythm.models import MeetingRecord
from truelift.lifecycle.roadmap_item import ItemKind, ItemStage, RoadmapItem


MEETINGS: Final = "meetings"
"""The kind of meetings, which stand in calendars of their own: most people want the one or the
other."""

CANCELLED_FOR: Final = timedelta(days=30)
"""How long a cancelled item stays in the feed, so that calendars take it out."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One item as a calendar is told of it; equal entries say the same.

    Attributes:
        key: The item's key.
        kind: Its kind, in a word.
        what: What it is.
        firm: Whether its dates are agreed.
        starts: The first day, ISO-8601; of a meeting the instant.
        ends: The first day on which it is over, or the instant.
        surfaces: Where.
        team: Whose.
        owner: Who decides.
        metric: What defines success.
        why: Keys of the evidence.
    """

    key: str
    kind: str
    what: str
    firm: bool
    starts: str
    ends: str
    surfaces: tuple[str, ...]
    team: str
    owner: str
    metric: str
    why: tuple[str, ...]

    def as_row(self) -> dict[str, object]:
        """Give the form in which it is kept."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class Told:
    """An entry with what a calendar needs to know about its history.

    Attributes:
        entry: What is said.
        sequence: How often that has changed.
        changed_at: When it last did.
        cancelled_at: Since when it does not take place; None while it does.
    """

    entry: Entry
    sequence: int
    changed_at: datetime
    cancelled_at: datetime | None = None


def entries_of(items: Iterable[RoadmapItem]) -> dict[str, Entry]:
    """Say what a calendar shows of items: those that have days and take place."""
    return {
        item.key: _entry(item, item.start, item.end)
        for item in items
        if item.start is not None
        and item.end is not None
        and item.end > item.start
        and item.stage is not ItemStage.CANCELLED
    }


def meeting_entries(meetings: Iterable[MeetingRecord]) -> dict[str, Entry]:
    """Say what a calendar shows of meetings."""
    found = {}
    for each in meetings:
        over = each.starts_at + timedelta(minutes=each.meeting.minutes)
        found[f"{MEETINGS}:{each.key}"] = Entry(
            key=f"{MEETINGS}:{each.key}",
            kind=MEETINGS,
            what=each.called,
            firm=True,
            starts=each.starts_at.astimezone(UTC).isoformat(),
            ends=over.astimezone(UTC).isoformat(),
            surfaces=(),
            team="",
            owner=each.owner.email if each.owner else "",
            metric="",
            why=(),
        )
    return found


def brought_up_to_date(
    known: Mapping[str, Told], entries: Mapping[str, Entry], *, now: datetime
) -> dict[str, Told]:
    """Give what is told anew: what is new, what has changed, what was cancelled, what came back."""
    changed: dict[str, Told] = {}
    for key, entry in entries.items():
        before = known.get(key)
        if before is None:
            changed[key] = Told(entry, 0, now)
        elif before.entry != entry or before.cancelled_at is not None:
            changed[key] = Told(entry, before.sequence + 1, now)
    for key, before in known.items():
        if key not in entries and before.cancelled_at is None:
            changed[key] = Told(before.entry, before.sequence + 1, now, cancelled_at=now)
    return changed


def still_told(told: Told, *, now: datetime) -> bool:
    """Say whether a feed speaks of it: for a while also after it was cancelled."""
    return told.cancelled_at is None or now - told.cancelled_at < CANCELLED_FOR


def entry_from(row: Mapping[str, object]) -> Entry:
    """Read an entry as it is kept."""

    def word(name: str) -> str:
        return str(row.get(name) or "")

    def words(name: str) -> tuple[str, ...]:
        found = row.get(name)
        return tuple(map(str, found)) if isinstance(found, list) else ()

    return Entry(
        key=word("key"),
        kind=word("kind"),
        what=word("what"),
        firm=bool(row.get("firm")),
        starts=word("starts"),
        ends=word("ends"),
        surfaces=words("surfaces"),
        team=word("team"),
        owner=word("owner"),
        metric=word("metric"),
        why=words("why"),
    )


def _entry(item: RoadmapItem, start: date, end: date) -> Entry:
    # A freeze that its surface's owner has not agreed to is a wish.
    firm = item.agreed if item.kind is ItemKind.FREEZE else item.stage in _FIRM
    return Entry(
        key=item.key,
        kind=item.kind.value,
        what=item.what,
        firm=firm,
        starts=start.isoformat(),
        ends=end.isoformat(),
        surfaces=item.surfaces,
        team=item.team,
        owner=item.owner,
        metric=item.metric,
        why=item.why,
    )


_FIRM: Final = frozenset({ItemStage.SCHEDULED, ItemStage.RUNNING, ItemStage.DONE})
