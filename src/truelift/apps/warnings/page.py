"""What the pages of warnings show, laid out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from truelift.apps.accounts.reads import standing_of
from truelift.apps.drawing.bars import Bars
from truelift.apps.drawing.series import Series
from truelift.apps.drawing.wording import amount, lift, rough_money, short_day
from truelift.apps.drawing.wording import day as day_said
from truelift.apps.experiments.domain import day_at
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.warnings.charts import drawn
from truelift.apps.warnings.models import ReadingRecord, WarningRecord
from truelift.apps.warnings.reads import reading_of
from truelift.apps.warnings.services import GOES_WITH, parts_of
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.warning import (
    FOUR,
    STANDING,
    Asked,
    Change,
    Kind,
    Severity,
    WarningStage,
    warning_obstacles,
)


QUIET: Final = "Nothing to do"
UNTOLD: Final = "Cannot be judged yet"

GLYPHS: Final = {
    WarningStage.OPEN: "watch",
    WarningStage.ACKNOWLEDGED: "watch",
    WarningStage.ACCEPTED_RISK: "waiting",
    WarningStage.RESOLVED: "passed",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A kind, as the strip shows it.

    Attributes:
        glyph: What stands before its name.
        name: The kind, or what is well about it.
        short: Its numbers.
        who: Since when and whose it is; or that there is nothing to do.
        href: Where it leads; empty where there is nothing.
        step: What the link says.
    """

    glyph: str
    name: str
    short: str
    who: str
    href: str = ""
    step: str = ""


def cell(site: Site, kind: Kind, reading: ReadingRecord | None) -> Cell:
    """Lay out a kind for the strip: the four are always there."""
    if reading is None:
        return Cell(
            "waiting", kind.called, "Nobody has looked yet; it is done every night.", UNTOLD
        )
    row = reading.warning
    if row is None:
        glyph = "passed" if reading.told else "waiting"
        # Settled by a person while its cause is still there, or accepted.
        seen = "Settled or accepted; looked at again every night" if reading.severity else QUIET
        return Cell(glyph, kind.called, reading.short, seen if reading.told else UNTOLD)
    critical = row.severity == Severity.CRITICAL
    more = f" and {reading.standing - 1} more" if reading.standing > 1 else ""
    owner = str(row.owner) if row.owner else "nobody’s yet"
    since = f"Since {short_day(row.first_seen)}{more}"
    taken = row.stage == WarningStage.ACKNOWLEDGED
    due = f", due {short_day(row.due)}" if taken and row.due else ""
    return Cell(
        "failed" if critical else "watch",
        kind.called,
        reading.short,
        f"{since} · {owner}{due}",
        f"/s/{site.name}/warnings/{row.key}/",
        "see why" if taken else "take it on",
    )


def strip(site: Site, readings: Mapping[Kind, ReadingRecord]) -> tuple[Cell, ...]:
    """Lay out the four."""
    return tuple(cell(site, kind, readings.get(kind)) for kind in FOUR)


@dataclass(frozen=True, slots=True)
class Row:
    """A warning in the list."""

    record: WarningRecord
    kind: str
    glyph: str
    stage: str
    who: str
    when: str


@dataclass(frozen=True, slots=True)
class ListPage:
    """All warnings of a site."""

    answer: str
    grounds: str
    cells: tuple[Cell, ...]
    others: tuple[Cell, ...]
    standing: tuple[Row, ...]
    past: tuple[Row, ...]


def list_page(
    site: Site,
    readings: Mapping[Kind, ReadingRecord],
    rows: Sequence[WarningRecord],
) -> ListPage:
    """Lay out the list: the four, the others, what stands and what stood."""
    standing = [each for each in rows if WarningStage(each.stage) in STANDING]
    unowned = sum(each.stage == WarningStage.OPEN for each in standing)
    looked = max((each.looked_at for each in readings.values()), default=None)
    zone = ZoneInfo(site.time_zone)
    when = "" if looked is None else f" Last looked {_moment(looked, zone)}."
    return ListPage(
        answer=_answer(len(standing), unowned, looked=looked is not None),
        grounds="Warnings come from how people work together, before results show it. Every night "
        f"each is looked for again, and people hear of a cause once.{when}",
        cells=strip(site, readings),
        others=tuple(
            cell(site, kind, readings[kind])
            for kind in Kind
            if kind not in FOUR and kind in readings
        ),
        standing=tuple(_row(each) for each in standing),
        past=tuple(_row(each) for each in rows if each not in standing),
    )


