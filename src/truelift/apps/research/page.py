"""The pages of insights and hypotheses as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse

from truelift.apps.accounts.reads import standing_of
from truelift.apps.drawing.wording import clock, percent, rough_money
from truelift.apps.lists.page import Page
from truelift.apps.programme.reads import policy_of
from truelift.apps.research.acceptance import acceptance_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.earlier import NOTHING, Earlier, Found, earlier_work, work_of
from truelift.apps.research.fields import HypothesisFields
from truelift.apps.research.models import EvidenceKind, HypothesisRecord, InsightRecord
from truelift.apps.research.reads import (
    HypothesisRow,
    InsightRow,
    as_if_written,
    hypothesis_counts,
    hypothesis_rows,
    insight_counts,
    insight_rows,
    measured,
    metric_choices,
    quarter_evidence,
    to_be_accepted,
)
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Item
from truelift.lifecycle.hypothesis import (
    Finding,
    Hypothesis,
    HypothesisAction,
    HypothesisStage,
    WhyAgain,
    hypothesis_obstacles,
)
from truelift.lifecycle.hypothesis_lint import Lint, Question, lint
from truelift.lifecycle.insight import (
    Cause,
    Grade,
    InsightAction,
    InsightStage,
    Tag,
    insight_obstacles,
)
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.similarity import Work
from truelift.lifecycle.stage_words import stage_within, stage_word


@dataclass(frozen=True, slots=True)
class InsightsPage:
    """The list of insights.

    Attributes:
        answer: The sentence of the page.
        rows: The insights, each with its value and its state in words.
        any: Whether the site has any, whatever the filters leave.
    """

    answer: str
    grounds: str
    rows: tuple[tuple[InsightRow, str, str, str], ...]
    any: bool = False


@dataclass(frozen=True, slots=True)
class HypothesesPage:
    """The list of hypotheses, each with its status and expected lift in words.

    Attributes:
        shallow: The warning that too many tests rest on one kind of evidence; or empty.
        any: Whether the site has any, whatever the filters leave.
    """

    answer: str
    grounds: str
    rows: tuple[tuple[HypothesisRow, str, str, str], ...]
    shallow: str = ""
    any: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of evidence in words."""

    kind: str
    text: str
    url: str
    grade: str


@dataclass(frozen=True, slots=True)
class Step:
    """A button of the panel, and why it is refused.

    Attributes:
        action: The last part of its address.
        label: What stands on it.
        refused: What stands in its way, each with where that is removed.
        asks: Label of the reason that it asks for; empty for none.
        hint: What stands below the reason.
        main: Whether it is the one solid button.
        tried: Whether it has just been pressed and was refused.
    """

    action: str
    label: str
    refused: tuple[tuple[Obstacle, str], ...]
    asks: str = ""
    hint: str = ""
    main: bool = False
    tried: bool = False

    @property
    def list_id(self) -> str:
        """Where its reasons stand on the page."""
        return "why-not" if self.action == "accept" else f"why-not-{self.action}"

    @property
    def field_id(self) -> str:
        """Where its reason is typed."""
        return "id_reason_own" if self.action == "accept" else f"id_reason_{self.action}"


@dataclass(frozen=True, slots=True)
class Source:
    """A signal or an idea from which something came.

    Attributes:
        key: `S-4` or `P-2`.
        text: What it says.
        href: Its page.
        stage: How far it has come.
    """

    key: str
    text: str
    href: str
    stage: str


@dataclass(frozen=True, slots=True)
class Tried:
    """A step that somebody has just tried in vain.

    Attributes:
        action: The last part of its address.
        reason: What they gave as the reason.
    """

    action: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class InsightPage:
    """An insight.

    Attributes:
        facts: What is known of it, as terms and descriptions.
        steps: What can be done to it now.
        sources: The signals and ideas that led to it: key, words, address, stage.
        hypotheses: What rests on it.
        drafted: Which machine wrote it, in words; empty for a person.
    """

    record: InsightRecord
    glyph: str
    stage: str
    draft: bool
    usable: bool
    value: str
    made: str
    why: str
    facts: tuple[tuple[str, str], ...]
    tags: tuple[Tag, ...]
    pieces: tuple[Piece, ...]
    steps: tuple[Step, ...]
    sources: tuple[Source, ...]
    hypotheses: tuple[HypothesisRecord, ...]
    drafted: str


