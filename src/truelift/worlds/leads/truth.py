"""The planted facts, worked out from the parameters and from nothing else."""

from __future__ import annotations

from truelift.worlds.history import Trial, head_of, instant_of
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
        "experiments": {each.key: _trial(leads, each) for each in leads.trials},
        "running_experiment": next(each.key for each in leads.trials if leads.runs(each)),
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


def _trial(leads: Leads, trial: Trial) -> dict[str, object]:
    start, end = leads.span_of(trial)
    return {
        "control": trial.control,
        "treatment": trial.treatment,
        "seen_at": trial.seen_at,
        "acts_on": trial.acts_on,
        "since": instant_of(start),
        "until": instant_of(end),
        "running": leads.runs(trial),
        "multiplies": dict(trial.lift),
    }
