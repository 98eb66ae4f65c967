"""Who accepts a hypothesis, and who else could."""

from __future__ import annotations

from truelift.apps.accounts.models import Membership
from truelift.apps.accounts.roles import Role
from truelift.apps.research.actor import Actor
from truelift.apps.research.models import HypothesisRecord
from truelift.lifecycle.hypothesis import Acceptance


def acceptance_of(
    hypothesis: HypothesisRecord, by: Actor, *, reason: str | None = None
) -> Acceptance:
    """Tell the rules whether it is the author who accepts, and who else could.

    Args:
        hypothesis: What is to be accepted.
        by: Who wants to.
        reason: Why the author accepts it; None when that will be asked.
    """
    if by.user is None or by.user.pk != hypothesis.made_by_id:
        return Acceptance(reason=reason)
    others = (
        Membership.objects.filter(site_id=hypothesis.site_id, user__is_active=True)
        .exclude(user=by.user)
        .select_related("user")
    )
    able = [row for row in others if Role(row.role).covers(Role.ANALYST)]
    # Who has more say is asked first.
    able.sort(key=lambda row: (-Role(row.role).rank, str(row.user).lower()))
    return Acceptance(by_author=True, others=tuple(str(row.user) for row in able), reason=reason)
