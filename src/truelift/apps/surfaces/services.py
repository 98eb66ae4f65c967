"""Everything that can be done to surfaces, each atomic and written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Json, User
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, checked, is_storable
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.errors import Refusal
from truelift.lifecycle.surface import pattern_obstacles


MOST_PATTERNS: Final = 100
MOST_STEPS: Final = 99
MOST_CADENCE: Final = 3_650


class NoSuchSurface(Refusal):
    """The site has no surface of this number."""

    code = "surfaces.no_such_surface"

    def __init__(self, *, number: int) -> None:
        super().__init__(f"There is no surface {number}; the list has all.", number=str(number))


class SurfaceChangedMeanwhile(Refusal):
    """Somebody else changed it while a person was looking."""

    code = "surfaces.changed_meanwhile"

    def __init__(self, *, name: str) -> None:
        super().__init__(f"{name} was changed meanwhile. Look at it again, then try.", name=name)


@dataclass(frozen=True, slots=True)
class SurfaceFields:
    """What people say of a surface; None leaves a field as it is.

    Attributes:
        path: What the path of its pages contains, for counting.
        owner: E-mail address of who agrees for the team; empty: nobody.
        cadence_days: Days between releases; 0: nobody has said.
    """

    name: str | None = None
    path: str | None = None
    patterns: tuple[str, ...] | None = None
    routes: tuple[str, ...] | None = None
    funnel: str | None = None
    step: int | None = None
    team: str | None = None
    owner: str | None = None
    cadence_days: int | None = None
    incentive: str | None = None
    code: tuple[str, ...] | None = None
    bundle: str | None = None


def set_surface(site: Site, name: str, path: str, *, by: Actor, now: datetime) -> SurfaceRecord:
    """Say which pages a surface is; its traffic is counted afterwards.

    Raises:
        BadFields: It has no name, or a path that does not fit.
    """
    found = SurfaceRecord.objects.filter(site=site, name__iexact=name.strip()).first()
    fields = SurfaceFields(name=found.name if found else name, path=path)
    return write_surface(site, fields, by=by, now=now, number=found.pk if found else None)


@transaction.atomic
def write_surface(
    site: Site,
    fields: SurfaceFields,
    *,
    by: Actor,
    now: datetime,
    number: int | None = None,
    version: int | None = None,
) -> SurfaceRecord:
    """Name a surface, or change what is said of one.

    Args:
        site: Where.
        fields: What is said.
        by: Who.
        now: When.
        number: Which; None for a new one.
        version: What the person looked at; None when nobody looked at a page.

    Raises:
        NoSuchSurface: The site has none of this number.
        SurfaceChangedMeanwhile: Somebody else changed it.
        BadFields: Something does not fit.
    """
    if number is None:
        surface, before = SurfaceRecord(site=site), None
    else:
        surface = surface_for_update(site, number)
        before = facts_of(surface)
        if version is not None and version != surface.version:
            raise SurfaceChangedMeanwhile(name=surface.name)
    wrong: dict[str, str] = {}
    counted = (surface.path, list(surface.patterns))
    _fill(surface, fields, wrong)
    if wrong:
        raise BadFields(wrong)
    if (surface.path, list(surface.patterns)) != counted:
        # What was counted was of other pages.
        surface.weekly_units = surface.rate = surface.revenue_minor = surface.measured_at = None
    checked(surface, skip=("site", "owner"))
    if before is not None:
        surface.version += 1
    surface.save()
    audit(
        action="surface.set",
        target=f"surface:{surface.pk}",
        before=before,
        after=facts_of(surface),
        now=now,
        site=site.name,
        **by.audited,
    )
    return surface


@transaction.atomic
def remove_surface(site: Site, number: int, *, by: Actor, now: datetime) -> None:
    """Forget a surface; what names it keeps the name.

    Raises:
        NoSuchSurface: The site has none of this number.
    """
    surface = surface_for_update(site, number)
    before = facts_of(surface)
    surface.delete()
    audit(
        action="surface.removed",
        target=f"surface:{number}",
        before=before,
        now=now,
        site=site.name,
        **by.audited,
    )


def surface_for_update(site: Site, number: int) -> SurfaceRecord:
    """Take a surface for a change.

    Raises:
        NoSuchSurface: The site has none of this number.
    """
    if not 0 < number < 2**63:
        raise NoSuchSurface(number=number)
    found = (
        SurfaceRecord.objects.select_for_update(of=("self",))
        .select_related("owner", "site")
        .filter(site=site, pk=number)
        .first()
    )
    if found is None:
        raise NoSuchSurface(number=number)
    return found


_TEXTS: Final[Mapping[str, int]] = {
    "path": 200,
    "funnel": 80,
    "team": 80,
    "incentive": 80,
    "bundle": 80,
}


def _fill(surface: SurfaceRecord, fields: SurfaceFields, wrong: dict[str, str]) -> None:
    _fill_name(surface, fields, wrong)
    for name, most in _TEXTS.items():
        given = getattr(fields, name)
        if given is None:
            continue
        if not is_storable(given) or len(given.strip()) > most:
            wrong[name] = f"It has at most {most} letters, and none that cannot be stored."
        else:
            setattr(surface, name, given.strip())
    for name in ("patterns", "routes", "code"):
        _fill_list(surface, name, getattr(fields, name), wrong)
    if fields.step is not None:
        if 0 <= fields.step <= MOST_STEPS:
            surface.step = fields.step
        else:
            wrong["step"] = f"It is 0 to {MOST_STEPS}; 0 where it is no step."
    if fields.cadence_days is not None:
        if 0 <= fields.cadence_days <= MOST_CADENCE:
            surface.cadence_days = fields.cadence_days or None
        else:
            wrong["cadence_days"] = f"It is 1 to {MOST_CADENCE} days."
    if surface.step and not surface.funnel:
        wrong.setdefault("funnel", "Name the funnel that it is a step of.")
    if fields.owner is not None:
        email = fields.owner.strip().lower()
        owner = User.objects.filter(
            email=email, is_active=True, memberships__site=surface.site
        ).first()
        if email and owner is None:
            wrong["owner"] = "Nobody on this site has that address."
        else:
            surface.owner = owner


def _fill_name(surface: SurfaceRecord, fields: SurfaceFields, wrong: dict[str, str]) -> None:
    if fields.name is not None:
        surface.name = fields.name.strip()
    if not surface.name:
        wrong["name"] = "Name the page or place, as findings do."
    elif not is_storable(surface.name):
        wrong["name"] = "It has a character that cannot be stored."
    else:
        same = SurfaceRecord.objects.filter(site=surface.site, name__iexact=surface.name)
        if same.exclude(pk=surface.pk).exists():
            wrong["name"] = "Another surface is called so."


def _fill_list(
    surface: SurfaceRecord, name: str, given: tuple[str, ...] | None, wrong: dict[str, str]
) -> None:
    if given is None:
        return
    lines = list(dict.fromkeys(each.strip() for each in given if each.strip()))
    if len(lines) > MOST_PATTERNS:
        wrong[name] = f"It has at most {MOST_PATTERNS} lines."
        return
    for line in lines:
        obstacles = pattern_obstacles(line)
        if obstacles or not is_storable(line):
            wrong[name] = (
                f"{obstacles[0].sentence} {obstacles[0].remedy}"
                if obstacles
                else "A line has a character that cannot be stored."
            )
            return
    if name == "patterns" and (bare := next((each for each in lines if "/" not in each), None)):
        wrong[name] = f"“{bare[:40]}” has no slash; write /cart, or shop.example/cart."
        return
    setattr(surface, name, lines)


def facts_of(surface: SurfaceRecord) -> dict[str, Json]:
    """Give what the audit keeps of a surface."""
    return {
        "name": surface.name,
        "path": surface.path,
        "patterns": list(surface.patterns),
        "routes": list(surface.routes),
        "funnel": surface.funnel,
        "step": surface.step,
        "team": surface.team,
        "owner": surface.owner.email if surface.owner else "",
        "cadence_days": surface.cadence_days,
        "incentive": surface.incentive,
        "code": list(surface.code),
        "bundle": surface.bundle,
    }
