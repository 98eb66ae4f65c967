"""Reads what happened in a programme, as its log tells it: tests, insights, ideas, winners."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from truelift.apps.accounts.models import AuditEvent
from truelift.apps.backlog.models import OverrideRecord
from truelift.apps.briefs.models import ApprovalRecord, BriefRecord
from truelift.apps.briefs.services import approvers
from truelift.apps.changes.reads import withheld_of
from truelift.apps.experiments.domain import midnight_at
from truelift.apps.experiments.models import (
    AnalysisRecord,
    DecisionRecord,
    ExperimentRecord,
    MoveRecord,
)
from truelift.apps.explorers.models import Annotation, AnnotationKind
from truelift.apps.intake.models import IdeaRecord
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.brief import Review, Risk
from truelift.lifecycle.experiment import RANDOMISED, Action, Method, Origin, Stage
from truelift.lifecycle.insight import EvidenceKind, Grade
from truelift.lifecycle.programme_metrics import CONCLUDED, Handled, Step, Trial, Wait
from truelift.stats.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Result:
    """What a test came to, by the snapshot that counts.

    Attributes:
        advice: What it recommends.
        failed: Integrity checks that failed.
        outcome: What the primary metric showed; None without an effect that may be read.
        metric: Its key.
        value: The relative effect; above 0 is better.
        se: Its standard error; None where there is none.
        margin: The largest relative difference that would not matter; None where nobody said.
        harm: Whether a guardrail is broken.
    """

    advice: str
    failed: tuple[str, ...] = ()
    outcome: Outcome | None = None
    metric: str = ""
    value: float | None = None
    se: float | None = None
    margin: float | None = None
    harm: bool = False


@dataclass(frozen=True, slots=True)
class OneTest:
    """An experiment: its log, what was decided, what it came to.

    Attributes:
        trial: Its log until the moment that is asked about.
        key: Its key.
        name: What people call it.
        surface: Where.
        imported: It ran elsewhere, so that its log says nothing of this programme.
        randomised: Whether visitors were split.
        hypothesis: Key; or empty.
        owned: Whether somebody is named who decides.
        planned_end: When its plan ends; None without one.
        stopped_at: When it was stopped.
        choice: What was decided; empty before.
        against: Whether that was against the recommendation.
        decided_by: Who decided.
        because: Their reason; or why it was given up.
        result: None before a snapshot.
        withheld: It was decided before anybody told of a change that spoiled it, and nobody has
            kept the decision.
        holdout: It holds some visitors out of everything; what the others got is its treatment.
    """

    trial: Trial
    key: str
    name: str
    surface: str
    imported: bool
    randomised: bool
    hypothesis: str
    owned: bool
    planned_end: datetime | None
    stopped_at: datetime | None
    choice: str = ""
    against: bool = False
    decided_by: str = ""
    because: str = ""
    result: Result | None = None
    withheld: bool = False
    holdout: bool = False

    @property
    def valid(self) -> bool:
        """Whether it was concluded with a result that may be used."""
        return (
            self.trial.stage in CONCLUDED
            and self.trial.invalid_at is None
            and not self.withheld
            and self.result is not None
            and not self.result.failed
            and self.result.advice != "invalid"
        )

    @property
    def counted(self) -> bool:
        """Whether it counts among the results: valid, of this programme, with an effect."""
        return (
            self.valid
            and not self.imported
            and self.randomised
            and self.result is not None
            and self.result.outcome is not None
        )

    @property
    def early(self) -> bool:
        """Whether it was stopped before its planned end."""
        return (
            self.stopped_at is not None
            and self.planned_end is not None
            and self.stopped_at < self.planned_end
        )


@dataclass(frozen=True, slots=True)
class Shipped:
    """A decision to ship.

    Attributes:
        given_up: When it was abandoned.
        since: When it came to where it stands.
    """

    key: str
    experiment: str
    name: str
    stage: str
    owned: bool
    decided_at: datetime
    verified_at: datetime | None
    given_up: datetime | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of the backlog: when it came, and when it left.

    Attributes:
        key: `H-4` or `ID-7`.
        came: When it was written; a hypothesis that was an idea before came as that idea.
        left: When it was taken up, rejected or parked; None while it waits.
    """

    key: str
    came: datetime
    left: datetime | None


