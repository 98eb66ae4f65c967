"""Whether conversion fell because of the page or because of who came to it.

Observational: it says where a change sits, and who should look first, never what caused it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import log, sqrt
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from truelift.stats.decomposition import BadCells, Cells, rates


Floats = NDArray[np.float64]

TRAFFIC_FROM: Final = 0.60
"""Log share of the traffic index from which a change counts as the traffic's."""

PAGE_TO: Final = 0.40
"""Log share up to which it counts as the page's, if most sessions see the rate move too."""

MOST_SESSIONS: Final = 0.70
"""Share of sessions in segments whose rate moves with the page, for the page to be named."""

NEAR: Final = 1 / 3
"""Two changes are alike when they differ by less than this part of the change in question."""

FEWEST_ORDERS: Final = 10
"""Of a cell in each period, for its change to be read at all."""

STILL: Final = log(1.1)
"""A change counts as none when its whole 90 % interval is smaller than this."""

_SURE: Final = float(ndtri(0.95))
"""Both one-sided tests of an equivalence at 5 %."""

_POWER: Final = float(ndtri(0.975))
"""Of each of the two equivalences, so that both come out in 95 of 100."""


class Verdict(StrEnum):
    """Where a change of conversion sits."""

    TRAFFIC = "traffic"
    PAGE = "page"
    MISMATCH = "mismatch"
    GLOBAL = "global"
    MIXED = "mixed"
    UNDETERMINED = "undetermined"
    NO_CHANGE = "no_change"

    @property
    def said(self) -> str:
        """Name it to a reader."""
        return _SAID[self]

    @property
    def response(self) -> str:
        """Say what to do about it first."""
        return _RESPONSE[self]

    @property
    def owner(self) -> str:
        """Name the function that should look first; a word of `lifecycle.functions`, or empty."""
        return _OWNER.get(self, "")


_SAID: Final[Mapping[Verdict, str]] = MappingProxyType(
    {
        Verdict.TRAFFIC: "traffic quality",
        Verdict.PAGE: "a page problem",
        Verdict.MISMATCH: "a mismatch of promise and page",
        Verdict.GLOBAL: "a change everywhere",
        Verdict.MIXED: "both traffic and page",
        Verdict.UNDETERMINED: "undetermined",
        Verdict.NO_CHANGE: "no change of weight",
    }
)

_RESPONSE: Final[Mapping[Verdict, str]] = MappingProxyType(
    {
        Verdict.TRAFFIC: "Take it to the owner of media or search: look at the shared metric and"
        " the budget. A test on the page would not bring it back.",
        Verdict.PAGE: "Put it into the test backlog: look at usability and performance of this"
        " page.",
        Verdict.MISMATCH: "Match the message: what this source promises and what this page says"
        " first, or give the source a page of its own.",
        Verdict.GLOBAL: "Look at tracking, incidents, season, prices and stock first: it fell"
        " everywhere, so neither this page nor this source explains it.",
        Verdict.MIXED: "Look at both, the larger part first: the budget with its owner, and the"
        " page in the backlog.",
        Verdict.UNDETERMINED: "The data cannot tell yet. Wait for more conversions, or compare"
        " longer periods; do not plan a test on this ground.",
        Verdict.NO_CHANGE: "Nothing to explain: conversion changed by less than a tenth, if at"
        " all.",
    }
)

_OWNER: Final[Mapping[Verdict, str]] = MappingProxyType(
    {
        Verdict.TRAFFIC: "marketing",
        Verdict.PAGE: "product_ux",
        Verdict.MISMATCH: "creative",
        Verdict.GLOBAL: "analytics",
        Verdict.MIXED: "marketing",
        Verdict.UNDETERMINED: "analytics",
    }
)


@dataclass(frozen=True, slots=True)
class Identity:
    """CR₁/CR₀ as traffic index times page index.

    Attributes:
        tqi: What the new mix would have done at the old rates: Σw₁r₀ / R₀.
        ppi: What the rates did at the new mix: R₁ / Σw₁r₀. None where the new mix would have
            sold nothing.
        log_share: ln TQI ÷ ln(CR₁/CR₀); None where conversion did not change, or is 0 after.
        moved: Share of sessions in segments whose rate moved the same way as the whole.
        unknown: Share of the later sessions in segments that the first period does not have;
            they count as traffic.
    """

    tqi: float
    ppi: float | None
    log_share: float | None
    moved: float
    unknown: float


