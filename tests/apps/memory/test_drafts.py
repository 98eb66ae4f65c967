"""Machines draft, without any service or with one, and only people accept."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from typing_extensions import override

from truelift.apps.accounts.models import User
from truelift.apps.intake.fields import Arrival, SignalFields
from truelift.apps.intake.models import SignalRecord, Way
from truelift.apps.intake.services import receive_signal
from truelift.apps.memory.clustering import MODEL, clusters_of
from truelift.apps.memory.drafting import NoSuchCluster, draft, matters, records_of
from truelift.apps.memory.model_service import Service, service_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.services import accept_insight
from truelift.apps.sites.models import Site
from truelift.egress.gate import Gate
from truelift.lifecycle.obstacle import MoveRefused
from truelift.settings import BadSetting, settings_from


if TYPE_CHECKING:
    from django.test import Client

TEXTS = (
    "The delivery cost appears only at checkout",
    "Shipping fees come as a surprise in the checkout",
    "Cannot find the size table for shoes",
    "Delivery fee shown too late, at the checkout",
    "Shoe size table is hard to find on the phone",
    "The newsletter box covers everything",
)


@pytest.fixture
def signals(site: Site, ada: User, now: datetime) -> tuple[SignalRecord, ...]:
    return tuple(
        receive_signal(
            site,
            SignalFields(title=text, surface="Checkout" if "heckout" in text else "Shoes"),
            Arrival(Way.MEMBER, by=Actor(ada)),
            now=now,
        )
        for text in TEXTS
    )


def test_texts_of_one_matter_fall_together_and_always_alike() -> None:
    found = clusters_of(TEXTS)

    assert [each.members for each in found] == [(0, 1, 3), (2, 4)]
    assert {"deliver", "cost", "checkout"} <= set(found[0].words)
    assert clusters_of(TEXTS) == found
    assert clusters_of([]) == clusters_of(["a", "the"]) == ()


def test_a_draft_is_made_of_the_signals_own_words_and_names_the_machine(
    site: Site, signals: tuple[SignalRecord, ...], ada: User, now: datetime
) -> None:
    made = draft(site, "S-1", by=Actor(ada), now=now)

    assert made.insight.machine
    assert made.insight.stage == made.hypothesis.stage == "draft"
    assert (made.insight.drafted_by, made.insight.drafted_from) == (MODEL, ["S-1", "S-2", "S-4"])
    assert made.insight.problem in TEXTS
    assert made.insight.surface == "Checkout"
    assert [each.key for each in matters(site)] == ["S-3"]
    assert not SignalRecord.objects.exclude(insight=None).exists()
    with pytest.raises(NoSuchCluster):
        draft(site, "S-1", by=Actor(ada), now=now)


def test_only_a_named_person_accepts_and_the_rates_say_how_often(
    site: Site, signals: tuple[SignalRecord, ...], ada: User, now: datetime
) -> None:
    made = draft(site, "S-1", by=Actor(ada), now=now)
    made.insight.segment = "Phones"
    made.insight.edited_at = now
    made.insight.save()

    with pytest.raises(MoveRefused):
        accept_insight(site, made.insight.key, by=Actor(None, machine=True), now=now)
    accept_insight(site, made.insight.key, by=Actor(ada), now=now)

    (record,) = records_of(site)
    assert (record.machine, record.made, record.accepted, record.edited) == (MODEL, 2, 1, 1)
    assert (record.acceptance, record.edit_rate) == (0.5, 1.0)


class Model(BaseHTTPRequestHandler):
    """Speaks the chat API, as little of it as there is to know."""

    said: ClassVar[list[dict[str, Any]]] = []
    answer: ClassVar[str] = ""
    status: ClassVar[int] = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Model.said.append(
            {
                "path": self.path,
                "key": self.headers.get("Authorization"),
                "body": json.loads(body),
            }
        )
        text = json.dumps(
            {"choices": [{"message": {"role": "assistant", "content": Model.answer}}]}
        )
        self.send_response(Model.status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    @override
    def log_message(self, format: str, *args: object) -> None:
        del format, args


@pytest.fixture
def service() -> Iterator[Service]:
    Model.said, Model.status = [], 200
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    port = server.server_address[1]
    yield Service(
        url=f"http://127.0.0.1:{port}/v1",
        model="small-1",
        key="secret",
        gate=Gate((f"127.0.0.1:{port}",)),
    )
    server.shutdown()
    server.server_close()


def test_a_model_service_writes_the_words_and_the_signals_stay_the_evidence(
    site: Site, signals: tuple[SignalRecord, ...], ada: User, now: datetime, service: Service
) -> None:
    Model.answer = '```json\n{"problem": "Cost is hidden", "change": "Show it", "size": "99%"}\n```'

    made = draft(site, "S-1", by=Actor(ada), now=now, service=service)

    assert (made.insight.problem, made.hypothesis.change) == ("Cost is hidden", "Show it")
    assert made.insight.size == "3 signals say so"
    assert made.insight.drafted_by == "small-1 at 127.0.0.1"
    assert made.insight.evidence.count() == 3
    (asked,) = Model.said
    assert (asked["path"], asked["key"]) == ("/v1/chat/completions", "Bearer secret")
    assert "delivery cost" in asked["body"]["messages"][1]["content"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [("I cannot do that.", 200), ("[1, 2]", 200), ('{"change": "x"}', 200), ("{}", 500)],
)
def test_a_model_that_answers_nonsense_is_left_out_and_it_is_said(
    site: Site,
    signals: tuple[SignalRecord, ...],
    ada: User,
    now: datetime,
    service: Service,
    answer: str,
    status: int,
) -> None:
    Model.answer, Model.status = answer, status

    made = draft(site, "S-1", by=Actor(ada), now=now, service=service)

    assert "left out" in made.problem
    assert made.insight.drafted_by == MODEL


def test_a_private_model_is_not_asked_unless_the_operator_allowed_its_host(
    site: Site, signals: tuple[SignalRecord, ...], ada: User, now: datetime, service: Service
) -> None:
    shut = dataclasses.replace(service, gate=Gate())

    made = draft(site, "S-1", by=Actor(ada), now=now, service=shut)

    assert Model.said == []
    assert made.insight.drafted_by == MODEL
    assert made.problem


def test_no_model_is_asked_until_one_is_named() -> None:
    assert service_of(settings_from({})) is None
    named = settings_from(
        {
            "TRUELIFT_MODEL_URL": "https://models.example/v1/",
            "TRUELIFT_MODEL": "small-1",
            "TRUELIFT_MODEL_KEY": "hush-hush",
        }
    )
    found = service_of(named)
    assert found is not None
    assert (found.url, found.name) == ("https://models.example/v1", "small-1 at models.example")
    assert "hush-hush" not in repr(named)
    assert "hush-hush" not in repr(found)
    for wrong in ({"TRUELIFT_MODEL_URL": "models"}, {"TRUELIFT_MODEL_URL": "https://a.b/v1"}):
        with pytest.raises(BadSetting, match="TRUELIFT_MODEL"):
            settings_from(wrong)


def test_the_page_offers_drafts_to_whoever_may_write(
    site: Site,
    signals: tuple[SignalRecord, ...],
    ada: User,
    cleo: User,
    mallory: User,
    client_of: Callable[[User], Client],
) -> None:
    page = f"/s/{site.name}/library/drafts/"

    said = client_of(ada).get(page).content.decode()
    made = client_of(ada).post(page, {"matter": "S-1"})

    assert "2 matters come up again and again" in said
    assert made["Location"] == f"/s/{site.name}/insights/I-1/"
    assert client_of(cleo).post(page, {"matter": "S-3"}).status_code == 403
    assert client_of(mallory).post(page, {"matter": "S-3"}).status_code == 404
