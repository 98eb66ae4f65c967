"""A result over time, by segment and without its adjustment, as the page draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from truelift.apps.drawing.forest import Effect, Forest, Group, Interval
from truelift.apps.drawing.knowledge import Knowledge
from truelift.apps.drawing.series import Band, Line, Note, Series
from truelift.apps.drawing.wording import Kind, Measure, count, lift, p_value
from truelift.apps.experiments.methods import INFERENCE_PAGES, method_href
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.plain import sureness
from truelift.apps.experiments.wording import SEGMENTS, inner, sentence_case


LIFT: Final = Measure(Kind.LIFT)

_HOLDS: Final[Mapping[str, str]] = {
    "sequential": "the band holds at every day at once, so it may be read at any of them",
    "group-sequential": "the band is as wide as the bound of this look asks",
    "bayesian": "the band is where the lift lies with that chance, judged at that day",
}
_HOLDS_ONCE: Final = (
    "each day’s interval holds at that day alone, which is why a fixed test is read once"
)


@dataclass(frozen=True, slots=True)
class Course:
    """How an effect settled.

    Attributes:
        headline: Where it stands.
        caption: What is drawn.
        series: The lift with its interval.
        how: Address of the method's page; empty for none.
    """

    headline: str
    caption: str
    series: Series
    how: str


@dataclass(frozen=True, slots=True)
class SegmentTable:
    """The effect in each value of a dimension.

    Attributes:
        title: The dimension, and the variant where there are several.
        standing: Whether it was named before the start, in a word.
        confirmatory: The same as a fact.
        sentence: Whether the effect differs.
        forest: The cells.
        how: Address of the method's page; empty for none.
    """

    title: str
    standing: str
    confirmatory: bool
    sentence: str
    forest: Forest
    how: str


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Effects as they were counted and as the past adjusts them.

    Attributes:
        headline: What the adjustment was worth.
        forest: Both, one below the other.
        how: Address of the method's page; empty for none.
    """

    headline: str
    forest: Forest
    how: str


