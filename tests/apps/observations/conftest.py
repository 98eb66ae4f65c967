"""A site on which two experiments ran at once, and one number changed for everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.apps.measurement.files import load
from truelift.apps.accounts.models import User
from truelift.apps.experiments.metrics import take_library
from truelift.apps.experiments.publish_metrics import publish_metrics
from truelift.apps.experiments.services import plan_experiment
from truelift.apps.experiments.spec import ExperimentSpec, PlanSpec, VariantSpec
from truelift.apps.measurement.segments_services import save_segment
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.publish import publish
from truelift.lake.home import Home
from truelift.lifecycle.experiment import Origin


NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CHANGED = date(2026, 5, 1)
FIRST = datetime(2026, 3, 6, 10, tzinfo=UTC)


@pytest.fixture
def site(site: Site, ada: User, now: datetime) -> Site:
    """Publish the site with the metrics of a shop, as happens when a transaction ends."""
    publish()
    take_library(site, "shop", by=Actor(ada), now=now)
    publish_metrics()
    return site


@pytest.fixture
def two_experiments(site: Site, home: Home, tmp_path: Path, now: datetime) -> None:
    """`price` and `form` on the same 4,000 visitors: together they sell far more than alone."""
    for key in ("price", "form"):
        plan_experiment(
            site,
            ExperimentSpec(
                key=key,
                name=f"A new {key}",
                origin=Origin.IMPORTED,
                primary="order_rate",
                start=date(2026, 5, 4),
                end=date(2026, 5, 25),
                variants=(VariantSpec("old", control=True), VariantSpec("new")),
                plan=PlanSpec(minimum_effect=0.3),
            ),
            by=Actor(None, operator=True),
            now=now,
        )
    load(home, site.name, write(tmp_path / "two.csv", _two()), now=NOW)


def _two() -> Iterator[tuple[str, str, datetime, str, str, str]]:
    rng = np.random.default_rng(4)
    began = datetime(2026, 5, 5, 10, tzinfo=UTC)
    for nth in range(4_000):
        at = began + timedelta(seconds=300 * nth)
        price, form = ("old", "new")[nth % 2], ("old", "new")[nth // 2 % 2]
        person = f"v{nth}"
        yield "seen", person, at, "phone", "price", price
        yield "seen", person, at + timedelta(seconds=1), "phone", "form", form
        if rng.random() < (0.4 if price == form == "new" else 0.15):
            yield "purchase", person, at + timedelta(seconds=60), "phone", "", ""


@pytest.fixture
def changed_for_phones(site: Site, home: Home, tmp_path: Path, ada: User) -> None:
    """87 days: since 1 May people on phones buy by half more, those on desktops as before."""
    for device in ("phone", "desktop"):
        condition = {"ever": {"field": "device", "values": [device]}}
        save_segment(site, f"{device}s", condition, by=Actor(ada), now=NOW)
    load(home, site.name, write(tmp_path / "days.csv", _days()), now=NOW)


def _days() -> Iterator[tuple[str, str, datetime, str, str, str]]:
    rng = np.random.default_rng(11)
    for nth in range(84):
        day = FIRST + timedelta(days=nth)
        weekend = 0.8 if day.weekday() > 4 else 1.0
        for device in ("phone", "desktop"):
            lift = 1.5 if device == "phone" and day.date() >= CHANGED else 1.0
            for person in range(60):
                who = f"{device}-{nth}-{person}"
                yield "page_view", who, day, device, "", ""
                if rng.random() < 0.4 * weekend * lift:
                    yield "purchase", who, day + timedelta(seconds=60), device, "", ""


def write(path: Path, rows: Iterator[tuple[str, str, datetime, str, str, str]]) -> Path:
    """Write rows as a file that `truelift load` takes without a map."""
    with path.open("w", encoding="utf-8") as file:
        file.write("name,visitor_id,occurred_at,device,experiment,variant\n")
        for name, who, at, device, experiment, variant in rows:
            file.write(f"{name},{who},{at.isoformat()},{device},{experiment},{variant}\n")
    return path


@pytest.fixture
def text_of() -> Callable[[object], str]:
    """Give a page as one line."""

    def text(response: object) -> str:
        content: bytes = response.content  # type: ignore[attr-defined]
        return " ".join(content.decode().split())

    return text
