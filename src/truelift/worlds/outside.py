"""What the world outside answered to the demo company: its own host, and browsers that looked.

Its shop stands at an address that is nobody's, so no browser can open it. What one would have
found is written down here, in the very rows that a worker fills after a real visit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from truelift.apps.qa.hosts import add_host
from truelift.apps.qa.models import QaRunRecord
from truelift.apps.qa.pictures import keep_picture
from truelift.apps.qa.plan import required_events
from truelift.apps.qa.run import finish
from truelift.apps.research.actor import Actor
from truelift.apps.rollouts.models import RolloutCheckRecord
from truelift.apps.sites.models import Site


PICTURES: Final = Path(__file__).with_name("shop") / "pictures"

LOOKED_FOR: Final = timedelta(seconds=40)
"""A visit and its events take so long."""


def picture_of(experiment: str, variant: str) -> bytes | None:
    """Give the drawn screenshot of a variant; None where nobody drew one."""
    file = PICTURES / f"{experiment}.{variant}.png"
    return file.read_bytes() if file.exists() else None


def host_proved(site: Site, host: str, *, by: Actor, now: datetime) -> None:
    """Let a host be the site's own, as if its start page had said so."""
    made = add_host(site, host, by=by, now=now)
    made.how, made.verified_at, made.checked_at = "file", now, now
    made.save(update_fields=["how", "verified_at", "checked_at"])


def variants_opened(run: QaRunRecord, *, now: datetime) -> None:
    """End an instrumentation check that found every event of every variant."""
    record = run.plan.experiment
    events = ["page_view", "exposure", *(name for _, name in required_events(record, ()))]
    for visit in run.visits.all():
        content = picture_of(record.key, visit.variant)
        visit.visited_at = now
        visit.final_url, visit.status = visit.url, 200
        visit.seen = list(dict.fromkeys(events))
        if content is not None:
            visit.picture = keep_picture(record.site, content, by=None, now=now)
        visit.save()
    finish(run, now=now + LOOKED_FOR)


def page_seen(check: RolloutCheckRecord, found: Mapping[str, bool], *, now: datetime) -> None:
    """End a page check that found what had to be there.

    Args:
        check: What was asked for.
        found: Each line, and whether it had to be there.
        now: When.
    """
    experiment = check.rollout.experiment
    check.final_url = check.url
    check.lines = [{"what": what, "wanted": wanted, "ok": True} for what, wanted in found.items()]
    content = picture_of(experiment.key, check.rollout.variant)
    if content is not None:
        check.picture = keep_picture(check.rollout.site, content, by=None, now=now).sha256
    check.passed, check.finished_at = True, now + LOOKED_FOR
    check.save()
