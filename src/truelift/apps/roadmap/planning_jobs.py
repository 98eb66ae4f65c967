"""What the worker does for planning: proposals, the week's digest, visitors that tests share."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from truelift.apps.drawing.wording import day
from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.job_kinds import does
from truelift.apps.experiments.models import Job
from truelift.apps.inbox.models import NoticeRecord
from truelift.apps.inbox.services import notify
from truelift.apps.roadmap.colliding import recompute
from truelift.apps.roadmap.liaison import liaisons_of, touching_of
from truelift.apps.roadmap.planning import PLAN, compute_plan
from truelift.apps.roadmap.planning_models import QuarterPlanRecord
from truelift.apps.roadmap.sharing import count_shared_visitors
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_named
from truelift.lifecycle.liaison import Touching, in_the_digest
from truelift.lifecycle.notice import Notice, Severity, Topic


SHARED: Final = "roadmap.shared_visitors"
"""Subject `site:NAME`: count the visitors that running experiments share."""


@does(PLAN)
def _plan(job: Job, now: datetime) -> None:
    rows = QuarterPlanRecord.objects.filter(pk=int(job.subject.partition(":")[2]))
    record = rows.select_related("site").first()
    if record is not None and not record.text:
        compute_plan(record, now=now)


@does(SHARED)
def _shared(job: Job, now: datetime) -> None:
    site = site_named(job.subject.partition(":")[2])
    if site is not None and count_shared_visitors(site, now=now):
        recompute(site, now=now)


def tell_the_week(site: Site, *, now: datetime) -> bool:
    """Tell the liaison once a week which releases touch what is tested; False if told already.

    It stands in the inbox until the next one, and in the e-mail of those who want one a week.
    """
    today = day_at(site, now)
    year, week, _ = today.isocalendar()
    cause = f"liaison:{year}-W{week:02}"
    told = NoticeRecord.objects.filter(site=site, cause__startswith="liaison:")
    if told.filter(cause=cause).exists():
        return False
    told.filter(settled_at=None).update(settled_at=now)
    found = in_the_digest(touching_of(site, now=now), today=today)
    if not found:
        return False
    one = len(found) == 1
    waiting = sum(each.waits for each in found)
    notice = Notice(
        cause,
        Severity.WATCH if waiting else Severity.NOTE,
        f"{len(found)} release{'' if one else 's'} of the next two weeks"
        f" touch{'es' if one else ''} what is tested: {_named(found, year=today.year)}.",
        "Go through them, and acknowledge those that nobody has." if waiting else "Know of them.",
        f"/s/{site.name}/roadmap/liaison/",
        Topic.WORK,
    )
    notify(site, notice, to=liaisons_of(site), now=now)
    return True


def _named(found: tuple[Touching, ...], *, year: int) -> str:
    said = [
        f"{each.release} “{each.what[:60]}” on {day(each.starts, year=year)}"
        f" ({', '.join(each.tests[:3])})"
        for each in found[:3]
    ]
    more = len(found) - len(said)
    return "; ".join([*said, f"{more} more"] if more > 0 else said)
