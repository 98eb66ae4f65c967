"""What may be done about shared pages and PDFs: share, revoke, open, ask for one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.tokens import digest, new_token
from truelift.apps.experiments.job_kinds import queue
from truelift.apps.links.models import PrintRecord, ShareKind, ShareRecord
from truelift.apps.links.services import PRINT
from truelift.apps.links.shown import newest, shown
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.errors import Refusal


DAYS: Final = (1, 7, 30, 90)
"""For how long a page can be shared."""

KEPT: Final = timedelta(days=7)
"""For how long a PDF is kept; it can be made again."""


class BadShare(Refusal):
    """Something that cannot be shared, or not for so long."""

    code = "links.bad_share"


class NoSuchShare(Refusal):
    """The address leads nowhere: it never did, is over, or was revoked. It does not say which."""

    code = "links.no_such_share"

    def __init__(self) -> None:
        super().__init__(
            "This page is not shared, or not any more. Ask whoever gave you the address."
        )


@dataclass(frozen=True, slots=True)
class Shared:
    """A page that was just shared.

    Attributes:
        record: Its row.
        address: With the token, which is said now and never again.
    """

    record: ShareRecord
    address: str


def kind_of(word: str) -> ShareKind:
    """Read what is to be shown.

    Raises:
        BadShare: There is no such thing.
    """
    if word not in ShareKind.values:
        raise BadShare(f"It is one of {', '.join(ShareKind.values)}.")
    return ShareKind(word)


@transaction.atomic
def share(site: Site, kind: str, key: str, *, days: int, by: Actor, now: datetime) -> Shared:
    """Show one thing to whoever has the address, for some days; a result as it is now.

    Raises:
        BadShare: It cannot be shared, or not for so long.
        NothingToShow: There is no such thing.
    """
    what = kind_of(kind)
    if days not in DAYS:
        raise BadShare(f"A page is shared for {', '.join(map(str, DAYS))} days.")
    number = newest(site, what, key)
    title = shown(site, what, key, number, now=now).title
    token = new_token()
    made = ShareRecord.objects.create(
        site=site,
        kind=what.value,
        key=key,
        number=number,
        title=title[:300],
        token_sha256=digest(token),
        made_by=by.user,
        made_at=now,
        expires_at=now + timedelta(days=days),
    )
    _audit(made, "share.opened", by=by, now=now)
    return Shared(made, f"{settings.TRUELIFT.public_url}/share/{token}/")


@transaction.atomic
def revoke(site: Site, pk: int, *, by: Actor, now: datetime) -> ShareRecord:
    """Show a page to nobody any more.

    Raises:
        NoSuchShare: The site shares none such.
    """
    found = (
        ShareRecord.objects.select_for_update(of=("self",))
        .filter(site=site, pk=pk, revoked_at=None)
        .first()
    )
    if found is None:
        raise NoSuchShare
    found.revoked_at = now
    found.save(update_fields=["revoked_at"])
    _audit(found, "share.revoked", by=by, now=now)
    return found


def behind(token: str, *, now: datetime) -> ShareRecord:
    """Give what an address shows, and count that it was opened.

    Raises:
        NoSuchShare: It shows nothing, or not any more.
    """
    found = (
        ShareRecord.objects.filter(token_sha256=digest(token), revoked_at=None, expires_at__gt=now)
        .select_related("site")
        .first()
    )
    if found is None:
        raise NoSuchShare
    ShareRecord.objects.filter(pk=found.pk).update(seen=F("seen") + 1, seen_at=now)
    return found


@transaction.atomic
def ask_for_print(site: Site, kind: str, key: str, *, by: Actor, now: datetime) -> PrintRecord:
    """Have a PDF made; asking again while one is made gives that one.

    Raises:
        BadShare: There is no PDF of such a thing.
        NothingToShow: There is no such thing.
    """
    what = kind_of(kind)
    number = newest(site, what, key)
    shown(site, what, key, number, now=now)
    PrintRecord.objects.filter(site=site, asked_at__lt=now - KEPT).delete()
    record, _ = PrintRecord.objects.get_or_create(
        site=site,
        kind=what.value,
        key=key,
        number=number,
        finished_at=None,
        defaults={"asked_by": by.user, "asked_at": now},
    )
    queue(PRINT, f"print:{record.pk}", by=by.user, now=now)
    return record


def _audit(record: ShareRecord, action: str, *, by: Actor, now: datetime) -> None:
    target = {ShareKind.PRINCIPLE: "principle", ShareKind.PROGRAMME: "scorecard"}.get(
        ShareKind(record.kind), "experiment"
    )
    audit(
        action=action,
        target=f"{target}:{record.key}",
        after={
            "what": record.kind,
            "number": record.number,
            "until": record.expires_at.isoformat(),
        },
        now=now,
        site=record.site.name,
        **by.audited,
    )
