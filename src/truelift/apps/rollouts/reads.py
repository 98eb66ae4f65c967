"""What is known of winners: where each stands, what it costs, whether they come live in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from truelift.apps.research.actor import Actor
from truelift.apps.rollouts.models import RolloutCheckRecord, RolloutRecord, SiteMoneyRecord
from truelift.apps.rollouts.services import as_domain, asked_by, number_in
from truelift.apps.rollouts.value import WEEK, Calendar, Unrealised, days_of, unrealised_of
from truelift.apps.sites.models import Site
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.rollout import (
    LATE_AFTER_DAYS,
    OPEN,
    Lateness,
    RolloutAction,
    RolloutStage,
    Winner,
    lateness,
    rollout_actions_from,
    rollout_obstacles,
)


@dataclass(frozen=True, slots=True)
class Valued:
    """A winner with what it costs."""

    record: RolloutRecord
    value: Unrealised
    age_days: int


@dataclass(frozen=True, slots=True)
class Counter:
    """What all open winners together cost so far, in minor units.

    Attributes:
        value: Sum over those of which it is known; None while it is known of none.
        per_day: What each further day costs; None while it is known of none.
        unknown: Open winners of which it is not known.
        asked_at: How old the figures are.
        problem: Why the site's days are not known.
    """

    value: float | None
    per_day: float | None
    unknown: int
    asked_at: datetime | None
    problem: str


def rollout_of(site: Site, key: str) -> RolloutRecord | None:
    """Find a rollout of the site by its key, with everything that its page shows."""
    number = number_in(key)
    if number is None:
        return None
    return (
        RolloutRecord.objects.filter(site=site, number=number)
        .select_related("site", "owner", "experiment__decision_owner", "experiment__deputy")
        .first()
    )


def winners(site: Site, *, now: datetime) -> tuple[tuple[Valued, ...], Counter]:
    """List a site's winners, those that wait first and the costliest of them first."""
    records = RolloutRecord.objects.filter(site=site).select_related("site", "owner", "experiment")
    rows = sorted(
        valued(site, records, now=now),
        key=lambda row: (row.record.stage not in OPEN, -(row.value.value or 0), -row.age_days),
    )
    return tuple(rows), counted(site, now=now)[0]


def valued(site: Site, records: Iterable[RolloutRecord], *, now: datetime) -> tuple[Valued, ...]:
    """Say of rollouts of one site what each costs so far, in their order."""
    records = list(records)
    money = SiteMoneyRecord.objects.filter(site=site).first()
    problem = money.problem if money else ""
    days = _days(site, [each.decided_at for each in records])
    zone = ZoneInfo(site.time_zone)
    today = now.astimezone(zone).date()
    return tuple(
        Valued(
            record,
            unrealised_of(record, days, now=now, problem=problem),
            (today - record.decided_at.astimezone(zone).date()).days,
        )
        for record in records
    )


def counted(site: Site, *, now: datetime) -> tuple[Counter, tuple[int, ...]]:
    """Add up what all open winners cost so far, and name them, the costliest first."""
    found = list(RolloutRecord.objects.filter(site=site, stage__in=list(OPEN)).only(*_COUNTED))
    for record in found:
        record.site = site
    money = SiteMoneyRecord.objects.filter(site=site).first()
    problem = money.problem if money else ""
    days = _days(site, [each.decided_at for each in found])
    values = [(unrealised_of(each, days, now=now, problem=problem), each) for each in found]
    known = [value for value, _ in values if value.value is not None]
    rates = [each.per_day for each in known if each.per_day is not None]
    values.sort(key=lambda one: (-(one[0].value or 0), one[1].decided_at))
    counter = Counter(
        value=sum(each.value or 0 for each in known) if known else None,
        per_day=sum(rates) if rates else None,
        unknown=len(found) - len(known),
        asked_at=money.asked_at if money else None,
        problem=problem,
    )
    return counter, tuple(each.pk for _, each in values)


_COUNTED: Final = (
    "stage",
    "decided_at",
    "verified_at",
    "ended_at",
    "reach",
    "lift",
    "lift_low",
    "lift_high",
    "lift_measured",
    "lift_metric",
    "lift_tests",
    "lift_problem",
    "lift_at",
)
"""What the cost of a winner follows from."""


def value_of(record: RolloutRecord, *, now: datetime) -> Unrealised:
    """Say what one winner costs so far."""
    money = SiteMoneyRecord.objects.filter(site=record.site).first()
    days = _days(record.site, [record.decided_at])
    return unrealised_of(record, days, now=now, problem=money.problem if money else "")


def _days(site: Site, decided: Sequence[datetime]) -> Calendar:
    first = min(decided) - timedelta(days=WEEK + 1) if decided else None
    return Calendar.of(days_of(site, since=first.date()) if first else ())


