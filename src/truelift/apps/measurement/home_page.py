"""The site's home: the four questions with today's answers, each with its next step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.backlog.reads import Placed
from truelift.apps.drawing.forest import Effect, Forest
from truelift.apps.drawing.forest import forest as rows_of
from truelift.apps.drawing.knowledge import Knowledge
from truelift.apps.drawing.series import Line, Series
from truelift.apps.drawing.wording import (
    Kind,
    Measure,
    count,
    lift,
    percent,
    rough_money,
    short_day,
)
from truelift.apps.experiments.models import ExperimentRecord, LearningRecord
from truelift.apps.experiments.result import (
    LIFT,
    effect_row,
    metrics_of,
    primary_effect,
    result_of,
)
from truelift.apps.experiments.wording import METHODS, STAGES
from truelift.apps.measurement.funnel_page import segment_said
from truelift.apps.measurement.naming import spoken
from truelift.apps.research.reads import HypothesisRow
from truelift.lifecycle.experiment import RANDOMISED, Stage
from truelift.lifecycle.functions import Item
from truelift.lifecycle.hypothesis import HypothesisStage
from truelift.lifecycle.stage_words import stage_within
from truelift.questions.funnel import FunnelAnswer, FunnelGroup
from truelift.questions.leaks import HardStep, Leak, hardest_step
from truelift.questions.trend import TrendAnswer


FEW: Final = 100
"""Fewer people at a step are not drawn as a rate."""

PAIR_PX: Final = 20
PAIRS_HEAD_PX: Final = 32
"""Height of a row of pairs, and where the first one stands."""

_OPEN: Final = (Stage.ANALYSED, Stage.STOPPED, Stage.PAUSED, Stage.RUNNING)
"""Experiments that the third question is about: what waits for a decision comes first."""


@dataclass(frozen=True, slots=True)
class Next:
    """What to do next about a question.

    Attributes:
        what: The step.
        who: By whom or by when; may be empty.
        label: What the button says.
        href: Where it leads.
    """

    what: str
    who: str
    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Pair:
    """One step's rate in the leaking group and in the best one.

    Attributes:
        label: The step.
        here: The leaking group's rate.
        there: The best group's.
        focus: Whether this is the leaking step.
        y: Where its row stands, in px.
    """

    label: str
    here: float
    there: float
    focus: bool
    y: int

    @property
    def x_here(self) -> str:
        """Where the leaking group's dot stands."""
        return f"{100 * self.here:.1f}%"

    @property
    def x_there(self) -> str:
        """Where the best group's dot stands."""
        return f"{100 * self.there:.1f}%"

    @property
    def said(self) -> str:
        """Both rates in words."""
        return f"{percent(self.here)} against {percent(self.there)}"


@dataclass(frozen=True, slots=True)
class Question:
    """One of the four questions with today's answer.

    Attributes:
        number: 1 to 4.
        asked: The question.
        answer: Its answer up to the highlighted part.
        marked: What is highlighted; at most one on the page.
        rest: The answer after it.
        why: The grounds.
        next: The next step.
        pairs: A drawing of rates by step; empty for none.
        pairs_of: The two groups of that drawing.
        forest: A drawing of effects; None for none.
    """

    number: int
    asked: str
    answer: str
    why: str
    next: Next
    marked: str = ""
    rest: str = ""
    pairs: tuple[Pair, ...] = ()
    pairs_of: tuple[str, str] = ("", "")
    forest: Forest | None = None

    @property
    def pairs_height(self) -> int:
        """Height of the drawing of pairs in px."""
        return PAIRS_HEAD_PX + PAIR_PX * len(self.pairs) - PAIR_PX // 2

    @property
    def pairs_said(self) -> str:
        """The drawing of pairs in a sentence."""
        parts = "; ".join(f"{pair.label}: {pair.said}" for pair in self.pairs)
        return f"Share who go on, {self.pairs_of[0]} against {self.pairs_of[1]}. {parts}."


@dataclass(frozen=True, slots=True)
class HomePage:
    """The home page's value."""

    today: date
    answer: str
    grounds: str
    questions: tuple[Question, ...]
    series: Series | None
    series_sentence: str
    series_source: str
    tests: Forest | None
    tests_sentence: str


