"""Everything that can be done to freezes, each atomic and written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Json, User
from truelift.apps.accounts.reads import functions_in_use, functions_of, people_of, people_with
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.freezes.models import (
    ApprovalRecord,
    FreezeAgreementRecord,
    FreezeMoveRecord,
    FreezeRecord,
)
from truelift.apps.freezes.reads import (
    OF_VISITORS,
    agreements_of,
    asked_by,
    deploy_policy_of,
    freeze_of,
    freeze_rows,
    owners_of,
    surface_names,
    trial_of,
)
from truelift.apps.inbox.services import notify, settle
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, is_storable, storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.deploy_check import (
    DeployPolicy,
    Side,
)
from truelift.lifecycle.experiment import Stage
from truelift.lifecycle.freeze import (
    OPEN,
    Agreeing,
    Freeze,
    FreezeAction,
    FreezeAsked,
    FreezeStage,
    Source,
    Strength,
    agreeing,
    move_freeze,
    proposal_obstacles,
)
from truelift.lifecycle.functions import Function, Item, people_obstacles
from truelift.lifecycle.notice import Notice, Severity, Topic
from truelift.lifecycle.obstacle import MoveRefused


MOST_APPROVED: Final = timedelta(days=14)
"""An approval holds at most so long: who approved has to know what is deployed."""

_WANTS_FREEZE: Final = frozenset(
    {Stage.READY.value, Stage.SCHEDULED.value, Stage.RUNNING.value, Stage.PAUSED.value}
)
"""Stages in which a test has a freeze: at *ready* it can be agreed to before it is scheduled."""


class NoSuchFreeze(Refusal):
    """The site has no freeze with this key."""

    code = "freezes.no_such_freeze"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"There is no freeze {key[:20]!r}; the page lists all.", key=key[:20])


class FreezeChangedMeanwhile(Refusal):
    """Somebody else changed it while a person was looking."""

    code = "freezes.changed_meanwhile"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"{key} was changed meanwhile. Look at it again, then try.", key=key)


class NotProposedAnyMore(Refusal):
    """What somebody has agreed to is not changed behind their back."""

    code = "freezes.not_proposed"

    def __init__(self, *, key: str, stage: str) -> None:
        super().__init__(
            f"{key} is {stage}, and somebody has agreed to what it says. End or cancel it, and"
            " propose another one.",
            key=key,
        )


class NotYourSide(Refusal):
    """Somebody approves for a side that is not theirs."""

    code = "freezes.not_your_side"

    def __init__(self, *, side: Side) -> None:
        who = {
            Side.LIAISON: "the owner of the surface, engineering or the liaison",
            Side.DECISION_OWNER: "the decision-owner, the deputy or a CRO lead",
        }[side]
        super().__init__(f"You do not approve {side.called}. Ask {who}.", side=side.value)


@dataclass(frozen=True, slots=True)
class FreezeFields:
    """What people say of a freeze; None leaves a field as it is.

    Attributes:
        surfaces: Names of surfaces, as the list has them.
        owner: E-mail address of who answers for it; empty: nobody.
    """

    what: str | None = None
    surfaces: Sequence[str] | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    strength: str | None = None
    source: str | None = None
    owner: str | None = None


@transaction.atomic
def propose(site: Site, fields: FreezeFields, *, by: Actor, now: datetime) -> FreezeRecord:
    """Propose a freeze; who can agree to it is told.

    Raises:
        BadFields: Something does not fit, with every field.
        MoveRefused: It lacks something, with every reason.
    """
    record = FreezeRecord(site=site, number=0, made_by=by.user, made_at=now)
    _fill(record, fields)
    _check_complete(record, now=now)
    record.number = _next_number(site)
    record.save()
    _audit(record, "freeze.proposed", after=_facts(record), by=by, now=now)
    _ask_for_agreement(record, by=by, now=now)
    return record


@transaction.atomic
def edit_freeze(
    site: Site,
    key: str,
    fields: FreezeFields,
    *,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> FreezeRecord:
    """Change what a proposal says.

    Raises:
        NoSuchFreeze: The site has none with this key.
        FreezeChangedMeanwhile: Somebody else changed it.
        NotProposedAnyMore: Somebody has agreed to it, or it is over.
        BadFields: Something does not fit.
        MoveRefused: It would lack something.
    """
    record = freeze_for_update(site, key, version=version)
    before = _facts(record)
    stage = record.as_domain().at(now).stage
    if stage is not FreezeStage.PROPOSED:
        _let_only_strength_change(record, fields, stage, by=by, now=now)
    _fill(record, fields)
    if stage is FreezeStage.PROPOSED:
        _check_complete(record, now=now)
    after = _facts(record)
    if before == after:
        return record
    _save(record)
    changed = [name for name in after if before[name] != after[name]]
    _audit(
        record,
        "freeze.edited",
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
        by=by,
        now=now,
    )
    if record.stage == FreezeStage.PROPOSED:
        # Who has agreed did so to what it said before.
        record.agreements.all().delete()
        _ask_for_agreement(record, by=by, now=now)
    return record


def _let_only_strength_change(
    record: FreezeRecord, fields: FreezeFields, stage: FreezeStage, *, by: Actor, now: datetime
) -> None:
    """Let who may agree to a freeze make it firmer or milder while it holds, and nothing else."""
    others = replace(fields, strength=None) != FreezeFields()
    if others or fields.strength is None or stage not in OPEN:
        raise NotProposedAnyMore(key=record.key, stage=stage)
    asked = asked_by(record, by, now=now)
    found = people_obstacles(
        Item.FREEZE,
        FreezeStage.AGREED.value,
        by=asked.by,
        parts=asked.parts,
        central=asked.central,
    )
    if found:
        raise MoveRefused(subject=record.key, action="be changed", obstacles=found)


@transaction.atomic
def move(
    site: Site,
    key: str,
    action: FreezeAction,
    *,
    by: Actor,
    now: datetime,
    reason: str = "",
    version: int | None = None,
) -> FreezeRecord:
    """Take one step, and write down who took it.

    Raises:
        NoSuchFreeze: The site has none with this key.
        FreezeChangedMeanwhile: Somebody else changed it.
        MoveRefused: It may not take this step; with every reason.
    """
    record = freeze_for_update(site, key, version=version)
    said = storable(reason).strip()[:1000]
    _step(record, action, by=by, now=now, reason=said)
    return record


def _step(
    record: FreezeRecord, action: FreezeAction, *, by: Actor, now: datetime, reason: str = ""
) -> None:
    before = record.stage
    asked = asked_by(record, by, now=now, reason=reason)
    after = move_freeze(record.as_domain(), action, asked=asked)
    record.stage = after.stage.value
    if action is FreezeAction.AGREE:
        given = _keep_agreement(record, asked, by=by, now=now)
        reason = f"{given}. {reason}".strip() if given else reason
    if after.stage is FreezeStage.AGREED:
        record.agreed_at = now
    if after.stage not in OPEN:
        ended = record.ends_at is not None and record.ends_at <= now
        record.over_at = record.ends_at if ended else now
    _save(record)
    FreezeMoveRecord.objects.create(
        freeze=record,
        action=action.value,
        before=before,
        after=record.stage,
        reason=reason,
        by=by.user,
        operator=by.operator,
        moved_at=now,
    )
    _audit(
        record,
        f"freeze.{action.value}",
        before={"stage": before},
        after={"stage": record.stage, **({"reason": reason} if reason else {})},
        by=by,
        now=now,
    )
    if record.stage != FreezeStage.PROPOSED:
        settle(record.site, _cause(record), now=now)


def _keep_agreement(record: FreezeRecord, asked: FreezeAsked, *, by: Actor, now: datetime) -> str:
    """Write down for which surfaces somebody has agreed; say it where others are missing."""
    found: Agreeing = agreeing(record.as_domain(), asked)
    FreezeAgreementRecord.objects.bulk_create(
        FreezeAgreementRecord(freeze=record, surface=name, by=by.user, agreed_at=now)
        for name in found.given
    )
    return f"For {' and '.join(found.given)}" if len(record.surfaces) > 1 else ""


@transaction.atomic
def approve(
    site: Site,
    key: str,
    side: str,
    *,
    hours: int,
    reason: str,
    by: Actor,
    now: datetime,
    surface: str = "",
    sha: str = "",
) -> ApprovalRecord:
    """Say that a deploy may go ahead in spite of a freeze.

    Args:
        site: Where.
        key: Of the freeze.
        side: For whom: `liaison` for the surface, `decision_owner` for the test.
        hours: How long it holds.
        reason: Why it does no harm, or why the harm is accepted.
        by: Who.
        now: When.
        surface: Where; empty for every surface of it.
        sha: Which release; empty for any.

    Raises:
        NoSuchFreeze: The site has none with this key.
        BadFields: Something does not fit.
        NotYourSide: It is not for this person to say.
    """
    record = freeze_for_update(site, key)
    wrong: dict[str, str] = {}
    if side not in set(Side):
        wrong["side"] = f"It is one of {', '.join(Side)}."
    said = storable(reason).strip()[:500]
    if not said:
        wrong["reason"] = "Say why it may be deployed all the same."
    most = int(MOST_APPROVED / timedelta(hours=1))
    if not 1 <= hours <= most:
        wrong["hours"] = f"It holds for 1 to {most} hours."
    names = {name.strip().casefold(): name for name in record.surfaces}
    if surface.strip() and surface.strip().casefold() not in names:
        wrong["surface"] = "It does not freeze that surface."
    if len(sha.strip()) > 64 or not is_storable(sha):
        wrong["sha"] = "A commit has at most 64 letters."
    if record.as_domain().at(now).stage not in OPEN:
        wrong["freeze"] = f"{record.key} is over, and nothing has to be approved."
    if by.user is None:
        wrong["by"] = "A person approves. Say who, with --as."
    if wrong or by.user is None:
        raise BadFields(wrong)
    if Side(side) not in sides_of(record, by.user):
        raise NotYourSide(side=Side(side))
    made = ApprovalRecord.objects.create(
        site=site,
        of=record.key,
        side=side,
        surface=names.get(surface.strip().casefold(), ""),
        sha=sha.strip(),
        reason=said,
        by=by.user,
        made_at=now,
        until=now + timedelta(hours=hours),
    )
    facts: dict[str, Json] = {
        "side": side,
        "until": made.until.isoformat(),
        "surface": made.surface,
        "sha": made.sha,
        "reason": said,
    }
    _audit(record, "freeze.deploy_approved", after=facts, by=by, now=now)
    return made


def sides_of(record: FreezeRecord, user: User) -> tuple[Side, ...]:
    """Say for which sides of a freeze a person may approve."""
    site = record.site
    does = functions_of(user, site)
    if not functions_in_use(site):
        return tuple(Side)
    found = []
    if str(user.pk) in owners_of(record) or does & {Function.ENGINEERING, Function.LIAISON}:
        found.append(Side.LIAISON)
    test = record.experiment
    deciders = {test.decision_owner_id, test.deputy_id} if test else {record.owner_id}
    if user.pk in deciders or Function.CRO_LEAD in does:
        found.append(Side.DECISION_OWNER)
    return tuple(found)


@transaction.atomic
def follow_experiment(record: ExperimentRecord, *, now: datetime) -> FreezeRecord | None:
    """See that a test has the freeze that it needs, and none that it does not need any more.

    Called where a test moves, and every hour; calling it again changes nothing.
    """
    site = record.site
    found = freeze_rows(site).filter(
        experiment=record, stage__in=[each.value for each in OPEN]
    ).first()  # fmt: skip
    trial = trial_of(site, record, now=now)
    wanted = (
        record.stage in _WANTS_FREEZE
        and record.method in OF_VISITORS
        and bool(record.surface.strip())
        and trial is not None
    )
    if found is None:
        if not wanted or trial is None:
            return None
        last = FreezeMoveRecord.objects.filter(freeze__experiment=record).last()
        if last is not None and (last.by_id is not None or last.operator):
            # Somebody has ended or cancelled it; a job does not freeze it again.
            return None
        return _derive(record, trial.starts, trial.ends, now=now)
    if not wanted or trial is None:
        _let_go(found, record, now=now)
        return found
    policy = deploy_policy_of(site)
    begins = _with_lead(trial.starts, record, policy)
    fresh = found.stage == FreezeStage.PROPOSED or not record.started_at
    starts = begins if fresh else found.starts_at
    if (found.starts_at, found.ends_at, found.surfaces) != (starts, trial.ends, [record.surface]):
        before = _facts(found)
        found.starts_at, found.ends_at = starts, trial.ends
        found.surfaces = [record.surface]
        _save(found)
        _audit(
            found,
            "freeze.moved_with_test",
            before={name: before[name] for name in ("starts", "ends", "surfaces")},
            after={name: _facts(found)[name] for name in ("starts", "ends", "surfaces")},
            by=_MACHINE,
            now=now,
        )
    return found


def _derive(
    record: ExperimentRecord, starts: datetime, ends: datetime | None, *, now: datetime
) -> FreezeRecord | None:
    policy = deploy_policy_of(record.site)
    if ends is not None and ends <= now:
        return None
    made = FreezeRecord.objects.create(
        site=record.site,
        number=_next_number(record.site),
        what=f"Test {record.name}"[:200],
        surfaces=[record.surface],
        starts_at=_with_lead(starts, record, policy),
        ends_at=ends,
        strength=policy.tests.value,
        source=Source.EXPERIMENT.value,
        stage=(FreezeStage.AGREED if policy.agreed_at_once else FreezeStage.PROPOSED).value,
        experiment=record,
        made_at=now,
    )
    facts = {**_facts(made), "stage": made.stage, "policy": f"v{policy.version}"}
    _audit(made, "freeze.derived", after=facts, by=_MACHINE, now=now)
    if made.stage == FreezeStage.PROPOSED:
        _ask_for_agreement(made, by=_MACHINE, now=now)
    return made


def _with_lead(starts: datetime, record: ExperimentRecord, policy: DeployPolicy) -> datetime:
    """Begin earlier where the policy says so; what runs already began when it did."""
    return starts if record.started_at else starts - timedelta(days=policy.lead_days)


def _let_go(found: FreezeRecord, record: ExperimentRecord, *, now: datetime) -> None:
    """End the freeze of a test that has stopped, and cancel that of one that does not come."""
    before = found.stage
    launched = record.started_at is not None
    agreed = before != FreezeStage.PROPOSED
    after = FreezeStage.ENDED if launched and agreed else FreezeStage.CANCELLED
    over = record.stopped_at or now
    found.over_at = min(over, found.ends_at) if found.ends_at else over
    found.stage = after.value
    _save(found)
    action = FreezeAction.END if after is FreezeStage.ENDED else FreezeAction.CANCEL
    why = f"{record.key} is {record.stage}."
    FreezeMoveRecord.objects.create(
        freeze=found,
        action=action.value,
        before=before,
        after=after.value,
        reason=why,
        moved_at=now,
    )
    _audit(
        found,
        f"freeze.{action.value}",
        before={"stage": before},
        after={"stage": after.value, "reason": why},
        by=_MACHINE,
        now=now,
    )
    settle(found.site, _cause(found), now=now)


def keep_time(site: Site, *, now: datetime) -> int:
    """Write down what time has done to freezes, and give tests theirs; a job's work.

    Returns:
        How many were changed.
    """
    experiments = ExperimentRecord.objects.filter(site=site).select_related(
        "site", "decision_owner"
    )
    wanted = models.Q(stage__in=_WANTS_FREEZE) | models.Q(
        freezes__stage__in=[each.value for each in OPEN]
    )
    for test in experiments.filter(wanted).distinct():
        follow_experiment(test, now=now)
    changed = 0
    for row in freeze_rows(site).filter(
        stage__in=[FreezeStage.AGREED.value, FreezeStage.ACTIVE.value], starts_at__lte=now
    ):
        with transaction.atomic():
            record = freeze_for_update(site, row.key)
            for stage, action, due in (
                (FreezeStage.AGREED, FreezeAction.ACTIVATE, record.starts_at),
                (FreezeStage.ACTIVE, FreezeAction.END, record.ends_at),
            ):
                if record.stage == stage and due is not None and due <= now:
                    _step(record, action, by=_MACHINE, now=now)
                    changed += 1
    return changed


def freeze_for_update(site: Site, key: str, *, version: int | None = None) -> FreezeRecord:
    """Give a freeze and hold it.

    Raises:
        NoSuchFreeze: The site has none with this key.
        FreezeChangedMeanwhile: Somebody else changed it.
    """
    found = freeze_of(site, key)
    if found is not None:
        FreezeRecord.objects.select_for_update().get(pk=found.pk)
        found = freeze_of(site, key)
    if found is None:
        raise NoSuchFreeze(key=key)
    if version is not None and version != found.version:
        raise FreezeChangedMeanwhile(key=found.key)
    return found


_MACHINE: Final = Actor(None, machine=True)


def _fill(record: FreezeRecord, fields: FreezeFields) -> None:
    wrong: dict[str, str] = {}
    if fields.what is not None:
        record.what = fields.what.strip()
        if len(record.what) > 200 or not is_storable(record.what):
            wrong["what"] = "At most 200 letters."
    if fields.surfaces is not None:
        names = {name.strip().casefold(): name for name in surface_names(record.site)}
        given = [each.strip() for each in fields.surfaces if each.strip()]
        unknown = [each for each in given if each.casefold() not in names]
        if unknown:
            wrong["surfaces"] = f"There is no surface {', '.join(unknown)[:200]}."
        record.surfaces = list(dict.fromkeys(names.get(each.casefold(), "") for each in given))
    if fields.starts is not None:
        record.starts_at = fields.starts
    if fields.ends is not None:
        record.ends_at = fields.ends
    for name, given_word, words in (
        ("strength", fields.strength, set(Strength)),
        ("source", fields.source, {Source.MANUAL, Source.SEASON}),
    ):
        if given_word is not None and given_word != getattr(record, name):
            if given_word not in words:
                wrong[name] = f"It is one of {', '.join(sorted(words))}."
            else:
                setattr(record, name, given_word)
    if fields.owner is not None:
        wanted = fields.owner.strip().lower()
        person = next((each for each in people_of(record.site) if each.email == wanted), None)
        if wanted and person is None:
            wrong["owner"] = "Choose somebody who belongs to the site."
        record.owner = person
    if wrong:
        raise BadFields(wrong)


def _check_complete(record: FreezeRecord, *, now: datetime) -> None:
    value = Freeze(
        key=record.key,
        what=record.what,
        surfaces=tuple(record.surfaces),
        starts=record.starts_at,  # None on a row that was never filled
        ends=record.ends_at,
        source=Source(record.source),
    )
    found = proposal_obstacles(value, at=now)
    if found:
        raise MoveRefused(subject="The freeze", action="be proposed", obstacles=found)


def _next_number(site: Site) -> int:
    # The site's row is the lock: two people at once do not get one number.
    Site.objects.select_for_update().get(pk=site.pk)
    last = FreezeRecord.objects.filter(site=site).aggregate(models.Max("number"))
    return (last["number__max"] or 0) + 1


def _save(record: FreezeRecord) -> None:
    record.version += 1
    record.save()


def _facts(record: FreezeRecord) -> dict[str, Json]:
    return {
        "what": record.what,
        "surfaces": list(record.surfaces),
        "starts": record.starts_at.isoformat(),
        "ends": record.ends_at.isoformat() if record.ends_at else None,
        "strength": record.strength,
        "source": record.source,
        "owner": record.owner.email if record.owner else "",
    }


def _cause(record: FreezeRecord) -> str:
    return f"freeze:{record.key}"


def _ask_for_agreement(record: FreezeRecord, *, by: Actor, now: datetime) -> None:
    """Tell who can agree that a surface of theirs is to be frozen."""
    keys = owners_of(record)
    people = [each for each in people_of(record.site) if str(each.pk) in keys]
    if any(not each.claim.owner for each in agreements_of(record)):
        for function in (Function.CRO_LEAD, Function.ENGINEERING):
            others = people_with(record.site, frozenset({function}))
            people += [each for each in others if each not in people]
    where = " and ".join(record.surfaces)
    notice = Notice(
        _cause(record),
        Severity.WATCH,
        f"{where} is to be frozen: {record.what}."[:500],
        "Agree, or say why not.",
        f"/s/{record.site.name}/freezes/{record.key}/",
        Topic.WORK,
    )
    asker = by.user.pk if by.user else None
    notify(record.site, notice, to=[each for each in people if each.pk != asker], now=now)


def _audit(
    record: FreezeRecord,
    action: str,
    *,
    after: dict[str, Json],
    by: Actor,
    now: datetime,
    before: dict[str, Json] | None = None,
) -> None:
    audit(
        action=action,
        target=f"freeze:{record.key}",
        before=before,
        after=after,
        now=now,
        site=record.site.name,
        **by.audited,
    )
