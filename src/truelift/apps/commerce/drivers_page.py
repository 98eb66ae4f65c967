"""The page of what drove revenue as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from truelift.apps.commerce.cells import LEVELS, OTHERS
from truelift.apps.commerce.periods import LENGTHS, Against, period_label
from truelift.apps.commerce.waterfall import Step, Waterfall
from truelift.apps.commerce.wording import Amounts, lasting, part_words, relative, segment, span
from truelift.apps.drawing.wording import Kind, Measure, count, percent, signed
from truelift.apps.explorers.events_text import escaped
from truelift.apps.measurement.funnel_form import FunnelForm
from truelift.apps.measurement.periods import Period
from truelift.events.channels import Channel


LEVEL_WORDS: Final = {
    "source": "Source",
    "campaign": "Campaign",
    "landing": "Landing page",
    "device": "Device",
}
PLURALS: Final = {
    "source": "sources",
    "campaign": "campaigns",
    "landing": "landing pages",
    "device": "devices",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A link of a group of which one holds."""

    href: str
    label: str
    current: bool


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A segment in the table of parts.

    Attributes:
        inside: Where it is taken apart; empty where it is not.
        funnel: The funnel behind it; empty where there is none.
        shades: Classes of the four parts.
    """

    label: str
    inside: str
    funnel: str
    share: str
    conversion: str
    parts: tuple[tuple[str, str], ...]
    total: str
    n: str


@dataclass(frozen=True, slots=True)
class DriversPage:
    """Everything that the page shows.

    Attributes:
        driven: What the whole page is about: revenue, or what is counted.
        split: What the waterfall takes apart, in words.
        exactly: What the sum of all factors is exact to.
        path: From the whole site to what is looked at: words and addresses.
        undefined: Why there is no waterfall here; empty where there is one.
        whole: Which sources are not told by campaign, and why; empty for none.
    """

    answer: str
    grounds: str
    driven: str
    split: str
    exactly: str
    path: tuple[tuple[str, str], ...]
    by: str
    heading: str
    waterfall: Waterfall | None
    undefined: str
    finding: str
    whole: str
    rows: tuple[SegmentRow, ...]
    columns: tuple[str, ...]
    foot: SegmentRow | None
    breakdowns: tuple[Choice, ...]
    periods: tuple[Choice, ...]
    levels: str
    factors: tuple[tuple[str, str], ...]
    snapshot: str
    n: str
    worse: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for.

    Attributes:
        by: A level.
        path: Segments from the top that it looks inside.
    """

    weeks: int
    against: Against
    by: str
    path: tuple[str, ...]
    snapshot: int | None = None

    def address(self, **changed: object) -> str:
        """Give the address of this with something else."""
        weeks, against = changed.get("weeks", self.weeks), changed.get("against", self.against)
        path = changed.get("path", self.path)
        by = changed.get("by", self.by)
        pairs: list[tuple[str, object]] = []
        if self.snapshot is not None and not {"weeks", "against"} & set(changed):
            pairs.append(("snapshot", self.snapshot))
        else:
            pairs += [("weeks", weeks), ("against", str(against))]
        pairs.append(("by", by))
        if isinstance(path, tuple):
            pairs += list(zip(LEVELS, path, strict=False))
        return f"?{urlencode(pairs)}"


def node_of(document: Mapping[str, Any], asked: Asked) -> Mapping[str, Any] | None:
    """Find the breakdown that is asked for; None where it was not kept."""
    drivers = document["drivers"]
    if not asked.path:
        found: Mapping[str, Any] = drivers["by"][asked.by]
        return found
    return next(
        (each["node"] for each in drivers["inside"] if tuple(each["path"]) == asked.path), None
    )


def drivers_page(
    document: Mapping[str, Any],
    asked: Asked,
    node: Mapping[str, Any],
    *,
    site: str,
    number: int,
    made: str,
    kept: Sequence[tuple[int, Against]],
    sentence: str,
) -> DriversPage:
    """Lay out one breakdown of a snapshot."""
    drivers, amounts = document["drivers"], Amounts.of(document)
    level = LEVELS[len(asked.path)] if asked.path else asked.by
    first, last = drivers["before"], drivers["after"]
    inside = {tuple(each["path"]) for each in drivers["inside"]}
    rows = tuple(
        _row(each, node, amounts, asked, level, inside, document, site) for each in node["rows"]
    )
    where = f" of {segment(asked.path)}" if asked.path else ""
    return DriversPage(
        answer=sentence,
        grounds=f"{span(last)} against {span(first)}. It says where the change sits, not who"
        " caused it.",
        driven=amounts.words.driven(is_money=amounts.is_money),
        split=f"conversion and {amounts.words.worth}" if amounts.is_money else "conversion",
        exactly="the cent" if amounts.is_money else f"the {amounts.words.one}",
        path=_path(asked),
        by=level,
        heading=f"{amounts.of_what}{where}, by {LEVEL_WORDS[level].lower()}",
        waterfall=_waterfall(node, amounts, first, last) if "parts" in node else None,
        undefined=f"There is no waterfall: a period has no {amounts.words.many} here."
        if "undefined" in node
        else "",
        finding=_finding(node, level),
        whole=_whole(drivers.get("unsteady", ()), level),
        rows=rows,
        columns=tuple(part_words(name, amounts.words)[0] for name in amounts.parts),
        foot=_foot(node, amounts),
        breakdowns=tuple(
            Choice(
                asked.address(by=each, path=()),
                LEVEL_WORDS[each],
                not asked.path and each == asked.by,
            )
            for each in LEVELS
        ),
        periods=tuple(
            Choice(
                asked.address(weeks=weeks, against=against, path=()),
                period_label(weeks, against),
                (weeks, against) == (asked.weeks, asked.against),
            )
            for weeks, against in kept
        ),
        levels=_levels(drivers["levels"]),
        factors=_factors(drivers["factors"], amounts),
        snapshot=f"Snapshot {number}, made {made}",
        n=", then ".join(
            f"{count(sum(each['sessions'][at] for each in node['rows']))} sessions with"
            f" {count(sum(each['orders'][at] for each in node['rows']))} {amounts.words.many}"
            for at in (0, 1)
        ),
        worse=_worse(document),
    )


