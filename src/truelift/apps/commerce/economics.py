"""What each source costs and earns, as a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from truelift.apps.commerce.cells import Counted
from truelift.apps.facts.reads import Spend


Document = dict[str, Any]

MOST_SOURCES: Final = 40

LEAST_CHANGE: Final = 0.02
"""Of spend, for more revenue to be told of it: a share of nearly nothing is noise."""


def acquisition(
    told: Counted, spent: tuple[Spend, Spend], new: tuple[Mapping[str, int], ...] = ()
) -> Document:
    """Set both periods of every source side by side, with what more money brought.

    Args:
        told: Sessions, orders and money of both periods.
        spent: Clicks and spend of both.
        new: New customers by source of both; empty where no feed tells them apart.
    """
    names = sorted({*told.labels[:, 0].tolist(), *spent[0].source, *spent[1].source})
    number = {name: at for at, name in enumerate(names)}
    place = np.array([number[each] for each in told.labels[:, 0]], dtype=np.int64)
    traffic = {
        "sessions": _by(place, told.sessions, len(names)),
        "orders": _by(place, told.orders, len(names)),
        "revenue_minor": _by(place, told.revenue, len(names)) if told.has_money else None,
    }
    knows_clicks = all(each.knows_clicks or not len(each) for each in spent)
    for name in ("clicks", "spend_minor"):
        traffic[name] = np.stack(
            [
                np.bincount(
                    np.array([number[word] for word in each.source], dtype=np.int64),
                    weights=getattr(each, name),
                    minlength=len(names),
                )
                for each in spent
            ]
        )
    if new:
        traffic["new_customers"] = np.array(
            [[float(each.get(name, 0)) for name in names] for each in new]
        )
    if not knows_clicks:
        traffic["clicks"] = None
    order = np.argsort(-traffic_of(traffic).max(axis=0), kind="stable")[:MOST_SOURCES]
    rows = [
        _row(names[at], {k: None if v is None else v[:, at] for k, v in traffic.items()})
        for at in order.tolist()
    ]
    total = _row("", {k: None if v is None else v.sum(axis=1) for k, v in traffic.items()})
    total["worse_traffic"] = total["worse_traffic"] and any(each["spend_minor"][1] for each in rows)
    return {
        "has_spend": any(len(each) for each in spent),
        "total": total,
        "rows": rows,
        "more": max(len(names) - MOST_SOURCES, 0),
    }


def traffic_of(columns: Mapping[str, NDArray[np.float64] | None]) -> NDArray[np.float64]:
    """Give the sessions, and a little for spend, so that a source without sessions has a place."""
    sessions, spend = columns["sessions"], columns["spend_minor"]
    if sessions is None or spend is None:
        return np.zeros((2, 0))
    return sessions + 1e-9 * spend


def _by(place: NDArray[np.int64], values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    return np.stack([np.bincount(place, weights=each, minlength=size) for each in values])


def _row(name: str, columns: Mapping[str, NDArray[np.float64] | None]) -> Document:
    told: dict[str, list[int] | None] = {
        key: None if value is None else [round(float(each)) for each in value]
        for key, value in columns.items()
    }
    sessions, orders = told["sessions"], told["orders"]
    revenue, spend, clicks = told["revenue_minor"], told["spend_minor"], told["clicks"]
    new = told.get("new_customers")
    return {
        "source": name,
        **told,
        "cost_per_click_minor": _ratios(spend, clicks),
        "conversion": _ratios(orders, sessions),
        "revenue_per_session_minor": _ratios(revenue, sessions),
        "revenue_per_spend": _ratios(revenue, spend),
        "marginal_revenue_per_spend": _marginal(revenue, spend),
        "cost_per_order_minor": _ratios(spend, orders) if spend and any(spend) else [None, None],
        "cost_per_new_customer_minor": _ratios(spend, new)
        if spend and any(spend)
        else [None, None],
        "worse_traffic": _worse(sessions, revenue, spend),
    }


def _ratios(above: list[int] | None, below: list[int] | None) -> list[float | None]:
    """Divide in both periods; None where nothing is known or nothing is below."""
    if above is None or below is None:
        return [None, None]
    return [a / b if b else None for a, b in zip(above, below, strict=True)]


def _marginal(revenue: list[int] | None, spend: list[int] | None) -> float | None:
    """Give what each further unit of spend came with; None where spend hardly changed."""
    if revenue is None or spend is None:
        return None
    if abs(spend[1] - spend[0]) <= LEAST_CHANGE * spend[0]:
        return None
    return (revenue[1] - revenue[0]) / (spend[1] - spend[0])


def _worse(sessions: list[int] | None, revenue: list[int] | None, spend: list[int] | None) -> bool:
    """Whether no less money bought more sessions that brought less (R021)."""
    if sessions is None or revenue is None or spend is None or not spend[1]:
        return False
    return spend[1] >= spend[0] and sessions[1] > sessions[0] and revenue[1] < revenue[0]