@dataclass(frozen=True, slots=True)
class Near:
    """A piece of earlier work, with its address.

    Attributes:
        earlier: The work.
        href: Its page.
        percent: How like it is, in per cent.
    """

    earlier: Earlier
    href: str
    percent: int


@dataclass(frozen=True, slots=True)
class Checks:
    """What a sharp colleague would say, and what there is already.

    Attributes:
        sentence: The hypothesis as it reads.
        lint: Its weaknesses.
        of: How many questions there are.
        near: Earlier work that is much the same.
        whys: Why one may try again, as choices.
    """

    sentence: str
    lint: Lint
    of: int
    near: tuple[Near, ...]
    whys: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class HypothesisPage:
    """A hypothesis.

    Attributes:
        parts: Its parts and the number to hold it to, as terms and descriptions.
        open: Whether it is a draft or in review.
        checks: Weaknesses and earlier work; None once it was accepted.
        answered: Why it is tried again, in words; empty while nobody has said.
        must_answer: Whether earlier work is much the same that nobody has answered.
        steps: What can be done to it now.
        sources: The ideas that became it.
        learnings: What it cites, key and text.
        drafted: Which machine wrote it, in words; empty for a person.
    """

    record: HypothesisRecord
    sentence: str
    glyph: str
    stage: str
    draft: bool
    open: bool
    testable: bool
    made: str
    parts: tuple[tuple[str, str], ...]
    grade: Grade
    checks: Checks | None
    answered: str
    must_answer: bool
    steps: tuple[Step, ...]
    sources: tuple[Source, ...]
    insights: tuple[InsightRecord, ...]
    learnings: tuple[tuple[str, str], ...]
    experiments: tuple[tuple[str, str, str], ...]
    drafted: str


_FINDINGS = {
    Finding.SUPPORTED.value: ("win", "Supported"),
    Finding.CONTRADICTED.value: ("loss", "Contradicted"),
    Finding.UNRESOLVED.value: ("inconclusive", "Unresolved"),
}


_INSIGHT_GLYPHS = {
    InsightStage.DRAFT.value: "missing",
    InsightStage.ACCEPTED.value: "passed",
    InsightStage.STALE.value: "waiting",
    InsightStage.RETIRED.value: "null",
}
_HYPOTHESIS_GLYPHS = {
    HypothesisStage.DRAFT.value: "missing",
    HypothesisStage.READY_FOR_REVIEW.value: "waiting",
    HypothesisStage.ACCEPTED.value: "passed",
    HypothesisStage.TESTED.value: "inconclusive",
}


def insights_page(site: Site, listed: Page) -> InsightsPage:
    """Lay out a page of the list of insights."""
    rows = tuple(
        (row, _value(row.weekly_value_minor, site), *_insight_status(row.stage))
        for row in insight_rows(site, listed.records)
    )
    counts = insight_counts(site)
    if not counts.any:
        return InsightsPage("Nothing has been found yet.", "", ())
    grounds = [
        _said(counts.drafts, "draft waits", "drafts wait", "to be completed")
        or "No draft is left.",
        _said(counts.stale, "finding has", "findings have", "gone stale and wait to be confirmed"),
    ]
    if counts.held:
        grounds.append(f"Customers explain {counts.explained} of the {counts.held} that hold.")
    return InsightsPage(
        _said(counts.unused, "accepted finding has", "accepted findings have", "no hypothesis yet")
        or "Every accepted finding has a hypothesis.",
        " ".join(filter(None, grounds)),
        rows,
        any=True,
    )