def _path(asked: Asked) -> tuple[tuple[str, str], ...]:
    if not asked.path:
        return ()
    parts = [("All traffic", asked.address(by="source", path=()))]
    for at in range(len(asked.path)):
        href = asked.address(path=asked.path[: at + 1]) if at + 1 < len(asked.path) else ""
        parts.append((asked.path[at] or "not said", href))
    return tuple(parts)


def _waterfall(
    node: Mapping[str, Any],
    amounts: Amounts,
    first: Mapping[str, Any],
    last: Mapping[str, Any],
) -> Waterfall:
    after = node["sessions_after"]
    level = node["before"] / amounts.scale * after
    later = sum(each["revenue"][1] for each in node["rows"])
    return Waterfall(
        head="From the earlier to the later weeks",
        first=("Earlier", span(first)),
        last=("Later", span(last)),
        before=node["before"],
        after=node["after"],
        steps=tuple(
            Step(
                label=part_words(name, amounts.words)[0],
                detail=part_words(name, amounts.words)[1],
                value=node["parts"][name]["value"],
                low=node["parts"][name]["low"],
                high=node["parts"][name]["high"],
                money=amounts.money(node["parts"][name]["money"]),
            )
            for name in amounts.parts
        ),
        measure=Measure(Kind.MONEY, amounts.currency) if amounts.is_money else Measure(Kind.NUMBER),
        unit=amounts.unit,
        level=amounts.level,
        change=amounts.change,
        money_before=amounts.money(later - node["money_change"], plus=False)
        if amounts.is_money
        else amounts.money(round(level), plus=False),
        money_after=amounts.money(later, plus=False),
        money_head=f"At the later {count(after)} sessions",
    )


def _row(
    each: Mapping[str, Any],
    node: Mapping[str, Any],
    amounts: Amounts,
    asked: Asked,
    level: str,
    inside: set[tuple[str, ...]],
    document: Mapping[str, Any],
    site: str,
) -> SegmentRow:
    key = tuple(each["key"])
    path = (*asked.path, *key) if asked.path or level in LEVELS[:2] else ()
    parts = each.get("parts")
    total = [sum(row["sessions"][which] for row in node["rows"]) for which in (0, 1)]
    return SegmentRow(
        label=segment(key),
        inside=asked.address(by=asked.by, path=path) if path in inside else "",
        funnel=_funnel(each, level, asked, document, site),
        share=_from_to(each["sessions"], total),
        conversion=_from_to(each["orders"], each["sessions"], digits=2),
        parts=tuple(
            (amounts.change(value), _shade(value, node))
            for value in (parts or ())[: len(amounts.parts)]
        ),
        total=amounts.change(sum(parts)) if parts else "",
        n=f"{count(each['sessions'][0])}, then {count(each['sessions'][1])} sessions",
    )


def _foot(node: Mapping[str, Any], amounts: Amounts) -> SegmentRow | None:
    if "parts" not in node:
        return None
    parts = [node["parts"][name]["value"] for name in amounts.parts]
    conversion = node["conversion"]
    return SegmentRow(
        label="Sum",
        inside="",
        funnel="",
        share="",
        conversion=f"{percent(conversion['before'], digits=2)} →"
        f" {percent(conversion['after'], digits=2)}",
        parts=tuple((amounts.change(value), "") for value in parts),
        total=amounts.change(sum(parts)),
        n="",
    )


def _from_to(above: Sequence[int], below: Sequence[int], *, digits: int = 0) -> str:
    def share(at: int) -> str:
        return percent(above[at] / below[at], digits=digits) if below[at] else "none"

    return f"{share(0)} → {share(1)}"


def _shade(value: int, node: Mapping[str, Any]) -> str:
    """Shade what is large against the whole change, never by itself, and no chance."""
    if _may_be_chance(node):
        return "h"
    largest = max((abs(each) for row in node["rows"] for each in row.get("parts", ())), default=0)
    size = abs(value) / largest if largest else 0
    step = 3 if size > _LARGE else 2 if size > _MIDDLE else 1 if size > _LITTLE else 0
    return f"h h-{'b' if value > 0 else 'w'}{step}" if step else "h"


