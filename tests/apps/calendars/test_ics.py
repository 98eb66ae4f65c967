"""What calendars are told: stable, strict, and the same on both sides of a clock change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import icalendar
from ical.calendar_stream import IcsCalendarStream
from ical.event import Event

from truelift.apps.calendars.entries import (
    CANCELLED_FOR,
    Told,
    brought_up_to_date,
    entries_of,
    entry_from,
    still_told,
)
from truelift.apps.calendars.ics import ics_of
from truelift.lifecycle.roadmap_item import ItemKind, ItemStage, RoadmapItem


NOW = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
ITEM = RoadmapItem(
    key="RM-7",
    kind=ItemKind.RELEASE,
    what="New checkout; faster, “cleaner”, 100 % ours",
    stage=ItemStage.SCHEDULED,
    surfaces=("Checkout",),
    why=("I-4",),
    start=date(2026, 3, 27),
    end=date(2026, 4, 3),
    metric="purchase rate",
    owner="eva@northpine.example",
    team="Web",
)


def _feed(*told: Told) -> bytes:
    return ics_of(told, name="shop: Web", site="shop", public_url="https://cro.example")


def _strict(content: bytes) -> list[Event]:
    return list(IcsCalendarStream.calendar_from_ics(content.decode()).events)


def _told(*items: RoadmapItem) -> dict[str, Told]:
    return brought_up_to_date({}, entries_of(items), now=NOW)


def test_a_strict_parser_reads_what_was_written() -> None:
    (event,) = _strict(_feed(*_told(ITEM).values()))

    assert event.uid == "roadmap-shop-RM-7@truelift"
    assert event.summary == f"Release: {ITEM.what}"
    assert (event.dtstart, event.dtend) == (ITEM.start, ITEM.end)
    assert event.sequence == 0
    assert event.status == "CONFIRMED"
    assert event.transparency == "TRANSPARENT"
    assert event.categories == ["Release"]
    assert event.description is not None
    for word in ("Checkout", "I-4", "purchase rate", "eva@northpine.example", "/roadmap/RM-7/"):
        assert word in event.description


def test_lines_end_and_fold_as_the_standard_says() -> None:
    long = replace(ITEM, what="Ä" * 120)

    content = _feed(*_told(long).values())

    lines = content.split(b"\r\n")
    assert b"\n" not in b"".join(lines)
    assert max(map(len, lines)) <= 75
    content.decode()
    assert _strict(content)[0].summary == f"Release: {'Ä' * 120}"


def test_what_people_type_begins_no_line_of_a_feed() -> None:
    typed = replace(ITEM, what="A\rEND:VEVENT\r\nX:1\x00", team="B\rX:2")

    content = ics_of(
        _told(typed).values(), name="C\r\nX:3\rX:4", site="shop", public_url="https://cro.example"
    )

    assert b"\x00" not in content
    assert content.count(b"\r") == content.count(b"\r\n")
    assert b"X-WR-CALNAME:C X:3 X:4" in content
    (event,) = _strict(content)
    assert event.summary == "Release: A\nEND:VEVENT\nX:1"


def test_days_stay_the_same_days_over_a_clock_change() -> None:
    # Clocks in Europe go forward on 29 March 2026, between the first and the last day.
    parsed = icalendar.Calendar.from_ical(_feed(*_told(ITEM).values()))

    event = parsed.events[0]

    assert event["DTSTART"].params["VALUE"] == "DATE"
    assert "TZID" not in event["DTSTART"].params
    assert event.decoded("DTEND") - event.decoded("DTSTART") == timedelta(days=7)


def test_what_is_only_proposed_is_tentative() -> None:
    proposed = replace(ITEM, stage=ItemStage.PROPOSED)
    freeze = replace(ITEM, key="F-1", kind=ItemKind.FREEZE, agreed=False)

    events = _strict(_feed(*_told(proposed, freeze).values()))

    assert [event.status for event in events] == ["TENTATIVE", "TENTATIVE"]


def test_the_same_roadmap_gives_the_same_bytes() -> None:
    known = _told(ITEM)

    later = brought_up_to_date(known, entries_of([ITEM]), now=NOW + timedelta(days=3))

    assert later == {}
    assert _feed(*known.values()) == _feed(*_told(ITEM).values())


def test_a_moved_item_keeps_its_identity_and_counts_the_change() -> None:
    known = _told(ITEM)
    moved = replace(ITEM, start=date(2026, 4, 3), end=date(2026, 4, 10))

    changed = brought_up_to_date(known, entries_of([moved]), now=NOW + timedelta(hours=1))
    (event,) = _strict(_feed(*changed.values()))

    assert event.uid == "roadmap-shop-RM-7@truelift"
    assert event.sequence == 1
    assert event.last_modified == NOW + timedelta(hours=1)
    assert event.dtstart == date(2026, 4, 3)


def test_a_dropped_item_is_cancelled_for_a_while_and_can_come_back() -> None:
    known = _told(ITEM)

    dropped = brought_up_to_date(known, {}, now=NOW)["RM-7"]
    (event,) = _strict(_feed(dropped))
    again = brought_up_to_date({"RM-7": dropped}, entries_of([ITEM]), now=NOW)["RM-7"]

    assert (event.status, event.sequence) == ("CANCELLED", 1)
    assert still_told(dropped, now=NOW + CANCELLED_FOR - timedelta(seconds=1))
    assert not still_told(dropped, now=NOW + CANCELLED_FOR)
    assert (again.sequence, again.cancelled_at) == (2, None)


def test_a_cancelled_item_is_told_once() -> None:
    dropped = brought_up_to_date(_told(ITEM), {}, now=NOW)

    assert brought_up_to_date(dropped, {}, now=NOW + timedelta(days=1)) == {}


def test_an_item_without_days_is_in_no_calendar() -> None:
    undated = [
        replace(ITEM, start=None),
        replace(ITEM, end=None),
        replace(ITEM, end=ITEM.start),
        replace(ITEM, stage=ItemStage.CANCELLED),
    ]

    assert all(entries_of([item]) == {} for item in undated)


def test_an_entry_is_read_as_it_was_kept() -> None:
    entry = entries_of([ITEM])["RM-7"]

    assert entry_from(entry.as_row()) == entry
