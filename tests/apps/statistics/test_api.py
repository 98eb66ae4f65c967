"""The statistics over HTTP answer as the command line does, to anybody who is somebody."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from truelift.apps.accounts import services
from truelift.apps.accounts.models import User
from truelift.apps.sites.models import Site
from truelift.stats.asked import STATISTICS, answer, written


pytestmark = [pytest.mark.django_db]

SPLIT = '{"observed": [821588, 815482], "weights": [1, 1]}'


@pytest.fixture
def asked(ada: User) -> Callable[..., object]:
    """Ask as a program does: with an access token, and no cookie."""
    token = services.make_token(ada, name="script", now=datetime.now(UTC))

    def ask(name: str, text: str, query: str = "") -> tuple[int, dict[str, object]]:
        response = Client(enforce_csrf_checks=True).post(
            f"/api/v1/stats/{name}{query}",
            data=text,
            content_type="application/json",
            headers={"Authorization": f"Bearer {token}"},
        )
        return response.status_code, json.loads(response.content)

    return ask


Ask = Callable[..., tuple[int, dict[str, object]]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("srm", SPLIT),
        ("power", '{"kind": "proportion", "baseline": 0.05, "lift": 0.1}'),
        ("ladder", '{"test": {"kind": "mean", "cv": 3}, "weekly_units": 900}'),
        ("factorial", '{"factors": [{"name": "a"}, {"name": "b"}]}'),
        (
            "before-after",
            json.dumps(
                {
                    "design": "interrupted-time-series",
                    "series": [1, 2, 1, 3] * 8,
                    "change": 16,
                }
            ),
        ),
    ],
)
def test_a_document_has_the_answer_that_the_command_line_gives(
    asked: Ask, name: str, text: str
) -> None:
    assert asked(name, text) == (200, json.loads(written(answer(name, text.encode()))))


@pytest.mark.parametrize(
    ("name", "text", "status", "code"),
    [
        ("srm", "{", 422, "stats.bad_input"),
        ("srm", '{"observed": [0, 0], "weights": [1, 1]}', 422, "stats.bad_split"),
        ("srm", SPLIT + " " * 300_000, 413, "stats.input_too_long"),
        ("median", "{}", 404, "stats.no_such_statistic"),
    ],
)
def test_what_cannot_be_answered_is_a_problem_with_a_code(
    asked: Ask, name: str, text: str, status: int, code: str
) -> None:
    found, problem = asked(name, text)

    assert (found, problem["code"]) == (status, code)


def test_nobody_is_asked_to_sign_in_and_mallory_does_not_reach_a_site_of_others(
    client: Client, site: Site, mallory: User, client_of: Callable[[User], Client]
) -> None:
    def status(browser: Client, query: str) -> int:
        sent = browser.post(
            f"/api/v1/stats/srm{query}", data=SPLIT, content_type="application/json"
        )
        return sent.status_code

    assert status(client, "") == status(client, f"?site={site.name}") == 401
    assert status(client_of(mallory), f"?site={site.name}") == 404
    assert status(client_of(mallory), "") == 200


def test_every_statistic_is_described_with_what_it_takes(client: Client) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]

    for name in STATISTICS:
        takes = paths[f"/api/v1/stats/{name}"]["post"]["requestBody"]["content"]
        assert takes["application/json"]["schema"]
    assert "/api/v1/stats/{name}" not in paths
