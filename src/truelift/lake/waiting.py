"""Items that were acknowledged and that the loader has not taken yet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
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


def is_behind(home: Home, site: str, reached: Callable[[str], int], *, last_ms: int) -> bool:
    """Say whether the journal counts from a lower position than the lake has.

    Then its items stand at positions that are taken, and the loader refuses them
    (`lake.journal_behind`): they came in after everything that the lake has.

    Args:
        home: The installation.
        site: The site.
        reached: What the lake has of each writer, read before the journal.
        last_ms: When the last of what the lake has came in, epoch milliseconds.
    """
    hints = read_cursors(home)
    for segment in segments(home.journal):
        taken = reached(segment.writer)
        for items in _items_of(segment.path, site, hints.get(segment_key(segment.path), 0)):
            known = items.filter(pc.less_equal(items["position"], taken))
            if known.num_rows and pc.max(known["received_at"]).as_py() > last_ms:
                return True
    return False


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
    ends = (pc.max(items["position"]).as_py() for items in _items_of(path, site, offset))
    return max(ends, default=0)


def _items_of(path: Path, site: str, offset: int) -> Iterator[pa.Table]:
    """Read a site's items of a segment, piece by piece; none where it is gone meanwhile."""
    while True:
        try:
            piece = lines_of(path, offset=offset)
        except FileNotFoundError:
            return
        if site in piece.tables:
            yield piece.tables[site]
        if piece.next_offset <= offset:
            return
        offset = piece.next_offset
