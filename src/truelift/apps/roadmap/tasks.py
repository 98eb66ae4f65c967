"""What of the roadmap waits for somebody: conflicts to settle, assets to bring."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from truelift.apps.accounts.models import User
from truelift.apps.roadmap.colliding import settings_of
from truelift.apps.roadmap.models import AssetRecord, ConflictRecord, ConflictState
from truelift.apps.sites.models import Site
from truelift.lifecycle.back_schedule import working_days_before
from truelift.lifecycle.conflict_rules import Severity
from truelift.lifecycle.conflict_settling import ESCALATES_BEFORE


SOON: Final = timedelta(days=7)
"""What is due later stands on its item, and in nobody's inbox yet."""


@dataclass(frozen=True, slots=True)
class ToSettle:
    """A conflict that somebody has to settle.

    Attributes:
        escalated: Whether it is so near that the sponsor hears of it.
    """

    row: ConflictRecord
    escalated: bool


def to_settle(site: Site, *, today: date) -> tuple[ToSettle, ...]:
    """List the conflicts that stop something and are open, the first due at the top."""
    rows = list(
        ConflictRecord.objects.filter(
            site=site,
            state=ConflictState.OPEN.value,
            severity__in=[each.value for each in Severity if each.stops],
        ).order_by("due", "pk")
    )
    if not rows:
        return ()
    free = frozenset(date.fromisoformat(each) for each in settings_of(site).free)
    return tuple(
        ToSettle(
            row,
            escalated=today >= working_days_before(row.starts_on, ESCALATES_BEFORE, free=free),
        )
        for row in rows
    )


def to_bring(site: Site, user: User, *, today: date) -> tuple[AssetRecord, ...]:
    """List what somebody has to bring in the next days, the first due at the top."""
    rows = AssetRecord.objects.filter(site=site, owner=user, done_at=None, due__lte=today + SOON)
    return tuple(rows.order_by("due", "pk"))
