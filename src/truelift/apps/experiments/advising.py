"""What a plan is advised to say while it can still be changed."""

from __future__ import annotations

from truelift.apps.experiments.models import ExperimentRecord, MetricKind
from truelift.apps.experiments.wording import has_cap, is_money
from truelift.lifecycle.experiment import Origin


def advice_of(record: ExperimentRecord) -> tuple[str, ...]:
    """Give advice about a plan, in sentences; none once it is frozen, and none that stops it."""
    if record.plan_hash or record.origin == Origin.IMPORTED:
        return ()
    uncapped = [
        each.metric.name
        for each in record.metrics.select_related("metric")
        if each.metric.kind in {MetricKind.SUM, MetricKind.RATIO}
        and is_money(each.metric)
        and not has_cap(each.metric)
    ]
    return tuple(
        f"{name} adds up money without a cap: a few large orders that happen to fall to one"
        " variant can outweigh all others. Give its next version a cap before the launch, such as"
        " the 99th percentile of those who buy; the number without it is shown beside."
        for name in uncapped
    )
