"""What the rules of the roadmap go by beside the items: people's time, free days, severities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Json
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.roadmap.fields import BadRoadmapFields, day_in
from truelift.apps.roadmap.models import RoadmapSettingsRecord
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.conflict import Season
from truelift.lifecycle.conflict_rules import Rule, Severity


MOST_ROLES: Final = 20
MOST_FREE: Final = 200
MOST_WASHOUT: Final = 90
MOST_DAYS: Final = 500


class RulesChangedMeanwhile(Refusal):
    """Somebody else changed the rules while a person was looking."""

    code = "roadmap.rules_changed_meanwhile"

    def __init__(self) -> None:
        super().__init__("The rules were changed meanwhile. Look at them again, then try.")


@dataclass(frozen=True, slots=True)
class RuleFields:
    """What people say of the rules; None leaves it as it is.

    Attributes:
        capacity: Role → days of work in a week; a role that is not named has no limit.
        washout_days: For how long a test is felt by the next one after its end.
        severities: Rule → severity, where it is not the usual one.
        free: Days on which nobody works, ISO.
    """

    capacity: Mapping[str, float] | None = None
    washout_days: int | None = None
    severities: Mapping[str, str] | None = None
    free: tuple[str, ...] | None = None


@transaction.atomic
def write_rules(
    site: Site, given: RuleFields, *, by: Actor, now: datetime, version: int | None = None
) -> RoadmapSettingsRecord:
    """Agree on what the rules go by; conflicts are looked for anew.

    Raises:
        BadRoadmapFields: Something does not fit.
        RulesChangedMeanwhile: Somebody else changed them.
    """
    from truelift.apps.roadmap.colliding import recompute

    Site.objects.select_for_update().get(pk=site.pk)
    record, _ = RoadmapSettingsRecord.objects.get_or_create(site=site)
    if version is not None and version != record.version:
        raise RulesChangedMeanwhile
    before = rules_document(record)
    wrong: dict[str, str] = {}
    if given.capacity is not None:
        _fill_capacity(record, given.capacity, wrong)
    if given.washout_days is not None:
        if 0 <= given.washout_days <= MOST_WASHOUT:
            record.washout_days = given.washout_days
        else:
            wrong["washout_days"] = f"It is 0 to {MOST_WASHOUT} days."
    if given.severities is not None:
        _fill_severities(record, given.severities, wrong)
    if given.free is not None:
        days = {day_in(each, "free", wrong) for each in given.free if each.strip()}
        if len(days) > MOST_FREE:
            wrong["free"] = f"At most {MOST_FREE} days."
        record.free = sorted(each.isoformat() for each in days if each is not None)
    if wrong:
        raise BadRoadmapFields(wrong)
    record.version += 1
    record.save()
    audit(
        action="roadmap.rules_set",
        target="roadmap:rules",
        before=before,
        after=rules_document(record),
        now=now,
        site=site.name,
        **by.audited,
    )
    recompute(site, now=now)
    record.refresh_from_db()
    return record


def _fill_capacity(
    record: RoadmapSettingsRecord, given: Mapping[str, float], wrong: dict[str, str]
) -> None:
    fits = all(
        0 < len(role.strip()) <= 40
        and is_storable(role)
        and math.isfinite(days)
        and 0 <= days <= MOST_DAYS
        for role, days in given.items()
    )
    if fits and len(given) <= MOST_ROLES:
        record.capacity = {role.strip(): days for role, days in given.items()}
    else:
        wrong["capacity"] = f"Each is a role and its days in a week, up to {MOST_DAYS}."


def _fill_severities(
    record: RoadmapSettingsRecord, given: Mapping[str, str], wrong: dict[str, str]
) -> None:
    rules, words = {each.value for each in Rule}, {each.value for each in Severity}
    if set(given) <= rules and set(given.values()) <= words:
        record.severities = {
            each.value: given[each.value]
            for each in Rule
            if each.value in given and given[each.value] != each.severity.value
        }
    else:
        wrong["severities"] = f"Each is a rule, c1 to c14, and one of {', '.join(Severity)}."


def rules_document(record: RoadmapSettingsRecord) -> dict[str, Json]:
    """Write what the rules go by."""
    said: dict[str, Any] = {
        "version": record.version,
        "capacity": dict(record.capacity),
        "washout_days": record.washout_days,
        "severities": dict(record.severities),
        "free": list(record.free),
    }
    return said


def seasons_of(site: Site, *, since: date) -> tuple[Season, ...]:
    """Give the times that are unlike others, as somebody wrote them down among what happened."""
    # What happened knows experiments, which know the roadmap; not at once, therefore.
    from truelift.apps.changes.models import IncidentRecord

    zone = ZoneInfo(site.time_zone)
    rows = IncidentRecord.objects.filter(
        Q(until=None) | Q(until__date__gte=since), site=site, withdrawn_at=None, kind="season"
    ).order_by("since", "pk")
    found = []
    for row in rows:
        start = row.since.astimezone(zone).date()
        until = row.until.astimezone(zone).date() if row.until else start
        found.append(
            Season(
                name=row.what[:120],
                start=start,
                end=max(until, start) + timedelta(days=1),
                surfaces=frozenset(row.surfaces),
            )
        )
    return tuple(found)
