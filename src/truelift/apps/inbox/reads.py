"""What may be asked about an inbox: its lines as a document, its count, how to hear of things."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from truelift.apps.accounts.models import User
from truelift.apps.inbox.models import CountRecord, DeliveryRecord, HookRecord
from truelift.apps.inbox.waiting import Line
from truelift.apps.sites.models import Site


OLD: Final = timedelta(minutes=2)
"""A count that is older is made anew the next time that the person looks at a page."""

MOST_DELIVERIES: Final = 50


def inbox_count(user: User, site: Site, *, now: datetime) -> int:
    """Give the number beside the inbox in the rail; 0 until the inbox was looked at once.

    The hourly round looks for everybody.
    """
    found = CountRecord.objects.filter(site=site, user=user).first()
    if found is None:
        return 0
    if now - found.counted_at < OLD:
        return found.count
    from truelift.apps.inbox.waiting import lines_of

    return keep_count(user, site, count=len(lines_of(user, site, now=now)), now=now)


def keep_count(user: User, site: Site, *, count: int, now: datetime) -> int:
    """Keep the number beside the inbox."""
    CountRecord.objects.update_or_create(
        site=site, user=user, defaults={"count": count, "counted_at": now}
    )
    return count


def hooks_of(site: Site) -> tuple[HookRecord, ...]:
    """List the webhooks of a site that are not ended, the newest first."""
    return tuple(
        HookRecord.objects.filter(site=site, ended_at=None)
        .select_related("made_by")
        .order_by("-pk")
    )


def deliveries_of(site: Site) -> tuple[DeliveryRecord, ...]:
    """List what was sent to webhooks of a site, the newest first."""
    rows = DeliveryRecord.objects.filter(hook__site=site).select_related("hook", "notice")
    return tuple(rows.order_by("-pk")[:MOST_DELIVERIES])


def line_document(line: Line) -> dict[str, object]:
    """Write a line of the inbox for programs."""
    return {
        "cause": line.cause,
        "topic": line.topic.value,
        "severity": line.severity.value,
        "sentence": line.sentence,
        "remedy": line.remedy,
        "path": line.href or None,
        "url": f"{settings.TRUELIFT.public_url}{line.href}" if line.href else None,
        "due": line.due,
        "since": line.since,
        "can_be_put_aside": line.notice,
    }


def delivery_document(record: DeliveryRecord) -> dict[str, object]:
    """Write a delivery for programs, without the address that it goes to."""
    return {
        "id": record.message_id,
        "webhook": record.hook_id,
        "name": record.hook.name,
        "host": record.hook.host,
        "cause": record.notice.cause if record.notice else None,
        "made_at": record.made_at,
        "attempts": record.attempts,
        "status": record.status,
        "problem": record.problem or None,
        "next_at": record.next_at,
        "arrived_at": record.arrived_at,
    }
