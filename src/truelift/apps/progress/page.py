"""The page of a programme's figures as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from truelift.apps.drawing.bars import Bar, Bars
from truelift.apps.drawing.forest import Interval
from truelift.apps.drawing.wording import (
    Kind,
    Measure,
    amount,
    clock,
    count,
    day,
    lift,
    number,
    percent,
)
from truelift.apps.experiments.wording import inner, sentence_case
from truelift.apps.progress.figures import Document
from truelift.apps.progress.troubles import Found
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Function, Item
from truelift.lifecycle.programme_causes import Reason, Trouble
from truelift.lifecycle.programme_metrics import Quadrant
from truelift.lifecycle.stage_words import stage_word


MOST_MONTHS: Final = 13
MOST_ROWS: Final = 20

LEADS: Final = {
    "insight_to_launch": ("Insight to launch", "insights accepted"),
    "launch_to_decision": ("Launch to decision", "tests launched, the invalid ones left out"),
    "decision_to_verified": ("Decision to live, verified", "decisions to ship"),
    "analysis_to_decision": ("Analysis to decision", "results to decide on"),
}


@dataclass(frozen=True, slots=True)
class Lead:
    """A line of the table of times."""

    name: str
    of: str
    median: str
    between: str
    p85: str
    through: str


@dataclass(frozen=True, slots=True)
class Gain:
    """A line of the table of what was gained: shrunken, with the plain sum beside it."""

    what: str
    count: str
    shrunken: str
    between: str
    plain: str


@dataclass(frozen=True, slots=True)
class TroubleRow:
    """A line of what is in trouble."""

    found: Found
    href: str
    what: str
    when: str
    reason: str
    area: str


@dataclass(frozen=True, slots=True)
class QuarterRow:
    """A quarter's reasons."""

    quarter: str
    items: str
    organisational: str
    reasons: str


@dataclass(frozen=True, slots=True)
class ProgressPage:
    """Everything that the page shows.

    Attributes:
        kept: Day whose figures they are; empty when they were computed just now.
        fields: The quadrant as rows of fields, the one where the programme stands marked.
        organisational: What of the trouble is the organisation's.
    """

    answer: str
    grounds: str
    kept: str
    velocity: Bars
    rates: Bars
    counts: str
    unclear: str
    leads: tuple[Lead, ...]
    stages: tuple[Lead, ...]
    approvals: tuple[Lead, ...]
    gains: tuple[Gain, ...]
    gain_said: str
    pareto: Bars
    pareto_said: str
    ratios: Bars
    quadrant: str
    fields: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]
    organisational: str
    under_way: tuple[tuple[str, str, str, str], ...]
    flow: str
    facts: tuple[tuple[str, str, str], ...]
    troubles: tuple[TroubleRow, ...]
    more_troubles: int
    quarters: tuple[QuarterRow, ...]
    days: tuple[tuple[str, str], ...]