def home_page(
    site: str,
    *,
    now: datetime,
    zone: ZoneInfo,
    currency: str,
    leaks: Sequence[Leak],
    funnels: Sequence[FunnelAnswer],
    hypotheses: Sequence[HypothesisRow],
    first: Placed | None,
    experiments: Sequence[tuple[ExperimentRecord, Mapping[str, object] | None]],
    learnings: Sequence[LearningRecord],
    orders: TrendAnswer | None,
    last_step: str,
    measured: bool,
) -> HomePage:
    """Answer the four questions from what the site's lake and its programme hold.

    Args:
        site: The site's name.
        now: The moment of asking.
        zone: The site's zone.
        currency: In which the site counts money.
        leaks: Where groups lose most, the worst first.
        funnels: The funnel by each dimension that was looked at.
        hypotheses: The site's, those that wait for a test first.
        first: What the backlog puts first of those that may be tested.
        experiments: The site's with their newest snapshot, the newest first.
        learnings: The site's, the newest first.
        orders: The last step's events by day; None without any.
        last_step: Name of that event.
        measured: Whether anything has been measured; without, there are no answers.
    """
    today = now.astimezone(zone).date()
    base = f"/s/{site}"
    hard = hardest_step(funnels[0]) if funnels else None
    stages = [Stage(record.stage) for record, _ in experiments]
    series = _series(orders, today, zone, last_step) if orders is not None else None
    return HomePage(
        today=today,
        answer=_headline(leaks, hard, currency, stages),
        grounds=_grounds(orders, last_step, currency),
        questions=(
            _where(leaks, funnels, hard, currency, base),
            _which(hypotheses, first, base),
            _real(experiments, base),
            _learned(learnings, experiments, base),
        )
        if measured
        else (),
        series=series,
        series_sentence=_series_sentence(orders, last_step),
        series_source=f"Events “{spoken(last_step)}” by day in the site's zone; bots and own"
        " traffic left out. Today is not over and not drawn.",
        tests=rows_of(
            *(_test(record, document, base) for record, document in experiments),
            measure=LIFT,
            head="Effect on its primary metric",
            label="Test",
            reading="State",
        )
        if experiments
        else None,
        tests_sentence=_tests_sentence(stages),
    )


def _headline(
    leaks: Sequence[Leak], hard: HardStep | None, currency: str, stages: Sequence[Stage]
) -> str:
    value = leaks[0].value_per_week_minor if leaks else None
    if value is not None:
        first = f"The largest leak costs about {rough_money(value.value, currency)} a week."
    elif leaks:
        first = "One group loses more people than the others."
    elif hard is not None:
        first = f"The hardest step is “{spoken(hard.before)}”."
    else:
        first = "No group loses clearly more people than the others."
    waiting, running = stages.count(Stage.ANALYSED), stages.count(Stage.RUNNING)
    if waiting:
        return f"{first} {_number(waiting, 'result waits', 'results wait')} for a decision."
    if running:
        return f"{first} {_number(running, 'experiment is', 'experiments are')} running."
    return f"{first} Nothing is being tested against it."


def _number(amount: int, one: str, many: str) -> str:
    words = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")
    said = words[amount] if amount < len(words) else count(amount)
    return f"{said} {one if amount == 1 else many}"


def _grounds(orders: TrendAnswer | None, last_step: str, currency: str) -> str:
    if orders is None or not orders.whole.count:
        return ""
    text = (
        f"{count(orders.whole.people)} people did “{spoken(last_step)}”"
        f" {count(orders.whole.count)} times in the last 28 days and today"
    )
    if orders.whole.measured:
        text += f", {rough_money(orders.whole.total, currency)} together"
    return f"{text}."


