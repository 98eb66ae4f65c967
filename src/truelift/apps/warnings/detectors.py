"""The detectors of the programme's own log: winners, inconclusive tests, roadmap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.drawing.wording import amount, percent, rough_money
from truelift.apps.experiments.domain import day_at
from truelift.apps.progress.history import History, OneTest, history_of
from truelift.apps.roadmap.changes import as_domain, changes_of, freshness_of
from truelift.apps.roadmap.models import RoadmapItemRecord
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.rollouts.reads import counted, lateness_of
from truelift.apps.sites.models import Site
from truelift.apps.warnings.charts import bars_chart
from truelift.apps.warnings.detecting import detects, replays
from truelift.lifecycle.roadmap_change import INFO_AFTER_DAYS, WARN_AFTER_DAYS, is_material
from truelift.lifecycle.roadmap_item import OVER
from truelift.lifecycle.rollout import (
    CRITICAL_AFTER_DAYS,
    LATE_AFTER_DAYS,
    LEAST_RATE,
    RATE_DAYS,
    Lateness,
    RolloutStage,
    Winner,
    lateness,
)
from truelift.lifecycle.rollout import Severity as LateSeverity
from truelift.lifecycle.warning import Kind, Look, Severity
from truelift.stats.outcome import Outcome
from truelift.stats.programme import FEWEST_TESTS, InconclusiveShare, inconclusive_share


REPLAYED_DAYS: Final = 365
"""So far back the past is replayed."""

COUNTED_DAYS: Final = 180
"""Tests that were decided in so many days are looked at together."""


def replayed(site: Site, now: datetime) -> Iterator[date]:
    """Give the days that are replayed, the oldest first."""
    today = day_at(site, now)
    return (today - timedelta(days=back) for back in range(REPLAYED_DAYS, -1, -1))


@detects(Kind.WINNERS)
def late_winners(site: Site, now: datetime) -> Iterable[Look]:
    """Say whether winners come live (R118)."""
    found = lateness_of(site, now=now)
    money, _ = counted(site, now=now)
    names = dict(RolloutRecord.objects.filter(site=site).values_list("number", "experiment__name"))
    rate = "none" if found.rate is None else percent(found.rate, digits=0)
    cost = "" if money.value is None else rough_money(money.value, site.currency)
    evidence = {
        "facts": [
            ["Winners that wait longer than 30 days", str(len(found.late))],
            [
                f"Came live, of decisions {LATE_AFTER_DAYS} to {RATE_DAYS} days old",
                f"{rate} (n = {found.counted})",
            ],
            ["What waits has cost", cost or "not known"],
        ],
        "chart": bars_chart(
            [
                {
                    "label": names.get(int(key.removeprefix("R-"))) or key,
                    "detail": key,
                    "value": days,
                    "focus": days > CRITICAL_AFTER_DAYS,
                    "limit": LATE_AFTER_DAYS,
                }
                for key, days in found.late
            ],
            heading=f"Days since the decision; the tick is at {LATE_AFTER_DAYS}",
            label="Winner",
            head="Days",
        ),
    }
    if found.severity is None:
        said = (
            f"No winner has waited for more than {LATE_AFTER_DAYS} days; {rate} of "
            f"{amount(found.counted, 'decision')} to ship were implemented."
            if found.counted
            else f"No winner has waited for more than {LATE_AFTER_DAYS} days."
        )
        yield Look(Kind.WINNERS, said, short=said, evidence=evidence)
        return
    late = len(found.late)
    short = f"{amount(late, 'winner')} older than {LATE_AFTER_DAYS} days" + (
        f", {cost} so far." if cost else "."
    )
    yield Look(
        Kind.WINNERS,
        " ".join(_late_said(found, names, cost)),
        Severity.CRITICAL if found.severity is LateSeverity.CRITICAL else Severity.WARNING,
        short=short if late else f"{rate} of decisions to ship were implemented.",
        advice="Agree a release date for each with its implementer, or give it up with a reason.",
        evidence=evidence,
    )


def _late_said(found: Lateness, names: dict[int, str], cost: str) -> Iterator[str]:
    if found.late:
        key, days = found.late[0]
        name = names.get(int(key.removeprefix("R-"))) or key
        are = "has" if len(found.late) == 1 else "have"
        yield (
            f"{amount(len(found.late), 'winner')} {are} waited for more than {LATE_AFTER_DAYS} "
            f"days, “{name}” for {days}."
        )
        if cost:
            yield f"What waits has cost {cost} so far."
    if found.rate is not None and found.rate < LEAST_RATE:
        came = percent(found.rate, digits=0)
        yield (
            f"Of {amount(found.counted, 'decision')} to ship, {LATE_AFTER_DAYS} to {RATE_DAYS} "
            f"days old, {came} came live; {percent(LEAST_RATE, digits=0)} is the least."
        )


@replays(Kind.WINNERS)
def late_winners_then(site: Site, now: datetime) -> Iterable[date]:
    """Replay which days had late winners."""
    zone = ZoneInfo(site.time_zone)
    rows = [
        (
            each.key,
            each.decided_at.astimezone(zone).date(),
            each.verified_at and each.verified_at.astimezone(zone).date(),
            each.ended_at and each.ended_at.astimezone(zone).date(),
        )
        for each in RolloutRecord.objects.filter(site=site, decided_at__lte=now)
    ]
    for day in replayed(site, now):
        winners = [
            Winner(key, decided, _stage_on(day, verified, given_up))
            for key, decided, verified, given_up in rows
            if decided <= day
        ]
        if lateness(winners, today=day).severity is not None:
            yield day


def _stage_on(day: date, verified: date | None, given_up: date | None) -> RolloutStage:
    if given_up is not None and given_up <= day:
        return RolloutStage.ABANDONED
    done = verified is not None and verified <= day
    return RolloutStage.VERIFIED if done else RolloutStage.PLANNED


@detects(Kind.INCONCLUSIVE)
def too_many_inconclusive(site: Site, now: datetime) -> Iterable[Look]:
    """Say whether more tests are inconclusive than their noise lets expect (R116)."""
    tests = _decided(history_of(site, as_of=now), since=now - timedelta(days=COUNTED_DAYS))
    found = _judged(tests)
    if found is None or found.n < FEWEST_TESTS:
        n = 0 if found is None else found.n
        said = (
            f"{amount(n, 'valid test')} in {COUNTED_DAYS} days; it takes {FEWEST_TESTS} to judge."
        )
        yield Look(Kind.INCONCLUSIVE, f"Not judged: {said}", short=said, told=False)
        return
    yield inconclusive_said(found, [each.key for each in tests])


def inconclusive_said(found: InconclusiveShare, tests: Sequence[str]) -> Look:
    """Say what a share of inconclusive tests means, and what to do about it."""
    evidence = {
        "facts": [
            [f"Valid tests decided in {COUNTED_DAYS} days", str(found.n)],
            ["Inconclusive", str(found.observed)],
            ["Expected from their noise", f"{found.expected:.1f}"],
            ["Chance of so many or more", f"{found.p:.2g}"],
        ],
        "chart": bars_chart(
            [
                {"label": "Inconclusive", "value": found.observed, "focus": found.excess},
                {"label": "Expected from their noise", "value": round(found.expected, 1)},
                {"label": "Tests", "value": found.n},
            ],
            heading=f"Valid tests decided in the last {COUNTED_DAYS} days",
            label="Tests",
            head="How many",
        ),
        "tests": list(tests),
    }
    short = (
        f"{found.observed} of {found.n} in {COUNTED_DAYS} days; {found.expected:.1f} "
        f"{'was' if found.expected == 1 else 'were'} to be expected."
    )
    if found.excess:
        return Look(
            Kind.INCONCLUSIVE,
            f"{short} That is more than their noise explains (p = {found.p:.2g}): the ideas "
            "change too little of what matters to people.",
            Severity.WARNING,
            cause="excess",
            short=short,
            advice="Look where hypotheses come from: how many rest on what customers say, and how "
            "many on a hunch. More traffic does not help.",
            evidence=evidence,
        )
    if found.low_power:
        return Look(
            Kind.INCONCLUSIVE,
            f"{short} Most tests could not have told anything: {found.expected / found.n:.0%} "
            "of them had to be inconclusive, whatever they tested.",
            Severity.WARNING,
            cause="low_power",
            short=short,
            advice="Plan fewer arms, longer runs or bolder changes, or test further up where "
            "there is more traffic. Better ideas do not help.",
            evidence=evidence,
        )
    return Look(
        Kind.INCONCLUSIVE,
        f"{short} That is what their noise explains.",
        short=short,
        evidence=evidence,
    )


def _decided(history: History, *, since: datetime) -> list[OneTest]:
    return [
        each
        for each in history.own
        if each.counted
        and each.trial.decided_at is not None
        and each.trial.decided_at > since
        and each.result is not None
        and each.result.se
        and each.result.margin
    ]


def _judged(tests: Sequence[OneTest]) -> InconclusiveShare | None:
    results = [each.result for each in tests if each.result]
    if not results:
        return None
    return inconclusive_share(
        [each.se or 0.0 for each in results],
        [each.margin or 0.0 for each in results],
        observed=sum(each.outcome is Outcome.INCONCLUSIVE for each in results),
    )


@replays(Kind.INCONCLUSIVE)
def too_many_inconclusive_then(site: Site, now: datetime) -> Iterable[date]:
    """Replay which days had too many."""
    history = history_of(site, as_of=now)
    zone = history.zone
    tests = [
        (each.trial.decided_at.astimezone(zone).date(), each)
        for each in _decided(history, since=now - timedelta(days=REPLAYED_DAYS + COUNTED_DAYS))
        if each.trial.decided_at is not None
    ]
    before: tuple[str, ...] | None = None
    fires = False
    for day in replayed(site, now):
        those = [each for at, each in tests if day - timedelta(days=COUNTED_DAYS) < at <= day]
        keys = tuple(each.key for each in those)
        if keys != before:
            found = _judged(those)
            fires = found is not None and (found.excess or found.low_power)
            before = keys
        if fires:
            yield day


_GONE: Final = tuple(each.value for each in OVER)


@detects(Kind.ROADMAP)
def unchanged_roadmap(site: Site, now: datetime) -> Iterable[Look]:
    """Say how long ago people last rethought the roadmap (R117)."""
    items = list(
        RoadmapItemRecord.objects.filter(site=site, number__isnull=False).exclude(stage__in=_GONE)
    )
    found = freshness_of(site, now=now, active=[each.key for each in items])
    if found.days is None:
        said = "Nobody has put anything on the roadmap yet."
        yield Look(Kind.ROADMAP, f"Not judged: {said}", short=said, told=False)
        return
    oldest = sorted(found.items.items(), key=lambda each: -each[1])[:8]
    names = {each.key: each.what for each in items}
    median = "none" if found.median is None else f"{found.median:.0f} days"
    evidence = {
        "facts": [
            ["Days since the last material change", str(found.days)],
            ["That change", _change_said(site, found.last.item if found.last else "")],
            [f"Middle age of the items that stand (n = {len(found.items)})", median],
        ],
        "chart": bars_chart(
            [
                {"label": "The whole roadmap", "value": found.days, "focus": True,
                 "limit": WARN_AFTER_DAYS},
                *(
                    {"label": names.get(key) or key, "detail": key, "value": days,
                     "limit": WARN_AFTER_DAYS}
                    for key, days in oldest
                ),
            ],
            heading=f"Days since the last material change; the tick is at {WARN_AFTER_DAYS}",
            label="Roadmap and its oldest items",
            head="Days",
        ),
    }  # fmt: skip
    short = f"Last material change {amount(found.days, 'day')} ago."
    if found.days > WARN_AFTER_DAYS:
        yield Look(
            Kind.ROADMAP,
            f"Nobody has added, dropped, moved or handed on anything on the roadmap for "
            f"{found.days} days. It is decoration by now.",
            Severity.WARNING,
            short=short,
            advice="Rebuild the quarter from an empty list against today’s commercial priorities.",
            evidence=evidence,
        )
        return
    more = (
        f" From {WARN_AFTER_DAYS + 1} on it is a warning." if found.days >= INFO_AFTER_DAYS else ""
    )
    yield Look(Kind.ROADMAP, short + more, short=short + more, evidence=evidence)


def _change_said(site: Site, item: str) -> str:
    row = changes_of(site, item=item).first() if item else None
    return f"{item}: {row.field.replace('_', ' ')}" if row else item


@replays(Kind.ROADMAP)
def unchanged_roadmap_then(site: Site, now: datetime) -> Iterable[date]:
    """Replay which days had a roadmap that nobody had rethought for long."""
    rows = changes_of(site).filter(human=True)
    days = sorted(
        {each.on for each in as_domain(rows, ZoneInfo(site.time_zone)) if is_material(each)}
    )
    for day in replayed(site, now):
        last = next((each for each in reversed(days) if each <= day), None)
        if last is not None and (day - last).days > WARN_AFTER_DAYS:
            yield day
