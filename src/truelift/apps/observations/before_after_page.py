"""Comparisons before and after as values: always said to be observational, placebos drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from truelift.apps.drawing.forest import Effect, Forest, Interval, forest
from truelift.apps.drawing.knowledge import Knowledge
from truelift.apps.drawing.series import Line, Note, Series
from truelift.apps.drawing.wording import Kind, Measure, clock, day, p_value
from truelift.apps.experiments.methods import method_href
from truelift.apps.experiments.metrics import current_metrics
from truelift.apps.experiments.wording import counted, is_money, is_share, sentence_case
from truelift.apps.observations.models import BeforeAfter
from truelift.apps.observations.reads import NOT, metric_titles
from truelift.apps.sites.models import Site
from truelift.questions.metric_library import METRIC_LIBRARY, Unit
from truelift.stats.quasi import PLACEBO_FAIL, QuasiDesign


WAYS: Final[Mapping[str, str]] = {
    QuasiDesign.DIFFERENCE_IN_DIFFERENCES: "Difference in differences",
    QuasiDesign.SYNTHETIC_CONTROL: "Synthetic control",
    QuasiDesign.INTERRUPTED_SERIES: "Interrupted series",
}

PLACEBOS: Final[Mapping[str, str]] = {
    "in_time": "Had the change come earlier",
    "in_space": "Had it come to a control series",
    "trend": "Did both move apart before it came",
}

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """A placebo test: what it pretends, what it found, and whether that is nothing."""

    name: str
    found: str
    p: str
    passed: bool


@dataclass(frozen=True, slots=True)
class BeforeAfterPage:
    """The page.

    Attributes:
        answer: Its sentence; before the result is there, the question.
        grounds: What is compared, how.
        way: How it is read, in words.
        href: Its method's page.
        series: The series beside what would have been; None before the result.
        effects: The effect and the placebos on one axis; None before.
        checks: The placebo tests that the verdict rests on.
        assumptions: What must be true besides.
        trust: Whether to believe it, a sentence.
        status: Its mark.
        source: From where, in small.
    """

    answer: str
    grounds: str
    way: str
    href: str
    series: Series | None = None
    effects: Forest | None = None
    checks: tuple[Check, ...] = ()
    assumptions: tuple[str, ...] = ()
    trust: str = ""
    status: str = "waiting"
    source: str = ""


@dataclass(frozen=True, slots=True)
class ListRow:
    """A comparison in the list."""

    number: int
    key: str
    name: str
    detail: str
    effect: str
    status: str
    trust: str


@dataclass(frozen=True, slots=True)
class ListPage:
    """The list."""

    answer: str
    rows: tuple[ListRow, ...]


def list_page(site: Site, records: Sequence[BeforeAfter]) -> ListPage:
    """Lay out a site's comparisons."""
    titles = metric_titles(site)
    rows = tuple(_row(record, titles) for record in records)
    if not rows:
        return ListPage("What changed where nobody could randomise?", ())
    failed = sum(row.status == "invalid" for row in rows)
    said = f"{sentence_case(counted(len(rows), 'change'))} looked at before and after"
    if failed:
        said += f"; {counted(failed, 'of them failed its', 'of them failed their')} placebo test"
    return ListPage(f"{said}.", rows)


def _row(record: BeforeAfter, titles: Mapping[str, str]) -> ListRow:
    document = record.document
    title = titles.get(record.metric, record.metric)
    detail = f"{title}{_of(record.segment)} · {WAYS[record.design]}"
    if record.kind:
        detail = f"{record.kind_called} · {detail}"
    if document is None:
        return ListRow(record.number, record.key, record.name, detail, "", "waiting", "No result")
    effect = document["effect"]
    status, trust = _trust(effect)
    return ListRow(
        number=record.number,
        key=record.key,
        name=record.name,
        detail=detail,
        effect="do not use it"
        if status == "invalid"
        else _written(effect, _measure_of_effect(record, effect)),
        status=status,
        trust=trust,
    )


