"""The hourly round: e-mails about what waits, digests, and notices whose cause is over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import people_of
from truelift.apps.drawing.wording import day
from truelift.apps.experiments.job_kinds import does, queue
from truelift.apps.experiments.models import Job
from truelift.apps.inbox.mailing import post, wishes_of
from truelift.apps.inbox.models import MailRecord, NoticeRecord
from truelift.apps.inbox.reads import keep_count
from truelift.apps.inbox.services import notify
from truelift.apps.inbox.waiting import FROM_LINES, Line, lines_of
from truelift.apps.sites.models import Site
from truelift.lifecycle.notice import Notice, Topic, Wish


ROUND: Final = "inbox.round"
EVERY: Final = timedelta(hours=1)

MORNING: Final = 7
"""From this hour of the site's day on, digests go out."""

MONDAY: Final = 0


@does(ROUND)
def _round(job: Job, now: datetime) -> datetime | None:
    site = Site.objects.filter(name=job.subject.removeprefix("site:")).first()
    if site is None:
        return None
    make_round(site, now=now)
    return now + EVERY


def begin_round(site: Site, *, now: datetime) -> None:
    """See that the worker makes its rounds of a site; one that is queued goes on."""
    queue(ROUND, f"site:{site.name}", by=None, now=now)


def begin_rounds(now: datetime) -> None:
    """See that the worker makes its rounds of every site; called when it starts."""
    for site in Site.objects.all():
        begin_round(site, now=now)


def make_round(site: Site, *, now: datetime) -> None:
    """Look into everybody's inbox once; call it from a job."""
    waiting: dict[str, tuple[Line, list[User]]] = {}
    for user in people_of(site):
        lines = lines_of(user, site, now=now)
        keep_count(user, site, count=len(lines), now=now)
        wishes = wishes_of(user, site)
        for line in lines:
            if line.cause.partition(":")[0] in FROM_LINES and (
                line.topic is Topic.DECISION or wishes[line.topic] is Wish.MAIL
            ):
                waiting.setdefault(line.cause, (line, []))[1].append(user)
        _digests(user, site, lines, now=now)
    for line, people in waiting.values():
        notice = Notice(
            line.cause, line.severity, line.sentence, line.remedy, line.href, line.topic
        )
        notify(site, notice, to=people, now=now)
    _settle(site, set(waiting), now=now)


def _settle(site: Site, still: set[str], *, now: datetime) -> None:
    """End what only carried a line that is gone; a mention ends with its answer."""
    for record in NoticeRecord.objects.filter(site=site, settled_at=None):
        kind = record.cause.partition(":")[0]
        if kind in FROM_LINES - {"mention"} and record.cause not in still:
            NoticeRecord.objects.filter(pk=record.pk).update(settled_at=now)


def _digests(user: User, site: Site, lines: tuple[Line, ...], *, now: datetime) -> None:
    if not settings.TRUELIFT.email_url:
        return
    local = now.astimezone(ZoneInfo(site.time_zone))
    if local.hour < MORNING:
        return
    wishes = wishes_of(user, site)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    for wish in (Wish.DAILY, Wish.WEEKLY):
        if wish is Wish.WEEKLY and local.weekday() != MONDAY:
            continue
        wanted = [line for line in lines if wishes[line.topic] is wish]
        sent = MailRecord.objects.filter(
            site=site, user=user, digest=wish.value, made_at__gte=midnight
        )
        if wanted and not sent.exists():
            count = f"{len(wanted)} thing{'' if len(wanted) == 1 else 's'}"
            post(
                site,
                user,
                subject=f"{count} wait{'s' if len(wanted) == 1 else ''} for you",
                text=digest_text(wanted, site=site, now=now),
                digest=wish.value,
                now=now,
            )


def digest_text(lines: list[Line], *, site: Site, now: datetime) -> str:
    """Write lines of an inbox as an e-mail."""
    year = now.astimezone(ZoneInfo(site.time_zone)).year
    parts = []
    for line in lines:
        due = f" Due {day(line.due, year=year)}." if line.due else ""
        link = f"\n  {settings.TRUELIFT.public_url}{line.href}" if line.href else ""
        # What somebody typed must not look like a part of the e-mail.
        sentence, remedy = " ".join(line.sentence.split()), " ".join(line.remedy.split())
        parts.append(f"* {sentence}{due}\n  {remedy}{link}\n")
    return "\n".join(parts)
