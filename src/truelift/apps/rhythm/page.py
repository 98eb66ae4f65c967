"""The pages of meetings as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from truelift.apps.accounts.models import Membership
from truelift.apps.accounts.reads import functions_in
from truelift.apps.drawing.series import Line, Note, Series
from truelift.apps.drawing.wording import (
    MINUS,
    Kind,
    Measure,
    amount,
    clock,
    day,
    lift,
    money,
    percent,
    short_day,
)
from truelift.apps.rhythm.forms import DAYS, NTH
from truelift.apps.rhythm.models import ActionRecord, MeetingRecord
from truelift.apps.rhythm.reads import Rhythm, kept_of
from truelift.events.money import exponent_of
from truelift.lifecycle.functions import Function
from truelift.lifecycle.rhythm import (
    Meeting,
    Outcome,
    Quorum,
    Stage,
    Topic,
    Trailed,
    minutes_left,
    outcome,
)


MARKS: Final = 26
"""Meetings that are drawn in a row."""

FEWEST_DRAWN: Final = 4
"""Fewer points make no line."""

_GLYPHS: Final[Mapping[Outcome, str]] = {
    Outcome.HELD: "passed",
    Outcome.NO_QUORUM: "watch",
    Outcome.MISSED: "failed",
    Outcome.OPEN: "waiting",
}


# The list.


@dataclass(frozen=True, slots=True)
class KindPart:
    """One kind of meeting as the list shows it.

    Attributes:
        called: What kind.
        kind: Its word.
        stands: When it stands, in words; empty where nobody has agreed on it.
        adherence: The finding.
        trailing: Over how long it is counted.
        next: The meeting that goes on or comes; None for none.
        next_said: When, in words.
        missed: The warning; empty for none.
        marks: Status of the last ones, the oldest first.
        drawn: What is drawn, in words.
        trend: Adherence as it stood whenever one was due, and today; None of too few.
        past: The last ones as rows, the newest first: outcome, its glyph, adherence by then.
    """

    called: str
    kind: str
    stands: str
    adherence: str
    trailing: str
    next: MeetingRecord | None
    next_said: str
    missed: str
    marks: tuple[str, ...]
    drawn: str
    trend: Series | None
    past: tuple[tuple[MeetingRecord, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class RhythmPage:
    """How the meetings of a site stand.

    Attributes:
        answer: The finding.
        grounds: What it follows from.
        kinds: The kinds.
        actions: What is promised and open.
        late: How many of these are late.
        any: Whether anybody has agreed on any meeting.
    """

    answer: str
    grounds: str
    kinds: tuple[KindPart, ...]
    actions: tuple[tuple[ActionRecord, str, bool], ...]
    late: int
    any: bool


def rhythm_page(
    rhythms: Sequence[Rhythm], actions: Sequence[ActionRecord], *, zone: ZoneInfo, now: datetime
) -> RhythmPage:
    """Put the page of all meetings together."""
    today = now.astimezone(zone).date()
    standing = [each for each in rhythms if each.settings and each.settings.stands]
    missed = [each.missed for each in standing if each.missed]
    coming = [row for each in standing if (row := each.next(today))]
    late = sum(each.is_late(today) for each in actions)
    if not standing:
        answer = "Nobody has agreed on when to meet."
        grounds = "Alignment lasts as long as people meet: say when, and the rest is put together."
    elif missed:
        answer = missed[0].sentence
        grounds = "Two misses in a row are a warning; a meeting without quorum counts as a miss."
    else:
        first = min(coming, key=lambda row: row.starts_at, default=None)
        answer = (
            f"The {first.called.lower()} is next, on {clock(first.starts_at.astimezone(zone))}."
            if first
            else "No meeting is planned."
        )
        if first and first.stage == Stage.BEGUN.value:
            answer = f"The {first.called.lower()} goes on."
        grounds = _grounds(standing)
    return RhythmPage(
        answer=answer,
        grounds=grounds,
        kinds=tuple(_kind(each, zone=zone, today=today) for each in rhythms),
        actions=tuple(
            (each, _due(each, today, zone), each.is_late(today))
            for each in sorted(actions, key=lambda one: (one.due, one.number))
        ),
        late=late,
        any=bool(standing),
    )


def _grounds(standing: Sequence[Rhythm]) -> str:
    held = sum(each.adherence.held for each in standing)
    due = sum(each.adherence.due for each in standing)
    if not due:
        return "None was due yet."
    return (
        f"{held} of {amount(due, 'meeting')} that were due were held with quorum, in 13 weeks, 6"
        " months and 4 quarters."
    )


def _kind(each: Rhythm, *, zone: ZoneInfo, today: date) -> KindPart:
    past = [
        (row, how)
        for row in each.meetings
        if (how := outcome(kept_of(row), today=today)) is not Outcome.OPEN
    ]
    shown = past[-MARKS:]
    over_time = each.over_time(today)
    stood = {one.day: one for one in over_time}
    coming = each.next(today)
    counts = {how: sum(one is how for _, one in shown) for how in Outcome}
    drawn = ", ".join(f"{many} {how.called}" for how, many in counts.items() if many)
    return KindPart(
        called=each.kind.called,
        kind=each.kind.value,
        stands=_stands(each),
        adherence=_adherence(each),
        trailing=each.kind.trailing,
        next=coming,
        next_said=clock(coming.starts_at.astimezone(zone)) if coming else "",
        missed=each.missed.sentence if each.missed else "",
        marks=tuple(_GLYPHS[how] for _, how in shown),
        drawn=f"The last {amount(len(shown), 'meeting')}: {drawn}." if shown else "",
        trend=_trend(over_time) if len(over_time) >= FEWEST_DRAWN else None,
        past=tuple(
            (row, how.called, _GLYPHS[how], _trailed(stood.get(row.day)))
            for row, how in reversed(past[-13:])
        ),
    )


def _trend(over_time: Sequence[Trailed]) -> Series:
    """Draw adherence, with a note wherever misses in a row came to be a warning."""
    runs: dict[date, int] = {}
    begun: date | None = None
    for each in over_time:
        begun = (begun or each.day) if each.warned else None
        if begun is not None:
            runs[begun] = each.misses
    return Series(
        days=tuple(each.day for each in over_time),
        lines=(
            Line(
                "Held with quorum",
                tuple(each.adherence.share for each in over_time),
                focus=True,
                named=False,
            ),
        ),
        measure=Measure(Kind.SHARE),
        notes=tuple(Note(day, f"{many} missed in a row") for day, many in runs.items()),
        from_zero=True,
        head="Due",
    )


def _trailed(stood: Trailed | None) -> str:
    if stood is None:
        return ""
    found = stood.adherence
    said = f"{percent(found.share or 0.0, digits=0)}, {found.held} of {found.due}"
    return f"{said}; {stood.misses} missed in a row" if stood.misses > 1 else said


def _stands(each: Rhythm) -> str:
    row = each.settings
    if row is None or not row.stands:
        return ""
    name = DAYS[row.weekday]
    at = f"{row.at:%H:%M}, {each.kind.minutes} minutes"
    match each.kind:
        case Meeting.STAND_UP:
            return f"Every {name}, {at}"
        case Meeting.REVIEW:
            return f"The {NTH[row.nth - 1]} {name} of every month, {at}"
        case Meeting.REBUILD:
            return f"The {NTH[row.nth - 1]} {name} of every quarter, {at}"


def _adherence(each: Rhythm) -> str:
    found = each.adherence
    if found.share is None:
        return "None was due yet"
    return (
        f"{percent(found.share, digits=0)} held with quorum, {found.held} of {found.due} due"
        f" in {each.kind.trailing}"
    )


# One meeting.


@dataclass(frozen=True, slots=True)
class Seat:
    """A function that has to be there, and who sits for it; empty for nobody."""

    called: str
    who: str


@dataclass(frozen=True, slots=True)
class Attendant:
    """A person of the site as the meeting's page lists them."""

    pk: int
    name: str
    does: str
    here: bool
    wanted: bool


