"""What is known of freezes: which hold, which tests run where, what was checked."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Q, QuerySet

from truelift.apps.accounts.reads import standing_of
from truelift.apps.experiments.domain import midnight_at
from truelift.apps.experiments.models import AnalysisRecord, ExperimentRecord
from truelift.apps.experiments.monitoring_models import WatchRecord
from truelift.apps.freezes.models import (
    ApprovalRecord,
    BadgeRecord,
    DeployCheckRecord,
    DeployPolicyRecord,
    DeployTokenRecord,
    FreezeRecord,
    ProtectionRecord,
    ProtectionRequestRecord,
)
from truelift.apps.programme.reads import policy_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.apps.surfaces.reads import surfaces_of
from truelift.lifecycle.deploy_check import (
    USUAL_DEPLOY_POLICY,
    Approval,
    DeployPolicy,
    Trial,
)
from truelift.lifecycle.experiment import RANDOMISED, Method, Origin, Stage
from truelift.lifecycle.freeze import (
    OPEN,
    Claim,
    Freeze,
    FreezeAction,
    FreezeAsked,
    FreezeStage,
    Strength,
    freeze_actions_from,
    freeze_obstacles,
)
from truelift.lifecycle.functions import MACHINE, Part
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.roadmap_item import ItemKind, ItemStage, RoadmapItem


OF_VISITORS: Final = tuple(
    each.value for each in (*RANDOMISED, Method.SWITCHBACK, Method.PRE_POST, Method.FAKE_DOOR)
)
"""Methods in which visitors meet something that a deploy can change under them."""

_RUNS: Final = frozenset({Stage.RUNNING.value, Stage.PAUSED.value})
_KEY: Final = re.compile(r"F-([1-9]\d{0,8})")

ITEM_STAGES: Final[Mapping[FreezeStage, ItemStage]] = {
    FreezeStage.PROPOSED: ItemStage.PROPOSED,
    FreezeStage.AGREED: ItemStage.SCHEDULED,
    FreezeStage.ACTIVE: ItemStage.RUNNING,
    FreezeStage.ENDED: ItemStage.DONE,
    FreezeStage.CANCELLED: ItemStage.CANCELLED,
}
"""What a freeze's stage is called among the other items of a roadmap."""


def deploy_policy_of(site: Site) -> DeployPolicy:
    """Give what the team has chosen for its deploys; the defaults where it has chosen nothing."""
    found = DeployPolicyRecord.objects.filter(site=site).order_by("-version").first()
    return found.as_domain() if found else USUAL_DEPLOY_POLICY


def deploy_policy_document(policy: DeployPolicy) -> dict[str, Any]:
    """Give a policy as the API and the audit tell it."""
    return {
        "version": policy.version,
        "tests": policy.tests.value,
        "agreed_at_once": policy.agreed_at_once,
        "unmapped": policy.unmapped.value,
        "fail": policy.fail.value,
        "lead_days": policy.lead_days,
        "environments": list(policy.environments),
    }


def freeze_rows(site: Site) -> QuerySet[FreezeRecord]:
    """Give a site's freezes with everything that judging and showing them reads."""
    return FreezeRecord.objects.filter(site=site).select_related(
        "site", "owner", "experiment__decision_owner"
    )


def freeze_of(site: Site, key: str) -> FreezeRecord | None:
    """Find a freeze of the site by its key."""
    found = _KEY.fullmatch(key)
    return freeze_rows(site).filter(number=int(found[1])).first() if found else None


def freezes_within(site: Site, *, since: datetime, until: datetime) -> tuple[FreezeRecord, ...]:
    """List the freezes whose window has a part in a span of time, by their start."""
    return tuple(
        freeze_rows(site)
        .filter(Q(ends_at__isnull=True) | Q(ends_at__gt=since), starts_at__lt=until)
        .exclude(over_at__lte=since)
        .order_by("starts_at", "pk")
    )


def trials_of(site: Site, *, since: datetime, until: datetime, now: datetime) -> tuple[Trial, ...]:
    """List the tests that visitors meet within a span of time, by their start.

    Args:
        site: Where.
        since: The first instant.
        until: The first instant that does not count.
        now: The moment: what runs past its planned end has no end yet.
    """
    begun = Q(started_at__lt=until) & (Q(stopped_at__isnull=True) | Q(stopped_at__gt=since))
    # Days are the site's: a day more on both sides, and the windows below are exact.
    first = (since - timedelta(days=1)).date()
    last = (until + timedelta(days=1)).date()
    planned = Q(starts_on__lte=last, ends_on__gte=first)
    elsewhere = planned & Q(origin=Origin.IMPORTED.value)
    coming = planned & Q(stage=Stage.SCHEDULED.value)
    rows = (
        ExperimentRecord.objects.filter(begun | elsewhere | coming)
        .filter(site=site, method__in=OF_VISITORS)
        .exclude(surface="")
        .select_related("decision_owner")
        .order_by("pk")
    )
    found = [trial for row in rows if (trial := trial_of(site, row, now=now)) is not None]
    return tuple(
        sorted(
            (
                each
                for each in found
                if each.starts < until and (each.ends is None or each.ends > since)
            ),
            key=lambda each: each.starts,
        )
    )


