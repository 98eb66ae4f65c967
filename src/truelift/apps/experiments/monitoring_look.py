"""One look at a running experiment: is anything wrong with it, and what follows from that."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from truelift.apps.drawing.wording import percent, short_day
from truelift.apps.experiments.analysing import plan_and_question
from truelift.apps.experiments.checks import daily_split
from truelift.apps.experiments.domain import day_at, judging_of, midnight_at
from truelift.apps.experiments.measuring import DAY_S, Ask, measure
from truelift.apps.experiments.models import (
    ExperimentRecord,
    MetricKind,
    MetricRole,
    PlannedMetricRecord,
)
from truelift.apps.experiments.wording import counted, inner
from truelift.lifecycle.experiment import Stage
from truelift.lifecycle.monitoring import (
    Concern,
    Finding,
    Harm,
    Level,
    Reaction,
    harm_of,
    overrun,
    reaction_to,
)
from truelift.lifecycle.policy import HarmResponse, Policy
from truelift.lifecycle.working_days import working_days_between
from truelift.questions.document import instant
from truelift.questions.matching import Comparison, Condition, Events
from truelift.questions.metric import Metric
from truelift.questions.trend import Interval, Trend, TrendAnswer
from truelift.questions.variant_summaries import VariantSummariesAnswer
from truelift.stats.comparison import moments_of_table
from truelift.stats.distributions import normal_share_below
from truelift.stats.effects import Estimates
from truelift.stats.estimating import differences
from truelift.stats.integrity import CROSSOVERS_FAIL, CROSSOVERS_WARN, by_share
from truelift.stats.plan import AnalysisPlan, Samples
from truelift.stats.scales import Scale
from truelift.stats.sequential import Sequential
from truelift.stats.status import Status
from truelift.stats.validity import power_reached


SHORT_DAYS: Final = 1.0
"""A guardrail is read over so much of each visitor's time: what breaks, breaks at once."""

DELAYED_DAYS: Final = 14.0
"""A longer window is the point of a metric (refunds, lead quality), and is waited for."""

WHOLE_WINDOW: Final = frozenset({MetricKind.RETENTION, MetricKind.RESTRICTED_MEAN})
"""Kinds that mean something else over another window."""

FEWEST: Final = 100
"""Visitors of a variant before its guardrails are read: fewer are not near normal."""

UNSURE: Final = 0.5
"""A logarithm of a ratio with a larger error is of so few events that it is not near normal."""

SILENT_HOURS: Final = 6
SILENT_BELOW: Final = 0.25
FEWEST_EXPECTED: Final = 20
"""Exposures have stopped when six hours bring less than a quarter of the same hours a day ago,
where those had at least so many."""

FEWEST_STRANGERS: Final = 10
"""Visitors of a variant that nobody planned, before it is more than a stray."""

AskTrend = Callable[[Trend], TrendAnswer]


