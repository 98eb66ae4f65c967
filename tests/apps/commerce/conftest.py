"""The site with the files of the story taken in and explained by the worker."""

from __future__ import annotations

import pytest

from tests.apps.commerce.broad_match import NOW, files
from truelift.apps.accounts.models import User
from truelift.apps.commerce.jobs import plan_explanations
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.facts.services import make_feed, take_in
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.services import set_surface


@pytest.fixture
def told(site: Site, ada: User) -> Site:
    """The site, with the files of the story taken in and explained by the worker."""
    by, now = Actor(ada), NOW
    set_surface(site, "Product page", "/p/", by=by, now=now)
    for name, kind, file in zip(("ga4", "ads"), ("traffic", "spend"), files(), strict=True):
        make_feed(site, name=name, kind=kind, owner=ada, by=by, now=now)
        arrival = take_in(site, name, file, by=by, now=now)
        assert not arrival.refused
    plan_explanations(now)
    run_due_jobs(now)
    return site
