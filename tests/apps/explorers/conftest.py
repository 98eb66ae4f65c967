"""A shop whose events are few enough to count by hand."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.apps.measurement.files import load
from truelift.apps.sites.models import Site
from truelift.apps.sites.publish import publish
from truelift.lake.home import Home


FIRST = datetime(2026, 4, 6, 10, tzinfo=UTC)
"""A Monday, four weeks before the tests' moment."""

FORMULA = "=cmd|'/c calc'!A1"
"""What a visitor's page may carry in the hope that an analyst opens a spreadsheet."""


@pytest.fixture
def site(site: Site) -> Site:
    """Publish the site, as happens outside tests when its transaction ends."""
    publish()
    return site


@pytest.fixture
def shop(home: Home, site: Site, tmp_path: Path, now: datetime) -> Site:
    """Twenty days: on day n, n people view a page, every second of them buys, and one is back.

    The first page of person k takes 1 + k/10 seconds to show.
    """
    path = tmp_path / "events.csv"
    home_page, cart = "https://shop.example/", "https://shop.example/cart"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "visitor_id", "occurred_at", "device", "url", "note", "lcp"])
        for day in range(1, 21):
            for person in range(day):
                at = FIRST + timedelta(days=day - 1, minutes=person)
                device = "phone" if person % 3 else "desktop"
                visitor = f"v{day}-{person}"
                lcp = 1000 + 100 * person
                writer.writerow(["page_view", visitor, at.isoformat(), device, home_page, "", lcp])
                later = (at + timedelta(seconds=20)).isoformat()
                writer.writerow(["page_view", visitor, later, device, cart, FORMULA, ""])
                if person % 2:
                    bought = (at + timedelta(seconds=40)).isoformat()
                    writer.writerow(["purchase", visitor, bought, device, cart, "", ""])
    load(home, site.name, path, now=now)
    return site
