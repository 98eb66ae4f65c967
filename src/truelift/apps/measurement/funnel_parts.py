"""Parts of the funnel page: over time, side by side, times, money, and who did not go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from truelift.apps.drawing.bars import Bar, Bars
from truelift.apps.drawing.forest import Effect, Forest, Group, Interval
from truelift.apps.drawing.knowledge import Knowledge
from truelift.apps.drawing.series import Band, Line
from truelift.apps.drawing.wording import Kind, Measure, count, day, money, percent, points
from truelift.apps.explorers.page import Figure, Happening
from truelift.apps.explorers.table import Column, Row, Scalar, Table, Unit, seconds, table
from truelift.apps.explorers.timeline import LENGTHS, Timeline, series
from truelift.apps.measurement.naming import spoken
from truelift.questions.document import instant
from truelift.questions.funnel import Funnel, FunnelAnswer
from truelift.questions.funnel import Unit as Counted
from truelift.questions.funnel_compare import ComparedStep, FunnelComparison, Rates
from truelift.questions.funnel_money import Revenue
from truelift.questions.funnel_people import Dropped, FunnelPeopleAnswer
from truelift.questions.funnel_times import FunnelTimesAnswer, TimesGroup
from truelift.questions.funnel_trend import FunnelTrendAnswer, FunnelTrendRow
from truelift.questions.shares import Span, share_of


FEWEST: Final = 100
"""Fewer units that could go on say nothing about a difference."""

DAYS_DRAWN: Final = 62
"""A longer period is drawn by weeks, one that is seven times as long by months."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Those who did not go on after a step.

    Attributes:
        said: How many, as written.
        after: The step that they reached.
        before: The one that they did not.
        address: Query of the list of them.
    """

    said: str
    after: str
    before: str
    address: str


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """A page of the people who did not go on.

    Attributes:
        answer: The page's sentence.
        grounds: The line under it.
        table: The people.
        following: Query of the next page; empty on the last one.
    """

    answer: str
    grounds: str
    table: Table
    following: str


def interval_for(since: datetime | None, until: datetime | None, weeks: float) -> str:
    """Choose how long an interval of a drawing over time is."""
    days = (until - since).days if since is not None and until is not None else weeks * 7
    return "day" if days <= DAYS_DRAWN else "week" if days <= 7 * DAYS_DRAWN else "month"


def over_time(
    answer: FunnelTrendAnswer, *, zone: ZoneInfo, now: datetime, happened: Sequence[Happening]
) -> Figure | None:
    """Draw the share that gets all the way, by when they began; None where nobody could be drawn.

    Intervals whose people still have time are dashed and end the whole line: what is
    missing there is no drop.
    """
    rows = _everybody(answer)
    if len(rows) < 2 or not any(row.steps[0].units for row in rows):
        return None
    every = answer.question.every.value
    line = Timeline.of([instant(row.begins) for row in rows], interval=every, zone=zone, now=now)
    # By the clock and not by who is left: somebody of long ago may have begun again today.
    window = timedelta(seconds=answer.question.funnel.window_s)
    is_open = [begins + LENGTHS[every] + window > now for begins in line.begins]
    values = tuple(row.conversion for row in rows)
    first_open = is_open.index(True) if any(is_open) else len(rows)
    whole = tuple(None if is_open[at] else value for at, value in enumerate(values))
    lines = [Line("all the way", whole, focus=True)]
    if first_open < len(rows):
        # From the last whole interval on, so that both lines meet.
        begins = max(0, first_open - 1)
        rest = tuple(value if at >= begins else None for at, value in enumerate(values))
        lines.append(Line("still open", rest, meaning="quiet", dashed=True, named=True))
    drawn = series(line, lines, measure=Measure(Kind.SHARE), happened=happened)
    if drawn is None:
        return None
    if len(drawn.days) == len(rows):
        drawn = replace(drawn, band=_band(rows, is_open))
    still = sum(is_open)
    return Figure(
        name="time",
        kind="series",
        chart=drawn,
        sentence=_went(rows, is_open, every),
        units=f"Share of those who began in each {every} and got all the way; band: its 95%"
        " interval" + ("; dashed: they still have time" if still else ""),
        source=_time_source(answer, still, rows, is_open, zone),
        timed=True,
    )


def _everybody(answer: FunnelTrendAnswer) -> tuple[FunnelTrendRow, ...]:
    """Give the rows of the only group; a trend is asked without groups."""
    return answer.groups[0].rows if answer.groups else ()


def _band(rows: Sequence[FunnelTrendRow], is_open: Sequence[bool]) -> Band:
    spans = [
        None
        if is_open[at] or not row.steps[0].units
        else share_of(row.steps[0].units, row.steps[-1].units)
        for at, row in enumerate(rows)
    ]
    return Band(
        tuple(None if each is None else each.low for each in spans),
        tuple(None if each is None else each.high for each in spans),
    )


def _went(rows: Sequence[FunnelTrendRow], is_open: Sequence[bool], every: str) -> str:
    known = [
        row.conversion
        for at, row in enumerate(rows)
        if not is_open[at] and row.conversion is not None
    ]
    if not known:
        return "Everybody of this period still has time to go on"
    rates = known
    low, high = percent(min(rates)), percent(max(rates))
    if len(known) == 1 or low == high:
        return f"{high} got all the way in every {every} that is over"
    return f"By {every}, between {low} and {high} got all the way"


def _time_source(
    answer: FunnelTrendAnswer,
    still: int,
    rows: Sequence[FunnelTrendRow],
    is_open: Sequence[bool],
    zone: ZoneInfo,
) -> str:
    question = answer.question
    text = (
        f"Everybody counts once, in the {question.every.value} in which their attempt began;"
        f" {question.time_zone.replace('_', ' ')}."
    )
    if still:
        last = max(at for at, each in enumerate(is_open) if each)
        length = LENGTHS[question.every.value] + timedelta(seconds=question.funnel.window_s)
        ends = rows[last].begins.astimezone(zone) + length
        text += f" The last one is not complete before {day(ends.date())}."
    return text


@dataclass(frozen=True, slots=True)
class Headline:
    """What a part of the page says first.

    Attributes:
        answer: The sentence up to its highlighted part.
        marked: The part that is highlighted; empty for none.
        rest: The sentence after it.
        grounds: The line below.
    """

    answer: str
    marked: str = ""
    rest: str = ""
    grounds: str = ""


def beside_headline(found: FunnelComparison, *, here: str, there: str) -> Headline:
    """Say how two funnels differ all the way."""
    steps = found.groups[0].steps if found.groups else ()
    return Headline(
        answer=f"{_compared(steps, here, there)}.",
        grounds=f"The first is {here}, the other {there}. This shows where, not why.",
    )


def times_headline(answer: FunnelTimesAnswer, *, period: str) -> Headline:
    """Say how long half of the people take."""
    found = answer.groups[0] if answer.groups else None
    first, last = _ends(answer)
    if found is None or not found.converted:
        return Headline(answer=f"Nobody got from “{first}” to “{last}” in this period.")
    return Headline(
        answer=f"Half of those who get from “{first}” to “{last}” take",
        marked=_said(found, 0.5),
        rest=" or less.",
        grounds=f"{count(found.converted)} of the {count(found.reached)} who reached “{first}” got"
        f" there; {count(found.immature)} still have time; {period}.",
    )


def side_by_side_figure(
    found: FunnelComparison, *, here: str, there: str, currency: str
) -> tuple[Figure, Table]:
    """Draw what differs between two funnels, and give both in numbers.

    Args:
        found: Both, without groups.
        here: What the first one is called.
        there: And the other.
        currency: Of their money, where it was asked for.
    """
    steps = found.groups[0].steps if found.groups else ()
    labels = [spoken(step.here.event) for step in steps]
    whole = [_effect("All the way", steps[-1].from_first)] if steps else []
    each = [
        _effect(label, step.from_before, detail="from the step before")
        for label, step in zip(labels, steps, strict=True)
        if step.from_before is not None
    ]
    chart = Forest(
        groups=(Group("", tuple(whole)), Group("Step by step", tuple(each))),
        measure=Measure(Kind.POINTS),
        head="Difference, 95%",
        columns=(here, there),
        label="Share who go on",
    )
    figure = Figure(
        name="beside",
        kind="forest",
        chart=chart,
        sentence="Where the two differ",
        units=f"Share who go on, {here} less {there}, in points, with its 95% interval",
        source="People all of whose windows are over, in both; Wilson intervals, their difference"
        f" by Newcombe’s method 10. Fewer than {FEWEST} people in either say nothing. The two are"
        " taken for different people; this shows where they differ, not why.",
    )
    return figure, _beside_table(steps, labels, here, there, currency)


def revenue_figure(
    found: FunnelComparison, *, here: str, there: str, currency: str
) -> Figure | None:
    """Draw what those who got to each step bring in the end; None where no money was asked for.

    Args:
        found: Both, without groups.
        here: What the first one is called.
        there: And the other.
        currency: Of the money.
    """
    steps = found.groups[0].steps if found.groups else ()
    rows = tuple(
        _worth(spoken(step.here.event), step.revenue, currency)
        for step in steps
        if step.revenue is not None
    )
    if not rows:
        return None
    unit = "person" if found.here.question.unit is Counted.PERSON else "session"
    return Figure(
        name="beside-money",
        kind="forest",
        chart=Forest(
            groups=(Group("", rows),),
            measure=Measure(Kind.MONEY, currency),
            head="Difference, 95%",
            columns=(here, there),
            label=f"Per {unit} who got to",
        ),
        sentence="Where the two differ in revenue",
        units=f"Revenue at the last step per {unit} who got to each, {here} less {there}, with its"
        " 95% interval",
        source=f"{currency} only. {'People' if unit == 'person' else 'Sessions'} all of whose"
        " windows are over, in both, also those who bring nothing; difference of the means by"
        f" Welch’s method. Fewer than {FEWEST} in either say nothing.",
    )


def _worth(label: str, revenue: Revenue, currency: str) -> Effect:
    gap = revenue.difference
    least = min(revenue.here.n, revenue.there.n)
    levels = tuple(
        money(each.mean, currency) if each.n else "nobody" for each in (revenue.here, revenue.there)
    )
    if least < FEWEST:
        reason = f"{count(least)} people; {FEWEST} are needed"
        return Effect(label, Knowledge.TOO_FEW, levels=levels, reason=reason)
    if gap is None:
        reason = "everybody brings the same, so there is no spread to judge by"
        return Effect(
            label, Knowledge.TOO_FEW, levels=levels, reason=reason, reading="Cannot be told"
        )
    return Effect(label, _known(gap), Interval(gap.value, gap.low, gap.high), levels=levels)


def _known(gap: Span) -> Knowledge:
    if gap.low > 0:
        return Knowledge.BETTER
    return Knowledge.WORSE if gap.high < 0 else Knowledge.INCONCLUSIVE


def _effect(label: str, rates: Rates, *, detail: str = "") -> Effect:
    gap, here, there = rates.difference, rates.here, rates.there
    levels = tuple(percent(each.value) if each else "nobody" for each in (here, there))
    if gap is None or min(rates.arrived, rates.against_arrived) < FEWEST:
        least = min(rates.arrived, rates.against_arrived)
        return Effect(
            label,
            Knowledge.TOO_FEW,
            detail=detail,
            levels=levels,
            reason=f"{count(least)} people; {FEWEST} are needed",
        )
    interval = Interval(gap.value, gap.low, gap.high)
    return Effect(label, _known(gap), interval, detail=detail, levels=levels)


def _compared(steps: Sequence[ComparedStep], here: str, there: str) -> str:
    if not steps:
        return "There is nobody to compare"
    rates = steps[-1].from_first
    gap, one, other = rates.difference, rates.here, rates.there
    too_few = min(rates.arrived, rates.against_arrived) < FEWEST
    if gap is None or one is None or other is None or too_few:
        return f"There are too few people to compare {here} with {there}"
    mine, theirs = percent(one.value), percent(other.value)
    if gap.low <= 0 <= gap.high:
        return f"{mine} against {theirs} get all the way: the data cannot tell a difference"
    more = "more" if gap.value > 0 else "fewer"
    return (
        f"{mine} against {theirs} get all the way: {more},"
        f" likely between {points(gap.low)} and {points(gap.high)}"
    )


def _beside_table(
    steps: Sequence[ComparedStep], labels: Sequence[str], here: str, there: str, currency: str
) -> Table:
    rows: list[Row] = [
        {
            "step": f"{at}. {label}",
            "here": step.here.units,
            "here_rate": None if step.from_first.here is None else step.from_first.here.value,
            "there": step.there.units,
            "there_rate": None if step.from_first.there is None else step.from_first.there.value,
            **_means(step.revenue, "here_revenue", "there_revenue"),
        }
        for at, (label, step) in enumerate(zip(labels, steps, strict=True), 1)
    ]
    return table(
        "Both in numbers",
        rows,
        head=Column("step", "Step", Unit.TEXT),
        columns=(
            Column("here", here.capitalize()),
            Column("here_rate", "of the first step", Unit.SHARE, nothing="nobody"),
            Column("here_revenue", "revenue of each", Unit.MONEY, nothing="nobody"),
            Column("there", there.capitalize()),
            Column("there_rate", "of the first step", Unit.SHARE, nothing="nobody"),
            Column("there_revenue", "revenue of each", Unit.MONEY, nothing="nobody"),
        ),
        currency=currency,
        note="People are all who reached the step; shares, and revenue at the last step, are of"
        " those whose window is over."
        if any(step.revenue is not None for step in steps)
        else "People are all who reached the step; shares are of those whose window is over.",
    )


def _means(revenue: Revenue | None, here: str, there: str) -> dict[str, Scalar]:
    """Give what a unit brings in either funnel, in minor units; nothing of nobody."""
    if revenue is None:
        return {}
    both = ((here, revenue.here), (there, revenue.there))
    return {name: each.mean if each.n else None for name, each in both}


def times_figure(answer: FunnelTimesAnswer, *, period: str) -> Figure | None:
    """Draw how long people take between two steps; None where nobody did both."""
    found = answer.groups[0] if answer.groups else None
    if found is None or not found.converted:
        return None
    taken = [at for at, each in enumerate(found.classes) if each.units]
    shown = found.classes[taken[0] : taken[-1] + 1]
    most = max(shown, key=lambda each: each.units)
    chart = Bars(
        bars=tuple(
            Bar(
                _class_said(each.from_s, each.to_s),
                each.units,
                detail=percent(each.units / found.converted),
                focus=each is most,
            )
            for each in shown
        ),
        measure=Measure(Kind.COUNT),
        label="Time taken",
        head="People" if answer.question.funnel.unit is Counted.PERSON else "Sessions",
    )
    first, last = _ends(answer)
    return Figure(
        name="times",
        kind="bars",
        chart=chart,
        sentence=f"The largest class took {_class_said(most.from_s, most.to_s)}:"
        f" {percent(most.units / found.converted)}",
        units=f"From “{first}” to “{last}”; each class about twice as long as the one before",
        source=f"Whole seconds, of each one’s deepest attempt; {period}.",
    )


def times_table(answer: FunnelTimesAnswer, *, by: str) -> Table:
    """Give the quartiles of every group, or of everybody."""
    rows: list[Row] = [
        {
            "group": _group(group, by),
            "others": group.others,
            "reached": group.reached,
            "converted": group.converted,
            "immature": group.immature,
            **{name: _said(group, share) for name, share in _QUANTILES},
        }
        for group in answer.groups
    ]
    return table(
        "How long they take",
        rows,
        head=Column("group", spoken(by) if by else "Group", Unit.TEXT),
        columns=(
            Column("reached", "Reached the first"),
            Column("converted", "And the other"),
            Column("immature", "Still have time"),
            Column("quarter", "A quarter within"),
            Column("half", "Half within"),
            Column("three", "Three quarters within"),
            Column("ninety", "90% within"),
        ),
        currency="",
        note="Times of those who got to the other step; who did not, took no time.",
    )


_QUANTILES: Final = (("quarter", 0.25), ("half", 0.5), ("three", 0.75), ("ninety", 0.9))


def times_rows(answer: FunnelTimesAnswer, *, by: str) -> tuple[Row, ...]:
    """Give one row per group and class: what a file gets."""
    return tuple(
        {
            **({by: group.value} if by else {}),
            "from_s": each.from_s,
            "to_s": each.to_s,
            "units": each.units,
        }
        for group in answer.groups
        for each in group.classes
    )


def trend_rows(answer: FunnelTrendAnswer) -> tuple[Row, ...]:
    """Give one row per interval and step: what a file gets."""
    return tuple(
        {
            "begins": instant(row.begins),
            "step": step.step,
            "event": step.event,
            "units": step.units,
            "immature": step.immature,
        }
        for row in _everybody(answer)
        for step in row.steps
    )


def beside_rows(found: FunnelComparison) -> tuple[Row, ...]:
    """Give one row per step of both funnels: what a file gets."""
    rows: list[Row] = []
    for step in found.groups[0].steps if found.groups else ():
        row: dict[str, Scalar] = {
            "step": step.here.step,
            "event": step.here.event,
            "units": step.here.units,
            "against_units": step.there.units,
        }
        for name, rates in (("from_first", step.from_first), ("from_before", step.from_before)):
            if rates is None:
                continue
            gap, here, there = rates.difference, rates.here, rates.there
            row |= {
                f"{name}.rate": None if here is None else here.value,
                f"{name}.against": None if there is None else there.value,
                f"{name}.difference": None if gap is None else gap.value,
                f"{name}.low": None if gap is None else gap.low,
                f"{name}.high": None if gap is None else gap.high,
            }
        row |= _means(step.revenue, "revenue.per_unit_minor", "revenue.against_minor")
        if step.revenue is not None:
            worth = step.revenue.difference
            row |= {
                "revenue.difference_minor": None if worth is None else worth.value,
                "revenue.low_minor": None if worth is None else worth.low,
                "revenue.high_minor": None if worth is None else worth.high,
            }
        rows.append(row)
    return tuple(rows)


def each_table(answer: FunnelAnswer) -> Table | None:
    """Count people at every step under its own event's value; None where it was not so asked."""
    question = answer.question
    if not question.is_by_each:
        return None
    rows: list[Row] = [
        {
            "group": group.value,
            "others": group.others,
            **{str(step.step): step.units for step in group.steps},
        }
        for group in answer.groups
    ]
    places = range(len(question.steps))
    unit = "people" if question.unit is Counted.PERSON else "sessions"
    return table(
        f"{unit.capitalize()} at every step, by its own {spoken(question.by or '').lower()}",
        rows,
        head=Column("group", spoken(question.by or ""), Unit.TEXT, nothing="not known"),
        columns=[
            Column(str(at + 1), f"{at + 1}. {spoken(question.steps[at].events.title)}")
            for at in places
        ],
        whole={str(at + 1): sum(group.steps[at].units for group in answer.groups) for at in places},
        currency="",
        note="Somebody may stand in another row at every step, so what goes on from one step to the"
        " next cannot be told of a row. Let a step say the group to see that.",
    )


