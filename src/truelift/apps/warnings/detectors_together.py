"""The detectors of working together: the ceiling, conflicts, meetings, sources that fell silent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from truelift.apps.alignment.models import MetricConflictRecord
from truelift.apps.alignment.reads import conflicts_of, places_of
from truelift.apps.drawing.wording import Kind as Measured
from truelift.apps.drawing.wording import amount, percent, rough_money
from truelift.apps.experiments.models import ExperimentRecord, MoveRecord
from truelift.apps.rhythm.reads import missed, rhythms_of
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site
from truelift.apps.voice.reads import listeners_of, silent
from truelift.apps.warnings.charts import bars_chart, weeks_chart
from truelift.apps.warnings.detecting import detects
from truelift.lifecycle.ceiling import Ceiling, Outside, ceiling
from truelift.lifecycle.experiment import Action
from truelift.lifecycle.voice import SILENT_AFTER
from truelift.lifecycle.warning import Kind, Look, Severity
from truelift.stats.metric_conflict import LEAST_SHARE


HALF_YEAR: Final = timedelta(days=182)
"""Two quarters."""


@detects(Kind.CEILING)
def reached_ceiling(site: Site, now: datetime) -> Iterable[Look]:
    """Say whether yield falls because what is left is outside the remit (R017)."""
    places = places_of(site)
    gap = places.gap
    share = None if gap is None else gap.share
    outside = None
    if gap is not None and share is not None:
        outside = [
            Outside(each.surface, (each.loss_minor or 0.0) / gap.total_minor, each.team)
            for each in gap.outside
        ]
    inside = {each.casefold() for each in places.remit}
    owned = {
        each.surface.casefold() for each in places.points if each.team.strip().casefold() in inside
    }
    surfaces = _tested(site, now)
    known = {each.surface.casefold() for each in places.points}
    tests = [each for each in surfaces if each in known]
    found = ceiling(
        lift=_shipped(site, since=now - HALF_YEAR, until=now),
        lift_before=_shipped(site, since=now - 2 * HALF_YEAR, until=now - HALF_YEAR),
        outside=outside,
        tests_inside=sum(each in owned for each in tests),
        tests=len(tests),
    )
    if found.missing:
        yield Look(Kind.CEILING, found.sentence, short=f"Not judged: {found.missing}.", told=False)
        return
    yield _ceiling_said(found)


def _ceiling_said(found: Ceiling) -> Look:
    kept, gap, owned = found.kept or 0.0, found.remit_gap or 0.0, found.owned or 0.0
    short = (
        f"Shipped lift is {percent(max(kept, 0.0), digits=0)} of the half year before; "
        f"{percent(gap, digits=0)} of the money is outside the remit."
    )
    return Look(
        Kind.CEILING,
        found.sentence,
        Severity.WARNING if found.reached else None,
        short=short,
        advice="Ask for the first of these surfaces: agree with its owner on one test there, "
        "before another one inside the remit.",
        evidence={
            "facts": [
                ["Shipped lift of two quarters, against the two before", percent(max(kept, 0.0))],
                ["Remit gap", percent(gap)],
                ["Tests on surfaces inside the remit", percent(owned)],
            ],
            "chart": bars_chart(
                [
                    {
                        "label": each.name,
                        "detail": each.owner or "nobody’s",
                        "value": each.share,
                        "focus": place == 0,
                    }
                    for place, each in enumerate(found.outside)
                ],
                heading="Surfaces outside the remit, by their share of the money at stake",
                label="Surface",
                head="Share",
                measure=Measured.SHARE,
            ),
        },
    )


def _shipped(site: Site, *, since: datetime, until: datetime) -> float | None:
    """Add up the shrunken lifts of what came live in a span; None where none is known."""
    lifts = RolloutRecord.objects.filter(
        site=site, verified_at__gt=since, verified_at__lte=until, lift__isnull=False
    ).values_list("lift", flat=True)
    found = [each for each in lifts if each is not None]
    return sum(found) if found else None


def _tested(site: Site, now: datetime) -> list[str]:
    """List the surfaces of the tests that were launched in the last half year."""
    launched = MoveRecord.objects.filter(
        experiment__site=site,
        action=Action.LAUNCH.value,
        moved_at__gt=now - HALF_YEAR,
        moved_at__lte=now,
    ).values_list("experiment_id", flat=True)
    rows = ExperimentRecord.objects.filter(pk__in=[*launched]).exclude(surface="")
    return [each.casefold() for each in rows.values_list("surface", flat=True)]


@detects(Kind.METRIC_CONFLICT)
def conflicting_metrics(site: Site, now: datetime) -> Iterable[Look]:
    """Say which teams' metrics work against the shared one (R020)."""
    del now  # They are computed by a job of their own, as of last night.
    rows = conflicts_of(site)
    if not rows:
        said = "No team’s metric works against the shared one."
        yield Look(Kind.METRIC_CONFLICT, said, short=said)
    for row in rows:
        owner = row.metric.owner_id
        stake = row.at_stake_minor
        cost = "not known" if stake is None else rough_money(stake, site.currency)
        money = "" if stake is None else f" {cost} at stake."
        yield Look(
            Kind.METRIC_CONFLICT,
            row.sentence,
            Severity.WARNING,
            cause=row.metric.key,
            short=f"{row.metric.name}: {', '.join(row.kinds)} conflict.{money}",
            advice="Agree on which of the two counts when they differ, and judge both teams by "
            "the shared one meanwhile.",
            owner=str(owner) if owner else "",
            root=_root(row),
            evidence={
                "facts": [
                    ["Metric", row.metric.name],
                    ["How they conflict", ", ".join(row.kinds)],
                    ["At stake", cost],
                    *(
                        []
                        if row.mix_share is None
                        else [["Of the fall, mix of the team’s sources", _part(row.mix_share)]]
                    ),
                ],
                "chart": _side_by_side(row),
            },
        )  # fmt: skip