def trial_of(site: Site, record: ExperimentRecord, *, now: datetime) -> Trial | None:
    """Give an experiment as a deploy meets it; None where it has no time yet."""
    planned = midnight_at(site, record.ends_on) if record.ends_on else None
    starts = record.started_at
    if starts is None and record.starts_on is not None:
        starts = midnight_at(site, record.starts_on)
    if starts is None:
        return None
    ends = record.stopped_at or planned
    if record.stage in _RUNS and planned is not None and planned <= now:
        ends = None
    if ends is not None and ends <= starts:
        return None
    return Trial(
        key=record.key,
        surfaces=(record.surface,),
        starts=starts,
        ends=ends,
        owner=str(record.decision_owner) if record.decision_owner else "",
    )


def named_surfaces(site: Site) -> tuple[str, ...]:
    """Name the surfaces that experiments of the site were ever planned on, on a list or not."""
    return tuple(
        ExperimentRecord.objects.filter(site=site)
        .exclude(surface="")
        .order_by("surface")
        .values_list("surface", flat=True)
        .distinct()
    )


def surface_names(site: Site) -> tuple[str, ...]:
    """Name every surface that can be frozen: those on the list first, then those of tests."""
    found = {each.name.strip().casefold(): each.name for each in surfaces_of(site)}
    for name in named_surfaces(site):
        found.setdefault(name.strip().casefold(), name)
    return tuple(found.values())


def shares_collected(site: Site, keys: Collection[str], *, at: datetime) -> dict[str, float]:
    """Say how much of its sample each test had at a moment, from what was last counted.

    No question is asked of the lake: a pipeline waits for this.
    """
    found: dict[str, float] = {}
    looks = WatchRecord.objects.filter(experiment__site=site, experiment__key__in=keys, at__lte=at)
    newest = looks.values("experiment").annotate(newest=models.Max("pk")).values("newest")
    watched = WatchRecord.objects.filter(pk__in=newest)
    for key, document in watched.values_list("experiment__key", "document") if keys else ():
        units, needed = document.get("units"), document.get("needed")
        if units is not None and needed:
            found[key] = min(1.0, float(units) / float(needed))
    left = set(keys) - set(found)
    if left:
        analysed = (
            AnalysisRecord.objects.filter(
                experiment__site=site, experiment__key__in=left, as_of__lte=at
            )
            .select_related("experiment")
            .order_by("experiment", "-number")
        )
        for analysis in analysed:
            planned = analysis.experiment.n_per_variant
            variants = analysis.document.get("variants") or []
            if analysis.experiment.key not in found and planned and variants:
                units = sum(int(each.get("units") or 0) for each in variants)
                found[analysis.experiment.key] = min(1.0, units / (planned * len(variants)))
    return found


def approvals_of(site: Site, *, since: datetime) -> tuple[Approval, ...]:
    """List the approvals that held at some time since a moment."""
    rows = ApprovalRecord.objects.filter(site=site, until__gt=since).select_related("by")
    return tuple(row.as_domain() for row in rows)


def approvals_at(site: Site, record: FreezeRecord, *, now: datetime) -> tuple[ApprovalRecord, ...]:
    """List the approvals of a freeze or its test that hold now."""
    keys = [record.key, *([record.experiment.key] if record.experiment else [])]
    rows = ApprovalRecord.objects.filter(site=site, of__in=keys, until__gt=now)
    return tuple(rows.select_related("by").order_by("pk"))


def owners_of(record: FreezeRecord) -> frozenset[str]:
    """Give the keys of who owns a surface of the freeze."""
    names = {name.strip().casefold() for name in record.surfaces}
    rows = SurfaceRecord.objects.filter(site=record.site, owner__is_active=True)
    return frozenset(
        str(owner) for name, owner in rows.values_list("name", "owner_id") if _folded(name) in names
    )


@dataclass(frozen=True, slots=True)
class Agreement:
    """Who agrees for a surface of a freeze, and when they did.

    Attributes:
        claim: Who has to, and who has.
        at: When they did; None while nobody has.
    """

    claim: Claim
    at: datetime | None


