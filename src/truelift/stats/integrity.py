"""The integrity card: whether the numbers of an experiment may be believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from truelift.stats.comparison import Absent, Comparison
from truelift.stats.plan import AnalysisData, AnalysisPlan
from truelift.stats.srm import FEWEST_EXPECTED, BadSplit, check_split
from truelift.stats.status import Status
from truelift.stats.wording import day


CROSSOVERS_WARN: Final = 0.01


CROSSOVERS_FAIL: Final = 0.10


QUARANTINE_WARN: Final = 0.01


QUARANTINE_FAIL: Final = 0.10


SPLIT_VERDICTS: Final[Mapping[Status, str]] = MappingProxyType(
    {
        Status.OK: "The split is as planned",
        Status.WARN: "The split is further from the plan than chance would often bring",
        Status.FAIL: "The split is not the planned one",
    }
)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the integrity card.

    Attributes:
        check: Which check: srm, crossovers, quarantine, bots, sample_size,
            planned_end or primary_metric.
        status: How it ended.
        value: Its number (a p-value, a share, a count); None when there is none.
        detail: A full sentence.
    """

    check: str
    status: Status
    value: float | None
    detail: str


def integrity_of(
    plan: AnalysisPlan,
    data: AnalysisData,
    *,
    primary: list[tuple[str, Comparison | Absent]],
    early: bool,
    as_of: datetime,
    ended: bool = False,
) -> tuple[Check, ...]:
    """Make every check there is data for, passed ones too.

    Source:
        docs/methods/integrity-checks.md.
    """
    total = sum(data.units.values())
    checks = [split_check(plan, data)]
    seen = total + data.crossovers
    if seen:
        share = data.crossovers / seen
        checks.append(
            Check(
                check="crossovers",
                status=by_share(share, warn=CROSSOVERS_WARN, fail=CROSSOVERS_FAIL),
                value=share,
                detail=f"{data.crossovers:,} of {seen:,} units saw more than one variant "
                f"({share:.2%}) and are left out.",
            )
        )
    if data.quarantined_share is not None:
        checks.append(
            Check(
                check="quarantine",
                status=by_share(data.quarantined_share, warn=QUARANTINE_WARN, fail=QUARANTINE_FAIL),
                value=data.quarantined_share,
                detail=f"{data.quarantined_share:.2%} of the events could not be read.",
            )
        )
    if data.bots_share is not None:
        checks.append(
            Check(
                check="bots",
                status=Status.OK,
                value=data.bots_share,
                detail=f"{data.bots_share:.2%} of the events are automatic and kept apart.",
            )
        )
    if plan.units_needed is not None:
        reached = total >= plan.units_needed
        checks.append(
            Check(
                check="sample_size",
                status=Status.OK if reached or early else Status.WARN,
                value=float(total),
                detail=f"{total:,} of the {plan.units_needed:,} planned units have been seen"
                + ("." if reached or early else "; small effects may be missed."),
            )
        )
    checks += [
        end_check(plan, early=early, ended=ended, as_of=as_of),
        *primary_checks(plan, primary, early=early),
    ]
    return tuple(checks)


def split_check(plan: AnalysisPlan, data: AnalysisData) -> Check:
    """Check the split, as a line of the integrity card."""
    observed = [data.units.get(variant.key, 0) for variant in plan.variants]
    try:
        split = check_split(observed, [variant.weight for variant in plan.variants])
    except BadSplit:
        return Check(
            check="srm",
            status=Status.WARN,
            value=None,
            detail="No unit has been exposed yet.",
        )
    counts = " and ".join(
        f"{count:,} in {variant.key}"
        for count, variant in zip(observed, plan.variants, strict=True)
    )
    said = "p < 0.001" if split.p < 0.001 else f"p = {split.p:.2g}"
    status, verdict = split.status, SPLIT_VERDICTS[split.status]
    if status is Status.FAIL and split.smallest_expected < FEWEST_EXPECTED:
        status = Status.WARN
        verdict = "The split looks off, but too few units were expected to be sure"
    return Check(check="srm", status=status, value=split.p, detail=f"{verdict}: {counts}, {said}.")


def end_check(plan: AnalysisPlan, *, early: bool, ended: bool, as_of: datetime) -> Check:
    """Say whether the one look is due."""
    if plan.planned_end is None:
        status, value = Status.WARN, None
        detail = "No end was planned, so this may be one look of many."
    elif early and ended:
        status, value = Status.WARN, None
        detail = f"It was stopped before its planned end on {day(plan.planned_end)}."
    elif early:
        left = (plan.planned_end - as_of).total_seconds() / 86_400
        status, value = Status.OK, left
        detail = f"The planned end is on {day(plan.planned_end)}, {left:.1f} days from now."
    else:
        status, value = Status.OK, 0.0
        detail = f"The planned end on {day(plan.planned_end)} has been reached."
    return Check(check="planned_end", status=status, value=value, detail=detail)


def primary_checks(
    plan: AnalysisPlan, primary: list[tuple[str, Comparison | Absent]], *, early: bool
) -> list[Check]:
    """Give a line for each treatment whose primary metric cannot be computed."""
    return [
        Check(
            check="primary_metric",
            status=Status.WARN if early else Status.FAIL,
            value=None,
            detail=f"{plan.primary.key} cannot be computed for {key}: {comparison.reason}",
        )
        for key, comparison in primary
        if isinstance(comparison, Absent)
    ]


def by_share(share: float, *, warn: float, fail: float) -> Status:
    """Say how a share stands beside its two limits."""
    if share > fail:
        return Status.FAIL
    return Status.WARN if share > warn else Status.OK


def worst(statuses: Iterable[Status]) -> Status:
    """Give the worst of several statuses; none at all is in order."""
    found = set(statuses)
    for status in (Status.FAIL, Status.WARN):
        if status in found:
            return status
    return Status.OK