@dataclass(frozen=True, slots=True)
class Proposed:
    """A hypothesis.

    Attributes:
        grade: The best evidence below it.
        kinds: Kinds of evidence below it.
        repeat: Whether it is tried again knowingly.
        submitted_at: When it was handed in for review, while it waits for that.
    """

    key: str
    made_at: datetime
    grade: Grade
    kinds: frozenset[EvidenceKind]
    repeat: bool
    submitted_at: datetime | None
    change: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """A rank that a person gave against the score."""

    hypothesis: str
    key: str
    rank: int
    rank_then: int | None
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """Everything that the figures are computed from.

    Attributes:
        as_of: What came later is left out.
        launched_first: Insight → when the first test that rests on it was launched.
        releases: Moments and texts of releases that were noted on the time axis.
        approvals: By the functions of which one gives it: from the design to each approval.
    """

    site: Site
    as_of: datetime
    zone: ZoneInfo
    tests: tuple[OneTest, ...]
    insights: tuple[Handled, ...]
    launched_first: Mapping[str, datetime]
    hypotheses: tuple[Proposed, ...]
    backlog: tuple[Entry, ...]
    rollouts: tuple[Shipped, ...]
    ranks: tuple[Ranked, ...]
    releases: tuple[tuple[datetime, str], ...]
    approvals: Mapping[tuple[str, ...], tuple[Wait, ...]]

    @property
    def own(self) -> tuple[OneTest, ...]:
        """The tests of this programme, without what was imported."""
        return tuple(each for each in self.tests if not each.imported)


def history_of(site: Site, *, as_of: datetime) -> History:
    """Read a programme's log up to a moment; a fixed number of queries, however much it holds."""
    tests = tests_of([site], as_of=as_of)[site.pk]
    hypotheses = _hypotheses([site], as_of)
    left = _left(site, as_of)
    ideas = list(
        IdeaRecord.objects.filter(site=site, made_at__lte=as_of)
        .select_related("hypothesis")
        .order_by("number")
    )
    return History(
        site=site,
        as_of=as_of,
        zone=ZoneInfo(site.time_zone),
        tests=tests,
        insights=tuple(_insights(site, hypotheses, as_of)),
        launched_first=_launched_first(hypotheses, tests),
        hypotheses=tuple(_proposed(each) for each in hypotheses),
        backlog=tuple(_backlog(hypotheses, ideas, tests, left)),
        rollouts=tuple(_rollouts(site, as_of)),
        ranks=tuple(_ranks(site, as_of)),
        releases=tuple(
            Annotation.objects.filter(
                site=site, kind=AnnotationKind.RELEASE, at__lte=as_of
            ).values_list("at", "text")
        ),
        approvals=_approvals(site, tests, as_of),
    )


def proposed_of(sites: Sequence[Site], *, as_of: datetime) -> Mapping[tuple[int, str], Proposed]:
    """Read the hypotheses of several sites by site and key; as few queries as for one."""
    rows = _hypotheses(sites, as_of)
    return {(each.site_id, each.key): _proposed(each) for each in rows}


def _hypotheses(sites: Sequence[Site], as_of: datetime) -> list[HypothesisRecord]:
    return list(
        HypothesisRecord.objects.filter(site__in=sites, made_at__lte=as_of)
        .prefetch_related("insights__evidence")
        .order_by("number")
    )


def tests_of(sites: Sequence[Site], *, as_of: datetime) -> Mapping[int, tuple[OneTest, ...]]:
    """Read the tests of several sites up to a moment; as few queries as for one."""
    found: dict[int, list[OneTest]] = {site.pk: [] for site in sites}
    for site, test in _tests({site.pk: site for site in sites}, as_of):
        found[site].append(test)
    return {site: tuple(tests) for site, tests in found.items()}


