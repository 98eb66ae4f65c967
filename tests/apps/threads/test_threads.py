"""What people say about an item, whom they call, and what a stranger learns: nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest
from django.test import Client

from truelift import apps
from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import AuditEvent, Facts, User
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import InsightFields
from truelift.apps.research.services import create_insight
from truelift.apps.sites.models import Site
from truelift.apps.threads.changes import Speech, changes_said
from truelift.apps.threads.items import Kind, item_of
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
from truelift.apps.threads.telling import (
    what_changed,
    what_was_done,
    who_did,
    why_it_was_done,
)
from truelift.apps.threads.templatetags.threads import with_calls
from truelift.lifecycle.experiment import Action
from truelift.lifecycle.rollout import RolloutAction


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]

NOBODY: Final = Speech({}, "EUR", "UTC")

ACTION: Final = re.compile(r'(?:action=|Action\.[A-Z]+: )"([a-z]+\.[a-z_]+)"')


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


def test_an_alert_is_named_by_its_concern_and_never_by_what_it_found() -> None:
    event = AuditEvent(
        actor="system",
        action="alert.opened",
        after={"alert": "guardrail:refund_rate", "level": "pause"},
    )

    said = f"{who_did(event, NOBODY)} {what_was_done(event, NOBODY)}"

    assert said == "Truelift raised an alert about guardrail"


def test_whoever_is_named_in_a_change_is_named_by_name(
    site: Site, ada: User, ben: User, now: datetime
) -> None:
    audit(
        actor="operator",
        action="brief.written",
        target="experiment:cost",
        before={"builder": "gone@example.com", "implementer": None, "risks": {}, "decisions": {}},
        after={
            "builder": ben.email,
            "implementer": ada.email,
            "risks": {"brand": True},
            "decisions": {"win": "ship"},
        },
        now=now,
        site=site.name,
        on_behalf_of=ben.email,
    )

    (entry,) = thread_of(site, "experiment", "cost")

    assert (entry.who, entry.did) == (f"The operator, for {ben},", "wrote into the brief")
    assert set(entry.changes) == {
        f"The builder of the variants is now {ben}; it was somebody who is not here any more.",
        f"The implementer of the winner is {ada}.",
        "Could it hurt how people see the brand? Yes.",
        "After a win the choice is “Ship”.",
    }


@pytest.mark.parametrize(
    ("action", "before", "after", "did", "why"),
    [
        (
            "rollout.signed",
            None,
            {"function": "cro_lead"},
            "signed for CRO lead that everybody gets it",
            "",
        ),
        (
            "experiment.launch",
            {"stage": "ready"},
            {"stage": "running", "reason": "Go."},
            "scheduled it and launched it",
            "Go.",
        ),
        (
            "experiment.decide",
            {"stage": "analysed"},
            {"stage": "decided", "choice": "ship", "against_advice": True, "reason": "We dare."},
            "decided: ship, against the recommendation",
            "We dare.",
        ),
        (
            "brief.approved",
            None,
            {"what": "analytics", "note": ""},
            "signed for Analytics that it may start",
            "",
        ),
        ("hypothesis.created", None, {"reason": "They search."}, "wrote it down", ""),
        (
            "qa.run_finished",
            None,
            {"run": 1, "missing": 1},
            "finished the instrumentation check: one event did not arrive",
            "",
        ),
    ],
)
def test_what_happened_is_a_sentence(
    action: str, before: Facts | None, after: Facts, did: str, why: str
) -> None:
    event = AuditEvent(actor="system", action=action, before=before, after=after)

    assert (what_was_done(event, NOBODY), why_it_was_done(event)) == (did, why)
    assert what_changed(event, NOBODY) == ()


@pytest.mark.parametrize(
    ("was", "now", "sentence"),
    [
        ({"goal": ""}, {"goal": "Sell more."}, "The goal is “Sell more.”"),
        ({"slot": "W 3"}, {"slot": ""}, "The slot was taken out; it was “W 3”."),
        ({"due": None}, {"due": "2026-11-26"}, "The due day is Thu 26 Nov 2026."),
        (
            {"exposure": 0.5},
            {"exposure": 1.0},
            ("The share of visitors who get it is now 100%; it was 50%."),
        ),
        (
            {"weekly_value_minor": None},
            {"weekly_value_minor": 120000},
            ("What it costs a week is €1,200."),
        ),
        (
            {"decisions": {"win": "ship"}},
            {"decisions": {}},
            ("After a win no choice is agreed any more."),
        ),
        (
            {"metrics": []},
            {"metrics": [["order_rate@2", "guardrail", 0.02]]},
            ("The metrics are now order rate (may veto within ±2.0%)."),
        ),
        (
            {"variants": []},
            {"variants": [["a", 1.0, True], ["b", 3.0, False]]},
            ("The variants are now a (25%, control) and b (75%)."),
        ),
        (
            {"odd_thing": {"x": True}},
            {"odd_thing": {"x": False}},
            ("The odd thing is now x no; it was x yes."),
        ),
    ],
)
def test_a_change_is_a_sentence_and_never_how_it_is_stored(
    was: Facts, now: Facts, sentence: str
) -> None:
    assert changes_said(was, now, NOBODY) == (sentence,)


def test_every_event_of_an_item_has_words_of_its_own() -> None:
    source = Path(apps.__file__).parent
    written = {
        action
        for path in source.rglob("*.py")
        for action in ACTION.findall(path.read_text(encoding="utf-8"))
    }
    kinds = {*Kind, "brief", "qa", "trouble"}
    told = {action for action in written if action.partition(".")[0] in kinds}
    put_together = {
        *(f"rollout.{each}" for each in RolloutAction),
        *(f"experiment.{each}" for each in Action),
        *(f"alert.{each}" for each in ("opened", "worse", "acknowledged", "resolved")),
        *(f"signal.{each}" for each in ("triaged", "linked", "unlinked", "dismissed", "woken")),
        *(f"idea.{each}" for each in ("screened", "scored", "promoted", "parked", "rejected")),
        *(f"principle.{each}" for each in ("created", "edited", "accepted", "retired")),
        *(f"principle.{each}" for each in ("test_linked", "guideline_added", "use_said")),
    }

    wordless = {
        action
        for action in told | put_together
        if what_was_done(AuditEvent(actor="system", action=action, after={}), NOBODY)
        == action.partition(".")[2].replace("_", " ")
    }

    assert len(told) > 25
    assert wordless == set()
