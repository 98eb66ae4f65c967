"""E-mails about notices: who gets one, what it says, and how it leaves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Final

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import role_of
from truelift.apps.experiments.job_kinds import does, queue
from truelift.apps.experiments.models import Job
from truelift.apps.inbox.models import MailRecord, NoticeRecord, WishRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.notice import USUAL, Severity, Topic, Wish


MAIL: Final = "inbox.mail"

WAITS: Final = tuple(timedelta(minutes=each) for each in (1, 5, 30, 120, 360))
"""After each attempt that failed; then it is given up and says so."""

_SALT: Final = "truelift.inbox.stop"


def wish_of(user: User, site: Site, topic: Topic) -> Wish:
    """Say how a person wants to hear of a topic."""
    return wishes_of(user, site)[topic]


def wishes_of(user: User, site: Site) -> dict[Topic, Wish]:
    """Say how a person wants to hear of every topic."""
    chosen = dict(WishRecord.objects.filter(user=user, site=site).values_list("topic", "wish"))
    return {topic: Wish(chosen.get(topic.value, USUAL[topic].value)) for topic in Topic}


def mail_notice(record: NoticeRecord, people: Iterable[User], *, now: datetime) -> None:
    """Put e-mails in the queue for those who want one of this at once."""
    if not settings.TRUELIFT.email_url:
        return
    for user in people:
        if wish_of(user, record.site, Topic(record.topic)) is not Wish.MAIL:
            continue
        urgent = "Urgent: " if record.severity == Severity.URGENT else ""
        link = f"\n{settings.TRUELIFT.public_url}{record.href}\n" if record.href else ""
        post(
            record.site,
            user,
            subject=f"{urgent}{record.sentence}",
            text=f"{record.sentence}\n\n{record.remedy}\n{link}",
            topic=record.topic,
            now=now,
        )


def post(
    site: Site,
    user: User,
    *,
    subject: str,
    text: str,
    topic: str = "",
    digest: str = "",
    now: datetime,
) -> MailRecord:
    """Keep an e-mail and let the worker send it."""
    mail = MailRecord.objects.create(
        site=site,
        user=user,
        topic=topic,
        digest=digest,
        # A line break in a subject would begin another header.
        subject=" ".join(f"{site}: {subject}".split())[:200],
        text=text,
        made_at=now,
    )
    queue(MAIL, f"mail:{mail.pk}", by=None, now=now)
    return mail


@does(MAIL)
def _send(job: Job, now: datetime) -> datetime | None:
    mail = (
        MailRecord.objects.select_related("site", "user")
        .filter(pk=int(job.subject.rpartition(":")[2]), sent_at=None)
        .exclude(text="")
        .first()
    )
    if mail is None:
        return None
    if role_of(mail.user, mail.site) is None:
        _keep(mail, problem="They are no member of the site any more.", over=True)
        return None
    if not _is_wanted(mail):
        _keep(mail, problem="They chose to get no such e-mail meanwhile.", over=True)
        return None
    message = EmailMessage(
        subject=mail.subject,
        body=f"{mail.text}\n-- \n{_foot(mail)}",
        to=[mail.user.email],
        headers={
            "List-Unsubscribe": f"<{stop_address(mail.user, mail.site)}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )
    mail.attempts += 1
    try:
        message.send()
    except (SMTPException, OSError) as error:
        over = mail.attempts > len(WAITS)
        _keep(mail, problem=f"The mail server did not take it ({type(error).__name__}).", over=over)
        return None if over else now + WAITS[mail.attempts - 1]
    mail.sent_at = now
    _keep(mail, problem="", over=True)
    return None


def _is_wanted(mail: MailRecord) -> bool:
    """Say whether the person still wants it: an e-mail may wait for hours for its server."""
    wishes = wishes_of(mail.user, mail.site)
    if mail.topic in set(Topic):
        return wishes[Topic(mail.topic)] not in {Wish.INBOX, Wish.OFF}
    # What is gathered is of every topic that is wanted so.
    return not mail.digest or mail.digest in {each.value for each in wishes.values()}


def _keep(mail: MailRecord, *, problem: str, over: bool) -> None:
    mail.problem = problem
    if over:
        # It may repeat words that somebody asks to be erased later, and nobody reads it here.
        mail.text = ""
    mail.save(update_fields=["attempts", "sent_at", "problem", "text"])


def _foot(mail: MailRecord) -> str:
    wishes = f"{settings.TRUELIFT.public_url}/s/{mail.site.name}/inbox/settings/"
    return (
        f"Choose what reaches you: {wishes}\n"
        f"No more e-mail about {mail.site}: {stop_address(mail.user, mail.site)}\n"
    )


def stop_address(user: User, site: Site) -> str:
    """Give the address that ends a person's e-mail about a site without signing in."""
    token = signing.dumps([user.pk, site.pk], salt=_SALT)
    return f"{settings.TRUELIFT.public_url}/stop-mail/{token}/"


def behind_stop(token: str) -> tuple[User, Site] | None:
    """Say whom an address concerns; None where it was not given out by this server."""
    try:
        user_id, site_id = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    user = User.objects.filter(pk=user_id).first()
    site = Site.objects.filter(pk=site_id).first()
    return (user, site) if user and site else None
