"""What stands on a site's surfaces, kept for a moment: pipelines ask again and again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from truelift.apps.freezes.reads import (
    approvals_of,
    deploy_policy_of,
    freezes_within,
    named_surfaces,
    shares_collected,
    trials_of,
)
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.reads import surfaces_of
from truelift.lifecycle.deploy_check import Approval, DeployPolicy, Trial
from truelift.lifecycle.freeze import Freeze
from truelift.lifecycle.surface import Surface


LOOKS_AHEAD: Final = timedelta(days=400)
"""How far on it is seen when a surface is free: longer than any freeze."""

HOLDS: Final = timedelta(seconds=5)
"""A picture is at most so old, whatever the audit says."""

NOW: Final = timedelta(minutes=5)
"""A moment so near is asked of the picture that is kept; another has one of its own."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What a decision is made of.

    Attributes:
        surfaces: The surfaces of the site.
        freezes: From the moment on.
        tests: The same.
        policy: What holds for deploys.
        approvals: Those that still hold.
        names: Of surfaces that experiments were planned on.
        shares: Key of a test that runs at the moment → share of its sample.
    """

    surfaces: tuple[Surface, ...]
    freezes: tuple[Freeze, ...]
    tests: tuple[Trial, ...]
    policy: DeployPolicy
    approvals: tuple[Approval, ...]
    names: tuple[str, ...]
    shares: Mapping[str, float]


_KEPT: Final[dict[tuple[str, int], tuple[str, datetime, Picture]]] = {}
"""Database and site → the audit's last seal, when it was taken, and the picture."""


def picture_at(site: Site, *, at: datetime, now: datetime) -> Picture:
    """Give what stands on the surfaces from a moment on.

    Every change of it is audited in its own transaction, so that one short statement says
    whether what is kept is still true. Inside a transaction nothing is kept: it may be
    taken back.
    """
    if connection.in_atomic_block or abs(at - now) > NOW:
        return _taken(site, at=at, now=now)
    place = (str(connection.settings_dict["NAME"]), site.pk)
    seal = _last_seal()
    kept = _KEPT.get(place)
    if kept is not None and kept[0] == seal and abs(now - kept[1]) < HOLDS:
        return kept[2]
    picture = _taken(site, at=min(at, now) - NOW, now=now, counted_at=now)
    _KEPT[place] = (seal, now, picture)
    return picture


def _last_seal() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT chain FROM audit_event ORDER BY id DESC LIMIT 1")
        row = cursor.fetchone()
    return row[0] if row else ""


def _taken(
    site: Site, *, at: datetime, now: datetime, counted_at: datetime | None = None
) -> Picture:
    counted = counted_at or at
    until = counted + LOOKS_AHEAD
    tests = trials_of(site, since=at, until=until, now=now)
    return Picture(
        surfaces=surfaces_of(site),
        freezes=tuple(each.as_domain() for each in freezes_within(site, since=at, until=until)),
        tests=tests,
        policy=deploy_policy_of(site),
        approvals=approvals_of(site, since=at),
        names=named_surfaces(site),
        shares=shares_collected(
            site, {each.key for each in tests if each.covers(counted)}, at=counted
        ),
    )