_LARGE: Final = 0.6
_MIDDLE: Final = 0.25
_LITTLE: Final = 0.05


def _may_be_chance(node: Mapping[str, Any]) -> bool:
    """Say whether the change of a node is no clearer than nothing."""
    low, high = node.get("change_low"), node.get("change_high")
    return low is not None and high is not None and low <= 0 <= high


def _finding(node: Mapping[str, Any], level: str) -> str:
    rows = [each for each in node["rows"] if not each["others"] and "parts" in each]
    if not rows:
        return f"The {PLURALS[level]} that were counted"
    if not node["change"]:
        return "Nothing changed in sum"
    if _may_be_chance(node):
        return f"What the {PLURALS[level]} gave, which may be chance in sum"
    way = 1 if node["change"] > 0 else -1
    parts: dict[tuple[str, ...], float] = {}
    for each in rows:
        name = lasting(each["key"], rows)
        parts[name] = parts.get(name, 0) + sum(each["parts"])
    best = max(parts, key=lambda each: way * parts[each])
    part = parts[best] / node["change"]
    if part <= 0:
        return f"No single one of the {PLURALS[level]} made the change"
    of = "the whole change" if part >= 1 else f"{percent(part, digits=0)} of the change"
    return f"{segment(best)} made {of}"


def _whole(sources: Sequence[str], level: str) -> str:
    if not sources or level != "campaign":
        return ""
    return (
        f"Told without campaigns, which {'it' if len(sources) == 1 else 'they'} began or ceased to"
        f" name in between: {', '.join(sources)}."
    )


def _funnel(
    each: Mapping[str, Any], level: str, asked: Asked, document: Mapping[str, Any], site: str
) -> str:
    """Give the address of the funnel of a segment's visitors, both periods side by side."""
    steps = document.get("funnel") or ()
    key = tuple(each["key"])
    if not steps or key == (OTHERS,):
        return ""
    values = dict(zip(LEVELS, asked.path, strict=False))
    values |= (
        dict(zip(LEVELS, key, strict=False))
        if level == "campaign" and len(key) > 1
        else {level: key[-1]}
    )
    told = [
        f"{field} = {escaped(value)}"
        for name, text in values.items()
        for field, value in _fields(name, text)
        if value
    ]
    first, last = document["drivers"]["before"], document["drivers"]["after"]
    form = FunnelForm(
        steps=tuple(steps),
        where=", ".join(told),
        period=_period(last),
        compare="period",
        against=_period(first),
    )
    return f"/s/{site}/funnels/?{form.address}" if told else ""


def _fields(level: str, text: str) -> tuple[tuple[str, str], ...]:
    """Say which column of an event holds a level; a landing page is of a session, of none."""
    if level == "source":
        if text in {each.value for each in Channel}:
            return (("channel", text),)
        source, slash, medium = text.partition(" / ")
        return (("source", source), ("medium", medium)) if slash else (("source", source),)
    return ((level, text),) if level in {"campaign", "device"} else ()


def _period(days: Mapping[str, str]) -> Period:
    last = date.fromisoformat(days["until"]) - timedelta(days=1)
    return Period("days", days["since"], last.isoformat())


def _levels(levels: Mapping[str, Any]) -> str:
    """Say down the hierarchy what mix explains of the change of conversion."""
    change = levels["change"]
    if not change:
        return ""
    parts = [f"{PLURALS[each['level']]} {_points(each['mix'])}" for each in levels["rows"]]
    return (
        f"Conversion changed by {_points(change)}: the mix of {parts[0]}, within them that of"
        f" {', of '.join(parts[1:])}; what no mix explains is {_points(levels['rate'])}."
    )


def _points(value: float) -> str:
    return f"{signed(f'{100 * value:+.3f}')} points"


def _factors(factors: Mapping[str, Any] | None, amounts: Amounts) -> tuple[tuple[str, str], ...]:
    if factors is None:
        return ()
    words = (
        ("sessions", "Sessions"),
        ("conversion", "Conversion"),
        *((("order_value", amounts.words.worth.capitalize()),) if amounts.is_money else ()),
        ("total", amounts.words.driven(is_money=amounts.is_money).capitalize()),
    )
    return tuple((label, amounts.money(factors[name])) for name, label in words)


def _worse(document: Mapping[str, Any]) -> str:
    """Say that worse traffic was bought, and what to do about it (R021)."""
    total = document["acquisition"]["total"]
    if not total["worse_traffic"]:
        return ""
    spend, sessions, revenue = (
        total[each] for each in ("spend_minor", "sessions", "revenue_minor")
    )
    return (
        f"Worse traffic is bought: spend {relative(*spend) or 'as before'}, sessions"
        f" {relative(*sessions)}, revenue {relative(*revenue)}. That is a matter of the metric and"
        " the budget, not of a test on the page."
    )


def weeks_of(text: str) -> int | None:
    """Read the weeks of an address; None where it names none that there are."""
    return int(text) if text in {str(each) for each in LENGTHS} else None