@dataclass(frozen=True, slots=True)
class FigurePart:
    """A number at the head of a part, written out."""

    called: str
    value: str
    detail: str
    css: str


@dataclass(frozen=True, slots=True)
class StepPart:
    """A bar of a waterfall: where it begins and how long it is, in per cent of the width."""

    called: str
    x: str
    width: str
    css: str
    low: str
    high: str
    said: str
    range: str


@dataclass(frozen=True, slots=True)
class TopicPart:
    """A part of an agenda as it is drawn.

    Attributes:
        topic: Its word.
        called: Its name.
        said: The finding.
        absent: Why nothing can be said.
        lines: What there is to speak of, as stored.
        more: How many were left out.
        figures: Numbers at its head.
        steps: A waterfall.
        basis: How it was made.
        note: What the minutes say.
    """

    topic: str
    called: str
    said: str
    absent: str
    lines: Sequence[Mapping[str, Any]]
    more: int
    figures: tuple[FigurePart, ...]
    steps: tuple[StepPart, ...]
    basis: str
    note: str


def topic_parts(
    kind: Meeting, document: Mapping[str, Any] | None, notes: Mapping[str, str]
) -> tuple[TopicPart, ...]:
    """Write the parts of an agenda out; it needs nothing but the stored document."""
    known = {each["topic"]: each for each in (document or {}).get("sections", ())}
    currency = str((document or {}).get("currency", ""))
    return tuple(
        _topic(topic, known.get(topic.value), currency, notes.get(topic.value, ""))
        for topic in kind.topics
    )


