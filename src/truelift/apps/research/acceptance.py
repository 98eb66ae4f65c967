"""Who accepts a hypothesis, and who else could."""

from __future__ import annotations

from truelift.apps.accounts.reads import people_with
from truelift.apps.research.actor import Actor
from truelift.apps.research.models import HypothesisRecord
from truelift.lifecycle.functions import Item, able_functions
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
    able = people_with(hypothesis.site, able_functions(Item.HYPOTHESIS, "accepted"))
    return Acceptance(
        by_author=True,
        others=tuple(str(each) for each in able if each.pk != by.user.pk),
        reason=reason,
    )