def identity(cells: Cells) -> Identity:
    """Split the ratio of two conversion rates into a traffic and a page index.

    Raises:
        BadCells: The first period has no orders, so there is nothing to be a share of.

    Source:
        docs/methods/page-or-traffic.md.
    """
    if not cells.before:
        raise BadCells(reason="the first period has no orders, so no rate can be a share of it")
    w0 = cells.weight_before / cells.weight_before.sum()
    w1 = cells.weight_after / cells.weight_after.sum()
    r0, r1 = rates(cells)
    expected = float((w1 * r0).sum())
    ratio = cells.after / cells.before
    tqi = expected / cells.before
    share = (
        log(tqi) / log(ratio) + 0.0 if ratio > 0 and tqi > 0 and abs(log(ratio)) > _SAME else None
    )
    way = np.sign(cells.after - cells.before)
    moved = float((((w0 + w1) / 2) * (np.sign(r1 - r0) == way)).sum()) if way else 0.0
    return Identity(
        tqi=tqi,
        ppi=cells.after / expected if expected else None,
        log_share=share,
        moved=moved,
        unknown=float(w1[cells.weight_before <= 0].sum()),
    )


_SAME: Final = 1e-9


def by_identity(found: Identity) -> Verdict:
    """Read the identity: traffic from 60 %, page up to 40 % where most sessions moved, else mixed.

    It knows nothing of chance: ask it about a change that is clear.
    """
    share = found.log_share
    if share is None:
        return Verdict.UNDETERMINED
    if share >= TRAFFIC_FROM:
        return Verdict.TRAFFIC
    if share <= PAGE_TO and found.moved >= MOST_SESSIONS:
        return Verdict.PAGE
    return Verdict.MIXED


@dataclass(frozen=True, slots=True)
class Crossing:
    """Sessions and orders of two periods by source and page.

    Attributes:
        sessions: `(2, sources, pages)`.
        orders: The same shape.
    """

    sessions: Floats
    orders: Floats


@dataclass(frozen=True, slots=True)
class CellVerdicts:
    """What leaving one out says of each cell; arrays are `(sources, pages)`.

    Attributes:
        change: Change of ln conversion in the cell; NaN where a period has too few orders.
        se: Its standard error.
        elsewhere: Of the same source on the other pages.
        elsewhere_se: Its standard error.
        others: Of the same page for the other sources.
        others_se: Its standard error.
        clear: Whether the change is more than chance, over all cells together.
        verdict: Words of `Verdict`.
        more: How many times as many orders a verdict would take, where it is undetermined; NaN
            where that is not the reason.
        lost: Orders that the cell's change of rate took (negative: brought) in the second period.
    """

    change: Floats
    se: Floats
    elsewhere: Floats
    elsewhere_se: Floats
    others: Floats
    others_se: Floats
    clear: NDArray[np.bool_]
    verdict: NDArray[np.str_]
    more: Floats
    lost: Floats


