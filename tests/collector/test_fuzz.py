"""Ten thousand damaged requests: every one is answered, and what is kept can be loaded."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import duckdb
import numpy as np

from tests.collector.conftest import NOON_MS, Bench, publish_keys, publish_site
from tests.collector.real_requests import recorded
from truelift.events.reasons import Reason
from truelift.lake.journal import lines_of, segments
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader


ROUNDS = 10_000
TOGETHER = 100
HOSTILE = [
    *(b"NaN", b"1e999", b"9" * 40, b"-0", b"null", b"true", b"{}", b"[]", b'""'),
    *(b"[" * 40 + b"]" * 40, b"[" * 3000, b"x" * 33_000),
    *(b'"\\ud800"', b"\\u0000", b"\xff\xfe", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\x00", b"\n"),
    *(b'"0001-01-01T00:00:00Z"', b'"9999-12-31T23:59:59Z"'),
    *(b'"a":1,"a":2,', b'"__proto__":{}', b'"batch":[]', b'"type":"alias"'),
    *(b"\\", b'"', b"{", b"}", b"]", b":"),
]
"""Pieces that have broken readers of JSON before."""


def flipped(body: bytearray, rng: np.random.Generator) -> None:
    body[int(rng.integers(len(body)))] ^= 1 << int(rng.integers(8))


def cut(body: bytearray, rng: np.random.Generator) -> None:
    at = int(rng.integers(len(body)))
    del body[at : at + int(rng.integers(1, 40))]


def ended(body: bytearray, rng: np.random.Generator) -> None:
    del body[int(rng.integers(1, len(body) + 1)) :]


def doubled(body: bytearray, rng: np.random.Generator) -> None:
    at = int(rng.integers(len(body)))
    body[at:at] = body[at : at + int(rng.integers(1, 200))]


def hostile(body: bytearray, rng: np.random.Generator) -> None:
    at = int(rng.integers(len(body)))
    body[at:at] = HOSTILE[int(rng.integers(len(HOSTILE)))]


def replaced(body: bytearray, rng: np.random.Generator) -> None:
    """Put something hostile in the place of a whole value."""
    colons = [place for place, byte in enumerate(body) if byte == ord(":")]
    if colons:
        at = colons[int(rng.integers(len(colons)))] + 1
        end = min((p for p in (body.find(b",", at), body.find(b"}", at)) if p > 0), default=at)
        body[at:end] = HOSTILE[int(rng.integers(len(HOSTILE)))]


MUTATIONS: list[Callable[[bytearray, np.random.Generator], None]] = [
    flipped, cut, ended, doubled, hostile, replaced, replaced, hostile,
]  # fmt: skip


def mutated(body: bytes, rng: np.random.Generator) -> bytes:
    damaged = bytearray(body)
    for _ in range(int(rng.integers(1, 4))):
        if damaged:
            MUTATIONS[int(rng.integers(len(MUTATIONS)))](damaged, rng)
    data = bytes(damaged)
    if rng.random() < 0.1:
        packed = bytearray(gzip.compress(data, 1))
        if rng.random() < 0.5:
            flipped(packed, rng)
        data = bytes(packed)
    return data


def test_ten_thousand_mutated_real_requests_are_all_answered_and_the_loader_takes_what_is_kept(
    bench: Bench,
) -> None:
    rng = np.random.default_rng(20_261_121)
    requests = [request for request in recorded() if request.method == "POST"]
    publish_keys(bench.home, ("k1", "shop", "secret", "secret"))
    publish_site(bench.home, rate_limit_per_minute=10**9, daily_quota=10**12)
    statuses: Counter[int] = Counter()

    async def send(path: str, body: bytes) -> int:
        async def read(limit: int) -> bytes | None:
            return body if len(body) <= limit else None

        reply = await bench.collector.handle(
            "POST", path, "", {"authorization": "Basic c2VjcmV0Og=="}, read, "203.0.113.7"
        )
        return reply.status

    async def send_all() -> None:
        for _ in range(ROUNDS // TOGETHER):
            chosen = [requests[int(rng.integers(len(requests)))] for _ in range(TOGETHER)]
            bodies = [mutated(request.text.encode(), rng) for request in chosen]
            statuses.update(
                await asyncio.gather(
                    *(
                        send(request.path, body)
                        for request, body in zip(chosen, bodies, strict=True)
                    )
                )
            )

    asyncio.run(send_all())

    lines = [
        line
        for segment in segments(bench.home.journal)
        for table in lines_of(segment.path).tables.values()
        for line in table["line"].to_pylist()
    ]
    reasons = Counter(json.loads(line).get("reason") for line in lines)
    file = bench.home.root / "lines.ndjson"
    file.write_text("\n".join(lines), encoding="utf-8")
    read = duckdb.execute(
        f"SELECT count(*) FROM read_json('{file}', format = 'newline_delimited',"
        " columns = {type: 'VARCHAR', event: 'VARCHAR', reason: 'VARCHAR', occurred_at: 'BIGINT',"
        " properties: 'JSON', context: 'JSON'})"
    ).fetchone()
    with Loader(bench.home, now=lambda: datetime.fromtimestamp(NOON_MS / 1000, UTC)) as loader:
        loader.flush()
    ledger = Lake(bench.home).ledger("shop")

    assert statuses.total() == ROUNDS
    assert set(statuses) == {200, 400}
    assert statuses[200] > ROUNDS // 10
    assert read == (len(lines),)
    assert {reason for reason in reasons if reason} <= set(Reason)
    assert len(reasons) > 10
    assert ledger.balanced
    assert (ledger.received, ledger.waiting) == (len(lines), 0)
    assert Lake(bench.home).rows("shop") == ledger.stored + ledger.quarantined
