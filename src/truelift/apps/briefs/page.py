"""A brief as its pages show it: what is settled, who agreed, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from truelift.apps.briefs.measured import Measured, measured_of
from truelift.apps.briefs.mistakes import Mistake, mistakes_of
from truelift.apps.briefs.models import SIGNING, ApprovalRecord, BriefRecord
from truelift.apps.briefs.modes import GUARDRAILS, BriefTemplate, GuardrailTemplate, template_of
from truelift.apps.briefs.reads import (
    approvals_of,
    brief_record,
    class_of_metric,
    documentation,
    metric_classes,
    pictures_of,
)
from truelift.apps.briefs.services import NotYours, approvers, check_may_approve
from truelift.apps.experiments.domain import as_domain
from truelift.apps.experiments.models import ExperimentRecord, MetricRole
from truelift.apps.experiments.wording import CHOICES, inner, moment, sentence_case, short_hash
from truelift.apps.programme.reads import policy_of
from truelift.apps.research.actor import Actor
from truelift.apps.voice.reads import GUARDING, Changed, claims_changed
from truelift.lifecycle.brief import Approved, Review, Risk, Situation
from truelift.lifecycle.experiment import PREPARING, RANDOMISED, Experiment, Stage, plan_digest
from truelift.lifecycle.functions import Function


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """One thing that somebody has to agree with.

    Attributes:
        what: The word of it.
        title: What it is called.
        asks: What whoever agrees says yes to.
        who: Whose matter it is.
        glyph: Shape of its state.
        state: Its state in words.
        given: By whom and when; empty before.
        note: What they added.
        label: What stands on the button.
        refused: Why the person who looks cannot agree; empty when they can.
    """

    what: str
    title: str
    asks: str
    who: str
    glyph: str
    state: str
    given: str
    note: str
    label: str
    refused: str


@dataclass(frozen=True, slots=True)
class BriefPage:
    """Everything that the page of a brief shows.

    Attributes:
        record: The experiment.
        row: What was settled; None while nobody wrote any of it.
        template: What it begins with.
        open: Whether all of it can still be changed.
        randomised: Whether it splits visitors.
        facts: What was settled, term and description.
        decisions: Situation and what is done after it; empty text where nothing is agreed.
        risks: Question, its answer, and the word of the risk.
        approvals: What somebody has to agree with.
        plan: Whether the plan is the one that was agreed with or frozen, in a sentence.
        plan_changed: Whether it is not.
        to_acknowledge: Whether the person who looks is asked to build the winner.
        implementer: Who builds it, and whether they agreed; empty while nobody is named.
        guardrails: Key, template and whether the plan has it.
        claims: What pages promise and it changes, or seems to: refunds and tickets guard it then.
        metrics: Name, role and class of each metric of the plan.
        measured: How its events arrive.
        looked: When somebody looked at them; empty before.
        documentation: The fields that it needs and whether each is filled.
        filled: How many are.
        nag: Whether the documentation is missed by now.
        mistakes: The five mistakes.
        pictures: Variant and the digest of its screenshot.
    """

    record: ExperimentRecord
    row: BriefRecord | None
    template: BriefTemplate
    open: bool
    randomised: bool
    facts: tuple[tuple[str, str], ...]
    decisions: tuple[tuple[str, str], ...]
    risks: tuple[tuple[str, str, str], ...]
    approvals: tuple[ApprovalRow, ...]
    plan: str
    plan_changed: bool
    to_acknowledge: bool
    implementer: str
    guardrails: tuple[tuple[str, GuardrailTemplate, bool], ...]
    claims: tuple[Changed, ...]
    metrics: tuple[tuple[str, str, str], ...]
    measured: Measured
    looked: str
    documentation: tuple[tuple[str, bool], ...]
    filled: int
    nag: bool
    mistakes: tuple[Mistake, ...]
    pictures: tuple[tuple[str, str], ...]

    @property
    def to_approve(self) -> tuple[ApprovalRow, ...]:
        """What the person who looks can agree with now."""
        return tuple(each for each in self.approvals if not each.refused)

    @property
    def undocumented(self) -> tuple[str, ...]:
        """Fields of the documentation that are empty."""
        return tuple(name for name, filled in self.documentation if not filled)

    @property
    def made_in_words(self) -> str:
        """Which of them, as words inside a sentence."""
        return ", ".join(inner(each.title) for each in self.mistakes if each.made)

    @property
    def mistakes_made(self) -> int:
        """How many of the five were made."""
        return sum(each.made is True for each in self.mistakes)


_MISSED_FROM = frozenset({Stage.ANALYSED, Stage.DECIDED, Stage.INVALID, Stage.LEARNED})
"""Stages at which somebody is about to need the documentation."""

SIGNED = {
    Function.ANALYTICS: ("Design and analysis", "The plan can answer the question."),
    Function.ENGINEERING: ("Build and tracking", "The variants are built as planned."),
}


def brief_page(record: ExperimentRecord, *, by: Actor, now: datetime) -> BriefPage:
    """Lay out the brief of an experiment for the person who looks."""
    row = brief_record(record)
    domain = as_domain(record)
    plan = plan_digest(domain)
    policy = policy_of(record.site)
    template = template_of(policy)
    given = approvals_of(record)
    randomised = record.method in RANDOMISED
    measured = measured_of(record, now=now) if randomised else Measured()
    written = tuple(
        (name, filled)
        for name, filled in documentation(record, row).items()
        if randomised or name not in _OF_VARIANTS
    )
    known = metric_classes(record.site)
    planned = list(record.metrics.select_related("metric"))
    has = {each.metric.key for each in planned}
    said, changed = _plan_said(domain, plan, given)
    claims = claims_changed(record)
    return BriefPage(
        record=record,
        row=row,
        template=template,
        open=record.stage in PREPARING,
        randomised=randomised,
        facts=tuple(_facts(row)),
        decisions=tuple(
            (
                sentence_case(f"after {each.called}"),
                CHOICES.get((row.decisions if row else {}).get(each.value, ""), ""),
            )
            for each in Situation
        ),
        risks=tuple(_risks(row)),
        approvals=tuple(_approvals(record, row, given, plan=plan, review=template.review, by=by)),
        plan=said,
        plan_changed=changed,
        to_acknowledge=bool(
            row and row.implementer and row.implementer == by.user and not row.acknowledged_at
        ),
        implementer=_implementer(row, zone=record.site.time_zone),
        guardrails=tuple(
            (key, GUARDRAILS[key], GUARDRAILS[key].metric.key in has)
            for key in dict.fromkeys((*template.guardrails, *(GUARDING if claims else ())))
        ),
        claims=claims,
        metrics=tuple(
            (
                each.metric.name,
                MetricRole(each.role).label,
                _class_said(class_of_metric(each.metric, known).value, known, each.metric.key),
            )
            for each in planned
        ),
        measured=measured,
        looked=moment(measured.looked_at, record.site.time_zone) if measured.looked_at else "",
        documentation=written,
        filled=sum(filled for _, filled in written),
        nag=record.stage in _MISSED_FROM and not all(filled for _, filled in written),
        mistakes=mistakes_of(record, now=now),
        pictures=_pictures(record) if randomised else (),
    )


def _pictures(record: ExperimentRecord) -> tuple[tuple[str, str], ...]:
    shown = pictures_of(record)
    return tuple(
        (each.name or each.key, shown[each.key].sha256)
        for each in record.variants.all()
        if each.key in shown
    )


def _class_said(worth: str, known: Mapping[str, object], key: str) -> str:
    row = known.get(key)
    guards = getattr(row, "guards", "")
    return f"{worth}, guards what is {guards}" if guards else worth


def _facts(row: BriefRecord | None) -> Iterable[tuple[str, str]]:
    if row is None:
        return
    if row.goal:
        yield "Goal", row.goal
    if row.audience:
        yield "Audience", row.audience
    if row.adds_pressure:
        yield "Pressure", "adds urgency, scarcity or another pressure"
    if row.builder:
        yield "Builds it", str(row.builder)
    if row.slot or row.effort_days:
        days = "1 day" if row.effort_days == 1 else f"{row.effort_days or 0:g} days"
        yield "Slot", ", ".join(each for each in (row.slot, row.effort_days and days) if each)
    if row.qa_notes:
        yield "Seen in QA", row.qa_notes


def _implementer(row: BriefRecord | None, *, zone: str) -> str:
    if row is None or row.implementer is None:
        return ""
    if row.acknowledged_at:
        return f"{row.implementer}, who agreed on {moment(row.acknowledged_at, zone)}"
    return f"{row.implementer}, who has not agreed yet"


def _risks(row: BriefRecord | None) -> Iterable[tuple[str, str, str]]:
    answers = row.risks if row else {}
    for each in Risk:
        answer = answers.get(each.value)
        said = "not answered" if answer is None else "yes" if answer else "no"
        yield each.question, said, each.value


def _approvals(
    record: ExperimentRecord,
    row: BriefRecord | None,
    given: tuple[ApprovalRecord, ...],
    *,
    plan: str,
    review: Review,
    by: Actor,
) -> Iterable[ApprovalRow]:
    open_still = record.stage in PREPARING
    wanted = [
        *((each.value, each.value.capitalize(), _asked(each, record)) for each in Approved),
        (review.value, review.called, review.question),
        *(
            (each.value, f"Risk: {each.value}", each.question)
            for each in Risk
            if row and row.risks.get(each.value)
        ),
        *((each.value, *SIGNED[each]) for each in SIGNING),
    ]
    zone = record.site.time_zone
    for what, title, asks in wanted:
        mine = [each for each in given if each.what == what]
        last = mine[-1] if mine else None
        fresh = last is not None and last.plan == plan
        signing = what in {each.value for each in SIGNING}
        yield ApprovalRow(
            what=what,
            title=title,
            asks=asks,
            who=" or ".join(sorted(each.called for each in approvers(what))),
            glyph="passed" if fresh else "watch" if last else "missing",
            state="Agreed" if fresh else "Agreed with an earlier plan" if last else "Open",
            given=f"{last.by or 'The operator'}, {moment(last.given_at, zone)}" if last else "",
            note=last.note if last else "",
            label="Sign" if signing else "Sign off" if what in set(Risk) else "Approve",
            refused=_refused(record, what, by=by, open_still=open_still, fresh=fresh),
        )


_OF_VARIANTS = frozenset({"screenshots of the variants", "the segments"})
"""What a study that splits nobody has nothing of."""

_ASKED = {
    Approved.GOALS: "The goal is worth the traffic.",
    Approved.GUARDRAILS: "The guardrails and their margins protect what matters.",
}


def _asked(what: Approved, record: ExperimentRecord) -> str:
    if what is Approved.GOALS and record.method not in RANDOMISED:
        return "The goal is worth the work."
    return _ASKED[what]


def _refused(
    record: ExperimentRecord, what: str, *, by: Actor, open_still: bool, fresh: bool
) -> str:
    if fresh:
        return "It is agreed as the plan stands."
    if not open_still:
        return "It was launched; what was agreed before stays."
    try:
        check_may_approve(record.site, record, what, by=by)
    except NotYours as refusal:
        return str(refusal)
    return ""


def _plan_said(
    domain: Experiment, plan: str, given: tuple[ApprovalRecord, ...]
) -> tuple[str, bool]:
    now = short_hash(plan)
    if domain.plan_hash:
        if domain.plan_hash == plan:
            return f"The plan is the one that was frozen at launch (hash {now}).", False
        said = (
            f"The plan changed after the launch: {short_hash(domain.plan_hash)} was frozen,"
            f" {now} stands now. What it finds was not promised."
        )
        return said, True
    stale = [each for each in given if each.plan != plan]
    if stale and not any(each.plan == plan for each in given):
        return f"The plan changed since anybody agreed with it (hash {now} now).", True
    if stale:
        return f"The plan changed since some agreed with it (hash {now} now).", True
    return f"The plan has the hash {now}. It is frozen at launch.", False
