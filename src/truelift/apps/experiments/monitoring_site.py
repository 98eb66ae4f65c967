"""Watches the whole site while something runs: breaks by the hour, slow drifts by the day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from truelift.apps.drawing.wording import count, percent
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.monitoring import Concern, Finding, Level
from truelift.questions.matching import Events
from truelift.questions.trend import Interval, Trend, TrendAnswer
from truelift.stats.drift import drifts
from truelift.stats.seasonal import SCALE_WEEKS, WEEKS, unusual


AskTrend = Callable[[Trend], TrendAnswer]

HOURS: Final = timedelta(weeks=WEEKS + SCALE_WEEKS + 1)
"""As much as one judged week needs before it."""

SCALE_OF_DAYS: Final = 8
DAYS: Final = timedelta(weeks=WEEKS + SCALE_OF_DAYS + 8)
"""Two months of judged days, and what they need before them."""

LATE: Final = 6
"""Hours whose alarms still stand."""

DRIFTS_AT: Final = 4
"""In this hour of the site's day the drifts of days are looked at; once a day is enough."""

MOST_EVENTS: Final = 8
"""Different events that are followed; what runs hardly uses more."""


def events_of(running: Sequence[ExperimentRecord]) -> tuple[str, ...]:
    """List the events that the metrics of what runs are made of."""
    found: dict[str, None] = {}
    for record in running:
        for planned in record.metrics.select_related("metric").order_by("pk"):
            found.setdefault(planned.metric.event)
            if planned.metric.denominator_event:
                found.setdefault(planned.metric.denominator_event)
    return tuple(found)[:MOST_EVENTS]


def look_at_site(
    site: Site, events: Sequence[str], *, now: datetime, ask: AskTrend
) -> tuple[tuple[Finding, ...], frozenset[Concern]]:
    """Look at the counts of events of everybody; a job's work, never a request's.

    Args:
        site: Where.
        events: Their names.
        now: The moment; the hour that is not over is not judged.
        ask: Asks the lake.

    Returns:
        What is the matter, and what could be judged.
    """
    findings: list[Finding] = []
    looked_at = {Concern.SITE_LEVEL}
    zone = ZoneInfo(site.time_zone)
    drifting = now.astimezone(zone).hour == DRIFTS_AT
    if drifting:
        looked_at.add(Concern.SITE_DRIFT)
    for event in events:
        findings += _sudden(site, event, now=now, ask=ask)
        if drifting:
            findings += _slow(site, event, now=now, ask=ask)
    return tuple(findings), frozenset(looked_at)


def _sudden(site: Site, event: str, *, now: datetime, ask: AskTrend) -> list[Finding]:
    zone = ZoneInfo(site.time_zone)
    until = now.replace(minute=0, second=0, microsecond=0)
    answer = ask(
        Trend(
            events=Events(names=(event,)),
            interval=Interval.HOUR,
            time_zone=site.time_zone,
            since=until - HOURS,
            until=until,
        )
    )
    counts = by_wall_clock([(row.begins, row.point.count) for row in answer.rows], zone=zone)
    if not counts[:168].any():
        # It was not counted yet: weeks of nothing are no weeks to compare with.
        return []
    found = unusual(counts)
    late = np.flatnonzero(found.alarm[-LATE:])
    if not len(late):
        return []
    at = len(counts) - min(LATE, len(counts)) + int(late[-1])
    seen, usual = float(counts[at]), float(found.expected[at])
    more = seen > usual
    hour = (until - timedelta(hours=len(counts) - at)).astimezone(zone)
    share = ""
    if usual:
        share = f", {percent(abs(seen / usual - 1), digits=0)} {'more' if more else 'less'}"
    return [
        Finding(
            Concern.SITE_LEVEL,
            event,
            Level.WATCH,
            f"Of “{event}” {count(seen)} came in the hour from {hour:%H:%M}, where {count(usual)}"
            f" are usual{share}, over all visitors of the site.",
            "See whether a release, a campaign or the tracking explains it before you blame a"
            " test: it is not about one variant.",
        )
    ]


def _slow(site: Site, event: str, *, now: datetime, ask: AskTrend) -> list[Finding]:
    zone = ZoneInfo(site.time_zone)
    until = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    answer = ask(
        Trend(
            events=Events(names=(event,)),
            interval=Interval.DAY,
            time_zone=site.time_zone,
            since=until - DAYS,
            until=until,
        )
    )
    counts = np.array([row.point.count for row in answer.rows], dtype=float)
    if not counts[:7].any():
        return []
    z = unusual(counts, period=7, scale_weeks=SCALE_OF_DAYS).z
    found = drifts(z[(WEEKS + SCALE_OF_DAYS) * 7 :])
    if not len(found.alarm) or not found.alarm[-1]:
        return []
    up = found.up[-1] > found.down[-1]
    since = _since(found.up if up else found.down)
    return [
        Finding(
            Concern.SITE_DRIFT,
            event,
            Level.NOTE,
            f"“{event}” has slowly become {'more' if up else 'less'} over about {since} days, day"
            " by day beside the same weekdays of the weeks before.",
            "See what has changed on the site or in its traffic since then.",
        )
    ]


def _since(sums: NDArray[np.float64]) -> int:
    """Count the days since a sum last stood at nothing."""
    zero = np.flatnonzero(sums <= 0)
    return len(sums) - (int(zero[-1]) + 1 if len(zero) else 0)


def by_wall_clock(
    counts: Sequence[tuple[datetime, float]], *, zone: ZoneInfo
) -> NDArray[np.float64]:
    """Lay hours out by what the clocks at the site show, so that weeks have 168 of them.

    The hour that comes twice in autumn counts its mean; the one that spring leaves out is
    taken from the week before.

    Args:
        counts: First instant of each hour, in order and without holes, and what came in it.
        zone: Of the site.
    """
    if not counts:
        return np.zeros(0)
    local = [begins.astimezone(zone) for begins, _ in counts]
    places = np.array([each.toordinal() * 24 + each.hour for each in local])
    places -= places[0]
    total = np.bincount(places, weights=[float(n) for _, n in counts])
    times = np.bincount(places)
    with np.errstate(invalid="ignore"):
        found = total / times
    for hole in np.flatnonzero(times == 0):
        found[hole] = found[hole - 168] if hole >= 168 else found[hole - 1]
    return np.asarray(found)
