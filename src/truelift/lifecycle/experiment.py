"""The stages of an experiment, every move between them, and what stands in the way of one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.judging import USUAL_JUDGING, Inference, Judging
from truelift.lifecycle.obstacle import MoveRefused, Obstacle


class Stage(StrEnum):
    """Where an experiment stands; the one stage column of the whole product."""

    DRAFT = "draft"
    READY = "ready"
    RUNNING = "running"
    STOPPED = "stopped"
    ANALYSED = "analysed"
    DECIDED = "decided"
    LEARNED = "learned"
    CLOSED = "closed"
    INVALID = "invalid"


class Action(StrEnum):
    """What can be done to an experiment."""

    SUBMIT = "submit"
    RETURN = "return"
    LAUNCH = "launch"
    STOP = "stop"
    ANALYSE = "analyse"
    DECIDE = "decide"
    LEARN = "learn"
    CLOSE = "close"
    INVALIDATE = "invalidate"


TRANSITIONS: Final[Mapping[tuple[Stage, Action], Stage]] = MappingProxyType(
    {
        (Stage.DRAFT, Action.SUBMIT): Stage.READY,
        (Stage.READY, Action.RETURN): Stage.DRAFT,
        (Stage.READY, Action.LAUNCH): Stage.RUNNING,
        (Stage.RUNNING, Action.STOP): Stage.STOPPED,
        (Stage.STOPPED, Action.ANALYSE): Stage.ANALYSED,
        (Stage.ANALYSED, Action.DECIDE): Stage.DECIDED,
        (Stage.DECIDED, Action.LEARN): Stage.LEARNED,
        (Stage.LEARNED, Action.CLOSE): Stage.CLOSED,
        (Stage.RUNNING, Action.INVALIDATE): Stage.INVALID,
        (Stage.STOPPED, Action.INVALIDATE): Stage.INVALID,
        (Stage.ANALYSED, Action.INVALIDATE): Stage.INVALID,
        # A test that broke has no result, but it may well have taught something.
        (Stage.INVALID, Action.LEARN): Stage.LEARNED,
    }
)
"""Every move there is. What is not in this table does not happen."""


class Method(StrEnum):
    """How the question is put to visitors, or to a few people."""

    AB = "ab"
    ABN = "abn"
    MVT = "mvt"
    ROLLOUT = "rollout"
    HOLDOUT = "holdout"
    SWITCHBACK = "switchback"
    PRE_POST = "pre_post"
    USABILITY_TEST = "usability_test"
    SURVEY = "survey"
    COHORT = "cohort"
    FAKE_DOOR = "fake_door"
    DIRECT_SHIP = "direct_ship"


RANDOMISED: Final = frozenset({Method.AB, Method.ABN, Method.MVT, Method.ROLLOUT, Method.HOLDOUT})
"""Methods that split units at random: they need variants and metrics, and events analyse them."""

POWERED: Final = frozenset({Method.AB, Method.ABN, Method.MVT, Method.HOLDOUT})
"""Methods that must say how many units they need before they start."""


class Origin(StrEnum):
    """Whether the experiment was run here, or ended elsewhere and was brought in."""

    TRUELIFT = "truelift"
    IMPORTED = "imported"


class Choice(StrEnum):
    """What the decision-owner can decide."""

    SHIP = "ship"
    ITERATE = "iterate"
    STOP = "stop"


class Advice(StrEnum):
    """What an analysis recommends."""

    SHIP = "ship"
    ITERATE = "iterate"
    STOP = "stop"
    KEEP_RUNNING = "keep_running"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acts or decides.

    Attributes:
        key: What tells them apart; never shown.
        name: What they are called.
    """

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the versions that units are split between.

    Attributes:
        key: As the exposure events carry it.
        weight: Its share relative to the other weights, above 0.
        control: Whether the others are compared with it.
    """

    key: str
    weight: float = 1.0
    control: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the latest snapshot says, as far as a move depends on it.

    Attributes:
        as_of: The instant up to which it looked.
        advice: What it recommends; None for findings without a computed verdict.
        broken: Sentences of the integrity checks that failed.
    """

    as_of: datetime
    advice: Advice | None = None
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment, as far as its moves depend on it.

    Attributes:
        key: Its key within the site.
        name: What people call it.
        stage: Where it stands.
        method: How the question is put.
        origin: Run here, or brought in: what was brought in meets no guard.
        inference: How the effect is estimated, chosen before launch; an `Inference`.
        judging: Its settings.
        hypothesis: Key of the hypothesis; empty when none is linked.
        hypothesis_accepted: Whether that hypothesis was accepted.
        decision_owner: Who decides; None when nobody is named.
        deputy: Who decides in their absence; or None.
        variants: What units are split between.
        primary: The metric that decides, as `key@version`; empty when none.
        secondary: Metrics that explain, as `key@version`.
        guardrails: Metrics that may veto, as `key@version`.
        starts_on: First day, in the site's time zone.
        ends_on: The first day that no longer counts, in the site's time zone.
        alpha: Two-sided error probability.
        margins: Metric and the largest relative difference in it that would not matter.
        baseline: Expected level of the primary metric; or None.
        minimum_effect: Relative lift that the plan can detect; or None.
        power: Chance to detect it.
        n_per_variant: Units that each variant needs; None before there is a plan.
        weeks_needed: Whole weeks that the traffic needs for that; or None.
        waiver: Why the plan goes on without enough units; empty for none.
        plan_hash: Digest of the plan, frozen at launch; empty before.
        started_at: When it was launched.
        stopped_at: When it was stopped.
        evidence: The latest snapshot; None before one.
        has_learning: Whether a learning was written.
    """

    key: str
    name: str = ""
    stage: Stage = Stage.DRAFT
    method: Method = Method.AB
    origin: Origin = Origin.TRUELIFT
    inference: str = Inference.FIXED.value
    judging: Judging = USUAL_JUDGING
    hypothesis: str = ""
    hypothesis_accepted: bool = False
    decision_owner: Person | None = None
    deputy: Person | None = None
    variants: tuple[Variant, ...] = ()
    primary: str = ""
    secondary: tuple[str, ...] = ()
    guardrails: tuple[str, ...] = ()
    starts_on: date | None = None
    ends_on: date | None = None
    alpha: float = 0.05
    margins: tuple[tuple[str, float], ...] = ()
    baseline: float | None = None
    minimum_effect: float | None = None
    power: float = 0.8
    n_per_variant: int | None = None
    weeks_needed: int | None = None
    waiver: str = ""
    plan_hash: str = ""
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    evidence: Evidence | None = None
    has_learning: bool = False

    def decided_by(self, person: Person) -> bool:
        """Whether this is the decision-owner or the deputy."""
        return person.key in {who.key for who in (self.decision_owner, self.deputy) if who}

    @property
    def randomised(self) -> bool:
        """Whether units are split at random, so that events can say what the change did."""
        return self.method in RANDOMISED


@dataclass(frozen=True, slots=True)
class Asked:
    """The circumstances of a move.

    Attributes:
        by: Who asks for it.
        at: When.
        today: That instant's day in the site's time zone.
        choice: What is decided; for `decide` alone.
        reason: Why. None means that it will be given with the move: a screen asks
            so, to find out whether a button can work; a move itself never passes it.
    """

    by: Person
    at: datetime
    today: date
    choice: Choice | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A step that may be taken; whoever asked for it stores it.

    Attributes:
        action: Which step.
        asked: By whom, when and why.
        before: The experiment as it stood.
        after: As it stands now.
        against_advice: Whether a decision differs from what the analysis recommends.
    """

    action: Action
    asked: Asked
    before: Experiment
    after: Experiment
    against_advice: bool = False


