"""The evidence inbox, signals and ideas as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Count

from truelift.apps.drawing.wording import clock, day
from truelift.apps.intake.models import IdeaRecord, SignalRecord, Way
from truelift.apps.intake.reads import (
    overdue_signals,
    waiting_signals,
)
from truelift.apps.intake.services import triage_days
from truelift.apps.lists.page import Page
from truelift.apps.research.reads import accepted_insights, insights_of
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Item
from truelift.lifecycle.idea import IdeaAction, IdeaStage, idea_obstacles
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.signal import SignalAction, SignalStage, signal_obstacles
from truelift.lifecycle.stage_words import stage_word


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A line of the inbox.

    Attributes:
        glyph: Name of the shape of its state.
        state: Its state in words.
        due: What is due, in words; `late` says whether it is overdue.
        age: How long it has been here.
    """

    key: str
    title: str
    about: str
    way: str
    glyph: str
    state: str
    due: str
    late: bool
    age: str


@dataclass(frozen=True, slots=True)
class InboxPage:
    """The evidence inbox."""

    answer: str
    grounds: str
    rows: tuple[SignalRow, ...]
    days: int


@dataclass(frozen=True, slots=True)
class Step:
    """A step that may be taken, or why not.

    Attributes:
        refused: Every reason that stands in its way, beside what the form itself asks for.
    """

    action: str
    label: str
    refused: tuple[Obstacle, ...]


@dataclass(frozen=True, slots=True)
class SignalPage:
    """One signal."""

    record: SignalRecord
    stage: str
    glyph: str
    state: str
    came: str
    facts: tuple[tuple[str, str], ...]
    undecided: bool
    actions: tuple[str, ...]
    insights: tuple[tuple[str, str], ...]
    ideas: tuple[IdeaRecord, ...]


@dataclass(frozen=True, slots=True)
class IdeaRow:
    """A line of the list of ideas."""

    key: str
    change: str
    about: str
    glyph: str
    state: str
    problem: str
    age: str


@dataclass(frozen=True, slots=True)
class IdeasPage:
    """The list of ideas."""

    answer: str
    grounds: str
    rows: tuple[IdeaRow, ...]


@dataclass(frozen=True, slots=True)
class IdeaPage:
    """One idea."""

    record: IdeaRecord
    glyph: str
    state: str
    came: str
    facts: tuple[tuple[str, str], ...]
    solution_only: bool
    actions: tuple[str, ...]
    refused: tuple[Obstacle, ...]


_GLYPHS = {
    SignalStage.NEW: "missing",
    SignalStage.TRIAGED: "waiting",
    SignalStage.LINKED: "passed",
    SignalStage.DISMISSED: "null",
    SignalStage.SNOOZED: "waiting",
}
_IDEA_GLYPHS = {
    IdeaStage.SUBMITTED: "missing",
    IdeaStage.SCREENED: "waiting",
    IdeaStage.SCORED: "passed",
    IdeaStage.PROMOTED: "passed",
    IdeaStage.PARKED: "null",
    IdeaStage.REJECTED: "null",
}
_WAYS = dict(Way.choices)


def inbox_page(site: Site, listed: Page, *, now: datetime) -> InboxPage:
    """Lay out a page of the evidence inbox."""
    zone = ZoneInfo(site.time_zone)
    waiting = SignalRecord.objects.filter(waiting_signals(now), site=site).aggregate(
        all=Count("pk"), late=Count("pk", filter=overdue_signals(now))
    )
    days = triage_days(site)
    return InboxPage(
        answer=_answer(waiting["all"], waiting["late"]),
        grounds=f"A signal gets a first look within {_days(days)}. What deserves a finding is"
        " linked to one, everything else is dismissed with a reason.",
        rows=tuple(_row(each, now=now, zone=zone) for each in listed.records),
        days=days,
    )


def _answer(undecided: int, late: int) -> str:
    if not undecided:
        return "No signal waits for a decision."
    said = f"{_many(undecided, 'signal waits', 'signals wait')} for a decision"
    if not late:
        return f"{said}; none is overdue."
    return f"{said}; {_many(late, 'is', 'are').lower()} overdue."


def signal_page(site: Site, record: SignalRecord, *, now: datetime) -> SignalPage:
    """Lay out a signal."""
    signal = record.as_domain().at(now)
    glyph, state = _GLYPHS[signal.stage], stage_word(Item.SIGNAL, signal.stage)
    zone = ZoneInfo(site.time_zone)
    if signal.stage is SignalStage.SNOOZED and signal.until:
        state = f"Snoozed until {day(signal.until.astimezone(zone), year=now.year)}"
    known = {"insight": "I-1", "reason": "said", "until": datetime.max.replace(tzinfo=zone)}
    # What a form asks for is not an obstacle yet: only what the stage itself rules out is.
    possible = [
        action
        for action in SignalAction
        if not signal_obstacles(
            signal,
            action,
            now=now,
            insight=str(known["insight"]),
            reason="said",
            until=datetime.max.replace(tzinfo=zone),
        )
    ]
    new = signal.stage is SignalStage.NEW
    undecided = signal.stage in {SignalStage.NEW, SignalStage.TRIAGED}
    facts = [
        ("Where", record.surface),
        ("For whom", record.segment),
        ("Team", record.team),
        ("To be reached", record.contact),
        ("Due", _due(record, signal.stage, now=now, zone=zone)[0] if new else ""),
        ("Why", record.reason),
    ]
    insights = insights_of(site)[:100] if undecided else []
    return SignalPage(
        record=record,
        stage=signal.stage.value,
        glyph=glyph,
        state=state,
        came=_came(record, zone),
        facts=tuple((term, said) for term, said in facts if said),
        undecided=undecided,
        actions=tuple(each.value for each in possible),
        insights=tuple((each.key, each.problem or "No problem stated yet") for each in insights),
        ideas=tuple(record.ideas.order_by("number")),
    )


