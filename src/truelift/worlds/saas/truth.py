"""The planted facts, worked out from the parameters and from nothing else."""

from __future__ import annotations

from truelift.worlds.history import Trial, head_of, instant_of
from truelift.worlds.saas.parameters import (
    ACTIVE_FROM,
    ACTIVE_TO,
    GUIDED,
    LEAK,
    NUDGES,
    STEPS,
    TRAP,
    WAY,
    Saas,
)


def truth_of(saas: Saas) -> dict[str, object]:
    """Say what is true, before a single event exists."""
    guided = next(each for each in saas.trials if each.key == GUIDED)
    weeks = ACTIVE_FROM // 7
    return {
        **head_of("saas", saas),
        "steps": list(STEPS),
        "rates": {each.name: each.rate for each in WAY},
        "median_days": {each.name: each.days for each in WAY},
        "leak": {"from": "payroll_started", "step": LEAK, "rate": saas.rate(LEAK)},
        "activation": {
            "needs": ["payroll_connected", "rota_published"],
            "event": "activated",
            "share": saas.activation,
            "guided_share": saas.activation * guided.lift["connects"],
        },
        "retention": {
            "from_days": ACTIVE_FROM,
            "to_days": ACTIVE_TO,
            "active": saas.stays**weeks,
            "not_active": saas.fades**weeks,
        },
        "experiments": {each.key: _trial(saas, each) for each in saas.trials},
        "running_experiment": next(each.key for each in saas.trials if saas.runs(each)),
        "outside": {"experiment": GUIDED, "emails_after_days": list(NUDGES), "opened": saas.opened},
        "trap": {
            "experiment": TRAP,
            "published": "up",
            "activated": "down",
            "retained": "down",
            "recommended": False,
            "why": "without a payroll a rota is published and nobody works by it",
        },
    }


def _trial(saas: Saas, trial: Trial) -> dict[str, object]:
    start, end = saas.span_of(trial)
    return {
        "control": trial.control,
        "treatment": trial.treatment,
        "seen_at": trial.seen_at,
        "acts_on": trial.acts_on,
        "since": instant_of(start),
        "until": instant_of(end),
        "running": saas.runs(trial),
        "multiplies": dict(trial.lift),
    }
