"""Everything that can be done to insights and hypotheses, each atomic and written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.research.acceptance import acceptance_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import (
    BadFields,
    HypothesisFields,
    InsightFields,
    Piece,
    checked,
    checked_url,
)
from truelift.apps.research.models import (
    EvidenceRecord,
    HypothesisRecord,
    InsightRecord,
    SupportRecord,
)
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.hypothesis import (
    Finding,
    HypothesisAction,
    HypothesisStage,
    move_hypothesis,
)
from truelift.lifecycle.insight import InsightAction, InsightStage, move_insight


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


@transaction.atomic
def create_insight(site: Site, fields: InsightFields, *, by: Actor, now: datetime) -> InsightRecord:
    """Write down what was found, as a draft.

    Raises:
        BadFields: Something does not fit into its field.
    """
    insight = InsightRecord(
        site=site,
        number=_next_number(InsightRecord, site),
        made_by=by.user,
        made_at=now,
    )
    _fill_insight(insight, fields)
    audit(
        action="insight.created",
        target=f"insight:{insight.key}",
        after=_insight_facts(insight),
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


@transaction.atomic
def accept_insight(site: Site, key: str, *, by: Actor, now: datetime) -> InsightRecord:
    """Accept an insight, so that hypotheses can rest on it.

    Raises:
        NoSuchInsight: The site has none with this key.
        MoveRefused: It is not complete, with every reason.
    """
    insight = insight_for_update(site, key)
    after = move_insight(insight.as_domain(), InsightAction.ACCEPT)
    insight.stage = after.stage.value
    insight.accepted_at = now
    insight.save(update_fields=["stage", "accepted_at"])
    audit(
        action="insight.accepted",
        target=f"insight:{insight.key}",
        before={"stage": InsightStage.DRAFT.value},
        after={"stage": insight.stage},
        now=now,
        site=site.name,
        **by.audited,
    )
    return insight


@transaction.atomic
def delete_insight(site: Site, key: str, *, by: Actor, now: datetime) -> None:
    """Delete an insight that nothing rests on.

    Raises:
        NoSuchInsight: The site has none with this key.
        StillLinked: A hypothesis rests on it.
        NoLongerDraft: It was accepted.
    """
    insight = insight_for_update(site, key)
    linked = [
        support.hypothesis.key
        for support in insight.supports.select_related("hypothesis").order_by("pk")
    ]
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
    site: Site, fields: HypothesisFields, *, by: Actor, now: datetime
) -> HypothesisRecord:
    """Write down what is proposed, as a draft.

    Raises:
        BadFields: Something does not fit into its field, or an insight is unknown.
    """
    hypothesis = HypothesisRecord(
        site=site,
        number=_next_number(HypothesisRecord, site),
        made_by=by.user,
        made_at=now,
    )
    _fill_hypothesis(hypothesis, fields)
    audit(
        action="hypothesis.created",
        target=f"hypothesis:{hypothesis.key}",
        after=_hypothesis_facts(hypothesis),
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
    _fill_hypothesis(hypothesis, fields)
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
def accept_hypothesis(
    site: Site, key: str, *, by: Actor, now: datetime, reason: str = ""
) -> HypothesisRecord:
    """Accept a hypothesis, so that an experiment can test it.

    Args:
        site: The site.
        key: Its key.
        by: Who accepts it; its author only where nobody else could.
        now: When.
        reason: Why its author accepts it.

    Raises:
        NoSuchHypothesis: The site has none with this key.
        MoveRefused: It is not complete, or `by` wrote it, with every reason.
    """
    hypothesis = hypothesis_for_update(site, key)
    acceptance = acceptance_of(hypothesis, by, reason=reason)
    after = move_hypothesis(hypothesis.as_domain(), HypothesisAction.ACCEPT, acceptance=acceptance)
    own = {"own_because": reason.strip()} if acceptance.by_author else {}
    hypothesis.stage = after.stage.value
    hypothesis.accepted_at = now
    hypothesis.save(update_fields=["stage", "accepted_at"])
    audit(
        action="hypothesis.accepted",
        target=f"hypothesis:{hypothesis.key}",
        before={"stage": HypothesisStage.DRAFT.value},
        after={"stage": hypothesis.stage, **own},
        now=now,
        site=site.name,
        **by.audited,
    )
    return hypothesis


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
        StillLinked: An experiment tests it.
        NoLongerDraft: It was accepted.
    """
    hypothesis = hypothesis_for_update(site, key)
    linked = list(hypothesis.experiments.order_by("pk").values_list("key", flat=True))
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
    checked(insight, skip=("site", "made_by", "made_at"))
    pieces = [_piece(each) for each in fields.evidence if each.text.strip()]
    insight.save()
    insight.evidence.all().delete()
    for piece in pieces:
        piece.insight = insight
        piece.save()


def _piece(piece: Piece) -> EvidenceRecord:
    record = EvidenceRecord(kind=piece.kind, text=piece.text.strip(), url=checked_url(piece.url))
    checked(record, skip=("insight",))
    return record


def _fill_hypothesis(hypothesis: HypothesisRecord, fields: HypothesisFields) -> None:
    hypothesis.change = fields.change.strip()
    hypothesis.audience = fields.audience.strip()
    hypothesis.outcome = fields.outcome.strip()
    hypothesis.reason = fields.reason.strip()
    hypothesis.metric = fields.metric.strip()
    hypothesis.direction = fields.direction
    hypothesis.expected_lift = fields.expected_lift
    checked(hypothesis, skip=("site", "made_by", "made_at"))
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
    hypothesis.save()
    hypothesis.supports.all().delete()
    for number in numbers.values():
        SupportRecord.objects.create(hypothesis=hypothesis, insight=found[number])


def _insight_facts(insight: InsightRecord) -> dict[str, str | int | None]:
    return {
        "problem": insight.problem,
        "surface": insight.surface,
        "segment": insight.segment,
        "size": insight.size,
        "weekly_value_minor": insight.weekly_value_minor,
        "evidence": " · ".join(piece.text for piece in insight.evidence.all()),
    }


def _hypothesis_facts(hypothesis: HypothesisRecord) -> dict[str, str | float | None]:
    domain = hypothesis.as_domain()
    facts = asdict(domain)
    return {
        **{
            name: facts[name]
            for name in ("change", "audience", "outcome", "reason", "metric", "expected_lift")
        },
        "direction": hypothesis.direction,
        "insights": ", ".join(domain.evidence),
    }