def money_table(answer: FunnelAnswer, *, currency: str) -> Table | None:
    """Give the money of every step, groups together; None where none was asked for."""
    if answer.question.amount is None or not answer.groups:
        return None
    rows: list[Row] = []
    for at, step in enumerate(answer.groups[0].steps):
        mine = [group.steps[at] for group in answer.groups]
        units = sum(each.units for each in mine)
        own = sum(each.amount_minor or 0 for each in mine)
        last = sum(each.revenue_minor or 0 for each in mine)
        rows.append(
            {
                "step": f"{at + 1}. {spoken(step.event)}",
                "units": units,
                "own": own,
                "own_per": own / units if units else None,
                "last": last,
                "last_per": last / units if units else None,
            }
        )
    unit = "person" if answer.question.unit is Counted.PERSON else "session"
    return table(
        "What they are worth at each step",
        rows,
        head=Column("step", "Step", Unit.TEXT),
        columns=(
            Column("units", "People" if unit == "person" else "Sessions"),
            Column("own", "On this step’s events", Unit.MONEY),
            Column("own_per", f"per {unit}", Unit.MONEY, nothing="nobody"),
            Column("last", "Revenue at the last step", Unit.MONEY),
            Column("last_per", f"per {unit} here", Unit.MONEY, nothing="nobody"),
        ),
        currency=currency,
        note=f"Revenue at the last step, of those who reached this one; {currency} only, amounts"
        " in other currencies are left out. Who still has time may yet add to it.",
    )


