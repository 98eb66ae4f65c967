"""Drafts an experiment anew from the plan of one that a change has spoiled."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from truelift.apps.experiments.models import ExperimentRecord, MetricRole
from truelift.apps.experiments.services import plan_experiment
from truelift.apps.experiments.spec import (
    ExperimentSpec,
    JudgingSpec,
    PlanSpec,
    VariantSpec,
)
from truelift.apps.research.actor import Actor
from truelift.lifecycle.experiment import Method
from truelift.lifecycle.judging import Inference


_LONGEST: Final = 80


def repeat(record: ExperimentRecord, *, by: Actor, now: datetime) -> ExperimentRecord:
    """Draft the same experiment under a new key, without dates: those are for people to choose.

    Raises:
        BadSpec: Something it names does not exist any more.
    """
    planned = list(record.metrics.select_related("metric"))

    def keys(role: MetricRole) -> tuple[str, ...]:
        return tuple(each.metric.key for each in planned if each.role == role)

    spec = ExperimentSpec(
        key=_free_key(record),
        name=record.name,
        method=Method(record.method),
        inference=Inference(record.inference),
        unit=record.unit,
        surface=record.surface,
        hypothesis=record.hypothesis.key if record.hypothesis else "",
        decision_owner=record.decision_owner.email if record.decision_owner else "",
        deputy=record.deputy.email if record.deputy else "",
        alpha=record.alpha,
        margins={each.metric.key: each.margin for each in planned if each.margin is not None},
        primary="".join(keys(MetricRole.PRIMARY)),
        secondary=keys(MetricRole.SECONDARY),
        guardrails=keys(MetricRole.GUARDRAIL),
        waiver=record.waiver,
        variants=tuple(
            VariantSpec(each.key, each.name, each.weight, each.is_control)
            for each in record.variants.all()
        ),
        plan=PlanSpec(
            baseline=record.baseline,
            cv=record.cv,
            minimum_effect=record.minimum_effect,
            power=record.power,
            visitors_per_week=record.visitors_per_week,
            allocation=record.allocation,
            n_per_variant=record.n_per_variant if record.n_given else None,
        ),
        judging=JudgingSpec(
            tuning_n=record.tuning_n,
            looks=record.looks,
            spending=record.spending,
            prior_sd=record.prior_sd,
            correction=record.correction,
            covariate_days=record.covariate_days,
            segments=tuple(record.segments),
        ),
    )
    return plan_experiment(record.site, spec, by=by, now=now)


def _free_key(record: ExperimentRecord) -> str:
    """Count on from the key: `headline` becomes `headline-2`."""
    taken = set(ExperimentRecord.objects.filter(site=record.site).values_list("key", flat=True))
    base, _, number = record.key.rpartition("-")
    begin = int(number) + 1 if base and number.isdigit() and len(number) < 4 else 2
    stem = base if begin > 2 else record.key
    nth = begin
    while (key := f"{stem[: _LONGEST - 5]}-{nth}") in taken:
        nth += 1
    return key
