"""What may be done about notices: raise one, settle it, put it aside, choose how to hear of them.

Other apps call `notify` when something is the matter, as often as they like, and `settle` when
it is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from truelift.apps.accounts.models import User
from truelift.apps.inbox import mailing, sending
from truelift.apps.inbox.models import NoticeForRecord, NoticeRecord, SnoozeRecord, WishRecord
from truelift.apps.sites.models import Site
from truelift.apps.threads.models import MentionRecord
from truelift.errors import Refusal
from truelift.lifecycle.notice import Notice, Severity, Topic, Wish, tells_again


SNOOZES: Final = {"day": timedelta(days=1), "week": timedelta(days=7)}


class BadSnooze(Refusal):
    """A line can be put off by a day or a week, taken back, or put aside."""

    code = "inbox.bad_snooze"


class BadWish(Refusal):
    """A topic or a wish that there is not."""

    code = "inbox.bad_wish"


@transaction.atomic
def notify(site: Site, notice: Notice, *, to: Iterable[User] = (), now: datetime) -> NoticeRecord:
    """Tell people of something, once per cause.

    While a notice of the same cause is open, its words are renewed and people who did not have
    it before are told; the others hear of it again only when it has become worse. Everything is
    sent by the worker after the transaction, never here.

    Args:
        site: Where.
        notice: What is the matter.
        to: Whom it concerns; the site's webhooks hear of it in any case.
        now: When.
    """
    made, new = NoticeRecord.objects.get_or_create(
        site=site,
        cause=notice.cause[:200],
        settled_at=None,
        defaults={
            "topic": notice.topic.value,
            "severity": notice.severity.value,
            "first_at": now,
            "last_at": now,
            "times": 0,
        },
    )
    # Two jobs may say the same at the same moment; the second one waits here.
    record = NoticeRecord.objects.select_for_update(of=("self",)).get(pk=made.pk)
    before = None if new else Severity(record.severity)
    record.topic = notice.topic.value
    record.severity = notice.severity.value
    record.sentence = notice.sentence[:500]
    record.remedy = notice.remedy[:500]
    record.href = notice.href[:500]
    record.last_at = now
    record.times += 1
    record.save()
    again = tells_again(before, notice.severity)
    if again:
        record.people.update(done_at=None)
    known = set(record.people.values_list("user_id", flat=True))
    people = {user.pk: user for user in to}
    NoticeForRecord.objects.bulk_create(
        NoticeForRecord(notice=record, user=user) for pk, user in people.items() if pk not in known
    )
    told = [user for pk, user in people.items() if again or pk not in known]
    mailing.mail_notice(record, told, now=now)
    if again:
        sending.send_notice(record, now=now)
    return record


@transaction.atomic
def settle(site: Site, cause: str, *, now: datetime, to: User | None = None) -> bool:
    """Take a notice out of the inboxes because its cause is over; False where there was none.

    Args:
        site: Where.
        cause: As it was raised.
        now: When.
        to: For this person alone; the others keep it.
    """
    open_ = NoticeRecord.objects.filter(site=site, cause=cause[:200], settled_at=None)
    if to is None:
        return bool(open_.update(settled_at=now))
    mine = NoticeForRecord.objects.filter(notice__in=open_, user=to, done_at=None)
    return bool(mine.update(done_at=now))


def act(site: Site, cause: str, what: str, *, user: User, now: datetime) -> None:
    """Do something with a line of one's own inbox.

    Args:
        site: Where.
        cause: Of the line.
        what: `day` or `week` to put it off by so much, `wake` to take it back, `aside` to have
            done with a notice or a mention, which comes back when it becomes worse.
        user: Whose inbox it is.
        now: When.

    Raises:
        BadSnooze: It is none of these.
    """
    if not cause or len(cause) > 200 or "\0" in cause or what not in {*SNOOZES, "wake", "aside"}:
        raise BadSnooze("A line is put off by a day or a week, taken back, or put aside.")
    snoozed = SnoozeRecord.objects.filter(site=site, user=user, cause=cause)
    if what == "wake":
        snoozed.delete()
    elif what == "aside":
        kind, _, key = cause.removeprefix("mention:").partition(":")
        if cause.startswith("mention:"):
            MentionRecord.objects.filter(
                user=user, read_at=None, comment__site=site, comment__kind=kind, comment__key=key
            ).update(read_at=now)
        settle(site, cause, now=now, to=user)
    else:
        SnoozeRecord.objects.update_or_create(
            site=site, user=user, cause=cause, defaults={"until": now + SNOOZES[what]}
        )


def choose(site: Site, topic: str, wish: str, *, user: User) -> None:
    """Say how one wants to hear of a topic.

    Raises:
        BadWish: There is no such topic or wish.
    """
    if topic not in set(Topic) or wish not in set(Wish):
        raise BadWish(f"It is one of {', '.join(Topic)}, and one of {', '.join(Wish)}.")
    WishRecord.objects.update_or_create(site=site, user=user, topic=topic, defaults={"wish": wish})


def stop_mail(site: Site, *, user: User) -> None:
    """Send a person no more e-mail about a site; the inbox stays as it is."""
    for topic in Topic:
        if mailing.wish_of(user, site, topic) in {Wish.MAIL, Wish.DAILY, Wish.WEEKLY}:
            choose(site, topic.value, Wish.INBOX.value, user=user)
