"""Whatever is sent, the API answers as its description says, and never breaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote, urlencode

import numpy as np
import pytest
from django.db import connection
from django.test import Client

from tests.project.described import WILD_TEXT, Bodies, Operation, operations_of
from tests.project.stocked import EXPERIMENT, stock
from truelift.apps.accounts.models import User
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.database, pytest.mark.django_db, pytest.mark.timeout(180)]

TRIES = {"postgresql": 6, "sqlite": 3}
"""Of every operation: one plain, the others drawn; the stricter database is asked more."""

KEYS = {
    "insights": "I-1",
    "hypotheses": "H-1",
    "signals": "S-1",
    "ideas": "ID-1",
    "experiments": EXPERIMENT,
    "analyses": EXPERIMENT,
    "qa": EXPERIMENT,
    "backlog": "ID-1",
    "rollouts": "R-1",
    "principles": "P-1",
    "metrics": "order_rate",
    "segments": "buyers",
    "roadmap": "RM-1",
}


def test_no_request_breaks_it_and_every_answer_is_described(
    site: Site, ada: User, client_of: Callable[[User], Client], now: datetime
) -> None:
    browser = client_of(ada)
    assert stock(site, browser, who=ada.email, text="Plain words", now=now) == []
    browser.raise_request_exception = False
    described = browser.get("/api/v1/openapi.json").json()
    bodies, chance = Bodies(described), np.random.default_rng(7)
    wrong: list[str] = []

    # What takes things away comes last, so that there is something to ask for before.
    for operation in sorted(operations_of(described), key=lambda each: each.method == "delete"):
        for number in range(TRIES[connection.vendor]):
            asked = _asked(operation, bodies, chance, plain=number == 0)
            answer = browser.generic(operation.method.upper(), *asked)
            kind = answer.headers.get("Content-Type", "").partition(";")[0]
            allowed = operation.answers.get(answer.status_code)
            if allowed is None or (allowed and answer.content and kind not in allowed):
                path, body = asked[:2]
                wrong.append(f"{operation.method} {path} {body!r}: {answer.status_code} {kind}")

    assert wrong == []


def _asked(
    operation: Operation, bodies: Bodies, chance: np.random.Generator, *, plain: bool
) -> tuple[str, bytes, str]:
    """Make the address, the body and its kind."""
    path = operation.path
    for name, schema in operation.inside.items():
        known = KEYS.get(path.split("/")[3], "x") if name in {"key", "name"} else "1"
        odd = WILD_TEXT[chance.integers(1, len(WILD_TEXT))]
        value = known if plain or chance.random() < 0.85 else odd
        del schema
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    query = {
        name: "shop" if name == "site" else str(bodies.wild(schema, chance))
        for name, schema in operation.query.items()
        if name == "site" or (not plain and chance.random() < 0.6)
    }
    body = b""
    if operation.takes is not None:
        drawn = bodies.plain(operation.takes) if plain else bodies.wild(operation.takes, chance)
        body = json.dumps(drawn).encode()
    media = operation.media if operation.media.endswith("json") else "application/json"
    return f"{path}?{urlencode(query)}", body, media


def test_no_two_endpoints_share_a_shape_by_accident(client: Client) -> None:
    from truelift.project.api import api

    shapes: dict[str, set[str]] = {}
    for _, router in api._routers:
        for view in router.path_operations.values():
            for operation in view.operations:
                for model in operation.models:
                    for each in model.model_fields.values():
                        kind = each.annotation
                        if isinstance(kind, type) and kind.__module__.startswith("truelift"):
                            shapes.setdefault(kind.__name__, set()).add(kind.__module__)

    assert {name: where for name, where in shapes.items() if len(where) > 1} == {}
    assert len(shapes) > 20


def test_what_is_not_there_is_said_as_a_problem(client: Client) -> None:
    answer = client.get("/api/v1/nowhere/")

    assert answer.status_code in {302, 401, 404}
    if answer.status_code == 404:
        assert answer["Content-Type"] == "application/problem+json"
