"""Everything that is told of a funnel is the same with and without the sequence index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
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
from truelift.questions.funnel import Attribution, Between, Funnel, Step, Unit
from truelift.questions.funnel_compare import FunnelCompare
from truelift.questions.funnel_people import FunnelPeople
from truelift.questions.funnel_times import FunnelTimes
from truelift.questions.funnel_trend import FunnelTrend
from truelift.questions.matching import Events
from truelift.sequences.funnels import Order


def questions() -> Iterator[Any]:
    steps = tuple(Step(Events((name,))) for name in ("view", "cart", "pay"))
    plain = Funnel(steps, 600, NOON + timedelta(days=1), by="device")
    between = (Between(Events(("other",)), 1, 2), Between(Events(("other",)), 2, 3))
    yield replace(plain, between=between)
    yield replace(plain, steps=(*steps[:2], steps[0], steps[2], steps[0]), between=between)
    for attribution in Attribution:
        yield replace(plain, attribution=attribution, attribution_step=2)
    optional = (steps[0], replace(steps[1], optional=True), steps[2])
    yield replace(plain, steps=optional, attribution=Attribution.LAST)
    for order in Order:
        yield FunnelTimes(replace(plain, order=order), 1, 3)
    yield FunnelTimes(replace(plain, unit=Unit.SESSION), 1, 2)
    yield FunnelTrend(plain, time_zone="Europe/Berlin")
    yield FunnelPeople(plain, 1)
    yield FunnelCompare(plain, replace(plain, since=NOON + timedelta(seconds=150)))


@pytest.mark.parametrize("buckets", [1, 4])
def test_answers_are_the_same_with_and_without_the_index(
    home: Home, send: Sender, loader: Loader, buckets: int
) -> None:
    generator = np.random.default_rng(11)
    if buckets > 1:
        loader._compaction.rows_per_bucket = 60
    served = 0
    for _ in range(3):
        some_traffic(send, generator, items=60)
        loader.step()
        loader.flush()
        _index_everything(home)
        some_traffic(send, generator, items=20)
        loader.step()
        with_index = _documents(home)
        served += _serving(home)
        _hide(home)

        without = _documents(home)

        _show(home)
        assert with_index == without
    assert served


def _documents(home: Home) -> list[Any]:
    lake = Lake(home)
    return [lake.ask("shop", question).answer.document() for question in questions()]
