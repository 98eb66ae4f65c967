"""A test of the checkout that runs for two weeks, and the surfaces around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.apps.experiments.conftest import (
    STARTS,
    analysed,
    document,
    hypothesis,
    insight,
    moved,
    planned,
    snapshot_of,
    spec,
)
from truelift.apps.accounts.models import User
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.services import plan_experiment
from truelift.apps.experiments.spec import ExperimentSpec
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.lifecycle.experiment import Action


__all__ = [
    "analysed",
    "document",
    "hypothesis",
    "insight",
    "moved",
    "planned",
    "snapshot_of",
    "spec",
]


@pytest.fixture
def surfaces(site: Site) -> None:
    rows: dict[str, dict[str, Any]] = {
        "Checkout": {"code": ["src/checkout/**"], "patterns": ["/checkout/**"], "step": 2},
        "Cart": {"code": ["src/cart/**"], "patterns": ["/cart"], "step": 1},
        "Search": {"code": ["src/search/**"], "patterns": ["/search"]},
        "Blog": {"code": ["blog/**"], "patterns": ["/blog/**"]},
    }
    SurfaceRecord.objects.bulk_create(
        SurfaceRecord(
            site=site,
            name=name,
            funnel="buy" if each.get("step") else "",
            bundle="shop.js" if name in {"Checkout", "Search"} else "",
            **each,
        )
        for name, each in rows.items()
    )


@pytest.fixture
def running(
    site: Site,
    spec: ExperimentSpec,
    surfaces: None,
    moved: Callable[..., None],
    ada: User,
    now: Any,
) -> ExperimentRecord:
    """A test of the checkout that was launched on 4 May for two weeks."""
    del surfaces
    made = plan_experiment(
        site,
        replace(
            spec,
            key="short-form",
            name="A shorter form",
            surface="Checkout",
            end=STARTS + timedelta(weeks=2),
            plan=replace(spec.plan, visitors_per_week=80_000),
        ),
        by=Actor(ada),
        now=now,
    )
    moved(made.key, Action.SUBMIT, Action.LAUNCH)
    made.refresh_from_db()
    return made
