"""Reads what is known as it stands today: events, money, meetings, voices, the brief, warnings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Sum

from truelift.apps.alignment.reads import alignment_of, remit_gap_of
from truelift.apps.experiments.domain import day_at
from truelift.apps.facts.defining import drift_of
from truelift.apps.facts.models import DayRecord
from truelift.apps.facts.reads import Week, weeks
from truelift.apps.facts.tracking import tracking_of
from truelift.apps.facts.tracking_page import coverage_said, measured
from truelift.apps.measurement.reads import lake
from truelift.apps.rhythm.reads import rhythms_of
from truelift.apps.scorecard.models import TargetsRecord
from truelift.apps.sites.models import Site
from truelift.apps.voice.reads import listeners_of
from truelift.apps.warnings.models import ReadingRecord
from truelift.apps.warnings.reads import standing_of
from truelift.errors import TrueliftError
from truelift.lifecycle.scorecard import Figure, Reading


TODAY: Final = timedelta(days=1)
"""An instant further back than this was not today: what is read here cannot speak of it."""

A_QUARTER: Final = 13
"""Weeks."""

FRESH: Final = timedelta(days=3)
"""A reading of tracking that is older says nothing of today."""

MATURE: Final = timedelta(days=30)
"""Younger orders may still go back."""


def readings_of_today(site: Site, targets: TargetsRecord, *, now: datetime) -> tuple[Reading, ...]:
    """Read the figures that are only known as they stand now."""
    return (
        _turned_away(site),
        *_tracking(site, now),
        *_money(site, targets, now),
        *_meetings(site, now),
        _voice(site, now),
        *_brief(site),
        _warnings(site),
    )


def _unknown(figure: Figure, why: str) -> Reading:
    return Reading(figure, None, 0, why)


def _turned_away(site: Site) -> Reading:
    try:
        counts = lake().ledger(site.name)
    except TrueliftError:
        return _unknown(Figure.TRACKING, "the data ledger cannot be read")
    if not counts.received:
        return _unknown(Figure.TRACKING, "nothing has been received yet")
    return Reading(
        Figure.TRACKING,
        counts.quarantined / counts.received,
        counts.received,
        f"{counts.quarantined:,} of {counts.received:,} events received",
    )


def _tracking(site: Site, now: datetime) -> Iterable[Reading]:
    """Read what the last night has seen of orders, planned events and web vitals."""
    record = tracking_of(site)
    if record is None or now - record.read_at > FRESH:
        why = "it is read every night, and was not read yet" if record is None else (
            f"it was read last on {record.day.isoformat()}"
        )  # fmt: skip
        yield from (_unknown(each, why) for each in (Figure.COVERAGE, Figure.VITALS))
        return
    orders, plan, vitals = (record.document[each] for each in ("orders", "plan", "vitals"))
    seen = len(plan["planned"]) - len(plan["missing"])
    parts, said = [], []
    if orders["light"] is not None:
        parts.append(min(orders["share"], 1.0))
    said.append(coverage_said(orders).rstrip("."))
    if plan["share"] is not None:
        parts.append(plan["share"])
        said.append(f"{seen} of {len(plan['planned'])} planned events came")
    yield (
        Reading(Figure.COVERAGE, min(parts), orders.get("truth", 0) or seen, "; ".join(said))
        if parts
        else _unknown(Figure.COVERAGE, said[0])
    )
    yield (
        _unknown(Figure.VITALS, vitals["why"])
        if vitals["why"]
        else Reading(
            Figure.VITALS,
            vitals["good"],
            vitals["views"],
            ", ".join(
                f"{name.upper()} {measured(name, each['p75'])}"
                for name, each in vitals["core"].items()
            )
            + f" at the 75th percentile of {vitals['views']:,} page views",
        )
    )


def _money(site: Site, targets: TargetsRecord, now: datetime) -> Iterable[Reading]:
    today = day_at(site, now)
    known = [
        each
        for each in weeks(site, until=today, count=2 * A_QUARTER)
        if each.days == 7 and each.sessions and each.revenue_minor is not None
    ]
    last = [each for each in known if each.starts >= today - timedelta(weeks=A_QUARTER + 1)]
    before = [each for each in known if each not in last]
    sessions = sum(each.sessions or 0 for each in last)
    if not sessions:
        yield _unknown(Figure.REVENUE, "no feed tells of sessions and revenue")
    elif targets.revenue_minor is None:
        yield _unknown(Figure.REVENUE, "nobody has said what revenue per session is wanted")
    else:
        revenue = sum(each.revenue_minor or 0 for each in last)
        yield Reading(
            Figure.REVENUE,
            revenue / sessions / targets.revenue_minor,
            sessions,
            f"{sessions:,} sessions of {len(last)} whole weeks",
        )
    now_rate, then_rate = _rate(last), _rate(before)
    yield (
        Reading(
            Figure.CONVERSION,
            now_rate / then_rate,
            sessions,
            f"{len(last)} whole weeks against {len(before)} before them",
        )
        if now_rate is not None and then_rate
        else _unknown(Figure.CONVERSION, "there are no whole weeks before the last thirteen")
    )
    kept = DayRecord.objects.filter(
        site=site, day__lt=today - MATURE, day__gte=today - MATURE - timedelta(weeks=A_QUARTER)
    ).aggregate(revenue=Sum("revenue_minor"), back=Sum("refunded_minor"))
    yield (
        Reading(
            Figure.DOWNSTREAM,
            1 - kept["back"] / kept["revenue"],
            1,
            "thirteen weeks of orders that are older than 30 days",
        )
        if kept["revenue"]
        else _unknown(Figure.DOWNSTREAM, "no feed tells of revenue older than 30 days")
    )
    drift = drift_of(site, now=now)
    share = None if drift is None else drift.share
    yield (
        Reading(Figure.DRIFT, abs(share), 1, "the newest four weeks of the ledger")
        if share is not None
        else _unknown(Figure.DRIFT, "finance’s ledger is not here")
    )


def _rate(of: Iterable[Week]) -> float | None:
    rows = [each for each in of if each.orders is not None]
    sessions = sum(each.sessions or 0 for each in rows)
    return sum(each.orders or 0 for each in rows) / sessions if sessions else None


def _meetings(site: Site, now: datetime) -> Iterable[Reading]:
    rhythms = rhythms_of(site, now=now)
    held = sum(each.adherence.held for each in rhythms)
    due = sum(each.adherence.due for each in rhythms)
    yield (
        Reading(Figure.RHYTHM, held / due, due, f"{held} of {due} meetings that were due")
        if due
        else _unknown(Figure.RHYTHM, "no meeting was due yet")
    )


def _voice(site: Site, now: datetime) -> Reading:
    heard = [each.last for each in listeners_of(site, now=now) if each.last is not None]
    if not heard:
        return _unknown(Figure.VOICE, "neither sales nor service has told anything yet")
    days = (now - max(heard)) / timedelta(days=1)
    return Reading(Figure.VOICE, days, len(heard), "the newest note of either")


def _brief(site: Site) -> Iterable[Reading]:
    coverage = alignment_of(site).coverage
    yield (
        Reading(
            Figure.BRIEF,
            coverage.acknowledged / coverage.teams,
            coverage.teams,
            f"{coverage.acknowledged} of {coverage.teams} teams",
        )
        if coverage.teams
        else _unknown(Figure.BRIEF, "there is no commercial brief yet")
    )
    gap = remit_gap_of(site)
    share = None if gap is None else gap.share
    yield (
        _unknown(Figure.REMIT, "nobody has said what the programme may change")
        if gap is None or share is None
        else Reading(
            Figure.REMIT,
            share,
            len(gap.outside),
            f"{len(gap.outside)} surfaces outside of it",
        )
    )


def _warnings(site: Site) -> Reading:
    looked = ReadingRecord.objects.filter(site=site, told=True).count()
    if not looked:
        return _unknown(Figure.WARNINGS, "no detector could judge anything yet")
    return Reading(
        Figure.WARNINGS, float(len(standing_of(site))), looked, f"{looked} detectors looked"
    )
