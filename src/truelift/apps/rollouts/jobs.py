"""What the worker does for this app."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction

from truelift.apps.experiments.job_kinds import does
from truelift.apps.experiments.jobs import MOST_ATTEMPTS
from truelift.apps.experiments.models import Job
from truelift.apps.measurement.reads import lake
from truelift.apps.qa.run import outside_of
from truelift.apps.rollouts.checking import check_page
from truelift.apps.rollouts.models import (
    RolloutCheckRecord,
    RolloutRecord,
    SiteDayRecord,
    SiteMoneyRecord,
)
from truelift.apps.rollouts.services import MONEY, PAGE_CHECK
from truelift.apps.rollouts.value import WEEK, lifts
from truelift.apps.sites.models import Site
from truelift.errors import Outage, TrueliftError
from truelift.lake.lake import NoSuchSite
from truelift.lifecycle.rollout import OPEN
from truelift.questions.matching import Events
from truelift.questions.metric import Amount, AmountKind, Counted
from truelift.questions.sessions import Part, Sessions


EVERY: Final = timedelta(hours=1)
"""How often days are asked for again while a winner waits."""

COME_LATE: Final = timedelta(days=3)
"""Days of which events may still have come in since they were asked for."""


@does(PAGE_CHECK)
def _check(job: Job, now: datetime) -> None:
    record = (
        RolloutCheckRecord.objects.select_related("rollout__site")
        .filter(pk=int(job.subject.rpartition(":")[2]), finished_at__isnull=True)
        .first()
    )
    if record is None:
        return
    try:
        check_page(record, outside=outside_of(record.rollout.site), now=now)
    except Exception as error:
        # Nothing may leave a check open for ever: nobody could ask for the next.
        if not isinstance(error, Outage) or job.attempts >= MOST_ATTEMPTS:
            said = isinstance(error, TrueliftError)
            record.problem = str(error)[:500] if said else "Something broke; see the server's log."
            record.passed, record.finished_at = False, now
            record.save()
        raise


@does(MONEY)
def _money(job: Job, now: datetime) -> datetime | None:
    site = Site.objects.filter(pk=int(job.subject.rpartition(":")[2])).first()
    if site is None:
        return None
    refresh_money(site, now=now)
    waits = RolloutRecord.objects.filter(site=site, stage__in=list(OPEN)).exists()
    return now + EVERY if waits else None


def refresh_money(site: Site, *, now: datetime) -> None:
    """Ask what a site's days came to, and shrink the lifts of its winners anew.

    Call it from a job: it reads the events of every visitor, and every analysis.
    """
    rollouts = list(RolloutRecord.objects.filter(site=site))
    problem = ""
    try:
        _ask_days(site, rollouts, now=now)
    except NoSuchSite:
        problem = "No event of this site has arrived yet."
    except Outage:
        raise
    except TrueliftError as error:
        problem = str(error)[:500]
    SiteMoneyRecord.objects.update_or_create(
        site=site,
        defaults={"currency": site.currency, "asked_at": now, "problem": problem},
    )
    found = lifts(site, rollouts)
    for rollout in rollouts:
        lift = found[rollout.pk]
        # Without a new version: nobody changed it.
        RolloutRecord.objects.filter(pk=rollout.pk).update(
            lift=lift.value,
            lift_low=lift.low,
            lift_high=lift.high,
            lift_measured=lift.measured,
            lift_metric=lift.metric,
            lift_tests=lift.tests,
            lift_problem=lift.problem,
            lift_at=now,
        )


def _ask_days(site: Site, rollouts: list[RolloutRecord], *, now: datetime) -> None:
    """Keep every day from a week before the first decision; late days are asked for again."""
    if not rollouts:
        return
    zone = ZoneInfo(site.time_zone)
    money = SiteMoneyRecord.objects.filter(site=site).first()
    first = min(each.decided_at for each in rollouts) - timedelta(days=WEEK)
    fresh = money is None or money.asked_at is None or money.currency != site.currency
    known = SiteDayRecord.objects.filter(site=site).order_by("day").first()
    if fresh or known is None or known.day > first.astimezone(zone).date():
        since = first
    else:
        assert money is not None  # noqa: S101 - otherwise it is fresh
        assert money.asked_at is not None  # noqa: S101
        since = max(first, money.asked_at - COME_LATE)
    begins = since.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    asked = lake().ask(
        site.name,
        Sessions(
            by=Part.DAY,
            since=begins,
            until=now,
            time_zone=site.time_zone,
            revenue=Counted(
                Events((site.event_names.get("purchase", "purchase"),)),
                Amount(AmountKind.MONEY, currency=site.currency),
            ),
        ),
    )
    with transaction.atomic():
        SiteDayRecord.objects.filter(
            site=site, **({} if fresh else {"day__gte": begins.date()})
        ).delete()
        SiteDayRecord.objects.bulk_create(
            SiteDayRecord(
                site=site,
                day=row.values[0],
                sessions=row.tally.sessions,
                revenue_minor=row.tally.revenue,
            )
            for row in asked.answer.rows
            if row.values[0]
        )
