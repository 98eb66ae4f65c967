"""What the programme's own past says: how lifts were spread, and how easy things were."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from truelift.apps.experiments.models import AnalysisRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.scoring_value import ADVISED_FROM, FALLBACK, Prior
from truelift.stats.shrinkage import shrink


def prior_of(site: Site) -> Prior:
    """Give how true lifts are spread: the site's own history from ten valid results on."""
    found = list(_lifts(site))
    if len(found) < ADVISED_FROM:
        return FALLBACK
    shrunken = shrink([value for value, _ in found], [se for _, se in found])
    # No spread at all would leave no room for a test to find anything.
    return Prior(
        mean=shrunken.mean,
        sd=max(shrunken.tau, 1e-4),
        mean_se=shrunken.mean_se,
        results=len(found),
    )


def _lifts(site: Site) -> Iterator[tuple[float, float]]:
    """Yield the relative lift of every valid test's primary metric, winners and others alike."""
    # The snapshot that was decided on; later ones of the same test would count it twice.
    decided = AnalysisRecord.objects.filter(decisions__experiment__site=site)
    for text in decided.values_list("text", flat=True):
        document = json.loads(text)
        if any(check.get("status") == "fail" for check in document.get("integrity", [])):
            continue
        for metric in document.get("metrics", []):
            if metric.get("role") != "primary":
                continue
            sign = -1 if metric.get("better") == "decrease" else 1
            for effect in metric.get("effects", []):
                relative = effect.get("relative") or {}
                value, se = relative.get("value"), relative.get("se")
                if value is not None and se and math.isfinite(value) and math.isfinite(se):
                    yield sign * value, se
