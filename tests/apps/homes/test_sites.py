"""Who has several sites sees each in a line, and takes what they taught along without names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.apps.rollouts.conftest import DECIDED
from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.accounts.services import give_role
from truelift.apps.homes.sites import COLUMNS, at_a_glance, without_names
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import sites_of


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]


def test_a_site_in_a_line_counts_its_own_work_only(
    site: Site, winner: RolloutRecord, ada: User, mallory: User
) -> None:
    elsewhere = Site.objects.get(name="elsewhere")
    now = DECIDED + timedelta(days=1)

    own, other = at_a_glance([site, elsewhere], now=now)

    assert (own.launched, own.running, own.waiting) == (1, 0, 0)
    assert (other.launched, other.running, other.waiting, other.warnings) == (0, 0, 0, 0)
    assert winner.key
    assert ada != mallory


def test_what_sites_taught_says_nothing_of_whose_they_are(
    site: Site, winner: RolloutRecord, ada: User, mallory: User
) -> None:
    elsewhere = Site.objects.get(name="elsewhere")

    with CaptureQueriesContext(connection) as of_one:
        text = without_names([site], now=DECIDED + timedelta(days=1))
    with CaptureQueriesContext(connection) as of_two:
        assert without_names([elsewhere, site], now=DECIDED + timedelta(days=1)) == text

    head, row = text.splitlines()
    assert head == ",".join(COLUMNS)
    told = dict(zip(COLUMNS, row.split(","), strict=True))
    assert (told["site"], told["outcome"], told["decision"]) == ("A", "win", "ship")
    assert float(told["effect"]) > 0
    for name in (site.name, winner.experiment.key, winner.experiment.name, "example.com"):
        assert name not in row
    assert ada.name not in row
    assert mallory.name not in row
    assert len(of_two) == len(of_one) < 20


def test_nobody_takes_along_what_another_site_taught(
    site: Site, winner: RolloutRecord, ada: User, mallory: User, client_of: ClientOf
) -> None:
    address = "/learnings-without-names.csv"

    own = client_of(ada).get(address).content.decode().splitlines()
    before = client_of(mallory).get(address).content.decode().splitlines()
    give_role(site, mallory, Role.VIEWER, by="tests", now=DECIDED)
    after = client_of(mallory).get(address).content.decode().splitlines()
    page = client_of(mallory).get("/").content.decode()

    assert (len(own), len(before), len(after)) == (2, 1, 2)
    assert Client().get(address).status_code == 302
    assert [each.name for each in sites_of(mallory)] == ["elsewhere", "shop"]
    assert "/s/shop/" in page
    assert "/s/elsewhere/" in page
    assert winner.key
