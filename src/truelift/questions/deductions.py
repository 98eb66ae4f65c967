"""Tax and shipping that stand in an order's revenue, as SQL over its properties."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final


_LARGEST: Final = 10**15


@dataclass(frozen=True, slots=True)
class Deductions:
    """What an order's own properties take off its revenue.

    Attributes:
        gross: SQL of what was sent as `revenue`, else `total`; null for an amount that came
            as `value`, from which nothing is taken.
        off: SQL of what is to be taken off it, with the sign of the gross; 0 where the
            order names nothing.
        fits: SQL of whether the rest lies between nothing and the gross.
    """

    gross: str
    off: str
    fits: str


def deductions(names: Collection[str]) -> Deductions:
    """Write what takes these properties off a revenue, all in major units.

    A refund has a negative revenue, and clients disagree about the sign of the tax in it:
    either way it is part of what was paid back.

    Args:
        names: Plain property names, such as `tax`.
    """
    gross = f"coalesce({_number('revenue')}, {_number('total')})"
    parts = " + ".join(f"coalesce({_number(name)}, 0)" for name in names) or "0"
    off = f"(CASE WHEN {gross} < 0 THEN -abs({parts}) ELSE {parts} END)"
    fits = f"{off} BETWEEN least({gross}, 0) AND greatest({gross}, 0)"
    return Deductions(gross=gross, off=off, fits=fits)


def _number(name: str) -> str:
    """Read a number or a numeric text exactly; null for anything else, and for the absurd."""
    text = f"json_extract_string(properties, '/{name}')"
    return (
        f"(CASE WHEN abs(TRY_CAST({text} AS DOUBLE)) <= {_LARGEST}"
        f" THEN CAST(TRY_CAST({text} AS DOUBLE) AS DECIMAL(38, 8)) END)"
    )
