"""What a test found whose looks are over, told so that stopping on a high adds nothing to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from truelift.stats.comparison import Absent, Comparison, Effect
from truelift.stats.effects import Absence, Estimates
from truelift.stats.group_sequential import GroupSequential
from truelift.stats.plan import AnalysisPlan


def stated_after_stop(
    plan: AnalysisPlan, found: Sequence[Comparison | Absent]
) -> list[Comparison | Absent]:
    """Give the comparisons for whose sake a test was stopped, adjusted for its looks.

    The same ones come back where its last look is still to come, or where its method plans
    none: then nothing was stopped on.

    Args:
        plan: With its method, as it is at this look.
        found: Of the metric that decides, one per treatment, judged as while it runs.

    Source:
        Tsiatis, Rosner & Mehta (1984), Biometrics 40(3), 797-803;
        docs/methods/group-sequential.md.
    """
    method = plan.method
    if not isinstance(method, GroupSequential) or not method.ended:
        return list(found)
    return [
        each if isinstance(each, Absent) else _stated(method, each, alpha=plan.alpha)
        for each in found
    ]


def _stated(method: GroupSequential, running: Comparison, *, alpha: float) -> Comparison:
    absolute = _adjusted(method, running.absolute, running)
    if absolute is None:
        return running
    relative = running.relative
    if not isinstance(relative, Absent):
        relative = _adjusted(method, relative, running) or relative
    p = absolute.p
    if p is not None:
        # What a correction took from the level of this comparison, it takes from its p too.
        p = min(1.0, p * max(1.0, alpha / running.alpha))
    return replace(
        running,
        absolute=absolute,
        relative=relative,
        found=absolute.low > 0 or absolute.high < 0,
        p=p,
    )


def _adjusted(method: GroupSequential, effect: Effect, running: Comparison) -> Effect | None:
    """Adjust one effect; None where it is too far out to be told from infinity."""
    one = np.ones(1)
    told = method.judge_stopped(
        Estimates(
            value=one * effect.value,
            se=one * effect.se,
            df=one * (np.inf if running.df is None else running.df),
            n=np.ones(1, np.int64),
            absent=np.full(1, Absence.NONE, np.uint8),
        ),
        alpha=running.alpha,
    )
    value, low, high, p = (float(part[0]) for part in (told.value, told.low, told.high, told.p))
    if not np.isfinite([value, low, high, p]).all():
        return None
    return Effect(value=value, se=effect.se, low=low, high=high, p=p)
