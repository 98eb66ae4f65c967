"""What may be asked about surfaces."""

from __future__ import annotations

from django.db.models import F

from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.lifecycle.surface import Surface


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