MIN_WEEKS: Final = 2
"""Shoppers of a Monday are not those of a Saturday, and one week may be odd."""

MAX_WEEKS: Final = 12
"""Longer, and too many visitors have lost the cookie that keeps their variant."""


def move(experiment: Experiment, action: Action, *, asked: Asked) -> Move:
    """Take one step, or refuse it with every reason at once.

    Nothing is stored and nobody is told: the caller keeps the returned `Move`
    and acts on it (see `truelift.apps.experiments.services`).

    Raises:
        MoveRefused: The table has no such step, or a guard does not hold.
    """
    given = replace(asked, reason=asked.reason or "")
    found = obstacles(experiment, action, asked=given)
    if found:
        raise MoveRefused(subject=experiment.key, action=action, obstacles=found)
    after = replace(experiment, stage=TRANSITIONS[experiment.stage, action])
    if action is Action.LAUNCH:
        after = replace(after, started_at=asked.at, plan_hash=plan_digest(experiment))
    if action is Action.STOP:
        after = replace(after, stopped_at=asked.at)
    if action is Action.INVALIDATE and after.stopped_at is None:
        after = replace(after, stopped_at=asked.at)
    return Move(
        action=action,
        asked=given,
        before=experiment,
        after=after,
        against_advice=action is Action.DECIDE and _against_advice(experiment, asked.choice),
    )


