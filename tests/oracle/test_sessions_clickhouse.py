"""Sessions of random rows, cut and counted by ClickHouse as well, equal to the last unit."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import chdb
import numpy as np
import pyarrow as pa
import pytest

from tests.questions.asking import START, ask, event
from truelift.questions.matching import Events
from truelift.questions.metric import Amount, AmountKind, Counted
from truelift.questions.session_tally import SessionTally
from truelift.questions.sessions import Sessions


pytestmark = pytest.mark.oracle

EUROS = Counted(Events(("purchase",)), Amount(AmountKind.MONEY, currency="EUR"))
SINCE, UNTIL = START + timedelta(days=2), START + timedelta(days=9)

CUT = """
SELECT
    person,
    arraySort(groupArray((at_ms, position, event, device, path, cents, campaign))) AS listed,
    -- Begun, last, what the visit stands under, and whether each event begins a session.
    arrayFold(
        (acc, x) -> (
            if(x.1 - acc.2 > 1800000
                OR x.1 - acc.1 > 86400000
                OR ({split} AND x.7 NOT IN ('', '-') AND acc.3 != '' AND acc.3 != x.7),
                x.1, acc.1),
            x.1,
            multiIf(
                x.7 NOT IN ('', '-'), x.7,
                x.1 - acc.2 > 1800000, x.7,
                acc.3 = '', x.7,
                acc.3
            ),
            arrayPushBack(acc.4, toUInt8(
                x.1 - acc.2 > 1800000
                OR x.1 - acc.1 > 86400000
                OR ({split} AND x.7 NOT IN ('', '-') AND acc.3 != '' AND acc.3 != x.7)))
        ),
        listed,
        (toInt64(-1000000000000000), toInt64(-1000000000000000), '', emptyArrayUInt8())
    ).4 AS begins
FROM (
    SELECT
        assumeNotNull(person) AS person,
        assumeNotNull(at_ms) AS at_ms,
        assumeNotNull(position) AS position,
        assumeNotNull(event) AS event,
        assumeNotNull(device) AS device,
        assumeNotNull(path) AS path,
        assumeNotNull(cents) AS cents,
        assumeNotNull(campaign) AS campaign
    FROM Python(events)
)
GROUP BY person
"""

COUNT = """
SELECT
    {group} AS title,
    count() AS sessions,
    uniqExact(person) AS people,
    sum(event_count) AS events,
    sum(page_count) AS pages,
    countIf(duration >= 10000 OR page_count >= 2 OR keys > 0) AS engaged,
    countIf(keys > 0) AS key_sessions,
    sum(keys) AS conversions,
    sum(duration) AS duration_ms,
    sum(cents) AS revenue
FROM (
    SELECT
        person,
        session,
        min(row.1) AS begin,
        max(row.1) - min(row.1) AS duration,
        count() AS event_count,
        countIf(row.3 = 'page_view') AS page_count,
        countIf(row.3 = 'purchase') AS keys,
        sumIf(row.6, row.3 = 'purchase') AS cents,
        argMinIf(row.4, (row.1, row.2), row.4 != '') AS device,
        argMinIf(row.5, (row.1, row.2), row.3 = 'page_view' AND row.5 != '') AS entry_page,
        argMaxIf(row.5, (row.1, row.2), row.3 = 'page_view' AND row.5 != '') AS exit_page
    FROM ({cut}) ARRAY JOIN listed AS row, arrayCumSum(begins) AS session
    GROUP BY person, session
)
WHERE begin >= {since} AND begin < {until}
GROUP BY title
FORMAT JSONEachRow
SETTINGS output_format_json_quote_64bit_integers = 0
"""


def random_events(generator: np.random.Generator, *, rows: int) -> list[dict[str, Any]]:
    """Visits of a few minutes, pauses of half an hour to the millisecond, people without one."""
    person = np.sort(generator.integers(0, 60, rows))
    steps = generator.choice(
        [0, 0, 1, 4_000, 600_000, 1_799_999, 1_800_000, 1_800_001, 40_000_000], rows
    )
    # Two of them never pause, so that only the day's end cuts their sessions.
    steps = np.where(person < 2, np.minimum(steps + 500_000, 1_800_000), steps)
    at_ms = np.cumsum(steps)
    at_ms -= at_ms[np.searchsorted(person, person)]
    news = {"channel": "Email", "source": "news", "medium": "email"}
    origins = [
        {},
        {},
        {"channel": "Direct", "source": "(direct)", "medium": "(none)"},
        {**news, "campaign": "may"},
        {**news, "campaign": "june"},
    ]
    return [
        event(
            int(person[n]),
            START + timedelta(milliseconds=int(at_ms[n])),
            str(generator.choice(["page_view", "scroll", "purchase"], p=[0.5, 0.45, 0.05])),
            position=n,
            device=[None, "phone", "desktop"][generator.integers(3)],
            path=[None, "/", "/a", "/b"][generator.integers(4)],
            value_minor=int(generator.integers(-500, 5000)),
            currency="EUR",
            **origins[generator.integers(len(origins))],
        )
        for n in range(rows)
    ]


def of_clickhouse(
    rows: list[dict[str, Any]], *, by: str | None, split: bool
) -> dict[str | None, SessionTally]:
    def campaign(row: dict[str, Any]) -> str:
        return row.get("campaign") or ("-" if row.get("channel") else "")

    def since_1970(moment: datetime) -> int:
        return round(moment.timestamp() * 1000)

    events = pa.table(  # noqa: F841 - the statement names it
        {
            "person": [row["person"] for row in rows],
            "at_ms": [since_1970(row["occurred_at"]) for row in rows],
            "position": [row["position"] for row in rows],
            "event": [row["event"] for row in rows],
            "device": [row["device"] or "" for row in rows],
            "path": [row["path"] or "" for row in rows],
            "cents": [row["value_minor"] for row in rows],
            "campaign": [campaign(row) for row in rows],
        }
    )
    statement = COUNT.format(
        group=by or "''",
        cut=CUT.format(split=int(split)),
        since=since_1970(SINCE),
        until=since_1970(UNTIL),
    )
    answer = str(chdb.query(statement))
    found = [json.loads(line) for line in answer.splitlines() if line]
    return {row.pop("title") or None: SessionTally(**row) for row in found}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("by", [None, "device", "entry_page", "exit_page"])
def test_sessions_agree_with_clickhouse(seed: int, split: bool, by: str | None) -> None:
    rows = random_events(np.random.default_rng(seed), rows=5000)
    question = Sessions(since=SINCE, until=UNTIL, by=by, revenue=EUROS, campaign_split=split)

    found = ask(question, rows, buckets=2)

    expected = of_clickhouse(rows, by=by, split=split)
    assert {row.values[0] if by else None: row.tally for row in found.rows} == expected
    assert sum(tally.sessions for tally in expected.values()) > 100


def test_people_who_never_pause_are_cut_alike() -> None:
    rows = [row for row in random_events(np.random.default_rng(9), rows=6000) if row["person"] < 2]

    found = ask(replace(Sessions(), revenue=EUROS), rows).whole

    longest = max(row["occurred_at"] for row in rows) - START
    assert longest > timedelta(days=1)
    assert found.sessions >= longest // timedelta(days=1)
