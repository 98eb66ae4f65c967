"""Writes a calendar feed in the form of RFC 5545."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from unicodedata import category
from urllib.parse import quote

import icalendar

from truelift.apps.calendars.entries import MEETINGS, Told
from truelift.lifecycle.rhythm import Meeting
from truelift.lifecycle.roadmap_item import ItemKind


def ics_of(told: Iterable[Told], *, name: str, site: str, public_url: str) -> bytes:
    """Write a feed: days without a time zone, so that no clock change moves them; meetings in UTC.

    Args:
        told: The entries, with their history.
        name: How the calendar program calls the feed.
        site: The site's name, part of what identifies an entry.
        public_url: Where the application answers, for the links.
    """
    feed = icalendar.Calendar()
    feed.add("prodid", "-//Truelift//Roadmap//EN")
    feed.add("version", "2.0")
    feed.add("calscale", "GREGORIAN")
    feed.add("method", "PUBLISH")
    feed.add("x-wr-calname", _written(name).replace("\n", " "))
    feed.add("refresh-interval", timedelta(hours=1), parameters={"value": "DURATION"})
    feed.add("x-published-ttl", timedelta(hours=1))
    for each in sorted(told, key=lambda one: (one.entry.starts, one.entry.key)):
        write = _meeting if each.entry.kind == MEETINGS else _event
        feed.add_component(write(each, site=site, public_url=public_url))
    return bytes(feed.to_ical())


def _meeting(told: Told, *, site: str, public_url: str) -> icalendar.Event:
    entry = told.entry
    _, kind, period = entry.key.split(":")
    page = f"{public_url}/s/{site}/rhythm/{kind}/{period}/"
    event = icalendar.Event()
    # The same meeting on another day is the same meeting.
    event.add("uid", f"meeting-{site}-{kind}-{period}@truelift")
    event.add("dtstamp", told.changed_at)
    event.add("last-modified", told.changed_at)
    event.add("sequence", told.sequence)
    event.add("dtstart", datetime.fromisoformat(entry.starts))
    event.add("dtend", datetime.fromisoformat(entry.ends))
    event.add("summary", _written(entry.what))
    event.add("status", _status(told))
    event.add("transp", "OPAQUE")
    event.add("categories", ["Meeting"])
    event.add("url", page)
    seats = ", ".join(each.called for each in Meeting(kind).seats)
    called = f"Called by: {entry.owner}\n" if entry.owner else ""
    event.add("description", f"{_written(called)}With: {seats}\nAgenda: {page}")
    return event


def _event(told: Told, *, site: str, public_url: str) -> icalendar.Event:
    entry = told.entry
    page = f"{public_url}/s/{site}/roadmap/{quote(entry.key, safe='')}/"
    event = icalendar.Event()
    # The address of the installation may change, so the identity does not hang on it.
    event.add("uid", f"roadmap-{site}-{entry.key}@truelift")
    # When it was last told, not when it was asked for: the same feed is the same bytes.
    event.add("dtstamp", told.changed_at)
    event.add("last-modified", told.changed_at)
    event.add("sequence", told.sequence)
    event.add("dtstart", date.fromisoformat(entry.starts))
    event.add("dtend", date.fromisoformat(entry.ends))
    event.add("summary", _written(f"{ItemKind(entry.kind).called}: {entry.what}"))
    event.add("status", _status(told))
    event.add("transp", "TRANSPARENT")
    event.add("categories", [ItemKind(entry.kind).called])
    event.add("url", page)
    lines = (
        ("Where", ", ".join(entry.surfaces)),
        ("Why", ", ".join(entry.why)),
        ("Success metric", entry.metric),
        ("Decision-owner", entry.owner),
        ("Team", entry.team),
        ("", page),
    )
    said = [f"{label}: {text}" if label else text for label, text in lines if text]
    event.add("description", _written("\n".join(said)))
    return event


def _written(text: str) -> str:
    """Give a text without what would begin another line of the feed, or end it."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(each for each in lines if each == "\n" or category(each) != "Cc")


def _status(told: Told) -> str:
    if told.cancelled_at is not None:
        return "CANCELLED"
    return "CONFIRMED" if told.entry.firm else "TENTATIVE"