def _where(
    leaks: Sequence[Leak],
    funnels: Sequence[FunnelAnswer],
    hard: HardStep | None,
    currency: str,
    base: str,
) -> Question:
    asked = "Where do we lose people, and why?"
    if not leaks and hard is not None:
        return Question(
            number=1,
            asked=asked,
            answer=f"Of {count(hard.arrived)} people who reached “{spoken(hard.after)}”,",
            marked=f"{percent(1 - hard.rate)} do not go on",
            rest=f" to “{spoken(hard.before)}”.",
            why="The hardest step for everybody, over the last 28 days: no device and no channel"
            " loses clearly more there than others. It shows where, not why.",
            next=Next("Look at every step", "", "Open the funnel", f"{base}/funnels/"),
        )
    if not leaks:
        return Question(
            number=1,
            asked=asked,
            answer="No step loses clearly more of one group than of the others.",
            why="Compared by device and by channel, over the last 28 days.",
            next=Next("Look at every step", "", "Open the funnel", f"{base}/funnels/"),
        )
    leak = leaks[0]
    value = leak.value_per_week_minor
    marked = (
        f"{rough_money(value.value, currency)} a week"
        if value is not None
        else f"{count(leak.lost_per_week.value)} people a week"
    )
    likely = (
        f" Likely between {rough_money(value.low, currency)} and"
        f" {rough_money(value.high, currency)}."
        if value is not None
        else ""
    )
    standard = spoken(leak.standard or "").lower() if leak.standard else "before"
    whom = segment_said(leak)
    return Question(
        number=1,
        asked=asked,
        answer=f"{whom[:1].upper()}{whom[1:]}: {percent(1 - leak.rate)} of those who reach"
        f" “{spoken(leak.after)}” do not go on to “{spoken(leak.before)}”. It costs about",
        marked=marked,
        rest=".",
        why=f"The best group ({standard}) loses {percent(1 - leak.standard_rate)} there.{likely}"
        " Groups differ in more than this step: it shows where, not why.",
        next=Next(
            "Look at the funnel",
            f"by {leak.by}" if leak.by else "",
            "Open the funnel",
            f"{base}/funnels/",
        ),
        pairs=_pairs(leak, funnels),
        pairs_of=(whom, standard),
    )


def _pairs(leak: Leak, funnels: Sequence[FunnelAnswer]) -> tuple[Pair, ...]:
    answer = next((each for each in funnels if each.question.by == leak.by), None)
    if answer is None:
        return ()
    groups = {group.value: group for group in answer.groups if not group.others}
    here, there = groups.get(leak.segment), groups.get(leak.standard)
    if here is None or there is None:
        return ()
    found: list[Pair] = []
    for place in range(1, len(here.steps)):
        rates = _rate(here, place), _rate(there, place)
        if rates[0] is not None and rates[1] is not None:
            found.append(
                Pair(
                    label=spoken(here.steps[place].event),
                    here=rates[0],
                    there=rates[1],
                    focus=here.steps[place].step == leak.step,
                    y=PAIRS_HEAD_PX + PAIR_PX * len(found),
                )
            )
    return tuple(found)


def _rate(group: FunnelGroup, place: int) -> float | None:
    arrived = group.steps[place - 1].units - group.steps[place - 1].immature
    return min(group.steps[place].units / arrived, 1.0) if arrived >= FEW else None


def best_of(hypotheses: Sequence[HypothesisRow], first: Placed | None) -> HypothesisRow | None:
    """Choose what to test next: what the backlog puts first, else what rests on most."""
    waiting = _waiting(hypotheses)
    ranked = [row for row in waiting if first is not None and row.key == first.item.key]
    return max(
        ranked or waiting,
        key=lambda row: (
            row.stage == HypothesisStage.ACCEPTED,
            row.pieces,
            abs(row.expected_lift or 0.0),
        ),
        default=None,
    )


def _waiting(hypotheses: Sequence[HypothesisRow]) -> list[HypothesisRow]:
    return [
        row for row in hypotheses if row.stage != HypothesisStage.TESTED and not row.experiments
    ]


def _which(hypotheses: Sequence[HypothesisRow], first: Placed | None, base: str) -> Question:
    asked = "What should we change next?"
    best = best_of(hypotheses, first)
    if best is None:
        return Question(
            number=2,
            asked=asked,
            answer="Nothing is written down to try next.",
            why="Begin with a finding: what is wrong, for whom, how large. A hypothesis says what"
            " to change about it, and what you expect.",
            next=Next("Write down what you saw", "", "New insight", f"{base}/insights/new/"),
        )
    expected = (
        f" It is expected to move the {spoken(best.metric).lower()} by {lift(best.expected_lift)}."
        if (best.expected_lift is not None)
        else ""
    )
    stage = stage_within(Item.HYPOTHESIS, best.stage)
    waiting = len(_waiting(hypotheses))
    return Question(
        number=2,
        asked=asked,
        answer=f"{best.title[:1].upper()}{best.title[1:].rstrip('.')}.",
        why=f"{best.key}, {stage}, {_place(best, first)}rests on {_pieces(best.pieces)}.{expected}"
        f" {_number(waiting, 'hypothesis waits', 'hypotheses wait')} for a test.",
        next=Next(
            f"Plan a test of {best.key}"
            if best.stage == HypothesisStage.ACCEPTED
            else f"Review {best.key}",
            "",
            "Open the hypothesis",
            f"{base}/hypotheses/{best.key}/",
        ),
    )


