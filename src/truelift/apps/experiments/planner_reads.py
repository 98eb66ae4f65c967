"""What the planner takes from the site's own data: visitors a week, and levels of metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from truelift.apps.experiments.metrics import LIBRARY, current_metrics
from truelift.apps.experiments.models import Better, MetricRecord
from truelift.apps.measurement import reads
from truelift.apps.sites.models import Site
from truelift.questions.matching import Events
from truelift.questions.trend import Interval, Trend


DAYS: Final = 28
"""Four whole weeks: long enough for a level, short enough to be of today."""

PLANNABLE: Final = (
    "proportion",
    "sum",
    "count",
    "mean",
    "quantile",
    "restricted_mean",
    "retention",
    "funnel_step",
)
"""Kinds of metrics of which the events alone tell something."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the site's data say.

    Attributes:
        numbers: For the form, by name, as typed.
        source: Where they come from, a sentence; empty when there is nothing.
    """

    numbers: Mapping[str, str]
    source: str


def starts_of(site: Site) -> Sequence[MetricRecord]:
    """List the site's metrics that the planner can begin with."""
    return [each for each in current_metrics(site) if each.kind in PLANNABLE]


def usual_start(starts: Sequence[MetricRecord]) -> MetricRecord | None:
    """Give the metric that most tests are decided by: the first of a kind of business."""
    first = {specs[0].key for specs in LIBRARY.values()}
    shares = [each for each in starts if each.kind == "proportion"]
    return next((each for each in shares if each.key in first), shares[0] if shares else None)


def known_of(site: Site, metric: MetricRecord | None, *, now: datetime) -> Known:
    """Take what is cheap to know: nothing on a site so large that it would have to be waited for.

    Args:
        site: The site.
        metric: Whose level is taken; None for visitors alone.
        now: The moment.
    """
    from truelift.lake.lake import NoSuchSite

    try:
        return _known(site, metric, now=now)
    except NoSuchSite:
        # It was made a moment ago, and the processes with the data have not heard of it.
        return Known({}, "")


def _known(site: Site, metric: MetricRecord | None, *, now: datetime) -> Known:
    if reads.is_large(site.name):
        return Known({}, "")
    until = reads.this_minute(now).replace(minute=0)
    since = until - timedelta(days=DAYS)

    def people(events: Events) -> tuple[int, int]:
        trend = Trend(
            events=events,
            interval=Interval.WEEK,
            time_zone=site.time_zone,
            since=since,
            until=until,
        )
        whole = reads.ask(site.name, trend).answer.whole
        return whole.people, whole.count

    visitors, _ = people(Events())
    if not visitors:
        return Known({}, "")
    # People of four weeks over four, and not those of a week: who comes again is not new.
    numbers = {"weekly": f"{max(1, round(visitors * 7 / DAYS))}"}
    said = f"{visitors:,} people in the last {DAYS} days"
    if metric is None:
        return Known(numbers, f"Visitors from the site’s own data: {said}.")
    did, events = people(Events(names=(metric.event,)))
    numbers |= {"maturation": f"{metric.window_days:g}", "better": metric.better}
    share = f"{100 * did / visitors:.3g}"
    if metric.better == Better.DECREASE.value:
        numbers["lift"] = "-10"
    if 0 < did < visitors and metric.kind == "proportion":
        numbers |= {"kind": "proportion", "baseline": share}
    elif did > 0 and metric.kind in {"sum", "mean"}:
        numbers |= {"kind": "revenue", "buys": share}
    elif metric.kind in {"retention", "funnel_step"}:
        # Whether somebody did it in time, or in order, counting events does not tell.
        numbers |= {"kind": "retention" if metric.kind == "retention" else "proportion"}
    elif metric.kind == "quantile" and metric.level is not None:
        numbers |= {"kind": "quantile", "level": f"{100 * metric.level:g}"}
        if did and metric.per == "event":
            numbers["observations_per_unit"] = f"{events / did:.3g}"
    elif 0 < did < visitors and metric.kind == "restricted_mean":
        numbers |= {"kind": "restricted_mean", "happened": share}
    elif events and metric.kind == "count":
        numbers |= {"kind": "count", "mean": f"{events / visitors:.3g}"}
    return Known(
        numbers,
        f"From the site’s own data: {said}, {did:,} of them with {metric.event}."
        + (
            " The spread of an order is not known; take it from a result."
            if "buys" in numbers
            else ""
        ),
    )
