"""Writes down who changed what: one table, no gaps, each row sealed with the one before it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.db import connection, transaction

from truelift.apps.accounts.models import AuditEvent, Facts, User, exact


FIRST_CHAIN: Final = "0" * 64
_LOCK: Final = 0x7472_7565_6C69_6674  # "truelift": the advisory lock that orders the chain


@dataclass(frozen=True, slots=True)
class Broken:
    """Where the chain does not hold.

    Attributes:
        at: The first id that is wrong.
        why: What is wrong with it.
    """

    at: int
    why: str


@transaction.atomic
def record(
    actor: User | str,
    action: str,
    target: str,
    *,
    before: Facts | None = None,
    after: Facts | None = None,
    now: datetime,
    site: str = "",
    on_behalf_of: str = "",
) -> AuditEvent:
    """Write down one change, in the transaction of the change itself.

    Visitor data never goes in here, only digests of it.

    Args:
        actor: The person, or `operator` or `system`.
        action: Dotted, in the past tense: `member.role_changed`.
        target: `kind:key` of what was changed.
        before: The facts that changed, as they were.
        after: The same facts as they are now.
        now: When.
        site: The site it belongs to, empty for the installation.
        on_behalf_of: The user named by `--as`.
    """
    if connection.vendor == "postgresql":
        # Held until the outer transaction ends: the next writer then reads our row as the last.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    last = AuditEvent.objects.order_by("-id").values_list("id", "chain").first() or (0, FIRST_CHAIN)
    event = AuditEvent(
        id=last[0] + 1,
        occurred_at=now.astimezone(UTC),
        actor=actor if isinstance(actor, str) else actor.get_username(),
        on_behalf_of=on_behalf_of,
        site=site,
        action=action,
        target=target[:200],
        before=None if before is None else dict(before),
        after=None if after is None else dict(after),
    )
    event.chain = sealed(event, previous=last[1])
    event.save(force_insert=True)
    return event


def sealed(event: AuditEvent, *, previous: str) -> str:
    """Compute what the chain must say at this row, given what it said at the row before."""
    content = exact(
        [
            event.id,
            event.occurred_at.astimezone(UTC).isoformat(timespec="microseconds"),
            event.actor,
            event.on_behalf_of,
            event.site,
            event.action,
            event.target,
            event.before,
            event.after,
        ]
    )
    return hashlib.sha256(f"{previous}\n{content}".encode()).hexdigest()


def verify() -> Broken | None:
    """Walk the whole chain; nothing said means that no row was changed, lost or put in."""
    previous = FIRST_CHAIN
    expected = 1
    for event in AuditEvent.objects.order_by("id").iterator(chunk_size=2000):
        if event.id != expected:
            return Broken(at=expected, why=f"row {expected} is missing")
        if event.chain != sealed(event, previous=previous):
            return Broken(at=event.id, why="its content is not what was written")
        previous = event.chain
        expected += 1
    return None
