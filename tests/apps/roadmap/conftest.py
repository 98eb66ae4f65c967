"""A site with a checkout, a headline test on it, and releases that come near it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pytest

from truelift.apps.accounts.models import User
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.services import plan_experiment
from truelift.apps.experiments.spec import ExperimentSpec, VariantSpec
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap.fields import ItemFields
from truelift.apps.roadmap.models import RoadmapItemRecord
from truelift.apps.roadmap.services import add_item
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.services import SurfaceFields, write_surface
from truelift.lifecycle.roadmap_item import ItemKind


JUNE = date(2026, 6, 1)
"""A Monday, four weeks after the moment at which tests happen."""

Add = Callable[..., RoadmapItemRecord]


@pytest.fixture
def checkout(site: Site, ada: User, now: datetime) -> None:
    """A surface with code and a team."""
    fields = SurfaceFields(name="Checkout", patterns=("/checkout/**",), team="Payments")
    write_surface(site, fields, by=Actor(ada), now=now)


@pytest.fixture
def headline(site: Site, checkout: None, ada: User, ben: User, now: datetime) -> ExperimentRecord:
    """`headline`, a test on the checkout for the first two weeks of June, which ben decides."""
    del ben
    spec = ExperimentSpec(
        key="headline",
        name="A shorter headline",
        surface="checkout",
        decision_owner="ben@example.com",
        start=JUNE,
        end=date(2026, 6, 15),
        variants=(VariantSpec("a", control=True), VariantSpec("b")),
    )
    return plan_experiment(site, spec, by=Actor(ada), now=now)


@pytest.fixture
def add(site: Site, ada: User, now: datetime) -> Add:
    """Put something on the roadmap, complete unless something else is said."""

    def adding(what: str = "New payment form", **more: object) -> RoadmapItemRecord:
        kind = more.pop("kind", ItemKind.RELEASE)
        assert isinstance(kind, ItemKind)
        said: dict[str, object] = {
            "surfaces": ("Checkout",),
            "why": ("I-1",),
            "start": "2026-06-08",
            "end": "2026-06-09",
            "metric": "order_rate",
            "owner": "ada@example.com",
            "touches": ("code",),
            **more,
        }
        return add_item(
            site,
            kind,
            ItemFields(what=what, **said),  # type: ignore[arg-type]
            by=Actor(ada),
            now=now,
        )

    return adding