def obstacles(experiment: Experiment, action: Action, *, asked: Asked) -> tuple[Obstacle, ...]:
    """Say what stands in the way of a move; nothing said means it may go ahead.

    The screens call this too, so that a refused button can explain itself.
    """
    if (experiment.stage, action) not in TRANSITIONS:
        return (_wrong_stage(experiment.stage, action),)
    if experiment.origin is Origin.IMPORTED:
        return ()
    return tuple(obstacle for guard in _GUARDS[action] for obstacle in guard(experiment, asked))


def actions_from(stage: Stage) -> tuple[Action, ...]:
    """List the moves that the table has from a stage, in the order of the actions."""
    return tuple(action for action in Action if (stage, action) in TRANSITIONS)


def plan_digest(experiment: Experiment) -> str:
    """Digest everything that was promised before launch, so that a change of it shows.

    The decision-owner and the dates of what happened are not part of it: people
    fall ill, and that changes no result.
    """
    plan = {
        "method": experiment.method,
        "inference": experiment.inference,
        "hypothesis": experiment.hypothesis,
        "variants": [[v.key, v.weight, v.control] for v in experiment.variants],
        "primary": experiment.primary,
        "secondary": list(experiment.secondary),
        "guardrails": list(experiment.guardrails),
        "starts_on": experiment.starts_on.isoformat() if experiment.starts_on else None,
        "ends_on": experiment.ends_on.isoformat() if experiment.ends_on else None,
        "alpha": experiment.alpha,
        "margins": [list(pair) for pair in experiment.margins],
        "baseline": experiment.baseline,
        "minimum_effect": experiment.minimum_effect,
        "power": experiment.power,
        "n_per_variant": experiment.n_per_variant,
        "waiver": experiment.waiver,
        **experiment.judging.promised,
    }
    text = json.dumps(plan, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


Guard = Callable[[Experiment, Asked], Iterable[Obstacle]]


def _has_hypothesis(experiment: Experiment, _: Asked) -> Iterable[Obstacle]:
    if not experiment.hypothesis:
        yield Obstacle(
            "experiment.no_hypothesis",
            "It tests no hypothesis.",
            "Link the hypothesis that it is to test.",
        )
    elif not experiment.hypothesis_accepted:
        yield Obstacle(
            "experiment.hypothesis_not_accepted",
            f"{experiment.hypothesis} has not been accepted.",
            "Complete and accept the hypothesis.",
        )


def _has_owner(experiment: Experiment, _: Asked) -> Iterable[Obstacle]:
    if experiment.decision_owner is None:
        yield Obstacle(
            "experiment.no_decision_owner",
            "Nobody is named who will decide.",
            "Name the decision-owner.",
        )


def _has_variants(experiment: Experiment, _: Asked) -> Iterable[Obstacle]:
    if not experiment.randomised:
        return
    keys = [variant.key for variant in experiment.variants]
    if len(keys) < 2:
        yield Obstacle(
            "experiment.too_few_variants",
            "It has nothing to compare.",
            "Give it a control and at least one other variant.",
        )
        return
    if len(set(keys)) < len(keys):
        yield Obstacle(
            "experiment.same_variant_twice",
            "Two of its variants have the same key.",
            "Give each variant its own key.",
        )
    if sum(variant.control for variant in experiment.variants) != 1:
        yield Obstacle(
            "experiment.no_control",
            "It does not say which variant is the control.",
            "Choose exactly one control.",
        )
    if any(variant.weight <= 0 for variant in experiment.variants):
        yield Obstacle(
            "experiment.bad_weight",
            "A variant that gets no traffic can show nothing.",
            "Give every variant a weight above 0.",
        )


def _has_metrics(experiment: Experiment, _: Asked) -> Iterable[Obstacle]:
    if not experiment.randomised:
        return
    if not experiment.primary:
        yield Obstacle(
            "experiment.no_primary_metric",
            "No metric is named that decides.",
            "Choose the primary metric.",
        )
    if not experiment.guardrails:
        yield Obstacle(
            "experiment.no_guardrail",
            "Nothing guards against harm elsewhere.",
            "Choose at least one guardrail.",
        )
    if experiment.primary and experiment.primary in experiment.guardrails + experiment.secondary:
        yield Obstacle(
            "experiment.metric_in_two_roles",
            "Its primary metric also stands in another role.",
            "Take it out of the other list.",
        )


def _has_dates(experiment: Experiment, _: Asked) -> Iterable[Obstacle]:
    if not experiment.randomised:
        return
    if experiment.starts_on is None or experiment.ends_on is None:
        yield Obstacle(
            "experiment.no_dates",
            "It has no start or no end.",
            "Choose the first day and the number of weeks.",
        )
        return
    days = (experiment.ends_on - experiment.starts_on).days
    if days < 7 * MIN_WEEKS:
        yield Obstacle(
            "experiment.too_short",
            f"It lasts {_days(days)}; two weeks are the least that shows every weekday twice.",
            "Plan at least two weeks.",
        )
    elif days % 7:
        yield Obstacle(
            "experiment.part_weeks",
            f"It lasts {_days(days)}, which is not a whole number of weeks: some weekdays would"
            " count more than others.",
            "Plan whole weeks.",
        )
    if days > 7 * MAX_WEEKS and not experiment.waiver:
        yield Obstacle(
            "experiment.too_long",
            f"It lasts more than {MAX_WEEKS} weeks, in which many visitors lose the cookie that"
            " keeps their variant.",
            "Plan a bolder change, or waive this with a reason.",
        )


def _has_power(experiment: Experiment, _: Asked) -> Iterable[Obstacle]:
    if experiment.method not in POWERED or experiment.waiver.strip():
        return
    if experiment.n_per_variant is None:
        yield Obstacle(
            "experiment.no_sample_size",
            "Nobody has worked out how many visitors it needs.",
            "Plan the sample size, or waive it with a reason.",
        )
    if (
        experiment.weeks_needed is not None
        and experiment.starts_on is not None
        and experiment.ends_on is not None
        and (experiment.ends_on - experiment.starts_on).days < 7 * experiment.weeks_needed
    ):
        yield Obstacle(
            "experiment.too_few_visitors",
            f"At the planned traffic its sample size takes {experiment.weeks_needed} weeks, more"
            " than it is planned for.",
            "Plan more weeks, look for a larger effect, or waive it with a reason.",
        )


def _known_inference(experiment: Experiment, _: Asked) -> Iterable[Obstacle]:
    if experiment.inference not in set(Inference):
        yield Obstacle(
            "experiment.unknown_inference",
            f"There is no way of estimating called {experiment.inference!r}.",
            f"Choose one of {', '.join(Inference)}.",
        )
    if (
        experiment.inference == Inference.GROUP_SEQUENTIAL
        and experiment.randomised
        and experiment.n_per_variant is None
    ):
        yield Obstacle(
            "experiment.looks_of_nothing",
            "Its looks are shares of the planned visitors, and nobody has planned how many.",
            "Plan the sample size, or choose `sequential`, which needs none.",
        )


def _in_window(experiment: Experiment, asked: Asked) -> Iterable[Obstacle]:
    if not experiment.randomised or experiment.starts_on is None or experiment.ends_on is None:
        return
    if asked.today < experiment.starts_on:
        yield Obstacle(
            "experiment.before_start",
            f"It is planned to start on {experiment.starts_on:%-d %B %Y}.",
            "Wait until then, or return it to draft and change the dates.",
        )
    elif (experiment.ends_on - asked.today).days < 7 * MIN_WEEKS:
        yield Obstacle(
            "experiment.window_over",
            f"Fewer than two weeks of its plan are left; it was to start on"
            f" {experiment.starts_on:%-d %B %Y}.",
            "Return it to draft and change the dates.",
        )


def _may_stop(experiment: Experiment, asked: Asked) -> Iterable[Obstacle]:
    early = experiment.ends_on is not None and asked.today < experiment.ends_on
    if not early:
        return
    if not experiment.decided_by(asked.by):
        yield Obstacle(
            "experiment.stop_early_not_owner",
            "Before its planned end only the decision-owner or the deputy can stop it.",
            f"Ask {_owner(experiment)}, or wait until {experiment.ends_on:%-d %B %Y}.",
        )
    if asked.reason is not None and not asked.reason.strip():
        yield Obstacle(
            "experiment.stop_early_no_reason",
            "It is stopped before its planned end, and nobody says why.",
            "Give the reason.",
        )


def _has_snapshot(experiment: Experiment, _: Asked) -> Iterable[Obstacle]:
    if experiment.evidence is None:
        yield Obstacle(
            "experiment.no_analysis",
            "It has not been analysed."
            if experiment.randomised
            else "Nobody has written down what was found.",
            "Run the analysis." if experiment.randomised else "Write down the findings.",
        )
    elif experiment.stopped_at is not None and experiment.evidence.as_of < experiment.stopped_at:
        yield Obstacle(
            "experiment.analysis_too_old",
            "Its last analysis was made while it was still running.",
            "Run the analysis again.",
        )


def _decider(experiment: Experiment, asked: Asked) -> Iterable[Obstacle]:
    if not experiment.decided_by(asked.by):
        or_deputy = f", or {experiment.deputy.name}, the deputy," if experiment.deputy else ""
        yield Obstacle(
            "experiment.not_decision_owner",
            f"Only {_owner(experiment)}{or_deputy} can decide this.",
            "Ask them to decide.",
        )


def _sound(experiment: Experiment, _: Asked) -> Iterable[Obstacle]:
    evidence = experiment.evidence
    if evidence is not None and (evidence.broken or evidence.advice is Advice.INVALID):
        because = " ".join(evidence.broken)
        yield Obstacle(
            "experiment.integrity_failed",
            f"Its result cannot be used. {because}".rstrip(),
            "Mark it invalid, and repeat it when the cause is removed.",
        )


def _chosen(experiment: Experiment, asked: Asked) -> Iterable[Obstacle]:
    advice = experiment.evidence.advice if experiment.evidence else None
    if asked.choice is Choice.SHIP and advice is Advice.KEEP_RUNNING:
        yield Obstacle(
            "experiment.looked_early",
            "It was stopped before its planned end with a method that allows one look, at the"
            " end: looking whenever one likes makes winners of about a third of all changes that"
            " do nothing.",
            "Iterate or stop, and repeat it to its end before shipping.",
        )
    if asked.reason is None:
        return
    if asked.choice is None:
        yield Obstacle(
            "experiment.no_choice", "Nothing was chosen.", "Choose ship, iterate or stop."
        )
    if not asked.reason.strip():
        if _against_advice(experiment, asked.choice):
            yield Obstacle(
                "experiment.against_without_reason",
                f"“{asked.choice}” goes against the recommendation, which is"
                f" “{(advice or '').replace('_', ' ')}”, and nobody says why.",
                "Give the reason.",
            )
        else:
            yield Obstacle("experiment.no_reason", "A decision needs a reason.", "Give the reason.")


def _invalid_because(_: Experiment, asked: Asked) -> Iterable[Obstacle]:
    if asked.reason is not None and not asked.reason.strip():
        yield Obstacle(
            "experiment.invalid_without_reason",
            "Nobody says why its result cannot be used.",
            "Give the reason.",
        )


def _learned(experiment: Experiment, _: Asked) -> Iterable[Obstacle]:
    if not experiment.has_learning:
        yield Obstacle(
            "experiment.no_learning",
            "Nobody has written what was learned from it.",
            "Write the learning, where it holds and what follows.",
        )


_PLANNED: Final[tuple[Guard, ...]] = (
    _has_hypothesis,
    _has_owner,
    _has_variants,
    _has_metrics,
    _has_dates,
    _has_power,
    _known_inference,
)

_GUARDS: Final[Mapping[Action, tuple[Guard, ...]]] = MappingProxyType(
    {
        Action.SUBMIT: _PLANNED,
        Action.RETURN: (),
        Action.LAUNCH: (*_PLANNED, _in_window),
        Action.STOP: (_may_stop,),
        Action.ANALYSE: (_has_snapshot,),
        Action.DECIDE: (_decider, _has_snapshot, _sound, _chosen),
        Action.LEARN: (_learned,),
        Action.CLOSE: (),
        Action.INVALIDATE: (_invalid_because,),
    }
)
"""What must hold for each action; every guard speaks, so that every reason is said at once."""


def _against_advice(experiment: Experiment, choice: Choice | None) -> bool:
    advice = experiment.evidence.advice if experiment.evidence else None
    return choice is not None and advice is not None and choice.value != advice.value


_AFTER: Final[Mapping[Stage, str]] = MappingProxyType(
    {
        Stage.DRAFT: "Submit the plan first.",
        Stage.READY: "Launch it first.",
        Stage.RUNNING: "Stop it first.",
        Stage.STOPPED: "Analyse it first.",
        Stage.ANALYSED: "Decide first.",
        Stage.DECIDED: "Write the learning first.",
        Stage.LEARNED: "Nothing but closing it is left.",
        Stage.CLOSED: "It is closed; plan a new experiment.",
        Stage.INVALID: "Write what was learned, and repeat it as a new experiment.",
    }
)


def _wrong_stage(stage: Stage, action: Action) -> Obstacle:
    return Obstacle(
        "experiment.wrong_stage",
        f"It is {stage}, from where there is no “{action}”.",
        _AFTER[stage],
    )


def _owner(experiment: Experiment) -> str:
    owner = experiment.decision_owner
    return owner.name if owner else "the decision-owner"


def _days(days: int) -> str:
    return "one day" if days == 1 else f"{max(days, 0)} days"
