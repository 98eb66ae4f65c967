"""`truelift ask`: a question about what a site's visitors did, answered from the lake."""

from __future__ import annotations

from truelift.cli.ask import (
    channels,
    events,
    funnel,
    journeys,
    landing_pages,
    metric,
    paths,
    retention,
    segments,
    sessions,
    time_to_value,
    trend,
)
from truelift.cli.ask.asking import app


__all__ = [
    "app",
    "channels",
    "events",
    "funnel",
    "journeys",
    "landing_pages",
    "metric",
    "paths",
    "retention",
    "segments",
    "sessions",
    "time_to_value",
    "trend",
]