def drops(answer: FunnelAnswer, pairs: Sequence[tuple[str, str]]) -> tuple[Drop, ...]:
    """List after which steps people did not go on; those who still have time are not among them."""
    question = answer.question
    required = question.rules.required
    steps = question.steps
    over = [
        sum(group.steps[at].units - group.steps[at].open for group in answer.groups)
        for at in range(len(steps))
    ]
    return tuple(
        Drop(
            said=count(over[here] - over[there]),
            after=spoken(steps[here].events.title),
            before=spoken(steps[there].events.title),
            address=urlencode([*pairs, ("at", here + 1)]),
        )
        for here, there in pairwise(required)
    )


def people_page(
    answer: FunnelPeopleAnswer, *, zone: ZoneInfo, pairs: Sequence[tuple[str, str]], period: str
) -> PeoplePage:
    """Lay out a page of the people who did not go on."""
    question = answer.question
    funnel: Funnel = question.funnel
    after = spoken(funnel.steps[question.step - 1].events.title)
    before = spoken(funnel.steps[question.onward - 1].events.title)
    unit = "people" if funnel.unit is Counted.PERSON else "sessions"
    following = answer.following
    return PeoplePage(
        answer=f"{count(answer.people)} {unit} reached “{after}” and not “{before}”.",
        grounds=f"Only those who have no time left; {period}. Visitor and user ids are personal"
        " data: this look was written into the audit.",
        table=table(
            "Who they are",
            [_person(each, zone) for each in answer.listed],
            head=Column("visitor", "Visitor", Unit.TEXT),
            columns=(
                Column("user", "User", Unit.TEXT, nothing="not signed in"),
                Column("reached", f"Reached “{after}”", Unit.TEXT),
                *((Column("group", spoken(funnel.by), Unit.TEXT),) if funnel.by else ()),
            ),
            currency="",
        ),
        following=urlencode([*pairs, ("at", question.step), ("after", following)])
        if following
        else "",
    )


