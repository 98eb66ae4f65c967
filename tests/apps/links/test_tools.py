"""Tickets elsewhere: what is asked and told, what is believed, and what a rollout follows."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests.apps.inbox.conftest import Elsewhere
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.inbox.models import NoticeRecord
from truelift.apps.links import github, jira, linear
from truelift.apps.links.jobs import EVERY
from truelift.apps.links.models import HeardRecord, TicketRecord, ToolRecord
from truelift.apps.links.services import (
    BadTicket,
    BadTool,
    connect,
    disconnect,
    link,
    receive,
    unlink,
)
from truelift.apps.links.speaking import secret_of
from truelift.apps.links.ticket import BadWebhook, TicketState
from truelift.apps.research.actor import Actor
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.rollouts.services import RolloutFields, edit_rollout
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]

GITHUB = {
    "number": 12,
    "title": "Ship the short form",
    "state": "closed",
    "state_reason": "completed",
    "updated_at": "2026-05-26T10:00:00Z",
}
LINEAR = {
    "id": "uuid",
    "identifier": "ENG-12",
    "title": "Ship the short form",
    "updatedAt": "2026-05-26T10:00:00.000Z",
    "state": {"name": "In Progress", "type": "started"},
}
JIRA = {
    "key": "SHOP-5",
    "fields": {
        "summary": "Ship the short form",
        "updated": "2026-05-26T12:00:00.000+0200",
        "status": {"name": "Done", "statusCategory": {"key": "done"}},
    },
}


def _connect(site: Site, ada: User, now: datetime, kind: str, **more: str) -> ToolRecord:
    secret = {"secret": "lin_wh_secret"} if kind == "linear" else {}
    given = {"kind": kind, "name": kind, "api": "https://jira.example", **secret, **more}
    return connect(site, by=Actor(ada), now=now, **given)


def _signed(tool: ToolRecord, body: bytes, *, message_id: str = "m-1") -> dict[str, str]:
    mac = hmac.new(secret_of(tool).encode(), body, hashlib.sha256).hexdigest()
    return {
        "github": {
            "x-hub-signature-256": f"sha256={mac}",
            "x-github-delivery": message_id,
            "x-github-event": "issues",
        },
        "linear": {"linear-signature": mac, "linear-delivery": message_id},
        "jira": {
            "x-hub-signature": f"sha256={mac}",
            "x-atlassian-webhook-identifier": message_id,
        },
    }[tool.kind]


def _body(kind: str, now: datetime, **changed: Any) -> bytes:
    stamp = round(now.timestamp() * 1000)
    return json.dumps(
        {
            "github": {
                "action": "closed",
                "issue": {**GITHUB, **changed},
                "repository": {"full_name": "acme/shop"},
            },
            "linear": {
                "action": "update",
                "type": "Issue",
                "data": {**LINEAR, **changed},
                "webhookTimestamp": stamp,
            },
            "jira": {
                "timestamp": stamp,
                "webhookEvent": "jira:issue_updated",
                "issue": {**JIRA, **changed},
            },
        }[kind]
    ).encode()


PAGES = {
    "github": "/acme/shop/issues/12",
    "linear": "/acme/issue/ENG-12/ship-the-short-form",
    "jira": "/browse/SHOP-5",
}


@pytest.mark.parametrize(
    ("tool", "path", "outside"),
    [
        (github, "/acme/shop/issues/12", "acme/shop#12"),
        (github, "/acme/shop/pull/7/", "acme/shop#7"),
        (github, "/acme/shop", None),
        (github, "/acme/../issues/12", "acme/..#12"),
        (linear, "/acme/issue/eng-12/a-title", "ENG-12"),
        (linear, "/acme/team/ENG", None),
        (jira, "/browse/SHOP-5", "SHOP-5"),
        (jira, "/jira/browse/SHOP-5", "SHOP-5"),
        (jira, "/projects/SHOP", None),
    ],
)
def test_the_address_of_a_ticket_is_understood(tool: Any, path: str, outside: str | None) -> None:
    assert tool.outside_of(path) == outside


def test_github_is_asked_and_told_in_its_own_way(
    site: Site, ada: User, winner: RolloutRecord, now: datetime, elsewhere: Elsewhere
) -> None:
    api = f"{elsewhere.address}/api/v3"
    _connect(site, ada, now, "github", api=api, token="ghp_secret")
    elsewhere.answer((200, json.dumps({**GITHUB, "state": "open"}).encode()), (201, b"{}"))

    link(site, "rollout", "R-1", f"{elsewhere.address}{PAGES['github']}", by=Actor(ada), now=now)
    run_due_jobs(now)

    (ask, told) = [each for each in elsewhere.asked if "/repos/" in each[1]]
    assert ask[:2] == ("GET", "/api/v3/repos/acme/shop/issues/12")
    assert ask[2]["authorization"] == "Bearer ghp_secret"
    assert ask[2]["x-github-api-version"] == "2022-11-28"
    assert told[:2] == ("POST", "/api/v3/repos/acme/shop/issues/12/comments")
    assert f"http://testserver/s/shop/winners/{winner.key}/" in json.loads(told[3])["body"]
    ticket = TicketRecord.objects.get()
    assert (ticket.title, ticket.state, ticket.problem) == ("Ship the short form", "open", "")
    assert ticket.linked_back_at == now
    assert "ghp_secret" not in ToolRecord.objects.get().token
    assert "ghp_secret" not in str(list(AuditEvent.objects.values()))


def test_linear_is_asked_and_told_in_its_own_way(
    site: Site, ada: User, winner: RolloutRecord, now: datetime, elsewhere: Elsewhere
) -> None:
    _connect(site, ada, now, "linear", api=elsewhere.address, token="lin_api_x")
    issue = {"data": {"issue": {**LINEAR, "state": {"name": "Todo", "type": "unstarted"}}}}
    elsewhere.answer(
        (200, json.dumps(issue).encode()),
        (200, b'{"data": {"attachmentCreate": {"success": true}}}'),
    )

    link(site, "rollout", "R-1", f"{elsewhere.address}{PAGES['linear']}", by=Actor(ada), now=now)
    run_due_jobs(now)

    (ask, told) = elsewhere.asked
    assert ask[:2] == ("POST", "/graphql")
    assert ask[2]["authorization"] == "lin_api_x"
    assert json.loads(ask[3])["variables"] == {"id": "ENG-12"}
    given = json.loads(told[3])["variables"]["input"]
    assert given["issueId"] == "ENG-12"
    assert given["url"] == f"http://testserver/s/shop/winners/{winner.key}/"
    assert TicketRecord.objects.get().said == "Todo"


def test_jira_is_asked_and_told_in_its_own_way(
    site: Site, ada: User, winner: RolloutRecord, now: datetime, elsewhere: Elsewhere
) -> None:
    _connect(site, ada, now, "jira", api=elsewhere.address, account="ada@acme.example", token="t")
    elsewhere.answer((200, json.dumps(JIRA).encode()), (201, b'{"id": 1}'))

    link(site, "rollout", "R-1", f"{elsewhere.address}{PAGES['jira']}", by=Actor(ada), now=now)
    run_due_jobs(now)

    (ask, told) = elsewhere.asked
    assert ask[1] == "/rest/api/2/issue/SHOP-5?fields=summary,status,resolution,updated"
    pair = base64.b64encode(b"ada@acme.example:t").decode()
    assert ask[2]["authorization"] == f"Basic {pair}"
    assert told[:2] == ("POST", "/rest/api/2/issue/SHOP-5/remotelink")
    url = f"http://testserver/s/shop/winners/{winner.key}/"
    assert json.loads(told[3])["object"]["url"] == url
    assert json.loads(told[3])["globalId"] == f"truelift={url}"


def test_a_ticket_is_told_where_its_item_stands_once_for_each_stage(
    site: Site, ada: User, winner: RolloutRecord, now: datetime, elsewhere: Elsewhere
) -> None:
    _connect(site, ada, now, "jira", api=elsewhere.address, token="t")
    open_ = {**JIRA, "fields": {**JIRA["fields"], "status": {"name": "To Do"}}}  # type: ignore[dict-item]
    said = json.dumps(open_).encode()
    elsewhere.answer((200, said), (201, b"{}"), (200, said), (201, b"{}"), (200, said))
    link(site, "rollout", "R-1", f"{elsewhere.address}{PAGES['jira']}", by=Actor(ada), now=now)
    run_due_jobs(now)

    RolloutRecord.objects.update(stage="live")
    run_due_jobs(now + EVERY)
    run_due_jobs(now + 2 * EVERY)

    told = [json.loads(body) for _, path, _, body in elsewhere.asked if path.endswith("/comment")]
    assert len(told) == 1
    assert told[0]["body"].startswith("R-1 in Truelift is now live, not verified:")


def test_a_tool_that_says_no_is_quoted_and_one_that_is_busy_is_asked_again(
    site: Site, ada: User, winner: RolloutRecord, now: datetime, elsewhere: Elsewhere
) -> None:
    _connect(site, ada, now, "jira", api=elsewhere.address, token="t")
    elsewhere.answer((503, b""), (404, b"{}"))
    link(site, "rollout", "R-1", f"{elsewhere.address}{PAGES['jira']}", by=Actor(ada), now=now)

    run_due_jobs(now)
    assert "is tried again" in TicketRecord.objects.get().problem
    run_due_jobs(now + timedelta(minutes=1))
    assert "no such ticket" in TicketRecord.objects.get().problem


@pytest.mark.parametrize("kind", ["github", "linear", "jira"])
def test_a_webhook_is_believed_when_it_is_signed_over_its_bytes_and_once(
    site: Site, ada: User, winner: RolloutRecord, now: datetime, client: Client, kind: str
) -> None:
    api = {} if kind == "jira" else {"api": ""}
    tool = _connect(site, ada, now, kind, **api)
    host = {"github": "github.com", "linear": "linear.app", "jira": "jira.example"}[kind]
    link(site, "rollout", "R-1", f"https://{host}{PAGES[kind]}", by=Actor(ada), now=now)
    body = _body(kind, now)

    assert receive(tool, _signed(tool, body), body, now=now)
    assert not receive(tool, _signed(tool, body), body, now=now)

    ticket = TicketRecord.objects.get()
    assert ticket.title == "Ship the short form"
    assert ticket.state in {TicketState.DONE, TicketState.STARTED}
    assert HeardRecord.objects.count() == 1
    tampered = body.replace(b"short", b"shirt")
    with pytest.raises(BadWebhook):
        receive(tool, _signed(tool, body, message_id="m-2"), tampered, now=now)
    assert (
        client.post(
            f"/hooks/{kind}/{tool.public_id}/", body, content_type="application/json"
        ).status_code
        == 401
    )
    assert client.post("/hooks/github/nowhere/", b"{}", content_type="x").status_code == 404


@pytest.mark.parametrize("kind", ["linear", "jira"])
def test_an_old_webhook_is_not_believed(site: Site, ada: User, now: datetime, kind: str) -> None:
    tool = _connect(site, ada, now, kind)
    body = _body(kind, now)

    with pytest.raises(BadWebhook):
        receive(tool, _signed(tool, body), body, now=now + timedelta(hours=2))
    assert not HeardRecord.objects.exists()


def test_a_webhook_comes_in_over_http_without_a_cookie(
    site: Site, ada: User, winner: RolloutRecord, now: datetime
) -> None:
    tool = _connect(site, ada, now, "github", api="")
    link(site, "rollout", "R-1", "https://github.com/acme/shop/issues/12", by=Actor(ada), now=now)
    body = _body("github", now)

    answer = Client(enforce_csrf_checks=True).post(
        f"/hooks/github/{tool.public_id}/",
        body,
        content_type="application/json",
        headers=_signed(tool, body),
    )

    assert answer.status_code == 200
    assert answer.json() == {"taken": True}


def test_what_was_overtaken_on_its_way_changes_nothing(
    site: Site, ada: User, winner: RolloutRecord, now: datetime
) -> None:
    tool = _connect(site, ada, now, "github", api="")
    link(site, "rollout", "R-1", "https://github.com/acme/shop/issues/12", by=Actor(ada), now=now)
    newer = _body("github", now)
    older = _body("github", now, state="open", updated_at="2026-05-26T09:00:00Z")
    receive(tool, _signed(tool, newer), newer, now=now)
    receive(tool, _signed(tool, older, message_id="m-2"), older, now=now)

    assert TicketRecord.objects.get().state == TicketState.DONE


def test_a_rollout_follows_its_ticket_as_far_as_its_own_rules_allow(
    site: Site, ada: User, winner: RolloutRecord, now: datetime
) -> None:
    tool = _connect(site, ada, now, "linear", api="")
    url = "https://linear.app/acme/issue/ENG-12/x"
    link(site, "rollout", "R-1", url, by=Actor(ada), now=now)
    fields = RolloutFields(owner=ada.email, due="2026-06-20", variant=winner.variant)
    edit_rollout(site, "R-1", fields, by=Actor(ada), now=now)

    started = _body("linear", now)
    receive(tool, _signed(tool, started), started, now=now)
    winner.refresh_from_db()
    assert winner.stage == "in_progress"

    done = _body(
        "linear",
        now,
        state={"name": "Done", "type": "completed"},
        updatedAt="2026-05-27T10:00:00.000Z",
    )
    receive(tool, _signed(tool, done, message_id="m-2"), done, now=now)
    winner.refresh_from_db()
    notice = NoticeRecord.objects.filter(cause="ticket:R-1:ENG-12", settled_at=None).first()
    # It follows, or it says what is missing: never neither.
    assert (winner.stage == "live") is (notice is None)
    assert "ENG-12 is" in winner.moves.first().reason  # type: ignore[union-attr]


def test_a_ticket_that_is_closed_undone_is_said_to_who_answers_for_the_rollout(
    site: Site, ada: User, winner: RolloutRecord, now: datetime
) -> None:
    tool = _connect(site, ada, now, "github", api="")
    link(site, "rollout", "R-1", "https://github.com/acme/shop/issues/12", by=Actor(ada), now=now)
    body = _body("github", now, state_reason="not_planned")

    receive(tool, _signed(tool, body), body, now=now)

    notice = NoticeRecord.objects.get(cause="ticket:R-1:acme/shop#12")
    assert "closed without being done" in notice.sentence
    winner.refresh_from_db()
    assert winner.stage == "planned"


def test_only_a_ticket_of_a_connected_tool_is_linked(
    site: Site, ada: User, winner: RolloutRecord, now: datetime
) -> None:
    tool = _connect(site, ada, now, "github", api="")

    for url in (
        "https://github.com.evil.example/acme/shop/issues/12",
        "https://github.com/acme/shop",
        "javascript:alert(1)",
        "https://user@github.com/acme/shop/issues/12",
    ):
        with pytest.raises(BadTicket):
            link(site, "rollout", "R-1", url, by=Actor(ada), now=now)
    good = "https://github.com/acme/shop/issues/12"
    made = link(site, "rollout", "R-1", good + "?x=1#y", by=Actor(ada), now=now)
    assert link(site, "rollout", "R-1", good, by=Actor(ada), now=now) == made
    assert made.url == good
    unlink(site, made.pk, by=Actor(ada), now=now)
    disconnect(site, tool.pk, by=Actor(ada), now=now)
    with pytest.raises(BadTicket):
        link(site, "rollout", "R-1", good, by=Actor(ada), now=now)


def test_a_tool_is_refused_with_every_reason(site: Site, ada: User, now: datetime) -> None:
    with pytest.raises(BadTool) as refused:
        _connect(site, ada, now, "linear", name="", api="nowhere", token="a\nb", secret="")

    assert set(refused.value.wrong) == {"name", "api", "token", "secret"}


def test_pages_link_and_connect_and_a_stranger_learns_nothing(
    site: Site,
    ada: User,
    ben: User,
    cleo: User,
    mallory: User,
    winner: RolloutRecord,
    client_of: ClientOf,
) -> None:
    given = {"kind": "github", "name": "Shop"}
    made = client_of(ada).post("/s/shop/tools/", given)
    tool = ToolRecord.objects.get()
    assert made.status_code == 201
    assert secret_of(tool) in made.content.decode()
    assert secret_of(tool) not in client_of(ada).get("/s/shop/tools/").content.decode()
    assert client_of(ben).get("/s/shop/tools/").status_code == 403
    assert client_of(mallory).get("/s/shop/tools/").status_code == 404

    url = {"url": "https://github.com/acme/shop/issues/12"}
    path = "/s/shop/tickets/rollout/R-1/"
    assert client_of(mallory).post(path, url).status_code == 404
    assert client_of(cleo).post(path, url).status_code == 403
    assert client_of(ben).post(path, url).status_code == 302
    page = client_of(cleo).get("/s/shop/winners/R-1/").content.decode()
    assert "acme/shop#12" in page
    assert "Unlink" not in page
    ticket = TicketRecord.objects.get()
    api = "/api/v1/tickets?site=shop&kind=rollout&key=R-1"
    assert client_of(cleo).get(api).json()["tickets"][0]["ticket"] == "acme/shop#12"
    assert client_of(mallory).get(api).status_code == 404
    assert client_of(mallory).post(f"/s/shop/tickets/{ticket.pk}/unlink/").status_code == 404
    assert client_of(ben).post(f"/s/shop/tickets/{ticket.pk}/unlink/").status_code == 302
    assert client_of(mallory).post(f"/s/shop/tools/{tool.pk}/disconnect/").status_code == 404
