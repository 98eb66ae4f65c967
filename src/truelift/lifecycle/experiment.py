"""An experiment as its moves see it: the stages, every move there is, and the plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.functions import ANYBODY, Parts, Signature, Standing
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.judging import USUAL_JUDGING, Inference, Judging
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.policy import USUAL_POLICY, Policy


class Stage(StrEnum):
    """Where an experiment stands; the one stage column of the whole product."""

    BRIEFED = "briefed"
    DESIGNED = "designed"
    BUILD = "build"
    QA = "qa"
    READY = "ready"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    ANALYSED = "analysed"
    DECIDED = "decided"
    LEARNED = "learned"
    CLOSED = "closed"
    INVALID = "invalid"


class Action(StrEnum):
    """What can be done to an experiment."""

    DESIGN = "design"
    BUILD = "build"
    CHECK = "check"
    SUBMIT = "submit"
    SCHEDULE = "schedule"
    RETURN = "return"
    LAUNCH = "launch"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    ANALYSE = "analyse"
    DECIDE = "decide"
    LEARN = "learn"
    CLOSE = "close"
    INVALIDATE = "invalidate"


TRANSITIONS: Final[Mapping[tuple[Stage, Action], Stage]] = MappingProxyType(
    {
        (Stage.BRIEFED, Action.DESIGN): Stage.DESIGNED,
        (Stage.DESIGNED, Action.BUILD): Stage.BUILD,
        (Stage.BUILD, Action.CHECK): Stage.QA,
        (Stage.QA, Action.SUBMIT): Stage.READY,
        (Stage.READY, Action.SCHEDULE): Stage.SCHEDULED,
        (Stage.SCHEDULED, Action.LAUNCH): Stage.RUNNING,
        # Back to the brief from wherever the plan turns out to be wrong.
        (Stage.DESIGNED, Action.RETURN): Stage.BRIEFED,
        (Stage.BUILD, Action.RETURN): Stage.BRIEFED,
        (Stage.QA, Action.RETURN): Stage.BRIEFED,
        (Stage.READY, Action.RETURN): Stage.BRIEFED,
        (Stage.SCHEDULED, Action.RETURN): Stage.BRIEFED,
        (Stage.RUNNING, Action.PAUSE): Stage.PAUSED,
        (Stage.PAUSED, Action.RESUME): Stage.RUNNING,
        (Stage.RUNNING, Action.STOP): Stage.STOPPED,
        (Stage.PAUSED, Action.STOP): Stage.STOPPED,
        (Stage.STOPPED, Action.ANALYSE): Stage.ANALYSED,
        (Stage.ANALYSED, Action.DECIDE): Stage.DECIDED,
        (Stage.DECIDED, Action.LEARN): Stage.LEARNED,
        (Stage.LEARNED, Action.CLOSE): Stage.CLOSED,
        (Stage.RUNNING, Action.INVALIDATE): Stage.INVALID,
        (Stage.PAUSED, Action.INVALIDATE): Stage.INVALID,
        (Stage.STOPPED, Action.INVALIDATE): Stage.INVALID,
        (Stage.ANALYSED, Action.INVALIDATE): Stage.INVALID,
        # A test that broke has no result, so nothing is learned from it.
        (Stage.INVALID, Action.CLOSE): Stage.CLOSED,
    }
)
"""Every move there is. What is not in this table does not happen."""

PREPARING: Final = frozenset(
    {Stage.BRIEFED, Stage.DESIGNED, Stage.BUILD, Stage.QA, Stage.READY, Stage.SCHEDULED}
)
"""Stages before the launch: nothing has been shown to anybody."""

ON_THE_WAY: Final[Mapping[Action, tuple[Action, ...]]] = MappingProxyType(
    {
        Action.SUBMIT: (Action.DESIGN, Action.BUILD, Action.CHECK),
        Action.LAUNCH: (Action.SCHEDULE,),
    }
)
"""Steps that are taken on the way when somebody asks for a later one; each keeps its guards."""


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
        conflict: Why a win of a micro metric may cost the business; empty when it does not.
        complete_at: When the windows of its primary metric and guardrails are over for everybody;
            None where that is not known.
    """

    as_of: datetime
    advice: Advice | None = None
    broken: tuple[str, ...] = ()
    conflict: str = ""
    complete_at: datetime | None = None


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
        follow_ups: Keys of the signals, ideas and hypotheses that it led to.
        gates: What else must be settled before it may go on, and what each gate still misses;
            a gate that is not named here is not in force.
        parts: Who has which part of it.
        signed: Who has signed that it may go on.
    """

    key: str
    name: str = ""
    stage: Stage = Stage.BRIEFED
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
    follow_ups: tuple[str, ...] = ()
    gates: Mapping[Gate, tuple[Obstacle, ...]] = field(default_factory=dict)
    parts: Parts = field(default_factory=dict)
    signed: tuple[Signature, ...] = ()

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
        reviewer: Who agrees with a decision against the recommendation; or None.
        override: Why it is shipped though a micro metric may have won at the cost of the
            business; empty otherwise.
        standing: What the person does on the site; by default nobody is refused by function.
        policy: What the programme has agreed on.
    """

    by: Person
    at: datetime
    today: date
    choice: Choice | None = None
    reason: str | None = None
    reviewer: Person | None = None
    override: str = ""
    standing: Standing = ANYBODY
    policy: Policy = USUAL_POLICY


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
