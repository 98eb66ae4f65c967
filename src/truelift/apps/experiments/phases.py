"""Phases of a test: stretches with one allocation, each with the split that was meant then."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.drawing.wording import percent
from truelift.apps.experiments.models import ExperimentRecord, PhaseRecord
from truelift.apps.experiments.services import check_analysable, experiment_for_update
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.questions.document import instant


class BadAllocation(Refusal):
    """Weights, or a moment, that no allocation of this experiment can have."""

    code = "experiment.bad_allocation"

    def __init__(self, *, key: str, reasons: Sequence[str]) -> None:
        super().__init__(
            f"The allocation of {key} was not changed: {'; '.join(reasons)}.",
            key=key,
            reasons=tuple(reasons),
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of an experiment with one allocation.

    Attributes:
        since: Its first moment; None for the beginning of the experiment.
        until: The first moment of the next; None for the latest.
        weights: In the order of the variants; 0 for one that took no new visitors.
    """

    since: datetime | None
    until: datetime | None
    weights: tuple[float, ...]

    def document(self, variants: Sequence[str], observed: Sequence[int]) -> dict[str, Any]:
        """Give it as a snapshot keeps it."""
        return {
            "since": None if self.since is None else instant(self.since),
            "until": None if self.until is None else instant(self.until),
            "weights": dict(zip(variants, self.weights, strict=True)),
            "units": dict(zip(variants, observed, strict=True)),
        }


@transaction.atomic
def change_allocation(
    site: Site,
    key: str,
    *,
    weights: Mapping[str, float],
    since: datetime,
    reason: str,
    by: Actor,
    now: datetime,
) -> PhaseRecord:
    """Write down that new visitors were drawn by other weights from a moment on.

    The plan stays what it was: this says what the test tool did. Results are of the visitors
    of the latest phase from then on, and the split is checked phase by phase.

    Args:
        site: Of the experiment.
        key: Its key.
        weights: By variant, all of them; 0 for one that takes no new visitors.
        since: From when on; not in the future.
        reason: Why, for those who read it later.
        by: Who says so.
        now: The moment.

    Raises:
        NoSuchExperiment: The site has none with this key.
        NotStarted: It was not launched.
        WrongWayToAnalyse: It splits no visitors.
        BadAllocation: The weights or the moment cannot be; with every reason.
    """
    record = experiment_for_update(site, key)
    check_analysable(record)
    reasons = _obstacles(record, weights, since=since, reason=reason, now=now)
    if reasons:
        raise BadAllocation(key=key, reasons=reasons)
    phase = PhaseRecord.objects.create(
        experiment=record,
        since=since,
        weights=dict(weights),
        reason=reason.strip(),
        by=by.user,
        operator=by.operator,
        made_at=now,
    )
    audit(
        action="experiment.allocated",
        target=f"experiment:{record.key}",
        after={"since": instant(since), "weights": dict(weights), "reason": phase.reason},
        now=now,
        site=site.name,
        **by.audited,
    )
    return phase


def stretches_of(record: ExperimentRecord, *, since: datetime | None) -> tuple[Stretch, ...]:
    """Give the stretches of an experiment in order, the latest last.

    Args:
        record: With its plan, whose weights hold until they were changed.
        since: The first moment that counts.
    """
    variants = list(record.variants.all())
    begins: list[tuple[datetime | None, tuple[float, ...]]] = [
        (since, tuple(each.weight for each in variants))
    ]
    for phase in record.phases.order_by("since"):
        weights = tuple(float(phase.weights.get(each.key, 0.0)) for each in variants)
        if since is not None and phase.since <= since:
            begins = [(since, weights)]
        elif weights != begins[-1][1]:
            begins.append((phase.since, weights))
    ends = [begin for begin, _ in begins[1:]]
    return tuple(
        Stretch(since=begin, until=end, weights=weights)
        for (begin, weights), end in zip(begins, [*ends, None], strict=True)
    )


def shares_in_words(record: ExperimentRecord, phase: PhaseRecord) -> str:
    """Write an allocation: 90% late, 10% early."""
    total = math.fsum(phase.weights.values())
    return ", ".join(
        f"{percent(phase.weights.get(each.key, 0.0) / total, digits=0)} {each.name or each.key}"
        for each in record.variants.all()
    )


def _obstacles(
    record: ExperimentRecord,
    weights: Mapping[str, float],
    *,
    since: datetime,
    reason: str,
    now: datetime,
) -> list[str]:
    variants = [each.key for each in record.variants.all()]
    found = []
    if set(weights) != set(variants):
        found.append(f"give one weight each for {', '.join(variants)}")
    if not all(math.isfinite(each) and 0 <= each <= 1e9 for each in weights.values()):
        found.append("a weight is not a number from 0")
    elif sum(each > 0 for each in weights.values()) < 1:
        found.append("no variant takes anybody")
    if not reason.strip():
        found.append("say why")
    elif len(reason) > 300:
        found.append("the reason is longer than 300 letters")
    if since.tzinfo is None:
        found.append("the moment has no time zone")
    elif since > now:
        found.append("it begins in the future; say it when it has happened")
    elif record.stopped_at is not None and since >= record.stopped_at:
        found.append("it begins after the experiment was stopped")
    elif record.phases.filter(since=since).exists():
        found.append("another change began at the same moment")
    return found
