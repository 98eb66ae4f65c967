"""Commercial priorities by quarter, each version once and for all, and who serves none of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.db import transaction
from django.db.models import Max

from truelift.apps.accounts.audit import record as audit
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.roadmap.changes import quarter_of
from truelift.apps.roadmap.fields import BadRoadmapFields
from truelift.apps.roadmap.models import CommercialPriorityRecord, PriorityRegisterRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.roadmap_item import OVER, ItemKind, RoadmapItem


MOST_PRIORITIES: Final = 20
ORPHANS_WARN: Final = 0.2
"""A larger share of items that serve no current priority is warned of (R110)."""

_QUARTER: Final = re.compile(r"20\d\d-Q[1-4]")


@dataclass(frozen=True, slots=True)
class Orphans:
    """Which items serve no current priority.

    Attributes:
        keys: Theirs.
        stale: Those among them that serve one of an older version, or of a quarter that is over,
            and wait to be re-affirmed.
        counted: How many items there are.
        expired: The quarter of the newest priorities, where it is over; empty otherwise.
    """

    keys: tuple[str, ...]
    stale: tuple[str, ...]
    counted: int
    expired: str = ""

    @property
    def share(self) -> float | None:
        """Of all items; None without any."""
        return len(self.keys) / self.counted if self.counted else None

    @property
    def warns(self) -> bool:
        """Whether there are too many."""
        return self.share is not None and self.share > ORPHANS_WARN


def register_of(site: Site) -> PriorityRegisterRecord | None:
    """Give the newest version of a site's priorities; None while it has none."""
    return PriorityRegisterRecord.objects.filter(site=site).order_by("-version").first()


def registers_of(site: Site) -> tuple[PriorityRegisterRecord, ...]:
    """List every version, the newest first."""
    return tuple(
        PriorityRegisterRecord.objects.filter(site=site)
        .select_related("made_by")
        .prefetch_related("priorities")
        .order_by("-version")
    )


def current_priorities(site: Site) -> tuple[CommercialPriorityRecord, ...]:
    """List what the business goes for now, the most important first."""
    register = register_of(site)
    return () if register is None else tuple(register.priorities.all())


@transaction.atomic
def write_priorities(
    site: Site,
    quarter: str,
    priorities: Sequence[tuple[str, str]],
    *,
    by: Actor,
    now: datetime,
    because: str = "",
) -> PriorityRegisterRecord:
    """Agree on what the business goes for; every item then has to say anew which it serves.

    Args:
        site: Where.
        quarter: `2026-Q2`.
        priorities: Name and explanation each, the most important first.
        by: Who.
        now: When.
        because: Why it is another version.

    Raises:
        BadRoadmapFields: Something does not fit.
    """
    wrong: dict[str, str] = {}
    names = [name.strip() for name, _ in priorities]
    if not _QUARTER.fullmatch(quarter):
        wrong["quarter"] = "It is a quarter, as 2026-Q2."
    if not names:
        wrong["priorities"] = "Name at least one."
    elif len(names) > MOST_PRIORITIES:
        wrong["priorities"] = f"At most {MOST_PRIORITIES}: what is everything is no priority."
    elif len({name.lower() for name in names}) < len(names):
        wrong["priorities"] = "Each is named once."
    elif any(
        not name.strip() or len(name) > 120 or len(what) > 500 or not is_storable(name + what)
        for name, what in priorities
    ):
        wrong["priorities"] = "Each has a name of at most 120 letters."
    if len(because) > 500 or not is_storable(because):
        wrong["because"] = "It has at most 500 letters, and none that cannot be stored."
    if wrong:
        raise BadRoadmapFields(wrong)
    Site.objects.select_for_update().get(pk=site.pk)
    last = register_of(site)
    made = PriorityRegisterRecord.objects.create(
        site=site,
        version=(last.version if last else 0) + 1,
        quarter=quarter,
        because=because.strip(),
        made_by=by.user,
        made_at=now,
    )
    number = (
        CommercialPriorityRecord.objects.filter(register__site=site).aggregate(Max("number"))[
            "number__max"
        ]
        or 0
    )
    CommercialPriorityRecord.objects.bulk_create(
        CommercialPriorityRecord(
            register=made,
            number=number + at,
            position=at,
            name=name.strip(),
            what=what.strip(),
        )
        for at, (name, what) in enumerate(priorities, 1)
    )
    audit(
        action="roadmap.priorities_set",
        target=f"priorities:{made.version}",
        before=None if last is None else {"version": last.version, "quarter": last.quarter},
        after={"version": made.version, "quarter": quarter, "priorities": list(names)},
        now=now,
        site=site.name,
        **by.audited,
    )
    return made


def orphans_of(site: Site, items: Sequence[RoadmapItem], *, today: date) -> Orphans:
    """Say which items serve no current priority; while there are none, nobody is asked.

    Args:
        site: Where.
        items: Those of its roadmap.
        today: The day at the site; priorities of a quarter that is over are nobody's any more.
    """
    wanted = [each for each in items if each.kind is not ItemKind.FREEZE and each.stage not in OVER]
    register = register_of(site)
    if register is None:
        return Orphans((), (), len(wanted))
    expired = register.quarter if register.quarter < quarter_of(today) else ""
    current = set() if expired else {each.key for each in register.priorities.all()}
    lost = [each for each in wanted if each.priority not in current]
    return Orphans(
        keys=tuple(each.key for each in lost),
        stale=tuple(each.key for each in lost if each.priority),
        counted=len(wanted),
        expired=expired,
    )
