"""Words for stages, methods, actions and verdicts, as the pages of experiments write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.drawing import wording as numbers
from truelift.apps.experiments.models import SHARES, MetricKind, MetricRecord, Per
from truelift.lifecycle.experiment import Action, Advice, Choice, Method, Stage
from truelift.lifecycle.functions import Item
from truelift.lifecycle.judging import Inference
from truelift.lifecycle.stage_words import stage_word
from truelift.stats.group_sequential import Spending
from truelift.stats.multiplicity import Correction


_GLYPHS: Final = {
    Stage.BRIEFED: "missing",
    Stage.DESIGNED: "missing",
    Stage.BUILD: "missing",
    Stage.QA: "missing",
    Stage.READY: "passed",
    Stage.SCHEDULED: "passed",
    Stage.RUNNING: "waiting",
    Stage.PAUSED: "watch",
    Stage.STOPPED: "watch",
    Stage.ANALYSED: "watch",
    Stage.DECIDED: "watch",
    Stage.LEARNED: "passed",
    Stage.CLOSED: "passed",
    Stage.INVALID: "invalid",
}
STAGES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {stage: (glyph, stage_word(Item.EXPERIMENT, stage)) for stage, glyph in _GLYPHS.items()}
)
"""A stage as a person reads it: its shape, and what it waits for."""

METHODS: Final[Mapping[str, str]] = MappingProxyType(
    {
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
)

INFERENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Inference.FIXED: "Once, at the planned end (fixed horizon)",
        Inference.SEQUENTIAL: "At any time (sequential)",
        Inference.GROUP_SEQUENTIAL: "At a few planned looks (group sequential)",
        Inference.BAYESIAN: "Once, as a chance to win (Bayesian)",
    }
)
"""A way of judging as a person reads it: when effects may be read comes first."""

LEDES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Inference.FIXED: "One look at the planned end, chosen before launch.",
        Inference.SEQUENTIAL: "It may be looked at whenever one likes: a sequential test, chosen"
        " before launch.",
        Inference.GROUP_SEQUENTIAL: "It is looked at a few times that were planned before launch.",
        Inference.BAYESIAN: "One look at the planned end, as a chance to win, with a prior chosen"
        " before launch.",
    }
)
"""When effects may be read, as the first words of an experiment's page say it."""

SPENDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Spending.OBRIEN_FLEMING: "strict early, the end almost as without looks (O’Brien–Fleming)",
        Spending.POCOCK: "evenly, for early stops (Pocock)",
    }
)

CORRECTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Correction.HOLM: "Holm: hardly any false finding",
        Correction.BONFERRONI: "Bonferroni: the same, and all intervals hold at once",
        Correction.DUNNETT: "Dunnett: the same, exact for several variants and one control",
        Correction.BENJAMINI_HOCHBERG: "Benjamini–Hochberg: a small share of findings is false",
        Correction.NONE: "Nothing: each errs by itself",
    }
)

SEGMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "visitor": "New and returning visitors",
        "device": "Device",
        "country": "Country",
        "channel": "Channel",
    }
)
"""Dimensions that every analysis looks at, as a person reads them."""

PAST: Final[Mapping[str, str]] = MappingProxyType(
    {
        Action.DESIGN: "agreed the design",
        Action.BUILD: "started building",
        Action.CHECK: "handed it over to QA",
        Action.SUBMIT: "submitted the plan",
        Action.SCHEDULE: "scheduled it",
        Action.RETURN: "returned it to the brief",
        Action.LAUNCH: "launched it",
        Action.PAUSE: "paused it",
        Action.RESUME: "resumed it",
        Action.STOP: "stopped it",
        Action.ANALYSE: "took the analysis",
        Action.DECIDE: "decided",
        Action.LEARN: "wrote the learning",
        Action.CLOSE: "closed it",
        Action.INVALIDATE: "marked it invalid",
    }
)

CHOICES: Final[Mapping[str, str]] = MappingProxyType(
    {Choice.SHIP: "Ship", Choice.ITERATE: "Iterate", Choice.STOP: "Stop"}
)

DECIDED: Final[Mapping[str, str]] = MappingProxyType(
    {Choice.SHIP: "Ship", Choice.ITERATE: "Iterate", Choice.STOP: "Stop"}
)

ADVICE: Final[Mapping[str, str]] = MappingProxyType(
    {
        Advice.SHIP: "Ship it.",
        Advice.ITERATE: "Iterate.",
        Advice.STOP: "Stop it.",
        Advice.KEEP_RUNNING: "Keep it running.",
        Advice.INVALID: "This result cannot be used.",
    }
)

_SMALL: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def counted(number: int, one: str, many: str = "") -> str:
    """Write a small number in words with its noun: "two checks"."""
    noun = one if number == 1 else many or f"{one}s"
    return f"{_SMALL[number] if number < len(_SMALL) else numbers.count(number)} {noun}"


