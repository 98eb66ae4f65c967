"""Which tests a moment and a surface concern: experiments as changes and incidents see them."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from truelift.apps.experiments.domain import midnight_at
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.contamination import UnderTest
from truelift.lifecycle.experiment import PREPARING, Origin


def tested(record: ExperimentRecord) -> UnderTest:
    """Give an experiment as changes see it: what visitors did when is part of its result."""
    since = record.started_at
    if record.origin == Origin.IMPORTED and record.starts_on is not None:
        since = midnight_at(record.site, record.starts_on)
    ends = [midnight_at(record.site, record.ends_on)] if record.ends_on else []
    if record.stopped_at is not None:
        ends.append(record.stopped_at)
    # What the roadmap says of an experiment goes before its hypothesis.
    placed = getattr(record, "on_roadmap", None)
    element = record.hypothesis.element if record.hypothesis else ""
    return UnderTest(
        key=record.key,
        surface=record.surface,
        elements=tuple(placed.elements if placed and placed.elements else filter(None, [element])),
        since=since,
        until=min(ends) if ends else None,
    )


def tests_at(site: Site, at: datetime) -> tuple[tuple[ExperimentRecord, UnderTest], ...]:
    """List the experiments of which a moment is part, by age."""
    return tuple(each for each in _launched(site, at) if each[1].counts_at(at))


def tests_since(site: Site, since: datetime) -> tuple[tuple[ExperimentRecord, UnderTest], ...]:
    """List the experiments that were not over before a moment, by age."""
    found = _launched(site, since)
    return tuple(each for each in found if each[1].until is None or each[1].until > since)


def _launched(site: Site, since: datetime) -> tuple[tuple[ExperimentRecord, UnderTest], ...]:
    rows = (
        ExperimentRecord.objects.filter(site=site)
        .exclude(stage__in=[each.value for each in PREPARING])
        .filter(Q(started_at__isnull=False) | Q(origin=Origin.IMPORTED.value))
        .filter(Q(stopped_at=None) | Q(stopped_at__gt=since))
        .select_related("site", "decision_owner", "made_by", "hypothesis", "on_roadmap")
        .order_by("pk")
    )
    return tuple((each, tested(each)) for each in rows)