def before_after_page(site: Site, record: BeforeAfter) -> BeforeAfterPage:
    """Lay out a comparison, with its result where there is one."""
    titles = metric_titles(site)
    title = titles.get(record.metric, record.metric)
    beside = [_title(each, titles, record) for each in record.controls]
    grounds = (
        f"{title}{_of(record.segment)}, {counted((record.changed_on - record.since).days, 'day')}"
        f" before and {counted((record.until - record.changed_on).days, 'day')} from"
        f" {day(record.changed_on)} on"
    )
    grounds += f", beside {', '.join(beside)}." if beside else ", by its own level and trend."
    page = BeforeAfterPage(
        answer=f"{record.name}: what changed?",
        grounds=grounds,
        way=WAYS[record.design],
        href=method_href(f"/s/{site.name}/", record.design),
    )
    document = record.document
    return page if document is None else _result(site, record, page, document, title, beside)


def _result(
    site: Site,
    record: BeforeAfter,
    page: BeforeAfterPage,
    document: Document,
    title: str,
    beside: Sequence[str],
) -> BeforeAfterPage:
    effect = document["effect"]
    measure = _measure_of_effect(record, effect)
    status, trust = _trust(effect)
    computed = record.computed_at
    at = "" if computed is None else clock(computed.astimezone(ZoneInfo(site.time_zone)))
    return BeforeAfterPage(
        answer=_answer(record, effect, title, measure),
        grounds=page.grounds,
        way=page.way,
        href=page.href,
        series=_series(site, record, document, beside),
        effects=_effects(record, document, measure, beside),
        checks=tuple(_check(each, measure) for each in effect["placebos"]),
        assumptions=tuple(effect["assumptions"]),
        trust=trust,
        status=status,
        source=f"Computed {at} from the lake as it was then; it does not change.",
    )


def _answer(record: BeforeAfter, effect: Document, title: str, measure: Measure) -> str:
    if effect["placebos"] and not effect["credible"]:
        return f"{record.name}: do not use this comparison, its placebo test failed"
    low, high = effect["low"], effect["high"]
    if effect["value"] is None:
        said = "no number can be told"
    elif low is None or high is None:
        said = f"{measure.said(effect['value'])}, with no interval"
    elif low <= 0 <= high:
        said = f"the data cannot tell, it could be {measure.said(low)} or {measure.said(high)}"
    else:
        said = f"{measure.said(effect['value'])}, likely {measure.range(low, high)}"
    return f"{title} since {record.name}, observational: {said}"


def _written(effect: Document, measure: Measure) -> str:
    if effect["value"] is None:
        return "no number"
    said = measure.said(effect["value"])
    if effect["low"] is None or effect["high"] is None:
        return f"{said}, no interval"
    return f"{said}, likely {measure.range(effect['low'], effect['high'])}"


def _trust(effect: Document) -> tuple[str, str]:
    if effect["credible"]:
        return "watch", "Placebo tests found nothing where there is nothing"
    if effect["placebos"]:
        return "invalid", "A placebo test failed: the assumptions do not hold"
    return "missing", "Too short for a placebo test: nothing checks the assumptions"


def _series(site: Site, record: BeforeAfter, document: Document, beside: Sequence[str]) -> Series:
    days = tuple(date.fromisoformat(each) for each in document["days"])
    change = (record.changed_on - record.since).days
    expected = [
        value if at >= change or record.design != QuasiDesign.INTERRUPTED_SERIES else None
        for at, value in enumerate(document["expected"])
    ]
    same = [
        (name, each["values"])
        for name, each in zip(beside, document["controls"], strict=True)
        if each["metric"] == record.metric
    ]
    lines = [
        Line("what would have been", tuple(expected), dashed=True, named=True),
        Line("", tuple(document["series"]), focus=True),
    ]
    if len(same) == 1:
        lines = [*(Line(name, tuple(values)) for name, values in same), *lines]
    return Series(
        days=days,
        lines=tuple(lines),
        measure=_measure(record, site.currency),
        notes=(Note(record.changed_on, record.name),),
    )


