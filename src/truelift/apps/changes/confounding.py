"""What else happened while tests ran: written down, and weighed for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Max

from truelift.apps.accounts.audit import record as audit
from truelift.apps.changes.counting import Days, per_day, stored_days
from truelift.apps.changes.models import ConfounderRecord, IncidentRecord
from truelift.apps.changes.where import tested, tests_since
from truelift.apps.experiments.domain import midnight_at
from truelift.apps.experiments.job_kinds import queue
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.confounder import (
    Incident,
    IncidentKind,
    incident_obstacles,
    judge,
    overlaps,
    share_inside,
)


COUNT: Final = "changes.count"

MOST_ARMS: Final = 20

SEEN_WITHIN: Final = timedelta(days=2)
"""A test that ended longer ago was weighed while it ran."""


class NoSuchIncident(Refusal):
    """The site has no incident with this key."""

    code = "changes.no_such_incident"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"There is no incident {key[:20]!r}; the list of incidents has all.")


class BadIncident(Refusal):
    """An incident that cannot be written down; every reason at once."""

    code = "changes.bad_incident"


@transaction.atomic
def record_incident(
    site: Site,
    *,
    kind: str,
    what: str,
    since: datetime,
    until: datetime | None = None,
    surfaces: Sequence[str] = (),
    arms: Sequence[str] = (),
    targeted: bool = False,
    by: Actor,
    now: datetime,
) -> IncidentRecord:
    """Write down what happened, and weigh it for every test of that time.

    Args:
        site: Where.
        kind: An `IncidentKind`.
        what: In a line.
        since: When it began.
        until: When it was over; None while it lasts.
        surfaces: Where; empty for the whole site.
        arms: Variants that it reached; empty for all alike.
        targeted: Whether it was aimed at some of a test's visitors and not at others.
        by: Who.
        now: When.

    Raises:
        BadIncident: Something is wrong with it, with every reason.
    """
    if kind not in set(IncidentKind):
        raise BadIncident(f"It is one of {', '.join(IncidentKind)}.")
    said = " ".join(storable(what).split())[:300]
    value = Incident(
        IncidentKind(kind),
        since,
        until,
        tuple(dict.fromkeys(storable(each).strip()[:120] for each in surfaces)),
        tuple(dict.fromkeys(storable(each).strip()[:80] for each in arms))[:MOST_ARMS],
        targeted,
    )
    wrong = incident_obstacles(value, what=said)
    if wrong:
        raise BadIncident(" ".join(f"{each.sentence} {each.remedy}" for each in wrong))
    Site.objects.select_for_update().get(pk=site.pk)
    top = IncidentRecord.objects.filter(site=site).aggregate(top=Max("number"))["top"]
    record = IncidentRecord.objects.create(
        site=site,
        number=(top or 0) + 1,
        kind=kind,
        what=said,
        since=since,
        until=until,
        surfaces=list(value.surfaces),
        arms=list(value.arms),
        targeted=targeted,
        made_by=by.user,
        made_at=now,
    )
    _audit(record, "incident.recorded", by=by, now=now)
    weigh(record, now=now)
    return record


@transaction.atomic
def end_incident(
    site: Site, key: str, *, until: datetime, by: Actor, now: datetime
) -> IncidentRecord:
    """Say when it was over.

    Raises:
        NoSuchIncident: The site has none with this key.
        BadIncident: It would end before it began.
    """
    record = _for_update(site, key)
    if until <= record.since:
        raise BadIncident("It ends before it begins. Move its end.")
    record.until = until
    record.save(update_fields=["until"])
    _audit(record, "incident.ended", by=by, now=now)
    weigh(record, now=now)
    return record


@transaction.atomic
def withdraw_incident(site: Site, key: str, *, by: Actor, now: datetime) -> IncidentRecord:
    """Take one back that was none; the row stays, and weighs on no test.

    Raises:
        NoSuchIncident: The site has none with this key.
    """
    record = _for_update(site, key)
    record.withdrawn_at = now
    record.save(update_fields=["withdrawn_at"])
    ConfounderRecord.objects.filter(incident=record).delete()
    _audit(record, "incident.withdrawn", by=by, now=now)
    return record


def weigh(record: IncidentRecord, *, now: datetime) -> None:
    """Weigh an incident for every test of its time, by what was counted last."""
    value = record.as_domain()
    met = [
        experiment
        for experiment, test in tests_since(record.site, record.since)
        if overlaps(value, test, now=now)
    ]
    ConfounderRecord.objects.filter(incident=record).exclude(experiment__in=met).delete()
    for experiment in met:
        keep(record, experiment, stored_days(experiment), now=now)
        queue(COUNT, f"experiment:{experiment.pk}", by=None, now=now)


def weigh_new(site: Site, *, now: datetime) -> int:
    """Weigh what lasts for tests that began meanwhile; say how many pairs are new."""
    incidents = list(IncidentRecord.objects.filter(site=site, withdrawn_at=None))
    known = set(
        ConfounderRecord.objects.filter(incident__site=site).values_list(
            "experiment_id", "incident_id"
        )
    )
    new = [
        (record, experiment)
        for experiment, test in tests_since(site, now - SEEN_WITHIN)
        for record in incidents
        if (experiment.pk, record.pk) not in known and overlaps(record.as_domain(), test, now=now)
    ]
    for record, experiment in new:
        keep(record, experiment, stored_days(experiment), now=now)
        queue(COUNT, f"experiment:{experiment.pk}", by=None, now=now)
    return len(new)


def keep(
    record: IncidentRecord, experiment: ExperimentRecord, days: Days, *, now: datetime
) -> ConfounderRecord:
    """Keep what an incident means for one test, with what was counted."""
    value = record.as_domain()
    share = share_inside(
        per_day(days), [_within(value, experiment)], zone=record.site.time_zone, now=now
    )
    judged = judge(value, share=share, variants=[each.key for each in experiment.variants.all()])
    made, _ = ConfounderRecord.objects.update_or_create(
        experiment=experiment,
        incident=record,
        defaults={
            "share": share,
            "weight": judged.weight.value,
            "sentence": judged.sentence[:400],
            "counted_at": now if share is not None else None,
        },
    )
    return made


def days_touched(record: IncidentRecord, days: Days) -> tuple[date, ...]:
    """Name the days of which any part lay inside an incident: they are left out whole."""
    value = record.as_domain()
    until = value.until
    return tuple(
        each
        for each in days
        if value.since < midnight_at(record.site, each + timedelta(days=1))
        and (until is None or midnight_at(record.site, each) < until)
    )


def share_of_all(experiment: ExperimentRecord) -> float | None:
    """Give the share of a test's sample that came while anything lasted, each counted once."""
    met = [each.incident.as_domain() for each in experiment.confounders.select_related("incident")]
    days = per_day(stored_days(experiment))
    if not met or not days:
        return None
    counted = midnight_at(experiment.site, max(days) + timedelta(days=1))
    return share_inside(days, met, zone=experiment.site.time_zone, now=counted)


