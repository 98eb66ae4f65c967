"""What the funnel explorer shows: the answer in a sentence, the steps, and for whom it differs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from truelift.apps.drawing.bars import Funnel as Drawing
from truelift.apps.drawing.bars import Step as DrawnStep
from truelift.apps.drawing.heat import Cell, Heat, HeatRow, Shade
from truelift.apps.drawing.wording import count, percent, points, rough_money
from truelift.apps.explorers.answers import list_of, mapping_of
from truelift.apps.explorers.table import Row, flat
from truelift.apps.measurement.naming import lasting, spoken
from truelift.questions.document import Json
from truelift.questions.funnel import Attribution, FunnelAnswer, FunnelGroup, Unit
from truelift.questions.leaks import Leak
from truelift.sequences.funnels import Order


CLEAR: Final = 3.0
"""A difference smaller than this many standard errors is not called one."""

EARLIER: Final = "the period before"
"""What a funnel is compared with unless something else is asked for."""

FEW_UNITS: Final = 100
"""A cell with fewer units is not shown as a rate."""

_SHADES: Final = ((0.08, 3), (0.02, 2), (0.0, 1))
"""From which difference of rates on a cell is shaded how strongly."""


@dataclass(frozen=True, slots=True)
class FunnelPage:
    """The explorer's answer.

    Attributes:
        answer: The page's sentence up to its highlighted part.
        marked: The part that is highlighted; empty for none.
        rest: The sentence after it.
        grounds: The line under it.
        chart: The steps.
        sentence: What the steps show.
        heat: The breakdown; None without one, and where groups are of each step alone.
        heat_sentence: What the breakdown shows.
        source: Semantics, period and what is left out.
        finding: What to put into the form when this is recorded as a finding.
    """

    answer: str
    marked: str
    rest: str
    grounds: str
    chart: Drawing
    sentence: str
    heat: Heat | None
    heat_sentence: str
    source: str
    finding: Mapping[str, str]


def funnel_page(
    answer: FunnelAnswer,
    *,
    before: FunnelAnswer | None,
    leaks: Sequence[Leak],
    currency: str,
    period: str,
    beside: str = EARLIER,
    whose: str = "",
) -> FunnelPage:
    """Lay out a funnel for people.

    Args:
        answer: For the period, in groups or not.
        before: What it is compared with, without groups; None for no comparison.
        leaks: Where groups lose more than they need, the worst first; empty without groups.
        currency: In which the site counts money.
        period: The period in words.
        beside: What it is compared with, in words.
        whose: The segment that was asked about; empty for everybody.
    """
    units = totals(answer)
    earlier = totals(before) if before is not None else None
    labels = tuple(spoken(step.events.title) for step in answer.question.steps)
    leak = leaks[0] if leaks else None
    focus = leak.step - 1 if leak is not None else worst_step(units)
    by_step = {each.step - 1: each for each in reversed(leaks)}
    chart = Drawing(
        steps=tuple(
            _step(number, labels[number], units, earlier, by_step, focus=focus, currency=currency)
            for number in range(len(units))
        ),
        unit="people" if answer.question.unit is Unit.PERSON else "sessions",
        against=f"Against {beside}" if earlier else "",
        leak="Leak per week" if leaks else "",
    )
    has_heat = answer.question.by and not answer.question.is_by_each and units
    heat = _heat(answer, units, labels) if has_heat else None
    said = _leak_sentence(leak, currency) if leak else _step_sentence(chart, focus)
    return FunnelPage(
        answer=said[0],
        marked=said[1],
        rest=said[2],
        grounds=_grounds(chart, focus, leak),
        chart=chart,
        sentence=_sentence(chart, units, earlier, beside),
        heat=heat,
        heat_sentence=_heat_sentence(heat, answer.question.by or ""),
        source=_source(answer, period, whose),
        finding=_finding(chart, focus, leak),
    )


def step_rows(document: Mapping[str, Json]) -> tuple[Row, ...]:
    """Give one row per group and step of a funnel's answer: what a file gets."""
    groups = document.get("groups")
    return tuple(
        {**flat(mapping_of(group.get("by"))), **flat(mapping_of(step))}
        for group in map(mapping_of, list_of(groups))
        for step in list_of(group.get("steps"))
    )


def totals(answer: FunnelAnswer) -> tuple[int, ...]:
    """Add the groups up: at a step a unit belongs to exactly one."""
    return tuple(
        sum(group.steps[step].units for group in answer.groups)
        for step in range(len(answer.question.steps))
    )


