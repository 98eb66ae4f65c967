"""The instrumentation check: every variant is opened, and its events must arrive."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.experiments.job_kinds import queue
from truelift.apps.experiments.models import ExperimentRecord, Job
from truelift.apps.measurement.reads import lake
from truelift.apps.qa.hosts import gate, verified_hosts
from truelift.apps.qa.models import QaPlanRecord, QaRunRecord, QaVisitRecord
from truelift.apps.qa.pictures import keep_picture
from truelift.apps.qa.plan import plan_for, required_events
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.browsing.steps import steps_from
from truelift.browsing.visit import Outside, Size, Wanted, synthetic_id, visit
from truelift.errors import Refusal
from truelift.lake.lake import NoSuchSite
from truelift.questions.sightings import Sighting, Sightings


RUN_JOB: Final = "qa.run"

LISTENS: Final = timedelta(minutes=5)
"""What has not arrived by then is missing."""

LOOKS_EVERY: Final = timedelta(seconds=4)

AT_ONCE: Final = timedelta(microseconds=1)
"""Goes on in the worker's next round, which reads the clock anew."""

EARLIER: Final = timedelta(minutes=10)
"""A browser's clock is the machine's, and yet a visit's events may bear an earlier time."""


class NoAddresses(Refusal):
    """Variants whose address nobody has given."""

    code = "qa.no_addresses"

    def __init__(self, *, variants: Sequence[str]) -> None:
        super().__init__(
            f"Nobody has said where {' and '.join(variants)} can be seen. Give each variant its"
            " address, with the parameter that forces it.",
            variants=tuple(variants),
        )


class UnderWay(Refusal):
    """A check is under way already."""

    code = "qa.run_under_way"

    def __init__(self, *, number: int) -> None:
        super().__init__(
            f"Check {number} is under way; it ends within a few minutes. Wait for it.",
            number=number,
        )


@transaction.atomic
def ask_for_run(site: Site, key: str, *, by: Actor, now: datetime) -> QaRunRecord:
    """Have the worker open every variant, and look for its events.

    Raises:
        NoSuchExperiment: The site has none with this key.
        NoAddresses: A variant has no address.
        UnderWay: A check is under way.
    """
    plan = QaPlanRecord.objects.select_for_update().get(pk=plan_for(site, key).pk)
    variants = [each.key for each in plan.experiment.variants.all()]
    addresses = {each.variant: each for each in plan.addresses.all()}
    without = [each for each in variants if each not in addresses]
    if without or not variants:
        raise NoAddresses(variants=without or ["the experiment"])
    open_run = plan.runs.filter(finished_at__isnull=True).first()
    if open_run is not None:
        if _is_worked_on(open_run):
            raise UnderWay(number=open_run.number)
        finish(open_run, now=now, problem="The worker that did it was stopped.")
    last = plan.runs.aggregate(models.Max("number"))["number__max"] or 0
    run = QaRunRecord.objects.create(plan=plan, number=last + 1, asked_by=by.user, asked_at=now)
    QaVisitRecord.objects.bulk_create(
        QaVisitRecord(
            run=run,
            variant=variant,
            size=size.value,
            url=addresses[variant].url,
            steps=addresses[variant].steps,
            visitor=synthetic_id(at_ms=int(now.timestamp() * 1000), token=secrets.token_hex(12)),
        )
        for variant in variants
        for size in Size
    )
    queue(RUN_JOB, f"qa-run:{run.pk}", by=by.user, now=now)
    audit(
        action="qa.run_asked",
        target=f"experiment:{key}",
        after={"run": run.number},
        now=now,
        site=site.name,
        **by.audited,
    )
    return run


def _is_worked_on(run: QaRunRecord) -> bool:
    return Job.objects.filter(
        kind=RUN_JOB, subject=f"qa-run:{run.pk}", finished_at__isnull=True
    ).exists()


def go_on(run: QaRunRecord, *, now: datetime, outside: Outside | None = None) -> datetime | None:
    """Do the next piece of a check; say when to go on, or None when it is over.

    One page is opened at a time, and waiting for events holds up nobody.
    """
    if run.finished_at is not None:
        return None
    left = run.visits.filter(visited_at__isnull=True).first()
    if left is not None:
        _open(left, now=now, outside=outside or outside_of(run.plan.experiment.site))
        return now + AT_ONCE
    if run.listens_until is None:
        run.listens_until = now + LISTENS
        run.save(update_fields=["listens_until"])
    if _listen(run) or now >= run.listens_until:
        finish(run, now=now)
        return None
    return now + LOOKS_EVERY


