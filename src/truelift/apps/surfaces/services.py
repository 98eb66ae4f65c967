"""Everything that can be done to surfaces, each atomic and written down."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, checked
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord


@transaction.atomic
def set_surface(site: Site, name: str, path: str, *, by: Actor, now: datetime) -> SurfaceRecord:
    """Say which pages a surface is; its traffic is counted afterwards.

    Raises:
        BadFields: It has no name, or a path that does not fit.
    """
    if not name.strip():
        raise BadFields({"name": "Name the page or place, as findings do."})
    found = SurfaceRecord.objects.filter(site=site, name__iexact=name.strip()).first()
    surface = found or SurfaceRecord(site=site, name=name.strip())
    before = {"path": surface.path} if found else None
    if surface.path != path.strip():
        # What was counted was of other pages.
        surface.weekly_units = surface.rate = surface.revenue_minor = surface.measured_at = None
    surface.path = path.strip()
    checked(surface, skip=("site",))
    surface.save()
    audit(
        action="surface.set",
        target=f"surface:{surface.pk}",
        before=before,
        after={"name": surface.name, "path": surface.path},
        now=now,
        site=site.name,
        **by.audited,
    )
    return surface
