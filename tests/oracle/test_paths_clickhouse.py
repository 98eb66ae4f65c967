"""Paths of random sessions, followed by ClickHouse as well, equal to the last unit."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import chdb
import numpy as np
import pyarrow as pa
import pytest

from tests.questions.asking import START, ask, event
from truelift.questions.paths import Direction, Paths, Unit, place


pytestmark = pytest.mark.oracle

STEPS = 4
WINDOW_S = 3600

WAYS = """
SELECT
    arraySort(groupArray((at_ms, position, path))) AS seen,
    {first}(x -> x.3 = '/', seen) AS anchor,
    {slice} AS scope,
    arrayCompact(arrayMap(x -> x.3, scope)) AS way
FROM (
    SELECT
        assumeNotNull(person) AS person,
        assumeNotNull(visit) AS visit,
        assumeNotNull(at_ms) AS at_ms,
        assumeNotNull(position) AS position,
        assumeNotNull(path) AS path
    FROM Python(pages)
)
GROUP BY {unit}
HAVING anchor > 0
"""
"""`visit` is known from how the rows are made: they pause for minutes, or for a day."""

AHEAD = f"arrayFilter(x -> x.1 <= seen[anchor].1 + {WINDOW_S * 1000}, arraySlice(seen, anchor))"
BEHIND = (
    f"arrayFilter(x -> x.1 >= seen[anchor].1 - {WINDOW_S * 1000},"
    " arrayReverse(arraySlice(seen, 1, anchor)))"
)

PATHS = """
SELECT arraySlice(way, 1, {steps}) AS path, count() AS units
FROM ({ways}) GROUP BY path FORMAT JSONEachRow
SETTINGS output_format_json_quote_64bit_integers = 0
"""

LOOPS = """
SELECT turn.1 AS node, turn.2 AS between, count() AS count, uniqExact(way_number) AS units
FROM (
    SELECT
        rowNumberInAllBlocks() AS way_number,
        arrayMap(
            n -> (way[n], way[n + 1]),
            arrayFilter(n -> way[n] = way[n + 2], range(1, greatest(1, toInt64(length(way)) - 1)))
        ) AS turns
    FROM ({ways})
) ARRAY JOIN turns AS turn
GROUP BY node, between FORMAT JSONEachRow
SETTINGS output_format_json_quote_64bit_integers = 0
"""


def random_pages(generator: np.random.Generator, *, rows: int) -> list[dict[str, Any]]:
    """Pages seen minutes apart, a day between visits, some at one instant."""
    person = np.sort(generator.integers(0, 150, rows))
    pauses = generator.choice([0, 30_000, 600_000, 86_400_000], rows, p=[0.2, 0.4, 0.3, 0.1])
    at_ms = np.cumsum(pauses)
    at_ms -= at_ms[np.searchsorted(person, person)]
    return [
        event(
            int(person[n]),
            START + timedelta(milliseconds=int(at_ms[n])),
            "page_view",
            position=n,
            path=["/", "/a", "/b", "/c"][generator.integers(4)],
        )
        for n in range(rows)
    ]


def of_clickhouse(rows: list[dict[str, Any]], statement: str) -> list[dict[str, Any]]:
    at_ms = [round((row["occurred_at"] - START).total_seconds() * 1000) for row in rows]
    new = [
        not n or row["person"] != rows[n - 1]["person"] or at_ms[n] - at_ms[n - 1] > 1_800_000
        for n, row in enumerate(rows)
    ]
    pages = pa.table(  # noqa: F841 - the statement names it
        {
            "person": [row["person"] for row in rows],
            "visit": np.cumsum(new),
            "at_ms": at_ms,
            "position": [row["position"] for row in rows],
            "path": [row["path"] for row in rows],
        }
    )
    answer = str(chdb.query(statement))
    return [json.loads(line) for line in answer.splitlines() if line]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("unit", Unit)
def test_paths_and_loops_agree_with_clickhouse(seed: int, direction: Direction, unit: Unit) -> None:
    rows = random_pages(np.random.default_rng(seed), rows=5000)
    forward = direction is Direction.FORWARD
    question = Paths(
        anchor=place("/"),
        as_of=START + timedelta(days=9000),
        direction=direction,
        unit=unit,
        window_s=WINDOW_S,
        max_steps=STEPS,
        max_paths=10_000,
    )
    ways = WAYS.format(
        first="arrayFirstIndex" if forward else "arrayLastIndex",
        slice=AHEAD if forward else BEHIND,
        unit="visit" if unit is Unit.SESSION else "person",
    )

    found = ask(question, rows, buckets=3)

    expected: Counter[tuple[str, ...]] = Counter()
    for row in of_clickhouse(rows, PATHS.format(ways=ways, steps=STEPS)):
        way = row["path"] if forward else row["path"][::-1]
        expected[tuple(way)] += row["units"]
    loops = of_clickhouse(rows, LOOPS.format(ways=ways))
    assert found.paths is not None
    assert {path.nodes: path.units for path in found.paths} == dict(expected)
    assert found.units == expected.total() > 100
    assert {(loop.node, loop.between, loop.count, loop.units) for loop in found.loops} == {
        (row["node"], row["between"], row["count"], row["units"]) for row in loops
    }