def _place(best: HypothesisRow, first: Placed | None) -> str:
    if first is None or first.item.key != best.key:
        return ""
    by = ranked_by(best, first)
    if by is None:
        return "ranks first in the backlog and "
    return f"has its rank in the backlog from {by} and "


def ranked_by(best: HypothesisRow, first: Placed | None) -> str | None:
    """Name who put a hypothesis first, against the score; None where the score did."""
    if first is None or first.item.key != best.key or first.override is None:
        return None
    return str(first.override.made_by) if first.override.made_by else "the operator"


def _pieces(amount: int) -> str:
    return "1 piece of evidence" if amount == 1 else f"{amount} pieces of evidence"


def _real(
    experiments: Sequence[tuple[ExperimentRecord, Mapping[str, object] | None]], base: str
) -> Question:
    asked = "Is it real?"
    for stage in _OPEN:
        for record, document in experiments:
            if record.stage != stage:
                continue
            href = f"{base}/experiments/{record.key}/"
            if document is None:
                return Question(
                    number=3,
                    asked=asked,
                    answer=f"“{record.name}”: {stage_within(Item.EXPERIMENT, record.stage)};"
                    " nothing has been computed yet.",
                    why=_planned(record),
                    next=Next("Look at the plan", _owner(record), "Open the experiment", href),
                )
            result = result_of(record, document)
            verdict = result.verdict
            if record.method not in RANDOMISED and result.findings:
                return Question(
                    number=3,
                    asked=asked,
                    answer=f"“{record.name}”: what was seen is written down.",
                    why=f"{METHODS[record.method]}, without traffic:"
                    f" {stage_within(Item.EXPERIMENT, record.stage)}.",
                    next=Next(
                        "Decide" if stage == Stage.ANALYSED else "Read it",
                        _owner(record),
                        "Open what was seen",
                        href,
                    ),
                )
            return Question(
                number=3,
                asked=asked,
                answer=verdict.text if verdict else f"“{record.name}” has no verdict yet.",
                why=f"“{record.name}”. {_sentences(verdict.because if verdict else ())}",
                next=Next(
                    "Decide" if stage == Stage.ANALYSED else "Read the result",
                    _owner(record),
                    "Open the result",
                    href,
                ),
                forest=_alone(record, document),
            )
    return Question(
        number=3,
        asked=asked,
        answer="No experiment is running or waits for a decision.",
        why="An accepted hypothesis becomes an experiment with a primary metric, guardrails, an"
        " end and somebody who decides.",
        next=Next("Plan one", "", "New experiment", f"{base}/experiments/new/"),
    )


def _planned(record: ExperimentRecord) -> str:
    if record.ends_on is None:
        return "It has no planned end yet."
    return f"Planned until {record.ends_on.day} {record.ends_on:%B}."


def _owner(record: ExperimentRecord) -> str:
    return f"{record.decision_owner} decides" if record.decision_owner else "nobody decides yet"


def _sentences(reasons: Sequence[str]) -> str:
    return " ".join(f"{reason[:1].upper()}{reason[1:].rstrip('.')}." for reason in reasons[:2])


def _alone(record: ExperimentRecord, document: Mapping[str, object]) -> Forest | None:
    """Draw only the effect that the recommendation is about."""
    found = primary_effect(document)
    if found is None:
        return None
    metrics = metrics_of(record)
    broken = result_of(record, document).integrity.broken
    row = effect_row(found[0], found[1], metrics.get(found[0]["metric"]), broken=broken)
    if row.knowledge is Knowledge.HIDDEN or row.interval is None:
        return None
    return rows_of(row, measure=LIFT, head="Effect")