def _within(value: Incident, experiment: ExperimentRecord) -> Incident:
    """Leave of an incident what lies within a test, so that what lasts is not counted on."""
    test = tested(experiment)
    since = max(value.since, test.since) if test.since else value.since
    ends = [each for each in (value.until, test.until) if each is not None]
    return Incident(value.kind, since, min(ends) if ends else None)


def _for_update(site: Site, key: str) -> IncidentRecord:
    number = key.removeprefix("IN-")
    usable = key.startswith("IN-") and number.isascii() and number.isdigit() and len(number) < 10
    rows = IncidentRecord.objects.select_for_update(of=("self",)).select_related("site")
    found = (
        rows.filter(site=site, number=int(number), withdrawn_at=None).first() if usable else None
    )
    if found is None:
        raise NoSuchIncident(key=key)
    return found


def _audit(record: IncidentRecord, action: str, *, by: Actor, now: datetime) -> None:
    audit(
        action=action,
        target=f"incident:{record.key}",
        after={
            "kind": record.kind,
            "what": record.what,
            "since": record.since.isoformat(),
            "until": record.until.isoformat() if record.until else None,
            "surfaces": list(record.surfaces),
            "arms": list(record.arms),
            "targeted": record.targeted,
        },
        now=now,
        site=record.site.name,
        **by.audited,
    )
