"""What may be asked about surfaces: what they are, where an address belongs, what nobody claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import F

from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord, TrafficRecord
from truelift.lifecycle.surface import Surface, surfaces_at, surfaces_of_files


FILES_DAYS: Final = 90
"""Files of changes that are older are not asked about."""

MOST_CHANGES: Final = 500


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """Where visits go that no surface claims.

    Attributes:
        pages: Path and views of the last four weeks, the most viewed first.
        views: Of these pages together.
        total: Of all pages of the site.
        counted_at: When they were counted; None while nobody has.
    """

    pages: tuple[tuple[str, int], ...] = ()
    views: int = 0
    total: int = 0
    counted_at: datetime | None = None

    @property
    def share(self) -> float | None:
        """Share of all views; None while there are none."""
        return self.views / self.total if self.total else None


def surfaces_of(site: Site) -> tuple[Surface, ...]:
    """Give the surfaces of a site as the rules know them, by name."""
    return tuple(
        each.as_domain() for each in SurfaceRecord.objects.filter(site=site).order_by("name")
    )


def records_of(site: Site) -> tuple[SurfaceRecord, ...]:
    """List the surfaces with who owns them, the busiest first."""
    return tuple(
        SurfaceRecord.objects.filter(site=site)
        .select_related("owner")
        .order_by(F("weekly_units").desc(nulls_last=True), "name")
    )


def surface_of(site: Site, number: int) -> SurfaceRecord | None:
    """Find a surface of the site by its number."""
    if not 0 < number < 2**63:
        return None
    return (
        SurfaceRecord.objects.filter(site=site, pk=number).select_related("site", "owner").first()
    )


def owners_of(site: Site) -> dict[str, str]:
    """Give who agrees for each surface that has an owner: name → e-mail address."""
    return dict(
        SurfaceRecord.objects.filter(site=site, owner__is_active=True).values_list(
            "name", "owner__email"
        )
    )


def unclaimed_of(site: Site, surfaces: Sequence[Surface]) -> Unclaimed:
    """Say which addresses no surface claims, as the surfaces are now."""
    found = TrafficRecord.objects.filter(site=site).first()
    if found is None:
        return Unclaimed()
    # What was counted has no host: a pattern of one host claims the path on every host.
    anywhere = [
        replace(each, patterns=tuple(f"/{pattern.partition('/')[2]}" for pattern in each.patterns))
        for each in surfaces
    ]
    pages = tuple(
        (path, views)
        for path, views in found.pages
        if not surfaces_at(f"/{path.lstrip('/')}", anywhere)
    )
    return Unclaimed(pages, sum(views for _, views in pages), found.views, found.counted_at)


def unclaimed_files_of(
    site: Site, surfaces: Sequence[Surface], *, now: datetime
) -> tuple[tuple[str, int], ...]:
    """Say which files of recent changes no surface claims, and in how many changes each was."""
    # Changes are matched to surfaces in their own room; loading it at once would close a circle.
    from truelift.apps.changes.models import ChangeRecord

    rows = ChangeRecord.objects.filter(site=site, at__gte=now - timedelta(days=FILES_DAYS))
    lists = rows.exclude(paths=[]).order_by("-at").values_list("paths", flat=True)
    seen = Counter(path for paths in lists[:MOST_CHANGES] for path in set(map(str, paths)))
    found = surfaces_of_files(list(seen), surfaces).unmapped
    return tuple(sorted(((path, seen[path]) for path in found), key=lambda one: (-one[1], one[0])))


def surface_document(record: SurfaceRecord) -> dict[str, Any]:
    """Write a surface for programs."""
    return {
        "number": record.pk,
        "version": record.version,
        "name": record.name,
        "path": record.path,
        "patterns": list(record.patterns),
        "claims": list(record.as_domain().patterns),
        "routes": list(record.routes),
        "funnel": record.funnel or None,
        "step": record.step or None,
        "team": record.team or None,
        "owner": record.owner.email if record.owner else None,
        "cadence_days": record.cadence_days,
        "incentive": record.incentive or None,
        "code": list(record.code),
        "bundle": record.bundle or None,
        "weekly_units": record.weekly_units,
        "rate": record.rate,
        "revenue_minor": record.revenue_minor,
        "currency": record.site.currency,
        "measured_at": record.measured_at,
    }
