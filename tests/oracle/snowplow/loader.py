"""Reads Snowplow's atomic events, and what its web model expects of them.

The rows become the columns that `truelift load` takes without a map. Nothing is corrected on
the way: duplicates, late events and events without ids go in as they are. Snowplow sends where
a page is scrolled to; here the percent of its height that was seen goes in, as GA4 sends it.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final


FOLDER: Final = "snowplow_web_0.15.2_apache2"

COLUMNS: Final = (
    "name",
    "visitor_id",
    "occurred_at",
    "message_id",
    "url",
    "referrer",
    "value",
    "currency",
    "domain_sessionid",
    "domain_userid",
    "page_view_id",
    "percent_scrolled",
)

VITALS: Final = ("lcp", "inp", "cls", "ttfb")
VITAL_COLUMNS: Final = (
    "name",
    "visitor_id",
    "occurred_at",
    "message_id",
    "url",
    "country",
    "device_class",
    "page_view_id",
    *VITALS,
)

ROUNDED: Final = "web_vitals_rounded"
"""The same readings once more, LCP in whole milliseconds as the model rounds it."""

VALUE_OF_A_VIEW: Final = "0.5"
"""What the expected conversions `view_page` are worth where an event has no total."""


def expected(data: Path, name: str) -> list[dict[str, str]]:
    """Read a table of expected rows."""
    with (data / FOLDER / "expected" / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_events(data: Path, to: Path) -> int:
    """Write all events in the order in which they arrived; give how many there are."""
    source = data / FOLDER / "source" / "snowplow_web_events.csv"
    with source.open(newline="", encoding="utf-8") as file:
        events = sorted(csv.DictReader(file), key=lambda row: row["collector_tstamp"])
    with to.open("w", newline="", encoding="utf-8") as file:
        writer: csv.DictWriter[str] = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(map(_row, events))
    return len(events)


def write_vitals(data: Path, to: Path) -> int:
    """Write all readings as they came and rounded as the model does; give how many came."""
    source = data / FOLDER / "source" / "snowplow_web_vital_events.csv"
    with source.open(newline="", encoding="utf-8") as file:
        # The last line is an empty one, of no event.
        events = [row for row in csv.DictReader(file) if row["event_name"]]
    with to.open("w", newline="", encoding="utf-8") as file:
        writer: csv.DictWriter[str] = csv.DictWriter(file, VITAL_COLUMNS)
        writer.writeheader()
        for event in events:
            row = _vitals(event)
            writer.writerow(row)
            lcp = math.ceil(round(float(row["lcp"]), 4))
            renamed = {"name": ROUNDED, "message_id": f"{row['message_id']}-rounded"}
            writer.writerow({**row, **renamed, "lcp": str(lcp)})
    return len(events)


def _vitals(event: Mapping[str, str]) -> dict[str, str]:
    found = json.loads(event["unstruct_event_com_snowplowanalytics_snowplow_web_vitals_1_0_0"])[0]
    agent = json.loads(event["contexts_nl_basjes_yauaa_context_1_0_0"])[0]
    return {
        "name": event["event_name"],
        "visitor_id": event["domain_userid"],
        "occurred_at": f"{event['derived_tstamp'].replace(' ', 'T')}",
        "message_id": event["event_id"],
        "url": event["page_url"],
        "country": event["geo_country"],
        "device_class": agent["device_class"].lower(),
        "page_view_id": _page_view(event["contexts_com_snowplowanalytics_snowplow_web_page_1_0_0"]),
        **{vital: str(found[vital]) for vital in VITALS},
    }


def _row(event: Mapping[str, str]) -> dict[str, str]:
    is_view = event["event_name"] == "page_view"
    total = event["tr_total_base"] or VALUE_OF_A_VIEW
    return {
        "name": event["event_name"],
        # The tracker gives no visitor where cookies are refused; its session is what is left.
        "visitor_id": event["domain_userid"] or event["domain_sessionid"],
        # Snowplow's own choice of the event's time: the device's, put right by the collector's.
        "occurred_at": f"{event['derived_tstamp'].replace(' ', 'T')}Z",
        "message_id": event["event_id"],
        "url": event["page_url"],
        "referrer": event["page_referrer"],
        "value": total if is_view else "",
        "currency": "EUR" if is_view else "",
        "domain_sessionid": event["domain_sessionid"],
        "domain_userid": event["domain_userid"],
        "page_view_id": _page_view(event["contexts_com_snowplowanalytics_snowplow_web_page_1_0_0"]),
        "percent_scrolled": _percent(event),
    }


def _percent(event: Mapping[str, str]) -> str:
    """Say how much of the page's height is above the lower edge of what is seen."""
    if event["event_name"] not in {"page_view", "page_ping"} or not event["doc_height"]:
        return ""
    height = int(event["doc_height"])
    seen = int(event["pp_yoffset_max"] or 0) + int(event["br_viewheight"])
    return str(100 * min(seen, height) / height)


def _page_view(context: str) -> str:
    """Read the id of a page view from its context, a list that is sometimes nested twice."""
    found: object = json.loads(context) if context else ""
    while isinstance(found, list):
        found = found[0] if found else ""
    return str(found.get("id") or "") if isinstance(found, dict) else ""
