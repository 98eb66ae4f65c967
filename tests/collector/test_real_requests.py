"""What real client libraries sent is accepted, and stored as it was sent."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from tests.collector.conftest import NOON_MS, Bench, publish_keys
from tests.collector.real_requests import Recorded, recorded


REQUESTS = recorded()
NAMES = {"page": "page_view", "screen": "screen_view"}


def milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def ids(request: Recorded) -> str:
    return f"{request.client} {request.method} {request.path}"


def expected(item: dict[str, Any], sent_at: str) -> dict[str, Any]:
    """Say what has to be stored of an item, written out apart from the code under test."""
    kind = item["type"]
    traits = kind in {"identify", "group"}
    properties = dict(item.get("traits" if traits else "properties") or {})
    for name in ("name", "category"):
        if kind in {"page", "screen"} and name in item:
            properties[name] = item[name]
    context = dict(item.get("context") or {})
    for name in ("groupId", "channel"):
        if name in item:
            context[name] = item[name]
    page = context.get("page", properties)
    campaign = context.get("campaign", {})
    line = {
        "type": kind,
        "event": item["event"] if kind == "track" else NAMES.get(kind, kind),
        "message_id": item["messageId"],
        "visitor_id": item.get("anonymousId"),
        "user_id": item.get("userId"),
        "previous_id": item.get("previousId"),
        "occurred_at": NOON_MS - milliseconds(sent_at) + milliseconds(item["timestamp"]),
        "url": page.get("url"),
        "referrer": page.get("referrer"),
        "title": page.get("title"),
        "user_agent": context.get("userAgent"),
        "utm_source": campaign.get("source"),
        "utm_medium": campaign.get("medium"),
        "value": properties.get("revenue"),
        "currency": properties.get("currency") if "revenue" in properties else None,
        "properties": properties or None,
        "context": context or None,
    }
    return {name: value for name, value in line.items() if value is not None}


@pytest.mark.parametrize("request_", REQUESTS, ids=map(ids, REQUESTS))
def test_every_request_of_a_segment_client_is_accepted_and_stored_as_sent(
    bench: Bench, request_: Recorded
) -> None:
    publish_keys(bench.home, ("k1", "shop", "secret", "WRITEKEY"), ("k2", "shop", "secret", "WK"))
    body = json.loads(request_.text) if request_.text else {}
    items = body.get("batch", [body]) if request_.method == "POST" else []

    reply = bench.send(
        request_.path,
        request_.body,
        method=request_.method,
        key=None,
        headers=request_.headers | ({} if request_.headers else {"authorization": "Basic V0s6"}),
    )

    stored = bench.stored()
    for row in stored:
        for column in ("position", "received_at", "key_id", "trusted"):
            del row[column]
    assert reply.status in {200, 204}
    assert stored == [expected(item, body["sentAt"]) for item in items]