@dataclass(frozen=True, slots=True)
class CauseRow:
    """A segment in which the split stands out, or all of them.

    Attributes:
        segment: Dimension and value.
        counts: Visitors per variant.
        excess: Visitors more or less than planned, per variant.
        p: Chance of such a split if the plan had been kept.
        carries: Whether the split is in order without it.
    """

    segment: str
    counts: tuple[str, ...]
    excess: tuple[str, ...]
    p: str
    carries: bool

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Visitors with what they are more or less than planned, per variant."""
        return tuple(zip(self.counts, self.excess, strict=True))


@dataclass(frozen=True, slots=True)
class Details:
    """What a result shows besides its effects; all empty where nothing may be read.

    Attributes:
        courses: The primary metric's effect over time.
        segments: The same by segment.
        adjusted: Effects with and without their adjustment; None where there is none.
        causes: Segments in which the split stands out; empty where it is in order.
        variants: Names of the variants, for the columns of the causes.
        stopped: What decides as it is stated after its last look, beside what was counted; None
            where nothing was stopped on.
        clipped: Whether an interval was cut where everything is lost.
        metric_breaks: When metrics were defined anew, as the snapshot has it.
        time_zone: Of the site.
    """

    courses: tuple[Course, ...]
    segments: tuple[SegmentTable, ...]
    adjusted: Adjusted | None
    causes: tuple[CauseRow, ...]
    variants: tuple[str, ...]
    stopped: Adjusted | None = None
    clipped: bool = False
    metric_breaks: Mapping[str, Any] = field(default_factory=dict)
    time_zone: str = "UTC"


def details_of(record: ExperimentRecord, document: Mapping[str, Any]) -> Details:
    """Lay out what a snapshot shows besides its effects."""
    titles = {each.metric.key: each.metric.name for each in record.metrics.select_related("metric")}
    names = {each.key: each.name or each.key for each in record.variants.all()}
    home = f"/s/{record.site.name}/"
    primary = next((m for m in document.get("metrics", []) if m["role"] == "primary"), None)
    variants = tuple(
        names.get(each["variant"], each["variant"]) for each in document.get("variants", [])
    )
    if primary is None:
        return Details((), (), None, (), variants)
    title = titles.get(primary["metric"], primary["metric"])
    segments = segments_of(document, primary=primary, names=names, home=home)
    zone = record.site.time_zone
    return Details(
        courses=courses_of(document, metric=title, names=names, home=home, time_zone=zone),
        segments=segments,
        adjusted=adjusted_of(document, titles=titles, names=names, home=home),
        causes=causes_of(document),
        variants=variants,
        stopped=stopped_of(primary, metric=title, names=names, home=home),
        clipped=any(
            row.interval is not None and row.interval.low == EVERYTHING
            for table in segments
            for group in table.forest.groups
            for row in group.rows
        ),
        metric_breaks=document.get("metric_breaks") or {},
        time_zone=zone,
    )


def courses_of(
    document: Mapping[str, Any],
    *,
    metric: str,
    names: Mapping[str, str],
    home: str,
    time_zone: str = "UTC",
) -> tuple[Course, ...]:
    """Draw the lift of the primary metric from day to day, one drawing per treatment."""
    notes = _breaks_of(document, ZoneInfo(time_zone))
    method = str(document.get("method", "fixed"))
    level = sureness(1 - document["alpha"]) if "alpha" in document else ""
    told = [each for each in document.get("over_time", []) if _days(each) > 1]
    courses = []
    for each in told:
        points = [point for point in each["days"] if _drawn(point)]
        last = points[-1]
        name = names.get(each["variant"], each["variant"])
        of = f" of {name}" if len(told) > 1 else ""
        courses.append(
            Course(
                headline=f"The lift{of} in {inner(metric)} stands at {lift(last['value'])},"
                f" {_between(last['low'], last['high'], value=last['value'])}",
                caption=f"Over all visitors exposed until each day, with its {level} interval;"
                f" {_HOLDS.get(method, _HOLDS_ONCE)}",
                series=Series(
                    days=tuple(date.fromisoformat(point["day"]) for point in points),
                    lines=(
                        Line(
                            label=name,
                            values=tuple(point["value"] for point in points),
                            focus=True,
                        ),
                    ),
                    band=Band(
                        low=tuple(point["low"] for point in points),
                        high=tuple(point["high"] for point in points),
                        label=f"{level} interval",
                    ),
                    measure=LIFT,
                    from_zero=True,
                    settled_from=_settled(points),
                    notes=notes,
                ),
                how=method_href(home, _page_of(method)),
            )
        )
    return tuple(courses)


def segments_of(
    document: Mapping[str, Any],
    *,
    primary: Mapping[str, Any],
    names: Mapping[str, str],
    home: str,
) -> tuple[SegmentTable, ...]:
    """Lay out the primary metric's effect by segment, those named beforehand first."""
    found = [
        each
        for each in document.get("segments", [])
        if each["metric"] == primary["metric"]
        and any(effect["relative"] is not None for effect in each["effects"])
    ]
    whole = {
        each["variant"]: (each.get("relative") or {}).get("value") for each in primary["effects"]
    }
    several = len({each["variant"] for each in found}) > 1
    up = primary.get("direction") != "decrease"
    how = method_href(home, "segment-interaction")
    tables = []
    for each in sorted(found, key=lambda one: one["standing"] != "confirmatory"):
        title = SEGMENTS.get(each["dimension"], sentence_case(each["dimension"]))
        if several:
            title = f"{title}: {names.get(each['variant'], each['variant'])}"
        confirmatory = each["standing"] == "confirmatory"
        tables.append(
            SegmentTable(
                title=title,
                standing="Named before the start" if confirmatory else "Explored",
                confirmatory=confirmatory,
                sentence=_differs(each, confirmatory=confirmatory),
                forest=Forest(
                    groups=(
                        Group(
                            "",
                            tuple(_cell(cell, each, up=up, how=how) for cell in each["effects"]),
                        ),
                    ),
                    measure=LIFT,
                    head=f"Effect, {sureness(1 - document['alpha'])}",
                    columns=("Visitors", "Drawn together"),
                    label="Segment",
                    reading="",
                    reference=whole.get(each["variant"]),
                ),
                how=how,
            )
        )
    return tuple(tables)


