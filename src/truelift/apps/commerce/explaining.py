"""What drove revenue per session, as a document: breakdowns, and one inside another."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from truelift.apps.commerce.cells import LEVELS, OTHERS, Counted, Grouped, group
from truelift.apps.commerce.periods import Pair
from truelift.stats.decomposition import (
    PARTS,
    Floats,
    Interval,
    chain,
    down,
    intervals,
    mix_and_rate,
    mix_share_interval,
    shapley,
    whole,
)
from truelift.stats.page_or_traffic import by_identity, identity


Document = dict[str, Any]

SEED: Final = 7
"""Of the draws: the same facts give the same intervals."""

MOST_SEGMENTS: Final = 12
"""Of a breakdown by name; the rest stands together."""

MOST_INSIDE: Final = 8
"""Of a breakdown inside a segment, and segments of it that are opened."""

MONEY_SCALE: Final = 100
"""Per session amounts are told in hundredths of a minor unit."""

ORDERS_SCALE: Final = 100_000
"""Orders per session, where there is no money, are told in hundredths of one in a thousand."""


def explanation(told: Counted, when: Pair) -> Document:
    """Say what took revenue per session from one period to the next.

    Every sum in it is exact: parts of a waterfall add up to the change in the units that they are
    told in, and to the minor unit at the later sessions.
    """
    columns = range(len(LEVELS))
    flat = {
        name: _node(told, group(told, _path_to(at), most=MOST_SEGMENTS))
        for at, name in enumerate(LEVELS)
    }
    return {
        "unit": "money" if told.has_money else "orders",
        "scale": MONEY_SCALE if told.has_money else ORDERS_SCALE,
        "before": _period(told, 0, when.before_since.isoformat(), when.before_until.isoformat()),
        "after": _period(told, 1, when.since.isoformat(), when.until.isoformat()),
        "factors": _factors(told),
        "levels": _levels(told),
        "by": flat,
        "unsteady": list(told.unsteady),
        "inside": [
            each
            for depth in columns
            if depth
            for each in _inside(told, depth, opened=_opened(told, depth))
        ],
    }


def _path_to(level: int) -> list[int]:
    # A campaign is told with its source: two sources may call theirs alike.
    return [0, 1] if level == 1 else [level]


def _period(told: Counted, which: int, since: str, until: str) -> Document:
    sessions, orders = int(told.sessions[which].sum()), int(told.orders[which].sum())
    revenue = int(told.revenue[which].sum()) if told.has_money else None
    return {
        "since": since,
        "until": until,
        "sessions": sessions,
        "orders": orders,
        "revenue_minor": revenue,
        "conversion": orders / sessions if sessions else None,
        "order_value_minor": revenue / orders if revenue is not None and orders else None,
        "revenue_per_session_minor": (
            revenue / sessions if revenue is not None and sessions else None
        ),
    }


def _factors(told: Counted) -> Document | None:
    """Split the change of revenue by sessions, conversion and order value, to the minor unit."""
    n, orders, money = (each.sum(axis=1) for each in (told.sessions, told.orders, told.revenue))
    if not (n.all() and orders.all()):
        return None
    first, second = (
        [float(n[at]), float(orders[at] / n[at]), float(money[at] / orders[at])] for at in (0, 1)
    )
    total = round(float(money[1])) - round(float(money[0]))
    parts = whole(shapley(first, second), total=total).tolist()
    return {
        "total": total,
        "sessions": parts[0],
        "conversion": parts[1],
        "order_value": parts[2],
    }


def _levels(told: Counted) -> Document:
    """Split the change of conversion down the hierarchy; shares of the change."""
    keys = np.stack(
        [np.unique(told.labels[:, at].astype(str), return_inverse=True)[1] for at in range(4)],
        axis=1,
    )
    cells = group(told, range(len(LEVELS)), most=len(told.labels))
    if cells is None:
        return {"change": None, "rows": [], "rate": None}
    order = {tuple(row): at for at, row in enumerate(told.labels.tolist())}
    places = [order[key] for key in cells.keys]
    found = down(cells.sold.conversion, keys[places])
    return {
        "change": cells.sold.conversion.after - cells.sold.conversion.before,
        "rows": [
            {"level": name, "mix": float(level.mix.sum())}
            for name, level in zip(LEVELS, found.levels, strict=True)
        ],
        "rate": found.rate,
    }


def _opened(told: Counted, depth: int) -> list[tuple[str, ...]]:
    """Name the segments that are opened down to a level: the busiest, inside the busiest."""
    paths: list[tuple[str, ...]] = [()]
    for level in range(depth):
        found: list[tuple[str, ...]] = []
        for path in paths:
            inside = _matches(told, path)
            groups = group(told, [level], most=MOST_INSIDE, inside=inside)
            if groups is not None:
                found += [(*path, *key) for key in groups.keys if key != (OTHERS,)]
        paths = found
    return paths


def _matches(told: Counted, path: tuple[str, ...]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    chosen = np.ones(len(told.labels), dtype=bool)
    for level, text in enumerate(path):
        chosen &= told.labels[:, level] == text
    return chosen


def _inside(told: Counted, depth: int, *, opened: list[tuple[str, ...]]) -> list[Document]:
    found = []
    for path in opened:
        inside = _matches(told, path)
        node = _node(told, group(told, [depth], most=MOST_INSIDE, inside=inside), drawn=depth < 2)
        found.append({"path": list(path), "by": LEVELS[depth], "node": node})
    return found


def _node(told: Counted, groups: Grouped | None, *, drawn: bool = True) -> Document:
    """Lay out one breakdown: four parts with intervals, and what each segment gives to them."""
    if groups is None:
        return {"undefined": "a period has no sessions here", "rows": []}
    sold = groups.sold
    if sold.order_value is None:
        return {
            "undefined": "a period has no orders here, so there is no order value",
            "rows": [_counts(groups, at) for at in range(len(groups.keys))],
        }
    found = chain(sold)
    scale = MONEY_SCALE if told.has_money else ORDERS_SCALE
    later = float(sold.sessions[1].sum())
    before, after = round(found.before * scale), round(found.after * scale)
    shares = _rounded(found.parts * scale, total=after - before)
    revenue = round(float(sold.revenue_minor[1].sum()))
    money = _rounded(found.parts * later, total=revenue - round(found.before * later))
    between: tuple[Interval | None, ...] = (None,) * (len(PARTS) + 1)
    if drawn:
        between = intervals(sold, rng=np.random.default_rng(SEED))
    conversion = sold.conversion
    split = mix_and_rate(conversion)
    share = mix_share_interval(conversion, rng=np.random.default_rng(SEED)) if drawn else None
    index = identity(conversion)
    return {
        "before": before,
        "after": after,
        "change": after - before,
        "change_low": _scaled(between[-1], scale, low=True),
        "change_high": _scaled(between[-1], scale, low=False),
        "sessions_after": int(later),
        "money_change": int(money.sum()),
        "parts": {
            name: {
                "value": int(shares[at].sum()),
                "low": _scaled(between[at], scale, low=True),
                "high": _scaled(between[at], scale, low=False),
                "money": int(money[at].sum()),
            }
            for at, name in enumerate(PARTS)
        },
        "conversion": {
            "before": conversion.before,
            "after": conversion.after,
            "mix": float(split.mix.sum()),
            "rate": float(split.rate.sum()),
            "mix_share": split.mix_share,
            "mix_share_low": share.low if share else None,
            "mix_share_high": share.high if share else None,
            "tqi": index.tqi,
            "ppi": index.ppi,
            "tqi_log_share": index.log_share,
            "reading": by_identity(index).value if share else "undetermined",
        },
        "rows": [
            {
                **_counts(groups, at),
                "parts": shares[:, at].tolist(),
                "money": money[:, at].tolist(),
                "conversion_mix": float(split.mix[at]),
                "conversion_rate": float(split.rate[at]),
            }
            for at in _largest_first(groups, shares)
        ],
    }


def _largest_first(groups: Grouped, shares: np.ndarray[Any, np.dtype[np.int64]]) -> list[int]:
    sizes = np.abs(shares.sum(axis=0))
    return sorted(
        range(len(groups.keys)), key=lambda at: (groups.keys[at] == (OTHERS,), -int(sizes[at]))
    )


def _counts(groups: Grouped, at: int) -> Document:
    sold = groups.sold
    return {
        "key": list(groups.keys[at]),
        "others": groups.keys[at] == (OTHERS,),
        "sessions": [int(sold.sessions[0, at]), int(sold.sessions[1, at])],
        "orders": [int(sold.orders[0, at]), int(sold.orders[1, at])],
        "revenue": [round(float(sold.revenue_minor[which, at])) for which in (0, 1)],
    }


def _rounded(parts: Floats, *, total: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Round the four parts to their sum first, then what each segment gives to them."""
    sums = whole(parts.sum(axis=1), total=total)
    return np.stack([whole(row, total=int(each)) for row, each in zip(parts, sums, strict=True)])


def _scaled(between: Interval | None, scale: int, *, low: bool) -> float | None:
    if between is None:
        return None
    return round((between.low if low else between.high) * scale, 3)
