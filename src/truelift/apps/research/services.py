"""Everything that can be done to insights and hypotheses, each atomic and written down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Json
from truelift.apps.accounts.reads import standing_of
from truelift.apps.programme.reads import policy_of
from truelift.apps.research.acceptance import acceptance_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.earlier import earlier_work, work_of
from truelift.apps.research.fields import (
    BadFields,
    HypothesisFields,
    InsightFields,
    Piece,
    Provenance,
    checked,
    checked_url,
    is_storable,
)
from truelift.apps.research.models import (
    CitationRecord,
    EvidenceRecord,
    HypothesisRecord,
    InsightRecord,
    SupportRecord,
)
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.functions import MACHINE
from truelift.lifecycle.hypothesis import (
    Finding,
    HypothesisAction,
    HypothesisStage,
    WhyAgain,
    move_hypothesis,
)
from truelift.lifecycle.insight import Cause, Grade, InsightAction, InsightStage, Tag, move_insight


class NoSuchInsight(Refusal):
    """The site has no insight with this key."""

    code = "research.no_such_insight"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"There is no insight {key!r}; its page lists all.", key=key)


class NoSuchHypothesis(Refusal):
    """The site has no hypothesis with this key."""

    code = "research.no_such_hypothesis"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"There is no hypothesis {key!r}; its page lists all.", key=key)


class StillLinked(Refusal):
    """Something rests on it, so it cannot be deleted."""

    code = "research.still_linked"

    def __init__(self, *, key: str, linked: Sequence[str]) -> None:
        self.linked = tuple(linked)
        super().__init__(
            f"{key} cannot be deleted, because {' and '.join(linked)} rest"
            f"{'s' if len(linked) == 1 else ''} on it. Unlink it there first.",
            key=key,
            linked=tuple(linked),
        )


class NoLongerDraft(Refusal):
    """What was accepted is not rewritten or deleted: others build on its words."""

    code = "research.no_longer_draft"

    def __init__(self, *, key: str, stage: str) -> None:
        super().__init__(
            f"{key} is {stage}, and others may build on its words. Write a new one instead.",
            key=key,
            stage=stage,
        )


MOST_REASON: Final = 500
"""Letters of a reason for a step."""


@transaction.atomic
def create_insight(
    site: Site,
    fields: InsightFields,
    *,
    by: Actor,
    now: datetime,
    machine: Provenance | None = None,
) -> InsightRecord:
    """Write down what was found, as a draft.

    Args:
        site: The site.
        fields: What was found.
        by: Who writes it, or asked a machine for it.
        now: When.
        machine: Which machine wrote it; it stays a draft until a person accepts it.

    Raises:
        BadFields: Something does not fit into its field.
    """
    insight = InsightRecord(
        site=site,
        number=_next_number(InsightRecord, site),
        made_by=by.user,
        made_at=now,
        drafted_by=machine.model if machine else "",
        drafted_from=list(machine.inputs) if machine else [],
    )
    _fill_insight(insight, fields)
    audit(
        action="insight.created",
        target=f"insight:{insight.key}",
        after={**_insight_facts(insight), **_drafted(machine)},
        now=now,
        site=site.name,
        **by.audited,
    )
    return insight


@transaction.atomic
def edit_insight(
    site: Site, key: str, fields: InsightFields, *, by: Actor, now: datetime
) -> InsightRecord:
    """Rewrite a draft.

    Raises:
        NoSuchInsight: The site has none with this key.
        NoLongerDraft: It was accepted.
        BadFields: Something does not fit into its field.
    """
    insight = insight_for_update(site, key)
    if insight.stage != InsightStage.DRAFT:
        raise NoLongerDraft(key=insight.key, stage=insight.stage)
    before = _insight_facts(insight)
    insight.edited_at = now
    _fill_insight(insight, fields)
    audit(
        action="insight.edited",
        target=f"insight:{insight.key}",
        before=before,
        after=_insight_facts(insight),
        now=now,
        site=site.name,
        **by.audited,
    )
    return insight


def accept_insight(site: Site, key: str, *, by: Actor, now: datetime) -> InsightRecord:
    """Accept an insight, so that hypotheses can rest on it.

    Raises:
        NoSuchInsight: The site has none with this key.
        MoveRefused: It is not complete, or it is not for this person, with every reason.
    """
    return _step_insight(site, key, InsightAction.ACCEPT, by=by, now=now)


def confirm_insight(
    site: Site, key: str, *, by: Actor, now: datetime, because: str
) -> InsightRecord:
    """Say that an insight still holds, and what shows it; its time starts anew.

    Raises:
        NoSuchInsight: The site has none with this key.
        BadFields: The reason is too long.
        MoveRefused: With every reason.
    """
    return _step_insight(site, key, InsightAction.CONFIRM, by=by, now=now, because=because)


def retire_insight(
    site: Site, key: str, *, by: Actor, now: datetime, because: str
) -> InsightRecord:
    """Put an insight away: solved, gone or wrong. What rests on it stays linked.

    Raises:
        NoSuchInsight: The site has none with this key.
        BadFields: The reason is too long.
        MoveRefused: With every reason.
    """
    return _step_insight(site, key, InsightAction.RETIRE, by=by, now=now, because=because)


def age_insights(now: datetime, *, site: Site | None = None) -> int:
    """Let every insight go stale whose time is over; twice in a night changes nothing more.

    Args:
        now: The moment.
        site: On this site alone; None: on every one.

    Returns:
        How many went stale.
    """
    aged = 0
    for place in [site] if site else Site.objects.order_by("pk"):
        over = now - policy_of(place).stale_after
        due = (
            InsightRecord.objects.filter(
                site=place, stage=InsightStage.ACCEPTED.value, held_since__lte=over
            )
            .order_by("number")
            .values_list("number", flat=True)
        )
        for number in list(due):
            _step_insight(place, f"I-{number}", InsightAction.AGE, by=None, now=now)
            aged += 1
    return aged


_STEPS: Final = {
    InsightAction.ACCEPT: "insight.accepted",
    InsightAction.CONFIRM: "insight.confirmed",
    InsightAction.AGE: "insight.gone_stale",
    InsightAction.RETIRE: "insight.retired",
}


@transaction.atomic
def _step_insight(
    site: Site,
    key: str,
    action: InsightAction,
    *,
    by: Actor | None,
    now: datetime,
    because: str = "",
) -> InsightRecord:
    """Take one step; `by` None is the clock."""
    because = _reason(because)
    insight = insight_for_update(site, key)
    before: dict[str, Json] = {"stage": insight.stage}
    after = move_insight(
        insight.as_domain(),
        action,
        by=MACHINE if by is None or by.machine else standing_of(by.user, site),
        policy=policy_of(site),
        now=now,
        reason=because,
    )
    insight.stage = after.stage.value
    insight.held_since = after.held_since
    changed = ["stage", "held_since"]
    if action is InsightAction.ACCEPT:
        insight.accepted_at, insight.accepted_by = now, by.user if by else None
        changed += ["accepted_at", "accepted_by"]
    if because:
        insight.because = because
        changed.append("because")
    insight.save(update_fields=changed)
    if action in {InsightAction.ACCEPT, InsightAction.CONFIRM}:
        # The worker's jobs know this app; the other way is only this question, asked late.
        from truelift.apps.research.nightly import plan_ageing

        plan_ageing(site, now=now)
    audit(
        action=_STEPS[action],
        target=f"insight:{insight.key}",
        before=before,
        after={"stage": insight.stage, **({"because": because} if because else {})},
        now=now,
        site=site.name,
        **(Actor(None).audited if by is None else by.audited)
        | ({"actor": "system"} if by is None else {}),
    )
    return insight


@transaction.atomic
def delete_insight(site: Site, key: str, *, by: Actor, now: datetime) -> None:
    """Delete an insight that nothing rests on.

    Raises:
        NoSuchInsight: The site has none with this key.
        StillLinked: A hypothesis rests on it, or a signal or an idea is linked to it.
        NoLongerDraft: It was accepted.
    """
    insight = insight_for_update(site, key)
    linked = [
        support.hypothesis.key
        for support in insight.supports.select_related("hypothesis").order_by("pk")
    ]
    linked += [each.key for each in insight.signals.order_by("number")]
    linked += [each.key for each in insight.ideas.order_by("number")]
    if linked:
        raise StillLinked(key=insight.key, linked=linked)
    if insight.stage != InsightStage.DRAFT:
        raise NoLongerDraft(key=insight.key, stage=insight.stage)
    before = _insight_facts(insight)
    target = f"insight:{insight.key}"
    insight.delete()
    audit(
        action="insight.deleted",
        target=target,
        before=before,
        now=now,
        site=site.name,
        **by.audited,
    )


@transaction.atomic
def create_hypothesis(
    site: Site,
    fields: HypothesisFields,
    *,
    by: Actor,
    now: datetime,
    machine: Provenance | None = None,
) -> HypothesisRecord:
    """Write down what is proposed, as a draft.

    Args:
        site: The site.
        fields: What is proposed.
        by: Who writes it, or asked a machine for it.
        now: When.
        machine: Which machine wrote it; it stays a draft until a person accepts it.

    Raises:
        BadFields: Something does not fit into its field, or an insight is unknown.
    """
    hypothesis = HypothesisRecord(
        site=site,
        number=_next_number(HypothesisRecord, site),
        made_by=by.user,
        made_at=now,
        drafted_by=machine.model if machine else "",
        drafted_from=list(machine.inputs) if machine else [],
    )
    _fill_hypothesis(hypothesis, fields, now=now)
    audit(
        action="hypothesis.created",
        target=f"hypothesis:{hypothesis.key}",
        after={**_hypothesis_facts(hypothesis), **_drafted(machine)},
        now=now,
        site=site.name,
        **by.audited,
    )
    return hypothesis


@transaction.atomic
def edit_hypothesis(
    site: Site, key: str, fields: HypothesisFields, *, by: Actor, now: datetime
) -> HypothesisRecord:
    """Rewrite a draft.

    Raises:
        NoSuchHypothesis: The site has none with this key.
        NoLongerDraft: It was accepted.
        BadFields: Something does not fit into its field, or an insight is unknown.
    """
    hypothesis = hypothesis_for_update(site, key)
    if hypothesis.stage != HypothesisStage.DRAFT:
        raise NoLongerDraft(key=hypothesis.key, stage=hypothesis.stage)
    before = _hypothesis_facts(hypothesis)
    hypothesis.edited_at = now
    _fill_hypothesis(hypothesis, fields, now=now)
    audit(
        action="hypothesis.edited",
        target=f"hypothesis:{hypothesis.key}",
        before=before,
        after=_hypothesis_facts(hypothesis),
        now=now,
        site=site.name,
        **by.audited,
    )
    return hypothesis


@transaction.atomic
def submit_hypothesis(site: Site, key: str, *, by: Actor, now: datetime) -> HypothesisRecord:
    """Give a draft to review.

    Raises:
        NoSuchHypothesis: The site has none with this key.
        MoveRefused: It is not complete, with every reason.
    """
    hypothesis = hypothesis_for_update(site, key)
    _to_review(hypothesis, by=by, now=now)
    return hypothesis


@transaction.atomic
def return_hypothesis(
    site: Site, key: str, *, by: Actor, now: datetime, because: str
) -> HypothesisRecord:
    """Give it back to its author, who is told what is missing.

    Raises:
        NoSuchHypothesis: The site has none with this key.
        BadFields: The reason is too long.
        MoveRefused: It is not in review, or nobody says why.
    """
    because = _reason(because)
    hypothesis = hypothesis_for_update(site, key)
    before = hypothesis.stage
    after = move_hypothesis(
        hypothesis.as_domain(),
        HypothesisAction.RETURN,
        by=MACHINE if by.machine else standing_of(by.user, site),
        policy=policy_of(site),
        reason=because,
    )
    hypothesis.stage = after.stage.value
    hypothesis.returned_because = because
    hypothesis.save(update_fields=["stage", "returned_because"])
    audit(
        action="hypothesis.returned",
        target=f"hypothesis:{hypothesis.key}",
        before={"stage": before},
        after={"stage": hypothesis.stage, "because": because},
        now=now,
        site=site.name,
        **by.audited,
    )
    return hypothesis


@transaction.atomic
def accept_hypothesis(
    site: Site, key: str, *, by: Actor, now: datetime, reason: str = ""
) -> HypothesisRecord:
    """Accept a hypothesis, so that an experiment can test it.

    Whoever accepts a draft takes it through its review in the same breath; both steps are
    written down.

    Args:
        site: The site.
        key: Its key.
        by: Who accepts it; its author only where nobody else could.
        now: When.
        reason: Why its author accepts it.

    Raises:
        NoSuchHypothesis: The site has none with this key.
        MoveRefused: It is not complete, much like earlier work, weak, or `by` wrote it or has
            not the function, with every reason.
    """
    from truelift.apps.research.reads import measured, to_be_accepted

    hypothesis = hypothesis_for_update(site, key)
    acceptance = acceptance_of(hypothesis, by, reason=reason)
    found = earlier_work(site, work_of(hypothesis), now=now, before=hypothesis.number)
    after = move_hypothesis(
        to_be_accepted(hypothesis.as_domain(alike=found.keys)),
        HypothesisAction.ACCEPT,
        acceptance=acceptance,
        by=MACHINE if by.machine else standing_of(by.user, site),
        policy=policy_of(site),
        metrics=measured(site),
    )
    if hypothesis.stage == HypothesisStage.DRAFT:
        _to_review(hypothesis, by=by, now=now)
    own = {"own_because": reason.strip()} if acceptance.by_author else {}
    before = hypothesis.stage
    hypothesis.stage = after.stage.value
    hypothesis.accepted_at, hypothesis.accepted_by = now, by.user
    hypothesis.own_because = own.get("own_because", "")[:1000]
    hypothesis.save(update_fields=["stage", "accepted_at", "accepted_by", "own_because"])
    audit(
        action="hypothesis.accepted",
        target=f"hypothesis:{hypothesis.key}",
        before={"stage": before},
        after={"stage": hypothesis.stage, **own},
        now=now,
        site=site.name,
        **by.audited,
    )
    return hypothesis


def _to_review(hypothesis: HypothesisRecord, *, by: Actor, now: datetime) -> None:
    before = hypothesis.stage
    after = move_hypothesis(
        hypothesis.as_domain(),
        HypothesisAction.SUBMIT,
        by=MACHINE if by.machine else standing_of(by.user, hypothesis.site),
        policy=policy_of(hypothesis.site),
    )
    hypothesis.stage = after.stage.value
    hypothesis.submitted_at = now
    hypothesis.returned_because = ""
    hypothesis.save(update_fields=["stage", "submitted_at", "returned_because"])
    audit(
        action="hypothesis.submitted",
        target=f"hypothesis:{hypothesis.key}",
        before={"stage": before},
        after={"stage": hypothesis.stage},
        now=now,
        site=hypothesis.site.name,
        **by.audited,
    )


@transaction.atomic
def answer_repeat(
    site: Site, key: str, *, again: str, because: str, by: Actor, now: datetime
) -> HypothesisRecord:
    """Say why something is tried that is much like earlier work (R061).

    The answer is about the earlier work that is alike at this moment; what becomes alike
    later has to be answered again.

    Raises:
        NoSuchHypothesis: The site has none with this key.
        NoLongerDraft: It was accepted.
        BadFields: The reason is unknown or too long, or says nothing.
    """
    hypothesis = hypothesis_for_update(site, key)
    if hypothesis.stage not in _OPEN:
        raise NoLongerDraft(key=hypothesis.key, stage=hypothesis.stage)
    before = {"again": hypothesis.again, "again_because": hypothesis.again_because}
    _fill_answer(hypothesis, again, because, now=now)
    hypothesis.save(update_fields=["again", "again_because", "answered"])
    audit(
        action="hypothesis.repeat_answered",
        target=f"hypothesis:{hypothesis.key}",
        before=dict(before),
        after={
            "again": hypothesis.again,
            "again_because": hypothesis.again_because,
            "answered": list(hypothesis.answered),
        },
        now=now,
        site=site.name,
        **by.audited,
    )
    return hypothesis


_OPEN: Final = frozenset({HypothesisStage.DRAFT.value, HypothesisStage.READY_FOR_REVIEW.value})


@transaction.atomic
def record_finding(
    site: Site, key: str, finding: Finding, *, by: Actor, now: datetime
) -> HypothesisRecord:
    """Note on a hypothesis what its test said; called when an experiment is decided.

    Raises:
        NoSuchHypothesis: The site has none with this key.
        MoveRefused: It was never accepted.
    """
    hypothesis = hypothesis_for_update(site, key)
    before = {"stage": hypothesis.stage, "finding": hypothesis.finding}
    after = move_hypothesis(hypothesis.as_domain(), HypothesisAction.TEST, finding=finding)
    hypothesis.stage = after.stage.value
    hypothesis.finding = finding.value
    hypothesis.save(update_fields=["stage", "finding"])
    audit(
        action="hypothesis.tested",
        target=f"hypothesis:{hypothesis.key}",
        before=dict(before),
        after={"stage": hypothesis.stage, "finding": hypothesis.finding},
        now=now,
        site=site.name,
        **by.audited,
    )
    return hypothesis


@transaction.atomic
def delete_hypothesis(site: Site, key: str, *, by: Actor, now: datetime) -> None:
    """Delete a draft that no experiment tests.

    Raises:
        NoSuchHypothesis: The site has none with this key.
        StillLinked: An experiment tests it, or an idea became it.
        NoLongerDraft: It was accepted.
    """
    hypothesis = hypothesis_for_update(site, key)
    linked = list(hypothesis.experiments.order_by("pk").values_list("key", flat=True))
    linked += [each.key for each in hypothesis.ideas.order_by("number")]
    if linked:
        raise StillLinked(key=hypothesis.key, linked=linked)
    if hypothesis.stage != HypothesisStage.DRAFT:
        raise NoLongerDraft(key=hypothesis.key, stage=hypothesis.stage)
    before = _hypothesis_facts(hypothesis)
    target = f"hypothesis:{hypothesis.key}"
    hypothesis.delete()
    audit(
        action="hypothesis.deleted",
        target=target,
        before=before,
        now=now,
        site=site.name,
        **by.audited,
    )


def insight_for_update(site: Site, key: str) -> InsightRecord:
    """Take an insight of the site for a change, by its key.

    Raises:
        NoSuchInsight: The site has none with this key.
    """
    found = (
        InsightRecord.objects.select_for_update()
        .filter(site=site, number=number_in(key, letter="I"))
        .first()
    )
    if found is None:
        raise NoSuchInsight(key=key)
    return found


def hypothesis_for_update(site: Site, key: str) -> HypothesisRecord:
    """Take a hypothesis of the site for a change, by its key.

    Raises:
        NoSuchHypothesis: The site has none with this key.
    """
    found = (
        HypothesisRecord.objects.select_for_update()
        .filter(site=site, number=number_in(key, letter="H"))
        .first()
    )
    if found is None:
        raise NoSuchHypothesis(key=key)
    return found


def number_in(key: str, *, letter: str) -> int:
    """Read the number of `I-4`; 0, which nothing has, when it is no such key."""
    head, _, number = key.partition("-")
    if head.upper() != letter or not number.isascii() or not number.isdigit() or len(number) > 9:
        return 0
    return int(number)


def _next_number(model: type[models.Model], site: Site) -> int:
    """Count on within the site, which is locked so that two people do not get one number."""
    Site.objects.select_for_update().get(pk=site.pk)
    # The manager of a model given as a value has no type that mypy can see.
    highest = model._default_manager.filter(site=site).aggregate(top=models.Max("number"))  # noqa: SLF001
    return int(highest["top"] or 0) + 1


def _fill_insight(insight: InsightRecord, fields: InsightFields) -> None:
    insight.problem = fields.problem.strip()
    insight.surface = fields.surface.strip()
    insight.segment = fields.segment.strip()
    insight.size = fields.size.strip()
    insight.weekly_value_minor = fields.weekly_value_minor
    insight.people_per_week = fields.people_per_week
    insight.tags = [each.value for each in Tag if each.value in fields.tags]
    insight.cause = fields.cause
    wrong = {}
    if unknown := sorted(set(fields.tags) - set(Tag)):
        wrong["tags"] = f"There is no tag {', '.join(unknown)[:80]!r}."
    if fields.cause not in {"", *Cause}:
        wrong["cause"] = f"It is one of {', '.join(Cause)}."
    if wrong:
        raise BadFields(wrong)
    checked(insight, skip=("site", "made_by", "made_at", "accepted_by"))
    pieces = [_piece(each) for each in fields.evidence if each.text.strip()]
    insight.save()
    insight.evidence.all().delete()
    for piece in pieces:
        piece.insight = insight
        piece.save()


def _piece(piece: Piece) -> EvidenceRecord:
    record = EvidenceRecord(
        kind=piece.kind, text=piece.text.strip(), url=checked_url(piece.url), grade=piece.grade
    )
    checked(record, skip=("insight",))
    if piece.grade not in {"", *Grade}:
        raise BadFields({"grade": f"It is one of {', '.join(Grade)}."})
    best = record.as_domain().kind.best_grade
    if piece.grade and piece.grade < best:
        raise BadFields(
            {"grade": f"{record.get_kind_display()} carries {best} at best: {best.meaning}."}
        )
    return record


def _fill_hypothesis(
    hypothesis: HypothesisRecord, fields: HypothesisFields, *, now: datetime
) -> None:
    hypothesis.change = fields.change.strip()
    hypothesis.audience = fields.audience.strip()
    hypothesis.outcome = fields.outcome.strip()
    hypothesis.reason = fields.reason.strip()
    hypothesis.metric = fields.metric.strip()
    hypothesis.direction = fields.direction
    hypothesis.expected_lift = fields.expected_lift
    hypothesis.surface = fields.surface.strip()
    hypothesis.element = fields.element.strip()
    hypothesis.adds_pressure = fields.adds_pressure
    checked(hypothesis, skip=("site", "made_by", "made_at", "accepted_by"))
    if fields.direction not in {"", "increase", "decrease"}:
        raise BadFields({"direction": "It is increase or decrease."})
    numbers = {key: number_in(key, letter="I") for key in fields.insights}
    found = {
        insight.number: insight
        for insight in InsightRecord.objects.filter(
            site=hypothesis.site, number__in=numbers.values()
        )
    }
    unknown = [key for key, number in numbers.items() if number not in found]
    if unknown:
        raise BadFields({"insights": f"There is no insight {', '.join(unknown)}."})
    cited = _cited(hypothesis.site, fields.learnings)
    if fields.again or fields.again_because.strip():
        _fill_answer(hypothesis, fields.again, fields.again_because, now=now)
    hypothesis.save()
    hypothesis.supports.all().delete()
    for number in dict.fromkeys(numbers.values()):
        SupportRecord.objects.create(hypothesis=hypothesis, insight=found[number])
    hypothesis.citations.all().delete()
    for learning in cited:
        CitationRecord.objects.create(hypothesis=hypothesis, learning_id=learning)


def _cited(site: Site, keys: Sequence[str]) -> list[int]:
    """Find the learnings that are cited, each once."""
    from truelift.apps.experiments.models import LearningRecord

    numbers = {key: number_in(key, letter="L") for key in keys}
    found = dict(
        LearningRecord.objects.filter(site=site, number__in=numbers.values()).values_list(
            "number", "pk"
        )
    )
    unknown = [key for key, number in numbers.items() if number not in found]
    if unknown:
        raise BadFields({"learnings": f"There is no learning {', '.join(unknown)}."})
    return [found[number] for number in dict.fromkeys(numbers.values())]


def _fill_answer(hypothesis: HypothesisRecord, again: str, because: str, *, now: datetime) -> None:
    """Keep why it is tried again, and about which earlier work that was said."""
    wrong = {}
    if again not in set(WhyAgain):
        wrong["again"] = f"It is one of {', '.join(WhyAgain)}."
    if again == WhyAgain.OTHER and not because.strip():
        wrong["again_because"] = "Say which reason."
    if len(because) > MOST_REASON or not is_storable(because):
        wrong["again_because"] = f"It is at most {MOST_REASON} letters long."
    if wrong:
        raise BadFields(wrong)
    found = earlier_work(hypothesis.site, work_of(hypothesis), now=now, before=hypothesis.number)
    hypothesis.again = again
    hypothesis.again_because = because.strip()
    hypothesis.answered = list(found.keys)


def _reason(text: str) -> str:
    if len(text) > MOST_REASON or not is_storable(text):
        raise BadFields({"because": f"It is at most {MOST_REASON} letters long."})
    return text.strip()


def _drafted(machine: Provenance | None) -> dict[str, Json]:
    if machine is None:
        return {}
    return {"drafted_by": machine.model, "drafted_from": list(machine.inputs)}


def _insight_facts(insight: InsightRecord) -> dict[str, Json]:
    return {
        "problem": insight.problem,
        "surface": insight.surface,
        "segment": insight.segment,
        "size": insight.size,
        "weekly_value_minor": insight.weekly_value_minor,
        "people_per_week": insight.people_per_week,
        "tags": list(insight.tags),
        "cause": insight.cause,
        "evidence": " · ".join(piece.text for piece in insight.evidence.all()),
    }


def _hypothesis_facts(hypothesis: HypothesisRecord) -> dict[str, Json]:
    domain = hypothesis.as_domain()
    return {
        "change": domain.change,
        "audience": domain.audience,
        "outcome": domain.outcome,
        "reason": domain.reason,
        "metric": domain.metric,
        "expected_lift": domain.expected_lift,
        "direction": hypothesis.direction,
        "surface": domain.surface,
        "element": domain.element,
        "adds_pressure": domain.adds_pressure,
        "insights": ", ".join(domain.evidence),
        "learnings": ", ".join(domain.learnings),
        "again": hypothesis.again,
    }