def adjusted_of(
    document: Mapping[str, Any], *, titles: Mapping[str, str], names: Mapping[str, str], home: str
) -> Adjusted | None:
    """Set effects as they were counted beside those that the past adjusts."""
    how = method_href(home, "cuped")
    several = len(document.get("variants", [])) > 2
    groups, saved = [], []
    for metric in document.get("metrics", []):
        base = _control_level(document, metric)
        rows = []
        for effect in metric["effects"]:
            if effect.get("withheld") or "counted" not in effect or not base:
                continue
            share = effect["variance_saved"]
            worth = f"{share:.0%} of the variance saved" if share >= 0.005 else "saves nothing"
            saved.append((share, titles.get(metric["metric"], metric["metric"])))
            name = names.get(effect["variant"], effect["variant"])
            of = f", {name}" if several else ""
            rows += [
                _of_level(f"As counted{of}", effect["counted"], base, how=how),
                _of_level(
                    f"Adjusted{of}",
                    effect["absolute"],
                    base,
                    how=how,
                    detail=worth,
                ),
            ]
        if rows:
            groups.append(Group(titles.get(metric["metric"], metric["metric"]), tuple(rows)))
    if not groups:
        return None
    share, name = saved[0]
    explained = f"{share:.0%}" if share >= 0.005 else "next to nothing"
    headline = f"What visitors did before explains {explained} of the noise in {inner(name)}"
    return Adjusted(
        headline=headline,
        forest=Forest(
            groups=tuple(groups),
            measure=LIFT,
            head="Difference, share of the control",
            reading="",
        ),
        how=how,
    )


def stopped_of(
    primary: Mapping[str, Any], *, metric: str, names: Mapping[str, str], home: str
) -> Adjusted | None:
    """Set what is stated after the last look beside what was counted."""
    how = method_href(home, "group-sequential")
    several = len(primary["effects"]) > 1
    rows: list[Effect] = []
    moved = ""
    for effect in primary["effects"]:
        naive = (effect.get("naive") or {}).get("relative")
        stated = effect.get("relative")
        if effect.get("withheld") or naive is None or stated is None or naive["low"] is None:
            continue
        of = f", {names.get(effect['variant'], effect['variant'])}" if several else ""
        rows += [
            _of_level(f"As counted{of}", naive, 1.0, how=how),
            _of_level(f"Stated{of}", stated, 1.0, how=how),
        ]
        moved = moved or (
            f"Adjusted for its looks, the lift in {inner(metric)} is {lift(stated['value'])}"
            f" instead of {lift(naive['value'])}"
        )
    if not rows:
        return None
    forest = Forest(groups=(Group("", tuple(rows)),), measure=LIFT, head="Effect", reading="")
    return Adjusted(headline=moved, forest=forest, how=how)


def causes_of(document: Mapping[str, Any]) -> tuple[CauseRow, ...]:
    """Give the segments in which the split stands out most, at most a dozen."""
    rows = [
        (cell["p"], each["dimension"], cell)
        for each in document.get("split_causes", [])
        for cell in each["cells"]
        if cell["p"] is not None
    ]
    return tuple(
        CauseRow(
            segment=f"{SEGMENTS.get(dimension, sentence_case(dimension))}: {cell['cell']}",
            counts=tuple(count(units) for units in cell["observed"]),
            excess=tuple(_signed_count(units) for units in cell["excess"]),
            p=p_value(p),
            carries=bool(cell["carries"]),
        )
        for p, dimension, cell in sorted(rows, key=lambda row: row[0])[:12]
    )


SETTLED: Final = 0.1
"""Share of its visitors at which a course has a shape; the days before may be wild."""


def _settled(points: Sequence[Mapping[str, Any]]) -> int:
    """Give the first day from which on the axis is made."""
    least = SETTLED * points[-1]["units"]
    first = next(nth for nth, point in enumerate(points) if point["units"] >= least)
    return min(first, len(points) - 2)


EVERYTHING: Final = -1.0
"""The worst lift there is while a control is worth more than nothing."""


def _at_worst(low: float, *, value: float) -> float:
    """Cut an interval where everything is lost.

    The symmetric interval of a few visitors reaches beyond it, which no lift can.
    """
    return max(low, EVERYTHING) if value > EVERYTHING else low


