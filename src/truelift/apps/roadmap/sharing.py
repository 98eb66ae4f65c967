"""Counts which visitors running experiments share, so that rules go by what is, not what may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import combinations
from types import MappingProxyType
from typing import Final

from django.db import transaction

from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.measurement.reads import lake
from truelift.apps.observations.interacting import Candidate, candidates_of
from truelift.apps.roadmap.planning_models import SharedVisitorsRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Origin, Stage
from truelift.questions.variant_overlap import MOST_PAIRS, Both, VariantOverlap


FEWEST: Final = 200
"""Visitors of the smaller of two; fewer say nothing of those who are still to come."""

MOST: Final = 18
"""Experiments, those that began last: their pairs and themselves are one question."""

assert MOST * (MOST - 1) // 2 + MOST <= MOST_PAIRS  # noqa: S101 - two numbers of our own


def measured_of(site: int) -> Mapping[tuple[str, str], float]:
    """Give the share of the audience of each pair that was counted, by keys of both."""
    rows = SharedVisitorsRecord.objects.filter(site=site)
    return MappingProxyType(
        {
            (one, other): share
            for one, other, share in rows.values_list("first", "second", "audience")
        }
    )


def may_share(site: Site) -> bool:
    """Say whether two experiments run at once; or there is something to forget."""
    stages = [Stage.RUNNING.value, Stage.PAUSED.value]
    running = ExperimentRecord.objects.filter(
        site=site, stage__in=stages, origin=Origin.TRUELIFT.value
    )
    return running.count() > 1 or SharedVisitorsRecord.objects.filter(site=site).exists()


def count_shared_visitors(site: Site, *, now: datetime) -> bool:
    """Count the visitors that running experiments share, and keep it; say whether it is other.

    Of a visitor in two tests with half the traffic each nothing follows for their audiences:
    what is kept is the share of those in the one whom the other would have taken in, too.
    Call it from a job: it reads every exposure.
    """
    found = [each for each in candidates_of(site, now=now)[0] if _runs(each.record)][:MOST]
    met = [
        (one, other)
        for one, other in combinations(range(len(found)), 2)
        if found[one].met(found[other])
    ]
    rows: list[SharedVisitorsRecord] = []
    if met:
        rows = [
            row
            for (one, other), both, mine, theirs in _counted(site, found, met, now=now)
            if (row := _row(site, found[one], found[other], both, mine, theirs, now)) is not None
        ]
    return _keep(site, rows)


def _runs(record: ExperimentRecord) -> bool:
    running = record.stage in {Stage.RUNNING.value, Stage.PAUSED.value}
    return running and record.origin == Origin.TRUELIFT.value


def _counted(
    site: Site, found: Sequence[Candidate], met: Sequence[tuple[int, int]], *, now: datetime
) -> list[tuple[tuple[int, int], int, int, int]]:
    """Ask for every pair, and for each experiment with itself: those are its visitors."""
    many = len(found)
    alone = [Both(each, many + each) for each in range(many)]
    question = VariantOverlap(
        experiments=(*(each.ran for each in found), *(each.ran for each in found)),
        pairs=(*alone, *(Both(one, other) for one, other in met)),
        as_of=now,
    )
    crossings = lake().ask(site.name, question).answer.pairs
    units = [int(each.units.sum()) for each in crossings]
    return [
        (pair, both, units[pair[0]], units[pair[1]])
        for pair, both in zip(met, units[many:], strict=True)
    ]


def _row(
    site: Site, one: Candidate, other: Candidate, both: int, mine: int, theirs: int, now: datetime
) -> SharedVisitorsRecord | None:
    """Give what is kept of a pair; None where it says nothing."""
    smaller = min(mine, theirs)
    if smaller < FEWEST or _is_exclusive(one.record, other.record):
        return None
    larger = other.record if mine <= theirs else one.record
    first, second = sorted((one.record.key, other.record.key))
    return SharedVisitorsRecord(
        site=site,
        first=first,
        second=second,
        both=both,
        smaller=smaller,
        audience=min(1.0, both / smaller / larger.allocation),
        counted_at=now,
    )


def _is_exclusive(one: ExperimentRecord, other: ExperimentRecord) -> bool:
    """Say whether a layer keeps them apart; then nothing follows for their audiences."""
    mine, theirs = getattr(one, "on_roadmap", None), getattr(other, "on_roadmap", None)
    return bool(mine and theirs and mine.layer and mine.layer == theirs.layer)


@transaction.atomic
def _keep(site: Site, rows: Sequence[SharedVisitorsRecord]) -> bool:
    Site.objects.select_for_update().get(pk=site.pk)
    before = dict(measured_of(site.pk))
    SharedVisitorsRecord.objects.filter(site=site).delete()
    SharedVisitorsRecord.objects.bulk_create(rows)
    return before != {(row.first, row.second): row.audience for row in rows}
