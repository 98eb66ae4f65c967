"""What may be asked of a scorecard: a day's document, how it went by quarter, what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from truelift.apps.progress.reads import trouble_list
from truelift.apps.roadmap.changes import quarter_of
from truelift.apps.rollouts.returns import Returns, returns_of
from truelift.apps.scorecard.evidence import HALF_A_YEAR, readings_of
from truelift.apps.scorecard.evidence_today import TODAY
from truelift.apps.scorecard.models import AnswersRecord, ScorecardDayRecord, TargetsRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.maturity import DimensionScore, maturity
from truelift.lifecycle.programme_causes import organisational_share
from truelift.lifecycle.scorecard import QuadrantScore, measures_with, scorecard


Document = dict[str, Any]

MOST_QUARTERS: Final = 8


def targets_of(site: Site) -> TargetsRecord:
    """Give what a programme wants; the usual, where it has said nothing."""
    return TargetsRecord.objects.filter(site=site).first() or TargetsRecord(site=site, version=0)


def answers_of(site: Site, *, now: datetime) -> tuple[Mapping[str, int], ...]:
    """Give what people answered, the newest of each; what is older than half a year is stale."""
    newest: dict[int | None, Mapping[str, int]] = {}
    rows = AnswersRecord.objects.filter(
        site=site, made_at__gt=now - HALF_A_YEAR, made_at__lte=now
    ).order_by("pk")
    for row in rows:
        newest[row.by_id] = row.answers
    return tuple(newest.values())


def own_answers(site: Site, person: int | None) -> Mapping[str, int]:
    """Give what somebody answered last; empty before."""
    row = AnswersRecord.objects.filter(site=site, by_id=person).order_by("-pk").first()
    return {} if row is None else row.answers


def computed(site: Site, *, as_of: datetime, now: datetime) -> Document:
    """Compute scorecard and maturity as they stood at a moment; a job's work, not a request's."""
    targets = targets_of(site)
    measures = measures_with({key: tuple(each) for key, each in targets.targets.items()})
    readings = readings_of(site, targets, as_of=as_of, now=now)
    card = scorecard(readings, measures)
    mature = maturity(readings, answers_of(site, now=as_of), measures)
    return {
        "site": site.name,
        "as_of": as_of.isoformat(),
        "scorecard": {
            "overall": card.overall,
            "held_back_by": [each.value for each in card.held_back_by],
            "unknown": [each.value for each in card.unknown],
            "quadrants": [_quadrant(each) for each in card.quadrants],
        },
        "causes": _causes(site, as_of) if now - as_of <= TODAY else None,
        "returns": _returns(
            returns_of(
                site,
                now=as_of,
                cost_a_month=targets.cost_minor,
                half_life_days=targets.half_life_days,
            ),
            site.currency,
        ),
        "maturity": {
            "total": mature.total,
            "least": None if mature.least is None else mature.least.dimension.value,
            "stage": mature.stage,
            "dimensions": [_dimension(each) for each in mature.dimensions],
        },
    }


def _causes(site: Site, as_of: datetime) -> Document:
    """Say how much of what is in trouble has its cause in the organisation (R136)."""
    reasons = [each.reason for each in trouble_list(site, now=as_of)[1]]
    return {"n": len(reasons), "organisational": organisational_share(reasons)}


def _returns(of: Returns, currency: str) -> Document:
    return {
        "value_minor": of.value,
        "low_minor": of.low,
        "high_minor": of.high,
        "cost_minor": of.cost,
        "on_cost": of.on_cost,
        "currency": currency,
        "winners": of.winners,
        "unknown": of.unknown,
        "waiting": of.waiting,
        "assumes": "Effects add up.",
    }


def _quadrant(score: QuadrantScore) -> Document:
    return {
        "quadrant": score.quadrant.value,
        "points": score.points,
        "known": score.known,
        "of": len(score.items),
        "items": [
            {
                "figure": each.reading.figure.value,
                "called": each.measure.called,
                "unit": each.measure.unit.value,
                "value": each.reading.value,
                "n": each.reading.n,
                "said": each.reading.said,
                "points": each.points,
                "floor": each.measure.floor,
                "target": each.measure.target,
            }
            for each in score.items
        ],
    }


def _dimension(score: DimensionScore) -> Document:
    return {
        "dimension": score.dimension.value,
        "score": score.score,
        "shown": score.shown,
        "said": score.said,
        "people": score.people,
        "missing": score.missing,
        "evidence": [
            {"figure": each.figure.value, "value": each.value, "n": each.n, "said": each.said}
            for each in score.readings
        ],
    }


def latest(site: Site) -> ScorecardDayRecord | None:
    """Give the scorecard of the last day that was kept."""
    return ScorecardDayRecord.objects.filter(site=site).order_by("-day").first()


def scorecard_at(site: Site, day: date) -> ScorecardDayRecord | None:
    """Give the scorecard of one day."""
    return ScorecardDayRecord.objects.filter(site=site, day=day).first()


def by_quarter(site: Site) -> tuple[tuple[str, Document], ...]:
    """Give the last document of each quarter, the oldest first; the one under way is the last."""
    days = ScorecardDayRecord.objects.filter(site=site).order_by("day").values_list("day", "pk")
    last = {quarter_of(day): pk for day, pk in days}
    wanted = list(last.items())[-MOST_QUARTERS:]
    rows = ScorecardDayRecord.objects.in_bulk([pk for _, pk in wanted])
    return tuple((quarter, rows[pk].document) for quarter, pk in wanted)