def _between(low: float, high: float, *, value: float) -> str:
    """Say an interval; one that would lose more than everything says so."""
    if low < EVERYTHING < value:
        return f"at worst everything is lost, at best {lift(high)}"
    return f"between {lift(low)} and {lift(high)}"


def _breaks_of(document: Mapping[str, Any], zone: ZoneInfo) -> tuple[Note, ...]:
    """Give the days on which metrics were defined anew, as they are marked in a course."""
    return tuple(
        Note(
            at=datetime.fromisoformat(str(each["at"])).astimezone(zone).date(),
            words=f"{sentence_case(metric.replace('_', ' '))} v{each['to_version']}",
        )
        for metric, changes in (document.get("metric_breaks") or {}).items()
        for each in changes
    )


def _days(told: Mapping[str, Any]) -> int:
    return sum(_drawn(point) for point in told["days"])


def _drawn(point: Mapping[str, Any]) -> bool:
    """Whether a day has a lift with an interval; early days of a strict look have none."""
    return all(point[name] is not None for name in ("value", "low", "high"))


def _page_of(method: str) -> str:
    return "relative-delta" if method == "fixed" else INFERENCE_PAGES.get(method, "")


def _differs(reading: Mapping[str, Any], *, confirmatory: bool) -> str:
    if reading["p"] is None:
        return "Fewer than two of them have an effect yet, so none can differ."
    p = p_value(reading["p"])
    if not reading["differs"]:
        return (
            f"No difference between them was found ({p}): read the effect of everybody in all of"
            " them."
        )
    if confirmatory:
        return f"The effect differs between them ({p}), as was to be tested."
    return (
        f"The effect may differ between them ({p}); nobody asked beforehand, so this is a question"
        " for the next test."
    )


def _cell(cell: Mapping[str, Any], reading: Mapping[str, Any], *, up: bool, how: str) -> Effect:
    """Lay out one segment; in colour only where the segments differ at all."""
    relative, units = cell["relative"], count(cell["units"])
    if relative is None or relative["low"] is None:
        reason = str(cell.get("absent") or cell.get("relative_absent") or "no effect yet")
        return Effect(
            label=cell["value"],
            knowledge=Knowledge.TOO_FEW,
            levels=(units, ""),
            reason=reason.rstrip("."),
        )
    value, low, high = relative["value"], relative["low"], relative["high"]
    interval = Interval(value, _at_worst(low, value=value), high)
    knowledge = Knowledge.INCONCLUSIVE
    if interval.low > 0 or interval.high < 0:
        good = (interval.low > 0) is up
        knowledge = Knowledge.NO_DIFFERENCE
        if reading["differs"]:
            knowledge = Knowledge.BETTER if good else Knowledge.WORSE
    drawn = cell["relative_drawn"]
    return Effect(
        label=cell["value"],
        knowledge=knowledge,
        interval=interval,
        levels=(units, "" if drawn is None else lift(drawn)),
        said=f"{cell['value']}: {lift(value)}, {_between(low, high, value=value)}.",
        combined=drawn,
        how=how,
    )


def _of_level(
    label: str, numbers: Mapping[str, float], base: float, *, how: str, detail: str = ""
) -> Effect:
    low, high = sorted((numbers["low"] / base, numbers["high"] / base))
    value = numbers["value"] / base
    said = f"{label}: {lift(value)}, {_between(low, high, value=value)}."
    low = _at_worst(low, value=value)
    clear = low > 0 or high < 0
    return Effect(
        label=label,
        knowledge=Knowledge.NO_DIFFERENCE if clear else Knowledge.INCONCLUSIVE,
        interval=Interval(value, low, high),
        detail=detail,
        said=said,
        how=how,
    )


def _control_level(document: Mapping[str, Any], metric: Mapping[str, Any]) -> float:
    control = next((v["variant"] for v in document["variants"] if v["role"] == "control"), "")
    summary: Mapping[str, Any] = next(
        (each for each in metric["summaries"] if each["variant"] == control), {}
    )
    return float(summary.get("ratio") or summary.get("mean") or 0.0)


def _signed_count(units: float) -> str:
    return f"+{count(units)}" if round(units) > 0 else count(units)
