"""What may be asked about alignment: metrics, conflicts, touchpoints, remit, brief, seats."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from truelift.apps.accounts.models import Membership, User
from truelift.apps.accounts.reads import functions_in
from truelift.apps.alignment.models import (
    CommercialBriefRecord,
    EmptySeatRecord,
    JourneyRecord,
    MetricConflictRecord,
    RemitRecord,
    TeamMetricRecord,
)
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.lifecycle.commercial_brief import Coverage, Seat, coverage, seats
from truelift.lifecycle.functions import Function
from truelift.lifecycle.touchpoint import RemitGap, Touchpoint, journey, remit_gap


def metrics_of(site: Site) -> tuple[TeamMetricRecord, ...]:
    """List the metrics that teams have, by team and number."""
    rows = TeamMetricRecord.objects.filter(site=site, ended_at=None).select_related("owner")
    order = {each.value: place for place, each in enumerate(Function)}
    return tuple(sorted(rows, key=lambda each: (order[each.team], each.number)))


def metric_of(site: Site, number: int) -> TeamMetricRecord | None:
    """Find a metric that lives."""
    if not 0 < number < 2**31:
        return None
    rows = TeamMetricRecord.objects.filter(site=site, ended_at=None, number=number)
    return rows.select_related("owner", "site").first()


def conflicts_of(site: Site, *, ended: bool = False) -> tuple[MetricConflictRecord, ...]:
    """List the conflicts that stand, the most money first; with `ended` those that are over."""
    rows = MetricConflictRecord.objects.filter(
        metric__site=site, ended_at__isnull=not ended
    ).select_related("metric")
    return tuple(sorted(rows, key=lambda each: (-(each.at_stake_minor or 0), each.metric.number)))


@dataclass(frozen=True, slots=True)
class Places:
    """The journey with its owners.

    Attributes:
        points: Every surface, in the order in which people meet them.
        numbers: Name of a surface → its number.
        remit: Teams whose surfaces the programme may change.
        remit_version: Which version of that; 0 for none yet.
        gap: The remit gap; None while the remit or the losses are not known.
        counted_at: When the losses were counted; None: never.
        weeks: Of how many weeks.
    """

    points: tuple[Touchpoint, ...]
    numbers: dict[str, int]
    remit: tuple[str, ...]
    remit_version: int
    gap: RemitGap | None
    counted_at: datetime | None
    weeks: float


def places_of(site: Site) -> Places:
    """Give the journey, its losses as they were counted, and what of them is outside the remit."""
    counted = JourneyRecord.objects.filter(site=site).first()
    document: dict[str, Any] = counted.document if counted else {}
    losses: dict[str, float] = document.get("losses", {})
    # What stands for the whole site is no place on the way.
    records = [
        each
        for each in SurfaceRecord.objects.filter(site=site).order_by("name")
        if each.path or each.patterns or each.routes or each.step
    ]
    points = journey(
        [
            Touchpoint(
                surface=each.name,
                team=each.team,
                step=each.step,
                loss_minor=losses.get(str(each.pk)),
                cadence_days=each.cadence_days,
                incentive=each.incentive,
            )
            for each in records
        ]
    )
    remit = RemitRecord.objects.filter(site=site).first()
    teams = tuple(remit.teams) if remit else ()
    return Places(
        points=points,
        numbers={each.name: each.pk for each in records},
        remit=teams,
        remit_version=remit.version if remit else 0,
        gap=remit_gap(points, teams),
        counted_at=counted.computed_at if counted else None,
        weeks=document.get("weeks", 0.0),
    )


def remit_gap_of(site: Site) -> RemitGap | None:
    """Give the remit gap, with the surfaces outside; None while it is not known."""
    return places_of(site).gap


def people_by_function(site: Site) -> dict[Function, tuple[User, ...]]:
    """Give who has which function, by name."""
    found: dict[Function, list[User]] = defaultdict(list)
    rows = Membership.objects.filter(site=site, user__is_active=True).select_related("user")
    for row in sorted(rows, key=lambda each: str(each.user).casefold()):
        for function in functions_in(row.functions):
            found[function].append(row.user)
    return {function: tuple(people) for function, people in found.items()}


@dataclass(frozen=True, slots=True)
class Alignment:
    """The brief and who stands behind it.

    Attributes:
        brief: The newest version; None while there is none.
        seats: The eight functions.
        coverage: How many of the teams stand behind it.
        acknowledged: Team → who said so, and when.
    """

    brief: CommercialBriefRecord | None
    seats: tuple[Seat, ...]
    coverage: Coverage
    acknowledged: dict[Function, tuple[str, datetime]]


def alignment_of(site: Site) -> Alignment:
    """Give the newest brief, the eight functions, and who stands behind it."""
    brief = (
        CommercialBriefRecord.objects.filter(site=site)
        .select_related("made_by", "site")
        .order_by("-version")
        .first()
    )
    said = (
        {
            Function(each.team): (str(each.by), each.at)
            for each in brief.acknowledgements.select_related("by")
        }
        if brief
        else {}
    )
    people = people_by_function(site)
    empty = EmptySeatRecord.objects.filter(site=site).values_list("function", "because")
    given = seats(
        {function: [str(each) for each in users] for function, users in people.items()},
        {Function(function): because for function, because in empty},
        set(said),
    )
    return Alignment(brief, given, coverage(given), said)


def briefs_of(site: Site) -> tuple[CommercialBriefRecord, ...]:
    """List every version of the brief, the newest first."""
    rows = CommercialBriefRecord.objects.filter(site=site).select_related("made_by")
    return tuple(rows.order_by("-version")[:50])


def metric_document(record: TeamMetricRecord) -> dict[str, Any]:
    """Write a metric for programs."""
    computed = record.document
    return {
        "key": record.key,
        "number": record.number,
        "version": record.version,
        "name": record.name,
        "team": record.team,
        "owner": record.owner.email if record.owner else None,
        "formula": record.formula,
        "library": record.library or None,
        "unit": record.unit,
        "direction": record.direction,
        "sources": list(record.sources),
        "cadence": record.cadence,
        "target": record.target,
        "path": record.path or None,
        "path_href": record.path_href or None,
        "operational": record.as_domain().operational,
        "computed_at": record.computed_at,
        "reading": computed,
    }


def conflict_document(record: MetricConflictRecord) -> dict[str, Any]:
    """Write a conflict for programs."""
    return {
        "metric": record.metric.key,
        "team": record.metric.team,
        "kinds": list(record.kinds),
        "sentence": record.sentence,
        "at_stake_minor": record.at_stake_minor,
        "mix_share": record.mix_share,
        "first_at": record.first_at,
        "last_at": record.last_at,
        "ended_at": record.ended_at,
    }
