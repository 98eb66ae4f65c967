"""The backlog and its items as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from truelift.apps.accounts.models import User
from truelift.apps.backlog.forms import ROUTES
from truelift.apps.backlog.knowing import Known, known
from truelift.apps.backlog.models import OverrideRecord, PriorityRecord, ScoreRecord
from truelift.apps.backlog.reads import (
    PAGE,
    Placed,
    Wanted,
    better_not_tested,
    blind_to,
    overrides_of,
    placed,
    wanted_items,
)
from truelift.apps.backlog.rule import Agreed
from truelift.apps.backlog.services import (
    facts_of,
    items_of,
    opinions_of,
    surroundings_of,
)
from truelift.apps.drawing.axis import Axis, Tick, axis_around
from truelift.apps.drawing.wording import (
    MINUS,
    Kind,
    Measure,
    clock,
    count,
    percent,
    rough_money,
)
from truelift.apps.sites.models import Site
from truelift.lifecycle.policy import Framework
from truelift.lifecycle.scoring import Origin, Score, open_with_first
from truelift.lifecycle.scoring_route import Route
from truelift.lifecycle.scoring_value import Concern, Prior, RiskClass, approval_of


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the ranking.

    Attributes:
        value: The score in words; empty while it is undefined.
        missing: What is missing, in words.
        by_hand: Whether people judged any of its inputs.
        at: Where its dot stands on the axis; empty for none.
        hidden: Others have answered and the person who looks has not: they see no score yet.
        hollow: Its interval holds zero, or the order with the first is open.
        pinned: Who gave it its rank and why; empty where the score decides.
    """

    rank: int
    key: str
    title: str
    about: str
    leak: str
    units: str
    mde: str
    work: str
    value: str
    hidden: bool
    missing: str
    by_hand: bool
    at: str
    low: str
    high: str
    hollow: bool
    route: str
    glyph: str
    tags: tuple[str, ...]
    pinned: str
    focus: bool


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An item that is better not tested."""

    key: str
    title: str
    route: str
    why: str


@dataclass(frozen=True, slots=True)
class BacklogPage:
    """The ranking.

    Attributes:
        answer: The sentence of the page, before and after what is marked in it.
        drawn: What the ranking says about its order.
        ticks: Of the axis; empty when nothing is drawn.
    """

    answer: tuple[str, str, str]
    grounds: str
    drawn: str
    unit: str
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    zero: str
    said: str
    total: int
    before: str
    after: str
    elsewhere: tuple[Elsewhere, ...]
    wanted: Wanted
    to_score: int
    to_discuss: int


@dataclass(frozen=True, slots=True)
class Part:
    """An input of a score, with where it comes from."""

    label: str
    value: str
    said: str
    by_hand: bool
    discuss: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What one person answered."""

    who: str
    values: str
    note: str


@dataclass(frozen=True, slots=True)
class ItemPage:
    """The scoring panel of one item.

    Attributes:
        own: Whether the person who looks has answered.
        hidden: How many others have, whose answers they see only after their own.
    """

    record: PriorityRecord
    key: str
    title: str
    href: str
    kind: str
    answer: str
    called: str
    parts: tuple[Part, ...]
    missing: tuple[str, ...]
    total: str
    interval: str
    route: str
    glyph: str
    reasons: tuple[str, ...]
    own: bool
    hidden: int
    answers: tuple[Answer, ...]
    ships: str
    approval: str
    sign_offs: tuple[str, ...]
    override: OverrideRecord | None
    known_names: frozenset[str]
    warning: str


@dataclass(frozen=True, slots=True)
class OverrideRow:
    """A line of the log of given ranks."""

    key: str
    title: str
    ranks: str
    who: str
    when: str
    reason: str
    outcome: str
    withdrawn: bool


_GLYPHS: Final[Mapping[Route, str]] = {
    Route.TEST: "passed",
    Route.BOLD_TEST: "waiting",
    Route.SHIP: "win",
    Route.LADDER: "inconclusive",
    Route.RESEARCH: "missing",
    Route.DROP: "null",
    Route.UNKNOWN: "missing",
}
_OUTCOMES: Final = {
    "supported": "Its hypothesis was supported",
    "contradicted": "Its hypothesis was contradicted",
    "unresolved": "Its test resolved nothing",
}
_WORK: Final = ("work", "effort", "ease")


