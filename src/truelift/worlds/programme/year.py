"""Walks a year of a programme through the services that the pages use, and keeps its own log."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import transaction

from truelift.apps.backlog.services import catch_up, give_rank
from truelift.apps.briefs.services import BriefChange, acknowledge, approve, write_brief
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.services import (
    move_experiment,
    plan_experiment,
    store_snapshot,
    write_learning,
)
from truelift.apps.experiments.spec import ExperimentSpec, PlanSpec, VariantSpec
from truelift.apps.explorers.models import Annotation, AnnotationKind
from truelift.apps.intake.fields import Arrival as CameIn
from truelift.apps.intake.fields import IdeaFields, SignalFields
from truelift.apps.intake.models import Way
from truelift.apps.intake.services import (
    hypothesis_from_idea,
    move_idea_record,
    move_signal_record,
    receive_idea,
    receive_signal,
)
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.apps.research.services import (
    accept_hypothesis,
    accept_insight,
    answer_repeat,
    create_hypothesis,
    create_insight,
    edit_hypothesis,
    retire_insight,
    submit_hypothesis,
)
from truelift.apps.rollouts.models import RolloutCheckRecord, RolloutRecord
from truelift.apps.rollouts.services import RolloutFields, edit_rollout, sign
from truelift.apps.rollouts.services import move as move_rollout
from truelift.lifecycle.experiment import Action, Choice, Method, Origin
from truelift.lifecycle.functions import Function
from truelift.lifecycle.idea import IdeaAction
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.rollout import RolloutAction
from truelift.lifecycle.signal import SignalAction
from truelift.stats.outcome import Outcome
from truelift.worlds.programme.people import HOST, Company, Squad
from truelift.worlds.programme.plan import INVALID, Arrival, Fate, Planned
from truelift.worlds.programme.snapshot import snapshot_of


_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the simulator's own log, which nothing of the product has written.

    Attributes:
        at: When.
        what: What was done: `launched`, `decided` …
        test: Number of the test; 0 for what belongs to none.
        said: With which result.
    """

    at: datetime
    what: str
    test: int
    said: str = ""


@dataclass(slots=True)
class _Thread:
    """How far one test has come: keys that the services gave."""

    insight: str = ""
    hypothesis: str = ""
    idea: str = ""
    snapshots: int = 0
    choice: Choice | None = None
    rollout: str = ""


@dataclass(slots=True)
class Year:
    """The agenda of a year: acts in the order of their moments, until the year is over.

    Attributes:
        log: What was done, in order.
    """

    company: Company
    until: datetime
    log: list[Entry] = field(default_factory=list)
    _agenda: list[tuple[datetime, int, Callable[[datetime], None]]] = field(default_factory=list)
    _order: count[int] = field(default_factory=count)

    def at(self, moment: datetime, act: Callable[[datetime], None]) -> None:
        """Put an act on the agenda; what lies after the end of the year never happens."""
        if moment <= self.until:
            heapq.heappush(self._agenda, (moment, next(self._order), act))

    def note(self, at: datetime, what: str, test: int = 0, said: str = "") -> None:
        """Write a line of the log."""
        self.log.append(Entry(at, what, test, said))

    def live(self) -> None:
        """Do everything that is on the agenda, and what it puts there."""
        while self._agenda:
            moment, _, act = heapq.heappop(self._agenda)
            with transaction.atomic():
                act(moment)


def live_through(
    company: Company, tests: Sequence[Planned], *, begins: datetime, until: datetime
) -> list[Entry]:
    """Walk the year; give the log by which the figures can be checked by hand."""
    year = Year(company, until)
    for each in tests:
        _Walk(year, each).begin()
    _background(year, tests, begins=begins)
    year.live()
    return year.log


