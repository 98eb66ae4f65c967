"""Numbers, days and names as the pages of experiments write them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.experiments.models import MetricRecord
from truelift.events.money import exponent_of
from truelift.lifecycle.experiment import Action, Advice, Choice, Method, Stage


SYMBOLS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "CHF": "CHF "}

STAGES: Final = {
    Stage.DRAFT: "Draft",
    Stage.READY: "Ready to launch",
    Stage.RUNNING: "Running",
    Stage.STOPPED: "Waits for its analysis",
    Stage.ANALYSED: "Waits for a decision",
    Stage.DECIDED: "Waits for its learning",
    Stage.LEARNED: "Learned",
    Stage.CLOSED: "Closed",
    Stage.INVALID: "Invalid",
}
"""A stage as a person reads it: what it waits for."""

STAGE_GLYPHS: Final = {
    Stage.DRAFT: "missing",
    Stage.READY: "passed",
    Stage.RUNNING: "waiting",
    Stage.STOPPED: "waiting",
    Stage.ANALYSED: "watch",
    Stage.DECIDED: "waiting",
    Stage.LEARNED: "passed",
    Stage.CLOSED: "passed",
    Stage.INVALID: "invalid",
}

METHODS: Final = {
    Method.AB: "A/B test",
    Method.ABN: "A/B/n test",
    Method.MVT: "Multivariate test",
    Method.ROLLOUT: "Rollout",
    Method.HOLDOUT: "Holdout",
    Method.SWITCHBACK: "Switchback",
    Method.PRE_POST: "Before and after",
    Method.USABILITY_TEST: "Usability test",
    Method.SURVEY: "Survey",
    Method.COHORT: "Cohort comparison",
    Method.FAKE_DOOR: "Fake door",
    Method.DIRECT_SHIP: "Shipped directly",
}

ACTIONS: Final = {
    Action.SUBMIT: "Submit the plan",
    Action.RETURN: "Return to draft",
    Action.LAUNCH: "Launch",
    Action.STOP: "Stop",
    Action.ANALYSE: "Take the analysis",
    Action.DECIDE: "Decide",
    Action.LEARN: "Mark as learned",
    Action.CLOSE: "Close",
    Action.INVALIDATE: "Mark invalid",
}

PAST: Final = {
    Action.SUBMIT: "submitted the plan",
    Action.RETURN: "returned it to draft",
    Action.LAUNCH: "launched it",
    Action.STOP: "stopped it",
    Action.ANALYSE: "took the analysis",
    Action.DECIDE: "decided",
    Action.LEARN: "wrote the learning",
    Action.CLOSE: "closed it",
    Action.INVALIDATE: "marked it invalid",
}

CHOICES: Final = {Choice.SHIP: "Ship", Choice.ITERATE: "Iterate", Choice.STOP: "Stop"}

ADVICE: Final = {
    Advice.SHIP: "Ship it",
    Advice.ITERATE: "Iterate",
    Advice.STOP: "Stop it",
    Advice.KEEP_RUNNING: "Keep it running",
    Advice.INVALID: "It cannot be used",
}

_WORDS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def count(number: int, one: str, many: str | None = None) -> str:
    """Write a small number in words with its noun: "two checks"."""
    noun = one if number == 1 else (many or f"{one}s")
    return f"{_WORDS[number] if number < len(_WORDS) else f'{number:,}'} {noun}"


def listed(parts: Sequence[str]) -> str:
    """Join with commas and "and"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def signed_percent(share: float) -> str:
    """Write a relative change with its sign: "+7.5%"."""
    return _minus(f"{share:+.1%}")


def percent(share: float) -> str:
    """Write a rate: one decimal, two below 10%."""
    return _minus(f"{share:.2%}" if abs(share) < 0.1 else f"{share:.1%}")


def level(value: float, metric: MetricRecord | None, *, currency: str) -> str:
    """Write the level of a metric in its own unit."""
    if metric is not None and metric.kind == "proportion":
        return percent(value)
    if metric is not None and is_money(metric):
        return money(value, currency)
    digits = 2 if abs(value) < 100 else 1
    return _minus(f"{value:,.{digits}f}")


def difference(value: float, metric: MetricRecord | None, *, currency: str) -> str:
    """Write an absolute change with its sign, in the unit of the metric."""
    sign = "+" if value > 0 else "−" if value < 0 else ""
    size = abs(value)
    if metric is not None and metric.kind == "proportion":
        return f"{sign}{size * 100:.2f} pt"
    if metric is not None and is_money(metric):
        return f"{sign}{money(size, currency)}"
    return f"{sign}{size:,.3g}"


def is_money(metric: MetricRecord) -> bool:
    """Whether the metric's numbers are an amount of money."""
    return metric.property == "value" and metric.denominator_property != "value"


def money(minor: float, currency: str) -> str:
    """Write an amount of minor units, currency first, to the cent."""
    exponent = exponent_of(currency)
    symbol = SYMBOLS.get(currency, f"{currency} ")
    size = abs(minor) / 10**exponent
    return _minus(f"{'-' if minor < 0 else ''}{symbol}{size:,.{exponent}f}")


def rounded_money(minor: int, currency: str) -> str:
    """Write an amount of minor units, rounded to three significant digits for a sentence."""
    value = minor / 10 ** exponent_of(currency)
    symbol = SYMBOLS.get(currency, f"{currency} ")
    whole = float(f"{value:.3g}")
    return _minus(f"{'-' if whole < 0 else ''}{symbol}{abs(whole):,.0f}")


def p_value(p: float) -> str:
    """Write a p-value with two digits, never stars."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def day(when: date) -> str:
    """Write a day: "Tue 24 Nov"."""
    return f"{when:%a} {when.day} {when:%b}"


def day_and_year(when: date) -> str:
    """Write a day with its year: "24 Nov 2026"."""
    return f"{when.day} {when:%b %Y}"


def days(start: date, end: date) -> str:
    """Write a period by its first and its last day: "26 Oct to 15 Nov 2026"."""
    last = date.fromordinal(end.toordinal() - 1)
    first = f"{start.day} {start:%b}" if start.year == last.year else day_and_year(start)
    return f"{first} to {day_and_year(last)}"


def moment(at: datetime, zone: str) -> str:
    """Write a moment in a site's zone: "Tue 24 Nov, 09:38"."""
    there = at.astimezone(ZoneInfo(zone))
    return f"{day(there.date())}, {there:%H:%M}"


def short(digest: str) -> str:
    """Write the two ends of a digest."""
    return f"{digest[:4]}…{digest[-4:]}" if digest else ""


def _minus(text: str) -> str:
    return text.replace("-", "−")