def _effects(
    record: BeforeAfter, document: Document, measure: Measure, beside: Sequence[str]
) -> Forest | None:
    effect = document["effect"]
    rows = [_drawn("Since the change", record.name, effect, measure, real=True)]
    for each in document["placebos"]:
        if each["kind"] == "in_time":
            pretended = date.fromisoformat(document["days"][each["place"]])
            rows.append(
                _drawn("Placebo, earlier", f"as if it had come {day(pretended)}", each, measure)
            )
        else:
            rows.append(
                _drawn("Placebo", f"as if it had come to {beside[each['place']]}", each, measure)
            )
    known = [row for row in rows if row is not None]
    if not known:
        return None
    return forest(*known, measure=measure, head="Effect a day, 95%", label="What is read")


def _drawn(
    label: str, detail: str, found: Document, measure: Measure, *, real: bool = False
) -> Effect | None:
    if found["value"] is None or found["low"] is None or found["high"] is None:
        return None
    shows = found["low"] > 0 or found["high"] < 0
    if real:
        reading, status = "Observational", "watch"
    else:
        reading = "Shows an effect of nothing" if shows else "Finds nothing"
        status = "loss" if shows else "passed"
    said, between = measure.said(found["value"]), measure.range(found["low"], found["high"])
    return Effect(
        label=label,
        detail=detail,
        knowledge=Knowledge.NO_DIFFERENCE if real else Knowledge.INCONCLUSIVE,
        interval=Interval(
            found["value"], min(found["low"], found["value"]), max(found["high"], found["value"])
        ),
        reading=reading,
        status=status,
        said=f"{label}, {detail}: {said}, likely {between}. {reading}.",
    )


def _check(placebo: Document, measure: Measure) -> Check:
    value = placebo["value"]
    if value is None:
        found = "no number"
    elif placebo["kind"] == "in_space":
        found = f"{value:.0%} of the control series show one"
    elif placebo["kind"] == "trend":
        found = f"{measure.said(value)} from one stretch to the next"
    else:
        found = measure.said(value)
    return Check(
        name=PLACEBOS[placebo["kind"]],
        found=found,
        p=p_value(placebo["p"]),
        passed=placebo["p"] >= PLACEBO_FAIL,
    )


def _measure_of_effect(record: BeforeAfter, effect: Document) -> Measure:
    if effect["relative"]:
        return Measure(Kind.LIFT)
    if _unit(record) is Unit.SHARE:
        return Measure(Kind.POINTS)
    return Measure(Kind.CHANGE)


def _measure(record: BeforeAfter, currency: str) -> Measure:
    match _unit(record):
        case Unit.SHARE:
            return Measure(Kind.SHARE)
        case Unit.MONEY:
            return Measure(Kind.MONEY, currency=currency)
        case _:
            return Measure(Kind.NUMBER)


def _unit(record: BeforeAfter) -> Unit:
    """Say what a metric is counted in: the site's own one, else the built-in of that name."""
    own = next((m for m in current_metrics(record.site) if m.key == record.metric), None)
    if own is not None:
        if is_share(own):
            return Unit.SHARE
        return Unit.MONEY if is_money(own) else Unit.NUMBER
    built_in = METRIC_LIBRARY.get(record.metric)
    return built_in.unit if built_in is not None else Unit.NUMBER


def _title(control: Mapping[str, str], titles: Mapping[str, str], record: BeforeAfter) -> str:
    title = titles.get(control["metric"], control["metric"])
    if control["metric"] == record.metric:
        if control["segment"].startswith(NOT):
            return "everybody else"
        return control["segment"].partition("@")[0] or "everybody"
    return title


def _of(segment: str) -> str:
    return f" of {segment.partition('@')[0]}" if segment else ""