def worst_step(units: Sequence[int]) -> int | None:
    """Find the step before which the largest share is lost, from 0; None where nobody is.

    The first transition of a longer funnel mostly measures intent and is left out.
    """
    candidates = range(2 if len(units) > 2 else 1, len(units))
    rates = {step: units[step] / units[step - 1] for step in candidates if units[step - 1]}
    worst = min(rates, key=lambda step: rates[step], default=None)
    return None if worst is None or rates[worst] >= 1 else worst


def clear_difference(here: int, of_here: int, there: int, of_there: int) -> float | None:
    """Give the difference of two shares, or None where it is no more than noise."""
    if not of_here or not of_there:
        return None
    pooled = (here + there) / (of_here + of_there)
    spread = math.sqrt(max(0.0, pooled * (1 - pooled)) * (1 / of_here + 1 / of_there))
    difference = here / of_here - there / of_there
    return difference if spread and abs(difference) >= CLEAR * spread else None


def _step(
    number: int,
    label: str,
    units: tuple[int, ...],
    earlier: tuple[int, ...] | None,
    leaks: Mapping[int, Leak],
    *,
    focus: int | None,
    currency: str,
) -> DrawnStep:
    change, worse = "", False
    if number and earlier is not None:
        difference = clear_difference(
            units[number], units[number - 1], earlier[number], earlier[number - 1]
        )
        change = "no clear change" if difference is None else points(difference)
        worse = difference is not None and difference < 0
        if not earlier[number - 1]:
            change = "nobody then"
    worth, likely = _worth(leaks.get(number), currency) if leaks else ("", "")
    return DrawnStep(
        label=label,
        units=units[number],
        before=earlier[number] / earlier[0] if earlier and earlier[0] else None,
        change=change,
        worse=worse,
        leak=worth if number else "",
        leak_range=likely if number else "",
        focus=number == focus,
    )


def _worth(leak: Leak | None, currency: str) -> tuple[str, str]:
    """Say what a leak costs in a week, with its interval."""
    if leak is None:
        return "no leak found", ""
    value = leak.value_per_week_minor
    if value is None:
        lost = leak.lost_per_week
        return f"{count(lost.value)} people", f"{count(lost.low)} to {count(lost.high)}"
    return (
        rough_money(value.value, currency),
        f"{rough_money(value.low, currency)} to {rough_money(value.high, currency)}",
    )


def _leak_sentence(leak: Leak, currency: str) -> tuple[str, str, str]:
    where = f"“{spoken(leak.before)}”"
    whom = f" among {segment_said(leak)}" if leak.by else ""
    worth, _ = _worth(leak, currency)
    return f"Too few go on to {where}{whom}: about", f"{worth} a week", " is lost there."


def _step_sentence(chart: Drawing, focus: int | None) -> tuple[str, str, str]:
    if not chart.steps or not chart.steps[0].units:
        return "Nobody took the first step in this period.", "", ""
    if focus is None:
        return "Everybody who takes a step takes the next one as well.", "", ""
    lost = chart.steps[focus - 1].units - chart.steps[focus].units
    where = f"Before “{chart.steps[focus].label}”"
    if lost == 1:
        return where, "one", f" of the {chart.unit} is lost."
    return where, f"{count(lost)} {chart.unit}", " are lost."


def segment_said(leak: Leak) -> str:
    """Call a leak's segment by what it is."""
    if leak.segment is None:
        return f"people whose {leak.by} is not known"
    plural = {"phone": "phones", "desktop": "desktops", "tablet": "tablets", "tv": "televisions"}
    return plural.get(leak.segment, f"{leak.by} “{leak.segment}”")


def _grounds(chart: Drawing, focus: int | None, leak: Leak | None) -> str:
    if leak is not None:
        best = spoken(leak.standard or "").lower() or "before"
        return (
            f"{percent(leak.rate)} of the {count(leak.arrived)} who reached"
            f" “{spoken(leak.after)}” went on; the best group ({best}) does"
            f" {percent(leak.standard_rate)}. This shows where, not why."
        )
    if not chart.steps or not chart.steps[0].units:
        return "Choose a longer period, or look at the ledger whether these events arrive."
    if focus is None:
        return ""
    rate = chart.rate(focus)
    left = chart.steps[focus - 1]
    return (
        f"{percent(1 - (rate or 0.0))} of the {count(left.units)} who reached “{left.label}”"
        " did not go on. This shows where, not why."
    )


def _sentence(
    chart: Drawing, units: tuple[int, ...], earlier: tuple[int, ...] | None, beside: str
) -> str:
    text = chart.sentence.rstrip(".")
    if not units or not units[0] or earlier is None or not earlier[0]:
        return text
    before = percent(earlier[-1] / earlier[0])
    difference = clear_difference(units[-1], units[0], earlier[-1], earlier[0])
    if beside != EARLIER:
        if difference is None:
            return f"{text}; not clearly other than {before} ({beside})"
        return f"{text}, {'more' if difference > 0 else 'less'} than {before} ({beside})"
    if difference is None:
        return f"{text}; no clear change from {before}"
    return f"{text}, {'up' if difference > 0 else 'down'} from {before}"