def leave_one_out(crossing: Crossing, *, alpha: float = 0.05) -> CellVerdicts:
    """Ask of each cell: did the source fall elsewhere too, did the page fall for others too?

    "Alike" and "nothing" are equivalences at a third of the cell's own change: the 90 % interval
    has to lie within. What is neither is undetermined.

    Args:
        crossing: Sessions and orders of both periods.
        alpha: Error of calling a change clear, over all cells together (Bonferroni).

    Assumes:
        Sessions are independent.

    Source:
        docs/methods/page-or-traffic.md.
    """
    change, variance, known = _changes(crossing)
    sessions = crossing.sessions
    weight = np.where(
        known, sessions[0] * sessions[1] / np.maximum(sessions[0] + sessions[1], 1.0), 0.0
    )
    elsewhere, elsewhere_v = _rest(change, variance, weight, axis=1)
    others, others_v = _rest(change, variance, weight, axis=0)
    clear = known & (
        np.abs(change) > float(ndtri(1 - alpha / 2 / max(int(known.sum()), 1))) * np.sqrt(variance)
    )
    near = NEAR * np.abs(change)

    def within(value: Floats, error: Floats) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = np.abs(value) + _SURE * np.sqrt(error) <= near
        return found

    nothing_a, nothing_b = within(elsewhere, elsewhere_v), within(others, others_v)
    alike_a = within(elsewhere - change, elsewhere_v + variance)
    alike_b = within(others - change, others_v + variance)
    way = np.sign(change)
    down_a = way * elsewhere - _SURE * np.sqrt(elsewhere_v) > near
    down_b = way * others - _SURE * np.sqrt(others_v) > near
    verdict = np.full(change.shape, Verdict.UNDETERMINED.value, dtype="<U12")
    for word, found in (
        (Verdict.GLOBAL, down_a & down_b),
        (Verdict.TRAFFIC, alike_a & nothing_b),
        (Verdict.PAGE, nothing_a & alike_b),
        (Verdict.MISMATCH, nothing_a & nothing_b),
    ):
        verdict[clear & found] = word.value
    still = np.abs(change) + _SURE * np.sqrt(variance) <= STILL
    verdict[known & ~clear & still] = Verdict.NO_CHANGE.value
    worst = np.maximum(elsewhere_v, others_v) + variance
    more = np.where(
        clear & (verdict == Verdict.UNDETERMINED.value) & np.isfinite(worst),
        np.maximum(worst * ((_SURE + _POWER) / np.where(near > 0, near, np.nan)) ** 2, 1.0),
        np.nan,
    )
    r0 = np.divide(
        crossing.orders[0], sessions[0], out=np.zeros_like(sessions[0]), where=sessions[0] > 0
    )
    lost = np.where(known, sessions[1] * r0 - crossing.orders[1], 0.0)
    return CellVerdicts(
        change=change,
        se=np.sqrt(variance),
        elsewhere=elsewhere,
        elsewhere_se=np.sqrt(elsewhere_v),
        others=others,
        others_se=np.sqrt(others_v),
        clear=clear,
        verdict=verdict,
        more=more,
        lost=lost,
    )


def _changes(crossing: Crossing) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    sessions, orders = crossing.sessions, crossing.orders
    enough = (orders >= FEWEST_ORDERS) & (sessions > orders)
    known: NDArray[np.bool_] = np.asarray(enough.all(axis=0))
    safe_o, safe_s = np.where(known, orders, 1.0), np.where(known, sessions, 2.0)
    change = np.log(safe_o[1] / safe_s[1]) - np.log(safe_o[0] / safe_s[0])
    variance = (1 / safe_o - 1 / safe_s).sum(axis=0)
    return np.where(known, change, np.nan), np.where(known, variance, np.nan), known


def _rest(change: Floats, variance: Floats, weight: Floats, *, axis: int) -> tuple[Floats, Floats]:
    """Average the other cells along an axis, by sessions; NaN where there is no other."""
    value, error = np.nan_to_num(change), np.nan_to_num(variance)
    total = weight.sum(axis=axis, keepdims=True) - weight
    sums = (weight * value).sum(axis=axis, keepdims=True) - weight * value
    errors = (weight**2 * error).sum(axis=axis, keepdims=True) - weight**2 * error
    some = total > 0
    over = np.where(some, total, 1.0)
    return (
        np.where(some, sums / over, np.nan),
        np.where(some, np.maximum(errors, 0.0) / over**2, np.nan),
    )


@dataclass(frozen=True, slots=True)
class SurfaceVerdict:
    """What is said of one page.

    Attributes:
        verdict: Where the change sits.
        change: Of ln conversion of the whole page; NaN where it cannot be read.
        se: Its standard error.
        identity: Traffic index and page index; None where the first period has no orders.
        source: Index of the source whose cell says most (of the finer segments where the mix
            decided and they were given), or None.
        explained: Share of the orders lost that lies in cells of this verdict; NaN where the
            identity decided.
        more: How many times as many orders would decide, where undetermined; NaN if unknown.
    """

    verdict: Verdict
    change: float
    se: float
    identity: Identity | None
    source: int | None
    explained: float
    more: float


