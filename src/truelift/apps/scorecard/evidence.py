"""Reads from the other apps what a scorecard and its maturity are made of; asks no lake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median, pstdev
from typing import Final

from truelift.apps.backlog.models import PriorityRecord
from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.models import LearningRecord
from truelift.apps.freezes.figures import figures_of as freeze_figures
from truelift.apps.programme.reads import policy_of
from truelift.apps.progress.figures import Document, figures_of, to_decision
from truelift.apps.progress.history import History, history_of
from truelift.apps.qa.models import QaRunRecord
from truelift.apps.roadmap.changes import freshness_of
from truelift.apps.roadmap.models import ConflictRecord
from truelift.apps.scorecard.evidence_today import TODAY, readings_of_today
from truelift.apps.scorecard.models import TargetsRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.insight import EvidenceKind
from truelift.lifecycle.scorecard import Figure, Reading
from truelift.stats.kaplan_meier import waiting_times


QUARTER: Final = timedelta(days=91)
HALF_A_YEAR: Final = timedelta(days=182)
FEWEST_MONTHS: Final = 3
"""Months without which nothing can be said of how steadily tests are launched."""


@dataclass(frozen=True, slots=True)
class Programme:
    """What the readings are read from.

    Attributes:
        history: The programme's log.
        figures: What that log comes to.
        targets: What the programme wants.
        now: The moment.
    """

    site: Site
    history: History
    figures: Document
    targets: TargetsRecord
    now: datetime


def readings_of(
    site: Site, targets: TargetsRecord, *, as_of: datetime, now: datetime
) -> tuple[Reading, ...]:
    """Read every figure as it stood at a moment, also those of which nothing is known.

    Args:
        site: Whose.
        targets: What the programme wants.
        as_of: The moment.
        now: When it is read; what only today's state tells is left out of older moments.
    """
    history = history_of(site, as_of=as_of)
    of = Programme(site, history, figures_of(history), targets, as_of)
    return (
        *_results(of),
        *_pace(of),
        *_work(of),
        *_care(of),
        *_roadmap(of),
        *(readings_of_today(site, targets, now=as_of) if now - as_of <= TODAY else ()),
    )


def _read(figure: Figure, part: float, whole: float, said: str, *, without: str) -> Reading:
    """A share of things; of nothing there is none."""
    if not whole:
        return Reading(figure, None, 0, without)
    return Reading(figure, part / whole, round(whole), said)


def _unknown(figure: Figure, why: str) -> Reading:
    return Reading(figure, None, 0, why)


def _results(of: Programme) -> Iterable[Reading]:
    """What the tests came to, and whether they may be believed."""
    results, power = of.figures["results"], of.figures["power"]
    yield _read(
        Figure.VALID,
        results["n"],
        results["concluded"],
        f"{results['n']} of {results['concluded']} concluded tests",
        without="no test has been concluded yet",
    )
    rate = results["learning_rate"]
    yield _read(
        Figure.LEARNING,
        rate["part"] if rate else 0,
        rate["of"] if rate else 0,
        f"{rate['part']} of {rate['of']} concluded tests" if rate else "",
        without="no test has been concluded yet",
    )
    judged = [each for each in of.history.own if each.result is not None]
    failed = sum("srm" in each.result.failed for each in judged if each.result)
    yield _read(
        Figure.SPLIT,
        failed,
        len(judged),
        f"{failed} of {len(judged)} analysed tests",
        without="no test has been analysed yet",
    )
    yield (
        Reading(Figure.POWER, power["median"], power["n"], f"median of {power['n']} tests")
        if power["n"]
        else _unknown(Figure.POWER, "no test has both a standard error and a margin")
    )
    metrics = of.figures["impact"]["metrics"]
    live = metrics[0]["live"] if metrics else {"n": 0}
    yield (
        Reading(
            Figure.IMPACT,
            live["value"],
            live["n"],
            f"{live['n']} live winners on {metrics[0]['metric'].replace('_', ' ')}",
        )
        if live["n"]
        else _unknown(Figure.IMPACT, "too few tests to shrink, or no winner is live and verified")
    )


def _pace(of: Programme) -> Iterable[Reading]:
    """How fast and how evenly."""
    launches = [each.trial.launched_at for each in of.history.own if each.trial.launched_at]
    recent = sum(of.now - each <= QUARTER for each in launches)
    room = of.targets.tests_a_quarter
    yield (
        _read(
            Figure.VELOCITY,
            recent,
            room,
            f"{recent} launches in 91 days, with room for {room}",
            without="",
        )
        if room
        else _unknown(Figure.VELOCITY, "nobody has said how many tests a quarter has room for")
    )
    months = Counter(each.astimezone(of.history.zone).strftime("%Y-%m") for each in launches)
    complete = [row["launched"] for row in of.figures["velocity"]["months"][:-1]][-12:]
    yield (
        Reading(
            Figure.STEADY,
            pstdev(complete) / (sum(complete) / len(complete)),
            len(complete),
            f"{sum(complete)} launches in {len(complete)} whole months",
        )
        if len(complete) >= FEWEST_MONTHS and sum(complete) and months
        else _unknown(Figure.STEADY, "fewer than three whole months with launches")
    )
    for figure, key, words in (
        (Figure.TO_DECISION, "insight_to_launch", "insights"),
        (Figure.TO_LIVE, "decision_to_verified", "decisions to ship"),
    ):
        row = of.figures["lead_times"][key]
        value = row["median"]["value"]
        yield (
            _unknown(figure, f"fewer than half of {row['n']} {words} are through")
            if value is None
            else Reading(figure, value, row["n"], f"{row['done']} of {row['n']} {words} through")
        )
    rework = of.figures["rework"]
    back = rework["returned"] + rework["resumed"] + rework["invalid"]
    yield _read(
        Figure.REWORK,
        (rework["rate"] or 0.0) * rework["launched"],
        rework["launched"],
        f"{back} by {rework['launched']} launches",
        without="no test has been launched yet",
    )


def _work(of: Programme) -> Iterable[Reading]:
    """Whether what is decided is decided in time, by somebody, and done."""
    done = of.figures["implementation"]
    yield _read(
        Figure.IMPLEMENTATION,
        done["verified"],
        done["shipped"],
        f"{done['verified']} of {done['shipped']} decisions to ship",
        without="nothing was decided to ship yet",
    )
    waits = list(to_decision(of.history.own))
    days = policy_of(of.site).decision_days
    times = waiting_times(
        [each.days(of.now) for each in waits], [each.ended is not None for each in waits]
    )
    longer = times.waits_longer(float(days)) if waits else None
    yield (
        _unknown(Figure.DECISION_SLA, "no result has waited that long for a decision yet")
        if longer is None
        else Reading(
            Figure.DECISION_SLA, 1 - longer, len(waits), f"{len(waits)} results, {days} days each"
        )
    )
    begun = [each for each in of.history.own if each.trial.launched_at is not None]
    owned = sum(each.owned for each in begun)
    yield _read(
        Figure.OWNED,
        owned,
        len(begun),
        f"{owned} of {len(begun)} launched tests",
        without="no test has been launched yet",
    )
    ranks = of.figures["overrides"]["ranks"]["rate"]
    yield _read(
        Figure.OVERRIDES,
        ranks["part"] if ranks else 0,
        ranks["of"] if ranks else 0,
        f"{ranks['part']} of {ranks['of']} started hypotheses" if ranks else "",
        without="no hypothesis has been started yet",
    )


def _care(of: Programme) -> Iterable[Reading]:
    """What is done before a launch and after a decision."""
    begun = [each for each in of.history.own if each.trial.launched_at is not None]
    scored = dict(
        PriorityRecord.objects.filter(
            site=of.site, hypothesis__isnull=False, score__isnull=False
        ).values_list("hypothesis__number", "made_at")
    )
    before = sum(_number(each.hypothesis) in scored for each in begun)
    yield _read(
        Figure.SCORED,
        before,
        len(begun),
        f"{before} of {len(begun)} launched tests",
        without="no test has been launched yet",
    )
    checked = set(
        QaRunRecord.objects.filter(
            plan__experiment__site=of.site, finished_at__lte=of.now, problem=""
        ).values_list("plan__experiment__key", flat=True)
    )
    looked = sum(each.key in checked for each in begun)
    yield _read(
        Figure.CHECKED,
        looked,
        len(begun),
        f"{looked} of {len(begun)} launched tests were opened in a browser",
        without="no test has been launched yet",
    )
    decided = [each for each in of.history.own if each.choice]
    taught = set(
        LearningRecord.objects.filter(site=of.site, made_at__lte=of.now).values_list(
            "experiment__key", flat=True
        )
    )
    told = sum(each.key in taught for each in decided)
    yield _read(
        Figure.DOCUMENTED,
        told,
        len(decided),
        f"{told} of {len(decided)} decided tests",
        without="nothing was decided yet",
    )
    made = of.history.hypotheses
    citing = sum(EvidenceKind.PAST_TEST in each.kinds for each in made)
    yield _read(
        Figure.REUSED,
        citing,
        len(made) if taught else 0,
        f"{citing} of {len(made)} hypotheses rest on a test before",
        without="there is nothing learned to cite yet",
    )


def _number(key: str) -> int:
    tail = key.rpartition("-")[2]
    return int(tail) if tail.isascii() and tail.isdigit() else 0


def _roadmap(of: Programme) -> Iterable[Reading]:
    """Whether the plan lives, and keeps people out of each other's way."""
    fresh = freshness_of(of.site, now=of.now)
    yield (
        _unknown(Figure.ROADMAP_AGE, "the roadmap has not changed yet")
        if fresh.days is None
        else Reading(Figure.ROADMAP_AGE, float(fresh.days), 1, "since people last rethought it")
    )
    found = ConflictRecord.objects.filter(
        site=of.site, detected_at__gte=of.now - HALF_A_YEAR, detected_at__lte=of.now
    ).values_list("detected_at", "detected_start")
    ahead = [max((start - day_at(of.site, at)).days, 0) for at, start in found]
    yield (
        Reading(
            Figure.CONFLICT_LEAD,
            float(median(ahead)),
            len(ahead),
            f"{len(ahead)} conflicts in half a year",
        )
        if ahead
        else _unknown(Figure.CONFLICT_LEAD, "no conflict was found in half a year")
    )
    kept = freeze_figures(of.site, now=of.now).compliance
    yield _read(
        Figure.FREEZES,
        kept.deploys - kept.against,
        kept.deploys,
        f"{kept.deploys - kept.against} of {kept.deploys} deploys in 90 days",
        without="no deploy was told of in 90 days",
    )
