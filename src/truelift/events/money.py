"""Amounts of money: read in major units, kept in minor units by the currency's exponent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final


EXPONENTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX",
                "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
            ),
            0,
        ),
        **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
        **dict.fromkeys(("CLF", "UYW"), 4),
    }
)  # fmt: skip
"""Decimal places of the currencies that do not have two (ISO 4217)."""

_LARGEST: Final = 1e15
_LARGEST_MINOR: Final = 2**63 - 1
_AMOUNTS: Final = ("revenue", "total", "value")


def exponent_of(currency: str) -> int:
    """Say how many decimal places a currency has; 2 for one that is not known."""
    return EXPONENTS.get(currency.upper(), 2)


def minor_units(amount: float, currency: str) -> int | None:
    """Turn major units into whole minor units, halves to even; None when it is no amount.

    The amount's shortest decimal form is what counts: 1.005 dollars are 100
    cents, and 0.285 × 100 does not become 28.499999999999996.
    """
    if not math.isfinite(amount) or abs(amount) > _LARGEST:
        return None
    exact = Decimal(repr(amount)).scaleb(exponent_of(currency))
    minor = int(exact.to_integral_value(ROUND_HALF_EVEN))
    return minor if abs(minor) <= _LARGEST_MINOR else None


def currency_code(text: object) -> str | None:
    """Read a currency as three capital letters, or say that it is none."""
    if isinstance(text, str) and len(text) == 3 and text.isascii() and text.isalpha():
        return text.upper()
    return None


def amount_of(properties: Mapping[str, object]) -> float | None:
    """Find an event's amount: `revenue`, else `total`, else `value`, in major units.

    Numbers and plain numeric texts count; anything else is passed over.
    """
    for name in _AMOUNTS:
        value = properties.get(name)
        if value is None:
            continue
        if type(value) is float and -_LARGEST <= value <= _LARGEST:
            return value
        amount = number(value)
        if amount is not None:
            return amount
    return None


def number(value: object) -> float | None:
    """Read a number or a plain numeric text (`"12.50"`); None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        if not abs(value) <= _LARGEST:
            return None
        amount = float(value)
    elif isinstance(value, str) and 0 < len(value) <= 32:
        try:
            amount = float(Decimal(value.strip()))
        except (InvalidOperation, ValueError):
            return None
    else:
        return None
    return amount if math.isfinite(amount) and abs(amount) <= _LARGEST else None