def _topic(topic: Topic, stored: Mapping[str, Any] | None, currency: str, note: str) -> TopicPart:
    if stored is None:
        return TopicPart(topic.value, topic.called, "", "", (), 0, (), (), "", note)
    return TopicPart(
        topic=topic.value,
        called=topic.called,
        said=stored["said"],
        absent=stored["absent"],
        lines=stored["lines"],
        more=stored["more"],
        figures=tuple(_figure(each, currency) for each in stored["figures"]),
        steps=_waterfall(stored, currency),
        basis=stored["basis"],
        note=note,
    )


def _figure(each: Mapping[str, Any], currency: str) -> FigurePart:
    measure = Measure(Kind(each["unit"]), currency=currency)
    value, before = each["value"], each["before"]
    per_session = each["key"] == "rps"
    if value is None:
        return FigurePart(each["called"], "not known", each["detail"], "")
    said = per_session_money(value, currency) if per_session else measure.said(value)
    parts = []
    css = ""
    if before:
        was = per_session_money(before, currency) if per_session else measure.said(before)
        parts.append(f"{lift(value / before - 1)}, was {was}")
        css = "up" if value > before else "down" if value < before else ""
    if each["detail"]:
        parts.append(each["detail"])
    return FigurePart(each["called"], said, "; ".join(parts), css)


def per_session_money(minor: float, currency: str) -> str:
    """Write money per session with one digit more than money has: €2.002."""
    exponent = exponent_of(currency)
    whole = money(round(minor), currency)
    if not exponent:
        return whole
    digits = f"{abs(minor) / 10**exponent:,.{exponent + 1}f}"
    symbol = whole.lstrip(MINUS).rstrip("0123456789.,")
    return f"{MINUS if minor < 0 else ''}{symbol}{digits}"


def _change(minor: float, currency: str) -> str:
    """Write a change with its sign; one that rounds to nothing has none."""
    text = per_session_money(minor, currency)
    if not any(digit in text for digit in "123456789"):
        return text.lstrip(MINUS)
    return f"+{text}" if minor > 0 else text


_ROOM: Final = 0.12
"""Of the span, left free on both sides of a waterfall."""