def backlog_page(
    site: Site, agreed: Agreed, wanted: Wanted, *, to: User | None = None
) -> BacklogPage:
    """Lay out the ranking.

    Args:
        site: Whose.
        agreed: How it scores.
        wanted: Which items, in which order.
        to: Who looks: what others answered is hidden from them until they have answered.
    """
    first = (wanted.page - 1) * PAGE
    found = wanted_items(site, agreed, wanted)
    total = found.count()
    stretch = placed(site, agreed, wanted, first=first)
    measure = _measure(site, agreed)
    hidden = blind_to(to, (each.item for each in stretch), agreed, site=site)
    axis = _axis([each for each in stretch if each.item.pk not in hidden], measure)
    ranking = wanted.sort == "rank" and wanted.page == 1
    # Where a person put an item says nothing about how far its score is from the others.
    free = [each for each in stretch if each.override is None]
    scores = [_score(each.item) for each in free]
    open_first = open_with_first(scores) if ranking else 0
    among = {each.item.pk for each in free[:open_first]} if open_first > 1 else set()
    rows = tuple(
        _row(
            each,
            site=site,
            agreed=agreed,
            axis=axis,
            measure=measure,
            focus=each.item.pk in among,
            hidden=each.item.pk in hidden,
        )
        for each in stretch
    )
    return BacklogPage(
        answer=_answer(
            stretch,
            wanted,
            total,
            0 if hidden else open_first,
            measure,
            agreed,
            hidden=bool(stretch) and stretch[0].item.pk in hidden,
        ),
        grounds=_grounds(agreed),
        drawn=_drawn(open_first, sum(each.value is not None for each in scores), ranking=ranking),
        unit=_unit(agreed),
        rows=rows,
        ticks=() if axis is None else axis.ticks,
        zero="" if axis is None or not axis.inside(0.0) else axis.x(0.0),
        said=f"{count(first + 1)} to {count(first + len(rows))} of {count(total)}"
        if rows
        else "None",
        total=total,
        before=_address(wanted, wanted.page - 1) if wanted.page > 1 else "",
        after=_address(wanted, wanted.page + 1) if first + len(rows) < total else "",
        elsewhere=tuple(
            Elsewhere(
                each.key,
                each.title,
                ROUTES[Route(each.route)].lower(),
                each.reasons[0] if each.reasons else "",
            )
            for each in better_not_tested(site, agreed)
        ),
        wanted=wanted,
        to_score=found.filter(score=None).count(),
        to_discuss=found.filter(discuss=True).count(),
    )


def _answer(
    stretch: Sequence[Placed],
    wanted: Wanted,
    total: int,
    open_first: int,
    measure: Measure,
    agreed: Agreed,
    *,
    hidden: bool,
) -> tuple[str, str, str]:
    if not total:
        return ("Nothing competes for the next slot yet.", "", "")
    if wanted != Wanted():
        fits = "One item fits" if total == 1 else f"{count(total)} items fit"
        return (f"{fits} what you asked for.", "", "")
    top = stretch[0]
    if top.item.score is None:
        return (f"{_many(total, 'item waits', 'items wait')} for a score.", "", "")
    if hidden:
        return (f"{top.item.title} comes first; its score shows once you have given yours.", "", "")
    value = measure.said(top.item.score)
    unit = " per slot-week" if agreed.rule.framework is Framework.EV else ""
    if top.override is not None:
        by = str(top.override.made_by) if top.override.made_by else "the operator"
        return (f"{top.item.title} comes first because {by} put it there: ", f"{value}{unit}", ".")
    if open_first > 1:
        return (
            f"Among the first {_word(open_first)} the order is open; {top.item.title} leads with ",
            f"{value}{unit}",
            ".",
        )
    return (f"{top.item.title} is the best next step: ", f"about {value}{unit}", ".")


def _grounds(agreed: Agreed) -> str:
    said = f"Ranked by {agreed.called}."
    if agreed.rule.framework is Framework.EV:
        share = percent(agreed.implemented.value)
        said += (
            f" Winners that never go live lower every score here: {share} of them are counted on."
        )
    highest = agreed.rule.highest
    return said if highest is None else f"{said} {highest:g} is the most there is."


def _drawn(open_first: int, scored: int, *, ranking: bool) -> str:
    if not scored:
        return "No item has a score yet"
    if not ranking:
        return "What competes for the next slot"
    if open_first >= scored and scored > 1:
        return "The order of everything on this page is open"
    if open_first > 1:
        return (
            f"Among the first {_word(open_first)} by score the order is open; the first is clearly"
            f" ahead of the {_nth(open_first + 1)}"
        )
    return "The first is clearly ahead" if scored > 1 else "One item has a score"


def _unit(agreed: Agreed) -> str:
    if agreed.rule.framework is Framework.EV:
        return "Value per week of test slot, with 80% interval; hollow where it could be below zero"
    return "Score, with what its scorers could mean; hollow where they should talk"


