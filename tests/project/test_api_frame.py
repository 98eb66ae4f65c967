from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from truelift.apps.accounts import services
from truelift.apps.accounts.models import User


pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_the_description_of_the_api_is_public(client: Client) -> None:
    response = client.get("/api/v1/openapi.json")

    assert response.status_code == 200
    assert response.json()["info"]["title"] == "Truelift"


def test_a_problem_is_said_as_a_problem(client: Client) -> None:
    from truelift.project.api import problem

    response = problem(409, code="x.refused", detail="No.", facts={"a": 1})

    assert response["Content-Type"] == "application/problem+json"
    assert b'"code": "x.refused"' in response.content


def test_an_access_token_is_enough_to_be_somebody(
    ada: User, client_of: Callable[[User], Client]
) -> None:
    from django.test import RequestFactory

    from truelift.project.api import AccessTokenAuth

    token = services.make_token(ada, name="script", now=datetime.now(UTC))
    request = RequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {token}")

    assert AccessTokenAuth()(request) == ada
    assert not AccessTokenAuth()(RequestFactory().get("/", HTTP_AUTHORIZATION="Bearer tl_x"))


def test_no_two_shapes_of_the_api_share_a_name() -> None:
    from truelift.project.api import api

    asked = [
        model
        for _, router in api._routers
        for view in router.path_operations.values()
        for operation in view.operations
        for model in operation.models
    ]
    shapes: dict[str, set[str]] = {}
    for model in asked:
        for name, shape in model.model_json_schema().get("$defs", {}).items():
            shapes.setdefault(name, set()).add(json.dumps(shape, sort_keys=True))

    assert len(shapes) > 100
    assert [name for name, different in shapes.items() if len(different) > 1] == []


def test_what_is_longer_than_is_read_is_said_to_be_so(
    site: object, ada: User, client_of: Callable[[User], Client]
) -> None:
    browser, long = client_of(ada), "x" * 3_000_000

    told = browser.post("/api/v1/notes?site=shop", {"text": long}, content_type="application/json")
    form = browser.post("/s/shop/signals/new/", {"title": long})

    assert (told.status_code, told.json()["code"]) == (413, "api.input_too_long")
    assert (form.status_code, form.content[:4]) == (413, b"413:")
