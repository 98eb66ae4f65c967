"""Checks of how a test ran: its plan, its effect as time went by, and what was measured it by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from truelift.apps.drawing.wording import short_day
from truelift.apps.experiments.checks import not_yet
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.wording import counted, listed, short_hash
from truelift.lifecycle.experiment import Origin
from truelift.questions.matching import Events
from truelift.questions.trend import Trend, TrendAnswer
from truelift.questions.variant_summaries import VariantSummaries
from truelift.stats.analysis import Analysis
from truelift.stats.comparison import FIXED, moments_of_table
from truelift.stats.contamination import Adjudication, SplitByChange, split_by_change
from truelift.stats.effects import Estimates
from truelift.stats.estimating import differences
from truelift.stats.integrity import Check
from truelift.stats.judging import table_of
from truelift.stats.moments import Moments
from truelift.stats.novelty import FIRST_DAYS, Drift, novelty
from truelift.stats.novelty import WARN_BELOW as DRIFTS_BELOW
from truelift.stats.plan import AnalysisData, AnalysisPlan
from truelift.stats.scales import Scale
from truelift.stats.status import Status


def plan_check(record: ExperimentRecord, *, now: str) -> Check:
    """Say whether the plan that is followed is the one that was promised.

    Args:
        record: With the digest that was frozen at launch.
        now: The digest of the plan as it stands.
    """
    if not record.plan_hash:
        why = "it ended elsewhere and its plan was not frozen"
        if record.origin != Origin.IMPORTED:
            why = "its plan was never frozen"
        return not_yet("plan", why)
    if record.plan_hash == now:
        return Check(
            check="plan",
            status=Status.OK,
            value=None,
            detail=f"It is the one that was frozen at launch (hash {short_hash(now)}).",
        )
    return Check(
        check="plan",
        status=Status.FAIL,
        value=None,
        detail=f"It was frozen at launch with the hash {short_hash(record.plan_hash)} and has"
        f" {short_hash(now)} now: whatever it finds was not what was promised.",
    )


UNSURE: Final = 0.5
"""A logarithm of a ratio with a larger error is of so few units that it is not near normal."""


def novelty_check(plan: AnalysisPlan, data: AnalysisData, *, withheld: str | None) -> Check:
    """Compare the effect on the visitors of the first week with that on those who came later.

    Args:
        plan: With the metric that decides.
        data: With its samples by the day of first exposure.
        withheld: Why no effect may be read now; then neither may how it moves.

    Source:
        docs/methods/novelty.md.
    """
    if withheld is not None:
        return not_yet("novelty", "how an effect moves is as hidden as the effect")
    if not data.days:
        return not_yet("novelty", "nobody has been exposed")
    if not any(plan.primary.key in samples for samples in data.days.values()):
        return not_yet("novelty", f"{plan.primary.key} is not told day by day")
    days = sorted(data.days)
    first = [day for day in days if _nth(day, days[0]) < FIRST_DAYS]
    if len(first) == len(days):
        return not_yet("novelty", f"visitors came on {counted(len(days), 'day')}, of one week")
    estimates = _by_period(plan, data, [len(first)])
    sure = (estimates.se <= UNSURE).all(axis=1)
    if not sure.any():
        return not_yet("novelty", "too few did it in the first week, or since")
    alpha = DRIFTS_BELOW / len(plan.treatments)
    found = novelty(estimates.value[sure], estimates.se[sure], first_days=1, alpha=alpha)
    p = found.difference.p
    nth = int(np.argmin(p))
    drift = Drift(int(found.drift[nth]))
    said = "p < 0.001" if p[nth] < 0.001 else f"p = {p[nth]:.2g}"
    detail = {
        Drift.FADES: "The effect fades: on visitors who came after the first week it is another"
        f" one, and smaller ({said})",
        Drift.GROWS: "The effect moves: on visitors who came after the first week it is another"
        f" one, and not smaller ({said})",
    }.get(
        drift,
        "On visitors of the first week and on those who came later the effect may well be one"
        f" ({said})",
    )
    moves = drift in {Drift.FADES, Drift.GROWS}
    return Check(
        check="novelty",
        status=Status.WARN if moves else Status.OK,
        value=float(p[nth]),
        detail=f"{detail}.",
    )


MUTE_BELOW: Final = 0.25
"""A day with less than this share of what its neighbours bring has not been measured whole."""

FEWEST_A_DAY: Final = 40
"""With fewer events a day chance alone may make a quiet one."""

NEIGHBOURS: Final = 14
"""Days to either side that say what a day should bring."""

MOST_EVENTS: Final = 8
"""Different events that are followed day by day; a plan hardly has more."""

AskTrend = Callable[[Trend], TrendAnswer]


@dataclass(frozen=True, slots=True)
class Quiet:
    """Days on which an event hardly came.

    Attributes:
        event: Which.
        days: When; none where it never came at all.
    """

    event: str
    days: tuple[date, ...]


def quiet_days(question: VariantSummaries, ask: AskTrend) -> tuple[Quiet, ...]:
    """Find the whole days of a test on which events of its metrics stopped coming.

    Of all visitors and both variants together, so that it says nothing of the effect.

    Args:
        question: With the metrics and the period.
        ask: Asks the lake.
    """
    wanted: dict[Events, None] = {}
    for metric in question.metrics:
        wanted.setdefault(metric.counted.events)
        if metric.below is not None:
            wanted.setdefault(metric.below.events)
    zone = ZoneInfo(question.time_zone)
    until = _midnight(min(filter(None, (question.until, question.as_of))), zone)
    since = question.since
    begin = None if since is None else _midnight(since, zone)
    found = []
    for events in list(wanted)[:MOST_EVENTS]:
        answer = ask(
            Trend(
                events=events,
                time_zone=question.time_zone,
                since=None if begin is None else begin - timedelta(days=NEIGHBOURS),
                until=until,
            )
        )
        if not answer.filled:
            continue
        counts = [(row.begins, row.point.count) for row in answer.rows]
        if not any(n for begins, n in counts if begin is None or begins >= begin):
            found.append(Quiet(events.title, ()))
            continue
        mute = tuple(
            begins.astimezone(zone).date()
            for nth, (begins, n) in enumerate(counts)
            if (begin is None or begins >= begin) and _is_mute(n, counts, nth)
        )
        if mute:
            found.append(Quiet(events.title, mute))
    return tuple(found)


def tracking_check(
    plan: AnalysisPlan,
    data: AnalysisData,
    *,
    quiet: Sequence[Quiet],
    breaks: Mapping[str, Sequence[Mapping[str, Any]]],
    worth: float | None,
    withheld: str | None,
) -> Check:
    """Say whether what the metrics are made of was measured alike all the time.

    Args:
        plan: With the metric that decides.
        data: With its samples by the day of first exposure.
        quiet: Days on which events of its metrics stopped coming.
        breaks: By metric, when the site defined it anew.
        worth: The smallest lift that the plan looks for.
        withheld: Why no effect may be read now; then nothing is said of it.

    Source:
        docs/methods/contamination-split.md.
    """
    said = [
        f"{each.event} hardly came on {_dates(each.days)}"
        if each.days
        else f"{each.event} never came"
        for each in quiet
    ]
    said += [
        f"{metric} was defined anew on {listed([short_day(_day_of(each)) for each in changes])}"
        " (this analysis keeps to the version that was planned)"
        for metric, changes in breaks.items()
    ]
    if not said:
        return Check(
            check="tracking",
            status=Status.OK,
            value=0.0,
            detail="The events of its metrics came on every day, and no metric was defined anew.",
        )
    when = [day for each in quiet for day in each.days]
    when += [_day_of(each) for changes in breaks.values() for each in changes]
    split = _split_at(plan, data, min(when), worth=worth) if when and withheld is None else None
    since = "" if split is None else " " + _smallest(split)
    return Check(
        check="tracking",
        status=Status.WARN,
        value=float(len(set(when))),
        detail=f"{'; '.join(said)}.{since}",
    )


def withheld_of(analysis: Analysis) -> str | None:
    """Say why no effect of the metric that decides may be read; None where it may."""
    return next((each.withheld for each in analysis.primary.readings), None)


def _by_period(plan: AnalysisPlan, data: AnalysisData, cuts: Sequence[int]) -> Estimates:
    """Estimate the effect on the visitors of each period, as logarithms of ratios.

    Args:
        plan: With the metric that decides.
        data: With its samples by the day of first exposure.
        cuts: How many days lie before each cut.

    Returns:
        Of shape treatments x periods.
    """
    table = [table_of(plan, [plan.primary], data.days[day])[0] for day in sorted(data.days)]
    rows = moments_of_table(table)
    ends = [0, *cuts, rows.shape[0]]
    periods = [rows[begin:end].pooled() for begin, end in pairwise(ends)]
    told = Moments(
        rows.form,
        np.stack([each.n for each in periods], axis=1),
        np.stack([each.means for each in periods], axis=1),
        np.stack([each.products for each in periods], axis=1),
    )
    return differences(told[:1], told[1:], scale=Scale.LOG)


def effect_split_at(
    plan: AnalysisPlan,
    data: AnalysisData,
    change: date,
    *,
    worth: float | None,
    verdict: Adjudication,
) -> dict[str, Any] | None:
    """Compare the effect before and after a day; None where there is too little of one.

    Args:
        plan: With the metric that decides.
        data: With its samples by the day of first exposure.
        change: The first day that counts as after it.
        worth: The smallest lift that the plan looks for.
        verdict: What people found the change to be.

    Source:
        docs/methods/contamination-split.md.
    """
    split = _split_at(plan, data, change, worth=worth, verdict=verdict)
    if split is None:
        return None
    where = int(np.argmin(split.test.p))
    power = float(split.power[where])
    one = split.stratified
    return {
        "sentence": _smallest(split),
        "variant": plan.treatments[where].key,
        "p": float(split.test.p[where]),
        "power": None if np.isnan(power) else power,
        "periods": [
            {
                "lift": float(np.expm1(split.periods.value[where, nth])),
                "low": float(np.expm1(split.periods.low[where, nth])),
                "high": float(np.expm1(split.periods.high[where, nth])),
            }
            for nth in range(2)
        ],
        "stratified": None
        if one is None
        else {
            "lift": float(np.expm1(one.value[where])),
            "low": float(np.expm1(one.low[where])),
            "high": float(np.expm1(one.high[where])),
        },
    }


def effect_without(
    plan: AnalysisPlan, data: AnalysisData, left_out: Collection[date]
) -> dict[str, Any] | None:
    """Estimate the effect again without whoever was first exposed on some days.

    It is post hoc, whatever it finds: nobody promised to leave these days out. None where too
    little is left, or nothing is left out.

    Args:
        plan: With the metric that decides.
        data: With its samples by the day of first exposure.
        left_out: Days at the site.
    """
    gone = {each.isoformat() for each in left_out}
    kept = {name: each for name, each in data.days.items() if name not in gone}
    if not kept or len(kept) == len(data.days):
        return None
    found = {}
    for name, days in (("with", data.days), ("without", kept)):
        estimates = _by_period(plan, replace(data, days=days), [])
        if not (estimates.se <= UNSURE).all():
            return None
        effects = FIXED.judge(estimates, alpha=plan.alpha)
        found[name] = [
            {
                "variant": each.key,
                "lift": float(np.expm1(effects.value[nth, 0])),
                "low": float(np.expm1(effects.low[nth, 0])),
                "high": float(np.expm1(effects.high[nth, 0])),
            }
            for nth, each in enumerate(plan.treatments)
        ]
    return {**found, "post_hoc": True, "days": sorted(gone & set(data.days))}


def _split_at(
    plan: AnalysisPlan,
    data: AnalysisData,
    change: date,
    *,
    worth: float | None,
    verdict: Adjudication = Adjudication.SUSPECT,
) -> SplitByChange | None:
    days = sorted(data.days)
    before = sum(day < change.isoformat() for day in days)
    if not 0 < before < len(days):
        return None
    estimates = _by_period(plan, data, [before])
    if not (estimates.se <= UNSURE).all():
        return None
    return split_by_change(
        estimates,
        method=FIXED,
        verdict=verdict,
        worth=np.nan if worth is None else np.log1p(worth),
        alpha=plan.alpha,
    )


def _smallest(split: SplitByChange) -> str:
    """Say it of the treatment whose effect moved most."""
    return split.sentence((int(np.argmin(split.test.p)),))


def _is_mute(n: int, counts: Sequence[tuple[datetime, int]], nth: int) -> bool:
    around = {
        place - nth: each
        for place, (_, each) in enumerate(counts)
        if 0 < abs(place - nth) <= NEIGHBOURS
    }
    if not around:
        return False
    # An office has quiet weekends: a day is set beside its own weekday too.
    alike = [each for apart, each in around.items() if apart % 7 == 0]
    usual = median(around.values())
    if alike:
        usual = min(usual, median(alike))
    return usual >= FEWEST_A_DAY and n < MUTE_BELOW * usual


def _dates(days: Sequence[date]) -> str:
    if len(days) > 3:
        return f"{counted(len(days), 'day')}, first on {short_day(days[0])}"
    return listed([short_day(each) for each in days])


def _nth(day: str, first: str) -> int:
    return (date.fromisoformat(day) - date.fromisoformat(first)).days


def _day_of(change: Mapping[str, Any]) -> date:
    return datetime.fromisoformat(str(change["at"])).date()


def _midnight(at: datetime, zone: ZoneInfo) -> datetime:
    """Give the beginning of a moment's day: a day that is not over is not measured whole."""
    local = at.astimezone(zone)
    return local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