def hypotheses_page(site: Site, listed: Page, *, now: datetime) -> HypothesesPage:
    """Lay out a page of the list of hypotheses."""
    rows = tuple(
        (row, *_status(row.stage, row.finding), _lift(row))
        for row in hypothesis_rows(site, listed.records)
    )
    counts = hypothesis_counts(site)
    if not counts.any:
        return HypothesesPage("Nothing is proposed yet.", "", ())
    quarter = quarter_evidence(site, now=now)
    return HypothesesPage(
        _said(counts.waiting, "hypothesis is", "hypotheses are", "ready for a test")
        or "No accepted hypothesis waits for a test.",
        " ".join(
            filter(
                None,
                (
                    _said(counts.drafts, "draft waits", "drafts wait", "to be completed")
                    or "No draft is left.",
                    _said(counts.review, "hypothesis waits", "hypotheses wait", "for review"),
                ),
            )
        ),
        rows,
        shallow=f"{quarter.shallow} of the {quarter.tests} tests that began this quarter rest on"
        " one kind of evidence. What is learned from them may stay shallow: let numbers be"
        " explained by what customers say."
        if quarter.too_many
        else "",
        any=True,
    )


def insight_page(record: InsightRecord, *, to: Actor, tried: Tried | None = None) -> InsightPage:
    """Lay out an insight.

    Args:
        record: The insight.
        to: Who looks at it.
        tried: The step that they have just tried in vain.
    """
    site = record.site
    policy, standing = policy_of(site), standing_of(to.user, site)
    domain = record.as_domain()
    draft = domain.stage is InsightStage.DRAFT
    held = domain.stage in {InsightStage.ACCEPTED, InsightStage.STALE}
    edit = reverse("research:edit_insight", args=[site.name, record.key])
    links = {
        f"insight.no_{part}": f"{edit}#id_{part}"
        for part in ("problem", "surface", "segment", "size")
    } | {
        "insight.no_evidence": f"{edit}#evidence",
        "insight.only_opinion": f"{edit}#evidence",
        "insight.nothing_confirms": "#id_reason_confirm",
        "insight.retired_without_reason": "#id_reason_retire",
        "people.function": reverse("accounts:members", args=[site.name]),
    }
    # Only a draft can be rewritten; what holds is not led to a form that refuses it.
    links = links if draft else {code: at for code, at in links.items() if edit not in at}

    def step(action: InsightAction, label: str, **more: Any) -> Step:  # noqa: ANN401
        mine = tried if tried is not None and tried.action == action.value else None
        found = insight_obstacles(
            domain, action, by=standing, policy=policy, reason=mine.reason if mine else None
        )
        return Step(action.value, label, _linked(found, links), tried=mine is not None, **more)

    steps: tuple[Step, ...] = ()
    if draft:
        steps = (step(InsightAction.ACCEPT, "Accept", main=True),)
    elif held:
        steps = (
            step(
                InsightAction.CONFIRM,
                "It still holds",
                asks="What shows that it still holds",
                main=domain.stage is InsightStage.STALE,
            ),
            step(InsightAction.RETIRE, "Retire it", asks="Why it is retired"),
        )
    kinds = dict(EvidenceKind.choices)
    glyph, stage = _insight_status(record.stage)
    stale_at = domain.stale_at(policy)
    zone = ZoneInfo(site.time_zone)
    facts = [
        ("Where", record.surface or "not said yet"),
        ("For whom", record.segment or "not said yet"),
        ("How large", record.size or "not said yet"),
        ("People a week", f"{record.people_per_week:,}" if record.people_per_week else ""),
        (
            "Costs a week",
            f"about {value}" if (value := _value(record.weekly_value_minor, site)) else "",
        ),
        ("The cause is", {"": "", **_CAUSES}[record.cause]),
        ("Evidence", f"grade {domain.grade}, {domain.grade.meaning}"),
        ("Holds until", f"{stale_at.astimezone(zone):%-d %b %Y}" if stale_at else ""),
        ("Last word", record.because),
    ]
    return InsightPage(
        record=record,
        glyph=glyph,
        stage=stage,
        draft=draft,
        usable=held,
        value=value,
        made=_made(record),
        why="Customers explain why."
        if domain.explained
        else "Unexplained: numbers say where, and nobody has heard why.",
        facts=tuple((term, text) for term, text in facts if text),
        tags=tuple(each for each in Tag if each in domain.tags),
        pieces=tuple(
            Piece(
                kind=kinds[each.kind],
                text=each.text,
                url=each.url,
                grade=each.as_domain().grade.value,
            )
            for each in record.evidence.all()
        ),
        steps=steps,
        sources=(
            *(_source(Item.SIGNAL, each.title, "signals", each) for each in _by(record.signals)),
            *(_source(Item.IDEA, each.change, "ideas", each) for each in _by(record.ideas)),
        ),
        hypotheses=tuple(record.hypotheses.order_by("number")),
        drafted=_drafted(record),
    )


