"""Puts the agenda of a meeting together from what the other apps know, in the order of the source.

It reads much and is called by jobs and services, never by a page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.db.models import Max

from truelift.apps.changes.reads import to_judge
from truelift.apps.drawing.wording import amount, count, rough_money, short_day
from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.models import AnalysisRecord, ExperimentRecord, MoveRecord
from truelift.apps.experiments.monitoring_alerts import open_alerts
from truelift.apps.freezes.reads import freezes_within
from truelift.apps.programme.reads import policy_of
from truelift.apps.rhythm import commercial
from truelift.apps.rhythm.models import ActionRecord, MeetingRecord
from truelift.apps.rhythm.sections import Line, Section, of
from truelift.apps.roadmap.liaison import touching_of
from truelift.apps.roadmap.models import AssetRecord, RoadmapItemRecord
from truelift.apps.roadmap.priorities import current_priorities, orphans_of, register_of
from truelift.apps.roadmap.reads import items_of
from truelift.apps.roadmap.rebuilding import progress_of, rebuild_of
from truelift.apps.roadmap.tasks import to_settle
from truelift.apps.roadmap.versions import carried_of, is_a_rebuild, versions_of
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.rollouts.reads import counted, valued
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Action, Origin, Stage
from truelift.lifecycle.monitoring import Level
from truelift.lifecycle.rhythm import Meeting, Topic, first_day
from truelift.lifecycle.roadmap_item import OVER, ItemKind
from truelift.lifecycle.rollout import LATE_AFTER_DAYS, OPEN
from truelift.lifecycle.working_days import decision_clock


AHEAD: Final = timedelta(days=14)
"""So far ahead a stand-up looks: what comes later, the next one sees in time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """For what an agenda is put together.

    Attributes:
        site: Where.
        meeting: For which meeting.
        now: When.
        today: The day that it is at the site.
    """

    site: Site
    meeting: MeetingRecord
    now: datetime
    today: date

    @property
    def here(self) -> str:
        """Where the site's pages begin."""
        return f"/s/{self.site.name}"


def agenda_of(site: Site, meeting: MeetingRecord, *, now: datetime) -> dict[str, Any]:
    """Put together what there is to speak of, as the document that is stored.

    Args:
        site: Where.
        meeting: For which meeting.
        now: When; of the facts it is what is known then.
    """
    asked = Asked(site, meeting, now, day_at(site, now))
    return {
        "site": site.name,
        "kind": meeting.kind,
        "period": meeting.period,
        "as_of": now.isoformat(),
        "time_zone": site.time_zone,
        "currency": site.currency,
        "sections": [_PARTS[topic](asked).document for topic in meeting.meeting.topics],
        "stale": commercial.stale_sentences(site, now=now)
        if meeting.meeting is Meeting.REVIEW
        else [],
        "snapshot": snapshot_of(site),
    }


def snapshot_of(site: Site) -> dict[str, Any]:
    """Say up to where facts and analyses were read: the newest arrival of each feed, and of all."""
    newest = AnalysisRecord.objects.filter(experiment__site=site).aggregate(Max("pk"))["pk__max"]
    return {"facts": commercial.position_of(site), "analyses_until": newest}


def _conflicts(asked: Asked) -> Section:
    found = to_settle(asked.site, today=asked.today)
    lines = [
        Line(
            each.row.sentence,
            f"{asked.here}/roadmap/conflicts/{each.row.number}/",
            f"due {short_day(each.row.due)}",
            " and ".join(map(str, each.row.owners[:2])),
            pressing=each.escalated,
        )
        for each in found
    ]
    said = (
        f"{amount(len(found), 'conflict')} {_stop(len(found))} something: who moves?"
        if found
        else "Nothing on the roadmap is in conflict."
    )
    return of(Topic.CONFLICTS, said, lines)


def _stop(many: int) -> str:
    return "stops" if many == 1 else "stop"


_STATUS: Final = (Stage.RUNNING, Stage.PAUSED, Stage.STOPPED, Stage.ANALYSED, Stage.SCHEDULED)


def _tests(asked: Asked, stages: tuple[Stage, ...]) -> list[ExperimentRecord]:
    return list(
        ExperimentRecord.objects.filter(
            site=asked.site, origin=Origin.TRUELIFT.value, stage__in=[each.value for each in stages]
        )
        .select_related("decision_owner", "deputy")
        .order_by("ends_on", "pk")
    )