def finish(run: QaRunRecord, *, now: datetime, problem: str = "") -> None:
    """End a check; what has not arrived is missing."""
    run.finished_at = now
    run.problem = problem[:500]
    run.save(update_fields=["finished_at", "problem"])
    missing = sum(len(each.missing) for each in run.visits.all())
    audit(
        action="qa.run_finished",
        target=f"experiment:{run.plan.experiment.key}",
        after={"run": run.number, "missing": missing},
        now=now,
        site=run.plan.experiment.site.name,
        actor="system",
    )


def outside_of(site: Site) -> Outside:
    """Say what a browser may reach when it opens pages of a site."""
    public = urlsplit(settings.TRUELIFT.public_url)
    port = public.port or (443 if public.scheme == "https" else 80)
    collector = f"{public.hostname}:{port}"
    way = gate()
    # The page's tracker sends its events here, wherever here is.
    return Outside(
        gate=type(way)(allowed=(*way.allowed, collector), resolve=way.resolve),
        hosts=verified_hosts(site),
        collector=collector,
        chromium=settings.TRUELIFT.chromium,
    )


def _open(record: QaVisitRecord, *, now: datetime, outside: Outside) -> None:
    """Open one variant's page and keep what was seen.

    Raises:
        Outage: There is no browser, or it broke; the worker tries again.
    """
    try:
        seen = visit(
            Wanted(
                url=record.url,
                size=Size(record.size),
                visitor=record.visitor,
                steps=steps_from(record.steps),
            ),
            outside=outside,
        )
    except Refusal as error:
        record.problem = str(error)[:500]
    else:
        record.final_url = seen.final_url[:2000]
        record.status = seen.status
        record.errors = list(seen.errors)
        record.refused = sorted(
            {f"{each.url} ({each.refused})" for each in seen.requests if each.refused}
        )[:20]
        record.picture = keep_picture(
            record.run.plan.experiment.site, seen.screenshot, by=None, now=now
        )
        if seen.status is None or seen.status >= 400:
            record.problem = f"The page answered {seen.status or 'nothing'}."
        elif seen.stuck:
            record.problem = f"A step could not be done: {seen.stuck}"[:500]
    record.visited_at = now
    record.save()


def _listen(run: QaRunRecord) -> bool:
    """Look which events have arrived; say whether all have."""
    record = run.plan.experiment
    visits = [each for each in run.visits.all() if each.visited_at is not None]
    since = min((each.visited_at for each in visits if each.visited_at), default=run.asked_at)
    try:
        asked = lake().ask(
            record.site.name,
            Sightings(tuple(each.visitor for each in visits), since=since - EARLIER),
        )
        found = asked.answer.rows
    except NoSuchSite:
        found = ()
    required = required_events(record, run.plan.left_out)
    complete = True
    for each in visits:
        mine = [row for row in found if row.visitor == each.visitor]
        each.seen = [row.event for row in mine if not row.refused][:100]
        each.missing = missing_of(record, each.variant, mine, required)
        each.save(update_fields=["seen", "missing"])
        # What could not be opened sends nothing, however long one waits.
        complete = complete and (not each.missing or bool(each.problem))
    return complete


def missing_of(
    record: ExperimentRecord,
    variant: str,
    rows: Sequence[Sighting],
    required: Sequence[tuple[str, str]],
) -> list[dict[str, str]]:
    """List the events that a visit should have caused and that did not arrive."""
    stored = [row for row in rows if not row.refused]
    mine = [row for row in stored if row.experiment == record.key]
    right = [row for row in mine if row.variant == variant]
    missing = []
    if not right:
        others = sorted({str(row.variant) for row in mine})
        because = f"It came with variant {', '.join(others)}." if others else ""
        if not others and (
            elsewhere := sorted({row.experiment for row in stored if row.experiment})
        ):
            because = f"Exposures came to {', '.join(elsewhere)} only."
        missing.append({"role": "exposure", "event": "exposure", "because": because})
    for role, event in required:
        named = [row for row in rows if row.event == event]
        good = [row for row in named if not row.refused]
        if not good:
            reasons = sorted({row.refused for row in named})
            because = f"It was refused: {', '.join(reasons)}." if reasons else ""
            missing.append({"role": role, "event": event, "because": because})
        elif right and good[-1].at < right[0].at:
            missing.append(
                {
                    "role": role,
                    "event": event,
                    "because": "It came before the exposure, so it would not count.",
                }
            )
    return missing
