"""What may be asked about signals, ideas and the ways in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from truelift.apps.intake.models import Channel, IdeaRecord, ImportRecord, SignalRecord
from truelift.apps.research.services import number_in
from truelift.apps.sites.models import Site
from truelift.lifecycle.idea import OPEN, IdeaStage
from truelift.lifecycle.signal import SignalStage


PAGE: Final = 50
"""Rows of a list."""

SHOWS: Final = ("waiting", "snoozed", "linked", "dismissed", "all")
SORTS: Final = ("due", "newest", "oldest")
IDEA_SHOWS: Final = ("open", "promoted", "parked", "rejected", "all")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which signals or ideas a list shows; as it stands in the address.

    Attributes:
        show: One of `SHOWS` or `IDEA_SHOWS`.
        text: In the title, the detail or the team.
        way: How it came in; empty for any.
        surface: Where; empty for anywhere.
        overdue: Only what waits longer than it should.
        sort: One of `SORTS`.
        page: From 1.
    """

    show: str = "waiting"
    text: str = ""
    way: str = ""
    surface: str = ""
    overdue: bool = False
    sort: str = "due"
    page: int = 1


def waiting_signals(now: datetime | Now) -> Q:
    """Signals that wait for a person: new, triaged and not decided, or back from being snoozed."""
    return Q(stage__in=[SignalStage.NEW.value, SignalStage.TRIAGED.value]) | Q(
        stage=SignalStage.SNOOZED.value, asleep_until__lte=now
    )


def overdue_signals(now: datetime) -> Q:
    """Signals that nobody has looked at in time, or whose day came back."""
    return Q(stage=SignalStage.NEW.value, due_at__lt=now) | Q(
        stage=SignalStage.SNOOZED.value, asleep_until__lte=now
    )


def signals_shown(
    rows: QuerySet[SignalRecord], show: str, *, now: datetime
) -> QuerySet[SignalRecord]:
    """Keep the signals of one of `SHOWS`."""
    match show:
        case "waiting":
            return rows.filter(waiting_signals(now))
        case "snoozed":
            return rows.filter(stage=SignalStage.SNOOZED.value, asleep_until__gt=now)
        case "linked" | "dismissed":
            return rows.filter(stage=show)
        case _:
            return rows


def ideas_shown(rows: QuerySet[IdeaRecord], show: str) -> QuerySet[IdeaRecord]:
    """Keep the ideas of one of `IDEA_SHOWS`."""
    if show == "open":
        return rows.filter(stage__in=[stage.value for stage in OPEN])
    return rows.filter(stage=show) if show in {"promoted", "parked", "rejected"} else rows


def signals_wanted(site: Site, wanted: Wanted, *, now: datetime) -> QuerySet[SignalRecord]:
    """Give the signals that a list shows, in its order."""
    found = signals_shown(SignalRecord.objects.filter(site=site), wanted.show, now=now)
    if wanted.overdue:
        found = found.filter(overdue_signals(now))
    if wanted.text:
        found = found.filter(
            Q(title__icontains=wanted.text)
            | Q(detail__icontains=wanted.text)
            | Q(team__icontains=wanted.text)
        )
    if wanted.way:
        found = found.filter(way=wanted.way)
    if wanted.surface:
        found = found.filter(surface__iexact=wanted.surface)
    order = {"due": ("due_at", "number"), "newest": ("-number",), "oldest": ("number",)}
    return found.select_related("insight").order_by(*order.get(wanted.sort, order["due"]))


def ideas_wanted(site: Site, wanted: Wanted) -> QuerySet[IdeaRecord]:
    """Give the ideas that a list shows, the newest first."""
    found = ideas_shown(IdeaRecord.objects.filter(site=site), wanted.show)
    if wanted.text:
        found = found.filter(
            Q(change__icontains=wanted.text)
            | Q(problem__icontains=wanted.text)
            | Q(team__icontains=wanted.text)
        )
    if wanted.way:
        found = found.filter(way=wanted.way)
    if wanted.surface:
        found = found.filter(surface__iexact=wanted.surface)
    return found.select_related("insight", "signal", "hypothesis").order_by("-number")


def signal_of(site: Site, key: str) -> SignalRecord | None:
    """Find a signal of the site by its key."""
    return (
        SignalRecord.objects.filter(site=site, number=number_in(key, letter="S"))
        .select_related("insight", "made_by", "triaged_by", "channel", "site")
        .first()
    )


def idea_of(site: Site, key: str) -> IdeaRecord | None:
    """Find an idea of the site by its key."""
    return (
        IdeaRecord.objects.filter(site=site, number=number_in(key, letter="ID"))
        .select_related(
            "insight", "signal", "signal__insight", "hypothesis", "made_by", "channel", "site"
        )
        .first()
    )


def channels_of(site: Site) -> tuple[Channel, ...]:
    """List the ways in that are open, the newest first."""
    return tuple(
        Channel.objects.filter(site=site, closed_at=None).select_related("made_by").order_by("-pk")
    )


def import_of(site: Site, pk: int) -> ImportRecord | None:
    """Find a file that somebody brought."""
    return ImportRecord.objects.filter(site=site, pk=pk).select_related("site").first()


def waiting(site: Site) -> Mapping[str, QuerySet[Any]]:
    """Give what waits for a person, for the rail: signals to decide, ideas to screen."""
    return {
        "signals": SignalRecord.objects.filter(waiting_signals(Now()), site=site),
        "ideas": IdeaRecord.objects.filter(site=site, stage=IdeaStage.SUBMITTED.value),
    }


def signal_document(record: SignalRecord, *, now: datetime) -> dict[str, object]:
    """Give a signal as the API shows it."""
    stage = record.as_domain().at(now).stage
    return {
        "key": record.key,
        "title": record.title,
        "detail": record.detail,
        "surface": record.surface,
        "segment": record.segment,
        "url": record.url,
        "team": record.team,
        "contact": record.contact,
        "way": record.way,
        "outside_id": record.outside_id or None,
        "stage": stage.value,
        "insight": None if record.insight is None else record.insight.key,
        "reason": record.reason or None,
        "snoozed_until": record.asleep_until if stage is SignalStage.SNOOZED else None,
        "due_at": record.due_at,
        "overdue": stage is SignalStage.NEW and record.due_at < now,
        "made_at": record.made_at,
        "triaged_at": record.triaged_at,
    }


def idea_document(record: IdeaRecord) -> dict[str, object]:
    """Give an idea as the API shows it."""
    return {
        "key": record.key,
        "change": record.change,
        "problem": record.problem,
        "detail": record.detail,
        "surface": record.surface,
        "segment": record.segment,
        "url": record.url,
        "team": record.team,
        "contact": record.contact,
        "way": record.way,
        "outside_id": record.outside_id or None,
        "stage": record.stage,
        "insight": None if record.insight is None else record.insight.key,
        "signal": None if record.signal is None else record.signal.key,
        "hypothesis": None if record.hypothesis is None else record.hypothesis.key,
        "solution_only": record.as_domain().solution_only,
        "reason": record.reason or None,
        "made_at": record.made_at,
    }
