"""Keeps the sequence indexes of all sites up to date, beside the loader."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import Final

from truelift.errors import Outage
from truelift.lake.home import SITE_NAME, Home
from truelift.lake.sequence_index import build_index, folder_of, open_index, stale
from truelift.lake.tables import SiteTable


_IDLE_S: Final = 5.0

log: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Indexing:
    """Builds what questions are quicker with; the one builder of a home.

    What it knows is on disk. A lake that changes while it is read makes the index of
    the version that was seen, which is not used where it no longer fits.
    """

    home: Home
    _tables: dict[str, SiteTable] = field(default_factory=dict)

    def step(self) -> bool:
        """Build one index that is missing or lacks much; say whether there was one."""
        for site in self._sites():
            table = self._tables.setdefault(site, SiteTable(self.home.events_table(site)))
            state = table.current()
            if state is None:
                continue
            for bucket in range(state.buckets):
                was = open_index(folder_of(self.home, site, bucket))
                if stale(state, was, bucket):
                    build_index(self.home, site, table.path, state, bucket, was=was)
                    log.info("indexed bucket %d of %s", bucket, site)
                    return True
        return False

    def run(self, stop: threading.Event) -> None:
        """Build until told to stop; rest where there is nothing to do."""
        while not stop.is_set():
            try:
                busy = self.step()
            except (Outage, OSError):
                # A file that compaction has just removed; the next look sees the new ones.
                log.exception("indexing rests after a failure")
                busy = False
            if not busy:
                stop.wait(_IDLE_S)

    def _sites(self) -> list[str]:
        if not self.home.lake.is_dir():
            return []
        return sorted(path.name for path in self.home.lake.iterdir() if SITE_NAME.match(path.name))
