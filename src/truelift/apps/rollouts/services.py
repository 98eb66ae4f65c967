"""Everything that can be done to rollouts, each atomic and written down."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Json, User
from truelift.apps.accounts.reads import functions_in_use, functions_of, standing_of
from truelift.apps.experiments.job_kinds import queue
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.programme.reads import policy_of
from truelift.apps.qa.hosts import verified_hosts
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable, storable
from truelift.apps.rollouts.checking import lines_from
from truelift.apps.rollouts.models import (
    RolloutCheckRecord,
    RolloutMoveRecord,
    RolloutRecord,
    RolloutSignatureRecord,
    SiteMoneyRecord,
)
from truelift.apps.sites.models import Site
from truelift.egress.gate import named, parsed
from truelift.errors import Refusal
from truelift.lifecycle.functions import Function, Part, Parts, Signature
from truelift.lifecycle.rollout import (
    Rollout,
    RolloutAction,
    RolloutAsked,
    RolloutStage,
    VariantCode,
    move_rollout,
)


PAGE_CHECK: Final = "rollouts.page_check"
MONEY: Final = "rollouts.money"

USUAL_TIME: Final = timedelta(days=30)
"""A winner is due so long after its decision, until somebody says otherwise."""

_KEY: Final = re.compile(r"R-([1-9]\d{0,8})")
_LINK: Final = re.compile(r"https?://\S+|/\S*")

SIGNING: Final = (Function.ENGINEERING, Function.CRO_LEAD)
"""Who has to say that it is live for everybody."""


class NoSuchRollout(Refusal):
    """The site has no rollout with this key."""

    code = "rollouts.no_such_rollout"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"There is no rollout {key[:20]!r}; the list has all.", key=key[:20])


class ChangedMeanwhile(Refusal):
    """Somebody else changed it while a person was looking."""

    code = "rollouts.changed_meanwhile"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"{key} was changed meanwhile. Look at it again, then try.", key=key)


class BadRolloutFields(Refusal):
    """Something does not fit into its field.

    Attributes:
        wrong: Field → what is wrong.
    """

    code = "rollouts.bad_fields"

    def __init__(self, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        super().__init__(" ".join(wrong.values()), fields=tuple(wrong))


class Settled(Refusal):
    """A rollout that was given up, or is cleaned up, is not changed any more."""

    code = "rollouts.settled"

    def __init__(self, *, key: str, stage: str) -> None:
        super().__init__(f"{key} is {stage.replace('_', ' ')} and stays as it is.", key=key)


class NothingToLookFor(Refusal):
    """A page check of nothing."""

    code = "rollouts.nothing_to_look_for"

    def __init__(self, *, key: str) -> None:
        super().__init__(
            f"Nobody has said which page of {key} is looked at, and what must be on it. Say both"
            " first.",
            key=key,
        )


class NotYours(Refusal):
    """Somebody signs in a function that they do not have."""

    code = "rollouts.not_your_function"

    def __init__(self, *, function: str) -> None:
        super().__init__(
            f"You do not sign for {function}: it is not your function on this site. Ask somebody"
            " whose it is, or an owner for the function.",
            function=function,
        )


class NothingToSign(Refusal):
    """There is nothing to be signed at this stage."""

    code = "rollouts.nothing_to_sign"

    def __init__(self, *, key: str, stage: str) -> None:
        super().__init__(
            f"{key} is {stage.replace('_', ' ')}; it is signed when it is live.", key=key
        )


@dataclass(frozen=True, slots=True)
class RolloutFields:
    """What people say of a rollout; None leaves a field as it is.

    Attributes:
        owner: E-mail address of the person who answers for it; empty: nobody.
        due: ISO day; empty: none.
        exposure: Share of visitors that get it.
        reach: Share of the site's sessions that it concerns.
    """

    owner: str | None = None
    due: str | None = None
    variant: str | None = None
    exposure: float | None = None
    permanent: bool | None = None
    deploy_link: str | None = None
    ticket: str | None = None
    variant_code: str | None = None
    notes: str | None = None
    reach: float | None = None
    check_url: str | None = None
    present: str | None = None
    gone: str | None = None


def open_rollout(record: ExperimentRecord, *, by: Actor, now: datetime) -> RolloutRecord:
    """Begin to follow a winner until it is live; called where *ship* is decided.

    What its experiment says of the implementer is taken over.
    """
    found = RolloutRecord.objects.filter(experiment=record).first()
    if found is not None:
        return found
    analysis = record.analyses.order_by("-number").first()
    advised = (analysis.document.get("recommendation") or {}) if analysis else {}
    treatments = [each.key for each in record.variants.all() if not each.is_control]
    variant = str(advised.get("variant") or "")
    if variant not in treatments:
        variant = treatments[0] if len(treatments) == 1 else ""
    zone = ZoneInfo(record.site.time_zone)
    implementer = getattr(record, "implementer", None)
    last = RolloutRecord.objects.filter(site=record.site).aggregate(models.Max("number"))
    made = RolloutRecord.objects.create(
        site=record.site,
        number=(last["number__max"] or 0) + 1,
        experiment=record,
        variant=variant,
        owner=implementer if isinstance(implementer, User) else None,
        due=(now + USUAL_TIME).astimezone(zone).date(),
        decided_at=now,
    )
    audit(
        action="rollout.opened",
        target=f"rollout:{made.key}",
        after={"experiment": record.key, "variant": variant},
        now=now,
        site=record.site.name,
        **by.audited,
    )
    ask_for_money(record.site, by=by, now=now)
    return made


def ask_for_money(site: Site, *, by: Actor, now: datetime) -> None:
    """Have the worker ask what the site's days came to, and shrink the lifts anew."""
    SiteMoneyRecord.objects.get_or_create(site=site, defaults={"currency": site.currency})
    queue(MONEY, f"site:{site.pk}", by=by.user, now=now)