def lateness_of(site: Site, *, now: datetime) -> Lateness:
    """Judge whether a site's winners come live in time (R118)."""
    zone = ZoneInfo(site.time_zone)
    rows = RolloutRecord.objects.filter(site=site).values_list("number", "decided_at", "stage")
    return lateness(
        [
            Winner(f"R-{number}", decided_at.astimezone(zone).date(), RolloutStage(stage))
            for number, decided_at, stage in rows
        ],
        today=now.astimezone(zone).date(),
    )


def waiting(site: Site) -> Mapping[str, QuerySet[Any]]:
    """Give the winners that nobody has verified yet, for the rail."""
    return {"winners": RolloutRecord.objects.filter(site=site, stage__in=list(OPEN))}


def latest_check(record: RolloutRecord) -> RolloutCheckRecord | None:
    """Give the page check that was asked for last."""
    return record.checks.first()


def refusals(
    record: RolloutRecord, *, by: Actor, now: datetime
) -> dict[RolloutAction, tuple[Obstacle, ...]]:
    """Say of every possible step what stands in its way."""
    value = as_domain(record)
    asked = asked_by(record, by, now, None)
    return {
        action: rollout_obstacles(value, action, asked=asked)
        for action in rollout_actions_from(value.stage)
    }


def rollout_document(record: RolloutRecord, *, by: Actor, now: datetime) -> dict[str, Any]:
    """Write a rollout for programs; a figure that is undefined is null with its reason."""
    check = latest_check(record)
    return {
        **summary_document(Valued(record, value_of(record, now=now), _age(record, now))),
        "version": record.version,
        "exposure": record.exposure,
        "permanent": record.permanent,
        "deploy_link": record.deploy_link,
        "ticket": record.ticket,
        "variant_code": record.variant_code,
        "notes": record.notes,
        "reach": record.reach,
        "check_url": record.check_url,
        "present": record.present,
        "gone": record.gone,
        "live_at": record.live_at,
        "signed": [
            {"function": each.function, "by": str(each.by), "at": each.signed_at}
            for each in record.signatures.select_related("by")
        ],
        "check": check_document(check) if check else None,
        "moves": [
            {
                "action": each.action,
                "before": each.before,
                "after": each.after,
                "reason": each.reason,
                "by": str(each.by) if each.by else "operator",
                "at": each.moved_at,
            }
            for each in record.moves.select_related("by")
        ],
        "actions": {
            action.value: [
                {"code": each.code, "sentence": each.sentence, "remedy": each.remedy}
                for each in found
            ]
            for action, found in refusals(record, by=by, now=now).items()
        },
    }


def summary_document(row: Valued) -> dict[str, Any]:
    """Write a line of the list for programs."""
    record, value = row.record, row.value
    return {
        "key": record.key,
        "experiment": record.experiment.key,
        "name": record.experiment.name,
        "variant": record.variant or None,
        "stage": record.stage,
        "owner": record.owner.email if record.owner else None,
        "due": record.due,
        "decided_at": record.decided_at,
        "verified_at": record.verified_at,
        "age_days": row.age_days,
        "late": record.stage in OPEN and row.age_days > LATE_AFTER_DAYS,
        "lift": {
            "value": record.lift,
            "low": record.lift_low,
            "high": record.lift_high,
            "measured": record.lift_measured,
            "metric": record.lift_metric or None,
            "tests": record.lift_tests,
            "absent": record.lift_problem or None,
        },
        "unrealised": {
            "value_minor": value.value,
            "low_minor": value.low,
            "high_minor": value.high,
            "per_day_minor": value.per_day,
            "currency": record.site.currency,
            "days": value.days,
            "sessions": value.sessions,
            "revenue_minor": value.revenue,
            "absent": value.problem or None,
        },
    }


def check_document(record: RolloutCheckRecord) -> dict[str, Any]:
    """Write a page check for programs."""
    return {
        "asked_at": record.asked_at,
        "finished_at": record.finished_at,
        "passed": record.passed,
        "url": record.url,
        "final_url": record.final_url,
        "problem": record.problem,
        "lines": record.lines,
        "picture": record.picture or None,
    }


def lateness_document(found: Lateness) -> dict[str, Any]:
    """Write the warning for programs."""
    return {
        "severity": found.severity.value if found.severity else None,
        "late": [{"key": key, "age_days": days} for key, days in found.late],
        "implementation_rate": found.rate,
        "counted": found.counted,
    }


def _age(record: RolloutRecord, now: datetime) -> int:
    zone = ZoneInfo(record.site.time_zone)
    decided: date = record.decided_at.astimezone(zone).date()
    return (now.astimezone(zone).date() - decided).days