def progress_page(
    site: Site,
    document: Document,
    troubles: Sequence[Found],
    *,
    kept: date | None,
    days: Sequence[date] = (),
) -> ProgressPage:
    """Lay out the figures of a day, and what is in trouble now."""
    zone = ZoneInfo(site.time_zone)
    results, reasons = document["results"], document["reasons"]
    as_of = datetime.fromisoformat(document["as_of"]).astimezone(zone)
    return ProgressPage(
        answer=_answer(document),
        grounds="What is not through counts for as long as it waits; invalid and imported tests"
        " are counted apart.",
        kept=f"as the day ended, {day(kept)}" if kept else f"as of {clock(as_of)}",
        velocity=_velocity(document),
        rates=_rates(results),
        counts=_counts(document),
        unclear=(results["inconclusive"] or {}).get("sentence", ""),
        leads=tuple(
            _lead(name, of, document["lead_times"][key]) for key, (name, of) in LEADS.items()
        ),
        stages=tuple(
            _lead(stage_word(Item.EXPERIMENT, row["stage"]), "stays", row)
            for row in document["stages"]
        ),
        approvals=tuple(
            _lead(
                sentence_case(
                    " or ".join(inner(Function(each).called) for each in row["functions"])
                ),
                "from the design",
                row,
            )
            for row in document.get("approvals", ())
        ),
        gains=tuple(_gains(document["impact"])),
        gain_said=_gain_said(document["impact"]),
        pareto=_pareto(reasons),
        pareto_said=_pareto_said(reasons),
        ratios=_ratios(document["quadrant"]),
        quadrant=document["quadrant"]["sentence"],
        fields=_fields(document["quadrant"]["where"]),
        organisational=_organisational_said(reasons),
        under_way=tuple(
            (
                row["experiment"],
                row["name"],
                stage_word(Item.EXPERIMENT, row["stage"]),
                _days(row["days"]),
            )
            for row in document["work"]["under_way"][:MOST_ROWS]
        ),
        flow=_flow(document["work"]["flow"]),
        facts=tuple(_facts(document)),
        troubles=tuple(_trouble(site, each) for each in troubles[: 3 * MOST_ROWS]),
        more_troubles=max(len(troubles) - 3 * MOST_ROWS, 0),
        quarters=_by_quarter(reasons),
        days=tuple((each.isoformat(), day(each)) for each in days[:31]),
    )


def _answer(document: Document) -> str:
    tests, lead = document["tests"], document["lead_times"]["insight_to_launch"]
    if not tests["launched"]:
        return "No test has been launched yet."
    median = lead["median"]["value"]
    launched = tests["launched"]
    said = "One test was launched" if launched == 1 else f"{launched} tests were launched"
    if median is None:
        return f"{said}; fewer than half of all insights have come to a launch."
    soon = f"within {_days(median)}" if round(median) else "on the same day"
    return f"{said}; half of all insights come to a launch {soon}."


def _days(value: float) -> str:
    whole = round(value)
    return "1 day" if whole == 1 else f"{whole} days"


def _velocity(document: Document) -> Bars:
    return Bars(
        bars=tuple(
            Bar(
                label=_month(row["period"]),
                value=row["launched"],
                detail=f"{row['concluded']} concluded, {row['valid']} valid",
            )
            for row in document["velocity"]["months"][-MOST_MONTHS:]
        ),
        measure=Measure(Kind.COUNT),
        label="Month",
        head="Launched",
    )


def _month(period: str) -> str:
    """Write a month in full: September 2026."""
    return f"{date.fromisoformat(f'{period}-01'):%B %Y}"


def _rates(results: Document) -> Bars:
    rows = (
        ("Learning rate", results["learning_rate"], "of all concluded, invalid ones too"),
        ("Win rate", results["win_rate"], "of valid ones, by the agreed rule"),
        ("Inconclusive", (results["inconclusive"] or {}).get("rate"), "of valid ones"),
    )
    return Bars(
        bars=tuple(
            Bar(
                label=name,
                value=rate["value"],
                interval=Interval(rate["value"], rate["low"], rate["high"]),
                detail=f"{rate['part']} of {rate['of']} {of}",
            )
            for name, rate, of in rows
            if rate
        ),
        measure=Measure(Kind.SHARE),
        label="Rate",
        head="Share",
    )


def _counts(document: Document) -> str:
    results, imported = document["results"], document["imported"]
    said = (
        f"{amount(results['wins'], 'win')}, {amount(results['losses'], 'loss', 'losses')},"
        f" {amount(results['nulls'], 'conclusive null')}, {results['unclear']} inconclusive;"
        f" {results['invalid']} invalid."
    )
    if imported["n"]:
        are = amount(imported["n"], "imported test is", "imported tests are")
        said += f" {are} counted apart, {amount(imported['wins'], 'win')} among them."
    return said


def _lead(name: str, of: str, row: Mapping[str, Any]) -> Lead:
    median, p85 = row["median"], row["p85"]
    return Lead(
        name=name,
        of=of,
        median="not known" if median["value"] is None else _days(median["value"]),
        between=_between(median),
        p85="not known" if p85["value"] is None else _days(p85["value"]),
        through=f"{row['done']} of {row['n']}",
    )