def agreements_of(record: FreezeRecord) -> tuple[Agreement, ...]:
    """Say for each surface of a freeze who agrees for it, and who has."""
    owners = {
        _folded(each.name): each.owner
        for each in SurfaceRecord.objects.filter(
            site=record.site, owner__is_active=True
        ).select_related("owner")
    }
    given = (
        {each.surface: each for each in record.agreements.select_related("by")} if record.pk else {}
    )
    found = []
    for name in record.surfaces:
        owner, row = owners.get(_folded(name)), given.get(name)
        by = "" if row is None else str(row.by) if row.by else "the operator"
        claim = Claim(name, str(owner.pk) if owner else "", str(owner) if owner else "", by)
        found.append(Agreement(claim, row.agreed_at if row else None))
    return tuple(found)


def asked_by(
    record: FreezeRecord, by: Actor, *, now: datetime, reason: str | None = None
) -> FreezeAsked:
    """Say who asks for a move of a freeze."""
    if by.machine:
        return FreezeAsked(at=now, by=MACHINE, reason=reason)
    parts = {
        Part.OWNER: owners_of(record),
        Part.AUTHOR: frozenset({str(record.made_by_id)} if record.made_by_id else ()),
    }
    return FreezeAsked(
        at=now,
        by=standing_of(by.user, record.site),
        parts=parts,
        reason=reason,
        central=policy_of(record.site).central,
        claims=_claims(record, by),
    )


def _claims(record: FreezeRecord, by: Actor) -> tuple[Claim, ...]:
    claims = tuple(each.claim for each in agreements_of(record))
    # Who keeps the server answers to the audit, and to no owner.
    return claims if by.user else tuple(replace(each, owner="") for each in claims)


def refusals(
    record: FreezeRecord, *, by: Actor, now: datetime
) -> dict[FreezeAction, tuple[Obstacle, ...]]:
    """Say of each step that can be asked for what stands in its way."""
    freeze, asked = record.as_domain(), asked_by(record, by, now=now)
    return {
        action: freeze_obstacles(freeze, action, asked=asked)
        for action in freeze_actions_from(freeze.at(now).stage)
        if action is not FreezeAction.ACTIVATE
    }


def freeze_obstacles_of(record: ExperimentRecord, *, now: datetime) -> tuple[Obstacle, ...]:
    """Say why the freeze of an experiment does not let it be scheduled (gate *roadmap*).

    Nothing is said where the policy asks nobody, and of what has no surface: nothing is frozen.
    """
    if not record.surface.strip() or record.method not in OF_VISITORS:
        return ()
    policy = deploy_policy_of(record.site)
    found = FreezeRecord.objects.filter(experiment=record).order_by("-pk").first()
    if found is None:
        if policy.agreed_at_once:
            return ()
        return (
            Obstacle(
                "freeze.none",
                f"Nobody has proposed to freeze {record.surface} for it.",
                "Propose a freeze, and have the owner of the surface agree.",
            ),
        )
    stage = found.as_domain().at(now).stage
    if stage in {FreezeStage.AGREED, FreezeStage.ACTIVE}:
        return ()
    return (
        Obstacle(
            "freeze.not_agreed",
            f"The owner of {record.surface} has not agreed to its freeze {found.key}."
            if stage is FreezeStage.PROPOSED
            else f"Its freeze {found.key} was {stage}.",
            "Ask the owner of the surface or engineering to agree."
            if stage is FreezeStage.PROPOSED
            else "Propose another one, and have it agreed to.",
        ),
    )


def roadmap_items(site: Site, *, since: datetime, until: datetime) -> tuple[RoadmapItem, ...]:
    """Give the freezes of a span of time as items of the roadmap, in days of the site."""
    return tuple(as_item(each) for each in freezes_within(site, since=since, until=until))


def as_item(record: FreezeRecord) -> RoadmapItem:
    """Give a freeze as an item of the roadmap."""
    zone = ZoneInfo(record.site.time_zone)
    freeze = record.as_domain()
    owner = record.owner or (record.experiment.decision_owner if record.experiment else None)
    last = freeze.ends
    end = None
    if last is not None:
        local = last.astimezone(zone)
        # A freeze that ends within a day still takes that day.
        whole = local.time().replace(microsecond=0).isoformat() == "00:00:00"
        end = local.date() if whole else local.date() + timedelta(days=1)
    return RoadmapItem(
        key=record.key,
        kind=ItemKind.FREEZE,
        what=record.what,
        stage=ITEM_STAGES[FreezeStage(record.stage)],
        surfaces=tuple(record.surfaces),
        start=record.starts_at.astimezone(zone).date(),
        end=end,
        owner=owner.email if owner else "",
        owner_active=owner.is_active if owner else True,
        agreed=record.stage in {FreezeStage.AGREED, FreezeStage.ACTIVE, FreezeStage.ENDED},
        of=record.experiment.key if record.experiment else "",
    )


def open_freezes(site: Site) -> tuple[FreezeRecord, ...]:
    """List the freezes that are not over, by their start."""
    stages = [each.value for each in OPEN]
    return tuple(freeze_rows(site).filter(stage__in=stages).order_by("starts_at", "pk"))


