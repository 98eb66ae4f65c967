"""A load that is killed and started again stores every row once."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from truelift.lake.home import Home
from truelift.lake.imports.load import load_file
from truelift.lake.lake import Lake


ROWS = 3_000
PROGRAM = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from truelift.lake.home import Home
from truelift.lake.imports import load, rows

rows.PIECE_BYTES = 8_000
root, file, point, count = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
left = count

def reached(name):
    global left
    if name == point:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

load.load_file(Home(root=root, lake=root / "lake"), "shop", file, map_file=None,
               now=lambda: datetime(2026, 5, 4, tzinfo=UTC), reached=reached)
"""


@pytest.mark.fault
@pytest.mark.parametrize(("point", "count"), [("piece.appended", 1), ("piece.appended", 7),
                                              ("settled", 1)])  # fmt: skip
def test_a_load_killed_half_way_and_repeated_stores_every_row_once(
    tmp_path: Path, point: str, count: int
) -> None:
    root, path = tmp_path / "home", tmp_path / "f.csv"
    home = Home(root=root, lake=root / "lake")
    lines = [f"view_item,v{n % 40},2026-05-01T00:00:{n % 60:02}Z" for n in range(ROWS)]
    path.write_text("\n".join(["name,visitor_id,occurred_at", *lines, "broken"]))
    killed = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(root), str(path), point, str(count)],
        capture_output=True,
        check=False,
    )

    loaded = load_file(
        home, "shop", path, map_file=None, now=lambda: datetime(2026, 5, 4, tzinfo=UTC)
    )

    assert killed.returncode == -signal.SIGKILL
    assert loaded.read == ROWS + 1 == loaded.stored + loaded.duplicates + loaded.rejected
    assert loaded.duplicates > 0
    assert Lake(home).rows("shop") == ROWS