def _tests(sites: Mapping[int, Site], as_of: datetime) -> Iterable[tuple[int, OneTest]]:
    steps: dict[int, list[Step]] = defaultdict(list)
    said: dict[int, str] = {}
    moves = MoveRecord.objects.filter(experiment__site__in=sites, moved_at__lte=as_of)
    for row in moves.order_by("pk").values_list(
        "experiment_id", "action", "before", "after", "moved_at", "reason"
    ):
        steps[row[0]].append(Step(*row[1:5]))
        if row[1] == Action.INVALIDATE:
            said[row[0]] = row[5]
    decided = {
        each.experiment_id: each
        for each in DecisionRecord.objects.filter(
            experiment__site__in=sites, decided_at__lte=as_of
        ).select_related("by")
    }
    records = list(
        ExperimentRecord.objects.filter(site__in=sites, made_at__lte=as_of)
        .select_related("hypothesis")
        .prefetch_related("metrics__metric", "rollout")
        .order_by("pk")
    )
    results = _results(records, decided, as_of)
    withheld = withheld_of(decided, until=as_of)
    for record in records:
        decision = decided.get(record.pk)
        imported = record.origin == Origin.IMPORTED
        trial = Trial(record.key, record.made_at, tuple(steps[record.pk]))
        if imported and not trial.steps:
            # It ended elsewhere, and nobody has done anything with it here.
            trial = Trial(
                record.key,
                record.made_at,
                (Step("", Stage.STOPPED, Stage.STOPPED, record.made_at),),
            )
        test = OneTest(
            trial=trial,
            key=record.key,
            name=record.name,
            surface=record.surface,
            imported=imported,
            randomised=record.method in RANDOMISED,
            hypothesis=record.hypothesis.key if record.hypothesis else "",
            owned=record.decision_owner_id is not None,
            planned_end=midnight_at(sites[record.site_id], record.ends_on)
            if record.ends_on
            else None,
            stopped_at=trial.first(Action.STOP),
            choice=decision.choice if decision else "",
            against=bool(decision and decision.against_advice),
            decided_by=(str(decision.by) if decision.by else "the operator") if decision else "",
            because=decision.reason if decision else said.get(record.pk, ""),
            result=results.get(record.pk),
            withheld=record.pk in withheld,
            holdout=record.method == Method.HOLDOUT.value,
        )
        yield record.site_id, test


def _approvals(
    site: Site, tests: Iterable[OneTest], as_of: datetime
) -> dict[tuple[str, ...], tuple[Wait, ...]]:
    """Give how long each function took to agree; what was asked of it and not given waits on.

    Asked is what this programme has ever had approved: of a risk only where there is one.
    """
    given: dict[str, dict[str, datetime]] = defaultdict(dict)
    for what, key, moment in (
        ApprovalRecord.objects.filter(experiment__site=site, given_at__lte=as_of)
        .order_by("pk")
        .values_list("what", "experiment__key", "given_at")
    ):
        given[what][key] = moment
    risks = dict(
        BriefRecord.objects.filter(experiment__site=site).values_list("experiment__key", "risks")
    )
    found: dict[tuple[str, ...], list[Wait]] = defaultdict(list)
    for what in sorted(given):
        functions = tuple(sorted(each.value for each in approvers(what)))
        for test in tests:
            began = test.trial.first(Action.DESIGN)
            at = given[what].get(test.key)
            asked = what not in _OF_SOME or bool(risks.get(test.key, {}).get(what))
            waits = asked and test.trial.stage in _ASKED
            if began is not None and not test.imported and (at is not None or waits):
                found[functions].append(Wait(test.key, began, at))
    return {functions: tuple(found[functions]) for functions in sorted(found)}


_ASKED: Final = frozenset({Stage.DESIGNED, Stage.BUILD, Stage.QA})
"""Stages in which an approval is waited for."""

_OF_SOME: Final = frozenset({*Risk, *Review})
"""What is asked of some tests alone."""


