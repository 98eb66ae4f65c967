"""The traffic of a site's own events: closed days only, once, and again while it can change."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.apps.measurement.files import load, random_rows, write
from truelift.apps.facts import defining, from_lake, reads
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lake.home import Home


ROBOT = Actor(None, machine=True)


@pytest.mark.django_db
def test_closed_days_are_brought_in_turn_and_the_last_ones_again(
    home: Home, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(from_lake, "AT_ONCE_DAYS", 20)
    rows = random_rows(np.random.default_rng(1), visitors=60, names=["page_view", "purchase"])
    at = max(each.at for each in rows) + timedelta(days=1)
    load(home, site.name, write(tmp_path / "events.csv", rows), now=at)

    turns = [from_lake.bring(site, now=at)]
    while turns[-1][1]:
        turns.append(from_lake.bring(site, now=at))
    again, _ = from_lake.bring(site, now=at)

    found = reads.traffic(site, since=date(2026, 1, 1), until=at.date())
    defining.propose(
        site,
        kind="activated",
        maturity_days=0,
        value_minor=5,
        because="It is one.",
        by=ROBOT,
        now=at,
    )
    while from_lake.bring(site, now=at)[1]:
        pass
    activated = reads.traffic(site, since=date(2026, 1, 1), until=at.date())

    assert len(turns) > 1
    assert again is not None
    assert (again.new, again.changed, again.gone) == (0, 0, 0)
    assert (
        found.sessions.sum()
        == sum(week.sessions or 0 for week in reads.weeks(site, until=at.date(), count=60))
        + found.sessions[found.day >= np.datetime64(at.date() - timedelta(days=at.weekday()))].sum()
    )
    assert reads.stale(site, now=at) == ()
    assert found.orders.sum() > 0
    assert (activated.orders.sum(), len(activated)) == (0, len(found))