def people_rows(people: Sequence[Dropped], *, by: str) -> tuple[Row, ...]:
    """Give one row per person: what a file gets."""
    return tuple(
        {
            "visitor_id": each.visitor_id,
            "user_id": each.user_id,
            "reached_at": str(each.document()["reached_at"]),
            **({by: each.group} if by else {}),
        }
        for each in people
    )


def _person(each: Dropped, zone: ZoneInfo) -> Mapping[str, Scalar]:
    at = datetime.fromisoformat(str(each.document()["reached_at"])).astimezone(zone)
    return {
        "visitor": each.visitor_id,
        "user": each.user_id,
        "reached": f"{day(at.date())}, {at:%H:%M:%S}",
        "group": each.group or "not known",
    }


def _ends(answer: FunnelTimesAnswer) -> tuple[str, str]:
    steps = answer.question.funnel.steps
    first, last = answer.question.first, answer.question.last
    return spoken(steps[first - 1].events.title), spoken(steps[last - 1].events.title)


def _class_said(from_s: int, to_s: int | None) -> str:
    if to_s is None:
        return f"{seconds(from_s)} or longer"
    if to_s == 1:
        return "Under 1 s"
    return f"{seconds(from_s)} to {seconds(to_s)}"


def _said(group: TimesGroup, share: float) -> str:
    found = group.quantiles_s.get(share)
    return "nobody" if found is None else seconds(found)


def _group(group: TimesGroup, by: str) -> str:
    if not by:
        return "Everybody"
    return group.value if group.value is not None else "not known"
