"""Early results and who does not see them: one rule that page, API, list and command line ask."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import functions_of, role_of
from truelift.apps.accounts.roles import Role
from truelift.apps.drawing.wording import day
from truelift.apps.experiments.domain import midnight_at
from truelift.apps.experiments.models import AnalysisRecord, ExperimentRecord
from truelift.apps.programme.reads import policy_of
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.experiment import Advice, Stage
from truelift.lifecycle.policy import Policy


RUNNING: Final = (Stage.RUNNING, Stage.PAUSED)

KEPT: Final = (
    "experiment",
    "site",
    "name",
    "origin",
    "phase",
    "as_of",
    "planned_end",
    "method",
    "alpha",
    "variants",
    "currency",
    "plan_hash",
    "metric_versions",
    "metric_breaks",
    "crossovers",
    "immature",
    "unplanned",
    "daily",
    "judging",
    "phases",
    "split_causes",
    "lake_version",
    "journal_position",
    "took_ms",
)
"""Of a snapshot, what tells of no effect. What is not named here is hidden, new parts too."""

CHECKS: Final = frozenset(
    {
        "srm",
        "srm_daily",
        "srm_phases",
        "srm_segments",
        "crossovers",
        "quarantine",
        "bots",
        "sample_size",
        "covariate_balance",
        "plan",
        "power",
        "unplanned_variants",
        "maturity",
    }
)
"""Checks whose sentences tell of no effect either."""

WHY: Final = (
    "The policy of the programme hides early effects from you until the planned end, so that"
    " nobody acts on what may still be chance. Integrity is shown; those who run the test see"
    " its guardrails."
)


OF_EXPOSURE: Final = frozenset({"variant_overlap"})
"""Questions about an experiment whose answers tell of no effect."""


class EarlyEffects(Refusal):
    """A question about an experiment whose effects the person does not see yet."""

    code = "experiments.early_effects"

    def __init__(self, *, experiment: str) -> None:
        super().__init__(
            f"“{experiment}” is running, and the programme’s policy hides early effects from you."
            " Ask without it, or again after its planned end.",
            experiment=experiment,
        )


def hides_from(
    record: ExperimentRecord, user: User | None, *, now: datetime, policy: Policy | None = None
) -> bool:
    """Say whether a person does not see effects of an experiment yet.

    Only while it runs, and before its planned end. The operator at a command line, who is
    nobody in particular, sees everything.

    Args:
        record: The experiment.
        user: The person; None for the operator alone.
        now: The moment.
        policy: Of the site, where it is known already.
    """
    if user is None or not _early(record, now=now):
        return False
    site = record.site
    held = policy_of(site) if policy is None else policy
    if not held.early_hidden_from:
        return False
    role = role_of(user, site)
    return held.hides_early_results(
        functions_of(user, site), may_write=role is not None and role.covers(Role.EDITOR)
    )


def refuse_early(
    site: Site, question: Mapping[str, Any], user: User | None, *, now: datetime
) -> None:
    """Keep a question from telling the effects that its experiment's own page hides.

    Args:
        site: Of the experiment.
        question: As `truelift ask --question` has it.
        user: Who asks; None for the operator alone.
        now: The moment.

    Raises:
        EarlyEffects: It is about an experiment that runs, and the policy hides it from them.
    """
    key = question.get("experiment")
    if not isinstance(key, str) or question.get("question") in OF_EXPOSURE:
        return
    record = ExperimentRecord.objects.filter(site=site, key=key).first()
    if record is not None and hides_from(record, user, now=now):
        raise EarlyEffects(experiment=record.name)


def shown_to(
    record: ExperimentRecord,
    document: Mapping[str, Any],
    user: User | None,
    *,
    now: datetime,
) -> Mapping[str, Any]:
    """Give of a snapshot what a person may see of it now."""
    return veiled(record, document) if hides_from(record, user, now=now) else document


def shown_to_all(
    record: ExperimentRecord,
    document: Mapping[str, Any],
    *,
    now: datetime,
    policy: Policy | None = None,
) -> Mapping[str, Any]:
    """Give of a snapshot what a page may show that is the same for everybody: lists, home."""
    hides = hides_from_some(record, now=now, policy=policy)
    return veiled(record, document) if hides else document


def hides_from_some(
    record: ExperimentRecord, *, now: datetime, policy: Policy | None = None
) -> bool:
    """Say whether somebody does not see effects of an experiment yet."""
    held = policy_of(record.site) if policy is None else policy
    return bool(held.early_hidden_from) and _early(record, now=now)


def advice_shown_to(analysis: AnalysisRecord, user: User | None, *, now: datetime) -> str | None:
    """Give what a snapshot recommends, as far as a person may know it."""
    if hides_from(analysis.experiment, user, now=now):
        return Advice.KEEP_RUNNING.value
    return analysis.advice or None


def veiled(record: ExperimentRecord, document: Mapping[str, Any]) -> dict[str, Any]:
    """Give a snapshot without any effect, in its own shape, and say why they are missing."""
    said = withheld_words(record)
    found: dict[str, Any] = {name: document[name] for name in KEPT if name in document}
    found["integrity"] = [each for each in document.get("integrity", []) if each["check"] in CHECKS]
    found["metrics"] = [
        {
            **{
                name: each[name] for name in ("metric", "role", "kind", "direction") if name in each
            },
            "summaries": [],
            "effects": [
                {
                    "variant": effect["variant"],
                    "absolute": None,
                    "relative": None,
                    "p": None,
                    "outcome": "inconclusive",
                    "withheld": said,
                }
                for effect in each["effects"]
            ],
        }
        for each in document.get("metrics", [])
    ]
    if document.get("recommendation"):
        found["recommendation"] = {
            "action": Advice.KEEP_RUNNING.value,
            "because": [f"Effects are shown {said}."],
        }
    found["hidden"] = said
    return found


def withheld_words(record: ExperimentRecord) -> str:
    """Say until when effects are hidden."""
    if record.ends_on is None:
        return "not before the end, by the policy of the programme"
    last = record.ends_on - timedelta(days=1)
    return f"not before the planned end on {day(last)}, by the policy of the programme"


def _early(record: ExperimentRecord, *, now: datetime) -> bool:
    if record.stage not in {each.value for each in RUNNING}:
        return False
    return record.ends_on is None or now < midnight_at(record.site, record.ends_on)