def _row(
    place: Placed,
    *,
    site: Site,
    agreed: Agreed,
    axis: Axis | None,
    measure: Measure,
    focus: bool,
    hidden: bool,
) -> Row:
    item = place.item
    inputs = {each["name"]: each for each in item.inputs}
    work = next((inputs[name] for name in _WORK if name in inputs), None)
    tags = []
    if item.solution_only:
        tags.append("solution only")
    if item.discuss and not hidden:
        tags.append("discuss")
    drawn = axis is not None and item.score is not None and not hidden
    by = ""
    if place.override is not None:
        who = str(place.override.made_by) if place.override.made_by else "the operator"
        by = f"Put here by {who}: {place.override.reason}"
    hollow = item.discuss
    if agreed.rule.framework is Framework.EV:
        hollow = item.low is not None and item.low <= 0
    route = Route(item.route)
    return Row(
        rank=place.rank,
        key=item.key,
        title=item.title,
        about=item.surface,
        leak="" if item.leak_minor is None else rough_money(item.leak_minor, site.currency),
        units="" if item.weekly_units is None else count(item.weekly_units),
        mde="" if item.mde is None else percent(item.mde, digits=1),
        work="" if work is None or hidden else f"{work['value']:g}",
        value="" if item.score is None or hidden else measure.said(item.score),
        hidden=hidden,
        missing=_missing(item, agreed),
        by_hand=any(each["origin"] == Origin.JUDGEMENT for each in item.inputs),
        at=axis.x(item.score) if drawn and axis and item.score is not None else "",
        low=axis.x(item.low) if drawn and axis and item.low is not None else "",
        high=axis.x(item.high) if drawn and axis and item.high is not None else "",
        hollow=hollow,
        route=ROUTES[route],
        glyph=_GLYPHS[route],
        tags=tuple(tags),
        pinned=by,
        focus=focus,
    )


def _missing(item: PriorityRecord, agreed: Agreed) -> str:
    labels = {
        each.name: each.label.partition(":")[0].partition(",")[0] for each in agreed.rule.asks
    }
    return ", ".join(labels.get(name, name).lower() for name in item.missing[:4]) + (
        " and more" if len(item.missing) > 4 else ""
    )


def _axis(stretch: Sequence[Placed], measure: Measure) -> Axis | None:
    ends = [
        value
        for each in stretch
        for value in (each.item.low, each.item.score, each.item.high)
        if value is not None
    ]
    if not ends:
        return None
    return axis_around(min(0.0, *ends), max(0.0, *ends), measure=measure)


def _measure(site: Site, agreed: Agreed) -> Measure:
    if agreed.rule.framework is Framework.EV:
        return Measure(Kind.MONEY, site.currency)
    return Measure(Kind.NUMBER)


def _score(item: PriorityRecord) -> Score:
    return Score(Framework(item.framework), item.version, item.score, low=item.low, high=item.high)


def item_page(
    site: Site, item: PriorityRecord, agreed: Agreed, *, to: User, may_score: bool
) -> ItemPage:
    """Lay out the scoring panel; others' answers only once the person's own are in."""
    whole = items_of(site).get(pk=item.pk)
    facts = facts_of(whole)
    opinions = opinions_of([whole], agreed).get(whole.pk, ())
    surroundings = surroundings_of(site, (), {}, agreed=agreed, beside=(facts,))
    found = known(facts, opinions, site=surroundings)
    own = any(each.scorer == str(to.pk) for each in opinions)
    # Who only looks has nothing to be influenced in.
    blind = may_score and not own
    rows = (
        ScoreRecord.objects.filter(priority=item, framework=agreed.rule.framework.value)
        .select_related("scorer")
        .order_by("submitted_at")
    )
    measure = _measure(site, agreed)
    value = found.score.value
    shown = value is not None and not (blind and opinions)
    labels = {each.name: each.label for each in agreed.rule.asks}
    route = found.routed.route
    approval = approval_of(
        {Concern(concern): RiskClass(level) for concern, level in item.risk.items()}
    )
    interval = ""
    if shown and found.score.low is not None and found.score.high is not None:
        interval = measure.range(found.score.low, found.score.high)
    return ItemPage(
        record=whole,
        key=whole.key,
        title=whole.title,
        href=f"/s/{site.name}/{'ideas' if whole.idea else 'hypotheses'}/{whole.key}/",
        kind="Idea" if whole.idea else "Hypothesis",
        answer=_item_answer(whole, found, measure, shown=shown, agreed=agreed),
        called=agreed.called,
        parts=tuple(
            Part(
                label=labels[name].partition(":")[0],
                value=""
                if blind and each.origin is Origin.JUDGEMENT
                else _value(name, each.value, site),
                said="Shown once your own answers are in"
                if blind and each.origin is Origin.JUDGEMENT
                else each.said,
                by_hand=each.origin is Origin.JUDGEMENT,
                discuss=not blind and name in found.agreements and found.agreements[name].discuss,
            )
            for name, each in found.inputs.items()
        )
        + _worked_out(found, agreed, surroundings.prior),
        missing=tuple(labels[name] for name in found.score.missing),
        total=measure.said(value) if shown and value is not None else "",
        interval=interval,
        route=ROUTES[route],
        glyph=_GLYPHS[route],
        reasons=found.routed.reasons,
        own=own,
        hidden=len(opinions) if blind else 0,
        answers=()
        if blind
        else tuple(
            Answer(
                who=str(row.scorer),
                values=", ".join(f"{name} {value:g}" for name, value in row.values.items()),
                note=row.note,
            )
            for row in rows
        ),
        ships="" if found.worth is None else percent(found.worth.ships),
        approval=approval.level.value if approval.level else "",
        sign_offs=tuple(each.value for each in approval.sign_offs),
        override=OverrideRecord.objects.filter(priority=item, withdrawn_at=None)
        .select_related("made_by")
        .first(),
        known_names=frozenset(
            name
            for name, each in found.inputs.items()
            if each.origin is Origin.DATA and name not in _WORK
        ),
        warning=_warning(found, facts.leak_minor),
    )