_CAUSES = {Cause.OBSERVED.value: "observed", Cause.INFERRED.value: "inferred"}


def checks_of(
    site: Site, hypothesis: Hypothesis, found: Found, *, to_measure: frozenset[str] | None
) -> Checks:
    """Lay out what a sharp colleague would say of a hypothesis, and what there is already."""
    said = replace(hypothesis, learnings=hypothesis.learnings + tuple(sorted(hypothesis.answered)))
    return Checks(
        sentence=hypothesis.sentence,
        lint=lint(
            said,
            policy=policy_of(site),
            metrics=to_measure,
            contradicted_by=found.against,
        ),
        of=len(Question),
        near=tuple(
            Near(
                earlier=each,
                href=f"/s/{site.name}/{each.path}",
                percent=round(each.score * 100),
            )
            for each in found.shown
        ),
        whys=tuple((each.value, each.called) for each in WhyAgain),
    )


def checks_while_typed(
    site: Site, fields: HypothesisFields, *, now: datetime, of: HypothesisRecord | None = None
) -> Checks:
    """Lay out the same for fields that are not stored.

    Args:
        site: The site.
        fields: What is written so far.
        now: The moment.
        of: The hypothesis that is being rewritten; None for a new one.
    """
    written = as_if_written(site, fields, key=of.key if of else "")
    found = earlier_work(
        site,
        Work(
            key=written.key,
            change=written.change,
            reason=written.reason,
            surface=written.surface,
            element=written.element,
            metric=written.metric,
            audience=written.audience,
        ),
        now=now,
        before=of.number if of else None,
    )
    return checks_of(site, written, found, to_measure=measured(site))


def hypothesis_page(
    record: HypothesisRecord, *, to: Actor, now: datetime, tried: Tried | None = None
) -> HypothesisPage:
    """Lay out a hypothesis.

    Args:
        record: The hypothesis.
        to: Who looks at it, and may want to accept it.
        now: The moment.
        tried: The step that they have just tried in vain.
    """
    site = record.site
    draft = record.stage == HypothesisStage.DRAFT
    is_open = record.stage in {HypothesisStage.DRAFT, HypothesisStage.READY_FOR_REVIEW}
    found = (
        earlier_work(site, work_of(record), now=now, before=record.number) if is_open else NOTHING
    )
    domain = record.as_domain(alike=found.keys)
    glyph, stage = _status(record.stage, record.finding)
    expected = "not said yet"
    if record.metric and record.direction and record.expected_lift:
        verb = "rises" if record.direction == "increase" else "falls"
        name = dict(metric_choices(site)).get(record.metric, record.metric)
        expected = f"{name} {verb} by about {percent(record.expected_lift)}"
    where = ", ".join(filter(None, (record.surface, record.element)))
    return HypothesisPage(
        record=record,
        sentence=domain.sentence,
        glyph=glyph,
        stage=stage,
        draft=draft,
        open=is_open,
        testable=not is_open,
        made=_made(record),
        parts=(
            ("Change", record.change or "not said yet"),
            ("For", record.audience or "not said yet"),
            ("They will", record.outcome or "not said yet"),
            ("Because", record.reason or "not said yet"),
            ("Expected", expected),
            ("Where", where or "not said yet"),
            *([("Pressure", "It presses people")] if record.adds_pressure else []),
        ),
        grade=domain.grade,
        checks=checks_of(site, domain, found, to_measure=measured(site)) if is_open else None,
        answered=_again(record),
        must_answer=bool(domain.unanswered),
        steps=_hypothesis_steps(record, domain, to=to, tried=tried) if is_open else (),
        sources=tuple(_source(Item.IDEA, each.change, "ideas", each) for each in _by(record.ideas)),
        insights=tuple(sorted(record.insights.all(), key=lambda each: each.number)),
        learnings=tuple(
            (each.key, each.text)
            for each in sorted(record.learnings.all(), key=lambda each: each.number)
        ),
        experiments=tuple(
            (each.key, each.name, stage_within(Item.EXPERIMENT, each.stage))
            for each in sorted(record.experiments.all(), key=lambda each: each.pk)
        ),
        drafted=_drafted(record),
    )


