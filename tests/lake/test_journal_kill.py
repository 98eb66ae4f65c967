"""A writing process that is killed at any moment loses nothing it acknowledged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from truelift.lake.journal import JournalWriter, lines_of, segments


WRITING = """
import asyncio, sys
from pathlib import Path
from truelift.lake.journal import JournalWriter

async def send(writer, start):
    for n in range(start, 10**9, 8):
        last = await writer.append(site="shop", key_id="k", trusted=False, received_at_ms=1,
                                   lines=[b'{"n":%d,"part":1}' % n, b'{"n":%d,"part":2}' % n])
        sys.stdout.write(f"{n}\\n")
        sys.stdout.flush()

async def main():
    writer = JournalWriter.open(Path(sys.argv[1]), "one", segment_bytes=20_000)
    await asyncio.gather(*(send(writer, start) for start in range(8)))

asyncio.run(main())
"""


@pytest.mark.fault
def test_every_acknowledged_request_survives_kill_minus_nine_and_none_is_half_there(
    tmp_path: Path,
) -> None:
    moments = np.random.default_rng(7).uniform(0.02, 0.3, size=3)
    acknowledged: set[int] = set()

    for moment in moments:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITING, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        acknowledged.add(int(process.stdout.readline()))
        try:
            said, _ = process.communicate(timeout=moment)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
        acknowledged.update(int(line) for line in said.split("\n")[:-1])

    JournalWriter.open(tmp_path, "one").close()
    lines: list[str] = []
    positions: list[int] = []
    for segment in segments(tmp_path):
        table = lines_of(segment.path).tables.get("shop")
        if table is not None:
            lines += table["line"].to_pylist()
            positions += table["position"].to_pylist()

    assert len(acknowledged) > 10
    assert {f'{{"n":{n},"part":1}}' for n in acknowledged} <= set(lines)
    assert {f'{{"n":{n},"part":2}}' for n in acknowledged} <= set(lines)
    assert positions == list(range(1, len(positions) + 1))
