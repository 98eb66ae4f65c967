"""Tells the processes without Django about a site's metrics, through a file that is replaced."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django.conf import settings
from django.db import transaction

from truelift.apps.experiments.models import OF_EXPERIMENTS, MetricRecord
from truelift.apps.sites.publish import CannotPublish, alone, replace_whole
from truelift.lake.home import Home


def publish_metrics_after_commit() -> None:
    """Publish once the change that is being made is certain."""
    transaction.on_commit(publish_metrics)


def publish_metrics() -> None:
    """Write every version of every site's metrics to the home's `published/` folder.

    Raises:
        CannotPublish: The folder cannot be written.
    """
    home = Home.of(settings.TRUELIFT)
    try:
        home.published.mkdir(parents=True, exist_ok=True)
        with alone(home.published / ".metrics.lock"):
            replace_whole(home.metrics_file, {"metrics": _metrics()})
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotPublish(path=home.published, reason=reason) from error


def _metrics() -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    rows = MetricRecord.objects.select_related("site").order_by("site__name", "key", "version")
    for row in rows:
        if row.kind in OF_EXPERIMENTS:
            # No question but an experiment's can ask for it, and none may take an older version.
            found.get(row.site.name, {}).pop(row.key, None)
            continue
        metric = found.setdefault(row.site.name, {}).setdefault(row.key, {"versions": []})
        metric |= {"title": row.name, "better": row.better}
        metric["versions"].append(
            {
                "version": row.version,
                "made_at": row.made_at.astimezone(UTC).isoformat(),
                "definition": question_document(row),
            }
        )
    return found


def question_document(metric: MetricRecord) -> dict[str, Any]:
    """Give a version of a metric as a question takes it; money is that of the site."""
    found: dict[str, Any] = {"key": metric.key, "kind": metric.kind, "event": metric.event}
    if metric.property:
        found["amount"] = _amount(metric.property)
    if metric.kind == "ratio":
        below: dict[str, Any] = {"event": metric.denominator_event}
        if metric.denominator_property:
            below["amount"] = _amount(metric.denominator_property)
        found["denominator"] = below
    return found | {"window_s": round(metric.window_days * 86_400)}


def _amount(name: str) -> dict[str, str]:
    return {"kind": "money"} if name == "value" else {"kind": "property", "name": name}
