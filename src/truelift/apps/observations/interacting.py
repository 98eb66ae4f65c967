"""Asks the lake who was in two experiments at once, and keeps what the statistics say of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Any, Final

import numpy as np
from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.experiments.analysing import plan_and_question
from truelift.apps.experiments.models import ExperimentRecord, MetricRecord, MetricRole
from truelift.apps.experiments.services import check_analysable
from truelift.apps.measurement.reads import lake
from truelift.apps.observations.models import InteractionReport
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.questions.document import instant
from truelift.questions.metric import Metric
from truelift.questions.variant_overlap import Both, Crossing, Ran, VariantOverlap
from truelift.stats.asked.interaction import metric_document, traffic_document
from truelift.stats.interactions import (
    BadCells,
    Pair,
    PairInteraction,
    cells_of,
    interactions_between,
    traffic_interaction,
)
from truelift.stats.roles import VariantRole


ALPHA: Final = 0.05
"""Share of false findings among the interactions that are found."""

USUAL_WORTH: Final = 0.10
"""A lift that would matter, where an experiment names none."""

MOST: Final = 20
"""Experiments that are held against each other, those that began last: 190 pairs at most."""

_EVER: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Candidate:
    """An experiment that may have shared visitors with others.

    Attributes:
        record: Its row.
        ran: As the lake is asked for it.
        metric: Its primary metric; None for a kind that is no sum over visitors.
        worth: The relative effect on it that would matter.
    """

    record: ExperimentRecord
    ran: Ran
    metric: tuple[MetricRecord, Metric] | None
    worth: float

    def met(self, other: Candidate) -> bool:
        """Whether both ran at the same time."""
        return max(self.ran.since or _EVER[0], other.ran.since or _EVER[0]) < min(
            self.ran.until or _EVER[1], other.ran.until or _EVER[1]
        )


@dataclass(frozen=True, slots=True)
class Tested:
    """A pair on a metric, with the place of the pair."""

    place: int
    metric: MetricRecord
    pair: Pair


def compute_interactions(site: Site, *, by: Actor, now: datetime) -> InteractionReport:
    """Test every pair of experiments that ran at the same time, and keep the report.

    Call it from a job, never in a web request: it reads the events of every visitor.
    """
    found, skipped = candidates_of(site, now=now)
    met = [
        (one, other)
        for one, other in combinations(range(len(found)), 2)
        if found[one].met(found[other])
    ]
    document: dict[str, Any] = {
        "as_of": instant(now),
        "alpha": ALPHA,
        "multiplicity": "benjamini-hochberg",
        "experiments": [
            {"experiment": each.record.key, "name": each.record.name} for each in found
        ],
        "skipped": skipped,
        "pairs": [],
    }
    if met:
        question = VariantOverlap(
            experiments=tuple(each.ran for each in found),
            pairs=tuple(
                Both(one, other, tuple(m for _, m in _metrics(found[one], found[other])))
                for one, other in met
            ),
            as_of=now,
        )
        asked = lake().ask(site.name, question)
        document |= {
            "lake_version": asked.lake_version,
            "journal_position": asked.journal_position,
            "took_ms": round(asked.took_ms),
            "pairs": _pairs([(found[a], found[b]) for a, b in met], asked.answer.pairs),
        }
    return store_report(site, document, by=by, now=now)


def candidates_of(site: Site, *, now: datetime) -> tuple[list[Candidate], list[dict[str, str]]]:
    """Give the experiments that can be held against each other, and why others cannot."""
    records = ExperimentRecord.objects.filter(site=site).select_related("site")
    records = records.order_by(
        models.F("started_at").desc(nulls_last=True), models.F("starts_on").desc(nulls_last=True)
    )
    found: list[Candidate] = []
    skipped: list[dict[str, str]] = []
    for record in records:
        if len(found) == MOST:
            break
        try:
            check_analysable(record)
            plan, question = plan_and_question(record, now=now)
        except Refusal as refusal:
            if record.started_at is not None:
                skipped.append({"experiment": record.key, "reason": str(refusal)})
            continue
        if question.since and question.until and question.since >= question.until:
            # It was stopped before its first whole day: nobody counts.
            continue
        controls = [each.key for each in plan.variants if each.role is VariantRole.CONTROL]
        others = [each.key for each in plan.variants if each.role is not VariantRole.CONTROL]
        primary = record.metrics.select_related("metric").get(role=MetricRole.PRIMARY).metric
        asked = next(each for each in question.metrics if each.key == primary.key)
        found.append(
            Candidate(
                record=record,
                ran=Ran(
                    record.key,
                    (*controls, *others),
                    since=question.since,
                    until=question.until,
                ),
                metric=(primary, asked) if asked.kind.adds_up else None,
                worth=abs(record.minimum_effect or USUAL_WORTH),
            )
        )
    return found, skipped


def _metrics(one: Candidate, other: Candidate) -> list[tuple[MetricRecord, Metric]]:
    """Give the primary metrics of both, each once."""
    given = [each.metric for each in (one, other) if each.metric is not None]
    return list({asked: (record, asked) for record, asked in given}.values())


def _pairs(
    met: Sequence[tuple[Candidate, Candidate]], crossings: Sequence[Crossing]
) -> list[dict[str, Any]]:
    tested = [
        each
        for place, (pair, crossing) in enumerate(zip(met, crossings, strict=True))
        for each in _tested(place, *pair, crossing)
    ]
    judged = interactions_between([each.pair for each in tested], alpha=ALPHA)
    written = []
    for place, ((one, other), crossing) in enumerate(zip(met, crossings, strict=True)):
        metrics = [
            _metric_part(each, interaction)
            for each, interaction in zip(tested, judged, strict=True)
            if each.place == place
        ]
        written.append(
            {
                "first": _side(one),
                "second": _side(other),
                "units": crossing.units.tolist(),
                "shared": int(crossing.units.sum()),
                "traffic": _traffic(crossing),
                "metrics": metrics,
            }
        )
    return written


def _tested(place: int, one: Candidate, other: Candidate, crossing: Crossing) -> Iterator[Tested]:
    if not crossing.units.sum():
        return
    for nth, (record, asked) in enumerate(_metrics(one, other)):
        cells = cells_of(crossing.samples(nth, asked))
        worth = min(each.worth for each in (one, other) if each.metric and each.metric[1] == asked)
        width = cells.form.width
        below = float(cells.means[0, 0, 1]) if width > 1 else 1.0
        value = abs(float(cells.means[0, 0, 0]) / below) if below else 0.0
        # Without a value under both controls no size follows from a share of it.
        size = worth * value or worth
        yield Tested(place, record, Pair(one.record.key, other.record.key, cells, size))


def _metric_part(tested: Tested, found: PairInteraction) -> dict[str, Any]:
    cells = tested.pair.cells
    return {
        "metric": tested.metric.key,
        "version": tested.metric.version,
        "units": int(np.sum(cells.n)),
        "worth": tested.pair.worth,
        "interaction": None if found.metric is None else metric_document(found.metric),
        "reason": found.absent,
        "p_corrected": found.p,
        "verdict": found.verdict.value,
        "sentence": found.sentence,
    }


def _traffic(crossing: Crossing) -> dict[str, Any] | None:
    """Test the traffic; None where a variant shares nobody."""
    try:
        return traffic_document(traffic_interaction(crossing.units))
    except BadCells:
        return None


def _side(one: Candidate) -> dict[str, Any]:
    return {
        "experiment": one.record.key,
        "name": one.record.name,
        "variants": list(one.ran.variants),
        "since": instant(one.ran.since) if one.ran.since else None,
        "until": instant(one.ran.until) if one.ran.until else None,
    }


@transaction.atomic
def store_report(
    site: Site, document: dict[str, Any], *, by: Actor, now: datetime
) -> InteractionReport:
    """Keep a document exactly as it is, under the next number of its site."""
    Site.objects.select_for_update().get(pk=site.pk)
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    highest = site.interaction_reports.aggregate(top=models.Max("number"))["top"]
    report = InteractionReport.objects.create(
        site=site,
        number=(highest or 0) + 1,
        as_of=now,
        text=text,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        made_by=by.user,
        made_at=now,
    )
    audit(
        action="interactions.computed",
        target=f"interactions:{report.number}",
        after={"number": report.number, "digest": report.digest},
        now=now,
        site=site.name,
        **by.audited,
    )
    return report
