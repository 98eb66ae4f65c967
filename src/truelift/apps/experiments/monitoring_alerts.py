"""What may be done about alerts: keep what a look found, take one on, settle it, tell people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import functions_in_use, people_with
from truelift.apps.experiments.domain import asked_by
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.monitoring_models import AlertRecord
from truelift.apps.programme.reads import policy_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.functions import NO_PARTS, Function, Part, Parts
from truelift.lifecycle.monitoring import (
    Alert,
    AlertStage,
    Concern,
    Finding,
    Level,
    Reconciled,
    move_alert,
    reconcile,
)
from truelift.lifecycle.notice import Notice, Severity


class NoSuchAlert(Refusal):
    """The site has no alert of this number."""

    code = "alert.no_such_alert"

    def __init__(self, *, number: int, site: str) -> None:
        super().__init__(f"{site} has no alert {number}.", number=number, site=site)


@transaction.atomic
def keep_findings(
    site: Site,
    experiment: ExperimentRecord | None,
    findings: Iterable[Finding],
    *,
    looked_at: frozenset[Concern],
    before: datetime | None,
    now: datetime,
) -> Reconciled:
    """Open, renew and settle alerts by what a look found; one alert a cause.

    Args:
        site: Where.
        experiment: What was looked at; None for the whole site.
        findings: What is the matter.
        looked_at: What could be judged.
        before: When the look before this one was: an alert that a person settled stays so
            while its cause is found at every look. None for the first look.
        now: When.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    found = list(findings)
    rows = AlertRecord.objects.filter(site=site, experiment=experiment)
    standing = {each.key: each for each in rows.exclude(stage=AlertStage.RESOLVED.value)}
    settled: dict[str, AlertRecord] = {}
    keys = [each.key for each in found]
    for each in rows.filter(
        stage=AlertStage.RESOLVED.value, resolved_by__isnull=False, key__in=keys
    ).order_by("pk"):
        if before is None or each.seen_at >= before:
            settled[each.key] = each
    known: list[Alert] = [each.as_domain() for each in (*standing.values(), *settled.values())]
    what = reconcile(known, found, looked_at=looked_at)
    opened = {each.key for each in what.opened}
    for finding in found:
        row = standing.get(finding.key)
        if finding.key in opened:
            row = AlertRecord(
                site=site,
                experiment=experiment,
                key=finding.key[:200],
                concern=finding.concern.value,
                opened_at=now,
            )
        elif row is None:
            row = settled[finding.key]
            row.seen_at = now
            row.save(update_fields=["seen_at"])
            continue
        _say(row, finding)
        row.seen_at = now
        row.save()
    for key in what.over:
        row = standing[key]
        row.stage, row.resolved_at = AlertStage.RESOLVED.value, now
        row.note = "The look after it did not find it any more."
        row.save(update_fields=["stage", "resolved_at", "note"])
        _settle(row, now=now)
    for finding in (*what.opened, *what.worse):
        audit(
            "system",
            "alert.opened" if finding.key in opened else "alert.worse",
            _target(experiment),
            after={"alert": finding.key, "level": finding.level.value},
            now=now,
            site=site.name,
        )
        if finding.concern is not Concern.OPEN_DECISION:
            # Who decides has a late decision in the inbox already.
            _tell(site, experiment, finding, now=now)
    return what


def _say(row: AlertRecord, finding: Finding) -> None:
    level = Level(row.level) if row.level else finding.level
    row.level = max(level, finding.level, key=lambda each: each.rank).value
    row.sentence = finding.sentence[:500]
    row.quiet = finding.said_to_all[:500]
    row.remedy = finding.remedy[:500]