def _hypothesis_steps(
    record: HypothesisRecord, domain: Hypothesis, *, to: Actor, tried: Tried | None
) -> tuple[Step, ...]:
    site = record.site
    policy, standing = policy_of(site), standing_of(to.user, site)
    given = {tried.action: tried.reason} if tried else {}
    acceptance = acceptance_of(record, to, reason=given.get("accept"))
    draft = domain.stage is HypothesisStage.DRAFT
    edit = reverse("research:edit_hypothesis", args=[site.name, record.key])
    parts = ("change", "audience", "outcome", "reason", "metric", "direction", "expected_lift")
    links = {
        "hypothesis.own_without_reason": "#id_reason_own",
        "hypothesis.returned_without_reason": "#id_reason_return",
        "hypothesis.repeats": "#repeat",
        "people.function": reverse("accounts:members", args=[site.name]),
    }
    if draft:
        links |= {f"hypothesis.no_{part}": f"{edit}#id_{part}" for part in parts} | {
            "hypothesis.no_evidence": f"{edit}#id_insights",
            "hypothesis.little_evidence": f"{edit}#id_insights",
            "hypothesis.one_sort_of_evidence": f"{edit}#id_insights",
            "hypothesis.several_changes": f"{edit}#id_change",
            "hypothesis.vague_change": f"{edit}#id_change",
            "hypothesis.either_way": f"{edit}#id_outcome",
            "hypothesis.unknown_metric": f"{edit}#id_metric",
        }

    def step(action: HypothesisAction, label: str, **more: Any) -> Step:  # noqa: ANN401
        accepts = action is HypothesisAction.ACCEPT
        found = hypothesis_obstacles(
            to_be_accepted(domain) if accepts else domain,
            action,
            acceptance=acceptance,
            by=standing,
            policy=policy,
            metrics=measured(site) if accepts else None,
            reason=given.get(action.value),
        )
        return Step(action.value, label, _linked(found, links), tried=action.value in given, **more)

    accept = step(
        HypothesisAction.ACCEPT,
        "Accept",
        main=not (draft and acceptance.by_author),
        asks="Why you accept what you wrote yourself" if acceptance.needs_reason else "",
        hint="Nobody else on this site can accept it. An analyst whom you invite could.",
    )
    if draft:
        submit = step(HypothesisAction.SUBMIT, "Ready for review", main=acceptance.by_author)
        return (submit, accept)
    back = step(HypothesisAction.RETURN, "Return it", asks="What is missing")
    return (accept, back)


def _linked(
    obstacles: Sequence[Obstacle], links: Mapping[str, str]
) -> tuple[tuple[Obstacle, str], ...]:
    return tuple((each, links.get(each.code, "")) for each in obstacles)


def _again(record: HypothesisRecord) -> str:
    if not record.again:
        return ""
    said = f"{WhyAgain(record.again).called}."
    return f"{said} {record.again_because}".strip()


def _by(related: Any) -> Any:  # noqa: ANN401 - rows of another app, which knows this one
    return related.order_by("number").select_related("site")


def _source(item: Item, text: str, folder: str, row: Any) -> Source:  # noqa: ANN401
    href = f"/s/{row.site.name}/{folder}/{row.key}/"
    return Source(row.key, text, href, stage_within(item, row.stage))


def _drafted(record: InsightRecord | HypothesisRecord) -> str:
    if not record.drafted_by:
        return ""
    taken = f", accepted by {record.accepted_by}" if record.accepted_by else ""
    made_of = f" from {', '.join(map(str, record.drafted_from))}" if record.drafted_from else ""
    return f"Drafted by {record.drafted_by}{made_of}{taken}."


def _insight_status(stage: str) -> tuple[str, str]:
    return _INSIGHT_GLYPHS[stage], stage_word(Item.INSIGHT, stage)


def _status(stage: str, finding: str) -> tuple[str, str]:
    if stage == HypothesisStage.TESTED and finding in _FINDINGS:
        return _FINDINGS[finding]
    return _HYPOTHESIS_GLYPHS[stage], stage_word(Item.HYPOTHESIS, stage)


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
