"""What the worker does for this app: asks tools about tickets, tells them, makes PDFs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from truelift.apps.experiments.job_kinds import does
from truelift.apps.experiments.jobs import MOST_ATTEMPTS
from truelift.apps.experiments.models import Job
from truelift.apps.links import speaking
from truelift.apps.links.models import PrintRecord, TicketRecord
from truelift.apps.links.services import PRINT, REFRESH, learn
from truelift.apps.threads.items import Item, item_of
from truelift.errors import Outage, Refusal, TrueliftError
from truelift.lifecycle.stage_words import stage_within


EVERY: Final = timedelta(hours=1)
"""How often a ticket is asked about, whatever webhooks say, and told of its item."""


@does(REFRESH)
def _refresh(job: Job, now: datetime) -> datetime | None:
    ticket = (
        TicketRecord.objects.select_related("tool__site")
        .filter(pk=int(job.subject.rpartition(":")[2]), tool__ended_at=None)
        .first()
    )
    if ticket is None or not ticket.tool.token:
        return None
    try:
        learn(ticket.tool, speaking.ask(ticket), now=now)
        _tell(ticket, now=now)
    except Refusal as error:
        TicketRecord.objects.filter(pk=ticket.pk).update(problem=str(error)[:300])
    except Outage as error:
        TicketRecord.objects.filter(pk=ticket.pk).update(problem=str(error)[:300])
        if job.attempts < MOST_ATTEMPTS:
            raise
    return now + EVERY


def _tell(ticket: TicketRecord, *, now: datetime) -> None:
    """Say at the ticket where its item is, and where it stands when that has changed."""
    item = item_of(ticket.tool.site, ticket.kind, ticket.key)
    if item is None:
        return
    rows = TicketRecord.objects.filter(pk=ticket.pk)
    if ticket.linked_back_at is None:
        speaking.link_back(ticket, url=address_of(item), title=f"{item.key} {item.title}"[:250])
        rows.update(linked_back_at=now, told_stage=item.stage)
    elif item.stage and item.stage != ticket.told_stage:
        stage = stage_within(item.kind, item.stage)
        speaking.comment(ticket, f"{item.key} in Truelift is now {stage}: {address_of(item)}")
        rows.update(told_stage=item.stage)


def address_of(item: Item) -> str:
    """Give the whole address of an item's page."""
    return f"{settings.TRUELIFT.public_url}{item.href}"


@does(PRINT)
def _print(job: Job, now: datetime) -> None:
    record = (
        PrintRecord.objects.select_related("site")
        .filter(pk=int(job.subject.rpartition(":")[2]), finished_at=None)
        .first()
    )
    if record is None:
        return
    # Lays whole pages out; nothing of that is needed to start.
    from truelift.apps.links.printing import make_print

    try:
        make_print(record, now=now)
    except Exception as error:
        if not isinstance(error, Outage) or job.attempts >= MOST_ATTEMPTS:
            said = isinstance(error, TrueliftError)
            record.problem = str(error)[:500] if said else "Something broke; see the server's log."
            record.finished_at = now
            record.save()
        raise
