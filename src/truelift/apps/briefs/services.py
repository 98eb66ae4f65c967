"""What may be done to a brief: write it, acknowledge it, approve it, sign it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import functions_of, role_of, standing_of
from truelift.apps.briefs.models import (
    SIGNING,
    ApprovalRecord,
    BriefRecord,
    FollowUpRecord,
    MetricClassRecord,
)
from truelift.apps.briefs.modes import GUARDRAILS
from truelift.apps.experiments.domain import as_domain
from truelift.apps.experiments.metrics import current_metrics, define_metric
from truelift.apps.experiments.models import (
    ExperimentRecord,
    MetricRecord,
    MetricRole,
    PlannedMetricRecord,
)
from truelift.apps.experiments.services import PlanIsFrozen, experiment_for_update
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.brief import Approved, Guards, MetricClass, Review, Risk, Situation
from truelift.lifecycle.experiment import PREPARING, Choice, Stage, plan_digest
from truelift.lifecycle.functions import Function


class BadBrief(Refusal):
    """What was written into a brief does not fit; every field is named at once.

    Attributes:
        wrong: Field and what is wrong with it.
    """

    code = "brief.bad_fields"

    def __init__(self, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        said = " ".join(f"{name}: {what}" for name, what in wrong.items())
        super().__init__(f"The brief cannot be kept. {said}", fields=tuple(wrong))


class NotYours(Refusal):
    """Somebody else has to say this."""

    code = "brief.not_yours"

    def __init__(self, *, what: str, who: str) -> None:
        super().__init__(f"{what} is given by {who}. Ask them.", what=what)


class BriefIsFrozen(Refusal):
    """After the launch nothing of what was settled is settled otherwise."""

    code = "brief.frozen"

    def __init__(self, *, key: str, stage: str) -> None:
        super().__init__(
            f"{key} is {stage}: what was settled before its launch stays. Only the notes of QA"
            " and the audience can be completed.",
            key=key,
            stage=stage,
        )


@dataclass(frozen=True, slots=True)
class BriefChange:
    """What is written into a brief; None stays as it is.

    Attributes:
        builder: E-mail address of a member; empty for nobody. So is `implementer`.
        decisions: Situation → choice; an empty choice takes the row out again.
        risks: Risk → whether there is one; None takes the answer back.
    """

    goal: str | None = None
    audience: str | None = None
    adds_pressure: bool | None = None
    builder: str | None = None
    implementer: str | None = None
    effort_days: float | None = None
    slot: str | None = None
    decisions: Mapping[str, str] | None = None
    risks: Mapping[str, bool | None] | None = None
    qa_notes: str | None = None


_TEXTS: Final[Mapping[str, int]] = {"goal": 500, "audience": 300, "slot": 120, "qa_notes": 2000}
_ALWAYS: Final = frozenset({"audience", "qa_notes"})
"""What belongs to the documentation, which is completed when the test is over."""


@transaction.atomic
def write_brief(
    site: Site, key: str, change: BriefChange, *, by: Actor, now: datetime
) -> BriefRecord:
    """Write into a brief what is given.

    Who would build the winner agrees with an effort and a slot; a change of any of them
    asks for that agreement again.

    Raises:
        NoSuchExperiment: The site has none with this key.
        BriefIsFrozen: It was launched, and more than its documentation would change.
        BadBrief: Something does not fit, with every field.
    """
    experiment = experiment_for_update(site, key)
    kept = BriefRecord.objects.filter(experiment=experiment).first()
    row = kept or BriefRecord(experiment=experiment)
    before = _facts(row)
    given = {name: value for name in _FIELDS if (value := getattr(change, name)) is not None}
    if experiment.stage not in PREPARING and not set(given) <= _ALWAYS:
        raise BriefIsFrozen(key=key, stage=experiment.stage)
    _fill(row, given, site=site)
    after = _facts(row)
    if kept is not None and after == before:
        return row
    if any(before[name] != after[name] for name in ("implementer", "effort_days", "slot")):
        row.acknowledged_at = None
    row.changed_by, row.changed_at = by.user, now
    row.save()
    changed = [name for name in after if before[name] != after[name]]
    audit(
        action="brief.written",
        target=f"experiment:{key}",
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed},
        now=now,
        site=site.name,
        **by.audited,
    )
    return row


@transaction.atomic
def acknowledge(site: Site, key: str, *, by: Actor, now: datetime) -> BriefRecord:
    """Let the implementer agree to build the winner.

    Raises:
        NoSuchExperiment: The site has none with this key.
        NotYours: Somebody else is named as the implementer, or nobody.
    """
    experiment = experiment_for_update(site, key)
    row = BriefRecord.objects.filter(experiment=experiment).first()
    if row is None or row.implementer is None or by.user is None or row.implementer != by.user:
        who = str(row.implementer) if row and row.implementer else "the implementer, once named"
        raise NotYours(what="The acknowledgement", who=who)
    if row.acknowledged_at is None:
        row.acknowledged_at = now
        row.save(update_fields=["acknowledged_at"])
        audit(
            action="brief.acknowledged",
            target=f"experiment:{key}",
            after={"slot": row.slot, "effort_days": row.effort_days},
            now=now,
            site=site.name,
            **by.audited,
        )
    return row


@transaction.atomic
def approve(
    site: Site, key: str, what: str, *, by: Actor, now: datetime, note: str = ""
) -> ApprovalRecord:
    """Agree with one thing of an experiment, as its plan stands.

    Goals and guardrails are approved by stakeholders, a risk is signed off by the functions
    that answer for it, a start is signed by analytics and by engineering. While nobody on
    the site has a function, any member but the author may.

    Raises:
        NoSuchExperiment: The site has none with this key.
        BadBrief: There is no such thing to agree with.
        NotYours: It is for others to say.
    """
    experiment = experiment_for_update(site, key)
    known = (*Approved, *Review, *Risk, *SIGNING)
    if what not in known:
        raise BadBrief({"what": f"It is one of {', '.join(known)}."})
    if len(note) > 500 or not is_storable(note):
        raise BadBrief({"note": "It is at most 500 letters long."})
    check_may_approve(site, experiment, what, by=by)
    row = ApprovalRecord.objects.create(
        experiment=experiment,
        what=what,
        plan=plan_digest(as_domain(experiment)),
        note=note.strip(),
        by=by.user,
        given_at=now,
    )
    audit(
        action="brief.approved",
        target=f"experiment:{key}",
        after={"what": what, "plan": row.plan, "note": row.note},
        now=now,
        site=site.name,
        **by.audited,
    )
    return row


def approvers(what: str) -> frozenset[Function]:
    """Give the functions of which one may agree with a thing."""
    if what in set(Approved):
        return frozenset({Function.STAKEHOLDER, Function.SPONSOR})
    if what in set(Review):
        return Review(what).given_by
    if what in set(Risk):
        return Risk(what).signed_by
    return frozenset({Function(what)})


@transaction.atomic
def classify_metric(
    site: Site,
    metric: str,
    *,
    worth: str,
    guards: str = "",
    proxy_of: str = "",
    because: str = "",
    by: Actor,
    now: datetime,
) -> MetricClassRecord:
    """Say what a metric is worth, and what it watches over.

    Raises:
        BadBrief: A word is unknown, the site has no such metric, or a proxy has no proof.
    """
    keys = set(MetricRecord.objects.filter(site=site).values_list("key", flat=True))
    wrong = {}
    if metric not in keys:
        wrong["metric"] = "The site has no metric with this key."
    if worth not in set(MetricClass):
        wrong["worth"] = f"It is one of {', '.join(MetricClass)}."
    if guards and guards not in set(Guards):
        wrong["guards"] = f"It is empty or one of {', '.join(Guards)}."
    if proxy_of and proxy_of not in keys:
        wrong["proxy_of"] = "The site has no metric with this key."
    if proxy_of and not because.strip():
        wrong["because"] = "Say what proves that the outcome follows it."
    if len(because) > 500 or not is_storable(because):
        wrong["because"] = "It is at most 500 letters long."
    if wrong:
        raise BadBrief(wrong)
    row = MetricClassRecord.objects.create(
        site=site,
        metric=metric,
        worth=worth,
        guards=guards,
        proxy_of=proxy_of,
        because=because.strip(),
        made_by=by.user,
        made_at=now,
    )
    audit(
        action="metric.classified",
        target=f"metric:{metric}",
        after={"worth": worth, "guards": guards, "proxy_of": proxy_of, "because": row.because},
        now=now,
        site=site.name,
        **by.audited,
    )
    return row


@transaction.atomic
def name_follow_up(site: Site, key: str, item: str, *, by: Actor, now: datetime) -> FollowUpRecord:
    """Say what an experiment led to: a signal, an idea or a hypothesis.

    Raises:
        NoSuchExperiment: The site has none with this key.
        BadBrief: The site has no such item.
    """
    # The room of threads finds items of every room, so no room is loaded by it at once.
    from truelift.apps.threads.items import item_of

    experiment = experiment_for_update(site, key)
    wanted = item.strip().upper()[:20]
    kind = FOLLOWING.get(wanted.partition("-")[0], "")
    if not kind or item_of(site, kind, wanted) is None:
        raise BadBrief(
            {"item": f"The site has no {item.strip()[:20]!r}. Name it as H-7, ID-3 or S-12."}
        )
    made, fresh = FollowUpRecord.objects.get_or_create(
        experiment=experiment,
        key=wanted,
        defaults={"kind": kind, "made_by": by.user, "made_at": now},
    )
    if fresh:
        audit(
            action="experiment.followed_up",
            target=f"experiment:{key}",
            after={"item": wanted},
            now=now,
            site=site.name,
            **by.audited,
        )
    return made


FOLLOWING: Final[Mapping[str, str]] = {"S": "signal", "ID": "idea", "H": "hypothesis"}
"""First letters of a key → what it is the key of."""


@transaction.atomic
def add_guardrail(
    site: Site, key: str, name: str, *, by: Actor, now: datetime
) -> PlannedMetricRecord:
    """Put a guardrail of the templates into an experiment's plan, with its usual margin.

    Raises:
        NoSuchExperiment: The site has none with this key.
        PlanIsFrozen: It is no draft.
        BadBrief: There is no such template, or the plan has that metric already.
    """
    record = experiment_for_update(site, key)
    if record.stage != Stage.BRIEFED:
        raise PlanIsFrozen(key=key, stage=record.stage)
    template = GUARDRAILS.get(name)
    if template is None:
        raise BadBrief({"guardrail": f"It is one of {', '.join(GUARDRAILS)}."})
    if record.metrics.filter(metric__key=template.metric.key).exists():
        raise BadBrief({"guardrail": f"The plan has {template.metric.name} already."})
    known = {each.key: each for each in current_metrics(site)}
    metric = known.get(template.metric.key) or define_metric(site, template.metric, by=by, now=now)
    if not MetricClassRecord.objects.filter(site=site, metric=metric.key).exists():
        classify_metric(
            site,
            metric.key,
            worth=template.worth.value,
            guards=template.guards.value,
            by=by,
            now=now,
        )
    planned = PlannedMetricRecord.objects.create(
        experiment=record,
        metric=metric,
        role=MetricRole.GUARDRAIL.value,
        margin=template.margin,
    )
    audit(
        action="experiment.guardrail_added",
        target=f"experiment:{key}",
        after={"metric": str(metric), "margin": template.margin},
        now=now,
        site=site.name,
        **by.audited,
    )
    return planned


def check_may_approve(site: Site, experiment: ExperimentRecord, what: str, *, by: Actor) -> None:
    """Let only those agree with a thing whose matter it is.

    Raises:
        NotYours: It is for others to say.
    """
    able = approvers(what)
    named = " or ".join(sorted(each.called for each in able))
    said = f"“{what.replace('_', ' ')}”"
    if by.user is not None and by.user == experiment.made_by:
        raise NotYours(what=said, who=f"{named}, never by the author")
    standing = standing_of(by.user, site)
    if by.user is not None and standing.in_use and not functions_of(by.user, site) & able:
        raise NotYours(what=said, who=named)


_FIELDS: Final = (
    "goal",
    "audience",
    "adds_pressure",
    "builder",
    "implementer",
    "effort_days",
    "slot",
    "decisions",
    "risks",
    "qa_notes",
)


_KINDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "adds_pressure": bool,
    "effort_days": (int, float),
    "decisions": Mapping,
    "risks": Mapping,
}
"""What a field is when it is no text."""


def _has_form(name: str, value: object) -> bool:
    return isinstance(value, _KINDS.get(name, str))


def _fill(row: BriefRecord, given: Mapping[str, Any], *, site: Site) -> None:
    wrong: dict[str, str] = {}
    for name, value in given.items():
        if not _has_form(name, value):
            wrong[name] = "It has another form than this."
            continue
        match name:
            case "builder" | "implementer":
                setattr(row, name, _member(site, value, name, wrong))
            case "decisions":
                row.decisions = _table(row.decisions, value, Situation, Choice, name, wrong)
            case "risks":
                row.risks = _answers(row.risks, value, wrong)
            case "effort_days":
                if not 0 < value <= 1000:
                    wrong[name] = "It is a number of days above 0 and at most 1,000."
                row.effort_days = value
            case "adds_pressure":
                row.adds_pressure = bool(value)
            case _:
                if len(value) > _TEXTS[name] or not is_storable(value):
                    wrong[name] = f"It is at most {_TEXTS[name]:,} letters long."
                setattr(row, name, value.strip())
    if wrong:
        raise BadBrief(wrong)


def _member(site: Site, email: str, name: str, wrong: dict[str, str]) -> User | None:
    if not email.strip():
        return None
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None or role_of(user, site) is None:
        wrong[name] = f"Nobody with the address {email.strip()[:80]!r} is a member of the site."
        return None
    return user


def _table(
    held: Mapping[str, str],
    given: Mapping[str, str],
    rows: type[Situation],
    choices: type[Choice],
    name: str,
    wrong: dict[str, str],
) -> dict[str, str]:
    strange = [each for each in given if each not in set(rows)]
    if strange or any(choice and choice not in set(choices) for choice in given.values()):
        wrong[name] = f"It names {', '.join(rows)}, each with one of {', '.join(choices)}."
        return dict(held)
    merged = {**held, **given}
    return {each.value: merged[each] for each in rows if merged.get(each)}


def _answers(
    held: Mapping[str, bool], given: Mapping[str, bool | None], wrong: dict[str, str]
) -> dict[str, bool]:
    if any(each not in set(Risk) for each in given):
        wrong["risks"] = f"The questions are {', '.join(Risk)}, each with yes or no."
        return dict(held)
    merged = {**held, **given}
    return {each.value: bool(merged[each]) for each in Risk if merged.get(each) is not None}


def _facts(row: BriefRecord) -> dict[str, Any]:
    return {
        "goal": row.goal,
        "audience": row.audience,
        "adds_pressure": row.adds_pressure,
        "builder": row.builder.email if row.builder else None,
        "implementer": row.implementer.email if row.implementer else None,
        "effort_days": row.effort_days,
        "slot": row.slot,
        "decisions": dict(row.decisions),
        "risks": dict(row.risks),
        "qa_notes": row.qa_notes,
    }
