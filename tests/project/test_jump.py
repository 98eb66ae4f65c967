"""What Ctrl K finds on a page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from truelift.apps.accounts.models import User
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.sites.models import Site
from truelift.project.jump import NEWEST, jump_items


pytestmark = [pytest.mark.database, pytest.mark.django_db]

HOSTILE = "</script><script>alert(1)</script> & “£”"


def filled(site: Site, now: datetime, *, title: str = "Delivery cost") -> None:
    ExperimentRecord.objects.create(site=site, key="delivery", name=title, made_at=now)
    HypothesisRecord.objects.create(
        site=site, number=3, change="show the cost", made_at=now + timedelta(hours=1)
    )
    InsightRecord.objects.create(site=site, number=4, problem="", made_at=now + timedelta(hours=2))


def test_experiments_hypotheses_and_insights_are_found_newest_first_in_one_query(
    site: Site, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    filled(site, now)

    with django_assert_num_queries(1):
        found = jump_items(site)

    assert found == [
        {"label": "I-4", "href": "/s/shop/insights/I-4/", "group": "Insights"},
        {
            "label": "H-3 show the cost",
            "href": "/s/shop/hypotheses/H-3/",
            "group": "Hypotheses",
        },
        {
            "label": "Delivery cost · delivery",
            "href": "/s/shop/experiments/delivery/",
            "group": "Experiments",
        },
    ]


def test_only_the_newest_are_carried_by_every_page(site: Site, now: datetime) -> None:
    InsightRecord.objects.bulk_create(
        InsightRecord(
            site=site, number=number, problem="x" * 300, made_at=now + timedelta(minutes=number)
        )
        for number in range(1, NEWEST + 2)
    )

    found = jump_items(site)

    assert len(found) == NEWEST
    assert found[0]["href"] == f"/s/shop/insights/I-{NEWEST + 1}/"
    assert max(len(item["label"]) for item in found) == 100


def test_what_people_typed_stays_text_on_the_page(
    site: Site, ada: User, now: datetime, client_of: Callable[[User], Client]
) -> None:
    filled(site, now, title=HOSTILE)

    page = client_of(ada).get("/s/shop/members/").content.decode()

    written = re.search(r'<script id="jump-items" type="application/json">(.*?)</script>', page)
    assert written is not None
    assert json.loads(written[1])[-1]["label"] == f"{HOSTILE} · delivery"
    assert "alert(1)</script>" not in page


def test_another_sites_names_are_on_no_page(
    site: Site, mallory: User, now: datetime, client_of: Callable[[User], Client]
) -> None:
    filled(site, now, title="Secret plan")

    page = client_of(mallory).get("/me/").content.decode()

    assert "Secret plan" not in page
    assert "jump-items" not in page
