"""A share measured by repeated sampling, beside what was promised of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Promise:
    """What a measured number has to be.

    Attributes:
        least: Nothing below it keeps the promise.
        most: Nothing above it does.
        said: As the report's table has it.
    """

    least: float
    most: float
    said: str


def near(share: float, within: float = 0.005) -> Promise:
    said = f"{share:.4g}" if within > 0.1 else f"{percent(share)} ± {100 * within:g}"
    return Promise(share - within, share + within, said)


def at_most(share: float) -> Promise:
    return Promise(-math.inf, share, f"≤ {percent(share)}")


def at_least(share: float) -> Promise:
    return Promise(share, math.inf, f"≥ {percent(share)}")


def about(value: float, within: float) -> Promise:
    """Say it of what is not a share of runs: a ratio of variances, say."""
    return Promise(value - within, value + within, f"{value:g} ± {within:g}")


AS_IT_IS = Promise(-math.inf, math.inf, "as it is")
"""Nothing is promised; a reader shall know it."""


@dataclass(frozen=True)
class Row:
    """One number of the report.

    Attributes:
        what: The promise's subject: a method, a kind of metric.
        n: Of what size the sampled experiments are.
        runs: How many there were.
        measured: The share of runs, or the number.
        promise: What it has to be.
        error: Monte-Carlo standard error of `measured`.
        share: Whether it is a share; a plain number otherwise.
        why: Of a missed promise: what it comes from, and what follows. A miss without is a fault.
    """

    what: str
    n: str
    runs: int
    measured: float
    promise: Promise
    error: float
    share: bool = True
    why: str = ""

    @property
    def held(self) -> bool:
        """Whether the promise is kept, but for what three standard errors of chance allow."""
        slack = 3 * self.error
        return bool(self.promise.least - slack <= self.measured <= self.promise.most + slack)

    @property
    def verdict(self) -> str:
        if self.promise is AS_IT_IS:
            return "reported"
        if self.promise.least <= self.measured <= self.promise.most:
            return "held"
        return "held, within chance" if self.held else "**missed**"


def row(what: str, n: str, hits: ArrayLike, promise: Promise, *, why: str = "") -> Row:
    """Count the runs in which something happened."""
    found = np.asarray(hits, dtype=float)
    measured = float(found.mean())
    error = math.sqrt(max(measured * (1 - measured), 1 / found.size) / found.size)
    return Row(what, n, found.size, measured, promise, error, why=why)


def mean_row(what: str, n: str, values: ArrayLike, promise: Promise, *, why: str = "") -> Row:
    """Average over runs what is a share in each of them."""
    found = np.asarray(values, dtype=float)
    error = float(found.std() / math.sqrt(found.size))
    return Row(what, n, found.size, float(found.mean()), promise, error, why=why)


def number(what: str, n: str, measured: float, promise: Promise, *, runs: int, error: float) -> Row:
    return Row(what, n, runs, measured, promise, error, share=False)


def percent(share: float) -> str:
    return f"{100 * share:g} %"


@dataclass(frozen=True)
class Line:
    """A line of a drawing, over x."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    dots: bool = False


@dataclass(frozen=True)
class Drawing:
    """Shares over something that grows."""

    file: str
    heading: str
    across: str
    lines: tuple[Line, ...]
    level: float
    """Where the promised line is."""


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        title: What was sampled.
        text: How, and what it shows.
        rows: The numbers.
        drawings: What is drawn besides the table.
        dots: Draw the rows themselves, under this file's name.
    """

    title: str
    text: str
    rows: tuple[Row, ...]
    drawings: tuple[Drawing, ...] = field(default=())
    dots: str = ""
