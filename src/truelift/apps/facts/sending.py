"""Lets a program send rows of a feed to an address of its own, signed over the raw bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.tokens import digest, new_token
from truelift.apps.changes.reading import Message, proved
from truelift.apps.changes.senders import FRESH
from truelift.apps.changes.told import BadSignature
from truelift.apps.facts.cells import BadTable
from truelift.apps.facts.columns import FeedSource
from truelift.apps.facts.models import ArrivalRecord, FeedRecord
from truelift.apps.facts.services import WrongDoor, feed_for_update, take_in
from truelift.apps.inbox.sealing import derived
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import storable
from truelift.apps.sites.models import Site
from truelift.lifecycle.change import ChangeKind, Trust


MOST_ROWS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Address:
    """An address that was just made; both are shown now and never again.

    Attributes:
        url: Where rows are sent.
        secret: What they are signed with.
    """

    url: str
    secret: str


@transaction.atomic
def make_address(site: Site, name: str, *, by: Actor, now: datetime) -> Address:
    """Make an address for a feed; one that it had before is heard no more.

    Raises:
        NoSuchFeed: The site has none such.
        WrongDoor: The feed is made of own events.
    """
    feed = feed_for_update(site, name)
    if feed.source == FeedSource.LAKE:
        raise WrongDoor
    address = new_token()
    feed.address_sha256, feed.nonce = digest(address), new_token()
    feed.source = FeedSource.WEBHOOK.value
    feed.save(update_fields=["address_sha256", "nonce", "source"])
    audit(
        action="feed.address_made",
        target=f"feed:{feed.name}",
        after={"feed": feed.name},
        now=now,
        site=site.name,
        **by.audited,
    )
    return Address(f"{settings.TRUELIFT.public_url}/facts/in/{address}/", secret_of(feed))


def feed_at(address: str) -> FeedRecord | None:
    """Give the feed with this address; None where there is none."""
    rows = FeedRecord.objects.select_related("site").filter(ended_at=None)
    return rows.filter(address_sha256=digest(address)).first()


def secret_of(feed: FeedRecord) -> str:
    """Give what a feed's messages are signed with, made of the server's key."""
    return derived(f"truelift.facts.feed:{feed.pk}:{feed.nonce}").hex()


def hear(
    feed: FeedRecord, headers: Mapping[str, str], body: bytes, *, now: datetime
) -> ArrivalRecord:
    """Take in a signed message of rows; the same again changes nothing, whatever came since.

    Raises:
        BadSignature: Nobody proved that the feed's program sent it, and just now.
        BadTable: It holds no rows.
    """
    message = Message(
        headers=headers,
        body=body,
        document=None,
        secret=secret_of(feed),
        usual=ChangeKind.UNKNOWN,
        fields={},
        now=now,
    )
    trust, message_id, sent_at = proved(message)
    if trust is not Trust.SIGNED:
        raise BadSignature(why="It is not signed.")
    if sent_at is None or abs(now - sent_at) > FRESH:
        raise BadSignature(why="It was not sent just now.")
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadTable(why="it is no JSON.") from error
    rows = document.get("rows") if isinstance(document, dict) else document
    if not isinstance(rows, list) or len(rows) > MOST_ROWS:
        raise BadTable(why=f"rows are a list of at most {MOST_ROWS:,} objects.")
    # Somebody who listened, or a sender that tries again, must not undo what came meanwhile.
    called = f"{storable(message_id)} {hashlib.sha256(body).hexdigest()[:16]}"
    with transaction.atomic():
        known = ArrivalRecord.objects.filter(
            feed=feed_for_update(feed.site, feed.name),
            door=FeedSource.WEBHOOK.value,
            file=called,
            at__gt=now - 2 * FRESH,
        ).first()
        return known or take_in(
            feed.site,
            feed.name,
            rows,
            by=Actor(None, machine=True),
            now=now,
            door=FeedSource.WEBHOOK,
            file=called,
        )
