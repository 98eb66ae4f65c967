"""Moving an experiment: one step, or every step on the way to a later one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.experiment import (
    ON_THE_WAY,
    TRANSITIONS,
    Action,
    Asked,
    Experiment,
    Move,
    Origin,
    Stage,
    plan_digest,
)
from truelift.lifecycle.functions import Item, people_obstacles
from truelift.lifecycle.guards import GUARDS, against_advice, sound
from truelift.lifecycle.obstacle import MoveRefused, Obstacle


def move(experiment: Experiment, action: Action, *, asked: Asked) -> tuple[Move, ...]:
    """Take a step and those on the way to it, or refuse with every reason at once.

    Nothing is stored and nobody is told: the caller keeps the returned moves, in
    their order, and acts on them (see `truelift.apps.experiments.services`).

    Raises:
        MoveRefused: The table has no such step, or a guard does not hold.
    """
    given = replace(asked, reason=asked.reason or "")
    found = obstacles(experiment, action, asked=given)
    if found:
        raise MoveRefused(subject=experiment.key, action=action, obstacles=found)
    moves = []
    for step in steps_to(experiment.stage, action):
        taken = _taken(experiment, step, asked=given)
        moves.append(taken)
        experiment = taken.after
    return tuple(moves)


def obstacles(experiment: Experiment, action: Action, *, asked: Asked) -> tuple[Obstacle, ...]:
    """Say what stands in the way of a move; nothing said means it may go ahead.

    The screens call this too, so that a refused button can explain itself.
    """
    steps = steps_to(experiment.stage, action)
    if not steps:
        return (_wrong_stage(experiment.stage, action),)
    if experiment.origin is Origin.IMPORTED:
        # It meets no guard but this: a result that cannot be used is no finding of anybody.
        return tuple(sound(experiment, asked)) if action is Action.DECIDE else ()
    said: dict[Obstacle, None] = {}
    stage = experiment.stage
    for step in steps:
        stage = TRANSITIONS[stage, step]
        people = people_obstacles(
            Item.EXPERIMENT,
            stage,
            by=asked.standing,
            parts=experiment.parts,
            signed=experiment.signed,
            central=asked.policy.central,
        )
        said.update(dict.fromkeys(people))
        for guard in GUARDS[step]:
            said.update(dict.fromkeys(guard(experiment, asked)))
    return tuple(said)


def steps_to(stage: Stage, action: Action) -> tuple[Action, ...]:
    """List the steps from a stage to an action, the action last; none where there is no way."""
    steps: list[Action] = []
    for step in (*ON_THE_WAY.get(action, ()), action):
        if (stage, step) in TRANSITIONS:
            stage = TRANSITIONS[stage, step]
            steps.append(step)
    return tuple(steps) if steps and steps[-1] is action else ()


def actions_from(stage: Stage) -> tuple[Action, ...]:
    """List what can be asked for at a stage, in the order of the actions."""
    return tuple(action for action in Action if steps_to(stage, action))


def _taken(experiment: Experiment, action: Action, *, asked: Asked) -> Move:
    after = replace(experiment, stage=TRANSITIONS[experiment.stage, action])
    if action is Action.LAUNCH:
        after = replace(after, started_at=asked.at, plan_hash=plan_digest(experiment))
    if action is Action.STOP or (action is Action.INVALIDATE and after.stopped_at is None):
        after = replace(after, stopped_at=asked.at)
    return Move(
        action=action,
        asked=asked,
        before=experiment,
        after=after,
        against_advice=action is Action.DECIDE and against_advice(experiment, asked.choice),
    )


_AFTER: Final[Mapping[Stage, str]] = MappingProxyType(
    {
        Stage.BRIEFED: "Agree the design first.",
        Stage.DESIGNED: "Start building it first.",
        Stage.BUILD: "Hand it to QA first.",
        Stage.QA: "Submit it first.",
        Stage.READY: "Schedule it first.",
        Stage.SCHEDULED: "Launch it first.",
        Stage.RUNNING: "Stop it first.",
        Stage.PAUSED: "Resume or stop it first.",
        Stage.STOPPED: "Analyse it first.",
        Stage.ANALYSED: "Decide first.",
        Stage.DECIDED: "Write the learning first.",
        Stage.LEARNED: "Nothing but closing it is left.",
        Stage.CLOSED: "It is closed; plan a new experiment.",
        Stage.INVALID: "Repeat it as a new experiment, or close it with a note.",
    }
)


INVALID_TEACHES_NOTHING: Final = Obstacle(
    "learning.invalid_experiment",
    "Its result cannot be used, so nothing was learned from it.",
    "Repeat it as a new experiment, or close it with a note on what went wrong.",
)
"""What an invalid experiment answers to a learning, whatever stage it has come to (R075)."""


def _wrong_stage(stage: Stage, action: Action) -> Obstacle:
    if (stage, action) == (Stage.INVALID, Action.LEARN):
        return INVALID_TEACHES_NOTHING
    return Obstacle(
        "experiment.wrong_stage",
        f"It is {stage}, from where there is no “{action}”.",
        _AFTER[stage],
    )