def _results(
    records: Iterable[ExperimentRecord],
    decided: Mapping[int, DecisionRecord],
    as_of: datetime,
) -> dict[int, Result]:
    """Read the snapshot that counts of each test: the one decided on, otherwise the last."""
    by_pk = {record.pk: record for record in records}
    newest: dict[int, int] = dict(
        AnalysisRecord.objects.filter(experiment__in=by_pk, made_at__lte=as_of)
        .order_by("number")
        .values_list("experiment_id", "pk")
    )
    for experiment, decision in decided.items():
        if decision.analysis_id is not None:
            newest[experiment] = decision.analysis_id
    over = [pk for experiment, pk in newest.items() if by_pk[experiment].stage in _OVER]
    return {
        each.experiment_id: result_of(each.document, by_pk[each.experiment_id])
        for each in AnalysisRecord.objects.filter(pk__in=over)
    }


_OVER: Final = frozenset({*CONCLUDED, Stage.ANALYSED, Stage.STOPPED, Stage.INVALID})

_BEST: Final = (Outcome.WIN, Outcome.INCONCLUSIVE, Outcome.NULL, Outcome.LOSS)
"""Of several treatments the best one speaks; one that cannot tell may still be better."""


def result_of(document: Mapping[str, Any], record: ExperimentRecord) -> Result:
    """Read what a snapshot says of its primary metric, by the variant that it recommends."""
    advised = document.get("recommendation") or {}
    metrics = document.get("metrics", ())
    found = Result(
        advice=str(advised.get("action") or ""),
        failed=tuple(
            str(each.get("check"))
            for each in document.get("integrity", ())
            if each.get("status") == "fail"
        ),
        harm=any(
            effect.get("guardrail") == "broken"
            for metric in metrics
            for effect in metric.get("effects", ())
        ),
    )
    primary = next((each for each in metrics if each.get("role") == "primary"), None)
    effects = [
        each
        for each in (primary or {}).get("effects", ())
        if "withheld" not in each and each.get("outcome") in set(Outcome)
    ]
    if primary is None or not effects:
        return found
    effect = next(
        (each for each in effects if each.get("variant") == advised.get("variant")),
        min(effects, key=lambda each: _BEST.index(Outcome(each["outcome"]))),
    )
    relative = effect.get("relative") or {}
    value, se = relative.get("value"), relative.get("se")
    planned = next((each for each in record.metrics.all() if each.role == "primary"), None)
    margin = (effect.get("margin") or {}).get("relative") or (planned.margin if planned else None)
    sign = -1 if primary.get("direction") == "decrease" else 1
    return Result(
        advice=found.advice,
        failed=found.failed,
        outcome=Outcome(effect["outcome"]),
        metric=str(primary.get("metric")),
        value=sign * value if isinstance(value, int | float) else None,
        se=float(se) if isinstance(se, int | float) and se > 0 else None,
        margin=margin or record.minimum_effect,
        harm=found.harm,
    )


def _insights(
    site: Site, hypotheses: Iterable[HypothesisRecord], as_of: datetime
) -> Iterable[Handled]:
    """Say when something was first done with each insight that was accepted."""
    first: dict[str, datetime] = {}
    for hypothesis in hypotheses:
        for insight in hypothesis.insights.all():
            first.setdefault(insight.key, hypothesis.made_at)
    retired = AuditEvent.objects.filter(
        site=site.name, action="insight.retired", occurred_at__lte=as_of
    )
    for target, at in retired.order_by("id").values_list("target", "occurred_at"):
        first.setdefault(target.removeprefix("insight:"), at)
    for record in InsightRecord.objects.filter(site=site, accepted_at__lte=as_of).order_by(
        "number"
    ):
        if record.accepted_at is not None:
            acted = first.get(record.key)
            # A hypothesis may be written before its insight is accepted.
            yield Handled(
                record.key,
                record.accepted_at,
                None if acted is None else max(acted, record.accepted_at),
            )


def _launched_first(
    hypotheses: Iterable[HypothesisRecord], tests: Iterable[OneTest]
) -> dict[str, datetime]:
    launches: dict[str, datetime] = {}
    for test in tests:
        at = test.trial.launched_at
        if at is not None and not test.imported and test.hypothesis:
            launches[test.hypothesis] = min(at, launches.get(test.hypothesis, at))
    found: dict[str, datetime] = {}
    for hypothesis in hypotheses:
        if hypothesis.key not in launches:
            continue
        first = launches[hypothesis.key]
        for insight in hypothesis.insights.all():
            found[insight.key] = min(first, found.get(insight.key, first))
    return found


