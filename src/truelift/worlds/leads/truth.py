"""The planted facts, worked out from the parameters and from nothing else."""

from __future__ import annotations

from truelift.worlds.history import head_of, instant_of, tests_of
from truelift.worlds.leads.parameters import FIELDS, HESITATED, MATURES_DAYS, TRAP, Leads


def truth_of(leads: Leads) -> dict[str, object]:
    """Say what is true, before a single event exists."""
    trap = next(each for each in leads.trials if each.key == TRAP)
    return {
        **head_of("leads", leads),
        "form": {
            "fields": {
                each.name: {
                    "completes": each.completes,
                    "median_s": each.seconds,
                    "returns": each.returns,
                    "corrections": each.corrections,
                }
                for each in FIELDS
            },
            "hesitated": list(HESITATED),
            "lead_rate": leads.lead_rate,
            "shorter_lead_rate": leads.shorter_lead_rate,
        },
        "stages": {
            "mql": leads.mql,
            "sql": leads.sql,
            "won": leads.won,
            "median_days": [leads.mql_days, leads.sql_days, leads.won_days],
            "matures_days": MATURES_DAYS,
        },
        "channels": {
            each.key: {"share": each.share, "intent": each.intent} for each in leads.channels
        },
        **tests_of(leads),
        "trap": {
            "experiment": TRAP,
            "leads": trap.lift["lead"],
            "mql_to_sql": trap.lift["sql"],
            "qualified_leads": trap.lift["lead"] * trap.lift["sql"],
            "mature_at": instant_of(leads.span_of(trap)[1] + MATURES_DAYS * 86_400_000),
            "recommended": False,
            "why": "a fifth more leads, of whom sales takes on fewer: more calls for as many sales",
        },
    }
