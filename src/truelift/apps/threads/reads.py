"""What may be asked about threads: an item's thread, and what calls a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from truelift.apps.accounts.models import AuditEvent, Facts, User
from truelift.apps.sites.models import Site
from truelift.apps.threads.models import CommentRecord, MentionRecord


MOST: Final = 300
"""Entries that a page shows, the newest ones; the audit holds all of them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a thread.

    Attributes:
        at: When.
        who: Who, in words.
        did: What happened, in the past tense, after the name; empty for a comment.
        changes: Fact, what it was, what it became.
        text: What was said.
        comment: Number of the comment; None for what happened.
        withdrawn: Whether its author took it back.
        own: Whether the person who looks said it.
    """

    at: datetime
    who: str
    did: str = ""
    changes: tuple[tuple[str, str, str], ...] = ()
    text: str = ""
    comment: int | None = None
    withdrawn: bool = False
    own: bool = False


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
    names = dict(User.objects.filter(memberships__site=site).values_list("email", "name"))
    happened = [_happened(event, names) for event in reversed(events.order_by("-id")[:MOST])]
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
    if entry.comment is not None or entry.changes:
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


def _happened(event: AuditEvent, names: dict[str, str]) -> Entry:
    who = event.on_behalf_of or event.actor
    verb = event.action.partition(".")[2]
    before, after = event.before or {}, event.after or {}
    return Entry(
        at=event.occurred_at,
        who=names.get(who) or {"operator": "The operator", "system": "Truelift"}.get(who, who),
        did=_did(event.action, verb, after),
        changes=tuple(
            (
                name.replace("_", " "),
                _stage_or(name, before.get(name)),
                _stage_or(name, after.get(name)),
            )
            for name in after
            if name in before and before[name] != after[name]
        ),
    )


def _did(action: str, verb: str, after: Facts) -> str:
    match action:
        case "link.added":
            return f"linked {after.get('ticket', 'a ticket')}"
        case "link.removed":
            return f"unlinked {after.get('ticket', 'a ticket')}"
        case "share.opened":
            return f"shared the {after.get('what', 'page')} by an address"
        case "share.revoked":
            return f"revoked a shared {after.get('what', 'page')}"
        case "rollout.opened":
            return "began to follow it until it is live"
        case "rollout.check_asked":
            return "asked for a page check"
        case "brief.approved":
            return f"agreed: {str(after.get('what', '')).replace('_', ' ')}"
        case _:
            return _VERBS.get(verb, verb.replace("_", " "))


_VERBS: Final = {
    "analyse": "took the analysis",
    "build": "started building",
    "check": "handed it over to QA",
    "close": "closed it",
    "decide": "decided",
    "design": "agreed the design",
    "invalidate": "marked it invalid",
    "launch": "launched it",
    "learn": "wrote the learning",
    "pause": "paused it",
    "resume": "resumed it",
    "return": "returned it to the brief",
    "schedule": "scheduled it",
    "stop": "stopped it",
    "submit": "submitted the plan",
    "planned": "planned it",
    "replanned": "planned it anew",
    "created": "wrote it down",
    "received": "passed it on",
    "edited": "edited it",
    "start": "started it",
    "go_live": "brought it live",
    "verify": "verified it",
    "clean_up": "cleaned up after it",
    "abandon": "gave it up",
    "verdict_given": "tried a variant",
    "addresses_set": "said where its variants can be seen",
    "run_asked": "asked for the instrumentation check",
    "run_finished": "finished the instrumentation check",
    "snapshot_stored": "kept a snapshot",
    "followed_up": "said what follows",
    "acknowledged": "acknowledged the brief",
    "written": "wrote the brief",
}


def _shown(value: Any) -> str:  # noqa: ANN401 - a fact of the audit is any JSON
    match value:
        case None | "":
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_shown, value)) or "nothing"
        case dict():
            return ", ".join(f"{key}: {_shown(each)}" for key, each in value.items()) or "nothing"
        case _:
            return str(value)[:200]


def _stage_or(name: str, value: Any) -> str:  # noqa: ANN401 - a fact of the audit is any JSON
    shown = _shown(value)
    return shown.replace("_", " ") if name == "stage" else shown
