"""The pages of winners as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Count, Q

from truelift.apps.drawing.wording import clock, count, day, lift, percent, rough_money
from truelift.apps.research.actor import Actor
from truelift.apps.rollouts.models import RolloutCheckRecord, RolloutRecord
from truelift.apps.rollouts.reads import (
    Counter,
    Valued,
    lateness_of,
    latest_check,
    refusals,
    value_of,
    valued,
)
from truelift.apps.rollouts.services import SIGNING
from truelift.apps.rollouts.value import Unrealised
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Function, Item
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.rollout import (
    CRITICAL_AFTER_DAYS,
    LATE_AFTER_DAYS,
    LEAST_RATE,
    OPEN,
    RATE_DAYS,
    RolloutAction,
    RolloutStage,
    Severity,
)
from truelift.lifecycle.stage_words import stage_word


GLYPHS: Final = {
    RolloutStage.PLANNED: "missing",
    RolloutStage.IN_PROGRESS: "waiting",
    RolloutStage.LIVE: "watch",
    RolloutStage.VERIFIED: "passed",
    RolloutStage.CLEANED_UP: "passed",
    RolloutStage.ABANDONED: "invalid",
}
"""The shape of a stage."""

ACTIONS: Final = {
    RolloutAction.START: "Start it",
    RolloutAction.GO_LIVE: "It is live",
    RolloutAction.VERIFY: "Verify it",
    RolloutAction.CLEAN_UP: "It is cleaned up",
    RolloutAction.ABANDON: "Abandon it",
}


@dataclass(frozen=True, slots=True)
class WinnerRow:
    """A line of the list."""

    record: RolloutRecord
    glyph: str
    stage: str
    when: str
    lost: str
    between: str
    planned_with: str
    problem: str
    next: str
    late: bool


@dataclass(frozen=True, slots=True)
class WinnersPage:
    """The list of winners.

    Attributes:
        counter: What all that wait cost so far; empty while it is not known.
        warning: Empty when nothing has to be said.
    """

    answer: str
    grounds: str
    heading: str
    counter: str
    per_day: str
    counter_problem: str
    asked: str
    warning: str
    is_critical: bool
    rows: tuple[WinnerRow, ...]
    any: bool


@dataclass(frozen=True, slots=True)
class Button:
    """A step that can be taken, or the reasons why it cannot."""

    action: str
    label: str
    reasons: tuple[Obstacle, ...]


@dataclass(frozen=True, slots=True)
class RolloutPage:
    """One winner."""

    record: RolloutRecord
    row: WinnerRow
    main: Button | None
    quiet: Button | None
    facts: tuple[tuple[str, str, str], ...]
    sum_said: str
    check: RolloutCheckRecord | None
    checking: bool
    to_sign: tuple[tuple[str, str], ...]
    signed: tuple[str, ...]


def winners_page(
    site: Site, records: Sequence[RolloutRecord], counter: Counter, *, now: datetime
) -> WinnersPage:
    """Lay out a page of the winners of a site.

    Args:
        site: Whose.
        records: The winners of this page.
        counter: What all that wait cost so far.
        now: The present moment.
    """
    late = lateness_of(site, now=now)
    stages = RolloutRecord.objects.filter(site=site).aggregate(
        any=Count("pk"), waiting=Count("pk", filter=Q(stage__in=list(OPEN)))
    )
    waiting = stages["waiting"]
    warning = ""
    if late.severity is not None:
        parts = []
        if late.late:
            oldest = late.late[0]
            parts.append(
                f"{_counted(len(late.late), 'winner')} {_has(len(late.late))} waited for more than"
                f" {LATE_AFTER_DAYS} days, {oldest[0]} for {oldest[1]}."
            )
        if late.rate is not None and late.rate < LEAST_RATE:
            parts.append(
                f"Of {_counted(late.counted, 'decision').lower()} to ship in the last {RATE_DAYS}"
                f" days, {percent(late.rate, digits=0)} came live;"
                f" {percent(LEAST_RATE, digits=0)} is the least."
            )
        warning = " ".join(parts)
    return WinnersPage(
        answer=_answer(waiting, stages["any"]),
        grounds="A winner counts as live when somebody has seen that every visitor gets it.",
        heading=f"{_counted(waiting, 'winner')} {_is(waiting)} decided and not live"
        if waiting
        else "What is live, and what was given up",
        counter=rough_money(counter.value, site.currency) if counter.value is not None else "",
        per_day=_per_day(counter, site),
        counter_problem=_unknown(counter, bool(waiting)),
        asked=f"asked {_when(counter.asked_at, site)}" if counter.asked_at else "not asked yet",
        warning=warning,
        is_critical=late.severity is Severity.CRITICAL,
        rows=tuple(_row(each, site, now=now) for each in valued(site, records, now=now)),
        any=bool(stages["any"]),
    )


def rollout_page(record: RolloutRecord, *, by: Actor, now: datetime) -> RolloutPage:
    """Lay out one winner."""
    site = record.site
    value = value_of(record, now=now)
    zone = ZoneInfo(site.time_zone)
    age = (now.astimezone(zone).date() - record.decided_at.astimezone(zone).date()).days
    refused = refusals(record, by=by, now=now)
    buttons = {
        action: Button(action.value, ACTIONS[action], found) for action, found in refused.items()
    }
    main = next((each for key, each in buttons.items() if key is not RolloutAction.ABANDON), None)
    signatures = list(record.signatures.select_related("by"))
    have = {each.function for each in signatures}
    live = record.stage == RolloutStage.LIVE
    check = latest_check(record)
    return RolloutPage(
        record=record,
        row=_row(Valued(record, value, age), site, now=now),
        main=main,
        quiet=buttons.get(RolloutAction.ABANDON),
        facts=_facts(record),
        sum_said=_sum_said(record, value, site),
        check=check,
        checking=check is not None and check.finished_at is None,
        to_sign=tuple((each.value, each.called) for each in SIGNING if live and each not in have),
        signed=tuple(
            f"{each.by} signed for {Function(each.function).called}, {_when(each.signed_at, site)}"
            for each in signatures
        ),
    )


def _answer(waiting: int, all_of_them: int) -> str:
    if not all_of_them:
        return "No change has been decided to ship yet."
    if not waiting:
        return "Every winner is live, or was given up with a reason."
    return f"{_counted(waiting, 'proven gain')} {_is(waiting)} not collected yet."


def _row(row: Valued, site: Site, *, now: datetime) -> WinnerRow:
    record, value = row.record, row.value
    glyph, stage = GLYPHS[RolloutStage(record.stage)], stage_word(Item.ROLLOUT, record.stage)
    late = record.stage in OPEN and row.age_days > LATE_AFTER_DAYS
    if late:
        glyph = "failed" if row.age_days > CRITICAL_AFTER_DAYS else "watch"
    today = now.astimezone(ZoneInfo(site.time_zone)).date()
    return WinnerRow(
        record=record,
        glyph=glyph,
        stage=stage,
        when="today" if row.age_days == 0 else f"{_counted(row.age_days, 'day').lower()} ago",
        lost=rough_money(value.value, site.currency) if value.value is not None else "",
        between=_between(value, site),
        planned_with=f"planned with {lift(record.lift)}" if record.lift is not None else "",
        problem=value.problem,
        next=_next(record, overdue=record.due is not None and record.due < today),
        late=late,
    )


def _next(record: RolloutRecord, *, overdue: bool) -> str:
    if record.stage not in OPEN:
        return ""
    owner = str(record.owner) if record.owner else "nobody answers for it"
    due = f", due {day(record.due)}" if record.due else ", no due date"
    share = (
        f"at {percent(record.exposure, digits=0)}; "
        if record.exposure is not None and record.exposure < 1 and not record.permanent
        else ""
    )
    return f"{share}{owner}{due}{', overdue' if overdue else ''}"


def _facts(record: RolloutRecord) -> tuple[tuple[str, str, str], ...]:
    """Give term, text and link of what is said of it."""
    shared = "not said yet"
    if record.permanent:
        shared = "everybody: it is part of the site’s code"
    elif record.exposure is not None:
        shared = f"{percent(record.exposure, digits=0)} of visitors"
    code = {"present": "still in place", "ticketed": "removal planned", "removed": "removed"}
    facts = [
        ("Who brings it live", str(record.owner) if record.owner else "nobody yet", ""),
        ("Due", day(record.due) if record.due else "not said yet", ""),
        ("Variant", record.variant or "not said yet", ""),
        ("Who gets it", shared, ""),
        ("Concerns", f"{percent(record.reach, digits=0)} of sessions", ""),
        ("The test’s code", code[record.variant_code], ""),
    ]
    if record.deploy_link:
        facts.append(("Release", record.deploy_link, record.deploy_link))
    if record.ticket:
        facts.append(("Ticket", record.ticket, record.ticket))
    return tuple(facts)


def _sum_said(record: RolloutRecord, value: Unrealised, site: Site) -> str:
    if value.value is None or record.lift is None:
        return value.problem
    measured = f", {lift(record.lift_measured)} measured" if record.lift_measured else ""
    part = "" if record.reach == 1 else f" × {percent(record.reach)} of them concerned"
    return (
        f"{_counted(value.days, 'day')}, {count(value.sessions)} sessions, revenue of"
        f" {rough_money(value.revenue, site.currency)}{part} × a lift of {lift(record.lift)} in"
        f" {record.lift_metric} (shrunken with {record.lift_tests} valid results{measured})."
        " Taken as if revenue moved as that metric did."
    )


def _per_day(counter: Counter, site: Site) -> str:
    if counter.per_day is None:
        return ""
    return f"and {rough_money(counter.per_day, site.currency)} more each day"


def _unknown(counter: Counter, waiting: bool) -> str:  # noqa: FBT001 - of this page alone
    if counter.problem and waiting:
        return counter.problem
    if not counter.unknown:
        return ""
    number = counter.unknown
    return f"Not known of {_counted(number, 'winner').lower()}, which {_is(number)} not in it."


def _between(value: Unrealised, site: Site) -> str:
    if value.low is None or value.high is None:
        return ""
    return f"{rough_money(value.low, site.currency)} to {rough_money(value.high, site.currency)}"


def _when(at: datetime, site: Site) -> str:
    return clock(at.astimezone(ZoneInfo(site.time_zone)))


def _counted(number: int, what: str) -> str:
    words = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten")
    shown = words[number] if number < len(words) else count(number)
    return f"{shown} {what}{'' if number == 1 else 's'}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _has(number: int) -> str:
    return "has" if number == 1 else "have"
