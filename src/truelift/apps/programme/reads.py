"""What may be asked about a programme: its policy now and at any version before."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from truelift.apps.programme.models import PolicyRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Function
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.policy import USUAL_POLICY, Policy


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a policy, and how it differs from the one before.

    Attributes:
        policy: What was agreed on.
        made_by: Who changed it, in words.
        made_at: When.
        because: Why.
        changed: Setting, what it was, what it became, in words.
    """

    policy: Policy
    made_by: str
    made_at: datetime
    because: str
    changed: tuple[tuple[str, str, str], ...]


def policy_of(site: Site) -> Policy:
    """Give what the site's programme has agreed on; the usual policy while it has on nothing."""
    found = PolicyRecord.objects.filter(site=site).order_by("-version").first()
    return found.as_domain() if found else USUAL_POLICY


def policy_at(site: Site, version: int) -> Policy | None:
    """Give an earlier version; 0 is the usual policy. None: there never was one."""
    if version == 0:
        return USUAL_POLICY
    found = PolicyRecord.objects.filter(site=site, version=version).first()
    return found.as_domain() if found else None


def versions_of(site: Site) -> tuple[Version, ...]:
    """List every version, the newest first, each with what it changed."""
    before = USUAL_POLICY
    found = []
    for row in PolicyRecord.objects.filter(site=site).select_related("made_by").order_by("version"):
        policy = row.as_domain()
        found.append(
            Version(
                policy=policy,
                made_by=str(row.made_by) if row.made_by else "The operator",
                made_at=row.made_at,
                because=row.because,
                changed=differences(before, policy),
            )
        )
        before = policy
    return tuple(reversed(found))


SETTINGS: dict[str, str] = {
    "research": "What comes first",
    "lead": "What it begins with",
    "organisation": "Who keeps the gate",
    "stale_after_days": "Days until an insight is stale",
    "triage_days": "Days for triage",
    "decision_days": "Working days for a decision",
    "early_hidden_from": "Early results are hidden from",
    "harm": "When a guardrail shows harm",
    "max_weeks": "Longest plan in weeks",
    "shallow_share": "Share of shallow tests that warns",
    "gates": "Gates before a step",
    "framework": "Scoring framework",
    "variant": "Variant of the framework",
    "weights": "Weights",
}
"""Every setting and what it is called, in the order of the page."""


def policy_document(policy: Policy) -> dict[str, Any]:
    """Write a policy as the API and the command give it."""
    return {
        "version": policy.version,
        **{
            field.name: getattr(policy, field.name)
            for field in fields(policy)
            if field.name not in {"version", "early_hidden_from", "gates", "scoring"}
        },
        "early_hidden_from": [each.value for each in Function if each in policy.early_hidden_from],
        "gates": [each.value for each in Gate if each in policy.gates],
        "framework": policy.scoring.framework.value,
        "variant": policy.scoring.variant,
        "weights": dict(policy.scoring.weights),
    }


_CALLED = {
    **{each.value: each.called for each in Function},
    **{each.value: each.called for each in Gate},
}


def differences(before: Policy, after: Policy) -> tuple[tuple[str, str, str], ...]:
    """Say which settings differ between two policies, in words."""
    old, new = policy_document(before), policy_document(after)
    return tuple(
        (called, in_words(old[name]), in_words(new[name]))
        for name, called in SETTINGS.items()
        if old[name] != new[name]
    )


def in_words(value: object) -> str:
    """Say one setting for a person."""
    match value:
        case Function():
            return value.called
        case str():
            return value.replace("_", " ") or "the usual one"
        case list():
            words = [_CALLED.get(each, each) for each in value if isinstance(each, str)]
            return ", ".join(words) or "none"
        case dict():
            return ", ".join(f"{key}={weight:g}" for key, weight in value.items()) or "the usual"
        case float():
            return f"{value:g}"
        case _:
            return str(value)