def _worked_out(found: Known, agreed: Agreed, prior: Prior) -> tuple[Part, ...]:
    """Give what an expected value takes from the programme's own record."""
    if agreed.rule.framework is not Framework.EV:
        return ()
    record = (
        f"{prior.results} past tests, shrunken"
        if prior.results
        else "Fewer than ten past tests: what tests do elsewhere"
    )
    live = agreed.implemented
    return (
        Part(
            "Expected true lift",
            "" if found.worth is None else f"{100 * found.worth.lift:+.2f}%".replace("-", MINUS),
            record,
            by_hand=False,
            discuss=False,
        ),
        Part("Winners that go live", percent(live.value), live.said, by_hand=False, discuss=False),
    )


def _warning(found: Known, leak_minor: float | None) -> str:
    """Warn of little traffic and no money behind it (R058)."""
    little = found.weekly_units is not None and found.mde is not None and found.mde > 0.3
    if little and not leak_minor:
        return "Little traffic, and no finding says what it costs: it will hardly pay for itself."
    return ""


def _item_answer(
    item: PriorityRecord, found: Known, measure: Measure, *, shown: bool, agreed: Agreed
) -> str:
    if found.score.value is None:
        n = len(found.score.missing)
        return f"{item.key} has no score yet: {_many(n, 'input is', 'inputs are').lower()} missing."
    if not shown:
        return f"How would you score {item.key}?"
    unit = " per slot-week" if agreed.rule.framework is Framework.EV else ""
    return f"{item.key} scores {measure.said(found.score.value)}{unit}."


def _value(name: str, value: float, site: Site) -> str:
    match name:
        case "weekly_units" | "reach":
            return count(value)
        case "rate" | "reached":
            return percent(value)
        case "revenue":
            return rough_money(value, site.currency)
        case "work":
            return f"{value:g} day{'' if value == 1 else 's'}"
        case _:
            return f"{value:g}"


def override_rows(site: Site) -> tuple[OverrideRow, ...]:
    """Lay out the log of given ranks, each with what became of it."""
    zone = ZoneInfo(site.time_zone)
    found = []
    for each in overrides_of(site):
        item = each.priority
        tested = item.hypothesis or (item.idea.hypothesis if item.idea else None)
        finding = tested.finding if tested else ""
        found.append(
            OverrideRow(
                key=item.key,
                title=item.title,
                ranks=f"{each.rank_then or 'no rank'} → {each.rank}",
                who=str(each.made_by) if each.made_by else "The operator",
                when=clock(each.made_at.astimezone(zone)),
                reason=each.reason,
                outcome=_OUTCOMES.get(finding, "Not tested yet"),
                withdrawn=each.withdrawn_at is not None,
            )
        )
    return tuple(found)


def _address(wanted: Wanted, page: int) -> str:
    given = {
        "kind": wanted.kind,
        "route": wanted.route,
        "surface": wanted.surface,
        "text": wanted.text,
        "waits": wanted.waits,
        "sort": "" if wanted.sort == "rank" else wanted.sort,
        "page": str(page),
    }
    return "?" + urlencode({name: value for name, value in given.items() if value})


_SMALL: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NTH: Final = ("", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


def _word(number: int) -> str:
    return _SMALL[number] if number < len(_SMALL) else count(number)


def _nth(number: int) -> str:
    if number < len(_NTH):
        return _NTH[number]
    last = number % 10 if number % 100 not in {11, 12, 13} else 0
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


def _many(number: int, one: str, many: str) -> str:
    return f"{_word(number).capitalize()} {one if number == 1 else many}"
