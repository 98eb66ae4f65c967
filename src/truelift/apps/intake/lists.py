"""The lists of signals and ideas: filters, orders, files, and steps for many."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Case, IntegerField, Value, When

from truelift.apps.intake import services
from truelift.apps.intake.models import IdeaRecord, SignalRecord, Way
from truelift.apps.intake.placing import place_idea, place_signal
from truelift.apps.intake.reads import (
    IDEA_SHOWS,
    SHOWS,
    idea_document,
    ideas_shown,
    overdue_signals,
    signal_document,
    signals_shown,
)
from truelift.apps.lists.listing import (
    SURFACE,
    Column,
    Filter,
    Given,
    Listing,
    Rows,
    Step,
    equal,
    person,
    words_in,
)
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.idea import IdeaAction, IdeaStage
from truelift.lifecycle.signal import SignalAction, SignalStage


_SHOWN: Final = MappingProxyType(
    {
        "waiting": "Waiting for a decision",
        "snoozed": "Snoozed",
        "linked": "Part of a finding",
        "dismissed": "Dismissed",
        "all": "All",
    }
)
_WAYS: Final = (("", "Any way"), *Way.choices)


def _ranked(stages: type[SignalStage] | type[IdeaStage]) -> Case:
    return Case(
        *(When(stage=stage.value, then=Value(place)) for place, stage in enumerate(stages)),
        default=Value(99),
        output_field=IntegerField(),
    )


def _signals(site: Site) -> Rows:
    return (
        SignalRecord.objects.filter(site=site)
        .select_related("insight", "made_by")
        .annotate(rank=_ranked(SignalStage))
    )


def _ideas(site: Site) -> Rows:
    return (
        IdeaRecord.objects.filter(site=site)
        .select_related("insight", "signal", "hypothesis", "made_by")
        .annotate(rank=_ranked(IdeaStage))
    )


def _overdue(rows: Rows, value: str, now: datetime) -> Rows:
    del value
    return rows.filter(overdue_signals(now))


def _idea_line(record: IdeaRecord, now: datetime) -> dict[str, object]:
    del now
    return idea_document(record)


def _signal_step(action: SignalAction, label: str, asks: tuple[str, ...] = ()) -> Step:
    def run(site: Site, key: str, given: Given, by: Actor, now: datetime) -> object:
        zone = ZoneInfo(site.time_zone)
        until = datetime.combine(given.until, time(), zone) if given.until else None
        return services.move_signal_record(
            site, key, action, by=by, now=now, reason=given.reason, until=until
        )

    return Step(action.value, label, run, asks)


def _idea_mover(action: IdeaAction) -> Callable[[Site, str, Given, Actor, datetime], object]:
    def run(site: Site, key: str, given: Given, by: Actor, now: datetime) -> object:
        return services.move_idea_record(site, key, action, by=by, now=now, reason=given.reason)

    return run


SIGNALS: Final = Listing(
    name="signals",
    rows=_signals,
    filters=(
        Filter(
            "show",
            "Show",
            lambda rows, value, now: signals_shown(rows, value, now=now),
            tuple((each, _SHOWN[each]) for each in SHOWS),
            usual="waiting",
        ),
        Filter("text", "Words", words_in("title", "detail", "team", key="S-")),
        SURFACE,
        Filter("way", "Came by", equal("way"), _WAYS),
        Filter("who", "From", person("made_by")),
        Filter("overdue", "Only overdue", _overdue, tick=True),
    ),
    columns=(
        Column("Signal", "newest"),
        Column("State", "stage"),
        Column("Due", "due"),
        Column("Came by", "way", "only-wide"),
        Column("Age", "oldest", "n"),
    ),
    sorts=MappingProxyType(
        {
            "due": ("due_at", "number"),
            "newest": ("-number",),
            "oldest": ("number",),
            "stage": ("rank", "-number"),
            "way": ("way", "-number"),
        }
    ),
    labels=MappingProxyType(
        {"due": "Due first", "newest": "Newest first", "oldest": "Oldest first", "stage": "State"}
    ),
    usual="due",
    record=lambda record, now: signal_document(record, now=now),
    steps=(
        _signal_step(SignalAction.TRIAGE, "Triage"),
        _signal_step(SignalAction.DISMISS, "Dismiss (why)", ("reason",)),
        _signal_step(SignalAction.SNOOZE, "Snooze (why, until)", ("reason", "until")),
        Step(
            "place",
            "Say where it is",
            lambda site, key, given, by, now: place_signal(
                site, key, surface=given.surface, by=by, now=now
            ),
            ("surface",),
        ),
    ),
)

IDEAS: Final = Listing(
    name="ideas",
    rows=_ideas,
    filters=(
        Filter(
            "show",
            "Show",
            lambda rows, value, _now: ideas_shown(rows, value),
            tuple((each, each.capitalize()) for each in IDEA_SHOWS),
            usual="open",
        ),
        Filter("text", "Words", words_in("change", "problem", "detail", "team", key="ID-")),
        SURFACE,
        Filter("way", "Came by", equal("way"), _WAYS),
        Filter("who", "From", person("made_by")),
    ),
    columns=(
        Column("Change", "newest"),
        Column("Answers"),
        Column("State", "stage"),
        Column("Age", "oldest", "n"),
    ),
    sorts=MappingProxyType(
        {"newest": ("-number",), "oldest": ("number",), "stage": ("rank", "-number")}
    ),
    labels=MappingProxyType({"newest": "Newest first", "oldest": "Oldest first", "stage": "State"}),
    usual="newest",
    record=_idea_line,
    steps=(
        Step("screen", "Screen", _idea_mover(IdeaAction.SCREEN)),
        Step("park", "Park (why)", _idea_mover(IdeaAction.PARK), ("reason",)),
        Step("reject", "Reject (why)", _idea_mover(IdeaAction.REJECT), ("reason",)),
        Step("take_up", "Take up again", _idea_mover(IdeaAction.TAKE_UP)),
        Step(
            "place",
            "Say where it is",
            lambda site, key, given, by, now: place_idea(
                site, key, surface=given.surface, by=by, now=now
            ),
            ("surface",),
        ),
    ),
)

LISTINGS: Final = MappingProxyType({"signals": SIGNALS, "ideas": IDEAS})
"""What this app lists."""
