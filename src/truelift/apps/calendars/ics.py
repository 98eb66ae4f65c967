"""Writes a calendar feed in the form of RFC 5545."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from urllib.parse import quote

import icalendar

from truelift.apps.calendars.entries import Told
from truelift.lifecycle.roadmap_item import ItemKind


def ics_of(told: Iterable[Told], *, name: str, site: str, public_url: str) -> bytes:
    """Write a feed: whole days without a time zone, so that no clock change can move them.

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
    feed.add("x-wr-calname", name)
    feed.add("refresh-interval", timedelta(hours=1), parameters={"value": "DURATION"})
    feed.add("x-published-ttl", timedelta(hours=1))
    for each in sorted(told, key=lambda one: (one.entry.starts, one.entry.key)):
        feed.add_component(_event(each, site=site, public_url=public_url))
    return bytes(feed.to_ical())


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
    event.add("summary", f"{ItemKind(entry.kind).called}: {entry.what}")
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
    event.add("description", "\n".join(said))
    return event


def _status(told: Told) -> str:
    if told.cancelled_at is not None:
        return "CANCELLED"
    return "CONFIRMED" if told.entry.firm else "TENTATIVE"
