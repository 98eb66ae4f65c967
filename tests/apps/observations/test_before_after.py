"""Before and after a change: asked, computed by the worker, always said to be observational."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from tests.apps.observations.conftest import CHANGED, NOW
from truelift.apps.accounts.models import User
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import Job
from truelift.apps.observations.before_after_page import before_after_page, list_page
from truelift.apps.observations.models import BeforeAfter
from truelift.apps.observations.services import (
    BadComparison,
    Comparison,
    Control,
    create_before_after,
)
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]

ASKED = Comparison(
    name="Free delivery on phones",
    metric="order_rate",
    design="difference-in-differences",
    changed_on=CHANGED,
    segment="phones",
    days_before=56,
    days_after=28,
    controls=[Control("order_rate", "desktops")],
)


@pytest.mark.usefixtures("changed_for_phones")
def test_every_way_reads_the_change_and_says_that_it_was_not_randomised(
    site: Site,
    ada: User,
    client_of: ClientOf,
    text_of: Callable[[object], str],
) -> None:
    ways = [
        ASKED,
        replace(ASKED, design="interrupted-time-series", controls=[]),
        replace(
            ASKED,
            design="synthetic-control",
            controls=[Control("order_rate", "not:phones"), Control("page_views", "phones")],
        ),
    ]

    made = [create_before_after(site, each, by=Actor(ada), now=NOW) for each in ways]
    run_due_jobs(NOW)

    assert [Job.objects.get(subject=f"before_after:{each.pk}").error for each in made] == [""] * 3
    for each in made:
        each.refresh_from_db()
        assert each.document is not None
        effect = each.document["effect"]
        assert effect["label"] == "observational"
        assert effect["value"] == pytest.approx(0.5, abs=0.25)
        assert len(effect["assumptions"]) == 4
        assert effect["placebos"]
        page = text_of(client_of(ada).get(f"/s/{site.name}/before-after/{each.number}/"))
        assert "Observational, not randomised." in page
        assert "Finds nothing" in page
        assert all(words in page for words in effect["assumptions"])
    assert "Free delivery on phones" in text_of(client_of(ada).get(f"/s/{site.name}/before-after/"))
    assert len(list_page(site, made).rows) == 3
    assert made[0].segment == "phones@1"
    first, last = (each.document for each in (made[0], made[-1]))
    assert first is not None
    assert last is not None
    assert last["controls"][0]["segment"] == "not:phones@1"
    assert last["controls"][0]["values"] == first["controls"][0]["values"]
    drawn = before_after_page(site, made[0]).effects
    assert drawn is not None
    assert [each.label for each in drawn.effects] == ["Since the change", "Placebo, earlier"]


@pytest.mark.usefixtures("changed_for_phones")
def test_a_result_stays_what_it_was_however_often_it_is_asked_for(
    site: Site, ada: User, client_of: ClientOf
) -> None:
    record = create_before_after(site, ASKED, by=Actor(ada), now=NOW)
    run_due_jobs(NOW)
    record.refresh_from_db()
    digest = record.digest

    client_of(ada).post(f"/s/{site.name}/before-after/{record.number}/again/")

    record.refresh_from_db()
    assert (record.digest, Job.objects.count()) == (digest, 1)


def test_what_the_lake_cannot_answer_is_said_and_may_be_tried_again(
    site: Site, ada: User, client_of: ClientOf, text_of: Callable[[object], str]
) -> None:
    asked = replace(ASKED, segment="", design="interrupted-time-series", controls=[])
    record = create_before_after(site, asked, by=Actor(ada), now=NOW)
    run_due_jobs(NOW)

    page = text_of(client_of(ada).get(f"/s/{site.name}/before-after/{record.number}/"))

    assert "It could not be computed. order_rate has no value on 84 of the days" in page
    assert "Try it again" in page
    assert before_after_page(site, record).answer == "Free delivery on phones: what changed?"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"metric": "nothing"}, "metric"),
        ({"segment": "nobody"}, "segment"),
        ({"design": "guess"}, "design"),
        ({"days_before": 3}, "days_before"),
        ({"days_after": 400}, "days_after"),
        ({"controls": []}, "controls"),
        ({"controls": [Control("order_rate")]}, "controls"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_its_field(
    site: Site, ada: User, change: dict[str, object], field: str
) -> None:
    asked = replace(ASKED, segment="", controls=[Control("cart_rate")])

    with pytest.raises(BadComparison) as refused:
        create_before_after(site, replace(asked, **change), by=Actor(ada), now=NOW)  # type: ignore[arg-type]

    assert field in refused.value.wrong
    assert not BeforeAfter.objects.exists()


def test_the_form_asks_and_keeps_what_was_wrong(
    site: Site, ada: User, client_of: ClientOf, text_of: Callable[[object], str]
) -> None:
    browser, address = client_of(ada), f"/s/{site.name}/before-after/new/"
    typed = {
        "name": "A new law",
        "metric": "order_rate",
        "design": "difference-in-differences",
        "changed_on": CHANGED.isoformat(),
        "days_before": "56",
        "days_after": "28",
    }

    form = text_of(browser.get(address))
    refused = browser.post(address, typed)
    made = browser.post(address, {**typed, "controls": ["metric:cart_rate"]})

    assert "What was changed for everybody, and when?" in form
    assert refused.status_code == 422
    assert "takes 1 or more series that it did not reach" in text_of(refused)
    assert made["Location"] == f"/s/{site.name}/before-after/1/"
    assert BeforeAfter.objects.get().controls == [{"metric": "cart_rate", "segment": ""}]


def test_only_members_see_it_and_only_analysts_ask_for_it(
    site: Site, ada: User, cleo: User, mallory: User, client_of: ClientOf
) -> None:
    asked = replace(ASKED, segment="", design="interrupted-time-series", controls=[])
    create_before_after(site, asked, by=Actor(ada), now=NOW)
    body = {
        "name": "x",
        "metric": "order_rate",
        "design": "interrupted-time-series",
        "changed_on": (CHANGED - timedelta(days=1)).isoformat(),
    }

    def statuses(who: User) -> list[int]:
        browser, home, api = client_of(who), f"/s/{site.name}/before-after/", "/api/v1/before-after"
        query = f"?site={site.name}"
        return [
            browser.get(home).status_code,
            browser.get(f"{home}1/").status_code,
            browser.get(f"{home}new/").status_code,
            browser.post(f"{home}1/again/").status_code,
            browser.get(f"{api}/1{query}").status_code,
            browser.post(f"{api}{query}", body, content_type="application/json").status_code,
        ]

    assert statuses(mallory) == [404] * 6
    assert statuses(cleo) == [200, 200, 403, 403, 200, 403]
    assert statuses(ada) == [200, 200, 200, 302, 200, 202]
    assert Client().get(f"/api/v1/before-after?site={site.name}").status_code == 401
    assert client_of(ada).get(f"/api/v1/before-after/99?site={site.name}").status_code == 404


@pytest.mark.usefixtures("changed_for_phones")
def test_a_decision_without_a_test_stands_with_its_effect_among_the_learnings(
    site: Site, ada: User, client_of: ClientOf, text_of: Callable[[object], str]
) -> None:
    decided = replace(
        ASKED,
        name="No bids on broad match",
        kind="budget_rule",
        owner=ada.email,
        expected="The order rate back to what it was.",
    )
    later = replace(decided, name="Agents are paid by orders", days_after=200)
    with pytest.raises(BadComparison, match="Say what it should bring"):
        create_before_after(site, replace(decided, expected=" "), by=Actor(ada), now=NOW)
    done = create_before_after(site, decided, by=Actor(ada), now=NOW)
    waits = create_before_after(site, later, by=Actor(ada), now=NOW)

    run_due_jobs(NOW)

    browser = client_of(ada)
    page = text_of(browser.get(f"/s/{site.name}/learnings/"))
    done.refresh_from_db()
    document = done.document
    assert document is not None
    assert document["effect"]["low"] < 0.5 < document["effect"]["high"]
    assert "What was fixed without a test" in page
    assert "Observational" in page
    assert "A rule for the budget, " in page
    assert "Seen since: +" in page
    drawn = text_of(browser.get(f"/s/{site.name}/trends/?event=purchase&period=all"))
    assert "Decision: No bids on broad match" in drawn
    assert Job.objects.get(subject=f"before_after:{waits.pk}").finished_at is None
