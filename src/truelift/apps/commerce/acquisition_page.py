"""The page of what each source costs and earns as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from truelift.apps.commerce.drivers_page import Asked, Choice
from truelift.apps.commerce.periods import Against, period_label
from truelift.apps.commerce.wording import relative, span
from truelift.apps.drawing.wording import count, money, number, percent, rough_money
from truelift.lifecycle.vocabulary import Vocabulary, words_of


NONE = "no value"
"""Where a number is not defined, or no feed tells it."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source, every number first before and then after; `counted` where nothing tells money."""

    source: str
    spend: str
    spend_change: str
    click: str
    sessions: str
    sessions_change: str
    counted: str
    conversion: str
    per_session: str
    per_spend: str
    marginal: str
    customer: str
    worse: bool


@dataclass(frozen=True, slots=True)
class AcquisitionPage:
    """Everything that the page shows.

    Attributes:
        counted: What is counted, at the head of its column; empty where a feed tells money.
        earns: What a source brings, in words.
    """

    answer: str
    grounds: str
    advice: str
    rows: tuple[SourceRow, ...]
    total: SourceRow
    periods: tuple[Choice, ...]
    customer_head: str
    counted: str
    earns: str
    more: int
    has_spend: bool
    snapshot: str


def acquisition_page(
    document: Mapping[str, Any],
    asked: Asked,
    *,
    number_of: int,
    made: str,
    kept: Sequence[tuple[int, Against]],
) -> AcquisitionPage:
    """Lay out what each source costs and earns."""
    found, currency = document["acquisition"], document["currency"]
    first, last = document["drivers"]["before"], document["drivers"]["after"]
    knows_new = "new_customers" in found["total"]
    words, is_money = words_of(document.get("kind")), found["total"]["revenue_minor"] is not None
    basis = (
        "revenue net of refunds, at the day of the order"
        if is_money
        else f"{words.many} are counted, whatever they are worth"
    )
    return AcquisitionPage(
        answer=_answer(found, currency, words),
        grounds=f"{span(last)} against {span(first)}; {basis}. Observational: sources differ in"
        " more than what they cost.",
        advice=_advice(found),
        rows=tuple(_row(each, currency, knows_new=knows_new) for each in found["rows"]),
        total=_row(found["total"], currency, knows_new=knows_new),
        periods=tuple(
            Choice(
                asked.address(weeks=weeks, against=against),
                period_label(weeks, against),
                (weeks, against) == (asked.weeks, asked.against),
            )
            for weeks, against in kept
        ),
        customer_head="Cost per new customer" if knows_new else f"Cost per {words.one}",
        counted="" if is_money else words.heading,
        earns="revenue" if is_money else words.many,
        more=found["more"],
        has_spend=found["has_spend"],
        snapshot=f"Snapshot {number_of}, made {made}",
    )


def _answer(found: Mapping[str, Any], currency: str, words: Vocabulary) -> str:
    if not found["has_spend"]:
        return "No feed says what advertising costs yet."
    total = found["total"]
    is_money = total["revenue_minor"] is not None
    if total["worse_traffic"]:
        return (
            f"More money buys worse traffic: spend {_moved(total['spend_minor'])}, sessions"
            f" {_moved(total['sessions'], many=True)}, and revenue"
            f" {_moved(total['revenue_minor'])}."
        )
    worse = [each["source"] for each in found["rows"] if each["worse_traffic"]]
    if worse:
        return f"{worse[0]} takes no less money, brings more sessions, and earns less."
    if not total["spend_minor"][1]:
        return "Nothing was spent in the later weeks."
    if not is_money:
        before, after = total["cost_per_order_minor"]
        if after is None:
            return f"Advertising cost money in the later weeks, and no {words.one} came."
        then = "" if before is None else f", {money(before, currency)} in the weeks before"
        return (
            f"Advertising costs {money(after, currency)} for each {words.one} of all sources{then}."
        )
    earned = total["revenue_per_spend"][1]
    if earned is None:
        return "Nothing was spent in the later weeks."
    marginal = total["marginal_revenue_per_spend"]
    more = ""
    if marginal is not None:
        spent, revenue = (
            after - before for before, after in (total["spend_minor"], total["revenue_minor"])
        )
        more = (
            f"; {rough_money(abs(spent), currency)} {'more' if spent > 0 else 'less'} was spent"
            f" than before, and {rough_money(abs(revenue), currency)}"
            f" {'more' if revenue > 0 else 'less'} came in"
        )
    return f"All revenue is {number(earned, digits=2)} times what advertising costs{more}."


def _moved(pair: Sequence[int], *, many: bool = False) -> str:
    before, after = pair
    end = "" if many else "s"
    if before == after:
        return f"stay{end} as before"
    if not before:
        return f"begin{end}"
    return f"{'rise' if after > before else 'fall'}{end} by {abs(after / before - 1):.1%}"


def _advice(found: Mapping[str, Any]) -> str:
    if found["total"]["worse_traffic"] or any(each["worse_traffic"] for each in found["rows"]):
        return (
            "Change the metric or the budget: give whoever buys this traffic the shared metric, or"
            " a ceiling. A test on the page would not bring it back."
        )
    return ""


def _row(each: Mapping[str, Any], currency: str, *, knows_new: bool) -> SourceRow:
    def amounts(name: str) -> str:
        return _pair([_money(value, currency) for value in each[name] or (None, None)])

    customer = "cost_per_new_customer_minor" if knows_new else "cost_per_order_minor"
    marginal = each["marginal_revenue_per_spend"]
    spend, sessions = each["spend_minor"], each["sessions"]
    return SourceRow(
        source=each["source"] or "not said",
        spend=_pair([rough_money(value, currency) for value in spend]) if any(spend) else "none",
        spend_change=relative(*spend),
        click=amounts("cost_per_click_minor"),
        sessions=_pair([count(value) for value in sessions]),
        sessions_change=relative(*sessions),
        counted=_pair([count(value) for value in each["orders"]]),
        conversion=_pair([_share(value) for value in each["conversion"]]),
        per_session=amounts("revenue_per_session_minor"),
        per_spend=_pair([_times(value) for value in each["revenue_per_spend"]]),
        marginal=NONE if marginal is None else number(marginal, digits=2),
        customer=amounts(customer),
        worse=each["worse_traffic"],
    )


def _pair(words: Sequence[str]) -> str:
    return words[0] if words[0] == words[1] else f"{words[0]} → {words[1]}"


def _money(value: float | None, currency: str) -> str:
    return NONE if value is None else money(value, currency)


def _share(value: float | None) -> str:
    return NONE if value is None else percent(value, digits=2)


def _times(value: float | None) -> str:
    return NONE if value is None else number(value, digits=2)
