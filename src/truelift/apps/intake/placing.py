"""Says of a signal or an idea on which page or place it is, while it is open."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.intake.models import IdeaRecord, SignalRecord
from truelift.apps.intake.services import idea_for_update, is_open, signal_for_update
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.idea import IdeaStage
from truelift.lifecycle.signal import SignalStage


class NotOpen(Refusal):
    """What is settled stays as it was when it was settled."""

    code = "intake.not_open"

    def __init__(self, *, key: str, stage: str) -> None:
        super().__init__(
            f"{key} is {stage}: it stays as it was settled. Open it again first, or say it of"
            " what it became.",
            key=key,
            stage=stage,
        )


@transaction.atomic
def place_signal(site: Site, key: str, *, surface: str, by: Actor, now: datetime) -> SignalRecord:
    """Say where a signal that is neither linked nor dismissed is.

    Raises:
        NoSuchSignal: The site has none with this key.
        NotOpen: It is linked or dismissed.
        BadFields: No place was given, or it is too long.
    """
    record = signal_for_update(site, key)
    _place(
        record,
        surface,
        settled=record.stage in {SignalStage.LINKED, SignalStage.DISMISSED},
        kind="signal",
        by=by,
        now=now,
    )
    return record


@transaction.atomic
def place_idea(site: Site, key: str, *, surface: str, by: Actor, now: datetime) -> IdeaRecord:
    """Say where an idea that is open or parked is.

    Raises:
        NoSuchIdea: The site has none with this key.
        NotOpen: It is promoted or rejected.
        BadFields: No place was given, or it is too long.
    """
    record = idea_for_update(site, key)
    settled = not is_open(record.stage) and record.stage != IdeaStage.PARKED
    _place(record, surface, settled=settled, kind="idea", by=by, now=now)
    return record


def _place(
    record: SignalRecord | IdeaRecord,
    surface: str,
    *,
    settled: bool,
    kind: str,
    by: Actor,
    now: datetime,
) -> None:
    if settled:
        raise NotOpen(key=record.key, stage=record.stage)
    given = storable(surface).strip()
    if not given or len(given) > 120:
        raise BadFields({"surface": "Say where it is, in at most 120 letters."})
    before, record.surface = record.surface, given
    record.save(update_fields=["surface"])
    audit(
        action=f"{kind}.placed",
        target=f"{kind}:{record.key}",
        before={"surface": before},
        after={"surface": given},
        now=now,
        site=record.site.name,
        **by.audited,
    )