class _Walk:
    """One test on its way through the services."""

    def __init__(self, year: Year, test: Planned) -> None:
        self.year = year
        self.test = test
        self.site = year.company.site
        self.squad: Squad = year.company.squads[test.squad]
        self.kept = _Thread()
        self.zone = ZoneInfo(self.site.time_zone)

    def wait(self, step: int, *, least: float, mean: float) -> timedelta:
        """How long a step takes: at least so many days, on average so many more."""
        return _DAY * (least + mean * self.test.waits[step])

    def then(self, at: datetime, act: Callable[[datetime], None]) -> None:
        self.year.at(at, act)

    def note(self, at: datetime, what: str, said: str = "") -> None:
        self.year.note(at, what, self.test.number, said)

    def move(self, action: Action, *, by: Actor, at: datetime, **more: Any) -> None:  # noqa: ANN401
        move_experiment(self.site, self.test.key, action, by=by, now=at, **more)
        self.note(at, action.value, str(more.get("choice") or ""))

    def begin(self) -> None:
        """Somebody notices something."""
        self.then(self.test.seen_at, self.find)

    def find(self, at: datetime) -> None:
        test = self.test
        signal = receive_signal(
            self.site,
            SignalFields(
                title=f"People ask where to find what we {test.change[5:]} for",
                surface=test.surface,
                team="Service desk",
            ),
            CameIn(Way.MEMBER, by=self.year.company.service),
            now=at,
        )
        evidence = (
            (Piece("review", f"Three of five shops {test.change}."),)
            if test.opinion
            else (
                Piece("analytics", f"{20 + test.number}% of {test.audience} leave there."),
                Piece("voice", "“I looked for it and gave up.” – service desk"),
            )
        )
        made = create_insight(
            self.site,
            InsightFields(
                problem=f"{test.audience.capitalize()} look for it on the {test.surface.lower()}:"
                f" nothing there to {test.change}",
                surface=test.surface,
                segment=test.audience,
                size=f"{20 + test.number}% of {test.audience}",
                evidence=evidence,
            ),
            by=self.squad.product,
            now=at,
        )
        accept_insight(self.site, made.key, by=self.year.company.analyst, now=at)
        self.kept.insight = made.key
        self.note(at, "insight accepted", made.key)
        move_signal_record(
            self.site,
            signal.key,
            SignalAction.LINK,
            by=self.year.company.analyst,
            now=at,
            insight=made.key,
        )
        self.then(at + self.wait(0, least=1, mean=4), self.propose)

    def fields(self) -> HypothesisFields:
        test = self.test
        return HypothesisFields(
            change=test.change,
            audience=test.audience,
            outcome="more of them will order",
            reason=f"{20 + test.number}% of them leave where they look for it",
            metric="order_rate",
            direction="increase",
            expected_lift=round(max(test.margin, 0.01), 3),
            insights=(self.kept.insight,),
            surface=test.surface,
        )

    def propose(self, at: datetime) -> None:
        site, author = self.site, self.squad.product
        if self.test.from_idea:
            idea = receive_idea(
                site,
                IdeaFields(
                    change=self.test.change,
                    problem="People ask for it",
                    surface=self.test.surface,
                    team=self.test.squad,
                    insight=self.kept.insight,
                ),
                CameIn(Way.MEMBER, by=author),
                now=at,
            )
            self.kept.idea = idea.key
            move_idea_record(site, idea.key, IdeaAction.SCREEN, by=author, now=at)
            move_idea_record(site, idea.key, IdeaAction.SCORE, by=author, now=at)
            made = hypothesis_from_idea(site, idea.key, by=author, now=at)
            edit_hypothesis(site, made.key, self.fields(), by=author, now=at)
        else:
            made = create_hypothesis(site, self.fields(), by=author, now=at)
        self.kept.hypothesis = made.key
        self.note(at, "proposed", made.key)
        submit_hypothesis(site, made.key, by=author, now=at)
        if self.test.ranked:
            catch_up(site, now=at)
            give_rank(
                site,
                self.kept.idea or made.key,
                1,
                reason="The board has seen it at a competitor.",
                rank_then=9,
                by=self.year.company.sponsor,
                now=at,
            )
            self.note(at, "ranked", made.key)
        if self.test.fate is not Fate.NOT_REVIEWED:
            self.then(at + self.wait(1, least=0.5, mean=2), self.accept)

    def accept(self, at: datetime) -> None:
        site, key, by = self.site, self.kept.hypothesis, self.squad.marketing
        try:
            with transaction.atomic():
                accept_hypothesis(site, key, by=by, now=at)
        except MoveRefused as refused:
            if [each.code for each in refused.obstacles] != ["hypothesis.repeats"]:
                raise
            answer_repeat(
                site,
                key,
                again="new_context",
                because="It stands elsewhere, and others come there.",
                by=self.squad.product,
                now=at,
            )
            self.note(at, "repeated", key)
            accept_hypothesis(site, key, by=by, now=at)
        self.then(at + self.wait(2, least=1, mean=4), self.plan)

    def plan(self, at: datetime) -> None:
        test, company, squad = self.test, self.year.company, self.squad
        ready = at + self.wait(3, least=3, mean=6)
        starts = (ready + 2 * _DAY).astimezone(self.zone).date()
        nobody = test.fate is Fate.NO_OWNER
        plan_experiment(
            self.site,
            ExperimentSpec(
                key=test.key,
                name=f"{test.change[0].upper()}{test.change[1:]}",
                surface=test.surface,
                hypothesis=self.kept.hypothesis,
                decision_owner="" if nobody else str(_email(squad.marketing)),
                deputy="" if nobody else str(_email(company.lead)),
                start=starts,
                end=starts + timedelta(weeks=test.weeks),
                margin=test.margin,
                primary="order_rate",
                guardrails=("revenue_per_visitor",),
                margins={"revenue_per_visitor": 0.1},
                variants=(
                    VariantSpec("as-it-is", "As it is", control=True),
                    VariantSpec("shown", "Shown"),
                ),
                plan=PlanSpec(
                    baseline=0.06,
                    minimum_effect=test.margin,
                    n_per_variant=snapshot_units(test),
                ),
            ),
            by=squad.product,
            now=at,
        )
        self.note(at, "planned")
        write_brief(
            self.site,
            test.key,
            BriefChange(
                goal="More orders from the same visitors",
                audience=test.audience,
                builder=str(_email(squad.engineering)),
                implementer=str(_email(squad.engineering)),
                effort_days=3.0,
                slot="the sprint after the decision",
                decisions={
                    "win": "ship",
                    "null": "stop",
                    "loss": "stop",
                    "inconclusive": "iterate",
                    "harm": "stop",
                },
            ),
            by=squad.product,
            now=at,
        )
        if nobody:
            return
        if test.fate is not Fate.NO_SLOT:
            self.then(at + _DAY / 2, self.agree)
        self.then(at + _DAY, self.design)
        built = at + 2 * _DAY
        if test.returned:
            self.then(built, self.build)
            self.then(built + _DAY / 4, self.give_back)
            self.then(built + _DAY / 2, self.design)
        self.then(built + _DAY * 3 / 4, self.build)
        self.then(built + _DAY * 7 / 8, self.check)
        if test.fate is not Fate.NO_SLOT:
            self.then(ready, self.submit)

    def agree(self, at: datetime) -> None:
        acknowledge(self.site, self.test.key, by=self.squad.engineering, now=at)

    def design(self, at: datetime) -> None:
        self.move(Action.DESIGN, by=self.year.company.analyst, at=at)

    def build(self, at: datetime) -> None:
        self.move(Action.BUILD, by=self.squad.engineering, at=at)

    def give_back(self, at: datetime) -> None:
        self.move(Action.RETURN, by=self.squad.product, at=at)

    def check(self, at: datetime) -> None:
        self.move(Action.CHECK, by=self.squad.engineering, at=at)

    def submit(self, at: datetime) -> None:
        key, company = self.test.key, self.year.company
        approve(self.site, key, Function.ANALYTICS.value, by=company.analyst, now=at)
        approve(self.site, key, Function.ENGINEERING.value, by=self.squad.engineering, now=at)
        self.move(Action.SUBMIT, by=company.lead, at=at)
        self.move(Action.SCHEDULE, by=company.lead, at=at)
        record = ExperimentRecord.objects.get(site=self.site, key=key)
        assert record.starts_on is not None  # noqa: S101 - it was planned with dates
        assert record.ends_on is not None  # noqa: S101
        self.then(_morning(record.starts_on, self.zone), self.launch)
        over = _morning(record.ends_on, self.zone)
        if self.test.paused:
            middle = _morning(record.starts_on + timedelta(days=5), self.zone)
            self.then(middle, self.pause)
            self.then(middle + 2 * _DAY, self.resume)
        if self.test.fate is Fate.RELEASE:
            # Nobody needs to wait for the end of a test that a release has spoilt.
            self.then(_morning(record.starts_on + timedelta(days=8), self.zone), self.spoil)
        else:
            self.then(over, self.stop)

    def launch(self, at: datetime) -> None:
        self.move(Action.LAUNCH, by=self.year.company.lead, at=at)

    def pause(self, at: datetime) -> None:
        self.move(
            Action.PAUSE, by=self.year.company.lead, at=at, reason="A campaign page was broken."
        )

    def resume(self, at: datetime) -> None:
        self.move(Action.RESUME, by=self.year.company.lead, at=at)

    def spoil(self, at: datetime) -> None:
        self.move(
            Action.INVALIDATE,
            by=self.year.company.analyst,
            at=at,
            reason="A release changed the page in the midst of it and contaminated it.",
        )
        self.then(at + 2 * _DAY, self.close_unusable)

    def stop(self, at: datetime) -> None:
        self.move(Action.STOP, by=self.year.company.lead, at=at)
        self.then(at + self.wait(4, least=1, mean=1), self.analyse)

    def analyse(self, at: datetime) -> None:
        test, analyst = self.test, self.year.company.analyst
        record = ExperimentRecord.objects.select_for_update().get(site=self.site, key=test.key)
        store_snapshot(record, snapshot_of(test, as_of=at), as_of=at, by=analyst, now=at)
        if test.fate in INVALID:
            said = (
                "Visitors were not split as planned."
                if test.fate is Fate.SPLIT
                else "Orders on phones were not counted for a week."
            )
            self.move(Action.INVALIDATE, by=analyst, at=at, reason=said)
            self.then(at + 3 * _DAY, self.close_unusable)
            return
        self.move(Action.ANALYSE, by=analyst, at=at)
        self.note(at, "result", test.outcome.value)
        if test.fate is not Fate.UNDECIDED:
            self.then(at + self.wait(5, least=0.5, mean=4), self.decide)

    def decide(self, at: datetime) -> None:
        test = self.test
        rule = RULE[test.outcome]
        against = test.overruled and rule is not Choice.SHIP
        choice = Choice.SHIP if against else rule
        self.kept.choice = choice
        self.move(
            Action.DECIDE,
            by=self.squad.marketing,
            at=at,
            choice=choice,
            reason="We believe in it." if against else "It is what the table says.",
            reviewer=str(_email(self.year.company.sponsor)) if against else "",
        )
        if against:
            self.note(at, "overruled")
        self.then(at + self.wait(6, least=1, mean=3), self.learn)
        if choice is Choice.SHIP:
            self.kept.rollout = RolloutRecord.objects.get(experiment__key=test.key).key
            if test.arrival is not Arrival.LEFT:
                self.then(at + 2 * _DAY, self.start_rollout)

    def start_rollout(self, at: datetime) -> None:
        key, engineer = self.kept.rollout, self.squad.engineering
        edit_rollout(
            self.site,
            key,
            RolloutFields(
                owner=str(_email(engineer)),
                check_url=f"https://{HOST}/",
                present=self.test.change,
            ),
            by=engineer,
            now=at,
        )
        move_rollout(self.site, key, RolloutAction.START, by=engineer, now=at)
        match self.test.arrival:
            case Arrival.GIVEN_UP:
                self.then(at + 10 * _DAY, self.give_up)
            case Arrival.LATE:
                self.then(at + (self.test.live_after + 35) * _DAY, self.go_live)
            case _:
                self.then(at + self.test.live_after * _DAY, self.go_live)

    def give_up(self, at: datetime) -> None:
        move_rollout(
            self.site,
            self.kept.rollout,
            RolloutAction.ABANDON,
            by=self.year.company.lead,
            now=at,
            reason="The page will be replaced.",
        )
        self.note(at, "given up")

    def go_live(self, at: datetime) -> None:
        key, engineer, lead = self.kept.rollout, self.squad.engineering, self.year.company.lead
        edit_rollout(
            self.site,
            key,
            RolloutFields(exposure=1.0, variant_code="removed"),
            by=engineer,
            now=at,
        )
        move_rollout(self.site, key, RolloutAction.GO_LIVE, by=engineer, now=at)
        self.note(at, "live")
        Annotation.objects.create(
            site=self.site,
            at=at,
            kind=AnnotationKind.RELEASE,
            text=f"{key} for everybody",
            by=engineer.user,
            made_at=at,
        )
        later = at + _DAY / 2
        if later > self.year.until:
            return
        RolloutCheckRecord.objects.create(
            rollout=RolloutRecord.objects.get(site=self.site, number=int(key[2:])),
            asked_by=engineer.user,
            asked_at=at + timedelta(hours=1),
            url=f"https://{HOST}/",
            present=self.test.change,
            finished_at=at + timedelta(hours=1),
            passed=True,
            lines=[{"what": "present", "wanted": self.test.change, "ok": True}],
        )
        for who, function in ((engineer, Function.ENGINEERING), (lead, Function.CRO_LEAD)):
            assert who.user is not None  # noqa: S101 - they are people
            sign(self.site, key, function.value, by=who.user, now=at)
        self.then(later, self.verify)

    def verify(self, at: datetime) -> None:
        move_rollout(
            self.site, self.kept.rollout, RolloutAction.VERIFY, by=self.squad.engineering, now=at
        )
        self.note(at, "verified")

    def close_unusable(self, at: datetime) -> None:
        """Close what was invalid; nothing is learned from it."""
        said = "It is asked again when visitors are counted as planned."
        self.move(Action.CLOSE, by=self.year.company.lead, at=at, reason=said)

    def learn(self, at: datetime) -> None:
        lead = self.year.company.lead
        write_learning(
            self.site,
            self.test.key,
            text=f"To {self.test.change} {_TAUGHT[self.test.outcome]}",
            scope=f"{self.test.surface}, {self.test.audience}.",
            follow_up="Look at the next place where people search for it.",
            by=lead,
            now=at,
        )
        self.move(
            Action.CLOSE, by=lead, at=at, reason="The next finding of this surface comes anyway."
        )


