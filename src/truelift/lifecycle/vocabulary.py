"""What pages call what a site counts: orders, leads or activations, each by one set of words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.shared_metric import MetricKind


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of one kind of shared metric, in small letters.

    Facts keep what is counted in one column, whatever it is called here; where a feed tells
    money of it, that is revenue for everybody.

    Attributes:
        one: What a session can bring.
        many: Several of them.
        worth: What one of them is worth.
        value: That worth as a quality of segments: a mix of it, or a change within one.
        do: What visitors do who bring one.
    """

    one: str
    many: str
    worth: str
    value: str
    do: str

    @property
    def one_of_them(self) -> str:
        """One of them, with its article: an order."""
        return f"{'an' if self.one[0] in 'aeiou' else 'a'} {self.one}"

    @property
    def heading(self) -> str:
        """Several of them, at the head of a column."""
        return self.many.capitalize()

    def driven(self, *, is_money: bool) -> str:
        """Name what drivers move: revenue where a feed tells money, else what is counted."""
        return "revenue" if is_money else self.many


WORDS: Final[Mapping[MetricKind, Vocabulary]] = MappingProxyType(
    {
        MetricKind.REVENUE: Vocabulary("order", "orders", "order value", "basket", "buy"),
        MetricKind.LEADS: Vocabulary(
            "lead", "leads", "value of a lead", "value", "leave their address"
        ),
        MetricKind.ACTIVATED: Vocabulary(
            "activation", "activations", "value of an activation", "value", "come to value"
        ),
    }
)


def words_of(kind: MetricKind | str | None) -> Vocabulary:
    """Give the words of a kind; those of orders while nobody has proposed a shared metric."""
    return WORDS[MetricKind(kind) if kind else MetricKind.REVENUE]
