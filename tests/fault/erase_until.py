"""An erasure in a process of its own that ends, without any good-bye, at a named point."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from truelift.lake.erasure_list import receipts
from truelift.lake.home import Home
from truelift.lake.loader import Loader


def work(root: Path, point: str) -> None:
    def reached(name: str) -> None:
        if name == point:
            os._exit(9)

    home = Home(root=root, lake=root / "lake")
    with Loader(home, now=lambda: datetime(2026, 3, 2, 13, tzinfo=UTC), reached=reached) as loader:
        while not receipts(home):
            loader.step()
        loader.step()


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2])