@transaction.atomic
def change_alert(
    site: Site, number: int, to: AlertStage, *, by: Actor, note: str = "", now: datetime
) -> AlertRecord:
    """Take an alert on, or settle it.

    Args:
        site: Where.
        number: Its number.
        to: The stage.
        by: Who.
        note: What settled it.
        now: When.

    Raises:
        NoSuchAlert: The site has none of this number.
        MoveRefused: It may not go there, with every reason.
    """
    row = (
        AlertRecord.objects.select_for_update(of=("self",))
        .select_related("experiment")
        .filter(site=site, pk=number)
        .first()
    )
    if row is None:
        raise NoSuchAlert(number=number, site=site.name)
    said = storable(note).strip()[:500]
    before = row.stage
    after = move_alert(
        row.as_domain(),
        to,
        by=asked_by(by, site=site, now=now).standing,
        parts=_parts(row.experiment),
        note=said,
        now=now,
    )
    row.stage = after.stage.value
    if to is AlertStage.ACKNOWLEDGED:
        row.acknowledged_by, row.acknowledged_at = by.user, now
    else:
        row.resolved_by, row.resolved_at, row.note = by.user, now, said
        _settle(row, now=now)
    row.save()
    audit(
        action=f"alert.{to.value}",
        target=_target(row.experiment),
        before={"alert": row.key, "stage": before},
        after={"alert": row.key, "stage": row.stage, **({"note": said} if said else {})},
        now=now,
        site=site.name,
        **by.audited,
    )
    return row


def standing_alerts(
    site: Site, experiment: ExperimentRecord | None = None
) -> tuple[AlertRecord, ...]:
    """List alerts that nobody settled, the most pressing first.

    Args:
        site: Where.
        experiment: Its own; None: those of the whole site.
    """
    rows = (
        AlertRecord.objects.filter(site=site, experiment=experiment)
        .exclude(stage=AlertStage.RESOLVED.value)
        .select_related("acknowledged_by")
        .order_by("opened_at", "pk")
    )
    return tuple(sorted(rows, key=lambda each: -Level(each.level).rank))


def open_alerts(site: Site) -> tuple[AlertRecord, ...]:
    """List every alert of a site that nobody settled, of experiments and of the whole."""
    rows = (
        AlertRecord.objects.filter(site=site)
        .exclude(stage=AlertStage.RESOLVED.value)
        .select_related("acknowledged_by", "experiment")
        .order_by("opened_at", "pk")
    )
    return tuple(sorted(rows, key=lambda each: -Level(each.level).rank))


def concerned(site: Site, experiment: ExperimentRecord | None) -> tuple[User, ...]:
    """List who hears of an alert: who decides, their deputy, the author, who runs the programme."""
    people: dict[int, User] = {}
    if experiment is not None:
        for user in (experiment.decision_owner, experiment.deputy, experiment.made_by):
            if user is not None:
                people.setdefault(user.pk, user)
    wanted = frozenset({Function.CRO_LEAD, Function.ANALYTICS})
    able = people_with(site, wanted)
    # While nobody has a function everybody may; then those who have the experiment are enough.
    if not people or functions_in_use(site):
        for user in able:
            people.setdefault(user.pk, user)
    return tuple(people.values())


_SEVERITIES = {
    Level.NOTE: Severity.NOTE,
    Level.WATCH: Severity.WATCH,
    Level.STOP: Severity.URGENT,
}


def _tell(
    site: Site, experiment: ExperimentRecord | None, finding: Finding, *, now: datetime
) -> None:
    """Notify people; without an effect where the programme hides early ones from anybody.

    The room of notices is asked here and in `_settle` alone.
    """
    from truelift.apps.inbox.services import notify

    hides = bool(policy_of(site).early_hidden_from)
    said = finding.said_to_all if hides else finding.sentence
    about = f"{experiment.name}: " if experiment is not None else ""
    notify(
        site,
        Notice(
            cause=_cause(experiment, finding.key),
            severity=_SEVERITIES[finding.level],
            sentence=f"{about}{said}",
            remedy=finding.remedy,
            href=_href(site, experiment),
        ),
        to=concerned(site, experiment),
        now=now,
    )


def _settle(row: AlertRecord, *, now: datetime) -> None:
    from truelift.apps.inbox.services import settle

    settle(row.site, _cause(row.experiment, row.key), now=now)


def _cause(experiment: ExperimentRecord | None, key: str) -> str:
    return f"alert:{experiment.key if experiment else 'site'}:{key}"[:200]


def _href(site: Site, experiment: ExperimentRecord | None) -> str:
    home = f"/s/{site.name}/"
    return f"{home}experiments/{experiment.key}/#wrong" if experiment else f"{home}alerts/"


def _target(experiment: ExperimentRecord | None) -> str:
    return f"experiment:{experiment.key}" if experiment else "site"


def _parts(experiment: ExperimentRecord | None) -> Parts:
    if experiment is None:
        return NO_PARTS
    owners = {str(each) for each in (experiment.decision_owner_id, experiment.deputy_id) if each}
    return {Part.OWNER: frozenset(owners)}