@transaction.atomic
def edit_rollout(
    site: Site,
    key: str,
    fields: RolloutFields,
    *,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> RolloutRecord:
    """Change what is said of a rollout.

    Args:
        site: Where.
        key: Which.
        fields: What is said.
        by: Who.
        now: When.
        version: What the person looked at; None when nobody looked at a page.

    Raises:
        NoSuchRollout: The site has none with this key.
        ChangedMeanwhile: Somebody else changed it.
        BadRolloutFields: Something does not fit.
        Settled: It was given up or is cleaned up.
    """
    record = rollout_for_update(site, key, version=version)
    if record.stage in {RolloutStage.ABANDONED, RolloutStage.CLEANED_UP}:
        raise Settled(key=record.key, stage=record.stage)
    before = _facts(record)
    wrong: dict[str, str] = {}
    _fill(record, fields, wrong)
    if wrong:
        raise BadRolloutFields(wrong)
    after = _facts(record)
    if before == after:
        return record
    _save(record)
    if before["variant"] != after["variant"]:
        ask_for_money(site, by=by, now=now)
    changed = [name for name, value in after.items() if before[name] != value]
    audit(
        action="rollout.edited",
        target=f"rollout:{record.key}",
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
        now=now,
        site=site.name,
        **by.audited,
    )
    return record


@transaction.atomic
def move(
    site: Site,
    key: str,
    action: RolloutAction,
    *,
    by: Actor,
    now: datetime,
    reason: str = "",
    version: int | None = None,
) -> RolloutRecord:
    """Take one step, and write down who took it.

    Raises:
        NoSuchRollout: The site has none with this key.
        ChangedMeanwhile: Somebody else changed it.
        MoveRefused: It may not take this step; with every reason.
    """
    record = rollout_for_update(site, key, version=version)
    said = storable(reason).strip()[:1000]
    before = record.stage
    after = move_rollout(as_domain(record), action, asked=asked_by(record, by, now, said))
    record.stage = after.stage.value
    record.live_at = after.live_at
    if after.stage is RolloutStage.VERIFIED:
        record.verified_at = now
    elif after.stage is RolloutStage.ABANDONED:
        record.ended_at = now
    _save(record)
    RolloutMoveRecord.objects.create(
        rollout=record,
        action=action.value,
        before=before,
        after=record.stage,
        reason=said,
        by=by.user,
        operator=by.operator,
        moved_at=now,
    )
    audit(
        action=f"rollout.{action.value}",
        target=f"rollout:{record.key}",
        before={"stage": before},
        after={"stage": record.stage, **({"reason": said} if said else {})},
        now=now,
        site=site.name,
        **by.audited,
    )
    return record


@transaction.atomic
def sign(site: Site, key: str, function: str, *, by: User, now: datetime) -> RolloutRecord:
    """Say, in a function, that it is live for everybody.

    Raises:
        NoSuchRollout: The site has none with this key.
        NotYours: The person does not have this function.
        NothingToSign: It is not live, or verified already.
    """
    record = rollout_for_update(site, key)
    if function not in SIGNING or (
        functions_in_use(site) and Function(function) not in functions_of(by, site)
    ):
        known = function in set(Function)
        raise NotYours(function=Function(function).called if known else function[:20])
    if record.stage != RolloutStage.LIVE:
        raise NothingToSign(key=record.key, stage=record.stage)
    RolloutSignatureRecord.objects.update_or_create(
        rollout=record, function=function, defaults={"by": by, "signed_at": now}
    )
    audit(
        action="rollout.signed",
        target=f"rollout:{record.key}",
        after={"function": function},
        now=now,
        site=site.name,
        actor=by,
    )
    return record


@transaction.atomic
def ask_for_check(site: Site, key: str, *, by: Actor, now: datetime) -> RolloutCheckRecord:
    """Have a browser look at the page; asking again while one waits gives the one that waits.

    Raises:
        NoSuchRollout: The site has none with this key.
        NothingToLookFor: Nobody has said what to look for.
    """
    record = rollout_for_update(site, key)
    if not record.check_url or not (record.present.strip() or record.gone.strip()):
        raise NothingToLookFor(key=record.key)
    waiting = record.checks.filter(finished_at__isnull=True).first()
    if waiting is None:
        waiting = RolloutCheckRecord.objects.create(
            rollout=record,
            asked_by=by.user,
            asked_at=now,
            url=record.check_url,
            present=record.present,
            gone=record.gone,
        )
        audit(
            action="rollout.check_asked",
            target=f"rollout:{record.key}",
            after={"url": record.check_url},
            now=now,
            site=site.name,
            **by.audited,
        )
    queue(PAGE_CHECK, f"rollout-check:{waiting.pk}", by=by.user, now=now)
    return waiting


def rollout_for_update(site: Site, key: str, *, version: int | None = None) -> RolloutRecord:
    """Take a rollout of the site for a change.

    Raises:
        NoSuchRollout: The site has none with this key.
        ChangedMeanwhile: It is not at this version any more.
    """
    number = _KEY.fullmatch(key)
    found = (
        RolloutRecord.objects.select_for_update(of=("self",))
        .filter(site=site, number=int(number[1]))
        .first()
        if number
        else None
    )
    if found is None:
        raise NoSuchRollout(key=key)
    if version is not None and version != found.version:
        raise ChangedMeanwhile(key=found.key)
    return found


def number_in(key: str) -> int | None:
    """Read the number of a key; None where it is none."""
    found = _KEY.fullmatch(key)
    return int(found[1]) if found else None


def as_domain(record: RolloutRecord) -> Rollout:
    """Give the value that the rules judge."""
    return record.as_domain(record.checks.filter(finished_at__isnull=False).first())


def asked_by(record: RolloutRecord, by: Actor, now: datetime, reason: str | None) -> RolloutAsked:
    """Tell the rules who asks, and who has which part."""
    return RolloutAsked(
        at=now,
        by=standing_of(by.user, record.site),
        parts=_parts(record),
        signed=tuple(
            Signature(Function(each.function), str(each.by_id)) for each in record.signatures.all()
        ),
        reason=reason,
        central=policy_of(record.site).central,
    )


def _parts(record: RolloutRecord) -> Parts:
    def keys(*people: int | None) -> frozenset[str]:
        return frozenset(str(each) for each in people if each is not None)

    experiment = record.experiment
    return {
        Part.OWNER: keys(record.owner_id),
        Part.IMPLEMENTER: keys(record.owner_id, getattr(experiment, "implementer_id", None)),
        Part.DECISION_OWNER: keys(experiment.decision_owner_id),
        Part.DEPUTY: keys(experiment.deputy_id),
    }


def _save(record: RolloutRecord) -> None:
    record.version += 1
    record.save()


_TEXTS: Final[Mapping[str, int]] = {
    "deploy_link": 500,
    "ticket": 500,
    "notes": 2000,
    "check_url": 2000,
    "present": 4000,
    "gone": 4000,
}


def _fill(record: RolloutRecord, fields: RolloutFields, wrong: dict[str, str]) -> None:
    for name, most in _TEXTS.items():
        given = getattr(fields, name)
        if given is None:
            continue
        if not is_storable(given) or len(given) > most:
            wrong[name] = f"It has at most {most} letters, and none that cannot be stored."
            continue
        setattr(record, name, given.strip())
    for name in ("deploy_link", "ticket"):
        link = getattr(record, name)
        if link and not _LINK.fullmatch(link):
            wrong.setdefault(name, "A link begins with https://, http:// or /.")
    _fill_person(record, fields, wrong)
    for name in ("exposure", "reach"):
        share: float | None = getattr(fields, name)
        if share is None:
            continue
        if not math.isfinite(share) or not 0 <= share <= 1 or (name == "reach" and share == 0):
            wrong[name] = "It is a share of everybody, up to 100%."
        else:
            setattr(record, name, share)
    if fields.permanent is not None:
        record.permanent = fields.permanent
    if fields.variant_code is not None:
        if fields.variant_code in set(VariantCode):
            record.variant_code = fields.variant_code
        else:
            wrong["variant_code"] = f"It is one of {', '.join(VariantCode)}."
    if fields.variant is not None:
        if not fields.variant or record.experiment.variants.filter(key=fields.variant).exists():
            record.variant = fields.variant
        else:
            wrong["variant"] = "The experiment has no such variant."
    _check_page(record, wrong)


def _fill_person(record: RolloutRecord, fields: RolloutFields, wrong: dict[str, str]) -> None:
    if fields.owner is not None:
        email = fields.owner.strip().lower()
        owner = User.objects.filter(
            email=email, is_active=True, memberships__site=record.site
        ).first()
        if email and owner is None:
            wrong["owner"] = "Nobody on this site has that address."
        else:
            record.owner = owner
    if fields.due is not None:
        try:
            record.due = date.fromisoformat(fields.due) if fields.due else None
        except ValueError:
            wrong["due"] = "It is a day, as 2026-11-30."


def _check_page(record: RolloutRecord, wrong: dict[str, str]) -> None:
    for name in ("present", "gone"):
        try:
            lines_from(getattr(record, name))
        except Refusal as error:
            wrong.setdefault(name, str(error))
    if not record.check_url:
        return
    try:
        parts, host, port = parsed(record.check_url)
    except Refusal as error:
        wrong.setdefault("check_url", str(error))
        return
    usual = port == {"http": 80, "https": 443}[parts.scheme]
    if not named(host, port, verified_hosts(record.site), usual=usual):
        wrong.setdefault(
            "check_url",
            f"The site has not verified that {host} is its own. An owner can do that on the page"
            " of its hosts.",
        )


def _facts(record: RolloutRecord) -> dict[str, Json]:
    return {
        "owner": record.owner.email if record.owner else "",
        "due": record.due.isoformat() if record.due else None,
        "variant": record.variant,
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
    }
