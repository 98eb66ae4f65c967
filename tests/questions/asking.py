"""Asks questions over a few events in memory, the way the lake does it bucket by bucket."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from truelift.lake.schema import EVENTS
from truelift.questions.question import Question


Partial = TypeVar("Partial")
Answer = TypeVar("Answer")

START = datetime(2026, 3, 1, tzinfo=UTC)
"""Instant 0 of the events that tests write."""


def at(seconds: float) -> datetime:
    """Give the instant this long after the start."""
    return START + timedelta(seconds=seconds)


def event(person: int, seconds: float | datetime, name: str, **columns: object) -> dict[str, Any]:
    """Make a stored event; `properties` may be a mapping."""
    moment = seconds if isinstance(seconds, datetime) else at(seconds)
    properties = columns.pop("properties", {})
    row: dict[str, Any] = {
        "bucket": 0,
        "person": person,
        "occurred_at": moment,
        "received_at": moment,
        "writer": "w",
        "position": 1,
        "state": "stored",
        "type": "page" if name == "page_view" else "track",
        "event": name,
        "message_id": f"{person}-{moment.isoformat()}-{name}",
        "visitor_id": f"visitor-{person}",
        "key_id": "k1",
        "trusted": False,
        "is_bot": False,
        "is_internal": False,
        "properties": properties if isinstance(properties, str) else json.dumps(properties),
        "context": "{}",
    }
    return {**row, **columns}


def ask(
    question: Question[Partial, Answer],
    events: Sequence[Mapping[str, Any]],
    *,
    buckets: int = 1,
) -> Answer:
    """Answer a question from events spread over buckets by person."""
    return question.answer(asked(question, events, buckets=buckets))


def asked(
    question: Question[Partial, Answer],
    events: Sequence[Mapping[str, Any]],
    *,
    buckets: int = 1,
) -> Partial:
    """Give the merged partial answer."""
    spread: list[list[Mapping[str, Any]]] = [[] for _ in range(buckets)]
    for row in events:
        spread[row["person"] % buckets].append(row)
    parts = [question.partial(scanned(question, rows)) for rows in spread]
    return functools.reduce(question.merge, parts)


def scanned(question: Question[Any, Any], events: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Run a question's scan over one bucket's events."""
    scan = question.scan()
    everything = pa.Table.from_pylist([dict(row) for row in events], schema=EVENTS)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("all_events", everything)
        answerable = (
            "SELECT * FROM all_events WHERE state = 'stored' AND NOT is_bot AND NOT is_internal"
        )
        connection.execute(f"CREATE VIEW events AS {answerable}")
        if scan.people is not None:
            people = connection.sql(scan.people.sql, params=scan.people.parameters)
            connection.register("chosen", people.to_arrow_table())
            connection.execute(
                f"CREATE OR REPLACE VIEW events AS {answerable}"
                " AND person IN (SELECT person FROM chosen)"
            )
        return connection.sql(scan.sql, params=scan.parameters).to_arrow_table()
