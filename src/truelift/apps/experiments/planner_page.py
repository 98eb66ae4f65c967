"""The planner's answer as a value: a sentence, two drawings, the ladder where traffic is low."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from truelift.apps.drawing.series import Line, Series
from truelift.apps.drawing.wording import Kind, Measure, count, percent
from truelift.apps.experiments.planner_form import Plan
from truelift.apps.experiments.wording import counted
from truelift.stats.anytime import powers_at_any_time
from truelift.stats.design import Aim, SequentialPlan
from truelift.stats.ladder import LONGEST_WEEKS, Ladder, Reach, ladder_of
from truelift.stats.power import (
    FEWEST_WEEKS,
    detectable_lifts,
    duration_of,
    misreadings,
    powers,
    provable_margins,
    split_of,
    units_for,
)


CURVE_WEEKS: Final = 16
"""Weeks that are drawn at least."""

MOST_WEEKS: Final = 104
"""Longer than anybody waits; beyond, the answer is that it cannot be seen."""

SHARE: Final = Measure(Kind.SHARE)


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with its five parts."""

    name: str
    sentence: str
    units: str
    chart: Series
    source: str


@dataclass(frozen=True, slots=True)
class PlannerPage:
    """The planner's answer.

    Attributes:
        answer: The sentence, up to what is marked.
        marked: The number that it is about; empty for none.
        rest: The sentence after it.
        grounds: Visitors, power, level.
        figures: The drawings.
        ladder: What to do with little traffic; None where there is enough.
        warning: What a found lift would be worth with so few visitors; empty for nothing.
    """

    answer: str
    marked: str
    rest: str
    grounds: str
    figures: tuple[Figure, ...]
    ladder: Ladder | None
    warning: str


def planner_page(plan: Plan) -> PlannerPage:
    """Work out what a plan takes, and draw it.

    Raises:
        BadDesign: The numbers cannot be planned with.
    """
    design, superior = plan.design, plan.design.aim is Aim.SUPERIORITY
    needed = float(units_for(design, lift=plan.lift, power=plan.power))
    length = None
    if math.isfinite(needed):
        found = duration_of(
            int(needed),
            arms=design.arms,
            units_per_week=plan.weekly,
            maturation_days=plan.maturation_days,
        )
        length = found if found.weeks <= MOST_WEEKS else None
    ladder = ladder_of(plan.traffic) if plan.traffic is not None else None
    shown = f"{said(abs(plan.lift))}" if superior else f"{said(design.margin or 0.0)}"
    task = {
        Aim.SUPERIORITY: f"to see a {'fall' if plan.lift < 0 else 'lift'} of {shown}",
        Aim.NON_INFERIORITY: f"to show that it is not worse by {shown}",
        Aim.EQUIVALENCE: f"to show that it differs by less than {shown}",
    }[design.aim]
    if length is None:
        answer, marked, rest = f"So few visitors take years {task}.", "", ""
    else:
        late = (
            " That is too long: visitors lose their cookies."
            if length.weeks > LONGEST_WEEKS
            else ""
        )
        answer = f"{task[0].upper()}{task[1:]} it takes"
        marked, rest = counted(length.weeks, "week"), f".{late}"
    weeks = length.weeks if length is not None else LONGEST_WEEKS
    return PlannerPage(
        answer=answer,
        marked=marked,
        rest=rest,
        grounds=grounds_of(plan, needed, days=None if length is None else length.days),
        figures=(over_weeks(plan, weeks), over_lifts(plan, weeks)),
        ladder=ladder if ladder is not None and ladder.reach is not Reach.NORMAL else None,
        warning=warning_of(plan, weeks),
    )


def grounds_of(plan: Plan, needed: float, *, days: float | None) -> str:
    """Say how many visitors it takes and what the plan promises."""
    level = (
        f"chance {percent(plan.power, digits=0)} of seeing it if it is there,"
        f" error level {said(plan.design.alpha)}"
    )
    if plan.design.alpha_per_comparison < plan.design.alpha:
        level += f" ({said(plan.design.alpha_per_comparison)} for each treatment)"
    if math.isinf(needed):
        return f"No number of visitors would do; {level}."
    split = split_of(plan.design, n_per_arm=int(needed))
    each = (
        f"{count(split[0])} visitors per variant"
        if len(set(split)) == 1
        else f"{count(split[0])} visitors in the control and {count(split[1])} in each treatment"
    )
    text = f"{each}, {count(sum(split))} in all, at {count(plan.weekly)} a week; {level}."
    if days is not None and plan.maturation_days:
        text += f" The last values are complete after {count(days)} days."
    return text


