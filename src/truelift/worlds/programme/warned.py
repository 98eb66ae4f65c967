"""What the nights of the last weeks saw coming, and that the lead took it on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from truelift.apps.experiments.domain import day_at
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.warnings.detecting import look_for_all
from truelift.apps.warnings.jobs import look
from truelift.apps.warnings.replaying import keep_replays
from truelift.apps.warnings.services import MoveAsked, keep_looks, move
from truelift.lifecycle.warning import Kind, WarningStage


WEEKS: Final = 8
"""So many Mondays are lived through."""

ANSWERED: Final = timedelta(days=9)
PROMISED: Final = timedelta(days=42)


def warn(site: Site, *, lead: Actor, until: datetime) -> None:
    """Look at traffic on every Monday of the last weeks, and at everything on the last day.

    The other kinds go by what stands now, which was not so on the days before.
    """
    today = day_at(site, until)
    monday = until - timedelta(days=today.weekday())
    answered = False
    for week in range(WEEKS, 0, -1):
        at = monday - timedelta(weeks=week)
        seen = [each for each in look_for_all(site, now=at) if each.kind is Kind.TRAFFIC_GAP]
        opened = keep_looks(site, seen, now=at).opened
        if opened and not answered:
            when = at + ANSWERED
            asked = MoveAsked(
                WarningStage.ACKNOWLEDGED,
                day=day_at(site, when + PROMISED),
                note="I sit down with marketing: cost per click is the wrong goal for them.",
            )
            if when < until:
                move(site, opened[0].key, asked, by=lead, now=when)
                answered = True
    look(site, now=until)
    keep_replays(site, now=until)