@dataclass(frozen=True, slots=True)
class Guarded:
    """How a guardrail of one treatment stands.

    Attributes:
        metric: Its key.
        name: What people call it.
        variant: The treatment.
        variant_name: What people call that.
        better: Which way the metric gets better.
        margin: The most relative harm that was agreed to; None for none.
        window_days: Of each visitor's time that was read.
        delayed: Whether its window is what it waits for.
        n: Visitors of both variants whose time is over.
        harm: How it stands; None where it cannot be read yet.
        value: Relative harm, above 0 for worse.
        low: Lower end of the interval that holds at every look.
        high: Upper end.
        waits: Why it cannot be read yet; empty where it can.
    """

    metric: str
    name: str
    variant: str
    variant_name: str
    better: str
    margin: float | None
    window_days: float
    delayed: bool
    n: int
    harm: Harm | None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    waits: str = ""

    def document(self) -> dict[str, Any]:
        """Give it as a look keeps it."""
        return {
            "metric": self.metric,
            "name": self.name,
            "variant": self.variant,
            "variant_name": self.variant_name,
            "better": self.better,
            "margin": self.margin,
            "window_days": self.window_days,
            "delayed": self.delayed,
            "n": self.n,
            "harm": None if self.harm is None else self.harm.value,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "waits": self.waits,
        }


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw.

    Attributes:
        guarded: Every guardrail of every treatment.
        findings: What is the matter.
        looked_at: What could be judged; the rest is neither right nor wrong.
        facts: Split, how full it is, power and days left, for the page.
        level: Of the intervals, together for all guardrails.
    """

    guarded: tuple[Guarded, ...]
    findings: tuple[Finding, ...]
    looked_at: frozenset[Concern]
    facts: Mapping[str, Any]
    level: float

    def document(self, *, at: datetime) -> dict[str, Any]:
        """Give what is kept of it."""
        return {
            "at": instant(at),
            "level": self.level,
            "guardrails": [each.document() for each in self.guarded],
            **self.facts,
        }


def look_at_experiment(
    record: ExperimentRecord, *, policy: Policy, now: datetime, ask: Ask, ask_trend: AskTrend
) -> Look:
    """Look at a running or paused experiment; a job's work, never a request's.

    Args:
        record: The experiment, launched and splitting visitors.
        policy: What the programme does about harm.
        now: The moment.
        ask: Asks the lake for variants.
        ask_trend: Asks it for counts over time.

    Raises:
        NothingDecides: It has no primary metric or nothing to compare.
    """
    plan, question = plan_and_question(record, now=now)
    planned = list(record.metrics.select_related("metric"))
    guards = [each for each in planned if each.role == MetricRole.GUARDRAIL]
    primary = next(each for each in planned if each.role == MetricRole.PRIMARY)
    metrics = {each.key: each for each in question.metrics}
    wanted = [_watched(metrics[each.metric.key], each) for each in guards]
    wanted.append(replace(metrics[primary.metric.key], key=_POWER))
    # The metric that decides is asked for under another name: a plan may guard by it too.
    renamed = [each.metric for each in guards]
    own = type(primary.metric).objects.get(pk=primary.metric.pk)
    own.key = _POWER
    measured = measure(
        [own, *renamed],
        replace(
            question,
            metrics=tuple(wanted),
            covariate_s=0,
            by=(),
            by_day=False,
            distributions=(),
        ),
        site=record.site,
        adjusted=False,
        ask=ask,
    )
    answer = measured.asked.answer
    samples = {**answer.samples, **measured.samples}
    guarded = _guardrails(record, plan, guards, samples)
    findings = [found for each in guarded if (found := _harm(each, policy.harm)) is not None]
    looked_at = {Concern.GUARDRAIL, Concern.SPLIT, Concern.OVERRUN}
    looked_at |= {Concern.UNKNOWN_VARIANT, Concern.CROSSOVERS}
    split = daily_split(plan, answer)
    if split.status is not Status.OK:
        findings.append(_split(split.detail, fails=split.status is Status.FAIL))
    findings += _health(answer)
    findings += _over(record, now=now)
    if record.stage == Stage.RUNNING:
        looked_at.add(Concern.NO_EXPOSURES)
        findings += _silence(record, now=now, ask=ask_trend)
    return Look(
        guarded=guarded,
        findings=tuple(findings),
        looked_at=frozenset(looked_at),
        facts={
            "split": {"status": split.status.value, "detail": split.detail},
            **_progress(record, plan, answer, samples, now=now),
        },
        level=record.alpha,
    )


_POWER: Final = "~primary"
"""Stands for the metric that decides, of which monitoring reads the noise alone."""


def late_decision(
    record: ExperimentRecord, *, policy: Policy, analysed_at: datetime, now: datetime
) -> Finding | None:
    """Say that a decision is late; the inbox of who decides says so too."""
    today = day_at(record.site, now)
    waited = working_days_between(day_at(record.site, analysed_at), today)
    if waited <= policy.decision_days:
        return None
    owner = record.decision_owner
    return Finding(
        Concern.OPEN_DECISION,
        "",
        Level.WATCH,
        f"Its analysis has waited {counted(waited, 'working day')} for a decision;"
        f" {counted(policy.decision_days, 'is', 'are')} agreed.",
        f"Ask {owner} to decide." if owner else "Name who decides.",
    )


def window_of(planned: PlannedMetricRecord) -> float:
    """Give the days of each visitor's time over which a guardrail is watched."""
    metric = planned.metric
    if metric.kind in WHOLE_WINDOW or metric.window_days > DELAYED_DAYS:
        return metric.window_days
    return min(metric.window_days, SHORT_DAYS)


def is_delayed(planned: PlannedMetricRecord) -> bool:
    """Say whether a metric waits for what comes long after the visit."""
    metric = planned.metric
    return metric.window_days > DELAYED_DAYS or metric.kind == MetricKind.RETENTION


def _watched(metric: Metric, planned: PlannedMetricRecord) -> Metric:
    return replace(metric, window_s=round(window_of(planned) * DAY_S))


