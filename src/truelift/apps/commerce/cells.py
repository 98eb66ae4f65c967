"""Facts of two periods side by side: by source, campaign, landing page and device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.apps.facts.reads import Traffic
from truelift.stats.decomposition import Floats, Sold, spread_of_values


LEVELS: Final = ("source", "campaign", "landing", "device")
"""The hierarchy, from the top."""

OTHERS: Final = "all others"
"""What does not stand by itself; no feed calls anything so."""

Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Counted:
    """Two periods by the finest segments that the facts know.

    Attributes:
        labels: `(segments, 4)` texts by level.
        days: For each period its days, segments, orders and money: what single orders' values
            are estimated from.
        sessions: `(2, segments)`.
        orders: The same.
        revenue: The same, in minor units; orders themselves where no feed says money.
        bounces: The same.
        has_money: Whether a feed says money.
        knows_bounces: Whether a feed says bounces.
        unsteady: Sources that began or ceased to name campaigns in between; theirs are left out.
    """

    labels: NDArray[np.object_]
    days: tuple[tuple[Codes, Codes, Floats, Floats], tuple[Codes, Codes, Floats, Floats]]
    sessions: Floats
    orders: Floats
    revenue: Floats
    bounces: Floats
    has_money: bool
    knows_bounces: bool
    unsteady: tuple[str, ...] = ()


def counted(before: Traffic, after: Traffic) -> Counted:
    """Put two periods of traffic side by side."""
    cells, place = np.unique(np.concatenate([before.cell, after.cell]), return_inverse=True)
    cut = len(before)
    places = (place[:cut], place[cut:])
    labels = np.empty((len(cells), len(LEVELS)), dtype=object)
    for each, at in zip((before, after), places, strict=True):
        for column, level in enumerate(LEVELS):
            labels[at, column] = getattr(each, level)
    unsteady = _leave_out_campaigns(labels, before, after, places)
    has_money = bool(before.revenue_minor.any() or after.revenue_minor.any())

    def sums(name: str) -> Floats:
        return np.stack(
            [
                np.bincount(at, weights=getattr(each, name), minlength=len(cells))
                for each, at in zip((before, after), places, strict=True)
            ]
        )

    def days(each: Traffic, at: Codes) -> tuple[Codes, Codes, Floats, Floats]:
        money = each.revenue_minor if has_money else each.orders
        return each.day.astype(np.int64), at, each.orders.astype(float), money.astype(float)

    orders = sums("orders")
    return Counted(
        labels=labels,
        days=(days(before, places[0]), days(after, places[1])),
        sessions=sums("sessions"),
        orders=orders,
        revenue=sums("revenue_minor") if has_money else orders,
        bounces=sums("bounces"),
        has_money=has_money,
        knows_bounces=before.knows_bounces and after.knows_bounces,
        unsteady=unsteady,
    )


def _leave_out_campaigns(
    labels: NDArray[np.object_], before: Traffic, after: Traffic, places: tuple[Codes, Codes]
) -> tuple[str, ...]:
    """Leave out the campaigns of sources that began or ceased to name them in between.

    Gives the names of these sources. The same visitors would otherwise look like some who stayed
    away and others who came.
    """
    sources, source = np.unique(labels[:, 0].astype(str), return_inverse=True)
    named = labels[:, 1] != ""
    told = [
        (
            np.bincount(source[at], weights=each.sessions, minlength=len(sources)),
            np.bincount(source[at], weights=each.sessions * named[at], minlength=len(sources)),
        )
        for each, at in zip((before, after), places, strict=True)
    ]
    (first, first_named), (second, second_named) = told
    known = (first > 0) & (second > 0)
    shares = [above / np.maximum(below, 1) for below, above in told]
    unsteady = known & (
        ((first_named > 0) != (second_named > 0)) | (np.abs(shares[1] - shares[0]) > STEADY)
    )
    labels[unsteady[source], 1] = ""
    return tuple(sources[unsteady].tolist())


STEADY: Final = 0.25
"""So much may the share of a source's sessions that name a campaign move between two periods."""


@dataclass(frozen=True, slots=True)
class Grouped:
    """Segments of one breakdown, the busiest by name, the rest as one.

    Attributes:
        keys: What each stands for, level by level; the rest has none.
        sold: What was counted of each.
    """

    keys: tuple[tuple[str, ...], ...]
    sold: Sold


def group(
    told: Counted,
    levels: Sequence[int],
    *,
    most: int,
    inside: NDArray[np.bool_] | None = None,
) -> Grouped | None:
    """Add segments up by some levels.

    Args:
        told: Two periods.
        levels: Columns of `LEVELS` that tell segments apart.
        most: Segments that stand by themselves, the busiest in either period.
        inside: Only these of the finest segments.

    Returns:
        None where a period has no sessions there.
    """
    chosen = np.ones(len(told.labels), dtype=bool) if inside is None else inside
    keys = [tuple(row) for row in told.labels[chosen][:, list(levels)].tolist()]
    names = sorted(set(keys))
    number = {key: at for at, key in enumerate(names)}
    place = np.full(len(chosen), -1, dtype=np.int64)
    place[chosen] = [number[key] for key in keys]
    busy = np.stack([_sums(row, place, len(names)) for row in told.sessions])
    if not busy.sum(axis=1).all():
        return None
    share = (busy / busy.sum(axis=1, keepdims=True)).max(axis=0)
    kept = sorted(np.argsort(-share, kind="stable")[:most].tolist())
    target = np.full(len(names), len(kept), dtype=np.int64)
    target[kept] = np.arange(len(kept))
    rest = len(names) > len(kept)
    place[chosen] = target[place[chosen]]
    size = len(kept) + rest
    sessions, orders, revenue = (
        np.stack([_sums(row, place, size) for row in table])
        for table in (told.sessions, told.orders, told.revenue)
    )
    spread = np.stack([_spreads(each, place, size) for each in told.days])
    found = tuple(names[at] for at in kept)
    return Grouped(
        (*found, (OTHERS,)) if rest else found, Sold.of(sessions, orders, revenue, spread)
    )


def _sums(values: Floats, place: Codes, size: int) -> Floats:
    some = place >= 0
    return np.bincount(place[some], weights=values[some], minlength=size).astype(float)


def _spreads(days: tuple[Codes, Codes, Floats, Floats], place: Codes, size: int) -> Floats:
    day, segment, orders, money = days
    at = place[segment]
    some = at >= 0
    first = int(day.min()) if len(day) else 0
    wide = int(day.max()) - first + 1 if len(day) else 1
    where = at[some] * wide + (day[some] - first)
    bought = np.bincount(where, weights=orders[some], minlength=size * wide).reshape(size, wide)
    paid = np.bincount(where, weights=money[some], minlength=size * wide).reshape(size, wide)
    return np.array([spread_of_values(bought[each], paid[each]) for each in range(size)])
