"""Events that arrive days after they happened stand where they happened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.lake.conftest import Clock, Rows, Sender
from tests.lake.test_sequence_index import _index_everything, answers
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.questions.funnel import Funnel, Step
from truelift.questions.matching import Events


@dataclass(frozen=True)
class Late:
    """What came late, and how much earlier than it arrived it happened."""

    by: timedelta
    event: str


LATE = [
    Late(timedelta(days=3), "view"),
    Late(timedelta(days=40), "cart"),
    Late(timedelta(days=900), "view"),
]


def in_order(home: Home) -> list[tuple[object, object]]:
    rows = Lake(home).ask("shop", Rows("person, occurred_at, message_id")).answer
    return [
        (row["occurred_at"], row["message_id"])
        for row in sorted(rows, key=lambda row: (str(row["occurred_at"]), str(row["message_id"])))
    ]


@pytest.mark.parametrize("stage", ["tail", "lake", "compacted"])
def test_what_comes_late_is_answered_as_if_it_had_come_in_time(
    home: Home, clock: Clock, send: Sender, loader: Loader, stage: str
) -> None:
    for n in range(6):
        name = ("view", "cart", "pay")[n % 3]
        send({"message_id": f"m{n}", "visitor_id": f"v{n % 2}", "event": name})
        loader.flush()
        clock.forward(timedelta(seconds=30))
    loader._compaction.files_per_bucket = 1
    loader._untidy.add("shop")
    loader.flush()
    _index_everything(home)
    for n, late in enumerate(LATE):
        item = {"event": late.event, "occurred_at": clock.ms - int(late.by.total_seconds() * 1000)}
        send({"message_id": f"late{n}", "visitor_id": f"v{n % 2}", **item})
    loader.step()
    if stage != "tail":
        loader.flush()
    if stage == "compacted":
        loader._untidy.add("shop")
        loader.flush()
        _index_everything(home)

    names = [name for _, name in in_order(home)]
    assert names[:3] == ["late2", "late1", "late0"]
    assert names[3:] == [f"m{n}" for n in range(6)]


def test_a_late_first_step_makes_a_funnel_whole_in_a_compacted_indexed_bucket(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    funnel = Funnel(
        (Step(Events(("view",))), Step(Events(("pay",)))), 86_400, clock.at + timedelta(days=9)
    )
    clock.forward(timedelta(days=2))
    send({"event": "pay", "occurred_at": clock.ms - 1000})
    loader.flush()
    _index_everything(home)
    before = Lake(home).ask("shop", funnel).answer

    send({"event": "view", "occurred_at": clock.ms - 60_000})
    loader.step()
    fresh = Lake(home).ask("shop", funnel).answer
    loader.flush()
    committed = Lake(home).ask("shop", funnel).answer
    _index_everything(home)
    indexed = Lake(home).ask("shop", funnel).answer

    assert before != fresh
    assert fresh == committed == indexed


def test_files_are_found_by_when_things_happened_not_by_when_they_came(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    send({"message_id": "now"})
    loader.flush()
    send({"message_id": "earlier", "occurred_at": clock.ms - 30 * 86_400_000})
    loader.flush()
    state = loader._site("shop").lake

    assert state is not None
    assert min(file.since for file in state.files) == clock.at - timedelta(days=30)
    assert answers(home)
    assert len(Lake(home).ask("shop", Rows("message_id")).answer) == 2
