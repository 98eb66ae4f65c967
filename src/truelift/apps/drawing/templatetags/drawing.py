"""`{% load drawing %}`: a value object in, a figure out; and numbers as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TypedDict
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone

from truelift.apps.drawing import wording
from truelift.apps.drawing.bars import Bars, Funnel
from truelift.apps.drawing.breaks import Break, breaks_of
from truelift.apps.drawing.curves import Curves
from truelift.apps.drawing.dots import Dots
from truelift.apps.drawing.flow import Flow
from truelift.apps.drawing.forest import Forest
from truelift.apps.drawing.heat import Cell, Heat
from truelift.apps.drawing.series import Series


register = template.Library()


class Drawn(TypedDict):
    """What every figure's template gets."""

    chart: object


@register.inclusion_tag("drawing/forest.html")
def forest(chart: Forest) -> Drawn:
    """Draw effects with their intervals as a table, one axis for all rows."""
    return {"chart": chart}


@register.inclusion_tag("drawing/interval.html")
def interval(chart: Forest) -> Drawn:
    """Draw the rows of a forest without their table: the sentence beside it has the words."""
    return {"chart": chart}


@register.inclusion_tag("drawing/funnel.html")
def funnel(chart: Funnel) -> Drawn:
    """Draw a funnel as bars from zero with its numbers in the rows."""
    return {"chart": chart}


@register.inclusion_tag("drawing/bars.html")
def bars(chart: Bars) -> Drawn:
    """Draw horizontal bars with their intervals."""
    return {"chart": chart}


@register.inclusion_tag("drawing/series.html")
def time_series(chart: Series) -> Drawn:
    """Draw a number over time with its expected range and what happened."""
    return {"chart": chart}


@register.inclusion_tag("drawing/series.html")
def curves(chart: Curves) -> Drawn:
    """Draw shares over a number, a line for each group."""
    return {"chart": chart}


@register.inclusion_tag("drawing/heat.html")
def heat(chart: Heat) -> Drawn:
    """Draw a table shaded where a change is clearer than noise."""
    return {"chart": chart}


@register.inclusion_tag("drawing/dots.html")
def dots(chart: Dots) -> Drawn:
    """Draw levels of groups with their intervals on one axis."""
    return {"chart": chart}


@register.inclusion_tag("drawing/flow.html")
def flow(chart: Flow) -> Drawn:
    """Draw where people go from step to step."""
    return {"chart": chart}


@register.inclusion_tag("drawing/breaks.html")
def metric_breaks(
    found: Mapping[str, Sequence[Mapping[str, object]]] | None, time_zone: str
) -> dict[str, tuple[Break, ...]]:
    """Say where metrics were defined anew while an analysis' events came in; nothing for none."""
    return {"breaks": breaks_of(found or None, ZoneInfo(time_zone))}


@register.inclusion_tag("drawing/_cell.html")
def heat_cell(cell: Cell) -> dict[str, Cell]:
    """Draw one cell of a heat table."""
    return {"cell": cell}


@register.filter(name="count")
def count_filter(number: float) -> str:
    """Write a whole number: {{ units|count }}."""
    return wording.count(number)


@register.filter(name="number")
def number_filter(value: float, digits: int | None = None) -> str:
    """Write a level: {{ value|number }} or {{ value|number:2 }}."""
    return wording.number(value, digits=digits)


@register.filter(name="percent")
def percent_filter(share: float) -> str:
    """Write a level between 0 and 1: {{ rate|percent }}."""
    return wording.percent(share)


@register.filter(name="lift")
def lift_filter(share: float) -> str:
    """Write a relative change with its sign: {{ effect|lift }}."""
    return wording.lift(share)


@register.filter(name="points")
def points_filter(difference: float) -> str:
    """Write a change of a rate in points: {{ difference|points }}."""
    return wording.points(difference)


@register.filter(name="money")
def money_filter(minor: float, currency: str) -> str:
    """Write an amount to its smallest unit: {{ minor|money:"EUR" }}."""
    return wording.money(minor, currency)


@register.filter(name="rough_money")
def rough_money_filter(minor: float, currency: str) -> str:
    """Write an amount for a sentence: {{ minor|rough_money:site.currency }}."""
    return wording.rough_money(minor, currency)


@register.filter(name="p_value")
def p_value_filter(p: float) -> str:
    """Write a p-value: {{ p|p_value }}."""
    return wording.p_value(p)


@register.filter(name="day")
def day_filter(at: date, now: date | None = None) -> str:
    """Write a day in the current zone, its year unless it is that of `now`: {{ at|day:now }}."""
    here = local(at)
    return wording.day(here, year=None if now is None else local(now).year)


@register.filter(name="clock")
def clock_filter(at: datetime) -> str:
    """Write a moment in the current zone: {{ at|clock }}."""
    return wording.clock(timezone.localtime(at))


def local(at: date) -> date:
    """Give a moment in the current zone; a plain day has none."""
    return timezone.localtime(at) if isinstance(at, datetime) else at
