"""`truelift stats srm`: whether variants got the units that were planned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from truelift.cli.stats.asking import BadInput, JsonOption, app, asked_for, tell


class SplitInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `srm` takes; with the method `sequential`, a row of counts for each day."""

    observed: Sequence[int | Sequence[int]]
    weights: Sequence[float]
    method: Literal["chi2", "fixed", "sequential"] = "chi2"


@app.command()
def srm(*, as_json: JsonOption = False) -> None:  # noqa: ARG001 - accepted everywhere
    """Check whether the variants got the shares of units that were planned."""
    from truelift.stats.srm import check_split, check_split_daily

    asked = asked_for(SplitInput)
    if asked.method == "sequential":
        days = [row for row in asked.observed if not isinstance(row, int)]
        if len(days) < len(asked.observed):
            raise BadInput(reason="the sequential check takes a row of counts for each day")
        running = check_split_daily(days, asked.weights)
        tell({"p": running.p, "status": running.status.value, "daily": list(running.daily)})
        return
    observed = [count for count in asked.observed if isinstance(count, int)]
    if len(observed) < len(asked.observed):
        raise BadInput(reason="daily counts are for the sequential check; give one count each")
    split = check_split(observed, asked.weights)
    tell({"chi2": split.chi2, "p": split.p, "status": split.status.value})