def _proposed(record: HypothesisRecord) -> Proposed:
    value = record.as_domain(cited=())
    return Proposed(
        key=record.key,
        made_at=record.made_at,
        grade=value.grade,
        kinds=frozenset(each.kind for each in value.pieces),
        repeat=bool(record.again),
        submitted_at=record.submitted_at if record.stage == "ready_for_review" else None,
        change=record.change,
    )


def _left(site: Site, as_of: datetime) -> dict[str, datetime]:
    """Say when ideas left without becoming a hypothesis; one that was taken up again waits."""
    found: dict[str, datetime] = {}
    events = AuditEvent.objects.filter(
        site=site.name,
        action__in=["idea.rejected", "idea.parked", "idea.taken_up"],
        occurred_at__lte=as_of,
    ).order_by("id")
    for action, target, at in events.values_list("action", "target", "occurred_at"):
        key = target.removeprefix("idea:")
        if action == "idea.taken_up":
            found.pop(key, None)
        else:
            found[key] = at
    return found


def _backlog(
    hypotheses: Iterable[HypothesisRecord],
    ideas: Iterable[IdeaRecord],
    tests: Iterable[OneTest],
    left: Mapping[str, datetime],
) -> Iterable[Entry]:
    taken_up: dict[str, datetime] = {}
    for test in tests:
        at = test.trial.taken_up_at
        if at is not None and test.hypothesis and not test.imported:
            taken_up[test.hypothesis] = min(at, taken_up.get(test.hypothesis, at))
    promoted: dict[str, IdeaRecord] = {}
    for idea in ideas:
        if idea.hypothesis is None:
            yield Entry(idea.key, idea.made_at, left.get(idea.key))
        else:
            promoted.setdefault(idea.hypothesis.key, idea)
    for hypothesis in hypotheses:
        before = promoted.get(hypothesis.key)
        yield Entry(
            hypothesis.key,
            before.made_at if before is not None else hypothesis.made_at,
            taken_up.get(hypothesis.key),
        )


def _rollouts(site: Site, as_of: datetime) -> Iterable[Shipped]:
    rows = (
        RolloutRecord.objects.filter(site=site, decided_at__lte=as_of)
        .exclude(experiment__origin=Origin.IMPORTED)
        .select_related("experiment")
        .prefetch_related("moves")
        .order_by("number")
    )
    for row in rows:
        moves = [each for each in row.moves.all() if each.moved_at <= as_of]
        yield Shipped(
            key=row.key,
            experiment=row.experiment.key,
            name=row.experiment.name,
            stage=moves[-1].after if moves else "planned",
            owned=row.owner_id is not None,
            decided_at=row.decided_at,
            verified_at=_until(row.verified_at, as_of),
            given_up=_until(row.ended_at, as_of),
            since=moves[-1].moved_at if moves else row.decided_at,
        )


def _until(at: datetime | None, as_of: datetime) -> datetime | None:
    return at if at is not None and at <= as_of else None


def _ranks(site: Site, as_of: datetime) -> Iterable[Ranked]:
    rows = (
        OverrideRecord.objects.filter(priority__site=site, made_at__lte=as_of)
        .select_related("priority__hypothesis", "priority__idea__hypothesis", "made_by")
        .order_by("pk")
    )
    for row in rows:
        item = row.priority
        idea = item.idea
        hypothesis = item.hypothesis or (idea.hypothesis if idea else None)
        yield Ranked(
            hypothesis=hypothesis.key if hypothesis else "",
            key=item.key,
            rank=row.rank,
            rank_then=row.rank_then,
            reason=row.reason,
            by=str(row.made_by) if row.made_by else "the operator",
            at=row.made_at,
        )


WINNER: Final = re.compile(r"\bR-[1-9]\d{0,8}\b")
"""How a note of a release names the winner that it brings."""