def _waterfall(stored: Mapping[str, Any], currency: str) -> tuple[StepPart, ...]:
    steps, (first, last) = stored["steps"], stored["ends"]
    rps = next((each for each in stored["figures"] if each["key"] == "rps"), None)
    if rps is None or not steps or rps["before"] is None or rps["value"] is None:
        return ()
    at, ends = rps["before"], [rps["before"], rps["value"]]
    for each in steps:
        ends += [at + each["value"]]
        ends += [at + each[end] for end in ("low", "high") if each[end] is not None]
        at += each["value"]
    low, high = min(ends), max(ends)
    room = (high - low) * _ROOM or 1.0
    low, high = low - room, high + room

    def place(value: float) -> float:
        share: float = (value - low) / (high - low)
        return 100 * share

    def whole(called: str, value: float) -> StepPart:
        said = per_session_money(value, currency)
        return StepPart(called, "0%", f"{place(value):.2f}%", "f-ink", "", "", said, "")

    found = [whole(first, rps["before"])]
    at = rps["before"]
    for each in steps:
        begin, end = sorted((at, at + each["value"]))
        known = each["low"] is not None and each["high"] is not None
        found.append(
            StepPart(
                called=each["called"],
                x=f"{place(begin):.2f}%",
                width=f"{place(end) - place(begin):.2f}%",
                css=_colour(each["value"], each["low"], each["high"]),
                low=f"{place(at + each['low']):.2f}%" if known else "",
                high=f"{place(at + each['high']):.2f}%" if known else "",
                said=_change(each["value"], currency),
                range=f"{_change(each['low'], currency)} to {_change(each['high'], currency)}"
                if known
                else "",
            )
        )
        at += each["value"]
    return (*found, whole(last, rps["value"]))


def _colour(value: float, low: float | None, high: float | None) -> str:
    """Colour says better or worse only where the interval leaves no doubt of the sign."""
    if not value or (low is not None and high is not None and low <= 0 <= high):
        return "f-quiet"
    return "f-better" if value > 0 else "f-worse"


@dataclass(frozen=True, slots=True)
class MeetingPage:
    """A meeting as it is held, or as it was.

    Attributes:
        answer: The finding.
        grounds: What it follows from.
        when: Its day and time.
        left: Minutes that are left, in words; empty while no time runs.
        seats: Who has to be there.
        people: Who could be.
        parts: The agenda.
        read: When the agenda was put together; empty before.
        actions: What was promised here.
        carried: What was promised before and is open.
    """

    answer: str
    grounds: str
    when: str
    left: str
    seats: tuple[Seat, ...]
    people: tuple[Attendant, ...]
    parts: tuple[TopicPart, ...]
    read: str
    actions: tuple[tuple[ActionRecord, str, bool], ...]
    carried: tuple[tuple[ActionRecord, str, bool], ...]


def meeting_page(
    row: MeetingRecord,
    document: Mapping[str, Any] | None,
    members: Sequence[Membership],
    there: Quorum,
    *,
    actions: Sequence[ActionRecord],
    carried: Sequence[ActionRecord],
    zone: ZoneInfo,
    now: datetime,
) -> MeetingPage:
    """Put the page of a meeting together."""
    kind = row.meeting
    today = now.astimezone(zone).date()
    names = {str(each.user_id): str(each.user) for each in members}
    seats = tuple(
        Seat(each.called, names.get(there.seated.get(each, ""), "")) for each in kind.seats
    )
    left = ""
    if row.stage == Stage.BEGUN.value and row.begun_at:
        minutes = minutes_left(kind, row.begun_at, now=now)
        left = (
            f"{amount(minutes, 'minute')} of {kind.minutes} left"
            if minutes >= 0
            else f"{amount(-minutes, 'minute')} over the {kind.minutes}"
        )
    return MeetingPage(
        answer=_answer(row, document, there, left, zone=zone, today=today),
        grounds=_who(row, there),
        when=clock(row.starts_at.astimezone(zone)),
        left=left,
        seats=seats,
        people=tuple(_attendant(each, row) for each in members),
        parts=topic_parts(kind, document, row.notes),
        read=clock(datetime.fromisoformat(document["as_of"]).astimezone(zone)) if document else "",
        actions=tuple((each, _due(each, today, zone), each.is_late(today)) for each in actions),
        carried=tuple((each, _due(each, today, zone), each.is_late(today)) for each in carried),
    )