def _status(asked: Asked) -> Section:
    tests = _tests(asked, _STATUS)
    running = sum(each.stage == Stage.RUNNING for each in tests)
    lines = [
        Line(
            f"{_where(each, asked)} “{each.name}”.",
            f"{asked.here}/experiments/{quote(each.key, safe='')}/",
            _when(each, asked),
            str(each.decision_owner or ""),
            pressing=each.stage == Stage.PAUSED,
        )
        for each in sorted(tests, key=lambda one: _STATUS.index(Stage(one.stage)))
    ]
    others = len(tests) - running
    rest = f"{amount(others, 'other')} {'is' if others == 1 else 'are'} under way"
    said = f"{amount(running, 'test')} {'runs' if running == 1 else 'run'}" if running else ""
    if not tests:
        said = "No test is under way"
    elif others:
        said = f"{said}, {rest}" if said else f"No test runs; {rest}"
    return of(Topic.STATUS, f"{said}.", lines)


def _where(record: ExperimentRecord, asked: Asked) -> str:
    match record.stage:
        case Stage.RUNNING if record.started_at:
            days = (asked.today - day_at(asked.site, record.started_at)).days + 1
            return f"Day {count(days)} of"
        case Stage.ANALYSED:
            return "Waits for a decision:"
        case Stage.STOPPED:
            return "Waits to be analysed:"
        case Stage.SCHEDULED:
            return "Begins soon:"
        case Stage.PAUSED:
            return "Paused:"
        case _:
            return "Runs:"


def _when(record: ExperimentRecord, asked: Asked) -> str:
    del asked
    if record.stage == Stage.SCHEDULED:
        return f"from {short_day(record.starts_on)}" if record.starts_on else ""
    if record.stage in {Stage.RUNNING, Stage.PAUSED} and record.ends_on:
        return f"until {short_day(record.ends_on)}"
    return ""


def _blockers(asked: Asked) -> Section:
    here = asked.here
    lines = [
        Line(
            # In the words for those who may not know an effect yet: everybody is in the room.
            alert.quiet,
            f"{here}/experiments/{quote(alert.experiment.key, safe='')}/"
            if alert.experiment
            else f"{here}/health/",
            "",
            "",
            pressing=alert.level == Level.STOP.value,
        )
        for alert in open_alerts(asked.site)
        if alert.level != Level.NOTE.value
    ]
    lines += [
        Line(
            f"{each.change.key} came while “{each.experiment.name}” ran, and nobody has said"
            " what it did.",
            f"{here}/contaminations/{each.pk}/",
            f"since {short_day(day_at(asked.site, each.made_at))}",
            pressing=True,
        )
        for each in to_judge(asked.site)
    ]
    late = AssetRecord.objects.filter(site=asked.site, done_at=None, due__lt=asked.today)
    lines += [
        Line(
            f"{each.item} waits for “{each.what}”.",
            f"{here}/roadmap/items/{quote(each.item, safe='')}/#needs",
            f"due {short_day(each.due)}" if each.due else "",
            str(each.owner or ""),
        )
        for each in late.select_related("owner").order_by("due", "pk")
    ]
    lines += [
        Line(
            f"“{each.name}” should begin and is still in {each.stage}.",
            f"{here}/experiments/{quote(each.key, safe='')}/",
            f"planned for {short_day(each.starts_on)}",
            str(each.decision_owner or ""),
        )
        for each in _tests(asked, (Stage.BUILD, Stage.QA))
        if each.starts_on and each.starts_on <= asked.today
    ]
    said = f"{amount(len(lines), 'thing')} {'is' if len(lines) == 1 else 'are'} in the way."
    return of(Topic.BLOCKERS, said if lines else "Nothing is in the way.", lines)