def _part(share: float) -> str:
    # What the sources' own rates did against it can make it more than all.
    return "all" if share > 0.995 else percent(share, digits=0)


def _side_by_side(row: MetricConflictRecord) -> dict[str, object] | None:
    """Draw both metrics over both windows, each against its first week; None where one has none."""
    document = row.metric.document or {}
    weeks, shared = document.get("weeks") or [], document.get("shared") or {}
    last = 2 * int(document.get("window_weeks") or 0)
    lines = {
        row.metric.name: _against_first((document.get("values") or [])[-last:]),
        str(shared.get("called", "")): _against_first((shared.get("values") or [])[-last:]),
    }
    days = [date.fromisoformat(each) for each in weeks[-last:]]
    if not last or len(lines) < 2 or any(len(each) != len(days) for each in lines.values()):
        return None
    return weeks_chart(
        days,
        lines,
        heading=f"Both by week, against the first of {len(days)} weeks",
        focus=str(shared["called"]),
    )


def _against_first(values: Sequence[float | None]) -> list[float | None]:
    first = next((each for each in values if each), None)
    if not first:
        return []
    return [None if each is None else round(each / first - 1, 4) for each in values]


def _root(row: MetricConflictRecord) -> str:
    """Name what lies behind a conflict: the source whose mix it is, else that team's own work."""
    mix = (row.metric.document or {}).get("mix") or {}
    if mix.get("source") and row.mix_share is not None and row.mix_share >= LEAST_SHARE:
        return f"mix of {mix['source']}"
    return f"figures of {row.metric.team}"


@detects(Kind.RHYTHM)
def missed_meetings(site: Site, now: datetime) -> Iterable[Look]:
    """Say which meetings were missed twice in a row (R114)."""
    found = missed(site, now=now)
    if not found:
        agreed = any(each.settings for each in rhythms_of(site, now=now))
        said = (
            "No meeting was missed twice in a row."
            if agreed
            else "Nobody has agreed on meetings yet."
        )
        yield Look(Kind.RHYTHM, said, short=said, told=agreed)
    for each in found:
        yield Look(
            Kind.RHYTHM,
            each.sentence,
            Severity.WARNING,
            cause=each.kind.value,
            short=each.sentence,
            advice="Hold the next one with whoever can come, or agree on another day or rhythm.",
            evidence={
                "facts": [
                    ["Missed in a row", amount(len(each.days), "meeting")],
                    ["Missed on", ", ".join(f"{day:%-d %B}" for day in each.days[-6:])],
                ],
                "days": [day.isoformat() for day in each.days],
            },
        )


@detects(Kind.SILENT_SOURCE)
def silent_sources(site: Site, now: datetime) -> Iterable[Look]:
    """Say from which team nothing of customers has been heard for long (R053)."""
    found = silent(site, now)
    if not found:
        named = any(each.owner for each in listeners_of(site, now=now))
        said = (
            "Sales and service have been heard."
            if named
            else "Nobody is named to speak for sales or service."
        )
        yield Look(Kind.SILENT_SOURCE, said, short=said, told=named)
    for each in found:
        said = f"Nothing has been heard from {each.function.called.lower()} for {each.days} days."
        yield Look(
            Kind.SILENT_SOURCE,
            said,
            Severity.WARNING,
            cause=each.function.value,
            short=said,
            advice="Call whoever answers for it: thirty minutes, three questions.",
            owner=str(each.owner.pk),
            evidence={
                "facts": [["Answers for it", str(each.owner)], ["Days", str(each.days)]],
                "chart": bars_chart(
                    [
                        {
                            "label": one.function.called,
                            "detail": str(one.owner),
                            "value": one.days,
                            "focus": one is each,
                            "limit": SILENT_AFTER.days,
                        }
                        for one in found
                    ],
                    heading=f"Days since they were heard; the tick is at {SILENT_AFTER.days}",
                    label="Team",
                    head="Days",
                ),
            },
        )
