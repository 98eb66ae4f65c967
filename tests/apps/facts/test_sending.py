"""What programs send to a feed: only what was signed just now, once, and never a breakdown."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.changes.told import standard_signature
from truelift.apps.facts import sending
from truelift.apps.facts.columns import FeedKind
from truelift.apps.facts.models import ArrivalRecord, SpendRecord
from truelift.apps.facts.services import make_feed
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.database, pytest.mark.django_db]

Send = Callable[..., tuple[int, dict[str, object]]]


@pytest.fixture
def send(site: Site, ada: User, client: Client) -> Send:
    """Send rows to a feed, signed with its secret."""
    addresses = {}
    for kind in (FeedKind.SPEND, FeedKind.LEDGER):
        make_feed(site, name=kind.value, kind=kind.value, by=Actor(ada), now=datetime.now(UTC))
        made = sending.make_address(site, kind.value, by=Actor(ada), now=datetime.now(UTC))
        addresses[kind.value] = made

    def sent(
        feed: str, *rows: dict[str, object], number: str, late: timedelta | None = None
    ) -> tuple[int, dict[str, object]]:
        body = json.dumps({"rows": rows}).encode()
        stamp = str(int((datetime.now(UTC) - (late or timedelta())).timestamp()))
        secret, url = addresses[feed].secret, addresses[feed].url
        proof = standard_signature(secret, message_id=number, stamp=stamp, body=body)
        headers = {"webhook-id": number, "webhook-timestamp": stamp, "webhook-signature": proof}
        if number == "bearer":
            headers = {"authorization": f"Bearer {secret}"}
        answer = client.post(
            url.removeprefix("http://testserver"),
            body,
            content_type="application/json",
            headers=headers,
        )
        return answer.status_code, answer.json()

    return sent


def test_a_message_that_is_sent_again_does_not_undo_the_correction_that_came_since(
    send: Send,
) -> None:
    row = {"day": "2026-05-02", "source": "google", "spend": 9}

    first = send("spend", row, number="m1")
    corrected = send("spend", {**row, "spend": 10}, number="m2")
    again = send("spend", row, number="m1")

    assert [first[1]["new"], corrected[1]["changed"], again[1]["new"]] == [1, 1, 1]
    assert SpendRecord.objects.get().spend_minor == 1_000
    assert ArrivalRecord.objects.count() == 2


def test_what_was_not_signed_just_now_is_not_taken(send: Send) -> None:
    row = {"day": "2026-05-02", "source": "google", "spend": 9}

    old = send("spend", row, number="m1", late=timedelta(minutes=6))
    early = send("spend", row, number="m2", late=timedelta(minutes=-6))
    bearer = send("spend", row, number="bearer")

    assert [each[0] for each in (old, early, bearer)] == [401] * 3
    assert not ArrivalRecord.objects.exists()


def test_cells_that_say_nothing_are_refused_line_by_line(send: Send) -> None:
    periods = ["0000-05", "0000-00", "9999-12", "-1", 1e308, [[1]], {}, True, "9" * 5000]

    status, answer = send(
        "ledger", *({"period": each, "revenue": 5} for each in periods), number="m1"
    )

    assert status == 200
    assert answer["refused"] == len(periods)
