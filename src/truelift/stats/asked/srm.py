"""`srm`: whether variants got the units that were planned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from truelift.stats.asked.document import BadInput, Document, Statistic


class SplitInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `srm` takes; with the method `sequential`, a row of counts for each day."""

    observed: Sequence[int | Sequence[int]]
    weights: Sequence[float]
    method: Literal["chi2", "fixed", "sequential"] = "chi2"


def srm(asked: SplitInput) -> Document:
    """Check whether the variants got the shares of units that were planned."""
    from truelift.stats.srm import check_split, check_split_daily

    if asked.method == "sequential":
        days = [row for row in asked.observed if not isinstance(row, int)]
        if len(days) < len(asked.observed):
            raise BadInput(reason="the sequential check takes a row of counts for each day")
        running = check_split_daily(days, asked.weights)
        return {"p": running.p, "status": running.status.value, "daily": list(running.daily)}
    observed = [count for count in asked.observed if isinstance(count, int)]
    if len(observed) < len(asked.observed):
        raise BadInput(reason="daily counts are for the sequential check; give one count each")
    split = check_split(observed, asked.weights)
    return {"chi2": split.chi2, "p": split.p, "status": split.status.value}


STATISTICS: Final[dict[str, Statistic[Any]]] = {"srm": Statistic(SplitInput, srm)}
