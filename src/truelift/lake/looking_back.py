"""What the loader has to find out again from the rows that are stored already."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

import pyarrow as pa

from truelift.lake.bulk import IMPORT_PREFIX
from truelift.lake.file_cache import DamagedFile, FileGone
from truelift.lake.home import Home
from truelift.lake.seen import Seen
from truelift.lake.snapshot import Engine, SiteReader, Snapshot


_WHO_IS_WHO: Final = """
SELECT user_id, visitor_id, person,
    min(received_at) AS first, arg_min(position, received_at) AS position,
    max(received_at) AS last, max(position) AS last_position
FROM all_events
WHERE state = 'stored' AND user_id IS NOT NULL
GROUP BY user_id, visitor_id, person
"""

log: Final = logging.getLogger(__name__)


class LookingBack:
    """Looks into the stored rows of a home's sites, as far as they can be read.

    A file that is damaged or gone is left out, for it must not hold up what arrives. What was in
    it is not known meanwhile: an event that is sent again may be stored twice.

    Args:
        home: The installation.
    """

    def __init__(self, home: Home) -> None:
        self._engine = Engine(home)
        self._unreadable: set[tuple[str, str]] = set()

    def recall(self, reader: SiteReader, seen: Seen, *, since_s: int | None = None) -> None:
        """Fill a memory of ids with what is stored.

        Args:
            reader: Of the site.
            seen: The memory.
            since_s: Only what arrived since, imports left out; None: everything.
        """
        snapshot = self._readable(reader)
        for part in snapshot.slices:
            with self._engine.relations(snapshot, part) as cursor:
                statement = (
                    "SELECT hash(message_id) AS hash,"
                    " (epoch_ms(received_at) // 1000)::UINTEGER AS arrived"
                    " FROM all_events WHERE state = 'stored' AND message_id IS NOT NULL"
                )
                if since_s is not None:
                    statement += (
                        f" AND received_at >= to_timestamp({since_s})"
                        f" AND NOT starts_with(writer, '{IMPORT_PREFIX}')"
                    )
                found = cursor.sql(statement).to_arrow_reader(1_000_000)
                for batch in found:
                    seen.remember(batch["hash"].to_numpy(), batch["arrived"].to_numpy())

    def sizes(self, reader: SiteReader, persons: Iterable[int]) -> dict[int, int]:
        """Count the rows that some persons have."""
        sizes: dict[int, int] = {}
        snapshot = self._readable(reader)
        asked = list(persons)
        for part in snapshot.slices:
            with self._engine.relations(snapshot, part) as cursor:
                # Written out, so that sorted files are read only where these persons can be.
                found = cursor.sql(
                    "SELECT person, count(*) FROM all_events"
                    f" WHERE person IN ({', '.join(map(str, asked))}) GROUP BY person"
                )
                for person, count in found.fetchall():
                    sizes[person] = sizes.get(person, 0) + count
        return sizes

    def who_is_who(self, reader: SiteReader) -> tuple[pa.Table, pa.Table]:
        """Give which users and visitors each person was, and who moved since."""
        snapshot = self._readable(reader)
        tables = []
        for part in snapshot.slices:
            with self._engine.relations(snapshot, part) as cursor:
                tables.append(cursor.sql(_WHO_IS_WHO).to_arrow_table())
        return pa.concat_tables(tables), snapshot.moves

    def _readable(self, reader: SiteReader) -> Snapshot:
        """Leave out files that are not what was written, or gone; say so once of each."""
        snapshot = reader.snapshot()
        sound = []
        for file in snapshot.position.files:
            key = (snapshot.site, file.path)
            try:
                with snapshot.store.local([file]) as (path,):
                    if path.exists():
                        sound.append(file)
                        self._unreadable.discard(key)
                        continue
            except (DamagedFile, FileGone):
                pass
            if key not in self._unreadable:
                self._unreadable.add(key)
                log.error("%s: %s cannot be read; restore it from a backup", *key)
        return snapshot.of_files(tuple(sound))
