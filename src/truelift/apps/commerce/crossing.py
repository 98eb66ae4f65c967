"""Page or traffic, surface by surface, as a document."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from truelift.apps.commerce.cells import OTHERS, Counted
from truelift.apps.commerce.wording import segment
from truelift.lifecycle.surface import Surface, surfaces_at
from truelift.stats.decomposition import Cells
from truelift.stats.page_or_traffic import (
    FEWEST_ORDERS,
    CellVerdicts,
    Crossing,
    Floats,
    SurfaceVerdict,
    Verdict,
    bounce_mismatches,
    change_in_words,
    leave_one_out,
    of_page,
)


Document = dict[str, Any]

MOST_SOURCES: Final = 15
MOST_CAMPAIGNS: Final = 60
MOST_PAGES: Final = 25
MOST_BOUNCES: Final = 10


def crossing_document(
    told: Counted, surfaces: Sequence[Surface], teams: Mapping[str, str]
) -> Document:
    """Give a verdict on every surface: does a change sit with the page or with who came to it?

    Args:
        told: Sessions and orders of both periods.
        surfaces: Of the site; a landing page that none of them claims stands for itself.
        teams: Surface → who owns it.
    """
    named = {each.name.casefold(): each.name for each in surfaces}
    labels = told.labels[:, 2].tolist()
    known = {text: _surface(text, named, surfaces) for text in set(labels)}
    landing = [known[text] for text in labels]
    pages, page_at = _names(landing, told.sessions, MOST_PAGES)
    sources, source_at = _names(told.labels[:, 0].tolist(), told.sessions, MOST_SOURCES)
    shape = (2, len(sources), len(pages))
    sessions, orders, bounces = (
        _table(values, source_at, page_at, shape)
        for values in (told.sessions, told.orders, told.bounces)
    )
    crossing = Crossing(sessions, np.minimum(orders, sessions))
    cells = leave_one_out(crossing)
    # A page is one of many: what is called clear has to be so over all of them.
    limit = float(ndtri(1 - 0.05 / 2 / max(len(pages), 1)))
    devices = _by_device(told, page_at, pages, limit)
    fine_names, fine_at = _names(
        [segment(each) for each in told.labels[:, :2].tolist()], told.sessions, MOST_CAMPAIGNS
    )
    fine_shape = (2, len(fine_names), len(pages))
    fine_sessions = _table(told.sessions, fine_at, page_at, fine_shape)
    fine_orders = np.minimum(_table(told.orders, fine_at, page_at, fine_shape), fine_sessions)
    rows = []
    for at, page in enumerate(pages):
        if page == OTHERS:
            continue
        finer = None
        if fine_sessions[:, :, at].sum(axis=1).all():
            finer = Cells.of(
                fine_sessions[0, :, at],
                fine_orders[0, :, at],
                fine_sessions[1, :, at],
                fine_orders[1, :, at],
            )
        found = of_page(crossing, cells, at, z=limit, finer=finer)
        # Where the mix decided, the name is that of a campaign.
        by_mix = found.verdict is Verdict.TRAFFIC and math.isnan(found.explained)
        names = fine_names if by_mix else sources
        source = None if found.source is None else names[found.source]
        rows.append(
            _page(page, at, found, crossing, cells, sources)
            | {"source": source}
            | {"team": teams.get(page, ""), "device": devices.get(page)}
        )
    rows.sort(key=lambda row: -row["sessions"][1])
    mismatched = bounce_mismatches(sessions[1], bounces[1]) if told.knows_bounces else ()
    return {
        "pages": rows,
        "knows_bounces": told.knows_bounces,
        "bounces": [
            {
                "source": sources[each.source],
                "page": pages[each.page],
                "sessions": each.sessions,
                "bounced": each.bounced,
                "expected": each.expected,
            }
            for each in mismatched[:MOST_BOUNCES]
        ],
    }


def _surface(landing: str, named: Mapping[str, str], surfaces: Sequence[Surface]) -> str:
    if not landing:
        return ""
    if landing.casefold() in named:
        return named[landing.casefold()]
    found = surfaces_at(landing, surfaces)
    return found[0] if found else landing


def _names(
    labels: Sequence[str], sessions: Floats, most: int
) -> tuple[list[str], NDArray[np.int64]]:
    """Name the busiest, and all others as one; and say which of them each segment is."""
    names, place = np.unique(np.array(labels, dtype=object).astype(str), return_inverse=True)
    busy = np.stack([np.bincount(place, weights=row, minlength=len(names)) for row in sessions])
    order = np.argsort(-busy.max(axis=0), kind="stable")
    target = np.full(len(names), most, dtype=np.int64)
    target[order[:most]] = np.arange(min(most, len(names)))
    kept = [str(names[at]) for at in order[:most]]
    return [*kept, OTHERS] if len(names) > most else kept, target[place]


def _table(
    values: Floats, rows: NDArray[np.int64], columns: NDArray[np.int64], shape: tuple[int, ...]
) -> Floats:
    found = np.zeros(shape)
    for period in range(2):
        np.add.at(found[period], (rows, columns), values[period])
    return found


def _page(
    page: str,
    at: int,
    found: SurfaceVerdict,
    crossing: Crossing,
    cells: CellVerdicts,
    sources: Sequence[str],
) -> Document:
    sessions, orders = crossing.sessions[:, :, at], crossing.orders[:, :, at]
    totals, bought = sessions.sum(axis=1), orders.sum(axis=1)
    index = found.identity
    verdict = found.verdict
    return {
        "page": page,
        "sessions": [int(each) for each in totals],
        "orders": [int(each) for each in bought],
        "conversion": [b / s if s else None for s, b in zip(totals, bought, strict=True)],
        "change": _relative(found.change),
        "change_low": _relative(found.change - 1.96 * found.se),
        "change_high": _relative(found.change + 1.96 * found.se),
        "verdict": verdict.value,
        "said": verdict.said,
        "owner": verdict.owner,
        "response": verdict.response,
        "explained": _number(found.explained),
        "more_orders": _number(found.more),
        "tqi": index.tqi if index else None,
        "ppi": index.ppi if index else None,
        "tqi_log_share": index.log_share if index else None,
        "cells": [
            _cell(sources[row], row, at, crossing, cells)
            for row in np.argsort(-sessions[1], kind="stable").tolist()
            if sessions[:, row].sum()
        ],
    }


def _cell(source: str, row: int, column: int, crossing: Crossing, cells: CellVerdicts) -> Document:
    sessions, orders = crossing.sessions[:, row, column], crossing.orders[:, row, column]
    verdict = Verdict(str(cells.verdict[row, column]))
    return {
        "source": source,
        "sessions": [int(each) for each in sessions],
        "orders": [int(each) for each in orders],
        "change": _relative(float(cells.change[row, column])),
        "elsewhere": _relative(float(cells.elsewhere[row, column])),
        "others": _relative(float(cells.others[row, column])),
        "verdict": verdict.value,
        "said": verdict.said,
        "clear": bool(cells.clear[row, column]),
        "lost": round(float(cells.lost[row, column]), 1),
    }


def _by_device(
    told: Counted, page_at: NDArray[np.int64], pages: Sequence[str], limit: float
) -> dict[str, str]:
    """Name the device on which alone a page's conversion changed: a fault looks like that."""
    names, device_at = np.unique(told.labels[:, 3].astype(str), return_inverse=True)
    shape = (2, len(names), len(pages))
    sessions = _table(told.sessions, device_at, page_at, shape)
    orders = np.minimum(_table(told.orders, device_at, page_at, shape), sessions)
    found = {}
    for at, page in enumerate(pages):
        changed = [
            device
            for device in range(len(names))
            if names[device] and _apart(sessions[:, :, at], orders[:, :, at], device, limit=limit)
        ]
        if len(changed) == 1:
            found[page] = str(names[changed[0]])
    return found


def _apart(sessions: Floats, orders: Floats, device: int, *, limit: float) -> bool:
    """Whether one device fell clearly, and clearly more than all others together."""
    rest = [sessions.sum(axis=1) - sessions[:, device], orders.sum(axis=1) - orders[:, device]]
    sides = []
    for s, o in ((sessions[:, device], orders[:, device]), rest):
        if (o < FEWEST_ORDERS).any() or (s <= o).any():
            return False
        change = math.log(o[1] / s[1]) - math.log(o[0] / s[0])
        sides.append((change, float((1 / o - 1 / s).sum())))
    (own, own_v), (other, other_v) = sides
    apart = other - own
    return own < -limit * math.sqrt(own_v) and apart > limit * math.sqrt(own_v + other_v)


def _relative(change: float) -> float | None:
    return None if math.isnan(change) else change_in_words(change)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
