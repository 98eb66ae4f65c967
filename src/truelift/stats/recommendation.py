"""What to do after a look at a test, with every reason."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from truelift.stats.comparison import Absent, Comparison
from truelift.stats.integrity import Check
from truelift.stats.multiplicity import Correction, Family
from truelift.stats.outcome import Guard, Outcome
from truelift.stats.plan import AnalysisPlan, PlannedMetric
from truelift.stats.reading import MetricAnalysis, Reading
from truelift.stats.roles import MetricRole
from truelift.stats.wording import day, signed


class Action(StrEnum):
    """What the analysis recommends."""

    SHIP = "ship"
    ITERATE = "iterate"
    STOP = "stop"
    KEEP_RUNNING = "keep_running"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do, and every reason for it as a full sentence.

    Attributes:
        action: What to do.
        because: Why, the most important first.
        variant: The treatment to ship; None for other actions.
    """

    action: Action
    because: tuple[str, ...]
    variant: str | None = None


def recommend(
    plan: AnalysisPlan,
    metrics: tuple[MetricAnalysis, ...],
    *,
    failed: tuple[Check, ...],
    early: bool,
    ended: bool = False,
    running: bool = False,
    waiting: str | None = None,
) -> Recommendation:
    """Say what to do, with every reason.

    Args:
        plan: What was agreed beforehand.
        metrics: What was read of each metric.
        failed: Checks that make the result invalid.
        early: The planned end lies after the look, and the method is read only then.
        ended: Nothing more will be collected.
        running: More will be collected, and the method may be read at any time.
        waiting: Why nothing is read now, between two looks; None at a look.

    Source:
        docs/methods/recommendation-fixed.md.
    """
    if failed:
        return Recommendation(Action.INVALID, tuple(check.detail for check in failed))
    if waiting is not None:
        return Recommendation(Action.KEEP_RUNNING, (f"It is read {waiting}.",))
    kind = "Bayesian" if plan.method.name == "bayesian" else "fixed"
    if early and ended and plan.planned_end is not None:
        return Recommendation(
            Action.ITERATE,
            (
                f"It was stopped before its planned end on {day(plan.planned_end)}.",
                f"A {kind} test is read once, at its end; until then it decides nothing.",
            ),
        )
    if early and plan.planned_end is not None:
        return Recommendation(
            Action.KEEP_RUNNING,
            (
                f"The planned end is {day(plan.planned_end)}, and a {kind} test is read once.",
                "Stopping at a good moment before it would find winners where there are none.",
            ),
        )
    primary = next(m for m in metrics if m.metric.role is MetricRole.PRIMARY)
    said = tuple(sentence_of(primary.metric, reading) for reading in primary.readings)
    if len(plan.treatments) > 1:
        said += (family_sentence(plan),)
    broken = {
        treatment.key: [
            f"{metric.metric.key} got worse, and not by less than agreed."
            for metric in metrics
            for reading in metric.readings
            if reading.variant == treatment.key and reading.guard is Guard.BROKEN
        ]
        for treatment in plan.treatments
    }
    undecided = {
        treatment.key: [
            f"For {metric.metric.key} the data cannot rule out harm beyond the agreed margin."
            for metric in metrics
            for reading in metric.readings
            if reading.variant == treatment.key and reading.guard is Guard.UNDECIDED
        ]
        for treatment in plan.treatments
    }
    wins = [r for r in primary.readings if r.outcome is Outcome.WIN]
    clean = [r for r in wins if not broken[r.variant]]
    if clean:
        best = max(clean, key=gain_of)
        if running and undecided[best.variant]:
            return Recommendation(Action.KEEP_RUNNING, (*said, *undecided[best.variant]))
        return Recommendation(Action.SHIP, (*said, *undecided[best.variant]), variant=best.variant)
    if wins:
        return Recommendation(
            Action.ITERATE, (*said, *(reason for r in wins for reason in broken[r.variant]))
        )
    if any(reading.outcome is Outcome.INCONCLUSIVE for reading in primary.readings):
        return Recommendation(Action.KEEP_RUNNING if running else Action.ITERATE, said)
    return Recommendation(Action.STOP, said)


def family_sentence(plan: AnalysisPlan) -> str:
    """Say what several treatments' findings are worth together."""
    count = len(plan.treatments)
    if plan.correction is Correction.NONE:
        return (
            f"{count} treatments were each compared at {plan.alpha:g} without correction, so one "
            "false finding among them is likelier than that."
        )
    primary = np.ones((1, count), dtype=bool)
    return Family("primary", primary, plan.correction, plan.alpha).sentence


def sentence_of(metric: PlannedMetric, reading: Reading) -> str:
    """Say what one reading showed, in one sentence without jargon."""
    if isinstance(reading.comparison, Absent):
        return reading.comparison.reason
    span = span_of(reading.comparison)
    match reading.outcome:
        case Outcome.WIN:
            return f"{metric.key} got better with {reading.variant}: {span}."
        case Outcome.LOSS:
            return f"{metric.key} got worse with {reading.variant}: {span}."
        case Outcome.NULL:
            share = "" if reading.margin is None else f" of {reading.margin.relative:.1%}"
            return (
                f"{metric.key} shows no difference larger than the margin{share} "
                f"with {reading.variant}."
            )
        case Outcome.INCONCLUSIVE:
            return f"The data cannot tell whether {reading.variant} changes {metric.key}: {span}."


def span_of(comparison: Comparison) -> str:
    """Give an effect with its interval in words, relative where there is one."""
    effect = comparison.relative
    form = "{:+.1%}"
    if isinstance(effect, Absent):
        effect, form = comparison.absolute, "{:+.4g}"
    value, low, high = (
        signed(form.format(number)) for number in (effect.value, effect.low, effect.high)
    )
    if math.isinf(effect.low) or math.isinf(effect.high):
        return f"{value}, and this look is too early to say how far off that may be"
    return f"{value}, likely between {low} and {high}"


def gain_of(reading: Reading) -> float:
    """Give the size of a clear effect, whichever way is better."""
    return 0.0 if isinstance(reading.comparison, Absent) else abs(reading.comparison.absolute.value)
