"""Gives the draft of an experiment to another decision-owner, or another place."""

from __future__ import annotations

from datetime import datetime

from django.db import models, transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import User
from truelift.apps.experiments.services import PlanIsFrozen, experiment_for_update
from truelift.apps.experiments.spec import BadSpec
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Stage


@transaction.atomic
def hand_over(
    site: Site, key: str, *, by: Actor, now: datetime, owner: str = "", surface: str = ""
) -> None:
    """Name another decision-owner or place; what is left empty stays as it is.

    Raises:
        NoSuchExperiment: The site has none with this key.
        BadSpec: Nobody of this address has a role on the site, or nothing was given.
        PlanIsFrozen: It is no draft.
    """
    record = experiment_for_update(site, key)
    if record.stage != Stage.BRIEFED:
        raise PlanIsFrozen(key=key, stage=record.stage)
    before = {
        "decision_owner": record.decision_owner.email if record.decision_owner else None,
        "surface": record.surface,
    }
    owner, surface = owner.strip().lower(), surface.strip()
    if not owner and not surface:
        raise BadSpec({"decision_owner": "Say who decides from now on, or where it is."})
    if owner:
        record.decision_owner = (
            User.objects.filter(email=owner, is_active=True)
            .filter(models.Q(memberships__site=site) | models.Q(is_operator=True))
            .first()
        )
        if record.decision_owner is None:
            raise BadSpec(
                {"decision_owner": f"Nobody with the address {owner} has a role on this site."}
            )
    if surface:
        record.surface = surface[:120]
    record.save(update_fields=["decision_owner", "surface"])
    audit(
        action="experiment.handed_over",
        target=f"experiment:{record.key}",
        before=before,
        after={
            "decision_owner": record.decision_owner.email if record.decision_owner else None,
            "surface": record.surface,
        },
        now=now,
        site=site.name,
        **by.audited,
    )
