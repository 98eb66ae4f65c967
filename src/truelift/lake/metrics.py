"""The metrics that sites defined themselves, as the web application published them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from truelift.errors import Outage
from truelift.lake.home import Home
from truelift.questions.forms import MetricVersion, SavedMetric


class UnreadableMetrics(Outage):
    """The published metrics are not what the web application writes."""

    code = "lake.unreadable_metrics"

    def __init__(self, *, path: Path) -> None:
        super().__init__(
            f"{path} cannot be read. Save any metric to publish it again, or restart.",
            path=str(path),
        )


def saved_metrics(home: Home, site: str) -> Callable[[str], SavedMetric | None]:
    """Give what finds a site's metric by its key; the file is read when one is asked for."""

    def find(key: str) -> SavedMetric | None:
        return published_metrics(home, site).get(key)

    return find


def published_metrics(home: Home, site: str) -> Mapping[str, SavedMetric]:
    """Read the metrics of a site, by key.

    Raises:
        UnreadableMetrics: The file is not JSON of the published form.
    """
    path = home.metrics_file
    try:
        found = json.loads(path.read_bytes())["metrics"].get(site, {})
        return {key: _metric(key, entry) for key, entry in found.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise UnreadableMetrics(path=path) from error


def _metric(key: str, entry: Mapping[str, object]) -> SavedMetric:
    versions = entry["versions"]
    if not isinstance(versions, list) or not versions:
        raise TypeError("a metric has versions")
    return SavedMetric(
        key=key,
        title=str(entry["title"]),
        better=str(entry["better"]),
        versions=tuple(map(_version, versions)),
    )


def _version(entry: Mapping[str, object]) -> MetricVersion:
    version, definition = entry["version"], entry["definition"]
    if not isinstance(version, int) or not isinstance(definition, dict):
        raise TypeError("a version is a number with an object")
    return MetricVersion(version, datetime.fromisoformat(str(entry["made_at"])), definition)
