"""The policy of a programme over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.programme import services
from truelift.apps.programme.reads import policy_document, policy_of, versions_of
from truelift.apps.programme.services import PolicyChange
from truelift.apps.research.actor import Actor
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.functions import Function
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.policy import Framework, HarmResponse, Lead, Organisation, Research


router = Router(tags=["programme"])

Document = dict[str, Any]

_DAYS = Field(default=None, ge=1, le=10_000)


class PolicyIn(Schema):
    """What is to be different in the next version; what is left out stays as it is.

    Attributes:
        version: The version that was read; the change is refused when there is a newer one.
    """

    version: int | None = Field(default=None, ge=0, le=2**31 - 1)
    because: str = Field(default="", max_length=500)
    research: Research | None = None
    lead: Lead | None = None
    organisation: Organisation | None = None
    stale_after_days: int | None = _DAYS
    triage_days: int | None = _DAYS
    decision_days: int | None = _DAYS
    early_hidden_from: list[Function] | None = None
    harm: HarmResponse | None = None
    max_weeks: int | None = _DAYS
    shallow_share: float | None = Field(default=None, gt=0, le=1, allow_inf_nan=False)
    framework: Framework | None = None
    variant: str | None = Field(default=None, max_length=40)
    weights: dict[str, float] | None = None
    gates: list[Gate] | None = None


@router.get("/policy")
def show_policy(request: HttpRequest, site: str) -> Document:
    """Show what the programme has agreed on, and every version before."""
    place = site_for(request.user, site)
    return {
        **policy_document(policy_of(place)),
        "versions": [
            {
                "version": each.policy.version,
                "made_by": each.made_by,
                "made_at": each.made_at,
                "because": each.because,
                "changed": [
                    {"setting": setting, "before": old, "after": new}
                    for setting, old, new in each.changed
                ],
            }
            for each in versions_of(place)
        ],
    }


@router.patch("/policy")
def change_policy(request: HttpRequest, site: str, given: PolicyIn) -> Document:
    """Agree on the next version."""
    place = site_for(request.user, site, needs=Role.OWNER)
    user = request.user
    after = services.change_policy(
        place,
        PolicyChange(**given.dict(exclude={"version", "because"})),
        by=Actor(user if isinstance(user, User) else None),
        now=datetime.now(UTC),
        because=given.because,
        seen=given.version,
    )
    return policy_document(after)
