"""The pages of insights and hypotheses as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from truelift.apps.drawing.wording import clock, percent, rough_money
from truelift.apps.research.acceptance import acceptance_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.models import EvidenceKind, HypothesisRecord, InsightRecord
from truelift.apps.research.reads import (
    HypothesisRow,
    InsightRow,
    accept_hypothesis_obstacles,
    accept_insight_obstacles,
    hypothesis_rows,
    insight_rows,
    metric_choices,
)
from truelift.apps.sites.models import Site
from truelift.lifecycle.hypothesis import Finding, HypothesisStage
from truelift.lifecycle.insight import InsightStage
from truelift.lifecycle.obstacle import Obstacle


@dataclass(frozen=True, slots=True)
class InsightsPage:
    """The list of insights.

    Attributes:
        answer: The sentence of the page.
        rows: The insights, each with its value in words.
    """

    answer: str
    grounds: str
    rows: tuple[tuple[InsightRow, str], ...]


@dataclass(frozen=True, slots=True)
class HypothesesPage:
    """The list of hypotheses, each with its status and expected lift in words."""

    answer: str
    grounds: str
    rows: tuple[tuple[HypothesisRow, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of evidence in words."""

    kind: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class InsightPage:
    """An insight.

    Attributes:
        refused: What stands in the way of accepting it, with the field that removes it.
        hypotheses: What rests on it.
    """

    record: InsightRecord
    draft: bool
    value: str
    made: str
    pieces: tuple[Piece, ...]
    refused: tuple[tuple[Obstacle, str], ...]
    hypotheses: tuple[HypothesisRecord, ...]


@dataclass(frozen=True, slots=True)
class HypothesisPage:
    """A hypothesis.

    Attributes:
        parts: Its parts and the number to hold it to, as terms and descriptions.
        refused: What stands in the way of accepting it, with the field that removes it.
        needs_reason: Whether the person who looks has to say why they accept their own.
    """

    record: HypothesisRecord
    sentence: str
    glyph: str
    stage: str
    draft: bool
    testable: bool
    made: str
    parts: tuple[tuple[str, str], ...]
    refused: tuple[tuple[Obstacle, str], ...]
    needs_reason: bool
    insights: tuple[InsightRecord, ...]
    experiments: tuple[tuple[str, str, str], ...]


_FINDINGS = {
    Finding.SUPPORTED.value: ("win", "Supported"),
    Finding.CONTRADICTED.value: ("loss", "Contradicted"),
    Finding.UNRESOLVED.value: ("inconclusive", "Unresolved"),
}


def insights_page(site: Site) -> InsightsPage:
    """Lay out the list of insights."""
    rows = tuple((row, _value(row.weekly_value_minor, site)) for row in insight_rows(site))
    drafts = sum(row.stage == InsightStage.DRAFT for row, _ in rows)
    unused = sum(row.stage != InsightStage.DRAFT and not row.hypotheses for row, _ in rows)
    if not rows:
        return InsightsPage("Nothing has been found yet.", "", ())
    return InsightsPage(
        _said(unused, "accepted finding has", "accepted findings have", "no hypothesis yet")
        or "Every accepted finding has a hypothesis.",
        _said(drafts, "draft waits", "drafts wait", "to be completed") or "No draft is left.",
        rows,
    )


def hypotheses_page(site: Site) -> HypothesesPage:
    """Lay out the list of hypotheses."""
    rows = tuple(
        (row, *_status(row.stage, row.finding), _lift(row)) for row in hypothesis_rows(site)
    )
    waiting = sum(row.stage == HypothesisStage.ACCEPTED and not row.experiments for row, *_ in rows)
    drafts = sum(row.stage == HypothesisStage.DRAFT for row, *_ in rows)
    if not rows:
        return HypothesesPage("Nothing is proposed yet.", "", ())
    return HypothesesPage(
        _said(waiting, "hypothesis is", "hypotheses are", "ready for a test")
        or "No accepted hypothesis waits for a test.",
        _said(drafts, "draft waits", "drafts wait", "to be completed") or "No draft is left.",
        rows,
    )


