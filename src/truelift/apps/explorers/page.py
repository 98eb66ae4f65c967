"""What an explorer shows: the answer in a sentence, its drawings, its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from truelift.apps.explorers.table import Row, Table
from truelift.questions.document import Json


@dataclass(frozen=True, slots=True)
class Figure:
    """One drawing with its sentence, its units and its source.

    Attributes:
        name: Its id in the page, and the name of its picture.
        kind: Which drawing: series, bars, heat, flow or dots.
        chart: What is drawn.
        sentence: What it shows.
        units: Unit and encoding.
        source: Definition, period, what is left out.
        timed: Whether it has a time axis, on which what happened is noted.
    """

    name: str
    kind: str
    chart: object
    sentence: str
    units: str
    source: str
    timed: bool = False


@dataclass(frozen=True, slots=True)
class ExplorerPage:
    """An explorer's answer.

    Attributes:
        answer: The page's sentence up to its highlighted part.
        marked: The part that is highlighted; empty for none.
        rest: The sentence after it.
        grounds: The line under it.
        figures: Most decisive first.
        tables: The rows; none where the drawing is the table.
        rows: What a file gets.
    """

    answer: str
    marked: str = ""
    rest: str = ""
    grounds: str = ""
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    rows: Sequence[Row] = ()


Ask = Callable[[Mapping[str, Json]], Mapping[str, Json]]
"""Asks a question by its JSON and gives its answer's."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its answer, and what a page needs to lay both out.

    Attributes:
        question: The question's JSON.
        answer: The answer's JSON.
        before: The answer for the period before; None without a comparison.
        ask: For the further questions of a page.
        currency: Of the site.
        zone: Of the site.
        now: The moment.
        period: The period in words.
        notes: What happened in the period: releases, campaigns, incidents.
        earlier: The question about the period before.
    """

    question: Mapping[str, Json]
    answer: Mapping[str, Json]
    before: Mapping[str, Json] | None
    ask: Ask
    currency: str
    zone: ZoneInfo
    now: datetime
    period: str
    notes: tuple[Happening, ...] = ()
    earlier: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that people noted: when, of which kind, in words."""

    at: datetime
    kind: str
    words: str