def of_page(
    crossing: Crossing,
    cells: CellVerdicts,
    page: int,
    *,
    z: float | None = None,
    finer: Cells | None = None,
) -> SurfaceVerdict:
    """Give the verdict on one page: by its mix first, then by its cells.

    The mix decides where it explains 60 % and more of a clear change. Otherwise the cells do: the
    verdict that holds most of the orders lost, if it holds at least half of them.

    Args:
        crossing: Sessions and orders of both periods.
        cells: What `leave_one_out` says of it.
        page: Index of the page.
        z: From which multiple of its error a page's change is clear; 1.96 by default.
        finer: The page's sessions and orders by finer segments, for the mix: source and campaign.
    """
    sessions, orders = crossing.sessions[:, :, page], crossing.orders[:, :, page]
    s, o = sessions.sum(axis=1), orders.sum(axis=1)
    nothing = SurfaceVerdict(
        Verdict.UNDETERMINED, float("nan"), float("nan"), None, None, float("nan"), float("nan")
    )
    if (o < FEWEST_ORDERS).any() or (s <= o).any():
        return nothing
    change = log(o[1] / s[1]) - log(o[0] / s[0])
    se = sqrt(float((1 / o - 1 / s).sum()))
    parts = finer or Cells.of(sessions[0], orders[0], sessions[1], orders[1])
    index = identity(parts)
    verdicts = cells.verdict[:, page]
    told = np.isin(verdicts, [Verdict.TRAFFIC, Verdict.PAGE, Verdict.MISMATCH, Verdict.GLOBAL])
    limit = _CLEAR if z is None else z
    if abs(change) <= limit * se and not told.any():
        still = abs(change) + _SURE * se <= STILL and not cells.clear[:, page].any()
        said = Verdict.NO_CHANGE if still else Verdict.UNDETERMINED
        return SurfaceVerdict(said, change, se, index, None, float("nan"), float("nan"))
    if abs(change) > limit * se and _by_mix(parts, index, change):
        most = int(np.argmax(_mix_lost(parts) * (-1 if change > 0 else 1)))
        return SurfaceVerdict(Verdict.TRAFFIC, change, se, index, most, float("nan"), float("nan"))
    way = -1.0 if change > 0 else 1.0
    # What counts is what moved with the page, in cells whose change is no mere chance.
    lost = np.where(cells.clear[:, page], np.maximum(way * cells.lost[:, page], 0.0), 0.0)
    total = float(lost.sum())
    if total:
        weights = {word: float(lost[verdicts == word].sum()) for word in set(verdicts[told])}
        best = max(weights, key=lambda word: weights[word], default="")
        if best and weights[best] >= total / 2:
            most = int(np.argmax(np.where(verdicts == best, lost, -1.0)))
            return SurfaceVerdict(
                Verdict(best), change, se, index, most, weights[best] / total, float("nan")
            )
    waits = cells.more[:, page]
    more = float(np.nanmin(waits)) if np.isfinite(waits).any() else float("nan")
    return SurfaceVerdict(Verdict.UNDETERMINED, change, se, index, None, float("nan"), more)


_CLEAR: Final = float(ndtri(0.975))


def _by_mix(cells: Cells, index: Identity, change: float) -> bool:
    """Whether the mix explains 60 % of the change, beyond what chance in the rates lets it."""
    if index.log_share is None or index.log_share < TRAFFIC_FROM:
        return False
    # Under pure chance in the rates the page index is 1; its error bounds what the rest may be.
    w1 = cells.weight_after / cells.weight_after.sum()
    r0, _ = rates(cells)
    some = cells.weight_before > 0
    spread = float(
        (w1[some] ** 2 * r0[some] * (1 - np.minimum(r0[some], 1)) / cells.weight_before[some]).sum()
    )
    expected = index.tqi * cells.before
    error = sqrt(spread) / expected if expected else float("inf")
    return bool(abs(log(index.tqi)) - _SURE * error > PAGE_TO * abs(change))