def _guardrails(
    record: ExperimentRecord,
    plan: AnalysisPlan,
    guards: list[PlannedMetricRecord],
    samples: Samples,
) -> tuple[Guarded, ...]:
    names = {each.key: each.name or each.key for each in record.variants.all()}
    tests = len(guards) * len(plan.treatments)
    method = Sequential(tuning_n=_tuning(record))
    found = []
    for guard in guards:
        of_metric = samples.get(guard.metric.key, {})
        row = [of_metric.get(plan.control.key)]
        row += [of_metric.get(each.key) for each in plan.treatments]
        told = moments_of_table([row])
        estimates = differences(told[:, :1], told[:, 1:], scale=Scale.LOG)
        effects = method.judge(estimates, alpha=record.alpha / tests)
        fewest = np.minimum(told.n[:, :1], told.n[:, 1:])[0]
        for nth, treatment in enumerate(plan.treatments):
            place = (0, nth)
            common = Guarded(
                metric=guard.metric.key,
                name=guard.metric.name,
                variant=treatment.key,
                variant_name=names[treatment.key],
                better=guard.metric.better,
                margin=guard.margin,
                window_days=window_of(guard),
                delayed=is_delayed(guard),
                n=int(estimates.n[place]),
                harm=None,
            )
            waits = _waits(estimates, place, int(fewest[nth]), window_days=window_of(guard))
            if waits:
                found.append(replace(common, waits=waits))
                continue
            low, value, high = (
                math.expm1(float(each[place]))
                for each in (effects.low, effects.value, effects.high)
            )
            if guard.metric.better == "increase":
                low, value, high = -high, -value, -low
            harm = harm_of(low, high, margin=guard.margin)
            found.append(replace(common, harm=harm, value=value, low=low, high=high))
    return tuple(found)


def _tuning(record: ExperimentRecord) -> float:
    """Give where intervals are tightest: at a tenth of the plan, as harm is wanted early."""
    needed = judging_of(record).tuning_n
    if needed is None:
        needed = 2 * record.n_per_variant if record.n_per_variant else None
    return max(1000.0, needed / 10) if needed else 5000.0


def _waits(estimates: Estimates, place: tuple[int, int], fewest: int, *, window_days: float) -> str:
    if fewest < FEWEST:
        return (
            f"{counted(fewest, 'visitor')} of a variant have had their"
            f" {counted(round(window_days), 'day')}; {FEWEST} are needed"
        )
    if estimates.absent[place] or not math.isfinite(float(estimates.value[place])):
        return "nobody of a variant has done it yet"
    if float(estimates.se[place]) > UNSURE:
        return "too few have done it yet"
    return ""


def _harm(guard: Guarded, policy: HarmResponse) -> Finding | None:
    if guard.harm is None or guard.low is None or guard.high is None or guard.value is None:
        return None
    reaction = reaction_to(guard.harm, policy=policy)
    if reaction is Reaction.NOTHING:
        return None
    rises = guard.better == "decrease"
    agreed = (
        "no margin was agreed" if guard.margin is None else f"{percent(guard.margin)} were agreed"
    )
    sentence = (
        f"{guard.name} {'rose' if rises else 'fell'} by {percent(guard.value)} with"
        f" “{guard.variant_name}”, likely between {percent(guard.low)} and {percent(guard.high)};"
        f" {agreed}."
    )
    too_much = guard.harm is Harm.TOO_MUCH
    return Finding(
        concern=Concern.GUARDRAIL,
        cause=f"{guard.metric}:{guard.variant}",
        level=Level.STOP if too_much else Level.WATCH,
        sentence=sentence,
        quiet=f"{guard.name} gets worse with “{guard.variant_name}”"
        + (", by more than was agreed." if too_much else "."),
        remedy={
            Reaction.NOTIFY: f"Look at what “{guard.variant_name}” does to"
            f" {inner(guard.name)}, and pause the experiment if it is the change.",
            Reaction.RECOMMEND: "Pause the experiment, find out why, and resume it when the cause"
            " is removed.",
            Reaction.PAUSE: "The policy pauses it. Find out why; a person resumes it when the"
            " cause is removed.",
        }[reaction],
    )


def _split(detail: str, *, fails: bool) -> Finding:
    return Finding(
        Concern.SPLIT,
        "",
        Level.STOP if fails else Level.WATCH,
        detail,
        "Read no effect of it. Look for redirects, lost exposures and bots in one variant; if the"
        " test tool changed the shares, write that down as a phase.",
    )


def _health(answer: VariantSummariesAnswer) -> list[Finding]:
    seen, found = answer.seen, []
    for variant, units in seen.unplanned.items():
        if units < FEWEST_STRANGERS:
            continue
        found.append(
            Finding(
                Concern.UNKNOWN_VARIANT,
                variant[:80],
                Level.WATCH,
                f"{units:,} visitors saw “{variant[:80]}”, which is no variant of the plan.",
                "Correct the variant's key in the test tool; exposures that came are not changed.",
            )
        )
    total = sum(answer.units.values()) + seen.crossovers
    share = seen.crossovers / total if total >= FEWEST else 0.0
    status = by_share(share, warn=CROSSOVERS_WARN, fail=CROSSOVERS_FAIL)
    if status is not Status.OK:
        found.append(
            Finding(
                Concern.CROSSOVERS,
                "",
                Level.STOP if status is Status.FAIL else Level.WATCH,
                f"{seen.crossovers:,} of {total:,} visitors saw more than one variant"
                f" ({share:.1%}) and are left out.",
                "Look at how the test tool remembers visitors: cookies, sign-in, other devices.",
            )
        )
    return found


