"""The programme's report is what a day left: shared and printed without an account."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.apps.rollouts.conftest import DECIDED
from truelift.apps.accounts.models import User
from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.links.models import ShareKind
from truelift.apps.links.shares import share
from truelift.apps.links.shown import NothingToShow, shown
from truelift.apps.progress.services import keep_figures
from truelift.apps.research.actor import Actor
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.scorecard.services import Wanted, keep_scorecard, set_targets
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.database, pytest.mark.django_db]

LATER = DECIDED + timedelta(days=40)


def test_a_report_is_that_of_its_day_whatever_is_changed_since(
    site: Site, winner: RolloutRecord, ada: User
) -> None:
    end = midnight_at(site, day_at(site, LATER))
    keep_figures(site, as_of=end, now=LATER)
    day = keep_scorecard(site, as_of=end, now=LATER).day.isoformat()

    before = shown(site, ShareKind.PROGRAMME, day, 0, now=LATER)
    set_targets(site, Wanted(tests_a_quarter=2), seen=0, by=Actor(ada), now=LATER)
    after = shown(site, ShareKind.PROGRAMME, day, 0, now=LATER + timedelta(days=9))
    made = share(site, "programme", day, days=7, by=Actor(ada), now=LATER)

    assert before == after
    assert "1 of 1 concluded tests" in before.content
    assert "<form" not in before.content
    assert made.record.key == day
    assert winner.key


@pytest.mark.parametrize("key", ["", "soon", "2020-01-01", "2026-02-30"])
def test_a_day_without_a_scorecard_has_no_report(site: Site, key: str) -> None:
    with pytest.raises(NothingToShow):
        shown(site, ShareKind.PROGRAMME, key, 0, now=LATER)
