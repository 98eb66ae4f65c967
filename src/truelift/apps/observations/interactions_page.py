"""The page of interactions as a value: a sentence, a table of pairs, each pair's joint table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from truelift.apps.drawing.forest import Effect, Forest, Interval, forest
from truelift.apps.drawing.knowledge import Knowledge
from truelift.apps.drawing.wording import Kind, Measure, clock, count, p_value, percent
from truelift.apps.experiments.methods import method_href
from truelift.apps.experiments.models import MetricRecord
from truelift.apps.experiments.wording import counted, is_money, is_share, sentence_case
from truelift.apps.observations.models import InteractionReport
from truelift.apps.sites.models import Site


OUTSTANDING: Final = 3.0
"""Beyond so many of its standard deviations a cell has other units than independence gives."""

READINGS: Final = {
    "found": ("loss", "They depend on each other"),
    "none_found": ("passed", "None found"),
    "too_few": ("inconclusive", "Too few to say"),
}
"""A verdict → its mark and its words."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class JointCell:
    """One pair of variants.

    Attributes:
        units: Visitors in both, as written.
        expected: What independence would give, as written.
        stands_out: Whether it is further from that than chance would put it; how, in words.
    """

    units: str
    expected: str
    stands_out: str = ""


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A pair on a metric, one row of the table of all.

    Attributes:
        name: Of the metric.
        effect: The interaction with its interval; empty where there is none.
        p: Corrected over all pairs, as written.
        power: Chance that an interaction worth knowing would have been found.
        status: Its mark.
        reading: Its words.
        sentence: What may be read from it.
        chart: The interaction drawn; None where there is none.
        worth: The size that the power is of, as written.
    """

    name: str
    effect: str
    p: str
    power: str
    status: str
    reading: str
    sentence: str
    chart: Forest | None
    worth: str


@dataclass(frozen=True, slots=True)
class PairSection:
    """A pair of experiments.

    Attributes:
        name: Anchor of its section.
        first: Key and name of the one.
        second: Key and name of the other.
        shared: Visitors in both, as written.
        heads: Variants of the other, heads of the columns.
        rows: Variants of the one, each with its cells.
        traffic: What the traffic test says, a sentence.
        uneven: Whether it found something.
        metrics: What the metrics say.
    """

    name: str
    first: tuple[str, str]
    second: tuple[str, str]
    shared: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[JointCell, ...]], ...]
    traffic: str
    traffic_p: str
    uneven: bool
    metrics: tuple[MetricRow, ...]


@dataclass(frozen=True, slots=True)
class InteractionsPage:
    """The page.

    Attributes:
        answer: Its sentence.
        grounds: What that rests on.
        pairs: Those that share visitors, the ones with findings first.
        strangers: Pairs that ran at once and share nobody: both keys.
        skipped: Experiments that could not be held against others, and why.
        has_report: Whether anything was ever computed.
        hrefs: Pages of the methods: traffic, metric, Benjamini-Hochberg.
    """

    answer: str
    grounds: str
    pairs: tuple[PairSection, ...]
    strangers: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    has_report: bool
    hrefs: Mapping[str, str]


def interactions_page(site: Site, report: InteractionReport | None) -> InteractionsPage:
    """Lay out the newest report of a site."""
    home = f"/s/{site.name}/"
    hrefs = {
        "traffic": method_href(home, "interaction-traffic"),
        "metric": method_href(home, "interaction-metric"),
        "correction": method_href(home, "multiplicity-benjamini-hochberg"),
    }
    if report is None:
        return InteractionsPage(
            answer="Do experiments that run at once disturb each other?",
            grounds="",
            pairs=(),
            strangers=(),
            skipped=(),
            has_report=False,
            hrefs=hrefs,
        )
    document = report.document
    sections = [
        _section(site, nth, pair) for nth, pair in enumerate(document["pairs"]) if pair["shared"]
    ]
    sections.sort(key=_alarm, reverse=True)
    return InteractionsPage(
        answer=_answer(document, sections),
        grounds=_grounds(site, document, report.made_at),
        pairs=tuple(sections),
        strangers=tuple(
            f"{pair['first']['experiment']} and {pair['second']['experiment']}"
            for pair in document["pairs"]
            if not pair["shared"]
        ),
        skipped=tuple((each["experiment"], each["reason"]) for each in document["skipped"]),
        has_report=True,
        hrefs=hrefs,
    )


def _alarm(section: PairSection) -> tuple[bool, bool]:
    return any(row.status == "loss" for row in section.metrics), section.uneven


def _answer(document: Document, sections: Sequence[PairSection]) -> str:
    if not document["pairs"]:
        return "No two experiments ran at the same time."
    if not sections:
        return "Experiments ran at the same time, and none shared a visitor."
    found = sum(any(row.status == "loss" for row in section.metrics) for section in sections)
    uneven = sum(section.uneven for section in sections)
    said = []
    if found:
        said.append(f"effects depend on each other in {counted(found, 'pair')}")
    if uneven:
        said.append(f"visitors are shared unevenly in {counted(uneven, 'pair')}")
    if said:
        return f"{sentence_case(' and '.join(said))} of {len(sections)}."
    known = sum(
        bool(section.metrics) and all(row.status == "passed" for row in section.metrics)
        for section in sections
    )
    if known == len(sections):
        return f"No interaction was found in {counted(known, 'pair')} that share visitors."
    return (
        f"No interaction was found, and {counted(len(sections) - known, 'pair')} of"
        f" {len(sections)} had too few visitors to show one."
    )


def _grounds(site: Site, document: Document, made_at: datetime) -> str:
    tests = sum(
        each["interaction"] is not None for pair in document["pairs"] for each in pair["metrics"]
    )
    at = clock(made_at.astimezone(ZoneInfo(site.time_zone)))
    pairs = counted(len(document["pairs"]), "pair")
    return (
        f"{sentence_case(pairs)} ran at the same time, of"
        f" {counted(len(document['experiments']), 'experiment')}; "
        f"{counted(tests, 'test')} of effects share a false discovery rate of"
        f" {percent(document['alpha'], digits=0)}. Computed {at}."
    )


def _section(site: Site, nth: int, pair: Document) -> PairSection:
    first, second = pair["first"], pair["second"]
    units: Sequence[Sequence[int]] = pair["units"]
    total = max(1, pair["shared"])
    across = [sum(row[at] for row in units) for at in range(len(second["variants"]))]
    traffic = pair["traffic"]
    rows = []
    for at, (variant, row) in enumerate(zip(first["variants"], units, strict=True)):
        cells = []
        for place, number in enumerate(row):
            residual = traffic["residuals"][at][place] if traffic else 0.0
            out = abs(residual) > OUTSTANDING and traffic is not None and traffic["found"]
            cells.append(
                JointCell(
                    units=count(number),
                    expected=count(sum(row) * across[place] / total),
                    stands_out=("more than" if residual > 0 else "fewer than") if out else "",
                )
            )
        rows.append((variant, tuple(cells)))
    return PairSection(
        name=f"pair-{nth + 1}",
        first=(first["experiment"], first["name"]),
        second=(second["experiment"], second["name"]),
        shared=count(pair["shared"]),
        heads=tuple(second["variants"]),
        rows=tuple(rows),
        traffic=_traffic(traffic),
        traffic_p=p_value(traffic["p"]) if traffic else "not tested",
        uneven=bool(traffic and traffic["found"]),
        metrics=tuple(_metric(site, pair, each) for each in pair["metrics"]),
    )


def _traffic(traffic: Document | None) -> str:
    if traffic is None:
        return "A variant shares no visitor with the other experiment, so the traffic has no test."
    if traffic["found"]:
        return (
            f"Being in a variant of one goes with one of the other ({p_value(traffic['p'])}): one"
            " experiment changes who reaches the other, or both draw with the same seed."
        )
    return f"Both drew their variants independently of each other ({p_value(traffic['p'])})."


def _metric(site: Site, pair: Document, found: Document) -> MetricRow:
    metric = MetricRecord.objects.filter(
        site=site, key=found["metric"], version=found["version"]
    ).first()
    measure = measure_of(metric, site.currency)
    status, reading = READINGS[found["verdict"]]
    interaction = found["interaction"]
    chart = None
    effect = ""
    if interaction is not None:
        rows = tuple(
            Effect(
                label=f"{one} with {other}",
                knowledge=Knowledge.INCONCLUSIVE,
                interval=Interval(each["value"], each["low"], each["high"]),
                margins=(-found["worth"], found["worth"]),
                reading=reading,
                status=status,
                said=f"{one} with {other}: {measure.said(each['value'])} beyond the sum of both,"
                f" likely {measure.range(each['low'], each['high'])}.",
            )
            for one, line in zip(pair["first"]["variants"][1:], interaction["effects"], strict=True)
            for other, each in zip(pair["second"]["variants"][1:], line, strict=True)
        )
        chart = forest(*rows, measure=measure, head="Beyond the sum, 95%", label="Together")
        if len(rows) == 1:
            only = interaction["effects"][0][0]
            effect = (
                f"{measure.said(only['value'])}, likely {measure.range(only['low'], only['high'])}"
            )
        else:
            effect = f"{len(rows)} combinations, see below"
    power = interaction["power"] if interaction else None
    return MetricRow(
        name=metric.name if metric else found["metric"],
        effect=effect,
        p="" if found["p_corrected"] is None else p_value(found["p_corrected"]),
        power="" if power is None else percent(power, digits=0),
        status=status,
        reading=reading,
        sentence=found["sentence"],
        chart=chart,
        worth=measure.size(found["worth"]),
    )


def measure_of(metric: MetricRecord | None, currency: str) -> Measure:
    """Say how a difference of a metric is written."""
    if is_share(metric):
        return Measure(Kind.POINTS)
    if metric is not None and is_money(metric):
        return Measure(Kind.MONEY, currency=currency)
    return Measure(Kind.CHANGE)
