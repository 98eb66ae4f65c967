"""The page of a scorecard as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from truelift.apps.drawing.bars import Bar, Bars
from truelift.apps.drawing.wording import (
    Kind,
    Measure,
    amount,
    day,
    lift,
    number,
    percent,
    rough_money,
)
from truelift.apps.experiments.wording import inner
from truelift.apps.scorecard.reads import Document
from truelift.lifecycle.maturity import Dimension, MaturityStage
from truelift.lifecycle.scorecard import HELD_BACK_AT, LOW, Quadrant, Unit


STAGES: Final[Mapping[str, str]] = {
    MaturityStage.CRAWL: "The programme crawls: much of what a mature one does is missing.",
    MaturityStage.WALK: "The programme walks: the basics are there.",
    MaturityStage.RUN: "The programme runs: little of what a mature one does is missing.",
    MaturityStage.FLY: "The programme flies: nothing of what a mature one does is missing.",
}


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A line of a quadrant: a figure, its points, what it was counted from."""

    called: str
    value: str
    points: str
    said: str
    wants: str


@dataclass(frozen=True, slots=True)
class QuadrantPart:
    """A quadrant as the page shows it."""

    called: str
    points: str
    known: str
    low: bool
    note: str
    rows: tuple[ItemRow, ...]


@dataclass(frozen=True, slots=True)
class DimensionRow:
    """A line of the table of maturity."""

    called: str
    score: str
    shown: str
    said: str
    missing: str
    least: bool


@dataclass(frozen=True, slots=True)
class ReturnsPart:
    """What the programme brought, in a sentence, with what it is read from."""

    said: str
    grounds: str
    left: str


@dataclass(frozen=True, slots=True)
class ScorecardPage:
    """Everything that the page shows.

    Attributes:
        key: The day, as shared pages and PDFs call it; empty before one is kept.
    """

    answer: str
    grounds: str
    kept: str
    key: str
    bars: Bars
    quadrants: tuple[QuadrantPart, ...]
    returns: ReturnsPart
    stage: str
    dimensions: tuple[DimensionRow, ...]
    quarters: tuple[tuple[str, str, str], ...]


def scorecard_page(
    document: Document, *, kept: date | None, quarters: Sequence[tuple[str, Document]]
) -> ScorecardPage:
    """Lay out a day's scorecard and maturity, and how they went by quarter."""
    card, mature = document["scorecard"], document["maturity"]
    return ScorecardPage(
        answer=_answer(card),
        grounds=_grounds(card),
        key=kept.isoformat() if kept else "",
        kept=f"as the day ended, {day(kept)}" if kept else "as of now",
        bars=Bars(
            bars=tuple(
                Bar(
                    label=Quadrant(each["quadrant"]).called,
                    value=each["points"],
                    detail=f"{each['known']} of {each['of']} figures known",
                    focus=each["points"] < LOW,
                )
                for each in card["quadrants"]
                if each["points"] is not None
            ),
            measure=Measure(Kind.COUNT),
            label="Quadrant",
            head="Points of 100",
            full=100.0,
        ),
        quadrants=tuple(_quadrant(each, document.get("causes")) for each in card["quadrants"]),
        returns=_returns(document["returns"]),
        stage=_stage(mature),
        dimensions=tuple(_dimension(each, least=mature["least"]) for each in mature["dimensions"]),
        quarters=tuple(
            (
                name,
                _of_hundred(each["scorecard"]["overall"]),
                "not enough evidence"
                if each["maturity"]["stage"] is None
                else f"{each['maturity']['stage']} ({_level(each['maturity']['total'])})",
            )
            for name, each in quarters
        ),
    )


def _answer(card: Mapping[str, Any]) -> str:
    if card["overall"] is None:
        left = [Quadrant(each).called.lower() for each in card["unknown"]]
        return f"There is not enough evidence for a score: nothing is known of {_and(left)}."
    if card["held_back_by"]:
        low = [Quadrant(each).called for each in card["held_back_by"]]
        return f"{round(card['overall'])} of 100: {_and(low)} holds the programme back."
    lowest = min(card["quadrants"], key=lambda each: each["points"])
    called = Quadrant(lowest["quadrant"]).called.lower()
    return f"{round(card['overall'])} of 100, and {called} is what to work on."


