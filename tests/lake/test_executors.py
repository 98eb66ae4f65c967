"""Slices are dealt to the workers of a cluster evenly, and the same way again."""

from __future__ import annotations

from collections import Counter

import pytest

from truelift.lake.executors import dealt
from truelift.lake.snapshot import Slice


@pytest.mark.parametrize("site", ["shop", "blog", "app", "docs"])
@pytest.mark.parametrize(
    ("workers", "slices", "most"), [(2, 4, 2), (3, 4, 2), (4, 4, 1), (5, 4, 1)]
)
def test_no_worker_has_more_than_its_share(site: str, workers: int, slices: int, most: int) -> None:
    names = [f"tcp://10.0.0.{number}:4000" for number in range(workers)]
    parts = [Slice(bucket, slices) for bucket in range(slices)]

    found = dealt(names, site, parts)

    assert max(Counter(found).values()) == most
    assert dealt(names, site, parts) == found
