"""What may be done to a programme's policy: agree on the next version."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.programme.models import PolicyRecord
from truelift.apps.programme.reads import policy_document, policy_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.functions import Function
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.policy import (
    Framework,
    HarmResponse,
    Lead,
    Organisation,
    Policy,
    Research,
    policy_obstacles,
)


class BadPolicy(Refusal):
    """A setting of the policy cannot be read; every one is named at once.

    Attributes:
        wrong: Setting and what is wrong with it.
    """

    code = "programme.bad_policy"

    def __init__(self, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        said = " ".join(f"{name}: {what}" for name, what in wrong.items())
        super().__init__(f"The policy cannot be read. {said}", settings=tuple(wrong))


class ChangedMeanwhile(Refusal):
    """Somebody else agreed on a version after this one was read."""

    code = "programme.changed_meanwhile"

    def __init__(self, *, version: int, seen: int) -> None:
        super().__init__(
            f"The policy is at version {version} by now; you saw version {seen}. Look at what"
            " changed and save again.",
            version=version,
            seen=seen,
        )


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """What is to be different in the next version; None stays as it is."""

    research: str | None = None
    lead: str | None = None
    organisation: str | None = None
    stale_after_days: int | None = None
    triage_days: int | None = None
    decision_days: int | None = None
    early_hidden_from: Collection[str] | None = None
    harm: str | None = None
    max_weeks: int | None = None
    shallow_share: float | None = None
    framework: str | None = None
    variant: str | None = None
    weights: Mapping[str, float] | None = None
    gates: Collection[str] | None = None


_WORDS: Final = {
    "research": Research,
    "lead": Lead,
    "organisation": Organisation,
    "harm": HarmResponse,
    "framework": Framework,
}


@transaction.atomic
def change_policy(
    site: Site,
    change: PolicyChange,
    *,
    by: Actor,
    now: datetime,
    because: str = "",
    seen: int | None = None,
) -> Policy:
    """Agree on the next version; a change that changes nothing makes none.

    Args:
        site: The site.
        change: What is to be different.
        by: Who.
        now: When.
        because: Why.
        seen: The version that the person saw; None where nobody looked at one.

    Raises:
        BadPolicy: A word or a function is unknown.
        MoveRefused: A number does not fit, with every reason.
        ChangedMeanwhile: There is a newer version than the one seen.
    """
    # The site's row is the lock: two people at once do not get one number.
    Site.objects.select_for_update().get(pk=site.pk)
    before = policy_of(site)
    if seen is not None and seen != before.version:
        raise ChangedMeanwhile(version=before.version, seen=seen)
    after = _changed(before, change, because=because)
    found = policy_obstacles(after)
    if found:
        raise MoveRefused(subject="The policy", action="be agreed on", obstacles=found)
    if after == before:
        return before
    after = replace(after, version=before.version + 1)
    PolicyRecord.objects.create(
        site=site, because=because.strip(), made_by=by.user, made_at=now, **policy_document(after)
    )
    if after.stale_after != before.stale_after:
        from truelift.apps.research.nightly import plan_ageing

        plan_ageing(site, now=now)
    old, new = policy_document(before), policy_document(after)
    different = [name for name in new if old[name] != new[name]]
    audit(
        action="policy.changed",
        target=f"policy:{after.version}",
        before={name: old[name] for name in different},
        after={
            **{name: new[name] for name in different},
            **({"because": because.strip()} if because.strip() else {}),
        },
        now=now,
        site=site.name,
        **by.audited,
    )
    return after


def _changed(before: Policy, change: PolicyChange, *, because: str) -> Policy:
    wrong: dict[str, str] = {}
    for name, kind in _WORDS.items():
        word = getattr(change, name)
        if word is not None and word not in set(kind):
            wrong[name] = f"It is one of {', '.join(kind)}."
    hidden = change.early_hidden_from
    if hidden is not None and not set(hidden) <= set(Function):
        wrong["early_hidden_from"] = f"Functions are {', '.join(Function)}."
    gates = change.gates
    if gates is not None and not set(gates) <= set(Gate):
        wrong["gates"] = f"Gates are {', '.join(Gate)}."
    variant = before.scoring.variant if change.variant is None else change.variant.strip()
    if len(variant) > 40 or not is_storable(variant):
        wrong["variant"] = "It is at most 40 letters long."
    if len(because) > 500 or not is_storable(because):
        wrong["because"] = "It is at most 500 letters long."
    if wrong:
        raise BadPolicy(wrong)
    scoring = replace(
        before.scoring,
        framework=before.scoring.framework
        if change.framework is None
        else Framework(change.framework),
        variant=variant,
        weights=before.scoring.weights
        if change.weights is None
        else tuple(sorted((key, float(weight)) for key, weight in change.weights.items())),
    )
    if change.framework not in {None, before.scoring.framework.value}:
        # Another framework has other questions; what was agreed for the old ones means nothing.
        scoring = replace(
            scoring,
            variant="" if change.variant is None else variant,
            weights=() if change.weights is None else scoring.weights,
        )
    given = {
        name: getattr(change, name)
        for name in (
            "stale_after_days",
            "triage_days",
            "decision_days",
            "max_weeks",
            "shallow_share",
        )
        if getattr(change, name) is not None
    }
    return replace(
        before,
        research=before.research if change.research is None else Research(change.research),
        lead=before.lead if change.lead is None else Lead(change.lead),
        organisation=before.organisation
        if change.organisation is None
        else Organisation(change.organisation),
        harm=before.harm if change.harm is None else HarmResponse(change.harm),
        early_hidden_from=before.early_hidden_from
        if hidden is None
        else frozenset(Function(each) for each in hidden),
        gates=before.gates if gates is None else frozenset(Gate(each) for each in gates),
        scoring=scoring,
        **given,
    )
