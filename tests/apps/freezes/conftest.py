"""A test that runs on the checkout, surfaces with files, and a pipeline's token."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.apps.inbox.conftest import elsewhere
from truelift.apps.accounts.models import User
from truelift.apps.experiments.domain import midnight_at
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.freezes.deploy_services import make_token
from truelift.apps.freezes.services import follow_experiment
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord


__all__ = ["elsewhere"]


@pytest.fixture
def surfaces(site: Site, ben: User) -> dict[str, SurfaceRecord]:
    """Checkout, which ben owns, with its files; and a blog."""
    return {
        name: SurfaceRecord.objects.create(site=site, name=name, code=[code], owner=owner)
        for name, code, owner in (("Checkout", "src/checkout/**", ben), ("Blog", "blog/", None))
    }


def launched(site: Site, owner: User, *, at: datetime, **fields: object) -> ExperimentRecord:
    """An experiment that visitors meet, put there as it stands after its launch."""
    given = {
        "key": "EXP-41",
        "name": "Express pay",
        "surface": "Checkout",
        "stage": "running",
        "starts_on": at.date(),
        "ends_on": at.date().replace(day=25),
        "started_at": at,
        "decision_owner": owner,
        "n_per_variant": 1_000,
        "made_at": at,
        **fields,
    }
    return ExperimentRecord.objects.create(site=site, **given)


@pytest.fixture
def running(
    site: Site, surfaces: dict[str, SurfaceRecord], ada: User, now: datetime
) -> ExperimentRecord:
    """`EXP-41` on the checkout, about which ada decides, with its freeze `F-1`.

    It was stopped on time: to the clock on the wall, by which the API goes, it is long over.
    """
    made = launched(site, ada, at=now)
    assert made.ends_on is not None
    follow_experiment(made, now=now)
    made.stage, made.stopped_at = "stopped", midnight_at(site, made.ends_on)
    made.save()
    return made


@pytest.fixture
def token(site: Site, ada: User, now: datetime) -> str:
    """With which a pipeline asks."""
    return make_token(site, "Deploy of the shop", by=Actor(ada), now=now).token
