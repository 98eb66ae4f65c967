"""Monitoring on the worker's clock: every hour while something runs, and when outcomes mature."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog

from truelift.apps.experiments.domain import as_domain, day_at
from truelift.apps.experiments.job_kinds import does, queue
from truelift.apps.experiments.models import (
    ExperimentRecord,
    Job,
    MoveRecord,
)
from truelift.apps.experiments.monitoring_alerts import keep_findings
from truelift.apps.experiments.monitoring_delayed import next_due, plan_delayed, read_delayed
from truelift.apps.experiments.monitoring_look import Look, late_decision, look_at_experiment
from truelift.apps.experiments.monitoring_models import AlertRecord, WatchRecord
from truelift.apps.experiments.monitoring_site import events_of, look_at_site
from truelift.apps.experiments.services import move_experiment
from truelift.apps.measurement.reads import lake
from truelift.apps.programme.reads import policy_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lake.lake import NoSuchSite
from truelift.lifecycle.experiment import Action, Origin, Stage
from truelift.lifecycle.monitoring import Concern, Level, Reconciled
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.policy import HarmResponse, Policy


WATCH: Final = "experiments.watch"

EVERY: Final = timedelta(hours=1)

WATCHED: Final = (Stage.RUNNING, Stage.PAUSED)


@does(WATCH)
def _watch(job: Job, now: datetime) -> datetime | None:
    site = Site.objects.filter(name=job.subject.removeprefix("site:")).first()
    if site is None:
        return None
    watch_site(site, now=now)
    due = next_due(site)
    soon = now + EVERY
    return min(soon, due) if due is not None and due > now else soon


def begin_watch(site: Site, *, now: datetime) -> None:
    """See that a worker watches a site; one that is queued goes on."""
    queue(WATCH, f"site:{site.name}", by=None, now=now)


def begin_watches(now: datetime) -> None:
    """See that a worker watches every site; called when it starts."""
    for site in Site.objects.all():
        begin_watch(site, now=now)


def watch_site(site: Site, *, now: datetime) -> None:
    """Look at everything of a site once; call it from a job.

    What cannot be looked at is said in the log and does not keep the rest from being looked at;
    an outage of the lake does, and the job is tried again.
    """
    policy = policy_of(site)
    running = [
        record
        for record in ExperimentRecord.objects.filter(
            site=site,
            stage__in=[each.value for each in WATCHED],
            origin=Origin.TRUELIFT.value,
        ).select_related("site", "decision_owner", "deputy", "made_by")
        if as_domain(record).randomised
    ]
    said = structlog.get_logger("truelift.monitoring").bind(site=site.name)
    for record in running:
        try:
            watch_experiment(record, policy=policy, now=now)
        except NoSuchSite:
            break
        except Refusal as error:
            said.info("not_watched", experiment=record.key, code=error.code)
    if running:
        _watch_whole(site, running, now=now)
    _watch_decisions(site, policy=policy, now=now)
    plan_delayed(site)
    try:
        read_delayed(site, now=now)
    except Refusal as error:
        said.info("delayed_not_read", code=error.code)


def watch_experiment(record: ExperimentRecord, *, policy: Policy, now: datetime) -> Look:
    """Look at one experiment, keep what was seen, tell people, and pause it if that is agreed."""
    site = record.site
    look = look_at_experiment(
        record,
        policy=policy,
        now=now,
        ask=lambda asked: lake().ask(site.name, asked),
        ask_trend=lambda asked: lake().ask(site.name, asked).answer,
    )
    last = record.watches.order_by("-day").first()
    found = keep_findings(
        site,
        record,
        look.findings,
        looked_at=look.looked_at,
        before=last.at if last else None,
        now=now,
    )
    WatchRecord.objects.update_or_create(
        experiment=record,
        day=day_at(site, now),
        defaults={"at": now, "document": look.document(at=now)},
    )
    if policy.harm is HarmResponse.PAUSE:
        _pause(record, found, now=now)
    return look


def _pause(record: ExperimentRecord, found: Reconciled, *, now: datetime) -> None:
    """Pause for harm that is new or worse: whoever resumed knew of the rest."""
    harm = [
        each
        for each in (*found.opened, *found.worse)
        if each.concern is Concern.GUARDRAIL and each.level is Level.STOP
    ]
    if not harm or record.stage != Stage.RUNNING:
        return
    reason = f"By the policy: {harm[0].sentence}"
    try:
        move_experiment(
            record.site,
            record.key,
            Action.PAUSE,
            by=Actor(None, machine=True),
            now=now,
            reason=reason,
            machine=True,
        )
    except MoveRefused as refusal:
        structlog.get_logger("truelift.monitoring").info(
            "not_paused", experiment=record.key, code=refusal.code
        )


def _watch_whole(site: Site, running: list[ExperimentRecord], *, now: datetime) -> None:
    try:
        findings, looked_at = look_at_site(
            site,
            events_of(running),
            now=now,
            ask=lambda asked: lake().ask(site.name, asked).answer,
        )
    except NoSuchSite:
        return
    keep_findings(site, None, findings, looked_at=looked_at, before=now - 2 * EVERY, now=now)


def _watch_decisions(site: Site, *, policy: Policy, now: datetime) -> None:
    """Say which decisions are late, and settle what was said once they are made."""
    waiting = ExperimentRecord.objects.filter(site=site, stage=Stage.ANALYSED.value)
    told = AlertRecord.objects.filter(
        site=site, concern=Concern.OPEN_DECISION.value, experiment__isnull=False
    ).exclude(stage="resolved")
    records = {each.pk: each for each in waiting.select_related("site", "decision_owner")}
    for each in told.select_related("experiment__site", "experiment__decision_owner"):
        if each.experiment is not None:
            records.setdefault(each.experiment.pk, each.experiment)
    for record in records.values():
        analysed = (
            MoveRecord.objects.filter(experiment=record, action=Action.ANALYSE.value)
            .order_by("-pk")
            .first()
        )
        late = None
        if record.stage == Stage.ANALYSED and analysed is not None:
            late = late_decision(record, policy=policy, analysed_at=analysed.moved_at, now=now)
        keep_findings(
            site,
            record,
            [late] if late else [],
            looked_at=frozenset({Concern.OPEN_DECISION}),
            before=None,
            now=now,
        )
