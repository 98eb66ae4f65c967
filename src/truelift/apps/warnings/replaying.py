"""The back-test: on which day each warning would have come, and how long before a result fell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from truelift.apps.sites.models import Site
from truelift.apps.warnings.detecting import replayed_days
from truelift.apps.warnings.detectors_facts import falls_of
from truelift.apps.warnings.models import ReadingRecord
from truelift.lifecycle.warning import Kind, first_lead


def keep_replays(site: Site, *, now: datetime) -> dict[Kind, dict[str, Any]]:
    """Replay the past for every kind that can be, and keep what came of it beside its reading."""
    falls = falls_of(site, now=now)
    found = {
        kind: back_test(days, falls, at=now) for kind, days in replayed_days(site, now=now).items()
    }
    for kind, document in found.items():
        ReadingRecord.objects.filter(site=site, kind=kind.value).update(replayed=document)
    return found


def back_test(
    days: Sequence[date], falls: Sequence[dict[str, Any]], *, at: datetime
) -> dict[str, Any]:
    """Set the days on which a kind fired against the quarters that fell.

    Args:
        days: On which it fired, in order.
        falls: As `falls_of` gives them.
        at: When it was replayed.
    """
    return {
        "at": at.isoformat(),
        "spells": [[first.isoformat(), last.isoformat()] for first, last in spells(days)],
        "falls": [
            {**fall, "lead_days": first_lead(days, date.fromisoformat(fall["known_on"]))}
            for fall in falls
        ],
    }


def spells(days: Sequence[date], *, apart: int = 14) -> list[tuple[date, date]]:
    """Put days together that lie no further apart than two weeks: one spell of a warning each."""
    found: list[tuple[date, date]] = []
    for day in days:
        if found and day - found[-1][1] <= timedelta(days=apart):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
