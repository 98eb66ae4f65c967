"""What variants and metrics are in an experiment."""

from __future__ import annotations

from enum import StrEnum


class VariantRole(StrEnum):
    """What a variant is in the experiment."""

    CONTROL = "control"
    TREATMENT = "treatment"


class MetricRole(StrEnum):
    """What a metric does in the decision: decide, veto, or explain."""

    PRIMARY = "primary"
    GUARDRAIL = "guardrail"
    SECONDARY = "secondary"


class MetricKind(StrEnum):
    """How a unit's events become one number."""

    PROPORTION = "proportion"
    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    RATIO = "ratio"
