"""The lists of insights and hypotheses: filters, orders, files, and steps for many."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from django.db.models import Case, Count, IntegerField, Value, When

from truelift.apps.lists.listing import (
    SURFACE,
    Column,
    Filter,
    Given,
    Listing,
    Rows,
    Step,
    equal,
    holding,
    person,
    words_in,
)
from truelift.apps.research import services
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.research.reads import hypothesis_of, insight_of
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Item
from truelift.lifecycle.hypothesis import Finding, HypothesisStage
from truelift.lifecycle.insight import InsightStage
from truelift.lifecycle.stage_words import stage_word


def _ranked(stages: Mapping[str, int]) -> Case:
    """Give each stage its place in the usual order."""
    return Case(
        *(When(stage=stage, then=Value(place)) for stage, place in stages.items()),
        default=Value(9),
        output_field=IntegerField(),
    )


def _insights(site: Site) -> Rows:
    return (
        InsightRecord.objects.filter(site=site)
        .select_related("made_by")
        .prefetch_related("evidence")
        .annotate(
            rank=_ranked({"draft": 0, "stale": 1, "accepted": 2}),
            users=Count("hypotheses", distinct=True),
        )
    )


def _hypotheses(site: Site) -> Rows:
    return (
        HypothesisRecord.objects.filter(site=site)
        .select_related("made_by")
        .prefetch_related("insights__evidence")
        .annotate(
            rank=_ranked({"accepted": 0, "ready_for_review": 1, "draft": 2, "tested": 3}),
            tests=Count("experiments", distinct=True),
        )
    )


def _insight_line(insight: InsightRecord, now: datetime) -> dict[str, object]:
    del now
    domain = insight.as_domain()
    return {
        "key": insight.key,
        "stage": insight.stage,
        "problem": insight.problem,
        "surface": insight.surface,
        "segment": insight.segment,
        "size": insight.size,
        "people_per_week": insight.people_per_week,
        "weekly_value_minor": insight.weekly_value_minor,
        "tags": insight.tags,
        "cause": insight.cause,
        "grade": domain.grade.value,
        "explained": domain.explained,
        "evidence": " · ".join(piece.text for piece in insight.evidence.all()),
        "made_by": insight.made_by.email if insight.made_by else "",
        "made_at": insight.made_at,
        "accepted_at": insight.accepted_at,
        "held_since": insight.held_since,
    }


def _hypothesis_line(hypothesis: HypothesisRecord, now: datetime) -> dict[str, object]:
    del now
    domain = hypothesis.as_domain(cited=())
    return {
        "key": hypothesis.key,
        "stage": hypothesis.stage,
        "sentence": domain.sentence,
        "change": hypothesis.change,
        "audience": hypothesis.audience,
        "outcome": hypothesis.outcome,
        "reason": hypothesis.reason,
        "metric": hypothesis.metric,
        "direction": hypothesis.direction,
        "expected_lift": hypothesis.expected_lift,
        "surface": hypothesis.surface,
        "element": hypothesis.element,
        "grade": domain.grade.value,
        "insights": domain.evidence,
        "finding": hypothesis.finding,
        "made_by": hypothesis.made_by.email if hypothesis.made_by else "",
        "made_at": hypothesis.made_at,
        "accepted_at": hypothesis.accepted_at,
    }


def _place_insight(site: Site, key: str, given: Given, by: Actor, now: datetime) -> object:
    """Say where an insight is; all else of the draft stays."""
    found = insight_of(site, key)
    if found is None:
        raise services.NoSuchInsight(key=key)
    fields = InsightFields(
        problem=found.problem,
        surface=given.surface,
        segment=found.segment,
        size=found.size,
        weekly_value_minor=found.weekly_value_minor,
        people_per_week=found.people_per_week,
        tags=tuple(found.tags),
        cause=found.cause,
        evidence=tuple(
            Piece(each.kind, each.text, each.url, each.grade) for each in found.evidence.all()
        ),
    )
    return services.edit_insight(site, key, fields, by=by, now=now)


def _place_hypothesis(site: Site, key: str, given: Given, by: Actor, now: datetime) -> object:
    found = hypothesis_of(site, key)
    if found is None:
        raise services.NoSuchHypothesis(key=key)
    domain = found.as_domain()
    fields = HypothesisFields(
        change=found.change,
        audience=found.audience,
        outcome=found.outcome,
        reason=found.reason,
        metric=found.metric,
        direction=found.direction,
        expected_lift=found.expected_lift,
        insights=domain.evidence,
        surface=given.surface,
        element=found.element,
        learnings=domain.learnings,
        adds_pressure=found.adds_pressure,
        again=found.again,
        again_because=found.again_because,
    )
    return services.edit_hypothesis(site, key, fields, by=by, now=now)


_INSIGHT_STAGES: Final = (
    ("", "Any"),
    ("open", "Not retired"),
    *((each.value, stage_word(Item.INSIGHT, each)) for each in InsightStage),
)
_HYPOTHESIS_STAGES: Final = (
    ("", "Any"),
    *((each.value, stage_word(Item.HYPOTHESIS, each)) for each in HypothesisStage),
)


def _in_stage(rows: Rows, value: str, now: datetime) -> Rows:
    del now
    if value == "open":
        return rows.exclude(stage=InsightStage.RETIRED.value)
    return rows.filter(stage=value)


INSIGHTS: Final = Listing(
    name="insights",
    rows=_insights,
    filters=(
        Filter("text", "Words", words_in("problem", "segment", "size", key="I-")),
        Filter("stage", "State", _in_stage, _INSIGHT_STAGES),
        SURFACE,
        Filter("segment", "For whom", holding("segment")),
        Filter("who", "Whose", person("made_by")),
    ),
    columns=(
        Column("Problem", "number"),
        Column("How large"),
        Column("Per week", "value", "n"),
        Column("Evidence", "", "n only-wide"),
        Column("Hypotheses", "used", "n only-wide"),
        Column("State", "stage"),
    ),
    sorts=MappingProxyType(
        {
            "stage": ("rank", "-number"),
            "value": ("-weekly_value_minor", "-number"),
            "used": ("-users", "-number"),
            "number": ("-number",),
        }
    ),
    labels=MappingProxyType({"number": "Newest", "stage": "State", "value": "Value per week"}),
    usual="stage",
    record=_insight_line,
    steps=(
        Step(
            "accept",
            "Accept",
            lambda site, key, _given, by, now: services.accept_insight(site, key, by=by, now=now),
        ),
        Step(
            "confirm",
            "It still holds (why)",
            lambda site, key, given, by, now: services.confirm_insight(
                site, key, by=by, now=now, because=given.reason
            ),
            ("reason",),
        ),
        Step(
            "retire",
            "Retire (why)",
            lambda site, key, given, by, now: services.retire_insight(
                site, key, by=by, now=now, because=given.reason
            ),
            ("reason",),
        ),
        Step("place", "Say where it is (drafts)", _place_insight, ("surface",)),
    ),
)

HYPOTHESES: Final = Listing(
    name="hypotheses",
    rows=_hypotheses,
    filters=(
        Filter(
            "text",
            "Words",
            words_in("change", "audience", "outcome", "reason", "element", key="H-"),
        ),
        Filter("stage", "State", equal("stage"), _HYPOTHESIS_STAGES),
        Filter(
            "finding",
            "Found",
            equal("finding"),
            (("", "Anything"), *((each.value, each.value.capitalize()) for each in Finding)),
        ),
        SURFACE,
        Filter("metric", "Metric", equal("metric")),
        Filter("who", "Whose", person("made_by")),
    ),
    columns=(
        Column("Change", "number"),
        Column("Metric", "metric", "only-wide"),
        Column("Expected lift", "lift", "n"),
        Column("Evidence", "", "n only-wide"),
        Column("Experiments", "tests", "n only-wide"),
        Column("State", "stage"),
    ),
    sorts=MappingProxyType(
        {
            "stage": ("rank", "-number"),
            "lift": ("-expected_lift", "-number"),
            "metric": ("metric", "-number"),
            "tests": ("-tests", "-number"),
            "number": ("-number",),
        }
    ),
    labels=MappingProxyType({"number": "Newest", "stage": "State"}),
    usual="stage",
    record=_hypothesis_line,
    steps=(
        Step(
            "submit",
            "Give to review",
            lambda site, key, _given, by, now: services.submit_hypothesis(
                site, key, by=by, now=now
            ),
        ),
        Step(
            "return",
            "Give back (why)",
            lambda site, key, given, by, now: services.return_hypothesis(
                site, key, by=by, now=now, because=given.reason
            ),
            ("reason",),
        ),
        Step(
            "accept",
            "Accept",
            lambda site, key, given, by, now: services.accept_hypothesis(
                site, key, by=by, now=now, reason=given.reason
            ),
            ("reason",),
        ),
        Step("place", "Say where it is (drafts)", _place_hypothesis, ("surface",)),
    ),
)

LISTINGS: Final = MappingProxyType({"insights": INSIGHTS, "hypotheses": HYPOTHESES})
"""What this app lists."""
