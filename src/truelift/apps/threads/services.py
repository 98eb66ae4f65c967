"""What may be said about an item: a comment, and its withdrawal."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from django.db import transaction

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import people_of
from truelift.apps.inbox.services import notify, settle
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.sites.models import Site
from truelift.apps.threads.items import item_of
from truelift.apps.threads.models import CommentRecord, MentionRecord
from truelift.errors import Refusal
from truelift.lifecycle.notice import Notice, Severity, Topic


LONGEST: Final = 4000
"""Letters of a comment; what is longer is a document and belongs behind a link."""

MOST_MENTIONS: Final = 20
"""Calling everybody calls nobody."""

_CALL: Final = re.compile(r"(?<![\w@.])@([\w.+-]+(?:@[\w.-]+\w)?)")


class NoSuchItem(Refusal):
    """The site has nothing of that name to talk about."""

    code = "thread.no_such_item"

    def __init__(self, *, kind: str, key: str) -> None:
        super().__init__(f"There is no {kind} {key} on this site.", kind=kind, key=key)


class BadComment(Refusal):
    """A comment says nothing, or more than a comment holds."""

    code = "thread.bad_comment"


class NotYourComment(Refusal):
    """Only who said it takes it back."""

    code = "thread.not_your_comment"


@transaction.atomic
def say(
    site: Site, kind: str, key: str, text: str, *, by: Actor, now: datetime
) -> tuple[CommentRecord, tuple[User, ...]]:
    """Keep a comment and call the members that it names.

    A member is named by `@` and an e-mail address, the part of it before its `@`, or a
    first name that no other member has.

    Returns:
        The comment, and who was called.

    Raises:
        NoSuchItem: The site has nothing of that name.
        BadComment: It is empty, too long, or calls too many.
    """
    item = item_of(site, kind, key)
    if item is None:
        raise NoSuchItem(kind=kind, key=key)
    said = text.strip()
    if not said:
        raise BadComment("It says nothing. Write a sentence.")
    if len(said) > LONGEST or not is_storable(said):
        raise BadComment(f"It is at most {LONGEST:,} letters long. Link a longer document.")
    called = mentioned(site, said)
    if len(called) > MOST_MENTIONS:
        raise BadComment(f"It calls more than {MOST_MENTIONS} people. Name those who should act.")
    comment = CommentRecord.objects.create(
        site=site, kind=kind, key=key, text=said, by=by.user, operator=by.operator, said_at=now
    )
    MentionRecord.objects.bulk_create(
        MentionRecord(comment=comment, user=user) for user in called if user != by.user
    )
    waiting = [user for user in called if user != by.user]
    if waiting:
        _tell(comment, waiting, href=item.href, now=now)
    if by.user is not None:
        # Who answers has read what called them.
        read_mentions(site, kind, key, user=by.user, now=now)
    audit(
        action="comment.said",
        target=f"{kind}:{key}",
        after={"comment": comment.pk, "called": [user.email for user in called]},
        now=now,
        site=site.name,
        **by.audited,
    )
    return comment, called


def _tell(comment: CommentRecord, people: list[User], *, href: str, now: datetime) -> None:
    """Send the comment to whom it calls; the inbox has the call itself until it is answered."""
    site, who = comment.site, str(comment.by) if comment.by else "The operator"
    cause = f"mention:{comment.kind}:{comment.key}:{comment.pk}"
    said = " ".join(comment.text.split())
    sentence = f"{who} calls you at {comment.key}: {said[:300]}"
    link = f"{href.partition('#')[0]}#comment-{comment.pk}"
    notice = Notice(cause, Severity.NOTE, sentence, "Answer there.", link, Topic.MENTION)
    notify(site, notice, to=people, now=now)
    settle(site, cause, now=now)


@transaction.atomic
def withdraw(site: Site, comment_id: int, *, by: Actor, now: datetime) -> CommentRecord:
    """Take one's own comment back: its words go, that it was said stays.

    Raises:
        NotYourComment: It is not there, or somebody else said it.
    """
    comment = (
        CommentRecord.objects.select_for_update(of=("self",))
        .filter(site=site, pk=comment_id)
        .first()
    )
    if comment is None or by.user is None or comment.by != by.user:
        raise NotYourComment("Only who said it takes it back. Answer it instead.")
    if comment.withdrawn_at is None:
        comment.text, comment.withdrawn_at = "", now
        comment.save(update_fields=["text", "withdrawn_at"])
        comment.mentions.all().delete()
        audit(
            action="comment.withdrawn",
            target=f"{comment.kind}:{comment.key}",
            after={"comment": comment.pk},
            now=now,
            site=site.name,
            **by.audited,
        )
    return comment


def read_mentions(site: Site, kind: str, key: str, *, user: User, now: datetime) -> None:
    """Note that a person has seen what calls them in a thread."""
    MentionRecord.objects.filter(
        user=user, read_at=None, comment__site=site, comment__kind=kind, comment__key=key
    ).update(read_at=now)


def mentioned(site: Site, text: str) -> tuple[User, ...]:
    """Find the members that a text calls, each once, in the order of their names in it."""
    words = [word.rstrip(".").lower() for word in _CALL.findall(text)]
    if not words:
        return ()
    people = people_of(site)
    found: dict[User, None] = {}
    for word in words:
        fitting = [user for user in people if word in _names(user)]
        if len(fitting) == 1:
            found[fitting[0]] = None
    return tuple(found)


def _names(user: User) -> set[str]:
    return {user.email, user.email.partition("@")[0], user.name.partition(" ")[0].lower()}