def _releases(asked: Asked) -> Section:
    """What comes in the next two weeks, those first that touch a test without a word of it."""
    touched = {each.release: each for each in touching_of(asked.site, now=asked.now)}
    until = asked.today + AHEAD
    rows = list(
        RoadmapItemRecord.objects.filter(
            site=asked.site,
            number__isnull=False,
            starts_on__gte=asked.today,
            starts_on__lt=until,
        )
        .exclude(stage__in=[each.value for each in OVER])
        .select_related("owner")
        .order_by("starts_on", "number")
    )
    lines = []
    for row in rows:
        unseen = touched[row.key].unseen if row.key in touched else ()
        about = f" It touches {', '.join(unseen[:3])}, not acknowledged." if unseen else ""
        lines.append(
            Line(
                f"{ItemKind(row.kind).called}: {row.what}.{about}",
                f"{asked.here}/roadmap/items/{row.key}/",
                short_day(row.starts_on) if row.starts_on else "",
                str(row.owner or ""),
                pressing=bool(unseen),
            )
        )
    releases = sum(row.kind == ItemKind.RELEASE.value for row in rows)
    zone = ZoneInfo(asked.site.time_zone)
    freezes = freezes_within(asked.site, since=asked.now, until=asked.now + AHEAD)
    lines += [
        Line(
            f"Freeze of {', '.join(each.surfaces[:3]) or 'everything'}: {each.what}.",
            f"{asked.here}/freezes/{each.key}/",
            f"from {short_day(each.starts_at.astimezone(zone).date())}"
            if each.starts_at > asked.now
            else "holds"
            + (f" until {short_day(each.ends_at.astimezone(zone).date())}" if each.ends_at else ""),
            str(each.owner or ""),
        )
        for each in freezes
    ]
    said = (
        f"{amount(releases, 'release')} and {amount(len(freezes), 'freeze')} in the next two weeks."
        if rows or freezes
        else "No release and no freeze in the next two weeks."
    )
    return of(Topic.RELEASES, said, lines)


def _unrealised(asked: Asked) -> Section:
    total, _ = counted(asked.site, now=asked.now)
    rows = valued(
        asked.site,
        RolloutRecord.objects.filter(site=asked.site, stage__in=list(OPEN)).select_related(
            "site", "owner", "experiment"
        ),
        now=asked.now,
    )
    currency = asked.site.currency
    lines = [
        Line(
            f"“{row.record.experiment.name}” has won and is not live"
            + (
                f": {rough_money(row.value.value, currency)} so far."
                if row.value.value is not None
                else f". {row.value.problem}"
            ),
            f"{asked.here}/winners/{row.record.key}/",
            f"decided {amount(row.age_days, 'day')} ago",
            str(row.record.owner or "nobody"),
            pressing=row.age_days > LATE_AFTER_DAYS,
        )
        for row in sorted(rows, key=lambda each: -(each.value.value or 0))
    ]
    if not lines:
        said = "Every winner is live."
    elif total.value is None:
        said = f"{amount(len(lines), 'winner')} wait; what that costs is not known."
    else:
        rate = total.per_day and f", and {rough_money(total.per_day, currency)} more each day"
        left = total.unknown and f"; of {total.unknown} it is not known"
        spent = rough_money(total.value, currency)
        said = f"Winners that are not live have cost {spent}{rate or ''}{left or ''}."
    return of(Topic.UNREALISED, said, lines, basis=_LOST if lines else "")


_LOST: Final = (
    "Days since the decision × sessions × revenue per session × shrunken lift. Intervals stand on"
    " each winner’s page and are not added."
)


def _decisions(asked: Asked) -> Section:
    tests = _tests(asked, (Stage.ANALYSED,))
    since = dict(
        MoveRecord.objects.filter(experiment__in=tests, action=Action.ANALYSE.value)
        .values_list("experiment")
        .annotate(Max("moved_at"))
    )
    within = policy_of(asked.site).decision_days
    lines = []
    for each in tests:
        clock = decision_clock(
            day_at(asked.site, since.get(each.pk, each.made_at)), today=asked.today, within=within
        )
        lines.append(
            Line(
                f"“{each.name}” has its result and waits for a decision.",
                f"{asked.here}/experiments/{quote(each.key, safe='')}/",
                f"{'was due' if clock.late else 'due'} {short_day(clock.due)}",
                str(each.decision_owner or "nobody"),
                pressing=clock.late,
            )
        )
    late = sum(each.pressing for each in lines)
    said = f"{amount(len(lines), 'decision')} to make" + (f", {late} late." if late else ".")
    return of(Topic.DECISIONS, said if lines else "No decision waits.", lines)


