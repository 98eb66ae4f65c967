"""What must hold before each step of an experiment; every guard says all that it misses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.experiment import (
    POWERED,
    Action,
    Advice,
    Asked,
    Choice,
    Experiment,
    Stage,
)
from truelift.lifecycle.gate import OF_TRAFFIC, Gate
from truelift.lifecycle.judging import Inference
from truelift.lifecycle.obstacle import Obstacle


MIN_WEEKS: Final = 2
"""Shoppers of a Monday are not those of a Saturday, and one week may be odd."""

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


def _has_dates(experiment: Experiment, asked: Asked) -> Iterable[Obstacle]:
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
    if days > 7 * asked.policy.max_weeks and not experiment.waiver:
        yield Obstacle(
            "experiment.too_long",
            f"It lasts more than {asked.policy.max_weeks} weeks, in which many visitors lose the"
            " cookie that keeps their variant.",
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
            "Wait until then, or return it to the brief and change the dates.",
        )
    elif (experiment.ends_on - asked.today).days < 7 * MIN_WEEKS:
        yield Obstacle(
            "experiment.window_over",
            f"Fewer than two weeks of its plan are left; it was to start on"
            f" {experiment.starts_on:%-d %B %Y}.",
            "Return it to the brief and change the dates.",
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


def sound(experiment: Experiment, _: Asked) -> Iterable[Obstacle]:
    """Let nothing be decided on a result that cannot be used."""
    evidence = experiment.evidence
    if evidence is not None and (evidence.broken or evidence.advice is Advice.INVALID):
        because = " ".join(evidence.broken)
        yield Obstacle(
            "experiment.integrity_failed",
            f"Its result cannot be used. {because}".rstrip(),
            "Mark it invalid, and repeat it when the cause is removed.",
        )


def _matured(experiment: Experiment, _: Asked) -> Iterable[Obstacle]:
    """Let a decision wait for what comes late, where the programme asks for it."""
    evidence = experiment.evidence
    if Gate.MATURED not in experiment.gates or not experiment.randomised or evidence is None:
        return
    if evidence.complete_at is not None and evidence.as_of < evidence.complete_at:
        yield Obstacle(
            "experiment.not_matured",
            "Its last analysis was made before the windows of its primary metric and guardrails"
            f" were over, which is on {evidence.complete_at:%-d %B %Y}: what comes late is not"
            " known of everybody yet.",
            "Analyse it again after that day, and decide then.",
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
        if against_advice(experiment, asked.choice):
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


def _paused_because(_: Experiment, asked: Asked) -> Iterable[Obstacle]:
    if asked.reason is not None and not asked.reason.strip():
        yield Obstacle(
            "experiment.pause_without_reason",
            "Nobody says why it is paused.",
            "Give the reason.",
        )


def _not_over(experiment: Experiment, asked: Asked) -> Iterable[Obstacle]:
    if experiment.ends_on is not None and asked.today >= experiment.ends_on:
        yield Obstacle(
            "experiment.over",
            f"Its last day was {experiment.ends_on - timedelta(days=1):%-d %B %Y}.",
            "Stop it and analyse it.",
        )


def _second_opinion(experiment: Experiment, asked: Asked) -> Iterable[Obstacle]:
    if Gate.SECOND_OPINION not in experiment.gates or asked.reason is None:
        return
    if not against_advice(experiment, asked.choice):
        return
    if asked.reviewer is None:
        yield Obstacle(
            "experiment.against_without_reviewer",
            "It goes against the recommendation, and nobody else has looked at it.",
            "Name the reviewer who agrees.",
        )
    elif asked.reviewer.key == asked.by.key:
        yield Obstacle(
            "experiment.own_reviewer",
            "Nobody reviews a decision of their own.",
            "Name somebody else as the reviewer.",
        )


def _micro_against_macro(experiment: Experiment, asked: Asked) -> Iterable[Obstacle]:
    conflict = experiment.evidence.conflict if experiment.evidence else ""
    if not conflict or asked.choice is not Choice.SHIP or asked.reason is None:
        return
    owner = experiment.decision_owner
    if not asked.override.strip():
        yield Obstacle(
            "experiment.micro_hurts_macro",
            f"It would ship a step that may cost the business. {conflict}",
            "Iterate or stop; or let the decision-owner write why it is shipped all the same.",
        )
    elif owner is None or owner.key != asked.by.key:
        yield Obstacle(
            "experiment.override_not_owner",
            "Only the decision-owner can ship what may cost the business.",
            f"Ask {_owner(experiment)} to decide.",
        )


def _followed_up(experiment: Experiment, asked: Asked) -> Iterable[Obstacle]:
    if experiment.stage is Stage.INVALID:
        if asked.reason is not None and not asked.reason.strip():
            yield Obstacle(
                "experiment.invalid_without_note",
                "It ends without a result, and nobody says what happens to its question.",
                "Say whether it is repeated, or why it is given up.",
            )
        return
    if not experiment.follow_ups and asked.reason is not None and not asked.reason.strip():
        yield Obstacle(
            "experiment.no_follow_up",
            "Nothing follows from it, and nobody says why.",
            "Name the signal, idea or hypothesis that follows, or say why nothing does.",
        )


def _learned(experiment: Experiment, _: Asked) -> Iterable[Obstacle]:
    if not experiment.has_learning:
        yield Obstacle(
            "experiment.no_learning",
            "Nobody has written what was learned from it.",
            "Write the learning, where it holds and what follows.",
        )


def _gate(gate: Gate) -> Guard:
    """Let a gate speak where it is in force and means something."""

    def guard(experiment: Experiment, _: Asked) -> Iterable[Obstacle]:
        if gate in OF_TRAFFIC and not experiment.randomised:
            return ()
        return experiment.gates.get(gate, ())

    return guard


_PLANNED: Final[tuple[Guard, ...]] = (
    _has_hypothesis,
    _has_owner,
    _has_variants,
    _has_metrics,
    _has_dates,
    _has_power,
    _known_inference,
    _gate(Gate.PRIMARY_METRIC),
    _gate(Gate.GUARDRAIL_PAIR),
    _gate(Gate.EXPERIENCE),
    _gate(Gate.DECISION_TABLE),
)

_CHECKED: Final[tuple[Guard, ...]] = (
    *_PLANNED,
    _gate(Gate.EXPECTATION),
    _gate(Gate.VARIANTS_SHOWN),
    _gate(Gate.QA_MATRIX),
    _gate(Gate.INSTRUMENTATION),
    _gate(Gate.MEASUREMENT),
    _gate(Gate.IMPLEMENTER),
    _gate(Gate.APPROVALS),
    _gate(Gate.SIGN_OFFS),
)

GUARDS: Final[Mapping[Action, tuple[Guard, ...]]] = MappingProxyType(
    {
        Action.DESIGN: _PLANNED,
        Action.BUILD: (),
        Action.CHECK: (_gate(Gate.VARIANTS_SHOWN),),
        Action.SUBMIT: _CHECKED,
        Action.SCHEDULE: (*_CHECKED, _gate(Gate.ROADMAP)),
        Action.RETURN: (),
        Action.LAUNCH: (*_CHECKED, _gate(Gate.ROADMAP), _in_window),
        Action.PAUSE: (_paused_because,),
        Action.RESUME: (_not_over, _gate(Gate.MEASUREMENT)),
        Action.STOP: (_may_stop,),
        Action.ANALYSE: (_has_snapshot,),
        Action.DECIDE: (
            _decider,
            _has_snapshot,
            sound,
            _chosen,
            _matured,
            _second_opinion,
            _micro_against_macro,
        ),
        Action.LEARN: (_learned, _gate(Gate.DOCUMENTED)),
        Action.CLOSE: (_followed_up,),
        Action.INVALIDATE: (_invalid_because,),
    }
)
"""What must hold for each action; every guard speaks, so that every reason is said at once."""


def against_advice(experiment: Experiment, choice: Choice | None) -> bool:
    """Say whether a choice differs from what the latest analysis recommends."""
    advice = experiment.evidence.advice if experiment.evidence else None
    return choice is not None and advice is not None and choice.value != advice.value


def _owner(experiment: Experiment) -> str:
    owner = experiment.decision_owner
    return owner.name if owner else "the decision-owner"


def _days(days: int) -> str:
    return "one day" if days == 1 else f"{max(days, 0)} days"
