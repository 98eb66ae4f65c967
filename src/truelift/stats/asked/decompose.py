"""`decompose`: what took conversion and revenue per session from one period to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from truelift.stats.asked.document import BadInput, Document, Statistic


if TYPE_CHECKING:
    from truelift.stats.decomposition import Cells, Interval, Sold


MOST_SEGMENTS: Final = 2_000
MOST_DRAWS: Final = 20_000
MOST_CELLS_DRAWN: Final = 8_000_000

Counted = Annotated[int, msgspec.Meta(ge=0, le=10**12)]


class Segment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A segment in one period; `revenue` in major units, for all segments or for none."""

    segment: Annotated[str, msgspec.Meta(max_length=300)]
    sessions: Counted
    orders: Counted
    revenue: Annotated[float, msgspec.Meta(ge=0, le=10**13)] | None = None


class DecomposeInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `decompose` takes."""

    before: Annotated[Sequence[Segment], msgspec.Meta(max_length=MOST_SEGMENTS)]
    after: Annotated[Sequence[Segment], msgspec.Meta(max_length=MOST_SEGMENTS)]
    three_fold: bool = False
    draws: Annotated[int, msgspec.Meta(ge=100, le=MOST_DRAWS)] = 2_000
    level: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.95
    seed: Annotated[int, msgspec.Meta(ge=0)] = 7


def decompose(asked: DecomposeInput) -> Document:
    """Split the change of conversion into mix and rate, and of revenue per session into four."""
    import numpy as np

    from truelift.stats.decomposition import Cells, mix_and_rate, mix_share_interval, three_fold
    from truelift.stats.page_or_traffic import by_identity, identity

    names, periods = _aligned(asked)
    counted = np.array([[(each.sessions, each.orders) for each in row] for row in periods], float)
    if counted.shape[1] * asked.draws > MOST_CELLS_DRAWN:
        raise BadInput(reason="so many segments with so many draws take too long; ask for fewer")
    if (counted[..., 1] > counted[..., 0]).any():
        raise BadInput(reason="a segment has more orders than sessions")
    cells = Cells.of(counted[0, :, 0], counted[0, :, 1], counted[1, :, 0], counted[1, :, 1])
    found = mix_and_rate(cells)
    between = mix_share_interval(
        cells, rng=np.random.default_rng(asked.seed), draws=asked.draws, level=asked.level
    )
    index = identity(cells) if found.before else None
    answer: Document = {
        "rate_before": found.before,
        "rate_after": found.after,
        "total": found.change,
        "mix": float(found.mix.sum()),
        "rate": float(found.rate.sum()),
        "mix_share": found.mix_share,
        "mix_share_low": between.low if between else None,
        "mix_share_high": between.high if between else None,
        "tqi": index.tqi if index else None,
        "ppi": index.ppi if index else None,
        "tqi_log_share": index.log_share if index else None,
        "reading": by_identity(index).value if index and between else "undetermined",
        "segments": _segments(names, cells, found.mix, found.rate),
    }
    if between is None:
        answer["mix_share_reason"] = (
            "the change may well be 0, and a share of nothing has no interval"
        )
    if asked.three_fold:
        parts = three_fold(cells)
        answer["three_fold"] = {
            "mix": parts.mix,
            "rate": parts.rate,
            "interaction": parts.interaction,
        }
    if any(each.revenue is not None for row in (asked.before, asked.after) for each in row):
        answer["revenue_per_session"] = _revenue(asked, periods, counted)
    return answer


def _aligned(asked: DecomposeInput) -> tuple[list[str], tuple[list[Segment], list[Segment]]]:
    """Give every segment of either period, in the order of naming, with what each period has."""
    tables = []
    for row in (asked.before, asked.after):
        table = {each.segment: each for each in row}
        if len(table) < len(row):
            raise BadInput(reason="a period names a segment twice")
        tables.append(table)
    names = list({each.segment: None for each in (*asked.before, *asked.after)})
    if not names:
        raise BadInput(reason="there is no segment")
    priced = {each.revenue is not None for row in (asked.before, asked.after) for each in row}
    if len(priced) > 1:
        raise BadInput(reason="give the revenue of all segments or of none")
    empty = 0.0 if priced == {True} else None
    periods = tuple(
        [table.get(name) or Segment(name, 0, 0, empty) for name in names] for table in tables
    )
    return names, (periods[0], periods[1])


def _segments(names: Sequence[str], cells: Cells, mix: Any, rate: Any) -> list[Document]:  # noqa: ANN401 - arrays
    w0, w1 = cells.weight_before, cells.weight_after
    return [
        {
            "segment": name,
            "sessions_before": int(w0[at]),
            "sessions_after": int(w1[at]),
            "weight_before": float(w0[at] / w0.sum()),
            "weight_after": float(w1[at] / w1.sum()),
            "rate_before": float(cells.amount_before[at] / w0[at]) if w0[at] else None,
            "rate_after": float(cells.amount_after[at] / w1[at]) if w1[at] else None,
            "mix": float(mix[at]),
            "rate": float(rate[at]),
        }
        for at, name in enumerate(names)
    ]


def _revenue(
    asked: DecomposeInput,
    periods: tuple[list[Segment], list[Segment]],
    counted: Any,  # noqa: ANN401 - an array
) -> Document:
    """Split revenue per session; money is in as decimals, so the parts are of major units."""
    import numpy as np

    from truelift.stats.decomposition import (
        PARTS,
        NoLogarithm,
        Sold,
        chain,
        intervals,
        logarithmic,
        shapley,
    )

    money = np.array([[each.revenue or 0.0 for each in row] for row in periods])
    sold = Sold.of(counted[..., 0], counted[..., 1], money)
    found = chain(sold)
    between = intervals(
        sold, rng=np.random.default_rng(asked.seed), draws=asked.draws, level=asked.level
    )
    factors = _factors(sold)
    try:
        logs: list[float] | None = [float(each) for each in logarithmic(*factors)]
    except NoLogarithm:
        logs = None
    return {
        "before": found.before,
        "after": found.after,
        "total": found.change,
        **{name: _part(float(found.parts[at].sum()), between[at]) for at, name in enumerate(PARTS)},
        "revenue": {
            "factors": ["sessions", "conversion", "order_value"],
            "before": factors[0],
            "after": factors[1],
            "shapley": [float(each) for each in shapley(*factors)],
            "logarithmic": logs,
        },
    }


def _factors(sold: Sold) -> tuple[list[float], list[float]]:
    n, orders, money = (
        each.sum(axis=1) for each in (sold.sessions, sold.orders, sold.revenue_minor)
    )
    first, second = (
        [float(n[at]), float(orders[at] / n[at]), float(money[at] / orders[at])] for at in (0, 1)
    )
    return first, second


def _part(value: float, between: Interval) -> Document:
    return {"value": value, "low": between.low, "high": between.high}


STATISTICS: Final[dict[str, Statistic[Any]]] = {"decompose": Statistic(DecomposeInput, decompose)}
