"""Funnels held against ClickHouse's `windowFunnel`, over the same random rows, to the last unit.

The two agree on ordered funnels: the deepest chain from any start, within a window from
the first step that includes its end. They differ, and are not held against each other:

* where several events of a person share an instant: ClickHouse breaks the tie by the
  number of the step and lets one event serve several, Truelift lets simultaneous events
  follow each other in either direction and every event serve one step;
* `strict_order` gives up a person at the first event that intervenes and lets an event of
  a step that was already taken pass; `strict` here tries every other start as well and
  lets nothing pass. Where no step happens twice, they agree;
* ClickHouse has no exclusions, no optional steps, and no groups of an attempt: a person's
  value has to be the same all along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import START, at
from truelift.questions.funnel import Funnel, FunnelAnswer, Step
from truelift.questions.funnel_times import FunnelTimes
from truelift.questions.matching import Events
from truelift.sequences.funnels import Order


pytestmark = pytest.mark.oracle

chdb = pytest.importorskip("chdb", reason="chdb, the embedded ClickHouse, is not installed")

NAMES = ("view", "cart", "pay", "buy")
DEVICES = ("phone", "desktop", "tablet")
START_MS = round(START.timestamp() * 1000)


@dataclass(frozen=True)
class Rows:
    """Events, no two of a person at one instant; a person has one device."""

    person: np.ndarray
    at_ms: np.ndarray
    name: np.ndarray

    @classmethod
    def random(cls, generator: np.random.Generator, *, people: int, events: int) -> Rows:
        person = np.sort(generator.integers(0, people, events))
        at_ms = generator.integers(0, 40 * events // people + 1, events)
        order = np.lexsort((at_ms, person))
        person, at_ms = person[order], at_ms[order]
        new = np.ones(events, dtype=bool)
        new[1:] = (person[1:] != person[:-1]) | (at_ms[1:] != at_ms[:-1])
        names = generator.choice(len(NAMES) + 1, events, p=[0.35, 0.25, 0.15, 0.1, 0.15])
        return cls(person[new], START_MS + at_ms[new] * 1000, names[new])

    def table(self, steps: int) -> pa.Table:
        """Give what the scan of a funnel would give."""
        mask = np.where(self.name < steps, 1 << np.minimum(self.name, 10), 0)
        return pa.table(
            {
                "person": self.person,
                "at_ms": self.at_ms,
                "mask": mask.astype(np.int32),
                "grouped": pa.array([DEVICES[n % len(DEVICES)] for n in self.person.tolist()]),
            }
        )

    def clickhouse(self, sql: str) -> list[list[str]]:
        """Ask ClickHouse about the table `rows`."""
        rows = pa.table(
            {
                "person": self.person,
                "at_ms": self.at_ms.astype(np.uint64),
                "name": self.name.astype(np.uint8),
                "device": (self.person % len(DEVICES)).astype(np.uint8),
            }
        )
        assert rows.num_rows
        text = str(chdb.query(sql.replace("rows", "Python(rows)"), "CSV"))
        return [line.split(",") for line in text.splitlines()]


def funnel(steps: int, **changes: Any) -> Funnel:
    plain = Funnel(
        tuple(Step(Events((name,))) for name in NAMES[:steps]), window_s=60, as_of=at(10**9)
    )
    return replace(plain, **changes)


def ask(question: Funnel, rows: Rows) -> FunnelAnswer:
    return question.answer(question.partial(rows.table(len(question.steps))))


def levels(rows: Rows, question: Funnel, mode: str = "") -> dict[str, list[int]]:
    """Count, with ClickHouse, the units of each device that got at least so far."""
    steps = len(question.steps)
    conditions = ", ".join(f"name = {n}" for n in range(steps))
    found = rows.clickhouse(
        f"""
        SELECT device, level, count() FROM (
            SELECT person, any(device) AS device,
                windowFunnel({question.window_s * 1000}{mode})(at_ms, {conditions}) AS level
            FROM rows GROUP BY person
        ) WHERE level > 0 GROUP BY device, level ORDER BY device, level
        """
    )
    units: dict[str, list[int]] = {}
    for device, level, count in found:
        counts = units.setdefault(DEVICES[int(device)], [0] * steps)
        for step in range(int(level)):
            counts[step] += int(count)
    return units


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_ordered_funnels_by_device_are_equal(seed: int, steps: int) -> None:
    rows = Rows.random(np.random.default_rng(seed), people=20_000, events=200_000)
    question = funnel(steps, by="device")

    answer = ask(question, rows)

    assert {group.value: [step.units for step in group.steps] for group in answer.groups} == levels(
        rows, question
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10**6),
    people=st.integers(1, 40),
    window_s=st.integers(1, 200),
    steps=st.integers(2, 4),
)
def test_ordered_funnels_of_a_few_are_equal(
    seed: int, people: int, window_s: int, steps: int
) -> None:
    rows = Rows.random(np.random.default_rng(seed), people=people, events=people * 6)
    question = funnel(steps, window_s=window_s)

    counted = [step.units for step in ask(question, rows).groups[0].steps]

    device = levels(rows, question).values()
    assert counted == [sum(units) for units in zip([0] * steps, *device, strict=True)]


def test_strict_funnels_of_people_who_do_nothing_twice_are_equal() -> None:
    everybody = Rows.random(np.random.default_rng(7), people=20_000, events=100_000)
    often = [np.bincount(everybody.person[everybody.name == n], minlength=20_000) for n in range(3)]
    once = (np.max(often, axis=0) == 1)[everybody.person]
    rows = Rows(everybody.person[once], everybody.at_ms[once], everybody.name[once])
    question = funnel(3, order=Order.STRICT, by="device")

    answer = ask(question, rows)

    assert {group.value: [step.units for step in group.steps] for group in answer.groups} == levels(
        rows, question, ", 'strict_order'"
    )


def test_times_from_one_step_to_the_next_are_equal() -> None:
    rows = Rows.random(np.random.default_rng(3), people=20_000, events=120_000)
    # The earliest start of a deepest attempt: the first view with a cart in its window.
    found = rows.clickhouse(
        """
        SELECT intDiv(min(cart.at_ms) - first.at_ms, 1000) AS took FROM (
            SELECT person, min(view.at_ms) AS at_ms
            FROM (SELECT person, at_ms FROM rows WHERE name = 0) AS view
            JOIN (SELECT person, at_ms FROM rows WHERE name = 1) AS later USING (person)
            WHERE later.at_ms > view.at_ms AND later.at_ms <= view.at_ms + 60000
            GROUP BY person
        ) AS first
        JOIN (SELECT person, at_ms FROM rows WHERE name = 1) AS cart USING (person)
        WHERE cart.at_ms > first.at_ms
        GROUP BY person, first.at_ms
        """
    )
    seconds, units = np.unique([int(took) for (took,) in found], return_counts=True)
    question = FunnelTimes(funnel(2), 1, 2, edges_s=tuple(range(61)))

    (group,) = question.answer(question.partial(rows.table(2))).groups

    assert {each.from_s: each.units for each in group.classes if each.units} == dict(
        zip(seconds.tolist(), units.tolist(), strict=True)
    )
