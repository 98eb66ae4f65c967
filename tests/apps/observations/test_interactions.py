"""Which experiments disturbed each other: asked, computed by the worker, stored, shown."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client

from tests.apps.observations.conftest import NOW
from truelift.apps.accounts.models import User
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import Job
from truelift.apps.observations.interactions_page import interactions_page
from truelift.apps.observations.reads import newest_report
from truelift.apps.observations.services import ask_for_interactions
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]


@pytest.mark.usefixtures("two_experiments")
def test_a_pair_that_sells_more_together_is_found_and_shown(
    site: Site,
    ada: User,
    cleo: User,
    client_of: ClientOf,
    text_of: Callable[[object], str],
) -> None:
    job = ask_for_interactions(site, by=Actor(ada), now=NOW)
    again = ask_for_interactions(site, by=Actor(cleo), now=NOW)
    run_due_jobs(NOW)

    assert (again, Job.objects.get(pk=job.pk).error) == (job, "")
    report = newest_report(site)
    assert report is not None
    (pair,) = report.document["pairs"]
    assert pair["shared"] == 4_000
    assert pair["units"] == [[1_000, 1_000], [1_000, 1_000]]
    assert not pair["traffic"]["found"]
    (metric,) = pair["metrics"]
    assert (metric["metric"], metric["verdict"]) == ("order_rate", "found")
    assert metric["interaction"]["effects"][0][0]["value"] == pytest.approx(0.25, abs=0.06)
    assert 0 < metric["interaction"]["power"] <= 1

    page = text_of(client_of(cleo).get(f"/s/{site.name}/interactions/"))

    assert "Effects depend on each other in one pair of 1." in page
    assert "1,000<small>1,000 expected</small>" in page
    assert "decide about the combination" in page
    assert f'href="/s/{site.name}/methods/interaction-metric/"' in page
    assert "Compute it anew" not in page
    assert "Compute it anew" in text_of(client_of(ada).get(f"/s/{site.name}/interactions/"))


def test_without_two_experiments_the_report_says_that_none_met(
    site: Site, ada: User, client_of: ClientOf, text_of: Callable[[object], str]
) -> None:
    empty = text_of(client_of(ada).get(f"/s/{site.name}/interactions/"))
    client_of(ada).post(f"/s/{site.name}/interactions/compute/")
    waiting = text_of(client_of(ada).get(f"/s/{site.name}/interactions/"))

    run_due_jobs(NOW.replace(year=2099))

    assert "Pairs of experiments that ran at once will stand here" in empty
    assert 'aria-busy="true"' in waiting
    assert interactions_page(site, newest_report(site)).answer == (
        "No two experiments ran at the same time."
    )
    progress = client_of(ada).get(f"/s/{site.name}/interactions/progress/")
    assert (progress.status_code, progress["HX-Refresh"]) == (200, "true")


def test_an_uneven_share_is_said_in_the_cells_that_stand_out(site: Site, ada: User) -> None:
    from truelift.apps.observations.interacting import store_report

    side = {"name": "", "variants": ["old", "new"], "since": None, "until": None}
    residuals = [[20.0, -20.0], [-20.0, 20.0]]
    traffic = {"chi2": 400.0, "df": 1, "p": 1e-80, "found": True, "residuals": residuals}
    pair = {
        "first": {"experiment": "price", **side},
        "second": {"experiment": "form", **side},
        "units": [[900, 100], [100, 900]],
        "shared": 2_000,
        "traffic": traffic,
        "metrics": [],
    }
    document = {"alpha": 0.05, "experiments": [1, 2], "skipped": [], "pairs": [pair]}

    report = store_report(site, document, by=Actor(ada), now=NOW)
    page = interactions_page(site, report)

    assert page.answer == "Visitors are shared unevenly in one pair of 1."
    (section,) = page.pairs
    assert section.rows[0][1][0].stands_out == "more than"
    assert "both draw with the same seed" in section.traffic


def test_only_members_see_it_and_only_analysts_ask_for_it(
    site: Site, cleo: User, mallory: User, client_of: ClientOf
) -> None:
    def statuses(who: User) -> list[int]:
        browser = client_of(who)
        return [
            browser.get(f"/s/{site.name}/interactions/").status_code,
            browser.post(f"/s/{site.name}/interactions/compute/").status_code,
            browser.get(f"/api/v1/interactions?site={site.name}").status_code,
            browser.post(f"/api/v1/interactions?site={site.name}").status_code,
        ]

    assert statuses(mallory) == [404] * 4
    assert statuses(cleo) == [200, 403, 200, 403]
    assert Client().get(f"/api/v1/interactions?site={site.name}").status_code == 401
    assert not Job.objects.exists()


def test_a_program_asks_for_it_and_reads_it(site: Site, ada: User, client_of: ClientOf) -> None:
    browser = client_of(ada)
    address = f"/api/v1/interactions?site={site.name}"

    before = browser.get(address).json()
    asked = browser.post(address, content_type="application/json")
    run_due_jobs(NOW.replace(year=2099))
    after = json.loads(browser.get(address).content)

    assert before == {"report": None}
    assert asked.status_code == 202
    assert after["report"]["number"] == 1
    assert after["report"]["document"]["pairs"] == []