def insight_page(record: InsightRecord) -> InsightPage:
    """Lay out an insight."""
    draft = record.stage == InsightStage.DRAFT
    fields = {
        "insight.no_problem": "id_problem",
        "insight.no_surface": "id_surface",
        "insight.no_segment": "id_segment",
        "insight.no_size": "id_size",
        "insight.no_evidence": "evidence",
    }
    kinds = dict(EvidenceKind.choices)
    return InsightPage(
        record=record,
        draft=draft,
        value=_value(record.weekly_value_minor, record.site),
        made=_made(record),
        pieces=tuple(
            Piece(kind=kinds[each.kind], text=each.text, url=each.url)
            for each in record.evidence.all()
        ),
        refused=_with_fields(accept_insight_obstacles(record) if draft else (), fields),
        hypotheses=tuple(record.hypotheses.order_by("number")),
    )


def hypothesis_page(
    record: HypothesisRecord, *, to: Actor, reason: str | None = None
) -> HypothesisPage:
    """Lay out a hypothesis.

    Args:
        record: The hypothesis.
        to: Who looks at it, and may want to accept it.
        reason: Why they would accept their own, when they have just tried.
    """
    acceptance = acceptance_of(record, to, reason=reason)
    draft = record.stage == HypothesisStage.DRAFT
    domain = record.as_domain()
    glyph, stage = _status(record.stage, record.finding)
    expected = "not said yet"
    if record.metric and record.direction and record.expected_lift:
        verb = "rises" if record.direction == "increase" else "falls"
        name = dict(metric_choices(record.site)).get(record.metric, record.metric)
        expected = f"{name} {verb} by about {percent(record.expected_lift)}"
    fields = {
        f"hypothesis.no_{part}": f"id_{part}"
        for part in (
            "change",
            "audience",
            "outcome",
            "reason",
            "metric",
            "direction",
            "expected_lift",
        )
    } | {
        "hypothesis.no_evidence": "id_insights",
        "hypothesis.own_without_reason": "id_reason_own",
    }
    return HypothesisPage(
        record=record,
        sentence=domain.sentence,
        glyph=glyph,
        stage=stage,
        draft=draft,
        testable=not draft,
        made=_made(record),
        parts=(
            ("Change", record.change or "not said yet"),
            ("For", record.audience or "not said yet"),
            ("They will", record.outcome or "not said yet"),
            ("Because", record.reason or "not said yet"),
            ("Expected", expected),
        ),
        refused=_with_fields(
            accept_hypothesis_obstacles(record, acceptance) if draft else (), fields
        ),
        needs_reason=acceptance.needs_reason,
        insights=tuple(sorted(record.insights.all(), key=lambda each: each.number)),
        experiments=tuple(
            (each.key, each.name, each.stage) for each in record.experiments.order_by("pk")
        ),
    )


def _with_fields(
    obstacles: Sequence[Obstacle], fields: dict[str, str]
) -> tuple[tuple[Obstacle, str], ...]:
    return tuple((each, fields.get(each.code, "")) for each in obstacles)


def _status(stage: str, finding: str) -> tuple[str, str]:
    if stage == HypothesisStage.TESTED:
        return _FINDINGS.get(finding, ("inconclusive", "Tested"))
    if stage == HypothesisStage.ACCEPTED:
        return ("passed", "Accepted")
    return ("missing", "Draft")


def _lift(row: HypothesisRow) -> str:
    if not row.expected_lift:
        return ""
    return f"{'+' if row.direction != 'decrease' else '−'}{percent(row.expected_lift, digits=1)}"


def _value(minor: int | None, site: Site) -> str:
    return "" if minor is None else rough_money(minor, site.currency)


def _made(record: InsightRecord | HypothesisRecord) -> str:
    who = str(record.made_by) if record.made_by else "The operator"
    return f"{who}, {clock(record.made_at.astimezone(ZoneInfo(record.site.time_zone)))}"


_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def _said(number: int, one: str, many: str, rest: str) -> str:
    if not number:
        return ""
    word = _SMALL[number] if number < len(_SMALL) else f"{number:,}"
    return f"{word.capitalize()} {one if number == 1 else many} {rest}."
