"""Numbers, money and days as people read them: one place, so that no two pages differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.events.money import exponent_of


MINUS: Final = "−"
"""U+2212; a hyphen is not a minus."""

SYMBOLS: Final[Mapping[str, str]] = MappingProxyType(
    {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "CHF": "CHF\u00a0", "SEK": "SEK\u00a0"}
)
"""What stands before an amount; other currencies put their code there."""


def count(number: float) -> str:
    """Write a whole number with commas and a true minus: 282,900."""
    return f"{round(number):,}".replace("-", MINUS)


def amount(value: float, one: str, many: str = "") -> str:
    """Write a whole number with its noun: 1 test, 2,400 tests."""
    return f"{count(value)} {one if round(value) == 1 else many or f'{one}s'}"


def number(value: float, *, digits: int | None = None) -> str:
    """Write a level: as many decimals as given, otherwise three significant digits."""
    if digits is None:
        digits = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return unsigned_zero(f"{value:,.{digits}f}").replace("-", MINUS)


def percent(share: float, *, digits: int | None = None) -> str:
    """Write a level between 0 and 1: one decimal, two below ten per cent.

    Args:
        share: The level.
        digits: Decimals, where a column needs the same number in every row.
    """
    if digits is None:
        digits = 0 if share in (0, 1) else 2 if abs(share) < 0.1 else 1
    return unsigned_zero(f"{100 * share:.{digits}f}%").replace("-", MINUS)


def lift(share: float) -> str:
    """Write a relative change with its sign: +7.5%, −14.7%."""
    return signed(f"{100 * share:+.1f}%")


def points(difference: float) -> str:
    """Write a change of a rate in points with its sign: −4.6 pt; two decimals when small."""
    digits = 2 if abs(difference) < 0.01 else 1
    return signed(f"{100 * difference:+.{digits}f}") + " pt"


def change(value: float, *, digits: int | None = None) -> str:
    """Write a change of a level with its sign."""
    sign = "+" if value > 0 else ""
    text = number(value, digits=digits)
    return text if text.strip("0.,") == "" else sign + text


def money(minor: float, currency: str) -> str:
    """Write an amount to its smallest unit, the currency first: €71.90."""
    exponent = exponent_of(currency)
    amount = Decimal(repr(minor)).scaleb(-exponent)
    rounded = amount.quantize(Decimal(1).scaleb(-exponent), rounding=ROUND_HALF_UP)
    return priced(f"{abs(rounded):,}", currency, negative=rounded < 0)


def rough_money(minor: float, currency: str) -> str:
    """Write an amount with three significant digits, for sentences: €27,600."""
    exponent = exponent_of(currency)
    amount = Decimal(repr(minor)).scaleb(-exponent)
    if not amount:
        return priced("0", currency, negative=False)
    place = Decimal(1).scaleb(max(amount.adjusted() - 2, -exponent))
    rounded = amount.quantize(place, rounding=ROUND_HALF_UP)
    # A quantum above 1 leaves an exponent behind; whole amounts are shown whole,
    # small ones to the smallest unit (€9.90, not €9.9).
    if place >= 1 or rounded == rounded.to_integral_value():
        text = f"{abs(int(rounded)):,}"
    else:
        text = f"{abs(rounded):,.{exponent}f}"
    return priced(text, currency, negative=rounded < 0)


def priced(amount: str, currency: str, *, negative: bool) -> str:
    """Put the currency before an amount and the sign before both."""
    symbol = SYMBOLS.get(currency, f"{currency}\u00a0")
    return f"{MINUS if negative else ''}{symbol}{amount}"


def p_value(p: float) -> str:
    """Write a p-value with two digits, and never as zero."""
    if p < 0.001:
        return "p < 0.001"
    if p > 0.99:
        return "p > 0.99"
    return f"p = {p:.2g}"


def day(at: date, *, year: int | None = None) -> str:
    """Write a day: Tue 24 Nov, with its year unless it is the one given."""
    text = f"{at:%a} {at.day} {at:%b}"
    return text if at.year == year else f"{text} {at.year}"


def short_day(at: date) -> str:
    """Write a day for an axis: 24 Nov."""
    return f"{at.day} {at:%b}"


def clock(at: datetime) -> str:
    """Write a day and a time: Fri 20 Nov, 09:38; in the zone the moment carries."""
    return f"{at:%a} {at.day} {at:%b}, {at:%H:%M}"


def signed(text: str) -> str:
    """Give a signed number its true minus, and a change that rounds to nothing no sign."""
    return unsigned_zero(text).replace("-", MINUS)


def unsigned_zero(text: str) -> str:
    """Take the sign off a number that rounds to zero: −0.0% is 0.0%."""
    return text if any(digit in text for digit in "123456789") else text.lstrip("+-")


class Kind(StrEnum):
    """What a drawn number is, and so how it is written."""

    LIFT = "lift"
    POINTS = "points"
    SHARE = "share"
    COUNT = "count"
    NUMBER = "number"
    CHANGE = "change"
    MONEY = "money"


@dataclass(frozen=True, slots=True)
class Measure:
    """How the numbers of a drawing are written, on its axis and in its sentence.

    Attributes:
        kind: What they are.
        currency: For money, ISO code; amounts are in minor units.
        digits: Decimals of shares; None lets each number choose.
    """

    kind: Kind
    currency: str = ""
    digits: int | None = None

    def column(self, values: Sequence[float]) -> Measure:
        """Give the measure that writes all numbers of a column with the same decimals."""
        if self.kind is not Kind.SHARE or not values:
            return self
        return replace(self, digits=1 if max(map(abs, values)) >= 0.1 else 2)

    def said(self, value: float) -> str:
        """Write a number in full."""
        match self.kind:
            case Kind.LIFT:
                return lift(value)
            case Kind.POINTS:
                return points(value)
            case Kind.SHARE:
                return percent(value, digits=self.digits)
            case Kind.COUNT:
                return count(value)
            case Kind.NUMBER:
                return number(value)
            case Kind.CHANGE:
                return change(value)
            case Kind.MONEY:
                return rough_money(value, self.currency)

    def size(self, value: float) -> str:
        """Write how large a change is, without its sign: rose by 7.5%."""
        text = self.said(abs(value)).lstrip("+")
        return text.replace(" pt", " points")

    def range(self, low: float, high: float) -> str:
        """Write an interval: +1.4% to +13.5%, never with a dash."""
        return f"{self.said(low)} to {self.said(high)}"

    def tick(self, value: float, *, step: float) -> str:
        """Write a number on an axis: no more digits than the step between ticks needs."""
        if self.kind is Kind.MONEY:
            scale = 10 ** exponent_of(self.currency)
            return short_money(value / scale, self.currency, step=step / scale)
        if self.kind in {Kind.LIFT, Kind.SHARE, Kind.POINTS}:
            digits = decimals(100 * step)
            sign = "+" if value > 0 and self.kind is not Kind.SHARE else ""
            unit = " pt" if self.kind is Kind.POINTS else "%"
            if value == 0 and self.kind is not Kind.SHARE:
                return "0"
            return f"{sign}{100 * value:.{digits}f}{unit}".replace("-", MINUS)
        sign = "+" if value > 0 and self.kind is Kind.CHANGE else ""
        return sign + shortened(value, step=step)


def decimals(step: float) -> int:
    """Say how many decimals a step between ticks needs to be told from its neighbours."""
    return next((d for d in range(7) if abs(round(step, d) - step) < 1e-9 * step), 6)


def shortened(value: float, *, step: float) -> str:
    """Write a tick; steps of thousands and millions shorten to k and m."""
    if value == 0:
        return "0"
    for size, letter in ((1e6, "m"), (1e3, "k")):
        if step >= size:
            return f"{value / size:,.{decimals(step / size)}f}{letter}".replace("-", MINUS)
    return f"{value:,.{decimals(step)}f}".replace("-", MINUS)


def short_money(amount: float, currency: str, *, step: float) -> str:
    """Write an amount on an axis."""
    return priced(shortened(abs(amount), step=step), currency, negative=amount < 0)