def _answer(standing: int, unowned: int, *, looked: bool) -> str:
    if not looked:
        return "Nobody has looked for warnings on this site yet."
    if not standing:
        return "No warning stands."
    are = "warning stands" if standing == 1 else "warnings stand"
    if not unowned:
        return f"{standing} {are}, and somebody deals with {'it' if standing == 1 else 'each'}."
    if unowned == standing:
        return f"{standing} {are}, and nobody has taken {'it' if standing == 1 else 'them'} on."
    return f"{standing} {are}; {unowned} of them {'is' if unowned == 1 else 'are'} nobody’s yet."


def _row(record: WarningRecord) -> Row:
    stage = WarningStage(record.stage)
    critical = stage in STANDING and record.severity == Severity.CRITICAL
    when = {
        WarningStage.ACKNOWLEDGED: _due_said(record),
        WarningStage.ACCEPTED_RISK: f"until {day_said(record.until)}" if record.until else "",
        WarningStage.RESOLVED: f"since {day_said(record.since)}",
    }.get(stage, "")
    return Row(
        record=record,
        kind=Kind(record.kind).called,
        glyph="failed" if critical else GLYPHS[stage],
        stage=f"{stage.called.capitalize()}{', critical' if critical else ''}",
        who=str(record.owner) if record.owner else "nobody",
        when=when,
    )


def _due_said(record: WarningRecord) -> str:
    if record.due is None:
        return ""
    word = "overdue since" if record.due < record.last_seen else "due"
    return f"{word} {day_said(record.due)}"


@dataclass(frozen=True, slots=True)
class Step:
    """A move that can be made, or the reasons why it cannot."""

    to: str
    label: str
    asks_owner: bool
    asks_day: str
    asks_note: str
    reasons: tuple[Obstacle, ...]


@dataclass(frozen=True, slots=True)
class WarningPage:
    """One warning.

    Attributes:
        series: Its chart over weeks; None for none.
        bars: Its chart as bars; None for none.
        heading: What the chart shows.
        facts: The numbers of its last sighting.
        sources: Where visitors come from, and what that did.
        places: Where they land, each looked at alone.
        spells: When it would have been a warning in the past.
        falls: Quarters that fell, each with how long before it was seen.
        replayed: Whether the past was replayed.
        method: The page that says how it is worked out; empty for none.
    """

    record: WarningRecord
    row: Row
    why: str
    series: Series | None
    bars: Bars | None
    heading: str
    facts: tuple[tuple[str, str], ...]
    history: tuple[tuple[str, str, str], ...]
    steps: tuple[Step, ...]
    seen: str
    sources: tuple[Mapping[str, Any], ...]
    places: tuple[Mapping[str, Any], ...]
    spells: tuple[str, ...]
    falls: tuple[str, ...]
    replayed: bool
    method: str


METHODS: Final = {
    Kind.TRAFFIC_GAP: "traffic-gap",
    Kind.INCONCLUSIVE: "inconclusive-share",
    Kind.METRIC_CONFLICT: "metric-conflict",
}
"""Kind → the page that says how it is worked out; the others are counts of days."""

_STEPS: Final = (
    (WarningStage.ACKNOWLEDGED, "Take it on", True, "Dealt with by", ""),
    (WarningStage.RESOLVED, "It is settled", False, "", "What was done"),
    (WarningStage.ACCEPTED_RISK, "Accept the risk", False, "Accepted until", "Why it is worth it"),
)
_ASKED_IN_FORM: Final = frozenset(
    {
        "warning.no_owner",
        "warning.no_due",
        "warning.no_until",
        "warning.no_reason",
        "warning.bad_due",
        "warning.bad_until",
    }
)


