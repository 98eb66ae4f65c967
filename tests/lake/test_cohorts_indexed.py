"""Retention and time to value are the same with and without the sequence index."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.lake.conftest import NOON, Sender
from tests.lake.test_sequence_index import (
    _hide,
    _index_everything,
    _serving,
    _show,
    some_traffic,
)
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.questions.matching import Events
from truelift.questions.question import Question
from truelift.questions.retention import Clock, Interval, Membership, Retention, Returned
from truelift.questions.time_to_value import Interval as Unit
from truelift.questions.time_to_value import TimeToValue


VIEW, PAY, EITHER = Events(("view",)), Events(("pay",)), Events(("view", "cart"))
LATER = NOON + timedelta(days=2)


def questions() -> Iterator[Question[Any, Any]]:
    for by in (None, "device"):
        for membership in Membership:
            for returned in Returned:
                yield Retention(
                    VIEW,
                    EITHER,
                    LATER,
                    interval=Interval.DAY,
                    membership=membership,
                    returned=returned,
                    by=by,
                    until=NOON + timedelta(seconds=200),
                )
        yield Retention(VIEW, PAY, LATER, interval=Interval.DAY, clock=Clock.OWN, by=by)
        yield TimeToValue(VIEW, PAY, LATER, interval=Unit.MINUTE, by=by)
        yield TimeToValue(
            VIEW, EITHER, LATER, Unit.MINUTE, by=by, since=NOON + timedelta(seconds=90)
        )


def answers(home: Home) -> list[object]:
    lake = Lake(home)
    return [lake.ask("shop", question).answer.document() for question in questions()]


@pytest.mark.parametrize("buckets", [1, 4])
def test_cohorts_and_waits_are_the_same_with_and_without_the_index(
    home: Home, send: Sender, loader: Loader, buckets: int
) -> None:
    generator = np.random.default_rng(3)
    if buckets > 1:
        loader._compaction.rows_per_bucket = 60
    served = 0
    for turn in range(3):
        some_traffic(send, generator, items=60)
        loader.step()
        if turn % 2 == 0:
            loader.flush()
        if turn == 0:
            _index_everything(home)
        with_index = answers(home)
        served += _serving(home)
        _hide(home)

        without = answers(home)

        _show(home)
        assert with_index == without
    assert served
