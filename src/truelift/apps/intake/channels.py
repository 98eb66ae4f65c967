"""Ways in without an account: open forms behind secret addresses, and signed webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.tokens import digest, new_token
from truelift.apps.intake.models import Channel, IdeaRecord, SignalRecord, Way
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, checked
from truelift.apps.sites.models import Site
from truelift.errors import Refusal


PER_WINDOW: Final = 60
"""Things that one open form takes in a window; more is no team but a machine."""

PER_ADDRESS: Final = 10
"""Of these, from one address."""

WINDOW: Final = timedelta(minutes=10)

FRESH: Final = timedelta(minutes=5)
"""How far a webhook's own time may be from ours."""


class LinkClosed(Refusal):
    """The form's address is not known, or the form was closed."""

    code: ClassVar[str] = "intake.no_such_form"

    def __init__(self) -> None:
        super().__init__(
            "This form is closed, or the address is not complete. Ask whoever gave it to you."
        )


class TooMany(Refusal):
    """More came in than people write."""

    code: ClassVar[str] = "intake.too_many"

    def __init__(self) -> None:
        super().__init__(
            "This form has taken in a lot just now. Nothing was kept of this one: send it again"
            " in ten minutes."
        )


class BadSignature(Refusal):
    """A webhook request is not signed by the one who knows the secret, or not now."""

    code: ClassVar[str] = "intake.bad_signature"

    def __init__(self, *, why: str) -> None:
        super().__init__(
            f"The request is not taken: {why} Sign “id.timestamp.body” with the secret.", why=why
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """A way in that was just made.

    Attributes:
        channel: Its row.
        secret: The form's token or the webhook's secret; shown now.
    """

    channel: Channel
    secret: str


@transaction.atomic
def open_channel(site: Site, kind: Way, *, name: str, by: Actor, now: datetime) -> Opened:
    """Open a form or a webhook.

    Raises:
        BadFields: It has no name, or one that does not fit.
    """
    if not name.strip():
        raise BadFields({"name": "Say who will use it."})
    token = new_token()
    channel = Channel(
        site=site,
        kind=kind.value,
        name=name.strip(),
        token_sha256=digest(token) if kind is Way.LINK else "",
        public_id=new_token(),
        nonce=new_token(),
        made_by=by.user,
        made_at=now,
    )
    checked(channel, skip=("site", "made_by", "made_at"))
    channel.save()
    audit(
        action="intake.channel_opened",
        target=f"channel:{channel.pk}",
        after={"kind": channel.kind, "name": channel.name},
        now=now,
        site=site.name,
        **by.audited,
    )
    return Opened(channel, token if kind is Way.LINK else secret_of(channel))


@transaction.atomic
def close_channel(site: Site, pk: int, *, by: Actor, now: datetime) -> Channel | None:
    """Close a form or a webhook for good; None when the site has none such that is open."""
    found = Channel.objects.select_for_update().filter(site=site, pk=pk, closed_at=None).first()
    if found is None:
        return None
    found.closed_at = now
    found.save(update_fields=["closed_at"])
    audit(
        action="intake.channel_closed",
        target=f"channel:{found.pk}",
        after={"name": found.name},
        now=now,
        site=site.name,
        **by.audited,
    )
    return found


def form_of(token: str) -> Channel:
    """Give the open form behind a secret address.

    Raises:
        LinkClosed: There is none, or it was closed.
    """
    found = (
        Channel.objects.select_related("site")
        .filter(kind=Way.LINK.value, token_sha256=digest(token), closed_at=None)
        .first()
    )
    if found is None:
        raise LinkClosed
    return found


def hook_of(public_id: str) -> Channel | None:
    """Give the open webhook with this address; None when there is none."""
    return (
        Channel.objects.select_related("site")
        .filter(kind=Way.WEBHOOK.value, public_id=public_id, closed_at=None)
        .first()
    )


def take_turn(channel: Channel, *, address: str, now: datetime) -> None:
    """Count one thing that somebody sends through a form.

    Rows are counted, so that all processes count together; the share of one address is kept
    in memory only, so that no address is stored.

    Raises:
        TooMany: The form, or the address, has sent enough for now.
    """
    since = now - WINDOW
    counted = (
        SignalRecord.objects.filter(channel=channel, made_at__gt=since).count()
        + IdeaRecord.objects.filter(channel=channel, made_at__gt=since).count()
    )
    key = f"intake:{channel.pk}:{digest(address)}"
    cache.add(key, 0, timeout=int(WINDOW.total_seconds()))
    try:
        mine = cache.incr(key)
    except ValueError:  # it was dropped between the two
        mine = 1
    if counted >= PER_WINDOW or mine > PER_ADDRESS:
        raise TooMany


def secret_of(channel: Channel) -> str:
    """Give a webhook's secret, derived from the server's key, so that no row holds it."""
    return f"whsec_{base64.b64encode(_key(channel)).decode()}"


def _key(channel: Channel) -> bytes:
    said = f"truelift.intake.webhook:{channel.public_id}:{channel.nonce}"
    return hmac.new(settings.SECRET_KEY.encode(), said.encode(), hashlib.sha256).digest()


def signed(channel: Channel, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Give the signature of a request, in the form of Standard Webhooks."""
    content = f"{message_id}.{timestamp}.".encode() + body
    mac = hmac.new(_key(channel), content, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}"


def check_signature(
    channel: Channel, *, headers: Mapping[str, str], body: bytes, now: datetime
) -> str:
    """Believe a request only if its sender knows the secret and signed it just now.

    Args:
        channel: The webhook.
        headers: `webhook-id`, `webhook-timestamp` and `webhook-signature`.
        body: The raw bytes, before anything reads them.
        now: The moment.

    Returns:
        The message's id.

    Raises:
        BadSignature: It is not signed, wrongly signed, or old.
    """
    message_id = headers.get("webhook-id", "")
    stamp = headers.get("webhook-timestamp", "")
    if not message_id or not message_id.isascii() or len(message_id) > 120:
        raise BadSignature(why="webhook-id is missing or longer than 120 letters.")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        raise BadSignature(why="webhook-timestamp is not in seconds.")
    wanted = signed(channel, message_id=message_id, timestamp=int(stamp), body=body).encode()
    given = [each.encode() for each in headers.get("webhook-signature", "").split(" ")[:8]]
    # All are compared, each in constant time: how long it takes tells nothing.
    if not sum([hmac.compare_digest(wanted, each) for each in given]):
        raise BadSignature(why="webhook-signature does not fit.")
    if abs(now.timestamp() - int(stamp)) > FRESH.total_seconds():
        raise BadSignature(why="webhook-timestamp is more than five minutes away.")
    return message_id