def _between(found: Mapping[str, float | None]) -> str:
    low, high = found["low"], found["high"]
    if low is None:
        return ""
    return f"{round(low)} to {round(high)}" if high is not None else f"{round(low)} or more"


def _gains(impact: Document) -> Iterable[Gain]:
    said = {
        "winners": "Tests that won",
        "shipped": "Decided to ship",
        "live": "Live and verified",
    }
    for metric in impact["metrics"]:
        for key, words in said.items():
            row = metric[key]
            yield Gain(
                what=f"{words}, {metric['metric'].replace('_', ' ')}",
                count=str(row["n"]),
                shrunken=lift(row["value"]),
                between=f"{lift(row['low'])} to {lift(row['high'])}",
                plain=lift(row["plain"]),
            )
    # Figures that were kept before holdouts were read have none.
    for row in impact.get("holdouts", ()):
        yield Gain(
            what=f"Against visitors who were held out, {row['metric'].replace('_', ' ')}:"
            f" {row['name']}",
            count="1",
            shrunken=lift(row["value"]),
            between=f"{lift(row['low'])} to {lift(row['high'])}, measured",
            plain="–",
        )


def _gain_said(impact: Document) -> str:
    if not impact["metrics"]:
        return str(impact.get("absent", ""))
    return (
        f"{impact['metrics'][0]['tests']} valid tests are shrunken towards their mean: winners are"
        " chosen for being large, so their plain sum promises too much. That effects add up, and"
        " last, is an assumption."
    )


def _pareto(reasons: Document) -> Bars:
    return Bars(
        bars=tuple(
            Bar(
                label=Reason(row["reason"]).meaning.capitalize(),
                value=row["count"],
                detail=f"{row['area']}; {percent(row['together'], digits=0)} together",
            )
            for row in reasons["pareto"]
        ),
        measure=Measure(Kind.COUNT),
        label="Reason",
        head="Items",
    )


def _pareto_said(reasons: Document) -> str:
    share = reasons["organisational"]
    if share is None:
        return "Nothing is in trouble."
    said = sum(each["confirmed"] for each in reasons["items"])
    return (
        f"{percent(share, digits=0)} of {amount(reasons['n'], 'item')} have a cause in the"
        f" organisation, not in tests or traffic; {said} of the reasons are said by somebody, the"
        " others guessed."
    )


def _by_quarter(reasons: Document) -> tuple[QuarterRow, ...]:
    return tuple(
        QuarterRow(
            _quarter(row["quarter"]),
            count(row["n"]),
            percent(row["organisational"], digits=0),
            ", ".join(f"{Reason(bar['reason']).meaning} ({bar['count']})" for bar in row["pareto"]),
        )
        for row in reasons["quarters"]
        if row["organisational"] is not None
    )


def _quarter(period: str) -> str:
    """Write a quarter: Q3 2026."""
    year, _, quarter = period.partition("-")
    return f"{quarter} {year}"


def _organisational_said(reasons: Document) -> str:
    share = reasons["organisational"]
    if share is None:
        return "Nothing is in trouble, so that no cause lies in the organisation."
    return (
        f"Of {amount(reasons['n'], 'item')} in trouble {percent(share, digits=0)} have a cause in"
        " the organisation."
    )


def _fields(where: str) -> tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]:
    """Give the four fields as rows, what proves above what does not."""
    rows = (
        ("Proves", (Quadrant.ACTION_POOR, Quadrant.SOUND)),
        ("No proof", (Quadrant.BOTH, Quadrant.PROOF_POOR)),
    )
    return tuple(
        (name, tuple((each.called, each.value == where) for each in fields))
        for name, fields in rows
    )


def _ratios(quadrant: Document) -> Bars:
    rows = (
        ("Acted on", quadrant["action"], "insights within 60 days"),
        ("Proven", quadrant["proof"], "changes that went live have a decision behind them"),
    )
    return Bars(
        bars=tuple(
            Bar(label=name, value=row["value"], detail=f"{row['part']} of {row['of']} {of}")
            for name, row, of in rows
            if row["value"] is not None
        ),
        measure=Measure(Kind.SHARE),
        label="Ratio",
        head="Share",
    )


