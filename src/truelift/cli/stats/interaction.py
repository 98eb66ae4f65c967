"""`truelift stats interaction`: whether two experiments disturb each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np

from truelift.cli.stats.asking import JsonOption, app, asked_for, tell


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The units that saw one variant of each experiment: how many, their metric and its variance.

    Without a metric the traffic alone is tested.
    """

    n: int
    value: float | None = None
    variance: float | None = None


class InteractionInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `interaction` takes.

    Attributes:
        cells: By variant of the one experiment (rows, its control first) and of the other.
            `variance` is that of the cell's value, not of a unit.
        worth: Size of an interaction that would matter, for the power.
        measured: Whether effects that add up are no interaction, or those that multiply.
        alpha: Error level.
    """

    cells: Sequence[Sequence[Cell]]
    worth: float | None = None
    measured: Literal["difference", "ratio"] = "difference"
    alpha: float = 0.05


@app.command()
def interaction(*, as_json: JsonOption = False) -> None:  # noqa: ARG001 - accepted everywhere
    """Test whether two experiments share units unevenly, and whether their effects add up."""
    from truelift.cli.stats.asking import BadInput
    from truelift.stats.interactions import Measured, metric_interaction, traffic_interaction

    asked = asked_for(InteractionInput)
    if len({len(row) for row in asked.cells}) != 1:
        raise BadInput(reason="every row has as many cells")
    traffic = traffic_interaction([[cell.n for cell in row] for row in asked.cells])
    answer: dict[str, object] = {
        "traffic": {
            "chi2": float(traffic.chi2),
            "df": traffic.df,
            "p": float(traffic.p),
            "found": bool(traffic.found),
            "residuals": traffic.residuals.tolist(),
        },
        "metric": None,
    }
    given = [(cell.value, cell.variance) for row in asked.cells for cell in row]
    if any(number is not None for pair in given for number in pair):
        if any(number is None for pair in given for number in pair):
            raise BadInput(reason="either every cell has a value and a variance, or none has")
        shape = (len(asked.cells), len(asked.cells[0]))
        values, variances = (
            np.array([pair[nth] for pair in given], dtype=float).reshape(shape) for nth in (0, 1)
        )
        found = metric_interaction(
            values,
            variances,
            worth=asked.worth,
            measured=Measured(asked.measured),
            alpha=asked.alpha,
        )
        answer["metric"] = {
            "effects": [
                [
                    {"value": value, "se": se, "low": low, "high": high}
                    for value, se, low, high in zip(*row, strict=True)
                ]
                for row in zip(
                    found.value.tolist(),
                    found.se.tolist(),
                    found.low.tolist(),
                    found.high.tolist(),
                    strict=True,
                )
            ],
            "wald": float(found.wald),
            "df": found.df,
            "p": float(found.p),
            "power": None if np.isnan(found.power) else float(found.power),
        }
    tell(answer)
