"""Counts from the data who comes to a surface, and what they are worth."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from truelift.apps.measurement import reads
from truelift.apps.sites.reads import event_names_of
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.lake.lake import NoSuchSite
from truelift.questions.funnel import Funnel, Step
from truelift.questions.matching import Comparison, Condition, Events
from truelift.questions.metric import Amount, AmountKind
from truelift.questions.metric_library import PURCHASE


DAYS: Final = 28
WINDOW_S: Final = 7 * 86_400


def measure(surface: SurfaceRecord, *, now: datetime) -> None:
    """Count who comes to a surface, how many of them order, and for how much."""
    until = reads.this_minute(now)
    site = surface.site
    # Every page's path has a slash: without a path of its own a surface is the whole site.
    seen = (Condition("path", Comparison.CONTAINS, (surface.path or "/",)),)
    orders = event_names_of(site).get(PURCHASE, (PURCHASE,))
    question = Funnel(
        steps=(Step(Events(where=seen)), Step(Events(names=orders))),
        window_s=WINDOW_S,
        as_of=until,
        since=until - timedelta(days=DAYS),
        until=until,
        amount=Amount(kind=AmountKind.MONEY, currency=site.currency),
    )
    try:
        groups = reads.ask(site.name, question).answer.groups
    except NoSuchSite:
        # It was made a moment ago, and the processes with the data have not heard of it.
        return
    came, ordered = groups[0].steps[:2] if groups else (None, None)
    people = came.units if came else 0
    money = ordered.amount_minor if ordered else None
    surface.weekly_units = people * 7 / DAYS
    surface.rate = ordered.units / people if ordered and people else None
    surface.revenue_minor = money / people if people and money is not None else None
    surface.measured_at = now
    surface.save(update_fields=["weekly_units", "rate", "revenue_minor", "measured_at"])