def _learned(
    learnings: Sequence[LearningRecord],
    experiments: Sequence[tuple[ExperimentRecord, Mapping[str, object] | None]],
    base: str,
) -> Question:
    asked = "What did we learn, and is it live?"
    decided = [record for record, _ in experiments if record.stage == Stage.DECIDED]
    if learnings:
        newest = learnings[0]
        open_ones = (
            f" {_number(len(decided), 'decision has', 'decisions have')} no learning yet."
            if decided
            else ""
        )
        return Question(
            number=4,
            asked=asked,
            answer=f"{newest.text.rstrip('.')}.",
            why=f"From “{newest.experiment.name}”. Holds for: {newest.scope.rstrip('.')}."
            f"{open_ones}",
            next=Next("Build on it", "", "Open the learnings", f"{base}/learnings/"),
        )
    if decided:
        record = decided[0]
        return Question(
            number=4,
            asked=asked,
            answer=f"“{record.name}” is decided; what it taught is not written down.",
            why="A decision without its learning is tested again in a year.",
            next=Next(
                "Write it down", "", "Open the experiment", f"{base}/experiments/{record.key}/"
            ),
        )
    return Question(
        number=4,
        asked=asked,
        answer="No experiment has been decided yet.",
        why="What a decided experiment taught, and where it holds, is kept here.",
        next=Next("See what is decided", "", "Open the decisions", f"{base}/decisions/"),
    )


def _series(orders: TrendAnswer, today: date, zone: ZoneInfo, last_step: str) -> Series | None:
    # A day of the site begins on the day before in UTC, east of Greenwich.
    rows = [(row.begins.astimezone(zone).date(), row.point.count) for row in orders.rows]
    done = [(at, value) for at, value in rows if at < today]
    if len(done) < 7:
        return None
    return Series(
        days=tuple(at for at, _ in done),
        lines=(Line(spoken(last_step), tuple(float(value) for _, value in done), focus=True),),
        measure=Measure(Kind.COUNT),
        from_zero=True,
    )


def _series_sentence(orders: TrendAnswer | None, last_step: str) -> str:
    if orders is None or len(orders.rows) < 15:
        return f"“{spoken(last_step)}” by day"
    values = [row.point.count for row in orders.rows[:-1]]
    now, then = sum(values[-14:]), sum(values[-28:-14])
    if not then:
        return f"{count(now)} “{spoken(last_step)}” in the last 14 days"
    # Two Poisson counts: the difference has the variance of their sum.
    if abs(now - then) < 3 * (now + then) ** 0.5:
        return f"“{spoken(last_step)}” by day: no clear change in the last two weeks"
    way = "more" if now > then else "fewer"
    return (
        f"{percent(abs(now / then - 1))} {way} “{spoken(last_step)}” in the last two weeks than"
        " in the two before"
    )


def _test(record: ExperimentRecord, document: Mapping[str, object] | None, base: str) -> Effect:
    """Lay out an experiment as a row: its primary effect, and where it stands."""
    stage = Stage(record.stage)
    last = record.ends_on - timedelta(days=1) if record.ends_on else None
    ends = f", last day {short_day(last)}" if last else ""
    row = Effect(
        label=record.name,
        knowledge=Knowledge.TOO_FEW,
        reason=_nothing_drawn(record, document),
    )
    found = primary_effect(document) if document is not None else None
    if document is not None and found is not None:
        metrics = metrics_of(record)
        broken = result_of(record, document).integrity.broken
        row = effect_row(found[0], found[1], metrics.get(found[0]["metric"]), broken=broken)
    return replace(
        row,
        label=record.name,
        detail=f"{record.key}{ends if stage in _OPEN else ''}",
        href=f"{base}/experiments/{record.key}/",
        status=STAGES[stage][0],
        reading=STAGES[stage][1],
        margins=(),
        levels=(),
    )


def _nothing_drawn(record: ExperimentRecord, document: Mapping[str, object] | None) -> str:
    """Say why a row has no effect; a study without traffic has words instead of one."""
    if record.method not in RANDOMISED:
        return "nothing seen yet" if document is None else "what was seen stands on its page"
    return "nothing computed yet" if document is None else "nothing to compare"


def _tests_sentence(stages: Sequence[Stage]) -> str:
    running, waiting = stages.count(Stage.RUNNING), stages.count(Stage.ANALYSED)
    parts = []
    if running:
        parts.append(_number(running, "experiment is running", "experiments are running"))
    if waiting:
        said = _number(waiting, "waits for its decision", "wait for their decision")
        parts.append(said.lower() if parts else said)
    return ", ".join(parts) or "No experiment is running"