def _over(record: ExperimentRecord, *, now: datetime) -> list[Finding]:
    if record.starts_on is None or record.ends_on is None:
        return []
    ran = overrun(record.starts_on, record.ends_on, today=day_at(record.site, now))
    if not ran.alarms:
        return []
    last = record.ends_on - timedelta(days=1)
    return [
        Finding(
            Concern.OVERRUN,
            "",
            Level.WATCH,
            f"It should have ended on {short_day(last)} and has run on for"
            f" {counted(ran.days, 'day')}, {ran.share:.0%} of the planned time.",
            "Stop it and analyse it; visitors after the planned end are not counted.",
        )
    ]


def _silence(record: ExperimentRecord, *, now: datetime, ask: AskTrend) -> list[Finding]:
    started = record.started_at
    hour = now.replace(minute=0, second=0, microsecond=0)
    if record.ends_on is not None and now >= midnight_at(record.site, record.ends_on):
        return []
    counts = [
        row.point.count
        for row in ask(
            Trend(
                events=Events(
                    where=(Condition("experiment", Comparison.IS, (record.key,)),),
                ),
                interval=Interval.HOUR,
                time_zone=record.site.time_zone,
                since=hour - timedelta(hours=SILENT_HOURS + 24),
                until=hour,
            )
        ).rows
    ]
    late, before = sum(counts[-SILENT_HOURS:]), sum(counts[:SILENT_HOURS])
    remedy = (
        "See whether the test tool still delivers it and whether the site's exposure rules still"
        " find its events; pause it meanwhile if it is broken."
    )
    if not sum(counts) and started is not None and hour - started >= timedelta(hours=SILENT_HOURS):
        return [
            Finding(
                Concern.NO_EXPOSURES,
                "",
                Level.STOP,
                "No exposure has arrived for more than a day."
                if hour - started > timedelta(hours=SILENT_HOURS + 24)
                else f"No exposure has arrived since the launch, {_ago(hour - started)} ago.",
                remedy,
            )
        ]
    if before >= FEWEST_EXPECTED and late < SILENT_BELOW * before:
        return [
            Finding(
                Concern.NO_EXPOSURES,
                "",
                Level.STOP,
                f"{late:,} exposures arrived in the last {SILENT_HOURS} hours, where {before:,}"
                " did in the same hours the day before.",
                remedy,
            )
        ]
    return []


def _ago(span: timedelta) -> str:
    return counted(int(span.total_seconds() // 3600), "hour")


PACE_DAYS: Final = 7


def _progress(
    record: ExperimentRecord,
    plan: AnalysisPlan,
    answer: VariantSummariesAnswer,
    samples: Samples,
    *,
    now: datetime,
) -> dict[str, Any]:
    """Say how full it is, what could be found by now and how long it takes; of no effect."""
    units = sum(answer.units.values())
    today = day_at(record.site, now)
    whole = [today - timedelta(days=nth + 1) for nth in range(PACE_DAYS)]
    pace = sum(n for (day, _), n in answer.daily.items() if day in whole) / PACE_DAYS
    left = None
    if plan.units_needed and pace:
        left = max(0, math.ceil((plan.units_needed - units) / pace))
    ends = record.ends_on
    return {
        "units": units,
        "needed": plan.units_needed,
        "pace": pace,
        "days_to_fill": left,
        "days_left": None if ends is None else max(0, (ends - today).days),
        "power": _power(record, plan, samples),
        "power_planned": record.power,
        "worth": record.minimum_effect,
    }


def _power(record: ExperimentRecord, plan: AnalysisPlan, samples: Samples) -> float | None:
    """Give the chance to find the planned effect with the noise of now."""
    if record.minimum_effect is None:
        return None
    of_metric = samples.get(_POWER, {})
    keys = [plan.control.key, *(each.key for each in plan.treatments)]
    told = moments_of_table([[of_metric.get(key) for key in keys]])
    estimates = differences(told[:, :1], told[:, 1:], scale=Scale.RELATIVE)
    known = (estimates.absent == 0) & (estimates.se > 0)
    if not known.any():
        return None
    alpha = record.alpha
    if plan.looked_at_any_time:
        # An interval that holds at every look reaches further than a fixed one.
        effects = plan.method.judge(estimates[known], alpha=record.alpha)
        reach = float(((effects.high - effects.low) / 2 / effects.se).max())
        alpha = 2 * normal_share_below(-reach)
    if not 0 < alpha < record.power:
        return None
    reached = power_reached(
        estimates.se[known], worth=record.minimum_effect, alpha=alpha, power=record.power
    )
    return float(reached.power.min())
