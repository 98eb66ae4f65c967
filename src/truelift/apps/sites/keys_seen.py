"""When each key last brought an event: a question of the lake, for the list of keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from truelift.questions.question import Scan


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class KeysSeen:
    """Ask when each key of a site was last used.

    Attributes:
        since: Looks no further back, so that the page stays fast on a large site.
    """

    since: datetime

    @property
    def name(self) -> str:
        """How the question is called in logs."""
        return "keys_seen"

    def scan(self) -> Scan:
        """Read the last arrival per key, events that were kept apart included."""
        return Scan(
            sql="""
            SELECT key_id, max(epoch_ms(received_at)) AS last_ms
            FROM all_events
            WHERE key_id IS NOT NULL AND received_at >= $since
            GROUP BY key_id
            ORDER BY key_id
            """,
            parameters={"since": self.since},
            since=self.since - timedelta(days=2),  # files are pruned by when events happened
        )

    def partial(self, rows: pa.Table) -> Mapping[str, datetime]:
        """Take one bucket's keys."""
        return {
            row["key_id"]: _EPOCH + timedelta(milliseconds=row["last_ms"])
            for row in rows.to_pylist()
        }

    def merge(
        self, left: Mapping[str, datetime], right: Mapping[str, datetime]
    ) -> Mapping[str, datetime]:
        """Keep the later arrival of each key."""
        return {
            key: max(each[key] for each in (left, right) if key in each)
            for key in sorted({*left, *right})
        }

    def answer(self, partial: Mapping[str, datetime]) -> Mapping[str, datetime]:
        """Give them as they are."""
        return partial
