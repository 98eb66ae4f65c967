"""The ledger page adds up, and says what is wrong with the quarantined."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from django.test import Client

from tests.apps.measurement.files import load, random_rows, write
from truelift.apps.accounts.models import User
from truelift.apps.measurement.ledger_page import ledger_page
from truelift.apps.sites.models import Site
from truelift.lake.home import Home
from truelift.lake.ledger import Ledger


SignedIn = Callable[[User], Client]


def ledger(**counts: int) -> Ledger:
    given = {"received": 0, "stored": 0, "duplicates": 0, "quarantined": 0, "waiting": 0} | counts
    return Ledger(
        **given,
        reasons={"bad_timestamp": given["quarantined"]} if given["quarantined"] else {},
        bots=0,
        internal=0,
        last_received_at=None,
    )


def test_the_terms_on_the_page_are_those_of_the_ledger() -> None:
    page = ledger_page(
        ledger(received=10, stored=6, duplicates=2, quarantined=1, waiting=1), time_zone="UTC"
    )

    assert [line.count for line in page.lines] == [6, 2, 1, 1]
    assert sum(line.share for line in page.lines) == pytest.approx(1)
    assert [(line.label, line.count) for line in page.reasons] == [("bad timestamp", 1)]


@pytest.mark.database
def test_the_last_arrival_is_said_in_the_site_s_own_time(
    home: Home, site: Site, cleo: User, client_of: SignedIn, tmp_path: Path, now: datetime
) -> None:
    rows = random_rows(np.random.default_rng(3), visitors=2, names=["page_view"])
    load(home, site.name, write(tmp_path / "events.csv", rows), now=now)

    page = client_of(cleo).get(f"/s/{site.name}/ledger/").content.decode()

    assert now.isoformat() == "2026-05-04T12:00:00+00:00"
    assert "Last event Mon 4 May, 14:00" in page


def test_a_sum_that_is_off_is_said_before_anything_else() -> None:
    page = ledger_page(ledger(received=10, stored=6), time_zone="UTC")

    assert page.answer.startswith("The sum is off")


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ({}, "No event has arrived yet."),
        ({"received": 5, "stored": 5}, "All 5 events received are accounted for; none was bad."),
        (
            {"received": 100, "stored": 95, "quarantined": 5},
            "All 100 events received are accounted for; 5 are quarantined (5.0%).",
        ),
    ],
)
def test_the_page_s_sentence_is_computed_from_the_ledger(counts: dict[str, int], says: str) -> None:
    assert ledger_page(ledger(**counts), time_zone="UTC").answer == says


@pytest.mark.database
def test_an_import_is_on_the_ledger(
    home: Home, site: Site, cleo: User, client_of: SignedIn, tmp_path: Path, now: datetime
) -> None:
    rows = random_rows(np.random.default_rng(2), visitors=20, names=["page_view"])
    load(home, site.name, write(tmp_path / "events.csv", rows), now=now)

    page = client_of(cleo).get(f"/s/{site.name}/ledger/").context["page"]

    assert page.received == len(rows)
    assert page.balanced


@pytest.mark.database
def test_an_empty_ledger_says_how_to_begin(site: Site, ada: User, client_of: SignedIn) -> None:
    assert "Connect the site" in client_of(ada).get(f"/s/{site.name}/ledger/").content.decode()


@pytest.mark.database
def test_a_stranger_gets_404(site: Site, mallory: User, client_of: SignedIn) -> None:
    assert client_of(mallory).get(f"/s/{site.name}/ledger/").status_code == 404