def warning_page(record: WarningRecord, *, by: Actor, now: datetime) -> WarningPage:
    """Lay out one warning."""
    zone = ZoneInfo(record.site.time_zone)
    sighting = record.sightings.order_by("-day").first()
    evidence = sighting.evidence if sighting else {}
    reading = reading_of(record.site, Kind(record.kind))
    if reading and reading.warning_id == record.pk and reading.standing == 1:
        # Looked at again since the night.
        evidence = reading.evidence
    chart = drawn(evidence.get("chart"))
    back = reading.replayed if reading else {}
    return WarningPage(
        record=record,
        row=_row(record),
        why=Kind(record.kind).why,
        series=chart if isinstance(chart, Series) else None,
        bars=chart if isinstance(chart, Bars) else None,
        heading=str(evidence.get("chart", {}).get("heading", "")),
        facts=tuple((str(name), str(value)) for name, value in evidence.get("facts", ())),
        history=_history(record, zone),
        steps=_steps(record, by=by, now=now),
        seen=_seen_said(record),
        sources=tuple(evidence.get("sources", ())),
        places=tuple(evidence.get("places", ())),
        spells=tuple(_spell(*each) for each in reversed(back.get("spells", ()))),
        falls=tuple(_fall(each, record.site) for each in reversed(back.get("falls", ()))),
        replayed=bool(back),
        method=METHODS.get(Kind(record.kind), ""),
    )


def _seen_said(record: WarningRecord) -> str:
    days = record.sightings.filter(day__gte=record.first_seen).count()
    again = f" It has come {amount(record.times, 'time')}." if record.times > 1 else ""
    return (
        f"First seen {day_said(record.first_seen)}, last seen {day_said(record.last_seen)}, on "
        f"{amount(days, 'day')}.{again}"
    )


def _steps(record: WarningRecord, *, by: Actor, now: datetime) -> tuple[Step, ...]:
    asked = Asked(
        by=standing_of(None if by.operator else by.user, record.site),
        parts=parts_of(record),
        today=day_at(record.site, now),
    )
    value = record.as_domain()
    found = []
    for to, label, owner, day, note in _STEPS:
        reasons = warning_obstacles(value, to, asked=asked)
        if any(each.code == "warning.wrong_stage" for each in reasons):
            continue
        again = to is WarningStage.ACKNOWLEDGED and value.stage is to
        found.append(
            Step(
                to.value,
                "Hand it on, or promise another day" if again else label,
                owner,
                day,
                note,
                tuple(each for each in reasons if each.code not in _ASKED_IN_FORM),
            )
        )
    return tuple(found)


_DONE: Final = {
    Change.OPENED.value: "Opened",
    Change.CAME_BACK.value: "Came back",
    Change.WORSE.value: "Became worse",
    Change.OVER.value: "Not found any more; settled",
    GOES_WITH: "Goes with another",
    WarningStage.ACKNOWLEDGED.value: "Taken on",
    WarningStage.ACCEPTED_RISK.value: "Risk accepted",
    WarningStage.RESOLVED.value: "Settled",
}


def _history(record: WarningRecord, zone: ZoneInfo) -> tuple[tuple[str, str, str], ...]:
    found = []
    for each in record.moves.select_related("by", "owner").order_by("-pk"):
        what = _DONE.get(each.action, each.action)
        if each.action == WarningStage.ACKNOWLEDGED:
            what = f"{what} by {each.owner}" + (f" until {day_said(each.day)}" if each.day else "")
        elif each.action == GOES_WITH:
            what = f"{what}, with which {each.owner} deals"
        elif each.action == WarningStage.ACCEPTED_RISK and each.day:
            what = f"{what} until {day_said(each.day)}"
        if each.by and each.by != each.owner:
            what += f", says {each.by}"
        found.append((what, each.note or each.sentence, _moment(each.moved_at, zone)))
    return tuple(found)


def _moment(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{day_said(local.date())}, {local:%H:%M}"


def _spell(first: str, last: str) -> str:
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    return day_said(begin) if begin == end else f"{day_said(begin)} to {day_said(end)}"


def _fall(fall: Mapping[str, Any], site: Site) -> str:
    lead = fall["lead_days"]
    said = (
        f"{fall['quarter']} ended with {rough_money(fall['after_minor'], site.currency)} per "
        f"session, {lift(fall['change'])} against the quarter before"
    )
    if lead is None:
        return f"{said}; the warning had not come in the half year before."
    return f"{said}; the warning came {amount(lead, 'day')} before that was known."
