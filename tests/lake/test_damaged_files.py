"""A lake file that cannot be read is named and left out, until it is restored."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.lake.conftest import Rows, Sender
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader


def test_an_answer_names_the_file_that_it_lacks_until_that_is_restored(
    home: Home, send: Sender
) -> None:
    for second in range(2):
        send.clock.forward(timedelta(seconds=second))
        send({"event": "view", "visitor_id": f"v{second}"})
        with Loader(home, now=send.clock) as loader:
            loader.flush("shop")
    damaged, _ = sorted(home.events_table("shop").glob("bucket=*/*.parquet"))
    content = damaged.read_bytes()
    damaged.write_bytes(content[: len(content) // 2])
    lake = Lake(home)

    lacking, again = lake.ask("shop", Rows()), lake.ask("shop", Rows())
    damaged.write_bytes(content)
    restored = lake.ask("shop", Rows())

    assert [Path(name).name for name in lacking.unread] == [damaged.name]
    assert again.unread == lacking.unread
    assert len(lacking.answer) == 1
    assert (len(restored.answer), restored.unread) == (2, ())
