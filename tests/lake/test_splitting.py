"""A bucket that grew too large is split; no question notices before, during or after."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.lake.conftest import Clock, Rows, Sender
from tests.lake.test_sequence_index import _index_everything, answers, some_traffic
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.lake.tables import SiteTable


def everything(home: Home) -> object:
    rows = Lake(home).ask("shop", Rows("message_id, person, event, occurred_at")).answer
    return rows, answers(home)


def buckets(home: Home) -> int:
    state = SiteTable(home.table("shop")).current()
    assert state is not None
    return state.buckets


@pytest.mark.parametrize("indexed", [False, True])
def test_answers_are_equal_before_between_all_writes_and_after_a_split(
    home: Home, clock: Clock, send: Sender, *, indexed: bool
) -> None:
    during: list[tuple[str, object]] = []
    watch: list[Callable[[str], None]] = []

    def reached(point: str) -> None:
        for each in watch:
            each(point)

    with Loader(home, now=clock, reached=reached) as loader:
        some_traffic(send, np.random.default_rng(5), items=120)
        loader.flush()
        some_traffic(send, np.random.default_rng(6), items=60)
        loader.step()
        # Two who had events of their own have become one, and the tail has rows as well.
        send({"visitor_id": "v1", "user_id": "u7"}, {"visitor_id": "v2", "user_id": "u7"})
        loader.step()
        if indexed:
            _index_everything(home)
        loader.flush()
        before = everything(home)

        watch.append(lambda point: during.append((point, everything(home))))
        loader._compaction.rows_per_bucket = 100
        loader._untidy.add("shop")
        loader.step()
        watch.clear()

        after = everything(home)
        assert buckets(home) == 2
        if indexed:
            _index_everything(home)
        assert everything(home) == before

    assert {"compaction.file.written", "compaction.written", "compaction.committed"} <= {
        point for point, _ in during
    }
    assert all(seen == before for _, seen in during)
    assert after == before


def test_a_tail_of_before_a_split_is_read_in_the_buckets_of_after(
    home: Home, send: Sender, loader: Loader
) -> None:
    some_traffic(send, np.random.default_rng(7), items=120)
    loader.flush()
    some_traffic(send, np.random.default_rng(8), items=80)
    loader.step()
    before = everything(home)

    loader._compaction.rows_per_bucket = 100
    loader._untidy.add("shop")
    loader.step()
    split, number = everything(home), buckets(home)
    loader.flush()

    assert number == 2
    assert split == before
    assert everything(home) == before
