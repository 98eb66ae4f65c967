"""What the worker does for this app: listens every night to what came in."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.experiments.job_kinds import does, queue_for_every_site
from truelift.apps.experiments.models import Job
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_named
from truelift.apps.voice.figures import compute
from truelift.apps.voice.notes import forget_contacts
from truelift.apps.voice.promises import suggest_tests, suggest_uses
from truelift.apps.voice.themes import find_themes


LISTEN: Final = "voice.listen"


def listen(site: Site, *, now: datetime) -> None:
    """Find themes, propose links, compute what the pages say, and let contacts go."""
    forget_contacts(site, now=now)
    find_themes(site, now=now)
    suggest_uses(site, now=now)
    suggest_tests(site, now=now)
    compute(site, now=now)


@does(LISTEN)
def _listen(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    listen(site, now=now)
    zone = ZoneInfo(site.time_zone)
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(3, 20), zone)


def begin_listening(now: datetime) -> int:
    """See that every site is listened to every night; asking again changes nothing."""
    return queue_for_every_site(LISTEN, now=now)