RULE: Final = {
    Outcome.WIN: Choice.SHIP,
    Outcome.LOSS: Choice.STOP,
    Outcome.NULL: Choice.STOP,
    Outcome.INCONCLUSIVE: Choice.ITERATE,
}
"""What the decision table of every brief says."""

_TAUGHT: Final = {
    Outcome.WIN: "lets more people order.",
    Outcome.LOSS: "keeps people from ordering.",
    Outcome.NULL: "changes nothing that matters.",
    Outcome.INCONCLUSIVE: "may do anything; our traffic could not tell.",
}


def snapshot_units(test: Planned) -> int:
    """Visitors of each variant that give the standard error of a test."""
    return round(2 * (1 - 0.06) / 0.06 / test.se**2)


def _background(year: Year, tests: Sequence[Planned], *, begins: datetime) -> None:
    """What also comes in: signals that lead to nothing, ideas that are turned down, old tests."""
    company, site = year.company, year.company.site
    share = max(len(tests) // 10, 1)
    length = year.until - begins

    def signal(at: datetime) -> None:
        made = receive_signal(
            site,
            SignalFields(title="A customer liked the box", team="Service desk"),
            CameIn(Way.MEMBER, by=company.service),
            now=at,
        )
        move_signal_record(
            site,
            made.key,
            SignalAction.DISMISS,
            by=company.analyst,
            now=at + timedelta(hours=3),
            reason="Nothing to change.",
        )

    def idea(at: datetime, *, park: bool) -> None:
        made = receive_idea(
            site,
            IdeaFields(change="Play a sound on the home page", team="Marketing"),
            CameIn(Way.MEMBER, by=company.sponsor),
            now=at,
        )
        year.note(at, "idea", 0, made.key)
        later = at + 5 * _DAY

        def turn_down(moment: datetime) -> None:
            action = IdeaAction.PARK if park else IdeaAction.REJECT
            by = company.squads["search"].marketing
            if park:
                move_idea_record(site, made.key, IdeaAction.SCREEN, by=by, now=moment)
            move_idea_record(
                site, made.key, action, by=by, now=moment, reason="No problem is behind it."
            )
            year.note(moment, "turned down", 0, made.key)

        year.at(later, turn_down)

    def unused(at: datetime, *, retire: bool) -> None:
        made = create_insight(
            site,
            InsightFields(
                problem="People print the page of opening hours",
                surface="Stores",
                segment="everyone",
                size="2% of visitors",
                evidence=(Piece("analytics", "2% of visitors print it."),),
            ),
            by=company.squads["product"].product,
            now=at,
        )
        accept_insight(site, made.key, by=company.analyst, now=at)
        year.note(at, "insight accepted", 0, made.key)
        if retire:

            def put_away(moment: datetime) -> None:
                retire_insight(
                    site,
                    made.key,
                    by=company.analyst,
                    now=moment,
                    because="The stores have closed.",
                )
                year.note(moment, "insight retired", 0, made.key)

            year.at(at + 20 * _DAY, put_away)

    def release(at: datetime) -> None:
        Annotation.objects.create(
            site=site,
            at=at,
            kind=AnnotationKind.RELEASE,
            text="New footer",
            by=None,
            made_at=at,
        )
        year.note(at, "release")

    def imported(at: datetime, number: int) -> None:
        _import(year, at, number)

    def spread(part: float) -> datetime:
        return begins + length * part

    for n in range(2 * share):
        year.at(spread((n + 0.4) / (2 * share)), signal)
        year.at(spread((n + 0.7) / (2 * share)), partial(idea, park=n % 3 == 0))
    for n in range(share):
        year.at(spread((n + 0.2) / share), partial(unused, retire=n % 2 == 0))
        year.at(spread((n + 0.1) / share), release)
    for n in range(max(share // 2, 1)):
        year.at(spread(0.05 + n * 0.01), partial(imported, number=n + 1))


def _import(year: Year, at: datetime, number: int) -> None:
    """Bring in a test that ended elsewhere, with a result that flatters."""
    company, site = year.company, year.company.site
    key = f"old-{number}"
    plan_experiment(
        site,
        ExperimentSpec(
            key=key,
            name=f"From the tool before, {number}",
            origin=Origin.IMPORTED,
            method=Method.AB,
            decision_owner=str(_email(company.lead)),
            primary="order_rate",
            guardrails=("revenue_per_visitor",),
            margin=0.05,
            variants=(
                VariantSpec("as-it-is", "As it is", control=True),
                VariantSpec("shown", "Shown"),
            ),
        ),
        by=company.analyst,
        now=at,
    )
    record = ExperimentRecord.objects.get(site=site, key=key)
    test = Planned(
        number=number, squad="old", surface="", change="", audience="", seen_at=at, truth=0.0,
        measured=0.09, se=0.02, margin=0.05, weeks=2, fate=Fate.CLOSED, arrival=Arrival.LIVE,
        waits=(), live_after=0.0, returned=False, paused=False, ranked=False, overruled=False,
        from_idea=False, opinion=False,
    )  # fmt: skip
    document = {**snapshot_of(test, as_of=at), "experiment": key}
    store_snapshot(record, document, as_of=at, by=company.analyst, now=at)
    for action, choice in ((Action.ANALYSE, None), (Action.DECIDE, Choice.STOP)):
        move_experiment(
            site, key, action, by=company.lead, now=at, choice=choice, reason="As it was."
        )
    year.note(at, "imported", 0, key)


def _email(actor: Actor) -> str:
    return actor.user.email if actor.user is not None else ""


def _morning(day: Any, zone: ZoneInfo) -> datetime:  # noqa: ANN401
    return datetime(day.year, day.month, day.day, 9, tzinfo=zone)
