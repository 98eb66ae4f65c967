"""Takes in CSV files: kept as they came, looked at first, and nothing of them lost."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.intake.csv_file import Good, Table, table_of
from truelift.apps.intake.fields import Arrival, IdeaFields
from truelift.apps.intake.models import ImportRecord, Way
from truelift.apps.intake.services import AlreadyHere, receive_idea, receive_signal
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, storable
from truelift.apps.sites.models import Site
from truelift.errors import Refusal


class TakenAlready(Refusal):
    """The file's rows were taken in before."""

    code = "intake.taken_already"

    def __init__(self, *, taken: int) -> None:
        super().__init__(
            f"This file was taken in already, {taken:,} rows of it. Bring it again for more.",
            taken=taken,
        )


def bring(site: Site, text: str, *, kind: str, name: str, by: Actor, now: datetime) -> ImportRecord:
    """Keep a file to be looked at; nothing of it is taken in yet.

    Raises:
        UnreadableFile: It is no table of this kind.
    """
    table_of(text, kind=kind)
    return ImportRecord.objects.create(
        site=site,
        kind=kind,
        name=storable(name)[:120],
        text=storable(text),
        made_by=by.user,
        made_at=now,
    )


def seen(brought: ImportRecord) -> Table:
    """Read a file again, as it would be taken in."""
    return table_of(brought.text, kind=brought.kind)


@transaction.atomic
def take(brought: ImportRecord, *, by: Actor, now: datetime) -> ImportRecord:
    """Take in every row that can be; the others are kept with their reasons.

    Raises:
        TakenAlready: It was taken in before.
    """
    locked = ImportRecord.objects.select_for_update().select_related("site").get(pk=brought.pk)
    if locked.taken is not None:
        raise TakenAlready(taken=locked.taken)
    table = seen(locked)
    refused = [
        {"line": row.line, "reasons": list(row.reasons), "cells": list(row.cells)}
        for row in table.refused
    ]
    taken = 0
    for row in table.good:
        try:
            with transaction.atomic():
                _receive(locked.site, row, by=by, now=now)
        except AlreadyHere as refusal:
            refused.append(_refused(row, [str(refusal)]))
        except BadFields as refusal:
            refused.append(_refused(row, [f"{k}: {v}" for k, v in refusal.wrong.items()]))
        else:
            taken += 1
    locked.refused = sorted(refused, key=_line)
    locked.taken, locked.taken_at = taken, now
    locked.save(update_fields=["refused", "taken", "taken_at"])
    audit(
        action="intake.csv_taken",
        target=f"import:{locked.pk}",
        after={"kind": locked.kind, "taken": taken, "refused": len(refused)},
        now=now,
        site=locked.site.name,
        **by.audited,
    )
    return locked


def _receive(site: Site, row: Good, *, by: Actor, now: datetime) -> None:
    arrival = Arrival(Way.CSV, by=by, outside_id=row.outside_id)
    if isinstance(row.written, IdeaFields):
        receive_idea(site, row.written, arrival, now=now)
    else:
        receive_signal(site, row.written, arrival, now=now)


def _refused(row: Good, reasons: list[str]) -> dict[str, object]:
    cells = [row.outside_id, *(str(getattr(row.written, each)) for each in row.written.__slots__)]
    return {"line": row.line, "reasons": reasons, "cells": cells}


def _line(row: dict[str, object]) -> int:
    return int(str(row["line"]))
