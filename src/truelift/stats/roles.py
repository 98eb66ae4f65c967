"""What variants and metrics are in an experiment."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


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
    """How a unit's events become one number.

    `RETENTION` and `FUNNEL_STEP` are shares of units: of those who came back within some days,
    of those who did several things in order. `QUANTILE` and `RESTRICTED_MEAN` are no averages of
    units' numbers: each variant has a value that is known with an error.
    """

    PROPORTION = "proportion"
    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    RATIO = "ratio"
    QUANTILE = "quantile"
    RESTRICTED_MEAN = "restricted_mean"
    RETENTION = "retention"
    FUNNEL_STEP = "funnel_step"

    @property
    def is_share(self) -> bool:
        """Whether a unit did it or did not."""
        return self in _SHARES

    @property
    def adds_up(self) -> bool:
        """Whether parts of the units, by segment or by day, add up to all of them."""
        return self not in _VALUES

    @property
    def is_told_of_units(self) -> bool:
        """Whether it needs an instant of each unit's own, such as its first exposure."""
        return self in _OF_UNITS


_SHARES: Final = frozenset({MetricKind.PROPORTION, MetricKind.RETENTION, MetricKind.FUNNEL_STEP})
_VALUES: Final = frozenset({MetricKind.QUANTILE, MetricKind.RESTRICTED_MEAN})
_OF_UNITS: Final = _VALUES | {MetricKind.RETENTION, MetricKind.FUNNEL_STEP}