def _answer(
    row: MeetingRecord,
    document: Mapping[str, Any] | None,
    there: Quorum,
    left: str,
    *,
    zone: ZoneInfo,
    today: date,
) -> str:
    if row.meeting is Meeting.REVIEW and document:
        finding = next((each["said"] for each in document["sections"]), "")
        if finding:
            return str(finding)
    if row.stage == Stage.CLOSED.value:
        how = "with quorum" if row.quorate else "without quorum"
        return f"Held {how} on {day(row.day)}."
    if row.stage == Stage.BEGUN.value:
        return f"{left}; {_missing(there)}" if there.missing else f"{left}, and all are here."
    if row.day < today:
        return f"It was due on {day(row.day)} and was not held."
    return f"It is on {clock(row.starts_at.astimezone(zone))}."


def _who(row: MeetingRecord, there: Quorum) -> str:
    if row.stage == Stage.CLOSED.value:
        if row.quorate:
            return "Everybody was there who has to be."
        return f"It counts as not held: {_missing(there)}"
    wanted = _and([each.called for each in row.meeting.seats])
    return f"{wanted} have to be there, one person each: otherwise it counts as not held."


def _missing(there: Quorum) -> str:
    return f"nobody is here for {_and([_lower(each) for each in there.missing])}."


def _lower(function: Function) -> str:
    called = function.called
    return called if called[:2].isupper() else called[:1].lower() + called[1:]


def _attendant(each: Membership, row: MeetingRecord) -> Attendant:
    does = functions_in(each.functions)
    return Attendant(
        pk=each.user_id,
        name=str(each.user),
        does=", ".join(one.called for one in does),
        here=each.user_id in row.present,
        wanted=bool(set(does) & set(row.meeting.seats)),
    )


def _due(each: ActionRecord, today: date, zone: ZoneInfo) -> str:
    if each.done_at is not None:
        return f"done {short_day(each.done_at.astimezone(zone).date())}"
    return f"{'was due' if each.due < today else 'due'} {short_day(each.due)}"


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


# A pack, from its stored document alone.


@dataclass(frozen=True, slots=True)
class PackPage:
    """A frozen pack; made from nothing but what was stored.

    Attributes:
        answer: The first finding.
        called: Which meeting.
        frozen: When it was frozen.
        snapshot: How people call it.
        parts: Its parts.
        stale: Feeds that were late then.
        feeds: Up to which arrival each feed was read.
    """

    answer: str
    called: str
    period: str
    frozen: str
    snapshot: str
    parts: tuple[TopicPart, ...]
    stale: tuple[str, ...]
    feeds: tuple[tuple[str, int], ...]
    analyses_until: int | None


def pack_page(document: Mapping[str, Any]) -> PackPage:
    """Write a pack out."""
    kind = Meeting(document["kind"])
    zone = ZoneInfo(document["time_zone"])
    read = datetime.fromisoformat(document["as_of"]).astimezone(zone)
    parts = topic_parts(kind, document, {})
    return PackPage(
        answer=next((each.said for each in parts if each.said), kind.called),
        called=kind.called,
        period=document["period"],
        frozen=f"{clock(read)} {read.year}",
        snapshot=document["pack"]["snapshot"],
        parts=parts,
        stale=tuple(document["stale"]),
        feeds=tuple(document["snapshot"]["facts"].items()),
        analyses_until=document["snapshot"]["analyses_until"],
    )
