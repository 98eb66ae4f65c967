"""How far effects on a step foretold those on an outcome, in tests that measured both (R024)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from truelift.apps.experiments.models import AnalysisRecord, PlannedMetricRecord
from truelift.apps.experiments.wording import counted
from truelift.apps.sites.models import Site


LEAST_TESTS: Final = 8
LEAST_CORRELATION: Final = 0.3


@dataclass(frozen=True, slots=True)
class ProxyEvidence:
    """What earlier tests say of a link between a step and an outcome.

    Attributes:
        tests: Effects that were measured on both.
        correlation: Of the two, weighted by how sure both are; None where there is none.
    """

    tests: int
    correlation: float | None

    @property
    def proven(self) -> bool:
        """Whether there are enough of them, and they go together."""
        return (
            self.tests >= LEAST_TESTS
            and self.correlation is not None
            and self.correlation >= LEAST_CORRELATION
        )

    @property
    def sentence(self) -> str:
        """The evidence as a full sentence."""
        if self.correlation is None:
            measured = counted(self.tests, "effect was", "effects were")
            return (
                f"Unproven proxy: {measured} measured on both, and {LEAST_TESTS} are the least"
                " that say anything."
            )
        said = f"{self.tests} effects were measured on both; their correlation is"
        return f"{'Proven' if self.proven else 'Unproven'} proxy: {said} {self.correlation:.2f}."

    def document(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {"tests": self.tests, "correlation": self.correlation, "proven": self.proven}


def proxy_evidence(site: Site, step: str, outcome: str) -> ProxyEvidence:
    """Look at every valid decided test of the site that measured both metrics."""
    both = set(_measuring(site, step)) & set(_measuring(site, outcome))
    texts = AnalysisRecord.objects.filter(decisions__isnull=False, experiment__in=both)
    pairs = [pair for each in texts for pair in _pairs(each.document, step, outcome)]
    return ProxyEvidence(len(pairs), weighted_correlation(pairs) if len(pairs) > 2 else None)


def _measuring(site: Site, metric: str) -> Sequence[int]:
    return list(
        PlannedMetricRecord.objects.filter(experiment__site=site, metric__key=metric).values_list(
            "experiment_id", flat=True
        )
    )


Pair = tuple[float, float, float]


def _pairs(document: Mapping[str, Any], step: str, outcome: str) -> list[Pair]:
    """Give the effects of a valid test on both metrics, with their weight."""
    if any(check.get("status") == "fail" for check in document.get("integrity", [])):
        return []
    told: dict[str, dict[str, tuple[float, float]]] = {}
    for metric in document.get("metrics", []):
        # Towards the better, so that a fall in refunds and a rise in orders go together.
        sign = -1 if metric.get("direction") == "decrease" else 1
        for effect in metric["effects"]:
            relative = effect.get("relative") or {}
            value, se = relative.get("value"), relative.get("se")
            if value is not None and se and math.isfinite(value) and math.isfinite(se):
                told.setdefault(effect["variant"], {})[metric["metric"]] = (sign * value, se)
    return [
        (each[step][0], each[outcome][0], 1 / (each[step][1] * each[outcome][1]))
        for each in told.values()
        if step in each and outcome in each
    ]


def weighted_correlation(pairs: Sequence[Pair]) -> float | None:
    """Give the weighted correlation of pairs; None where one of the two never varies."""
    total = sum(weight for *_, weight in pairs)
    x = sum(weight * one for one, _, weight in pairs) / total
    y = sum(weight * other for _, other, weight in pairs) / total
    xy = sum(weight * (one - x) * (other - y) for one, other, weight in pairs)
    xx = sum(weight * (one - x) ** 2 for one, _, weight in pairs)
    yy = sum(weight * (other - y) ** 2 for _, other, weight in pairs)
    return xy / math.sqrt(xx * yy) if xx > 0 and yy > 0 else None
