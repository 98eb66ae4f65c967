"""The statistics as documents: one in, one out, the same on the command line and over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple

from truelift.errors import Refusal
from truelift.stats.asked.document import Document, Statistic


__all__ = ["STATISTICS", "NoSuchStatistic", "answer", "statistic", "written"]


class Place(NamedTuple):
    """Where a statistic is, and what it says; known without loading it."""

    module: str
    says: str


STATISTICS: Final[Mapping[str, Place]] = MappingProxyType(
    {
        "compare": Place("compare", "Compare each treatment with the baseline."),
        "srm": Place("srm", "Check whether variants got the shares of units that were planned."),
        "power": Place("power", "Give the units a test needs, the lift it sees, or its power."),
        "duration": Place("power", "Give the whole weeks a test runs, at least two."),
        "ladder": Place("ladder", "Say what to do with little traffic, the most telling first."),
        "factorial": Place("factorial", "Lay out a test of several factors, and read its cells."),
        "interaction": Place("interaction", "Test whether two experiments disturb each other."),
        "interactions": Place("interaction", "Test many pairs of experiments at once."),
        "before-after": Place("before_after", "Read what was not randomised: before and after."),
        "decompose": Place("decompose", "Split a change of conversion into mix and rate."),
        "fpr": Place("programme", "Give the chance that a win is none."),
        "shrink": Place("programme", "Draw the effects of all tests to their mean, as noise bids."),
        "inconclusive": Place("programme", "Say whether more tests are inconclusive than noise."),
    }
)
"""Every statistic by the name that it is asked for under; its module is loaded when it is."""


class NoSuchStatistic(Refusal):
    """There is no statistic of this name."""

    code: ClassVar[str] = "stats.no_such_statistic"

    def __init__(self, *, name: str) -> None:
        super().__init__(
            f"There is no statistic {name[:60]!r}. There are {', '.join(STATISTICS)}.",
            name=name[:60],
        )


def statistic(name: str) -> Statistic[Any]:
    """Give a statistic by its name.

    Raises:
        NoSuchStatistic: There is none.
    """
    place = STATISTICS.get(name)
    if place is None:
        raise NoSuchStatistic(name=name)
    module = import_module(f"truelift.stats.asked.{place.module}")
    found: Statistic[Any] = module.STATISTICS[name]
    return found


def answer(name: str, text: bytes) -> Document:
    """Answer a document; see `docs/guide/statistics.md`.

    Raises:
        NoSuchStatistic: There is no statistic of this name.
        BadInput: The document is not what it takes.
        Refusal: The statistic cannot be computed from it.
    """
    return statistic(name).answer(text)


def written(document: Mapping[str, object]) -> str:
    """Write an answer as JSON; a number that is none has no place in it."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False)
