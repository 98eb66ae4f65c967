"""What the loader finds out again from stored rows."""

from __future__ import annotations

import pytest

from tests.lake.conftest import Sender
from truelift.lake.home import Home
from truelift.lake.loader import Loader
from truelift.lake.looking_back import LookingBack
from truelift.lake.snapshot import SiteReader


def test_a_file_that_cannot_be_read_is_named_once_and_again_after_it_was_restored(
    home: Home, send: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    send({"event": "view", "visitor_id": "a"})
    with Loader(home, now=send.clock) as loader:
        loader.flush("shop")
    (path,) = home.events_table("shop").glob("bucket=*/*.parquet")
    content = path.read_bytes()
    reader, back = SiteReader(home, "shop"), LookingBack(home)

    said = []
    for damaged in (True, True, False, True):
        path.write_bytes(content[: len(content) // 2] if damaged else content)
        back.sizes(reader, [1])
        said.append(sum(path.name in message for message in caplog.messages))

    assert said == [1, 1, 1, 2]
