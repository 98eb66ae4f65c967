"""Amounts per session and segments, as pages write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from truelift.apps.commerce.cells import OTHERS
from truelift.apps.drawing.wording import MINUS, money, priced, short_day, signed
from truelift.events.money import exponent_of
from truelift.lifecycle.vocabulary import Vocabulary, words_of
from truelift.stats.decomposition import PARTS


_SMALL: Final[Mapping[str, str]] = {"EUR": "c", "USD": "c", "GBP": "p"}
"""What a hundredth of a currency is called after a number."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """How a snapshot writes what it tells per session.

    Attributes:
        currency: ISO code.
        is_money: Otherwise everything is in orders, or what else is counted, per thousand
            sessions.
        scale: Units of the document in one minor unit (or one order).
        words: What is counted.
    """

    currency: str
    is_money: bool
    scale: int
    words: Vocabulary

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Amounts:
        """Read it from a snapshot."""
        drivers = document["drivers"]
        return cls(
            document["currency"],
            drivers["unit"] == "money",
            drivers["scale"],
            words_of(document.get("kind")),
        )

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that a page tells: without money nothing is worth more or less."""
        return parts_told(is_money=self.is_money)

    @property
    def of_what(self) -> str:
        """What is told per session."""
        if self.is_money:
            return "Revenue per session"
        return f"{self.words.heading} per 1,000 sessions"

    @property
    def digits(self) -> int:
        """Decimals of a level, so that levels and parts add up as they are printed."""
        return exponent_of(self.currency) + 2 if self.is_money else 2

    @property
    def unit(self) -> float:
        """Units of the document in one of what an axis is written in."""
        return float(self.scale) if self.is_money else self.scale / 1_000

    def level(self, value: float) -> str:
        """Write a level: €1.9200."""
        if not self.is_money:
            return f"{value * 1_000 / self.scale:,.2f}"
        major = abs(value) / self.scale / 10 ** exponent_of(self.currency)
        return priced(f"{major:,.{self.digits}f}", self.currency, negative=value < 0)

    def change(self, value: float) -> str:
        """Write a change: −72.45 c."""
        if not self.is_money:
            return signed(f"{value * 1_000 / self.scale:+,.2f}")
        small = _SMALL.get(self.currency.upper())
        minor = value / self.scale
        if small and abs(minor) < 1_000:
            return f"{signed(f'{minor:+,.2f}')}\u00a0{small}"
        sign = "+" if value > 0 else ""
        return sign + self.level(value)

    def money(self, minor: float, *, plus: bool = True) -> str:
        """Write money with its sign; empty where there is none."""
        if not self.is_money:
            return f"{'+' if plus and minor > 0 else ''}{minor:,.0f}".replace("-", MINUS)
        return f"{'+' if plus and minor > 0 else ''}{money(minor, self.currency)}"


def parts_told(*, is_money: bool) -> tuple[str, ...]:
    """Name the parts of a change that say something: worth only where a feed tells money."""
    return PARTS if is_money else PARTS[:2]


def part_words(name: str, words: Vocabulary) -> tuple[str, str]:
    """Call a part of a change by its name, with what it means."""
    worth, many = words.value.capitalize(), words.many
    return {
        "conversion_mix": (
            "Traffic mix",
            f"other visitors came: more or fewer of those who {words.do}",
        ),
        "conversion_rate": (
            "Conversion within segments",
            f"the same visitors {words.do} more or less often",
        ),
        "value_mix": (f"{worth} mix", f"{many} came from segments with another {words.value}"),
        "value_rate": (
            f"{worth} within segments",
            f"{many} of the same segments are worth more or less",
        ),
    }[name]


def segment(key: Sequence[str]) -> str:
    """Name a segment: its levels, or that no feed says."""
    if tuple(key) == (OTHERS,):
        return "All others"
    told = [each for each in key if each]
    return " · ".join(told) if told else "not said"


def lasting(key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Name a campaign's source where one of its campaigns was not there in both periods.

    What one campaign takes over from another cancels within the source: only their sum is sure.

    Args:
        key: Of a row: a source and a campaign; any other stays what it is.
        rows: All rows of the breakdown.
    """
    if len(key) < 2:
        return tuple(key)
    passing = any(not all(each["sessions"]) for each in rows if each["key"][0] == key[0])
    return (key[0],) if passing else tuple(key)


def span(period: Mapping[str, str]) -> str:
    """Write a period: 2 Mar to 26 Apr 2026."""
    first = date.fromisoformat(period["since"])
    last = date.fromisoformat(period["until"]) - timedelta(days=1)
    begins = short_day(first) if first.year == last.year else f"{short_day(first)} {first.year}"
    return f"{begins} to {short_day(last)} {last.year}"


def relative(before: float | None, after: float | None) -> str:
    """Write a relative change: −40.0%; empty where there is nothing to be a share of."""
    if not before or after is None:
        return ""
    return signed(f"{after / before - 1:+.1%}")
