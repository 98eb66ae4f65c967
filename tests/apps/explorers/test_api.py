"""Questions over HTTP: the same answers as on the command line, for members of the site alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.sites.models import Site
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.questions.forms import Context
from truelift.questions.parse import parse_question


pytestmark = [pytest.mark.database, pytest.mark.django_db]

FUNNEL = {"question": "funnel", "steps": ["page_view", "purchase"], "window": "1d", "by": "device"}


def asked(client: Client, question: object, site: str = "shop") -> tuple[int, dict[str, Any]]:
    found = client.post(f"/api/v1/ask?site={site}", json.dumps(question), "application/json")
    return found.status_code, found.json()


def test_an_answer_is_the_one_of_the_lake(
    shop: Site, home: Home, cleo: User, client_of: Callable[[User], Client], now: Any
) -> None:
    status, answer = asked(client_of(cleo), FUNNEL)

    question: Any = parse_question(FUNNEL, Context(now=now))
    expected = Lake(home).ask("shop", question).answer.document()
    assert status == 200
    assert {key: answer[key] for key in expected if key != "as_of"} == {
        key: value for key, value in expected.items() if key != "as_of"
    }
    assert answer["remarks"] == answer["unread"] == []
    assert answer["journal_position"] >= 0


def test_names_that_the_site_never_saw_are_remarked_on(
    shop: Site, cleo: User, client_of: Callable[[User], Client]
) -> None:
    _, answer = asked(client_of(cleo), {"question": "trend", "event": "purchse"})

    (remark,) = answer["remarks"]
    assert remark["code"] == "questions.unknown_event"
    assert remark["did_you_mean"] == ["purchase"]


@pytest.mark.parametrize(
    ("question", "status", "code"),
    [
        ({"question": "funnel"}, 422, "questions.bad_question"),
        ({"question": "guess"}, 422, "questions.bad_question"),
        ({**FUNNEL, "segment": "nobodies"}, 404, "questions.no_such_segment"),
        ({**FUNNEL, "question": "funnel_people"}, 409, "measurement.names_people"),
        ({"question": "recent"}, 409, "measurement.names_people"),
        ([], 422, None),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_code(
    shop: Site,
    cleo: User,
    client_of: Callable[[User], Client],
    question: object,
    status: int,
    code: str | None,
) -> None:
    found, answer = asked(client_of(cleo), question)

    assert found == status
    if code is not None:
        assert answer["code"] == code


def test_a_stranger_learns_nothing(
    shop: Site, mallory: User, client_of: Callable[[User], Client]
) -> None:
    assert asked(client_of(mallory), FUNNEL)[0] == 404
    assert asked(client_of(mallory), {"question": "guess"})[0] == 404
    assert asked(client_of(mallory), FUNNEL, "nowhere")[0] == 404
    assert asked(Client(), FUNNEL)[0] == 401
