"""On Monday morning everybody is mailed what their role looks at first, and channels the lead's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import functions_of, people_of
from truelift.apps.experiments.job_kinds import does, queue_for_every_site
from truelift.apps.experiments.models import Job
from truelift.apps.homes.roles import HomeOf, home_for
from truelift.apps.homes.sections import Section, sections_of
from truelift.apps.inbox.mailing import post, wish_of
from truelift.apps.inbox.models import HookRecord, MailRecord
from truelift.apps.inbox.rounds import MONDAY, MORNING
from truelift.apps.inbox.sending import enqueue
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_named
from truelift.lifecycle.notice import Severity, Topic, Wish


WEEKLY: Final = "homes.weekly"

DIGEST: Final = "week"
"""What kept e-mails call it."""

LINES: Final = 2
"""Of each section; the page has the rest."""

NO_MAIL: Final = frozenset({Wish.INBOX, Wish.OFF})


@does(WEEKLY)
def _weekly(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    due = monday_morning(site, now)
    if due <= now < due + timedelta(days=1):
        tell(site, now=now, since=due)
    return due + timedelta(days=7) if due <= now else due


def plan_weeks(now: datetime) -> int:
    """See that the week of every site is told; asking again changes nothing."""
    return queue_for_every_site(WEEKLY, now=now)


def monday_morning(site: Site, now: datetime) -> datetime:
    """Give the morning of the Monday of a moment's week, by the site's clock."""
    local = now.astimezone(ZoneInfo(site.time_zone))
    monday = local.date() - timedelta(days=local.weekday() - MONDAY)
    return datetime(monday.year, monday.month, monday.day, MORNING, tzinfo=local.tzinfo)


def tell(site: Site, *, now: datetime, since: datetime) -> int:
    """Send everybody who wants it the week of their role, once since an instant.

    Returns:
        To how many people.
    """
    told = 0
    if settings.TRUELIFT.email_url:
        for user in people_of(site):
            if wish_of(user, site, Topic.WEEK) in NO_MAIL or _has(user, site, since):
                continue
            role = home_for(functions_of(user, site))
            sections = sections_of(role, site, user=user, now=now)
            post(
                site,
                user,
                subject=f"the week, as {role.called} sees it",
                text=as_text(sections),
                topic=Topic.WEEK.value,
                digest=DIGEST,
                now=now,
            )
            told += 1
    for hook in HookRecord.objects.filter(site=site, ended_at=None, least=Severity.NOTE.value):
        enqueue(hook, _document(site, now=now), now=now)
    return told


def _has(user: User, site: Site, since: datetime) -> bool:
    rows = MailRecord.objects.filter(site=site, user=user, digest=DIGEST, made_at__gte=since)
    return rows.exists()


def as_text(sections: Sequence[Section]) -> str:
    """Write sections of a home as plain text, with addresses."""
    parts = []
    for each in sections:
        lines = [
            f"{each.title}.",
            *(
                f"  - {_line(f'{row.what} ({row.detail})' if row.detail else row.what)}"
                for row in each.rows[:LINES]
            ),
        ]
        left = len(each.rows) - LINES + each.more
        if left > 0:
            lines.append(f"  - and {left} more")
        lines.append(f"  {settings.TRUELIFT.public_url}{each.href}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _line(text: str) -> str:
    """Give what somebody typed as one line: it must not look like a part of the e-mail."""
    return " ".join(text.split())


def _document(site: Site, *, now: datetime) -> dict[str, object]:
    """Write the lead's week as webhooks read it; it holds nothing of one person's."""
    sections = sections_of(HomeOf.LEAD, site, user=User(), now=now)
    return {
        "type": "week",
        "site": site.name,
        "cause": f"week:{monday_morning(site, now).date().isoformat()}",
        "topic": Topic.WEEK.value,
        "severity": Severity.NOTE.value,
        "sentence": f"The week of {site}: {sections[0].title}.",
        "remedy": " ".join(f"{each.title}." for each in sections[1:]),
        "url": f"{settings.TRUELIFT.public_url}/s/{site.name}/",
        "since": monday_morning(site, now).isoformat(),
    }
