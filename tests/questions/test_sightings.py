"""Events of a visit of our own are found again, and no question about people counts them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from truelift.lake.bulk import append_bulk
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.questions.events_seen import EventsSeen
from truelift.questions.matching import BadQuestion
from truelift.questions.sightings import Sighting, Sightings


AT = datetime(2026, 5, 6, 10, tzinfo=UTC)
OURS = "mwrikwaf-synthetic-ab12"


@pytest.mark.parametrize("flushed", [False, True])
def test_a_synthetic_visitors_events_are_seen_here_and_nowhere_else(
    home: Home, *, flushed: bool
) -> None:
    rows = [
        {
            "visitor_id": visitor,
            "trusted": True,
            "type": "track",
            "event": event,
            "message_id": f"{visitor}-{event}",
            "occurred_at": int((AT + timedelta(seconds=second)).timestamp() * 1000),
            "experiment": "delivery-cost" if event == "exposure" else None,
            "variant": "early" if event == "exposure" else None,
        }
        for visitor in (OURS, "somebody")
        for second, event in enumerate(("exposure", "purchase"))
    ]
    at_ms = int(AT.timestamp() * 1000)
    append_bulk(
        home, "shop", pa.Table.from_pylist(rows), writer="import-test", received_at_ms=at_ms
    )
    with Loader(home, now=lambda: AT) as loader:
        loader.flush() if flushed else loader.step()

    found = Lake(home).ask("shop", Sightings((OURS,), since=AT - timedelta(minutes=1))).answer.rows
    counted = Lake(home).ask("shop", EventsSeen()).answer.rows

    assert found == (
        Sighting(OURS, "exposure", AT, "delivery-cost", "early"),
        Sighting(OURS, "purchase", AT + timedelta(seconds=1)),
    )
    assert [(row.event, row.count) for row in counted] == [("exposure", 1), ("purchase", 1)]


def test_what_people_did_is_never_listed() -> None:
    with pytest.raises(BadQuestion, match="synthetic visitors alone"):
        Sightings(("somebody",))
