"""What real client libraries sent, from the shared recordings or from samples of the same shape."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from pathlib import Path


RECORDINGS = Path(__file__).parents[2].parent / "shared" / "cases" / "real-client-requests.jsonl"
SPEAKS_SEGMENT = ("segment-", "rudder-", "analytics-node", "browser-seg", "jitsu")

SAMPLES = [
    (
        "/v1/batch",
        {
            "batch": [
                {
                    "integrations": {},
                    "anonymousId": None,
                    "timestamp": "2026-11-21T19:42:18.475+00:00",
                    "properties": {"order_id": "1", "revenue": 10.5, "currency": "USD"},
                    "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
                    "userId": "u1",
                    "type": "track",
                    "event": "Order Completed",
                    "messageId": "08f77f84-e7ee-4edb-80cd-5eeedda1f856",
                },
                {
                    "type": "identify",
                    "userId": "u1",
                    "anonymousId": "a-1",
                    "traits": {"name": "Zoë ☃", "tags": ["a", {"b": None}]},
                    "messageId": "618aec30",
                    "timestamp": "2026-11-21T19:42:18Z",
                },
            ],
            "sentAt": "2026-11-21T19:42:18.675105+00:00",
            "writeKey": "WRITEKEY",
        },
    ),
    (
        "/v1/p",
        {
            "timestamp": "2026-11-21T19:45:49.589Z",
            "type": "page",
            "properties": {"path": "/seg.html", "url": "http://x.test/seg.html?utm_source=google"},
            "context": {
                "page": {"referrer": "https://www.google.com/", "url": "http://x.test/seg.html"},
                "campaign": {"source": "google", "medium": "cpc"},
            },
            "messageId": "ajs-next-1795290349589",
            "anonymousId": "147a1a16-dc8e-47da-995e-a64ab9cb4988",
            "writeKey": "WK",
            "sentAt": "2026-11-21T19:45:49.692Z",
        },
    ),
]
"""Requests to fall back on; JSON as the clients write it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One request as a client library sent it.

    Attributes:
        client: The library.
        method: In capitals.
        path: Without query.
        headers: Names in small letters.
        text: The body, decompressed.
        packed: It was sent compressed.
    """

    client: str
    method: str
    path: str
    headers: dict[str, str]
    text: str
    packed: bool

    @property
    def body(self) -> bytes:
        """The bytes as they came in."""
        data = self.text.encode()
        return gzip.compress(data) if self.packed else data

    @property
    def key(self) -> str | None:
        """The write key in the header, or in the body."""
        shown = self.headers.get("authorization", "")
        if shown.startswith("Basic "):
            return base64.b64decode(shown[6:]).decode().partition(":")[0]
        try:
            found = json.loads(self.text).get("writeKey")
        except ValueError:
            return None
        return found if isinstance(found, str) else None


def recorded() -> list[Recorded]:
    """Give every recorded request of a client that speaks Segment's protocol."""
    if not RECORDINGS.exists():
        return [
            Recorded("sample", "POST", path, {}, json.dumps(body), packed=False)
            for path, body in SAMPLES
        ]
    rows = [json.loads(line) for line in RECORDINGS.read_text(encoding="utf-8").splitlines()]
    return [
        Recorded(
            client=row["client"],
            method=row["method"],
            path=row["path"],
            headers=row["headers"],
            text=row["body"],
            packed=row["gzip"],
        )
        for row in rows
        if row["client"].startswith(SPEAKS_SEGMENT) and not row["path"].startswith("/__")
    ]
