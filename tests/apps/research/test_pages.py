"""The pages of insights and hypotheses: what they show, what they refuse, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from truelift.apps.accounts.models import User
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import InsightFields
from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.research.services import accept_insight, create_insight
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]


def text_of(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return " ".join(content.decode().split())


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("insights", "Write the first insight"),
        ("hypotheses", "Write the first hypothesis"),
        ("hypotheses/new", "There is no accepted insight yet."),
    ],
)
def test_every_page_says_what_to_do_when_it_is_empty(
    site: Site, ada: User, client_of: ClientOf, page: str, words: str
) -> None:
    response = client_of(ada).get(f"/s/{site.name}/{page}/")

    assert response.status_code == 200
    assert words in text_of(response)


def test_an_insight_is_written_accepted_and_built_on(
    site: Site, ada: User, client_of: ClientOf
) -> None:
    client = client_of(ada)

    written = client.post(
        f"/s/{site.name}/insights/new/",
        {
            "problem": "Cost comes late",
            "surface": "Checkout",
            "segment": "Phones",
            "size": "41%",
            "weekly_value": "27600.50",
            "kind_1": "voice",
            "text_1": "“Where is the cost?”",
            "url_1": "https://example.com/notes",
        },
    )
    accepted = client.post(f"/s/{site.name}/insights/I-1/accept/")
    page = text_of(client.get(f"/s/{site.name}/insights/I-1/"))
    form = text_of(client.get(f"/s/{site.name}/hypotheses/new/?insight=I-1"))

    insight = InsightRecord.objects.get()
    assert (written.status_code, accepted.status_code) == (302, 302)
    assert (insight.stage, insight.weekly_value_minor) == ("accepted", 2_760_050)
    assert "about €27,600" in page
    assert 'value="I-1"' in form
    assert "checked" in form


def test_a_form_that_does_not_fit_keeps_its_input(
    site: Site, ada: User, client_of: ClientOf
) -> None:
    response = client_of(ada).post(
        f"/s/{site.name}/insights/new/",
        {"problem": "", "surface": "Checkout", "text_1": "x", "url_1": "javascript:alert(1)"},
    )

    assert response.status_code == 422
    assert 'value="Checkout"' in text_of(response)
    assert not InsightRecord.objects.exists()


def test_a_link_that_runs_something_is_refused_at_its_field(
    site: Site, ada: User, client_of: ClientOf
) -> None:
    response = client_of(ada).post(
        f"/s/{site.name}/insights/new/",
        {"problem": "x", "text_1": "Look", "url_1": "javascript:alert(1)"},
    )

    assert response.status_code == 422
    assert "A link begins with" in text_of(response)


def test_a_refused_acceptance_names_every_reason_and_where_it_is_removed(
    site: Site, ada: User, now: datetime, client_of: ClientOf
) -> None:
    create_insight(site, InsightFields(problem="It is slow"), by=Actor(ada), now=now)

    response = client_of(ada).post(f"/s/{site.name}/insights/I-1/accept/")

    said = text_of(response)
    assert response.status_code == 409
    assert "Not yet, for 4 reasons" in said
    assert f"/s/{site.name}/insights/I-1/edit/#id_surface" in said
    assert 'aria-disabled="true" aria-describedby="why-not">Accept</button>' in said


def test_what_rests_on_an_insight_keeps_it_and_says_so(
    site: Site, hypothesis: HypothesisRecord, ada: User, client_of: ClientOf
) -> None:
    response = client_of(ada).post(f"/s/{site.name}/insights/I-1/delete/")

    assert response.status_code == 409
    assert f"because {hypothesis.key} rests on it" in text_of(response)


def test_a_hypothesis_is_read_as_a_sentence_and_accepted(
    site: Site, insight: InsightRecord, hypothesis: HypothesisRecord, ada: User, client_of: ClientOf
) -> None:
    client = client_of(ada)

    before = text_of(client.get(f"/s/{site.name}/hypotheses/H-1/"))
    refused = client.post(f"/s/{site.name}/hypotheses/H-1/accept/", {"reason": " "})
    client.post(f"/s/{site.name}/hypotheses/H-1/accept/", {"reason": "I work alone here"})
    after = text_of(client.get(f"/s/{site.name}/hypotheses/H-1/"))

    assert "If we show the delivery cost on the product page for phone visitors" in before
    assert insight.problem in before
    assert 'name="reason"' in before
    assert refused.status_code == 409
    assert "Say why it should be tested all the same." in text_of(refused)
    assert f"/s/{site.name}/experiments/new/?hypothesis={hypothesis.key}" in after


def test_the_page_names_who_could_accept_what_one_wrote_oneself(
    site: Site, hypothesis: HypothesisRecord, ada: User, ben: User, client_of: ClientOf
) -> None:
    mine = text_of(client_of(ada).get(f"/s/{site.name}/hypotheses/{hypothesis.key}/"))
    his = text_of(client_of(ben).get(f"/s/{site.name}/hypotheses/{hypothesis.key}/"))

    assert f"Ask {ben}." in mine
    assert 'aria-disabled="true"' in mine
    assert 'aria-disabled="true"' not in his
    assert 'name="reason"' not in mine + his


def test_a_hypothesis_is_edited_as_it_was_written(
    site: Site,
    insight: InsightRecord,
    hypothesis: HypothesisRecord,
    ada: User,
    now: datetime,
    client_of: ClientOf,
) -> None:
    accept_insight(site, insight.key, by=Actor(ada), now=now)
    client, here = client_of(ada), f"/s/{site.name}/hypotheses/H-1/edit/"
    initial = client.get(here).context["form"].initial

    response = client.post(here, {**initial, "audience": "everyone"})

    hypothesis.refresh_from_db()
    assert response.status_code == 302
    assert (hypothesis.audience, hypothesis.expected_lift) == ("everyone", 0.05)
    assert hypothesis.as_domain().evidence == (insight.key,)


def test_a_viewer_reads_and_does_not_write(
    site: Site, insight: InsightRecord, cleo: User, client_of: ClientOf
) -> None:
    client = client_of(cleo)

    page = client.get(f"/s/{site.name}/insights/{insight.key}/")
    tried = client.post(f"/s/{site.name}/insights/{insight.key}/accept/")

    assert "Your role on this site does not accept insights." in text_of(page)
    assert tried.status_code == 403


GETS = [
    "insights/",
    "insights/new/",
    "insights/I-1/",
    "insights/I-1/edit/",
    "hypotheses/",
    "hypotheses/new/",
    "hypotheses/H-1/",
    "hypotheses/H-1/edit/",
]
POSTS = [
    "insights/new/",
    "insights/I-1/edit/",
    "insights/I-1/accept/",
    "insights/I-1/confirm/",
    "insights/I-1/retire/",
    "insights/I-1/delete/",
    "hypotheses/new/",
    "hypotheses/check/",
    "hypotheses/H-1/submit/",
    "hypotheses/H-1/return/",
    "hypotheses/H-1/again/",
    "hypotheses/H-1/edit/",
    "hypotheses/H-1/accept/",
    "hypotheses/H-1/delete/",
]


def test_a_stranger_gets_what_does_not_exist(
    hypothesis: HypothesisRecord, mallory: User, client_of: ClientOf
) -> None:
    client = client_of(mallory)

    said = {page: client.get(f"/s/shop/{page}").status_code for page in GETS}
    said |= {page: client.post(f"/s/shop/{page}", {"problem": "x"}).status_code for page in POSTS}

    assert hypothesis.stage == "draft"
    assert set(said.values()) == {404}


def test_what_another_site_has_is_not_reached_through_ones_own(
    hypothesis: HypothesisRecord, mallory: User, client_of: ClientOf
) -> None:
    client = client_of(mallory)

    assert client.get(f"/s/elsewhere/hypotheses/{hypothesis.key}/").status_code == 404
    assert client.post("/s/elsewhere/insights/I-1/delete/").status_code == 404


def test_the_lists_take_the_same_queries_for_one_row_and_for_many(
    site: Site, hypothesis: HypothesisRecord, ada: User, now: datetime, client_of: ClientOf
) -> None:
    client = client_of(ada)
    pages = [f"/s/{site.name}/insights/", f"/s/{site.name}/hypotheses/"]
    for page in pages:
        client.get(page)
    with CaptureQueriesContext(connection) as few:
        for page in pages:
            client.get(page)
    for number in range(5):
        create_insight(site, InsightFields(problem=f"{number}"), by=Actor(ada), now=now)

    with CaptureQueriesContext(connection) as many:
        said = [text_of(client.get(page)) for page in pages]

    assert hypothesis.change in said[1]
    assert len(many) == len(few)
