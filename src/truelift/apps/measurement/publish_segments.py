"""Tells the processes without Django about saved segments, through a file that is replaced."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction

from truelift.apps.measurement.models import SegmentRecord
from truelift.apps.sites.publish import CannotPublish, alone, replace_whole
from truelift.lake.home import Home


def publish_segments_after_commit() -> None:
    """Publish once the change that is being made is certain."""
    transaction.on_commit(publish_segments)


def publish_segments() -> None:
    """Write every version of every site's segments to the home's `published/` folder.

    Raises:
        CannotPublish: The folder cannot be written.
    """
    home = Home.of(settings.TRUELIFT)
    try:
        home.published.mkdir(parents=True, exist_ok=True)
        with alone(home.published / ".segments.lock"):
            replace_whole(home.segments_file, {"segments": _segments()})
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotPublish(path=home.published, reason=reason) from error


def _segments() -> dict[str, dict[str, list[dict[str, object]]]]:
    found: dict[str, dict[str, list[dict[str, object]]]] = {}
    rows = SegmentRecord.objects.select_related("site").order_by("site__name", "name", "version")
    for row in rows:
        versions = found.setdefault(row.site.name, {}).setdefault(row.name, [])
        entry: dict[str, object] = {"version": row.version, "definition": row.definition}
        versions.append({**entry, "archived": True} if row.archived else entry)
    return found
