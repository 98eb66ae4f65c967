"""What two running experiments share is counted, and taken before what their rules say."""

from __future__ import annotations

from datetime import date

import pytest

from tests.apps.observations.conftest import NOW
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import ExperimentRecord, Job
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap.colliding import scene_of
from truelift.apps.roadmap.fields import ItemFields
from truelift.apps.roadmap.planning_models import SharedVisitorsRecord
from truelift.apps.roadmap.services import NIGHTLY, change_item
from truelift.apps.roadmap.sharing import FEWEST, count_shared_visitors
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Origin


pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.mark.usefixtures("two_experiments")
def test_tests_with_half_the_visitors_each_have_one_audience(site: Site) -> None:
    ExperimentRecord.objects.update(
        origin=Origin.TRUELIFT.value,
        stage="running",
        surface="Checkout",
        started_at=NOW.replace(month=5, day=4, hour=0),
        ends_on=date(2026, 6, 30),
    )
    Job.objects.create(kind=NIGHTLY, subject="site:shop", asked_at=NOW, run_after=NOW)

    run_due_jobs(NOW)

    row = SharedVisitorsRecord.objects.get()
    assert (row.first, row.second, row.both, row.smaller) == ("form", "price", 4_000, 4_000)
    assert row.audience == 1.0
    scene = scene_of(site, now=NOW)
    assert dict(scene.context.measured) == {("form", "price"): 1.0}
    assert not count_shared_visitors(site, now=NOW)

    SharedVisitorsRecord.objects.update(audience=0.0)
    assert any(each.second for each in scene.found)
    assert not any(each.second for each in scene_of(site, now=NOW).found)

    # A layer says nothing of audiences; and what is over is not kept.
    for key in ("form", "price"):
        change_item(site, key, ItemFields(layer="L"), by=Actor(None, operator=True), now=NOW)
    assert count_shared_visitors(site, now=NOW)
    assert not SharedVisitorsRecord.objects.exists()
    assert FEWEST < 4_000
