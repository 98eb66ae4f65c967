"""Moves the days of an experiment that visitors have not met yet; nothing else of its plan."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.services import PlanIsFrozen, experiment_for_update
from truelift.apps.experiments.spec import BadSpec
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import PREPARING, Origin, Stage


@transaction.atomic
def reschedule_experiment(
    site: Site,
    key: str,
    *,
    start: date | None,
    end: date | None,
    by: Actor,
    now: datetime,
    because: str = "",
) -> ExperimentRecord:
    """Give an experiment other days while it is being prepared.

    What people agreed to was the plan with its days: they are asked again where a gate
    asks for their word.

    Raises:
        NoSuchExperiment: The site has none with this key.
        PlanIsFrozen: It was launched.
        BadSpec: It would end before it starts, or have an end without a start.
    """
    record = experiment_for_update(site, key)
    if Stage(record.stage) not in PREPARING or record.origin == Origin.IMPORTED:
        raise PlanIsFrozen(key=key, stage=record.stage)
    if end is not None and (start is None or end <= start):
        raise BadSpec({"end": "It ends after it starts."})
    before = _days(record)
    record.starts_on, record.ends_on = start, end
    record.save(update_fields=["starts_on", "ends_on"])
    audit(
        action="experiment.rescheduled",
        target=f"experiment:{record.key}",
        before=before,
        after={**_days(record), "because": because[:500]},
        now=now,
        site=site.name,
        **by.audited,
    )
    return record


def _days(record: ExperimentRecord) -> dict[str, str | None]:
    return {
        "starts_on": record.starts_on.isoformat() if record.starts_on else None,
        "ends_on": record.ends_on.isoformat() if record.ends_on else None,
    }