def _grounds(card: Mapping[str, Any]) -> str:
    known = sum(each["known"] for each in card["quadrants"])
    of = sum(each["of"] for each in card["quadrants"])
    said = f"{known} of {of} figures are known; the others count neither for nor against."
    if card["held_back_by"]:
        said += (
            f" While a quadrant is below {LOW:g}, the whole is {HELD_BACK_AT:g} at most: speed"
            " does not make up for what cannot be trusted."
        )
    return said


def _returns(of: Mapping[str, Any]) -> ReturnsPart:
    currency = of["currency"]
    left = (
        f"; {amount(of['waiting'], 'winner is', 'winners are')} not live and bring nothing"
        if of["waiting"]
        else ""
    )
    if of["unknown"]:
        left += f"; of {of['unknown']} live ones it is not known"
    if of["value_minor"] is None:
        return ReturnsPart(
            "Nothing can be said yet of what the programme brought.",
            "It takes a winner that is live, and enough tests to say what is luck.",
            left,
        )
    value = rough_money(of["value_minor"], currency)
    low, high = rough_money(of["low_minor"], currency), rough_money(of["high_minor"], currency)
    grounds = (
        f"Likely between {low} and {high} in the last year, from"
        f" {amount(of['winners'], 'live winner')}."
    )
    if of["on_cost"] is None:
        return ReturnsPart(
            f"The programme brought {value}.",
            f"{grounds} Nobody has said what it costs.",
            left,
        )
    cost = rough_money(of["cost_minor"], currency)
    return ReturnsPart(
        f"The programme brought {value} and cost {cost}: {lift(of['on_cost'])} on its cost.",
        grounds,
        left,
    )


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _of_hundred(points: float | None) -> str:
    return "not enough evidence" if points is None else f"{points:.0f}"


def _level(score: float | None) -> str:
    return "–" if score is None else number(score, digits=1)


def _written(unit: str, value: float) -> str:
    if unit == Unit.SHARE:
        return percent(value, digits=0)
    return amount(value, "day") if unit == Unit.DAYS else number(value, digits=0)


def _causes_said(causes: Mapping[str, Any] | None) -> str:
    if not causes or causes["organisational"] is None:
        return ""
    return (
        f"Of {amount(causes['n'], 'item')} that got stuck or came to nothing"
        f" {percent(causes['organisational'], digits=0)} have a cause in the organisation."
    )


def _quadrant(each: Mapping[str, Any], causes: Mapping[str, Any] | None) -> QuadrantPart:
    return QuadrantPart(
        called=Quadrant(each["quadrant"]).called,
        points=_of_hundred(each["points"]),
        known=f"{each['known']} of {each['of']} figures known",
        low=each["points"] is not None and each["points"] < LOW,
        note=_causes_said(causes) if each["quadrant"] == Quadrant.ALIGNMENT else "",
        rows=tuple(
            ItemRow(
                called=row["called"],
                value="not known" if row["value"] is None else _written(row["unit"], row["value"]),
                points="–" if row["points"] is None else f"{row['points']:.0f}",
                said=row["said"],
                wants=f"0 points at {_written(row['unit'], row['floor'])},"
                f" 100 at {_written(row['unit'], row['target'])}",
            )
            for row in each["items"]
        ),
    )


def _stage(mature: Mapping[str, Any]) -> str:
    if mature["stage"] is None:
        missing = [
            inner(Dimension(each["dimension"]).called)
            for each in mature["dimensions"]
            if each["missing"]
        ]
        return f"There is not enough evidence to say how mature it is: {_and(missing)}."
    least = inner(Dimension(mature["least"]).called)
    return f"{STAGES[mature['stage']]} The least of it is {least}."


def _dimension(each: Mapping[str, Any], *, least: str | None) -> DimensionRow:
    people = amount(each["people"], "person", "people")
    return DimensionRow(
        called=Dimension(each["dimension"]).called,
        score=_level(each["score"]),
        shown=_level(each["shown"]),
        said=f"{_level(each['said'])} ({people})" if each["people"] else "–",
        missing=each["missing"],
        least=each["dimension"] == least,
    )
