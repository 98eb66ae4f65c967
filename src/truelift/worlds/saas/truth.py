"""The planted facts, worked out from the parameters and from nothing else."""

from __future__ import annotations

from truelift.worlds.history import head_of, tests_of
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
        **tests_of(saas),
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
