"""Items that were acknowledged and that the loader has not taken yet."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pyarrow.compute as pc

from truelift.lake.bulk import bulk_heads
from truelift.lake.durable import write_whole
from truelift.lake.home import Home
from truelift.lake.journal import lines_of, segments


_CURSORS: Final = "cursors.json"


def waiting(home: Home, site: str, reached: Callable[[str], int]) -> int:
    """Count a site's items beyond what each writer is settled up to."""
    heads = bulk_heads(home, site)
    hints = read_cursors(home)
    for segment in segments(home.journal):
        last = _last_position(segment.path, site, hints.get(segment_key(segment.path), 0))
        heads[segment.writer] = max(heads.get(segment.writer, 0), last)
    return sum(max(0, head - reached(writer)) for writer, head in heads.items())


def keep_cursors(home: Home, cursors: Mapping[str, int]) -> None:
    """Tell other processes how far the loader has read; a hint that saves them reading it too."""
    write_whole(home.loader / _CURSORS, json.dumps(cursors).encode())


def read_cursors(home: Home) -> dict[str, int]:
    """Read how far the loader was; nothing when it never said."""
    try:
        cursors = json.loads((home.loader / _CURSORS).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return {str(key): int(offset) for key, offset in cursors.items()}


def segment_key(path: Path) -> str:
    """Name a segment across processes."""
    return f"{path.parent.name}/{path.name}"


def _last_position(path: Path, site: str, offset: int) -> int:
    last = 0
    while True:
        try:
            piece = lines_of(path, offset=offset)
        except FileNotFoundError:
            return last
        if site in piece.tables:
            last = max(last, pc.max(piece.tables[site]["position"]).as_py())
        if piece.next_offset <= offset:
            return last
        offset = piece.next_offset
