"""The sites of a person who has several: each in a line, and what they taught, without names."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Count

from truelift.apps.experiments.models import ExperimentRecord, MoveRecord
from truelift.apps.progress.history import OneTest, proposed_of, tests_of
from truelift.apps.roadmap.changes import quarter_of
from truelift.apps.sites.models import Site
from truelift.apps.warnings.models import WarningRecord
from truelift.lifecycle.experiment import Stage
from truelift.lifecycle.warning import STANDING


QUARTER: Final = timedelta(days=91)

COLUMNS: Final = (
    "site",
    "quarter",
    "method",
    "evidence",
    "metric_kind",
    "better",
    "planned_margin",
    "effect",
    "se",
    "outcome",
    "decision",
)
"""What is told of a test outside of its site: nothing that a person wrote."""


@dataclass(frozen=True, slots=True)
class Glance:
    """A site in a line.

    Attributes:
        running: Tests that run.
        waiting: Results that wait for a decision.
        launched: Tests launched in the last 91 days.
        warnings: Warnings that stand.
    """

    site: Site
    running: int
    waiting: int
    launched: int
    warnings: int


def at_a_glance(sites: Sequence[Site], *, now: datetime) -> tuple[Glance, ...]:
    """Give each site in a line; three queries for all of them."""
    numbers = [each.pk for each in sites]
    stages = Counter(
        ExperimentRecord.objects.filter(
            site__in=numbers, stage__in=[Stage.RUNNING.value, Stage.ANALYSED.value]
        ).values_list("site", "stage")
    )
    launched = _counts(
        MoveRecord.objects.filter(
            experiment__site__in=numbers,
            action="launch",
            moved_at__gt=now - QUARTER,
            moved_at__lte=now,
        )
        .values_list("experiment__site")
        .annotate(Count("experiment", distinct=True))
    )
    warnings = _counts(
        WarningRecord.objects.filter(site__in=numbers, stage__in=[each.value for each in STANDING])
        .values_list("site")
        .annotate(Count("pk"))
    )
    return tuple(
        Glance(
            site,
            running=stages[site.pk, Stage.RUNNING.value],
            waiting=stages[site.pk, Stage.ANALYSED.value],
            launched=launched.get(site.pk, 0),
            warnings=warnings.get(site.pk, 0),
        )
        for site in sites
    )


def _counts(rows: Iterable[tuple[int, int]]) -> Mapping[int, int]:
    return dict(rows)


def without_names(sites: Sequence[Site], *, now: datetime) -> str:
    """Write what the tests of several sites taught as CSV, with nothing that says whose they are.

    Sites are letters in the order of their creation. There are no names, texts, addresses,
    people or amounts. Invalid and imported tests are left out. A fixed number of queries.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    tests, hypotheses = tests_of(sites, as_of=now), proposed_of(sites, as_of=now)
    records = {
        (each.site_id, each.key): each
        for each in ExperimentRecord.objects.filter(site__in=sites).prefetch_related(
            "metrics__metric"
        )
    }
    for number, site in enumerate(sorted(sites, key=lambda each: each.pk)):
        zone = ZoneInfo(site.time_zone)
        for test in tests[site.pk]:
            record = records.get((site.pk, test.key))
            if record is None or test.imported or not (test.valid and test.choice):
                continue
            evidence = hypotheses.get((site.pk, test.hypothesis))
            kinds = " ".join(sorted(evidence.kinds)) if evidence else ""
            writer.writerow(_line(_letters(number), zone, test, record, kinds))
    return out.getvalue()


def _line(
    site: str, zone: ZoneInfo, test: OneTest, record: ExperimentRecord, evidence: str
) -> list[str]:
    decided, result = test.trial.decided_at, test.result
    metric = next(
        (
            each.metric
            for each in record.metrics.all()
            if result and each.metric.key == result.metric
        ),
        None,
    )
    return [
        site,
        quarter_of(decided.astimezone(zone).date()) if decided else "",
        record.method,
        evidence,
        metric.kind if metric else "",
        metric.better if metric else "",
        _number(result.margin if result else None),
        _number(result.value if result else None),
        _number(result.se if result else None),
        result.outcome.value if result and result.outcome else "",
        test.choice,
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _letters(number: int) -> str:
    before = _letters(number // 26 - 1) if number >= 26 else ""
    return f"{before}{chr(ord('A') + number % 26)}"
