"""Checks that a plan, its days and its segments call for, as lines of the integrity card."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from truelift.apps.drawing.wording import percent, short_day
from truelift.apps.experiments.sampled import daily_counts
from truelift.apps.experiments.wording import SEGMENTS, counted, listed
from truelift.questions.variant_summaries import VariantSummariesAnswer
from truelift.stats.analysis import Analysis
from truelift.stats.comparison import FIXED, Absent, Comparison, moments_of_table
from truelift.stats.distributions import normal_share_below
from truelift.stats.effects import Estimates, joined
from truelift.stats.estimating import differences
from truelift.stats.integrity import Check
from truelift.stats.judging import table_of
from truelift.stats.plan import AnalysisPlan
from truelift.stats.split_causes import Cause, CellCounts, CellSplit, DimensionSplit, split_causes
from truelift.stats.srm import (
    CONCENTRATION,
    WARN_BELOW,
    BadSplit,
    Phase,
    check_phases,
    check_split,
    check_split_daily,
)
from truelift.stats.status import Status
from truelift.stats.validity import imbalance, past, power_reached


NOT_YET: Final = "Not yet, because "
"""How the sentence of a check begins that cannot be made now; its value is null."""


def check_document(check: Check) -> dict[str, Any]:
    """Give a line of the card as the snapshot keeps it."""
    return {
        "check": check.check,
        "status": check.status.value,
        "value": check.value,
        "detail": check.detail,
    }


def not_yet(check: str, why: str) -> Check:
    """Give the line of a check that cannot be made now."""
    return Check(check=check, status=Status.OK, value=None, detail=f"{NOT_YET}{why}.")


def daily_split(plan: AnalysisPlan, answer: VariantSummariesAnswer) -> Check:
    """Check the split after each day, at no price for looking.

    Source:
        docs/methods/srm-sequential.md.
    """
    daily = daily_counts(plan, answer)
    try:
        split = check_split_daily(
            daily,
            [each.weight for each in plan.variants],
            concentration=_concentration(plan),
        )
    except BadSplit:
        return not_yet("srm_daily", "nobody has been exposed")
    said = "p < 0.001" if split.p < 0.001 else f"p = {split.p:.2g}"
    verdict = {
        Status.OK: "On no day so far was the split far from the plan",
        Status.WARN: "The split has gone further from the plan than chance would often bring",
        Status.FAIL: "The split has left the plan",
    }[split.status]
    since = ""
    if split.status is not Status.OK:
        days = sorted({day for day, _ in answer.daily})
        left = next(nth for nth, p in enumerate(split.daily) if p < WARN_BELOW)
        since = f" since {short_day(days[left])}"
    return Check(
        check="srm_daily",
        status=split.status,
        value=split.p,
        detail=f"{verdict}{since}: {said} over {counted(len(daily), 'day')}, however often one"
        " looks.",
    )


LEAST_CONCENTRATION: Final = 100.0
TENTH: Final = 0.1


def _concentration(plan: AnalysisPlan) -> float:
    """Give how close to the plan a broken split is looked for, by the size that was planned.

    A tenth of the visitors finds large and small ones about as soon as can be; it is fixed
    before anybody came, as the error level needs it.
    """
    if plan.units_needed is None:
        return CONCENTRATION
    return min(CONCENTRATION, max(LEAST_CONCENTRATION, TENTH * plan.units_needed))


def phase_split(phases: Sequence[Phase], *, begins: Sequence[datetime | None]) -> Check:
    """Check the split in every stretch with one allocation.

    A test that was ramped up has another split in the end than any of its allocations, and is
    in order all the same. Results are of the latest phase, whose split is checked by itself, so
    that an earlier one can ask for a look and not make them invalid.

    Args:
        phases: In order, the latest last.
        begins: The first moment of each.

    Source:
        docs/methods/srm-phases.md.
    """
    if len(phases) == 1:
        return Check(
            check="srm_phases",
            status=Status.OK,
            value=None,
            detail="The allocation was never changed, so everybody stands in one phase.",
        )
    earlier = check_phases(phases[:-1])
    since = begins[-1]
    latest = f" Results are of visitors since {short_day(since.date())}." if since else ""
    number = counted(len(phases), "phase")
    if earlier.status is Status.OK:
        p = "" if earlier.p is None else f" (p = {earlier.p:.2g} of the earlier)"
        said = f"In each of {number} the split followed the allocation of that time{p}."
    else:
        odd = [
            nth + 1
            for nth, each in enumerate(earlier.phases)
            if each is not None and each.status is not Status.OK
        ]
        which = f" in phase {listed([str(each) for each in odd])}" if odd else ""
        p = "" if earlier.p is None else f", p = {earlier.p:.2g}"
        said = f"Of {number} the split did not follow its allocation{which}{p}."
        if earlier.unplanned:
            said += f" {earlier.unplanned:,} came to variants that took nobody."
    return Check(
        check="srm_phases",
        status=Status.OK if earlier.status is Status.OK else Status.WARN,
        value=earlier.p,
        detail=f"{said}{latest}",
    )


def segment_split(
    plan: AnalysisPlan, dimensions: Sequence[CellCounts], *, units: Mapping[str, int]
) -> tuple[Check, tuple[DimensionSplit, ...]]:
    """Check the split in every segment, and say where an imbalance comes from.

    Args:
        plan: With the weights.
        dimensions: Visitors per variant in each cell.
        units: Visitors per variant in all.

    Returns:
        The line of the card; and the dimensions, where something is out of order.

    Source:
        docs/methods/srm-segments.md.
    """
    weights = [each.weight for each in plan.variants]
    if not dimensions:
        return not_yet("srm_segments", "all visitors stand in one segment of every dimension"), ()
    found = split_causes(dimensions, weights)
    whole = check_split([units.get(each.key, 0) for each in plan.variants], weights)
    cells = sum(len(each.cells) for each in found)
    apart = [each for each in found if each.cause is Cause.CELLS]
    where = [
        f"{SEGMENTS.get(each.dimension, each.dimension)}: {listed([_cell(c) for c in named])}"
        for each in apart
        if (named := _standing_out(each))
    ]
    if where:
        detail = f"The split differs between segments; look at {'; '.join(where)}."
    elif whole.status is not Status.OK:
        detail = (
            f"It leans alike in all {counted(cells, 'segment')}, so none of them is where it comes"
            " from: look at what splits everybody, such as a redirect or a lost exposure."
        )
    else:
        detail = (
            f"The split is as planned in each of {counted(cells, 'segment')} of"
            f" {counted(len(found), 'dimension')}."
        )
    alarming = bool(where) or whole.status is not Status.OK
    smallest = min(
        (cell.p_adjusted for each in found for cell in each.cells if cell.p_adjusted is not None),
        default=None,
    )
    check = Check(
        check="srm_segments",
        # An imbalance of everybody is told by the check of everybody.
        status=Status.WARN if where else Status.OK,
        value=smallest,
        detail=detail,
    )
    return check, found if alarming else ()


def causes_document(found: Sequence[DimensionSplit]) -> list[dict[str, Any]]:
    """Give the table of root causes as the snapshot keeps it."""
    return [
        {
            "dimension": each.dimension,
            "cause": each.cause.value,
            "p": each.p,
            "p_alike": each.p_alike,
            "cells": [
                {
                    "cell": cell.cell,
                    "observed": list(cell.observed),
                    "excess": list(cell.excess),
                    "p": cell.p,
                    "p_adjusted": cell.p_adjusted,
                    "p_without": cell.p_without,
                    "rough": cell.rough,
                    "carries": cell.carries,
                }
                for cell in each.cells
            ],
        }
        for each in found
    ]


FEWEST_BEFORE: Final = 50
"""With fewer units of a variant that did the thing before, a ratio or a sum is not near normal,
and a check that can make a test invalid must not be wrong by its own approximation."""


def covariate_balance(plan: AnalysisPlan, answer: VariantSummariesAnswer, *, days: int) -> Check:
    """Check that the variants were alike in the days before anybody was exposed.

    An A/A test of the same metrics, over the time in which nobody had seen a difference.

    Source:
        docs/methods/covariate-imbalance.md.
    """
    parts: list[Estimates] = []
    names: list[str] = []
    had = {
        metric.key: int(answer.seen.before[nth].min())
        for nth, metric in enumerate(answer.question.metrics)
    }
    for metric, samples in zip(
        plan.metrics, table_of(plan, plan.metrics, answer.covariates), strict=True
    ):
        if any(each is None for each in samples) or had.get(metric.key, 0) < FEWEST_BEFORE:
            continue
        before = past(moments_of_table([samples]))
        parts.append(differences(before[:, :1], before[:, 1:]))
        names.append(metric.key)
    estimates = joined(parts) if parts else None
    if estimates is None or (estimates.absent != 0).all():
        return not_yet(
            "covariate_balance",
            f"fewer than {FEWEST_BEFORE} visitors of a variant have done any of it in the"
            f" {counted(days, 'day')} before",
        )
    found = imbalance(estimates, method=FIXED)
    told = [p for p in found.p_adjusted.ravel().tolist() if p == p]
    verdict = {
        Status.OK: "The variants were alike before anybody saw a difference",
        Status.WARN: "The variants differed more than chance would often bring before the test",
        Status.FAIL: "The variants differed before the test, so what they differ by now is not"
        " the treatment’s alone",
    }[found.status]
    worst = names[int(found.p_adjusted.min(axis=1).argmin())] if found.status.value != "ok" else ""
    return Check(
        check="covariate_balance",
        status=found.status,
        value=min(told),
        detail=f"{verdict}{f', most in {worst}' if worst else ''}: the smallest of"
        f" {counted(len(told), 'p-value')} over the {counted(days, 'day')} before is"
        f" {min(told):.2g}, corrected for their number.",
    )


def power_check(
    analysis: Analysis,
    answer: VariantSummariesAnswer,
    *,
    worth: float | None,
    power: float,
    over: bool,
) -> Check:
    """Say whether the planned effect would have been seen with the noise that there was.

    Args:
        analysis: With the errors that were reached.
        answer: With the visitors of each day, whose pace says how long it takes still.
        worth: The smallest lift that the plan looks for; None where it names none.
        power: Planned.
        over: Nothing more will be collected, or the planned end is over.

    Source:
        docs/methods/power-reached.md.
    """
    if worth is None:
        return not_yet("power", "the plan names no smallest lift worth seeing")
    lifts = [
        reading.comparison.relative
        for reading in analysis.primary.readings
        if isinstance(reading.comparison, Comparison)
        and not isinstance(reading.comparison.relative, Absent)
    ]
    # By the method's own reach: an interval that holds at every look is wider than a fixed one.
    reaches = [(lift, (lift.high - lift.low) / 2 / lift.se) for lift in lifts]
    levels = [(lift, 2 * normal_share_below(-reach)) for lift, reach in reaches]
    told = [
        power_reached(lift.se, worth=worth, alpha=level, power=power)
        for lift, level in levels
        if 0 < level < power
    ]
    if not told:
        return not_yet("power", f"the noise of {analysis.primary.metric.key} is not known")
    reached = min(float(each.power) for each in told)
    detectable = max(float(each.detectable) for each in told)
    short = any(bool(each.short) for each in told)
    said = (
        f"A lift of {percent(worth)} was found with a chance of {reached:.0%}, where {power:.0%}"
        f" was planned; {power:.0%} were reached for a lift of {percent(detectable)}."
    )
    if not over:
        left = _time_left(analysis, answer, detectable / worth)
        said = (
            f"So far a lift of {percent(worth)} would be found with a chance of {reached:.0%};"
            f" {power:.0%} are planned for the end.{left}"
        )
    return Check(
        check="power",
        status=Status.WARN if short and over else Status.OK,
        value=reached,
        detail=said,
    )


PACE_DAYS: Final = 7
"""Whole days whose visitors say how fast a test fills: one of each weekday."""


def _time_left(analysis: Analysis, answer: VariantSummariesAnswer, short_by: float) -> str:
    """Say how long it takes at the present pace, as an error falls with the root of units.

    Args:
        analysis: With its moment and its planned end.
        answer: With the visitors of each day.
        short_by: The lift that is found now with the planned power, by the one planned.
    """
    if short_by <= 1:
        return " They are reached."
    last = analysis.as_of.date() - timedelta(days=1)
    first = last - timedelta(days=PACE_DAYS - 1)
    pace = sum(n for (day, _), n in answer.daily.items() if first <= day <= last) / PACE_DAYS
    if not pace:
        return ""
    days = math.ceil(sum(analysis.units.values()) * (short_by**2 - 1) / pace)
    said = f" At the pace of the last week they take about {counted(days, 'day')} more"
    end = analysis.plan.planned_end
    if end is None:
        return f"{said}."
    left = _days_until(end, analysis.as_of)
    return f"{said}, and {counted(left, 'day')} {'is' if left == 1 else 'are'} left."


def _days_until(end: datetime, now: datetime) -> int:
    return max(0, math.ceil((end - now) / timedelta(days=1)))


def _standing_out(dimension: DimensionSplit) -> list[CellSplit]:
    return [each for each in dimension.cells if each.p_adjusted and each.p_adjusted < 0.01][:3]


def _cell(cell: CellSplit) -> str:
    counts = " to ".join(f"{units:,}" for units in cell.observed)
    return f"{cell.cell} ({counts})"
