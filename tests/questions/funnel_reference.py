"""Funnels the slow way: one person at a time, by trying every chain of events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from truelift.questions.funnel import Funnel
from truelift.sequences.funnels import Order


Row = dict[str, Any]


def chains_of(events: Sequence[Row], question: Funnel) -> dict[int, list[Row]]:
    """Give the deepest chain of everybody who began; no two events of one share an instant."""
    found = {}
    for person in {row["person"] for row in events}:
        chain = chain_of([row for row in events if row["person"] == person], question)
        if chain:
            found[person] = chain
    return found


def chain_of(rows: Sequence[Row], question: Funnel) -> list[Row]:
    """Give one person's deepest chain: of the earliest start, its last step the earliest."""
    best: list[Row] = []

    def when(row: Row) -> datetime:
        moment: datetime = row["occurred_at"]
        return moment

    def try_from(chain: list[Row]) -> None:
        nonlocal best
        if not best or _rank(chain) < _rank(best):
            best = chain
        if len(chain) == len(question.steps):
            return
        wanted = question.steps[len(chain)].events.names
        last = when(chain[0]) + timedelta(seconds=question.window_s)
        for row in rows:
            if row["event"] not in wanted or not when(chain[-1]) < when(row) <= last:
                continue
            lie_between = {
                other["event"] for other in rows if when(chain[-1]) < when(other) < when(row)
            }
            is_barred = any(
                pair.first == len(chain)
                and pair.last == len(chain) + 1
                and lie_between & set(pair.events.names)
                for pair in question.between
            )
            if not is_barred and not (question.order is Order.STRICT and lie_between):
                try_from([*chain, row])

    for row in rows:
        if row["event"] in question.steps[0].events.names:
            try_from([row])
    return best


def _rank(chain: Sequence[Row]) -> tuple[int, datetime, list[datetime]]:
    moments = [row["occurred_at"] for row in chain]
    return -len(chain), moments[0], moments[::-1]


def may_go_on(events: Sequence[Row], person: int, question: Funnel) -> bool:
    """Say whether a window of a person is still open."""
    window = timedelta(seconds=question.window_s)
    return any(
        row["occurred_at"] + window >= question.as_of
        for row in events
        if row["person"] == person and row["event"] in question.steps[0].events.names
    )
