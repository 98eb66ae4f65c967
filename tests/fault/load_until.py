"""A loader in a process of its own that ends, without any good-bye, at a named point."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from truelift.lake.home import Home
from truelift.lake.loader import Loader


def load(root: Path, point: str, nth: int) -> None:
    left = nth

    def reached(name: str) -> None:
        nonlocal left
        if name == point:
            left -= 1
            if not left:
                os._exit(9)

    home = Home(root=root, lake=root / "lake")
    with Loader(
        home, now=lambda: datetime(2026, 3, 2, 12, tzinfo=UTC), reached=reached, piece_bytes=4096
    ) as loader:
        loader._compaction.files_per_bucket = 1
        loader._compaction.rows_per_bucket = 250
        loader._compaction.moves_to_settle = 1
        loader.step()
        loader.step()
        loader._commit_age = timedelta(0)
        loader.step()
        loader.flush()
        loader.flush()


if __name__ == "__main__":
    load(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
