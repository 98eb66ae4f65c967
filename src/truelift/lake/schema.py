"""The two shapes of an event at rest: as it arrived, and as questions read it."""

from __future__ import annotations

from typing import Final

import pyarrow as pa


_INSTANT: Final = pa.timestamp("us", tz="UTC")

ARRIVED: Final = pa.schema(
    [
        ("position", pa.int64()),
        ("received_at", pa.int64()),
        ("key_id", pa.string()),
        ("trusted", pa.bool_()),
        ("reason", pa.string()),
        ("type", pa.string()),
        ("event", pa.string()),
        ("message_id", pa.string()),
        ("visitor_id", pa.string()),
        ("user_id", pa.string()),
        ("previous_id", pa.string()),
        ("occurred_at", pa.int64()),
        ("url", pa.string()),
        ("referrer", pa.string()),
        ("title", pa.string()),
        ("user_agent", pa.string()),
        ("utm_source", pa.string()),
        ("utm_medium", pa.string()),
        ("utm_campaign", pa.string()),
        ("utm_term", pa.string()),
        ("utm_content", pa.string()),
        ("device", pa.string()),
        ("country", pa.string()),
        ("experiment", pa.string()),
        ("variant", pa.string()),
        ("value", pa.float64()),
        ("currency", pa.string()),
        ("properties", pa.string()),
        ("context", pa.string()),
    ]
)
"""An event as the journal gives it to the loader, before normalising.

`position` counts a site's events within one writer, from 1. Times are epoch
milliseconds. `reason` is null for a good item and one of `events.reasons.Reason`
for a bad one, whose text then stands in `properties`. `device`, `country`,
`experiment`, `variant` are set by imports only; live events have them derived.
"""

EVENTS: Final = pa.schema(
    [
        ("bucket", pa.int32()),
        ("person", pa.int64()),
        ("occurred_at", _INSTANT),
        ("received_at", _INSTANT),
        ("writer", pa.string()),
        ("position", pa.int64()),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("type", pa.string()),
        ("event", pa.string()),
        ("message_id", pa.string()),
        ("visitor_id", pa.string()),
        ("user_id", pa.string()),
        ("key_id", pa.string()),
        ("trusted", pa.bool_()),
        ("is_bot", pa.bool_()),
        ("is_internal", pa.bool_()),
        ("url", pa.string()),
        ("host", pa.string()),
        ("path", pa.string()),
        ("title", pa.string()),
        ("referrer", pa.string()),
        ("referrer_host", pa.string()),
        ("source", pa.string()),
        ("medium", pa.string()),
        ("campaign", pa.string()),
        ("term", pa.string()),
        ("content", pa.string()),
        ("channel", pa.string()),
        ("device", pa.string()),
        ("browser", pa.string()),
        ("os", pa.string()),
        ("country", pa.string()),
        ("experiment", pa.string()),
        ("variant", pa.string()),
        ("value", pa.float64()),
        ("value_minor", pa.int64()),
        ("currency", pa.string()),
        ("properties", pa.string()),
        ("context", pa.string()),
    ]
)
"""A row of a site's events table, and of its fresh tail.

`state` is `stored` or `quarantined`. Instants are truncated to milliseconds
(Delta keeps microseconds). `value` is the number as sent; `value_minor` the same
money in minor units of `currency`, null where it is not money. `properties` and
`context` are JSON objects as text.
"""

DIMENSIONS: Final = (
    "device",
    "browser",
    "os",
    "country",
    "channel",
    "source",
    "medium",
    "campaign",
    "host",
    "path",
    "referrer_host",
    "title",
)
"""Columns that every question can break down by; anything else is a property."""
