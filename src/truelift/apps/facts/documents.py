"""Feeds, arrivals and the shared metric as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from truelift.apps.facts.defining import SharedMetric
from truelift.apps.facts.models import ArrivalRecord, FeedRecord, SharedMetricRecord
from truelift.apps.facts.reads import lateness
from truelift.lifecycle.shared_metric import Drift


Document = dict[str, Any]


def feed_document(feed: FeedRecord, *, now: datetime) -> Document:
    """Write a feed down."""
    late = lateness(feed, now=now)
    return {
        "name": feed.name,
        "kind": feed.kind,
        "source": feed.source,
        "owner": feed.owner.get_username() if feed.owner else None,
        "promise_hours": feed.promise_hours,
        "lag_days": feed.lag_days,
        "maturity_days": feed.maturity_days,
        "columns": feed.columns,
        "read": feed.counts,
        "arrived_at": feed.arrived_at.isoformat() if feed.arrived_at else None,
        "through": feed.through.isoformat() if feed.through else None,
        "stale": late.sentence if late else None,
    }


def arrival_document(arrival: ArrivalRecord) -> Document:
    """Write an arrival down, with the rows that were refused."""
    return {
        "feed": arrival.feed.name,
        "door": arrival.door,
        "new": arrival.new,
        "changed": arrival.changed,
        "same": arrival.same,
        "gone": arrival.gone,
        "first_day": arrival.first_day.isoformat() if arrival.first_day else None,
        "last_day": arrival.last_day.isoformat() if arrival.last_day else None,
        "ignored_columns": arrival.ignored,
        "refused": arrival.refused,
        "refusals": [
            {"line": each.line, "reason": each.reason} for each in arrival.refusals.all()[:1000]
        ],
    }


def version_document(record: SharedMetricRecord) -> Document:
    """Write a version of the shared metric down."""
    definition = record.as_domain()
    return {
        "version": record.version,
        "kind": record.kind,
        "called": definition.kind.called,
        "formula": definition.kind.formula,
        "maturity_days": record.maturity_days,
        "eligible": record.eligible,
        "close_rate": record.close_rate,
        "value_minor": record.value_minor,
        "because": record.because,
        "state": definition.state.value,
        "missing": [each.value for each in definition.missing],
        "signatures": [
            {"function": each.function, "by": each.person.get_username(), "at": each.at.isoformat()}
            for each in record.signatures.all()
        ],
    }


def metric_document(metric: SharedMetric | None, drift: Drift | None) -> Document:
    """Write the shared metric down as it is read, with its drift from the ledger."""
    return {
        "metric": version_document(metric.record) if metric else None,
        "state": metric.state.value if metric else None,
        "newer": metric.newer.version if metric and metric.newer else None,
        "drift": None
        if drift is None
        else {
            "since": drift.since.isoformat(),
            "until": drift.until.isoformat(),
            "analytics_minor": drift.analytics_minor,
            "ledger_minor": drift.ledger_minor,
            "share": drift.share,
            "beyond": drift.beyond,
        },
    }
