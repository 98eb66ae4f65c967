"""What may be asked about threads: an item's thread, and what calls a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Final

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.rollouts.models import RolloutCheckRecord
from truelift.apps.sites.models import Site
from truelift.apps.threads.changes import Speech, ended
from truelift.apps.threads.items import Kind
from truelift.apps.threads.models import CommentRecord, MentionRecord
from truelift.apps.threads.telling import (
    speech_of,
    what_changed,
    what_was_done,
    who_did,
    why_it_was_done,
)


MOST: Final = 300
"""Entries that a page shows, the newest ones; the audit holds all of them."""

CHECKS: Final = 20
"""Looks of a browser that a page shows, the newest ones."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a thread.

    Attributes:
        at: When.
        who: Who, in words.
        did: What happened, in the past tense, after the name; empty for a comment.
        why: The reason that they gave; may be empty.
        changes: Sentences of what is not any more what it was.
        picture: Digest of what a browser saw; empty without one.
        text: What was said.
        comment: Number of the comment; None for what happened.
        withdrawn: Whether its author took it back.
        own: Whether the person who looks said it.
    """

    at: datetime
    who: str
    did: str = ""
    why: str = ""
    changes: tuple[str, ...] = ()
    picture: str = ""
    text: str = ""
    comment: int | None = None
    withdrawn: bool = False
    own: bool = False

    @property
    def happened(self) -> str:
        """What happened as a sentence."""
        return ended(f"{self.who} {self.did}")


@dataclass(frozen=True, slots=True)
class Mention:
    """Somebody calls a person.

    Attributes:
        kind: Of the item.
        key: Of the item.
        who: Who calls.
        text: What they said.
        at: When.
    """

    kind: str
    key: str
    who: str
    text: str
    at: datetime


def thread_of(site: Site, kind: str, key: str, *, user: User | None = None) -> tuple[Entry, ...]:
    """Put together what happened to an item and what was said about it, the oldest first."""
    events = AuditEvent.objects.filter(site=site.name, target=f"{kind}:{key}").exclude(
        action__startswith="comment."
    )
    newest = list(reversed(events.order_by("-id")[:MOST]))
    speech = speech_of(site, newest)
    happened = [_happened(event, speech) for event in newest]
    if kind == Kind.ROLLOUT:
        happened += _looked(site, key)
    comments = CommentRecord.objects.filter(site=site, kind=kind, key=key).select_related("by")
    said = [_said(comment, user) for comment in reversed(comments.order_by("-pk")[:MOST])]
    # What happened at one moment stays in the order in which it was written down.
    together = sorted((*happened, *said), key=lambda entry: entry.at)
    return tuple(_once(together))[-MOST:]


def _once(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Say once, and how often, what one person did several times in a row."""
    for _, row in groupby(entries, key=_sameness):
        same = list(row)
        last = same[-1]
        many = len(same) > 1
        yield replace(last, did=f"{last.did}, {len(same)} times") if many else last


def _sameness(entry: Entry) -> tuple[object, ...]:
    if entry.comment is not None or entry.changes or entry.why or entry.picture:
        return (id(entry),)
    return (entry.who, entry.did)


def mentions_of(user: User, site: Site) -> tuple[Mention, ...]:
    """List what calls a person on a site and was not seen yet, the oldest first."""
    rows = MentionRecord.objects.filter(user=user, read_at=None, comment__site=site).select_related(
        "comment__by"
    )
    return tuple(
        Mention(
            kind=row.comment.kind,
            key=row.comment.key,
            who=str(row.comment.by) if row.comment.by else "The operator",
            text=row.comment.text,
            at=row.comment.said_at,
        )
        for row in rows.order_by("comment__pk")
    )


def _said(comment: CommentRecord, user: User | None) -> Entry:
    return Entry(
        at=comment.said_at,
        who=str(comment.by) if comment.by else "The operator",
        text=comment.text,
        comment=comment.pk,
        withdrawn=comment.withdrawn_at is not None,
        own=user is not None and comment.by_id == user.pk,
    )


def _happened(event: AuditEvent, speech: Speech) -> Entry:
    return Entry(
        at=event.occurred_at,
        who=who_did(event, speech),
        did=what_was_done(event, speech),
        why=why_it_was_done(event),
        changes=what_changed(event, speech),
    )


def _looked(site: Site, key: str) -> Iterator[Entry]:
    """Say what browsers found on the page of a winner; the audit knows that they were asked."""
    checks = RolloutCheckRecord.objects.filter(
        rollout__site=site, rollout__number=key.removeprefix("R-"), finished_at__isnull=False
    )
    for check in checks[:CHECKS]:
        yield Entry(
            at=check.finished_at or check.asked_at,
            who="A browser",
            did="found what must be on the page" if check.passed else "did not find it live",
            why=check.problem,
            picture=check.picture,
        )
