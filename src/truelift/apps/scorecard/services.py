"""What may be done to a scorecard: keep a day's, answer the questionnaire, set targets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Json
from truelift.apps.progress.services import day_that_ended
from truelift.apps.research.actor import Actor
from truelift.apps.scorecard.models import AnswersRecord, ScorecardDayRecord, TargetsRecord
from truelift.apps.scorecard.reads import computed, scorecard_at
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.maturity import check_answers
from truelift.lifecycle.scorecard import BadTarget, measures_with


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a programme wants, has room for, and costs; what is None nobody has said.

    Attributes:
        targets: Word of `Figure` → floor and target; what is left out is the usual.
        tests_a_quarter: How many launches there is room for.
        revenue_minor: Wanted revenue per session, minor units.
        cost_minor: Of the programme a month, minor units.
        half_life_days: After so many days half of a lift is left.
    """

    targets: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    tests_a_quarter: int | None = None
    revenue_minor: float | None = None
    cost_minor: float | None = None
    half_life_days: int | None = None


class ChangedMeanwhile(Refusal):
    """Somebody else changed the targets after this person had read them."""

    code = "scorecard.changed_meanwhile"

    def __init__(self) -> None:
        super().__init__("Somebody changed the targets meanwhile. Read them again, then change.")


def keep_scorecard(site: Site, *, as_of: datetime, now: datetime) -> ScorecardDayRecord:
    """Compute a scorecard and keep it, once for each day; a day kept stays.

    Args:
        site: The site.
        as_of: The instant up to which everything is read; the day before it is over.
        now: When.
    """
    day = day_that_ended(site, as_of)
    kept = scorecard_at(site, day)
    if kept is not None:
        return kept
    text = json.dumps(
        computed(site, as_of=as_of, now=now),
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
    )
    try:
        with transaction.atomic():
            return ScorecardDayRecord.objects.create(
                site=site,
                day=day,
                as_of=as_of,
                text=text,
                digest=hashlib.sha256(text.encode()).hexdigest(),
                made_at=now,
            )
    except IntegrityError:
        # Another worker kept the same day a moment ago.
        again = scorecard_at(site, day)
        if again is None:
            raise
        return again


@transaction.atomic
def answer(site: Site, answers: Mapping[str, int], *, by: Actor, now: datetime) -> AnswersRecord:
    """Take somebody's answers; the next scorecard counts them.

    Raises:
        BadAnswer: A question is left, not known, or its answer is not 0 to 4.
    """
    check_answers(answers)
    row = AnswersRecord.objects.create(site=site, by=by.user, answers=dict(answers), made_at=now)
    audit(
        action="maturity.answered",
        target=f"site:{site.name}",
        before=None,
        after={"questions": len(answers)},
        now=now,
        site=site.name,
        **by.audited,
    )
    return row


@transaction.atomic
def set_targets(
    site: Site, wanted: Wanted, *, seen: int, by: Actor, now: datetime
) -> TargetsRecord:
    """Say what a programme wants to reach.

    Args:
        site: Of which site.
        wanted: All of it; what is left out is not said any more.
        seen: The version that the person had read; 0 before the first.
        by: Who.
        now: When.

    Raises:
        BadTarget: Something cannot be.
        ChangedMeanwhile: Another version is in force.
    """
    _check(wanted)
    Site.objects.select_for_update().get(pk=site.pk)
    row = TargetsRecord.objects.filter(site=site).first() or TargetsRecord(site=site, version=0)
    if row.version != seen:
        raise ChangedMeanwhile
    before = _document(row) if row.version else None
    row.targets = {key: list(each) for key, each in wanted.targets.items()}
    row.tests_a_quarter, row.revenue_minor = wanted.tests_a_quarter, wanted.revenue_minor
    row.cost_minor, row.half_life_days = wanted.cost_minor, wanted.half_life_days
    row.version += 1
    row.save()
    audit(
        action="scorecard.targets_set",
        target=f"site:{site.name}",
        before=before,
        after=_document(row),
        now=now,
        site=site.name,
        **by.audited,
    )
    return row


def _check(wanted: Wanted) -> None:
    measures_with(wanted.targets)
    if wanted.tests_a_quarter is not None and not 1 <= wanted.tests_a_quarter <= 10_000:
        raise BadTarget(figure="tests_a_quarter", why="between 1 and 10,000 tests have room.")
    if wanted.half_life_days is not None and not 1 <= wanted.half_life_days <= 10_000:
        raise BadTarget(figure="half_life_days", why="between 1 and 10,000 days.")
    for name, value in (("revenue", wanted.revenue_minor), ("cost", wanted.cost_minor)):
        if value is not None and not 0 < value < 1e14:
            raise BadTarget(figure=name, why="an amount is more than nothing.")


def _document(row: TargetsRecord) -> dict[str, Json]:
    return {
        "targets": dict(row.targets),
        "tests_a_quarter": row.tests_a_quarter,
        "revenue_minor": row.revenue_minor,
        "cost_minor": row.cost_minor,
        "half_life_days": row.half_life_days,
    }
