"""What may be asked about changes, contaminations and incidents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet

from truelift.apps.changes.models import (
    ChangeRecord,
    ConfounderRecord,
    ContaminationRecord,
    IncidentRecord,
    SenderRecord,
)
from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.change import ChangeState
from truelift.lifecycle.confounder import Weight
from truelift.lifecycle.contamination import Verdict, WayOut, withholds
from truelift.lifecycle.experiment import Stage
from truelift.stats.integrity import Check
from truelift.stats.status import Status


MOST: Final = 200
"""Changes on one page."""


def clean_until(record: ExperimentRecord) -> datetime | None:
    """Give the instant at which the clean part of a test ends; None where all of it is read."""
    days = [
        day_at(record.site, each)
        for each in ContaminationRecord.objects.filter(
            experiment=record, way_out=WayOut.CLEAN_SEGMENT.value
        ).values_list("at", flat=True)
    ]
    return midnight_at(record.site, min(days)) if days else None


def spoiled_by(record: ExperimentRecord) -> tuple[str, ...]:
    """Say which fatal changes stand over a test, in sentences; nothing said means none."""
    clean = clean_until(record)
    return tuple(
        f"{each.change.key} spoiled it: {each.reason}{_after(each)}"
        for each in _standing(record)
        if each.verdict == Verdict.FATAL and (clean is None or each.at < clean)
    )


@dataclass(frozen=True, slots=True)
class AfterTheFact:
    """That a test was decided before anybody told of a change that spoiled it.

    Attributes:
        pk: Of the contamination.
        change: Key of the change.
        reason: Why it spoiled it, in a sentence.
        way: What somebody answered; None while nobody has.
        note: Why.
    """

    pk: int
    change: str
    reason: str
    way: WayOut | None
    note: str

    @property
    def withheld(self) -> bool:
        """Whether the result counts for nothing, now at least."""
        return withholds(self.way)


def after_the_fact(
    experiments: Iterable[int], *, until: datetime | None = None
) -> dict[int, tuple[AfterTheFact, ...]]:
    """Say which decided tests a change spoiled that was told of later, by their numbers.

    What is decided cannot become invalid any more (program §4.2); the mark says it instead.

    Args:
        experiments: Numbers of the tests that are asked about.
        until: What was told of later, and answered later, is left out; None: nothing is.
    """
    found: dict[int, list[AfterTheFact]] = {}
    rows = (
        ContaminationRecord.objects.filter(
            experiment__in=list(experiments),
            verdict=Verdict.FATAL.value,
            experiment__decision__isnull=False,
            experiment__invalid_at=None,
        )
        .exclude(experiment__stage=Stage.INVALID.value)
        .select_related("change")
        .order_by("at", "pk")
    )
    for each in rows if until is None else rows.filter(made_at__lte=until):
        answered = each.way_out and (until is None or (each.way_at and each.way_at <= until))
        way = WayOut(each.way_out) if answered else None
        told = AfterTheFact(each.pk, each.change.key, each.reason, way, each.way_note)
        found.setdefault(each.experiment_id, []).append(told)
    return {key: tuple(told) for key, told in found.items()}


def withheld_of(experiments: Iterable[int], *, until: datetime | None = None) -> frozenset[int]:
    """Give the tests, by their numbers, that count for nothing because of such a change."""
    return frozenset(
        key
        for key, told in after_the_fact(experiments, until=until).items()
        if any(each.withheld for each in told)
    )


def change_checks(record: ExperimentRecord) -> list[Check]:
    """Give the lines of the integrity card about what changed and happened; none without any."""
    found = []
    standing = _standing(record)
    clean = clean_until(record)
    if clean is not None:
        standing = [each for each in standing if each.at < clean]
    if standing:
        fatal = spoiled_by(record)
        suspect = [each for each in standing if each.verdict == Verdict.SUSPECT]
        status = Status.FAIL if fatal else Status.WARN if suspect else Status.OK
        said = " ".join(fatal) or " ".join(
            f"{each.change.key}: {each.reason}{_after(each)}" for each in suspect
        )
        after = [
            share
            for each in standing
            if each.counts and (share := each.counts.share_after) is not None
        ]
        found.append(
            Check(
                check="contamination",
                status=status,
                value=max(after, default=None),
                detail=said
                or "What changed while it ran was reviewed by two people and did no harm.",
            )
        )
    met = list(
        ConfounderRecord.objects.filter(experiment=record).select_related("incident").order_by("pk")
    )
    if met:
        red = [each for each in met if each.weight == Weight.UNEQUAL]
        shares = [each.share for each in met if each.share is not None]
        found.append(
            Check(
                check="confounders",
                status=Status.FAIL if red else Status.WARN,
                value=max(shares, default=None),
                detail=" ".join(
                    f"{each.incident.what}. {each.sentence}" for each in (red or met)[:5]
                ),
            )
        )
    return found


def _standing(record: ExperimentRecord) -> list[ContaminationRecord]:
    return list(
        ContaminationRecord.objects.filter(experiment=record)
        .select_related("change")
        .order_by("at", "pk")
    )


def _after(made: ContaminationRecord) -> str:
    share = made.counts.share_after if made.counts else None
    return "" if share is None else f" {share:.0%} of its visitors came after it."


def changes_of(
    site: Site,
    *,
    kind: str = "",
    state: str = "",
    surface: str = "",
    touched: bool = False,
) -> QuerySet[ChangeRecord]:
    """List changes, the newest first.

    Args:
        site: Where.
        kind: A `ChangeKind`; empty for all.
        state: A `ChangeState`; empty for all but what was dismissed.
        surface: Only those that concern it; empty for all.
        touched: Only those that touched a test.
    """
    rows = ChangeRecord.objects.filter(site=site)
    rows = rows.filter(state=state) if state else rows.exclude(state=ChangeState.DISMISSED.value)
    if kind:
        rows = rows.filter(kind=kind)
    if touched:
        rows = rows.filter(contaminations__isnull=False).distinct()
    if surface:
        # JSON text: databases differ in what they can ask of a list.
        keys = [
            pk
            for pk, names in rows.values_list("pk", "surfaces").order_by("-at")[:5000]
            if surface in names
        ]
        rows = rows.filter(pk__in=keys)
    return rows.select_related("sender").order_by("-at", "-pk")


def change_of(site: Site, key: str) -> ChangeRecord | None:
    """Give the change that people call so, or nothing."""
    number = key.removeprefix("C-")
    if not (key.startswith("C-") and number.isascii() and number.isdigit() and len(number) < 10):
        return None
    return (
        ChangeRecord.objects.filter(site=site, number=int(number))
        .select_related("site", "sender", "by", "judged_by")
        .first()
    )


def contaminations_of(
    site: Site, *, experiment: str = "", change: str = ""
) -> QuerySet[ContaminationRecord]:
    """List contaminations, the newest first; of one test or change where it is named."""
    rows = ContaminationRecord.objects.filter(change__site=site)
    if experiment:
        rows = rows.filter(experiment__key=experiment)
    if change:
        number = change.removeprefix("C-")
        usable = number.isascii() and number.isdigit() and len(number) < 10
        rows = rows.filter(change__number=int(number)) if usable else rows.none()
    return (
        rows.select_related("experiment", "change", "way_by")
        .prefetch_related("adjudications__by")
        .order_by("-at", "-pk")
    )


def contamination_of(site: Site, pk: int) -> ContaminationRecord | None:
    """Give one, or nothing."""
    return (
        contaminations_of(site)
        .select_related("experiment__site", "change__site", "change__sender")
        .filter(pk=pk)
        .first()
    )


def incidents_of(site: Site) -> QuerySet[IncidentRecord]:
    """List what happened, the newest first."""
    return (
        IncidentRecord.objects.filter(site=site, withdrawn_at=None)
        .select_related("made_by")
        .prefetch_related("confounders__experiment")
        .order_by("-since", "-pk")
    )


def incident_of(site: Site, key: str) -> IncidentRecord | None:
    """Give the incident that people call so, or nothing."""
    number = key.removeprefix("IN-")
    if not (key.startswith("IN-") and number.isascii() and number.isdigit() and len(number) < 10):
        return None
    return incidents_of(site).filter(number=int(number)).first()


def senders_of(site: Site) -> tuple[SenderRecord, ...]:
    """List the senders that a site hears, the newest first."""
    return tuple(
        SenderRecord.objects.filter(site=site, ended_at=None)
        .select_related("made_by")
        .order_by("-pk")
    )


def to_judge(site: Site) -> tuple[ContaminationRecord, ...]:
    """List what waits for a word of engineering or analytics, the oldest first.

    A test that was ended as invalid waits for nobody: its way out is for who runs it.
    """
    rows = (
        ContaminationRecord.objects.filter(change__site=site, way_out="")
        .filter(~Q(verdict=Verdict.BENIGN.value))
        .filter(experiment__invalid_at=None)
        .exclude(experiment__stage__in=[Stage.INVALID, Stage.LEARNED, Stage.CLOSED])
        .select_related("experiment", "change")
        .prefetch_related("adjudications")
        .order_by("at", "pk")
    )
    return tuple(rows)