def over_weeks(plan: Plan, weeks: int) -> Figure:
    """Draw the smallest lift, or margin, that each week would show."""
    design, superior = plan.design, plan.design.aim is Aim.SUPERIORITY
    last = min(MOST_WEEKS, max(CURVE_WEEKS, weeks + 4))
    shown = range(1, last + 1)
    units = np.maximum(2.0, np.array(shown) * plan.weekly / design.arms)
    if superior:
        curve = np.abs(detectable_lifts(design, n_per_arm=units, power=plan.power))
        wanted, name = abs(plan.lift), "smallest lift"
    else:
        curve = provable_margins(design, n_per_arm=units, power=plan.power)
        wanted, name = design.margin or 0.0, "smallest margin"
    values = tuple(
        float(value) if week >= FEWEST_WEEKS and value <= max(1.0, 3 * wanted) else None
        for week, value in zip(shown, curve, strict=True)
    )
    at = {week: float(curve[week - 1]) for week in (min(weeks, last), LONGEST_WEEKS)}
    told = " and ".join(
        f"{said(value)} after {counted(week, 'week')}"
        if math.isfinite(value)
        else f"none at all after {counted(week, 'week')}"
        for week, value in at.items()
    )
    return Figure(
        name="weeks",
        sentence=f"The {name} it would {'see' if superior else 'show'} is {told}",
        units=f"{name.capitalize()} by whole weeks; dashed what is asked for",
        chart=Series(
            days=tuple(shown),
            lines=(
                Line(name, values, focus=True, named=False),
                Line("asked for", (wanted,) * len(shown), dashed=True, named=True),
            ),
            measure=SHARE,
            from_zero=True,
            day=lambda week: counted(week, "week"),
            head="After",
        ),
        source=f"At {count(plan.weekly)} new visitors a week, power"
        f" {percent(plan.power, digits=0)}. Weeks of which less would be seen are not drawn.",
    )


def over_lifts(plan: Plan, weeks: int) -> Figure:
    """Draw the chance of showing what is to be shown over the true lift."""
    design, superior = plan.design, plan.design.aim is Aim.SUPERIORITY
    n = max(2.0, weeks * plan.weekly / design.arms)
    widest = abs(plan.lift) if superior else design.margin or 0.1
    sign = -1.0 if plan.lift < 0 else 1.0
    steps = 40
    if superior:
        top = min(2 * widest, 0.98 * min(design.spread.highest_lift, 1.0 if sign < 0 else math.inf))
        # Next to no lift in place of none: nothing is looked for there.
        lifts = sign * np.linspace(0, top, steps + 1)
        lifts[0] = sign * 1e-9
    else:
        lifts = np.linspace(-1.5 * widest, 1.5 * widest, steps + 1)
        lifts = lifts[(lifts > -0.999) & (lifts < design.spread.highest_lift)]
    times = {weeks: True, max(1, weeks // 2): False, weeks * 2: False}
    lines = tuple(
        Line(
            f"after {counted(length, 'week')}",
            tuple(
                float(power)
                for power in powers(
                    design, lift=lifts, n_per_arm=max(2.0, length * plan.weekly / design.arms)
                )
            ),
            focus=focus,
            named=False,
        )
        for length, focus in times.items()
    )
    reached = float(powers(design, lift=plan.lift, n_per_arm=n))
    what = "see" if superior else "show"
    truth = f"a true lift of {said(plan.lift)}" if superior else "a treatment that changes nothing"
    places = tuple(round(1e6 * float(lift)) for lift in lifts)
    return Figure(
        name="lifts",
        sentence=f"After {counted(weeks, 'week')} it would {what} it in"
        f" {percent(reached, digits=0)} of cases, for {truth}",
        units="Chance over the true lift at the planned end; thin: after half and twice the weeks",
        chart=Series(
            days=places,
            lines=(*lines, Line("asked for", (plan.power,) * len(lifts), dashed=True)),
            measure=Measure(Kind.SHARE, digits=0),
            from_zero=True,
            day=lambda millionth: said(millionth / 1e6),
            head="True lift",
        ),
        source=f"Each chance counts only findings of the right direction.{looked_at(plan, n)}",
    )


def looked_at(plan: Plan, n: float) -> str:
    """Say how much more a sequential test finds when it is looked at all the time."""
    if plan.design.aim is not Aim.SUPERIORITY or not isinstance(plan.design.method, SequentialPlan):
        return ""
    ever = float(powers_at_any_time(plan.design, lift=plan.lift, n_per_arm=n))
    return (
        f" At the end; looked at all the time, it sees the lift at some moment in"
        f" {percent(ever, digits=0)} of cases."
    )


def warning_of(plan: Plan, weeks: int) -> str:
    """Say how far a lift that is found would exaggerate, where power is low."""
    if plan.design.aim is not Aim.SUPERIORITY:
        return ""
    n = max(2.0, min(weeks, LONGEST_WEEKS) * plan.weekly / plan.design.arms)
    power = float(powers(plan.design, lift=plan.lift, n_per_arm=n))
    if power >= 0.5:
        return ""
    wrong = misreadings(plan.design, lift=plan.lift, n_per_arm=n)
    share = float(wrong.wrong_way)
    signs = f", and {percent(share, digits=0)} have the wrong sign" if share >= 0.005 else ""
    return (
        f"After {counted(min(weeks, LONGEST_WEEKS), 'week')} the chance of seeing"
        f" {said(abs(plan.lift))} is {percent(power, digits=0)}. A difference found all the same"
        f" would be {float(wrong.exaggeration):.1f} times too large on average{signs}."
    )


def said(share: float) -> str:
    """Write a lift as a person types one: 10%, 7.5%, 0.25%."""
    size = abs(100 * share)
    digits = 0 if size >= 99.5 or abs(size - round(size)) < 0.005 else 1 if size >= 1 else 2
    return percent(share, digits=digits)
