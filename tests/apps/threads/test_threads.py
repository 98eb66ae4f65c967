"""What people say about an item, whom they call, and what a stranger learns: nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import InsightFields
from truelift.apps.research.services import create_insight
from truelift.apps.sites.models import Site
from truelift.apps.threads.items import item_of
from truelift.apps.threads.models import CommentRecord
from truelift.apps.threads.reads import mentions_of, thread_of
from truelift.apps.threads.services import (
    BadComment,
    NoSuchItem,
    NotYourComment,
    mentioned,
    say,
    withdraw,
)
from truelift.apps.threads.templatetags.threads import with_calls


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]


@pytest.fixture
def insight(site: Site, ada: User, now: datetime) -> str:
    return create_insight(
        site, InsightFields(problem="Nobody finds the search"), by=Actor(ada), now=now
    ).key


def test_a_thread_tells_what_happened_and_what_was_said_in_its_order(
    site: Site, insight: str, ada: User, ben: User, now: datetime
) -> None:
    say(site, "insight", insight, "Seen in four of six interviews.", by=Actor(ben), now=now)

    created, comment = thread_of(site, "insight", insight, user=ben)

    assert (created.who, created.did) == (str(ada), "wrote it down")
    assert (comment.who, comment.text) == (str(ben), "Seen in four of six interviews.")
    assert comment.own
    assert AuditEvent.objects.filter(action="comment.said", target="insight:I-1").exists()


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("@ben look", ["ben@example.com"]),
        ("@ben@example.com, @Ada.", ["ben@example.com", "ada@example.com"]),
        ("write to ben@example.com", []),
        ("@mallory @nobody @", []),
        ("@ben and @ben again", ["ben@example.com"]),
    ],
)
def test_members_are_called_by_name_or_address_and_strangers_are_not(
    site: Site, ada: User, ben: User, mallory: User, text: str, called: list[str]
) -> None:
    assert [user.email for user in mentioned(site, text)] == called


def test_a_mention_waits_until_the_person_answers(
    site: Site, insight: str, ada: User, ben: User, now: datetime
) -> None:
    say(site, "insight", insight, "@ben can you check?", by=Actor(ada), now=now)
    waiting = mentions_of(ben, site)
    say(site, "insight", insight, "Checked.", by=Actor(ben), now=now)

    assert [(each.key, each.who) for each in waiting] == [(insight, str(ada))]
    assert mentions_of(ben, site) == ()


def test_what_is_taken_back_leaves_no_words_but_that_it_was_said(
    site: Site, insight: str, ada: User, ben: User, now: datetime
) -> None:
    comment, _ = say(site, "insight", insight, "@ben no idea", by=Actor(ada), now=now)

    with pytest.raises(NotYourComment):
        withdraw(site, comment.pk, by=Actor(ben), now=now)
    withdraw(site, comment.pk, by=Actor(ada), now=now)

    assert CommentRecord.objects.get().text == ""
    assert thread_of(site, "insight", insight)[-1].withdrawn
    assert mentions_of(ben, site) == ()


@pytest.mark.parametrize("text", ["", "  \n", "x" * 4001, "\0"])
def test_a_comment_that_cannot_be_kept_is_refused(
    site: Site, insight: str, ada: User, now: datetime, text: str
) -> None:
    with pytest.raises(BadComment):
        say(site, "insight", insight, text, by=Actor(ada), now=now)


@pytest.mark.parametrize(
    ("kind", "key"), [("insight", "I-99"), ("insight", "I-１"), ("secret", "I-1"), ("idea", "I-1")]
)
def test_nothing_is_said_about_what_is_not_there(
    site: Site, ada: User, now: datetime, kind: str, key: str
) -> None:
    assert item_of(site, kind, key) is None
    with pytest.raises(NoSuchItem):
        say(site, kind, key, "Hello", by=Actor(ada), now=now)


def test_the_page_of_an_item_shows_its_thread_and_takes_a_comment(
    site: Site, insight: str, cleo: User, client_of: ClientOf
) -> None:
    client = client_of(cleo)

    posted = client.post(f"/s/{site.name}/threads/insight/{insight}/", {"text": "<b>Hm</b> @ada"})
    page = client.get(f"/s/{site.name}/insights/{insight}/").content.decode()

    assert posted["Location"] == f"/s/{site.name}/insights/{insight}/#thread"
    assert "&lt;b&gt;Hm&lt;/b&gt; <b>@ada</b>" in page


def test_a_stranger_says_nothing_and_takes_nothing_back(
    site: Site, insight: str, ada: User, mallory: User, client_of: ClientOf, now: datetime
) -> None:
    comment, _ = say(site, "insight", insight, "Ours.", by=Actor(ada), now=now)
    client = client_of(mallory)

    said = client.post(f"/s/{site.name}/threads/insight/{insight}/", {"text": "Mine"})
    taken = client.post(f"/s/{site.name}/threads/comments/{comment.pk}/withdraw/")

    assert (said.status_code, taken.status_code) == (404, 404)
    assert CommentRecord.objects.get().text == "Ours."


def test_a_comment_is_written_out_as_text_whatever_is_in_it() -> None:
    assert with_calls("<i>@ben\n'x'") == "&lt;i&gt;<b>@ben</b><br>&#x27;x&#x27;"
