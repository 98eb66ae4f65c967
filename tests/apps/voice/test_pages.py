"""The customer's voice on its pages and over HTTP: shown, escaped, refused, and to whom."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from truelift.apps.accounts.models import User
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.intake.channels import open_channel, signed
from truelift.apps.intake.models import Way
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.apps.voice.jobs import listen
from truelift.apps.voice.models import CallRecord, CodingRecord, NoteRecord, ThemeRecord


pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], Client]
HERE = "/s/shop/voice/"


def text_of(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return " ".join(content.decode().split())


def test_from_the_first_note_to_a_theme_that_somebody_accepts(
    site: Site, ada: User, client_of: ClientOf
) -> None:
    owner = client_of(ada)
    today = datetime.now(UTC)
    monday = today.date() - timedelta(days=today.weekday())
    assert "Nobody has written down yet" in text_of(owner.get(HERE))

    for each in range(8):
        said = {
            "text": f"=<b>zip</b> of the sleeping bag jams {each}",
            "source": "service",
            "consent": "unknown",
            "day": str(monday - timedelta(days=each + 1)),
            "lost": "yes",
            "value": "250",
        }
        assert owner.post(f"{HERE}notes/new/", said).status_code == 302
    codes = {
        "0-name": "Zip",
        "0-family": "objection",
        "1-name": "Delivery",
        "1-family": "objection",
    }
    assert owner.post(f"{HERE}codebook/", codes).status_code == 302
    given = {f"code-N-{each}": "zip" for each in range(1, 9)}
    assert owner.post(f"{HERE}codebook/coding/", given).status_code == 302
    listen(site, now=today)
    theme = ThemeRecord.objects.get()
    decided = {"decision": "accept", "name": "Zips jam"}
    assert owner.post(f"{HERE}themes/{theme.key}/", decided).status_code == 302

    with CaptureQueriesContext(connection) as asked:
        page = text_of(owner.get(HERE))
    queries = [each["sql"] for each in asked]

    assert "“Zips jam”: told 8 times in four weeks, and was not told before." in page
    assert "€2,000" in page
    assert "<b>zip</b>" not in text_of(owner.get(f"{HERE}notes/"))
    assert "&lt;b&gt;zip" in text_of(owner.get(f"{HERE}notes/N-1/"))
    assert "'=<b>zip" in text_of(owner.get(f"{HERE}notes/?file=csv"))
    assert CodingRecord.objects.count() == 8
    owner.post("/s/shop/signals/new/", {"title": "Zips", "detail": "It jams again"})
    assert "It jams again" in text_of(owner.get(f"{HERE}notes/new/?signal=S-1"))
    again = {"text": "It jams again", "source": "ticket", "consent": "unknown", "signal": "S-1"}
    assert owner.post(f"{HERE}notes/new/", again).status_code == 302
    assert str(NoteRecord.objects.get(number=9).signal) == "S-1 Zips"
    # Who is asking, the site and the rail ask the same on every page.
    assert len(queries) <= 24, queries


def test_a_call_is_refused_with_its_reasons_and_its_words_stay(
    site: Site, ada: User, client_of: ClientOf
) -> None:
    owner = client_of(ada)
    owner.post(f"{HERE}calls/", {"function": "sales", "day": "2026-05-04"})
    rows = {"q1-0-text": "Too dear", "q1-0-times": "7", "q2-nothing": "1", "minutes": "30"}

    refused = owner.post(f"{HERE}calls/1/", {**rows, "action": "close"})

    assert refused.status_code == 409
    assert "What do they say when they decide not to proceed?” has no answer" in text_of(refused)
    assert 'value="Too dear"' in text_of(refused)
    done = owner.post(f"{HERE}calls/1/", {**rows, "q3-nothing": "1", "action": "close"})
    assert done.status_code == 302
    assert NoteRecord.objects.get().times == 7
    assert CallRecord.objects.get().rows == []
    assert "brought 1 note" in text_of(owner.get(f"{HERE}calls/1/"))


@pytest.mark.database
def test_a_signed_note_is_taken_once_and_an_unsigned_one_never(
    site: Site, ada: User, now: datetime
) -> None:
    channel = open_channel(site, Way.WEBHOOK, name="Help desk", by=Actor(ada), now=now).channel
    body = json.dumps({"text": "Where is my parcel?", "source": "ticket", "outside_id": "T-1"})
    at = int(datetime.now(UTC).timestamp())

    def send(message: str, signature: str = "") -> tuple[int, dict[str, object]]:
        given = signature or signed(channel, message_id=message, timestamp=at, body=body.encode())
        sent = Client().post(
            f"/api/v1/intake/{channel.public_id}/notes",
            body,
            content_type="application/json",
            headers={
                "webhook-id": message,
                "webhook-timestamp": str(at),
                "webhook-signature": given,
            },
        )
        return sent.status_code, sent.json()

    assert send("m1") == (201, {"key": "N-1", "already": False})
    assert send("m1") == (200, {"key": "N-1", "already": True})
    assert send("m2") == (200, {"key": "N-1", "already": True})
    assert send("m3", "v1,bm8=")[0] == 401
    assert NoteRecord.objects.get().outside_id == "T-1"


def test_a_claim_stands_with_its_surface_and_with_the_test_that_changes_it(
    site: Site, ada: User, now: datetime, client_of: ClientOf
) -> None:
    owner = client_of(ada)
    surface = SurfaceRecord.objects.create(site=site, name="Product", patterns=["/p/**"])
    test = ExperimentRecord.objects.create(
        site=site, key="light", name="Light", stage="briefed", made_at=now
    )
    claim = {"claim": "Weighs <i>nothing</i>", "url": "https://shop.example/p/tent"}

    owner.post(f"{HERE}phrases/claims/", claim)
    owner.post(f"{HERE}phrases/tests/", {"claim": "CL-1", "experiment": test.key})

    for page in (f"/s/shop/surfaces/{surface.pk}/", "/s/shop/experiments/light/brief/"):
        assert "“Weighs &lt;i&gt;nothing&lt;/i&gt;”" in text_of(owner.get(page))
    assert ">guarded<" in text_of(owner.get(f"{HERE}phrases/"))
    assert test.metrics.count() == 2