def listed(parts: Sequence[str]) -> str:
    """Join with commas and "and"."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def sentence_case(text: str) -> str:
    """Give a sentence its capital without touching the rest."""
    return text[:1].upper() + text[1:]


def inner(name: str) -> str:
    """Write a name inside a sentence: without its capital, unless it is an abbreviation."""
    second = name[1:2]
    return name[:1].lower() + name[1:] if second.islower() or second in {"", " ", "-"} else name


def level(value: float, metric: MetricRecord, *, currency: str) -> str:
    """Write the level of a metric in its own unit."""
    if is_share(metric):
        return numbers.percent(value)
    if is_money(metric):
        return numbers.money(value, currency)
    if metric.kind == MetricKind.RESTRICTED_MEAN:
        return f"{numbers.number(value)} days"
    return f"{numbers.number(value)} {metric.unit_label}".strip()


def is_share(metric: MetricRecord | None) -> bool:
    """Whether a visitor did it or did not."""
    return metric is not None and metric.kind in SHARES


def has_cap(metric: MetricRecord) -> bool:
    """Whether large numbers of single visitors count for less."""
    return metric.cap is not None or metric.cap_percentile is not None


def is_money(metric: MetricRecord) -> bool:
    """Whether the metric's numbers are an amount of money, in minor units."""
    amounts = {MetricKind.SUM, MetricKind.MEAN, MetricKind.RATIO, MetricKind.QUANTILE}
    return (
        metric.kind in amounts
        and metric.property == "value"
        and metric.denominator_property != "value"
    )


def definition(metric: MetricRecord, *, cap: bool = True) -> str:
    """Say in a few words what a metric counts.

    Args:
        metric: Which.
        cap: Whether to say what a visitor counts at most.
    """
    window = f"within {days_in_words(metric.window_days)}"
    match metric.kind:
        case "proportion":
            said = f"visitors with {metric.event}"
        case "count":
            said = f"{metric.event} per visitor"
        case "sum":
            said = f"{metric.property} of {metric.event} per visitor"
        case "mean":
            said = f"mean {metric.property} of a visitor’s {metric.event}"
        case "quantile":
            of = "all" if metric.per == Per.EVENT else "a visitor’s total over all"
            said = f"{quantile(metric.level or 0.5)} {metric.property} of {of} {metric.event}"
        case "restricted_mean":
            most = days_in_words(metric.window_days)
            return f"time until {metric.event}; later than {most}, or never, counts as {most}"
        case "retention":
            first, last = f"{metric.from_days:g}", days_in_words(metric.window_days)
            return f"visitors with {metric.event} between {first} and {last} after they saw it"
        case "funnel_step":
            steps = ", then ".join([*metric.steps, metric.event])
            said = f"visitors with {steps}"
        case _:
            above = f"{metric.property} of {metric.event}" if metric.property else metric.event
            below = metric.denominator_event
            if metric.denominator_property:
                below = f"{metric.denominator_property} of {below}"
            said = f"{above} per {below}"
    return f"{said}, {window}{_cap(metric) if cap else ''}"


def _cap(metric: MetricRecord) -> str:
    """Say what a visitor counts at most."""
    if metric.cap_percentile is not None:
        return f"; the largest count as the {percentile(metric.cap_percentile)}"
    if metric.cap is None:
        return ""
    said = f"; a visitor counts {metric.cap:,g} at most"
    if metric.denominator_cap is not None:
        said += f", and {metric.denominator_cap:,g} below the line"
    return said


def quantile(share: float) -> str:
    """Name a quantile: "median", "90th percentile"."""
    return "median" if share == 0.5 else percentile(share)


def percentile(share: float) -> str:
    """Name a percentile: "99th percentile"."""
    number = f"{share * 100:g}"
    ends = {"1": "st", "2": "nd", "3": "rd"}
    ordinal = "th" if number[-2:] in {"11", "12", "13"} else ends.get(number[-1], "th")
    return f"{number}{ordinal} percentile"


def days_in_words(days: float) -> str:
    """Write a number of days: "14 days", "12 hours"."""
    if days < 1:
        return f"{numbers.number(days * 24, digits=0)} hours"
    return "1 day" if days == 1 else f"{days:g} days"


def period(start: date, end: date) -> str:
    """Write a half-open period by its first and its last day: "26 Oct to 15 Nov 2026"."""
    last = end - timedelta(days=1)
    first = numbers.short_day(start)
    if start.year != last.year:
        first = f"{first} {start.year}"
    return f"{first} to {numbers.short_day(last)} {last.year}"


def weeks_in(start: date, end: date) -> str:
    """Write how long a period is: "three full weeks"."""
    days = (end - start).days
    if days % 7:
        return f"{days} days"
    return counted(days // 7, "full week")


def moment(at: datetime, zone: str) -> str:
    """Write a moment in a site's zone: "Tue 24 Nov, 09:38"."""
    return numbers.clock(at.astimezone(ZoneInfo(zone)))


def short_hash(digest: str) -> str:
    """Write the two ends of a digest."""
    return f"{digest[:4]}…{digest[-4:]}" if digest else ""
