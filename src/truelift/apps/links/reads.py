"""What may be asked about tools, tickets and shared pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from truelift.apps.links.models import ShareKind, ShareRecord, TicketRecord, ToolKind, ToolRecord
from truelift.apps.links.services import tickets_at
from truelift.apps.links.ticket import TicketState
from truelift.apps.sites.models import Site


STATES: Final = {
    TicketState.UNKNOWN: ("missing", "Not known yet"),
    TicketState.OPEN: ("waiting", "Open"),
    TicketState.STARTED: ("watch", "Under way"),
    TicketState.DONE: ("passed", "Done"),
    TicketState.DROPPED: ("invalid", "Not done"),
}
"""A state as a person reads it: its shape, and what it is called."""


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A ticket as an item's page shows it."""

    record: TicketRecord
    tool: str
    glyph: str
    state: str


def ticket_rows(site: Site, kind: str, key: str) -> tuple[TicketRow, ...]:
    """List the tickets of an item, the oldest first."""
    found = []
    for record in tickets_at(site, kind, key):
        glyph, words = STATES[TicketState(record.state)]
        tool = ToolKind(record.tool.kind).label
        found.append(TicketRow(record, tool, glyph, record.said or words))
    return tuple(found)


def tools_of(site: Site) -> tuple[ToolRecord, ...]:
    """List the tools that a site speaks with, the newest first."""
    return tuple(
        ToolRecord.objects.filter(site=site, ended_at=None)
        .select_related("made_by")
        .order_by("-pk")
    )


def shares_of(site: Site, *, now: datetime) -> tuple[ShareRecord, ...]:
    """List the pages of a site that are shared now, the newest first."""
    return tuple(
        ShareRecord.objects.filter(site=site, revoked_at=None, expires_at__gt=now)
        .select_related("made_by")
        .order_by("-pk")
    )


def ticket_document(record: TicketRecord) -> dict[str, object]:
    """Write a ticket for programs."""
    return {
        "id": record.pk,
        "tool": record.tool.kind,
        "kind": record.kind,
        "key": record.key,
        "ticket": record.outside,
        "url": record.url,
        "title": record.title or None,
        "state": record.state,
        "said": record.said or None,
        "changed_at": record.changed_at,
        "problem": record.problem or None,
    }


def tool_document(record: ToolRecord) -> dict[str, object]:
    """Write a tool for programs, without its secrets."""
    return {
        "id": record.pk,
        "kind": record.kind,
        "name": record.name,
        "api": record.api,
        "asks": bool(record.token),
        "made_at": record.made_at,
        "heard_at": record.heard_at,
    }


def share_document(record: ShareRecord) -> dict[str, object]:
    """Write a shared page for programs; its address was said once."""
    return {
        "id": record.pk,
        "what": record.kind,
        "key": record.key,
        "snapshot": record.number if record.kind == ShareKind.RESULT else None,
        "title": record.title,
        "made_at": record.made_at,
        "expires_at": record.expires_at,
        "seen": record.seen,
        "seen_at": record.seen_at,
    }