def _heat(answer: FunnelAnswer, units: tuple[int, ...], labels: tuple[str, ...]) -> Heat:
    return Heat(
        rows=tuple(_heat_row(group, units) for group in answer.groups),
        columns=labels[1:],
        label=spoken(answer.question.by or ""),
        size="Started",
        total="All the way",
        foot=HeatRow(
            label="All",
            size=count(units[0]),
            cells=tuple(
                Cell(percent(units[step] / units[step - 1]) if units[step - 1] else "nobody")
                for step in range(1, len(units))
            ),
            total=percent(units[-1] / units[0]) if units[0] else "nobody",
        ),
    )


def _heat_row(group: FunnelGroup, units: tuple[int, ...]) -> HeatRow:
    mine = tuple(step.units for step in group.steps)
    label = group.value if group.value is not None else "not known"
    if group.others:
        label = f"{count(group.others)} others"
    if mine[0] < FEW_UNITS:
        return HeatRow(
            label=label,
            size=count(mine[0]),
            too_few=f"Too few to say: {count(mine[0])} of the {FEW_UNITS} needed per cell",
        )
    return HeatRow(
        label=label,
        size=count(mine[0]),
        cells=tuple(
            _heat_cell(mine[step], mine[step - 1], units[step], units[step - 1])
            for step in range(1, len(mine))
        ),
        total=percent(mine[-1] / mine[0]),
    )


def _heat_cell(here: int, of_here: int, everyone: int, of_everyone: int) -> Cell:
    """Compare a group's rate with that of everyone else."""
    if of_here < FEW_UNITS:
        return Cell(said=f"{count(of_here)} people", detail="too few", enough=False)
    rate = here / of_here
    difference = clear_difference(here, of_here, everyone - here, of_everyone - of_here)
    if difference is None or of_everyone - of_here < FEW_UNITS:
        return Cell(said=percent(rate), detail="as the others")
    strength = next(shade for least, shade in _SHADES if abs(difference) >= least)
    return Cell(
        said=percent(rate),
        detail=points(difference),
        shade=Shade(strength if difference > 0 else -strength),
    )


def _heat_sentence(heat: Heat | None, by: str) -> str:
    if heat is None:
        return ""
    behind = [(cell.shade, row, column) for row, column, cell in heat.clear if cell.shade < 0]
    if not behind:
        return f"By {by}, nobody is clearly behind the others"
    _, row, column = min(behind, key=lambda found: found[0])
    others = len(behind) - 1
    more = f"; {others} more {'cell is' if others == 1 else 'cells are'} behind" if others else ""
    return f"“{spoken(row)}” goes on to “{column}” clearly less often than the others{more}"


def _source(answer: FunnelAnswer, period: str, whose: str) -> str:
    question = answer.question
    order = {
        Order.ORDERED: "steps in order",
        Order.STRICT: "steps in order with no other event between",
        Order.ANY: "steps in any order",
    }[question.order]
    counted = "People, not sessions" if question.unit is Unit.PERSON else "Sessions, not people"
    text = f"{counted}; {order} within {lasting(question.window_s)} of the first step; {period}."
    if whose:
        text += f" Only people of the segment {whose}."
    if question.where:
        text += " Only events under the form’s conditions."
    if question.exclude is not None or question.between:
        text += " Attempts with an excluded event are cut there."
    if question.is_by_each:
        text += " At every step in the group that the event of that step says."
    elif question.by and question.attribution is not Attribution.STEP:
        which = question.attribution.value
        text += f" In the group that the {which} event of the attempt with a value says."
    elif question.by and question.attribution_step > 1:
        text += (
            f" In the group of step {question.attribution_step}’s event; who did not get there has"
            " none."
        )
    if answer.immature:
        text += f" {count(answer.immature)} still have time to go on and are not lost yet."
    return text + " Differences smaller than three standard errors are not called differences."


def _finding(chart: Drawing, focus: int | None, leak: Leak | None) -> Mapping[str, str]:
    if leak is not None:
        return {
            "problem": f"Too few go on from “{spoken(leak.after)}” to “{spoken(leak.before)}”.",
            "surface": spoken(leak.before),
            "segment": f"{leak.by}: {leak.segment}" if leak.by else "",
        }
    if focus is None:
        return {}
    return {
        "problem": f"Many do not go on to “{chart.steps[focus].label}”.",
        "surface": chart.steps[focus].label,
    }