def _flow(flow: Document) -> str:
    if flow["expected"] is None or flow["mean"] is None:
        return "Nothing has come out yet."
    return (
        f"On average {number(flow['mean'], digits=1)} tests are under way;"
        f" {flow['out']} that came out in {_days(flow['days'])}, each after"
        f" {_days(flow['cycle_days'])}, account for {number(flow['expected'], digits=1)}."
    )


def _facts(document: Document) -> Iterable[tuple[str, str, str]]:
    done, back = document["implementation"], document["rework"]
    if done["shipped"]:
        yield (
            "Implementation rate",
            percent(done["rate"]["value"], digits=0),
            f"of {amount(done['shipped'], 'decision')} to ship, {done['verified']} live and"
            f" verified, {done['given_up']} given up"
            + (
                f"; {percent(done['in_time'], digits=0)} within 30 days"
                if done["in_time"] is not None
                else ""
            ),
        )
    if back["rate"] is not None:
        yield (
            "Rework",
            percent(back["rate"], digits=0),
            (
                f"{back['returned']} back to the brief, {amount(back['resumed'], 'restart')},"
                f" {back['invalid']} invalid, by {amount(back['launched'], 'launch', 'launches')}"
            ),
        )
    over = document["overrides"]
    if over["decisions"]["rate"]:
        yield (
            "Decided against the rule",
            percent(over["decisions"]["rate"]["value"], digits=0),
            f"{over['decisions']['against']} of {amount(over['decisions']['n'], 'decision')}",
        )
    if over["ranks"]["rate"]:
        odd, others = over["outcomes"]["overridden"], over["outcomes"]["others"]
        yield (
            "Ranked against the score",
            percent(over["ranks"]["rate"]["value"], digits=0),
            (
                f"{odd['wins']} of {amount(odd['n'], 'such test')} won;"
                f" {others['wins']} of {amount(others['n'], 'other')}"
            ),
        )
    if document["duplicates"]["rate"]:
        yield (
            "Repeats",
            percent(document["duplicates"]["rate"]["value"], digits=0),
            amount(
                document["duplicates"]["repeats"],
                "hypothesis was tried before",
                "hypotheses were tried before",
            ),
        )
    backlog = document["backlog"]
    if backlog["months"]:
        last = backlog["months"][-1]
        yield (
            "Backlog",
            amount(backlog["waiting"], "waits", "wait"),
            f"{last['came']} came and {last['left']} left in {last['period']}",
        )
    grades = document["evidence"]["grades"]
    if document["evidence"]["hypotheses"]:
        yield (
            "Evidence",
            amount(document["evidence"]["hypotheses"], "hypothesis", "hypotheses"),
            ", ".join(f"{count} of grade {grade}" for grade, count in grades.items() if count),
        )
    power = document["power"]
    if power["n"]:
        yield (
            "Power reached",
            percent(power["median"], digits=0),
            (
                f"median of {amount(power['n'], 'test')}; {power['short']} fell short of what was"
                " planned"
            ),
        )
    nobody = document["work"]["ownerless"]
    if nobody:
        yield (
            "Nobody’s",
            str(len(nobody)),
            ", ".join(row["key"] for row in nobody[:8]),
        )


_HREFS: Final = {"experiment": "experiments", "hypothesis": "hypotheses", "rollout": "winners"}


def _trouble(site: Site, found: Found) -> TroubleRow:
    zone = ZoneInfo(site.time_zone)
    folder = _HREFS.get(found.kind)
    return TroubleRow(
        found=found,
        href=f"/s/{site.name}/{folder}/{found.key}/" if folder else "",
        what=Trouble(found.trouble).meaning,
        when=f"for {_days(found.days)}" if found.days else day(found.at.astimezone(zone).date()),
        reason=found.reason.meaning,
        area=found.reason.area.value,
    )
