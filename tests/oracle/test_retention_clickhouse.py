"""Retention agrees with ClickHouse, to the last person and cent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import chdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.questions.asking import ask, event
from truelift.questions.matching import Events
from truelift.questions.metric import Amount, AmountKind
from truelift.questions.retention import (
    Clock,
    Interval,
    Membership,
    Retention,
    RetentionAnswer,
    Returned,
)


pytestmark = pytest.mark.oracle

BEGAN: Final = datetime(2026, 2, 2, tzinfo=UTC)
BERLIN: Final = "Europe/Berlin"

QUESTION: Final = Retention(
    cohort=Events(("join", "buy")),
    returns=Events(("visit", "buy")),
    as_of=BEGAN + timedelta(days=75, hours=3),
    interval=Interval.WEEK,
    intervals=8,
    amount=Amount(AmountKind.MONEY, currency="EUR"),
    time_zone=BERLIN,
)

STARTS: Final = {
    Interval.DAY: "toDate(at, 'Europe/Berlin')",
    Interval.WEEK: "toMonday(at, 'Europe/Berlin')",
    Interval.MONTH: "toStartOfMonth(at, 'Europe/Berlin')",
}
APART: Final = {
    Interval.DAY: "dateDiff('day', cohort, slot)",
    Interval.WEEK: "intDiv(dateDiff('day', cohort, slot), 7)",
    Interval.MONTH: "dateDiff('month', cohort, slot)",
}


def events(seed: int, *, rows: int = 1500) -> list[dict[str, Any]]:
    """Make random events of 75 days, over the change to summer time, some of one instant."""
    rng = np.random.default_rng(seed)
    names = rng.choice(["join", "visit", "buy", "noise"], rows, p=[0.2, 0.4, 0.3, 0.1])
    seconds = rng.integers(0, 80 * 86_400, rows) // 600 * 600
    persons = rng.integers(0, 150, rows)
    cents = rng.integers(-300, 5000, rows)
    return [
        event(
            int(person),
            BEGAN + timedelta(seconds=int(second)),
            str(name),
            value_minor=int(cent) if cent % 7 else None,
            currency="EUR" if cent % 5 else "USD",
        )
        for person, second, name, cent in zip(persons, seconds, names, cents, strict=True)
    ]


def theirs(question: Retention, rows: list[dict[str, Any]], folder: Path) -> Mapping[Any, Any]:
    """Ask ClickHouse, with a join of everybody's cohorts and everybody's returns."""
    file = folder / "events.parquet"
    table = pa.table(
        {
            "person": [row["person"] for row in rows],
            "at_ms": [int(row["occurred_at"].timestamp() * 1000) for row in rows],
            "name": [row["event"] for row in rows],
            "cents": [row["value_minor"] or 0 if row["currency"] == "EUR" else 0 for row in rows],
        }
    )
    pq.write_table(table, file)
    slot = STARTS[question.interval]
    first = question.membership is Membership.FIRST
    if question.clock is Clock.OWN:
        days = 7 if question.interval is Interval.WEEK else 1
        k = f"intDiv(returned_ms - joined_ms, {days * 86_400_000})"
    else:
        k = APART[question.interval]
    sql = f"""
    WITH
    known AS (
        SELECT person, at_ms, name, cents, fromUnixTimestamp64Milli(at_ms, 'UTC') AS at
        FROM file('{file}', Parquet)
        WHERE at_ms < {int(question.as_of.timestamp() * 1000)}
    ),
    joined AS (
        SELECT person, min(at_ms) AS joined_ms, {"min" if first else ""}({slot}) AS cohort
        FROM known WHERE name IN ('join', 'buy')
        GROUP BY person {"" if first else f", {slot}"}
    ),
    came AS (
        SELECT person, at_ms AS returned_ms, {slot} AS slot, cents
        FROM known WHERE name IN ('visit', 'buy')
    ),
    pairs AS (
        SELECT cohort, joined.person AS person, {k} AS k, cents
        FROM joined INNER JOIN came ON joined.person = came.person
        WHERE returned_ms >= joined_ms
    )
    SELECT 'size' AS what, toString(cohort) AS day, 0 AS k, count() AS people, 0 AS cents
    FROM joined GROUP BY cohort
    UNION ALL
    SELECT 'cell', toString(cohort), toInt64(k), uniqExact(person), toInt64(sum(cents))
    FROM pairs GROUP BY cohort, k
    UNION ALL
    SELECT 'last', toString(cohort), toInt64(last), count(), 0
    FROM (SELECT cohort, person, max(k) AS last FROM pairs GROUP BY cohort, person)
    GROUP BY cohort, last
    """
    query: Any = chdb.query
    found = query(sql, "ArrowTable")
    return {
        (row["what"], row["day"], row["k"]): (row["people"], row["cents"])
        for row in found.to_pylist()
    }


def agrees(answer: RetentionAnswer, told: Mapping[Any, Any]) -> int:
    """Compare every cell that is over; give how many there were."""
    question = answer.question
    compared = 0
    sizes = {key[1]: people for key, (people, _) in told.items() if key[0] == "size"}
    assert {row.day.isoformat(): row.people for row in answer.rows if row.people} == sizes
    for row in answer.rows:
        day = row.day.isoformat()
        last = {key[2]: people for key, (people, _) in told.items() if key[:2] == ("last", day)}
        for cell in row.cells:
            people, cents = told.get(("cell", day, cell.interval), (0, 0))
            if cell.returned is None:
                continue
            if question.returned is Returned.IN_OR_LATER:
                people = sum(n for k, n in last.items() if k >= cell.interval)
            assert (cell.returned, cell.amount) == (people, cents)
            compared += 1
    return compared


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("interval", Interval)
@pytest.mark.parametrize("membership", Membership)
@pytest.mark.parametrize("returned", Returned)
def test_cohorts_of_the_calendar_agree(
    interval: Interval,
    membership: Membership,
    returned: Returned,
    seed: int,
    tmp_path: Path,
) -> None:
    question = replace(QUESTION, interval=interval, membership=membership, returned=returned)
    rows = events(seed)

    answer = ask(question, rows, buckets=3)

    assert agrees(answer, theirs(question, rows, tmp_path)) > 2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("interval", [Interval.DAY, Interval.WEEK])
@pytest.mark.parametrize("returned", Returned)
def test_cohorts_with_intervals_of_their_own_agree(
    interval: Interval, returned: Returned, seed: int, tmp_path: Path
) -> None:
    question = replace(QUESTION, interval=interval, clock=Clock.OWN, returned=returned)
    rows = events(seed)

    answer = ask(question, rows, buckets=3)

    assert agrees(answer, theirs(question, rows, tmp_path)) > 2


def test_what_is_not_over_is_what_the_calendar_says() -> None:
    answer = ask(QUESTION, events(1))

    for row in answer.rows:
        for cell in row.cells:
            ends = row.day + timedelta(weeks=cell.interval + 1)
            assert (cell.returned is None) == (ends > date(2026, 4, 18))