def ideas_page(site: Site, listed: Page, *, now: datetime) -> IdeasPage:
    """Lay out a page of the list of ideas."""
    to_screen = IdeaRecord.objects.filter(site=site, stage=IdeaStage.SUBMITTED.value).count()
    return IdeasPage(
        answer=f"{_many(to_screen, 'idea waits', 'ideas wait')} to be screened."
        if to_screen
        else "No idea waits to be screened.",
        grounds="An idea that no problem is linked to is a solution only: it is ranked last.",
        rows=tuple(_idea_row(each, now=now) for each in listed.records),
    )


def idea_page(site: Site, record: IdeaRecord) -> IdeaPage:
    """Lay out an idea."""
    idea = record.as_domain()
    glyph, state = _IDEA_GLYPHS[idea.stage], stage_word(Item.IDEA, idea.stage)
    facts = [
        ("Problem", record.problem),
        ("Where", record.surface),
        ("For whom", record.segment),
        ("Team", record.team),
        ("To be reached", record.contact),
        ("Why", record.reason),
    ]
    possible = [
        action
        for action in IdeaAction
        if not any(
            each.code == "idea.wrong_stage" for each in idea_obstacles(idea, action, reason="said")
        )
    ]
    promoting = idea_obstacles(idea, IdeaAction.PROMOTE, hypothesis="H-1")
    return IdeaPage(
        record=record,
        glyph=glyph,
        state=state,
        came=_came(record, ZoneInfo(site.time_zone)),
        facts=tuple((term, said) for term, said in facts if said),
        solution_only=idea.solution_only,
        actions=tuple(each.value for each in possible),
        refused=promoting if idea.stage is not IdeaStage.PROMOTED else (),
    )


def linkable(site: Site) -> tuple[tuple[str, str], ...]:
    """Give the findings that an idea can answer, as choices."""
    return tuple((each.key, each.problem) for each in accepted_insights(site)[:100])


def _row(record: SignalRecord, *, now: datetime, zone: ZoneInfo) -> SignalRow:
    stage = record.as_domain().at(now).stage
    glyph, state = _GLYPHS[stage], stage_word(Item.SIGNAL, stage)
    due, late = _due(record, stage, now=now, zone=zone)
    if record.insight is not None and stage is SignalStage.LINKED:
        state = f"In {record.insight.key}"
    about = " · ".join(each for each in (record.surface, record.segment, record.team) if each)
    return SignalRow(
        key=record.key,
        title=record.title,
        about=about,
        way=_WAYS[record.way],
        glyph=glyph,
        state=state,
        due=due,
        late=late,
        age=_age(record.made_at, now),
    )


def _idea_row(record: IdeaRecord, *, now: datetime) -> IdeaRow:
    stage = IdeaStage(record.stage)
    glyph, state = _IDEA_GLYPHS[stage], stage_word(Item.IDEA, stage)
    linked = [each.key for each in (record.insight, record.signal) if each is not None]
    if record.hypothesis is not None and stage is IdeaStage.PROMOTED:
        state = f"Became {record.hypothesis.key}"
    return IdeaRow(
        key=record.key,
        change=record.change,
        about=" · ".join(each for each in (record.surface, record.segment, record.team) if each),
        glyph=glyph,
        state=state,
        problem=" and ".join(linked),
        age=_age(record.made_at, now),
    )


def _due(
    record: SignalRecord, stage: SignalStage, *, now: datetime, zone: ZoneInfo
) -> tuple[str, bool]:
    """Say what is due about a signal, and whether it is overdue."""
    if record.stage == SignalStage.SNOOZED and stage is SignalStage.TRIAGED:
        since = record.asleep_until or now
        return f"Back since {day(since.astimezone(zone), year=now.year)}", True
    if stage is SignalStage.SNOOZED and record.asleep_until:
        return f"Back on {day(record.asleep_until.astimezone(zone), year=now.year)}", False
    if stage is SignalStage.NEW:
        late = (now - record.due_at).days
        if record.due_at < now:
            return (f"Overdue by {_days(late)}" if late else "Overdue since today"), True
        return f"First look by {day(record.due_at.astimezone(zone), year=now.year)}", False
    if stage is SignalStage.TRIAGED:
        return "Link, snooze or dismiss", False
    return "", False


def _came(record: SignalRecord | IdeaRecord, zone: ZoneInfo) -> str:
    who = str(record.made_by) if record.made_by else ""
    through = _WAYS[record.way]
    if record.channel is not None:
        through = f"{through} “{record.channel.name}”"
    said = " · ".join(each for each in (who, through) if each)
    return f"{said}, {clock(record.made_at.astimezone(zone))}"


def _age(since: datetime, now: datetime) -> str:
    days = max(0, (now - since).days)
    return "today" if not days else f"{_days(days)} old"


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def _many(number: int, one: str, many: str) -> str:
    word = _SMALL[number] if number < len(_SMALL) else f"{number:,}"
    return f"{word.capitalize()} {one if number == 1 else many}"