def _priorities(asked: Asked) -> Section:
    register = register_of(asked.site)
    if register is None:
        return Section(
            Topic.PRIORITIES,
            "Nobody has agreed on commercial priorities.",
            absent="Write them down first: a rebuild begins with them.",
        )
    orphans = orphans_of(asked.site, items_of(asked.site), today=asked.today)
    lines = [
        Line(f"{each.position}. {each.name}" + (f": {each.what}" if each.what else ""))
        for each in current_priorities(asked.site)
    ]
    href = f"{asked.here}/roadmap/priorities/"
    if orphans.keys:
        stale = f", {len(orphans.stale)} of them one of before" if orphans.stale else ""
        lines.append(
            Line(
                f"{len(orphans.keys)} of {amount(orphans.counted, 'item')} serve no current"
                f" priority{stale}: affirm each anew, or drop it.",
                href,
                pressing=orphans.warns,
            )
        )
    said = f"The priorities of {register.quarter}, version {register.version}, hold."
    if register.quarter != asked.meeting.period:
        said = f"The priorities are those of {register.quarter}: agree on new ones."
    return of(Topic.PRIORITIES, said, lines)


def _candidates(asked: Asked) -> Section:
    going = rebuild_of(asked.site)
    published = versions_of(asked.site)
    lines = []
    for each in published[:2]:
        carried = carried_of(each)
        if carried is None:
            continue
        lines.append(
            Line(
                f"Version {each.number} of {each.quarter} carried {carried:.0%} of"
                f" {amount(each.candidates, 'candidate')} over unchanged"
                + ("." if is_a_rebuild(each) else ": that is not a rebuild."),
                f"{asked.here}/roadmap/versions/{each.number}/",
                pressing=not is_a_rebuild(each) and each.quarter == asked.meeting.period,
            )
        )
    there = next((each for each in published if each.quarter == asked.meeting.period), None)
    if going is not None:
        progress = progress_of(asked.site, going)
        left = len(progress.open)
        said = (
            f"{amount(left, 'candidate')} of {left + len(progress.done)} still to go through."
            if left
            else "Every candidate has been gone through; publish the version."
        )
        lines.insert(0, Line("The rebuild goes on.", f"{asked.here}/roadmap/rebuild/"))
    elif there is not None:
        said = f"The roadmap of {there.quarter} is published as version {there.number}."
    else:
        said = f"The roadmap of {asked.meeting.period} is not rebuilt yet."
        lines.insert(0, Line("Begin with an empty list.", f"{asked.here}/roadmap/rebuild/"))
    return of(Topic.CANDIDATES, said, lines)


def _actions(asked: Asked) -> Section:
    rows = (
        ActionRecord.objects.filter(
            site=asked.site, meeting__kind=asked.meeting.kind, made_at__lte=asked.now
        )
        .exclude(meeting=asked.meeting)
        .exclude(done_at__lte=asked.now)
        .select_related("owner", "meeting")
        .order_by("due", "number")
    )
    lines = [
        Line(
            f"{row.key}: {row.what}",
            "",
            f"{'was due' if row.due < asked.today else 'due'} {short_day(row.due)}",
            str(row.owner),
            pressing=row.due < asked.today,
        )
        for row in rows
    ]
    late = sum(each.pressing for each in lines)
    said = f"{amount(len(lines), 'action')} open" + (f", {late} late." if late else ".")
    if not lines:
        said = f"No action of a {asked.meeting.called.lower()} is open."
    return of(Topic.ACTIONS, said, lines)


def _shared_metric(asked: Asked) -> Section:
    # The review speaks of the month before its own.
    first = first_day(Meeting.REVIEW, asked.meeting.day)
    return commercial.shared_metric(asked.site, month=first - timedelta(days=1))


def _metric_conflicts(asked: Asked) -> Section:
    return commercial.metric_conflicts(asked.site)


def _warnings(asked: Asked) -> Section:
    return commercial.warnings(asked.site)


_PARTS: Final[Mapping[Topic, Callable[[Asked], Section]]] = {
    Topic.CONFLICTS: _conflicts,
    Topic.STATUS: _status,
    Topic.BLOCKERS: _blockers,
    Topic.RELEASES: _releases,
    Topic.SHARED_METRIC: _shared_metric,
    Topic.METRIC_CONFLICTS: _metric_conflicts,
    Topic.WARNINGS: _warnings,
    Topic.UNREALISED: _unrealised,
    Topic.DECISIONS: _decisions,
    Topic.PRIORITIES: _priorities,
    Topic.CANDIDATES: _candidates,
    Topic.ACTIONS: _actions,
}
