"""The snapshot that a test's result would have left, in the shape that analyses have."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Final

from truelift.stats.outcome import Outcome
from truelift.worlds.programme.plan import Z_95, Fate, Planned


BASELINE: Final = 0.06

_ADVICE: Final = {
    Outcome.WIN: ("ship", "The order rate rose."),
    Outcome.LOSS: ("stop", "The order rate fell."),
    Outcome.NULL: ("stop", "No difference that matters."),
    Outcome.INCONCLUSIVE: ("iterate", "The data cannot tell."),
}


def snapshot_of(test: Planned, *, as_of: datetime) -> dict[str, Any]:
    """Write what an analysis of the test would have said."""
    units = round(2 * (1 - BASELINE) / BASELINE / test.se**2)
    treated = BASELINE * (1 + test.measured)
    split = test.fate is Fate.SPLIT
    p = math.erfc(abs(test.measured) / test.se / math.sqrt(2))
    action, because = _ADVICE[test.outcome]
    if split or test.fate is Fate.TRACKING:
        action, because = "invalid", "Its integrity checks failed."
    return {
        "experiment": test.key,
        "phase": 1,
        "as_of": as_of.isoformat(),
        "method": "fixed",
        "alpha": 0.05,
        "variants": [
            {"variant": "as-it-is", "role": "control", "units": units},
            {"variant": "shown", "role": "treatment", "units": units - split * units // 20},
        ],
        "metrics": [
            {
                "metric": "order_rate",
                "role": "primary",
                "kind": "proportion",
                "direction": "increase",
                "summaries": [
                    _summary("as-it-is", units, BASELINE),
                    _summary("shown", units, treated),
                ],
                "effects": [
                    {
                        "variant": "shown",
                        "absolute": _numbers(BASELINE * test.measured, BASELINE * test.se, p),
                        "relative": _numbers(test.measured, test.se, p),
                        "p": p,
                        "outcome": test.outcome.value,
                        "margin": {
                            "relative": test.margin,
                            "absolute": test.margin * BASELINE,
                            "from": "planned",
                        },
                    }
                ],
            },
            {
                "metric": "revenue_per_visitor",
                "role": "guardrail",
                "kind": "sum",
                "direction": "increase",
                "summaries": [_summary("as-it-is", units, 4.1), _summary("shown", units, 4.1)],
                "effects": [
                    {
                        "variant": "shown",
                        "absolute": _numbers(0.0, 0.08, 1.0),
                        "relative": _numbers(0.0, 0.02, 1.0),
                        "p": 1.0,
                        "outcome": "inconclusive",
                        "guardrail": "held",
                    }
                ],
            },
        ],
        "integrity": [
            {
                "check": "srm",
                "status": "fail" if split else "ok",
                "value": 1e-9 if split else 0.7,
                "detail": "The split is not the planned one."
                if split
                else "The split is as planned.",
            },
            {
                "check": "tracking",
                "status": "fail" if test.fate is Fate.TRACKING else "ok",
                "value": None,
                "detail": "Orders on phones were not counted."
                if test.fate is Fate.TRACKING
                else "Measured alike on every day.",
            },
        ],
        "recommendation": {"action": action, "variant": "shown", "because": [because]},
    }


def _numbers(value: float, se: float, p: float) -> dict[str, float]:
    return {"value": value, "se": se, "low": value - Z_95 * se, "high": value + Z_95 * se, "p": p}


def _summary(variant: str, units: int, mean: float) -> dict[str, object]:
    return {"variant": variant, "n": units, "mean": mean, "m2": units * mean * abs(1 - mean)}
