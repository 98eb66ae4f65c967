"""One trial of the demo company, from the finding to where it stands, each step by who may."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction

from truelift.apps.briefs.measured import events_used, look_at_events
from truelift.apps.briefs.services import (
    BriefChange,
    acknowledge,
    approve,
    name_follow_up,
    write_brief,
)
from truelift.apps.experiments.analysing import analyse_experiment
from truelift.apps.experiments.models import AnalysisRecord, ExperimentRecord
from truelift.apps.experiments.services import (
    move_experiment,
    plan_experiment,
    replan_experiment,
    write_learning,
)
from truelift.apps.experiments.spec import ExperimentSpec, MetricSpec, PlanSpec, VariantSpec
from truelift.apps.qa.plan import Address, build_matrix, give_verdict, plan_for, set_addresses
from truelift.apps.qa.run import ask_for_run
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site
from truelift.apps.threads.services import say
from truelift.lifecycle.experiment import Action, Advice, Choice
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.obstacle import MoveRefused
from truelift.worlds.calendar import Calendar
from truelift.worlds.cast import Cast, Part
from truelift.worlds.findings import people_per_week
from truelift.worlds.history import History, Trial
from truelift.worlds.outside import picture_of, variants_opened
from truelift.worlds.told import NO_RISK, Told


SIGNERS: Final[Mapping[str, Part]] = {
    "goals": Part.SPONSOR,
    "guardrails": Part.SPONSOR,
    "message_match": Part.CREATIVE,
    "analytics": Part.ANALYST,
    "engineering": Part.SECOND_ENGINEER,
}
"""Who agrees with what before a start."""

RISK_SIGNERS: Final[Mapping[str, Part]] = {
    "brand": Part.CREATIVE,
    "revenue": Part.FINANCE,
}

CHECKED: Final = frozenset({Gate.QA_MATRIX, Gate.INSTRUMENTATION})

WAIVER: Final = "Our traffic cannot show this effect; we want the direction."


@dataclass(frozen=True, slots=True)
class Teller:
    """What a trial is told with.

    Attributes:
        site: The company's site.
        history: Its truth.
        calendar: Its days.
        cast: Who plays whom.
        metrics: Key → definition.
        pages: Surface → address of a page of it.
        gates: What the programme asks for at the moment.
    """

    site: Site
    history: History
    calendar: Calendar
    cast: Cast
    pages: Mapping[str, str]
    metrics: Mapping[str, MetricSpec]
    gates: Callable[[], frozenset[Gate]]


class TrialStory:
    """The weeks of one trial."""

    def __init__(
        self,
        tell: Teller,
        trial: Trial,
        told: Told,
        *,
        find: Callable[[], str],
        propose: Callable[[str], str],
        shipped: Callable[[str], None],
        followed: Callable[[Trial, str], str],
    ) -> None:
        """Put a trial on the calendar.

        Args:
            tell: What it is told with.
            trial: Which.
            told: What the team wrote about it.
            find: Writes the insight, gives its key.
            propose: Writes the hypothesis that rests on an insight, gives its key.
            shipped: Is told of the rollout of a winner.
            followed: Given the key of the learning, gives the key of what follows.
        """
        self.tell, self.trial, self.told = tell, trial, told
        self._find, self._propose = find, propose
        self._shipped, self._followed = shipped, followed
        self.insight = self.hypothesis = ""
        self.first = tell.history.first_day_of(trial)
        self.ends = self.first + timedelta(days=trial.planned_days)
        self._on(-3, 10, self._finds)
        self._on(-2, 11, self._proposes)
        self._on(-1, 9, self._plans)
        self._on(-1, 14, self._checks)
        self._on(-1, 16, self._submits)
        self._on(0, 7, lambda: self._move(Action.LAUNCH, by=Part.LEAD))
        if trial.spoiled_after_days is not None:
            # A deploy ends it; who hears of that ends the story.
            return
        if tell.history.runs(trial):
            tell.calendar.at(tell.calendar.ends, lambda: self._analyses(None))
            return
        over = trial.planned_days
        self._on(over, 9, lambda: self._move(Action.STOP, by=Part.LEAD))
        if told.impatient:
            self._on(over + 4, 9, lambda: self._analyses(None))
            self._on(over + 4, 15, self._is_refused)
        # Whoever came on the last day still has some days to order.
        ready = over + told.complete_after + 1
        self._on(ready, 9, lambda: self._analyses(self._on_day(ready, 15)))

    def _on_day(self, days: int, hour: int) -> datetime:
        return self.tell.calendar.on(self.first, days=days, hour=hour)

    def _on(self, days: int, hour: int, step: Callable[[], None]) -> None:
        self.tell.calendar.at(self._on_day(days, hour), step)

    def _moment(self) -> datetime:
        return self.tell.calendar.moment()

    @property
    def _record(self) -> ExperimentRecord:
        return ExperimentRecord.objects.get(site=self.tell.site, key=self.trial.key)

    def _finds(self) -> None:
        self.insight = self._find()

    def _proposes(self) -> None:
        self.hypothesis = self._propose(self.insight)

    def _plans(self) -> None:
        """Plan, write the brief and agree on the design.

        Where the shop is too small for the effect, they say so as people would.
        """
        tell, key = self.tell, self.trial.key
        spec = self._spec(tell.history.first_day_of(self.trial))
        plan_experiment(tell.site, spec, by=tell.cast[Part.PRODUCT], now=self._moment())
        self._briefs()
        try:
            with transaction.atomic():
                self._move(Action.DESIGN, by=Part.ANALYST)
        except MoveRefused:
            waived = replace(spec, waiver=WAIVER)
            replan_experiment(
                tell.site, key, waived, by=tell.cast[Part.PRODUCT], now=self._moment()
            )
            self._move(Action.DESIGN, by=Part.ANALYST)
        self._move(Action.BUILD, by=Part.ENGINEER)

    def _spec(self, first: date) -> ExperimentSpec:
        trial, told = self.trial, self.told
        return ExperimentSpec(
            key=trial.key,
            name=told.name,
            surface=told.surface,
            hypothesis=self.hypothesis,
            decision_owner=self.tell.cast.address(Part.LEAD),
            deputy=self.tell.cast.address(Part.PRODUCT),
            start=first,
            end=first + timedelta(days=trial.planned_days),
            primary=told.primary,
            guardrails=told.guardrails,
            secondary=told.secondary,
            margin=0.03,
            margins={**dict.fromkeys(told.guardrails, told.harm), **told.harms},
            variants=(
                VariantSpec(trial.control, told.variants["control"], control=True),
                VariantSpec(trial.treatment, told.variants["treatment"]),
            ),
            plan=self._sizes(first),
            inference=told.inference,
            judging=told.judging,
        )

    def _sizes(self, first: date) -> PlanSpec:
        """Plan with the rates of the two weeks before, as an analyst would."""
        tell, told = self.tell, self.told
        before = tell.calendar.on(first, hour=0)
        begins = datetime.fromtimestamp(tell.history.begins_at_ms / 1000, before.tzinfo)
        since = max(before - timedelta(days=14), begins)
        event = tell.metrics[told.primary].event
        eligible = people_per_week(tell.site.name, self.trial.seen_at, since=since, until=before)
        reached = people_per_week(tell.site.name, event, since=since, until=before)
        if not eligible or not reached:
            # The shop's very first days: the plan goes by what the shop before had.
            eligible, reached = 1000 * tell.history.scale + 50, 200 * tell.history.scale + 10
        return PlanSpec(
            baseline=round(min(reached / eligible, 0.95), 3),
            minimum_effect=told.minimum_effect,
            visitors_per_week=max(round(eligible), 1),
        )

    def _briefs(self) -> None:
        told = self.told
        slot, effort = told.slot
        write_brief(
            self.tell.site,
            self.trial.key,
            BriefChange(
                goal=told.goal,
                audience=told.audience,
                adds_pressure=told.adds_pressure,
                builder=self.tell.cast.address(Part.ENGINEER),
                implementer=self.tell.cast.address(Part.ENGINEER),
                effort_days=effort,
                slot=slot,
                decisions=dict(told.table),
                risks={**NO_RISK, **dict.fromkeys(told.risks, True)},
            ),
            by=self.tell.cast[Part.PRODUCT],
            now=self._moment(),
        )

    def _checks(self) -> None:
        """Build the variants, agree, and try them as far as the programme asks for it."""
        tell, key = self.tell, self.trial.key
        acknowledge(tell.site, key, by=tell.cast[Part.ENGINEER], now=self._moment())
        signers = {**SIGNERS, **{risk: RISK_SIGNERS[risk] for risk in self.told.risks}}
        for what, part in signers.items():
            approve(tell.site, key, what, by=tell.cast[part], now=self._moment())
        gates = tell.gates()
        self._shows()
        self._tries(everywhere=bool(gates & CHECKED))
        if Gate.MEASUREMENT in gates:
            look_at_events(tell.site, events_used(self._record), now=self._moment())
        self._move(Action.CHECK, by=Part.ENGINEER)

    def _shows(self) -> None:
        """Say where each variant can be seen."""
        page = self.tell.pages[self.told.surface]
        set_addresses(
            self.tell.site,
            self.trial.key,
            [
                Address(each, f"{page}?variant={self.trial.key}:{each}")
                for each in (self.trial.control, self.trial.treatment)
            ],
            by=self.tell.cast[Part.ENGINEER],
            now=self._moment(),
        )

    def _tries(self, *, everywhere: bool) -> None:
        """Try every variant: at the desk, or wherever visitors see it and with its events."""
        tell, key = self.tell, self.trial.key
        plan = plan_for(tell.site, key)
        build_matrix(plan, now=self._moment())
        cells = list(plan.cells.filter(current=True))
        for number, cell in enumerate(cells if everywhere else cells[:1]):
            for variant in (self.trial.control, self.trial.treatment):
                give_verdict(
                    tell.site,
                    key,
                    cell=cell.pk,
                    variant=variant,
                    passed=True,
                    picture=picture_of(key, variant) if number == 0 else None,
                    by=tell.cast[Part.SECOND_ENGINEER],
                    now=self._moment(),
                )
        if everywhere:
            run = ask_for_run(tell.site, key, by=tell.cast[Part.ENGINEER], now=self._moment())
            variants_opened(run, now=self._moment())

    def _submits(self) -> None:
        self._move(Action.SUBMIT, by=Part.LEAD)
        self._move(Action.SCHEDULE, by=Part.LEAD)

    def _analyses(self, decides_at: datetime | None) -> None:
        tell = self.tell
        snapshot = analyse_experiment(
            tell.site, self.trial.key, by=tell.cast[Part.ANALYST], now=self._moment()
        )
        if decides_at is not None:
            tell.calendar.at(decides_at, lambda: self._decides(snapshot))

    def _is_refused(self) -> None:
        """Want to ship what looks good before it is known whether it is."""
        try:
            with transaction.atomic():
                self._move(Action.DECIDE, by=Part.LEAD, choice=Choice.SHIP, reason="We see enough.")
        except MoveRefused as refused:
            because = " ".join(each.sentence for each in refused.obstacles)
            told = f"{self.told.impatient} It says: “{because}”"
            tell = self.tell
            say(
                tell.site, "experiment", self.trial.key, told, by=tell.cast[Part.LEAD],
                now=self._moment(),
            )  # fmt: skip

    def _decides(self, snapshot: AnalysisRecord) -> None:
        """Decide as the analysis advises."""
        if snapshot.advice in {Advice.INVALID.value, ""}:
            self._move(
                Action.INVALIDATE,
                by=Part.ANALYST,
                reason="An integrity check failed; the split cannot be trusted.",
            )
            if self.told.learning[2]:
                self.tell.calendar.at(self._moment() + timedelta(days=1), self._gives_up)
            return
        stays = snapshot.advice in {Choice.SHIP.value, Choice.STOP.value}
        choice = Choice(snapshot.advice) if stays else Choice.ITERATE
        self._move(Action.DECIDE, by=Part.LEAD, choice=choice, reason=self.told.reasons[choice])
        rollout = RolloutRecord.objects.filter(experiment=self._record).first()
        if rollout is not None:
            self._shipped(rollout.key)
        if self.told.learning[0]:
            self.tell.calendar.at(self._moment() + timedelta(days=1), self._learns)

    def _gives_up(self) -> None:
        """Close what cannot be used, with what happens to its question: it taught nothing."""
        self._move(Action.CLOSE, by=Part.LEAD, reason=self.told.learning[2])

    def _learns(self) -> None:
        tell, key = self.tell, self.trial.key
        text, scope, follow_up = self.told.learning
        write_brief(
            tell.site,
            key,
            BriefChange(qa_notes="Looked at on the devices of the desk; nothing to be seen."),
            by=tell.cast[Part.SECOND_ENGINEER],
            now=self._moment(),
        )
        learning = write_learning(
            tell.site,
            key,
            text=text,
            scope=scope,
            follow_up=follow_up,
            by=tell.cast[Part.LEAD],
            now=self._moment(),
        )
        tell.calendar.at(self._moment() + timedelta(days=1), lambda: self._closes(learning.key))

    def _closes(self, learning: str) -> None:
        item = self._followed(self.trial, learning)
        tell = self.tell
        name_follow_up(
            tell.site, self.trial.key, item, by=tell.cast[Part.PRODUCT], now=self._moment()
        )
        self._move(Action.CLOSE, by=Part.LEAD)

    def _move(
        self, action: Action, *, by: Part, choice: Choice | None = None, reason: str = ""
    ) -> None:
        move_experiment(
            self.tell.site,
            self.trial.key,
            action,
            by=self.tell.cast[by],
            now=self._moment(),
            choice=choice,
            reason=reason,
        )
