"""Ids that name nobody, all the way from the request to the answer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.collector.conftest import NOON_MS, Bench
from tests.lake.conftest import Rows
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader


NOW = datetime.fromtimestamp(NOON_MS / 1000, tz=UTC)
NOBODY = ["undefined", "null", "0", "guest", "anonymous", "NaN", "[object Object]", ""]


def people(bench: Bench) -> int:
    with Loader(bench.home, now=lambda: NOW) as loader:
        loader.flush()
    rows = Lake(bench.home).ask("shop", Rows("person, message_id")).answer
    return len({row["person"] for row in rows})


@pytest.mark.parametrize("key", ["public", "secret"])
def test_thousands_of_visitors_who_all_say_undefined_stay_apart(bench: Bench, key: str) -> None:
    for first in range(0, 2000, 250):
        batch = [
            {
                "type": kind,
                "event": "view",
                "anonymousId": f"visitor-{n}",
                "userId": "undefined",
                "messageId": f"{kind}-{n}",
                "timestamp": "2026-11-21T12:00:00Z",
            }
            for n in range(first, first + 250)
            for kind in ("identify", "track")
        ]
        assert bench.send("/v1/batch", {"batch": batch}, key=key).status == 200

    assert people(bench) == 2000


@pytest.mark.parametrize("user", NOBODY)
def test_no_id_that_names_nobody_joins_two_visitors(bench: Bench, user: object) -> None:
    for n in range(3):
        body = {"anonymousId": f"v{n}", "userId": user, "messageId": f"m{n}", "traits": {}}
        bench.send("/v1/identify", body)

    assert people(bench) == 3