def tokens_of(site: Site) -> tuple[DeployTokenRecord, ...]:
    """List the tokens with which pipelines ask."""
    return tuple(DeployTokenRecord.objects.filter(site=site, revoked_at=None).order_by("pk"))


def badges_of(site: Site) -> tuple[BadgeRecord, ...]:
    """List the badges that are shown."""
    return tuple(BadgeRecord.objects.filter(site=site, revoked_at=None).order_by("pk"))


def protections_of(site: Site) -> tuple[ProtectionRecord, ...]:
    """List the GitHub Apps that ask."""
    return tuple(ProtectionRecord.objects.filter(site=site, ended_at=None).order_by("pk"))


def unanswered_of(site: Site) -> tuple[ProtectionRequestRecord, ...]:
    """List the newest deployments that GitHub did not let us answer."""
    rows = ProtectionRequestRecord.objects.filter(protection__site=site, answered_at=None)
    return tuple(rows.exclude(problem="").order_by("-pk")[:5])


def checks_of(
    site: Site, *, decision: str = "", before: int | None = None, most: int = 50
) -> tuple[DeployCheckRecord, ...]:
    """List the newest checks, the newest first.

    Args:
        site: Where.
        decision: Only those answered so; empty for all.
        before: Only those older than the one of this number.
        most: As many.
    """
    rows = DeployCheckRecord.objects.filter(site=site).select_related("asked_by", "token")
    if decision:
        rows = rows.filter(decision=decision)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return tuple(rows.order_by("-pk")[:most])


def freeze_document(record: FreezeRecord, *, by: Actor, now: datetime) -> dict[str, Any]:
    """Give a freeze as the API tells it, with what stands in the way of each step."""
    return {
        **freeze_summary(record, now=now),
        "agreements": [
            {
                "surface": each.claim.surface,
                "owner": each.claim.called or None,
                "agreed_by": each.claim.agreed_by or None,
                "agreed_at": each.at,
            }
            for each in agreements_of(record)
        ],
        "actions": [
            {
                "action": action.value,
                "obstacles": [
                    {"code": each.code, "sentence": each.sentence, "remedy": each.remedy}
                    for each in obstacles
                ],
            }
            for action, obstacles in refusals(record, by=by, now=now).items()
        ],
        "approvals": [
            approval_document(each) for each in approvals_at(record.site, record, now=now)
        ],
        "moves": [
            {
                "action": each.action,
                "before": each.before,
                "after": each.after,
                "reason": each.reason,
                "by": str(each.by) if each.by else "",
                "at": each.moved_at,
            }
            for each in record.moves.select_related("by")
        ],
    }


def freeze_summary(record: FreezeRecord, *, now: datetime) -> dict[str, Any]:
    """Give a freeze as a line of a list."""
    freeze: Freeze = record.as_domain().at(now)
    return {
        "key": record.key,
        "what": record.what,
        "stage": freeze.stage.value,
        "surfaces": list(freeze.surfaces),
        "starts": freeze.starts,
        "ends": freeze.ends,
        "strength": freeze.strength.value,
        "source": freeze.source.value,
        "experiment": freeze.of,
        "owner": freeze.owner,
        "agreed_at": record.agreed_at,
        "version": record.version,
    }


def approval_document(record: ApprovalRecord) -> dict[str, Any]:
    """Give an approval as the API tells it."""
    return {
        "of": record.of,
        "side": record.side,
        "surface": record.surface,
        "sha": record.sha,
        "reason": record.reason,
        "by": str(record.by),
        "made_at": record.made_at,
        "until": record.until,
    }


def check_line(record: DeployCheckRecord) -> dict[str, Any]:
    """Give a check as a line of the log."""
    return {
        "number": record.pk,
        "check_id": record.public_id,
        "asked_at": record.asked_at,
        "at": record.at,
        "decision": record.decision,
        "denied": record.denied,
        "emergency": record.emergency,
        "reason": record.reason,
        "env": record.env,
        "repo": record.repo,
        "sha": record.sha,
        "surfaces": list(record.surfaces),
        "actor": record.actor,
        "asked_by": asker_of(record),
        "asker": record.asker,
        "until": record.until,
        "reasons": record.reasons,
        "tests": list(record.tests),
        "policy": f"v{record.policy}",
        "fail": record.fail,
    }


def asker_of(record: DeployCheckRecord) -> str:
    """Say who asked: the person, or the name of the token."""
    if record.asked_by:
        return str(record.asked_by)
    return record.token.name if record.token else "the operator"


def strengths() -> Sequence[tuple[str, str]]:
    """Give the strengths for a field to choose from."""
    return tuple((each.value, each.called) for each in Strength)


def _folded(name: str) -> str:
    return name.strip().casefold()