def _mix_lost(cells: Cells) -> Floats:
    """Give what each segment's share did to the orders of the second period, at the old rates."""
    w0 = cells.weight_before / cells.weight_before.sum()
    w1 = cells.weight_after / cells.weight_after.sum()
    r0, _ = rates(cells)
    lost: Floats = -(w1 - w0) * (r0 - cells.before)
    return lost


def orders_for_verdict(change: float) -> int:
    """Give the orders that cell, source elsewhere and page for others each need per period.

    With so many the verdict comes out in 95 of 100; with fewer it is more and more often
    undetermined, and no more often wrong.

    Args:
        change: Of ln conversion, as −0.36 for a fall by 30 %.
    """
    if not _LEAST_ASKED <= abs(change) <= _MOST_ASKED:
        raise BadCells(reason="no change has no verdict, nor has one that no rate can make")
    third = NEAR * abs(change)
    # Two cells, two periods each: the later one has fewer orders by the change itself.
    later = 1 + np.exp(abs(change))
    return int(np.ceil(2 * later * ((_SURE + _POWER) / third) ** 2))


_LEAST_ASKED: Final = 1e-6
_MOST_ASKED: Final = 50.0
"""Changes of ln conversion that are asked about: from a millionth to any that can be counted."""


def change_in_words(change: float) -> float:
    """Turn a change of a logarithm into a relative one."""
    return float(np.expm1(change))


@dataclass(frozen=True, slots=True)
class BounceMismatch:
    """A source whose visitors leave one page more often than source and page let expect.

    Attributes:
        source: Its index.
        page: Its index.
        sessions: Of the cell.
        bounced: Share of them that left at once.
        expected: From how the source does elsewhere and the page does for others.
        z: How many errors apart.
    """

    source: int
    page: int
    sessions: int
    bounced: float
    expected: float
    z: float


def bounce_mismatches(
    sessions: Floats, bounces: Floats, *, points: float = 0.05, alpha: float = 0.05
) -> tuple[BounceMismatch, ...]:
    """Find the cells where people leave more often than their source and their page explain.

    The expected share adds source and page on the logit scale: source elsewhere + page for others
    − all the rest.

    Args:
        sessions: `(sources, pages)`.
        bounces: The same shape.
        points: Least difference that matters.
        alpha: Error over all cells together (Bonferroni).

    Source:
        docs/methods/page-or-traffic.md.
    """
    total_s, total_b = sessions.sum(), bounces.sum()
    rows_s, rows_b = sessions.sum(axis=1, keepdims=True), bounces.sum(axis=1, keepdims=True)
    cols_s, cols_b = sessions.sum(axis=0, keepdims=True), bounces.sum(axis=0, keepdims=True)
    rest_s = [rows_s - sessions, cols_s - sessions, total_s - rows_s - cols_s + sessions]
    rest_b = [rows_b - bounces, cols_b - bounces, total_b - rows_b - cols_b + bounces]
    enough = sessions >= _FEWEST_SESSIONS
    for each in rest_s:
        enough = enough & (each >= _FEWEST_SESSIONS)
    sides = [(b + 0.5) / (s + 1) for s, b in zip(rest_s, rest_b, strict=True)]
    expected = expit(logit(sides[0]) + logit(sides[1]) - logit(sides[2]))
    seen = (bounces + 0.5) / (sessions + 1)
    # Where all but everybody leaves the expected share rounds to 1, and nothing is more than that.
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = 1 / (np.maximum(sessions, 1) * expected * (1 - expected))
        for share, count in zip(sides, rest_s, strict=True):
            variance = variance + 1 / (np.maximum(count, 1) * share * (1 - share))
        z = (logit(seen) - logit(expected)) / np.sqrt(variance)
    limit = float(ndtri(1 - alpha / max(int(enough.sum()), 1)))
    found = enough & (z > limit) & (seen - expected >= points)
    return tuple(
        BounceMismatch(
            source=int(s),
            page=int(p),
            sessions=int(sessions[s, p]),
            bounced=float(bounces[s, p] / sessions[s, p]),
            expected=float(expected[s, p]),
            z=float(z[s, p]),
        )
        for s, p in sorted(np.argwhere(found).tolist(), key=lambda at: -z[at[0], at[1]])
    )


_FEWEST_SESSIONS: Final = 100
